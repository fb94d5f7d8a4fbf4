/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the parts of an entity, each checked against the schema as it is read. */
#include <stdarg.h>
#include <string.h>

#include "engine/entity_document_int.h"
#include "model/uid.h"

/* ---- messages ---- */

void rune_entity_report(struct rune_entity_document *document, const char *code, size_t offset,
                        const char *help, const char *fmt, ...)
{
    uint32_t at = offset > document->source->length ? document->source->length : (uint32_t)offset;
    struct rune_span span = {document->source, at, at < document->source->length ? 1 : 0};
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport(document->diag, RUNE_ERROR, code, span, help, fmt, args);
    va_end(args);
    document->table->error_count++;
}

/* What the value reader says; `member` is where it was reading. */
static enum rune_err report_value(struct rune_entity_document *document, enum rune_err err,
                                  const char *member)
{
    struct rune_value_reader *reader = &document->reader;
    /* SYNTAX: reported where the document ends */
    if (err == RUNE_E_NOMEM || err == RUNE_E_SYNTAX) {
        return err;
    }
    if (member != NULL) {
        rune_value_prefix_name(reader, rune_str_from(member));
    }
    rune_entity_report(document, err == RUNE_E_SCHEMA ? "RUNE-C0802" : "RUNE-C0801", reader->offset,
                       NULL, "%s%s%s", reader->at_length > 0 ? reader->at : "",
                       reader->at_length > 0 ? ": " : "", reader->message);
    return err == RUNE_E_LIMIT ? err : RUNE_E_BUNDLE;
}

enum rune_err rune_entity_report_uid(struct rune_entity_document *document, const char *code,
                                     size_t offset, struct rune_value_uid uid, const char *help,
                                     const char *what)
{
    struct rune_buf buf = RUNE_BUF_INIT;
    rune_uid_format(rune_terms_string(rune_dict_terms(document->table->dict), uid.type), uid.id,
                    &buf);
    rune_entity_report(document, code, offset, help, "%.*s: %s",
                       buf.length > 200 ? 200 : (int)buf.length, buf.data != NULL ? buf.data : "",
                       what);
    rune_buf_fini(&buf);
    return RUNE_E_BUNDLE;
}

/* ---- types ---- */

/* One entity after the other is of the same type, and so are their parents. */
static const struct rune_entity_type_info *
find_info(struct rune_entity_document *document, struct rune_entity_type_info *info, rune_term type)
{
    const struct rune_schema *schema = document->table->schema;
    if (info->name != type) {
        struct rune_str text = rune_terms_string(rune_dict_terms(document->table->dict), type);
        *info = (struct rune_entity_type_info){.name = type,
                                               .is_action = rune_uid_is_action_type(text)};
        if (schema != NULL && !info->is_action) {
            info->type = rune_schema_find_type(schema, type);
            info->lists_ids = info->type != NULL && info->type->ids != 0;
        }
        info->lists_ids |= schema != NULL && info->is_action;
    }
    return info;
}

/* Whether the schema allows the id, where it lists those of the type. */
static enum rune_err find_id(struct rune_entity_document *document, struct rune_value_uid uid,
                             bool *ret_fits, rune_term *ret_term)
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

static enum rune_err check_uid(struct rune_entity_document *document,
                               const struct rune_entity_reading *entity, size_t offset)
{
    bool fits = true;
    rune_term term;
    if (document->table->schema == NULL) {
        return RUNE_OK;
    }
    if (entity->info->type == NULL && !entity->info->is_action) {
        return rune_entity_report_uid(document, "RUNE-C0802", offset, entity->uid,
                                      "declare it in the schema",
                                      "the schema has no such entity type");
    }
    if (entity->info->type != NULL &&
        (entity->info->type->flags & RUNE_SCHEMA_TYPE_EXTERNAL) != 0) {
        return rune_entity_report_uid(document, "RUNE-C0802", offset, entity->uid,
                                      "add the schema that defines it",
                                      "its type is external: nothing says what such an entity has");
    }
    enum rune_err err =
        entity->info->lists_ids ? find_id(document, entity->uid, &fits, &term) : RUNE_OK;
    if (err != RUNE_OK || fits) {
        return err;
    }
    return entity->info->is_action
               ? rune_entity_report_uid(document, "RUNE-C0802", offset, entity->uid,
                                        "declare it in the schema", "the schema has no such action")
               : rune_entity_report_uid(document, "RUNE-C0802", offset, entity->uid, NULL,
                                        "its type is an enumeration, and this id is not in it");
}

static enum rune_err read_uid(struct rune_entity_document *document,
                              struct rune_entity_reading *entity)
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

static rune_schema_type attrs_type(const struct rune_entity_reading *entity)
{
    return entity->info->type != NULL ? entity->info->type->attrs : 0;
}

static enum rune_err store_run(struct rune_entity_document *document, size_t first, size_t count,
                               uint32_t *ret_offset)
{
    rune_term *names = document->reader.stack + first;
    enum rune_err err =
        rune_dict_record_run(document->table->dict, names, names + count, count, ret_offset);
    document->reader.count = first;
    return err;
}

static enum rune_err read_attrs(struct rune_entity_document *document,
                                struct rune_entity_reading *entity)
{
    size_t first, count;
    enum rune_err err =
        rune_value_read_members(&document->reader, attrs_type(entity), &first, &count);
    return err == RUNE_OK ? store_run(document, first, count, &entity->item->attrs)
                          : report_value(document, err, "attrs");
}

static enum rune_err read_tags(struct rune_entity_document *document,
                               struct rune_entity_reading *entity)
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
        return rune_entity_report_uid(document, "RUNE-C0802", offset, entity->uid,
                                      "declare them in the schema: `tags Type`",
                                      "its type has no tags");
    }
    return store_run(document, first, count, &entity->item->tags);
}

/* Whether the schema allows this parent. */
static enum rune_err check_parent(struct rune_entity_document *document,
                                  const struct rune_entity_reading *entity,
                                  struct rune_value_uid parent, size_t offset)
{
    bool fits = true;
    rune_term term;
    const struct rune_entity_type_info *info =
        find_info(document, &document->infos[1], parent.type);
    if (entity->info->is_action) {
        return info->is_action
                   ? RUNE_OK
                   : rune_entity_report_uid(document, "RUNE-C0801", offset, parent, NULL,
                                            "an action's parents must be actions, this is none");
    }
    const struct rune_schema_entity_type *type = entity->info->type;
    if (type == NULL) {
        return RUNE_OK;
    }
    if (!rune_schema_run_has(document->table->schema, type->ancestors, parent.type)) {
        return rune_entity_report_uid(document, "RUNE-C0802", offset, parent,
                                      "declare it in the schema: `entity .. in [..]`",
                                      "the schema does not allow this parent here");
    }
    enum rune_err err = info->lists_ids ? find_id(document, parent, &fits, &term) : RUNE_OK;
    return err != RUNE_OK || fits
               ? err
               : rune_entity_report_uid(document, "RUNE-C0802", offset, parent, NULL,
                                        "the schema does not list this entity");
}

static enum rune_err read_parent(struct rune_entity_document *document,
                                 const struct rune_entity_reading *entity, size_t index)
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

static enum rune_err read_parents(struct rune_entity_document *document,
                                  struct rune_entity_reading *entity)
{
    struct rune_json *json = document->reader.json;
    struct rune_json_token token;
    bool more = true;
    if (rune_json_value(json, &token) != RUNE_OK) {
        return rune_value_fail(&document->reader, RUNE_E_SYNTAX, rune_json_offset(json), "%s",
                               json->message);
    }
    if (token.type != RUNE_JSON_ARRAY) {
        rune_entity_report(document, "RUNE-C0801", token.offset, NULL,
                           "parents: this must be an array");
        return RUNE_E_BUNDLE;
    }
    for (size_t index = 0;; index++) {
        if (rune_json_next_element(json, &more) != RUNE_OK) {
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

enum rune_err rune_entity_part_read(struct rune_entity_document *document,
                                    struct rune_entity_reading *entity, enum rune_entity_part part)
{
    switch (part) {
    case RUNE_ENTITY_UID:
        return read_uid(document, entity);
    case RUNE_ENTITY_ATTRS:
        return read_attrs(document, entity);
    case RUNE_ENTITY_PARENTS:
        return read_parents(document, entity);
    default:
        return read_tags(document, entity);
    }
}
