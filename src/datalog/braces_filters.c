/* SPDX-License-Identifier: Apache-2.0 */
/* braces_filters: alternatives in an aggregate's braces that bind nothing only test. */
#include "datalog/braces_int.h"

/* A group that no atom of the braces binds makes it worth while: the relation would need others. */
static void ask_worth(struct rune_dl_naming *naming, uint32_t variable)
{
    naming->is_worth = naming->is_worth || (rune_dl_is_group(naming, variable) &&
                                            !rune_dl_atoms_bind(naming->braces, variable));
}

static void ask_known(struct rune_dl_naming *naming, uint32_t variable)
{
    naming->is_ready = naming->is_ready && (rune_dl_is_group(naming, variable) ||
                                            rune_dl_atoms_bind(naming->braces, variable));
}

/* Is all known that a body has, so that it only tests? */
static void ask_tests(struct rune_dl_naming *naming, const struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count && naming->is_ready; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        bool has_braces = literal->kind == RUNE_DL_AGGREGATE;
        for (uint32_t k = 0; k < (has_braces ? 1 : literal->arg_count); k++) {
            if (literal->args[k].kind != RUNE_DL_WILDCARD || rune_dl_is_positive_atom(literal)) {
                rune_dl_each_in_expr(naming, &literal->args[k], ask_known);
            }
        }
        for (uint32_t k = 0; literal->kind == RUNE_DL_DISJUNCTION && k < literal->body_count; k++) {
            ask_tests(naming, &literal->bodies[k]); /* depth: counted by the parser */
        }
    }
}

/* `0 = count { body }`: there is none. */
static bool make_none(struct rune_dl_naming *naming, const struct rune_dl_body *body,
                      struct rune_span span, struct rune_dl_literal *ret)
{
    struct rune_arena *arena = naming->checker->arena;
    *ret = (struct rune_dl_literal){.kind = RUNE_DL_AGGREGATE,
                                    .aggregate = RUNE_DL_COUNT,
                                    .span = span,
                                    .arg_count = 1,
                                    .body_count = 1};
    ret->args = RUNE_ARENA_NEW(arena, struct rune_dl_expr);
    ret->bodies = rune_arena_memdup(arena, body, sizeof(*body));
    if (ret->args == NULL || ret->bodies == NULL) {
        naming->checker->nomem = true;
        return false;
    }
    ret->args[0] = (struct rune_dl_expr){
        .kind = RUNE_DL_LONG, .depth = 1, .place = {span.offset, span.length}};
    return true;
}

/* The alternatives become a test that not all of them fail. */
static void make_test(struct rune_dl_naming *naming, struct rune_dl_literal *alternatives)
{
    struct rune_span span = alternatives->span;
    struct rune_dl_body all = {NULL, alternatives->body_count};
    all.literals = RUNE_ARENA_ARRAY(naming->checker->arena, struct rune_dl_literal, all.count);
    bool ok = all.literals != NULL;
    for (uint32_t i = 0; i < all.count && ok; i++) {
        ok = make_none(naming, &alternatives->bodies[i], span, &all.literals[i]);
    }
    naming->checker->nomem = naming->checker->nomem || !ok;
    if (ok) {
        (void)make_none(naming, &all, span, alternatives);
    }
}

void rune_dl_braces_make_tests(struct rune_dl_naming *naming, struct rune_dl_body *braces)
{
    struct rune_dl_literal none = {.kind = RUNE_DL_DISJUNCTION};
    naming->braces = braces;
    naming->is_worth = false;
    rune_dl_each_in_body(naming, braces, ask_worth);
    for (uint32_t i = 0; i < braces->count && naming->is_worth; i++) {
        struct rune_dl_literal literal = braces->literals[i];
        if (literal.kind != RUNE_DL_DISJUNCTION) {
            continue;
        }
        naming->is_ready = true;
        braces->literals[i] = none; /* what is known without it */
        for (uint32_t k = 0; k < literal.body_count; k++) {
            ask_tests(naming, &literal.bodies[k]);
        }
        braces->literals[i] = literal;
        if (naming->is_ready) {
            make_test(naming, &braces->literals[i]);
        }
    }
}
