/* SPDX-License-Identifier: Apache-2.0 */
/* decider: one thread's memory for deciding; the functions are those of rune/decide.h.
 *
 * Owns: request arena, request dictionary, answer buffer. Used by: http, cli, bench, query. */
#pragma once

#include "base/str.h"
#include "rune/decide.h"
