/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/entities.h"

#include <string.h>

#include "base/buf.h"
#include "engine/entity_close.h"
#include "engine/sort.h"
#include "model/uid.h"

#define NO_ANCESTORS 0u /* the empty set's run */
#define FEW          16u

void rune_entity_table_init(struct rune_entity_table *table, struct rune_dict *dict,
                            const struct rune_schema *schema)
{
    memset(table, 0, sizeof *table);
    table->dict = dict;
    table->schema = schema != NULL && schema->words != NULL ? schema : NULL;
}

void rune_entity_table_fini(struct rune_entity_table *table)
{
    RUNE_VEC_FINI(&table->attrs);
    RUNE_VEC_FINI(&table->tags);
    RUNE_VEC_FINI(&table->ancestors);
    RUNE_VEC_FINI(&table->flags);
    RUNE_VEC_FINI(&table->parents);
    RUNE_VEC_FINI(&table->first_parent);
    RUNE_VEC_FINI(&table->parent_count);
    RUNE_VEC_FINI(&table->sources);
}

/* ---- arrays ---- */

enum rune_err rune_entity_table_extend(struct rune_entity_table *table)
{
    size_t want = rune_dict_terms(table->dict)->entity_count;
    size_t have = table->flags.count;
    if (want <= have) {
        return RUNE_OK;
    }
    if (!RUNE_VEC_RESERVE(&table->attrs, want) || !RUNE_VEC_RESERVE(&table->tags, want) ||
        !RUNE_VEC_RESERVE(&table->ancestors, want) || !RUNE_VEC_RESERVE(&table->flags, want) ||
        !RUNE_VEC_RESERVE(&table->first_parent, want) ||
        !RUNE_VEC_RESERVE(&table->parent_count, want)) {
        return RUNE_E_NOMEM;
    }
    for (size_t i = have; i < want; i++) {
        table->attrs.items[i] = RUNE_ENTITY_NO_ATTRS;
        table->tags.items[i] = RUNE_ENTITY_NO_ATTRS;
        table->ancestors.items[i] = NO_ANCESTORS;
        table->flags.items[i] = 0;
        table->first_parent.items[i] = 0;
        table->parent_count.items[i] = 0;
    }
    table->attrs.count = table->tags.count = table->ancestors.count = table->flags.count = want;
    table->first_parent.count = table->parent_count.count = want;
    return RUNE_OK;
}

enum rune_err rune_entity_table_add(struct rune_entity_table *table, rune_term entity)
{
    enum rune_err err = rune_entity_table_extend(table);
    if (err != RUNE_OK) {
        return err;
    }
    uint8_t *flag = &table->flags.items[rune_term_index(entity)];
    table->entity_count += *flag == 0;
    *flag = 1;
    return RUNE_OK;
}

enum rune_err rune_entity_table_add_parent(struct rune_entity_table *table, rune_term child,
                                           rune_term parent)
{
    enum rune_err err = rune_entity_table_add(table, child);
    if (err != RUNE_OK) {
        return err;
    }
    if (!RUNE_VEC_PUSH(&table->parents, ((struct rune_entity_edge){child, parent}))) {
        return RUNE_E_NOMEM;
    }
    table->loose_parents++;
    return RUNE_OK;
}

/* ---- parents ---- */

static int compare_parents(const void *a, const void *b)
{
    rune_term x = ((const struct rune_entity_edge *)a)->parent;
    rune_term y = ((const struct rune_entity_edge *)b)->parent;
    return (x > y) - (x < y);
}

static void sort_few_parents(struct rune_entity_edge *parents, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct rune_entity_edge edge = parents[i];
        size_t at = i;
        for (; at > 0 && parents[at - 1].parent > edge.parent; at--) {
            parents[at] = parents[at - 1];
        }
        parents[at] = edge;
    }
}

size_t rune_entity_order_parents(struct rune_entity_edge *parents, size_t count)
{
    if (count <= FEW) {
        sort_few_parents(parents, count);
    } else {
        rune_sort_items(parents, count, sizeof *parents, compare_parents);
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || parents[kept - 1].parent != parents[i].parent) {
            parents[kept++] = parents[i];
        }
    }
    return kept;
}

/* Brings the loose parents to those of their children: a counting sort. */
static enum rune_err gather_parents(struct rune_entity_table *table)
{
    size_t count = table->parents.count;
    if (table->loose_parents == 0) {
        return RUNE_OK;
    }
    if (count > UINT32_MAX) {
        return RUNE_E_LIMIT;
    }
    struct rune_entity_edge *sorted = rune_calloc(count, sizeof *sorted);
    if (sorted == NULL) {
        return RUNE_E_NOMEM;
    }
    uint32_t *first = table->first_parent.items;
    uint32_t *degree = table->parent_count.items;
    memset(degree, 0, table->parent_count.count * sizeof *degree);
    for (size_t i = 0; i < count; i++) {
        degree[rune_term_index(table->parents.items[i].child)]++;
    }
    uint32_t next = 0;
    for (size_t i = 0; i < table->flags.count; i++) {
        first[i] = next;
        next += degree[i];
        degree[i] = 0;
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t child = rune_term_index(table->parents.items[i].child);
        sorted[first[child] + degree[child]++] = table->parents.items[i];
    }
    size_t kept = 0;
    for (size_t i = 0; i < table->flags.count; i++) {
        size_t own = rune_entity_order_parents(sorted + first[i], degree[i]);
        memmove(sorted + kept, sorted + first[i], own * sizeof *sorted);
        first[i] = (uint32_t)kept;
        degree[i] = (uint32_t)own;
        kept += own;
    }
    memcpy(table->parents.items, sorted, kept * sizeof *sorted);
    table->parents.count = kept;
    table->loose_parents = 0;
    rune_free(sorted);
    return RUNE_OK;
}

/* ---- closing ---- */

static bool run_is(const uint32_t *run, const uint32_t *words)
{
    return run[0] == words[0] && memcmp(run + 1, words + 1, run[0] * sizeof *run) == 0;
}

/* A given action must have the ancestors that the schema declares. */
static enum rune_err check_action(struct rune_entity_table *table,
                                  const struct rune_schema_action *action, struct rune_diag *diag)
{
    static const uint32_t none[] = {0};
    const struct rune_terms *terms = rune_dict_terms(table->dict);
    uint32_t index = rune_term_index(action->uid);
    const uint32_t *declared =
        action->ancestors != 0 ? table->schema->words + action->ancestors : none;
    if (run_is(terms->heap + table->ancestors.items[index], declared)) {
        return RUNE_OK;
    }
    struct rune_buf text = RUNE_BUF_INIT;
    rune_uid_format(rune_terms_string(terms, terms->entity_type[index]),
                    rune_terms_string(terms, terms->entity_id[index]), &text);
    rune_diag_report(diag, RUNE_ERROR, "RUNE-C0802", RUNE_SPAN_NONE,
                     "leave actions out of the entities: they come from the schema",
                     "%s: this action has other parents than the schema declares",
                     rune_buf_cstr(&text));
    rune_buf_fini(&text);
    table->error_count++;
    return RUNE_E_BUNDLE;
}

static enum rune_err add_action(struct rune_entity_table *table,
                                const struct rune_schema_action *action)
{
    bool is_given = table->flags.items[rune_term_index(action->uid)] != 0;
    enum rune_err err = rune_entity_table_add(table, action->uid);
    const uint32_t *words = table->schema->words;
    if (err == RUNE_OK && action->ancestors != 0) {
        const uint32_t *run = words + action->ancestors;
        err = rune_dict_set_run(table->dict, run + 1, run[0],
                                &table->ancestors.items[rune_term_index(action->uid)]);
    }
    for (uint32_t i = 0;
         err == RUNE_OK && !is_given && action->parents != 0 && i < words[action->parents]; i++) {
        err = rune_entity_table_add_parent(table, action->uid, words[action->parents + 1 + i]);
    }
    return err;
}

enum rune_err rune_entity_table_close(struct rune_entity_table *table, struct rune_diag *diag)
{
    enum rune_err err = rune_entity_table_extend(table);
    if (err == RUNE_OK) {
        err = gather_parents(table);
    }
    if (err == RUNE_OK) {
        err = rune_entity_close(table, diag);
    }
    if (err != RUNE_OK || table->schema == NULL) {
        return err;
    }
    bool ok = true;
    for (uint32_t i = 0; i < table->schema->action_count; i++) {
        const struct rune_schema_action *action = &table->schema->actions[i];
        if (table->flags.items[rune_term_index(action->uid)] != 0) {
            ok &= check_action(table, action, diag) == RUNE_OK;
        }
    }
    for (uint32_t i = 0; err == RUNE_OK && i < table->schema->action_count; i++) {
        err = add_action(table, &table->schema->actions[i]);
    }
    return err == RUNE_OK && !ok ? RUNE_E_BUNDLE : err;
}
