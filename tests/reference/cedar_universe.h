/* SPDX-License-Identifier: Apache-2.0 */
/* cedar_universe: the small universe that random texts and data are both about: its types and
 * attributes, and what kind of value each is given. Knows neither. Private to
 * reference/cedar_random*.c. */
#pragma once

#include <stdbool.h>

#include "reference/cedar_random.h"

enum want {
    WANT_BOOL,
    WANT_LONG,
    WANT_STRING,
    WANT_ENTITY,
    WANT_SET,
    WANT_RECORD,
    WANT_EXT,
    WANT_COUNT
};

#define RANDOM_TYPES 4u
#define ATTRIBUTES   10u /* without the absent one, which is the last */
#define PER_TYPE     6u  /* entities that the world may have, "0" on */

extern const char *const random_types[RANDOM_TYPES];
extern const char *const random_attributes[ATTRIBUTES + 1];
/* What the world gives each of them, mostly. */
extern const enum want random_attribute_kinds[ATTRIBUTES];

bool random_chance(struct random *random, uint32_t percent);
