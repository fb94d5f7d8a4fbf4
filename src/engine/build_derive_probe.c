/* SPDX-License-Identifier: Apache-2.0 */
/* Sets that policies only probe are never built: their rules stay rules, and a probe asks them, or
 * the tuples that they gave where storing those pays.
 *
 * What must be known at build all the same is found from two projections of the rules: about which
 * entities they derive (each has the set, and exists) and which elements (each must fit the
 * schema). One proof of each is enough, so neither takes what the whole set would.
 *
 * A set is built if anybody reads it as a value, if a derivation may fail (a bundle with one that
 * does is refused, and only building finds them all), if a rule that sees the request reads it (a
 * request's own attribute wins), and if anything about it is wrong: then building says what. */
#include "engine/build_derive_int.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "cedar/probes.h"
#include "engine/relation_name.h"
#include "eval/policy_code.h"
#include "eval/probe.h"

#define MAX_RULES 64u /* LIMIT: each is tried in a probe */
#define MAX_TYPES 16u /* LIMIT: kinds of sets of one name that the schema declares */

/* ---- may it be? ---- */

static bool is_plain(const struct rune_dl_expr *expr)
{
    return expr->kind <= RUNE_DL_ENTITY;
}

/* Whether no instance of the body can fail. */
static bool is_infallible(const struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        bool ok = literal->kind == RUNE_DL_ATOM || literal->kind == RUNE_DL_IS ||
                  (literal->kind == RUNE_DL_COMPARE &&
                   (literal->compare == RUNE_DL_EQ || literal->compare == RUNE_DL_NE));
        for (uint32_t a = 0; a < literal->arg_count && ok; a++) {
            ok = is_plain(literal->args[a]);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool are_rules_simple(const struct rune_deriving *deriving, uint32_t relation)
{
    uint32_t own = 0;
    for (uint32_t i = 0; i < deriving->rule_count; i++) {
        const struct rune_dl_rule *rule = &deriving->rules[i];
        own += rule->head == relation;
        if (!is_infallible(&rule->body)) {
            return false;
        }
        for (uint32_t a = 0; a < rule->arg_count; a++) {
            if (!is_plain(rule->args[a])) {
                return false;
            }
        }
    }
    return own <= MAX_RULES;
}

/* Depth: counted by the parser. */
static bool reads(const struct rune_dl_body *body, uint32_t relation)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        if (literal->kind == RUNE_DL_ATOM && literal->relation == relation) {
            return true;
        }
        for (uint32_t k = 0; k < literal->body_count; k++) {
            if (reads(&literal->bodies[k], relation)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether rules read the set as a value, or as the request sees it. */
static bool is_value_in_rules(const struct rune_deriving *deriving, uint32_t relation)
{
    const struct rune_dl_program *program = &deriving->build->rules;
    struct rune_str name = program->relations[relation].literal;
    for (uint32_t i = 0; i < program->relation_count; i++) {
        const struct rune_dl_relation *other = &program->relations[i];
        bool any_name = other->literal.data == NULL;
        if ((other->builtin == RUNE_DL_ENTITY_ATTR &&
             (any_name || rune_str_equal(other->literal, name))) ||
            (other->builtin == RUNE_DL_ENTITY_ELEMENT && any_name)) {
            return true;
        }
    }
    for (uint32_t r = 0; r < program->rule_count; r++) {
        if (program->relations[program->rules[r].head].depends_on_request &&
            reads(&program->rules[r].body, relation)) {
            return true;
        }
    }
    return false;
}

static bool may_be_probed(const struct rune_deriving *deriving, uint32_t relation)
{
    const struct rune_dl_relation *of = &deriving->relations[relation];
    uint32_t number;
    return of->builtin == RUNE_DL_ENTITY_ELEMENT && !of->is_recursive &&
           rune_map_find(&deriving->build->probed, of->literal, &number) &&
           number != RUNE_CEDAR_IS_VALUE && are_rules_simple(deriving, relation) &&
           !is_value_in_rules(deriving, relation);
}

/* ---- projections ---- */

struct projection {
    struct rune_deriving *deriving;
    uint32_t relation;
    uint32_t
        entities; /* number of the relation that has the entities; the elements are in the next */
    rune_term name;
    bool is_doubtful;          /* build it, to see */
    uint32_t types[MAX_TYPES]; /* of elements, by the schema */
    uint32_t type_count;
};

/* The type that the schema wants elements of the entity's set to have. */
static void add_type(struct projection *projection, rune_term entity)
{
    const struct rune_deriving *deriving = projection->deriving;
    const struct rune_schema *schema = &deriving->build->schema;
    const struct rune_schema_entity_type *type = rune_derive_type_of(deriving, entity);
    const uint32_t *attr =
        type == NULL ? NULL : rune_derive_find_attr(schema, type->attrs, projection->name);
    if (attr == NULL || schema->words[attr[0]] != RUNE_SCHEMA_SET ||
        !rune_schema_id_fits(schema, rune_dict_terms(deriving->build->dict), NULL, entity)) {
        projection->is_doubtful = true;
        return;
    }
    uint32_t want = schema->words[attr[0] + 1], i = 0;
    while (i < projection->type_count && projection->types[i] != want) {
        i++;
    }
    if (i == MAX_TYPES) {
        projection->is_doubtful = true;
    } else if (i == projection->type_count) {
        projection->types[projection->type_count++] = want;
    }
}

static void check_entities(struct projection *projection, const rune_term *rows, uint64_t count)
{
    for (uint64_t i = 0; i < count && !projection->is_doubtful; i++) {
        rune_term stored;
        if (rune_term_kind(rows[i]) != RUNE_KIND_ENTITY) {
            projection->is_doubtful = true;
            return;
        }
        stored = rune_derive_stored_value(projection->deriving, rows[i], projection->name);
        projection->is_doubtful |=
            stored != RUNE_TERM_NONE && rune_term_kind(stored) != RUNE_KIND_SET;
        if (projection->deriving->build->has_schema) {
            add_type(projection, rows[i]);
        }
    }
}

static void check_elements(struct projection *projection, const rune_term *rows, uint64_t count)
{
    const struct rune_build *build = projection->deriving->build;
    for (uint64_t i = 0; i < count && !projection->is_doubtful; i++) {
        projection->is_doubtful |= rune_term_kind(rows[i]) == RUNE_KIND_FLOAT;
        for (uint32_t t = 0; t < projection->type_count; t++) {
            projection->is_doubtful |= !rune_schema_fits(
                &build->schema, rune_dict_terms(build->dict), NULL, projection->types[t], rows[i]);
        }
    }
}

/* The entities, in the relation's own list; then the elements. */
static enum rune_err take(void *context, uint32_t relation, const rune_term *rows, uint64_t count,
                          bool is_partial)
{
    struct projection *projection = context;
    struct rune_vec_u32 *about = &projection->deriving->about;
    projection->is_doubtful |= is_partial;
    if (relation != projection->entities) {
        check_elements(projection, rows, count);
        return RUNE_OK;
    }
    check_entities(projection, rows, count);
    for (uint64_t i = 0; i < count && !projection->is_doubtful; i++) {
        if (!RUNE_VEC_PUSH(about, rows[i])) {
            return RUNE_E_NOMEM;
        }
    }
    return RUNE_OK;
}

/* The rules that were gathered, those of the set twice: for its entities and for its elements. */
static uint32_t project_rules(const struct projection *projection, struct rune_dl_rule *ret_rules,
                              struct rune_dl_expr **args)
{
    const struct rune_deriving *deriving = projection->deriving;
    uint32_t count = 0;
    for (uint32_t i = 0; i < deriving->rule_count; i++) {
        const struct rune_dl_rule *rule = &deriving->rules[i];
        if (rule->head != projection->relation) {
            ret_rules[count++] = *rule;
            continue;
        }
        for (uint32_t column = 0; column < 3; column += 2) {
            struct rune_dl_rule *half = &ret_rules[count];
            *half = *rule;
            half->head = projection->entities + column / 2;
            half->args = args + count;
            half->args[0] = rule->args[column];
            half->arg_count = 1;
            count++;
        }
    }
    return count;
}

static enum rune_err project(struct projection *projection)
{
    struct rune_deriving *deriving = projection->deriving;
    struct rune_build *build = deriving->build;
    struct rune_dl_program part = build->rules;
    uint32_t count = part.relation_count;
    struct rune_dl_relation *relations = rune_calloc((size_t)count + 2, sizeof(*relations));
    struct rune_tuples *facts = rune_calloc((size_t)count + 2, sizeof(*facts));
    struct rune_dl_rule *rules = rune_calloc(2 * (size_t)deriving->rule_count + 1, sizeof(*rules));
    struct rune_dl_expr **args = rune_calloc(2 * (size_t)deriving->rule_count + 1, sizeof(*args));
    enum rune_err err = relations == NULL || facts == NULL || rules == NULL || args == NULL
                            ? RUNE_E_NOMEM
                            : rune_derive_copy_facts(deriving, facts);
    for (uint32_t i = 0; i < count && err == RUNE_OK; i++) {
        relations[i] = deriving->relations[i];
        relations[i].is_head &= deriving->is_reached[i] && i != projection->relation;
        relations[i].is_recursive &= relations[i].is_head;
    }
    projection->entities = count;
    for (uint32_t i = count; i < count + 2 && err == RUNE_OK; i++) {
        relations[i] = (struct rune_dl_relation){.name = RUNE_STR("entity.element {half}"),
                                                 .arity = 1,
                                                 .is_head = true,
                                                 .component = part.component_count++};
        err = rune_tuples_init(&facts[i], 1);
    }
    part.relations = relations;
    part.relation_count = count + 2;
    part.rules = rules;
    part.fact_count = 0; /* they are in `facts` */
    struct rune_build_rule_input input = {0};
    if (err == RUNE_OK) {
        part.rule_count = project_rules(projection, rules, args);
        err = rune_build_rule_input(build, &input);
    }
    if (err == RUNE_OK) {
        const uint32_t wanted[2] = {count, count + 1};
        err = rune_dl_derive(&part, facts, &input.entities, build->dict, &input.options, wanted, 2,
                             take, projection, build->diag);
    }
    rune_build_rule_input_fini(&input);
    for (uint32_t i = 0; facts != NULL && i < count + 2; i++) {
        rune_tuples_fini(&facts[i]);
    }
    rune_free(args);
    rune_free(rules);
    rune_free(facts);
    rune_free(relations);
    return err;
}

/* The entities have the set, empty where documents say nothing of it. */
static enum rune_err put_sets(struct projection *projection)
{
    struct rune_deriving *deriving = projection->deriving;
    rune_term empty;
    enum rune_err err = rune_dict_set(deriving->build->dict, NULL, 0, &empty);
    for (size_t i = 0; i < deriving->about.count && err == RUNE_OK; i++) {
        rune_term entity = deriving->about.items[i];
        if (rune_derive_stored_value(deriving, entity, projection->name) == RUNE_TERM_NONE) {
            err = rune_derive_put_attr(deriving, entity, projection->name, empty);
        }
    }
    return err == RUNE_OK ? rune_derive_fill_sets(deriving, projection->relation) : err;
}

enum rune_err rune_derive_by_probes(struct rune_deriving *deriving, bool *ret_done)
{
    uint32_t relation = deriving->wanted.items[0];
    struct projection projection = {.deriving = deriving, .relation = relation};
    *ret_done = false;
    if (deriving->wanted.count != 1 || !may_be_probed(deriving, relation)) {
        return RUNE_OK;
    }
    deriving->about.count = 0;
    enum rune_err err = rune_dict_string(deriving->build->dict,
                                         deriving->relations[relation].literal, &projection.name);
    if (err == RUNE_OK) {
        err = project(&projection);
    }
    if (err != RUNE_OK || projection.is_doubtful) {
        return err;
    }
    err = put_sets(&projection);
    deriving->is_probed[relation] = *ret_done = err == RUNE_OK;
    return err;
}

/* ---- before policies are compiled ---- */

enum rune_err rune_build_find_probed(struct rune_build *build)
{
    for (size_t i = 0; i < build->clauses.count; i++) {
        const struct rune_dl_rule *rule = &build->clauses.items[i];
        if (rune_str_equal(rule->head_name, RUNE_STR("entity.element")) && rule->arg_count == 3 &&
            rule->args[1]->kind == RUNE_DL_STRING) {
            enum rune_err err = rune_map_set(&build->probed, rule->args[1]->as.string, 0);
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
    uint32_t relation, first_plan;
};

static int compare_links(const void *a, const void *b)
{
    rune_term x = ((const struct link *)a)->name, y = ((const struct link *)b)->name;
    return (x > y) - (x < y);
}

static uint32_t find_plan(const struct rune_dl_result *result, uint32_t relation)
{
    for (uint32_t i = 0; i < result->plans.count; i++) {
        if (result->plans.items[i].relation == relation &&
            result->plans.items[i].bound == RUNE_PROBE_BOUND) {
            return i;
        }
    }
    return RUNE_PROBE_NONE;
}

/* The relation of a set that is probed, if it is one. */
static bool make_link(const struct rune_build *build, uint32_t relation, struct link *ret_link)
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
    *ret_link = (struct link){
        .name = rune_terms_find_string(terms, literal),
        .relation = relation,
        .first_plan = (of->flags & RUNE_RELATION_STORED) != 0
                          ? RUNE_PROBE_NONE
                          : find_plan(&build->derived, relation),
    };
    return true;
}

static void link_code(struct rune_vec_u32 *code, const struct link *links, size_t count)
{
    for (size_t at = 0; at < code->count; at += rune_op_words(rune_op_of(code->items[at]))) {
        enum rune_op op = rune_op_of(code->items[at]);
        bool is_probe = op == RUNE_OP_PROBE || op == RUNE_OP_PROBE_ELSE ||
                        op == RUNE_OP_PROBE_THEN || op == RUNE_OP_PROBE_ALL ||
                        op == RUNE_OP_PROBE_ANY;
        if (!is_probe) {
            continue;
        }
        const struct link key = {.name = code->items[at + 2]};
        const struct link *found = bsearch(&key, links, count, sizeof(key), compare_links);
        if (found != NULL) {
            code->items[at + 4] = found->relation;
            code->items[at + 5] = found->first_plan;
        }
    }
}

enum rune_err rune_build_link_probes(struct rune_build *build)
{
    RUNE_VEC(, struct link) links = {0};
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < build->derived.relations.count && build->probed.count > 0; i++) {
        struct link link;
        if (make_link(build, i, &link) && !RUNE_VEC_PUSH(&links, link)) {
            err = RUNE_E_NOMEM;
            break;
        }
    }
    if (err == RUNE_OK && links.count > 0) {
        qsort(links.items, links.count, sizeof(links.items[0]), compare_links);
        link_code(&build->program.code, links.items, links.count);
    }
    RUNE_VEC_FINI(&links);
    return err;
}
