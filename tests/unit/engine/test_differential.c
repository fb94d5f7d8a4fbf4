/* SPDX-License-Identifier: Apache-2.0 */
/* Random bundles of policies, rules, facts and entities, and random requests, some with parents of
 * their own, against an evaluator that asks every policy and rule with nothing but loops: outcome
 * and reasons must agree, byte for byte. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

enum {
    USERS = 5,
    GROUPS = 4,
    DOCS = 5,
    FOLDERS = 3,
    ACTIONS = 3,
    FLAGS = 2,
    MAX_POLICIES = 14,
    MAX_RULES = 5
};
enum {
    FIRST_GROUP = USERS,
    FIRST_DOC = FIRST_GROUP + GROUPS,
    FIRST_FOLDER = FIRST_DOC + DOCS,
    ENTITIES = FIRST_FOLDER + FOLDERS
};

enum scope { ANY, EQ, IN, IS, IS_IN, SCOPE_COUNT };

struct policy {
    bool is_forbid;
    enum scope principal, resource;
    int principal_entity, resource_entity;
    unsigned actions; /* bits; 0: any */
    int flag;         /* context.bN must hold; -1: no condition */
};

struct rule {
    bool is_forbid;
    bool pairs[USERS][DOCS];
    bool spares_banned; /* not ban(P) */
    int action;         /* -1: any */
};

struct world {
    bool parent[ENTITIES][ENTITIES];
    struct policy policies[MAX_POLICIES];
    int policy_count;
    struct rule rules[MAX_RULES];
    int rule_count;
    bool banned[USERS];
};

struct query {
    int principal, action, resource;
    bool flags[FLAGS];
    int child, extra_parent; /* of the request; child -1: none */
};

static unsigned pick(unsigned below)
{
    return (unsigned)rand() % below;
}

static const char *type_of(int entity)
{
    return entity < FIRST_GROUP    ? "User"
           : entity < FIRST_DOC    ? "Group"
           : entity < FIRST_FOLDER ? "Doc"
                                   : "Folder";
}

/* ---- worlds ---- */

static void make_policy(struct policy *policy)
{
    *policy = (struct policy){
        .is_forbid = pick(4) == 0,
        .principal = (enum scope)pick(SCOPE_COUNT),
        .resource = (enum scope)pick(SCOPE_COUNT),
        .actions = pick(3) == 0 ? 0 : 1 + pick((1u << ACTIONS) - 1),
        .flag = (int)pick(FLAGS + 2) - 2,
    };
    policy->principal_entity =
        policy->principal == EQ ? (int)pick(USERS) : FIRST_GROUP + (int)pick(GROUPS);
    policy->resource_entity =
        policy->resource == EQ ? FIRST_DOC + (int)pick(DOCS) : FIRST_FOLDER + (int)pick(FOLDERS);
    if (policy->flag < 0) {
        policy->flag = -1;
    }
}

static void make_world(struct world *world)
{
    memset(world, 0, sizeof(*world));
    for (int child = 0; child < ENTITIES; child++) {
        bool principal_side = child < FIRST_DOC;
        int first = principal_side ? FIRST_GROUP : FIRST_FOLDER;
        int end = principal_side ? FIRST_DOC : ENTITIES;
        for (int parent = child < first ? first : child + 1; parent < end; parent++) {
            world->parent[child][parent] = pick(4) == 0; /* later ones only: no cycle */
        }
    }
    world->policy_count = (int)pick(MAX_POLICIES + 1);
    for (int i = 0; i < world->policy_count; i++) {
        make_policy(&world->policies[i]);
    }
    world->rule_count = (int)pick(MAX_RULES + 1);
    for (int i = 0; i < world->rule_count; i++) {
        struct rule *rule = &world->rules[i];
        rule->is_forbid = pick(3) == 0;
        rule->spares_banned = pick(2) == 0;
        rule->action = (int)pick(ACTIONS + 1) - 1;
        for (int pair = 0; pair < USERS * DOCS; pair++) {
            rule->pairs[pair / DOCS][pair % DOCS] = pick(5) == 0;
        }
    }
    for (int user = 0; user < USERS; user++) {
        world->banned[user] = pick(4) == 0;
    }
}

/* ---- a world as a bundle ---- */

static size_t put_uid(char *out, int entity)
{
    return (size_t)sprintf(out, "%s::\"%d\"", type_of(entity), entity);
}

static size_t put_scope(char *out, const char *name, enum scope scope, int entity, const char *type)
{
    size_t at = (size_t)sprintf(out, "%s", name);
    if (scope == IS || scope == IS_IN) {
        at += (size_t)sprintf(out + at, " is %s", type);
    }
    if (scope == EQ || scope == IN || scope == IS_IN) {
        at += (size_t)sprintf(out + at, scope == EQ ? " == " : " in ");
        at += put_uid(out + at, entity);
    }
    return at;
}

static size_t put_policy(char *out, const struct policy *policy, int number)
{
    size_t at =
        (size_t)sprintf(out, "@id(\"p%02d\") %s(", number, policy->is_forbid ? "forbid" : "permit");
    at += put_scope(out + at, "principal", policy->principal, policy->principal_entity, "User");
    at += (size_t)sprintf(out + at, ", action");
    const char *between = " in [";
    for (int action = 0; action < ACTIONS; action++) {
        if ((policy->actions >> action & 1) != 0) {
            at += (size_t)sprintf(out + at, "%sAction::\"a%d\"", between, action);
            between = ", ";
        }
    }
    at += (size_t)sprintf(out + at, policy->actions != 0 ? "], " : ", ");
    at += put_scope(out + at, "resource", policy->resource, policy->resource_entity, "Doc");
    at += (size_t)sprintf(out + at, ")");
    if (policy->flag >= 0) {
        at += (size_t)sprintf(out + at, " when { context.b%d }", policy->flag);
    }
    return at + (size_t)sprintf(out + at, ";\n");
}

static size_t put_rule(char *out, const struct rule *rule, int number)
{
    size_t at = (size_t)sprintf(
        out, "@id(\"r%02d\") %s(P, A, R) :- principal(P), action(A), resource(R), rel%d(P, R)",
        number, rule->is_forbid ? "forbid" : "permit", number);
    if (rule->spares_banned) {
        at += (size_t)sprintf(out + at, ", not ban(P)");
    }
    if (rule->action >= 0) {
        at += (size_t)sprintf(out + at, ", A = Action::\"a%d\"", rule->action);
    }
    at += (size_t)sprintf(out + at, ".\nrel%d(User::\"none\", Doc::\"none\").\n", number);
    for (int pair = 0; pair < USERS * DOCS; pair++) {
        if (rule->pairs[pair / DOCS][pair % DOCS]) {
            at += (size_t)sprintf(out + at, "rel%d(User::\"%d\", Doc::\"%d\").\n", number,
                                  pair / DOCS, FIRST_DOC + pair % DOCS);
        }
    }
    return at;
}

static void open_world(const struct world *world, struct fixture *fixture)
{
    static char policies[65536], rules[65536], entities[65536];
    size_t at = 0;
    policies[0] = '\0';
    for (int i = 0; i < world->policy_count; i++) {
        at += put_policy(policies + at, &world->policies[i], i);
    }
    at = (size_t)sprintf(rules, "ban(User::\"none\").\n");
    for (int user = 0; user < USERS; user++) {
        at += world->banned[user] ? (size_t)sprintf(rules + at, "ban(User::\"%d\").\n", user) : 0;
    }
    for (int i = 0; i < world->rule_count; i++) {
        at += put_rule(rules + at, &world->rules[i], i);
    }
    at = (size_t)sprintf(entities, "[");
    for (int child = 0; child < ENTITIES; child++) {
        at += (size_t)sprintf(
            entities + at, "%s{\"uid\":{\"type\":\"%s\",\"id\":\"%d\"},\"attrs\":{},\"parents\":[",
            child > 0 ? "," : "", type_of(child), child);
        const char *between = "";
        for (int parent = 0; parent < ENTITIES; parent++) {
            if (world->parent[child][parent]) {
                at += (size_t)sprintf(entities + at, "%s{\"type\":\"%s\",\"id\":\"%d\"}", between,
                                      type_of(parent), parent);
                between = ",";
            }
        }
        at += (size_t)sprintf(entities + at, "]}");
    }
    sprintf(entities + at, "]");
    const struct fixture_file files[] = {
        {"p.cedar", policies}, {"r.dl", rules}, {"e.entities.json", entities}};
    fixture_open(fixture, FIXTURE_FILES(files));
}

/* ---- the obvious evaluator ---- */

static bool is_in(const struct world *world, const struct query *query, int entity, int ancestor)
{
    if (entity == ancestor) {
        return true;
    }
    for (int parent = 0; parent < ENTITIES; parent++) {
        bool direct = world->parent[entity][parent] ||
                      (query->child == entity && query->extra_parent == parent);
        if (direct && is_in(world, query, parent, ancestor)) {
            return true;
        }
    }
    return false;
}

static bool scope_holds(const struct world *world, const struct query *query, enum scope scope,
                        int entity, int wanted, bool is_type)
{
    switch (scope) {
    case ANY:
        return true;
    case EQ:
        return entity == wanted;
    case IN:
        return is_in(world, query, entity, wanted);
    case IS:
        return is_type;
    default:
        return is_type && is_in(world, query, entity, wanted);
    }
}

static bool policy_holds(const struct world *world, const struct query *query,
                         const struct policy *policy)
{
    return scope_holds(world, query, policy->principal, query->principal, policy->principal_entity,
                       query->principal < USERS) &&
           scope_holds(world, query, policy->resource, query->resource, policy->resource_entity,
                       query->resource >= FIRST_DOC && query->resource < FIRST_FOLDER) &&
           (policy->actions == 0 || (policy->actions >> query->action & 1) != 0) &&
           (policy->flag < 0 || query->flags[policy->flag]);
}

static bool rule_holds(const struct world *world, const struct query *query,
                       const struct rule *rule)
{
    return query->principal < USERS && query->resource >= FIRST_DOC &&
           query->resource < FIRST_FOLDER &&
           rule->pairs[query->principal][query->resource - FIRST_DOC] &&
           !(rule->spares_banned && world->banned[query->principal]) &&
           (rule->action < 0 || rule->action == query->action);
}

static void naive(const struct world *world, const struct query *query, char *out)
{
    bool forbidden = false;
    bool permitted = false;
    for (int pass = 0; pass < 2; pass++) {
        const char *between = "";
        size_t at = 0;
        if (pass == 1) {
            at = (size_t)sprintf(out, "{\"decision\":\"%s\",\"reasons\":[",
                                 forbidden   ? "FORBID"
                                 : permitted ? "PERMIT"
                                             : "DENY");
        }
        for (int i = 0; i < world->policy_count + world->rule_count; i++) {
            bool is_policy = i < world->policy_count;
            int number = is_policy ? i : i - world->policy_count;
            bool is_forbid =
                is_policy ? world->policies[number].is_forbid : world->rules[number].is_forbid;
            bool holds = is_policy ? policy_holds(world, query, &world->policies[number])
                                   : rule_holds(world, query, &world->rules[number]);
            if (pass == 0) {
                forbidden = forbidden || (holds && is_forbid);
                permitted = permitted || (holds && !is_forbid);
            } else if (holds && is_forbid == forbidden) {
                at += (size_t)sprintf(out + at, "%s\"%c%02d\"", between, is_policy ? 'p' : 'r',
                                      number);
                between = ",";
            }
        }
        if (pass == 1) {
            sprintf(out + at, "],\"generation\":1}");
        }
    }
}

/* ---- both ---- */

static struct query make_query(void)
{
    struct query query = {
        .principal = (int)pick(FIRST_DOC),
        .action = (int)pick(ACTIONS),
        .resource = FIRST_DOC + (int)pick(DOCS + FOLDERS),
        .flags = {pick(2) == 0, pick(2) == 0},
        .child = -1,
    };
    if (pick(3) == 0) {
        /* To a later entity of the same side: no cycle. */
        query.child = (int)pick(FIRST_DOC - 1);
        int first = query.child < FIRST_GROUP ? FIRST_GROUP : query.child + 1;
        query.extra_parent = first + (int)pick((unsigned)(FIRST_DOC - first));
    }
    return query;
}

static void put_query(const struct query *query, char *out)
{
    size_t at = (size_t)sprintf(
        out,
        "{\"principal\":{\"type\":\"%s\",\"id\":\"%d\"},\"action\":\"Action::\\\"a%d\\\"\","
        "\"resource\":\"%s:%d\",\"context\":{\"b0\":%s,\"b1\":%s}",
        type_of(query->principal), query->principal, query->action, type_of(query->resource),
        query->resource, query->flags[0] ? "true" : "false", query->flags[1] ? "true" : "false");
    if (query->child >= 0) {
        at += (size_t)sprintf(
            out + at,
            ",\"entities\":[{\"uid\":{\"type\":\"%s\",\"id\":\"%d\"},\"attrs\":{},"
            "\"parents\":[{\"type\":\"%s\",\"id\":\"%d\"}]}]",
            type_of(query->child), query->child, type_of(query->extra_parent), query->extra_parent);
    }
    sprintf(out + at, "}");
}

static void test_decide__agrees_with_the_obvious_evaluator(void **state)
{
    (void)state;
    unsigned permits = 0, forbids = 0;
    for (unsigned seed = 1; seed <= 120; seed++) {
        struct world world;
        struct fixture fixture;
        srand(seed);
        make_world(&world);
        open_world(&world, &fixture);
        for (int i = 0; i < 200; i++) {
            char body[1024], want[1024];
            struct rune_answer answer;
            struct query query = make_query();
            put_query(&query, body);
            naive(&world, &query, want);
            rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(body),
                                   RUNE_ANSWER_PLAIN, &answer);
            if (!rune_str_equal(answer.body, rune_str_from(want))) {
                fail_msg("seed %u: %s\nwanted %s\ngot    %.*s", seed, body, want,
                         RUNE_STR_ARG(answer.body));
            }
            permits += answer.stats.outcomes[RUNE_PERMIT];
            forbids += answer.stats.outcomes[RUNE_FORBID];
        }
        fixture_close(&fixture);
    }
    assert_true(permits > 1000 && forbids > 1000); /* the worlds are not trivial */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decide__agrees_with_the_obvious_evaluator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
