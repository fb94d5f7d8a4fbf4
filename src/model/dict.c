/* SPDX-License-Identifier: Apache-2.0 */
/* Values are found by content through one hash table over all kinds. The hash of a container is
 * made of its terms, not of what they mean, so every hash costs O(its own size). While a dict grows
 * it keeps each slot's hash beside the slot: a larger table is filled without looking at any value,
 * and most unequal values are told apart by the hash alone. The image carries the terms only.
 *
 * INVARIANT: an addition first makes sure of all the memory it needs, then changes something. */
#include "model/dict.h"

#include <string.h>

#include "model/dict_key.h"

/* ---- strings and entities ---- */

enum rune_err rune_dict_add_string(struct rune_dict *dict, struct rune_str text, uint32_t hash,
                                   uint32_t at, rune_term *ret_term)
{
    uint32_t count = dict->terms.string_count;
    uint32_t begin = ((uint32_t *)dict->columns[RUNE_DICT_STRING_OFFSETS].items)[count];
    if (count >= RUNE_TERM_INDEX_MAX || text.length > UINT32_MAX - begin) {
        return RUNE_E_LIMIT;
    }
    enum rune_err err = rune_dict_reserve(dict, RUNE_DICT_STRING_OFFSETS, (size_t)count + 2);
    uint32_t end = begin + (uint32_t)text.length;
    if (err == RUNE_OK) {
        /* One byte at least, so that the pointer is never NULL. */
        err = rune_dict_reserve(dict, RUNE_DICT_STRING_BYTES, end == 0 ? 1 : end);
    }
    if (err != RUNE_OK) {
        return err;
    }
    if (text.length > 0) {
        memcpy((char *)dict->columns[RUNE_DICT_STRING_BYTES].items + begin, text.data, text.length);
    }
    ((uint32_t *)dict->columns[RUNE_DICT_STRING_OFFSETS].items)[count + 1] = end;
    *ret_term = rune_term_make(dict->terms.space, RUNE_KIND_STRING, count);
    rune_dict_table_put(&dict->index, at, hash, *ret_term);
    dict->terms.string_count++;
    return RUNE_OK;
}

enum rune_err rune_dict_string(struct rune_dict *dict, struct rune_str text, rune_term *ret_term)
{
    const struct rune_dict_key key = {.text = text};
    uint32_t hash = rune_dict_hash_string(text);
    rune_term term = rune_dict_find_known(dict, dict->base != NULL, hash, RUNE_KIND_STRING, &key);
    if (term != RUNE_TERM_NONE) {
        *ret_term = term;
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_table_reserve(dict, &dict->index, 1);
    return err == RUNE_OK
               ? rune_dict_add_string(dict, text, hash, rune_dict_home_of(hash, dict->index.size),
                                      ret_term)
               : err;
}

enum rune_err rune_dict_add_entity(struct rune_dict *dict, rune_term type, rune_term id,
                                   uint32_t hash, uint32_t at, rune_term *ret_term)
{
    uint32_t count = dict->terms.entity_count;
    if (count >= RUNE_TERM_INDEX_MAX) {
        return RUNE_E_LIMIT;
    }
    enum rune_err err = rune_dict_reserve(dict, RUNE_DICT_ENTITY_TYPE, (size_t)count + 1);
    if (err == RUNE_OK) {
        err = rune_dict_reserve(dict, RUNE_DICT_ENTITY_ID, (size_t)count + 1);
    }
    if (err != RUNE_OK) {
        return err;
    }
    ((uint32_t *)dict->columns[RUNE_DICT_ENTITY_TYPE].items)[count] = type;
    ((uint32_t *)dict->columns[RUNE_DICT_ENTITY_ID].items)[count] = id;
    *ret_term = rune_term_make(dict->terms.space, RUNE_KIND_ENTITY, count);
    rune_dict_table_put(&dict->index, at, hash, *ret_term);
    dict->terms.entity_count++;
    return RUNE_OK;
}

enum rune_err rune_dict_entity(struct rune_dict *dict, rune_term type, rune_term id,
                               rune_term *ret_term)
{
    const struct rune_dict_key key = {.a = type, .b = id};
    const rune_term parts[2] = {type, id};
    uint32_t hash = rune_dict_hash_entity(type, id);
    rune_term term = rune_dict_find_known(dict, rune_dict_may_be_in_base(dict, parts, 2), hash,
                                          RUNE_KIND_ENTITY, &key);
    if (term != RUNE_TERM_NONE) {
        *ret_term = term;
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_table_reserve(dict, &dict->index, 1);
    return err == RUNE_OK
               ? rune_dict_add_entity(dict, type, id, hash,
                                      rune_dict_home_of(hash, dict->index.size), ret_term)
               : err;
}

/* ---- numbers and extension values ---- */

enum rune_err rune_dict_long(struct rune_dict *dict, int64_t value, rune_term *ret_term)
{
    if (rune_term_fits_inline(value)) {
        *ret_term = rune_term_from_inline(value);
        return RUNE_OK;
    }
    uint32_t hash = rune_dict_hash_long(value);
    const struct rune_dict_key key = {.number = value};
    rune_term term = rune_dict_find_known(dict, dict->base != NULL, hash, RUNE_KIND_LONG, &key);
    if (term == RUNE_TERM_NONE) {
        enum rune_err err = rune_dict_reserve_value(dict, RUNE_DICT_LONGS, dict->terms.long_count);
        if (err != RUNE_OK) {
            return err;
        }
        ((int64_t *)dict->columns[RUNE_DICT_LONGS].items)[dict->terms.long_count] = value;
        term = rune_dict_add_to_index(dict, RUNE_KIND_LONG, dict->terms.long_count++, hash);
    }
    *ret_term = term;
    return RUNE_OK;
}

enum rune_err rune_dict_float(struct rune_dict *dict, double value, rune_term *ret_term)
{
    uint32_t hash = rune_dict_hash_float(value);
    const struct rune_dict_key key = {.number = (int64_t)rune_dict_float_bits(value)};
    rune_term term = rune_dict_find_known(dict, dict->base != NULL, hash, RUNE_KIND_FLOAT, &key);
    if (term == RUNE_TERM_NONE) {
        enum rune_err err =
            rune_dict_reserve_value(dict, RUNE_DICT_FLOATS, dict->terms.float_count);
        if (err != RUNE_OK) {
            return err;
        }
        ((double *)dict->columns[RUNE_DICT_FLOATS].items)[dict->terms.float_count] =
            value == 0.0 ? 0.0 : value;
        term = rune_dict_add_to_index(dict, RUNE_KIND_FLOAT, dict->terms.float_count++, hash);
    }
    *ret_term = term;
    return RUNE_OK;
}

enum rune_err rune_dict_ext(struct rune_dict *dict, const struct rune_ext *value,
                            rune_term *ret_term)
{
    uint32_t hash = rune_dict_hash_ext(value);
    const struct rune_dict_key key = {.ext = value};
    rune_term term = rune_dict_find_known(dict, dict->base != NULL, hash, RUNE_KIND_EXT, &key);
    if (term == RUNE_TERM_NONE) {
        enum rune_err err = rune_dict_reserve_value(dict, RUNE_DICT_EXTS, dict->terms.ext_count);
        if (err != RUNE_OK) {
            return err;
        }
        ((struct rune_ext *)dict->columns[RUNE_DICT_EXTS].items)[dict->terms.ext_count] = *value;
        term = rune_dict_add_to_index(dict, RUNE_KIND_EXT, dict->terms.ext_count++, hash);
    }
    *ret_term = term;
    return RUNE_OK;
}
