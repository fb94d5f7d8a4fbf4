/* SPDX-License-Identifier: Apache-2.0 */
/* Sets, records and runs in the heap. */
#include "model/dict_key.h"

#include "base/sort.h"

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
    uint32_t *run = (uint32_t *)dict->columns[RUNE_DICT_HEAP].items + offset;
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
    uint32_t hash = rune_dict_hash_set(elements, count);
    const struct rune_dict_key key = {.values = elements, .count = count};
    rune_term term = rune_dict_find_known(dict, rune_dict_may_be_in_base(dict, elements, count),
                                          hash, RUNE_KIND_SET, &key);
    if (term != RUNE_TERM_NONE) {
        *ret_term = term;
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_reserve_value(dict, RUNE_DICT_SETS, dict->terms.set_count);
    if (err == RUNE_OK) {
        err = rune_dict_reserve_heap(dict, count + 1);
    }
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t offset = count == 0 ? 0 : append_run(dict, (uint32_t)count, elements, count);
    ((uint32_t *)dict->columns[RUNE_DICT_SETS].items)[dict->terms.set_count] = offset;
    *ret_term = rune_dict_add_to_index(dict, RUNE_KIND_SET, dict->terms.set_count++, hash);
    return RUNE_OK;
}

enum rune_err rune_dict_set_run(struct rune_dict *dict, const rune_term *sorted, size_t count,
                                uint32_t *ret_offset)
{
    if (count == 0) {
        *ret_offset = 0;
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_reserve_heap(dict, count + 1);
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
    enum rune_err err = rune_dict_table_reserve(dict, &dict->shapes, 1);
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t hash = rune_dict_hash_set(names, count);
    const struct rune_dict_table *shapes = &dict->shapes;
    uint32_t at = rune_dict_home_of(hash, shapes->size);
    for (; shapes->slots[at].value != 0; at = rune_dict_next_of(at, shapes->size)) {
        const uint32_t *run = dict->terms.heap + shapes->slots[at].value;
        if (shapes->slots[at].hash == hash && run[0] == count &&
            rune_dict_run_equal(run + 1, names, count)) {
            *ret_offset = shapes->slots[at].value;
            return RUNE_OK;
        }
    }
    *ret_offset = append_run(dict, (uint32_t)count, names, count);
    rune_dict_table_put(&dict->shapes, at, hash, *ret_offset);
    return RUNE_OK;
}

static enum rune_err add_record_run(struct rune_dict *dict, const rune_term *names,
                                    const rune_term *values, size_t count, uint32_t *ret_offset)
{
    if (count == 0) {
        *ret_offset = 1;
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_reserve_heap(dict, 2 * count + 2);
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
    uint32_t hash = rune_dict_hash_record(names, values, count);
    const struct rune_dict_key key = {.names = names, .values = values, .count = count};
    bool in_base = rune_dict_may_be_in_base(dict, names, count) &&
                   rune_dict_may_be_in_base(dict, values, count);
    rune_term term = rune_dict_find_known(dict, in_base, hash, RUNE_KIND_RECORD, &key);
    if (term != RUNE_TERM_NONE) {
        *ret_term = term;
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_reserve_value(dict, RUNE_DICT_RECORDS, dict->terms.record_count);
    uint32_t offset;
    if (err == RUNE_OK) {
        err = add_record_run(dict, names, values, count, &offset);
    }
    if (err != RUNE_OK) {
        return err;
    }
    ((uint32_t *)dict->columns[RUNE_DICT_RECORDS].items)[dict->terms.record_count] = offset;
    *ret_term = rune_dict_add_to_index(dict, RUNE_KIND_RECORD, dict->terms.record_count++, hash);
    return RUNE_OK;
}
