/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/error.h"

#include "eval/policy_code.h"
#include "model/uid.h"

#define MAX_ELEMENTS 5u   /* shown of a set or record */
#define MAX_TEXT     200u /* bytes shown of a string */
#define MAX_NESTING  3u

const char *rune_eval_code_text(enum rune_eval_code code)
{
    static const char *const texts[] = {
        "ok",
#define RUNE_EVAL_ERROR(name, code, text) code,
#include "eval/errors.def"
#undef RUNE_EVAL_ERROR
    };
    return texts[code];
}

/* ---- values ---- */

static struct rune_str cut(struct rune_str text)
{
    if (text.length > MAX_TEXT) {
        text.length = MAX_TEXT;
        while (text.length > 0 && ((unsigned char)text.data[text.length] & 0xc0) == 0x80) {
            text.length--; /* not inside a code point */
        }
    }
    return text;
}

static void format_value(const struct rune_values *values, rune_term term, uint32_t nesting,
                         struct rune_buf *out);

static void format_entity(const struct rune_values *values, rune_term term, struct rune_buf *out)
{
    const struct rune_terms *terms = rune_values_terms(values, term);
    uint32_t index = rune_term_index(term);
    rune_uid_format(rune_values_string(values, terms->entity_type[index]),
                    cut(rune_values_string(values, terms->entity_id[index])), out);
}

static void format_set(const struct rune_values *values, rune_term term, uint32_t nesting,
                       struct rune_buf *out)
{
    const uint32_t *run = rune_values_set(values, term);
    rune_buf_append_char(out, '[');
    for (uint32_t i = 1; i <= run[0]; i++) {
        rune_buf_append_cstr(out, i > 1 ? ", " : "");
        if (i > MAX_ELEMENTS || nesting == 0) {
            rune_buf_append_cstr(out, "..");
            break;
        }
        format_value(values, run[i], nesting - 1, out);
    }
    rune_buf_append_char(out, ']');
}

static void format_record(const struct rune_values *values, rune_term term, uint32_t nesting,
                          struct rune_buf *out)
{
    const struct rune_terms *terms = rune_values_terms(values, term);
    const uint32_t *run = terms->heap + terms->records[rune_term_index(term)];
    const uint32_t *shape = terms->heap + run[0];
    rune_buf_append_char(out, '{');
    for (uint32_t i = 1; i <= shape[0]; i++) {
        rune_buf_append_cstr(out, i > 1 ? ", " : "");
        if (i > MAX_ELEMENTS || nesting == 0) {
            rune_buf_append_cstr(out, "..");
            break;
        }
        rune_uid_format_string(cut(rune_values_string(values, shape[i])), out);
        rune_buf_append_cstr(out, ": ");
        format_value(values, run[i], nesting - 1, out);
    }
    rune_buf_append_char(out, '}');
}

static void format_ext(const struct rune_ext *ext, struct rune_buf *out)
{
    static const char *const names[] = {"", "decimal", "ip", "datetime", "duration"};
    rune_buf_append_cstr(out, names[ext->kind]);
    rune_buf_append_cstr(out, "(\"");
    rune_ext_format(ext, out);
    rune_buf_append_cstr(out, "\")");
}

/* Nesting is counted down, so this ends. */
static void format_value(const struct rune_values *values, rune_term term, uint32_t nesting,
                         struct rune_buf *out)
{
    switch (rune_term_kind(term)) {
    case RUNE_KIND_SPECIAL:
        rune_buf_append_cstr(out, term == RUNE_TERM_TRUE    ? "true"
                                  : term == RUNE_TERM_FALSE ? "false"
                                                            : "nothing");
        break;
    case RUNE_KIND_STRING:
        rune_uid_format_string(cut(rune_values_string(values, term)), out);
        break;
    case RUNE_KIND_ENTITY:
        format_entity(values, term, out);
        break;
    case RUNE_KIND_LONG:
        rune_buf_printf(out, "%lld", (long long)rune_values_long(values, term));
        break;
    case RUNE_KIND_SET:
        format_set(values, term, nesting, out);
        break;
    case RUNE_KIND_RECORD:
        format_record(values, term, nesting, out);
        break;
    case RUNE_KIND_EXT:
        format_ext(rune_values_ext(values, term), out);
        break;
    case RUNE_KIND_FLOAT:
        rune_buf_printf(out, "%.17g",
                        rune_values_terms(values, term)->floats[rune_term_index(term)]);
        break;
    }
}

/* ---- messages ---- */

static const char *const type_names[] = {
    "bool",    "long",   "string",   "set",     "record", "(entity of type `any_entity_type`)",
    "decimal", "ipaddr", "datetime", "duration"};

#define TYPE_COUNT (sizeof type_names / sizeof *type_names)

static void format_expected(uint32_t types, struct rune_buf *out)
{
    bool several = (types & (types - 1)) != 0;
    const char *between = several ? "one of [" : "";
    for (uint32_t i = 0; i < TYPE_COUNT; i++) {
        if ((types & 1u << i) != 0) {
            rune_buf_append_cstr(out, between);
            rune_buf_append_cstr(out, type_names[i]);
            between = ", ";
        }
    }
    rune_buf_append_cstr(out, several ? "]" : "");
}

static void format_actual(const struct rune_values *values, rune_term term, struct rune_buf *out)
{
    static const uint8_t kinds[8] = {
        [RUNE_KIND_STRING] = 2, [RUNE_KIND_LONG] = 1, [RUNE_KIND_SET] = 3, [RUNE_KIND_RECORD] = 4};
    static const uint8_t exts[5] = {0, 6, 7, 8, 9};
    enum rune_kind kind = rune_term_kind(term);
    if (kind == RUNE_KIND_ENTITY) {
        rune_buf_append_cstr(out, "(entity of type `");
        rune_buf_append_str(out, rune_values_string(values, rune_values_entity_type(values, term)));
        rune_buf_append_cstr(out, "`)");
    } else if (kind == RUNE_KIND_EXT) {
        rune_buf_append_cstr(out, type_names[exts[rune_values_ext(values, term)->kind]]);
    } else if (kind == RUNE_KIND_FLOAT) {
        rune_buf_append_cstr(out, "float");
    } else {
        rune_buf_append_cstr(out, type_names[kinds[kind]]);
    }
}

static void format_missing(const struct rune_eval_error *error, const struct rune_values *values,
                           const char *what, struct rune_buf *out)
{
    if (rune_term_kind(error->a) == RUNE_KIND_ENTITY) {
        rune_buf_append_char(out, '`');
        format_entity(values, error->a, out);
        rune_buf_append_char(out, '`');
    } else {
        rune_buf_append_cstr(out, "record");
    }
    rune_buf_printf(out, " does not have the %s `", what);
    rune_buf_append_str(out, cut(rune_values_string(values, error->b)));
    rune_buf_append_char(out, '`');
}

static void format_overflow(const struct rune_eval_error *error, const struct rune_values *values,
                            struct rune_buf *out)
{
    const char *verb = error->detail == RUNE_OP_ADD   ? "add"
                       : error->detail == RUNE_OP_SUB ? "subtract"
                       : error->detail == RUNE_OP_MUL ? "multiply"
                                                      : "negate";
    rune_buf_printf(out, "integer overflow while attempting to %s the value%s `", verb,
                    error->detail == RUNE_OP_NEG ? "" : "s");
    format_value(values, error->a, MAX_NESTING, out);
    if (error->detail != RUNE_OP_NEG) {
        rune_buf_append_cstr(out, "` and `");
        format_value(values, error->b, MAX_NESTING, out);
    }
    rune_buf_append_char(out, '`');
}

static void format_extension(const struct rune_eval_error *error, const struct rune_values *values,
                             struct rune_buf *out)
{
    const struct rune_function_info *function = &rune_function_infos[error->detail];
    rune_buf_printf(out, "error while evaluating the extension function `%s`: ", function->name);
    format_value(values, error->a, MAX_NESTING, out);
    if (error->b != RUNE_TERM_NONE) {
        rune_buf_append_cstr(out, " with ");
        format_value(values, error->b, MAX_NESTING, out);
    }
    rune_buf_append_cstr(out, function->is_method ? " overflows"
                                                  : " is not a well-formed value, or out of range");
}

void rune_eval_error_format(const struct rune_eval_error *error, const struct rune_values *values,
                            struct rune_buf *out)
{
    switch ((enum rune_eval_code)error->code) {
    case RUNE_EVAL_TYPE:
        rune_buf_append_cstr(out, "type error: expected ");
        format_expected(error->detail, out);
        rune_buf_append_cstr(out, ", got ");
        format_actual(values, error->a, out);
        break;
    case RUNE_EVAL_NO_ENTITY:
        rune_buf_append_cstr(out, "entity `");
        format_entity(values, error->a, out);
        rune_buf_append_cstr(out, "` does not exist");
        break;
    case RUNE_EVAL_NO_ATTRIBUTE:
        format_missing(error, values, "attribute", out);
        break;
    case RUNE_EVAL_NO_TAG:
        format_missing(error, values, "tag", out);
        break;
    case RUNE_EVAL_OVERFLOW:
        format_overflow(error, values, out);
        break;
    case RUNE_EVAL_ARITY:
        rune_buf_printf(
            out,
            "wrong number of arguments provided to extension function `%s`: expected %u, got %u",
            rune_function_infos[error->detail].name, rune_function_infos[error->detail].arity,
            error->a);
        break;
    case RUNE_EVAL_EXTENSION:
        format_extension(error, values, out);
        break;
    case RUNE_EVAL_LIMIT:
        rune_buf_append_cstr(out, "the decision needs more steps or memory than its limit");
        break;
    case RUNE_EVAL_OK:
    case RUNE_EVAL_CODE_COUNT:
        break;
    }
}
