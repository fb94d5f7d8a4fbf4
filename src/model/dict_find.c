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
