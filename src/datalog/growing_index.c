/* SPDX-License-Identifier: Apache-2.0 */
/* growing_index: tuples that agree in the columns of a search, one behind the other.
 *
 * A run that is full moves to the end of the places and gets twice the room, so that runs are read
 * like arrays: what is waited for is one run, not each tuple. Rows are taken in once a round, many
 * at a time, so that the searches for their runs wait for memory together. */
#include "datalog/growing.h"

#include <string.h>

#include "base/alloc.h"

#define MIN_SLOTS 1024u

static uint32_t gather(const struct rune_dl_growing_index *index, const struct rune_growing *tuples,
                       uint32_t row, rune_term *ret_terms)
{
    const rune_term *tuple = tuples->rows + (size_t)row * tuples->arity;
    uint32_t count = 0;
    for (uint64_t mask = index->seen.mask; mask != 0; mask &= mask - 1) {
        ret_terms[count++] = tuple[__builtin_ctzll(mask)];
    }
    return count;
}

/* ---- runs ---- */

/* Slots for twice as many runs as there are and `more`. */
static bool reserve_slots(struct rune_dl_growing_index *index, const struct rune_growing *tuples,
                          uint32_t more)
{
    struct rune_growing_index *seen = &index->seen;
    uint64_t want = 2 * ((uint64_t)index->run_count + more), slots = MIN_SLOTS;
    if (want <= seen->slot_count) {
        return true;
    }
    while (slots < want) {
        slots *= 2;
    }
    uint32_t *fresh = rune_calloc(slots, sizeof(uint32_t));
    if (fresh == NULL) {
        return false;
    }
    rune_free(seen->slots);
    seen->slots = fresh;
    seen->slot_count = (uint32_t)slots;
    for (uint32_t run = 0; run < index->run_count; run++) {
        rune_term terms[RUNE_ORDER_MAX_PREFIX];
        uint32_t count = 1, slot;
        terms[0] = seen->runs[run].key;
        if ((seen->mask & (seen->mask - 1)) != 0) {
            count = gather(index, tuples, seen->runs[run].key, terms);
        }
        (void)rune_growing_find_run(tuples, seen, terms, count, &slot);
        fresh[slot] = run + 1;
    }
    return true;
}

static bool reserve_runs(struct rune_dl_growing_index *index, uint32_t more)
{
    uint64_t want = (uint64_t)index->run_count + more;
    if (want <= index->run_capacity) {
        return true;
    }
    uint64_t capacity = want + want / 2;
    struct rune_growing_run *runs =
        rune_realloc(index->seen.runs, capacity, sizeof(struct rune_growing_run));
    if (runs == NULL) {
        return false;
    }
    index->seen.runs = runs;
    index->run_capacity = (uint32_t)capacity;
    return true;
}

/* Places at the end; UINT32_MAX: no memory. */
static uint32_t take_places(struct rune_dl_growing_index *index, uint32_t count)
{
    uint64_t want = (uint64_t)index->place_count + count;
    if (want > index->place_capacity) {
        uint64_t capacity = want + want / 2 + MIN_SLOTS;
        uint32_t *places = capacity < UINT32_MAX
                               ? rune_realloc(index->seen.places, capacity, sizeof(uint32_t))
                               : NULL;
        if (places == NULL) {
            return UINT32_MAX;
        }
        index->seen.places = places;
        index->place_capacity = (uint32_t)capacity;
    }
    index->place_count = (uint32_t)want;
    return (uint32_t)want - count;
}

/* The least power of two that is not below `count` >= 1. */
static uint64_t round_up(uint64_t count)
{
    return UINT64_C(1) << (count == 1 ? 0 : 64 - __builtin_clzll(count - 1));
}

/* Makes room for so many places more: a run has room up to the next power of two. */
static bool make_room(struct rune_dl_growing_index *index, struct rune_growing_run *run,
                      uint32_t more)
{
    uint64_t want = round_up((uint64_t)run->count + more);
    if (run->count > 0 && want == round_up(run->count)) {
        return true;
    }
    uint32_t begin = want < UINT32_MAX ? take_places(index, (uint32_t)want) : UINT32_MAX;
    if (begin == UINT32_MAX) {
        return false;
    }
    if (run->count > 0) {
        memcpy(index->seen.places + begin, index->seen.places + run->begin,
               run->count * sizeof(uint32_t));
    }
    run->begin = begin;
    return true;
}

/* ---- rows ---- */

/* Neighbours that agree in some columns. */
struct stretch {
    uint32_t begin, end;
};

/* The end of the stretch in [row, end) that agrees with its first in one column. */
static uint32_t find_end(const struct rune_growing *tuples, uint32_t row, uint32_t end,
                         uint32_t column)
{
    size_t arity = tuples->arity;
    const rune_term *value = tuples->rows + row * arity + column;
    rune_term first = *value;
    do {
        row++;
        value += arity;
    } while (row < end && *value == first);
    return row;
}

/* Stretches of [row, end) that agree in the columns; how many. */
static uint32_t find_stretches(const struct rune_growing *tuples, uint64_t columns, uint32_t row,
                               uint32_t end, struct stretch *ret_stretches)
{
    uint32_t count = 0;
    while (row < end) {
        uint32_t next = end;
        for (uint64_t mask = columns; mask != 0; mask &= mask - 1) {
            next = find_end(tuples, row, next, (uint32_t)__builtin_ctzll(mask));
        }
        ret_stretches[count++] = (struct stretch){row, next};
        row = next;
    }
    return count;
}

static struct rune_growing_run *find_run(struct rune_dl_growing_index *index,
                                         const struct rune_growing *tuples, uint32_t row)
{
    rune_term terms[RUNE_ORDER_MAX_PREFIX];
    uint32_t count = gather(index, tuples, row, terms), slot;
    uint32_t number = rune_growing_find_run(tuples, &index->seen, terms, count, &slot);
    if (number == 0) {
        index->seen.runs[index->run_count] =
            (struct rune_growing_run){.key = count == 1 ? terms[0] : row};
        number = index->seen.slots[slot] = ++index->run_count;
    }
    return &index->seen.runs[number - 1];
}

static bool add_stretch(struct rune_dl_growing_index *index, const struct rune_growing *tuples,
                        const struct stretch *stretch)
{
    struct rune_growing_run *run = find_run(index, tuples, stretch->begin);
    uint32_t number = (uint32_t)(run - index->seen.runs), more = stretch->end - stretch->begin;
    if ((run->old == run->count && !RUNE_VEC_PUSH(&index->changed, number)) ||
        !make_room(index, run, more)) {
        return false;
    }
    uint32_t *place = index->seen.places + run->begin + run->count;
    run->count += more;
    if (!index->seen.has_values) {
        for (uint32_t row = stretch->begin; row < stretch->end; row++) {
            *place++ = row;
        }
        return true;
    }
    uint64_t columns = (UINT64_C(1) << tuples->arity) - 1;
    const rune_term *value = tuples->rows + (size_t)stretch->begin * tuples->arity +
                             (uint32_t)__builtin_ctzll(columns & ~index->seen.mask);
    for (; more > 0; more--, value += tuples->arity) {
        *place++ = *value;
    }
    return true;
}

/* The stretches of [row, end) that have partners; how many. */
static uint32_t find_partners(const struct rune_dl_growing_index *index,
                              const struct rune_growing *tuples, uint32_t row, uint32_t end,
                              struct stretch *ret_stretches)
{
    struct rune_relations in = {.orders = &index->partners.order};
    const rune_term *column = tuples->rows + index->partners.column;
    rune_term terms[RUNE_DL_GROWING_BATCH] = {0};
    uint32_t starts[RUNE_DL_GROWING_BATCH], ends[RUNE_DL_GROWING_BATCH], kept = 0;
    if (index->partners.order.form == 0) {
        ret_stretches[0] = (struct stretch){row, end};
        return row < end;
    }
    uint32_t count =
        find_stretches(tuples, UINT64_C(1) << index->partners.column, row, end, ret_stretches);
    for (uint32_t i = 0; i < count; i++) {
        terms[i] = column[(size_t)ret_stretches[i].begin * tuples->arity];
    }
    (void)rune_relation_find_rows(&in, 0, terms, count, starts, ends);
    for (uint32_t i = 0; i < count; i++) {
        if (starts[i] < ends[i]) {
            ret_stretches[kept++] = ret_stretches[i];
        }
    }
    return kept;
}

/* The stretches of [row, end) that go into one run each; how many. */
static uint32_t find_all(const struct rune_dl_growing_index *index,
                         const struct rune_growing *tuples, uint32_t row, uint32_t end,
                         struct stretch *ret_stretches)
{
    struct stretch with_partners[RUNE_DL_GROWING_BATCH];
    uint32_t many = find_partners(index, tuples, row, end, with_partners), count = 0;
    for (uint32_t i = 0; i < many; i++) {
        count += find_stretches(tuples, index->seen.mask, with_partners[i].begin,
                                with_partners[i].end, ret_stretches + count);
    }
    return count;
}

static void fetch_slots(const struct rune_dl_growing_index *index,
                        const struct rune_growing *tuples, const struct stretch *stretches,
                        uint32_t stretch_count)
{
    for (uint32_t s = 0; s < stretch_count; s++) {
        rune_term terms[RUNE_ORDER_MAX_PREFIX];
        uint32_t count = gather(index, tuples, stretches[s].begin, terms);
        uint64_t hash = 0;
        for (uint32_t i = 0; i < count; i++) {
            hash = rune_growing_mix(hash, terms[i]);
        }
        __builtin_prefetch(&index->seen.slots[(hash >> 32) & (index->seen.slot_count - 1)]);
    }
}

/* What the index has becomes old. */
static void close_round(struct rune_dl_growing_index *index)
{
    for (size_t i = 0; i < index->changed.count; i++) {
        struct rune_growing_run *run = &index->seen.runs[index->changed.items[i]];
        run->old = run->count;
    }
    index->changed.count = 0;
}

enum rune_err rune_dl_growing_extend(struct rune_dl_growing_index *index,
                                     const struct rune_growing *tuples, uint32_t count)
{
    close_round(index);
    while (index->rows < count || index->seen.slots == NULL) {
        struct stretch stretches[RUNE_DL_GROWING_BATCH];
        uint32_t left = count - index->rows;
        uint32_t end = index->rows + (left < RUNE_DL_GROWING_BATCH ? left : RUNE_DL_GROWING_BATCH);
        if (!reserve_slots(index, tuples, RUNE_DL_GROWING_BATCH) ||
            !reserve_runs(index, RUNE_DL_GROWING_BATCH)) {
            return RUNE_E_NOMEM;
        }
        uint32_t many = find_all(index, tuples, index->rows, end, stretches);
        fetch_slots(index, tuples, stretches, many);
        for (uint32_t i = 0; i < many; i++) {
            if (!add_stretch(index, tuples, &stretches[i])) {
                return RUNE_E_NOMEM;
            }
        }
        index->rows = end;
    }
    return RUNE_OK;
}

/* ---- indexes ---- */

static bool serves(const struct rune_dl_growing_index *index, uint32_t search,
                   const struct rune_dl_partners *partners)
{
    return index->seen.mask == search && index->partners.column == partners->column &&
           index->partners.order.offset == partners->order.offset;
}

enum rune_err rune_dl_growing_find_index(struct rune_dl_growing *growing, uint32_t search,
                                         const struct rune_dl_partners *partners,
                                         const struct rune_growing_index **ret_index)
{
    struct rune_dl_partners any = {0};
    *ret_index = NULL;
    if (search == 0 && partners->order.form == 0) {
        return RUNE_OK;
    }
    for (uint32_t i = 0; i < growing->index_count; i++) {
        if (serves(&growing->indexes[i], search, partners)) {
            *ret_index = &growing->indexes[i].seen;
            return RUNE_OK;
        }
    }
    if (growing->index_count == RUNE_DL_GROWING_INDEXES) {
        return RUNE_E_LIMIT;
    }
    if (partners->order.form != 0 && growing->index_count >= RUNE_DL_GROWING_INDEXES / 2) {
        return rune_dl_growing_find_index(growing, search, &any, ret_index);
    }
    struct rune_dl_growing_index *index = &growing->indexes[growing->index_count++];
    index->partners = *partners;
    index->seen.mask = search;
    index->seen.has_values = (uint32_t)__builtin_popcount(search) + 1 == growing->tuples.arity;
    *ret_index = &index->seen;
    enum rune_err err = rune_dl_growing_extend(index, &growing->tuples, growing->low);
    return err == RUNE_OK ? rune_dl_growing_extend(index, &growing->tuples, growing->high) : err;
}

uint64_t rune_dl_growing_index_words(const struct rune_dl_growing_index *index)
{
    return (uint64_t)index->seen.slot_count + index->place_capacity +
           index->run_capacity * (sizeof(struct rune_growing_run) / sizeof(uint32_t));
}

void rune_dl_growing_free_index(struct rune_dl_growing_index *index)
{
    rune_free(index->seen.slots);
    rune_free(index->seen.runs);
    rune_free(index->seen.places);
    RUNE_VEC_FINI(&index->changed);
}
