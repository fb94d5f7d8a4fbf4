/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/engine/entity_world.h"

#include <string.h>

enum rune_err entity_world_init(struct entity_world *world, const char *schema_text)
{
    memset(world, 0, sizeof *world);
    rune_arena_init(&world->arena, 0);
    world->diag = rune_diag_create();
    world->dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    enum rune_err err = world->dict != NULL ? RUNE_OK : RUNE_E_NOMEM;
    if (err == RUNE_OK && schema_text != NULL) {
        struct rune_source source = {"s", schema_text, (uint32_t)strlen(schema_text)};
        struct rune_schema_fragment fragment;
        struct rune_cedar_schema schema;
        err = rune_schema_parse(&source, &world->arena, &fragment, NULL);
        err =
            err == RUNE_OK ? rune_schema_resolve(&fragment, 1, &world->arena, &schema, NULL) : err;
        err = err == RUNE_OK ? rune_schema_write(&schema, world->dict, &world->words) : err;
    }
    rune_schema_open(world->words.items, err == RUNE_OK ? (uint32_t)world->words.count : 0,
                     &world->schema);
    rune_entity_table_init(&world->table, world->dict, &world->schema);
    return err;
}

void entity_world_fini(struct entity_world *world)
{
    rune_entity_table_fini(&world->table);
    RUNE_VEC_FINI(&world->words);
    rune_dict_destroy(world->dict);
    rune_diag_destroy(world->diag);
    rune_arena_fini(&world->arena);
}

enum rune_err entity_world_read(struct entity_world *world, const char *text)
{
    struct rune_source source = {"e.json", text, (uint32_t)strlen(text)};
    return rune_entity_table_read(&world->table, &source, world->diag);
}

enum rune_err entity_world_close(struct entity_world *world, const char *text)
{
    enum rune_err err = entity_world_read(world, text);
    return err == RUNE_OK ? rune_entity_table_close(&world->table, world->diag) : err;
}

rune_term entity_world_find(const struct entity_world *world, const char *type, const char *id)
{
    return rune_terms_find_uid(rune_dict_terms(world->dict), rune_str_from(type),
                               rune_str_from(id));
}

bool entity_world_has_ancestor(const struct entity_world *world, rune_term child,
                               rune_term ancestor)
{
    const uint32_t *run =
        rune_dict_terms(world->dict)->heap + world->table.ancestors.items[rune_term_index(child)];
    for (uint32_t i = 0; i < run[0]; i++) {
        if (run[1 + i] == ancestor) {
            return true;
        }
    }
    return false;
}
