/* SPDX-License-Identifier: Apache-2.0 */
/* Entity data that rules derive becomes entity data like any other, before policies and the other
 * rules meet it.
 *
 * Components of the program that derive some are computed one after the other, in order of
 * evaluation, each with just the rules that it needs; what comes out goes into the entity tables,
 * where the next one reads it. Within a component a rule may read the tables too (`in`, entity(E),
 * an attribute by a variable name): such a component is computed again until nothing is added,
 * which ends because data is only ever added. What is left for the image is a program without those
 * rules. */
#include "engine/build_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "model/uid.h"

#define MAX_ROUNDS  1000u /* LIMIT: of a component that reads the tables it adds to */
#define MAX_REPORTS 20u   /* LIMIT: mistakes shown for one relation */
#define NO_RULE     UINT32_MAX

struct deriving {
    struct rune_build *build;
    const struct rune_tuples *facts;    /* by relation */
    struct rune_dl_relation *relations; /* heads that were merged are none any more */
    uint32_t *first_rule, *next_rule;   /* by relation, by rule: its rules; NO_RULE ends */
    bool *is_reached;                   /* by relation: the component needs it */
    struct rune_dl_rule *rules;         /* of the component */
    uint32_t rule_count;
    struct rune_vec_u32 wanted; /* derived data of the component */
    struct rune_vec_u32 todo;
    uint64_t *edges; /* the hierarchy so far: child and parent, ascending */
    size_t edge_count;
    struct rune_vec_u32 names, values; /* of a record in the making */
    uint8_t *had_data;                 /* by entity: before anything was derived */
    size_t had_count;
    uint64_t derived;
    uint32_t mistakes; /* of the relation being merged */
    bool has_mistakes;
    bool has_changed, has_new_parents;
};

static bool is_data(enum rune_dl_builtin builtin)
{
    return builtin == RUNE_DL_ENTITY_PARENT || builtin == RUNE_DL_ENTITY_ATTR ||
           builtin == RUNE_DL_ENTITY_ELEMENT;
}

/* ---- mistakes ---- */

static void report(struct deriving *deriving, uint32_t relation, const char *code, const char *help,
                   const char *fmt, ...) RUNE_PRINTF(5, 6);

/* At the first rule that derives the relation. */
static void report(struct deriving *deriving, uint32_t relation, const char *code, const char *help,
                   const char *fmt, ...)
{
    char text[600];
    struct rune_span span = RUNE_SPAN_NONE;
    deriving->has_mistakes = true;
    if (deriving->mistakes++ >= MAX_REPORTS) {
        return;
    }
    if (deriving->first_rule[relation] != NO_RULE) {
        span = deriving->build->rules.rules[deriving->first_rule[relation]].head_span;
    }
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    rune_diag_report(deriving->build->diag, RUNE_ERROR, code, span, help, "%s", text);
}

/* `Type::"id"`, for messages; the caller frees it. */
static struct rune_buf uid_text(const struct deriving *deriving, rune_term entity)
{
    const struct rune_terms *terms = rune_dict_terms(deriving->build->dict);
    uint32_t index = rune_term_index(entity);
    struct rune_buf text = RUNE_BUF_INIT;
    rune_uid_format(rune_terms_string(terms, terms->entity_type[index]),
                    rune_terms_string(terms, terms->entity_id[index]), &text);
    return text;
}

static void report_entity(struct deriving *deriving, uint32_t relation, rune_term entity,
                          const char *code, const char *help, const char *what)
{
    struct rune_buf text = uid_text(deriving, entity);
    struct rune_str name = deriving->relations[relation].literal;
    report(deriving, relation, code, help, "%.200s%s%.*s: %s", rune_buf_cstr(&text),
           name.length > 0 ? "." : "", name.length > 100 ? 100 : (int)name.length,
           name.length > 0 ? name.data : "", what);
    rune_buf_fini(&text);
}

/* ---- what the schema says ---- */

static bool is_action(const struct deriving *deriving, rune_term entity)
{
    const struct rune_terms *terms = rune_dict_terms(deriving->build->dict);
    struct rune_str type = rune_terms_string(terms, terms->entity_type[rune_term_index(entity)]);
    struct rune_str last = RUNE_STR("Action");
    return type.length >= last.length &&
           memcmp(type.data + type.length - last.length, last.data, last.length) == 0 &&
           (type.length == last.length || type.data[type.length - last.length - 1] == ':');
}

static const struct rune_schema_entity_type *type_of(const struct deriving *deriving,
                                                     rune_term entity)
{
    const struct rune_terms *terms = rune_dict_terms(deriving->build->dict);
    return rune_schema_find_type(&deriving->build->schema,
                                 terms->entity_type[rune_term_index(entity)]);
}

/* The attribute `name` of a record type: [type, 1 if required], or NULL. */
static const uint32_t *find_attr(const struct rune_schema *schema, uint32_t record, rune_term name)
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
static bool check_entity(struct deriving *deriving, uint32_t relation, rune_term entity,
                         const struct rune_schema_entity_type **ret_type)
{
    *ret_type = NULL;
    if (rune_term_kind(entity) != RUNE_KIND_ENTITY) {
        report(deriving, relation, "RUNE-B0405",
               "let only entities through, by `E is Type` or `entity(E)`",
               "`%.*s` is derived about a value that is no entity",
               RUNE_STR_ARG(deriving->relations[relation].name));
        return false;
    }
    if (!deriving->build->has_schema) {
        return true;
    }
    *ret_type = type_of(deriving, entity);
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

static enum rune_err list_edges(struct deriving *deriving)
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

static bool check_parent(struct deriving *deriving, uint32_t relation, rune_term child,
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

static enum rune_err merge_parents(struct deriving *deriving, uint32_t relation,
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
        deriving->derived++;
    }
    return err;
}

/* ---- attributes ---- */

/* The stored value, or RUNE_TERM_NONE. */
static rune_term stored_value(const struct deriving *deriving, rune_term entity, rune_term name)
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

/* The entity's record with one attribute more, or another value of one. */
static enum rune_err put_attr(struct deriving *deriving, rune_term entity, rune_term name,
                              rune_term value)
{
    struct rune_build *build = deriving->build;
    enum rune_err err = rune_entity_table_add(&build->entities, entity);
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t *offset = &build->entities.attrs.items[rune_term_index(entity)];
    const uint32_t *heap = rune_dict_terms(build->dict)->heap;
    const uint32_t *run = heap + *offset;
    const uint32_t *shape = heap + run[0];
    deriving->names.count = deriving->values.count = 0;
    bool ok = RUNE_VEC_PUSH(&deriving->names, name) && RUNE_VEC_PUSH(&deriving->values, value);
    for (uint32_t i = 0; i < shape[0] && ok; i++) {
        if (shape[1 + i] != name) {
            ok = RUNE_VEC_PUSH(&deriving->names, shape[1 + i]) &&
                 RUNE_VEC_PUSH(&deriving->values, run[1 + i]);
        }
    }
    deriving->has_changed = true;
    return ok ? rune_dict_record_run(build->dict, deriving->names.items, deriving->values.items,
                                     deriving->names.count, offset)
              : RUNE_E_NOMEM;
}

/* Whether the schema has a place for the value; `is_element`: in a set. False: reported. */
static bool check_value(struct deriving *deriving, uint32_t relation, rune_term entity,
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
    const uint32_t *attr = find_attr(schema, type->attrs, name);
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

/* Rows of one entity: stored values and derived ones. */
static enum rune_err merge_attr(struct deriving *deriving, uint32_t relation, const rune_term *rows,
                                uint64_t count)
{
    rune_term entity = rows[0], name = rows[1];
    bool is_entity = rune_term_kind(entity) == RUNE_KIND_ENTITY;
    rune_term stored = is_entity ? stored_value(deriving, entity, name) : RUNE_TERM_NONE;
    if (is_entity && count > 1) {
        report_entity(deriving, relation, entity, "RUNE-B0408",
                      "an attribute has one value: derive a set by elements",
                      stored != RUNE_TERM_NONE ? "a value is derived that is unlike the stored one"
                                               : "two values are derived for one attribute");
        return RUNE_OK;
    }
    if (stored == rows[2] || !check_value(deriving, relation, entity, name, rows[2], false)) {
        return RUNE_OK;
    }
    deriving->derived++;
    return put_attr(deriving, entity, name, rows[2]);
}

static enum rune_err merge_elements(struct deriving *deriving, uint32_t relation,
                                    const rune_term *rows, uint64_t count)
{
    rune_term entity = rows[0], name = rows[1], set;
    bool is_entity = rune_term_kind(entity) == RUNE_KIND_ENTITY;
    rune_term stored = is_entity ? stored_value(deriving, entity, name) : RUNE_TERM_NONE;
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
        err = err == RUNE_OK ? put_attr(deriving, entity, name, set) : err;
    }
    rune_free(elements);
    return err;
}

/* With a schema that declares the set, every entity of the type has one. */
static enum rune_err fill_sets(struct deriving *deriving, uint32_t relation)
{
    struct rune_build *build = deriving->build;
    rune_term name, empty;
    if (!build->has_schema) {
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_string(build->dict, deriving->relations[relation].literal, &name);
    if (err == RUNE_OK) {
        err = rune_dict_set(build->dict, NULL, 0, &empty);
    }
    for (size_t e = 0; err == RUNE_OK && e < build->entities.flags.count; e++) {
        rune_term entity = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, (uint32_t)e);
        const struct rune_schema_entity_type *type =
            build->entities.flags.items[e] != 0 ? type_of(deriving, entity) : NULL;
        const uint32_t *attr = type != NULL ? find_attr(&build->schema, type->attrs, name) : NULL;
        if (attr != NULL && build->schema.words[attr[0]] == RUNE_SCHEMA_SET &&
            stored_value(deriving, entity, name) == RUNE_TERM_NONE) {
            err = put_attr(deriving, entity, name, empty);
        }
    }
    return err;
}

/* ---- one component ---- */

/* What was computed for a relation goes into the tables. */
static enum rune_err take_rows(void *context, uint32_t relation, const rune_term *rows,
                               uint64_t count, bool is_partial)
{
    struct deriving *deriving = context;
    const struct rune_dl_relation *of = &deriving->relations[relation];
    enum rune_err err = RUNE_OK;
    deriving->mistakes = 0;
    if (is_partial) {
        /* FAILCLOSED: a policy cannot tell what is missing from what is not so. */
        report(
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
    return err == RUNE_OK && of->builtin == RUNE_DL_ENTITY_ELEMENT ? fill_sets(deriving, relation)
                                                                   : err;
}

static bool reach(struct deriving *deriving, uint32_t relation)
{
    if (deriving->is_reached[relation]) {
        return true;
    }
    deriving->is_reached[relation] = true;
    return RUNE_VEC_PUSH(&deriving->todo, relation);
}

/* Depth: counted by the parser. *ret_reads: the body reads tables that this component adds to. */
static bool reach_body(struct deriving *deriving, const struct rune_dl_body *body,
                       uint32_t component, bool parents_grow, bool *ret_reads)
{
    bool ok = true;
    for (uint32_t i = 0; i < body->count && ok; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        if (literal->kind == RUNE_DL_ATOM) {
            const struct rune_dl_relation *read = &deriving->relations[literal->relation];
            *ret_reads |= read->builtin != RUNE_DL_NOT_BUILTIN && !read->is_head &&
                          read->component == component;
            ok = reach(deriving, literal->relation);
        }
        *ret_reads |= literal->kind == RUNE_DL_IN && parents_grow;
        for (uint32_t k = 0; k < literal->body_count && ok; k++) {
            ok = reach_body(deriving, &literal->bodies[k], component, parents_grow, ret_reads);
        }
    }
    return ok;
}

/* The rules that the wanted relations need. */
static enum rune_err gather_rules(struct deriving *deriving, uint32_t component, bool *ret_loops)
{
    const struct rune_dl_program *program = &deriving->build->rules;
    bool parents_grow = false;
    bool ok = true;
    memset(deriving->is_reached, 0, program->relation_count * sizeof(bool));
    deriving->rule_count = 0;
    deriving->todo.count = 0;
    *ret_loops = false;
    for (size_t i = 0; i < deriving->wanted.count && ok; i++) {
        uint32_t relation = deriving->wanted.items[i];
        parents_grow |= deriving->relations[relation].builtin == RUNE_DL_ENTITY_PARENT;
        ok = reach(deriving, relation);
    }
    while (ok && deriving->todo.count > 0) {
        uint32_t relation = deriving->todo.items[--deriving->todo.count];
        bool is_inside = deriving->relations[relation].component == component;
        if (!deriving->relations[relation].is_head) {
            continue;
        }
        for (uint32_t r = deriving->first_rule[relation]; r != NO_RULE && ok;
             r = deriving->next_rule[r]) {
            bool reads = false;
            deriving->rules[deriving->rule_count++] = program->rules[r];
            ok = reach_body(deriving, &program->rules[r].body, component, parents_grow, &reads);
            *ret_loops |= reads && is_inside;
        }
    }
    return ok ? RUNE_OK : RUNE_E_NOMEM;
}

/* Facts of the relations that are read; evaluation consumes them. */
static enum rune_err copy_facts(const struct deriving *deriving, struct rune_tuples *ret_facts)
{
    for (uint32_t i = 0; i < deriving->build->rules.relation_count; i++) {
        const struct rune_tuples *from = &deriving->facts[i];
        enum rune_err err = rune_tuples_init(&ret_facts[i], from->arity);
        if (err == RUNE_OK && deriving->is_reached[i] && from->count > 0) {
            err = rune_tuples_reserve(&ret_facts[i], from->count);
        }
        if (err != RUNE_OK) {
            return err;
        }
        if (!deriving->is_reached[i]) {
            continue;
        }
        for (uint32_t c = 0; c < from->arity && from->count > 0; c++) {
            memcpy(ret_facts[i].columns[c], from->columns[c], from->count * sizeof(rune_term));
        }
        ret_facts[i].count = from->count;
    }
    return RUNE_OK;
}

/* The component's part of the program, once. */
static enum rune_err compute(struct deriving *deriving)
{
    struct rune_build *build = deriving->build;
    uint32_t count = build->rules.relation_count;
    struct rune_dl_relation *relations = rune_calloc((size_t)count + 1, sizeof(*relations));
    struct rune_tuples *facts = rune_calloc((size_t)count + 1, sizeof(*facts));
    enum rune_err err =
        relations == NULL || facts == NULL ? RUNE_E_NOMEM : copy_facts(deriving, facts);
    struct rune_dl_program part = build->rules;
    part.relations = relations;
    part.rules = deriving->rules;
    part.rule_count = deriving->rule_count;
    part.fact_count = 0; /* they are in `facts` */
    for (uint32_t i = 0; i < count && err == RUNE_OK; i++) {
        relations[i] = deriving->relations[i];
        relations[i].is_head &= deriving->is_reached[i];
        relations[i].is_recursive &= relations[i].is_head;
    }
    struct rune_build_rule_input input = {0};
    if (err == RUNE_OK) {
        err = rune_build_rule_input(build, &input);
    }
    if (err == RUNE_OK) {
        err = rune_dl_derive(&part, facts, &input.entities, build->dict, &input.options,
                             deriving->wanted.items, (uint32_t)deriving->wanted.count, take_rows,
                             deriving, build->diag);
    }
    rune_build_rule_input_fini(&input);
    for (uint32_t i = 0; facts != NULL && i < count; i++) {
        rune_tuples_fini(&facts[i]);
    }
    rune_free(facts);
    rune_free(relations);
    return err;
}

static enum rune_err close_parents(struct deriving *deriving)
{
    enum rune_err err = rune_entity_table_extend(&deriving->build->entities);
    if (err == RUNE_OK && deriving->has_new_parents) {
        deriving->has_new_parents = false;
        err = rune_entity_table_close(&deriving->build->entities, deriving->build->diag);
    }
    return err;
}

static enum rune_err derive_component(struct deriving *deriving, uint32_t component)
{
    bool loops = false;
    deriving->wanted.count = 0;
    for (uint32_t i = 0; i < deriving->build->rules.relation_count; i++) {
        const struct rune_dl_relation *relation = &deriving->relations[i];
        if (relation->is_head && is_data(relation->builtin) && relation->component == component &&
            !RUNE_VEC_PUSH(&deriving->wanted, i)) {
            return RUNE_E_NOMEM;
        }
    }
    enum rune_err err = gather_rules(deriving, component, &loops);
    for (uint32_t round = 0; err == RUNE_OK && !deriving->has_mistakes; round++) {
        deriving->has_changed = false;
        err = compute(deriving);
        if (err == RUNE_OK) {
            err = close_parents(deriving);
        }
        if (!loops || !deriving->has_changed) {
            break;
        }
        if (round == MAX_ROUNDS) {
            deriving->mistakes = 0;
            report(deriving, deriving->wanted.items[0], "RUNE-B0409",
                   "derive a relation of your own, then this from it",
                   "entity data that is derived from itself still grows after %u rounds",
                   MAX_ROUNDS);
        }
    }
    for (size_t i = 0; i < deriving->wanted.count; i++) {
        deriving->relations[deriving->wanted.items[i]].is_head = false;
        deriving->relations[deriving->wanted.items[i]].is_recursive = false;
    }
    return err;
}

/* ---- all ---- */

static enum rune_err init(struct deriving *deriving)
{
    struct rune_build *build = deriving->build;
    const struct rune_dl_program *program = &build->rules;
    struct rune_arena *arena = &build->arena;
    deriving->relations = rune_arena_memdup(arena, program->relations,
                                            program->relation_count * sizeof(*program->relations));
    deriving->first_rule = RUNE_ARENA_ARRAY(arena, uint32_t, program->relation_count + 1);
    deriving->next_rule = RUNE_ARENA_ARRAY(arena, uint32_t, program->rule_count + 1);
    deriving->is_reached = RUNE_ARENA_ARRAY(arena, bool, program->relation_count + 1);
    deriving->rules = RUNE_ARENA_ARRAY(arena, struct rune_dl_rule, program->rule_count + 1);
    deriving->had_count = build->entities.flags.count;
    deriving->had_data = rune_arena_memdup(arena, build->entities.flags.items, deriving->had_count);
    if (deriving->relations == NULL || deriving->first_rule == NULL ||
        deriving->next_rule == NULL || deriving->is_reached == NULL || deriving->rules == NULL ||
        (deriving->had_data == NULL && deriving->had_count > 0)) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < program->relation_count; i++) {
        deriving->first_rule[i] = NO_RULE;
    }
    for (uint32_t i = program->rule_count; i-- > 0;) {
        uint32_t head = program->rules[i].head;
        deriving->next_rule[i] = deriving->first_rule[head];
        deriving->first_rule[head] = i;
    }
    return RUNE_OK;
}

/* What rules created must be whole, as the schema sees it. */
static void check_created(struct deriving *deriving)
{
    const struct rune_entity_table *table = &deriving->build->entities;
    const struct rune_schema *schema = &deriving->build->schema;
    uint32_t shown = 0;
    for (size_t e = 0; deriving->build->has_schema && e < table->flags.count && shown < MAX_REPORTS;
         e++) {
        rune_term entity = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, (uint32_t)e);
        bool is_new =
            table->flags.items[e] != 0 && (e >= deriving->had_count || deriving->had_data[e] == 0);
        const struct rune_schema_entity_type *type = is_new ? type_of(deriving, entity) : NULL;
        const uint32_t *record = type != NULL ? schema->words + type->attrs : NULL;
        for (uint32_t i = 0; record != NULL && i < record[1]; i++) {
            const uint32_t *attr = record + 2 + 3 * (size_t)i;
            if (attr[2] == 0 || stored_value(deriving, entity, attr[0]) != RUNE_TERM_NONE) {
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

static enum rune_err derive_all(struct deriving *deriving)
{
    const struct rune_dl_program *program = &deriving->build->rules;
    uint8_t *has_data = rune_calloc((size_t)program->component_count + 1, 1);
    if (has_data == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < program->relation_count; i++) {
        const struct rune_dl_relation *relation = &program->relations[i];
        has_data[relation->component] |= relation->is_head && is_data(relation->builtin);
    }
    enum rune_err err = RUNE_OK;
    for (uint32_t c = 0; c < program->component_count && err == RUNE_OK && !deriving->has_mistakes;
         c++) {
        err = has_data[c] ? derive_component(deriving, c) : RUNE_OK;
    }
    rune_free(has_data);
    /* Entities that came later have their sets, too. */
    for (uint32_t i = 0; i < program->relation_count && err == RUNE_OK; i++) {
        const struct rune_dl_relation *relation = &program->relations[i];
        if (relation->is_head && relation->builtin == RUNE_DL_ENTITY_ELEMENT) {
            err = fill_sets(deriving, i);
        }
    }
    if (err == RUNE_OK && !deriving->has_mistakes) {
        check_created(deriving);
    }
    return err == RUNE_OK && deriving->has_mistakes ? RUNE_E_BUNDLE : err;
}

/* The program without the rules whose work is done. */
static void leave_rest(struct deriving *deriving, struct rune_dl_program *ret_program)
{
    const struct rune_dl_program *program = &deriving->build->rules;
    *ret_program = *program;
    ret_program->relations = deriving->relations;
    ret_program->rules = deriving->rules;
    ret_program->rule_count = 0;
    for (uint32_t i = 0; i < program->rule_count; i++) {
        if (!is_data(program->relations[program->rules[i].head].builtin)) {
            deriving->rules[ret_program->rule_count++] = program->rules[i];
        }
    }
}

enum rune_err rune_build_derive_entities(struct rune_build *build, const struct rune_tuples *facts,
                                         struct rune_dl_program *ret_program)
{
    bool derives = false;
    for (uint32_t i = 0; i < build->rules.relation_count; i++) {
        derives |= build->rules.relations[i].is_head && is_data(build->rules.relations[i].builtin);
    }
    *ret_program = build->rules;
    if (!derives) {
        return RUNE_OK;
    }
    struct deriving deriving = {.build = build, .facts = facts};
    enum rune_err err = init(&deriving);
    if (err == RUNE_OK) {
        err = derive_all(&deriving);
    }
    if (err == RUNE_OK) {
        leave_rest(&deriving, ret_program);
        build->derived_entity_data = deriving.derived;
    }
    rune_free(deriving.edges);
    RUNE_VEC_FINI(&deriving.wanted);
    RUNE_VEC_FINI(&deriving.todo);
    RUNE_VEC_FINI(&deriving.names);
    RUNE_VEC_FINI(&deriving.values);
    return err;
}

/* ---- while entities are read ---- */

enum rune_err rune_build_relax_sets(struct rune_build *build, struct rune_vec_u32 *relaxed)
{
    struct rune_schema *schema = &build->schema;
    const struct rune_terms *terms = rune_dict_terms(build->dict);
    for (size_t i = 0; build->has_schema && i < build->clauses.count; i++) {
        const struct rune_dl_rule *rule = &build->clauses.items[i];
        if (!rune_str_equal(rule->head_name, RUNE_STR("entity.element")) || rule->arg_count != 3 ||
            rule->args[1]->kind != RUNE_DL_STRING) {
            continue;
        }
        rune_term name = rune_terms_find_string(terms, rule->args[1]->as.string);
        for (uint32_t t = 0; name != RUNE_TERM_NONE && t < schema->entity_type_count; t++) {
            const uint32_t *attr = find_attr(schema, schema->entity_types[t].attrs, name);
            if (attr != NULL && attr[1] != 0 && schema->words[attr[0]] == RUNE_SCHEMA_SET) {
                uint32_t at = (uint32_t)(attr + 1 - schema->words);
                build->schema_words.items[at] = 0;
                if (!RUNE_VEC_PUSH(relaxed, at)) {
                    build->schema_words.items[at] = 1;
                    return RUNE_E_NOMEM;
                }
            }
        }
    }
    return RUNE_OK;
}

void rune_build_require_sets(struct rune_build *build, struct rune_vec_u32 *relaxed)
{
    for (size_t i = 0; i < relaxed->count; i++) {
        build->schema_words.items[relaxed->items[i]] = 1;
    }
    RUNE_VEC_FINI(relaxed);
}
