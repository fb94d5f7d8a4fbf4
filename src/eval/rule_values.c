/* SPDX-License-Identifier: Apache-2.0 */
/* rule_values: see rule_values.h: making values, order, arithmetic. */
#include "eval/rule_values_int.h"

#include "model/uid.h"

void rune_rule_values_refresh(struct rune_rule_values *values)
{
    if (values->dict != NULL) {
        values->spaces[values->own] = rune_dict_terms(values->dict);
    }
}

#define VALUE_STEPS 24u /* of one that is not in its term: it is looked up, maybe added */

rune_term rune_rule_made(struct rune_rule_values *values, enum rune_err err, rune_term term)
{
    if (err != RUNE_OK) {
        values->err = err;
        return RUNE_TERM_NONE;
    }
    values->work += VALUE_STEPS;
    rune_rule_values_refresh(values);
    return term;
}

rune_term rune_rule_make_long(struct rune_rule_values *values, int64_t value)
{
    if (rune_term_fits_inline(value)) {
        return rune_term_from_inline(value);
    }
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err = rune_dict_long(values->dict, value, &term);
    return rune_rule_made(values, err, term);
}

rune_term rune_rule_make_float(struct rune_rule_values *values, double value)
{
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err = rune_dict_float(values->dict, value, &term);
    return rune_rule_made(values, err, term);
}

rune_term rune_rule_make_entity(struct rune_rule_values *values, rune_term type, rune_term id)
{
    rune_term term = RUNE_TERM_NONE;
    if (values->dict == NULL ||
        !rune_uid_is_type_name(rune_terms_string(rune_rule_terms(values, type), type))) {
        return RUNE_TERM_NONE;
    }
    enum rune_err err = rune_dict_entity(values->dict, type, id, &term);
    return rune_rule_made(values, err, term);
}

rune_term rune_rule_make_ext(struct rune_rule_values *values, const struct rune_ext *ext)
{
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err = rune_dict_ext(values->dict, ext, &term);
    return rune_rule_made(values, err, term);
}

bool rune_rule_long(const struct rune_rule_values *values, rune_term term, int64_t *ret_value)
{
    if (rune_term_is_inline(term)) {
        *ret_value = rune_term_inline_value(term);
        return true;
    }
    if (rune_term_kind(term) != RUNE_KIND_LONG) {
        return false;
    }
    *ret_value = rune_rule_terms(values, term)->longs[rune_term_index(term)];
    return true;
}

static bool get_number(const struct rune_rule_values *values, rune_term term, double *ret_value)
{
    int64_t integer;
    if (rune_rule_long(values, term, &integer)) {
        *ret_value = (double)integer;
        return true;
    }
    if (rune_term_kind(term) != RUNE_KIND_FLOAT) {
        return false;
    }
    *ret_value = rune_rule_terms(values, term)->floats[rune_term_index(term)];
    return true;
}

bool rune_rule_string(const struct rune_rule_values *values, rune_term term,
                      struct rune_str *ret_text)
{
    if (rune_term_kind(term) != RUNE_KIND_STRING) {
        return false;
    }
    *ret_text = rune_terms_string(rune_rule_terms(values, term), term);
    return true;
}

bool rune_rule_ext(const struct rune_rule_values *values, rune_term term, enum rune_ext_kind kind,
                   struct rune_ext *ret_ext)
{
    if (rune_term_kind(term) != RUNE_KIND_EXT) {
        return false;
    }
    *ret_ext = rune_rule_terms(values, term)->exts[rune_term_index(term)];
    return ret_ext->kind == (uint32_t)kind;
}

static const char *compare_exts(const struct rune_rule_values *values, rune_term a, rune_term b,
                                int *ret_order)
{
    struct rune_ext left, right;
    for (int kind = RUNE_EXT_DATETIME; kind <= RUNE_EXT_DURATION; kind++) {
        if (rune_rule_ext(values, a, (enum rune_ext_kind)kind, &left) &&
            rune_rule_ext(values, b, (enum rune_ext_kind)kind, &right)) {
            *ret_order = rune_ext_compare(&left, &right);
            return NULL;
        }
    }
    return RUNE_RULE_TYPE_ERROR;
}

/* Exact: a float has no room for all digits of a large integer. */
static int compare_mixed(int64_t integer, double number)
{
    if (number >= 0x1p63 || number < -0x1p63) {
        return number < 0 ? 1 : -1;
    }
    int64_t whole = (int64_t)number; /* towards zero */
    double rest = number - (double)whole;
    return integer != whole ? (integer > whole) - (integer < whole) : (rest < 0) - (rest > 0);
}

const char *rune_rule_compare(struct rune_rule_values *values, rune_term a, rune_term b,
                              int *ret_order)
{
    int64_t left, right;
    if (rune_rule_long(values, a, &left) && rune_rule_long(values, b, &right)) {
        *ret_order = (left > right) - (left < right);
        return NULL;
    }
    struct rune_str text_a, text_b;
    if (rune_rule_string(values, a, &text_a) && rune_rule_string(values, b, &text_b)) {
        values->work += (text_a.length < text_b.length ? text_a.length : text_b.length) /
                        RUNE_RULE_BYTES_A_STEP;
        *ret_order = rune_str_compare(text_a, text_b);
        return NULL;
    }
    double float_a, float_b;
    if (get_number(values, a, &float_a) && get_number(values, b, &float_b)) {
        *ret_order = rune_rule_long(values, a, &left) ? compare_mixed(left, float_b)
                     : rune_rule_long(values, b, &right)
                         ? -compare_mixed(right, float_a)
                         : (float_a > float_b) - (float_a < float_b);
        return NULL;
    }
    return compare_exts(values, a, b, ret_order);
}

static const char *arith_longs(enum rune_rule_arith op, int64_t a, int64_t b, int64_t *ret_value)
{
    bool failed = false;
    switch (op) {
    case RUNE_RULE_ADD:
        failed = __builtin_add_overflow(a, b, ret_value);
        break;
    case RUNE_RULE_SUB:
        failed = __builtin_sub_overflow(a, b, ret_value);
        break;
    case RUNE_RULE_MUL:
        failed = __builtin_mul_overflow(a, b, ret_value);
        break;
    case RUNE_RULE_DIV:
    case RUNE_RULE_MOD:
        if (b == 0) {
            return "division_by_zero";
        }
        if (b == -1) {
            /* INT64_MIN / -1 traps on hardware. */
            if (op == RUNE_RULE_MOD) {
                *ret_value = 0;
            } else {
                failed = __builtin_sub_overflow((int64_t)0, a, ret_value);
            }
            break;
        }
        *ret_value = op == RUNE_RULE_DIV ? a / b : a % b;
        break;
    }
    return failed ? RUNE_RULE_OVERFLOW : NULL;
}

static const char *arith_floats(enum rune_rule_arith op, double a, double b, double *ret_value)
{
    switch (op) {
    case RUNE_RULE_ADD:
        *ret_value = a + b;
        break;
    case RUNE_RULE_SUB:
        *ret_value = a - b;
        break;
    case RUNE_RULE_MUL:
        *ret_value = a * b;
        break;
    case RUNE_RULE_DIV:
        if (b == 0) {
            return "division_by_zero";
        }
        *ret_value = a / b;
        break;
    case RUNE_RULE_MOD:
        return RUNE_RULE_TYPE_ERROR;
    }
    return *ret_value - *ret_value != 0 ? RUNE_RULE_OVERFLOW : NULL; /* infinite or not a number */
}

const char *rune_rule_arith(struct rune_rule_values *values, enum rune_rule_arith op, rune_term a,
                            rune_term b, rune_term *ret_term)
{
    int64_t left, right, value = 0;
    if (rune_rule_long(values, a, &left) && rune_rule_long(values, b, &right)) {
        const char *error = arith_longs(op, left, right, &value);
        if (error == NULL) {
            *ret_term = rune_rule_make_long(values, value);
        }
        return error;
    }
    double float_a, float_b, result = 0;
    if (!get_number(values, a, &float_a) || !get_number(values, b, &float_b)) {
        return RUNE_RULE_TYPE_ERROR;
    }
    const char *error = arith_floats(op, float_a, float_b, &result);
    if (error == NULL) {
        *ret_term = rune_rule_make_float(values, result);
    }
    return error;
}

const char *rune_rule_negate(struct rune_rule_values *values, rune_term a, rune_term *ret_term)
{
    if (rune_term_kind(a) == RUNE_KIND_FLOAT) {
        double number;
        (void)get_number(values, a, &number);
        *ret_term = rune_rule_make_float(values, -number);
        return NULL;
    }
    return rune_rule_arith(values, RUNE_RULE_SUB, rune_term_from_inline(0), a, ret_term);
}
