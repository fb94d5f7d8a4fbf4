/* SPDX-License-Identifier: Apache-2.0 */
/* decider_bundle: a bundle that decides by policies and by rules, and requests of every kind about
 * it: plain, with context, properties and entities, wrong and broken. Used by: tests of deciders.
 */
#pragma once

#include "unit/engine/fixture.h"

enum { DECIDER_FILES = 4, DECIDER_BODIES = 11 };

extern const struct fixture_file decider_files[DECIDER_FILES];
extern const char *const decider_bodies[DECIDER_BODIES];
