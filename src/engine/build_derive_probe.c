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
 * request's own attribute wins), and if anything about it is wrong: then building says what.
 *
 * Sets that do not read each other are projected together: the first question about a set decides
 * whether it joins them, and the projections whether it stays with the rules. */
#include "engine/build_derive_int.h"

#include "base/alloc.h"
#include "cedar/probes.h"

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
            ok = is_plain(&literal->args[a]);
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
            if (!is_plain(&rule->args[a])) {
                return false;
            }
        }
    }
    return own <= MAX_RULES;
}

/* Depth: counted by the parser. */
static void note_reads(const struct rune_dl_body *body, bool *is_read)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        if (literal->kind == RUNE_DL_ATOM) {
            is_read[literal->relation] = true;
        }
        for (uint32_t k = 0; k < literal->body_count; k++) {
            note_reads(&literal->bodies[k], is_read);
        }
    }
}

enum rune_err rune_derive_find_values(struct rune_deriving *deriving)
{
    const struct rune_dl_program *program = &deriving->build->rules;
    struct rune_map names = RUNE_MAP_INIT;
    enum rune_err err = RUNE_OK;
    bool any_name = false;
    uint32_t number;
    for (uint32_t i = 0; i < program->relation_count && err == RUNE_OK; i++) {
        const struct rune_dl_relation *of = &program->relations[i];
        bool is_element = of->builtin == RUNE_DL_ENTITY_ELEMENT;
        any_name |= of->literal.data == NULL && (is_element || of->builtin == RUNE_DL_ENTITY_ATTR);
        if (is_element && of->is_head) {
            err = rune_map_set(&names, of->literal, i);
        }
    }
    for (uint32_t i = 0; i < program->relation_count && err == RUNE_OK; i++) {
        const struct rune_dl_relation *of = &program->relations[i];
        deriving->is_value[i] |= any_name;
        if (of->builtin == RUNE_DL_ENTITY_ATTR && of->literal.data != NULL &&
            rune_map_find(&names, of->literal, &number)) {
            deriving->is_value[number] = true;
        }
    }
    for (uint32_t r = 0; r < program->rule_count; r++) {
        if (program->relations[program->rules[r].head].depends_on_request) {
            note_reads(&program->rules[r].body, deriving->is_value);
        }
    }
    rune_map_fini(&names);
    return err;
}

bool rune_derive_may_probe(const struct rune_deriving *deriving)
{
    uint32_t relation = deriving->wanted.items[0];
    const struct rune_dl_relation *of = &deriving->relations[relation];
    uint32_t number;
    return deriving->wanted.count == 1 && of->builtin == RUNE_DL_ENTITY_ELEMENT &&
           !of->is_recursive && !deriving->is_value[relation] &&
           rune_map_find(&deriving->build->probed, of->literal, &number) &&
           number != RUNE_CEDAR_IS_VALUE && are_rules_simple(deriving, relation);
}

static bool asks_empty(const struct rune_deriving *deriving, uint32_t relation)
{
    uint32_t number;
    return rune_map_find(&deriving->build->probed, deriving->relations[relation].literal,
                         &number) &&
           number == RUNE_CEDAR_ASKS_EMPTY;
}

/* ---- projections ---- */

/* Of one set: what is known of it without building it. */
struct projection {
    uint32_t relation;
    rune_term name;
    size_t about, about_count; /* its entities, among those of all */
    bool is_doubtful;          /* build it, to see */
    uint32_t types[MAX_TYPES]; /* of elements, by the schema */
    uint32_t type_count;
};

/* Of all that are asked together. The program has two relations more for each: the entities and the
 * elements. */
struct projections {
    struct rune_deriving *deriving;
    struct projection *items;
    uint32_t count;
    uint32_t first;      /* number of the first relation that the program has more */
    uint32_t *places;    /* by relation: 1 + its place in items, or 0 */
    uint32_t *relations; /* of the halves */
};

/* The type that the schema wants elements of the entity's set to have. */
static void add_type(const struct rune_deriving *deriving, struct projection *projection,
                     rune_term entity)
{
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

static void check_entities(const struct rune_deriving *deriving, struct projection *projection,
                           const rune_term *rows, uint64_t count)
{
    for (uint64_t i = 0; i < count && !projection->is_doubtful; i++) {
        rune_term stored;
        if (rune_term_kind(rows[i]) != RUNE_KIND_ENTITY) {
            projection->is_doubtful = true;
            return;
        }
        stored = rune_derive_stored_value(deriving, rows[i], projection->name);
        projection->is_doubtful |=
            stored != RUNE_TERM_NONE && rune_term_kind(stored) != RUNE_KIND_SET;
        if (deriving->build->has_schema) {
            add_type(deriving, projection, rows[i]);
        }
    }
}

static void check_elements(const struct rune_deriving *deriving, struct projection *projection,
                           const rune_term *rows, uint64_t count)
{
    const struct rune_build *build = deriving->build;
    for (uint64_t i = 0; i < count && !projection->is_doubtful; i++) {
        projection->is_doubtful |= rune_term_kind(rows[i]) == RUNE_KIND_FLOAT;
        for (uint32_t t = 0; t < projection->type_count; t++) {
            projection->is_doubtful |= !rune_schema_fits(
                &build->schema, rune_dict_terms(build->dict), NULL, projection->types[t], rows[i]);
        }
    }
}

/* The entities of a set, in the list of all; then its elements. */
static enum rune_err take(void *context, uint32_t relation, const rune_term *rows, uint64_t count,
                          bool is_partial)
{
    struct projections *all = context;
    struct projection *projection = &all->items[(relation - all->first) / 2];
    struct rune_vec_u32 *about = &all->deriving->about;
    projection->is_doubtful |= is_partial;
    if ((relation - all->first) % 2 != 0) {
        check_elements(all->deriving, projection, rows, count);
        return RUNE_OK;
    }
    check_entities(all->deriving, projection, rows, count);
    projection->about = about->count;
    for (uint64_t i = 0; i < count && !projection->is_doubtful; i++) {
        if (!RUNE_VEC_PUSH(about, rows[i])) {
            return RUNE_E_NOMEM;
        }
    }
    projection->about_count = about->count - projection->about;
    return RUNE_OK;
}

/* The rules that were gathered, those of the sets twice: for its entities and for its elements. */
static uint32_t project_rules(const struct projections *all, struct rune_dl_rule *ret_rules,
                              struct rune_dl_expr *args)
{
    const struct rune_deriving *deriving = all->deriving;
    uint32_t count = 0;
    for (uint32_t i = 0; i < deriving->rule_count; i++) {
        const struct rune_dl_rule *rule = &deriving->rules[i];
        if (all->places[rule->head] == 0) {
            ret_rules[count++] = *rule;
            continue;
        }
        for (uint32_t column = 0; column < 3; column += 2) {
            struct rune_dl_rule *half = &ret_rules[count];
            *half = *rule;
            half->head = all->first + 2 * (all->places[rule->head] - 1) + column / 2;
            half->args = args + count;
            half->args[0] = rule->args[column];
            half->arg_count = 1;
            count++;
        }
    }
    return count;
}

/* The halves stand behind the program's own relations, of which those asked are no heads. */
static enum rune_err project_relations(const struct projections *all,
                                       struct rune_dl_program *program,
                                       struct rune_dl_relation *relations,
                                       struct rune_tuples *facts)
{
    const struct rune_deriving *deriving = all->deriving;
    uint32_t count = program->relation_count;
    for (uint32_t i = 0; i < count; i++) {
        relations[i] = deriving->relations[i];
        relations[i].is_head &= deriving->is_reached[i] && all->places[i] == 0;
        relations[i].is_recursive &= relations[i].is_head;
    }
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < 2 * all->count && err == RUNE_OK; i++) {
        relations[count + i] = (struct rune_dl_relation){.name = RUNE_STR("entity.element {half}"),
                                                         .arity = 1,
                                                         .is_head = true,
                                                         .component = program->component_count++};
        all->relations[i] = count + i;
        err = rune_tuples_init(&facts[count + i], 1);
    }
    program->relations = relations;
    program->relation_count = count + 2 * all->count;
    return err;
}

static enum rune_err project(struct projections *all)
{
    struct rune_deriving *deriving = all->deriving;
    struct rune_build *build = deriving->build;
    struct rune_dl_program part = build->rules;
    size_t room = (size_t)part.relation_count + 2 * (size_t)all->count;
    struct rune_dl_relation *relations = rune_calloc(room, sizeof(*relations));
    struct rune_tuples *facts = rune_calloc(room, sizeof(*facts));
    struct rune_dl_rule *rules = rune_calloc(2 * (size_t)deriving->rule_count + 1, sizeof(*rules));
    struct rune_dl_expr *args = rune_calloc(2 * (size_t)deriving->rule_count + 1, sizeof(*args));
    struct rune_build_rule_input input = {0};
    enum rune_err err = relations == NULL || facts == NULL || rules == NULL || args == NULL
                            ? RUNE_E_NOMEM
                            : rune_derive_copy_facts(deriving, facts);
    all->first = part.relation_count;
    if (err == RUNE_OK) {
        err = project_relations(all, &part, relations, facts);
    }
    part.rules = rules;
    if (err == RUNE_OK) {
        part.rule_count = project_rules(all, rules, args);
        err = rune_build_rule_input(build, &input);
    }
    if (err == RUNE_OK) {
        err = rune_dl_derive(&part, facts, &input.entities, build->dict, &input.options,
                             all->relations, 2 * all->count, take, all, build->diag);
    }
    rune_build_rule_input_fini(&input);
    for (size_t i = 0; facts != NULL && i < room; i++) {
        rune_tuples_fini(&facts[i]);
    }
    rune_free(args);
    rune_free(rules);
    rune_free(facts);
    rune_free(relations);
    return err;
}

/* The entities have the set, empty where documents say nothing of it. */
static enum rune_err put_sets(struct rune_deriving *deriving, const struct projection *projection)
{
    rune_term empty;
    enum rune_err err = rune_dict_set(deriving->build->dict, NULL, 0, &empty);
    for (size_t i = 0; i < projection->about_count && err == RUNE_OK; i++) {
        rune_term entity = deriving->about.items[projection->about + i];
        if (rune_derive_stored_value(deriving, entity, projection->name) == RUNE_TERM_NONE) {
            err = rune_derive_put_attr(deriving, entity, projection->name, empty);
        }
    }
    deriving->is_probed[projection->relation] = true;
    deriving->relations[projection->relation].is_tested =
        asks_empty(deriving, projection->relation);
    return err;
}

/* The sets that have no doubt about them are left to their rules, the others join the group. */
static enum rune_err settle_sets(const struct projections *all)
{
    struct rune_deriving *deriving = all->deriving;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < all->count && err == RUNE_OK; i++) {
        const struct projection *projection = &all->items[i];
        if (!projection->is_doubtful) {
            err = put_sets(deriving, projection);
        } else if (!RUNE_VEC_PUSH(&deriving->group, projection->relation)) {
            err = RUNE_E_NOMEM;
        }
    }
    return err;
}

static enum rune_err project_all(struct projections *all)
{
    struct rune_deriving *deriving = all->deriving;
    enum rune_err err = RUNE_OK;
    bool loops;
    for (uint32_t i = 0; i < all->count && err == RUNE_OK; i++) {
        uint32_t relation = deriving->probes.items[i];
        all->items[i].relation = relation;
        all->places[relation] = i + 1;
        err = rune_dict_string(deriving->build->dict, deriving->relations[relation].literal,
                               &all->items[i].name);
        if (err == RUNE_OK && !RUNE_VEC_PUSH(&deriving->wanted, relation)) {
            err = RUNE_E_NOMEM;
        }
    }
    if (err == RUNE_OK) {
        err = rune_derive_gather(deriving, RUNE_DERIVE_NONE, &loops);
    }
    return err == RUNE_OK ? project(all) : err;
}

enum rune_err rune_derive_by_probes(struct rune_deriving *deriving)
{
    struct projections all = {.deriving = deriving, .count = (uint32_t)deriving->probes.count};
    if (all.count == 0) {
        return RUNE_OK;
    }
    all.items = rune_calloc(all.count, sizeof(*all.items));
    all.places = rune_calloc(deriving->build->rules.relation_count, sizeof(*all.places));
    all.relations = rune_calloc(2 * (size_t)all.count, sizeof(*all.relations));
    deriving->about.count = deriving->wanted.count = 0;
    enum rune_err err = all.items == NULL || all.places == NULL || all.relations == NULL
                            ? RUNE_E_NOMEM
                            : project_all(&all);
    if (err == RUNE_OK) {
        err = settle_sets(&all);
    }
    deriving->probes.count = 0;
    rune_free(all.relations);
    rune_free(all.places);
    rune_free(all.items);
    return err;
}
