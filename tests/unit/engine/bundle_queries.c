/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "reference/datalog_random.h"
#include "unit/engine/bundle_trial.h"

/* ---- queries ---- */

static bool same_text(struct rune_str text, const struct mixed_value *value)
{
    struct rune_buf want = RUNE_BUF_INIT;
    mixed_put_value(&want, value);
    bool same = rune_str_equal(text, (struct rune_str){want.data, want.length});
    rune_buf_fini(&want);
    return same;
}

static bool same_field(const struct rune_field *field, const struct mixed_value *value)
{
    switch (value->kind) {
    case MIXED_BOOL:
        return field->kind == RUNE_FIELD_BOOL && field->integer == value->number;
    case MIXED_LONG:
        return field->kind == RUNE_FIELD_LONG && field->integer == value->number;
    case MIXED_FLOAT:
        return field->kind == RUNE_FIELD_FLOAT && field->floating == value->floating;
    case MIXED_STRING:
        return field->kind == RUNE_FIELD_STRING &&
               rune_str_equal(field->text, rune_str_from(value->text));
    case MIXED_ENTITY:
        return field->kind == RUNE_FIELD_ENTITY &&
               rune_str_equal(field->type, rune_str_from(mixed_type_of(value->number))) &&
               rune_str_equal(field->text, rune_str_from(mixed_id_of(value->number)));
    case MIXED_DECIMAL:
    case MIXED_DURATION:
    case MIXED_IP:
    case MIXED_DATETIME:
        return field->kind == RUNE_FIELD_OTHER && same_text(field->text, value);
    default: /* the order in a set is nobody's promise */
        return field->kind == RUNE_FIELD_OTHER && field->text.length > 0 &&
               field->text.data[0] == (value->kind == MIXED_SET ? '[' : '{');
    }
}

/* A question and which of the rows that it should give were given. */
struct question {
    struct bundle_trial *trial;
    const struct mixed_relation *relation;
    const struct mixed_rows *rows;
    uint32_t bound, row; /* columns that are known, and the row whose values they have */
    uint32_t same[MIXED_MAX_ARITY];
    struct mixed_value values[MIXED_MAX_ARITY];
    bool *is_found;
    uint32_t seen;
    bool is_wrong;
};

static bool is_asked(const struct question *question, uint32_t row)
{
    const struct mixed_value *cells = question->rows->cells + (size_t)row * MIXED_MAX_ARITY;
    for (uint32_t c = 0; c < question->relation->arity; c++) {
        if (!mixed_equal(&cells[c], &cells[question->same[c]]) ||
            ((question->bound >> c & 1) != 0 && !mixed_equal(&cells[c], &question->values[c]))) {
            return false;
        }
    }
    return true;
}

static bool take_tuple(void *context, const struct rune_field *fields, uint32_t count)
{
    struct question *question = context;
    uint32_t arity = question->relation->arity;
    uint32_t skip = question->relation->literal != NULL; /* the second field */
    question->seen++;
    for (uint32_t r = 0; r < question->rows->count && count == arity + skip; r++) {
        const struct mixed_value *cells = question->rows->cells + (size_t)r * MIXED_MAX_ARITY;
        uint32_t same = 0;
        while (same < arity && same_field(&fields[same + (same > 0 ? skip : 0)], &cells[same])) {
            same++;
        }
        if (same == arity && !question->is_found[r] && is_asked(question, r)) {
            question->is_found[r] = true;
            return true;
        }
    }
    question->is_wrong = true;
    return false;
}

static void put_pattern(const struct question *question, struct rune_buf *out)
{
    rune_buf_printf(out, "%s(", question->relation->name);
    for (uint32_t c = 0; c < question->relation->arity; c++) {
        rune_buf_append_cstr(out, c > 0 ? ", " : "");
        if ((question->bound >> c & 1) != 0) {
            mixed_put_value(out, &question->values[c]);
        } else {
            rune_buf_printf(out, "V%u", question->same[c]);
        }
        if (c == 0 && question->relation->literal != NULL) {
            rune_buf_printf(out, ", \"%s\"", question->relation->literal);
        }
    }
    rune_buf_append_char(out, ')');
}

static void ask(struct question *question, const struct rune_request *request)
{
    struct bundle_trial *trial = question->trial;
    struct rune_buf pattern = RUNE_BUF_INIT;
    uint32_t want = 0;
    uint64_t count = 0;
    question->is_found = RUNE_ARENA_ARRAY(&trial->arena, bool, (size_t)question->rows->count + 1);
    memset(question->is_found, 0, question->rows->count);
    for (uint32_t r = 0; r < question->rows->count; r++) {
        want += is_asked(question, r);
    }
    put_pattern(question, &pattern);
    enum rune_err err = rune_query_run(trial->decider, trial->image, request,
                                       rune_buf_cstr(&pattern), take_tuple, question, trial->diag);
    enum rune_err counting = rune_query_count(trial->decider, trial->image, request,
                                              rune_buf_cstr(&pattern), &count, trial->diag);
    if (trial->way.arena_bytes != 0 && (err == RUNE_E_LIMIT || counting == RUNE_E_LIMIT) &&
        !question->is_wrong) {
        trial->totals.limits++;
    } else if (err != RUNE_OK || counting != RUNE_OK || question->is_wrong ||
               question->seen != want || count != want) {
        rune_buf_printf(&trial->why, "query %s: %s, %u tuples, %llu counted (%s), not %u%s\n%s",
                        rune_buf_cstr(&pattern), rune_err_text(err), question->seen,
                        (unsigned long long)count, rune_err_text(counting), want,
                        question->is_wrong ? "; one that should not be" : "",
                        rune_diag_text(trial->diag));
        for (uint32_t r = 0; r < question->rows->count; r++) {
            const struct mixed_value *cells = question->rows->cells + (size_t)r * MIXED_MAX_ARITY;
            rune_buf_append_cstr(&trial->why, question->is_found[r] ? "found " : "row   ");
            for (uint32_t c = 0; c < question->relation->arity; c++) {
                mixed_put_value(&trial->why, &cells[c]);
                rune_buf_append_char(&trial->why, ' ');
            }
            rune_buf_append_char(&trial->why, '\n');
        }
    }
    trial->totals.queries++;
    trial->totals.tuples += want;
    rune_buf_fini(&pattern);
}

/* Every set of known columns, once with the others free and once with some of them equal. */
static void ask_all(struct bundle_trial *trial, const struct mixed_answers *answers,
                    uint32_t number, const struct rune_request *request)
{
    const struct mixed_relation *relation = &trial->world->relations[number];
    const struct mixed_rows *rows = &answers->rows[number];
    uint64_t state = number + 1;
    for (uint32_t pattern = 0; pattern < 2u << relation->arity && trial->why.length == 0;
         pattern++) {
        struct question question = {.trial = trial, .relation = relation, .rows = rows};
        uint32_t row = rows->count > 0 ? datalog_random_below(&state, rows->count) : 0;
        uint32_t other = rows->count > 0 ? datalog_random_below(&state, rows->count) : 0;
        for (uint32_t c = 0; c < relation->arity; c++) {
            bool is_equal =
                pattern >> relation->arity != 0 && c > 0 && datalog_random_below(&state, 2) == 0;
            question.same[c] = is_equal ? question.same[datalog_random_below(&state, c)] : c;
            question.values[c] = (struct mixed_value){.kind = MIXED_LONG, .number = 1};
            if (rows->count > 0) {
                uint32_t of = datalog_random_below(&state, 6) == 0 ? other : row;
                question.values[c] = rows->cells[(size_t)of * MIXED_MAX_ARITY + c];
            }
            bool has_constant = question.values[c].kind < MIXED_SET;
            if ((pattern >> c & 1) != 0 && has_constant && question.same[c] == c) {
                question.bound |= 1u << c;
            }
        }
        /* What is known of a column is known of its equals. */
        for (uint32_t c = 0; c < relation->arity; c++) {
            if ((question.bound >> question.same[c] & 1) != 0) {
                question.bound |= 1u << c;
                question.values[c] = question.values[question.same[c]];
            }
        }
        ask(&question, request);
    }
}

void bundle_ask_relations(struct bundle_trial *trial, const struct mixed_answers *answers,
                          const struct rune_request *request)
{
    for (uint32_t r = MIXED_EXISTS; r < MIXED_RELATIONS && trial->why.length == 0; r++) {
        bool is_ours = r != MIXED_PERMIT && r != MIXED_FORBID && r != MIXED_ID;
        if (is_ours && answers->depends[r] == (request != NULL)) {
            ask_all(trial, answers, r, request);
        }
    }
}
