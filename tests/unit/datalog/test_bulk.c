/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs over many tuples (reference/bulk.h): stored, demanded and as planned, listed and
 * counted by every set of known columns, with equal columns and without. A program that differs is
 * made smaller for as long as it does, and printed.
 *
 * RUNE_TEST_SEED=N begins with another seed, RUNE_TEST_ROUNDS=N makes so many programs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/bulk.h"
#include "reference/datalog_random.h"
#include "reference/datalog_run.h"
#include "reference/rounds.h"
#include "unit/cmocka.h"

#define ROUNDS         12u
#define DEMANDED_STEPS (UINT64_C(1) << 19) /* of a question where nothing is stored */

struct totals {
    uint64_t programs, skipped, tuples, questions, limits;
};

/* One program, evaluated in one way, and what was found wrong. */
struct trial {
    const struct bulk_program *program;
    const struct bulk_answers *want;
    enum rune_dl_storing storing;
    struct datalog_run run;
    struct rune_buf why; /* empty: nothing */
    struct totals totals;
};

/* ---- questions ---- */

struct question {
    struct trial *trial;
    uint32_t relation, bound;
    int64_t values[BULK_MAX_ARITY];
    uint32_t same[BULK_MAX_ARITY];
    uint8_t *is_found;
    uint32_t seen;
    bool is_wrong;
};

static int64_t value_of(const struct trial *trial, rune_term term)
{
    const struct rune_terms *terms = rune_term_space(term) == RUNE_SPACE_REQUEST
                                         ? rune_dict_terms(trial->run.values)
                                         : &trial->run.store.terms;
    if (rune_term_is_inline(term)) {
        return rune_term_inline_value(term);
    }
    if (rune_term_kind(term) == RUNE_KIND_LONG) {
        return terms->longs[rune_term_index(term)];
    }
    char text[16];
    snprintf(text, sizeof(text), "%.*s", RUNE_STR_ARG(rune_terms_string(terms, term)));
    return strtoll(text + 1, NULL, 10); /* of "s000012" */
}

static rune_term term_of(const struct trial *trial, int64_t value)
{
    char text[16];
    if (trial->program->stride != 0) {
        return rune_terms_find_long(&trial->run.store.terms, value);
    }
    snprintf(text, sizeof(text), "s%06lld", (long long)value);
    return rune_terms_find_string(&trial->run.store.terms, (struct rune_str){text, strlen(text)});
}

static bool matches(const struct question *question, const int64_t *row)
{
    uint32_t arity = question->trial->program->relations[question->relation].arity;
    for (uint32_t c = 0; c < arity; c++) {
        bool is_bound = (question->bound >> c & 1) != 0;
        if (row[c] != row[question->same[c]] || (is_bound && row[c] != question->values[c])) {
            return false;
        }
    }
    return true;
}

static bool take_tuple(void *context, const rune_term *tuple, uint32_t arity)
{
    struct question *question = context;
    int64_t row[BULK_MAX_ARITY];
    for (uint32_t c = 0; c < arity; c++) {
        row[c] = value_of(question->trial, tuple[c]);
    }
    uint32_t at = bulk_find(&question->trial->want->rows[question->relation], row);
    question->is_wrong = at == UINT32_MAX || question->is_found[at] != 0 || !matches(question, row);
    if (!question->is_wrong) {
        question->is_found[at] = 1;
        question->seen++;
    }
    return !question->is_wrong;
}

static uint32_t count_matches(const struct question *question)
{
    const struct bulk_rows *rows = &question->trial->want->rows[question->relation];
    uint32_t count = 0;
    for (uint32_t r = 0; r < rows->count; r++) {
        count += matches(question, rows->cells + (size_t)r * rows->arity);
    }
    return count;
}

static void put_question(const struct question *question, struct rune_buf *out)
{
    const struct bulk_program *program = question->trial->program;
    rune_buf_printf(out, "r%u(", question->relation);
    for (uint32_t c = 0; c < program->relations[question->relation].arity; c++) {
        rune_buf_append_cstr(out, c > 0 ? ", " : "");
        if ((question->bound >> c & 1) != 0) {
            bulk_put_value(program, question->values[c], out);
        } else {
            rune_buf_printf(out, "V%u", question->same[c]);
        }
    }
    rune_buf_append_char(out, ')');
}

/* A recursion that is demanded may meet a limit where another computes all of it once. */
static void ask(struct question *question)
{
    struct trial *trial = question->trial;
    const struct bulk_rows *rows = &trial->want->rows[question->relation];
    rune_term bound[BULK_MAX_ARITY] = {0};
    char text[8];
    uint64_t count = 0;
    uint32_t want = count_matches(question);
    snprintf(text, sizeof(text), "r%u", question->relation);
    struct rune_str name = {text, strlen(text)};
    for (uint32_t c = 0; c < rows->arity; c++) {
        bound[c] =
            (question->bound >> c & 1) != 0 ? term_of(trial, question->values[c]) : RUNE_TERM_NONE;
    }
    question->is_found = test_calloc(rows->count + 1u, 1);
    datalog_run_reset(&trial->run);
    enum rune_err err =
        datalog_run_query(&trial->run, name, bound, question->same, take_tuple, question);
    enum rune_err counting = datalog_run_count(&trial->run, name, bound, question->same, &count);
    test_free(question->is_found);
    bool may_end = trial->storing == RUNE_DL_STORE_BASE && !question->is_wrong;
    bool ends = err == RUNE_E_LIMIT || counting == RUNE_E_LIMIT;
    trial->totals.questions++;
    trial->totals.limits += ends;
    if (question->is_wrong || (err == RUNE_OK && question->seen != want) ||
        (counting == RUNE_OK && count != want) || (ends && !may_end) ||
        (err != RUNE_OK && err != RUNE_E_LIMIT)) {
        rune_buf_append_cstr(&trial->why, "query ");
        put_question(question, &trial->why);
        rune_buf_printf(&trial->why, ": %s, %u tuples, %llu counted (%s), not %u%s\n",
                        rune_err_text(err), question->seen, (unsigned long long)count,
                        rune_err_text(counting), want,
                        question->is_wrong ? "; one that should not be" : "");
    }
}

/* Every set of known columns, half of the times with some of them equal. */
static void ask_all(struct trial *trial, uint32_t relation)
{
    const struct bulk_rows *rows = &trial->want->rows[relation];
    uint64_t state = relation + 1;
    for (uint32_t pattern = 0; pattern < 2u << rows->arity && trial->why.length == 0; pattern++) {
        struct question question = {.trial = trial, .relation = relation};
        uint32_t row = rows->count > 0 ? datalog_random_below(&state, rows->count) : 0;
        bool has_equal = pattern >> rows->arity != 0;
        for (uint32_t c = 0; c < rows->arity; c++) {
            bool is_equal = has_equal && c > 0 && datalog_random_below(&state, 2) == 0;
            question.same[c] = is_equal ? question.same[datalog_random_below(&state, c)] : c;
            question.values[c] = rows->count > 0 ? rows->cells[(size_t)row * rows->arity + c] : 0;
            bool is_known = (pattern >> c & 1) != 0 && question.same[c] == c &&
                            term_of(trial, question.values[c]) != RUNE_TERM_NONE;
            question.bound |= is_known ? 1u << c : 0;
        }
        ask(&question);
    }
}

/* ---- programs ---- */

static void try_way(struct trial *trial)
{
    struct rune_buf text = RUNE_BUF_INIT;
    bulk_put_program(trial->program, &text);
    (void)rune_buf_cstr(&text);
    enum rune_err err = datalog_run_open(&trial->run, (struct rune_str){text.data, text.length},
                                         RUNE_DL_BARE, NULL, 0);
    if (err == RUNE_OK) {
        err = datalog_run_evaluate(&trial->run, trial->storing);
    }
    if (err != RUNE_OK) {
        rune_buf_printf(&trial->why, "build: %s", rune_diag_text(trial->run.diag));
    }
    trial->run.max_steps = trial->storing == RUNE_DL_STORE_BASE ? DEMANDED_STEPS : 0;
    for (uint32_t r = 0; r < BULK_RELATIONS && err == RUNE_OK; r++) {
        ask_all(trial, r);
        trial->totals.tuples += trial->want->rows[r].count;
    }
    datalog_run_close(&trial->run);
    rune_buf_fini(&text);
}

/* True: nothing is wrong. `ret_why` gets what is, if not NULL. */
static bool try_program(const struct bulk_program *program, const struct bulk_answers *want,
                        enum rune_dl_storing storing, struct totals *totals,
                        struct rune_buf *ret_why)
{
    struct trial trial = {.program = program, .want = want, .storing = storing};
    if (want->is_over) {
        trial.totals.skipped++;
    } else {
        trial.totals.programs++;
        try_way(&trial);
    }
    bool is_right = trial.why.length == 0;
    if (ret_why != NULL) {
        rune_buf_append_cstr(ret_why, rune_buf_cstr(&trial.why));
    }
    for (size_t i = 0; totals != NULL && i < sizeof(*totals) / sizeof(uint64_t); i++) {
        ((uint64_t *)totals)[i] += ((uint64_t *)&trial.totals)[i];
    }
    rune_buf_fini(&trial.why);
    return is_right;
}

/* ---- smaller programs ---- */

static bool is_still_wrong(const struct bulk_program *program, enum rune_dl_storing storing,
                           bool is_of_build)
{
    struct rune_buf why = RUNE_BUF_INIT;
    struct bulk_answers want;
    bulk_solve(program, &want);
    bool is_wrong = !try_program(program, &want, storing, NULL, &why);
    bulk_answers_fini(&want);
    is_wrong = is_wrong && (strncmp(rune_buf_cstr(&why), "build", 5) == 0) == is_of_build;
    rune_buf_fini(&why);
    return is_wrong;
}

/* Halves, quarters and so on of the relation's facts. */
static void shrink_facts(struct bulk_program *program, struct bulk_relation *relation,
                         enum rune_dl_storing storing, bool is_of_build)
{
    size_t row_bytes = relation->arity * sizeof(int64_t);
    for (uint32_t part = relation->fact_count; part > 0; part /= 2) {
        for (uint32_t at = 0; at + part <= relation->fact_count;) {
            uint32_t was = relation->fact_count;
            int64_t *kept = relation->facts;
            int64_t *facts = test_malloc(row_bytes * was + 1);
            memcpy(facts, kept, row_bytes * at);
            memcpy((char *)facts + row_bytes * at, (char *)kept + row_bytes * (at + part),
                   row_bytes * (was - at - part));
            relation->facts = facts;
            relation->fact_count = was - part;
            if (is_still_wrong(program, storing, is_of_build)) {
                memcpy(kept, facts, row_bytes * relation->fact_count);
            } else {
                relation->fact_count = was;
                at += part;
            }
            relation->facts = kept;
            test_free(facts);
        }
    }
}

static void shrink(struct bulk_program *program, enum rune_dl_storing storing, bool is_of_build)
{
    for (uint32_t i = 0; i < program->rule_count; i++) {
        program->rules[i].is_off = true;
        program->rules[i].is_off = is_still_wrong(program, storing, is_of_build);
    }
    for (uint32_t r = 0; r < BULK_RELATIONS; r++) {
        shrink_facts(program, &program->relations[r], storing, is_of_build);
    }
}

/* What is wrong with the program after it was made smaller, and its text. */
static void report(struct bulk_program *program, uint64_t seed, enum rune_dl_storing storing,
                   const struct rune_buf *why)
{
    struct rune_buf text = RUNE_BUF_INIT;
    struct bulk_answers want;
    shrink(program, storing, strncmp(why->data, "build", 5) == 0);
    bulk_solve(program, &want);
    (void)try_program(program, &want, storing, NULL, &text);
    bulk_put_program(program, &text);
    print_error("seed %llu, storing %d: %s", (unsigned long long)seed, storing,
                rune_buf_cstr(&text));
    bulk_answers_fini(&want);
    rune_buf_fini(&text);
}

static bool check_program(uint64_t seed, struct totals *totals)
{
    static const enum rune_dl_storing ways[] = {RUNE_DL_STORE_WHAT_PAYS, RUNE_DL_STORE_ALL,
                                                RUNE_DL_STORE_BASE};
    struct bulk_program program;
    struct bulk_answers want;
    bool is_right = true;
    bulk_random(&program, seed);
    bulk_tame(&program, &want);
    for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]) && is_right; w++) {
        struct rune_buf why = RUNE_BUF_INIT;
        is_right = try_program(&program, &want, ways[w], totals, &why);
        if (!is_right) {
            report(&program, seed, ways[w], &why);
        }
        rune_buf_fini(&why);
    }
    bulk_answers_fini(&want);
    bulk_fini(&program);
    return is_right;
}

static void test_bulk__every_way_is_tuple_by_tuple(void **state)
{
    uint64_t first = rounds_number_of("RUNE_TEST_SEED", 1),
             rounds = rounds_number_of("RUNE_TEST_ROUNDS", ROUNDS);
    struct totals totals = {0};
    uint32_t wrong = 0;
    (void)state;
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        wrong += !check_program(seed, &totals);
    }
    print_message("%llu evaluations, %llu too large; %llu tuples, %llu questions, %llu limits\n",
                  (unsigned long long)totals.programs, (unsigned long long)totals.skipped,
                  (unsigned long long)totals.tuples, (unsigned long long)totals.questions,
                  (unsigned long long)totals.limits);
    assert_int_equal(wrong, 0);
    assert_true(totals.programs > rounds * 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bulk__every_way_is_tuple_by_tuple),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
