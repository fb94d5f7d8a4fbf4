/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the text. What is wrong with an entity is reported, and reading goes on behind it;
 * what is wrong with the JSON ends the document. */
#include "engine/entity_document_int.h"

/* The JSON itself is broken: nothing behind it can be read. */
static enum rune_err report_json(struct rune_entity_document *document)
{
    rune_entity_report(document, "RUNE-C0800", rune_json_offset(&document->json), NULL, "%s",
                       document->json.message);
    return document->json.err == RUNE_E_NOMEM ? RUNE_E_NOMEM : RUNE_E_SYNTAX;
}

static void report_differing(void *context, const struct rune_entity_item *item)
{
    struct rune_entity_document *document = context;
    const struct rune_terms *terms = rune_dict_terms(document->table->dict);
    uint32_t index = rune_term_index(item->uid);
    struct rune_value_uid uid = {terms->entity_type[index],
                                 rune_terms_string(terms, terms->entity_id[index])};
    enum rune_err err = rune_entity_report_uid(
        document, "RUNE-C0805", item->offset, uid, "merge the two into one",
        "this entity is already there, with other attributes, tags or parents");
    (void)err; /* counted */
}

/* ---- an entity ---- */

static const struct rune_str names[RUNE_ENTITY_PARTS] = {
    {"uid", 3}, {"attrs", 5}, {"parents", 7}, {"tags", 4}};

static bool has(uint32_t parts, enum rune_entity_part part)
{
    return (parts >> part & 1) != 0;
}

static enum rune_err pass_over(struct rune_entity_document *document)
{
    return rune_json_skip(&document->json) == RUNE_OK ? RUNE_OK : RUNE_E_SYNTAX;
}

static enum rune_err read_member(struct rune_entity_document *document,
                                 struct rune_entity_reading *entity, struct rune_str key)
{
    enum rune_entity_part part = RUNE_ENTITY_UID;
    while (part < RUNE_ENTITY_PARTS && !rune_str_equal(key, names[part])) {
        part++;
    }
    if (part == RUNE_ENTITY_PARTS) {
        return pass_over(document);
    }
    if (has(entity->seen, part)) {
        rune_entity_report(document, "RUNE-C0801", rune_json_offset(&document->json), NULL,
                           "`%.*s` is here twice", RUNE_STR_ARG(key));
        return RUNE_E_BUNDLE;
    }
    entity->seen |= 1u << part;
    if (part != RUNE_ENTITY_UID && !has(entity->seen, RUNE_ENTITY_UID)) {
        entity->late |= 1u << part;
        entity->late_at[part] = document->json;
        return pass_over(document);
    }
    return rune_entity_part_read(document, entity, part);
}

/* What was there before the uid. */
static enum rune_err read_late(struct rune_entity_document *document,
                               struct rune_entity_reading *entity)
{
    enum rune_err err = RUNE_OK;
    for (enum rune_entity_part part = RUNE_ENTITY_ATTRS; part < RUNE_ENTITY_PARTS && err == RUNE_OK;
         part++) {
        if (has(entity->late, part)) {
            document->reader.json = &entity->late_at[part];
            err = rune_entity_part_read(document, entity, part);
        }
    }
    document->reader.json = &document->json;
    return err;
}

static enum rune_err check_complete(struct rune_entity_document *document,
                                    const struct rune_entity_reading *entity)
{
    for (enum rune_entity_part part = RUNE_ENTITY_UID; part < RUNE_ENTITY_TAGS; part++) {
        if (!has(entity->seen, part)) {
            rune_entity_report(document, "RUNE-C0801", entity->item->offset,
                               "an entity has uid, attrs and parents, and perhaps tags",
                               "this entity has no `%s`", names[part].data);
            return RUNE_E_BUNDLE;
        }
    }
    return RUNE_OK;
}

static enum rune_err read_entity_object(struct rune_entity_document *document,
                                        struct rune_entity_reading *entity)
{
    bool more = true;
    for (;;) {
        struct rune_str key;
        if (rune_json_next_member(&document->json, &more, &key) != RUNE_OK) {
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
    enum rune_err err = check_complete(document, entity);
    return err == RUNE_OK && entity->late != 0 ? read_late(document, entity) : err;
}

/* [uid, attrs, parents, tags]: serde reads structures from arrays, too. */
static enum rune_err read_entity_array(struct rune_entity_document *document,
                                       struct rune_entity_reading *entity)
{
    bool more = true;
    for (enum rune_entity_part part = RUNE_ENTITY_UID;; part++) {
        if (rune_json_next_element(&document->json, &more) != RUNE_OK) {
            return RUNE_E_SYNTAX;
        }
        if (!more) {
            return check_complete(document, entity);
        }
        if (part == RUNE_ENTITY_PARTS) {
            rune_entity_report(document, "RUNE-C0801", rune_json_offset(&document->json), NULL,
                               "this array is too long for an entity");
            return RUNE_E_BUNDLE;
        }
        enum rune_err err = rune_entity_part_read(document, entity, part);
        if (err != RUNE_OK) {
            return err;
        }
        entity->seen |= 1u << part;
    }
}

/* ---- the document ---- */

static enum rune_err flush(struct rune_entity_document *document)
{
    return rune_entity_queue_flush(&document->queue, report_differing, document);
}

static enum rune_err read_parts(struct rune_entity_document *document,
                                struct rune_entity_reading *entity, enum rune_json_type form)
{
    enum rune_err err;
    if (form == RUNE_JSON_OBJECT) {
        err = read_entity_object(document, entity);
    } else if (form == RUNE_JSON_ARRAY) {
        err = read_entity_array(document, entity);
    } else {
        rune_entity_report(document, "RUNE-C0801", entity->item->offset,
                           "an entity is an object with uid, attrs and parents",
                           "this is no entity");
        err = RUNE_E_BUNDLE;
    }
    if (err == RUNE_OK && entity->info->is_action && document->table->schema != NULL &&
        (entity->item->attrs != RUNE_ENTITY_NO_ATTRS ||
         entity->item->tags != RUNE_ENTITY_NO_ATTRS)) {
        err = rune_entity_report_uid(document, "RUNE-C0802", entity->item->offset, entity->uid,
                                     NULL, "the schema declares this action without attributes");
    }
    return err;
}

/* One element of the document's array. RUNE_E_SYNTAX: the JSON ends here. */
static enum rune_err read_entity(struct rune_entity_document *document)
{
    struct rune_json start = document->json;
    struct rune_json_token token;
    if (rune_json_value(&document->json, &token) != RUNE_OK) {
        return RUNE_E_SYNTAX;
    }
    struct rune_entity_reading entity;
    entity.item = rune_entity_queue_begin(&document->queue, token.offset);
    entity.uid.type = RUNE_TERM_NONE;
    entity.seen = entity.late = 0;
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

static enum rune_err read_elements(struct rune_entity_document *document)
{
    bool more = true;
    for (;;) {
        if (rune_json_next_element(&document->json, &more) != RUNE_OK) {
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

static enum rune_err read_document(struct rune_entity_document *document)
{
    struct rune_json_token token;
    if (rune_json_value(&document->json, &token) != RUNE_OK) {
        return report_json(document);
    }
    if (token.type != RUNE_JSON_ARRAY) {
        rune_entity_report(document, "RUNE-C0801", token.offset,
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
    struct rune_entity_document document = {.table = table, .source = source, .diag = diag};
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
