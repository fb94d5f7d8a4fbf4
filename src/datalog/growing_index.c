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

/* One place more for a run: it has room up to the next power of two. */
static bool add_place(struct rune_dl_growing_index *index, struct rune_growing_run *run,
                      uint32_t place)
{
    if ((run->count & (run->count - 1)) == 0) {
        uint32_t begin = take_places(index, run->count == 0 ? 1 : 2 * run->count);
        if (begin == UINT32_MAX) {
            return false;
        }
        if (run->count > 0) {
            memcpy(index->seen.places + begin, index->seen.places + run->begin,
                   run->count * sizeof(uint32_t));
        }
        run->begin = begin;
    }
    index->seen.places[run->begin + run->count++] = place;
    return true;
}

/* ---- rows ---- */

static bool add_row(struct rune_dl_growing_index *index, const struct rune_growing *tuples,
                    uint32_t row)
{
    rune_term terms[RUNE_ORDER_MAX_PREFIX];
    uint32_t count = gather(index, tuples, row, terms), slot;
    uint32_t number = rune_growing_find_run(tuples, &index->seen, terms, count, &slot);
    if (number == 0) {
        index->seen.runs[index->run_count] =
            (struct rune_growing_run){.key = count == 1 ? terms[0] : row};
        number = index->seen.slots[slot] = ++index->run_count;
    }
    struct rune_growing_run *run = &index->seen.runs[number - 1];
    if (run->old == run->count && !RUNE_VEC_PUSH(&index->changed, number - 1)) {
        return false;
    }
    uint32_t place = row;
    if (index->seen.has_values) {
        uint64_t columns = (UINT64_C(1) << tuples->arity) - 1;
        place = tuples->rows[(size_t)row * tuples->arity +
                             (uint32_t)__builtin_ctzll(columns & ~index->seen.mask)];
    }
    return add_place(index, run, place);
}

/* Which of the rows have partners. */
static void find_partners(const struct rune_dl_growing_index *index,
                          const struct rune_growing *tuples, uint32_t row, uint32_t count,
                          bool *ret_has)
{
    struct rune_relations in = {.orders = &index->partners.order};
    const rune_term *term = tuples->rows + (size_t)row * tuples->arity + index->partners.column;
    rune_term terms[RUNE_DL_GROWING_BATCH] = {0};
    uint32_t starts[RUNE_DL_GROWING_BATCH], ends[RUNE_DL_GROWING_BATCH];
    for (uint32_t i = 0; i < count; i++, term += tuples->arity) {
        terms[i] = *term;
    }
    (void)rune_relation_find_rows(&in, 0, terms, count, starts, ends);
    for (uint32_t i = 0; i < count; i++) {
        ret_has[i] = starts[i] < ends[i];
    }
}

static void fetch_slots(const struct rune_dl_growing_index *index,
                        const struct rune_growing *tuples, uint32_t row, uint32_t end)
{
    for (; row < end; row++) {
        rune_term terms[RUNE_ORDER_MAX_PREFIX];
        uint32_t count = gather(index, tuples, row, terms);
        uint64_t hash = 0;
        for (uint32_t i = 0; i < count; i++) {
            hash = rune_growing_mix(hash, terms[i]);
        }
        __builtin_prefetch(&index->seen.slots[(hash >> 32) & (index->seen.slot_count - 1)]);
    }
}

enum rune_err rune_dl_growing_extend(struct rune_dl_growing_index *index,
                                     const struct rune_growing *tuples, uint32_t count)
{
    for (size_t i = 0; i < index->changed.count; i++) {
        struct rune_growing_run *run = &index->seen.runs[index->changed.items[i]];
        run->old = run->count;
    }
    index->changed.count = 0;
    while (index->rows < count || index->seen.slots == NULL) {
        uint32_t left = count - index->rows;
        uint32_t end = index->rows + (left < RUNE_DL_GROWING_BATCH ? left : RUNE_DL_GROWING_BATCH);
        if (!reserve_slots(index, tuples, RUNE_DL_GROWING_BATCH) ||
            !reserve_runs(index, RUNE_DL_GROWING_BATCH)) {
            return RUNE_E_NOMEM;
        }
        bool has_partners[RUNE_DL_GROWING_BATCH];
        memset(has_partners, true, sizeof(has_partners));
        if (index->partners.order.form != 0) {
            find_partners(index, tuples, index->rows, end - index->rows, has_partners);
        } else {
            fetch_slots(index, tuples, index->rows, end);
        }
        for (uint32_t i = 0; index->rows < end; i++, index->rows++) {
            if (has_partners[i] && !add_row(index, tuples, index->rows)) {
                return RUNE_E_NOMEM;
            }
        }
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
