/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build_int.h"

#include <string.h>

#include "base/alloc.h"

/* The branches of one rule share its id. A fact needs none, unless it decides: `permit(U, A, R).`
 */
static bool has_id(const struct rune_dl_rule *rule)
{
    return rule->body.count > 0 || rune_str_equal(rule->head_name, RUNE_STR("permit")) ||
           rune_str_equal(rule->head_name, RUNE_STR("forbid"));
}

/* How the actions of the schema declare a key of the context: [type, 1 if required] in the words,
 * the required one if they differ; NULL: none does. */
static const uint32_t *find_key(const struct rune_build *build, struct rune_str key)
{
    const struct rune_schema *schema = &build->schema;
    rune_term name = rune_terms_find_string(rune_dict_terms(build->dict), key);
    const uint32_t *found = NULL;
    for (uint32_t a = 0; a < schema->action_count; a++) {
        uint32_t type = schema->actions[a].context;
        const uint32_t *record = type != 0 ? schema->words + type : NULL;
        for (uint32_t i = 0; record != NULL && i < record[1]; i++) {
            const uint32_t *entry = record + 2 + 3 * (size_t)i;
            if (entry[0] == name && (found == NULL || entry[2] != 0)) {
                found = entry + 1;
            }
        }
    }
    return found;
}

/* A name of no letters is no relation of its own, so what is derived for it would be lost. */
static enum rune_err check_names(const struct rune_build *build)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < build->rules.rule_count; i++) {
        const struct rune_dl_rule *rule = &build->rules.rules[i];
        const struct rune_dl_relation *relation = &build->rules.relations[rule->head];
        bool has_name = relation->builtin == RUNE_DL_CONTEXT ||
                        relation->builtin == RUNE_DL_ENTITY_ATTR ||
                        relation->builtin == RUNE_DL_ENTITY_ELEMENT;
        if (has_name && relation->literal.length == 0) {
            rune_diag_report(build->diag, RUNE_ERROR, "RUNE-B0401", rule->head_span,
                             "give it a name", "`%.*s` cannot be derived with an empty name",
                             RUNE_STR_ARG(relation->name));
            err = RUNE_E_BUNDLE;
        }
    }
    return err;
}

/* Keys of the context that rules derive: the schema must have a place for them, which requests may
 * leave empty. */
static enum rune_err check_heads(const struct rune_build *build)
{
    enum rune_err err = RUNE_OK;
    uint32_t last = UINT32_MAX;
    for (uint32_t i = 0; i < build->rules.rule_count && build->has_schema; i++) {
        const struct rune_dl_rule *rule = &build->rules.rules[i];
        const struct rune_dl_relation *relation = &build->rules.relations[rule->head];
        if (relation->builtin != RUNE_DL_CONTEXT || rule->head == last) {
            continue;
        }
        last = rule->head;
        const uint32_t *declared = find_key(build, relation->literal);
        if (declared == NULL || declared[1] != 0) {
            rune_diag_report(
                build->diag, RUNE_ERROR, "RUNE-B0406", rule->head_span,
                declared == NULL ? "declare it in the schema, with `?` behind its name"
                                 : "write `?` behind its name in the schema",
                declared == NULL
                    ? "no action of the schema has `%.*s` in its context"
                    : "`%.*s` is derived, so it must be declared optional in the context",
                RUNE_STR_ARG(relation->literal));
            err = RUNE_E_BUNDLE;
        }
    }
    return err;
}

enum rune_err rune_build_parse_rules(struct rune_build *build)
{
    const struct rune_bundle *bundle = &build->bundle;
    for (uint32_t i = rune_bundle_next(bundle, RUNE_BUNDLE_RULES, 0); i < bundle->count;
         i = rune_bundle_next(bundle, RUNE_BUNDLE_RULES, i + 1)) {
        enum rune_err err = rune_build_stage(
            build, rune_dl_parse(&bundle->files[i].source, RUNE_DL_BUNDLE, &build->arena,
                                 &build->rule_trees, &build->clauses, build->diag));
        if (err != RUNE_OK) {
            return err;
        }
    }
    for (size_t i = 0; i < build->clauses.count; i++) {
        build->rule_count += has_id(&build->clauses.items[i]);
    }
    enum rune_err err = rune_ids_reserve(&build->ids, build->rule_count);
    for (size_t i = 0; i < build->clauses.count && err == RUNE_OK; i++) {
        const struct rune_dl_rule *rule = &build->clauses.items[i];
        if (has_id(rule)) {
            err = rune_ids_add(&build->ids, rule->id, rule->head_span, build->diag);
        }
    }
    return err;
}

static void facts_progress(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    const struct rune_build *build = context;
    if (build->options->progress != NULL) {
        build->options->progress(build->options->progress_context, "reading facts, bytes",
                                 done_bytes, total_bytes);
    }
}

enum rune_err rune_build_read_facts(struct rune_build *build)
{
    return rune_build_stage(build, rune_facts_read(&build->bundle, &build->manifest, &build->arena,
                                                   build->dict, facts_progress, build,
                                                   &build->facts, build->diag));
}

static bool keeps_parents(const struct rune_build *build)
{
    return build->options->version >= 2 && build->options->keeps_parents;
}

/* entity.parent becomes a relation of the program that has none. */
static enum rune_err add_parents(struct rune_build *build)
{
    struct rune_dl_program *rules = &build->rules;
    for (uint32_t i = 0; i < rules->relation_count; i++) {
        if (rules->relations[i].builtin == RUNE_DL_ENTITY_PARENT) {
            return RUNE_OK;
        }
    }
    struct rune_dl_relation *relations =
        RUNE_ARENA_ARRAY(&build->arena, struct rune_dl_relation, rules->relation_count + 1);
    if (relations == NULL) {
        return RUNE_E_NOMEM;
    }
    if (rules->relation_count > 0) {
        memcpy(relations, rules->relations, rules->relation_count * sizeof(*relations));
    }
    relations[rules->relation_count++] =
        (struct rune_dl_relation){.name = RUNE_STR("entity.parent"),
                                  .arity = 2,
                                  .builtin = RUNE_DL_ENTITY_PARENT,
                                  .component = rules->component_count++};
    rules->relations = relations;
    return RUNE_OK;
}

enum rune_err rune_build_check_rules(struct rune_build *build)
{
    struct rune_dl_declaration *declarations;
    uint32_t count;
    enum rune_err err = rune_facts_declare(&build->facts, &build->arena, &declarations, &count);
    if (err != RUNE_OK) {
        return err;
    }
    err = rune_dl_check(&build->clauses, declarations, count, RUNE_DL_BUNDLE, &build->arena,
                        &build->rules, build->diag);
    if (build->rules.fact_count == 0) { /* of all others the program has copies */
        RUNE_VEC_FINI(&build->clauses);
    }
    if (err == RUNE_OK) {
        err = check_heads(build);
    }
    if (err == RUNE_OK) {
        err = check_names(build);
    }
    if (err == RUNE_OK) {
        err = rune_build_warn_slips(build);
    }
    if (err == RUNE_OK && keeps_parents(build)) {
        err = add_parents(build);
    }
    build->rules_checked = err == RUNE_OK;
    return rune_build_stage(build, err);
}

/* Direct parents as the two columns that rules read. */
static enum rune_err put_parents(const struct rune_build *build,
                                 struct rune_build_rule_input *input)
{
    size_t count = build->entities.parents.count;
    rune_term *both = rune_calloc(2 * count + 1, sizeof(*both));
    if (both == NULL) {
        return RUNE_E_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        both[i] = build->entities.parents.items[i].child;
        both[count + i] = build->entities.parents.items[i].parent;
    }
    input->entities.parent_child = both;
    input->entities.parent_parent = both + count;
    input->entities.parent_count = (uint32_t)count;
    input->parents = both;
    return RUNE_OK;
}

enum rune_err rune_build_rule_input(const struct rune_build *build,
                                    struct rune_build_rule_input *ret_input)
{
    const struct rune_entity_table *table = &build->entities;
    *ret_input = (struct rune_build_rule_input){
        .entities =
            {
                .attrs = table->attrs.items,
                .ancestors = table->ancestors.items,
                .tags = table->has_tags ? table->tags.items : NULL,
                .flags = table->flags.items,
                .count = (uint32_t)table->flags.count,
            },
        .options =
            {
                .storing = RUNE_DL_STORE_WHAT_PAYS,
                .keeps_parents = keeps_parents(build),
                .max_tuples = build->options->max_facts,
                .max_memory_bytes = build->max_memory_bytes,
                .max_steps = build->options->version >= 2 && build->options->max_steps != 0
                                 ? build->options->max_steps
                                 : RUNE_BUILD_DEFAULT_STEPS,
                .progress = build->options->progress,
                .progress_context = build->options->progress_context,
            },
    };
    return put_parents(build, ret_input);
}

void rune_build_rule_input_fini(struct rune_build_rule_input *input)
{
    rune_free(input->parents);
    *input = (struct rune_build_rule_input){0};
}

static enum rune_err evaluate(struct rune_build *build, struct rune_tuples *facts)
{
    struct rune_dl_program program;
    enum rune_err err = rune_build_derive_entities(build, facts, &program);
    if (err == RUNE_OK) {
        err = rune_entity_table_extend(&build->entities);
    }
    if (err != RUNE_OK) {
        return err;
    }
    struct rune_build_rule_input input;
    err = rune_build_rule_input(build, &input);
    input.options.storing = build->storing;
    if (program.rules == build->rules.rules) { /* else some were read before, in another order */
        input.options.trees = &build->rule_trees;
    }
    if (err == RUNE_OK) {
        err = rune_dl_evaluate(&program, facts, &input.entities, build->dict, &input.options,
                               rune_build_source_index, build, &build->derived, build->diag);
    }
    if (err == RUNE_OK) {
        build->derived.derived_facts += build->derived_entity_data;
        err = rune_build_link_probes(build);
    }
    rune_build_rule_input_fini(&input);
    return err;
}

enum rune_err rune_build_evaluate_rules(struct rune_build *build)
{
    /* After a mistake nothing is written, so nothing need be derived. */
    if (!build->rules_checked || build->has_mistakes) {
        return RUNE_OK;
    }
    uint32_t count = build->rules.relation_count;
    struct rune_tuples *facts = rune_calloc((size_t)count + 1, sizeof(*facts));
    if (facts == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = rune_facts_take(&build->facts, &build->rules, build->dict, facts);
    build->rules.fact_count = 0; /* they are in `facts`, their clauses are freed */
    RUNE_VEC_FINI(&build->clauses);
    if (err == RUNE_OK) {
        err = rune_entity_table_extend(&build->entities);
        if (err == RUNE_OK) {
            err = evaluate(build, facts);
        }
        for (uint32_t i = 0; i < count; i++) {
            rune_tuples_fini(&facts[i]);
        }
    }
    rune_free(facts);
    return rune_build_stage(build, err);
}
