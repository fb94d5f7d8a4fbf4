/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/value_print.h"

#include "model/uid.h"

static void print_string(struct rune_str text, enum rune_value_form form, struct rune_buf *out)
{
    if (form == RUNE_VALUE_AS_JSON) {
        rune_buf_append_json(out, text);
    } else {
        rune_uid_format_string(text, out);
    }
}

static void print_entity(const struct rune_values *values, rune_term term,
                         enum rune_value_form form, struct rune_buf *out)
{
    const struct rune_terms *terms = rune_values_terms(values, term);
    struct rune_str type = rune_values_string(values, terms->entity_type[rune_term_index(term)]);
    struct rune_str id = rune_values_string(values, terms->entity_id[rune_term_index(term)]);
    if (form != RUNE_VALUE_AS_JSON) {
        rune_uid_format(type, id, out);
        return;
    }
    rune_buf_append_cstr(out, "{\"__entity\":{\"type\":");
    rune_buf_append_json(out, type);
    rune_buf_append_cstr(out, ",\"id\":");
    rune_buf_append_json(out, id);
    rune_buf_append_cstr(out, "}}");
}

static void print_ext(const struct rune_ext *ext, enum rune_value_form form, struct rune_buf *out)
{
    static const char *const names[] = {"", "decimal", "ip", "datetime", "duration"};
    bool is_json = form == RUNE_VALUE_AS_JSON;
    rune_buf_append_cstr(out, is_json ? "{\"__extn\":{\"fn\":\"" : "");
    rune_buf_append_cstr(out, names[ext->kind]);
    rune_buf_append_cstr(out, is_json ? "\",\"arg\":\"" : "(\"");
    rune_ext_format(ext, out);
    rune_buf_append_cstr(out, is_json ? "\"}}" : "\")");
}

static void print_set(const struct rune_values *values, rune_term term, enum rune_value_form form,
                      struct rune_buf *out)
{
    const uint32_t *run = rune_values_set(values, term);
    rune_buf_append_char(out, '[');
    for (uint32_t i = 1; i <= run[0]; i++) {
        rune_buf_append_cstr(out, i == 1 ? "" : form == RUNE_VALUE_AS_JSON ? "," : ", ");
        rune_value_print(values, run[i], form, out);
    }
    rune_buf_append_char(out, ']');
}

static void print_record(const struct rune_values *values, rune_term term,
                         enum rune_value_form form, struct rune_buf *out)
{
    const struct rune_terms *terms = rune_values_terms(values, term);
    const uint32_t *run = terms->heap + terms->records[rune_term_index(term)];
    const uint32_t *shape = terms->heap + run[0];
    bool is_json = form == RUNE_VALUE_AS_JSON;
    rune_buf_append_char(out, '{');
    for (uint32_t i = 1; i <= shape[0]; i++) {
        rune_buf_append_cstr(out, i == 1 ? "" : is_json ? "," : ", ");
        print_string(rune_values_string(values, shape[i]), form, out);
        rune_buf_append_cstr(out, is_json ? ":" : ": ");
        rune_value_print(values, run[i], form, out);
    }
    rune_buf_append_char(out, '}');
}

void rune_value_print(const struct rune_values *values, rune_term term, enum rune_value_form form,
                      struct rune_buf *out)
{
    switch (rune_term_kind(term)) {
    case RUNE_KIND_SPECIAL:
        rune_buf_append_cstr(out, term == RUNE_TERM_TRUE ? "true" : "false");
        break;
    case RUNE_KIND_LONG:
        rune_buf_append_int(out, rune_values_long(values, term));
        break;
    case RUNE_KIND_FLOAT:
        rune_buf_append_float(out, rune_values_terms(values, term)->floats[rune_term_index(term)]);
        break;
    case RUNE_KIND_STRING:
        print_string(rune_values_string(values, term), form, out);
        break;
    case RUNE_KIND_ENTITY:
        print_entity(values, term, form, out);
        break;
    case RUNE_KIND_SET:
        print_set(values, term, form, out);
        break;
    case RUNE_KIND_RECORD:
        print_record(values, term, form, out);
        break;
    case RUNE_KIND_EXT:
        print_ext(rune_values_ext(values, term), form, out);
        break;
    }
}
