/* SPDX-License-Identifier: Apache-2.0 */
/* Ancestors are computed parents first, by a depth-first walk with a stack of its own: an entity's
 * set is the union of its parents and of their sets. Few ancestors are simply put in order. Of many
 * the largest set of a parent is the start, since it often holds the other parents and so, being
 * closed, their sets; and who has the same parents as someone before takes over the result. */
#include "engine/entity_close.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/sort.h"
#include "engine/entity_sets.h"
#include "model/uid.h"

#define FEW 64u /* ancestors, repetitions included */

/* LIMITS: words of all ancestor sets, and items looked at for them: both grow with the entities and
 * their parents, so that closing costs no more than a constant for each, but for a part that even
 * tangled hierarchies may use. */
#define MAX_WORDS        (UINT64_C(1) << 26)
#define MAX_WORK         (UINT64_C(1) << 30)
#define MAX_WORDS_A_PART 64u

enum state {
    STATE_NEW,
    STATE_OPEN,    /* on the stack */
    STATE_WAITING, /* in `sets` */
    STATE_DONE,
};

struct frame {
    uint32_t entity; /* index */
    uint32_t next;   /* among its parents */
};

RUNE_VEC(vec_frame, struct frame);

struct closer {
    struct rune_entity_table *table;
    uint32_t count; /* entities */
    uint8_t *states;
    struct vec_frame stack;
    struct rune_entity_sets sets;
    uint64_t work_left;
    uint32_t culprit; /* after RUNE_E_LIMIT */
    /* For unions of many: */
    uint32_t *seen; /* by entity: the epoch that saw it */
    uint32_t epoch;
    struct rune_vec_u32 extra;   /* what the largest set lacks */
    struct rune_vec_u32 parents; /* open addressing: entities + 1 by their parents, 0: empty */
    uint32_t parents_used;
};

static uint64_t limit_of(const struct rune_entity_table *table, uint64_t base)
{
    return base + MAX_WORDS_A_PART * ((uint64_t)table->flags.count + table->parents.count);
}

static enum rune_err closer_init(struct closer *closer, struct rune_entity_table *table)
{
    *closer = (struct closer){.table = table, .count = (uint32_t)table->flags.count};
    closer->work_left = limit_of(table, MAX_WORK);
    closer->states = rune_calloc((size_t)closer->count + 1, 1);
    enum rune_err err = rune_entity_sets_init(&closer->sets, table, limit_of(table, MAX_WORDS));
    return closer->states == NULL ? RUNE_E_NOMEM : err;
}

static void closer_fini(struct closer *closer)
{
    rune_free(closer->states);
    rune_free(closer->seen);
    rune_entity_sets_fini(&closer->sets);
    RUNE_VEC_FINI(&closer->stack);
    RUNE_VEC_FINI(&closer->extra);
    RUNE_VEC_FINI(&closer->parents);
}

/* ---- parents ---- */

static uint32_t degree_of(const struct closer *closer, uint32_t entity)
{
    return closer->table->parent_count.items[entity];
}

static const struct rune_entity_edge *parents_of(const struct closer *closer, uint32_t entity)
{
    const struct rune_entity_edge *items = closer->table->parents.items;
    return items == NULL ? NULL : items + closer->table->first_parent.items[entity];
}

static const uint32_t *ancestors_of(const struct closer *closer, rune_term entity)
{
    return rune_dict_terms(closer->table->dict)->heap +
           closer->table->ancestors.items[rune_term_index(entity)];
}

/* ---- the same parents ---- */

static bool same_parents(const struct closer *closer, uint32_t a, uint32_t b)
{
    const struct rune_entity_edge *x = parents_of(closer, a);
    const struct rune_entity_edge *y = parents_of(closer, b);
    uint32_t degree = degree_of(closer, a);
    bool same = degree == degree_of(closer, b);
    for (uint32_t i = 0; same && i < degree; i++) {
        same = x[i].parent == y[i].parent;
    }
    return same;
}

static uint64_t hash_parents(const struct closer *closer, uint32_t entity)
{
    const struct rune_entity_edge *parents = parents_of(closer, entity);
    uint64_t hash = degree_of(closer, entity);
    for (uint32_t i = 0; i < degree_of(closer, entity); i++) {
        hash = rune_hash64(&parents[i].parent, sizeof parents[i].parent, hash);
    }
    return hash;
}

/* The slot of an entity with the same parents, or the empty one for it. */
static uint32_t *find_slot(const struct closer *closer, uint32_t entity)
{
    size_t mask = closer->parents.count - 1;
    size_t at = (size_t)hash_parents(closer, entity) & mask;
    while (closer->parents.items[at] != 0 &&
           !same_parents(closer, closer->parents.items[at] - 1, entity)) {
        at = (at + 1) & mask;
    }
    return &closer->parents.items[at];
}

static bool grow_parents(struct closer *closer)
{
    struct rune_vec_u32 old = closer->parents;
    size_t size = old.count == 0 ? 256 : old.count * 2;
    uint32_t *items = rune_calloc(size, sizeof *items);
    if (items == NULL) {
        return false;
    }
    closer->parents = (struct rune_vec_u32){items, size, size};
    for (size_t i = 0; i < old.count; i++) {
        if (old.items[i] != 0) {
            *find_slot(closer, old.items[i] - 1) = old.items[i];
        }
    }
    RUNE_VEC_FINI(&old);
    return true;
}

/* Takes the set over from an entity with the same parents, or remembers this one. */
static enum rune_err take_over(struct closer *closer, uint32_t entity, bool *ret_done)
{
    if (closer->parents_used >= closer->parents.count / 2 && !grow_parents(closer)) {
        return RUNE_E_NOMEM;
    }
    uint32_t *slot = find_slot(closer, entity);
    *ret_done = *slot != 0;
    if (*ret_done) {
        uint32_t *ancestors = closer->table->ancestors.items;
        ancestors[entity] = ancestors[*slot - 1];
        closer->states[entity] = STATE_DONE;
    } else {
        *slot = entity + 1;
        closer->parents_used++;
    }
    return RUNE_OK;
}

/* ---- unions ---- */

/* Everyone in `sets` gets its ancestors. */
static enum rune_err flush(struct closer *closer)
{
    const struct rune_entity_set *waiting = closer->sets.waiting;
    for (size_t i = 0; i < closer->sets.waiting_count; i++) {
        closer->states[waiting[i].entity] = STATE_DONE;
    }
    enum rune_err err = rune_entity_sets_flush(&closer->sets);
    if (err == RUNE_E_LIMIT) {
        closer->culprit = waiting[0].entity;
    }
    return err;
}

/* Adds what is not there to a short sorted list. */
static uint32_t insert(uint32_t *items, uint32_t count, uint32_t item)
{
    uint32_t at = count;
    while (at > 0 && items[at - 1] > item) {
        at--;
    }
    if (at > 0 && items[at - 1] == item) {
        return count;
    }
    memmove(items + at + 1, items + at, (count - at) * sizeof *items);
    items[at] = item;
    return count + 1;
}

static enum rune_err unite_few(struct closer *closer, uint32_t entity)
{
    const struct rune_entity_edge *parents = parents_of(closer, entity);
    uint32_t *items = rune_entity_sets_room(&closer->sets, FEW);
    uint32_t count = 0;
    if (items == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < degree_of(closer, entity); i++) {
        const uint32_t *run = ancestors_of(closer, parents[i].parent);
        for (uint32_t k = 1; k <= run[0]; k++) {
            count = insert(items, count, run[k]);
        }
        count = insert(items, count, parents[i].parent);
    }
    rune_entity_sets_add(&closer->sets, entity, count);
    return RUNE_OK;
}

static bool see(struct closer *closer, rune_term entity)
{
    uint32_t *epoch = &closer->seen[rune_term_index(entity)];
    bool is_new = *epoch != closer->epoch;
    *epoch = closer->epoch;
    return is_new;
}

static bool gather(struct closer *closer, rune_term entity)
{
    return !see(closer, entity) || RUNE_VEC_PUSH(&closer->extra, entity);
}

/* Into `extra`: the parents and their ancestors that are not in `largest`. */
static enum rune_err gather_extra(struct closer *closer, uint32_t entity, const uint32_t *largest)
{
    const struct rune_entity_edge *parents = parents_of(closer, entity);
    bool ok = true;
    closer->epoch++;
    closer->extra.count = 0;
    for (uint32_t k = 1; k <= largest[0]; k++) {
        (void)see(closer, largest[k]);
    }
    for (uint32_t i = 0; ok && i < degree_of(closer, entity); i++) {
        const uint32_t *run = ancestors_of(closer, parents[i].parent);
        if (run != largest && closer->seen[rune_term_index(parents[i].parent)] == closer->epoch) {
            continue; /* closed: its ancestors are there, too */
        }
        ok = gather(closer, parents[i].parent);
        if (run == largest) {
            continue;
        }
        if (run[0] > closer->work_left) {
            return RUNE_E_LIMIT;
        }
        closer->work_left -= run[0];
        for (uint32_t k = 1; ok && k <= run[0]; k++) {
            ok = gather(closer, run[k]);
        }
    }
    return ok ? RUNE_OK : RUNE_E_NOMEM;
}

/* `largest` and `extra`, both sorted, into one. */
static enum rune_err merge(struct closer *closer, uint32_t entity, const uint32_t *largest)
{
    const uint32_t *extra = closer->extra.items;
    size_t left = closer->extra.count;
    uint32_t *items = rune_entity_sets_room(&closer->sets, largest[0] + left);
    if (items == NULL) {
        return RUNE_E_NOMEM;
    }
    size_t count = 0;
    for (uint32_t k = 1; k <= largest[0]; k++) {
        while (left > 0 && *extra < largest[k]) {
            items[count++] = *extra++;
            left--;
        }
        items[count++] = largest[k];
    }
    memcpy(items + count, extra, left * sizeof *extra);
    rune_entity_sets_add(&closer->sets, entity, (uint32_t)(count + left));
    return RUNE_OK;
}

static enum rune_err unite_many(struct closer *closer, uint32_t entity, rune_term largest_parent)
{
    bool is_done;
    enum rune_err err = take_over(closer, entity, &is_done);
    if (err != RUNE_OK || is_done) {
        return err;
    }
    closer->culprit = entity;
    if (closer->seen == NULL) {
        closer->seen = rune_calloc(closer->count, sizeof *closer->seen);
        if (closer->seen == NULL) {
            return RUNE_E_NOMEM;
        }
    }
    const uint32_t *largest = ancestors_of(closer, largest_parent);
    uint64_t work = (uint64_t)largest[0] + degree_of(closer, entity);
    if (work > closer->work_left) {
        return RUNE_E_LIMIT;
    }
    closer->work_left -= work;
    err = gather_extra(closer, entity, largest);
    if (err == RUNE_OK) {
        rune_sort_u32(closer->extra.items, NULL, closer->extra.count);
        err = merge(closer, entity, largest);
    }
    return err == RUNE_OK ? flush(closer) : err;
}

/* All parents are done or waiting. */
static enum rune_err finish_entity(struct closer *closer, uint32_t entity)
{
    const struct rune_entity_edge *parents = parents_of(closer, entity);
    uint32_t degree = degree_of(closer, entity);
    uint64_t total = degree;
    rune_term largest = RUNE_TERM_NONE;
    enum rune_err err = RUNE_OK;
    closer->states[entity] = STATE_DONE;
    for (uint32_t i = 0; err == RUNE_OK && i < degree; i++) {
        rune_term parent = parents[i].parent;
        if (closer->states[rune_term_index(parent)] == STATE_WAITING) {
            err = flush(closer);
        }
        uint32_t size = ancestors_of(closer, parent)[0];
        total += size;
        if (largest == RUNE_TERM_NONE || size > ancestors_of(closer, largest)[0]) {
            largest = parent;
        }
    }
    if (err != RUNE_OK || degree == 0) {
        return err;
    }
    if (closer->sets.waiting_count == RUNE_ENTITY_SETS_WAITING || total > FEW) {
        err = flush(closer);
    }
    if (err != RUNE_OK || total > FEW) {
        return err == RUNE_OK ? unite_many(closer, entity, largest) : err;
    }
    closer->states[entity] = STATE_WAITING;
    return unite_few(closer, entity);
}

/* ---- messages ---- */

static void append_uid(const struct closer *closer, uint32_t entity, struct rune_buf *out)
{
    const struct rune_terms *terms = rune_dict_terms(closer->table->dict);
    rune_uid_format(rune_terms_string(terms, terms->entity_type[entity]),
                    rune_terms_string(terms, terms->entity_id[entity]), out);
}

static struct rune_span place_of(const struct closer *closer, uint32_t entity)
{
    return rune_entity_table_place(closer->table,
                                   rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, entity));
}

static void report_limit(const struct closer *closer, struct rune_diag *diag)
{
    struct rune_buf text = RUNE_BUF_INIT;
    append_uid(closer, closer->culprit, &text);
    rune_diag_report(diag, RUNE_ERROR, "RUNE-C0804", place_of(closer, closer->culprit),
                     "make the hierarchy flatter: each entity keeps all of its ancestors",
                     "%s: at this entity, the ancestors of all entities become too many",
                     rune_buf_cstr(&text));
    rune_buf_fini(&text);
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
    /* Without derived parents there was none. */
    bool is_derived = closer->table->derived_by.source != NULL;
    rune_diag_report(diag, RUNE_ERROR, "RUNE-C0803",
                     is_derived ? closer->table->derived_by : place_of(closer, entity),
                     is_derived ? "a rule derives one of these parents: keep it from doing so"
                                : "remove one of these parents",
                     "the entity hierarchy has a cycle: %s", rune_buf_cstr(&text));
    rune_buf_fini(&text);
    return RUNE_E_BUNDLE;
}

/* ---- the walk ---- */

static enum rune_err walk(struct closer *closer, uint32_t root, struct rune_diag *diag)
{
    closer->stack.count = 0;
    if (!RUNE_VEC_PUSH(&closer->stack, ((struct frame){root, 0}))) {
        return RUNE_E_NOMEM;
    }
    closer->states[root] = STATE_OPEN;
    while (closer->stack.count > 0) {
        struct frame *top = &closer->stack.items[closer->stack.count - 1];
        if (top->next == degree_of(closer, top->entity)) {
            enum rune_err err = finish_entity(closer, top->entity);
            if (err != RUNE_OK) {
                return err;
            }
            closer->stack.count--;
            continue;
        }
        uint32_t parent = rune_term_index(parents_of(closer, top->entity)[top->next++].parent);
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
    struct closer closer;
    enum rune_err err = closer_init(&closer, table);
    for (uint32_t i = 0; err == RUNE_OK && i < closer.count; i++) {
        if (closer.states[i] == STATE_NEW) {
            err = walk(&closer, i, diag);
        }
    }
    if (err == RUNE_OK) {
        err = flush(&closer);
    }
    if (err == RUNE_E_LIMIT) {
        report_limit(&closer, diag);
    }
    closer_fini(&closer);
    return err;
}
