/* SPDX-License-Identifier: Apache-2.0 */
/* Many values at once. */
#include "model/dict_key.h"

#define BATCH 64u /* values on their way: more than the processor can fetch at a time */

static void prefetch_slot(const struct rune_dict *dict, uint32_t hash)
{
    uint32_t at = rune_dict_home_of(hash, dict->index.size);
    __builtin_prefetch(dict->index.slots + at);
    __builtin_prefetch(dict->index.hashes + at);
}

/* The index of the first value of the kind that has the hash, nearly always the one sought; 0 if
 * there is none. */
static uint32_t peek(const struct rune_dict *dict, enum rune_kind kind, uint32_t hash)
{
    const struct rune_dict_table *index = &dict->index;
    uint32_t tag = rune_term_make(dict->terms.space, kind, 0);
    for (uint32_t at = rune_dict_home_of(hash, index->size); index->slots[at] != RUNE_TERM_NONE;) {
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
        hashes[i] = rune_dict_hash_string(texts[i]);
    }
    prefetch_strings(dict, hashes, count);
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < count && err == RUNE_OK; i++) {
        err = rune_dict_intern_string(dict, texts[i], hashes[i], &ret_terms[i]);
    }
    return err;
}

static enum rune_err entity_batch(struct rune_dict *dict, const rune_term *types,
                                  const rune_term *ids, size_t count, rune_term *ret_terms)
{
    uint32_t hashes[BATCH];
    for (size_t i = 0; i < count; i++) {
        hashes[i] = rune_dict_hash_entity(types[i], ids[i]);
    }
    prefetch_entities(dict, hashes, count);
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < count && err == RUNE_OK; i++) {
        err = rune_dict_intern_entity(dict, types[i], ids[i], hashes[i], &ret_terms[i]);
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
