/* SPDX-License-Identifier: Apache-2.0 */
/* Findings: counted once for each policy, place and kind, told with the first environment that
 * has them. */
#include <stdio.h>

#include "cedar/validate_int.h"
#include "model/ext.h"

static const struct {
    const char *kind, *code;
    bool is_warning;
} findings[] = {
#define RUNE_FINDING(name, kind, code, is_warning) {kind, code, is_warning},
#include "cedar/findings.def"
#undef RUNE_FINDING
};

bool rune_v_find(struct rune_validator *v, enum rune_finding finding, struct rune_span span)
{
    const uint32_t words[] = {v->policy_index, (uint32_t)finding, span.offset, span.length};
    struct rune_str key = {(const char *)words, sizeof(words)};
    if (rune_validator_failed(v) || rune_map_find(&v->seen, key, NULL)) {
        return false;
    }
    key.data = rune_arena_memdup(v->arena, words, sizeof(words));
    struct rune_validation_finding found = {v->policy_index, findings[finding].is_warning,
                                            findings[finding].kind};
    if (key.data == NULL || rune_map_set(&v->seen, key, 0) != RUNE_OK ||
        !RUNE_VEC_PUSH(&v->findings, found)) {
        v->failed = true;
        return false;
    }
    v->error_count += !found.is_warning;
    return v->diag != NULL;
}

void rune_v_tell(struct rune_validator *v, enum rune_finding finding, struct rune_span span,
                 const char *help, const char *fmt, ...)
{
    struct rune_buf text = RUNE_BUF_INIT;
    va_list args;
    va_start(args, fmt);
    rune_buf_vprintf(&text, fmt, args);
    va_end(args);
    rune_diag_report(v->diag, findings[finding].is_warning ? RUNE_WARNING : RUNE_ERROR,
                     findings[finding].code, span, help, "%s", rune_buf_cstr(&text));
    rune_buf_fini(&text);
    if (v->has_environment) {
        struct rune_str principal = rune_vtypes_entity_name(&v->types, v->principal);
        struct rune_str resource = rune_vtypes_entity_name(&v->types, v->resource);
        rune_diag_note(
            v->diag, RUNE_SPAN_NONE, "when principal is %.*s, action is %s, resource is %.*s",
            RUNE_STR_ARG(principal), rune_v_uid_text(v, &v->action->uid), RUNE_STR_ARG(resource));
    }
    rune_arena_reset(&v->scratch);
}

/* ---- texts ---- */

const char *rune_v_type_text(struct rune_validator *v, const struct rune_vtype *type)
{
    struct rune_buf text = RUNE_BUF_INIT;
    rune_vtypes_print(&v->types, type, &text);
    const char *copy = rune_arena_printf(&v->scratch, "%s", rune_buf_cstr(&text));
    rune_buf_fini(&text);
    return copy == NULL ? "" : copy;
}

const char *rune_v_uid_text(struct rune_validator *v, const struct rune_cedar_uid *uid)
{
    const char *text = rune_arena_printf(&v->scratch, "%.*s::\"%.*s\"", RUNE_STR_ARG(uid->type),
                                         RUNE_STR_ARG(uid->id));
    return text == NULL ? "" : text;
}

struct rune_str rune_v_source_text(struct rune_span span)
{
    if (span.source == NULL || span.offset > span.source->length ||
        span.length > span.source->length - span.offset) {
        return RUNE_STR("");
    }
    return (struct rune_str){span.source->text + span.offset, span.length};
}

/* "did you mean `x`?", or NULL. */
static const char *suggest(struct rune_validator *v, struct rune_str name,
                           const struct rune_str *candidates, size_t count)
{
    struct rune_str nearest =
        candidates == NULL ? RUNE_STR("") : rune_str_nearest(name, candidates, count);
    return nearest.length == 0
               ? NULL
               : rune_arena_printf(&v->scratch, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
}

const char *rune_v_suggest_id(struct rune_validator *v, const struct rune_cedar_entity_type *type,
                              struct rune_str id)
{
    enum { SHOWN = 8 };
    const char *help = suggest(v, id, type->ids, type->id_count);
    if (help != NULL) {
        return help;
    }
    struct rune_buf text = RUNE_BUF_INIT;
    for (uint32_t i = 0; i < type->id_count && i < SHOWN; i++) {
        rune_buf_append_cstr(&text, i == 0 ? "its ids are " : ", ");
        rune_buf_append_json(&text, type->ids[i]);
    }
    rune_buf_append_cstr(&text, type->id_count > SHOWN ? ", .." : "");
    help = rune_arena_printf(&v->scratch, "%s", rune_buf_cstr(&text));
    rune_buf_fini(&text);
    return help;
}

const char *rune_v_ext_help(uint32_t ext)
{
    static const char *const helps[] = {
        [RUNE_EXT_DECIMAL] = "make a decimal of the string: decimal(\"1.5\")",
        [RUNE_EXT_IPADDR] = "make an address of the string: ip(\"10.0.0.0/8\")",
        [RUNE_EXT_DATETIME] = "make a time of the string: datetime(\"2024-10-15\")",
        [RUNE_EXT_DURATION] = "make a duration of the string: duration(\"1h30m\")",
    };
    return helps[ext];
}

const char *rune_v_suggest_type(struct rune_validator *v, struct rune_str name)
{
    uint32_t count = v->schema->entity_type_count;
    struct rune_str *names = RUNE_ARENA_ARRAY(&v->scratch, struct rune_str, count);
    for (uint32_t i = 0; names != NULL && i < count; i++) {
        names[i] = v->schema->entity_types[i].name;
    }
    const char *help = suggest(v, name, names, count);
    return help != NULL ? help : "declare it in the schema";
}

const char *rune_v_suggest_action(struct rune_validator *v, const struct rune_cedar_uid *uid)
{
    uint32_t count = v->schema->action_count;
    struct rune_str *names = RUNE_ARENA_ARRAY(&v->scratch, struct rune_str, count);
    for (uint32_t i = 0; names != NULL && i < count; i++) {
        names[i] = rune_str_from(rune_v_uid_text(v, &v->schema->actions[i].uid));
        if (rune_str_equal(v->schema->actions[i].uid.id, uid->id)) {
            return rune_arena_printf(&v->scratch, "did you mean `%.*s`?", RUNE_STR_ARG(names[i]));
        }
    }
    const char *help = suggest(v, rune_str_from(rune_v_uid_text(v, uid)), names, count);
    return help != NULL ? help : "declare it in the schema";
}

const char *rune_v_suggest_attr(struct rune_validator *v, const struct rune_vtype *type,
                                struct rune_str name)
{
    const struct rune_vtype *record =
        type->kind == RUNE_VTYPE_RECORD ? type : rune_vtypes_attributes(&v->types, type);
    if (record == NULL) {
        return NULL;
    }
    struct rune_str *names = RUNE_ARENA_ARRAY(&v->scratch, struct rune_str, record->count);
    for (uint32_t i = 0; names != NULL && i < record->count; i++) {
        names[i] = record->attrs[i].name;
    }
    const char *help = suggest(v, name, names, record->count);
    if (help == NULL && rune_vtypes_may_have(&v->types, type, name)) {
        return "not all values of this type have it: test the entity's type with `is` before";
    }
    return help;
}
