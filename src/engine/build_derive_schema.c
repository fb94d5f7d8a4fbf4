/* SPDX-License-Identifier: Apache-2.0 */
/* What the schema says about data that rules derive: whether it has a place for them, the sets that
 * it promises, and mistakes, at the rule that makes them. */
#include "engine/build_derive_int.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "model/uid.h"

/* ---- mistakes ---- */

struct rune_span rune_derive_place(const struct rune_deriving *deriving, uint32_t relation)
{
    uint32_t rule = deriving->first_rule[relation];
    return rule != RUNE_DERIVE_NONE ? deriving->build->rules.rules[rule].head_span : RUNE_SPAN_NONE;
}

void rune_derive_report(struct rune_deriving *deriving, uint32_t relation, const char *code,
                        const char *help, const char *fmt, ...)
{
    deriving->has_mistakes = true;
    if (deriving->mistakes++ >= RUNE_DERIVE_MAX_REPORTS) {
        return;
    }
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport(deriving->build->diag, RUNE_ERROR, code,
                      rune_derive_place(deriving, relation), help, fmt, args);
    va_end(args);
}

/* `Type::"id"`, for messages; the caller frees it. */
static struct rune_buf uid_text(const struct rune_deriving *deriving, rune_term entity)
{
    const struct rune_terms *terms = rune_dict_terms(deriving->build->dict);
    uint32_t index = rune_term_index(entity);
    struct rune_buf text = RUNE_BUF_INIT;
    rune_uid_format(rune_terms_string(terms, terms->entity_type[index]),
                    rune_terms_string(terms, terms->entity_id[index]), &text);
    return text;
}

void rune_derive_report_entity(struct rune_deriving *deriving, uint32_t relation, rune_term entity,
                               const char *code, const char *help, const char *what)
{
    struct rune_buf text = uid_text(deriving, entity);
    struct rune_str name = deriving->relations[relation].literal;
    rune_derive_report(deriving, relation, code, help, "%.200s%s%.*s: %s", rune_buf_cstr(&text),
                       name.length > 0 ? "." : "", name.length > 100 ? 100 : (int)name.length,
                       name.length > 0 ? name.data : "", what);
    rune_buf_fini(&text);
}

/* ---- what the schema has a place for ---- */

static bool is_action(const struct rune_deriving *deriving, rune_term entity)
{
    const struct rune_terms *terms = rune_dict_terms(deriving->build->dict);
    rune_term type = terms->entity_type[rune_term_index(entity)];
    return rune_uid_is_action_type(rune_terms_string(terms, type));
}

const struct rune_schema_entity_type *rune_derive_type_of(const struct rune_deriving *deriving,
                                                          rune_term entity)
{
    const struct rune_terms *terms = rune_dict_terms(deriving->build->dict);
    return rune_schema_find_type(&deriving->build->schema,
                                 terms->entity_type[rune_term_index(entity)]);
}

/* The attribute `name` of a record type: [type, 1 if required], or NULL. */
const uint32_t *rune_derive_find_attr(const struct rune_schema *schema, uint32_t record,
                                      rune_term name)
{
    if (record == 0 || schema->words[record] != RUNE_SCHEMA_RECORD) {
        return NULL;
    }
    const uint32_t *attrs = schema->words + record + 2;
    for (uint32_t i = 0; i < schema->words[record + 1]; i++) {
        if (attrs[3 * (size_t)i] == name) {
            return attrs + 3 * (size_t)i + 1;
        }
    }
    return NULL;
}

/* The entity's type and id, as the schema knows them; false: reported. Without a schema all are
 * fine. */
static bool check_entity(struct rune_deriving *deriving, uint32_t relation, rune_term entity,
                         const struct rune_schema_entity_type **ret_type)
{
    *ret_type = NULL;
    if (rune_term_kind(entity) != RUNE_KIND_ENTITY) {
        rune_derive_report(deriving, relation, "RUNE-B0405",
                           "let only entities through, by `E is Type` or `entity(E)`",
                           "`%.*s` is derived about a value that is no entity",
                           RUNE_STR_ARG(deriving->relations[relation].name));
        return false;
    }
    if (!deriving->build->has_schema) {
        return true;
    }
    *ret_type = rune_derive_type_of(deriving, entity);
    if (*ret_type == NULL) {
        rune_derive_report_entity(deriving, relation, entity, "RUNE-B0406",
                                  "declare it in the schema", "the schema has no such entity type");
        return false;
    }
    if (!rune_schema_id_fits(&deriving->build->schema, rune_dict_terms(deriving->build->dict), NULL,
                             entity)) {
        rune_derive_report_entity(deriving, relation, entity, "RUNE-B0406", NULL,
                                  "its type is an enumeration, and this id is not in it");
        return false;
    }
    return true;
}

bool rune_derive_check_parent(struct rune_deriving *deriving, uint32_t relation, rune_term child,
                              rune_term parent)
{
    const struct rune_schema_entity_type *type, *parent_type;
    bool are_entities =
        rune_term_kind(child) == RUNE_KIND_ENTITY && rune_term_kind(parent) == RUNE_KIND_ENTITY;
    if (are_entities && (is_action(deriving, child) || is_action(deriving, parent))) {
        rune_derive_report_entity(deriving, relation, child, "RUNE-B0405",
                                  "the hierarchy of actions comes from the schema",
                                  "a parent is derived where an action is the child or the parent");
        return false;
    }
    if (!check_entity(deriving, relation, child, &type) ||
        !check_entity(deriving, relation, parent, &parent_type)) {
        return false;
    }
    if (type != NULL &&
        !rune_schema_run_has(&deriving->build->schema, type->ancestors, parent_type->name)) {
        struct rune_buf text = uid_text(deriving, parent);
        char what[300];
        snprintf(what, sizeof(what), "the schema does not allow the derived parent %.200s",
                 rune_buf_cstr(&text));
        rune_buf_fini(&text);
        rune_derive_report_entity(deriving, relation, child, "RUNE-B0406",
                                  "declare it in the schema: `entity .. in [..]`", what);
        return false;
    }
    return true;
}

bool rune_derive_check_value(struct rune_deriving *deriving, uint32_t relation, rune_term entity,
                             rune_term name, rune_term value, bool is_element)
{
    const struct rune_schema_entity_type *type;
    if (!check_entity(deriving, relation, entity, &type)) {
        return false;
    }
    if (rune_term_kind(value) == RUNE_KIND_FLOAT) {
        rune_derive_report_entity(deriving, relation, entity, "RUNE-B0407",
                                  "derive an integer or a decimal", "policies have no floats");
        return false;
    }
    if (type == NULL) {
        return true;
    }
    const struct rune_schema *schema = &deriving->build->schema;
    const uint32_t *attr = rune_derive_find_attr(schema, type->attrs, name);
    if (attr == NULL) {
        rune_derive_report_entity(deriving, relation, entity, "RUNE-B0406",
                                  "declare it in the schema",
                                  "the schema does not declare this attribute");
        return false;
    }
    if (is_element && schema->words[attr[0]] != RUNE_SCHEMA_SET) {
        rune_derive_report_entity(deriving, relation, entity, "RUNE-B0406",
                                  "derive it with entity.attr, or declare a set",
                                  "elements are derived, but the schema declares no set");
        return false;
    }
    if (!is_element && attr[1] != 0) {
        rune_derive_report_entity(deriving, relation, entity, "RUNE-B0406",
                                  "write `?` behind its name in the schema",
                                  "an attribute that is derived must be declared optional");
        return false;
    }
    uint32_t want = is_element ? schema->words[attr[0] + 1] : attr[0];
    if (!rune_schema_fits(schema, rune_dict_terms(deriving->build->dict), NULL, want, value)) {
        char what[120];
        snprintf(what, sizeof(what), "the schema wants %s%s here, another value is derived",
                 rune_schema_kind_text(schema, want), is_element ? " as element" : "");
        rune_derive_report_entity(deriving, relation, entity, "RUNE-B0406", NULL, what);
        return false;
    }
    return true;
}

/* ---- what it promises ---- */

/* The sets among the attributes that the schema gives the entity, if their names are among those of
 * `is_wanted` (a bit a string) and it has none yet. */
static enum rune_err fill_entity(struct rune_deriving *deriving, rune_term entity,
                                 const uint64_t *is_wanted, rune_term empty)
{
    const struct rune_schema *schema = &deriving->build->schema;
    const struct rune_schema_entity_type *type = rune_derive_type_of(deriving, entity);
    const uint32_t *record = type == NULL || type->attrs == 0 ? NULL : schema->words + type->attrs;
    enum rune_err err = RUNE_OK;
    if (record == NULL || record[0] != RUNE_SCHEMA_RECORD) {
        return RUNE_OK;
    }
    for (uint32_t i = 0; i < record[1] && err == RUNE_OK; i++) {
        const uint32_t *attr = record + 2 + 3 * (size_t)i;
        uint32_t name = rune_term_index(attr[0]);
        if ((is_wanted[name / 64] >> (name % 64) & 1) != 0 &&
            schema->words[attr[1]] == RUNE_SCHEMA_SET &&
            rune_derive_stored_value(deriving, entity, attr[0]) == RUNE_TERM_NONE) {
            err = rune_derive_put_attr(deriving, entity, attr[0], empty);
        }
    }
    return err;
}

enum rune_err rune_derive_fill_sets(struct rune_deriving *deriving, const uint32_t *relations,
                                    size_t count)
{
    struct rune_build *build = deriving->build;
    rune_term empty;
    if (!build->has_schema || count == 0) {
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_set(build->dict, NULL, 0, &empty);
    const struct rune_terms *terms = rune_dict_terms(build->dict);
    uint64_t *is_wanted = rune_calloc(terms->string_count / 64 + 1, sizeof(*is_wanted));
    err = is_wanted == NULL ? RUNE_E_NOMEM : err;
    for (size_t i = 0; i < count && err == RUNE_OK; i++) {
        const struct rune_dl_relation *of = &deriving->relations[relations[i]];
        rune_term name = rune_terms_find_string(terms, of->literal);
        if (of->builtin == RUNE_DL_ENTITY_ELEMENT && name != RUNE_TERM_NONE) {
            is_wanted[rune_term_index(name) / 64] |= UINT64_C(1) << (rune_term_index(name) % 64);
        }
    }
    for (size_t e = 0; err == RUNE_OK && e < build->entities.flags.count; e++) {
        if (build->entities.flags.items[e] != 0) {
            err = fill_entity(deriving,
                              rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, (uint32_t)e),
                              is_wanted, empty);
        }
    }
    rune_free(is_wanted);
    return err;
}

/* What rules created must be whole, as the schema sees it. */
void rune_derive_check_created(struct rune_deriving *deriving)
{
    const struct rune_entity_table *table = &deriving->build->entities;
    const struct rune_schema *schema = &deriving->build->schema;
    uint32_t shown = 0;
    for (size_t e = 0;
         deriving->build->has_schema && e < table->flags.count && shown < RUNE_DERIVE_MAX_REPORTS;
         e++) {
        rune_term entity = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, (uint32_t)e);
        bool is_new =
            table->flags.items[e] != 0 && (e >= deriving->had_count || deriving->had_data[e] == 0);
        const struct rune_schema_entity_type *type =
            is_new ? rune_derive_type_of(deriving, entity) : NULL;
        const uint32_t *record = type != NULL ? schema->words + type->attrs : NULL;
        for (uint32_t i = 0; record != NULL && i < record[1]; i++) {
            const uint32_t *attr = record + 2 + 3 * (size_t)i;
            if (attr[2] == 0 ||
                rune_derive_stored_value(deriving, entity, attr[0]) != RUNE_TERM_NONE) {
                continue;
            }
            struct rune_str name =
                rune_terms_string(rune_dict_terms(deriving->build->dict), attr[0]);
            struct rune_buf text = uid_text(deriving, entity);
            rune_diag_report(deriving->build->diag, RUNE_ERROR, "RUNE-B0406", RUNE_SPAN_NONE,
                             "give it in the entities, or declare the attribute optional",
                             "%.200s, which rules derive, has no attribute `%.*s`",
                             rune_buf_cstr(&text), RUNE_STR_ARG(name));
            rune_buf_fini(&text);
            deriving->has_mistakes = true;
            shown++;
        }
    }
}
