/* SPDX-License-Identifier: Apache-2.0 */
/* What rules derive of entity data, put into the entity tables where the schema has a place for it.
 */
#include "engine/build_derive_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/value_print.h"

/* ---- parents ---- */

static int compare_edges(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t edge_of(rune_term child, rune_term parent)
{
    return (uint64_t)child << 32 | parent;
}

static enum rune_err list_edges(struct rune_deriving *deriving)
{
    const struct rune_vec_edge *edges = &deriving->build->entities.parents;
    uint64_t *list = rune_realloc(deriving->edges, edges->count + 1, sizeof(*list));
    if (list == NULL) {
        return RUNE_E_NOMEM;
    }
    for (size_t i = 0; i < edges->count; i++) {
        list[i] = edge_of(edges->items[i].child, edges->items[i].parent);
    }
    qsort(list, edges->count, sizeof(*list), compare_edges);
    deriving->edges = list;
    deriving->edge_count = edges->count;
    return RUNE_OK;
}

static enum rune_err merge_parents(struct rune_deriving *deriving, uint32_t relation,
                                   const rune_term *rows, uint64_t count)
{
    enum rune_err err = list_edges(deriving);
    for (uint64_t i = 0; i < count && err == RUNE_OK; i++) {
        uint64_t edge = edge_of(rows[2 * i], rows[2 * i + 1]);
        if (bsearch(&edge, deriving->edges, deriving->edge_count, sizeof(edge), compare_edges) !=
                NULL ||
            !rune_derive_check_parent(deriving, relation, rows[2 * i], rows[2 * i + 1])) {
            continue;
        }
        err =
            rune_entity_table_add_parent(&deriving->build->entities, rows[2 * i], rows[2 * i + 1]);
        deriving->has_changed = deriving->has_new_parents = true;
        deriving->build->entities.derived_by = rune_derive_place(deriving, relation);
        deriving->derived++;
    }
    return err;
}

/* ---- attributes ---- */

/* The stored value, or RUNE_TERM_NONE. */
rune_term rune_derive_stored_value(const struct rune_deriving *deriving, rune_term entity,
                                   rune_term name)
{
    const struct rune_vec_u32 *attrs = &deriving->build->entities.attrs;
    const uint32_t *heap = rune_dict_terms(deriving->build->dict)->heap;
    if (rune_term_index(entity) >= attrs->count) {
        return RUNE_TERM_NONE;
    }
    const uint32_t *run = heap + attrs->items[rune_term_index(entity)];
    const uint32_t *shape = heap + run[0];
    for (uint32_t i = 0; i < shape[0]; i++) {
        if (shape[1 + i] == name) {
            return run[1 + i];
        }
    }
    return RUNE_TERM_NONE;
}

enum rune_err rune_derive_put_attr(struct rune_deriving *deriving, rune_term entity, rune_term name,
                                   rune_term value)
{
    const struct rune_derived_attr attr = {(uint64_t)entity << 32 | name, value};
    enum rune_err err = rune_entity_table_add(&deriving->build->entities, entity);
    if (err == RUNE_OK && !RUNE_VEC_PUSH(&deriving->attrs, attr)) {
        err = RUNE_E_NOMEM;
    }
    deriving->has_changed = true;
    return err;
}

static int compare_attrs(const void *a, const void *b)
{
    uint64_t x = ((const struct rune_derived_attr *)a)->key;
    uint64_t y = ((const struct rune_derived_attr *)b)->key;
    return x < y ? -1 : x > y;
}

/* One entity's, by ascending names as the stored ones are: both are merged, and the derived value
 * of a name replaces the stored one. An empty set may be there twice, for a rule and for the
 * schema. */
static enum rune_err write_record(struct rune_deriving *deriving,
                                  const struct rune_derived_attr *attrs, size_t count)
{
    struct rune_build *build = deriving->build;
    rune_term entity = (rune_term)(attrs[0].key >> 32);
    uint32_t *offset = &build->entities.attrs.items[rune_term_index(entity)];
    const uint32_t *heap = rune_dict_terms(build->dict)->heap;
    const uint32_t *run = heap + *offset;
    const uint32_t *shape = heap + run[0];
    bool ok = true;
    deriving->names.count = deriving->values.count = 0;
    for (size_t i = 0, k = 0; ok && (i < count || k < shape[0]);) {
        if (i + 1 < count && attrs[i].key == attrs[i + 1].key) {
            i++;
            continue;
        }
        rune_term name = i < count ? (rune_term)attrs[i].key : UINT32_MAX;
        bool is_stored = k < shape[0] && (i == count || shape[1 + k] < name);
        k += !is_stored && k < shape[0] && shape[1 + k] == name;
        ok = RUNE_VEC_PUSH(&deriving->names, is_stored ? shape[1 + k] : name) &&
             RUNE_VEC_PUSH(&deriving->values, is_stored ? run[1 + k] : attrs[i].value);
        k += is_stored;
        i += !is_stored;
    }
    return ok ? rune_dict_record_run(build->dict, deriving->names.items, deriving->values.items,
                                     deriving->names.count, offset)
              : RUNE_E_NOMEM;
}

enum rune_err rune_derive_write_attrs(struct rune_deriving *deriving)
{
    struct rune_vec_derived_attr *attrs = &deriving->attrs;
    enum rune_err err = RUNE_OK;
    if (attrs->count > 0) {
        qsort(attrs->items, attrs->count, sizeof(attrs->items[0]), compare_attrs);
    }
    for (size_t from = 0, to; from < attrs->count && err == RUNE_OK; from = to) {
        uint64_t entity = attrs->items[from].key >> 32;
        for (to = from + 1; to < attrs->count && attrs->items[to].key >> 32 == entity;) {
            to++;
        }
        err = write_record(deriving, attrs->items + from, to - from);
    }
    attrs->count = 0;
    return err;
}

/* Rows with the entity of the first. */
static uint64_t count_alike(const rune_term *rows, uint64_t count)
{
    uint64_t alike = 1;
    while (alike < count && rows[3 * alike] == rows[0]) {
        alike++;
    }
    return alike;
}

/* An attribute has two values, which are cut where they are long. */
static void report_two(struct rune_deriving *deriving, uint32_t relation, rune_term entity,
                       rune_term stored, const rune_term *rows)
{
    const struct rune_values values = {.spaces[RUNE_SPACE_IMAGE] =
                                           rune_dict_terms(deriving->build->dict)};
    struct rune_buf first = RUNE_BUF_INIT, second = RUNE_BUF_INIT;
    bool is_stored = stored != RUNE_TERM_NONE;
    char what[300];
    rune_value_print(&values, is_stored && rows[2] == stored ? rows[5] : rows[2],
                     RUNE_VALUE_AS_CEDAR, &first);
    rune_value_print(&values, is_stored ? stored : rows[5], RUNE_VALUE_AS_CEDAR, &second);
    snprintf(what, sizeof(what),
             is_stored ? "the derived value %.100s is unlike the stored one, %.100s"
                       : "two values are derived for one attribute: %.100s and %.100s",
             rune_buf_cstr(&first), rune_buf_cstr(&second));
    rune_derive_report_entity(deriving, relation, entity, "RUNE-B0408",
                              "an attribute has one value: derive a set by elements", what);
    rune_buf_fini(&second);
    rune_buf_fini(&first);
}

/* Rows of one entity: stored values and derived ones. */
static enum rune_err merge_attr(struct rune_deriving *deriving, uint32_t relation,
                                const rune_term *rows, uint64_t count)
{
    rune_term entity = rows[0], name = rows[1];
    bool is_entity = rune_term_kind(entity) == RUNE_KIND_ENTITY;
    rune_term stored =
        is_entity ? rune_derive_stored_value(deriving, entity, name) : RUNE_TERM_NONE;
    if (is_entity && count > 1) {
        report_two(deriving, relation, entity, stored, rows);
        return RUNE_OK;
    }
    if (!rune_derive_check_value(deriving, relation, entity, name, rows[2], false) ||
        stored == rows[2]) {
        return RUNE_OK;
    }
    deriving->derived++;
    return rune_derive_put_attr(deriving, entity, name, rows[2]);
}

static enum rune_err merge_elements(struct rune_deriving *deriving, uint32_t relation,
                                    const rune_term *rows, uint64_t count)
{
    rune_term entity = rows[0], name = rows[1], set;
    bool is_entity = rune_term_kind(entity) == RUNE_KIND_ENTITY;
    rune_term stored =
        is_entity ? rune_derive_stored_value(deriving, entity, name) : RUNE_TERM_NONE;
    if (stored != RUNE_TERM_NONE && rune_term_kind(stored) != RUNE_KIND_SET) {
        rune_derive_report_entity(deriving, relation, entity, "RUNE-B0408", NULL,
                                  "elements are derived, but the stored value is no set");
        return RUNE_OK;
    }
    const struct rune_terms *terms = rune_dict_terms(deriving->build->dict);
    uint32_t had = stored == RUNE_TERM_NONE ? 0 : terms->heap[terms->sets[rune_term_index(stored)]];
    if (stored != RUNE_TERM_NONE && had == count) {
        return RUNE_OK; /* the rows have the stored elements: nothing new */
    }
    rune_term *elements = rune_realloc(NULL, count + 1, sizeof(*elements));
    enum rune_err err = elements == NULL ? RUNE_E_NOMEM : RUNE_OK;
    bool fits = true;
    for (uint64_t i = 0; i < count && err == RUNE_OK && fits; i++) {
        elements[i] = rows[3 * i + 2];
        fits = rune_derive_check_value(deriving, relation, entity, name, elements[i], true);
    }
    if (err == RUNE_OK && fits) {
        deriving->derived += count - had;
        err = rune_dict_set(deriving->build->dict, elements, count, &set);
        err = err == RUNE_OK ? rune_derive_put_attr(deriving, entity, name, set) : err;
    }
    rune_free(elements);
    return err;
}

/* What was computed for a relation goes into the tables. */
enum rune_err rune_derive_take_rows(void *context, uint32_t relation, const rune_term *rows,
                                    uint64_t count, bool is_partial)
{
    struct rune_deriving *deriving = context;
    const struct rune_dl_relation *of = &deriving->relations[relation];
    enum rune_err err = RUNE_OK;
    deriving->mistakes = 0;
    if (is_partial) {
        /* FAILCLOSED: a policy cannot tell what is missing from what is not so. */
        rune_derive_report(
            deriving, relation, "RUNE-B0404", "test the values before they are calculated with",
            "a derivation of `%.*s`, or of what it reads, failed: policies would not see all of it",
            RUNE_STR_ARG(of->name));
        return RUNE_OK;
    }
    if (of->builtin == RUNE_DL_ENTITY_PARENT) {
        return merge_parents(deriving, relation, rows, count);
    }
    for (uint64_t i = 0, alike; i < count && err == RUNE_OK; i += alike) {
        alike = count_alike(rows + 3 * i, count - i);
        err = of->builtin == RUNE_DL_ENTITY_ATTR
                  ? merge_attr(deriving, relation, rows + 3 * i, alike)
                  : merge_elements(deriving, relation, rows + 3 * i, alike);
    }
    return err;
}
