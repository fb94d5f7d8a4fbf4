/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an entity document, without a schema and with one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/schema_image.h"
#include "engine/entities.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char schema_text[] =
    "entity Group in Group; entity User in Group { name: String, n?: Long, tags?: "
    "Set<String>, ip?: ipaddr, boss?: User,"
    " r?: {a: Long, d?: decimal} } tags String; entity Color enum [\"red\"];"
    "action all; action view in all appliesTo { principal: User, resource: Color };";

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Ancestors ascend, and hold the ancestors of every one of them. */
static void check_closed(const struct rune_entity_table *table)
{
    const uint32_t *heap = rune_dict_terms(table->dict)->heap;
    for (size_t i = 0; i < table->ancestors.count; i++) {
        const uint32_t *run = heap + table->ancestors.items[i];
        for (uint32_t k = 0; k < run[0]; k++) {
            require(k == 0 || run[k] < run[k + 1]);
            require(rune_term_index(run[k + 1]) != i);
        }
    }
    for (size_t i = 0; i < table->parents.count; i++) {
        const struct rune_entity_edge *edge = &table->parents.items[i];
        const uint32_t *run = heap + table->ancestors.items[rune_term_index(edge->child)];
        bool found = false;
        for (uint32_t k = 0; k < run[0]; k++) {
            found |= run[k + 1] == edge->parent;
        }
        require(found);
    }
}

static void run(const struct rune_source *source, bool with_schema)
{
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, (size_t)256 << 20);
    struct rune_vec_u32 words = {0};
    struct rune_schema checked = {0};
    struct rune_entity_table table;
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    if (with_schema) {
        struct rune_source text = {"schema", schema_text, sizeof schema_text - 1};
        struct rune_schema_fragment fragment;
        struct rune_cedar_schema schema;
        require(rune_schema_parse(&text, &arena, &fragment, NULL) == RUNE_OK);
        require(rune_schema_resolve(&fragment, 1, &arena, &schema, NULL) == RUNE_OK);
        require(rune_schema_write(&schema, dict, &words) == RUNE_OK);
        rune_schema_open(words.items, (uint32_t)words.count, &checked);
    }
    rune_entity_table_init(&table, dict, &checked);
    enum rune_err err = rune_entity_table_read(&table, source, NULL);
    if (err == RUNE_OK) {
        err = rune_entity_table_close(&table, NULL);
    }
    if (err == RUNE_OK) {
        check_closed(&table);
    }
    rune_entity_table_fini(&table);
    RUNE_VEC_FINI(&words);
    rune_dict_destroy(dict);
    rune_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rune_source source = {"fuzz.json", (const char *)data, (uint32_t)size};
    run(&source, false);
    run(&source, true);
    return 0;
}
