/* SPDX-License-Identifier: Apache-2.0 */
/* Values are found by content through one hash table over all kinds. The hash of a container is
 * made of its terms, not of what they mean, so every hash costs O(its own size). While a dict grows
 * it keeps each slot's hash beside the slot: a larger table is filled without looking at any value,
 * and most unequal values are told apart by the hash alone. The image carries the terms only.
 *
 * INVARIANT: an addition first makes sure of all the memory it needs, then changes something. */
#include "model/dict.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/sort.h"

enum column {
    COLUMN_STRING_OFFSETS,
    COLUMN_STRING_BYTES,
    COLUMN_ENTITY_TYPE,
    COLUMN_ENTITY_ID,
    COLUMN_LONGS,
    COLUMN_SETS,
    COLUMN_RECORDS,
    COLUMN_EXTS,
    COLUMN_FLOATS,
    COLUMN_HEAP,
    COLUMN_COUNT,
};

/* Item size and the share of a request's block, in 64ths. The rest, 16, is for the index. */
static const struct {
    uint8_t item_size;
    uint8_t share;
} column_shapes[COLUMN_COUNT] = {
    [COLUMN_STRING_OFFSETS] = {4, 2}, [COLUMN_STRING_BYTES] = {1, 24},
    [COLUMN_ENTITY_TYPE] = {4, 2},    [COLUMN_ENTITY_ID] = {4, 2},
    [COLUMN_LONGS] = {8, 2},          [COLUMN_SETS] = {4, 1},
    [COLUMN_RECORDS] = {4, 1},        [COLUMN_EXTS] = {24, 2},
    [COLUMN_FLOATS] = {8, 1},         [COLUMN_HEAP] = {4, 11},
};

#define MIN_SLOTS           64u
#define MIN_BLOCK_BYTES     (64u * 1024u)
#define DEFAULT_BLOCK_BYTES (1024u * 1024u)

/* Terms (or heap offsets of shapes) by hash. */
struct table {
    uint32_t *slots;  /* 0: empty */
    uint32_t *hashes; /* of the slot beside */
    uint32_t size;    /* a power of two, or 0 */
    uint32_t used;
};

struct rune_dict {
    struct rune_terms terms; /* what readers see; its pointers are the columns' */
    const struct rune_terms *base;
    struct {
        void *items;
        size_t capacity;
    } columns[COLUMN_COUNT];
    struct table index;
    struct table shapes; /* not kept by a request's dict: its records are few */
    size_t cap_bytes;
    size_t used_bytes;
    void *block; /* a request's memory, or NULL */
    /* its index: a table of n slots lies at [n, 2n), its hashes block_max_slots words behind */
    uint32_t *block_slots;
    uint32_t block_max_slots;
};

/* ---- hashes ---- */

static uint32_t hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
    return (uint32_t)(rune_hash64(bytes, length, seed) >> 32);
}

/* splitmix64's finisher; the kind keeps equal bits of different kinds apart. */
static uint32_t hash_word(uint64_t word, enum rune_kind kind)
{
    uint64_t x = word + 0x9e3779b97f4a7c15u * (uint64_t)kind;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((x ^ (x >> 31)) >> 32);
}

static uint32_t hash_string(struct rune_str text)
{
    return hash_bytes(text.data, text.length, 0);
}

static uint32_t hash_entity(rune_term type, rune_term id)
{
    return hash_word(((uint64_t)type << 32) | id, RUNE_KIND_ENTITY);
}

static uint32_t hash_long(int64_t value)
{
    return hash_word((uint64_t)value, RUNE_KIND_LONG);
}

static uint64_t float_bits(double value)
{
    uint64_t bits;
    double plain = value == 0.0 ? 0.0 : value; /* -0.0 equals 0.0 */
    memcpy(&bits, &plain, sizeof bits);
    return bits;
}

static uint32_t hash_float(double value)
{
    return hash_word(float_bits(value), RUNE_KIND_FLOAT);
}

static uint32_t hash_ext(const struct rune_ext *value)
{
    return hash_bytes(value, sizeof *value, RUNE_KIND_EXT);
}

static uint32_t hash_set(const rune_term *sorted, size_t count)
{
    return hash_bytes(sorted, count * sizeof *sorted, RUNE_KIND_SET);
}

static uint32_t hash_record(const rune_term *names, const rune_term *values, size_t count)
{
    uint64_t seed = rune_hash64(names, count * sizeof *names, RUNE_KIND_RECORD);
    return hash_bytes(values, count * sizeof *values, seed);
}

static uint32_t home_of(uint32_t hash, uint32_t slots)
{
    return (uint32_t)(((uint64_t)hash * slots) >> 32);
}

/* ---- finding ---- */

/* A key of any kind, and whether the value behind a term of that kind equals it. */
struct key {
    struct rune_str text;
    rune_term a, b;
    int64_t number;
    const struct rune_ext *ext;
    const rune_term *names, *values;
    size_t count;
};

typedef bool (*equal_fn)(const struct rune_terms *terms, uint32_t index, const struct key *key);

static inline bool string_equal(const struct rune_terms *terms, uint32_t index,
                                const struct key *key)
{
    uint32_t from = terms->string_offsets[index];
    uint32_t length = terms->string_offsets[index + 1] - from;
    return length == key->text.length &&
           (length == 0 || memcmp(terms->string_bytes + from, key->text.data, length) == 0);
}

static inline bool entity_equal(const struct rune_terms *terms, uint32_t index,
                                const struct key *key)
{
    return terms->entity_id[index] == key->b && terms->entity_type[index] == key->a;
}

static inline bool long_equal(const struct rune_terms *terms, uint32_t index, const struct key *key)
{
    return terms->longs[index] == key->number;
}

static inline bool float_equal(const struct rune_terms *terms, uint32_t index,
                               const struct key *key)
{
    return float_bits(terms->floats[index]) == (uint64_t)key->number;
}

static inline bool ext_equal(const struct rune_terms *terms, uint32_t index, const struct key *key)
{
    return memcmp(&terms->exts[index], key->ext, sizeof *key->ext) == 0;
}

static inline bool run_equal(const uint32_t *run, const rune_term *items, size_t count)
{
    return count == 0 || memcmp(run, items, count * sizeof *items) == 0;
}

static inline bool set_equal(const struct rune_terms *terms, uint32_t index, const struct key *key)
{
    const uint32_t *run = terms->heap + terms->sets[index];
    return run[0] == key->count && run_equal(run + 1, key->values, key->count);
}

static inline bool record_equal(const struct rune_terms *terms, uint32_t index,
                                const struct key *key)
{
    const uint32_t *run = terms->heap + terms->records[index];
    const uint32_t *shape = terms->heap + run[0];
    return shape[0] == key->count && run_equal(run + 1, key->values, key->count) &&
           run_equal(shape + 1, key->names, key->count);
}

/* `equal` is a constant at every call, so each kind gets a loop of its own. */
static inline __attribute__((always_inline)) rune_term find(const struct rune_terms *terms,
                                                            uint32_t hash, enum rune_kind kind,
                                                            equal_fn equal, const struct key *key)
{
    if (terms->index_slots == 0) {
        return RUNE_TERM_NONE;
    }
    uint32_t tag = rune_term_make(terms->space, kind, 0);
    for (uint32_t at = home_of(hash, terms->index_slots);;) {
        rune_term term = terms->index[at];
        if (term == RUNE_TERM_NONE) {
            return RUNE_TERM_NONE;
        }
        if ((term & ~RUNE_TERM_INDEX_MAX) == tag && equal(terms, rune_term_index(term), key)) {
            return term;
        }
        at = at + 1 == terms->index_slots ? 0 : at + 1;
    }
}

/* The same among a growing dict's own values, which knows their hashes: a value is looked at only
 * if its hash is the key's, so that a search in a large dict waits for one place in memory, not for
 * one a probe. */
static inline __attribute__((always_inline)) rune_term find_own(const struct rune_dict *dict,
                                                                uint32_t hash, enum rune_kind kind,
                                                                equal_fn equal,
                                                                const struct key *key)
{
    const struct table *index = &dict->index;
    uint32_t tag = rune_term_make(dict->terms.space, kind, 0);
    for (uint32_t at = home_of(hash, index->size); index->slots[at] != RUNE_TERM_NONE;) {
        rune_term term = index->slots[at];
        if (index->hashes[at] == hash && (term & ~RUNE_TERM_INDEX_MAX) == tag &&
            equal(&dict->terms, rune_term_index(term), key)) {
            return term;
        }
        at = at + 1 == index->size ? 0 : at + 1;
    }
    return RUNE_TERM_NONE;
}

static rune_term find_string(const struct rune_terms *terms, uint32_t hash, const struct key *key)
{
    return find(terms, hash, RUNE_KIND_STRING, string_equal, key);
}

static rune_term find_entity(const struct rune_terms *terms, uint32_t hash, const struct key *key)
{
    return find(terms, hash, RUNE_KIND_ENTITY, entity_equal, key);
}

static rune_term find_long(const struct rune_terms *terms, uint32_t hash, const struct key *key)
{
    return find(terms, hash, RUNE_KIND_LONG, long_equal, key);
}

static rune_term find_float(const struct rune_terms *terms, uint32_t hash, const struct key *key)
{
    return find(terms, hash, RUNE_KIND_FLOAT, float_equal, key);
}

static rune_term find_ext(const struct rune_terms *terms, uint32_t hash, const struct key *key)
{
    return find(terms, hash, RUNE_KIND_EXT, ext_equal, key);
}

static rune_term find_set(const struct rune_terms *terms, uint32_t hash, const struct key *key)
{
    return find(terms, hash, RUNE_KIND_SET, set_equal, key);
}

static rune_term find_record(const struct rune_terms *terms, uint32_t hash, const struct key *key)
{
    return find(terms, hash, RUNE_KIND_RECORD, record_equal, key);
}

rune_term rune_terms_find_string(const struct rune_terms *terms, struct rune_str text)
{
    return find_string(terms, hash_string(text), &(struct key){.text = text});
}

rune_term rune_terms_find_entity(const struct rune_terms *terms, rune_term type, rune_term id)
{
    return find_entity(terms, hash_entity(type, id), &(struct key){.a = type, .b = id});
}

rune_term rune_terms_find_long(const struct rune_terms *terms, int64_t value)
{
    if (rune_term_fits_inline(value)) {
        return rune_term_from_inline(value);
    }
    return find_long(terms, hash_long(value), &(struct key){.number = value});
}

rune_term rune_terms_find_float(const struct rune_terms *terms, double value)
{
    return find_float(terms, hash_float(value),
                      &(struct key){.number = (int64_t)float_bits(value)});
}

rune_term rune_terms_find_ext(const struct rune_terms *terms, const struct rune_ext *value)
{
    return find_ext(terms, hash_ext(value), &(struct key){.ext = value});
}

rune_term rune_terms_find_set(const struct rune_terms *terms, const rune_term *sorted, size_t count)
{
    return find_set(terms, hash_set(sorted, count),
                    &(struct key){.values = sorted, .count = count});
}

rune_term rune_terms_find_record(const struct rune_terms *terms, const rune_term *names,
                                 const rune_term *values, size_t count)
{
    const struct key key = {.names = names, .values = values, .count = count};
    return find_record(terms, hash_record(names, values, count), &key);
}

rune_term rune_terms_find_uid(const struct rune_terms *terms, struct rune_str type,
                              struct rune_str id)
{
    rune_term id_term = rune_terms_find_string(terms, id);
    if (id_term == RUNE_TERM_NONE) {
        return RUNE_TERM_NONE;
    }
    rune_term type_term = rune_terms_find_string(terms, type);
    return type_term == RUNE_TERM_NONE ? RUNE_TERM_NONE
                                       : rune_terms_find_entity(terms, type_term, id_term);
}

static uint32_t hash_of_term(const struct rune_terms *terms, rune_term term)
{
    uint32_t index = rune_term_index(term);
    const uint32_t *run, *shape;
    switch (rune_term_kind(term)) {
    case RUNE_KIND_STRING:
        return hash_string(rune_terms_string(terms, term));
    case RUNE_KIND_ENTITY:
        return hash_entity(terms->entity_type[index], terms->entity_id[index]);
    case RUNE_KIND_LONG:
        return hash_long(rune_terms_long(terms, term));
    case RUNE_KIND_SET:
        run = terms->heap + terms->sets[index];
        return hash_set(run + 1, run[0]);
    case RUNE_KIND_RECORD:
        run = terms->heap + terms->records[index];
        shape = terms->heap + run[0];
        return hash_record(shape + 1, run + 1, shape[0]);
    case RUNE_KIND_EXT:
        return hash_ext(&terms->exts[index]);
    case RUNE_KIND_FLOAT:
        return hash_float(terms->floats[index]);
    case RUNE_KIND_SPECIAL:
        break;
    }
    return 0;
}

uint32_t rune_terms_hash(const struct rune_terms *terms, rune_term term)
{
    return hash_of_term(terms, term);
}

uint32_t rune_terms_home(const struct rune_terms *terms, uint32_t hash)
{
    return home_of(hash, terms->index_slots);
}

/* ---- memory ---- */

/* Readers look through `terms`: after a column moved, its pointer there must follow. */
static void publish(struct rune_dict *dict)
{
    struct rune_terms *terms = &dict->terms;
    terms->string_offsets = dict->columns[COLUMN_STRING_OFFSETS].items;
    terms->string_bytes = dict->columns[COLUMN_STRING_BYTES].items;
    terms->entity_type = dict->columns[COLUMN_ENTITY_TYPE].items;
    terms->entity_id = dict->columns[COLUMN_ENTITY_ID].items;
    terms->longs = dict->columns[COLUMN_LONGS].items;
    terms->sets = dict->columns[COLUMN_SETS].items;
    terms->records = dict->columns[COLUMN_RECORDS].items;
    terms->exts = dict->columns[COLUMN_EXTS].items;
    terms->floats = dict->columns[COLUMN_FLOATS].items;
    terms->heap = dict->columns[COLUMN_HEAP].items;
    terms->index = dict->index.slots;
    terms->index_slots = dict->index.size;
}

static bool fits_cap(const struct rune_dict *dict, size_t extra_bytes)
{
    return dict->cap_bytes == 0 ||
           (extra_bytes <= dict->cap_bytes && dict->used_bytes <= dict->cap_bytes - extra_bytes);
}

/* Room for `want` items in all. */
static enum rune_err reserve(struct rune_dict *dict, enum column column, size_t want)
{
    size_t capacity = dict->columns[column].capacity;
    if (want <= capacity) {
        return RUNE_OK;
    }
    /* LIMIT: offsets into a column are u32. */
    if (dict->block != NULL || want > UINT32_MAX) {
        return RUNE_E_LIMIT;
    }
    size_t item_size = column_shapes[column].item_size;
    size_t larger = capacity < 16 ? 32 : capacity * 2;
    larger = larger < want ? want : larger;
    if (!fits_cap(dict, (larger - capacity) * item_size)) {
        larger = want;
        if (!fits_cap(dict, (larger - capacity) * item_size)) {
            return RUNE_E_LIMIT;
        }
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

static void table_put(struct table *table, uint32_t hash, uint32_t value)
{
    uint32_t at = home_of(hash, table->size);
    while (table->slots[at] != 0) {
        at = at + 1 == table->size ? 0 : at + 1;
    }
    table->slots[at] = value;
    table->hashes[at] = hash;
    table->used++;
}

/* Empty slots for a table of `size`: the next stretch of a request's block, else fresh memory. */
static enum rune_err table_alloc(struct rune_dict *dict, uint32_t size, struct table *ret_table)
{
    struct table table = {.size = size};
    if (dict->block != NULL) {
        if (size > dict->block_max_slots) {
            return RUNE_E_LIMIT;
        }
        table.slots = dict->block_slots + size;
        table.hashes = table.slots + 2 * (size_t)dict->block_max_slots;
        memset(table.slots, 0, size * sizeof *table.slots);
    } else {
        if (!fits_cap(dict, (size_t)size * 8)) {
            return RUNE_E_LIMIT;
        }
        table.slots = rune_calloc(size, sizeof *table.slots);
        table.hashes = rune_calloc(size, sizeof *table.hashes);
        if (table.slots == NULL || table.hashes == NULL) {
            rune_free(table.slots);
            rune_free(table.hashes);
            return RUNE_E_NOMEM;
        }
        dict->used_bytes += (size_t)size * 8;
    }
    *ret_table = table;
    return RUNE_OK;
}

static void table_free(struct rune_dict *dict, struct table *table)
{
    if (dict->block == NULL && table->slots != NULL) {
        rune_free(table->slots);
        rune_free(table->hashes);
        dict->used_bytes -= (size_t)table->size * 8;
    }
    *table = (struct table){0};
}

/* Room for one more value: at most two thirds of the slots are ever used. */
static enum rune_err table_reserve(struct rune_dict *dict, struct table *table)
{
    if ((uint64_t)(table->used + 1) * 3 <= (uint64_t)table->size * 2) {
        return RUNE_OK;
    }
    if (table->size >= 1u << 31) {
        return RUNE_E_LIMIT;
    }
    struct table larger;
    enum rune_err err = table_alloc(dict, table->size == 0 ? MIN_SLOTS : table->size * 2, &larger);
    if (err != RUNE_OK) {
        return err;
    }
    for (uint32_t i = 0; i < table->size; i++) {
        if (table->slots[i] != 0) {
            table_put(&larger, table->hashes[i], table->slots[i]);
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
    enum rune_err err = reserve(dict, COLUMN_HEAP, 2);
    if (err == RUNE_OK) {
        err = reserve(dict, COLUMN_STRING_OFFSETS, 1);
    }
    if (err == RUNE_OK) {
        err = table_reserve(dict, &dict->index);
    }
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t *heap = dict->columns[COLUMN_HEAP].items;
    uint32_t *offsets = dict->columns[COLUMN_STRING_OFFSETS].items;
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
    for (int i = 0; i < COLUMN_COUNT; i++) {
        size_t bytes = unit * column_shapes[i].share;
        size_t capacity = bytes / column_shapes[i].item_size;
        dict->columns[i].items = block;
        dict->columns[i].capacity = capacity > UINT32_MAX ? UINT32_MAX : capacity;
        block += bytes;
    }
    /* Four words a slot: the tables of all smaller sizes, and the hashes of all. */
    dict->block_slots = (uint32_t *)(void *)block;
    dict->block_max_slots = MIN_SLOTS;
    while ((size_t)dict->block_max_slots * 2 * 16 <= unit * 16 &&
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
        for (int i = 0; i < COLUMN_COUNT; i++) {
            rune_free(dict->columns[i].items);
        }
        table_free(dict, &dict->index);
        table_free(dict, &dict->shapes);
    }
    rune_free(dict);
}

const struct rune_terms *rune_dict_terms(const struct rune_dict *dict)
{
    return &dict->terms;
}

size_t rune_dict_bytes(const struct rune_dict *dict)
{
    return dict->used_bytes;
}

static void table_clear(struct table *table)
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
        dict->index = (struct table){0};
        enum rune_err err = table_alloc(dict, MIN_SLOTS, &dict->index);
        (void)err; /* a block always has room for it */
    } else {
        table_clear(&dict->index);
    }
    table_clear(&dict->shapes);
    struct rune_terms *terms = &dict->terms;
    terms->string_count = terms->entity_count = terms->long_count = terms->set_count = 0;
    terms->record_count = terms->ext_count = terms->float_count = 0;
    terms->heap_count = 2; /* words 0 and 1 stay as they were seeded, as does string offset 0 */
    publish(dict);
    if (base == NULL) {
        enum rune_err err = seed(dict);
        (void)err; /* all of it has been there before: the memory is kept */
    }
}

/* ---- adding ---- */

/* Words behind the heap's end. LIMIT: heap offsets are u32. */
static enum rune_err reserve_heap(struct rune_dict *dict, size_t words)
{
    return words > UINT32_MAX ? RUNE_E_LIMIT
                              : reserve(dict, COLUMN_HEAP, dict->terms.heap_count + words);
}

/* Room for one more value of a kind: in its column and in the index. */
static enum rune_err reserve_value(struct rune_dict *dict, enum column column, uint32_t count)
{
    if (count >= RUNE_TERM_INDEX_MAX) {
        return RUNE_E_LIMIT;
    }
    enum rune_err err = reserve(dict, column, (size_t)count + 1);
    return err == RUNE_OK ? table_reserve(dict, &dict->index) : err;
}

static rune_term add_to_index(struct rune_dict *dict, enum rune_kind kind, uint32_t index,
                              uint32_t hash)
{
    rune_term term = rune_term_make(dict->terms.space, kind, index);
    table_put(&dict->index, hash, term);
    return term;
}

/* True if a container of these terms may be in the base: none of them is of the dict's own space.
 */
static bool may_be_in_base(const struct rune_dict *dict, const rune_term *terms, size_t count)
{
    if (dict->base == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (rune_term_space(terms[i]) == dict->terms.space) {
            return false;
        }
    }
    return true;
}

static enum rune_err intern_string(struct rune_dict *dict, struct rune_str text, uint32_t hash,
                                   rune_term *ret_term)
{
    const struct key key = {.text = text};
    rune_term term = dict->base != NULL ? find_string(dict->base, hash, &key) : RUNE_TERM_NONE;
    if (term == RUNE_TERM_NONE) {
        term = find_own(dict, hash, RUNE_KIND_STRING, string_equal, &key);
    }
    if (term != RUNE_TERM_NONE) {
        *ret_term = term;
        return RUNE_OK;
    }
    struct rune_terms *terms = &dict->terms;
    uint32_t *offsets = dict->columns[COLUMN_STRING_OFFSETS].items;
    uint32_t end = offsets[terms->string_count];
    if (text.length > UINT32_MAX - end) {
        return RUNE_E_LIMIT;
    }
    enum rune_err err = reserve_value(dict, COLUMN_STRING_OFFSETS, terms->string_count + 1);
    if (err == RUNE_OK) {
        /* One byte at least, so that the pointer is never NULL. */
        err = reserve(dict, COLUMN_STRING_BYTES, end + text.length + (end + text.length == 0));
    }
    if (err != RUNE_OK) {
        return err;
    }
    offsets = dict->columns[COLUMN_STRING_OFFSETS].items;
    if (text.length > 0) {
        memcpy((char *)dict->columns[COLUMN_STRING_BYTES].items + end, text.data, text.length);
    }
    offsets[terms->string_count + 1] = end + (uint32_t)text.length;
    *ret_term = add_to_index(dict, RUNE_KIND_STRING, terms->string_count++, hash);
    return RUNE_OK;
}

enum rune_err rune_dict_string(struct rune_dict *dict, struct rune_str text, rune_term *ret_term)
{
    return intern_string(dict, text, hash_string(text), ret_term);
}

static enum rune_err intern_entity(struct rune_dict *dict, rune_term type, rune_term id,
                                   uint32_t hash, rune_term *ret_term)
{
    const struct key key = {.a = type, .b = id};
    const rune_term parts[2] = {type, id};
    rune_term term =
        may_be_in_base(dict, parts, 2) ? find_entity(dict->base, hash, &key) : RUNE_TERM_NONE;
    if (term == RUNE_TERM_NONE) {
        term = find_own(dict, hash, RUNE_KIND_ENTITY, entity_equal, &key);
    }
    if (term != RUNE_TERM_NONE) {
        *ret_term = term;
        return RUNE_OK;
    }
    uint32_t count = dict->terms.entity_count;
    enum rune_err err = reserve_value(dict, COLUMN_ENTITY_TYPE, count);
    if (err == RUNE_OK) {
        err = reserve(dict, COLUMN_ENTITY_ID, (size_t)count + 1);
    }
    if (err != RUNE_OK) {
        return err;
    }
    ((uint32_t *)dict->columns[COLUMN_ENTITY_TYPE].items)[count] = type;
    ((uint32_t *)dict->columns[COLUMN_ENTITY_ID].items)[count] = id;
    *ret_term = add_to_index(dict, RUNE_KIND_ENTITY, dict->terms.entity_count++, hash);
    return RUNE_OK;
}

enum rune_err rune_dict_entity(struct rune_dict *dict, rune_term type, rune_term id,
                               rune_term *ret_term)
{
    return intern_entity(dict, type, id, hash_entity(type, id), ret_term);
}

/* ---- many at once ---- */

#define BATCH 64u /* values on their way: more than the processor can fetch at a time */

static void prefetch_slot(const struct rune_dict *dict, uint32_t hash)
{
    uint32_t at = home_of(hash, dict->index.size);
    __builtin_prefetch(dict->index.slots + at);
    __builtin_prefetch(dict->index.hashes + at);
}

/* The index of the first value of the kind that has the hash, nearly always the one sought; 0 if
 * there is none. */
static uint32_t peek(const struct rune_dict *dict, enum rune_kind kind, uint32_t hash)
{
    const struct table *index = &dict->index;
    uint32_t tag = rune_term_make(dict->terms.space, kind, 0);
    for (uint32_t at = home_of(hash, index->size); index->slots[at] != RUNE_TERM_NONE;) {
        rune_term term = index->slots[at];
        if (index->hashes[at] == hash && (term & ~RUNE_TERM_INDEX_MAX) == tag) {
            return rune_term_index(term);
        }
        at = at + 1 == index->size ? 0 : at + 1;
    }
    return 0;
}

/* Fetches what a search among strings will look at. */
static void prefetch_strings(const struct rune_dict *dict, const uint32_t *hashes, size_t count)
{
    const struct rune_terms *terms = &dict->terms;
    uint32_t found[BATCH];
    for (size_t i = 0; i < count; i++) {
        prefetch_slot(dict, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        found[i] = peek(dict, RUNE_KIND_STRING, hashes[i]);
        __builtin_prefetch(terms->string_offsets + found[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (found[i] != 0) {
            __builtin_prefetch(terms->string_bytes + terms->string_offsets[found[i]]);
        }
    }
}

static void prefetch_entities(const struct rune_dict *dict, const uint32_t *hashes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        prefetch_slot(dict, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t found = peek(dict, RUNE_KIND_ENTITY, hashes[i]);
        if (found != 0) {
            __builtin_prefetch(dict->terms.entity_type + found);
            __builtin_prefetch(dict->terms.entity_id + found);
        }
    }
}

static enum rune_err string_batch(struct rune_dict *dict, const struct rune_str *texts,
                                  size_t count, rune_term *ret_terms)
{
    uint32_t hashes[BATCH];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_string(texts[i]);
    }
    prefetch_strings(dict, hashes, count);
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < count && err == RUNE_OK; i++) {
        err = intern_string(dict, texts[i], hashes[i], &ret_terms[i]);
    }
    return err;
}

static enum rune_err entity_batch(struct rune_dict *dict, const rune_term *types,
                                  const rune_term *ids, size_t count, rune_term *ret_terms)
{
    uint32_t hashes[BATCH];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = hash_entity(types[i], ids[i]);
    }
    prefetch_entities(dict, hashes, count);
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < count && err == RUNE_OK; i++) {
        err = intern_entity(dict, types[i], ids[i], hashes[i], &ret_terms[i]);
    }
    return err;
}

static size_t batch_size(size_t left)
{
    return left < BATCH ? left : BATCH;
}

enum rune_err rune_dict_strings(struct rune_dict *dict, const struct rune_str *texts, size_t count,
                                rune_term *ret_terms)
{
    enum rune_err err = RUNE_OK;
    for (size_t done = 0; done < count && err == RUNE_OK; done += BATCH) {
        err = string_batch(dict, texts + done, batch_size(count - done), ret_terms + done);
    }
    return err;
}

enum rune_err rune_dict_entities(struct rune_dict *dict, const rune_term *types,
                                 const struct rune_str *ids, size_t count, rune_term *ret_terms)
{
    enum rune_err err = RUNE_OK;
    for (size_t done = 0; done < count && err == RUNE_OK; done += BATCH) {
        rune_term id_terms[BATCH];
        size_t size = batch_size(count - done);
        err = string_batch(dict, ids + done, size, id_terms);
        if (err == RUNE_OK) {
            err = entity_batch(dict, types + done, id_terms, size, ret_terms + done);
        }
    }
    return err;
}

/* ---- numbers and extension values ---- */

enum rune_err rune_dict_long(struct rune_dict *dict, int64_t value, rune_term *ret_term)
{
    if (rune_term_fits_inline(value)) {
        *ret_term = rune_term_from_inline(value);
        return RUNE_OK;
    }
    uint32_t hash = hash_long(value);
    const struct key key = {.number = value};
    rune_term term = dict->base != NULL ? find_long(dict->base, hash, &key) : RUNE_TERM_NONE;
    if (term == RUNE_TERM_NONE) {
        term = find_own(dict, hash, RUNE_KIND_LONG, long_equal, &key);
    }
    if (term == RUNE_TERM_NONE) {
        enum rune_err err = reserve_value(dict, COLUMN_LONGS, dict->terms.long_count);
        if (err != RUNE_OK) {
            return err;
        }
        ((int64_t *)dict->columns[COLUMN_LONGS].items)[dict->terms.long_count] = value;
        term = add_to_index(dict, RUNE_KIND_LONG, dict->terms.long_count++, hash);
    }
    *ret_term = term;
    return RUNE_OK;
}

enum rune_err rune_dict_float(struct rune_dict *dict, double value, rune_term *ret_term)
{
    uint32_t hash = hash_float(value);
    const struct key key = {.number = (int64_t)float_bits(value)};
    rune_term term = dict->base != NULL ? find_float(dict->base, hash, &key) : RUNE_TERM_NONE;
    if (term == RUNE_TERM_NONE) {
        term = find_own(dict, hash, RUNE_KIND_FLOAT, float_equal, &key);
    }
    if (term == RUNE_TERM_NONE) {
        enum rune_err err = reserve_value(dict, COLUMN_FLOATS, dict->terms.float_count);
        if (err != RUNE_OK) {
            return err;
        }
        ((double *)dict->columns[COLUMN_FLOATS].items)[dict->terms.float_count] =
            value == 0.0 ? 0.0 : value;
        term = add_to_index(dict, RUNE_KIND_FLOAT, dict->terms.float_count++, hash);
    }
    *ret_term = term;
    return RUNE_OK;
}

enum rune_err rune_dict_ext(struct rune_dict *dict, const struct rune_ext *value,
                            rune_term *ret_term)
{
    uint32_t hash = hash_ext(value);
    const struct key key = {.ext = value};
    rune_term term = dict->base != NULL ? find_ext(dict->base, hash, &key) : RUNE_TERM_NONE;
    if (term == RUNE_TERM_NONE) {
        term = find_own(dict, hash, RUNE_KIND_EXT, ext_equal, &key);
    }
    if (term == RUNE_TERM_NONE) {
        enum rune_err err = reserve_value(dict, COLUMN_EXTS, dict->terms.ext_count);
        if (err != RUNE_OK) {
            return err;
        }
        ((struct rune_ext *)dict->columns[COLUMN_EXTS].items)[dict->terms.ext_count] = *value;
        term = add_to_index(dict, RUNE_KIND_EXT, dict->terms.ext_count++, hash);
    }
    *ret_term = term;
    return RUNE_OK;
}

/* ---- containers ---- */

static size_t drop_repetitions(rune_term *sorted, size_t count)
{
    size_t kept = count > 0;
    for (size_t i = 1; i < count; i++) {
        if (sorted[i] != sorted[kept - 1]) {
            sorted[kept++] = sorted[i];
        }
    }
    return kept;
}

/* Appends [first, items...]; the room is there. Returns the run's offset. */
static uint32_t append_run(struct rune_dict *dict, uint32_t first, const uint32_t *items,
                           size_t count)
{
    uint32_t offset = dict->terms.heap_count;
    uint32_t *run = (uint32_t *)dict->columns[COLUMN_HEAP].items + offset;
    run[0] = first;
    if (count > 0) {
        memcpy(run + 1, items, count * sizeof *items);
    }
    dict->terms.heap_count += (uint32_t)count + 1;
    return offset;
}

enum rune_err rune_dict_set(struct rune_dict *dict, rune_term *elements, size_t count,
                            rune_term *ret_term)
{
    rune_sort_u32(elements, NULL, count);
    count = drop_repetitions(elements, count);
    uint32_t hash = hash_set(elements, count);
    const struct key key = {.values = elements, .count = count};
    rune_term term =
        may_be_in_base(dict, elements, count) ? find_set(dict->base, hash, &key) : RUNE_TERM_NONE;
    if (term == RUNE_TERM_NONE) {
        term = find_own(dict, hash, RUNE_KIND_SET, set_equal, &key);
    }
    if (term != RUNE_TERM_NONE) {
        *ret_term = term;
        return RUNE_OK;
    }
    enum rune_err err = reserve_value(dict, COLUMN_SETS, dict->terms.set_count);
    if (err == RUNE_OK) {
        err = reserve_heap(dict, count + 1);
    }
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t offset = count == 0 ? 0 : append_run(dict, (uint32_t)count, elements, count);
    ((uint32_t *)dict->columns[COLUMN_SETS].items)[dict->terms.set_count] = offset;
    *ret_term = add_to_index(dict, RUNE_KIND_SET, dict->terms.set_count++, hash);
    return RUNE_OK;
}

enum rune_err rune_dict_set_run(struct rune_dict *dict, const rune_term *sorted, size_t count,
                                uint32_t *ret_offset)
{
    if (count == 0) {
        *ret_offset = 0;
        return RUNE_OK;
    }
    enum rune_err err = reserve_heap(dict, count + 1);
    if (err == RUNE_OK) {
        *ret_offset = append_run(dict, (uint32_t)count, sorted, count);
    }
    return err;
}

/* The heap offset of a shape, shared where the dict keeps a table of them. There is room for count
 * + 1 words. */
static enum rune_err intern_shape(struct rune_dict *dict, const rune_term *names, size_t count,
                                  uint32_t *ret_offset)
{
    if (count == 0) {
        *ret_offset = 0;
        return RUNE_OK;
    }
    if (dict->block != NULL) {
        *ret_offset = append_run(dict, (uint32_t)count, names, count);
        return RUNE_OK;
    }
    enum rune_err err = table_reserve(dict, &dict->shapes);
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t hash = hash_set(names, count);
    const struct table *shapes = &dict->shapes;
    for (uint32_t at = home_of(hash, shapes->size); shapes->slots[at] != 0;) {
        const uint32_t *run = dict->terms.heap + shapes->slots[at];
        if (shapes->hashes[at] == hash && run[0] == count && run_equal(run + 1, names, count)) {
            *ret_offset = shapes->slots[at];
            return RUNE_OK;
        }
        at = at + 1 == shapes->size ? 0 : at + 1;
    }
    *ret_offset = append_run(dict, (uint32_t)count, names, count);
    table_put(&dict->shapes, hash, *ret_offset);
    return RUNE_OK;
}

static enum rune_err add_record_run(struct rune_dict *dict, const rune_term *names,
                                    const rune_term *values, size_t count, uint32_t *ret_offset)
{
    if (count == 0) {
        *ret_offset = 1;
        return RUNE_OK;
    }
    enum rune_err err = reserve_heap(dict, 2 * count + 2);
    uint32_t shape;
    if (err == RUNE_OK) {
        err = intern_shape(dict, names, count, &shape);
    }
    if (err == RUNE_OK) {
        *ret_offset = append_run(dict, shape, values, count);
    }
    return err;
}

enum rune_err rune_dict_record_run(struct rune_dict *dict, rune_term *names, rune_term *values,
                                   size_t count, uint32_t *ret_offset)
{
    rune_sort_u32(names, values, count);
    return add_record_run(dict, names, values, count, ret_offset);
}

enum rune_err rune_dict_record(struct rune_dict *dict, rune_term *names, rune_term *values,
                               size_t count, rune_term *ret_term)
{
    rune_sort_u32(names, values, count);
    uint32_t hash = hash_record(names, values, count);
    const struct key key = {.names = names, .values = values, .count = count};
    rune_term term = RUNE_TERM_NONE;
    if (may_be_in_base(dict, names, count) && may_be_in_base(dict, values, count)) {
        term = find_record(dict->base, hash, &key);
    }
    if (term == RUNE_TERM_NONE) {
        term = find_own(dict, hash, RUNE_KIND_RECORD, record_equal, &key);
    }
    if (term != RUNE_TERM_NONE) {
        *ret_term = term;
        return RUNE_OK;
    }
    enum rune_err err = reserve_value(dict, COLUMN_RECORDS, dict->terms.record_count);
    uint32_t offset;
    if (err == RUNE_OK) {
        err = add_record_run(dict, names, values, count, &offset);
    }
    if (err != RUNE_OK) {
        return err;
    }
    ((uint32_t *)dict->columns[COLUMN_RECORDS].items)[dict->terms.record_count] = offset;
    *ret_term = add_to_index(dict, RUNE_KIND_RECORD, dict->terms.record_count++, hash);
    return RUNE_OK;
}
