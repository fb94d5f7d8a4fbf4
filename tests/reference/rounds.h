/* SPDX-License-Identifier: Apache-2.0 */
/* rounds: how long a random test runs, and with which seeds, is the environment's to say:
 * RUNE_TEST_SEED, RUNE_TEST_ROUNDS. */
#pragma once

#include <stdint.h>
#include <stdlib.h>

static inline uint64_t rounds_number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}
