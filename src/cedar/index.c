/* SPDX-License-Identifier: Apache-2.0 */
/* Each policy is filed under a key (index_choose.c); entries of one key become a run of
 * POLICY_LIST, a single one stands in the key itself. Runs follow the order in which keys came, but
 * those of pairs stand together by principal, whose PAIRS key spans them. */
#include "cedar/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cedar/index_int.h"

/* ---- keys ---- */

static uint32_t power_of_two(size_t at_least)
{
    uint32_t size = 8;
    while (size < at_least) {
        size *= 2;
    }
    return size;
}

static void insert_key(struct rune_cedar_index *index, const struct rune_image_index_key *key)
{
    uint32_t slots = (uint32_t)index->hash.count;
    uint64_t hash = rune_policy_index_hash(key->kind, key->a, key->b,
                                           rune_policy_index_has_c(key->kind) ? key->c : 0);
    uint32_t at = rune_policy_index_home(hash, slots);
    while (index->hash.items[at] != 0) {
        at = (at + 1) & (slots - 1);
    }
    index->keys.items[index->keys.count++] = *key;
    index->hash.items[at] = rune_policy_index_tag(hash) | (uint32_t)index->keys.count;
}

/* Is the entry's policy a candidate for what is below the key's entity? */
static bool is_in(const struct rune_index_builder *builder, const struct rune_index_entry *entry)
{
    const struct rune_cedar_key *policy = &builder->program->keys.items[entry->policy];
    uint32_t kind = builder->keys.items[entry->key].kind;
    return kind == RUNE_SCOPE_KEY_PRINCIPAL  ? policy->principal_in
           : kind == RUNE_SCOPE_KEY_RESOURCE ? policy->resource_in
                                             : false;
}

struct pair {
    uint32_t principal, key;
};

RUNE_VEC(vec_pair, struct pair);

static int compare_pairs(const void *a, const void *b)
{
    const struct pair *x = a;
    const struct pair *y = b;
    if (x->principal != y->principal) {
        return x->principal < y->principal ? -1 : 1;
    }
    return (x->key > y->key) - (x->key < y->key);
}

/* One policy is in the key itself; those of pairs are in a principal's run, too. */
static bool has_run(const struct rune_index_key *key)
{
    return key->count > 1 || key->kind == RUNE_SCOPE_KEY_PAIR;
}

/* Where the run of each key begins: pairs last, by principal. *ret_length: entries in runs. */
static enum rune_err place_runs(struct rune_index_builder *builder, struct vec_pair *pairs,
                                uint32_t *starts, uint32_t *ret_length)
{
    const struct rune_index_keys *keys = &builder->keys;
    uint32_t at = 0;
    for (uint32_t i = 0; i < keys->count; i++) {
        struct pair pair = {keys->items[i].a, i};
        if (keys->items[i].kind != RUNE_SCOPE_KEY_PAIR) {
            starts[i] = at;
            at += has_run(&keys->items[i]) ? keys->items[i].count : 0;
        } else if (!RUNE_VEC_PUSH(pairs, pair)) {
            return RUNE_E_NOMEM;
        }
    }
    if (pairs->count > 0) {
        qsort(pairs->items, pairs->count, sizeof *pairs->items, compare_pairs);
    }
    for (size_t i = 0; i < pairs->count; i++) {
        starts[pairs->items[i].key] = at;
        at += keys->items[pairs->items[i].key].count;
    }
    *ret_length = at;
    return RUNE_OK;
}

/* The entries' policies into their runs, in their order: first those with `in`, which are counted.
 * Afterwards a start is that of the run, or the one policy. */
static void fill_list(struct rune_index_builder *builder, uint32_t *starts, uint32_t *filled,
                      uint32_t *ins)
{
    uint32_t *list = builder->index->list.items;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < builder->entries.count; i++) {
            const struct rune_index_entry *entry = &builder->entries.items[i];
            if (is_in(builder, entry) != (pass == 0)) {
                continue;
            }
            if (has_run(&builder->keys.items[entry->key])) {
                list[starts[entry->key] + filled[entry->key]++] = entry->policy;
            } else {
                starts[entry->key] = entry->policy;
            }
            ins[entry->key] += pass == 0;
        }
    }
}

static void put_key(struct rune_index_builder *builder, const struct rune_index_key *key,
                    uint32_t start, uint32_t ins)
{
    uint32_t c = rune_policy_index_has_c(key->kind) ? key->c : ins;
    const uint32_t *list = builder->index->list.items;
    uint32_t first = key->kind == RUNE_SCOPE_KEY_PAIR && key->count == 1 ? list[start] : start;
    insert_key(builder->index,
               &(struct rune_image_index_key){key->kind, key->a, key->b, c, first, key->count});
}

static void put_keys(struct rune_index_builder *builder, const struct vec_pair *pairs,
                     const uint32_t *starts, const uint32_t *ins)
{
    const struct rune_index_keys *keys = &builder->keys;
    for (size_t i = 0; i < keys->count; i++) {
        put_key(builder, &keys->items[i], starts[i], ins[i]);
    }
    for (size_t i = 0; i < pairs->count;) {
        struct rune_index_key all = {.kind = RUNE_SCOPE_KEY_PAIRS, .a = pairs->items[i].principal};
        uint32_t start = starts[pairs->items[i].key];
        for (; i < pairs->count && pairs->items[i].principal == all.a; i++) {
            all.count += keys->items[pairs->items[i].key].count;
        }
        put_key(builder, &all, all.count == 1 ? builder->index->list.items[start] : start, 0);
    }
}

static size_t count_principals(const struct vec_pair *pairs)
{
    size_t count = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        count += i == 0 || pairs->items[i].principal != pairs->items[i - 1].principal;
    }
    return count;
}

static bool reserve(struct rune_cedar_index *index, size_t keys, size_t length)
{
    uint32_t slots = power_of_two(2 * keys + 1);
    if (!RUNE_VEC_RESERVE(&index->keys, keys + 1) || !RUNE_VEC_RESERVE(&index->hash, slots) ||
        !RUNE_VEC_RESERVE(&index->list, length + 1)) {
        return false;
    }
    memset(index->hash.items, 0, slots * sizeof *index->hash.items);
    index->hash.count = slots;
    index->list.count = length;
    return true;
}

static enum rune_err build_keys(struct rune_index_builder *builder)
{
    size_t keys = builder->keys.count;
    struct vec_pair pairs = {0};
    uint32_t length = 0;
    uint32_t *numbers = rune_calloc(3 * keys + 1, sizeof *numbers);
    enum rune_err err = builder->entries.count > UINT32_MAX / 4 ? RUNE_E_LIMIT
                        : numbers == NULL                       ? RUNE_E_NOMEM
                                                                : RUNE_OK;
    if (err == RUNE_OK) {
        err = place_runs(builder, &pairs, numbers, &length);
    }
    size_t all = keys + count_principals(&pairs);
    if (err == RUNE_OK) {
        err = all > RUNE_POLICY_INDEX_MAX_KEYS                ? RUNE_E_LIMIT
              : !reserve(builder->index, all, (size_t)length) ? RUNE_E_NOMEM
                                                              : RUNE_OK;
    }
    if (err == RUNE_OK) {
        fill_list(builder, numbers, numbers + keys, numbers + 2 * keys);
        put_keys(builder, &pairs, numbers, numbers + 2 * keys);
    }
    RUNE_VEC_FINI(&pairs);
    rune_free(numbers);
    return err;
}

/* ---- ancestor scopes ---- */

static bool is_filed_by_principal(uint32_t kind)
{
    return kind == RUNE_SCOPE_KEY_PRINCIPAL || kind == RUNE_SCOPE_KEY_PAIR;
}

static bool is_filed_by_resource(uint32_t kind)
{
    return kind == RUNE_SCOPE_KEY_RESOURCE || kind == RUNE_SCOPE_KEY_PAIR;
}

static uint32_t flags_of_key(const struct rune_index_key *key)
{
    switch (key->kind) {
    case RUNE_SCOPE_KEY_SCOPE:
        return 1u << ((uint32_t)(key->a != 0) | (uint32_t)(key->b != 0) << 1 |
                      (uint32_t)(key->c != 0) << 2);
    case RUNE_SCOPE_KEY_PAIR:
        return key->c != 0 ? RUNE_POLICY_INDEX_PAIR_ACTION : RUNE_POLICY_INDEX_PAIR_ANY;
    case RUNE_SCOPE_KEY_RESOURCE:
        return key->b != 0 ? RUNE_POLICY_INDEX_RESOURCE_ACTION : RUNE_POLICY_INDEX_RESOURCE_ANY;
    default:
        return key->b != 0 ? RUNE_POLICY_INDEX_PRINCIPAL_ACTION : RUNE_POLICY_INDEX_PRINCIPAL_ANY;
    }
}

static uint32_t flags_of(const struct rune_index_builder *builder)
{
    uint32_t flags = 0;
    for (size_t i = 0; i < builder->keys.count; i++) {
        flags |= flags_of_key(&builder->keys.items[i]);
    }
    for (size_t i = 0; i < builder->entries.count; i++) {
        const struct rune_index_entry *entry = &builder->entries.items[i];
        const struct rune_cedar_key *policy = &builder->program->keys.items[entry->policy];
        uint32_t kind = builder->keys.items[entry->key].kind;
        if (is_filed_by_principal(kind) && policy->principal_in) {
            flags |= RUNE_POLICY_INDEX_PRINCIPAL_IN;
        }
        if (is_filed_by_resource(kind) && policy->resource_in) {
            flags |= RUNE_POLICY_INDEX_RESOURCE_IN;
        }
    }
    return flags;
}

static void mark_entity(uint32_t *bitmap, rune_term entity)
{
    uint32_t index = rune_term_index(entity);
    bitmap[index / 32] |= 1u << index % 32;
}

static void mark_keys(const struct rune_index_builder *builder, uint32_t *bitmaps,
                      uint32_t bitmap_words)
{
    for (size_t i = 0; i < builder->entries.count; i++) {
        const struct rune_index_entry *entry = &builder->entries.items[i];
        const struct rune_cedar_key *policy = &builder->program->keys.items[entry->policy];
        uint32_t kind = builder->keys.items[entry->key].kind;
        bool is_pair = kind == RUNE_SCOPE_KEY_PAIR;
        if (is_pair || (is_filed_by_principal(kind) && policy->principal_in)) {
            mark_entity(bitmaps, policy->principal);
        }
        if (is_pair || (is_filed_by_resource(kind) && policy->resource_in)) {
            mark_entity(bitmaps + bitmap_words, policy->resource);
        }
    }
}

/* [n, entities...]: the keys of one kind in an ancestor set; *ret_found tells whether there are
 * any. */
static enum rune_err list_keys(const uint32_t *run, const uint32_t *bitmap,
                               struct rune_vec_u32 *lists, bool *ret_found)
{
    size_t head = lists->count;
    if (!RUNE_VEC_PUSH(lists, 0)) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 1; i <= run[0]; i++) {
        uint32_t entity = rune_term_index(run[i]);
        if ((bitmap[entity / 32] >> entity % 32 & 1) != 0) {
            if (!RUNE_VEC_PUSH(lists, run[i])) {
                return RUNE_E_NOMEM;
            }
            lists->items[head]++;
            *ret_found = true;
        }
    }
    return RUNE_OK;
}

struct long_set {
    uint32_t offset;
    uint32_t list;
};

RUNE_VEC(vec_long_set, struct long_set);

/* Both lists of each distinct long ancestor set that meets a key. */
static enum rune_err list_long_sets(struct rune_index_builder *builder, const uint32_t *bitmaps,
                                    uint32_t bitmap_words, struct vec_long_set *sets,
                                    struct rune_vec_u32 *lists)
{
    const uint32_t *heap = builder->terms->heap;
    for (uint32_t i = 0; i < builder->terms->entity_count; i++) {
        uint32_t offset = builder->entity_ancestors[i];
        if (heap[offset] <= RUNE_POLICY_INDEX_SHORT ||
            rune_index_test_bit(builder->seen_sets, offset)) {
            continue;
        }
        rune_index_set_bit(builder->seen_sets, offset);
        struct long_set set = {offset, (uint32_t)lists->count};
        bool found = false;
        enum rune_err err = list_keys(heap + offset, bitmaps, lists, &found);
        if (err == RUNE_OK) {
            err = list_keys(heap + offset, bitmaps + bitmap_words, lists, &found);
        }
        if (err != RUNE_OK) {
            return err;
        }
        if (!found) {
            lists->count = set.list;
        } else if (!RUNE_VEC_PUSH(sets, set)) {
            return RUNE_E_NOMEM;
        }
        if (lists->count > UINT32_MAX / 2) {
            return RUNE_E_LIMIT;
        }
    }
    return RUNE_OK;
}

/* Header, bitmaps, map and lists into the section. */
static enum rune_err write_scopes(struct rune_vec_u32 *words, uint32_t flags,
                                  const uint32_t *bitmaps, uint32_t bitmap_words,
                                  const struct vec_long_set *sets, const struct rune_vec_u32 *lists)
{
    uint32_t slots = sets->count == 0 ? 0 : power_of_two(2 * sets->count);
    size_t total =
        RUNE_POLICY_INDEX_HEADER + 2 * (size_t)bitmap_words + 2 * (size_t)slots + lists->count;
    if (!RUNE_VEC_RESERVE(words, total)) {
        return RUNE_E_NOMEM;
    }
    uint32_t *out = words->items;
    memset(out, 0, total * sizeof *out);
    words->count = total;
    out[0] = flags;
    out[1] = bitmap_words;
    out[2] = slots;
    out[3] = (uint32_t)lists->count;
    out += RUNE_POLICY_INDEX_HEADER;
    if (bitmap_words > 0) {
        memcpy(out, bitmaps, 2 * (size_t)bitmap_words * sizeof *out);
    }
    out += 2 * (size_t)bitmap_words;
    for (size_t i = 0; i < sets->count; i++) {
        uint32_t at = rune_policy_index_map_home(sets->items[i].offset, slots);
        while (out[2 * (size_t)at] != 0) {
            at = (at + 1) & (slots - 1);
        }
        out[2 * (size_t)at] = sets->items[i].offset;
        out[2 * (size_t)at + 1] = sets->items[i].list;
    }
    if (lists->count > 0) {
        memcpy(out + 2 * (size_t)slots, lists->items, lists->count * sizeof *out);
    }
    return RUNE_OK;
}

static enum rune_err build_scopes(struct rune_index_builder *builder)
{
    uint32_t flags = flags_of(builder);
    bool has_keys = (flags & RUNE_POLICY_INDEX_HAS_BITMAPS) != 0;
    uint32_t bitmap_words = has_keys ? builder->terms->entity_count / 32 + 1 : 0;
    struct vec_long_set sets = {0};
    struct rune_vec_u32 lists = {0};
    uint32_t *bitmaps = rune_calloc(2 * (size_t)bitmap_words + 1, sizeof *bitmaps);
    builder->seen_sets = rune_index_make_bitmap(builder->terms->heap_count);
    enum rune_err err = bitmaps == NULL || builder->seen_sets == NULL ? RUNE_E_NOMEM : RUNE_OK;
    if (err == RUNE_OK && has_keys) {
        mark_keys(builder, bitmaps, bitmap_words);
        err = list_long_sets(builder, bitmaps, bitmap_words, &sets, &lists);
    }
    if (err == RUNE_OK) {
        err = write_scopes(&builder->index->ancestor_scopes, flags, bitmaps, bitmap_words, &sets,
                           &lists);
    }
    rune_free(bitmaps);
    rune_free(builder->seen_sets);
    RUNE_VEC_FINI(&sets);
    RUNE_VEC_FINI(&lists);
    return err;
}

/* ---- all ---- */

enum rune_err rune_cedar_index_build(struct rune_cedar_program *program,
                                     const struct rune_terms *terms,
                                     const uint32_t *entity_ancestors,
                                     struct rune_cedar_index *index)
{
    struct rune_index_builder builder = {
        .program = program, .terms = terms, .entity_ancestors = entity_ancestors, .index = index};
    enum rune_err err = rune_index_choose(&builder);
    err = err == RUNE_OK ? build_keys(&builder) : err;
    err = err == RUNE_OK ? build_scopes(&builder) : err;
    RUNE_VEC_FINI(&builder.members);
    rune_index_keys_fini(&builder.tests);
    RUNE_VEC_FINI(&builder.passes);
    RUNE_VEC_FINI(&builder.actions);
    rune_index_keys_fini(&builder.keys);
    RUNE_VEC_FINI(&builder.entries);
    return err;
}

void rune_cedar_index_fini(struct rune_cedar_index *index)
{
    RUNE_VEC_FINI(&index->keys);
    RUNE_VEC_FINI(&index->hash);
    RUNE_VEC_FINI(&index->list);
    RUNE_VEC_FINI(&index->ancestor_scopes);
}
