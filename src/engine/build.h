/* SPDX-License-Identifier: Apache-2.0 */
/* build: the engine's half of rune/build.h: the pipeline from a bundle to an image. Process:
 * builder, CLI, tests. */
#pragma once

#include "rune/build.h"
