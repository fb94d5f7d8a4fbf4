/* SPDX-License-Identifier: Apache-2.0 */
/* layout: what lies beside what in a program. A decision runs cold behind each system call and
 * shares the instruction cache with an HTTP library, so that each line of code counts that is there
 * for others only. Used by: the rooms of the decision path. */
#pragma once

/* What fails or refuses: branches to it are laid out apart as well. */
#define RUNE_COLD __attribute__((cold))

/* What many requests do without: a call, instead of a copy in the midst of what all need. */
#define RUNE_APART __attribute__((noinline))

/* In its callers, however many: what each turn of a loop goes through. */
#define RUNE_IN_PLACE __attribute__((always_inline)) inline
