/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/value_call.h"

#include "model/ext.h"

enum function {
#define RUNE_FUNCTION(name, text, style, arity, result) FUNCTION_##name,
#include "cedar/functions.def"
#undef RUNE_FUNCTION
    FUNCTION_COUNT
};

static const struct {
    struct rune_str name;
    uint8_t arity;
} functions[] = {
#define RUNE_FUNCTION(name, text, style, arity, result) {{text, sizeof(text) - 1}, arity},
#include "cedar/functions.def"
#undef RUNE_FUNCTION
};

int rune_value_function_find(struct rune_str name)
{
    for (int i = 0; i < FUNCTION_COUNT; i++) {
        if (rune_str_equal(functions[i].name, name)) {
            return i;
        }
    }
    return -1;
}

uint32_t rune_value_function_arity(int function)
{
    return functions[function].arity;
}

uint32_t rune_value_function_arg(int function, uint32_t index)
{
    switch ((enum function)function) {
    case FUNCTION_DECIMAL:
    case FUNCTION_IP:
    case FUNCTION_DATETIME:
    case FUNCTION_DURATION:
        return 0;
    case FUNCTION_DECIMAL_LT:
    case FUNCTION_DECIMAL_LE:
    case FUNCTION_DECIMAL_GT:
    case FUNCTION_DECIMAL_GE:
        return RUNE_EXT_DECIMAL;
    case FUNCTION_IP_IS_V4:
    case FUNCTION_IP_IS_V6:
    case FUNCTION_IP_IS_LOOPBACK:
    case FUNCTION_IP_IS_MULTICAST:
    case FUNCTION_IP_IN_RANGE:
        return RUNE_EXT_IPADDR;
    case FUNCTION_DATETIME_OFFSET:
        return index == 0 ? RUNE_EXT_DATETIME : RUNE_EXT_DURATION;
    case FUNCTION_DATETIME_DURATION_SINCE:
    case FUNCTION_DATETIME_TO_DATE:
    case FUNCTION_DATETIME_TO_TIME:
        return RUNE_EXT_DATETIME;
    case FUNCTION_DURATION_TO_MILLISECONDS:
    case FUNCTION_DURATION_TO_SECONDS:
    case FUNCTION_DURATION_TO_MINUTES:
    case FUNCTION_DURATION_TO_HOURS:
    case FUNCTION_DURATION_TO_DAYS:
        return RUNE_EXT_DURATION;
    case FUNCTION_COUNT:
        break;
    }
    return 0;
}

int rune_value_constructor(uint32_t ext_kind)
{
    switch ((enum rune_ext_kind)ext_kind) {
    case RUNE_EXT_DECIMAL:
        return FUNCTION_DECIMAL;
    case RUNE_EXT_IPADDR:
        return FUNCTION_IP;
    case RUNE_EXT_DATETIME:
        return FUNCTION_DATETIME;
    case RUNE_EXT_DURATION:
        return FUNCTION_DURATION;
    }
    return -1;
}

static const char *constructor_message(enum rune_ext_kind kind)
{
    switch (kind) {
    case RUNE_EXT_DECIMAL:
        return "no decimal: digits, a dot, 1 to 4 digits";
    case RUNE_EXT_IPADDR:
        return "no IP address or range, like 10.0.0.1 or 10.0.0.0/8";
    case RUNE_EXT_DATETIME:
        return "no datetime, like 2024-10-15 or 2024-10-15T11:35:00Z";
    case RUNE_EXT_DURATION:
        break;
    }
    return "no duration, like 1d12h or -250ms";
}

static enum rune_err construct(struct rune_dict *dict, enum rune_ext_kind kind,
                               struct rune_str text, rune_term *ret_value, const char **ret_message)
{
    struct rune_ext ext;
    if (rune_ext_parse(kind, text, &ext) != RUNE_OK) {
        *ret_message = constructor_message(kind);
        return RUNE_E_INVALID;
    }
    return rune_dict_ext(dict, &ext, ret_value);
}

static enum rune_err call_method(struct rune_dict *dict, enum function function,
                                 const struct rune_ext *a, const struct rune_ext *b,
                                 rune_term *ret_value, const char **ret_message)
{
    static const int64_t units[] = {1, 1000, 60 * 1000, 60 * 60 * 1000, 24 * 60 * 60 * 1000};
    struct rune_ext result;
    bool ok = true;
    switch (function) {
    case FUNCTION_DECIMAL_LT:
        *ret_value = rune_term_bool(rune_ext_compare(a, b) < 0);
        return RUNE_OK;
    case FUNCTION_DECIMAL_LE:
        *ret_value = rune_term_bool(rune_ext_compare(a, b) <= 0);
        return RUNE_OK;
    case FUNCTION_DECIMAL_GT:
        *ret_value = rune_term_bool(rune_ext_compare(a, b) > 0);
        return RUNE_OK;
    case FUNCTION_DECIMAL_GE:
        *ret_value = rune_term_bool(rune_ext_compare(a, b) >= 0);
        return RUNE_OK;
    case FUNCTION_IP_IS_V4:
        *ret_value = rune_term_bool(a->version == 4);
        return RUNE_OK;
    case FUNCTION_IP_IS_V6:
        *ret_value = rune_term_bool(a->version == 6);
        return RUNE_OK;
    case FUNCTION_IP_IS_LOOPBACK:
        *ret_value = rune_term_bool(rune_ext_ip_is_loopback(a));
        return RUNE_OK;
    case FUNCTION_IP_IS_MULTICAST:
        *ret_value = rune_term_bool(rune_ext_ip_is_multicast(a));
        return RUNE_OK;
    case FUNCTION_IP_IN_RANGE:
        *ret_value = rune_term_bool(rune_ext_ip_in_range(a, b));
        return RUNE_OK;
    case FUNCTION_DATETIME_OFFSET:
        ok = rune_ext_offset(a, b, &result);
        break;
    case FUNCTION_DATETIME_DURATION_SINCE:
        ok = rune_ext_duration_since(a, b, &result);
        break;
    case FUNCTION_DATETIME_TO_DATE:
        ok = rune_ext_to_date(a, &result);
        break;
    case FUNCTION_DATETIME_TO_TIME:
        rune_ext_to_time(a, &result);
        break;
    case FUNCTION_DURATION_TO_MILLISECONDS:
    case FUNCTION_DURATION_TO_SECONDS:
    case FUNCTION_DURATION_TO_MINUTES:
    case FUNCTION_DURATION_TO_HOURS:
    case FUNCTION_DURATION_TO_DAYS: /* ORDER: as units */
        return rune_dict_long(
            dict, a->as.number / units[function - FUNCTION_DURATION_TO_MILLISECONDS], ret_value);
    default:
        return RUNE_E_INTERNAL;
    }
    if (!ok) {
        *ret_message = "this is beyond what datetimes and durations can hold";
        return RUNE_E_INVALID;
    }
    return rune_dict_ext(dict, &result, ret_value);
}

static const struct rune_terms *terms_of(const struct rune_dict *dict,
                                         const struct rune_terms *base, rune_term term)
{
    const struct rune_terms *own = rune_dict_terms(dict);
    return rune_term_space(term) == own->space ? own : base;
}

enum rune_err rune_value_call(struct rune_dict *dict, const struct rune_terms *base, int function,
                              const rune_term *args, uint32_t count, rune_term *ret_value,
                              const char **ret_message)
{
    *ret_message = "the arguments do not fit the function";
    if (count != functions[function].arity) {
        return RUNE_E_INVALID;
    }
    struct rune_ext exts[RUNE_VALUE_MAX_ARGS];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t want = rune_value_function_arg(function, i);
        if (want == 0) {
            if (rune_term_kind(args[i]) != RUNE_KIND_STRING) {
                return RUNE_E_INVALID;
            }
            continue;
        }
        if (rune_term_kind(args[i]) != RUNE_KIND_EXT) {
            return RUNE_E_INVALID;
        }
        exts[i] = terms_of(dict, base, args[i])->exts[rune_term_index(args[i])];
        if (exts[i].kind != want) {
            return RUNE_E_INVALID;
        }
    }
    for (uint32_t kind = RUNE_EXT_DECIMAL; kind <= RUNE_EXT_DURATION; kind++) {
        if (function == rune_value_constructor(kind)) {
            struct rune_str text = rune_terms_string(terms_of(dict, base, args[0]), args[0]);
            return construct(dict, (enum rune_ext_kind)kind, text, ret_value, ret_message);
        }
    }
    return call_method(dict, (enum function)function, &exts[0], &exts[1], ret_value, ret_message);
}
