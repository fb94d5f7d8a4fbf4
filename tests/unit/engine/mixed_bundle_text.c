/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/engine/mixed_bundle.h"

static const char *type_of(int entity)
{
    return entity < FIRST_GROUP ? "User" : entity < FIRST_DOC ? "Group" : "Doc";
}

static void put_policy(struct rune_buf *out, const struct mixed_item *item, int number)
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

static void put_rule(struct rune_buf *out, const struct mixed_item *item, int number)
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

static void put_derivations(struct rune_buf *out, const struct mixed_world *world)
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

static void put_facts(struct rune_buf *out, const struct mixed_world *world)
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

void mixed_put_entities(const struct mixed_world *world, struct rune_buf *out)
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

void mixed_put_policies(const struct mixed_world *world, struct rune_buf *out)
{
    for (int i = 0; i < world->policy_count; i++) {
        put_policy(out, &world->policies[i], i);
    }
}

void mixed_put_rules(const struct mixed_world *world, struct rune_buf *out)
{
    put_facts(out, world);
    put_derivations(out, world);
    for (int i = 0; i < world->rule_count; i++) {
        put_rule(out, &world->rules[i], i);
    }
}

void mixed_put_query(const struct mixed_query *query, struct rune_buf *out)
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
