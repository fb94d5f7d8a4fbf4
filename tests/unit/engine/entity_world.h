/* SPDX-License-Identifier: Apache-2.0 */
/* entity_world: a table of entities with its dictionary, for the tests that read documents into
 * one.
 */
#pragma once

#include "cedar/schema_image.h"
#include "engine/entities.h"

/* One dictionary, perhaps a schema, and the table. */
struct entity_world {
    struct rune_arena arena;
    struct rune_dict *dict;
    struct rune_vec_u32 words;
    struct rune_schema schema;
    struct rune_entity_table table;
    struct rune_diag *diag;
};

/* `schema_text` may be NULL. fini also after an error, if there is a dictionary. */
enum rune_err entity_world_init(struct entity_world *world, const char *schema_text);
void entity_world_fini(struct entity_world *world);

/* A document into the table; the same, then the hierarchy closed. */
enum rune_err entity_world_read(struct entity_world *world, const char *text);
enum rune_err entity_world_close(struct entity_world *world, const char *text);

rune_term entity_world_find(const struct entity_world *world, const char *type, const char *id);
bool entity_world_has_ancestor(const struct entity_world *world, rune_term child,
                               rune_term ancestor);

#define UID(type, id) "{\"type\":\"" type "\",\"id\":\"" id "\"}"
#define ENTITY(type, id, attrs, parents) \
    "{\"uid\":" UID(type, id) ",\"attrs\":{" attrs "},\"parents\":[" parents "]}"
