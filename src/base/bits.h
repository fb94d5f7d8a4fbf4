/* SPDX-License-Identifier: Apache-2.0 */
/* bits: counting them in place. What the compiler makes of __builtin_popcount is a call, where it
 * may not use the instruction, which not every x86-64 has. Used by: eval. */
#pragma once

#include <stdint.h>

static inline uint32_t rune_bits_count(uint32_t bits)
{
    bits -= bits >> 1 & 0x55555555u;
    bits = (bits & 0x33333333u) + (bits >> 2 & 0x33333333u);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0fu;
    return bits * 0x01010101u >> 24;
}
