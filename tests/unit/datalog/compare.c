/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/datalog/compare.h"

#include "eval/rule_vm.h"
#include "reference/datalog_random.h"
#include "unit/cmocka.h"

struct compare {
    struct datalog_run *run;
    const struct naive_relation *want;
    const rune_term *bound;
    const uint32_t *same;
    uint32_t seen;
    bool unknown;
    bool may_end; /* in a limit: there is little memory */
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

/* How many there are, which is told without visiting each. */
static void check_count(const struct compare *compare, const struct rune_buf *text,
                        struct rune_str name, const char *how)
{
    uint64_t counted = 0;
    enum rune_err err =
        datalog_run_count(compare->run, name, compare->bound, compare->same, &counted);
    if (err == RUNE_E_LIMIT && compare->may_end) {
        return;
    }
    if (err != RUNE_OK || counted != count_matches(compare)) {
        fail_msg("%s: %.*s: %s, %u tuples counted, %u expected\n%.*s", how, RUNE_STR_ARG(name),
                 rune_err_text(err), (unsigned)counted, count_matches(compare), (int)text->length,
                 text->data);
    }
}

/* A recursion asked with ever new values, like p(N + 1) for p(N), would have no end when it is
 * demanded; so a limit is a failure like any other. */
static void check_pattern(struct compare *compare, const struct rune_buf *text, uint32_t relation,
                          const char *how)
{
    struct datalog_run *run = compare->run;
    struct rune_str name = run->program.relations[relation].name;
    compare->is_found = test_calloc(compare->want->count + 1, 1);
    enum rune_err err =
        datalog_run_query(run, name, compare->bound, compare->same, compare_tuple, compare);
    uint32_t matches = count_matches(compare);
    test_free(compare->is_found);
    if (err == RUNE_E_LIMIT && compare->may_end && !compare->unknown && compare->seen <= matches) {
        return;
    }
    check_count(compare, text, name, how);
    if (err != RUNE_OK || compare->unknown || compare->seen != matches) {
        fail_msg("%s: %.*s: %s, %u tuples, %u expected%s\n%.*s", how, RUNE_STR_ARG(name),
                 rune_err_text(err), compare->seen, matches,
                 compare->unknown ? ", one that should not be" : "", (int)text->length, text->data);
    }
}

/* A value that the image does not know, since it is computed when asked, becomes the request's. */
static rune_term term_of(const struct datalog_run *run, const struct naive_value *value)
{
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err =
        value->kind == NAIVE_STRING  ? rune_dict_string(run->values, value->string, &term)
        : value->kind == NAIVE_FLOAT ? rune_dict_float(run->values, value->floating, &term)
                                     : rune_dict_long(run->values, value->integer, &term);
    assert_int_equal(err, RUNE_OK);
    return term;
}

static void mark_body(const struct rune_dl_body *body, const bool *of, bool *any)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        *any = *any || (literal->kind == RUNE_DL_ATOM && of[literal->relation]);
        for (uint32_t k = 0; k < literal->body_count; k++) {
            mark_body(&literal->bodies[k], of, any);
        }
    }
}

/* Relations that recurse, or ask one that does: their tables have to be kept. */
static void find_recursive(const struct rune_dl_program *program, bool *ret_of)
{
    bool any = true;
    for (uint32_t r = 0; r < program->relation_count; r++) {
        ret_of[r] = program->relations[r].is_recursive;
    }
    while (any) {
        any = false;
        for (uint32_t i = 0; i < program->rule_count; i++) {
            const struct rune_dl_rule *rule = &program->rules[i];
            bool reads = false;
            mark_body(&rule->body, ret_of, &reads);
            any = any || (reads && !ret_of[rule->head]);
            ret_of[rule->head] = ret_of[rule->head] || reads;
        }
    }
}

/* Every set of known columns, once with all others free and once with two of them equal. `may_end`:
 * recursions may end in a limit. */
void compare_run(struct datalog_run *run, const struct rune_buf *text,
                 const struct naive_relation *want, uint64_t *state, bool may_end, const char *how)
{
    bool is_recursive[64] = {false};
    assert_true(run->program.relation_count <= 64);
    find_recursive(&run->program, is_recursive);
    for (uint32_t r = 0; r < run->program.relation_count; r++) {
        uint32_t arity = run->program.relations[r].arity;
        for (uint32_t pattern = 0; pattern < 2u << arity; pattern++) {
            rune_term bound[RUNE_DL_MAX_ARITY] = {0};
            uint32_t same[RUNE_DL_MAX_ARITY];
            uint32_t row = want[r].count == 0 ? 0 : datalog_random_below(state, want[r].count);
            bool has_equal = pattern >> arity != 0;
            datalog_run_reset(run);
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
                                      .may_end = may_end && is_recursive[r]};
            check_pattern(&compare, text, r, how);
        }
    }
}

/* So much for the tables of a query: many answers have to be given in parts. */
void compare_limit_memory(struct datalog_run *run, size_t bytes)
{
    static _Alignas(64) char slab[(size_t)1 << 21];
    rune_arena_fini(&run->request);
    bytes += RUNE_RULE_FRAME_BYTES + sizeof(struct rune_rule_vm) + 128;
    assert_true(bytes <= sizeof(slab));
    rune_arena_init_fixed(&run->request, slab, bytes);
}
