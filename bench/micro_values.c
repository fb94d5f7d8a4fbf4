/* SPDX-License-Identifier: Apache-2.0 */
/* micro_values: what a decision is made of, alone: hierarchy tests by the size of the ancestor set,
 * attributes by the number of names, an entity found by its texts. Prints key=value, nanoseconds an
 * operation. Inputs are spread over memory (LARGE) so that caches are as cold as in a server with
 * many entities. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "eval/entities.h"
#include "model/dict.h"

#define LARGE      1000000u
#define OPERATIONS 2000000u

static double now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static uint32_t next_random(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 24);
}

static void must(enum rune_err err)
{
    if (err != RUNE_OK) {
        fprintf(stderr, "micro_values: %s\n", rune_err_text(err));
        exit(1);
    }
}

static rune_term intern(struct rune_dict *dict, const char *prefix, uint32_t number)
{
    char text[32];
    rune_term term;
    int length = snprintf(text, sizeof text, "%s%u", prefix, number);
    must(rune_dict_string(dict, (struct rune_str){text, (size_t)length}, &term));
    return term;
}

/* `in` over sets of `size` ancestors each; half of the tests are true. */
static void measure_in(uint32_t size)
{
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    uint32_t entities = LARGE / size < 1000 ? 1000 : LARGE / size;
    uint32_t *ancestors = calloc(entities, sizeof *ancestors);
    rune_term *elements = calloc(size, sizeof *elements);
    rune_term type = intern(dict, "T", 0);
    if (ancestors == NULL || elements == NULL) {
        exit(1);
    }
    for (uint32_t i = 0; i < entities; i++) {
        rune_term entity;
        must(rune_dict_entity(dict, type, intern(dict, "e", i), &entity));
    }
    for (uint32_t i = 0; i < entities; i++) {
        rune_term set;
        for (uint32_t j = 0; j < size; j++) {
            elements[j] =
                rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, next_random() % entities);
        }
        must(rune_dict_set(dict, elements, size, &set));
        ancestors[i] = rune_dict_terms(dict)->sets[rune_term_index(set)];
    }
    const struct rune_store store = {.terms = *rune_dict_finish(dict),
                                     .entity_ancestors = ancestors};
    const struct rune_entities view = {.store = &store, .is_plain = true};
    uint32_t found = 0;
    double from = now_ns();
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        uint32_t entity = next_random() % entities;
        const uint32_t *run = store.terms.heap + ancestors[entity];
        rune_term ancestor = (i & 1) != 0 ? run[1 + i % run[0]]
                                          : rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY,
                                                           next_random() % entities);
        found += rune_entities_in(&view, rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, entity),
                                  ancestor);
    }
    double took = now_ns() - from;
    printf("in ancestors=%u entities=%u ns=%.1f true=%.2f\n", size, entities, took / OPERATIONS,
           (double)found / OPERATIONS);
    free(ancestors);
    free(elements);
    rune_dict_destroy(dict);
}

/* An attribute of records with `names` names, all of one shape. */
static void measure_attribute(uint32_t names)
{
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    uint32_t entities = LARGE / names;
    uint32_t *attrs = calloc(entities, sizeof *attrs);
    rune_term *keys = calloc(names, sizeof *keys);
    rune_term *values = calloc(names, sizeof *values);
    if (attrs == NULL || keys == NULL || values == NULL) {
        exit(1);
    }
    for (uint32_t i = 0; i < entities; i++) {
        for (uint32_t j = 0; j < names; j++) {
            keys[j] = intern(dict, "name", j);
            values[j] = rune_term_from_inline(i);
        }
        must(rune_dict_record_run(dict, keys, values, names, &attrs[i]));
    }
    const uint32_t *heap = rune_dict_terms(dict)->heap;
    uint64_t sum = 0;
    double from = now_ns();
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        sum += rune_record_find(heap + attrs[next_random() % entities], heap, keys[i % names]);
    }
    double took = now_ns() - from;
    printf("attribute names=%u entities=%u ns=%.1f check=%u\n", names, entities, took / OPERATIONS,
           (unsigned)(sum & 0xffff));
    free(attrs);
    free(keys);
    free(values);
    rune_dict_destroy(dict);
}

static void measure_uid(uint32_t entities)
{
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    rune_term type = intern(dict, "User", 0);
    for (uint32_t i = 0; i < entities; i++) {
        rune_term entity;
        must(rune_dict_entity(dict, type, intern(dict, "e", i), &entity));
    }
    const struct rune_terms *terms = rune_dict_finish(dict);
    uint32_t found = 0;
    double from = now_ns();
    for (uint32_t i = 0; i < OPERATIONS && entities > 0; i++) {
        /* The id's bytes are read where they are stored; finding it again touches them anyway. */
        struct rune_str id = rune_terms_string(terms, terms->entity_id[next_random() % entities]);
        found += rune_terms_find_uid(terms, RUNE_STR("User0"), id) != RUNE_TERM_NONE;
    }
    double took = now_ns() - from;
    printf("uid entities=%u ns=%.1f found=%.2f\n", entities, took / OPERATIONS,
           (double)found / OPERATIONS);
    rune_dict_destroy(dict);
}

int main(void)
{
    static const uint32_t sizes[] = {1, 5, 20, 100, 1000};
    static const uint32_t names[] = {4, 16, 64};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        measure_in(sizes[i]);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        measure_attribute(names[i]);
    }
    measure_uid(1000);
    measure_uid(LARGE);
    return 0;
}
