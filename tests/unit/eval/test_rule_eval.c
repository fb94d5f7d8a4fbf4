/* SPDX-License-Identifier: Apache-2.0 */
/* rule_eval, rule_verify, rule_vm: decisions by rules, what errors and limits do to them, and
 * damaged programs: what the verifier accepts must run within bounds (sanitizers look on). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitized.h"
#include "eval/relation.h"
#include "eval/rule_code.h"
#include "reference/datalog_run.h"
#include "unit/cmocka.h"

#define WORLD                                                                                   \
    "member(User::\"a\", Group::\"g\"). member(User::\"b\", Group::\"h\"). up(Group::\"g\", "   \
    "Group::\"h\").\n"                                                                          \
    "up(Group::\"h\", Group::\"g\"). grant(Group::\"h\", Doc::\"d\"). suspended(User::\"b\"). " \
    "n(0). n(3).\n"

struct world {
    struct datalog_run run;
    struct rune_request request;
};

static rune_term entity(struct rune_dict *dict, const char *type, const char *id)
{
    rune_term type_term, id_term, term;
    assert_int_equal(rune_dict_string(dict, (struct rune_str){type, strlen(type)}, &type_term),
                     RUNE_OK);
    assert_int_equal(rune_dict_string(dict, (struct rune_str){id, strlen(id)}, &id_term), RUNE_OK);
    assert_int_equal(rune_dict_entity(dict, type_term, id_term, &term), RUNE_OK);
    return term;
}

static void open_world(struct world *world, const char *program)
{
    struct rune_str text = {program, strlen(program)};
    enum rune_err err = datalog_run_open(&world->run, text, RUNE_DL_BUNDLE, NULL, 0);
    if (err == RUNE_OK) {
        err = datalog_run_evaluate(&world->run, RUNE_DL_STORE_WHAT_PAYS);
    }
    if (err != RUNE_OK) {
        fail_msg("%s\n%s", rune_err_text(err), rune_diag_text(world->run.diag));
    }
}

static enum rune_err decide(struct world *world, const char *principal, const char *resource,
                            uint64_t steps, struct rune_rule_outcome *outcome)
{
    rune_dict_reset(world->run.values, &world->run.store.terms);
    rune_arena_reset(&world->run.request);
    struct rune_dict *values = world->run.values;
    world->request = (struct rune_request){
        .principal = entity(values, "User", principal),
        .action = entity(values, "Action", "view"),
        .resource = entity(values, "Doc", resource),
        .values = values,
    };
    assert_int_equal(rune_dict_record(values, NULL, NULL, 0, &world->request.context), RUNE_OK);
    world->request.terms = rune_dict_terms(values);
    struct rune_eval eval = {.store = &world->run.store,
                             .request = &world->request,
                             .values = values,
                             .arena = &world->run.request,
                             .steps_left = steps};
    return rune_rules_decide(&eval, outcome);
}

/* ---- decisions ---- */

static void test_decide__permits_forbids_and_their_errors(void **state)
{
    (void)state;
    static const struct {
        const char *name, *rules, *principal;
        uint32_t permits, forbids, errors;
    } cases[] = {
        {"by stored recursion",
         "in_group(U, G) :- member(U, G). in_group(U, H) :- in_group(U, G), up(G, H).\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), in_group(U, G), grant(G, R).",
         "a", 1, 0, 0},
        {"unknown principal",
         "permit(U, A, R) :- principal(U), action(A), resource(R), member(U, G), grant(G, R).",
         "nobody", 0, 0, 0},
        {"negation", "permit(U, A, R) :- principal(U), action(A), resource(R), not suspended(U).",
         "b", 0, 0, 0},
        {"negation of the unknown",
         "permit(U, A, R) :- principal(U), action(A), resource(R), not suspended(U).", "nobody", 1,
         0, 0},
        {"forbid beside permit",
         "permit(U, A, R) :- principal(U), action(A), resource(R). forbid(U, A, R) :- "
         "principal(U), action(A), "
         "resource(R), suspended(U).",
         "b", 1, 1, 0},
        {"recursion on the request",
         "mine(G) :- principal(U), member(U, G). mine(H) :- mine(G), up(G, H).\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), mine(G), grant(G, R).",
         "a", 1, 0, 0},
        {"an error is no match",
         "permit(U, A, R) :- principal(U), action(A), resource(R), n(X), 6 / X > 7.", "a", 0, 0, 1},
        {"another instance matches",
         "permit(U, A, R) :- principal(U), action(A), resource(R), n(X), 6 / X > 1.", "a", 1, 0, 0},
        {"not over a failed derivation",
         "bad(X) :- n(X), 6 / X > 1, principal(_).\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), not bad(0).",
         "a", 0, 0, 1},
        {"not over a partial stored relation",
         "inverse(X, Y) :- n(X), Y = 6 / X.\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), not inverse(0, 1).",
         "a", 0, 0, 1},
        {"aggregate over a partial one",
         "inverse(X, Y) :- n(X), Y = 6 / X.\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), N = count { inverse(_, _) }, N "
         "< 2.",
         "a", 0, 0, 1},
        {"a relation that rests on one",
         "inverse(X, Y) :- n(X), Y = 6 / X. fine(X) :- n(X), not inverse(X, 1).\n"
         "permit(U, A, R) :- principal(U), action(A), resource(R), fine(0).",
         "a", 0, 0, 1},
        {"branches are one rule",
         "permit(U, A, R) :- principal(U), action(A), resource(R), (suspended(U) ; member(U, _)).",
         "b", 1, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char program[2048];
        snprintf(program, sizeof(program), "%s%s\n", WORLD, cases[i].rules);
        struct world world;
        struct rune_rule_outcome outcome;
        open_world(&world, program);
        assert_int_equal(decide(&world, cases[i].principal, "d", 100000, &outcome), RUNE_OK);
        if (outcome.permit_count != cases[i].permits || outcome.forbid_count != cases[i].forbids ||
            outcome.error_count != cases[i].errors) {
            fail_msg("%s: %u permits, %u forbids, %u errors", cases[i].name, outcome.permit_count,
                     outcome.forbid_count, outcome.error_count);
        }
        datalog_run_close(&world.run);
    }
}

static void test_decide__steps_are_limited(void **state)
{
    (void)state;
    struct world world;
    struct rune_rule_outcome outcome;
    open_world(&world, WORLD "permit(U, A, R) :- principal(U), action(A), resource(R), n(X), n(Y), "
                             "n(Z), X + Y + Z > 99.\n");
    assert_int_equal(decide(&world, "a", "d", 100000, &outcome), RUNE_OK);
    for (uint64_t steps = 0; steps < 12; steps++) {
        assert_int_equal(decide(&world, "a", "d", steps, &outcome), RUNE_E_LIMIT);
        assert_int_equal(outcome.permit_count, 0);
    }
    datalog_run_close(&world.run);
}

/* A glob may go back and forth over a text: that is paid for. */
static void test_decide__matching_is_limited(void **state)
{
    (void)state;
    char program[8192], text[2001], glob[1001];
    struct world world;
    struct rune_rule_outcome outcome;
    memset(text, 'a', sizeof(text) - 1);
    memset(glob, 'a', sizeof(glob) - 1);
    text[sizeof(text) - 1] = glob[sizeof(glob) - 1] = '\0';
    snprintf(program, sizeof(program),
             WORLD "text(\"%s\"). glob(\"*%sb*\").\n"
                   "permit(U, A, R) :- principal(U), action(A), resource(R), text(T), glob(G), "
                   "T.matches(G).\n",
             text, glob);
    open_world(&world, program);
    assert_int_equal(decide(&world, "a", "d", 10000, &outcome), RUNE_E_LIMIT);
    assert_int_equal(outcome.permit_count, 0);
    assert_int_equal(decide(&world, "a", "d", 1000000, &outcome), RUNE_OK);
    assert_int_equal(outcome.permit_count, 0);
    datalog_run_close(&world.run);
}

/* ---- damaged images ---- */

static bool count_tuple(void *context, const rune_term *tuple, uint32_t arity)
{
    uint32_t *sum = context;
    for (uint32_t i = 0; i < arity; i++) {
        *sum += tuple[i];
    }
    return true;
}

/* Everything that can be asked of what was accepted. */
static void ask_everything(struct world *world)
{
    struct rune_rule_outcome outcome;
    uint32_t sum = 0;
    uint64_t count;
    (void)!decide(world, "a", "d", 3000, &outcome);
    for (uint32_t r = 0; r < world->run.store.relation_count; r++) {
        rune_term bound[64] = {0};
        uint32_t same[64];
        for (uint32_t i = 0; i < 64; i++) {
            same[i] = i;
        }
        for (int first = 0; first < 2; first++) {
            bound[0] = first == 0 ? RUNE_TERM_NONE : rune_term_from_inline(3);
            rune_dict_reset(world->run.values, &world->run.store.terms);
            rune_arena_reset(&world->run.request);
            struct rune_eval eval = {.store = &world->run.store,
                                     .values = world->run.values,
                                     .arena = &world->run.request,
                                     .steps_left = 2000};
            (void)!rune_rules_query(&eval, r, bound, same, count_tuple, &sum);
            rune_arena_reset(&world->run.request);
            eval.steps_left = 2000;
            (void)!rune_rules_count(&eval, r, bound, same, &count);
        }
    }
}

static void test_damage__is_refused_or_harmless(void **state)
{
    (void)state;
    static const char program[] = WORLD
        "in_group(U, G) :- member(U, G). in_group(U, H) :- in_group(U, G), up(G, H).\n"
        "mine(G) :- principal(U), member(U, G). mine(H) :- mine(G), up(G, H).\n"
        "sums(S) :- S = sum { X + 1 : n(X) }, principal(_). text(T) :- principal(P), entity.id(P, "
        "_, I), T = concat(I, \"x\").\n"
        "permit(U, A, R) :- principal(U), action(A), resource(R), mine(G), grant(G, R), not "
        "suspended(U), sums(S), S > 1.\n"
        "permit(U, A, R) :- principal(U), action(A), resource(R), U is User, U in [Group::\"g\", "
        "U], text(T), "
        "T.starts_with(\"a\"), A != R, count2(_, N), N < 9.\n"
        "count2(X, N) :- n(X), N = count { member(_, _) }, principal(_).\n"
        "held(U, G, R) :- member(U, G), grant(G, R). two(U, R) :- held(U, _, R), not "
        "suspended(U).\n"
        "forbid(U, A, R) :- principal(U), action(A), resource(R), context(\"k\", V), V > 3.\n";
    struct world world;
    open_world(&world, program);
    const struct {
        void *bytes;
        size_t size;
    } parts[] = {
        {world.run.result.code.items, world.run.result.code.count * 4},
        {world.run.result.code.items, world.run.result.code.count * 4},
        {world.run.result.plans.items,
         world.run.result.plans.count * sizeof(struct rune_image_plan)},
        {world.run.result.orders.items,
         world.run.result.orders.count * sizeof(struct rune_image_order)},
        {world.run.result.relations.items,
         world.run.result.relations.count * sizeof(struct rune_image_relation)},
        {world.run.result.rules.items,
         world.run.result.rules.count * sizeof(struct rune_image_rule)},
        {world.run.result.tuples, world.run.result.tuple_bytes},
    };
    uint64_t rng = 42;
    uint32_t accepted = 0;
    /* Each asks everything; a sanitizer makes much of the room that a query's programs get. */
    const uint32_t rounds = RUNE_SANITIZED ? 2500 : 20000;
    for (uint32_t round = 0; round < rounds; round++) {
        rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t part = (rng >> 33) % (sizeof(parts) / sizeof(parts[0]));
        size_t word = (rng >> 40) % (parts[part].size / 4);
        uint32_t *at = (uint32_t *)parts[part].bytes + word, was = *at;
        static const uint32_t values[] = {0,  1,           2,           3,           5,        8,
                                          17, 0xffffffffu, 0x80000000u, 0x40000000u, 1u << 28, 64};
        uint32_t pick = (uint32_t)(rng >> 24) % 16;
        *at = pick < 12    ? values[pick]
              : pick == 12 ? was + 1
              : pick == 13 ? was - 1
                           : was ^ (1u << ((rng >> 50) & 31));
        if (rune_rules_verify(&world.run.store, NULL) == RUNE_OK) {
            accepted++;
            ask_everything(&world);
        }
        *at = was;
    }
    print_message("%u of %u accepted\n", accepted, rounds);
    assert_true(accepted > rounds / 200 && accepted < rounds / 4 * 3);
    assert_int_equal(rune_rules_verify(&world.run.store, NULL), RUNE_OK);
    datalog_run_close(&world.run);
}

/* What the verifier finds out about columns many cells at a time, cell by cell. */
static bool are_cells_right(const struct rune_store *store, const struct rune_image_order *order,
                            uint32_t tuples)
{
    struct rune_order_arrays arrays = rune_order_arrays(order, (uintptr_t)store->tuples);
    for (uint32_t k = 0; k < order->key_count; k++) {
        for (uint32_t i = arrays.starts[k]; i < arrays.starts[k + 1]; i++) {
            rune_term term = arrays.columns[i];
            bool is_term = rune_term_is_inline(term) || term <= RUNE_TERM_TRUE ||
                           (rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, 0) <= term &&
                            term < rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY,
                                                  store->terms.entity_count));
            if (i >= tuples || !is_term ||
                (i > arrays.starts[k] && term <= arrays.columns[i - 1])) {
                return false;
            }
        }
    }
    return true;
}

static void test_verify__refuses_cells_that_are_not_sorted_or_no_terms(void **state)
{
    (void)state;
    enum { FACTS = 1500 };
    char *text = malloc(64 * FACTS);
    assert_non_null(text);
    size_t length = 0;
    for (int i = 0; i < FACTS; i++) {
        length +=
            (size_t)sprintf(text + length, i % 5 != 0 ? "f(%d, %d).\n" : "f(%d, E::\"%d\").\n",
                            i * i % 211, 7 * i % 1009);
    }
    (void)sprintf(text + length,
                  "permit(U, A, R) :- principal(U), action(A), resource(R), f(U, R).");
    struct world world;
    open_world(&world, text);
    free(text);
    const struct rune_store *store = &world.run.store;
    uint32_t f = rune_rules_find_relation(store, RUNE_STR("f"));
    const struct rune_image_order *order = &store->orders[store->relations[f].first_order];
    uint32_t tuples = (uint32_t)store->relations[f].tuple_count, right = 0;
    uint32_t *cells =
        (uint32_t *)(uintptr_t)rune_order_arrays(order, (uintptr_t)store->tuples).columns;
    uint64_t rng = 7;
    /* Each asks everything; a sanitizer makes much of the room that a query's programs get. */
    const uint32_t rounds = RUNE_SANITIZED ? 2500 : 20000;
    for (uint32_t round = 0; round < rounds; round++) {
        rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint32_t *cell = cells + (rng >> 33) % tuples, was = *cell;
        switch (rng >> 20 & 3) {
        case 0:
            *cell += (uint32_t)(rng >> 50) % 9 - 4;
            break;
        case 1:
            *cell = cells[(rng >> 44) % tuples];
            break;
        case 2:
            *cell ^= 1u << (rng >> 50 & 31);
            break;
        default:
            *cell = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY,
                                   (uint32_t)(rng >> 50) % (store->terms.entity_count + 9));
        }
        bool want = are_cells_right(store, order, tuples);
        assert_int_equal(rune_rules_verify(store, NULL) == RUNE_OK, want);
        right += want;
        *cell = was;
    }
    assert_true(right > 500 && right < 19500);
    datalog_run_close(&world.run);
}

/* Searches believe an order that says where its rows are. */
static void test_verify__refuses_rows_said_to_be_elsewhere(void **state)
{
    (void)state;
    struct world world;
    open_world(&world,
               WORLD "permit(U, A, R) :- principal(U), action(A), resource(R), grant(U, R).\n");
    for (size_t i = 0; i < world.run.result.orders.count; i++) {
        struct rune_image_order *order = &world.run.result.orders.items[i], was = *order;
        if (order->form >= RUNE_ORDER_UNIT) {
            continue;
        }
        assert_int_equal(rune_rules_verify(&world.run.store, NULL), RUNE_OK);
        order->starts += 4;
        assert_int_not_equal(rune_rules_verify(&world.run.store, NULL), RUNE_OK);
        *order = was;
        order->tuples++;
        assert_int_not_equal(rune_rules_verify(&world.run.store, NULL), RUNE_OK);
        *order = was;
    }
    datalog_run_close(&world.run);
}

/* An instruction that reads its own result would read what the memory held before. */
static void test_verify__refuses_reading_what_is_not_written(void **state)
{
    (void)state;
    struct world world;
    open_world(&world, WORLD
               "permit(U, A, R) :- principal(U), action(A), resource(R), n(X), X + 1 > 99.\n");
    uint32_t *code = world.run.result.code.items;
    uint32_t found = 0;
    for (size_t i = 0; i + 5 < world.run.result.code.count; i++) {
        if (code[i] == RUNE_RULE_ARITH && code[i + 1] == RUNE_RULE_ADD &&
            code[i + 2] != code[i + 3]) {
            uint32_t was = code[i + 3];
            assert_int_equal(rune_rules_verify(&world.run.store, NULL), RUNE_OK);
            code[i + 3] = code[i + 2];
            assert_int_not_equal(rune_rules_verify(&world.run.store, NULL), RUNE_OK);
            code[i + 3] = was;
            found++;
        }
    }
    assert_int_equal(found, 1);
    datalog_run_close(&world.run);
}

/* ---- counting ---- */

static bool add_one(void *context, const rune_term *tuple, uint32_t arity)
{
    (void)tuple;
    (void)arity;
    (*(uint64_t *)context)++;
    return true;
}

/* What is counted, which is as many as are visited. */
static uint64_t count_both_ways(struct world *world, const char *name)
{
    struct rune_eval eval = {
        .store = &world->run.store,
        .values = world->run.values,
        .arena = &world->run.request,
        .steps_left = UINT64_MAX,
    };
    rune_term bound[4] = {RUNE_TERM_NONE, RUNE_TERM_NONE, RUNE_TERM_NONE, RUNE_TERM_NONE};
    uint32_t same[4] = {0, 1, 2, 3};
    uint32_t relation = rune_rules_find_relation(eval.store, (struct rune_str){name, strlen(name)});
    uint64_t count = 0, visited = 0;
    assert_int_not_equal(relation, UINT32_MAX);
    rune_arena_reset(eval.arena);
    assert_int_equal(rune_rules_count(&eval, relation, bound, same, &count), RUNE_OK);
    rune_arena_reset(eval.arena);
    assert_int_equal(rune_rules_query(&eval, relation, bound, same, add_one, &visited), RUNE_OK);
    if (count != visited) {
        fail_msg("%s: %u counted, %u visited", name, (unsigned)count, (unsigned)visited);
    }
    return count;
}

/* Demanded relations, counted without tables where that is possible and with them where not, give
 * what a visit of each tuple gives. */
static void test_count__is_what_a_query_visits(void **state)
{
    (void)state;
    static char program[65536];
    int at = snprintf(program, sizeof(program),
                      "holds(U, X, R) :- of(U, G), has(G, X, R).\n"
                      "can(U, X, A) :- holds(U, X, R), does(R, A).\n"
                      "can(U, X, A) :- own(U, X), does(_, A).\n"
                      "may(U, X, A) :- holds(U, X, R), all(R, A).\n"
                      "sees(U, X) :- holds(U, X, _).\n"
                      "sees(U, X) :- of(U, _), own(_, X).\n"
                      "four(U, X, R, A) :- holds(U, X, R), does(R, A).\n"
                      "own(3, 100). own(4, 109).\n");
    for (int i = 0; i < 40; i++) {
        at += snprintf(program + at, sizeof(program) - (size_t)at, "of(%d, %d). of(%d, %d).\n", i,
                       200 + i % 4, i, 201 + i % 4);
    }
    for (int i = 0; i < 30; i++) {
        at += snprintf(program + at, sizeof(program) - (size_t)at, "has(%d, %d, %d).\n",
                       200 + i % 5, 100 + i % 10, 300 + i % 3);
    }
    for (int i = 0; i < 12; i++) {
        at += snprintf(program + at, sizeof(program) - (size_t)at, "does(%d, %d).\n", 300 + i % 4,
                       400 + i % 6);
    }
    for (int i = 0; i < 200; i++) { /* more than a mask has bits */
        at += snprintf(program + at, sizeof(program) - (size_t)at, "all(%d, %d).\n", 300 + i % 3,
                       500 + i);
    }
    struct world world;
    enum rune_err err = datalog_run_open(&world.run, (struct rune_str){program, (size_t)at},
                                         RUNE_DL_BUNDLE, NULL, 0);
    assert_int_equal(err, RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_BASE), RUNE_OK);
    static const struct {
        const char *name;
        uint64_t count;
    } cases[] = {
        {"holds", 480}, {"can", 972}, {"may", 32000}, {"sees", 220}, {"four", 1440},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(count_both_ways(&world, cases[i].name), cases[i].count);
    }
    datalog_run_close(&world.run);
}

/* Every shape of plan that pipes know, and some that they must leave to the machine. */
static void test_count__of_pipes_is_what_a_query_visits(void **state)
{
    (void)state;
    static const char rules[] =
        "two(X, Z) :- e(X, Y), f(Y, Z).\n"
        "either(X, Z) :- two(X, Z).\neither(X, Z) :- e(X, Z), not f(X, Z).\n"
        "on(X, Z) :- either(X, Y), e(Y, Z).\n"
        "loop(X, Z) :- e(X, Y), f(Y, Z), X = Z.\n"
        "other(X, Z) :- e(X, Y), f(Y, Z), X != Z, not two(Z, X).\n"
        "leads(X, Y) :- e(X, Y), f(Y, _).\n"
        "some(X, Y) :- e(X, Y), f(Y, Z), g(Z, _, _).\n"
        "reach(X, Y) :- e(X, Y).\nreach(X, Z) :- reach(X, Y), e(Y, Z).\n"
        "ends(X, K, Z) :- e(X, Y), g(Y, K, _), reach(Y, Z).\n"
        "kinds(X, Y, K) :- two(X, Y), g(Y, K, _).\n"
        "three(X, K, Z) :- e(X, Y), g(Y, K, Z).\n"
        "fixed(X, 7, Z) :- two(X, Z), g(X, _, _).\n"
        "twice(X, Y, Y) :- e(X, Y), two(Y, _).\n"
        "wide(X, Y, Z) :- e(X, _), e(Y, Z).\n"
        "sums(X, S) :- e(X, Y), f(Y, Z), S = Y + Z.\n"
        "deep(X, Z) :- on(X, Y), either(Y, W), two(W, Z).\n"
        "under(X, Y, K) :- on(X, Y), kinds(X, Y, K), not leads(Y, X), e(X, Y).\n";
    static const char *const names[] = {"two",   "either", "on",   "loop",  "other", "leads",
                                        "some",  "reach",  "ends", "kinds", "three", "fixed",
                                        "twice", "wide",   "sums", "deep",  "under"};
    enum { NODES = 90, TUPLES = 400 };
    char *program = malloc(sizeof(rules) + 3 * TUPLES * 32);
    assert_non_null(program);
    size_t at = (size_t)sprintf(program, "%s", rules);
    uint64_t rng = 7;
    for (int i = 0; i < 3 * TUPLES; i++) {
        rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned a = (unsigned)(rng >> 33) % NODES, b = (unsigned)(rng >> 42) % NODES;
        at += (size_t)sprintf(program + at, i % 3 == 2 ? "%c(%u, %u, %u).\n" : "%c(%u, %u).\n",
                              "efg"[i % 3], a, i % 3 == 2 ? b % 5 : b, b);
    }
    struct world world;
    assert_int_equal(
        datalog_run_open(&world.run, (struct rune_str){program, at}, RUNE_DL_BUNDLE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_BASE), RUNE_OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_true(count_both_ways(&world, names[i]) > 0);
    }
    datalog_run_close(&world.run);
    free(program);
}

/* A closure that is stored by its first column and asked by its second; and a test that many rows
 * of a key share, asked once, or tuple by tuple where a key has few. */
static void test_count__of_pairs_asked_backwards(void **state)
{
    (void)state;
    enum { NODES = 400, KEYS = 150 };
    static const char rules[] = "reach(X, Y) :- e(X, Y).\nreach(X, Z) :- reach(X, Y), e(Y, Z).\n"
                                "into(K, X) :- of(K, Y), reach(X, Y), not off(K, X).\n"
                                "back(K, X, A) :- of(K, Y), reach(X, Y), not ffo(X, K), does(A).\n"
                                "off(K, X) :- bad(K, Y), reach(X, Y).\nffo(X, K) :- off(K, X).\n"
                                "does(1). does(2).\n";
    char *program = malloc(sizeof(rules) + 32 * (NODES + 4 * KEYS));
    assert_non_null(program);
    size_t at = (size_t)sprintf(program, "%s", rules);
    for (int i = 0; i < NODES; i++) {
        at += (size_t)sprintf(program + at, "e(%d, %d).\n", i, i + 1);
    }
    for (int i = 0; i < KEYS; i++) {
        at += (size_t)sprintf(program + at, "of(%d, %d). of(%d, %d). bad(%d, %d).\n", i, 1 + i % 3,
                              i, i % 2 == 0 ? NODES - i : 2, i, i % 7 * 40);
    }
    struct world world;
    assert_int_equal(
        datalog_run_open(&world.run, (struct rune_str){program, at}, RUNE_DL_BUNDLE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_WHAT_PAYS), RUNE_OK);
    uint64_t pairs = 0;
    for (int i = 0; i < KEYS; i += 2) {
        int more = NODES - i - i % 7 * 40;
        pairs += more > 0 ? (uint64_t)more : 0;
    }
    uint64_t counted = count_both_ways(&world, "into");
    assert_true(counted >= pairs);
    assert_int_equal(count_both_ways(&world, "back"), 2 * counted);
    datalog_run_close(&world.run);
    free(program);
}

/* What `count` gives with that much memory and so many steps: the right number, or RUNE_E_LIMIT. */
static enum rune_err count_within(struct world *world, const char *name, size_t bytes,
                                  uint64_t steps, uint64_t want)
{
    struct rune_arena arena;
    struct rune_eval eval = {.store = &world->run.store,
                             .values = world->run.values,
                             .arena = &arena,
                             .steps_left = steps};
    rune_term bound[3] = {RUNE_TERM_NONE, RUNE_TERM_NONE, RUNE_TERM_NONE};
    uint32_t same[3] = {0, 1, 2};
    uint32_t relation = rune_rules_find_relation(eval.store, (struct rune_str){name, strlen(name)});
    uint64_t count = want;
    rune_arena_init(&arena, bytes);
    enum rune_err err = rune_rules_count(&eval, relation, bound, same, &count);
    rune_arena_fini(&arena);
    assert_true(err == RUNE_OK || err == RUNE_E_LIMIT);
    assert_int_equal(count, want);
    return err;
}

/* Tests of many pairs that are answered by all that the keys have: by pipes within pipes, and by
 * the machine where there is arithmetic; with little memory, and with few steps. */
static void test_count__of_tests_with_all_that_a_key_has(void **state)
{
    (void)state;
    enum { KEYS = 64, GROUPS = 16, VALUES = 200 };
    static const char rules[] = "in(K, X) :- of(K, G), has(G, X).\n"
                                "off(K, X) :- of(K, G), lacks(G, X).\n"
                                "xoff(X, K) :- off(K, X).\n"
                                "high(K, X) :- of(K, G), lacks(G, X), X + G > 4500.\n"
                                "not_off(K, X) :- in(K, X), not off(K, X).\n"
                                "both(K, X) :- in(K, X), off(K, X), not high(K, X).\n"
                                "twice(K, X) :- in(K, X), not not_off(K, X).\n"
                                "again(K, A, X) :- in(K, X), does(A), not twice(K, X).\n"
                                "back(K, X) :- in(K, X), not xoff(X, K).\n"
                                "does(1). does(2).\n";
    static const char *const names[] = {"not_off", "both", "twice", "again", "back"};
    char *program = malloc(sizeof(rules) + 32 * (2 * KEYS + 2 * GROUPS * VALUES));
    assert_non_null(program);
    size_t at = (size_t)sprintf(program, "%s", rules);
    for (int i = 0; i < KEYS; i++) {
        at += (size_t)sprintf(program + at, "of(%d, %d). of(%d, %d).\n", i, 1000 + i % GROUPS, i,
                              1000 + i * 7 % GROUPS);
    }
    for (int i = 0; i < GROUPS * VALUES; i++) {
        at += (size_t)sprintf(program + at, "has(%d, %d). lacks(%d, %d).\n", 1000 + i % GROUPS,
                              2000 + i * 5 % 3001, 1000 + i % GROUPS, 2000 + i * 11 % 3001);
    }
    struct world world;
    assert_int_equal(
        datalog_run_open(&world.run, (struct rune_str){program, at}, RUNE_DL_BUNDLE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_BASE), RUNE_OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint64_t want = count_both_ways(&world, names[i]);
        assert_true(want > 0);
        for (size_t bytes = 4096; bytes < (size_t)16 << 20; bytes += bytes / 4) {
            (void)count_within(&world, names[i], bytes, UINT64_MAX, want);
        }
        assert_int_equal(count_within(&world, names[i], (size_t)16 << 20, UINT64_MAX, want),
                         RUNE_OK);
        for (uint64_t steps = 64;
             count_within(&world, names[i], (size_t)16 << 20, steps, want) != RUNE_OK;
             steps += steps / 4) {
            assert_true(steps < (uint64_t)1 << 30);
        }
    }
    datalog_run_close(&world.run);
    free(program);
}

/* A batch of keys whose tuples are too many for the table is counted in smaller ones. */
static void test_count__of_keys_with_very_many_tuples(void **state)
{
    (void)state;
    enum { KEYS = 20, VALUES = 40000 };
    char *program = malloc(32 * (VALUES + KEYS) + 64);
    assert_non_null(program);
    size_t at = (size_t)sprintf(program, "all(X, Z) :- key(X, Y), many(Y, Z).\n");
    for (int i = 0; i < KEYS; i++) {
        at += (size_t)sprintf(program + at, "key(%d, %d).\n", i, i < 8 ? -1 : -2 - i % 3);
    }
    for (int i = 0; i < VALUES; i++) {
        at += (size_t)sprintf(program + at, "many(%d, %d).\n", i % 40 == 0 ? -2 : -1, i);
    }
    struct world world;
    assert_int_equal(
        datalog_run_open(&world.run, (struct rune_str){program, at}, RUNE_DL_BUNDLE, NULL, 0),
        RUNE_OK);
    assert_int_equal(datalog_run_evaluate(&world.run, RUNE_DL_STORE_BASE), RUNE_OK);
    assert_int_equal(count_both_ways(&world, "all"), 8 * 39000 + 4 * 1000);
    datalog_run_close(&world.run);
    free(program);
}

/* ---- what is fetched before a decision ---- */

static void test_ahead__names_the_rows_that_the_request_finds(void **state)
{
    (void)state;
    enum { FACTS = 3000 };
    char *text = malloc(64 * (FACTS + 10));
    assert_non_null(text);
    size_t length = 0;
    for (int i = 0; i < FACTS; i++) {
        length += (size_t)sprintf(text + length, "big(%d, %d).\n", i, 7 * i % FACTS);
    }
    (void)sprintf(text + length,
                  "link(U, R) :- action(_), big(U, X), big(R, X), small(U, _). small(1, 2).\n"
                  "permit(U, A, R) :- principal(U), action(A), resource(R), link(U, R).\n"
                  "forbid(U, A, R) :- principal(U), action(A), resource(R), not big(R, R).\n");
    struct world world;
    open_world(&world, text);
    free(text);
    const struct rune_store *store = &world.run.store;
    uint32_t big = rune_rules_find_relation(store, (struct rune_str){"big", 3});
    assert_int_equal(store->ahead_count, 2); /* each once; `small` is small */
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(store->orders[store->ahead[i].order].relation, big);
        assert_int_equal(store->orders[store->ahead[i].order].columns[0], 0);
        assert_int_equal(store->ahead[i].part, 2 * i);
    }
    struct rune_image_ahead *ahead = world.run.result.ahead.items;
    ahead[1].part = 3;
    assert_int_not_equal(rune_rules_verify(store, NULL), RUNE_OK);
    ahead[1].part = 2;
    ahead[0].order = store->order_count;
    assert_int_not_equal(rune_rules_verify(store, NULL), RUNE_OK);
    datalog_run_close(&world.run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ahead__names_the_rows_that_the_request_finds),
        cmocka_unit_test(test_decide__permits_forbids_and_their_errors),
        cmocka_unit_test(test_decide__steps_are_limited),
        cmocka_unit_test(test_decide__matching_is_limited),
        cmocka_unit_test(test_verify__refuses_rows_said_to_be_elsewhere),
        cmocka_unit_test(test_verify__refuses_reading_what_is_not_written),
        cmocka_unit_test(test_verify__refuses_cells_that_are_not_sorted_or_no_terms),
        cmocka_unit_test(test_count__is_what_a_query_visits),
        cmocka_unit_test(test_count__of_pipes_is_what_a_query_visits),
        cmocka_unit_test(test_count__of_pairs_asked_backwards),
        cmocka_unit_test(test_count__of_tests_with_all_that_a_key_has),
        cmocka_unit_test(test_count__of_keys_with_very_many_tuples),
        cmocka_unit_test(test_damage__is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
