/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a policy set in JSON: what is read is printed, and what is printed is read. */
#include <stdint.h>
#include <stdlib.h>

#include "cedar/est.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rune_source source = {"fuzz.json", (const char *)data, (uint32_t)size};
    struct rune_cedar_policies policies;
    struct rune_arena arena;
    rune_arena_init(&arena, (size_t)256 << 20);
    if (rune_est_parse(&source, &arena, &policies, NULL) == RUNE_OK) {
        struct rune_buf json = RUNE_BUF_INIT;
        if (rune_est_print(&policies, &json) != RUNE_OK) {
            abort();
        }
        struct rune_source printed = {"printed.json", json.data, (uint32_t)json.length};
        enum rune_err err = rune_est_parse(&printed, &arena, &policies, NULL);
        /* LIMIT: a value that was an array or object takes more levels as an expression. */
        if (err != RUNE_OK && err != RUNE_E_LIMIT && err != RUNE_E_NOMEM) {
            abort();
        }
        rune_buf_fini(&json);
    }
    rune_arena_fini(&arena);
    return 0;
}
