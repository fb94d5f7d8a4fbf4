/* SPDX-License-Identifier: Apache-2.0 */
/* What a dictionary's memory is, and its life: columns that grow and tables over them on the heap,
 * or one block that a request's dictionary never leaves. */
#include "model/dict_int.h"

#include "base/alloc.h"

#define MIN_SLOTS           64u
#define MOST_TIMES          4u /* twice that an index may grow at once */
#define MIN_BLOCK_BYTES     (64u * 1024u)
#define DEFAULT_BLOCK_BYTES (1024u * 1024u)

/* Item size and the share of a request's block, in 64ths. The rest, 16, is for the index. */
static const struct {
    uint8_t item_size;
    uint8_t share;
} column_shapes[RUNE_DICT_COUNT] = {
    [RUNE_DICT_STRING_OFFSETS] = {4, 2}, [RUNE_DICT_STRING_BYTES] = {1, 24},
    [RUNE_DICT_ENTITY_TYPE] = {4, 2},    [RUNE_DICT_ENTITY_ID] = {4, 2},
    [RUNE_DICT_LONGS] = {8, 2},          [RUNE_DICT_SETS] = {4, 1},
    [RUNE_DICT_RECORDS] = {4, 1},        [RUNE_DICT_EXTS] = {24, 2},
    [RUNE_DICT_FLOATS] = {8, 1},         [RUNE_DICT_HEAP] = {4, 11},
};

/* ---- memory ---- */

/* Readers look through `terms`: after a column moved, its pointer there must follow. */
static void publish(struct rune_dict *dict)
{
    struct rune_terms *terms = &dict->terms;
    terms->string_offsets = dict->columns[RUNE_DICT_STRING_OFFSETS].items;
    terms->string_bytes = dict->columns[RUNE_DICT_STRING_BYTES].items;
    terms->entity_type = dict->columns[RUNE_DICT_ENTITY_TYPE].items;
    terms->entity_id = dict->columns[RUNE_DICT_ENTITY_ID].items;
    terms->longs = dict->columns[RUNE_DICT_LONGS].items;
    terms->sets = dict->columns[RUNE_DICT_SETS].items;
    terms->records = dict->columns[RUNE_DICT_RECORDS].items;
    terms->exts = dict->columns[RUNE_DICT_EXTS].items;
    terms->floats = dict->columns[RUNE_DICT_FLOATS].items;
    terms->heap = dict->columns[RUNE_DICT_HEAP].items;
    terms->index = (const uint32_t *)(const void *)dict->index.slots;
    terms->index_slots = dict->index.size;
    terms->index_shift = 1; /* a hash stands beside each */
}

static bool fits_cap(const struct rune_dict *dict, size_t extra_bytes)
{
    return dict->cap_bytes == 0 ||
           (extra_bytes <= dict->cap_bytes && dict->used_bytes <= dict->cap_bytes - extra_bytes);
}

enum rune_err rune_dict_grow(struct rune_dict *dict, enum rune_dict_column column, size_t want)
{
    size_t capacity = dict->columns[column].capacity;
    /* LIMIT: offsets into a column are u32. */
    if (dict->block != NULL || want > UINT32_MAX) {
        return RUNE_E_LIMIT;
    }
    size_t item_size = column_shapes[column].item_size;
    size_t more = capacity < 16 ? 32 : capacity;
    size_t larger = capacity + more < want ? want : capacity + more;
    while (!fits_cap(dict, (larger - capacity) * item_size)) {
        if (larger == want) {
            return RUNE_E_LIMIT;
        }
        more /= 8; /* what is left is taken in few steps: each may copy all that is there */
        larger = capacity + more < want ? want : capacity + more;
    }
    void *items = rune_realloc(dict->columns[column].items, larger, item_size);
    if (items == NULL) {
        return RUNE_E_NOMEM;
    }
    dict->used_bytes += (larger - capacity) * item_size;
    dict->columns[column].items = items;
    dict->columns[column].capacity = larger;
    publish(dict);
    return RUNE_OK;
}

void rune_dict_table_put(struct rune_dict_table *table, uint32_t at, uint32_t hash, uint32_t value)
{
    while (table->slots[at].value != 0) {
        at = rune_dict_next_of(at, table->size);
    }
    table->slots[at] = (struct rune_dict_slot){value, hash};
    table->used++;
}

/* Empty slots for a table of `size`: the next stretch of a request's block, else fresh memory. */
static enum rune_err table_alloc(struct rune_dict *dict, uint32_t size,
                                 struct rune_dict_table *ret_table)
{
    struct rune_dict_table table = {.size = size};
    size_t bytes = (size_t)size * sizeof *table.slots;
    if (dict->block != NULL) {
        if (size > dict->block_max_slots) {
            return RUNE_E_LIMIT;
        }
        table.slots = dict->block_slots + size;
        memset(table.slots, 0, bytes);
    } else {
        if (!fits_cap(dict, bytes)) {
            return RUNE_E_LIMIT;
        }
        table.slots = rune_calloc(size, sizeof *table.slots);
        if (table.slots == NULL) {
            return RUNE_E_NOMEM;
        }
        rune_alloc_advise(table.slots, bytes);
        dict->used_bytes += bytes;
    }
    *ret_table = table;
    return RUNE_OK;
}

static void table_free(struct rune_dict *dict, struct rune_dict_table *table)
{
    if (dict->block == NULL && table->slots != NULL) {
        rune_free(table->slots);
        dict->used_bytes -= table->size * sizeof *table->slots;
    }
    *table = (struct rune_dict_table){0};
}

/* Slots of an index that is made for so many values. */
static uint64_t slots_of(uint64_t values)
{
    return 2 * values - values / 4 + MIN_SLOTS;
}

void rune_dict_expect(struct rune_dict *dict, uint64_t more)
{
    dict->expected = dict->index.used + (more < UINT32_MAX ? more : UINT32_MAX);
}

/* Slots for `more` values: twice as many as there are, or more. Of the index for all that are
 * expected, if that is not too much for the dict's memory; but in steps, since what comes later is
 * known better. */
static uint64_t size_for(const struct rune_dict *dict, const struct rune_dict_table *table,
                         uint32_t more)
{
    uint64_t size = table->size == 0 ? MIN_SLOTS : (uint64_t)table->size * 2;
    while (((uint64_t)table->used + more) * 3 > size * 2) {
        size *= 2;
    }
    uint64_t wanted = slots_of(dict->expected);
    wanted = wanted < size * MOST_TIMES ? wanted : size * MOST_TIMES;
    bool takes_all = table == &dict->index && wanted > size && wanted <= 1u << 31 &&
                     fits_cap(dict, wanted * sizeof *table->slots);
    return takes_all ? wanted : size;
}

/* Homes ascend with the hash, so that both tables are passed from front to back. */
enum rune_err rune_dict_table_grow(struct rune_dict *dict, struct rune_dict_table *table,
                                   uint32_t more)
{
    uint64_t size = size_for(dict, table, more);
    if (dict->packed != NULL || size > 1u << 31) {
        return dict->packed != NULL ? RUNE_E_INTERNAL : RUNE_E_LIMIT;
    }
    struct rune_dict_table larger;
    enum rune_err err = table_alloc(dict, (uint32_t)size, &larger);
    if (err != RUNE_OK) {
        return err;
    }
    for (uint32_t i = 0; i < table->size; i++) {
        const struct rune_dict_slot *slot = &table->slots[i];
        if (slot->value != 0) {
            uint32_t home = rune_dict_home_of(slot->hash, larger.size);
            rune_dict_table_put(&larger, home, slot->hash, slot->value);
        }
    }
    table_free(dict, table);
    *table = larger;
    publish(dict);
    return RUNE_OK;
}

/* ---- life ---- */

/* What every dictionary holds from the beginning: see the header. */
static enum rune_err seed(struct rune_dict *dict)
{
    enum rune_err err = rune_dict_reserve(dict, RUNE_DICT_HEAP, 2);
    if (err == RUNE_OK) {
        err = rune_dict_reserve(dict, RUNE_DICT_STRING_OFFSETS, 1);
    }
    if (err == RUNE_OK) {
        err = rune_dict_table_reserve(dict, &dict->index, 1);
    }
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t *heap = dict->columns[RUNE_DICT_HEAP].items;
    uint32_t *offsets = dict->columns[RUNE_DICT_STRING_OFFSETS].items;
    heap[0] = heap[1] = 0;
    offsets[0] = 0;
    dict->terms.heap_count = 2;
    if (dict->base != NULL) {
        return RUNE_OK;
    }
    rune_term term;
    err = rune_dict_string(dict, RUNE_STR(""), &term);
    if (err == RUNE_OK) {
        err = rune_dict_set(dict, NULL, 0, &term);
    }
    return err == RUNE_OK ? rune_dict_record(dict, NULL, NULL, 0, &term) : err;
}

/* Divides a request's block: columns by their shares, then the index. */
static bool block_init(struct rune_dict *dict)
{
    size_t size = dict->cap_bytes == 0 ? DEFAULT_BLOCK_BYTES : dict->cap_bytes;
    size = size < MIN_BLOCK_BYTES ? MIN_BLOCK_BYTES : size;
    size_t unit = size / 64 / 24 * 24; /* a multiple of every item size */
    char *block = rune_alloc(size);
    if (block == NULL) {
        return false;
    }
    dict->block = block;
    dict->used_bytes = dict->cap_bytes = size;
    for (int i = 0; i < RUNE_DICT_COUNT; i++) {
        size_t bytes = unit * column_shapes[i].share;
        size_t capacity = bytes / column_shapes[i].item_size;
        dict->columns[i].items = block;
        dict->columns[i].capacity = capacity > UINT32_MAX ? UINT32_MAX : capacity;
        block += bytes;
    }
    /* Two slots for each: the tables of all smaller sizes lie before it. */
    dict->block_slots = (struct rune_dict_slot *)(void *)block;
    dict->block_max_slots = MIN_SLOTS;
    while ((size_t)dict->block_max_slots * 2 * 2 * sizeof *dict->block_slots <= unit * 16 &&
           dict->block_max_slots < 1u << 28) {
        dict->block_max_slots *= 2;
    }
    return true;
}

struct rune_dict *rune_dict_create(enum rune_space space, const struct rune_terms *base,
                                   size_t cap_bytes)
{
    struct rune_dict *dict = rune_calloc(1, sizeof *dict);
    if (dict == NULL) {
        return NULL;
    }
    dict->terms.space = space;
    dict->base = base;
    dict->cap_bytes = cap_bytes;
    if ((space == RUNE_SPACE_REQUEST && !block_init(dict)) || seed(dict) != RUNE_OK) {
        rune_dict_destroy(dict);
        return NULL;
    }
    publish(dict);
    return dict;
}

void rune_dict_destroy(struct rune_dict *dict)
{
    if (dict == NULL) {
        return;
    }
    if (dict->block != NULL) {
        rune_free(dict->block);
    } else {
        for (int i = 0; i < RUNE_DICT_COUNT; i++) {
            rune_free(dict->columns[i].items);
        }
        table_free(dict, &dict->index);
        table_free(dict, &dict->shapes);
        rune_free(dict->packed);
    }
    rune_free(dict);
}

const struct rune_terms *rune_dict_terms(const struct rune_dict *dict)
{
    return &dict->terms;
}

/* The terms of the slots where they are. */
static void pack_in_place(struct rune_dict *dict)
{
    const struct rune_dict_slot *slots = dict->index.slots;
    dict->packed = (uint32_t *)(void *)dict->index.slots;
    for (uint32_t i = 0; i < dict->index.size; i++) {
        dict->packed[i] = slots[i].value; /* never ahead of what is read */
    }
}

/* The same in fewer slots. */
static bool pack_closer(struct rune_dict *dict, uint32_t size)
{
    uint32_t *packed = rune_calloc(size, sizeof(packed[0]));
    if (packed == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < dict->index.size; i++) {
        const struct rune_dict_slot *slot = &dict->index.slots[i];
        uint32_t at = rune_dict_home_of(slot->hash, size);
        while (slot->value != 0 && packed[at] != 0) {
            at = rune_dict_next_of(at, size);
        }
        packed[at] = slot->value != 0 ? slot->value : packed[at];
    }
    rune_free(dict->index.slots);
    dict->packed = packed;
    dict->terms.index_slots = size;
    return true;
}

const struct rune_terms *rune_dict_finish(struct rune_dict *dict)
{
    struct rune_terms *terms = &dict->terms;
    if (dict->packed == NULL) {
        uint64_t enough = slots_of(dict->index.used);
        bool is_wide = dict->block == NULL && enough + enough / 4 < dict->index.size;
        if (!is_wide || !pack_closer(dict, (uint32_t)enough)) {
            pack_in_place(dict);
        }
        dict->index = (struct rune_dict_table){0};
        terms->index = dict->packed;
        terms->index_shift = 0;
    }
    return terms;
}

size_t rune_dict_bytes(const struct rune_dict *dict)
{
    return dict->used_bytes;
}

static void table_clear(struct rune_dict_table *table)
{
    if (table->used > 0) {
        memset(table->slots, 0, table->size * sizeof *table->slots);
        table->used = 0;
    }
}

void rune_dict_reset(struct rune_dict *dict, const struct rune_terms *base)
{
    dict->base = base;
    if (dict->block != NULL && dict->index.size > MIN_SLOTS) {
        /* Back to the smallest table, so that a large request does not slow down those after it. */
        dict->index = (struct rune_dict_table){0};
        enum rune_err err = table_alloc(dict, MIN_SLOTS, &dict->index);
        (void)err; /* a block always has room for it */
        publish(dict);
    } else {
        table_clear(&dict->index);
    }
    table_clear(&dict->shapes);
    struct rune_terms *terms = &dict->terms;
    terms->string_count = terms->entity_count = terms->long_count = terms->set_count = 0;
    terms->record_count = terms->ext_count = terms->float_count = 0;
    terms->heap_count = 2; /* words 0 and 1 stay as they were seeded, as does string offset 0 */
    if (base == NULL) {
        enum rune_err err = seed(dict);
        (void)err; /* all of it has been there before: the memory is kept */
    }
}

/* Words behind the heap's end. LIMIT: heap offsets are u32. */
enum rune_err rune_dict_reserve_heap(struct rune_dict *dict, size_t words)
{
    return words > UINT32_MAX
               ? RUNE_E_LIMIT
               : rune_dict_reserve(dict, RUNE_DICT_HEAP, dict->terms.heap_count + words);
}

/* Room for one more value of a kind: in its column and in the index. */
enum rune_err rune_dict_reserve_value(struct rune_dict *dict, enum rune_dict_column column,
                                      uint32_t count)
{
    if (count >= RUNE_TERM_INDEX_MAX) {
        return RUNE_E_LIMIT;
    }
    enum rune_err err = rune_dict_reserve(dict, column, (size_t)count + 1);
    return err == RUNE_OK ? rune_dict_table_reserve(dict, &dict->index, 1) : err;
}

rune_term rune_dict_add_to_index(struct rune_dict *dict, enum rune_kind kind, uint32_t index,
                                 uint32_t hash)
{
    rune_term term = rune_term_make(dict->terms.space, kind, index);
    rune_dict_table_put(&dict->index, rune_dict_home_of(hash, dict->index.size), hash, term);
    return term;
}
