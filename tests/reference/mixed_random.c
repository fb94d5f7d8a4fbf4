/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_random: entities, facts, policies and requests of random worlds. */
#include <stdio.h>
#include <string.h>

#include "reference/datalog_random.h"
#include "reference/mixed.h"

uint32_t mixed_pick(struct mixed_world *world, uint32_t below)
{
    return datalog_random_below(&world->state, below);
}

/* ---- values ---- */

static struct mixed_value make_string(const char *text)
{
    return (struct mixed_value){.kind = MIXED_STRING, .text = text};
}

static struct mixed_value make_long(int64_t number)
{
    return (struct mixed_value){.kind = MIXED_LONG, .number = number};
}

static struct mixed_value make_entity(int64_t entity)
{
    return (struct mixed_value){.kind = MIXED_ENTITY, .number = entity};
}

static struct mixed_value random_string(struct mixed_world *world)
{
    static const char *const texts[] = {"a", "b",   "ab", "ba",         "a*",   "\xc3\xa9", "",
                                        "7", "x y", "u0", "tab\tq\"\\", "true", "d1",       "User"};
    uint32_t count = sizeof(texts) / sizeof(texts[0]);
    return make_string(texts[mixed_pick(world, mixed_pick(world, 3) == 0 ? count : 3)]);
}

static struct mixed_value random_long(struct mixed_world *world)
{
    static const int64_t odd[] = {INT64_MAX, INT64_MIN, 1 << 29, -(1 << 29) - 1, 2147483648};
    return make_long(mixed_pick(world, 60) == 0 && !world->is_safe
                         ? odd[mixed_pick(world, 5)]
                         : (int64_t)mixed_pick(world, world->int_range) -
                               (mixed_pick(world, 6) == 0));
}

static struct mixed_value random_any(struct mixed_world *world)
{
    static const double floats[] = {0.5, 1.0, 2.0, -1.5};
    switch (mixed_pick(world, 8)) {
    case 0:
        return (struct mixed_value){.kind = MIXED_BOOL, .number = mixed_pick(world, 2)};
    case 1:
        return (struct mixed_value){.kind = MIXED_FLOAT, .floating = floats[mixed_pick(world, 4)]};
    case 2:
    case 3:
        return random_string(world);
    case 4:
        return make_entity(mixed_pick(world, MIXED_ENTITIES));
    default:
        return random_long(world);
    }
}

static struct mixed_value random_set(struct mixed_world *world, enum mixed_type of)
{
    struct mixed_value set = {.kind = MIXED_SET};
    struct mixed_value *items = RUNE_ARENA_ARRAY(&world->arena, struct mixed_value, 4);
    for (uint32_t i = mixed_pick(world, 4); i > 0 && items != NULL; i--) {
        set.items = items;
        items[set.count] = mixed_random_value(world, of);
        set.count += !mixed_has_item(&set, &items[set.count]);
    }
    return set;
}

struct mixed_value mixed_random_value(struct mixed_world *world, enum mixed_type type)
{
    struct mixed_value *items;
    switch (type) {
    case MIXED_T_USER:
        return make_entity(mixed_pick(world, MIXED_USERS));
    case MIXED_T_GROUP:
        return make_entity(MIXED_FIRST_GROUP + mixed_pick(world, MIXED_GROUPS));
    case MIXED_T_DOC:
        return make_entity(MIXED_FIRST_DOC + mixed_pick(world, MIXED_DOCS));
    case MIXED_T_ACTION:
        return make_entity(MIXED_FIRST_ACTION + mixed_pick(world, MIXED_ACTIONS));
    case MIXED_T_ENTITY:
        return make_entity(mixed_pick(world, MIXED_FIRST_ACTION));
    case MIXED_T_DECIMAL:
        return (struct mixed_value){.kind = MIXED_DECIMAL, .number = 5000 * mixed_pick(world, 5)};
    case MIXED_T_DURATION:
        return (struct mixed_value){.kind = MIXED_DURATION,
                                    .number = 21600000 * mixed_pick(world, 5)};
    case MIXED_T_IP:
        return (struct mixed_value){.kind = MIXED_IP, .number = mixed_pick(world, MIXED_IPS)};
    case MIXED_T_DATETIME: /* some before 1970 */
        return (struct mixed_value){.kind = MIXED_DATETIME,
                                    .number = 43200000 * ((int64_t)mixed_pick(world, 6) - 2)};
    case MIXED_T_INT:
        return random_long(world);
    case MIXED_T_STRING:
        return random_string(world);
    case MIXED_T_SET:
        return random_set(world, MIXED_T_STRING);
    case MIXED_T_RECORD:
        items = RUNE_ARENA_ARRAY(&world->arena, struct mixed_value, 2);
        if (items != NULL) {
            items[0] = make_long(mixed_pick(world, 5));
            items[1] = random_string(world);
        }
        return (struct mixed_value){
            .kind = MIXED_RECORD, .count = 1 + mixed_pick(world, 2), .items = items};
    default:
        return random_any(world);
    }
}

static struct mixed_value random_attr(struct mixed_world *world, enum mixed_attr attr)
{
    static const enum mixed_type types[MIXED_ATTRS] = {
        MIXED_T_INT,     MIXED_T_STRING,   MIXED_T_USER, MIXED_T_RECORD,   MIXED_T_SET,
        MIXED_T_DECIMAL, MIXED_T_DURATION, MIXED_T_IP,   MIXED_T_DATETIME, MIXED_T_INT};
    return attr == MIXED_EDITORS ? random_set(world, MIXED_T_USER)
                                 : mixed_random_value(world, types[attr]);
}

/* Whether entities of that type have the attribute. */
static bool is_of(int entity, enum mixed_attr attr)
{
    bool is_user = entity < MIXED_FIRST_GROUP;
    bool is_doc = entity >= MIXED_FIRST_DOC && entity < MIXED_FIRST_ACTION;
    bool is_users = attr == MIXED_NAME || attr == MIXED_INFO || attr == MIXED_AGE ||
                    attr == MIXED_ADDR || attr == MIXED_RANK;
    return is_users ? is_user : attr == MIXED_LEVEL ? is_user || is_doc : is_doc;
}

static void random_entity(struct mixed_world *world, int entity)
{
    struct mixed_data *data = &world->data;
    data->exists[entity] =
        strcmp(mixed_id_of(entity) + 1, "x") != 0 &&
        (entity < MIXED_FIRST_ACTION || world->has_schema || mixed_pick(world, 2) == 0);
    if (!data->exists[entity] || entity >= MIXED_FIRST_ACTION) {
        return;
    }
    for (int group = MIXED_FIRST_GROUP; group < MIXED_FIRST_DOC; group++) {
        bool is_group = entity >= MIXED_FIRST_GROUP && entity < MIXED_FIRST_DOC;
        data->parent[entity][group] =
            (is_group ? group > entity : true) && mixed_pick(world, 3) == 0;
    }
    for (enum mixed_attr attr = 0; attr < MIXED_ATTRS; attr++) {
        /* A stored rank would be at odds with a derived one. */
        bool may = is_of(entity, attr) && !(attr == MIXED_RANK && world->derives_rank);
        data->has[entity][attr] = may && mixed_pick(world, 4) > 0;
        if (data->has[entity][attr]) {
            data->attrs[entity][attr] = random_attr(world, attr);
        }
    }
    data->has_tag[entity] = entity < MIXED_FIRST_GROUP && mixed_pick(world, 2) == 0;
    if (data->has_tag[entity]) {
        data->tags[entity] = random_string(world);
    }
}

/* ---- facts ---- */

/* A text that an undeclared column of TSV or CSV would not read as a string. */
static bool looks_special(const char *text)
{
    return strcmp(text, "7") == 0 || strcmp(text, "true") == 0;
}

static bool fits_format(const struct mixed_relation *relation, uint32_t column,
                        const struct mixed_value *value)
{
    bool is_declared = relation->is_typed && relation->types[column] == MIXED_T_STRING;
    bool is_text = relation->format == MIXED_TSV || relation->format == MIXED_CSV;
    bool is_only_of_rules = value->kind == MIXED_FLOAT ||
                            (value->kind >= MIXED_DECIMAL && value->kind <= MIXED_DATETIME);
    if (is_only_of_rules) {
        return relation->format == MIXED_IN_RULES;
    }
    if (value->kind != MIXED_STRING) {
        return true;
    }
    return !is_text || ((relation->arity > 1 || value->text[0] != '\0') &&
                        (is_declared || !looks_special(value->text)));
}

static bool same_fact(const struct mixed_relation *relation, uint32_t fact)
{
    for (uint32_t f = 0; f < fact; f++) {
        uint32_t same = 0;
        while (same < relation->arity &&
               mixed_equal(&relation->facts[f].values[same], &relation->facts[fact].values[same])) {
            same++;
        }
        if (same == relation->arity) {
            return true;
        }
    }
    return false;
}

static void random_facts(struct mixed_world *world, struct mixed_relation *relation)
{
    bool are_many = mixed_pick(world, 8) == 0;
    uint32_t wanted = are_many                    ? MIXED_MAX_FACTS - 1
                      : mixed_pick(world, 8) == 0 ? 0
                                                  : 1 + mixed_pick(world, 10);
    for (uint32_t i = 0; i < wanted; i++) {
        bool fits = true;
        struct mixed_fact *fact = &relation->facts[relation->fact_count];
        for (uint32_t c = 0; c < relation->arity; c++) {
            fact->values[c] = mixed_random_value(world, relation->types[c]);
            fits = fits && fits_format(relation, c, &fact->values[c]);
        }
        relation->fact_count += fits && !same_fact(relation, relation->fact_count);
    }
}

/* ---- relations ---- */

static void set_relation(struct mixed_world *world, uint32_t number, const char *name,
                         const char *literal, const char *types)
{
    static const char letters[] = "ugdaisxrctpmeA"; /* ORDER: enum mixed_type */
    struct mixed_relation *relation = &world->relations[number];
    relation->name = name;
    relation->literal = literal;
    relation->arity = (uint32_t)strlen(types);
    for (uint32_t i = 0; i < relation->arity; i++) {
        relation->types[i] = (enum mixed_type)(strchr(letters, types[i]) - letters);
    }
}

static void set_builtins(struct mixed_world *world)
{
    static const char *const attr_types[MIXED_ATTRS] = {"ei", "us", "du", "ur", "dx", "dc",
                                                        "ut", "up", "dm", "ui", "dx"};
    set_relation(world, MIXED_PRINCIPAL, "principal", NULL, "u");
    set_relation(world, MIXED_ACTION, "action", NULL, "a");
    set_relation(world, MIXED_RESOURCE, "resource", NULL, "d");
    set_relation(world, MIXED_CONTEXT_N, "context", "n", "i");
    set_relation(world, MIXED_CONTEXT_TIER, "context", "tier", "i");
    set_relation(world, MIXED_EXISTS, "entity", NULL, "e");
    set_relation(world, MIXED_PARENT, "entity.parent", NULL, "eg");
    set_relation(world, MIXED_ID, "entity.id", NULL, "ess");
    for (uint32_t attr = 0; attr < MIXED_ATTRS; attr++) {
        set_relation(world, MIXED_ATTR + attr, "entity.attr", mixed_attr_names[attr],
                     attr_types[attr]);
    }
    set_relation(world, MIXED_ATTR_ANY, "entity.attr", NULL, "esA");
    set_relation(world, MIXED_TAG, "entity.tag", "k", "us");
    set_relation(world, MIXED_ELEMENT_LABELS, "entity.element", "labels", "ds");
    set_relation(world, MIXED_ELEMENT_EDITORS, "entity.element", "editors", "du");
    set_relation(world, MIXED_ELEMENT_ANY, "entity.element", NULL, "dsA");
    set_relation(world, MIXED_PERMIT, "permit", NULL, "uad");
    set_relation(world, MIXED_FORBID, "forbid", NULL, "uad");
}

static void random_relation(struct mixed_world *world, uint32_t number)
{
    static const char *const shapes[] = {"ug",  "gd",  "ui",  "ds",  "uu", "gg", "ugi", "ud",
                                         "i",   "s",   "ii",  "is",  "u",  "d",  "uu",  "gg",
                                         "uug", "udi", "ggi", "iii", "dp", "um", "tt"};
    char *name = rune_arena_alloc(&world->arena, 16);
    bool is_base = number < MIXED_DERIVED;
    uint32_t shape = mixed_pick(world, sizeof(shapes) / sizeof(shapes[0]));
    if (name == NULL) {
        return;
    }
    snprintf(name, 16, is_base ? "b%u" : "r.d%u", number - (is_base ? MIXED_BASE : MIXED_DERIVED));
    set_relation(world, number, name, NULL, shapes[shape]);
    struct mixed_relation *relation = &world->relations[number];
    if (!is_base && mixed_pick(world, 10) == 0) {
        relation->arity = 0;
    }
    for (uint32_t c = 0; c < relation->arity && !world->is_safe; c++) {
        if (mixed_pick(world, 8) == 0) {
            relation->types[c] = MIXED_T_ANY;
        }
    }
    relation->is_typed = mixed_pick(world, 2) == 0;
    relation->format =
        is_base ? (enum mixed_format)mixed_pick(world, MIXED_FORMATS) : MIXED_IN_RULES;
    if (is_base || mixed_pick(world, 6) == 0) {
        random_facts(world, relation);
        relation->fact_count = is_base || relation->fact_count < 2 ? relation->fact_count : 2;
    }
}

/* Relations in the order in which they may read each other. */
static void set_ranks(struct mixed_world *world)
{
    struct mixed_relation *relations = world->relations;
    /* Some relations of ours, then one that data or decisions get, and so on. */
    for (uint32_t d = 0; d < MIXED_DERIVEDS; d++) {
        relations[MIXED_DERIVED + d].rank =
            1 + 2 * (mixed_pick(world, 3) > 0 ? d / 2 : mixed_pick(world, MIXED_DERIVEDS / 2));
    }
    relations[MIXED_PARENT].rank = world->derives_parents ? 2 : 0;
    relations[MIXED_ATTR + MIXED_RANK].rank = world->derives_rank ? 4 : 0;
    relations[MIXED_ELEMENT_EDITORS].rank = world->derives_editors ? MIXED_RANK_OF_ENTITY_DATA : 0;
    relations[MIXED_ATTR + MIXED_EDITORS].rank = MIXED_RANK_OF_ENTITY_DATA;
    relations[MIXED_EXISTS].rank = MIXED_RANK_OF_ENTITY_DATA;
    /* No variable name where context is derived from. */
    relations[MIXED_ATTR_ANY].rank = relations[MIXED_ELEMENT_ANY].rank =
        world->derives_tier ? 10 : MIXED_RANK_OF_ENTITY_DATA;
    /* What depends on the request comes last. */
    for (uint32_t r = 0; r <= MIXED_CONTEXT_TIER; r++) {
        relations[r].rank = 8;
    }
    relations[MIXED_CONTEXT_TIER].rank = world->derives_tier ? 10 : 8;
    relations[MIXED_PERMIT].rank = relations[MIXED_FORBID].rank = 12;
}

/* ---- policies ---- */

static void random_policy(struct mixed_world *world, struct mixed_policy *policy)
{
    *policy = (struct mixed_policy){
        .is_forbid = mixed_pick(world, 4) == 0,
        .action = mixed_pick(world, 2) == 0 ? MIXED_FIRST_ACTION + (int)mixed_pick(world, 2) : -1,
        .principal = mixed_pick(world, 6) == 0 ? (int)mixed_pick(world, MIXED_USERS) : -1,
        .resource =
            mixed_pick(world, 6) == 0 ? MIXED_FIRST_DOC + (int)mixed_pick(world, MIXED_DOCS) : -1,
        .group = -1,
        .cond_count = mixed_pick(world, MIXED_MAX_CONDS + 1),
    };
    if (policy->principal < 0 && mixed_pick(world, 6) == 0) {
        policy->group = MIXED_FIRST_GROUP + (int)mixed_pick(world, MIXED_GROUPS);
    }
    policy->is_linked = (policy->principal >= 0 || policy->group >= 0 || policy->resource >= 0) &&
                        mixed_pick(world, 2) == 0;
    for (uint32_t i = 0; i < policy->cond_count; i++) {
        policy->conds[i].question = (enum mixed_question)mixed_pick(world, MIXED_QUESTIONS);
        policy->conds[i].k = (int)mixed_pick(world, MIXED_GROUPS);
        policy->conds[i].is_negated = mixed_pick(world, 4) == 0;
        policy->conds[i].is_or = mixed_pick(world, 2) == 0;
    }
}

/* ---- requests ---- */

static void random_brought(struct mixed_world *world, const struct mixed_request *request,
                           struct mixed_brought *brought)
{
    *brought = (struct mixed_brought){.parent = -1, .is_property = mixed_pick(world, 2) == 0};
    if (brought->is_property) {
        brought->entity = mixed_pick(world, 2) == 0 ? request->principal : request->resource;
    } else {
        do {
            brought->entity = (int)mixed_pick(world, MIXED_FIRST_ACTION);
        } while (world->has_schema && !world->data.exists[brought->entity]);
        if (mixed_pick(world, 2) == 0) {
            bool is_group =
                brought->entity >= MIXED_FIRST_GROUP && brought->entity < MIXED_FIRST_DOC;
            int parent = MIXED_FIRST_GROUP + (int)mixed_pick(world, MIXED_GROUPS);
            brought->parent = is_group && parent <= brought->entity ? -1 : parent;
        }
    }
    for (enum mixed_attr attr = 0; attr < MIXED_ATTRS; attr++) {
        brought->has[attr] = is_of(brought->entity, attr) && mixed_pick(world, 4) == 0;
        if (brought->has[attr]) {
            brought->attrs[attr] = random_attr(world, attr);
        }
    }
    brought->has_tag =
        !brought->is_property && brought->entity < MIXED_FIRST_GROUP && mixed_pick(world, 4) == 0;
    if (brought->has_tag) {
        brought->tag = random_string(world);
    }
}

void mixed_random_request(struct mixed_world *world, struct mixed_request *ret_request)
{
    *ret_request = (struct mixed_request){
        .principal = (int)mixed_pick(world, MIXED_USERS),
        .action = MIXED_FIRST_ACTION + (int)mixed_pick(world, MIXED_ACTIONS),
        .resource = MIXED_FIRST_DOC + (int)mixed_pick(world, MIXED_DOCS),
        .has_n = mixed_pick(world, 3) > 0,
        .has_tier = !world->derives_tier && mixed_pick(world, 2) == 0,
        .n = make_long(mixed_pick(world, 4)),
        .tier = make_long(mixed_pick(world, 4)),
    };
    if (!world->has_schema && mixed_pick(world, 6) == 0) {
        do {
            ret_request->n = random_any(world);
        } while (ret_request->n.kind == MIXED_FLOAT);
    }
    if (!world->has_schema && mixed_pick(world, 12) == 0) {
        ret_request->resource = (int)mixed_pick(world, MIXED_FIRST_DOC);
    }
    for (uint32_t i = mixed_pick(world, 3) == 0 ? 1 + mixed_pick(world, MIXED_MAX_BROUGHT) : 0;
         i > 0; i--) {
        struct mixed_brought *brought = &ret_request->brought[ret_request->brought_count];
        random_brought(world, ret_request, brought);
        bool is_twice = false;
        for (uint32_t b = 0; b < ret_request->brought_count; b++) {
            is_twice = is_twice || ret_request->brought[b].entity == brought->entity;
        }
        ret_request->brought_count += !is_twice;
    }
}

/* ---- worlds ---- */

void mixed_random_world(struct mixed_world *world, uint64_t seed)
{
    memset(world, 0, sizeof(*world));
    rune_arena_init(&world->arena, 0);
    world->state = seed * UINT64_C(0x9e3779b97f4a7c15) + 3;
    world->has_schema = mixed_pick(world, 2) == 0;
    world->is_strict = mixed_pick(world, 4) == 0;
    world->int_range = mixed_pick(world, 3) == 0 ? 40 : 5;
    world->derives_parents = mixed_pick(world, 3) == 0;
    world->derives_rank = mixed_pick(world, 3) == 0;
    world->derives_editors = mixed_pick(world, 2) == 0;
    world->derives_tier = mixed_pick(world, 2) == 0;
    world->is_safe = world->derives_parents || world->derives_rank || world->derives_editors;
    set_builtins(world);
    set_ranks(world);
    for (int entity = 0; entity < MIXED_ENTITIES; entity++) {
        random_entity(world, entity);
    }
    for (uint32_t r = MIXED_BASE; r < MIXED_RELATIONS; r++) {
        random_relation(world, r);
    }
    for (uint32_t i = mixed_pick(world, MIXED_MAX_POLICIES + 1); i > 0; i--) {
        random_policy(world, &world->policies[world->policy_count++]);
    }
    mixed_random_rules(world);
}

void mixed_world_fini(struct mixed_world *world)
{
    rune_arena_fini(&world->arena);
}
