/* SPDX-License-Identifier: Apache-2.0 */
/* Many values at once. */
#include "model/dict_key.h"

#define BATCH 64u /* values on their way: more than the processor can fetch at a time */

/* A search on its way. */
struct search {
    uint32_t hash;
    uint32_t at; /* the slot where it goes on: the first of its hash, else an empty one */
};

/* Brings all searches to the first slot that needs a look. The index has room for all of them
 * afterwards, so that the slots stay where they are while values are added. */
static enum rune_err seek_all(struct rune_dict *dict, struct search *searches, size_t count)
{
    enum rune_err err = rune_dict_table_reserve(dict, &dict->index, (uint32_t)count);
    if (err != RUNE_OK) {
        return err;
    }
    const struct rune_dict_table *index = &dict->index;
    for (size_t i = 0; i < count; i++) {
        searches[i].at = rune_dict_home_of(searches[i].hash, index->size);
        __builtin_prefetch(index->slots + searches[i].at);
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t at = searches[i].at;
        while (index->slots[at].value != RUNE_TERM_NONE &&
               index->slots[at].hash != searches[i].hash) {
            at = rune_dict_next_of(at, index->size);
        }
        searches[i].at = at;
    }
    return RUNE_OK;
}

/* The index of the value where a search stands, nearly always the one sought; 0 where it stands at
 * none of the kind. */
static uint32_t peek(const struct rune_dict *dict, enum rune_kind kind, const struct search *search)
{
    rune_term term = dict->index.slots[search->at].value;
    return rune_term_kind(term) == kind ? rune_term_index(term) : 0;
}

/* Fetches what a comparison of strings will look at. */
static void prefetch_strings(const struct rune_dict *dict, const struct search *searches,
                             size_t count)
{
    const struct rune_terms *terms = &dict->terms;
    uint32_t found[BATCH];
    for (size_t i = 0; i < count; i++) {
        found[i] = peek(dict, RUNE_KIND_STRING, &searches[i]);
        __builtin_prefetch(terms->string_offsets + found[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (found[i] != 0) {
            __builtin_prefetch(terms->string_bytes + terms->string_offsets[found[i]]);
        }
    }
}

static void prefetch_entities(const struct rune_dict *dict, const struct search *searches,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t found = peek(dict, RUNE_KIND_ENTITY, &searches[i]);
        __builtin_prefetch(dict->terms.entity_type + found);
        __builtin_prefetch(dict->terms.entity_id + found);
    }
}

static enum rune_err string_batch(struct rune_dict *dict, const struct rune_str *texts,
                                  size_t count, rune_term *ret_terms)
{
    struct search searches[BATCH];
    for (size_t i = 0; i < count; i++) {
        searches[i].hash = rune_dict_hash_string(texts[i]);
    }
    enum rune_err err = seek_all(dict, searches, count);
    if (err == RUNE_OK) {
        prefetch_strings(dict, searches, count);
    }
    for (size_t i = 0; i < count && err == RUNE_OK; i++) {
        const struct rune_dict_key key = {.text = texts[i]};
        uint32_t hash = searches[i].hash;
        uint32_t at = rune_dict_seek(dict, searches[i].at, hash, RUNE_KIND_STRING, &key);
        ret_terms[i] = dict->index.slots[at].value;
        if (ret_terms[i] == RUNE_TERM_NONE) {
            err = rune_dict_add_string(dict, texts[i], hash, at, &ret_terms[i]);
        }
    }
    return err;
}

static enum rune_err entity_batch(struct rune_dict *dict, const rune_term *types,
                                  const rune_term *ids, size_t count, rune_term *ret_terms)
{
    struct search searches[BATCH];
    for (size_t i = 0; i < count; i++) {
        searches[i].hash = rune_dict_hash_entity(types[i], ids[i]);
    }
    enum rune_err err = seek_all(dict, searches, count);
    if (err == RUNE_OK) {
        prefetch_entities(dict, searches, count);
    }
    for (size_t i = 0; i < count && err == RUNE_OK; i++) {
        const struct rune_dict_key key = {.a = types[i], .b = ids[i]};
        uint32_t hash = searches[i].hash;
        uint32_t at = rune_dict_seek(dict, searches[i].at, hash, RUNE_KIND_ENTITY, &key);
        ret_terms[i] = dict->index.slots[at].value;
        if (ret_terms[i] == RUNE_TERM_NONE) {
            err = rune_dict_add_entity(dict, types[i], ids[i], hash, at, &ret_terms[i]);
        }
    }
    return err;
}

static size_t batch_size(size_t left)
{
    return left < BATCH ? left : BATCH;
}

/* With a base, which must be asked first, and in a request's small dict nothing is gained. */
static enum rune_err one_by_one(struct rune_dict *dict, const rune_term *types,
                                const struct rune_str *texts, size_t count, rune_term *ret_terms)
{
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < count && err == RUNE_OK; i++) {
        rune_term term;
        err = rune_dict_string(dict, texts[i], &term);
        if (err == RUNE_OK && types != NULL) {
            err = rune_dict_entity(dict, types[i], term, &term);
        }
        if (err == RUNE_OK) {
            ret_terms[i] = term;
        }
    }
    return err;
}

enum rune_err rune_dict_strings(struct rune_dict *dict, const struct rune_str *texts, size_t count,
                                rune_term *ret_terms)
{
    if (dict->base != NULL) {
        return one_by_one(dict, NULL, texts, count, ret_terms);
    }
    enum rune_err err = RUNE_OK;
    for (size_t done = 0; done < count && err == RUNE_OK; done += BATCH) {
        err = string_batch(dict, texts + done, batch_size(count - done), ret_terms + done);
    }
    return err;
}

enum rune_err rune_dict_entities(struct rune_dict *dict, const rune_term *types,
                                 const struct rune_str *ids, size_t count, rune_term *ret_terms)
{
    if (dict->base != NULL) {
        return one_by_one(dict, types, ids, count, ret_terms);
    }
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
