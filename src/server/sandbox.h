/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox: what the one-shot children may no longer do once they have begun.
 *
 * Process: builder, verifier. Knows: seccomp, rlimits, namespaces. */
#pragma once

#include <stdint.h>

#include "rune/err.h"

/* Builder: at most this much memory and this large a file, no core dump, first to go when memory
 * runs out, and no network (its own empty network namespace where that is permitted, and no new
 * sockets in any case). */
RUNE_MUST_USE enum rune_err rune_sandbox_builder(uint64_t max_memory_bytes,
                                                 uint64_t max_file_bytes);

/* Verifier: reads the memory it was given, and answers; opens nothing, starts threads but no
 * process, connects nowhere. */
RUNE_MUST_USE enum rune_err rune_sandbox_verifier(void);
