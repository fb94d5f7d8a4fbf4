/* SPDX-License-Identifier: Apache-2.0 */
/* Which sets policies may probe, and, once rules are in the image's tables, which relation and plan
 * each of their probes asks. What is between is in build_derive_probe.c. */
#include <stdlib.h>

#include "base/alloc.h"
#include "cedar/probes.h"
#include "engine/build_int.h"
#include "engine/relation_name.h"
#include "eval/policy_code.h"
#include "eval/probe.h"

/* ---- before policies are compiled ---- */

enum rune_err rune_build_find_probed(struct rune_build *build)
{
    for (size_t i = 0; i < build->clauses.count; i++) {
        const struct rune_dl_rule *rule = &build->clauses.items[i];
        if (rune_str_equal(rule->head_name, RUNE_STR("entity.element")) && rule->arg_count == 3 &&
            rule->args[1].kind == RUNE_DL_STRING) {
            enum rune_err err = rune_map_set(&build->probed, rule->args[1].as.string, 0);
            if (err != RUNE_OK) {
                return err;
            }
        }
    }
    build->program.probed = &build->probed;
    return rune_cedar_find_values(&build->policies, &build->probed);
}

/* ---- when rules are in the image's tables ---- */

struct link {
    rune_term name;
    uint32_t relation;
    uint32_t first_plan, first_by_entity;
};

static int compare_links(const void *a, const void *b)
{
    rune_term x = ((const struct link *)a)->name, y = ((const struct link *)b)->name;
    return (x > y) - (x < y);
}

/* By relation, of those that are not stored: where their plans for probes begin. */
static void find_plans(const struct rune_dl_result *result, struct link *by_relation)
{
    for (uint32_t i = (uint32_t)result->plans.count; i-- > 0;) {
        const struct rune_image_plan *plan = &result->plans.items[i];
        struct link *link = &by_relation[plan->relation];
        bool is_stored =
            (result->relations.items[plan->relation].flags & RUNE_RELATION_STORED) != 0;
        if (plan->bound == RUNE_PROBE_BOUND && !is_stored) {
            link->first_plan = i;
        } else if (plan->bound == RUNE_PROBE_ENTITY && !is_stored) {
            link->first_by_entity = i;
        }
    }
}

/* The relation of a set that is probed, if it is one. */
static bool name_link(const struct rune_build *build, uint32_t relation, struct link *link)
{
    const struct rune_image_relation *of = &build->derived.relations.items[relation];
    const struct rune_terms *terms = rune_dict_terms(build->dict);
    struct rune_str name =
        rune_terms_string(terms, rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, of->name));
    struct rune_str literal;
    if ((of->flags & RUNE_RELATION_DERIVED) == 0 ||
        !rune_relation_name_split(name, "entity.element", &literal)) {
        return false;
    }
    link->name = rune_terms_find_string(terms, literal);
    link->relation = relation;
    return true;
}

static void link_code(struct rune_vec_u32 *code, const struct link *links, size_t count)
{
    for (size_t at = 0; at < code->count; at += rune_op_words(rune_op_of(code->items[at]))) {
        enum rune_op op = rune_op_of(code->items[at]);
        bool is_empty = op == RUNE_OP_PROBE_EMPTY;
        bool is_probe = is_empty || op == RUNE_OP_PROBE || op == RUNE_OP_PROBE_ELSE ||
                        op == RUNE_OP_PROBE_THEN || op == RUNE_OP_PROBE_ALL ||
                        op == RUNE_OP_PROBE_ANY;
        if (!is_probe) {
            continue;
        }
        const struct link key = {.name = code->items[at + 2]};
        const struct link *found = bsearch(&key, links, count, sizeof(key), compare_links);
        if (found != NULL) {
            size_t operand = at + rune_op_words(op) - 2;
            code->items[operand] = found->relation;
            code->items[operand + 1] = is_empty ? found->first_by_entity : found->first_plan;
        }
    }
}

enum rune_err rune_build_link_probes(struct rune_build *build)
{
    const size_t relations = build->derived.relations.count;
    size_t count = 0;
    if (relations == 0 || build->probed.count == 0) {
        return RUNE_OK;
    }
    struct link *links = rune_calloc(relations, sizeof(*links));
    if (links == NULL) {
        return RUNE_E_NOMEM;
    }
    for (size_t i = 0; i < relations; i++) {
        links[i].first_plan = links[i].first_by_entity = RUNE_PROBE_NONE;
    }
    find_plans(&build->derived, links);
    for (uint32_t i = 0; i < relations; i++) {
        if (name_link(build, i, &links[i])) {
            links[count++] = links[i];
        }
    }
    qsort(links, count, sizeof(*links), compare_links);
    link_code(&build->program.code, links, count);
    rune_free(links);
    return RUNE_OK;
}
