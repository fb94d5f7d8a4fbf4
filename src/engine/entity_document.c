/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the text. What is wrong with an entity is reported, and reading goes on behind it;
 * what is wrong with the JSON ends the document. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "engine/entities.h"
#include "engine/entity_queue.h"
#include "engine/value_json.h"
#include "model/uid.h"

/* What the schema says of the entities of one type. */
struct type_info {
    rune_term name; /* NONE: of nothing yet */
    bool is_action;
    bool lists_ids;                             /* not every id is allowed */
    const struct rune_schema_entity_type *type; /* NULL: no schema, an action, or unknown */
};

struct document {
    struct rune_entity_table *table;
    const struct rune_source *source;
    struct rune_diag *diag;
    struct rune_arena arena; /* strings with escapes */
    struct rune_json json;
    struct rune_value_reader reader;
    struct rune_entity_queue queue;
    struct type_info infos[2]; /* of the entity and of the parent read last */
};

/* One entity while it is read. Parts that come before the uid are read after it: with a schema they
 * depend on it. */
struct entity {
    struct rune_entity_item *item;
    struct rune_value_uid uid; /* type NONE: not yet */
    const struct type_info *info;
    bool has_attrs, has_parents, has_tags;
    bool late_attrs, late_parents, late_tags;
    struct rune_json attrs_at, parents_at, tags_at;
};

/* ---- messages ---- */

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

static enum rune_err report_uid(struct document *document, const char *code, size_t offset,
                                struct rune_value_uid uid, const char *help, const char *what)
{
    struct rune_buf buf = RUNE_BUF_INIT;
    rune_uid_format(rune_terms_string(rune_dict_terms(document->table->dict), uid.type), uid.id,
                    &buf);
    report(document, code, offset, help, "%.*s: %s", buf.length > 200 ? 200 : (int)buf.length,
           buf.data != NULL ? buf.data : "", what);
    rune_buf_fini(&buf);
    return RUNE_E_BUNDLE;
}

static void report_differing(void *context, const struct rune_entity_item *item)
{
    struct document *document = context;
    const struct rune_terms *terms = rune_dict_terms(document->table->dict);
    uint32_t index = rune_term_index(item->uid);
    struct rune_value_uid uid = {terms->entity_type[index],
                                 rune_terms_string(terms, terms->entity_id[index])};
    enum rune_err err =
        report_uid(document, "RUNE-C0805", item->offset, uid, "merge the two into one",
                   "this entity is already there, with other attributes, tags or parents");
    (void)err; /* counted */
}

/* ---- types ---- */

/* One entity after the other is of the same type, and so are their parents. */
static const struct type_info *find_info(struct document *document, struct type_info *info,
                                         rune_term type)
{
    const struct rune_schema *schema = document->table->schema;
    if (info->name != type) {
        struct rune_str text = rune_terms_string(rune_dict_terms(document->table->dict), type);
        *info = (struct type_info){.name = type, .is_action = rune_uid_is_action_type(text)};
        if (schema != NULL && !info->is_action) {
            info->type = rune_schema_find_type(schema, type);
            info->lists_ids = info->type != NULL && info->type->ids != 0;
        }
        info->lists_ids |= schema != NULL && info->is_action;
    }
    return info;
}

/* Whether the schema allows the id, where it lists those of the type. */
static enum rune_err find_id(struct document *document, struct rune_value_uid uid, bool *ret_fits,
                             rune_term *ret_term)
{
    struct rune_dict *dict = document->table->dict;
    enum rune_err err = rune_dict_entities(dict, &uid.type, &uid.id, 1, ret_term);
    if (err == RUNE_OK) {
        *ret_fits =
            rune_schema_id_fits(document->table->schema, rune_dict_terms(dict), NULL, *ret_term);
    }
    return err;
}

/* ---- parts of an entity ---- */

static enum rune_err check_uid(struct document *document, const struct entity *entity,
                               size_t offset)
{
    bool fits = true;
    rune_term term;
    if (document->table->schema == NULL) {
        return RUNE_OK;
    }
    if (entity->info->type == NULL && !entity->info->is_action) {
        return report_uid(document, "RUNE-C0802", offset, entity->uid, "declare it in the schema",
                          "the schema has no such entity type");
    }
    if (entity->info->type != NULL &&
        (entity->info->type->flags & RUNE_SCHEMA_TYPE_EXTERNAL) != 0) {
        return report_uid(document, "RUNE-C0802", offset, entity->uid,
                          "add the schema that defines it",
                          "its type is external: nothing says what such an entity has");
    }
    enum rune_err err =
        entity->info->lists_ids ? find_id(document, entity->uid, &fits, &term) : RUNE_OK;
    if (err != RUNE_OK || fits) {
        return err;
    }
    return entity->info->is_action
               ? report_uid(document, "RUNE-C0802", offset, entity->uid, "declare it in the schema",
                            "the schema has no such action")
               : report_uid(document, "RUNE-C0802", offset, entity->uid, NULL,
                            "its type is an enumeration, and this id is not in it");
}

static enum rune_err read_uid(struct document *document, struct entity *entity)
{
    size_t offset = rune_json_offset(&document->json);
    enum rune_err err = rune_value_read_uid_text(&document->reader, &entity->uid);
    if (err != RUNE_OK) {
        return report_value(document, err, "uid");
    }
    entity->info = find_info(document, &document->infos[0], entity->uid.type);
    err = check_uid(document, entity, offset);
    return err == RUNE_OK ? rune_entity_queue_uid(&document->queue, entity->uid) : err;
}

static rune_schema_type attrs_type(const struct entity *entity)
{
    return entity->info->type != NULL ? entity->info->type->attrs : 0;
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
    enum rune_err err =
        rune_value_read_members(&document->reader, attrs_type(entity), &first, &count);
    return err == RUNE_OK ? store_run(document, first, count, &entity->item->attrs)
                          : report_value(document, err, "attrs");
}

static enum rune_err read_tags(struct document *document, struct entity *entity)
{
    size_t first, count;
    size_t offset = rune_json_offset(document->reader.json);
    const struct rune_schema_entity_type *type = entity->info->type;
    enum rune_err err =
        rune_value_read_tags(&document->reader, type != NULL ? type->tags : 0, &first, &count);
    if (err != RUNE_OK) {
        return report_value(document, err, "tags");
    }
    if (count > 0 && type != NULL && type->tags == 0) {
        document->reader.count = first;
        return report_uid(document, "RUNE-C0802", offset, entity->uid,
                          "declare them in the schema: `tags Type`", "its type has no tags");
    }
    return store_run(document, first, count, &entity->item->tags);
}

/* Whether the schema allows this parent. */
static enum rune_err check_parent(struct document *document, const struct entity *entity,
                                  struct rune_value_uid parent, size_t offset)
{
    bool fits = true;
    rune_term term;
    const struct type_info *info = find_info(document, &document->infos[1], parent.type);
    if (entity->info->is_action) {
        return info->is_action ? RUNE_OK
                               : report_uid(document, "RUNE-C0801", offset, parent, NULL,
                                            "an action's parents must be actions, this is none");
    }
    const struct rune_schema_entity_type *type = entity->info->type;
    if (type == NULL) {
        return RUNE_OK;
    }
    if (!rune_schema_run_has(document->table->schema, type->ancestors, parent.type)) {
        return report_uid(document, "RUNE-C0802", offset, parent,
                          "declare it in the schema: `entity .. in [..]`",
                          "the schema does not allow this parent here");
    }
    enum rune_err err = info->lists_ids ? find_id(document, parent, &fits, &term) : RUNE_OK;
    return err != RUNE_OK || fits ? err
                                  : report_uid(document, "RUNE-C0802", offset, parent, NULL,
                                               "the schema does not list this entity");
}

static enum rune_err read_parent(struct document *document, const struct entity *entity,
                                 size_t index)
{
    struct rune_value_uid parent;
    size_t offset = rune_json_offset(document->reader.json);
    enum rune_err err = rune_value_read_uid_text(&document->reader, &parent);
    if (err != RUNE_OK) {
        rune_value_prefix_index(&document->reader, index);
        return report_value(document, err, "parents");
    }
    err = check_parent(document, entity, parent, offset);
    return err == RUNE_OK ? rune_entity_queue_parent(&document->queue, parent) : err;
}

static enum rune_err read_parents(struct document *document, struct entity *entity)
{
    struct rune_json *json = document->reader.json;
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
    for (size_t index = 0;; index++) {
        if (rune_json_next_element(json, index == 0, &more) != RUNE_OK) {
            return rune_value_fail(&document->reader, RUNE_E_SYNTAX, rune_json_offset(json), "%s",
                                   json->message);
        }
        if (!more) {
            return RUNE_OK;
        }
        enum rune_err err = read_parent(document, entity, index);
        if (err != RUNE_OK) {
            return err;
        }
    }
}

/* ---- an entity ---- */

typedef enum rune_err (*read_fn)(struct document *document, struct entity *entity);

/* Now, or, before the uid is known, later: then passed over. */
static enum rune_err read_or_wait(struct document *document, struct entity *entity, read_fn read,
                                  bool *ret_late, struct rune_json *ret_at)
{
    if (entity->uid.type != RUNE_TERM_NONE) {
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
        return entity->uid.type != RUNE_TERM_NONE ? twice(document, key)
                                                  : read_uid(document, entity);
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
    report(document, "RUNE-C0801", entity->item->offset,
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
    if (entity->uid.type == RUNE_TERM_NONE || !entity->has_attrs || !entity->has_parents) {
        return missing(document, entity,
                       entity->uid.type == RUNE_TERM_NONE ? "uid"
                       : !entity->has_attrs               ? "attrs"
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

/* ---- the document ---- */

static enum rune_err flush(struct document *document)
{
    return rune_entity_queue_flush(&document->queue, report_differing, document);
}

static enum rune_err read_parts(struct document *document, struct entity *entity,
                                enum rune_json_type form)
{
    enum rune_err err;
    if (form == RUNE_JSON_OBJECT) {
        err = read_entity_object(document, entity);
    } else if (form == RUNE_JSON_ARRAY) {
        err = read_entity_array(document, entity);
    } else {
        report(document, "RUNE-C0801", entity->item->offset,
               "an entity is an object with uid, attrs and parents", "this is no entity");
        err = RUNE_E_BUNDLE;
    }
    if (err == RUNE_OK && entity->info->is_action && document->table->schema != NULL &&
        (entity->item->attrs != RUNE_ENTITY_NO_ATTRS ||
         entity->item->tags != RUNE_ENTITY_NO_ATTRS)) {
        err = report_uid(document, "RUNE-C0802", entity->item->offset, entity->uid, NULL,
                         "the schema declares this action without attributes");
    }
    return err;
}

/* One element of the document's array. RUNE_E_SYNTAX: the JSON ends here. */
static enum rune_err read_entity(struct document *document)
{
    struct rune_json start = document->json;
    struct rune_json_token token;
    if (rune_json_value(&document->json, &token) != RUNE_OK) {
        return RUNE_E_SYNTAX;
    }
    struct entity entity = {.item = rune_entity_queue_begin(&document->queue, token.offset)};
    enum rune_err err = read_parts(document, &entity, token.type);
    if (err == RUNE_OK) {
        rune_entity_queue_end(&document->queue);
        return rune_entity_queue_is_full(&document->queue) ? flush(document) : RUNE_OK;
    }
    rune_entity_queue_drop(&document->queue);
    if (err == RUNE_E_BUNDLE) { /* the JSON may be fine: on to the next entity */
        document->json = start;
        document->reader.count = 0;
        err = rune_json_skip(&document->json) == RUNE_OK ? RUNE_OK : RUNE_E_SYNTAX;
    }
    return err;
}

static enum rune_err read_elements(struct document *document)
{
    bool more = true;
    for (bool first = true;; first = false) {
        if (rune_json_next_element(&document->json, first, &more) != RUNE_OK) {
            return RUNE_E_SYNTAX;
        }
        if (!more) {
            break;
        }
        enum rune_err err = read_entity(document);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return rune_json_end(&document->json) == RUNE_OK ? RUNE_OK : RUNE_E_SYNTAX;
}

static enum rune_err read_document(struct document *document)
{
    struct rune_json_token token;
    if (rune_json_value(&document->json, &token) != RUNE_OK) {
        return report_json(document);
    }
    if (token.type != RUNE_JSON_ARRAY) {
        report(document, "RUNE-C0801", token.offset,
               "write [ {\"uid\": .., \"attrs\": .., \"parents\": ..}, .. ]",
               "an entity document is an array");
        return RUNE_E_BUNDLE;
    }
    enum rune_err err = read_elements(document);
    if (err != RUNE_OK && err != RUNE_E_SYNTAX) {
        return err;
    }
    enum rune_err flushed = flush(document);
    if (flushed != RUNE_OK) {
        return flushed;
    }
    return err == RUNE_E_SYNTAX ? report_json(document) : RUNE_OK;
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
    rune_entity_queue_init(&document.queue, table);
    rune_diag_watch(diag, source);
    enum rune_err err =
        RUNE_VEC_PUSH(&table->sources, *source) ? read_document(&document) : RUNE_E_NOMEM;
    rune_diag_watch(diag, NULL);
    rune_value_reader_fini(&document.reader);
    rune_arena_fini(&document.arena);
    if (err == RUNE_E_SYNTAX || (err == RUNE_OK && table->error_count > errors)) {
        err = RUNE_E_BUNDLE;
    }
    return err;
}
