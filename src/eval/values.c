/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/values.h"

#include <string.h>

#include "eval/error.h"
#include "eval/policy_code.h"

static bool fail_type(struct rune_eval_error *ret_error, uint32_t expected, rune_term actual)
{
    *ret_error = (struct rune_eval_error){.code = RUNE_EVAL_TYPE, .detail = expected, .a = actual};
    return false;
}

static bool fail_limit(struct rune_eval_error *ret_error)
{
    *ret_error = (struct rune_eval_error){.code = RUNE_EVAL_LIMIT};
    return false;
}

static bool spend(struct rune_values *values, uint64_t steps, struct rune_eval_error *ret_error)
{
    if (values->steps_left < steps) {
        values->steps_left = 0;
        return fail_limit(ret_error);
    }
    values->steps_left -= steps;
    return true;
}

/* ---- integers, and what else has an order ---- */

/* The bit of a kind that `<` takes, 0 of any other; *ret_number is what is compared. */
static uint32_t ordered_kind(const struct rune_values *values, rune_term term, int64_t *ret_number)
{
    if (rune_term_kind(term) == RUNE_KIND_LONG) {
        *ret_number = rune_values_long(values, term);
        return RUNE_TYPE_LONG;
    }
    if (rune_term_kind(term) != RUNE_KIND_EXT) {
        return 0;
    }
    const struct rune_ext *ext = rune_values_ext(values, term);
    *ret_number = ext->as.number;
    if (ext->kind == RUNE_EXT_DATETIME) {
        return RUNE_TYPE_DATETIME;
    }
    return ext->kind == RUNE_EXT_DURATION ? RUNE_TYPE_DURATION : 0;
}

bool rune_values_compare(const struct rune_values *values, enum rune_comparison op, rune_term a,
                         rune_term b, bool *ret_truth, struct rune_eval_error *ret_error)
{
    int64_t x = 0, y = 0;
    uint32_t kind_a = ordered_kind(values, a, &x);
    uint32_t kind_b = ordered_kind(values, b, &y);
    if (kind_a == 0 || kind_a != kind_b) {
        /* As Cedar has it: the side that is an integer decides what the other should have been,
         * then the left. */
        if (kind_a == 0 && kind_b == 0) {
            return fail_type(ret_error, RUNE_TYPE_LONG | RUNE_TYPE_DATETIME | RUNE_TYPE_DURATION,
                             a);
        }
        bool blame_b = kind_a == RUNE_TYPE_LONG || (kind_b != RUNE_TYPE_LONG && kind_a != 0);
        return blame_b ? fail_type(ret_error, kind_a, b) : fail_type(ret_error, kind_b, a);
    }
    switch (op) {
    case RUNE_COMPARE_LT:
        *ret_truth = x < y;
        break;
    case RUNE_COMPARE_LE:
        *ret_truth = x <= y;
        break;
    case RUNE_COMPARE_GT:
        *ret_truth = x > y;
        break;
    case RUNE_COMPARE_GE:
        *ret_truth = x >= y;
        break;
    }
    return true;
}

static bool make_long(struct rune_values *values, int64_t number, rune_term *ret_term,
                      struct rune_eval_error *ret_error)
{
    if (rune_term_fits_inline(number)) {
        *ret_term = rune_term_from_inline(number);
        return true;
    }
    return rune_dict_long(values->dict, number, ret_term) == RUNE_OK || fail_limit(ret_error);
}

bool rune_values_arithmetic(struct rune_values *values, enum rune_arithmetic op, rune_term a,
                            rune_term b, rune_term *ret_term, struct rune_eval_error *ret_error)
{
    static const uint32_t ops[] = {RUNE_OP_ADD, RUNE_OP_SUB, RUNE_OP_MUL};
    if (rune_term_kind(a) != RUNE_KIND_LONG || rune_term_kind(b) != RUNE_KIND_LONG) {
        return fail_type(ret_error, RUNE_TYPE_LONG, rune_term_kind(a) != RUNE_KIND_LONG ? a : b);
    }
    int64_t x = rune_values_long(values, a);
    int64_t y = rune_values_long(values, b);
    int64_t number;
    bool overflow = op == RUNE_ARITHMETIC_ADD   ? __builtin_add_overflow(x, y, &number)
                    : op == RUNE_ARITHMETIC_SUB ? __builtin_sub_overflow(x, y, &number)
                                                : __builtin_mul_overflow(x, y, &number);
    if (overflow) {
        *ret_error = (struct rune_eval_error){RUNE_EVAL_OVERFLOW, ops[op], a, b};
        return false;
    }
    return make_long(values, number, ret_term, ret_error);
}

bool rune_values_negate(struct rune_values *values, rune_term a, rune_term *ret_term,
                        struct rune_eval_error *ret_error)
{
    int64_t number;
    if (rune_term_kind(a) != RUNE_KIND_LONG) {
        return fail_type(ret_error, RUNE_TYPE_LONG, a);
    }
    if (__builtin_sub_overflow(0, rune_values_long(values, a), &number)) {
        *ret_error = (struct rune_eval_error){RUNE_EVAL_OVERFLOW, RUNE_OP_NEG, a, RUNE_TERM_NONE};
        return false;
    }
    return make_long(values, number, ret_term, ret_error);
}

/* ---- sets ---- */

static bool is_set(rune_term term)
{
    return rune_term_kind(term) == RUNE_KIND_SET;
}

bool rune_values_contains(const struct rune_values *values, rune_term set, rune_term element,
                          bool *ret_truth, struct rune_eval_error *ret_error)
{
    if (!is_set(set)) {
        return fail_type(ret_error, RUNE_TYPE_SET, set);
    }
    *ret_truth = rune_run_contains(rune_values_set(values, set), element);
    return true;
}

/* How many elements of the ascending run b are in the ascending run a; stops at the first that is
 * (is not), as `stop` says. Walks both when they are of like size, searches the larger else. */
static uint32_t count_common(const uint32_t *a, const uint32_t *b, bool stop)
{
    uint32_t found = 0;
    bool search = (uint64_t)b[0] * 8 < a[0];
    for (uint32_t i = 1, j = 1; j <= b[0]; j++) {
        bool is_in;
        if (search) {
            is_in = rune_run_contains(a, b[j]);
        } else {
            while (i <= a[0] && a[i] < b[j]) {
                i++;
            }
            is_in = i <= a[0] && a[i] == b[j];
        }
        found += is_in;
        if (is_in == stop) {
            break;
        }
    }
    return found;
}

bool rune_values_contains_all(struct rune_values *values, rune_term a, rune_term b, bool *ret_truth,
                              struct rune_eval_error *ret_error)
{
    if (!is_set(a) || !is_set(b)) {
        return fail_type(ret_error, RUNE_TYPE_SET, is_set(a) ? b : a);
    }
    const uint32_t *large = rune_values_set(values, a);
    const uint32_t *small = rune_values_set(values, b);
    if (!spend(values, (uint64_t)large[0] + small[0], ret_error)) {
        return false;
    }
    *ret_truth = small[0] <= large[0] && count_common(large, small, false) == small[0];
    return true;
}

bool rune_values_contains_any(struct rune_values *values, rune_term a, rune_term b, bool *ret_truth,
                              struct rune_eval_error *ret_error)
{
    if (!is_set(a) || !is_set(b)) {
        return fail_type(ret_error, RUNE_TYPE_SET, is_set(a) ? b : a);
    }
    const uint32_t *large = rune_values_set(values, a);
    const uint32_t *small = rune_values_set(values, b);
    if (large[0] < small[0]) {
        const uint32_t *other = large;
        large = small;
        small = other;
    }
    if (!spend(values, (uint64_t)large[0] + small[0], ret_error)) {
        return false;
    }
    *ret_truth = count_common(large, small, true) > 0;
    return true;
}

bool rune_values_is_empty(const struct rune_values *values, rune_term set, bool *ret_truth,
                          struct rune_eval_error *ret_error)
{
    if (!is_set(set)) {
        return fail_type(ret_error, RUNE_TYPE_SET, set);
    }
    *ret_truth = rune_values_set(values, set)[0] == 0;
    return true;
}

bool rune_values_make_set(struct rune_values *values, rune_term *elements, uint32_t count,
                          rune_term *ret_term, struct rune_eval_error *ret_error)
{
    return spend(values, count, ret_error) &&
           (rune_dict_set(values->dict, elements, count, ret_term) == RUNE_OK ||
            fail_limit(ret_error));
}

bool rune_values_make_record(struct rune_values *values, rune_term *names, rune_term *items,
                             uint32_t count, rune_term *ret_term, struct rune_eval_error *ret_error)
{
    return spend(values, count, ret_error) &&
           (rune_dict_record(values->dict, names, items, count, ret_term) == RUNE_OK ||
            fail_limit(ret_error));
}

/* ---- like ---- */

/* Greedy: after a failure the last wildcard takes one byte more. Bytes serve for code points, since
 * no code point's bytes begin within another's. */
bool rune_values_like(struct rune_values *values, rune_term text, const uint8_t *pattern,
                      size_t length, bool *ret_truth, struct rune_eval_error *ret_error)
{
    if (rune_term_kind(text) != RUNE_KIND_STRING) {
        return fail_type(ret_error, RUNE_TYPE_STRING, text);
    }
    struct rune_str str = rune_values_string(values, text);
    const uint8_t *bytes = (const uint8_t *)str.data;
    size_t at = 0, p = 0;
    size_t retry_at = 0, retry_p = SIZE_MAX;
    uint64_t steps = 0;
    bool matches = true;
    while (at < str.length) {
        if (++steps > values->steps_left) {
            values->steps_left = 0;
            return fail_limit(ret_error);
        }
        if (p < length && pattern[p] == RUNE_PATTERN_WILDCARD) {
            retry_p = ++p;
            retry_at = at;
        } else if (p < length && pattern[p] == bytes[at]) {
            p++;
            at++;
        } else if (retry_p != SIZE_MAX) {
            p = retry_p;
            at = ++retry_at;
        } else {
            matches = false;
            break;
        }
    }
    while (p < length && pattern[p] == RUNE_PATTERN_WILDCARD) {
        p++;
    }
    values->steps_left -= steps;
    *ret_truth = matches && p == length;
    return true;
}

/* ---- extension functions ---- */

static const uint32_t ext_bits[] = {[RUNE_EXT_DECIMAL] = RUNE_TYPE_DECIMAL,
                                    [RUNE_EXT_IPADDR] = RUNE_TYPE_IPADDR,
                                    [RUNE_EXT_DATETIME] = RUNE_TYPE_DATETIME,
                                    [RUNE_EXT_DURATION] = RUNE_TYPE_DURATION};

/* The value of that kind, or NULL with a type error. */
static const struct rune_ext *as_ext(const struct rune_values *values, rune_term term,
                                     enum rune_ext_kind kind, struct rune_eval_error *ret_error)
{
    if (rune_term_kind(term) == RUNE_KIND_EXT) {
        const struct rune_ext *ext = rune_values_ext(values, term);
        if (ext->kind == (uint32_t)kind) {
            return ext;
        }
    }
    fail_type(ret_error, ext_bits[kind], term);
    return NULL;
}

static bool make_ext(struct rune_values *values, const struct rune_ext *ext, rune_term *ret_term,
                     struct rune_eval_error *ret_error)
{
    /* A copy: the dict may move the array that `ext` is in. */
    const struct rune_ext copy = *ext;
    return rune_dict_ext(values->dict, &copy, ret_term) == RUNE_OK || fail_limit(ret_error);
}

static bool construct(struct rune_values *values, enum rune_ext_kind kind, uint32_t function,
                      rune_term text, rune_term *ret_term, struct rune_eval_error *ret_error)
{
    struct rune_ext ext;
    if (rune_term_kind(text) != RUNE_KIND_STRING) {
        return fail_type(ret_error, RUNE_TYPE_STRING, text);
    }
    struct rune_str str = rune_values_string(values, text);
    if (!spend(values, str.length / 16, ret_error)) {
        return false;
    }
    if (rune_ext_parse(kind, str, &ext) != RUNE_OK) {
        *ret_error = (struct rune_eval_error){RUNE_EVAL_EXTENSION, function, text, RUNE_TERM_NONE};
        return false;
    }
    return make_ext(values, &ext, ret_term, ret_error);
}

static bool compare_decimals(const struct rune_values *values, uint32_t function,
                             const rune_term *args, rune_term *ret_term,
                             struct rune_eval_error *ret_error)
{
    const struct rune_ext *a = as_ext(values, args[0], RUNE_EXT_DECIMAL, ret_error);
    const struct rune_ext *b =
        a != NULL ? as_ext(values, args[1], RUNE_EXT_DECIMAL, ret_error) : NULL;
    if (b == NULL) {
        return false;
    }
    int order = rune_ext_compare(a, b);
    *ret_term = rune_term_bool(function == RUNE_FUNCTION_DECIMAL_LT   ? order < 0
                               : function == RUNE_FUNCTION_DECIMAL_LE ? order <= 0
                               : function == RUNE_FUNCTION_DECIMAL_GT ? order > 0
                                                                      : order >= 0);
    return true;
}

static bool test_ip(const struct rune_values *values, uint32_t function, const rune_term *args,
                    rune_term *ret_term, struct rune_eval_error *ret_error)
{
    const struct rune_ext *ip = as_ext(values, args[0], RUNE_EXT_IPADDR, ret_error);
    const struct rune_ext *range = NULL;
    if (ip == NULL) {
        return false;
    }
    bool truth = false;
    switch (function) {
    case RUNE_FUNCTION_IP_IS_V4:
        truth = ip->version == 4;
        break;
    case RUNE_FUNCTION_IP_IS_V6:
        truth = ip->version == 6;
        break;
    case RUNE_FUNCTION_IP_IS_LOOPBACK:
        truth = rune_ext_ip_is_loopback(ip);
        break;
    case RUNE_FUNCTION_IP_IS_MULTICAST:
        truth = rune_ext_ip_is_multicast(ip);
        break;
    default: /* RUNE_FUNCTION_IP_IN_RANGE */
        range = as_ext(values, args[1], RUNE_EXT_IPADDR, ret_error);
        if (range == NULL) {
            return false;
        }
        truth = rune_ext_ip_in_range(ip, range);
    }
    *ret_term = rune_term_bool(truth);
    return true;
}

static bool move_datetime(struct rune_values *values, uint32_t function, const rune_term *args,
                          rune_term *ret_term, struct rune_eval_error *ret_error)
{
    const struct rune_ext *datetime = as_ext(values, args[0], RUNE_EXT_DATETIME, ret_error);
    const struct rune_ext *other = NULL;
    struct rune_ext result;
    bool fits = true;
    if (datetime == NULL) {
        return false;
    }
    switch (function) {
    case RUNE_FUNCTION_DATETIME_OFFSET:
        other = as_ext(values, args[1], RUNE_EXT_DURATION, ret_error);
        if (other == NULL) {
            return false;
        }
        fits = rune_ext_offset(datetime, other, &result);
        break;
    case RUNE_FUNCTION_DATETIME_DURATION_SINCE:
        other = as_ext(values, args[1], RUNE_EXT_DATETIME, ret_error);
        if (other == NULL) {
            return false;
        }
        fits = rune_ext_duration_since(datetime, other, &result);
        break;
    case RUNE_FUNCTION_DATETIME_TO_DATE:
        fits = rune_ext_to_date(datetime, &result);
        break;
    default: /* RUNE_FUNCTION_DATETIME_TO_TIME */
        rune_ext_to_time(datetime, &result);
    }
    if (!fits) {
        *ret_error = (struct rune_eval_error){RUNE_EVAL_EXTENSION, function, args[0],
                                              other != NULL ? args[1] : RUNE_TERM_NONE};
        return false;
    }
    return make_ext(values, &result, ret_term, ret_error);
}

static bool convert_duration(struct rune_values *values, uint32_t function, rune_term arg,
                             rune_term *ret_term, struct rune_eval_error *ret_error)
{
    const struct rune_ext *duration = as_ext(values, arg, RUNE_EXT_DURATION, ret_error);
    if (duration == NULL) {
        return false;
    }
    int64_t unit = function == RUNE_FUNCTION_DURATION_TO_MILLISECONDS ? 1
                   : function == RUNE_FUNCTION_DURATION_TO_SECONDS    ? 1000
                   : function == RUNE_FUNCTION_DURATION_TO_MINUTES    ? 60000
                   : function == RUNE_FUNCTION_DURATION_TO_HOURS      ? 3600000
                                                                      : 86400000;
    return make_long(values, duration->as.number / unit, ret_term, ret_error);
}

bool rune_values_call(struct rune_values *values, uint32_t function, const rune_term *args,
                      rune_term *ret_term, struct rune_eval_error *ret_error)
{
    switch ((enum rune_function)function) {
    case RUNE_FUNCTION_DECIMAL:
        return construct(values, RUNE_EXT_DECIMAL, function, args[0], ret_term, ret_error);
    case RUNE_FUNCTION_IP:
        return construct(values, RUNE_EXT_IPADDR, function, args[0], ret_term, ret_error);
    case RUNE_FUNCTION_DATETIME:
        return construct(values, RUNE_EXT_DATETIME, function, args[0], ret_term, ret_error);
    case RUNE_FUNCTION_DURATION:
        return construct(values, RUNE_EXT_DURATION, function, args[0], ret_term, ret_error);
    case RUNE_FUNCTION_DECIMAL_LT:
    case RUNE_FUNCTION_DECIMAL_LE:
    case RUNE_FUNCTION_DECIMAL_GT:
    case RUNE_FUNCTION_DECIMAL_GE:
        return compare_decimals(values, function, args, ret_term, ret_error);
    case RUNE_FUNCTION_IP_IS_V4:
    case RUNE_FUNCTION_IP_IS_V6:
    case RUNE_FUNCTION_IP_IS_LOOPBACK:
    case RUNE_FUNCTION_IP_IS_MULTICAST:
    case RUNE_FUNCTION_IP_IN_RANGE:
        return test_ip(values, function, args, ret_term, ret_error);
    case RUNE_FUNCTION_DATETIME_OFFSET:
    case RUNE_FUNCTION_DATETIME_DURATION_SINCE:
    case RUNE_FUNCTION_DATETIME_TO_DATE:
    case RUNE_FUNCTION_DATETIME_TO_TIME:
        return move_datetime(values, function, args, ret_term, ret_error);
    case RUNE_FUNCTION_DURATION_TO_MILLISECONDS:
    case RUNE_FUNCTION_DURATION_TO_SECONDS:
    case RUNE_FUNCTION_DURATION_TO_MINUTES:
    case RUNE_FUNCTION_DURATION_TO_HOURS:
    case RUNE_FUNCTION_DURATION_TO_DAYS:
        return convert_duration(values, function, args[0], ret_term, ret_error);
    case RUNE_FUNCTION_COUNT:
        break;
    }
    return fail_limit(ret_error);
}
