/* SPDX-License-Identifier: Apache-2.0 */
/* Entity data that rules derive becomes entity data like any other, before policies and the other
 * rules meet it.
 *
 * Components of the program that derive some are computed one after the other, in order of
 * evaluation, each with just the rules that it needs; what comes out goes into the entity tables,
 * where the next one reads it. Attributes and elements that do not read each other are computed
 * together, a group at a time: hundreds of names then cost what one does, and an entity's record is
 * written once. Within a component a rule may read the tables too (`in`, entity(E),
 * an attribute by a variable name): such a component is computed again until nothing is added,
 * which ends because data is only ever added. What is left for the image is a program without those
 * rules. */
#include "engine/build_derive_int.h"

#include <string.h>

#include "base/alloc.h"

#define MAX_ROUNDS 1000u /* LIMIT: of a component that reads the tables it adds to */

/* ---- one component ---- */

static bool reach(struct rune_deriving *deriving, uint32_t relation)
{
    if (deriving->is_reached[relation]) {
        return true;
    }
    deriving->is_reached[relation] = true;
    return RUNE_VEC_PUSH(&deriving->reached, relation);
}

/* Depth: counted by the parser. *ret_reads: the body reads tables that this component adds to. */
static bool reach_body(struct rune_deriving *deriving, const struct rune_dl_body *body,
                       uint32_t component, bool parents_grow, bool *ret_reads)
{
    bool ok = true;
    for (uint32_t i = 0; i < body->count && ok; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        if (literal->kind == RUNE_DL_ATOM) {
            const struct rune_dl_relation *read = &deriving->relations[literal->relation];
            *ret_reads |= read->builtin != RUNE_DL_NOT_BUILTIN && !read->is_head &&
                          read->component == component;
            ok = reach(deriving, literal->relation);
        }
        *ret_reads |= literal->kind == RUNE_DL_IN && parents_grow;
        for (uint32_t k = 0; k < literal->body_count && ok; k++) {
            ok = reach_body(deriving, &literal->bodies[k], component, parents_grow, ret_reads);
        }
    }
    return ok;
}

/* The rules that the wanted relations need. */
enum rune_err rune_derive_gather(struct rune_deriving *deriving, uint32_t component,
                                 bool *ret_loops)
{
    const struct rune_dl_program *program = &deriving->build->rules;
    bool parents_grow = false;
    bool ok = true;
    for (size_t i = 0; i < deriving->reached.count; i++) {
        deriving->is_reached[deriving->reached.items[i]] = false;
    }
    deriving->rule_count = 0;
    deriving->reached.count = 0;
    *ret_loops = false;
    for (size_t i = 0; i < deriving->wanted.count && ok; i++) {
        uint32_t relation = deriving->wanted.items[i];
        parents_grow |= deriving->relations[relation].builtin == RUNE_DL_ENTITY_PARENT;
        ok = reach(deriving, relation);
    }
    for (size_t i = 0; i < deriving->reached.count && ok; i++) {
        uint32_t relation = deriving->reached.items[i];
        bool is_inside = deriving->relations[relation].component == component;
        if (!deriving->relations[relation].is_head) {
            continue;
        }
        for (uint32_t r = deriving->first_rule[relation]; r != RUNE_DERIVE_NONE && ok;
             r = deriving->next_rule[r]) {
            bool reads = false;
            deriving->rules[deriving->rule_count++] = program->rules[r];
            ok = reach_body(deriving, &program->rules[r].body, component, parents_grow, &reads);
            *ret_loops |= reads && is_inside;
        }
    }
    return ok ? RUNE_OK : RUNE_E_NOMEM;
}

/* Facts of the relations that are read; evaluation consumes them. */
enum rune_err rune_derive_copy_facts(const struct rune_deriving *deriving,
                                     struct rune_tuples *ret_facts)
{
    for (uint32_t i = 0; i < deriving->build->rules.relation_count; i++) {
        const struct rune_tuples *from = &deriving->facts[i];
        enum rune_err err = rune_tuples_init(&ret_facts[i], from->arity);
        if (err == RUNE_OK && deriving->is_reached[i] && from->count > 0) {
            err = rune_tuples_reserve(&ret_facts[i], from->count);
        }
        if (err != RUNE_OK) {
            return err;
        }
        if (!deriving->is_reached[i]) {
            continue;
        }
        for (uint32_t c = 0; c < from->arity && from->count > 0; c++) {
            memcpy(ret_facts[i].columns[c], from->columns[c], from->count * sizeof(rune_term));
        }
        ret_facts[i].count = from->count;
    }
    return RUNE_OK;
}

/* What was taken goes into the tables. */
static enum rune_err write_data(struct rune_deriving *deriving)
{
    enum rune_err err = rune_derive_write_attrs(deriving);
    if (err == RUNE_OK) {
        err = rune_derive_fill_sets(deriving, deriving->wanted.items, deriving->wanted.count);
    }
    if (err == RUNE_OK) {
        err = rune_derive_write_attrs(deriving);
    }
    if (err == RUNE_OK) {
        err = rune_entity_table_extend(&deriving->build->entities);
    }
    if (err == RUNE_OK && deriving->has_new_parents) {
        deriving->has_new_parents = false;
        err = rune_entity_table_close(&deriving->build->entities, deriving->build->diag);
    }
    return err;
}

/* The part of the program that gives what is wanted, once. */
static enum rune_err compute(struct rune_deriving *deriving)
{
    struct rune_build *build = deriving->build;
    uint32_t count = build->rules.relation_count;
    struct rune_dl_relation *relations = rune_calloc((size_t)count + 1, sizeof(*relations));
    struct rune_tuples *facts = rune_calloc((size_t)count + 1, sizeof(*facts));
    enum rune_err err =
        relations == NULL || facts == NULL ? RUNE_E_NOMEM : rune_derive_copy_facts(deriving, facts);
    struct rune_dl_program part = build->rules;
    part.relations = relations;
    part.rules = deriving->rules;
    part.rule_count = deriving->rule_count;
    for (uint32_t i = 0; i < count && err == RUNE_OK; i++) {
        relations[i] = deriving->relations[i];
        relations[i].is_head &= deriving->is_reached[i];
        relations[i].is_recursive &= relations[i].is_head;
    }
    struct rune_build_rule_input input = {0};
    if (err == RUNE_OK) {
        err = rune_build_rule_input(build, &input);
    }
    if (err == RUNE_OK) {
        err = rune_dl_derive(&part, facts, &input.entities, build->dict, &input.options,
                             deriving->wanted.items, (uint32_t)deriving->wanted.count,
                             rune_derive_take_rows, deriving, build->diag);
    }
    rune_build_rule_input_fini(&input);
    for (uint32_t i = 0; facts != NULL && i < count; i++) {
        rune_tuples_fini(&facts[i]);
    }
    rune_free(facts);
    rune_free(relations);
    return err == RUNE_OK ? write_data(deriving) : err;
}

/* It is data like any other from now on. */
static void settle(struct rune_deriving *deriving)
{
    for (size_t i = 0; i < deriving->wanted.count; i++) {
        deriving->relations[deriving->wanted.items[i]].is_head = false;
        deriving->relations[deriving->wanted.items[i]].is_recursive = false;
    }
}

/* By itself; again and again if it reads the tables that it adds to. */
static enum rune_err compute_component(struct rune_deriving *deriving, bool loops)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t round = 0; err == RUNE_OK && !deriving->has_mistakes; round++) {
        deriving->has_changed = false;
        err = compute(deriving);
        if (!loops || !deriving->has_changed) {
            break;
        }
        if (round == MAX_ROUNDS) {
            deriving->mistakes = 0;
            rune_derive_report(
                deriving, deriving->wanted.items[0], "RUNE-B0409",
                "derive a relation of your own, then this from it",
                "entity data that is derived from itself still grows after %u rounds", MAX_ROUNDS);
        }
    }
    settle(deriving);
    return err;
}

/* ---- groups ---- */

static bool is_attribute(const struct rune_dl_relation *relation)
{
    return relation->builtin == RUNE_DL_ENTITY_ATTR || relation->builtin == RUNE_DL_ENTITY_ELEMENT;
}

/* Whether what was gathered reads what the group adds: an attribute of one of its names or of any,
 * or which entities there are. A name of the group's that is wanted again waits, too. */
static bool reads_group(const struct rune_deriving *deriving)
{
    for (size_t i = 0; i < deriving->reached.count; i++) {
        const struct rune_dl_relation *read = &deriving->relations[deriving->reached.items[i]];
        bool same_name = read->literal.data == NULL ||
                         rune_map_find(&deriving->group_names, read->literal, NULL);
        if (read->builtin == RUNE_DL_ENTITY_EXISTS || (is_attribute(read) && same_name)) {
            return true;
        }
    }
    return false;
}

/* What is wanted is computed with the group, or at least projected with its other sets. */
static enum rune_err join_group(struct rune_deriving *deriving)
{
    struct rune_vec_u32 *group =
        rune_derive_may_probe(deriving) ? &deriving->probes : &deriving->group;
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < deriving->wanted.count && err == RUNE_OK; i++) {
        uint32_t relation = deriving->wanted.items[i];
        err = RUNE_VEC_PUSH(group, relation)
                  ? rune_map_set(&deriving->group_names, deriving->relations[relation].literal, 0)
                  : RUNE_E_NOMEM;
    }
    return err;
}

static enum rune_err compute_group(struct rune_deriving *deriving)
{
    bool loops;
    enum rune_err err = rune_derive_by_probes(deriving);
    struct rune_vec_u32 group = deriving->group;
    deriving->group = deriving->wanted;
    deriving->wanted = group;
    deriving->group.count = 0;
    rune_map_fini(&deriving->group_names);
    if (err != RUNE_OK) {
        return err;
    }
    if (group.count == 0 || deriving->has_mistakes) {
        return write_data(deriving);
    }
    err = rune_derive_gather(deriving, RUNE_DERIVE_NONE, &loops);
    return err == RUNE_OK ? compute_component(deriving, false) : err;
}

/* ---- components ---- */

/* *ret_joins: it may be computed with others. */
static enum rune_err gather_component(struct rune_deriving *deriving, uint32_t component,
                                      bool *ret_loops, bool *ret_joins)
{
    bool has_names = true;
    deriving->wanted.count = 0;
    for (uint32_t i = deriving->first_data[component]; i != RUNE_DERIVE_NONE;
         i = deriving->next_data[i]) {
        const struct rune_dl_relation *relation = &deriving->relations[i];
        has_names &= is_attribute(relation) && relation->literal.data != NULL;
        if (!RUNE_VEC_PUSH(&deriving->wanted, i)) {
            return RUNE_E_NOMEM;
        }
    }
    enum rune_err err = rune_derive_gather(deriving, component, ret_loops);
    *ret_joins = err == RUNE_OK && has_names && !*ret_loops;
    return err;
}

static enum rune_err derive_component(struct rune_deriving *deriving, uint32_t component)
{
    bool loops = false, joins = false;
    enum rune_err err = gather_component(deriving, component, &loops, &joins);
    if (err == RUNE_OK && deriving->group_names.count > 0 && (!joins || reads_group(deriving))) {
        err = compute_group(deriving);
        if (err == RUNE_OK && !deriving->has_mistakes) {
            err = gather_component(deriving, component, &loops, &joins);
        }
    }
    if (err != RUNE_OK || deriving->has_mistakes) {
        return err;
    }
    return joins ? join_group(deriving) : compute_component(deriving, loops);
}

/* ---- all ---- */

static enum rune_err init(struct rune_deriving *deriving)
{
    struct rune_build *build = deriving->build;
    const struct rune_dl_program *program = &build->rules;
    struct rune_arena *arena = &build->arena;
    deriving->relations = rune_arena_memdup(arena, program->relations,
                                            program->relation_count * sizeof(*program->relations));
    deriving->first_rule = RUNE_ARENA_ARRAY(arena, uint32_t, program->relation_count + 1);
    deriving->next_rule = RUNE_ARENA_ARRAY(arena, uint32_t, program->rule_count + 1);
    deriving->first_data = RUNE_ARENA_ARRAY(arena, uint32_t, program->component_count + 1);
    deriving->next_data = RUNE_ARENA_ARRAY(arena, uint32_t, program->relation_count + 1);
    deriving->is_reached = RUNE_ARENA_ARRAY(arena, bool, program->relation_count + 1);
    deriving->is_value = RUNE_ARENA_ARRAY(arena, bool, program->relation_count + 1);
    deriving->is_probed = RUNE_ARENA_ARRAY(arena, bool, program->relation_count + 1);
    deriving->rules = RUNE_ARENA_ARRAY(arena, struct rune_dl_rule, program->rule_count + 1);
    deriving->had_count = build->entities.flags.count;
    deriving->had_data = rune_arena_memdup(arena, build->entities.flags.items, deriving->had_count);
    if (deriving->relations == NULL || deriving->first_rule == NULL ||
        deriving->next_rule == NULL || deriving->is_reached == NULL || deriving->rules == NULL ||
        deriving->first_data == NULL || deriving->next_data == NULL || deriving->is_value == NULL ||
        deriving->is_probed == NULL || (deriving->had_data == NULL && deriving->had_count > 0)) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < program->relation_count; i++) {
        deriving->first_rule[i] = RUNE_DERIVE_NONE;
    }
    for (uint32_t c = 0; c < program->component_count; c++) {
        deriving->first_data[c] = RUNE_DERIVE_NONE;
    }
    for (uint32_t i = program->relation_count; i-- > 0;) {
        const struct rune_dl_relation *relation = &program->relations[i];
        if (relation->is_head && rune_derive_is_data(relation->builtin)) {
            deriving->next_data[i] = deriving->first_data[relation->component];
            deriving->first_data[relation->component] = i;
        }
    }
    for (uint32_t i = program->rule_count; i-- > 0;) {
        uint32_t head = program->rules[i].head;
        deriving->next_rule[i] = deriving->first_rule[head];
        deriving->first_rule[head] = i;
    }
    return RUNE_OK;
}

static enum rune_err derive_all(struct rune_deriving *deriving)
{
    const struct rune_dl_program *program = &deriving->build->rules;
    enum rune_err err = RUNE_OK;
    for (uint32_t c = 0; c < program->component_count && err == RUNE_OK && !deriving->has_mistakes;
         c++) {
        bool has_data = deriving->first_data[c] != RUNE_DERIVE_NONE;
        err = has_data ? derive_component(deriving, c) : RUNE_OK;
    }
    if (err == RUNE_OK) {
        err = compute_group(deriving);
    }
    /* Entities that came later have their sets, too. */
    deriving->wanted.count = 0;
    for (uint32_t i = 0; i < program->relation_count && err == RUNE_OK; i++) {
        const struct rune_dl_relation *relation = &program->relations[i];
        if (relation->is_head && relation->builtin == RUNE_DL_ENTITY_ELEMENT &&
            !RUNE_VEC_PUSH(&deriving->wanted, i)) {
            err = RUNE_E_NOMEM;
        }
    }
    if (err == RUNE_OK) {
        err = rune_derive_fill_sets(deriving, deriving->wanted.items, deriving->wanted.count);
    }
    if (err == RUNE_OK) {
        err = rune_derive_write_attrs(deriving);
    }
    if (err == RUNE_OK && !deriving->has_mistakes) {
        rune_derive_check_created(deriving);
    }
    return err == RUNE_OK && deriving->has_mistakes ? RUNE_E_BUNDLE : err;
}

/* The program without the rules whose work is done. */
static void leave_rest(struct rune_deriving *deriving, struct rune_dl_program *ret_program)
{
    const struct rune_dl_program *program = &deriving->build->rules;
    *ret_program = *program;
    ret_program->relations = deriving->relations;
    ret_program->rules = deriving->rules;
    ret_program->rule_count = 0;
    for (uint32_t i = 0; i < program->rule_count; i++) {
        uint32_t head = program->rules[i].head;
        if (!rune_derive_is_data(program->relations[head].builtin) || deriving->is_probed[head]) {
            deriving->rules[ret_program->rule_count++] = program->rules[i];
        }
    }
}

enum rune_err rune_build_derive_entities(struct rune_build *build, const struct rune_tuples *facts,
                                         struct rune_dl_program *ret_program)
{
    bool derives = false;
    for (uint32_t i = 0; i < build->rules.relation_count; i++) {
        derives |= build->rules.relations[i].is_head &&
                   rune_derive_is_data(build->rules.relations[i].builtin);
    }
    *ret_program = build->rules;
    if (!derives) {
        return RUNE_OK;
    }
    struct rune_deriving deriving = {.build = build, .facts = facts};
    enum rune_err err = init(&deriving);
    if (err == RUNE_OK) {
        err = rune_derive_find_values(&deriving);
    }
    if (err == RUNE_OK) {
        err = derive_all(&deriving);
    }
    if (err == RUNE_OK) {
        leave_rest(&deriving, ret_program);
        build->derived_entity_data = deriving.derived;
    }
    rune_free(deriving.edges);
    RUNE_VEC_FINI(&deriving.wanted);
    RUNE_VEC_FINI(&deriving.group);
    RUNE_VEC_FINI(&deriving.probes);
    rune_map_fini(&deriving.group_names);
    RUNE_VEC_FINI(&deriving.reached);
    RUNE_VEC_FINI(&deriving.attrs);
    RUNE_VEC_FINI(&deriving.about);
    RUNE_VEC_FINI(&deriving.names);
    RUNE_VEC_FINI(&deriving.values);
    return err;
}

/* ---- while entities are read ---- */

enum rune_err rune_build_relax_sets(struct rune_build *build, struct rune_vec_u32 *relaxed)
{
    struct rune_schema *schema = &build->schema;
    const struct rune_terms *terms = rune_dict_terms(build->dict);
    for (size_t i = 0; build->has_schema && i < build->clauses.count; i++) {
        const struct rune_dl_rule *rule = &build->clauses.items[i];
        if (!rune_str_equal(rule->head_name, RUNE_STR("entity.element")) || rule->arg_count != 3 ||
            rule->args[1].kind != RUNE_DL_STRING) {
            continue;
        }
        rune_term name = rune_terms_find_string(terms, rule->args[1].as.string);
        for (uint32_t t = 0; name != RUNE_TERM_NONE && t < schema->entity_type_count; t++) {
            const uint32_t *attr =
                rune_derive_find_attr(schema, schema->entity_types[t].attrs, name);
            if (attr != NULL && attr[1] != 0 && schema->words[attr[0]] == RUNE_SCHEMA_SET) {
                uint32_t at = (uint32_t)(attr + 1 - schema->words);
                build->schema_words.items[at] = 0;
                if (!RUNE_VEC_PUSH(relaxed, at)) {
                    build->schema_words.items[at] = 1;
                    return RUNE_E_NOMEM;
                }
            }
        }
    }
    return RUNE_OK;
}

void rune_build_require_sets(struct rune_build *build, struct rune_vec_u32 *relaxed)
{
    for (size_t i = 0; i < relaxed->count; i++) {
        build->schema_words.items[relaxed->items[i]] = 1;
    }
    RUNE_VEC_FINI(relaxed);
}
