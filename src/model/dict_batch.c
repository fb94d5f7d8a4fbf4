/* SPDX-License-Identifier: Apache-2.0 */
/* Many values at once. */
#include "model/dict_key.h"

#define GROUP  16u /* values of a group */
#define STAGES 4u  /* groups on their way at once: more than the processor can fetch at a time */

/* A search on its way. */
struct search {
    uint32_t hash;
    uint32_t at; /* a slot of its search with none of its hash before; once sought, it has that hash
                    or is empty */
};

struct group {
    size_t first, count; /* of the values */
    struct search searches[GROUP];
};

/* Values that come one behind the other: strings by their texts; entities by types and ids, whose
 * terms stand in `ret_terms` where those of the entities go. */
struct many {
    struct rune_dict *dict;
    enum rune_kind kind;
    const struct rune_str *texts;
    const rune_term *types;
    rune_term *ret_terms;
    size_t count;
    struct group groups[STAGES]; /* number modulo STAGES */
};

static uint32_t hash_of(const struct many *many, size_t i)
{
    return many->kind == RUNE_KIND_STRING
               ? rune_dict_hash_string(many->texts[i])
               : rune_dict_hash_entity(many->types[i], many->ret_terms[i]);
}

/* ---- stages: each fetches what the next one looks at ---- */

/* The index has room for all that are on their way, so that slots stay where they are while values
 * are added; where it had to grow for it, the groups before begin again. */
static enum rune_err begin_group(struct many *many, size_t number)
{
    struct rune_dict_table *index = &many->dict->index;
    struct group *group = &many->groups[number % STAGES];
    size_t left = many->count - number * GROUP;
    group->first = number * GROUP;
    group->count = left < GROUP ? left : GROUP;
    size_t oldest = number < STAGES ? 0 : number - (STAGES - 1);
    size_t on_their_way = (number - oldest) * GROUP + group->count;
    uint32_t size = index->size;
    enum rune_err err = rune_dict_table_reserve(many->dict, index, (uint32_t)on_their_way);
    if (err != RUNE_OK) {
        return err;
    }
    for (size_t i = 0; i < group->count; i++) {
        group->searches[i].hash = hash_of(many, group->first + i);
    }
    for (size_t again = index->size == size ? number : oldest; again <= number; again++) {
        group = &many->groups[again % STAGES];
        for (size_t i = 0; i < group->count; i++) {
            group->searches[i].at = rune_dict_home_of(group->searches[i].hash, index->size);
            __builtin_prefetch(index->slots + group->searches[i].at);
        }
    }
    return RUNE_OK;
}

/* The index of the value where a search stands, nearly always the one sought; 0 where it stands at
 * none of the kind. */
static uint32_t peek(const struct many *many, const struct search *search)
{
    rune_term term = many->dict->index.slots[search->at].value;
    return rune_term_kind(term) == many->kind ? rune_term_index(term) : 0;
}

static void seek_group(struct many *many, size_t number)
{
    const struct rune_dict_table *index = &many->dict->index;
    const struct rune_terms *terms = &many->dict->terms;
    struct group *group = &many->groups[number % STAGES];
    for (size_t i = 0; i < group->count; i++) {
        struct search *search = &group->searches[i];
        while (index->slots[search->at].value != RUNE_TERM_NONE &&
               index->slots[search->at].hash != search->hash) {
            search->at = rune_dict_next_of(search->at, index->size);
        }
        uint32_t found = peek(many, search);
        if (found == 0) {
            continue; /* of a kind without values there are no arrays either */
        }
        if (many->kind == RUNE_KIND_STRING) {
            __builtin_prefetch(terms->string_offsets + found);
        } else {
            __builtin_prefetch(terms->entity_type + found);
            __builtin_prefetch(terms->entity_id + found);
        }
    }
}

static void fetch_texts(const struct many *many, size_t number)
{
    const struct rune_terms *terms = &many->dict->terms;
    const struct group *group = &many->groups[number % STAGES];
    for (size_t i = 0; i < group->count && many->kind == RUNE_KIND_STRING; i++) {
        uint32_t found = peek(many, &group->searches[i]);
        if (found != 0) {
            __builtin_prefetch(terms->string_bytes + terms->string_offsets[found]);
        }
    }
}

static enum rune_err put_value(struct many *many, size_t i, const struct search *search)
{
    struct rune_dict *dict = many->dict;
    uint32_t hash = search->hash;
    if (many->kind == RUNE_KIND_STRING) {
        const struct rune_dict_key key = {.text = many->texts[i]};
        uint32_t at = rune_dict_seek(dict, search->at, hash, RUNE_KIND_STRING, &key);
        many->ret_terms[i] = dict->index.slots[at].value;
        return many->ret_terms[i] != RUNE_TERM_NONE
                   ? RUNE_OK
                   : rune_dict_add_string(dict, key.text, hash, at, &many->ret_terms[i]);
    }
    const struct rune_dict_key key = {.a = many->types[i], .b = many->ret_terms[i]};
    uint32_t at = rune_dict_seek(dict, search->at, hash, RUNE_KIND_ENTITY, &key);
    many->ret_terms[i] = dict->index.slots[at].value;
    return many->ret_terms[i] != RUNE_TERM_NONE
               ? RUNE_OK
               : rune_dict_add_entity(dict, key.a, key.b, hash, at, &many->ret_terms[i]);
}

static enum rune_err put_group(struct many *many, size_t number)
{
    const struct group *group = &many->groups[number % STAGES];
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < group->count && err == RUNE_OK; i++) {
        err = put_value(many, group->first + i, &group->searches[i]);
    }
    return err;
}

/* At every step each stage has another group, so that none waits for what it fetched itself. */
static inline __attribute__((always_inline)) enum rune_err intern(struct many *many)
{
    size_t groups = (many->count + GROUP - 1) / GROUP;
    enum rune_err err = RUNE_OK;
    for (size_t step = 0; step < groups + STAGES - 1 && err == RUNE_OK; step++) {
        if (step < groups) {
            err = begin_group(many, step);
        }
        if (err == RUNE_OK && step >= 1 && step - 1 < groups) {
            seek_group(many, step - 1);
        }
        if (err == RUNE_OK && step >= 2 && step - 2 < groups) {
            fetch_texts(many, step - 2);
        }
        if (err == RUNE_OK && step >= 3) {
            err = put_group(many, step - 3);
        }
    }
    return err;
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
    struct many many = {.dict = dict,
                        .kind = RUNE_KIND_STRING,
                        .texts = texts,
                        .ret_terms = ret_terms,
                        .count = count};
    return intern(&many);
}

enum rune_err rune_dict_entities(struct rune_dict *dict, const rune_term *types,
                                 const struct rune_str *ids, size_t count, rune_term *ret_terms)
{
    if (dict->base != NULL) {
        return one_by_one(dict, types, ids, count, ret_terms);
    }
    enum rune_err err = rune_dict_strings(dict, ids, count, ret_terms);
    struct many many = {.dict = dict,
                        .kind = RUNE_KIND_ENTITY,
                        .types = types,
                        .ret_terms = ret_terms,
                        .count = count};
    return err == RUNE_OK ? intern(&many) : err;
}
