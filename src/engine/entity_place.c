/* SPDX-License-Identifier: Apache-2.0 */
/* entity_place: for messages about entities after all documents were read: nobody remembers where
 * they stand, so the documents are searched again. */
#include "base/json.h"
#include "engine/entities.h"
#include "engine/value_json.h"

struct search {
    const struct rune_terms *terms;
    uint32_t index;        /* the entity's */
    struct rune_json json; /* goes from entity to entity */
    struct rune_json here; /* within one */
    struct rune_value_reader reader;
};

/* The value of `uid` of the entity at the JSON reader. False: it has none, or another form. */
static bool find_uid(struct rune_json *json)
{
    struct rune_json_token token;
    struct rune_str key;
    bool more = false;
    if (rune_json_value(json, &token) != RUNE_OK) {
        return false;
    }
    if (token.type == RUNE_JSON_ARRAY) {
        return rune_json_next_element(json, &more) == RUNE_OK && more;
    }
    while (token.type == RUNE_JSON_OBJECT) {
        if (rune_json_next_member(json, &more, &key) != RUNE_OK || !more) {
            return false;
        }
        if (rune_str_equal(key, RUNE_STR("uid"))) {
            return true;
        }
        if (rune_json_skip(json) != RUNE_OK) {
            return false;
        }
    }
    return false;
}

static bool is_sought(struct search *search)
{
    struct rune_value_uid uid;
    search->here = search->json;
    search->reader.json = &search->here;
    return find_uid(&search->here) && rune_value_read_uid_text(&search->reader, &uid) == RUNE_OK &&
           uid.type == search->terms->entity_type[search->index] &&
           rune_str_equal(
               uid.id, rune_terms_string(search->terms, search->terms->entity_id[search->index]));
}

static bool find_in(struct search *search, const struct rune_source *source,
                    struct rune_arena *arena, uint32_t *ret_offset)
{
    struct rune_json *json = &search->json;
    struct rune_json_token token;
    bool more = true;
    rune_json_init(json, source->text, source->length, arena);
    json->max_depth = RUNE_VALUE_MAX_DEPTH;
    rune_value_reader_reset(&search->reader, json);
    if (rune_json_value(json, &token) != RUNE_OK || token.type != RUNE_JSON_ARRAY) {
        return false;
    }
    for (;;) {
        if (rune_json_next_element(json, &more) != RUNE_OK || !more) {
            return false;
        }
        if (is_sought(search)) {
            *ret_offset = (uint32_t)rune_json_offset(json);
            return true;
        }
        if (rune_json_skip(json) != RUNE_OK) {
            return false;
        }
    }
}

struct rune_span rune_entity_table_place(const struct rune_entity_table *table, rune_term entity)
{
    struct rune_span span = RUNE_SPAN_NONE;
    struct search search = {.terms = rune_dict_terms(table->dict),
                            .index = rune_term_index(entity)};
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    rune_value_reader_init(&search.reader, table->dict, NULL, NULL);
    for (size_t i = 0; i < table->sources.count && span.source == NULL; i++) {
        uint32_t offset;
        if (find_in(&search, &table->sources.items[i], &arena, &offset)) {
            span = (struct rune_span){&table->sources.items[i], offset, 1};
        }
    }
    rune_value_reader_fini(&search.reader);
    rune_arena_fini(&arena);
    return span;
}
