/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/entity_queue.h"

#include <string.h>

void rune_entity_queue_init(struct rune_entity_queue *queue, struct rune_entity_table *table)
{
    queue->table = table;
    queue->count = queue->uid_count = 0;
    queue->begin_uids = queue->begin_parents = 0;
}

struct rune_entity_item *rune_entity_queue_begin(struct rune_entity_queue *queue, size_t offset)
{
    struct rune_entity_item *item = &queue->items[queue->count];
    queue->begin_uids = queue->uid_count;
    queue->begin_parents = queue->table->parents.count;
    *item = (struct rune_entity_item){
        .offset = offset,
        .attrs = RUNE_ENTITY_NO_ATTRS,
        .tags = RUNE_ENTITY_NO_ATTRS,
        .first_parent = queue->begin_parents,
    };
    return item;
}

/* ---- uids ---- */

/* Places of items count from the top, those of parents from zero: memory keeps them apart. */
static size_t of_item(size_t item)
{
    return SIZE_MAX - item;
}

static enum rune_err look_up(struct rune_entity_queue *queue)
{
    rune_term found[RUNE_ENTITY_QUEUE_UIDS];
    enum rune_err err =
        rune_dict_entities(queue->table->dict, queue->types, queue->ids, queue->uid_count, found);
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_entity_edge *parents = queue->table->parents.items;
    for (size_t i = 0; i < queue->uid_count; i++) {
        size_t place = queue->places[i];
        if (place > of_item(RUNE_ENTITY_QUEUE_ITEMS)) {
            queue->items[SIZE_MAX - place].uid = found[i];
        } else {
            parents[place].parent = found[i];
        }
    }
    queue->uid_count = queue->begin_uids = 0;
    return RUNE_OK;
}

static enum rune_err add_uid(struct rune_entity_queue *queue, struct rune_value_uid uid,
                             size_t place)
{
    enum rune_err err = RUNE_OK;
    if (queue->uid_count == RUNE_ENTITY_QUEUE_UIDS) {
        err = look_up(queue);
    }
    if (err == RUNE_OK) {
        queue->types[queue->uid_count] = uid.type;
        queue->ids[queue->uid_count] = uid.id;
        queue->places[queue->uid_count++] = place;
    }
    return err;
}

enum rune_err rune_entity_queue_uid(struct rune_entity_queue *queue, struct rune_value_uid uid)
{
    return add_uid(queue, uid, of_item(queue->count));
}

enum rune_err rune_entity_queue_parent(struct rune_entity_queue *queue,
                                       struct rune_value_uid parent)
{
    struct rune_vec_edge *parents = &queue->table->parents;
    const struct rune_entity_edge empty = {RUNE_TERM_NONE, RUNE_TERM_NONE};
    if (parents->count == UINT32_MAX) { /* LIMIT: the table counts them in u32 */
        return RUNE_E_LIMIT;
    }
    if (!RUNE_VEC_PUSH(parents, empty)) {
        return RUNE_E_NOMEM;
    }
    queue->items[queue->count].parent_count++;
    return add_uid(queue, parent, parents->count - 1);
}

void rune_entity_queue_end(struct rune_entity_queue *queue)
{
    queue->count++;
}

void rune_entity_queue_drop(struct rune_entity_queue *queue)
{
    queue->uid_count = queue->begin_uids;
    queue->table->parents.count = queue->begin_parents;
}

/* ---- entities that are there already ---- */

static bool runs_equal(const uint32_t *heap, uint32_t a, uint32_t b)
{
    const uint32_t *x = heap + a;
    const uint32_t *y = heap + b;
    return a == b || (x[0] == y[0] && memcmp(x + 1, y + 1, heap[x[0]] * sizeof *x) == 0);
}

/* Both sorted, without repetition. */
static bool parents_equal(const struct rune_entity_table *table,
                          const struct rune_entity_item *item, uint32_t index)
{
    const struct rune_entity_edge *given = table->parents.items + item->first_parent;
    const struct rune_entity_edge *stored = table->parents.items + table->first_parent.items[index];
    bool equal = item->parent_count == table->parent_count.items[index];
    for (size_t i = 0; equal && i < item->parent_count; i++) {
        equal = given[i].parent == stored[i].parent;
    }
    return equal;
}

static bool is_stored(const struct rune_entity_table *table, const struct rune_entity_item *item,
                      uint32_t index)
{
    const uint32_t *heap = rune_dict_terms(table->dict)->heap;
    return runs_equal(heap, table->attrs.items[index], item->attrs) &&
           runs_equal(heap, table->tags.items[index], item->tags) &&
           parents_equal(table, item, index);
}

/* ---- storing ---- */

/* Puts the item's parents in order, each once, and moves them down to `first`, over those of
 * entities that were passed over. */
static void settle_parents(struct rune_entity_table *table, struct rune_entity_item *item,
                           size_t first)
{
    if (item->parent_count == 0) { /* of nobody there may be no array at all */
        item->first_parent = first;
        return;
    }
    struct rune_entity_edge *from = table->parents.items + item->first_parent;
    struct rune_entity_edge *to = table->parents.items + first;
    size_t count = rune_entity_order_parents(from, item->parent_count);
    for (size_t i = 0; i < count; i++) {
        to[i] = (struct rune_entity_edge){item->uid, from[i].parent};
    }
    item->parent_count = count;
    item->first_parent = first;
}

static void store(struct rune_entity_table *table, const struct rune_entity_item *item,
                  uint32_t index)
{
    table->flags.items[index] = 1;
    table->entity_count++;
    table->attrs.items[index] = item->attrs;
    table->tags.items[index] = item->tags;
    table->has_tags |= item->tags != RUNE_ENTITY_NO_ATTRS;
    table->first_parent.items[index] = (uint32_t)item->first_parent;
    table->parent_count.items[index] = (uint32_t)item->parent_count;
}

enum rune_err rune_entity_queue_flush(struct rune_entity_queue *queue,
                                      void (*differs)(void *context,
                                                      const struct rune_entity_item *item),
                                      void *context)
{
    struct rune_entity_table *table = queue->table;
    enum rune_err err = look_up(queue);
    if (err == RUNE_OK) {
        err = rune_entity_table_extend(table);
    }
    if (err != RUNE_OK) {
        return err;
    }
    size_t kept = queue->count > 0 ? queue->items[0].first_parent : table->parents.count;
    for (size_t i = 0; i < queue->count; i++) {
        struct rune_entity_item *item = &queue->items[i];
        uint32_t index = rune_term_index(item->uid);
        settle_parents(table, item, kept);
        if (table->flags.items[index] == 0) {
            store(table, item, index);
            kept += item->parent_count;
        } else if (!is_stored(table, item, index)) {
            differs(context, item);
        }
    }
    table->parents.count = kept;
    queue->count = 0;
    return RUNE_OK;
}
