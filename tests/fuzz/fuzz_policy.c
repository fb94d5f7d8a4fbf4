/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as policies: no crash, every place inside the text, and twice the same answer. */
#include <stdint.h>
#include <stdlib.h>

#include "cedar/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* INVARIANT: depth is bounded by the parser, so this may recurse. */
static void check_expr(const struct rune_cedar_expr *expr, size_t size)
{
    require((size_t)expr->span.offset + expr->span.length <= size);
    require(expr->depth <= RUNE_CEDAR_MAX_DEPTH);
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        require(expr->args[i]->depth < expr->depth);
        check_expr(expr->args[i], size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rune_source source = {"fuzz.cedar", (const char *)data, (uint32_t)size};
    struct rune_arena arena;
    struct rune_cedar_policies policies;
    struct rune_diag *diag = rune_diag_create();
    rune_arena_init(&arena, (size_t)256 << 20);
    enum rune_err err = rune_cedar_parse(&source, &arena, &policies, diag);
    if (err == RUNE_OK) {
        require(rune_diag_count(diag, RUNE_ERROR) == 0);
        for (uint32_t i = 0; i < policies.count; i++) {
            require((size_t)policies.items[i].span.offset + policies.items[i].span.length <= size);
            for (uint32_t k = 0; k < policies.items[i].condition_count; k++) {
                check_expr(policies.items[i].conditions[k].body, size);
            }
        }
    } else if (err != RUNE_E_NOMEM) {
        require(rune_diag_count(diag, RUNE_ERROR) > 0);
    }
    struct rune_arena again;
    rune_arena_init(&again, (size_t)256 << 20);
    require(rune_cedar_parse(&source, &again, &policies, NULL) == err);
    rune_arena_fini(&again);
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
    return 0;
}
