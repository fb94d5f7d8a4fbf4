/* SPDX-License-Identifier: Apache-2.0 */
/* rule_verify: damaged programs: what the verifier accepts must run within bounds (sanitizers look
 * on), and what it must refuse. */
#include <stdio.h>
#include <stdlib.h>

#include "base/sanitized.h"
#include "eval/relation.h"
#include "eval/rule_code.h"
#include "unit/cmocka.h"
#include "unit/eval/rule_world.h"

static bool count_tuple(void *context, const rune_term *tuple, uint32_t arity)
{
    uint32_t *sum = context;
    for (uint32_t i = 0; i < arity; i++) {
        *sum += tuple[i];
    }
    return true;
}

/* Everything that can be asked of what was accepted. */
static void ask_everything(struct rule_world *world)
{
    struct rune_rule_outcome outcome;
    uint32_t sum = 0;
    uint64_t count;
    (void)!rule_world_decide(world, "a", "d", 3000, &outcome);
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
    static const char program[] = RULE_WORLD
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
    struct rule_world world;
    rule_world_open(&world, program);
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
    struct rule_world world;
    rule_world_open(&world, text);
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
    struct rule_world world;
    rule_world_open(&world, RULE_WORLD
                    "permit(U, A, R) :- principal(U), action(A), resource(R), grant(U, R).\n");
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
    struct rule_world world;
    rule_world_open(&world, RULE_WORLD
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage__is_refused_or_harmless),
        cmocka_unit_test(test_verify__refuses_cells_that_are_not_sorted_or_no_terms),
        cmocka_unit_test(test_verify__refuses_rows_said_to_be_elsewhere),
        cmocka_unit_test(test_verify__refuses_reading_what_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
