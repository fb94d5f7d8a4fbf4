/* SPDX-License-Identifier: Apache-2.0 */
/* The order of a schema's tables, and what is found by it. */
#include <stdlib.h>
#include <string.h>

#include "cedar/schema_resolve_int.h"

/* ---- types and actions ---- */

static int compare_types(const void *a, const void *b)
{
    return rune_str_compare(((const struct rune_cedar_entity_type *)a)->name,
                            ((const struct rune_cedar_entity_type *)b)->name);
}

static int compare_uids(const struct rune_cedar_uid *a, const struct rune_cedar_uid *b)
{
    int order = rune_str_compare(a->type, b->type);
    return order != 0 ? order : rune_str_compare(a->id, b->id);
}

static int compare_actions(const void *a, const void *b)
{
    return compare_uids(&((const struct rune_cedar_action *)a)->uid,
                        &((const struct rune_cedar_action *)b)->uid);
}

void rune_cedar_schema_sort(struct rune_cedar_entity_type *types, size_t type_count,
                            struct rune_cedar_action *actions, size_t action_count)
{
    if (type_count > 1) {
        qsort(types, type_count, sizeof *types, compare_types);
    }
    if (action_count > 1) {
        qsort(actions, action_count, sizeof *actions, compare_actions);
    }
}

const struct rune_cedar_entity_type *
rune_cedar_schema_find_type(const struct rune_cedar_schema *schema, struct rune_str name)
{
    struct rune_cedar_entity_type key = {.name = name};
    return schema->entity_type_count == 0
               ? NULL
               : bsearch(&key, schema->entity_types, schema->entity_type_count, sizeof key,
                         compare_types);
}

const struct rune_cedar_action *
rune_cedar_schema_find_action(const struct rune_cedar_schema *schema,
                              const struct rune_cedar_uid *uid)
{
    struct rune_cedar_action key = {.uid = *uid};
    return schema->action_count == 0
               ? NULL
               : bsearch(&key, schema->actions, schema->action_count, sizeof key, compare_actions);
}

/* ---- names ---- */

bool rune_schema_is_keyword(struct rune_str name)
{
    static const struct rune_str words[] = {{"Bool", 4},      {"Boolean", 7}, {"Entity", 6},
                                            {"Extension", 9}, {"Long", 4},    {"Record", 6},
                                            {"Set", 3},       {"String", 6}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (rune_str_equal(words[i], name)) {
            return true;
        }
    }
    return false;
}
