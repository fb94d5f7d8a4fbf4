/* SPDX-License-Identifier: Apache-2.0 */
/* Ancestors are computed parents first, by a depth-first walk with a stack of its own: an entity's
 * set is the union of its parents and of their sets. Two tables keep the work and the result small:
 * one from sets of parents to the entity that had them first (its ancestors are everybody's who has
 * the same parents), one from ancestor sets to their run in the heap. */
#include "engine/entity_close.h"

#include <string.h>

#include "base/hash.h"
#include "model/uid.h"

enum state { STATE_NEW, STATE_OPEN, STATE_DONE };

struct frame {
    uint32_t entity; /* index */
    uint32_t next;   /* in parents */
};

RUNE_VEC(vec_frame, struct frame);

/* Open addressing: 0 is empty, else what the slot holds, plus one. */
struct table {
    uint32_t *slots;
    uint32_t *hashes;
    size_t size; /* a power of two, or 0 */
    size_t used;
};

struct closer {
    struct rune_entity_table *entities;
    uint32_t count;    /* entities */
    uint32_t *first;   /* count + 1: where an entity's parents begin in `parents` */
    uint32_t *parents; /* entity indexes, ascending for each child, without repetition */
    uint32_t *degree;  /* how many */
    uint8_t *states;
    uint32_t *seen; /* by entity: the epoch that saw it */
    uint32_t epoch;
    struct table by_parents;
    struct table by_ancestors;
    struct rune_vec_u32 set; /* the set being made */
    struct vec_frame stack;
};

static void closer_fini(struct closer *closer)
{
    rune_free(closer->first);
    rune_free(closer->parents);
    rune_free(closer->degree);
    rune_free(closer->states);
    rune_free(closer->seen);
    rune_free(closer->by_parents.slots);
    rune_free(closer->by_parents.hashes);
    rune_free(closer->by_ancestors.slots);
    rune_free(closer->by_ancestors.hashes);
    RUNE_VEC_FINI(&closer->set);
    RUNE_VEC_FINI(&closer->stack);
}

/* ---- sorting ---- */

static void sift_down(uint32_t *items, size_t at, size_t count)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            return;
        }
        child += child + 1 < count && items[child + 1] > items[child];
        if (items[at] >= items[child]) {
            return;
        }
        uint32_t swap = items[at];
        items[at] = items[child];
        items[child] = swap;
        at = child;
    }
}

static void sort_u32(uint32_t *items, size_t count)
{
    if (count <= 24) {
        for (size_t i = 1; i < count; i++) {
            uint32_t item = items[i];
            size_t at = i;
            for (; at > 0 && items[at - 1] > item; at--) {
                items[at] = items[at - 1];
            }
            items[at] = item;
        }
        return;
    }
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(items, i, count);
    }
    for (size_t end = count; end-- > 1;) {
        uint32_t swap = items[0];
        items[0] = items[end];
        items[end] = swap;
        sift_down(items, 0, end);
    }
}

/* ---- tables ---- */

static bool table_grow(struct table *table)
{
    size_t size = table->size == 0 ? 1024 : table->size * 2;
    uint32_t *slots = rune_calloc(size, sizeof *slots);
    uint32_t *hashes = rune_calloc(size, sizeof *hashes);
    if (slots == NULL || hashes == NULL) {
        rune_free(slots);
        rune_free(hashes);
        return false;
    }
    for (size_t i = 0; i < table->size; i++) {
        if (table->slots[i] != 0) {
            size_t at = table->hashes[i] & (size - 1);
            while (slots[at] != 0) {
                at = (at + 1) & (size - 1);
            }
            slots[at] = table->slots[i];
            hashes[at] = table->hashes[i];
        }
    }
    rune_free(table->slots);
    rune_free(table->hashes);
    table->slots = slots;
    table->hashes = hashes;
    table->size = size;
    return true;
}

static bool table_add(struct table *table, size_t at, uint32_t hash, uint32_t value)
{
    table->slots[at] = value + 1;
    table->hashes[at] = hash;
    table->used++;
    return table->used * 4 < table->size * 3 || table_grow(table);
}

/* ---- parents by child ---- */

static enum rune_err closer_init(struct closer *closer)
{
    const struct rune_vec_edge *edges = &closer->entities->parents;
    closer->count = (uint32_t)closer->entities->flags.count;
    size_t count = closer->count;
    if (edges->count > UINT32_MAX - 1) {
        return RUNE_E_LIMIT;
    }
    closer->first = rune_calloc(count + 1, sizeof *closer->first);
    closer->parents = rune_alloc((edges->count + 1) * sizeof *closer->parents);
    closer->degree = rune_calloc(count + 1, sizeof *closer->degree);
    closer->states = rune_calloc(count + 1, 1);
    closer->seen = rune_calloc(count + 1, sizeof *closer->seen);
    if (closer->first == NULL || closer->parents == NULL || closer->degree == NULL ||
        closer->states == NULL || closer->seen == NULL || !table_grow(&closer->by_parents) ||
        !table_grow(&closer->by_ancestors)) {
        return RUNE_E_NOMEM;
    }
    for (size_t i = 0; i < edges->count; i++) {
        closer->first[rune_term_index(edges->items[i].child) + 1]++;
    }
    for (size_t i = 0; i < count; i++) {
        closer->first[i + 1] += closer->first[i];
    }
    for (size_t i = 0; i < edges->count; i++) {
        uint32_t child = rune_term_index(edges->items[i].child);
        closer->parents[closer->first[child] + closer->degree[child]++] =
            rune_term_index(edges->items[i].parent);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t *parents = closer->parents + closer->first[i];
        uint32_t kept = 0;
        sort_u32(parents, closer->degree[i]);
        for (uint32_t k = 0; k < closer->degree[i]; k++) {
            if (kept == 0 || parents[kept - 1] != parents[k]) {
                parents[kept++] = parents[k];
            }
        }
        closer->degree[i] = kept;
    }
    return RUNE_OK;
}

/* ---- one entity ---- */

static uint32_t run_hash(const uint32_t *items, size_t count)
{
    return (uint32_t)(rune_hash64(items, count * sizeof *items, 0) >> 32);
}

/* An entity with the same parents that is done; closer->count if there is none: then `entity` is
 * remembered. */
static enum rune_err find_like(struct closer *closer, uint32_t entity, uint32_t *ret_like)
{
    const uint32_t *parents = closer->parents + closer->first[entity];
    uint32_t degree = closer->degree[entity];
    struct table *table = &closer->by_parents;
    uint32_t hash = run_hash(parents, degree);
    size_t at = hash & (table->size - 1);
    for (; table->slots[at] != 0; at = (at + 1) & (table->size - 1)) {
        uint32_t other = table->slots[at] - 1;
        if (table->hashes[at] == hash && closer->degree[other] == degree &&
            memcmp(closer->parents + closer->first[other], parents, degree * sizeof *parents) ==
                0) {
            *ret_like = other;
            return RUNE_OK;
        }
    }
    *ret_like = closer->count;
    return table_add(table, at, hash, entity) ? RUNE_OK : RUNE_E_NOMEM;
}

static bool gather(struct closer *closer, uint32_t entity)
{
    if (closer->seen[entity] == closer->epoch) {
        return true;
    }
    closer->seen[entity] = closer->epoch;
    rune_term term = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, entity);
    return RUNE_VEC_PUSH(&closer->set, term);
}

/* The run that equals closer->set, found or made. */
static enum rune_err intern_set(struct closer *closer, uint32_t *ret_offset)
{
    struct table *table = &closer->by_ancestors;
    size_t count = closer->set.count;
    const uint32_t *items = closer->set.items;
    uint32_t hash = run_hash(items, count);
    size_t at = hash & (table->size - 1);
    const uint32_t *heap = rune_dict_terms(closer->entities->dict)->heap;
    for (; table->slots[at] != 0; at = (at + 1) & (table->size - 1)) {
        uint32_t offset = table->slots[at] - 1;
        if (table->hashes[at] == hash && heap[offset] == count &&
            memcmp(heap + offset + 1, items, count * sizeof *items) == 0) {
            *ret_offset = offset;
            return RUNE_OK;
        }
    }
    enum rune_err err = rune_dict_set_run(closer->entities->dict, items, count, ret_offset);
    if (err == RUNE_OK && !table_add(table, at, hash, *ret_offset)) {
        err = RUNE_E_NOMEM;
    }
    return err;
}

/* All parents are done. */
static enum rune_err finish_entity(struct closer *closer, uint32_t entity)
{
    struct rune_vec_u32 *ancestors = &closer->entities->ancestors;
    uint32_t like;
    closer->states[entity] = STATE_DONE;
    if (closer->degree[entity] == 0) {
        return RUNE_OK;
    }
    enum rune_err err = find_like(closer, entity, &like);
    if (err != RUNE_OK || like != closer->count) {
        ancestors->items[entity] = err == RUNE_OK ? ancestors->items[like] : 0;
        return err;
    }
    const uint32_t *heap = rune_dict_terms(closer->entities->dict)->heap;
    closer->set.count = 0;
    closer->epoch++;
    bool ok = true;
    for (uint32_t i = 0; ok && i < closer->degree[entity]; i++) {
        uint32_t parent = closer->parents[closer->first[entity] + i];
        const uint32_t *run = heap + ancestors->items[parent];
        ok = gather(closer, parent);
        for (uint32_t k = 0; ok && k < run[0]; k++) {
            ok = gather(closer, rune_term_index(run[1 + k]));
        }
    }
    if (!ok) {
        return RUNE_E_NOMEM;
    }
    sort_u32(closer->set.items, closer->set.count);
    return intern_set(closer, &ancestors->items[entity]);
}

static void append_uid(const struct closer *closer, uint32_t entity, struct rune_buf *out)
{
    const struct rune_terms *terms = rune_dict_terms(closer->entities->dict);
    rune_uid_format(rune_terms_string(terms, terms->entity_type[entity]),
                    rune_terms_string(terms, terms->entity_id[entity]), out);
}

/* The stack, from where `entity` opened it to its top, is a cycle. */
static enum rune_err report_cycle(const struct closer *closer, uint32_t entity,
                                  struct rune_diag *diag)
{
    enum { SHOWN = 20 };
    struct rune_buf text = RUNE_BUF_INIT;
    size_t from = closer->stack.count;
    while (from > 0 && closer->stack.items[from - 1].entity != entity) {
        from--;
    }
    for (size_t i = from - 1; i < closer->stack.count; i++) {
        if (i - from + 1 == SHOWN) {
            rune_buf_append_cstr(&text, ".. in ");
            break;
        }
        append_uid(closer, closer->stack.items[i].entity, &text);
        rune_buf_append_cstr(&text, " in ");
    }
    append_uid(closer, entity, &text);
    rune_diag_report(diag, RUNE_ERROR, "RUNE-C0803", RUNE_SPAN_NONE, "remove one of these parents",
                     "the entity hierarchy has a cycle: %s", rune_buf_cstr(&text));
    rune_buf_fini(&text);
    return RUNE_E_BUNDLE;
}

static enum rune_err walk(struct closer *closer, uint32_t root, struct rune_diag *diag)
{
    closer->stack.count = 0;
    if (!RUNE_VEC_PUSH(&closer->stack, ((struct frame){root, 0}))) {
        return RUNE_E_NOMEM;
    }
    closer->states[root] = STATE_OPEN;
    while (closer->stack.count > 0) {
        struct frame *top = &closer->stack.items[closer->stack.count - 1];
        if (top->next == closer->degree[top->entity]) {
            enum rune_err err = finish_entity(closer, top->entity);
            if (err != RUNE_OK) {
                return err;
            }
            closer->stack.count--;
            continue;
        }
        uint32_t parent = closer->parents[closer->first[top->entity] + top->next++];
        if (closer->states[parent] == STATE_OPEN) {
            return report_cycle(closer, parent, diag);
        }
        if (closer->states[parent] == STATE_NEW) {
            closer->states[parent] = STATE_OPEN;
            if (!RUNE_VEC_PUSH(&closer->stack, ((struct frame){parent, 0}))) {
                return RUNE_E_NOMEM;
            }
        }
    }
    return RUNE_OK;
}

enum rune_err rune_entity_close(struct rune_entity_table *table, struct rune_diag *diag)
{
    struct closer closer = {.entities = table};
    enum rune_err err = closer_init(&closer);
    for (uint32_t i = 0; err == RUNE_OK && i < closer.count; i++) {
        if (closer.states[i] == STATE_NEW) {
            err = walk(&closer, i, diag);
        }
    }
    closer_fini(&closer);
    if (err == RUNE_E_LIMIT) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0804", RUNE_SPAN_NONE,
                         "make the hierarchy flatter",
                         "the entities have more ancestors than an image can hold");
    }
    return err;
}
