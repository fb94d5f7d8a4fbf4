/* SPDX-License-Identifier: Apache-2.0 */
/* rule_values: see rule_values.h. Codes of errors are the ones that answers show. */
#include "eval/rule_values.h"

#include <string.h>

#include "model/uid.h"
#include "eval/values.h"

static const char type_error[] = "type_error";
static const char overflow[] = "overflow";

void rune_rule_values_refresh(struct rune_rule_values *values)
{
    if (values->dict != NULL) {
        values->spaces[values->own] = rune_dict_terms(values->dict);
    }
}

#define VALUE_STEPS  24u  /* of one that is not in its term: it is looked up, maybe added */
#define BYTES_A_STEP 256u /* that searching or comparing looks at in the time of a step */

static rune_term made(struct rune_rule_values *values, enum rune_err err, rune_term term)
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
    return made(values, err, term);
}

rune_term rune_rule_make_float(struct rune_rule_values *values, double value)
{
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err = rune_dict_float(values->dict, value, &term);
    return made(values, err, term);
}

rune_term rune_rule_make_entity(struct rune_rule_values *values, rune_term type, rune_term id)
{
    rune_term term = RUNE_TERM_NONE;
    if (values->dict == NULL ||
        !rune_uid_is_type_name(rune_terms_string(rune_rule_terms(values, type), type))) {
        return RUNE_TERM_NONE;
    }
    enum rune_err err = rune_dict_entity(values->dict, type, id, &term);
    return made(values, err, term);
}

static rune_term make_ext(struct rune_rule_values *values, const struct rune_ext *ext)
{
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err = rune_dict_ext(values->dict, ext, &term);
    return made(values, err, term);
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

static bool get_string(const struct rune_rule_values *values, rune_term term,
                       struct rune_str *ret_text)
{
    if (rune_term_kind(term) != RUNE_KIND_STRING) {
        return false;
    }
    *ret_text = rune_terms_string(rune_rule_terms(values, term), term);
    return true;
}

static bool get_ext(const struct rune_rule_values *values, rune_term term, enum rune_ext_kind kind,
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
        if (get_ext(values, a, (enum rune_ext_kind)kind, &left) &&
            get_ext(values, b, (enum rune_ext_kind)kind, &right)) {
            *ret_order = rune_ext_compare(&left, &right);
            return NULL;
        }
    }
    return type_error;
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
    if (get_string(values, a, &text_a) && get_string(values, b, &text_b)) {
        values->work +=
            (text_a.length < text_b.length ? text_a.length : text_b.length) / BYTES_A_STEP;
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
    return failed ? overflow : NULL;
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
        return type_error;
    }
    return *ret_value - *ret_value != 0 ? overflow : NULL; /* infinite or not a number */
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
        return type_error;
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

/* ---- strings ---- */

#define TURNS_A_STEP 8u

/* `*` any text, `\*` an asterisk; the pattern's next element after a failed match goes back to the
 * last `*`: linear in text times glob at worst, so each turn is counted. */
static bool glob_matches(struct rune_rule_values *values, struct rune_str text,
                         struct rune_str glob)
{
    size_t t = 0, g = 0, star = SIZE_MAX, resume = 0;
    for (uint64_t turns = 0; t < text.length; turns++) {
        if (turns % TURNS_A_STEP == 0 && ++values->work > values->max_work) {
            return false; /* the caller has not got the steps */
        }
        if (g < glob.length && glob.data[g] == '*') {
            star = g++;
            resume = t;
            continue;
        }
        size_t literal = g;
        if (g + 1 < glob.length && glob.data[g] == '\\' && glob.data[g + 1] == '*') {
            literal = g + 1;
        }
        if (literal < glob.length && glob.data[literal] == text.data[t]) {
            g = literal + 1;
            t++;
        } else if (star != SIZE_MAX) {
            g = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (g < glob.length && glob.data[g] == '*') {
        g++;
    }
    return g == glob.length;
}

static const char *concat(struct rune_rule_values *values, struct rune_str a, struct rune_str b,
                          rune_term *ret_term)
{
    char joined[4096]; /* LIMIT: bytes of a string made by concat */
    if (a.length + b.length > sizeof(joined)) {
        values->err = RUNE_E_LIMIT;
        *ret_term = RUNE_TERM_NONE;
        return NULL;
    }
    if (a.length > 0) {
        memcpy(joined, a.data, a.length);
    }
    if (b.length > 0) {
        memcpy(joined + a.length, b.data, b.length);
    }
    rune_term term = RUNE_TERM_NONE;
    enum rune_err err =
        rune_dict_string(values->dict, (struct rune_str){joined, a.length + b.length}, &term);
    *ret_term = made(values, err, term);
    return NULL;
}

static int64_t code_points(struct rune_str text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.length; i++) {
        count += (text.data[i] & 0xc0) != 0x80;
    }
    return count;
}

static const char *string_function(struct rune_rule_values *values,
                                   enum rune_rule_function function, const rune_term *args,
                                   rune_term *ret_term)
{
    struct rune_str a, b = {0};
    if (!get_string(values, args[0], &a) ||
        (function != RUNE_RULE_FN_LENGTH && !get_string(values, args[1], &b))) {
        return type_error;
    }
    values->work += (a.length + b.length) / BYTES_A_STEP;
    switch (function) {
    case RUNE_RULE_FN_CONCAT:
        return concat(values, a, b, ret_term);
    case RUNE_RULE_FN_LENGTH:
        *ret_term = rune_rule_make_long(values, code_points(a));
        return NULL;
    case RUNE_RULE_FN_STARTS_WITH:
        *ret_term = rune_term_bool(b.length <= a.length &&
                                   (b.length == 0 || memcmp(a.data, b.data, b.length) == 0));
        return NULL;
    case RUNE_RULE_FN_ENDS_WITH:
        *ret_term = rune_term_bool(
            b.length <= a.length &&
            (b.length == 0 || memcmp(a.data + (a.length - b.length), b.data, b.length) == 0));
        return NULL;
    case RUNE_RULE_FN_CONTAINS:
        *ret_term = rune_term_bool(
            b.length == 0 || (a.length > 0 && memmem(a.data, a.length, b.data, b.length) != NULL));
        return NULL;
    default:
        *ret_term = rune_term_bool(glob_matches(values, a, b));
        return NULL;
    }
}

/* ---- sets ---- */

static const uint32_t *set_run(const struct rune_rule_values *values, rune_term set)
{
    const struct rune_terms *terms = rune_rule_terms(values, set);
    return terms->heap + terms->sets[rune_term_index(set)];
}

static const char *set_function(struct rune_rule_values *values, enum rune_rule_function function,
                                const rune_term *args, rune_term *ret_term)
{
    if (rune_term_kind(args[0]) != RUNE_KIND_SET) {
        return type_error;
    }
    const uint32_t *set = set_run(values, args[0]);
    if (function == RUNE_RULE_FN_IS_EMPTY) {
        *ret_term = rune_term_bool(set[0] == 0);
        return NULL;
    }
    if (function == RUNE_RULE_FN_CONTAINS) {
        *ret_term = rune_term_bool(rune_run_contains(set, args[1]));
        return NULL;
    }
    if (rune_term_kind(args[1]) != RUNE_KIND_SET) {
        return type_error;
    }
    const uint32_t *other = set_run(values, args[1]);
    uint32_t found = 0;
    values->work += other[0];
    for (uint32_t i = 0; i < other[0]; i++) {
        found += rune_run_contains(set, other[1 + i]);
    }
    *ret_term =
        rune_term_bool(function == RUNE_RULE_FN_CONTAINS_ALL ? found == other[0] : found > 0);
    return NULL;
}

/* ---- extension values ---- */

static const char *construct(struct rune_rule_values *values, enum rune_ext_kind kind,
                             rune_term text_term, rune_term *ret_term)
{
    struct rune_str text;
    struct rune_ext ext;
    if (!get_string(values, text_term, &text)) {
        return type_error;
    }
    values->work += text.length / BYTES_A_STEP;
    if (rune_ext_parse(kind, text, &ext) != RUNE_OK) {
        return "extension_error";
    }
    *ret_term = make_ext(values, &ext);
    return NULL;
}

static const char *compare_decimals(const struct rune_rule_values *values,
                                    enum rune_rule_function function, const rune_term *args,
                                    rune_term *ret_term)
{
    struct rune_ext a, b;
    if (!get_ext(values, args[0], RUNE_EXT_DECIMAL, &a) ||
        !get_ext(values, args[1], RUNE_EXT_DECIMAL, &b)) {
        return type_error;
    }
    int order = rune_ext_compare(&a, &b);
    *ret_term = rune_term_bool(function == RUNE_RULE_FN_DECIMAL_LT   ? order < 0
                               : function == RUNE_RULE_FN_DECIMAL_LE ? order <= 0
                               : function == RUNE_RULE_FN_DECIMAL_GT ? order > 0
                                                                     : order >= 0);
    return NULL;
}

static const char *ip_function(const struct rune_rule_values *values,
                               enum rune_rule_function function, const rune_term *args,
                               rune_term *ret_term)
{
    struct rune_ext ip, range;
    bool truth;
    if (!get_ext(values, args[0], RUNE_EXT_IPADDR, &ip)) {
        return type_error;
    }
    switch (function) {
    case RUNE_RULE_FN_IP_IS_V4:
        truth = ip.version == 4;
        break;
    case RUNE_RULE_FN_IP_IS_V6:
        truth = ip.version == 6;
        break;
    case RUNE_RULE_FN_IP_IS_LOOPBACK:
        truth = rune_ext_ip_is_loopback(&ip);
        break;
    case RUNE_RULE_FN_IP_IS_MULTICAST:
        truth = rune_ext_ip_is_multicast(&ip);
        break;
    default: /* RUNE_RULE_FN_IP_IN_RANGE */
        if (!get_ext(values, args[1], RUNE_EXT_IPADDR, &range)) {
            return type_error;
        }
        truth = rune_ext_ip_in_range(&ip, &range);
        break;
    }
    *ret_term = rune_term_bool(truth);
    return NULL;
}

static const char *time_function(struct rune_rule_values *values, enum rune_rule_function function,
                                 const rune_term *args, rune_term *ret_term)
{
    struct rune_ext at, other, result;
    bool fits = true;
    if (!get_ext(values, args[0], RUNE_EXT_DATETIME, &at)) {
        return type_error;
    }
    switch (function) {
    case RUNE_RULE_FN_DATETIME_OFFSET:
        if (!get_ext(values, args[1], RUNE_EXT_DURATION, &other)) {
            return type_error;
        }
        fits = rune_ext_offset(&at, &other, &result);
        break;
    case RUNE_RULE_FN_DATETIME_DURATION_SINCE:
        if (!get_ext(values, args[1], RUNE_EXT_DATETIME, &other)) {
            return type_error;
        }
        fits = rune_ext_duration_since(&at, &other, &result);
        break;
    case RUNE_RULE_FN_DATETIME_TO_DATE:
        fits = rune_ext_to_date(&at, &result);
        break;
    default: /* RUNE_RULE_FN_DATETIME_TO_TIME */
        rune_ext_to_time(&at, &result);
        break;
    }
    if (!fits) {
        return overflow;
    }
    *ret_term = make_ext(values, &result);
    return NULL;
}

static const char *duration_function(struct rune_rule_values *values,
                                     enum rune_rule_function function, const rune_term *args,
                                     rune_term *ret_term)
{
    static const int64_t units[] = {1, 1000, 60000, 3600000, 86400000};
    struct rune_ext a;
    if (!get_ext(values, args[0], RUNE_EXT_DURATION, &a)) {
        return type_error;
    }
    *ret_term = rune_rule_make_long(
        values, a.as.number / units[function - RUNE_RULE_FN_DURATION_TO_MILLISECONDS]);
    return NULL;
}

const char *rune_rule_function(struct rune_rule_values *values, enum rune_rule_function function,
                               const rune_term *args, rune_term *ret_term)
{
    switch (function) {
    case RUNE_RULE_FN_CONTAINS:
        if (rune_term_kind(args[0]) == RUNE_KIND_SET) {
            return set_function(values, function, args, ret_term);
        }
        return string_function(values, function, args, ret_term);
    case RUNE_RULE_FN_CONCAT:
    case RUNE_RULE_FN_LENGTH:
    case RUNE_RULE_FN_STARTS_WITH:
    case RUNE_RULE_FN_ENDS_WITH:
    case RUNE_RULE_FN_MATCHES:
        return string_function(values, function, args, ret_term);
    case RUNE_RULE_FN_CONTAINS_ALL:
    case RUNE_RULE_FN_CONTAINS_ANY:
    case RUNE_RULE_FN_IS_EMPTY:
        return set_function(values, function, args, ret_term);
    case RUNE_RULE_FN_DECIMAL:
        return construct(values, RUNE_EXT_DECIMAL, args[0], ret_term);
    case RUNE_RULE_FN_IP:
        return construct(values, RUNE_EXT_IPADDR, args[0], ret_term);
    case RUNE_RULE_FN_DATETIME:
        return construct(values, RUNE_EXT_DATETIME, args[0], ret_term);
    case RUNE_RULE_FN_DURATION:
        return construct(values, RUNE_EXT_DURATION, args[0], ret_term);
    case RUNE_RULE_FN_DECIMAL_LT:
    case RUNE_RULE_FN_DECIMAL_LE:
    case RUNE_RULE_FN_DECIMAL_GT:
    case RUNE_RULE_FN_DECIMAL_GE:
        return compare_decimals(values, function, args, ret_term);
    case RUNE_RULE_FN_IP_IS_V4:
    case RUNE_RULE_FN_IP_IS_V6:
    case RUNE_RULE_FN_IP_IS_LOOPBACK:
    case RUNE_RULE_FN_IP_IS_MULTICAST:
    case RUNE_RULE_FN_IP_IN_RANGE:
        return ip_function(values, function, args, ret_term);
    case RUNE_RULE_FN_DATETIME_OFFSET:
    case RUNE_RULE_FN_DATETIME_DURATION_SINCE:
    case RUNE_RULE_FN_DATETIME_TO_DATE:
    case RUNE_RULE_FN_DATETIME_TO_TIME:
        return time_function(values, function, args, ret_term);
    case RUNE_RULE_FN_DURATION_TO_MILLISECONDS:
    case RUNE_RULE_FN_DURATION_TO_SECONDS:
    case RUNE_RULE_FN_DURATION_TO_MINUTES:
    case RUNE_RULE_FN_DURATION_TO_HOURS:
    case RUNE_RULE_FN_DURATION_TO_DAYS:
        return duration_function(values, function, args, ret_term);
    case RUNE_RULE_FN_IS_STRING:
        *ret_term = rune_term_bool(rune_term_kind(args[0]) == RUNE_KIND_STRING);
        return NULL;
    case RUNE_RULE_FUNCTION_COUNT:
        break;
    }
    return type_error;
}
