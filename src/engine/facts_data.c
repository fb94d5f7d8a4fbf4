/* SPDX-License-Identifier: Apache-2.0 */
/* facts_data: the [data] section of a .rune file: `a.b = v` is the fact a.b(v), an array one fact
 * an element, an array of arrays one tuple each. Strings are fields: `Type::"id"` and columns'
 * declarations mean what they mean in files, but a string is never an integer or a bool, which TOML
 * spells without quotes. */
#include <string.h>

#include "base/json.h"
#include "base/toml.h"
#include "engine/facts_int.h"
#include "model/uid.h"

struct data {
    const struct rune_source *source;
    const struct rune_manifest *manifest;
    struct rune_arena *arena;
    struct rune_dict *dict;
    struct rune_fact_set *set;
    struct rune_diag *diag;
    struct rune_fact_reader reader;  /* of the current leaf */
    struct rune_vec_u32 line_starts; /* offsets */
    uint32_t errors;
    enum rune_err err;
};

static void fail(struct data *data, const struct rune_json_node *node, const char *code,
                 const char *help, const char *text)
{
    data->errors++;
    rune_diag_report(data->diag, RUNE_ERROR, code,
                     (struct rune_span){data->source, node->offset, node->length}, help, "%s",
                     text);
}

/* ---- lines ---- */

/* Tables may lie scattered over the text, so that tuples do not come in its order. */
static bool find_lines(struct data *data)
{
    const char *text = data->source->text;
    const char *end = text + data->source->length;
    for (const char *p = text; p < end; p++) {
        if (!RUNE_VEC_PUSH(&data->line_starts, (uint32_t)(p - text))) {
            return false;
        }
        p = memchr(p, '\n', (size_t)(end - p));
        if (p == NULL) {
            break;
        }
    }
    return true;
}

/* From 1. */
static uint32_t line_of(const struct data *data, uint32_t offset)
{
    const uint32_t *starts = data->line_starts.items;
    uint32_t from = 0, to = (uint32_t)data->line_starts.count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (starts[middle] <= offset) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

/* ---- values ---- */

static bool put_string(struct data *data, uint32_t column, uint64_t row, struct rune_str text)
{
    struct rune_fact_reader *reader = &data->reader;
    struct rune_uid uid;
    const char *message;
    if (reader->columns[column].spec.kind == RUNE_COLUMN_ENTITY) {
        return rune_facts_put_text(reader, column, row, NULL, text);
    }
    bool is_uid = text.length > 4 && text.data[text.length - 1] == '"' &&
                  reader->columns[column].spec.kind == RUNE_COLUMN_ANY &&
                  rune_uid_parse(text, data->arena, &uid, &message) == RUNE_OK;
    return is_uid ? rune_facts_put_entity(reader, column, row, NULL, uid.type, uid.id)
                  : rune_facts_put_string(reader, column, row, NULL, text);
}

static bool put_node(struct data *data, uint32_t column, uint64_t row,
                     const struct rune_json_node *node)
{
    struct rune_fact_reader *reader = &data->reader;
    switch (node->type) {
    case RUNE_JSON_INTEGER:
        return rune_facts_put_int(reader, column, row, NULL, node->as.integer);
    case RUNE_JSON_TRUE:
    case RUNE_JSON_FALSE:
        return rune_facts_put_bool(reader, column, row, NULL, node->type == RUNE_JSON_TRUE);
    case RUNE_JSON_STRING:
        return put_string(data, column, row, node->as.text);
    case RUNE_JSON_NULL:
    case RUNE_JSON_NUMBER:
    case RUNE_JSON_ARRAY:
    case RUNE_JSON_OBJECT:
        break;
    }
    fail(data, node, "RUNE-T0107",
         "facts hold integers, strings, bools and entities (`Type::\"id\"` in a string)",
         "this is no value of a fact");
    return false;
}

static void add_tuple(struct data *data, const struct rune_json_node *nodes, uint32_t count,
                      const struct rune_json_node *place)
{
    struct rune_fact_reader *reader = &data->reader;
    reader->line = line_of(data, place->offset);
    if (count > RUNE_DL_MAX_ARITY) {
        fail(data, place, "RUNE-T0102", NULL, "a tuple of more than 64 values");
        return;
    }
    if (!rune_facts_set_arity(reader, count) || !rune_facts_reserve_row(reader)) {
        return;
    }
    if (reader->relation->tuples.arity != count) {
        fail(data, place, "RUNE-T0102", "all tuples of a relation have as many values as its first",
             "a tuple of another length");
        return;
    }
    uint64_t row = reader->relation->tuples.count - reader->first_row;
    for (uint32_t i = 0; i < count; i++) {
        if (!put_node(data, i, row, &nodes[i])) {
            rune_facts_drop_row(reader, row);
            return;
        }
    }
    reader->relation->tuples.count++;
}

static void read_leaf(struct data *data, struct rune_str name, const struct rune_json_node *value)
{
    if (!rune_manifest_is_relation_name(name)) {
        fail(data, value, "RUNE-T0111",
             "names of relations are lower-case, like `member` or `team.member`",
             "this is no relation's name");
        return;
    }
    struct rune_fact_relation *relation = rune_facts_find_or_add(data->set, name, data->manifest);
    if (relation == NULL) {
        data->err = RUNE_E_NOMEM;
        return;
    }
    uint64_t before = relation->tuples.count;
    rune_facts_reader_init(&data->reader, data->source->path, RUNE_FACTS_JSONL, data->dict,
                           relation, data->diag);
    bool is_list = value->type == RUNE_JSON_ARRAY;
    for (uint32_t i = 0; i < (is_list ? value->as.array.count : 1) && data->reader.err == RUNE_OK;
         i++) {
        const struct rune_json_node *item = is_list ? &value->as.array.items[i] : value;
        bool is_tuple = item->type == RUNE_JSON_ARRAY;
        add_tuple(data, is_tuple ? item->as.array.items : item, is_tuple ? item->as.array.count : 1,
                  item);
    }
    rune_facts_flush(&data->reader);
    rune_facts_warn_mixed(&data->reader);
    data->set->tuple_count += relation->tuples.count - before;
    data->errors += data->reader.errors;
    data->err = data->reader.err;
    rune_facts_reader_fini(&data->reader);
}

static void read_table(struct data *data, struct rune_str prefix,
                       const struct rune_json_node *table)
{
    for (uint32_t i = 0; i < table->as.object.count && data->err == RUNE_OK; i++) {
        const struct rune_json_member *member = &table->as.object.members[i];
        char *joined = prefix.length == 0
                           ? rune_arena_strndup(data->arena, member->key.data, member->key.length)
                           : rune_arena_printf(data->arena, "%.*s.%.*s", RUNE_STR_ARG(prefix),
                                               RUNE_STR_ARG(member->key));
        if (joined == NULL) {
            data->err = RUNE_E_NOMEM;
        } else if (member->value.type == RUNE_JSON_OBJECT) {
            /* depth: the TOML parser's limit */
            read_table(data, rune_str_from(joined), &member->value);
        } else {
            read_leaf(data, rune_str_from(joined), &member->value);
        }
    }
}

enum rune_err rune_facts_read_data(const struct rune_bundle_file *file,
                                   const struct rune_manifest *manifest, struct rune_arena *arena,
                                   struct rune_dict *dict, struct rune_fact_set *set,
                                   struct rune_diag *diag)
{
    struct data data = {.source = &file->source,
                        .manifest = manifest,
                        .arena = arena,
                        .dict = dict,
                        .set = set,
                        .diag = diag};
    struct rune_json_node root;
    enum rune_err err = rune_toml_parse(&file->source, arena, &root, diag);
    if (err != RUNE_OK) {
        return err;
    }
    const struct rune_json_node *table = rune_json_find(&root, "data");
    if (table != NULL && table->type == RUNE_JSON_OBJECT) {
        rune_diag_watch(diag, &file->source);
        data.err = find_lines(&data) ? RUNE_OK : RUNE_E_NOMEM;
        read_table(&data, (struct rune_str){0}, table);
        rune_diag_watch(diag, NULL);
        RUNE_VEC_FINI(&data.line_starts);
    }
    if (data.err != RUNE_OK) {
        return data.err;
    }
    return data.errors > 0 ? RUNE_E_BUNDLE : RUNE_OK;
}
