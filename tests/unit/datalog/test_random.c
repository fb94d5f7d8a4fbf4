/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs (reference/datalog_random.h), as made and with everything in other orders,
 * against the naive evaluator: stored, demanded and as planned, whole and by every set of known
 * columns.
 *
 * RUNE_TEST_SEED=N begins with another seed, RUNE_TEST_ROUNDS=N makes so many programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "reference/datalog_naive.h"
#include "reference/datalog_random.h"
#include "reference/datalog_run.h"

#define ROUNDS 300u /* programs of the ordinary test */
#define ORDERS 3u   /* each program is written in so many orders */

struct compare {
    struct datalog_run *run;
    const struct naive_relation *want;
    const rune_term *bound;
    const uint32_t *same;
    uint32_t seen;
    bool is_demanded;
    bool unknown;
    uint8_t *is_found;
};

static struct naive_value value_of(const struct datalog_run *run, rune_term term)
{
    struct naive_value value = {.kind = NAIVE_LONG};
    const struct rune_terms *terms = rune_term_space(term) == RUNE_SPACE_REQUEST
                                         ? rune_dict_terms(run->values)
                                         : &run->store.terms;
    if (rune_term_is_inline(term)) {
        value.integer = rune_term_inline_value(term);
    } else if (rune_term_kind(term) == RUNE_KIND_LONG) {
        value.integer = terms->longs[rune_term_index(term)];
    } else if (rune_term_kind(term) == RUNE_KIND_FLOAT) {
        value.kind = NAIVE_FLOAT;
        value.floating = terms->floats[rune_term_index(term)];
    } else {
        value.kind = NAIVE_STRING;
        value.string = rune_terms_string(terms, term);
    }
    return value;
}

static bool compare_tuple(void *context, const rune_term *tuple, uint32_t arity)
{
    struct compare *compare = context;
    compare->seen++;
    for (uint32_t t = 0; t < compare->want->count; t++) {
        uint32_t same = 0;
        while (same < arity) {
            struct naive_value value = value_of(compare->run, tuple[same]);
            if (naive_compare(&value, &compare->want->tuples[t * arity + same]) != 0) {
                break;
            }
            same++;
        }
        if (same == arity && !compare->is_found[t]) {
            compare->is_found[t] = 1;
            return true;
        }
    }
    compare->unknown = true;
    return false;
}

/* How many of the naive tuples match the pattern. */
static uint32_t count_matches(const struct compare *compare)
{
    uint32_t count = 0, arity = compare->want->arity;
    for (uint32_t t = 0; t < compare->want->count; t++) {
        const struct naive_value *tuple = compare->want->tuples + (size_t)t * arity;
        bool matches = true;
        for (uint32_t i = 0; i < arity && matches; i++) {
            matches = naive_compare(&tuple[compare->same[i]], &tuple[i]) == 0;
            if (matches && compare->bound[i] != RUNE_TERM_NONE) {
                struct naive_value value = value_of(compare->run, compare->bound[i]);
                matches = naive_compare(&value, &tuple[i]) == 0;
            }
        }
        count += matches;
    }
    return count;
}

/* False: the limit. A recursion asked with ever new values, like p(N + 1) for p(N), has no end when
 * it is demanded, whatever it would derive. */
static bool check_pattern(struct compare *compare, const struct rune_buf *text, uint32_t relation,
                          const char *how)
{
    struct datalog_run *run = compare->run;
    struct rune_str name = run->program.relations[relation].name;
    compare->is_found = test_calloc(compare->want->count + 1, 1);
    enum rune_err err =
        datalog_run_query(run, name, compare->bound, compare->same, compare_tuple, compare);
    uint32_t matches = count_matches(compare);
    test_free(compare->is_found);
    if (err == RUNE_E_LIMIT && compare->is_demanded) {
        return false;
    }
    if (err != RUNE_OK || compare->unknown || compare->seen != matches) {
        fail_msg("%s: %.*s: %s, %u tuples, %u expected%s\n%.*s", how, RUNE_STR_ARG(name),
                 rune_err_text(err), compare->seen, matches,
                 compare->unknown ? ", one that should not be" : "", (int)text->length, text->data);
    }
    return true;
}

/* RUNE_TERM_NONE, so free, where the image knows no such value: it is computed when asked. */
static rune_term term_of(const struct datalog_run *run, const struct naive_value *value)
{
    const struct rune_terms *terms = &run->store.terms;
    switch (value->kind) {
    case NAIVE_STRING:
        return rune_terms_find_string(terms, value->string);
    case NAIVE_FLOAT:
        return rune_terms_find_float(terms, value->floating);
    default:
        return rune_terms_find_long(terms, value->integer);
    }
}

struct totals {
    uint64_t programs, skipped, derived, limits;
};

/* Every set of known columns, once with all others free and once with two of them equal. */
static void check_run(struct datalog_run *run, const struct rune_buf *text,
                      const struct naive_relation *want, bool is_demanded, uint64_t *state,
                      const char *how, struct totals *totals)
{
    for (uint32_t r = 0; r < run->program.relation_count; r++) {
        uint32_t arity = run->program.relations[r].arity;
        for (uint32_t pattern = 0; pattern < 2u << arity; pattern++) {
            rune_term bound[RUNE_DL_MAX_ARITY] = {0};
            uint32_t same[RUNE_DL_MAX_ARITY];
            uint32_t row = want[r].count == 0 ? 0 : datalog_random_below(state, want[r].count);
            bool has_equal = pattern >> arity != 0;
            for (uint32_t i = 0; i < arity; i++) {
                bool is_equal = has_equal && i > 0 && datalog_random_below(state, 2) == 0;
                same[i] = is_equal ? datalog_random_below(state, i) : i;
                same[i] = same[same[i]];
                if ((pattern >> i & 1) != 0 && same[i] == i) {
                    bound[i] = want[r].count > 0 && datalog_random_below(state, 6) > 0
                                   ? term_of(run, &want[r].tuples[row * arity + i])
                                   : rune_term_from_inline(datalog_random_below(state, 5));
                }
            }
            struct compare compare = {.run = run,
                                      .want = &want[r],
                                      .bound = bound,
                                      .same = same,
                                      .is_demanded = is_demanded};
            if (!check_pattern(&compare, text, r, how)) {
                totals->limits++;
                break;
            }
        }
    }
}

static void check_text(const struct rune_buf *text, uint64_t seed, struct totals *totals)
{
    static const char *const ways[] = {"as planned", "stored", "demanded"};
    for (int way = 0; way < 3; way++) {
        struct datalog_run run;
        struct rune_arena arena;
        struct naive_relation *want;
        uint64_t state = seed;
        char how[64];
        snprintf(how, sizeof(how), "seed %llu, %s", (unsigned long long)seed, ways[way]);
        rune_arena_init(&arena, (size_t)512 << 20);
        enum rune_err err = datalog_run_open(&run, (struct rune_str){text->data, text->length},
                                             RUNE_DL_BARE, NULL, 0);
        if (err != RUNE_OK) {
            fail_msg("%s: %s\n%.*s", how, rune_diag_text(run.diag), (int)text->length, text->data);
        }
        bool is_known = naive_evaluate(&run.program, 300, &arena, &want);
        if (is_known) {
            err = datalog_run_evaluate(&run, (enum rune_dl_storing)way);
            if (err != RUNE_OK) {
                fail_msg("%s: %s %s\n%.*s", how, rune_err_text(err), rune_diag_text(run.diag),
                         (int)text->length, text->data);
            }
            check_run(&run, text, want, way == RUNE_DL_STORE_BASE, &state, how, totals);
        }
        for (uint32_t r = 0; is_known && r < run.program.relation_count; r++) {
            totals->derived += run.program.relations[r].is_head ? want[r].count : 0;
        }
        totals->programs += is_known;
        totals->skipped += !is_known;
        datalog_run_close(&run);
        rune_arena_fini(&arena);
        if (!is_known) {
            return;
        }
    }
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void test_random_programs__every_way_and_order_is_the_naive_one(void **state)
{
    (void)state;
    uint64_t first = number_of("RUNE_TEST_SEED", 1), rounds = number_of("RUNE_TEST_ROUNDS", ROUNDS);
    struct totals totals = {0};
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        for (uint64_t order = 0; order < ORDERS; order++) {
            struct rune_buf text = RUNE_BUF_INIT;
            datalog_random_program(&text, seed, order);
            (void)rune_buf_cstr(&text);
            check_text(&text, seed, &totals);
            rune_buf_fini(&text);
        }
    }
    print_message("%llu evaluations, %llu programs too large, %llu derived tuples, %llu limits\n",
                  (unsigned long long)totals.programs, (unsigned long long)totals.skipped,
                  (unsigned long long)totals.derived, (unsigned long long)totals.limits);
    assert_true(totals.limits * 100 < totals.programs);
    assert_true(totals.programs > rounds * ORDERS && totals.derived > totals.programs * 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_programs__every_way_and_order_is_the_naive_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
