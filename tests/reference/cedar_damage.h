/* SPDX-License-Identifier: Apache-2.0 */
/* cedar_damage: the sections of a small store, damaged word by word, verified, and evaluated if the
 * verifier accepts them. Each section is a heap block of its exact size, so that AddressSanitizer
 * sees the first access out of bounds. For the verifier's test and its fuzz target. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words of one damage. */
struct cedar_damage {
    uint8_t section;
    uint8_t how;
    uint16_t place;
    uint32_t value;
};

/* True if the damaged store was accepted (then it has decided some requests). */
bool cedar_damage_try(const struct cedar_damage *damages, size_t count);
