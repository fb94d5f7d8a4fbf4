/* SPDX-License-Identifier: Apache-2.0 */
/* rule_functions: what the functions of rule_functions.def do with values: of strings, of sets, of
 * extension values. */
#include <string.h>

#include "eval/rule_values_int.h"
#include "eval/values.h"

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
    *ret_term = rune_rule_made(values, err, term);
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
    if (!rune_rule_string(values, args[0], &a) ||
        (function != RUNE_RULE_FN_LENGTH && !rune_rule_string(values, args[1], &b))) {
        return RUNE_RULE_TYPE_ERROR;
    }
    values->work += (a.length + b.length) / RUNE_RULE_BYTES_A_STEP;
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
        return RUNE_RULE_TYPE_ERROR;
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
        return RUNE_RULE_TYPE_ERROR;
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
    if (!rune_rule_string(values, text_term, &text)) {
        return RUNE_RULE_TYPE_ERROR;
    }
    values->work += text.length / RUNE_RULE_BYTES_A_STEP;
    if (rune_ext_parse(kind, text, &ext) != RUNE_OK) {
        return "extension_error";
    }
    *ret_term = rune_rule_make_ext(values, &ext);
    return NULL;
}

static const char *compare_decimals(const struct rune_rule_values *values,
                                    enum rune_rule_function function, const rune_term *args,
                                    rune_term *ret_term)
{
    struct rune_ext a, b;
    if (!rune_rule_ext(values, args[0], RUNE_EXT_DECIMAL, &a) ||
        !rune_rule_ext(values, args[1], RUNE_EXT_DECIMAL, &b)) {
        return RUNE_RULE_TYPE_ERROR;
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
    if (!rune_rule_ext(values, args[0], RUNE_EXT_IPADDR, &ip)) {
        return RUNE_RULE_TYPE_ERROR;
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
        if (!rune_rule_ext(values, args[1], RUNE_EXT_IPADDR, &range)) {
            return RUNE_RULE_TYPE_ERROR;
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
    if (!rune_rule_ext(values, args[0], RUNE_EXT_DATETIME, &at)) {
        return RUNE_RULE_TYPE_ERROR;
    }
    switch (function) {
    case RUNE_RULE_FN_DATETIME_OFFSET:
        if (!rune_rule_ext(values, args[1], RUNE_EXT_DURATION, &other)) {
            return RUNE_RULE_TYPE_ERROR;
        }
        fits = rune_ext_offset(&at, &other, &result);
        break;
    case RUNE_RULE_FN_DATETIME_DURATION_SINCE:
        if (!rune_rule_ext(values, args[1], RUNE_EXT_DATETIME, &other)) {
            return RUNE_RULE_TYPE_ERROR;
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
        return RUNE_RULE_OVERFLOW;
    }
    *ret_term = rune_rule_make_ext(values, &result);
    return NULL;
}

static const char *duration_function(struct rune_rule_values *values,
                                     enum rune_rule_function function, const rune_term *args,
                                     rune_term *ret_term)
{
    static const int64_t units[] = {1, 1000, 60000, 3600000, 86400000};
    struct rune_ext a;
    if (!rune_rule_ext(values, args[0], RUNE_EXT_DURATION, &a)) {
        return RUNE_RULE_TYPE_ERROR;
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
    return RUNE_RULE_TYPE_ERROR;
}
