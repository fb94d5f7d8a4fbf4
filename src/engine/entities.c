/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/entities.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "engine/entity_close.h"
#include "engine/value_json.h"
#include "model/uid.h"

#define NO_ATTRS     1u /* the empty record's run */
#define NO_ANCESTORS 0u /* the empty set's run */

void rune_entity_table_init(struct rune_entity_table *table, struct rune_dict *dict,
                            const struct rune_schema *schema)
{
    memset(table, 0, sizeof *table);
    table->dict = dict;
    table->schema = schema != NULL && schema->words != NULL ? schema : NULL;
}

void rune_entity_table_fini(struct rune_entity_table *table)
{
    RUNE_VEC_FINI(&table->attrs);
    RUNE_VEC_FINI(&table->tags);
    RUNE_VEC_FINI(&table->ancestors);
    RUNE_VEC_FINI(&table->flags);
    RUNE_VEC_FINI(&table->parents);
    RUNE_VEC_FINI(&table->first_parent);
    RUNE_VEC_FINI(&table->parent_count);
}

/* ---- arrays ---- */

enum rune_err rune_entity_table_extend(struct rune_entity_table *table)
{
    size_t want = rune_dict_terms(table->dict)->entity_count;
    size_t have = table->flags.count;
    if (want <= have) {
        return RUNE_OK;
    }
    if (!RUNE_VEC_RESERVE(&table->attrs, want) || !RUNE_VEC_RESERVE(&table->tags, want) ||
        !RUNE_VEC_RESERVE(&table->ancestors, want) || !RUNE_VEC_RESERVE(&table->flags, want) ||
        !RUNE_VEC_RESERVE(&table->first_parent, want) ||
        !RUNE_VEC_RESERVE(&table->parent_count, want)) {
        return RUNE_E_NOMEM;
    }
    for (size_t i = have; i < want; i++) {
        table->attrs.items[i] = NO_ATTRS;
        table->tags.items[i] = NO_ATTRS;
        table->ancestors.items[i] = NO_ANCESTORS;
        table->flags.items[i] = 0;
        table->first_parent.items[i] = 0;
        table->parent_count.items[i] = 0;
    }
    table->attrs.count = table->tags.count = table->ancestors.count = table->flags.count = want;
    table->first_parent.count = table->parent_count.count = want;
    return RUNE_OK;
}

enum rune_err rune_entity_table_add(struct rune_entity_table *table, rune_term entity)
{
    enum rune_err err = rune_entity_table_extend(table);
    if (err != RUNE_OK) {
        return err;
    }
    uint8_t *flag = &table->flags.items[rune_term_index(entity)];
    table->entity_count += *flag == 0;
    *flag = 1;
    return RUNE_OK;
}

enum rune_err rune_entity_table_add_parent(struct rune_entity_table *table, rune_term child,
                                           rune_term parent)
{
    enum rune_err err = rune_entity_table_add(table, child);
    if (err != RUNE_OK) {
        return err;
    }
    return RUNE_VEC_PUSH(&table->parents, ((struct rune_entity_edge){child, parent}))
               ? RUNE_OK
               : RUNE_E_NOMEM;
}

/* ---- one document ---- */

struct document {
    struct rune_entity_table *table;
    const struct rune_source *source;
    struct rune_diag *diag;
    struct rune_arena arena; /* strings with escapes */
    struct rune_json json;
    struct rune_value_reader reader;
};

/* One entity while it is read. Parts that come before the uid are read after it: with a schema they
 * depend on it. */
struct entity {
    size_t offset;
    rune_term uid; /* NONE: not yet */
    bool is_action;
    const struct rune_schema_entity_type *type; /* with a schema, unless an action */
    bool has_attrs, has_parents, has_tags;
    bool late_attrs, late_parents, late_tags;
    struct rune_json attrs_at, parents_at, tags_at;
    uint32_t attrs, tags; /* heap offsets */
    size_t first_parent;  /* in table->parents */
    size_t parent_count;
};

static void report(struct document *document, const char *code, size_t offset, const char *help,
                   const char *fmt, ...) RUNE_PRINTF(5, 6);

static void report(struct document *document, const char *code, size_t offset, const char *help,
                   const char *fmt, ...)
{
    char text[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    uint32_t at = offset > document->source->length ? document->source->length : (uint32_t)offset;
    struct rune_span span = {document->source, at, at < document->source->length ? 1 : 0};
    rune_diag_report(document->diag, RUNE_ERROR, code, span, help, "%s", text);
    document->table->error_count++;
}

/* What the value reader says; `member` is where it was reading. */
static enum rune_err report_value(struct document *document, enum rune_err err, const char *member)
{
    struct rune_value_reader *reader = &document->reader;
    /* SYNTAX: reported where the document ends */
    if (err == RUNE_E_NOMEM || err == RUNE_E_SYNTAX) {
        return err;
    }
    if (member != NULL) {
        rune_value_prefix_name(reader, rune_str_from(member));
    }
    report(document, err == RUNE_E_SCHEMA ? "RUNE-C0802" : "RUNE-C0801", reader->offset, NULL,
           "%s%s%s", reader->at_length > 0 ? reader->at : "", reader->at_length > 0 ? ": " : "",
           reader->message);
    return err == RUNE_E_LIMIT ? err : RUNE_E_BUNDLE;
}

/* The JSON itself is broken: nothing behind it can be read. */
static enum rune_err report_json(struct document *document)
{
    report(document, "RUNE-C0800", rune_json_offset(&document->json), NULL, "%s",
           document->json.message);
    return document->json.err == RUNE_E_NOMEM ? RUNE_E_NOMEM : RUNE_E_SYNTAX;
}

static struct rune_str uid_text(struct document *document, rune_term uid, struct rune_buf *buf)
{
    const struct rune_terms *terms = rune_dict_terms(document->table->dict);
    uint32_t index = rune_term_index(uid);
    rune_buf_reset(buf);
    rune_uid_format(rune_terms_string(terms, terms->entity_type[index]),
                    rune_terms_string(terms, terms->entity_id[index]), buf);
    return buf->length > 200 ? (struct rune_str){buf->data, 200}
                             : (struct rune_str){buf->data, buf->length};
}

static enum rune_err report_entity(struct document *document, const char *code, size_t offset,
                                   rune_term uid, const char *help, const char *what)
{
    struct rune_buf buf = RUNE_BUF_INIT;
    struct rune_str text = uid_text(document, uid, &buf);
    report(document, code, offset, help, "%.*s: %s", RUNE_STR_ARG(text), what);
    rune_buf_fini(&buf);
    return RUNE_E_BUNDLE;
}

/* ---- parts of an entity ---- */

static bool is_action(const struct rune_terms *terms, rune_term uid)
{
    struct rune_str type = rune_terms_string(terms, terms->entity_type[rune_term_index(uid)]);
    struct rune_str last = RUNE_STR("Action");
    return type.length >= last.length &&
           memcmp(type.data + type.length - last.length, last.data, last.length) == 0 &&
           (type.length == last.length || type.data[type.length - last.length - 1] == ':');
}

static enum rune_err read_uid(struct document *document, struct entity *entity)
{
    struct rune_entity_table *table = document->table;
    size_t offset = rune_json_offset(&document->json);
    enum rune_err err = rune_value_read_uid(&document->reader, &entity->uid);
    if (err != RUNE_OK) {
        return report_value(document, err, "uid");
    }
    err = rune_entity_table_extend(table);
    if (err != RUNE_OK) {
        return err;
    }
    const struct rune_terms *terms = rune_dict_terms(table->dict);
    entity->is_action = is_action(terms, entity->uid);
    if (table->schema == NULL) {
        return RUNE_OK;
    }
    if (entity->is_action) {
        return rune_schema_find_action(table->schema, entity->uid) != NULL
                   ? RUNE_OK
                   : report_entity(document, "RUNE-C0802", offset, entity->uid,
                                   "declare it in the schema", "the schema has no such action");
    }
    entity->type =
        rune_schema_find_type(table->schema, terms->entity_type[rune_term_index(entity->uid)]);
    if (entity->type == NULL) {
        return report_entity(document, "RUNE-C0802", offset, entity->uid,
                             "declare it in the schema", "the schema has no such entity type");
    }
    if (!rune_schema_id_fits(table->schema, terms, NULL, entity->uid)) {
        return report_entity(document, "RUNE-C0802", offset, entity->uid, NULL,
                             "its type is an enumeration, and this id is not in it");
    }
    return RUNE_OK;
}

static enum rune_err store_run(struct document *document, size_t first, size_t count,
                               uint32_t *ret_offset)
{
    rune_term *names = document->reader.stack + first;
    enum rune_err err =
        rune_dict_record_run(document->table->dict, names, names + count, count, ret_offset);
    document->reader.count = first;
    return err;
}

static enum rune_err read_attrs(struct document *document, struct entity *entity)
{
    size_t first, count;
    rune_schema_type type = entity->type != NULL ? entity->type->attrs : 0;
    enum rune_err err = rune_value_read_members(&document->reader, type, &first, &count);
    return err == RUNE_OK ? store_run(document, first, count, &entity->attrs)
                          : report_value(document, err, "attrs");
}

static enum rune_err read_tags(struct document *document, struct entity *entity)
{
    size_t first, count;
    size_t offset = rune_json_offset(document->reader.json);
    rune_schema_type type = entity->type != NULL ? entity->type->tags : 0;
    enum rune_err err = rune_value_read_tags(&document->reader, type, &first, &count);
    if (err != RUNE_OK) {
        return report_value(document, err, "tags");
    }
    if (count > 0 && entity->type != NULL && entity->type->tags == 0) {
        document->reader.count = first;
        return report_entity(document, "RUNE-C0802", offset, entity->uid,
                             "declare them in the schema: `tags Type`", "its type has no tags");
    }
    return store_run(document, first, count, &entity->tags);
}

/* Whether the schema allows this parent. */
static enum rune_err check_parent(struct document *document, const struct entity *entity,
                                  rune_term parent, size_t offset)
{
    const struct rune_terms *terms = rune_dict_terms(document->table->dict);
    if (entity->is_action) {
        return is_action(terms, parent)
                   ? RUNE_OK
                   : report_entity(document, "RUNE-C0801", offset, parent, NULL,
                                   "an action's parents must be actions, this is none");
    }
    if (entity->type == NULL) {
        return RUNE_OK;
    }
    rune_term type = terms->entity_type[rune_term_index(parent)];
    if (!rune_schema_run_has(document->table->schema, entity->type->ancestors, type)) {
        return report_entity(document, "RUNE-C0802", offset, parent,
                             "declare it in the schema: `entity .. in [..]`",
                             "the schema does not allow this parent here");
    }
    return rune_schema_id_fits(document->table->schema, terms, NULL, parent)
               ? RUNE_OK
               : report_entity(document, "RUNE-C0802", offset, parent, NULL,
                               "the schema does not list this entity");
}

static enum rune_err read_parents(struct document *document, struct entity *entity)
{
    struct rune_json *json = document->reader.json;
    struct rune_vec_edge *edges = &document->table->parents;
    struct rune_json_token token;
    bool more = true;
    if (rune_json_value(json, &token) != RUNE_OK) {
        return rune_value_fail(&document->reader, RUNE_E_SYNTAX, rune_json_offset(json), "%s",
                               json->message);
    }
    if (token.type != RUNE_JSON_ARRAY) {
        report(document, "RUNE-C0801", token.offset, NULL, "parents: this must be an array");
        return RUNE_E_BUNDLE;
    }
    entity->first_parent = edges->count;
    for (size_t index = 0;; index++) {
        if (rune_json_next_element(json, index == 0, &more) != RUNE_OK) {
            return rune_value_fail(&document->reader, RUNE_E_SYNTAX, rune_json_offset(json), "%s",
                                   json->message);
        }
        if (!more) {
            break;
        }
        rune_term parent;
        size_t offset = rune_json_offset(json);
        enum rune_err err = rune_value_read_uid(&document->reader, &parent);
        if (err != RUNE_OK) {
            rune_value_prefix_index(&document->reader, index);
            return report_value(document, err, "parents");
        }
        err = check_parent(document, entity, parent, offset);
        if (err != RUNE_OK) {
            return err;
        }
        if (!RUNE_VEC_PUSH(edges, ((struct rune_entity_edge){entity->uid, parent}))) {
            return RUNE_E_NOMEM;
        }
    }
    entity->parent_count = edges->count - entity->first_parent;
    return RUNE_OK;
}

/* ---- an entity ---- */

typedef enum rune_err (*read_fn)(struct document *document, struct entity *entity);

/* Now, or, before the uid is known, later: then passed over. */
static enum rune_err read_or_wait(struct document *document, struct entity *entity, read_fn read,
                                  bool *ret_late, struct rune_json *ret_at)
{
    if (entity->uid != RUNE_TERM_NONE) {
        return read(document, entity);
    }
    *ret_late = true;
    *ret_at = document->json;
    return rune_json_skip(&document->json) == RUNE_OK ? RUNE_OK : RUNE_E_SYNTAX;
}

static enum rune_err read_late(struct document *document, struct entity *entity, read_fn read,
                               bool is_late, struct rune_json *at)
{
    if (!is_late) {
        return RUNE_OK;
    }
    document->reader.json = at;
    enum rune_err err = read(document, entity);
    document->reader.json = &document->json;
    return err;
}

static enum rune_err twice(struct document *document, struct rune_str key)
{
    report(document, "RUNE-C0801", rune_json_offset(&document->json), NULL, "`%.*s` is here twice",
           RUNE_STR_ARG(key));
    return RUNE_E_BUNDLE;
}

static enum rune_err read_member(struct document *document, struct entity *entity,
                                 struct rune_str key)
{
    if (rune_str_equal(key, RUNE_STR("uid"))) {
        return entity->uid != RUNE_TERM_NONE ? twice(document, key) : read_uid(document, entity);
    }
    if (rune_str_equal(key, RUNE_STR("attrs"))) {
        bool is_again = entity->has_attrs;
        entity->has_attrs = true;
        return is_again ? twice(document, key)
                        : read_or_wait(document, entity, read_attrs, &entity->late_attrs,
                                       &entity->attrs_at);
    }
    if (rune_str_equal(key, RUNE_STR("parents"))) {
        bool is_again = entity->has_parents;
        entity->has_parents = true;
        return is_again ? twice(document, key)
                        : read_or_wait(document, entity, read_parents, &entity->late_parents,
                                       &entity->parents_at);
    }
    if (rune_str_equal(key, RUNE_STR("tags"))) {
        bool is_again = entity->has_tags;
        entity->has_tags = true;
        return is_again ? twice(document, key)
                        : read_or_wait(document, entity, read_tags, &entity->late_tags,
                                       &entity->tags_at);
    }
    return rune_json_skip(&document->json) == RUNE_OK ? RUNE_OK : RUNE_E_SYNTAX;
}

static enum rune_err missing(struct document *document, const struct entity *entity,
                             const char *what)
{
    report(document, "RUNE-C0801", entity->offset,
           "an entity has uid, attrs and parents, and perhaps tags", "this entity has no `%s`",
           what);
    return RUNE_E_BUNDLE;
}

static enum rune_err read_entity_object(struct document *document, struct entity *entity)
{
    bool more = true;
    for (bool first = true;; first = false) {
        struct rune_str key;
        if (rune_json_next_member(&document->json, first, &more, &key) != RUNE_OK) {
            return RUNE_E_SYNTAX;
        }
        if (!more) {
            break;
        }
        enum rune_err err = read_member(document, entity, key);
        if (err != RUNE_OK) {
            return err;
        }
    }
    if (entity->uid == RUNE_TERM_NONE || !entity->has_attrs || !entity->has_parents) {
        return missing(document, entity,
                       entity->uid == RUNE_TERM_NONE ? "uid"
                       : !entity->has_attrs          ? "attrs"
                                                     : "parents");
    }
    enum rune_err err =
        read_late(document, entity, read_attrs, entity->late_attrs, &entity->attrs_at);
    if (err == RUNE_OK) {
        err = read_late(document, entity, read_parents, entity->late_parents, &entity->parents_at);
    }
    return err == RUNE_OK
               ? read_late(document, entity, read_tags, entity->late_tags, &entity->tags_at)
               : err;
}

/* [uid, attrs, parents, tags]: serde reads structures from arrays, too. */
static enum rune_err read_entity_array(struct document *document, struct entity *entity)
{
    static const read_fn reads[] = {read_uid, read_attrs, read_parents, read_tags};
    bool more = true;
    size_t index = 0;
    for (;; index++) {
        if (rune_json_next_element(&document->json, index == 0, &more) != RUNE_OK) {
            return RUNE_E_SYNTAX;
        }
        if (!more) {
            break;
        }
        if (index == 4) {
            report(document, "RUNE-C0801", rune_json_offset(&document->json), NULL,
                   "this array is too long for an entity");
            return RUNE_E_BUNDLE;
        }
        enum rune_err err = reads[index](document, entity);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return index >= 3 ? RUNE_OK
                      : missing(document, entity,
                                index == 0   ? "uid"
                                : index == 1 ? "attrs"
                                             : "parents");
}

/* ---- duplicates ---- */

static bool runs_equal(const uint32_t *heap, uint32_t a, uint32_t b)
{
    const uint32_t *x = heap + a;
    const uint32_t *y = heap + b;
    return a == b || (x[0] == y[0] && memcmp(x + 1, y + 1, heap[x[0]] * sizeof *x) == 0);
}

static bool has_parent(const struct rune_entity_edge *edges, size_t count, rune_term parent)
{
    for (size_t i = 0; i < count; i++) {
        if (edges[i].parent == parent) {
            return true;
        }
    }
    return false;
}

/* LIMIT: comparing the parents of duplicates is quadratic, so it stops here. */
#define MAX_DUPLICATE_PARENTS 10000u

static bool parents_equal(const struct rune_entity_table *table, const struct entity *entity,
                          uint32_t index)
{
    const struct rune_entity_edge *new = table->parents.items + entity->first_parent;
    const struct rune_entity_edge *old = table->parents.items + table->first_parent.items[index];
    size_t old_count = table->parent_count.items[index];
    bool equal =
        entity->parent_count <= MAX_DUPLICATE_PARENTS && old_count <= MAX_DUPLICATE_PARENTS;
    for (size_t i = 0; equal && i < entity->parent_count; i++) {
        equal = has_parent(old, old_count, new[i].parent);
    }
    for (size_t i = 0; equal && i < old_count; i++) {
        equal = has_parent(new, entity->parent_count, old[i].parent);
    }
    return equal;
}

static enum rune_err store_entity(struct document *document, struct entity *entity)
{
    struct rune_entity_table *table = document->table;
    enum rune_err err = rune_entity_table_extend(table);
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t index = rune_term_index(entity->uid);
    if (table->flags.items[index] != 0) {
        const uint32_t *heap = rune_dict_terms(table->dict)->heap;
        bool equal = runs_equal(heap, table->attrs.items[index], entity->attrs) &&
                     runs_equal(heap, table->tags.items[index], entity->tags) &&
                     parents_equal(table, entity, index);
        table->parents.count =
            entity->parent_count > 0 ? entity->first_parent : table->parents.count;
        return equal ? RUNE_OK
                     : report_entity(
                           document, "RUNE-C0805", entity->offset, entity->uid,
                           "merge the two into one",
                           "this entity is already there, with other attributes, tags or parents");
    }
    if (entity->first_parent > UINT32_MAX - entity->parent_count) {
        return RUNE_E_LIMIT;
    }
    table->flags.items[index] = 1;
    table->entity_count++;
    table->attrs.items[index] = entity->attrs;
    table->tags.items[index] = entity->tags;
    table->has_tags |= entity->tags != NO_ATTRS;
    table->first_parent.items[index] = (uint32_t)entity->first_parent;
    table->parent_count.items[index] = (uint32_t)entity->parent_count;
    return RUNE_OK;
}

/* One element of the document's array. RUNE_E_SYNTAX: the JSON ends here. */
static enum rune_err read_entity(struct document *document)
{
    struct rune_json start = document->json;
    size_t edges = document->table->parents.count;
    struct rune_json_token token;
    if (rune_json_value(&document->json, &token) != RUNE_OK) {
        return RUNE_E_SYNTAX;
    }
    struct entity entity = {.offset = token.offset, .attrs = NO_ATTRS, .tags = NO_ATTRS};
    enum rune_err err;
    if (token.type == RUNE_JSON_OBJECT) {
        err = read_entity_object(document, &entity);
    } else if (token.type == RUNE_JSON_ARRAY) {
        err = read_entity_array(document, &entity);
    } else {
        report(document, "RUNE-C0801", token.offset,
               "an entity is an object with uid, attrs and parents", "this is no entity");
        err = RUNE_E_BUNDLE;
    }
    if (err == RUNE_OK && entity.is_action && document->table->schema != NULL &&
        (entity.attrs != NO_ATTRS || entity.tags != NO_ATTRS)) {
        err = report_entity(document, "RUNE-C0802", entity.offset, entity.uid, NULL,
                            "the schema declares this action without attributes");
    }
    if (err == RUNE_OK) {
        err = store_entity(document, &entity);
    }
    if (err == RUNE_E_BUNDLE) { /* the JSON may be fine: on to the next entity */
        document->table->parents.count = edges;
        document->json = start;
        document->reader.count = 0;
        err = rune_json_skip(&document->json) == RUNE_OK ? RUNE_OK : RUNE_E_SYNTAX;
    }
    return err;
}

static enum rune_err read_document(struct document *document)
{
    struct rune_json_token token;
    bool more = true;
    if (rune_json_value(&document->json, &token) != RUNE_OK) {
        return report_json(document);
    }
    if (token.type != RUNE_JSON_ARRAY) {
        report(document, "RUNE-C0801", token.offset,
               "write [ {\"uid\": .., \"attrs\": .., \"parents\": ..}, .. ]",
               "an entity document is an array");
        return RUNE_E_BUNDLE;
    }
    for (bool first = true;; first = false) {
        if (rune_json_next_element(&document->json, first, &more) != RUNE_OK) {
            return report_json(document);
        }
        if (!more) {
            break;
        }
        enum rune_err err = read_entity(document);
        if (err == RUNE_E_SYNTAX) {
            return report_json(document);
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
    return rune_json_end(&document->json) == RUNE_OK ? RUNE_OK : report_json(document);
}

enum rune_err rune_entity_table_read(struct rune_entity_table *table,
                                     const struct rune_source *source, struct rune_diag *diag)
{
    struct document document = {.table = table, .source = source, .diag = diag};
    uint32_t errors = table->error_count;
    rune_arena_init(&document.arena, 0);
    rune_json_init(&document.json, source->text, source->length, &document.arena);
    document.json.max_depth = RUNE_VALUE_MAX_DEPTH;
    rune_value_reader_init(&document.reader, table->dict, table->schema,
                           rune_dict_terms(table->dict));
    rune_value_reader_reset(&document.reader, &document.json);
    enum rune_err err = read_document(&document);
    rune_value_reader_fini(&document.reader);
    rune_arena_fini(&document.arena);
    if (err == RUNE_E_SYNTAX || (err == RUNE_OK && table->error_count > errors)) {
        err = RUNE_E_BUNDLE;
    }
    return err;
}

/* ---- closing ---- */

static bool run_is(const uint32_t *run, const uint32_t *words)
{
    return run[0] == words[0] && memcmp(run + 1, words + 1, run[0] * sizeof *run) == 0;
}

/* A given action must have the ancestors that the schema declares. */
static enum rune_err check_action(struct rune_entity_table *table,
                                  const struct rune_schema_action *action, struct rune_diag *diag)
{
    static const uint32_t none[] = {0};
    const struct rune_terms *terms = rune_dict_terms(table->dict);
    uint32_t index = rune_term_index(action->uid);
    const uint32_t *declared =
        action->ancestors != 0 ? table->schema->words + action->ancestors : none;
    if (run_is(terms->heap + table->ancestors.items[index], declared)) {
        return RUNE_OK;
    }
    struct rune_buf text = RUNE_BUF_INIT;
    rune_uid_format(rune_terms_string(terms, terms->entity_type[index]),
                    rune_terms_string(terms, terms->entity_id[index]), &text);
    rune_diag_report(diag, RUNE_ERROR, "RUNE-C0802", RUNE_SPAN_NONE,
                     "leave actions out of the entities: they come from the schema",
                     "%s: this action has other parents than the schema declares",
                     rune_buf_cstr(&text));
    rune_buf_fini(&text);
    table->error_count++;
    return RUNE_E_BUNDLE;
}

static enum rune_err add_action(struct rune_entity_table *table,
                                const struct rune_schema_action *action)
{
    bool is_given = table->flags.items[rune_term_index(action->uid)] != 0;
    enum rune_err err = rune_entity_table_add(table, action->uid);
    const uint32_t *words = table->schema->words;
    if (err == RUNE_OK && action->ancestors != 0) {
        const uint32_t *run = words + action->ancestors;
        err = rune_dict_set_run(table->dict, run + 1, run[0],
                                &table->ancestors.items[rune_term_index(action->uid)]);
    }
    for (uint32_t i = 0;
         err == RUNE_OK && !is_given && action->parents != 0 && i < words[action->parents]; i++) {
        err = rune_entity_table_add_parent(table, action->uid, words[action->parents + 1 + i]);
    }
    return err;
}

enum rune_err rune_entity_table_close(struct rune_entity_table *table, struct rune_diag *diag)
{
    enum rune_err err = rune_entity_table_extend(table);
    if (err == RUNE_OK) {
        err = rune_entity_close(table, diag);
    }
    if (err != RUNE_OK || table->schema == NULL) {
        return err;
    }
    bool ok = true;
    for (uint32_t i = 0; i < table->schema->action_count; i++) {
        const struct rune_schema_action *action = &table->schema->actions[i];
        if (table->flags.items[rune_term_index(action->uid)] != 0) {
            ok &= check_action(table, action, diag) == RUNE_OK;
        }
    }
    for (uint32_t i = 0; err == RUNE_OK && i < table->schema->action_count; i++) {
        err = add_action(table, &table->schema->actions[i]);
    }
    return err == RUNE_OK && !ok ? RUNE_E_BUNDLE : err;
}
