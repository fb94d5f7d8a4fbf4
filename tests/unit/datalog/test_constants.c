/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "datalog/constants.h"
#include "unit/cmocka.h"
#include "unit/datalog/support.h"

static void test_facts__become_tuples(void **state)
{
    struct front front;
    struct rune_tuples facts[4];
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    (void)state;
    front_check(
        &front,
        "p(1 + 1, a, User::\"x\", true, 1.5, ip(\"10.0.0.1\")). p(2, a, User::\"x\", true, 1.5, "
        "ip(\"10.0.0.1\")).\nflag.\n",
        RUNE_DL_BUNDLE, NULL);
    assert_int_equal(front.err, RUNE_OK);
    for (uint32_t i = 0; i < front.program.relation_count; i++) {
        assert_int_equal(rune_tuples_init(&facts[i], front.program.relations[i].arity), RUNE_OK);
    }
    assert_int_equal(rune_dl_intern_facts(&front.program, dict, facts), RUNE_OK);
    assert_int_equal(facts[0].count, 2);
    assert_int_equal(facts[1].count, 1);
    static const enum rune_kind kinds[] = {RUNE_KIND_LONG,    RUNE_KIND_STRING, RUNE_KIND_ENTITY,
                                           RUNE_KIND_SPECIAL, RUNE_KIND_FLOAT,  RUNE_KIND_EXT};
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(rune_term_kind(facts[0].columns[i][0]), kinds[i]);
        assert_int_equal(facts[0].columns[i][0], facts[0].columns[i][1]);
    }
    for (uint32_t i = 0; i < front.program.relation_count; i++) {
        rune_tuples_fini(&facts[i]);
    }
    rune_dict_destroy(dict);
    front_fini(&front);
}

/* ---- memory that runs out ---- */

struct countdown {
    uint64_t left;
    bool failed;
};

static bool count_down(void *context, size_t size)
{
    struct countdown *countdown = context;
    (void)size;
    if (countdown->left == 0) {
        countdown->failed = true;
        return false;
    }
    countdown->left--;
    return true;
}

/* The Nth allocation fails, for every N: an error, or the same program; nothing leaks. */
static void test_memory__may_run_out_anywhere(void **state)
{
    static const char text[] = "@id(\"a\") p(X, N) :- q(X), (r(X, Y), Y > 1 ; not q(Y), r(Y, X)), "
                               "N = count { r(X, V) ; r(V, X) }.\n"
                               "s(X) :- s(X), not t(X).\nt(X) :- p(X, _), "
                               "undefined(X).\nq(\"a\\n\", 1 + 2).\nq(X) :- r(X, _), 1 = 2.\n"
                               "permit(P, A, R) :- principal(P), action(A), resource(R), P in "
                               "[User::\"a\", R], entity.attr(P, \"n\", _).\n";
    bool complete = false;
    (void)state;
    for (uint64_t n = 0; !complete; n++) {
        struct countdown countdown = {.left = n};
        struct front front = {.source = {"test.dl", text, sizeof(text) - 1}};
        struct rune_dl_declaration declaration = {RUNE_STR("r"), 2, true, NULL};
        rune_arena_init(&front.arena, 0);
        rune_alloc_set_hook(count_down, &countdown);
        front.err = rune_dl_parse(&front.source, RUNE_DL_BUNDLE, &front.arena, &front.arena,
                                  &front.clauses, NULL);
        if (front.err == RUNE_OK) {
            front.err = rune_dl_check(&front.clauses, &declaration, 1, RUNE_DL_BUNDLE, &front.arena,
                                      &front.program, NULL);
        }
        rune_alloc_set_hook(NULL, NULL);
        complete = !countdown.failed;
        /* Without memory for a message's text the message is lost, never the error. */
        assert_true(front.err == RUNE_E_NOMEM || front.err == RUNE_E_BUNDLE);
        assert_true(!complete || front.err == RUNE_E_BUNDLE);
        RUNE_VEC_FINI(&front.clauses);
        rune_arena_fini(&front.arena);
    }
}

static void test_tuples__grow_by_columns(void **state)
{
    struct rune_tuples tuples;
    (void)state;
    assert_int_equal(rune_tuples_init(&tuples, 3), RUNE_OK);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(rune_tuples_add(&tuples, (const rune_term[]){i, i + 1, i + 2}), RUNE_OK);
    }
    assert_int_equal(tuples.count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(tuples.columns[2][i], i + 2);
    }
    rune_tuples_fini(&tuples);
    assert_int_equal(rune_tuples_init(&tuples, 0), RUNE_OK);
    assert_int_equal(rune_tuples_add(&tuples, NULL), RUNE_OK);
    assert_int_equal(tuples.count, 1);
    rune_tuples_fini(&tuples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts__become_tuples),
        cmocka_unit_test(test_memory__may_run_out_anywhere),
        cmocka_unit_test(test_tuples__grow_by_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
