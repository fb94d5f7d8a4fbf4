/* SPDX-License-Identifier: Apache-2.0 */
/* Finding in finished dictionaries: the image's. */
#include "model/dict_key.h"

rune_term rune_terms_find_string(const struct rune_terms *terms, struct rune_str text)
{
    return rune_dict_find(terms, rune_dict_hash_string(text), RUNE_KIND_STRING,
                          &(struct rune_dict_key){.text = text});
}

rune_term rune_terms_find_entity(const struct rune_terms *terms, rune_term type, rune_term id)
{
    return rune_dict_find(terms, rune_dict_hash_entity(type, id), RUNE_KIND_ENTITY,
                          &(struct rune_dict_key){.a = type, .b = id});
}

rune_term rune_terms_find_long(const struct rune_terms *terms, int64_t value)
{
    if (rune_term_fits_inline(value)) {
        return rune_term_from_inline(value);
    }
    return rune_dict_find(terms, rune_dict_hash_long(value), RUNE_KIND_LONG,
                          &(struct rune_dict_key){.number = value});
}

rune_term rune_terms_find_float(const struct rune_terms *terms, double value)
{
    return rune_dict_find(terms, rune_dict_hash_float(value), RUNE_KIND_FLOAT,
                          &(struct rune_dict_key){.number = (int64_t)rune_dict_float_bits(value)});
}

rune_term rune_terms_find_ext(const struct rune_terms *terms, const struct rune_ext *value)
{
    return rune_dict_find(terms, rune_dict_hash_ext(value), RUNE_KIND_EXT,
                          &(struct rune_dict_key){.ext = value});
}

rune_term rune_terms_find_set(const struct rune_terms *terms, const rune_term *sorted, size_t count)
{
    return rune_dict_find(terms, rune_dict_hash_set(sorted, count), RUNE_KIND_SET,
                          &(struct rune_dict_key){.values = sorted, .count = count});
}

rune_term rune_terms_find_record(const struct rune_terms *terms, const rune_term *names,
                                 const rune_term *values, size_t count)
{
    const struct rune_dict_key key = {.names = names, .values = values, .count = count};
    return rune_dict_find(terms, rune_dict_hash_record(names, values, count), RUNE_KIND_RECORD,
                          &key);
}

rune_term rune_terms_find_uid_of(const struct rune_terms *terms, rune_term type, struct rune_str id)
{
    rune_term id_term = rune_terms_find_string(terms, id);
    return id_term == RUNE_TERM_NONE ? RUNE_TERM_NONE
                                     : rune_terms_find_entity(terms, type, id_term);
}

rune_term rune_terms_find_uid(const struct rune_terms *terms, struct rune_str type,
                              struct rune_str id)
{
    rune_term type_term = rune_terms_find_string(terms, type);
    return type_term == RUNE_TERM_NONE ? RUNE_TERM_NONE
                                       : rune_terms_find_uid_of(terms, type_term, id);
}

/* ---- a few entities at once ---- */

#define NEAR_SLOTS 32768u /* of an index that caches hold, and what it leads to */

/* The index of what the search for a hash meets first, if it is of that kind; else 0, which is as
 * good a place to fetch as any. */
static uint32_t first_met(const struct rune_terms *terms, uint32_t hash, enum rune_kind kind)
{
    uint32_t home = rune_dict_home_of(hash, terms->index_slots);
    rune_term term = terms->index[(size_t)home << terms->index_shift];
    return term != RUNE_TERM_NONE && rune_term_kind(term) == kind ? rune_term_index(term) : 0;
}

static void fetch_home(const struct rune_terms *terms, uint32_t hash)
{
    uint32_t home = rune_dict_home_of(hash, terms->index_slots);
    __builtin_prefetch(&terms->index[(size_t)home << terms->index_shift]);
}

/* The ids' strings, each step for all of them before the next. */
static void fetch_ids(const struct rune_terms *terms, struct rune_uid_search *searches,
                      uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        searches[i].hash = rune_dict_hash_string(searches[i].id);
        fetch_home(terms, searches[i].hash);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = first_met(terms, searches[i].hash, RUNE_KIND_STRING);
        __builtin_prefetch(&terms->string_offsets[index]);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = first_met(terms, searches[i].hash, RUNE_KIND_STRING);
        __builtin_prefetch(terms->string_bytes + terms->string_offsets[index]);
    }
}

void rune_terms_find_uids(const struct rune_terms *terms, struct rune_uid_search *searches,
                          uint32_t count)
{
    if (count < 2 || terms->index_slots <= NEAR_SLOTS) {
        for (uint32_t i = 0; i < count; i++) {
            searches[i].found = rune_terms_find_uid_of(terms, searches[i].type, searches[i].id);
        }
        return;
    }
    fetch_ids(terms, searches, count);
    for (uint32_t i = 0; i < count; i++) {
        struct rune_uid_search *search = &searches[i];
        search->found = rune_dict_find(terms, search->hash, RUNE_KIND_STRING,
                                       &(struct rune_dict_key){.text = search->id});
        search->hash = rune_dict_hash_entity(search->type, search->found);
        fetch_home(terms, search->hash);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = first_met(terms, searches[i].hash, RUNE_KIND_ENTITY);
        __builtin_prefetch(&terms->entity_id[index]);
        __builtin_prefetch(&terms->entity_type[index]);
    }
    for (uint32_t i = 0; i < count; i++) {
        struct rune_uid_search *search = &searches[i];
        if (search->found != RUNE_TERM_NONE) {
            search->found =
                rune_dict_find(terms, search->hash, RUNE_KIND_ENTITY,
                               &(struct rune_dict_key){.a = search->type, .b = search->found});
        }
    }
}

/* ---- hashes of what is there ---- */

static uint32_t hash_of_term(const struct rune_terms *terms, rune_term term)
{
    uint32_t index = rune_term_index(term);
    const uint32_t *run, *shape;
    switch (rune_term_kind(term)) {
    case RUNE_KIND_STRING:
        return rune_dict_hash_string(rune_terms_string(terms, term));
    case RUNE_KIND_ENTITY:
        return rune_dict_hash_entity(terms->entity_type[index], terms->entity_id[index]);
    case RUNE_KIND_LONG:
        return rune_dict_hash_long(rune_terms_long(terms, term));
    case RUNE_KIND_SET:
        run = terms->heap + terms->sets[index];
        return rune_dict_hash_set(run + 1, run[0]);
    case RUNE_KIND_RECORD:
        run = terms->heap + terms->records[index];
        shape = terms->heap + run[0];
        return rune_dict_hash_record(shape + 1, run + 1, shape[0]);
    case RUNE_KIND_EXT:
        return rune_dict_hash_ext(&terms->exts[index]);
    case RUNE_KIND_FLOAT:
        return rune_dict_hash_float(terms->floats[index]);
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
    return rune_dict_home_of(hash, terms->index_slots);
}
