/* SPDX-License-Identifier: Apache-2.0 */
/* entity_queue: entities that were read and are not in the table yet, with the uids they name.
 *
 * Looking a uid up in a large dictionary waits for memory, many at once wait together: uids are
 * collected here and looked up by the hundred, then the entities go into the table, in order.
 * Owns: nothing on the heap; direct parents lie at the end of the table's already, first without
 * their terms. Does not know: JSON, schemas, messages. Used by: engine/entity_document. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/entities.h"
#include "engine/value_json.h"

#define RUNE_ENTITY_QUEUE_UIDS  256u
#define RUNE_ENTITY_QUEUE_ITEMS 64u

/* One entity. */
struct rune_entity_item {
    size_t offset;  /* in the document, for messages */
    rune_term uid;  /* NONE: not looked up yet */
    uint32_t attrs; /* heap offsets */
    uint32_t tags;
    size_t first_parent; /* in table->parents */
    size_t parent_count;
};

/* items[count] is the entity that is being read. */
struct rune_entity_queue {
    struct rune_entity_table *table;
    struct rune_entity_item items[RUNE_ENTITY_QUEUE_ITEMS];
    size_t count;
    /* uids to be looked up */
    rune_term types[RUNE_ENTITY_QUEUE_UIDS];
    struct rune_str ids[RUNE_ENTITY_QUEUE_UIDS];
    size_t places[RUNE_ENTITY_QUEUE_UIDS]; /* in table->parents, or of_item() */
    size_t uid_count;
    /* where the entity that is being read begins */
    size_t begin_uids, begin_parents;
};

void rune_entity_queue_init(struct rune_entity_queue *queue, struct rune_entity_table *table);

/* A new entity; the one before it was ended or dropped. */
struct rune_entity_item *rune_entity_queue_begin(struct rune_entity_queue *queue, size_t offset);

/* Its uid and its parents, all of them one after the other; texts are borrowed until they are
 * looked up. RUNE_E_NOMEM, RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_entity_queue_uid(struct rune_entity_queue *queue,
                                                  struct rune_value_uid uid);
RUNE_MUST_USE enum rune_err rune_entity_queue_parent(struct rune_entity_queue *queue,
                                                     struct rune_value_uid parent);

/* The entity is whole, or is not wanted. */
void rune_entity_queue_end(struct rune_entity_queue *queue);
void rune_entity_queue_drop(struct rune_entity_queue *queue);

static inline bool rune_entity_queue_is_full(const struct rune_entity_queue *queue)
{
    return queue->count == RUNE_ENTITY_QUEUE_ITEMS;
}

/* Between two entities: looks all uids up and stores all entities. What is there already is passed
 * over if it is equal; else `differs` is called with it. RUNE_E_NOMEM, RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err
rune_entity_queue_flush(struct rune_entity_queue *queue,
                        void (*differs)(void *context, const struct rune_entity_item *item),
                        void *context);
