/* SPDX-License-Identifier: Apache-2.0 */
/* What rules derive of entity data, checked against the schema and put into the entity tables. */
#include "engine/build_derive_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/value_print.h"
#include "model/uid.h"

/* ---- mistakes ---- */

/* At the first rule that derives the relation. */
/* Of a rule that derives it. */
static struct rune_span place_of(const struct rune_deriving *deriving, uint32_t relation)
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
    rune_diag_vreport(deriving->build->diag, RUNE_ERROR, code, place_of(deriving, relation), help,
                      fmt, args);
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

static void report_entity(struct rune_deriving *deriving, uint32_t relation, rune_term entity,
                          const char *code, const char *help, const char *what)
{
    struct rune_buf text = uid_text(deriving, entity);
    struct rune_str name = deriving->relations[relation].literal;
    rune_derive_report(deriving, relation, code, help, "%.200s%s%.*s: %s", rune_buf_cstr(&text),
                       name.length > 0 ? "." : "", name.length > 100 ? 100 : (int)name.length,
                       name.length > 0 ? name.data : "", what);
    rune_buf_fini(&text);
}

/* ---- what the schema says ---- */

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
        report_entity(deriving, relation, entity, "RUNE-B0406", "declare it in the schema",
                      "the schema has no such entity type");
        return false;
    }
    if (!rune_schema_id_fits(&deriving->build->schema, rune_dict_terms(deriving->build->dict), NULL,
                             entity)) {
        report_entity(deriving, relation, entity, "RUNE-B0406", NULL,
                      "its type is an enumeration, and this id is not in it");
        return false;
    }
    return true;
}

/* ---- parents ---- */

static int compare_edges(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t edge_of(rune_term child, rune_term parent)
{
    return (uint64_t)child << 32 | parent;
}

static enum rune_err list_edges(struct rune_deriving *deriving)
{
    const struct rune_vec_edge *edges = &deriving->build->entities.parents;
    uint64_t *list = rune_realloc(deriving->edges, edges->count + 1, sizeof(*list));
    if (list == NULL) {
        return RUNE_E_NOMEM;
    }
    for (size_t i = 0; i < edges->count; i++) {
        list[i] = edge_of(edges->items[i].child, edges->items[i].parent);
    }
    qsort(list, edges->count, sizeof(*list), compare_edges);
    deriving->edges = list;
    deriving->edge_count = edges->count;
    return RUNE_OK;
}

static bool check_parent(struct rune_deriving *deriving, uint32_t relation, rune_term child,
                         rune_term parent)
{
    const struct rune_schema_entity_type *type, *parent_type;
    bool are_entities =
        rune_term_kind(child) == RUNE_KIND_ENTITY && rune_term_kind(parent) == RUNE_KIND_ENTITY;
    if (are_entities && (is_action(deriving, child) || is_action(deriving, parent))) {
        report_entity(deriving, relation, child, "RUNE-B0405",
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
        report_entity(deriving, relation, child, "RUNE-B0406",
                      "declare it in the schema: `entity .. in [..]`", what);
        return false;
    }
    return true;
}

static enum rune_err merge_parents(struct rune_deriving *deriving, uint32_t relation,
                                   const rune_term *rows, uint64_t count)
{
    enum rune_err err = list_edges(deriving);
    for (uint64_t i = 0; i < count && err == RUNE_OK; i++) {
        uint64_t edge = edge_of(rows[2 * i], rows[2 * i + 1]);
        if (bsearch(&edge, deriving->edges, deriving->edge_count, sizeof(edge), compare_edges) !=
                NULL ||
            !check_parent(deriving, relation, rows[2 * i], rows[2 * i + 1])) {
            continue;
        }
        err =
            rune_entity_table_add_parent(&deriving->build->entities, rows[2 * i], rows[2 * i + 1]);
        deriving->has_changed = deriving->has_new_parents = true;
        deriving->build->entities.derived_by = place_of(deriving, relation);
        deriving->derived++;
    }
    return err;
}

/* ---- attributes ---- */

/* The stored value, or RUNE_TERM_NONE. */
rune_term rune_derive_stored_value(const struct rune_deriving *deriving, rune_term entity,
                                   rune_term name)
{
    const struct rune_vec_u32 *attrs = &deriving->build->entities.attrs;
    const uint32_t *heap = rune_dict_terms(deriving->build->dict)->heap;
    if (rune_term_index(entity) >= attrs->count) {
        return RUNE_TERM_NONE;
    }
    const uint32_t *run = heap + attrs->items[rune_term_index(entity)];
    const uint32_t *shape = heap + run[0];
    for (uint32_t i = 0; i < shape[0]; i++) {
        if (shape[1 + i] == name) {
            return run[1 + i];
        }
    }
    return RUNE_TERM_NONE;
}

enum rune_err rune_derive_put_attr(struct rune_deriving *deriving, rune_term entity, rune_term name,
                                   rune_term value)
{
    const struct rune_derived_attr attr = {(uint64_t)entity << 32 | name, value};
    enum rune_err err = rune_entity_table_add(&deriving->build->entities, entity);
    if (err == RUNE_OK && !RUNE_VEC_PUSH(&deriving->attrs, attr)) {
        err = RUNE_E_NOMEM;
    }
    deriving->has_changed = true;
    return err;
}

static int compare_attrs(const void *a, const void *b)
{
    uint64_t x = ((const struct rune_derived_attr *)a)->key;
    uint64_t y = ((const struct rune_derived_attr *)b)->key;
    return x < y ? -1 : x > y;
}

/* One entity's, by ascending names as the stored ones are: both are merged, and the derived value
 * of a name replaces the stored one. An empty set may be there twice, for a rule and for the
 * schema. */
static enum rune_err write_record(struct rune_deriving *deriving,
                                  const struct rune_derived_attr *attrs, size_t count)
{
    struct rune_build *build = deriving->build;
    rune_term entity = (rune_term)(attrs[0].key >> 32);
    uint32_t *offset = &build->entities.attrs.items[rune_term_index(entity)];
    const uint32_t *heap = rune_dict_terms(build->dict)->heap;
    const uint32_t *run = heap + *offset;
    const uint32_t *shape = heap + run[0];
    bool ok = true;
    deriving->names.count = deriving->values.count = 0;
    for (size_t i = 0, k = 0; ok && (i < count || k < shape[0]);) {
        if (i + 1 < count && attrs[i].key == attrs[i + 1].key) {
            i++;
            continue;
        }
        rune_term name = i < count ? (rune_term)attrs[i].key : UINT32_MAX;
        bool is_stored = k < shape[0] && (i == count || shape[1 + k] < name);
        k += !is_stored && k < shape[0] && shape[1 + k] == name;
        ok = RUNE_VEC_PUSH(&deriving->names, is_stored ? shape[1 + k] : name) &&
             RUNE_VEC_PUSH(&deriving->values, is_stored ? run[1 + k] : attrs[i].value);
        k += is_stored;
        i += !is_stored;
    }
    return ok ? rune_dict_record_run(build->dict, deriving->names.items, deriving->values.items,
                                     deriving->names.count, offset)
              : RUNE_E_NOMEM;
}

enum rune_err rune_derive_write_attrs(struct rune_deriving *deriving)
{
    struct rune_vec_derived_attr *attrs = &deriving->attrs;
    enum rune_err err = RUNE_OK;
    if (attrs->count > 0) {
        qsort(attrs->items, attrs->count, sizeof(attrs->items[0]), compare_attrs);
    }
    for (size_t from = 0, to; from < attrs->count && err == RUNE_OK; from = to) {
        uint64_t entity = attrs->items[from].key >> 32;
        for (to = from + 1; to < attrs->count && attrs->items[to].key >> 32 == entity;) {
            to++;
        }
        err = write_record(deriving, attrs->items + from, to - from);
    }
    attrs->count = 0;
    return err;
}

/* Whether the schema has a place for the value; `is_element`: in a set. False: reported. */
static bool check_value(struct rune_deriving *deriving, uint32_t relation, rune_term entity,
                        rune_term name, rune_term value, bool is_element)
{
    const struct rune_schema_entity_type *type;
    if (!check_entity(deriving, relation, entity, &type)) {
        return false;
    }
    if (rune_term_kind(value) == RUNE_KIND_FLOAT) {
        report_entity(deriving, relation, entity, "RUNE-B0407", "derive an integer or a decimal",
                      "policies have no floats");
        return false;
    }
    if (type == NULL) {
        return true;
    }
    const struct rune_schema *schema = &deriving->build->schema;
    const uint32_t *attr = rune_derive_find_attr(schema, type->attrs, name);
    if (attr == NULL) {
        report_entity(deriving, relation, entity, "RUNE-B0406", "declare it in the schema",
                      "the schema does not declare this attribute");
        return false;
    }
    if (is_element && schema->words[attr[0]] != RUNE_SCHEMA_SET) {
        report_entity(deriving, relation, entity, "RUNE-B0406",
                      "derive it with entity.attr, or declare a set",
                      "elements are derived, but the schema declares no set");
        return false;
    }
    if (!is_element && attr[1] != 0) {
        report_entity(deriving, relation, entity, "RUNE-B0406",
                      "write `?` behind its name in the schema",
                      "an attribute that is derived must be declared optional");
        return false;
    }
    uint32_t want = is_element ? schema->words[attr[0] + 1] : attr[0];
    if (!rune_schema_fits(schema, rune_dict_terms(deriving->build->dict), NULL, want, value)) {
        char what[120];
        snprintf(what, sizeof(what), "the schema wants %s%s here, another value is derived",
                 rune_schema_kind_text(schema, want), is_element ? " as element" : "");
        report_entity(deriving, relation, entity, "RUNE-B0406", NULL, what);
        return false;
    }
    return true;
}

/* Rows with the entity of the first. */
static uint64_t count_alike(const rune_term *rows, uint64_t count)
{
    uint64_t alike = 1;
    while (alike < count && rows[3 * alike] == rows[0]) {
        alike++;
    }
    return alike;
}

/* An attribute has two values, which are cut where they are long. */
static void report_two(struct rune_deriving *deriving, uint32_t relation, rune_term entity,
                       rune_term stored, const rune_term *rows)
{
    const struct rune_values values = {.spaces[RUNE_SPACE_IMAGE] =
                                           rune_dict_terms(deriving->build->dict)};
    struct rune_buf first = RUNE_BUF_INIT, second = RUNE_BUF_INIT;
    bool is_stored = stored != RUNE_TERM_NONE;
    char what[300];
    rune_value_print(&values, is_stored && rows[2] == stored ? rows[5] : rows[2],
                     RUNE_VALUE_AS_CEDAR, &first);
    rune_value_print(&values, is_stored ? stored : rows[5], RUNE_VALUE_AS_CEDAR, &second);
    snprintf(what, sizeof(what),
             is_stored ? "the derived value %.100s is unlike the stored one, %.100s"
                       : "two values are derived for one attribute: %.100s and %.100s",
             rune_buf_cstr(&first), rune_buf_cstr(&second));
    report_entity(deriving, relation, entity, "RUNE-B0408",
                  "an attribute has one value: derive a set by elements", what);
    rune_buf_fini(&second);
    rune_buf_fini(&first);
}

/* Rows of one entity: stored values and derived ones. */
static enum rune_err merge_attr(struct rune_deriving *deriving, uint32_t relation,
                                const rune_term *rows, uint64_t count)
{
    rune_term entity = rows[0], name = rows[1];
    bool is_entity = rune_term_kind(entity) == RUNE_KIND_ENTITY;
    rune_term stored =
        is_entity ? rune_derive_stored_value(deriving, entity, name) : RUNE_TERM_NONE;
    if (is_entity && count > 1) {
        report_two(deriving, relation, entity, stored, rows);
        return RUNE_OK;
    }
    if (!check_value(deriving, relation, entity, name, rows[2], false) || stored == rows[2]) {
        return RUNE_OK;
    }
    deriving->derived++;
    return rune_derive_put_attr(deriving, entity, name, rows[2]);
}

static enum rune_err merge_elements(struct rune_deriving *deriving, uint32_t relation,
                                    const rune_term *rows, uint64_t count)
{
    rune_term entity = rows[0], name = rows[1], set;
    bool is_entity = rune_term_kind(entity) == RUNE_KIND_ENTITY;
    rune_term stored =
        is_entity ? rune_derive_stored_value(deriving, entity, name) : RUNE_TERM_NONE;
    if (stored != RUNE_TERM_NONE && rune_term_kind(stored) != RUNE_KIND_SET) {
        report_entity(deriving, relation, entity, "RUNE-B0408", NULL,
                      "elements are derived, but the stored value is no set");
        return RUNE_OK;
    }
    const struct rune_terms *terms = rune_dict_terms(deriving->build->dict);
    uint32_t had = stored == RUNE_TERM_NONE ? 0 : terms->heap[terms->sets[rune_term_index(stored)]];
    if (stored != RUNE_TERM_NONE && had == count) {
        return RUNE_OK; /* the rows have the stored elements: nothing new */
    }
    rune_term *elements = rune_realloc(NULL, count + 1, sizeof(*elements));
    enum rune_err err = elements == NULL ? RUNE_E_NOMEM : RUNE_OK;
    bool fits = true;
    for (uint64_t i = 0; i < count && err == RUNE_OK && fits; i++) {
        elements[i] = rows[3 * i + 2];
        fits = check_value(deriving, relation, entity, name, elements[i], true);
    }
    if (err == RUNE_OK && fits) {
        deriving->derived += count - had;
        err = rune_dict_set(deriving->build->dict, elements, count, &set);
        err = err == RUNE_OK ? rune_derive_put_attr(deriving, entity, name, set) : err;
    }
    rune_free(elements);
    return err;
}

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

/* What was computed for a relation goes into the tables. */
enum rune_err rune_derive_take_rows(void *context, uint32_t relation, const rune_term *rows,
                                    uint64_t count, bool is_partial)
{
    struct rune_deriving *deriving = context;
    const struct rune_dl_relation *of = &deriving->relations[relation];
    enum rune_err err = RUNE_OK;
    deriving->mistakes = 0;
    if (is_partial) {
        /* FAILCLOSED: a policy cannot tell what is missing from what is not so. */
        rune_derive_report(
            deriving, relation, "RUNE-B0404", "test the values before they are calculated with",
            "a derivation of `%.*s`, or of what it reads, failed: policies would not see all of it",
            RUNE_STR_ARG(of->name));
        return RUNE_OK;
    }
    if (of->builtin == RUNE_DL_ENTITY_PARENT) {
        return merge_parents(deriving, relation, rows, count);
    }
    for (uint64_t i = 0, alike; i < count && err == RUNE_OK; i += alike) {
        alike = count_alike(rows + 3 * i, count - i);
        err = of->builtin == RUNE_DL_ENTITY_ATTR
                  ? merge_attr(deriving, relation, rows + 3 * i, alike)
                  : merge_elements(deriving, relation, rows + 3 * i, alike);
    }
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
