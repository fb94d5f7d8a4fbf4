/* SPDX-License-Identifier: Apache-2.0 */
/* Policies and rules that feed each other, over random entities and facts: derived parents, sets,
 * attributes and context, recursion, negation and aggregates, read by policies and by rules, with
 * requests that bring parents. Decision, reasons and the ids of errors must be those of an
 * evaluator that is made of loops over all entities.
 *
 * RUNE_TEST_SEED=N begins with another seed, RUNE_TEST_ROUNDS=N makes so many worlds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "reference/rounds.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

enum {
    ROUNDS = 120, /* worlds of the ordinary test */
    REQUESTS = 150,
    USERS = 5,
    GROUPS = 4,
    DOCS = 4,
    FIRST_GROUP = USERS,
    FIRST_DOC = FIRST_GROUP + GROUPS,
    ENTITIES = FIRST_DOC + DOCS,
    ACTIONS = 3,
    SCORES = 4,
    MAX_ITEMS = 8, /* policies; rules */
    NONE = INT32_MIN,
};

/* What a policy or a rule asks; the texts are below. */
enum question {
    EDITS,          /* resource.editors.contains(principal) */
    EDITS_GUARDED,  /* the same, if there is such a set */
    EDITS_ALL,      /* the set has the principal and User 0 */
    EDITS_AS_VALUE, /* uses the set as a value: it must be built */
    LEVEL,          /* principal.level >= k */
    MEMBER,         /* principal in Group k */
    TIER,           /* context.tier > k */
    POLICY_QUESTIONS,
    REACHES = POLICY_QUESTIONS, /* a recursion over members and grants */
    GRANTED,                    /* principal in a group that is granted the resource */
    LEVEL_UNBLOCKED,            /* level >= k, and not blocked */
    MANY_EDITORS,               /* more than k editors */
    BLOCKED_OR_SCORED,
    QUESTIONS,
};

struct item {
    enum question question;
    bool is_forbid, is_unless;
    int action; /* -1: any */
    int k;
};

struct world {
    bool parent[ENTITIES][ENTITIES];
    bool member[USERS][GROUPS], grant[GROUPS][DOCS], blocked[USERS], score[USERS][SCORES];
    bool has_set[DOCS], in_set[DOCS][USERS];
    bool derives_parents, derives_tier;
    int editors, level; /* which rules derive them; 0: none */
    struct item policies[MAX_ITEMS], rules[MAX_ITEMS];
    int policy_count, rule_count;
    /* What follows: with derived data, without a request. */
    bool has_editors[DOCS], edits[DOCS][USERS], reaches[USERS][DOCS];
    int levels[USERS];
};

struct query {
    int principal, action, resource;
    int child, extra_parent; /* of the request; child -1: none */
};

static unsigned pick(unsigned below)
{
    return (unsigned)rand() % below;
}

static const char *type_of(int entity)
{
    return entity < FIRST_GROUP ? "User" : entity < FIRST_DOC ? "Group" : "Doc";
}

/* ---- worlds ---- */

static void make_item(struct item *item, bool is_policy)
{
    *item = (struct item){
        .question = (enum question)pick(is_policy ? POLICY_QUESTIONS : QUESTIONS),
        .is_forbid = pick(4) == 0,
        .is_unless = is_policy && pick(4) == 0,
        .action = (int)pick(ACTIONS + 2) - 2,
        .k = (int)pick(GROUPS),
    };
    item->action = item->action < 0 ? -1 : item->action;
    if (is_policy && item->question == EDITS_AS_VALUE && pick(3) > 0) {
        item->question = EDITS; /* seldom, so that sets are mostly only probed */
    }
    if (!is_policy && item->question <= EDITS_AS_VALUE) {
        item->question = EDITS;
    }
}

static void make_world(struct world *world)
{
    memset(world, 0, sizeof(*world));
    for (int i = 0; i < USERS * GROUPS; i++) {
        world->member[i / GROUPS][i % GROUPS] = pick(4) == 0;
        world->parent[i / GROUPS][FIRST_GROUP + i % GROUPS] = pick(6) == 0;
    }
    for (int i = 0; i < GROUPS * GROUPS; i++) {
        /* To later groups only: no cycle. */
        world->parent[FIRST_GROUP + i / GROUPS][FIRST_GROUP + i % GROUPS] =
            i % GROUPS > i / GROUPS && pick(3) == 0;
    }
    for (int i = 0; i < GROUPS * DOCS; i++) {
        world->grant[i / DOCS][i % DOCS] = pick(3) == 0;
    }
    for (int user = 0; user < USERS; user++) {
        world->blocked[user] = pick(4) == 0;
        for (int score = 0; score < SCORES; score++) {
            world->score[user][score] = pick(4) == 0;
        }
    }
    for (int doc = 0; doc < DOCS; doc++) {
        world->has_set[doc] = pick(3) == 0;
        for (int user = 0; user < USERS; user++) {
            world->in_set[doc][user] = world->has_set[doc] && pick(3) == 0;
        }
    }
    world->derives_parents = pick(2) == 0;
    world->derives_tier = pick(2) == 0;
    world->editors = (int)pick(4);
    world->level = (int)pick(4);
    world->policy_count = 1 + (int)pick(MAX_ITEMS);
    world->rule_count = (int)pick(MAX_ITEMS);
    for (int i = 0; i < MAX_ITEMS; i++) {
        make_item(&world->policies[i], true);
        make_item(&world->rules[i], false);
    }
}

/* ---- a world as a bundle ---- */

static void put_policy(struct rune_buf *out, const struct item *item, int number)
{
    static const char *const questions[POLICY_QUESTIONS] = {
        [EDITS] = "resource.editors.contains(principal)",
        [EDITS_GUARDED] = "resource has editors && resource.editors.contains(principal)",
        [EDITS_ALL] = ("resource has editors && "
                       "resource.editors.containsAll([principal, User::\"0\"])"),
        [EDITS_AS_VALUE] = "resource.editors == [principal]",
        [LEVEL] = "principal has level && principal.level >= ",
        [MEMBER] = "principal in Group::",
        [TIER] = "context has tier && context.tier > ",
    };
    rune_buf_printf(out, "@id(\"p%02d\") %s(principal, action", number,
                    item->is_forbid ? "forbid" : "permit");
    if (item->action >= 0) {
        rune_buf_printf(out, " == Action::\"a%d\"", item->action);
    }
    rune_buf_printf(out, ", resource) %s { %s", item->is_unless ? "unless" : "when",
                    questions[item->question]);
    if (item->question == MEMBER) {
        rune_buf_printf(out, "\"%d\"", FIRST_GROUP + item->k);
    } else if (item->question == LEVEL || item->question == TIER) {
        rune_buf_printf(out, "%d", item->k);
    }
    rune_buf_append_cstr(out, " };\n");
}

static void put_rule(struct rune_buf *out, const struct item *item, int number)
{
    rune_buf_printf(out, "@id(\"r%02d\") %s(P, A, R) :- ", number,
                    item->is_forbid ? "forbid" : "permit");
    switch (item->question) {
    case LEVEL:
        rune_buf_printf(out, "entity.attr(P, \"level\", N), N >= %d, ", item->k);
        break;
    case LEVEL_UNBLOCKED:
        rune_buf_printf(out, "not blocked(P), entity.attr(P, \"level\", N), %d <= N, ", item->k);
        break;
    case MEMBER:
        rune_buf_printf(out, "P in Group::\"%d\", ", FIRST_GROUP + item->k);
        break;
    case TIER:
        rune_buf_printf(out, "context(\"tier\", N), N > %d, ", item->k);
        break;
    case REACHES:
        rune_buf_append_cstr(out, "reaches(P, R), ");
        break;
    case GRANTED:
        rune_buf_append_cstr(out, "grant(G, R), P in G, P is User, ");
        break;
    case MANY_EDITORS:
        rune_buf_printf(out, "N = count { entity.element(R, \"editors\", _) }, N > %d, ", item->k);
        break;
    case BLOCKED_OR_SCORED:
        rune_buf_printf(out, "( blocked(P) ; score(P, %d) ), ", item->k);
        break;
    default:
        rune_buf_append_cstr(out, "entity.element(R, \"editors\", P), ");
        break;
    }
    if (item->action >= 0) {
        rune_buf_printf(out, "A = Action::\"a%d\", ", item->action);
    }
    rune_buf_append_cstr(out, "principal(P), action(A), resource(R).\n");
}

static void put_derivations(struct rune_buf *out, const struct world *world)
{
    static const char *const editors[] = {
        "", "entity.element(D, \"editors\", U) :- grant(G, D), member(U, G).\n",
        "entity.element(D, \"editors\", U) :- U in G, grant(G, D), U is User, user(U).\n",
        ("entity.element(D, \"editors\", U) :- user(U), doc(D), not blocked(U), grant(G, D), "
         "not member(U, G).\n")};
    static const char *const levels[] = {
        "", "entity.attr(U, \"level\", N) :- user(U), N = count { member(U, _) }.\n",
        "entity.attr(U, \"level\", N) :- user(U), N = max { S : score(U, S) }.\n",
        "entity.attr(U, \"level\", N) :- N = sum { S * 2 - 1 : score(U, S), S != 2 }, user(U).\n"};
    rune_buf_append_cstr(out, editors[world->editors]);
    rune_buf_append_cstr(out, levels[world->level]);
    if (world->derives_parents) {
        rune_buf_append_cstr(out, "entity.parent(U, G) :- member(U, G).\n");
    }
    if (world->derives_tier) {
        rune_buf_append_cstr(out, "context(\"tier\", N) :- principal(P), score(P, N), N > 0.\n");
    }
    rune_buf_append_cstr(out, "reaches(U, D) :- member(U, G), holds(G, D).\n"
                              "holds(G, D) :- grant(G, D).\n"
                              "holds(G, D) :- entity.parent(G, H), holds(H, D), H is Group.\n"
                              "holds(G, D) :- reaches(U, D), member(U, G), blocked(U).\n");
}

static void put_facts(struct rune_buf *out, const struct world *world)
{
    rune_buf_append_cstr(out, "blocked(User::\"none\"). score(User::\"none\", 9).\n"
                              "member(User::\"none\", Group::\"none\").\n"
                              "grant(Group::\"none\", Doc::\"none\").\n");
    for (int user = 0; user < USERS; user++) {
        rune_buf_printf(out, "user(User::\"%d\").\n", user);
        if (world->blocked[user]) {
            rune_buf_printf(out, "blocked(User::\"%d\").\n", user);
        }
        for (int i = 0; i < GROUPS; i++) {
            if (world->member[user][i]) {
                rune_buf_printf(out, "member(User::\"%d\", Group::\"%d\").\n", user,
                                FIRST_GROUP + i);
            }
        }
        for (int i = 0; i < SCORES; i++) {
            if (world->score[user][i]) {
                rune_buf_printf(out, "score(User::\"%d\", %d).\n", user, i);
            }
        }
    }
    for (int i = 0; i < GROUPS * DOCS; i++) {
        if (world->grant[i / DOCS][i % DOCS]) {
            rune_buf_printf(out, "grant(Group::\"%d\", Doc::\"%d\").\n", FIRST_GROUP + i / DOCS,
                            FIRST_DOC + i % DOCS);
        }
    }
    for (int doc = FIRST_DOC; doc < ENTITIES; doc++) {
        rune_buf_printf(out, "doc(Doc::\"%d\").\n", doc);
    }
}

static void put_uid(struct rune_buf *out, const char **between, int entity)
{
    rune_buf_printf(out, "%s{\"type\":\"%s\",\"id\":\"%d\"}", *between, type_of(entity), entity);
    *between = ",";
}

static void put_entities(struct rune_buf *out, const struct world *world)
{
    for (int entity = 0; entity < ENTITIES; entity++) {
        const char *between = "";
        rune_buf_append_cstr(out, entity > 0 ? ",{\"uid\":" : "[{\"uid\":");
        put_uid(out, &between, entity);
        rune_buf_append_cstr(out, ",\"attrs\":{");
        if (entity >= FIRST_DOC && world->has_set[entity - FIRST_DOC]) {
            rune_buf_append_cstr(out, "\"editors\":[");
            between = "";
            for (int user = 0; user < USERS; user++) {
                if (world->in_set[entity - FIRST_DOC][user]) {
                    rune_buf_printf(out, "%s{\"__entity\":", between);
                    between = "";
                    put_uid(out, &between, user);
                    rune_buf_append_cstr(out, "}");
                }
            }
            rune_buf_append_cstr(out, "]");
        }
        rune_buf_append_cstr(out, "},\"parents\":[");
        between = "";
        for (int parent = 0; parent < ENTITIES; parent++) {
            if (world->parent[entity][parent]) {
                put_uid(out, &between, parent);
            }
        }
        rune_buf_append_cstr(out, "]}");
    }
    rune_buf_append_cstr(out, "]");
}

static void open_world(const struct world *world, struct fixture *fixture, struct rune_buf *rules,
                       struct rune_buf *policies)
{
    struct rune_buf entities = RUNE_BUF_INIT;
    for (int i = 0; i < world->policy_count; i++) {
        put_policy(policies, &world->policies[i], i);
    }
    put_facts(rules, world);
    put_derivations(rules, world);
    for (int i = 0; i < world->rule_count; i++) {
        put_rule(rules, &world->rules[i], i);
    }
    put_entities(&entities, world);
    const struct fixture_file files[] = {{"p.cedar", rune_buf_cstr(policies)},
                                         {"r.dl", rune_buf_cstr(rules)},
                                         {"e.entities.json", rune_buf_cstr(&entities)}};
    fixture_open(fixture, FIXTURE_FILES(files));
    rune_buf_fini(&entities);
}

/* ---- the obvious evaluator ---- */

static bool is_in(const struct world *world, const struct query *query, int entity, int ancestor)
{
    if (entity == ancestor) {
        return true;
    }
    for (int parent = FIRST_GROUP; parent < FIRST_DOC; parent++) {
        bool derived =
            world->derives_parents && entity < USERS && world->member[entity][parent - FIRST_GROUP];
        bool brought = query != NULL && query->child == entity && query->extra_parent == parent;
        if ((world->parent[entity][parent] || derived || brought) &&
            is_in(world, query, parent, ancestor)) {
            return true;
        }
    }
    return false;
}

static bool derives_editor(const struct world *world, int doc, int user)
{
    for (int group = 0; group < GROUPS; group++) {
        bool member = world->member[user][group];
        bool holds = world->editors == 1   ? member
                     : world->editors == 2 ? is_in(world, NULL, user, FIRST_GROUP + group)
                     : world->editors == 3 ? !member && !world->blocked[user]
                                           : false;
        if (world->grant[group][doc] && holds) {
            return true;
        }
    }
    return false;
}

static void derive_reaches(struct world *world)
{
    bool holds[GROUPS][DOCS];
    memcpy(holds, world->grant, sizeof(holds));
    for (int turn = 0; turn < GROUPS * DOCS * USERS; turn++) {
        for (int i = 0; i < USERS * GROUPS * DOCS; i++) {
            int user = i / DOCS / GROUPS, group = i / DOCS % GROUPS, doc = i % DOCS;
            bool member = world->member[user][group];
            world->reaches[user][doc] |= member && holds[group][doc];
            holds[group][doc] |= member && world->reaches[user][doc] && world->blocked[user];
            for (int above = 0; above < GROUPS; above++) {
                holds[group][doc] |=
                    world->parent[FIRST_GROUP + group][FIRST_GROUP + above] && holds[above][doc];
            }
        }
    }
}

static int level_of(const struct world *world, int user)
{
    int count = 0, max = NONE, sum = 0;
    for (int i = 0; i < GROUPS; i++) {
        count += world->member[user][i];
    }
    for (int i = 0; i < SCORES; i++) {
        max = world->score[user][i] ? i : max;
        sum += world->score[user][i] && i != 2 ? i * 2 - 1 : 0;
    }
    return world->level == 1 ? count : world->level == 2 ? max : world->level == 3 ? sum : NONE;
}

static void derive(struct world *world)
{
    for (int doc = 0; doc < DOCS; doc++) {
        world->has_editors[doc] = world->has_set[doc];
        for (int user = 0; user < USERS; user++) {
            bool derived = derives_editor(world, doc, user);
            world->edits[doc][user] = derived || world->in_set[doc][user];
            world->has_editors[doc] |= derived;
        }
    }
    for (int user = 0; user < USERS; user++) {
        world->levels[user] = level_of(world, user);
    }
    derive_reaches(world);
}

/* The tier of a principal; *ret_count: how many there are. */
static int tier_of(const struct world *world, const struct query *query, int *ret_count)
{
    int tier = NONE;
    *ret_count = 0;
    for (int i = 1; i < SCORES && world->derives_tier && query->principal < USERS; i++) {
        if (world->score[query->principal][i]) {
            tier = i;
            ++*ret_count;
        }
    }
    return tier;
}

static int count_editors(const struct world *world, int resource)
{
    int count = 0;
    for (int user = 0; user < USERS && resource >= FIRST_DOC; user++) {
        count += world->edits[resource - FIRST_DOC][user];
    }
    return count;
}

static bool is_granted(const struct world *world, const struct query *query)
{
    for (int group = 0; group < GROUPS && query->resource >= FIRST_DOC; group++) {
        if (world->grant[group][query->resource - FIRST_DOC] &&
            is_in(world, query, query->principal, FIRST_GROUP + group)) {
            return query->principal < USERS;
        }
    }
    return false;
}

/* 1, 0, or -1: an error of the policy. */
static int ask(const struct world *world, const struct query *query, const struct item *item,
               bool is_policy)
{
    int user = query->principal, doc = query->resource - FIRST_DOC, tiers;
    bool is_user = user < USERS, has_set = doc >= 0 && world->has_editors[doc];
    bool edits = is_user && doc >= 0 && world->edits[doc][user];
    int level = is_user ? world->levels[user] : NONE;
    switch (item->question) {
    case EDITS:
        return is_policy && !has_set ? -1 : edits;
    case EDITS_GUARDED:
        return edits;
    case EDITS_ALL:
        return edits && world->edits[doc][0];
    case EDITS_AS_VALUE:
        return !has_set ? -1 : edits && count_editors(world, query->resource) == 1;
    case LEVEL:
        return level != NONE && level >= item->k;
    case MEMBER:
        return is_in(world, query, user, FIRST_GROUP + item->k);
    case TIER:
        return tier_of(world, query, &tiers) > item->k;
    case REACHES:
        return is_user && doc >= 0 && world->reaches[user][doc];
    case GRANTED:
        return is_granted(world, query);
    case LEVEL_UNBLOCKED:
        return level != NONE && level >= item->k && !world->blocked[user];
    case MANY_EDITORS:
        return count_editors(world, query->resource) > item->k;
    default:
        return is_user && (world->blocked[user] || world->score[user][item->k]);
    }
}

static void naive(const struct world *world, const struct query *query, struct rune_buf *out)
{
    int answers[2 * MAX_ITEMS], tiers, count = world->policy_count + world->rule_count;
    bool matched[2] = {false, false};
    (void)tier_of(world, query, &tiers);
    if (tiers > 1) {
        rune_buf_append_cstr(out, "{\"decision\":\"DENY\",\"reasons\":[]\"\"");
        return;
    }
    for (int i = 0; i < count; i++) {
        bool is_policy = i < world->policy_count;
        const struct item *item =
            is_policy ? &world->policies[i] : &world->rules[i - world->policy_count];
        answers[i] = item->action >= 0 && item->action != query->action
                         ? 0
                         : ask(world, query, item, is_policy);
        if (item->is_unless && answers[i] >= 0 &&
            (item->action < 0 || item->action == query->action)) {
            answers[i] = !answers[i];
        }
        matched[item->is_forbid] |= answers[i] == 1;
    }
    rune_buf_printf(out, "{\"decision\":\"%s\",\"reasons\":[",
                    matched[1]   ? "FORBID"
                    : matched[0] ? "PERMIT"
                                 : "DENY");
    for (int pass = 0; pass < 2; pass++) {
        const char *between = "";
        for (int i = 0; i < count; i++) {
            bool is_policy = i < world->policy_count;
            int number = is_policy ? i : i - world->policy_count;
            bool is_forbid =
                is_policy ? world->policies[number].is_forbid : world->rules[number].is_forbid;
            if (pass == 0 ? answers[i] == 1 && is_forbid == matched[1] : answers[i] < 0) {
                rune_buf_printf(out, "%s\"%c%02d\"", pass == 0 ? between : "",
                                is_policy ? 'p' : 'r', number);
                between = ",";
            }
        }
        rune_buf_append_cstr(out, pass == 0 ? "]" : "");
    }
}

/* ---- both ---- */

static struct query make_query(void)
{
    struct query query = {
        .principal = pick(5) == 0 ? FIRST_GROUP + (int)pick(GROUPS) : (int)pick(USERS),
        .action = (int)pick(ACTIONS),
        .resource = pick(6) == 0 ? FIRST_GROUP : FIRST_DOC + (int)pick(DOCS),
        .child = -1,
    };
    if (pick(3) == 0) {
        query.child = (int)pick(FIRST_DOC - 1);
        int first = query.child < FIRST_GROUP ? FIRST_GROUP : query.child + 1;
        query.extra_parent = first + (int)pick((unsigned)(FIRST_DOC - first));
    }
    return query;
}

static void put_query(const struct query *query, struct rune_buf *out)
{
    const char *between = "";
    rune_buf_append_cstr(out, "{\"principal\":");
    put_uid(out, &between, query->principal);
    rune_buf_printf(out, ",\"action\":\"Action::\\\"a%d\\\"\",\"resource\":\"%s:%d\"",
                    query->action, type_of(query->resource), query->resource);
    if (query->child >= 0) {
        between = "";
        rune_buf_append_cstr(out, ",\"entities\":[{\"uid\":");
        put_uid(out, &between, query->child);
        rune_buf_append_cstr(out, ",\"attrs\":{},\"parents\":[");
        between = "";
        put_uid(out, &between, query->extra_parent);
        rune_buf_append_cstr(out, "]}]");
    }
    rune_buf_append_cstr(out, "}");
}

/* Decision and reasons as they are, then the ids of errors. */
static void put_answer(struct rune_str body, struct rune_buf *out)
{
    static const char id[] = "{\"id\":";
    size_t at = 0;
    while (at < body.length && body.data[at] != ']') {
        at++;
    }
    rune_buf_append_str(out, (struct rune_str){body.data, at + 1});
    for (; at + sizeof(id) < body.length; at++) {
        if (memcmp(body.data + at, id, sizeof(id) - 1) == 0) {
            const char *text = body.data + at + sizeof(id) - 1;
            rune_buf_append_str(
                out, (struct rune_str){text, (size_t)(strchr(text + 1, '"') + 1 - text)});
        }
    }
}

static void check_world(struct world *world, unsigned seed, unsigned outcomes[2])
{
    struct fixture fixture;
    struct rune_buf rules = RUNE_BUF_INIT, policies = RUNE_BUF_INIT;
    struct rune_buf body = RUNE_BUF_INIT, want = RUNE_BUF_INIT, got = RUNE_BUF_INIT;
    derive(world);
    open_world(world, &fixture, &rules, &policies);
    for (int i = 0; i < REQUESTS; i++) {
        struct query query = make_query();
        struct rune_answer answer;
        rune_buf_reset(&body);
        rune_buf_reset(&want);
        rune_buf_reset(&got);
        put_query(&query, &body);
        naive(world, &query, &want);
        rune_decider_authorize(fixture.decider, fixture.image, 1,
                               (struct rune_str){body.data, body.length}, RUNE_ANSWER_PLAIN,
                               &answer);
        put_answer(answer.body, &got);
        if (strcmp(rune_buf_cstr(&got), rune_buf_cstr(&want)) != 0) {
            fail_msg("seed %u: %s\nwanted %s\ngot    %s\n%.*s\n%s%s", seed, rune_buf_cstr(&body),
                     want.data, got.data, RUNE_STR_ARG(answer.body), policies.data, rules.data);
        }
        outcomes[0] += answer.stats.outcomes[RUNE_PERMIT];
        outcomes[1] += answer.stats.outcomes[RUNE_FORBID];
    }
    fixture_close(&fixture);
    rune_buf_fini(&rules);
    rune_buf_fini(&policies);
    rune_buf_fini(&body);
    rune_buf_fini(&want);
    rune_buf_fini(&got);
}

static void test_mixed_bundles__decide_as_loops_do(void **state)
{
    (void)state;
    unsigned first = (unsigned)rounds_number_of("RUNE_TEST_SEED", 1),
             rounds = (unsigned)rounds_number_of("RUNE_TEST_ROUNDS", ROUNDS);
    unsigned outcomes[2] = {0, 0};
    for (unsigned seed = first; seed < first + rounds; seed++) {
        struct world world;
        srand(seed);
        make_world(&world);
        check_world(&world, seed, outcomes);
    }
    print_message("%u decisions, %u permits, %u forbids\n", rounds * REQUESTS, outcomes[0],
                  outcomes[1]);
    assert_true(outcomes[0] >= rounds * REQUESTS / 8 && outcomes[1] >= rounds * REQUESTS / 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed_bundles__decide_as_loops_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
