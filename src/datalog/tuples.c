/* SPDX-License-Identifier: Apache-2.0 */
/* tuples: one array a column, all of the same capacity. */
#include "datalog/tuples.h"

#include "base/alloc.h"

#define MIN_ROWS 4u /* many relations have one */

static bool has_columns(struct rune_tuples *tuples)
{
    if (tuples->columns == NULL && tuples->arity > 0) {
        tuples->columns = rune_calloc(tuples->arity, sizeof(tuples->columns[0]));
    }
    return tuples->columns != NULL || tuples->arity == 0;
}

enum rune_err rune_tuples_init(struct rune_tuples *tuples, uint32_t arity)
{
    *tuples = (struct rune_tuples){.arity = arity};
    return has_columns(tuples) ? RUNE_OK : RUNE_E_NOMEM;
}

void rune_tuples_fini(struct rune_tuples *tuples)
{
    for (uint32_t i = 0; tuples->columns != NULL && i < tuples->arity; i++) {
        rune_free(tuples->columns[i]);
    }
    rune_free(tuples->columns);
    *tuples = (struct rune_tuples){0};
}

enum rune_err rune_tuples_reserve(struct rune_tuples *tuples, uint64_t rows)
{
    if (rows <= tuples->capacity) {
        return RUNE_OK;
    }
    if (!has_columns(tuples)) {
        return RUNE_E_NOMEM;
    }
    uint64_t capacity = tuples->capacity < MIN_ROWS ? MIN_ROWS : tuples->capacity;
    while (capacity < rows) {
        if (capacity > SIZE_MAX / 2 / sizeof(rune_term)) {
            return RUNE_E_NOMEM;
        }
        capacity *= 2;
    }
    for (uint32_t i = 0; i < tuples->arity; i++) {
        rune_term *grown = rune_realloc(tuples->columns[i], capacity, sizeof(rune_term));
        if (grown == NULL) {
            /* columns that have grown already are merely larger than `capacity` says */
            return RUNE_E_NOMEM;
        }
        tuples->columns[i] = grown;
    }
    tuples->capacity = capacity;
    return RUNE_OK;
}

enum rune_err rune_tuples_add(struct rune_tuples *tuples, const rune_term *row)
{
    if (tuples->count == tuples->capacity) {
        enum rune_err err = rune_tuples_reserve(tuples, tuples->count + 1);
        if (err != RUNE_OK) {
            return err;
        }
    }
    for (uint32_t i = 0; i < tuples->arity; i++) {
        tuples->columns[i][tuples->count] = row[i];
    }
    tuples->count++;
    return RUNE_OK;
}
