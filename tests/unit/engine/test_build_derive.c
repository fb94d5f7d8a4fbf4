/* SPDX-License-Identifier: Apache-2.0 */
/* Entity data that rules derive: what policies decide by it, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "engine/image.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

static const char schema[] =
    "entity Group in [Group];\n"
    "entity User in [Group] { level?: Long };\n"
    "entity Doc in [Group] { editors: Set<User>, owner?: User, title?: String };\n"
    "entity Kind enum [\"a\", \"b\"];\n"
    "action read, write appliesTo { principal: User, resource: Doc };\n";

static const char entities[] =
    "[{\"uid\":{\"type\":\"Doc\",\"id\":\"one\"},\"attrs\":{},\"parents\":[]},"
    "{\"uid\":{\"type\":\"Doc\",\"id\":\"two\"},\"parents\":[{\"type\":\"Group\",\"id\":\"docs\"}],"
    "\"attrs\":{\"editors\":[{\"__entity\":{\"type\":\"User\",\"id\":\"zed\"}}],\"title\":\"t\"}},"
    "{\"uid\":{\"type\":\"User\",\"id\":\"ann\"},\"attrs\":{\"level\":1},\"parents\":[]}]";

/* principal, action, resource -> what the server answers. */
static const char *decide(const struct fixture *fixture, const char *principal, const char *action,
                          const char *resource)
{
    static const char *const names[] = {"DENY", "PERMIT", "FORBID"};
    char body[400];
    struct rune_answer answer;
    snprintf(body, sizeof(body),
             "{\"principal\":\"%s\",\"action\":\"Action:%s\",\"resource\":\"%s\"}", principal,
             action, resource);
    rune_decider_authorize(fixture->decider, fixture->image, 1, rune_str_from(body),
                           RUNE_ANSWER_PLAIN, &answer);
    if (answer.status != 200) {
        fail_msg("%s: %d %.*s", body, answer.status, RUNE_STR_ARG(answer.body));
    }
    return names[answer.stats.outcomes[RUNE_PERMIT] > 0   ? 1
                 : answer.stats.outcomes[RUNE_FORBID] > 0 ? 2
                                                          : 0];
}

struct question {
    const char *principal, *action, *resource, *want;
};

static void expect(const char *policies, const char *rules, bool with_schema,
                   const struct question *questions, size_t count)
{
    const struct fixture_file files[] = {{"a.cedar", policies},
                                         {"b.dl", rules},
                                         {"c.entities.json", entities},
                                         {"d.cedarschema", schema}};
    struct fixture fixture;
    fixture_open(&fixture, files, with_schema ? 4 : 3);
    for (size_t i = 0; i < count; i++) {
        const struct question *question = &questions[i];
        const char *got =
            decide(&fixture, question->principal, question->action, question->resource);
        if (strcmp(got, question->want) != 0) {
            fail_msg("%s\n%s %s %s: %s, not %s", rules, question->principal, question->action,
                     question->resource, got, question->want);
        }
    }
    fixture_close(&fixture);
}

#define EXPECT(policies, rules, with_schema, questions) \
    expect(policies, rules, with_schema, questions, sizeof(questions) / sizeof((questions)[0]))

static void test_element__joins_stored_and_derived(void **state)
{
    (void)state;
    static const char policies[] =
        "permit(principal, action == Action::\"write\", resource) when { "
        "resource.editors.contains(principal) };\n"
        "permit(principal, action == Action::\"read\", resource) when { resource.editors.isEmpty() "
        "};";
    static const char rules[] =
        "member(User::\"ann\", Group::\"g\"). member(User::\"bob\", Group::\"g\"). "
        "member(User::\"cyd\", Group::\"h\").\n"
        "team(Group::\"g\", Doc::\"two\"). team(Group::\"g\", Doc::\"new\").\n"
        "entity.element(D, \"editors\", U) :- member(U, G), team(G, D).";
    static const struct question questions[] = {
        {"User:ann", "write", "Doc:two", "PERMIT"}, {"User:zed", "write", "Doc:two", "PERMIT"},
        {"User:cyd", "write", "Doc:two", "DENY"},   {"User:bob", "write", "Doc:new", "PERMIT"},
        {"User:zed", "write", "Doc:new", "DENY"},   {"User:ann", "write", "Doc:one", "DENY"},
        {"User:ann", "read", "Doc:one", "PERMIT"},  {"User:ann", "read", "Doc:two", "DENY"},
    };
    EXPECT(policies, rules, true, questions);
    /* Without a schema a set is where an element is: the empty one of Doc::"one" is an error of the
     * policy. */
    static const struct question loose[] = {
        {"User:ann", "write", "Doc:two", "PERMIT"},
        {"User:bob", "write", "Doc:new", "PERMIT"},
        {"User:ann", "read", "Doc:one", "DENY"},
    };
    EXPECT(policies, rules, false, loose);
}

static void test_parent__is_seen_by_policies_and_rules(void **state)
{
    (void)state;
    static const char policies[] =
        "permit(principal in Group::\"top\", action == Action::\"read\", resource);\n"
        "permit(principal, action == Action::\"write\", resource in Group::\"docs\") when "
        "{ principal has level && principal.level > 3 };";
    static const char rules[] =
        "member(User::\"ann\", Group::\"g\"). member(User::\"bob\", Group::\"h\").\n"
        "up(Group::\"g\", Group::\"mid\"). up(Group::\"mid\", Group::\"top\").\n"
        "entity.element(Doc::\"one\", \"editors\", User::\"ann\").\n"
        "entity.parent(U, G) :- member(U, G).\n"
        "entity.parent(G, H) :- up(G, H).\n"
        "entity.parent(Doc::\"one\", Group::\"docs\").\n"
        "entity.attr(U, \"level\", 4) :- member(U, _), not U in Group::\"mid\".\n";
    static const struct question questions[] = {
        {"User:ann", "read", "Doc:one", "PERMIT"},  {"User:bob", "read", "Doc:one", "DENY"},
        {"User:bob", "write", "Doc:one", "PERMIT"}, {"User:bob", "write", "Doc:two", "PERMIT"},
        {"User:ann", "write", "Doc:one", "DENY"},
    };
    EXPECT(policies, rules, true, questions);
    EXPECT(policies, rules, false, questions);
}

/* Recursion by way of the tables: each round sees what the last one added. */
static void test_recursion__goes_on_until_nothing_is_added(void **state)
{
    (void)state;
    static const char policies[] =
        "permit(principal in Group::\"g9\", action, resource);\n"
        "forbid(principal, action, resource) when { resource.editors.contains(principal) };";
    struct rune_buf rules = RUNE_BUF_INIT;
    rune_buf_append_cstr(
        &rules,
        "entity.parent(User::\"ann\", Group::\"g0\").\n"
        "entity.parent(G, H) :- User::\"ann\" in G, next(G, H).\n"
        "entity.element(D, \"editors\", V) :- entity.element(D, \"editors\", U), pal(U, V).\n"
        "pal(User::\"zed\", User::\"yan\"). pal(User::\"yan\", User::\"xia\").\n"
        "next(Group::\"k1\", Group::\"g9\").\n");
    for (int i = 0; i < 9; i++) {
        rune_buf_printf(&rules, "next(Group::\"g%d\", Group::\"g%d\").\n", i, i + 1);
    }
    static const struct question questions[] = {
        {"User:ann", "read", "Doc:one", "PERMIT"}, {"User:zed", "read", "Doc:two", "FORBID"},
        {"User:xia", "read", "Doc:two", "FORBID"}, {"User:xia", "read", "Doc:one", "DENY"},
        {"User:bob", "read", "Doc:one", "DENY"},
    };
    EXPECT(policies, rune_buf_cstr(&rules), true, questions);
    rune_buf_fini(&rules);
}

static void test_rules__read_what_others_derive(void **state)
{
    (void)state;
    static const char rules[] =
        "entity.element(Doc::\"one\", \"editors\", User::\"ann\").\n"
        "size(D, N) :- entity.attr(D, \"editors\", S), N = count { S.contains(_X) }.\n"
        "entity.attr(D, \"owner\", U) :- size(D, 1), entity.element(D, \"editors\", U).\n"
        "permit(P, A, R) :- principal(P), action(A), resource(R), A = Action::\"read\", "
        "entity.attr(R, \"owner\", P).\n"
        "permit(P, A, R) :- principal(P), action(A), resource(R), A = Action::\"write\", "
        "entity(P).\n";
    static const struct question questions[] = {
        {"User:ann", "read", "Doc:one", "PERMIT"}, {"User:zed", "read", "Doc:two", "PERMIT"},
        {"User:zed", "read", "Doc:one", "DENY"},   {"User:ann", "write", "Doc:one", "PERMIT"},
        {"User:nil", "write", "Doc:one", "DENY"},
    };
    EXPECT("", rules, true, questions);
}

/* Hundreds of names, some of which are read to derive others: an entity's record is written a few
 * times, not once a name. */
static void test_records__are_written_for_many_names_at_once(void **state)
{
    enum { NAMES = 200, USERS = 40 };
    struct rune_buf rules = RUNE_BUF_INIT;
    (void)state;
    for (int i = 0; i < USERS; i++) {
        rune_buf_printf(&rules, "is_user(User::\"u%d\", %d).\n", i, i);
    }
    for (int i = 0; i < NAMES; i++) {
        rune_buf_printf(&rules, "has%d(E, V) :- is_user(E, N), V = N + %d.\n", i, i);
        rune_buf_printf(&rules, "entity.attr(E, \"a%d\", V) :- has%d(E, V).\n", i, i);
        rune_buf_printf(&rules, "entity.element(E, \"s%d\", V) :- has%d(E, V).\n", i, i);
    }
    rune_buf_append_cstr(
        &rules, "entity.attr(E, \"sum\", V) :- entity.attr(E, \"a1\", A),"
                " entity.element(E, \"s2\", B), entity.attr(E, \"a199\", C), V = A + B + C.\n"
                "entity.attr(E, \"twice\", V) :- entity.attr(E, \"sum\", S), V = S * 2.\n");
    const struct fixture_file files[] = {
        {"a.cedar", "permit(principal, action == Action::\"read\", resource) when {"
                    " principal.a0 == 7 && principal.a150 == 157 && principal.s2 == [9]"
                    " && principal.sum == 223 && principal.twice == 446 };"},
        {"b.dl", rune_buf_cstr(&rules)}};
    struct fixture fixture;
    fixture_open(&fixture, files, 2);
    assert_string_equal(decide(&fixture, "User:u7", "read", "Doc:one"), "PERMIT");
    assert_string_equal(decide(&fixture, "User:u8", "read", "Doc:one"), "DENY");
    assert_true(fixture.image->store.terms.heap_count < 6 * 2 * NAMES * USERS);
    fixture_close(&fixture);
    rune_buf_fini(&rules);
}

static void test_mistakes__are_refused_with_their_place(void **state)
{
    static const struct {
        const char *rules, *code, *part;
    } cases[] = {
        {"entity.attr(User::\"ann\", \"level\", 2).", "RUNE-B0408",
         "value 2 is unlike the stored one, 1"},
        {"entity.attr(User::\"bob\", \"level\", X) :- X = 1 ; X = 2.", "RUNE-B0408",
         "two values are derived for one attribute: 1 and 2"},
        {"entity.attr(User::\"bob\", \"level\", \"x\").", "RUNE-B0406", "another value"},
        {"entity.attr(User::\"bob\", \"height\", 1).", "RUNE-B0406", "does not declare"},
        {"entity.attr(Thing::\"bob\", \"height\", 1).", "RUNE-B0406", "no such entity type"},
        {"entity.attr(Kind::\"c\", \"height\", 1).", "RUNE-B0406", "enumeration"},
        {"entity.attr(User::\"bob\", \"level\", X) :- X = 1.5.", "RUNE-B0407", "floats"},
        {"entity.attr(Doc::\"new\", \"editors\", X) :- entity.attr(Doc::\"two\", \"editors\", X).",
         "RUNE-B0406", "optional"},
        {"entity.element(User::\"bob\", \"level\", 1).", "RUNE-B0406", "no set"},
        {"entity.element(User::\"ann\", \"level\", 2).", "RUNE-B0408", "no set"},
        {"entity.element(Doc::\"one\", \"editors\", Group::\"x\").", "RUNE-B0406", "as element"},
        {"v(1). entity.element(X, \"editors\", User::\"x\") :- v(X).", "RUNE-B0405", "no entity"},
        {"entity.parent(Doc::\"one\", User::\"ann\").", "RUNE-B0406",
         "does not allow the derived parent"},
        {"entity.parent(Action::\"read\", Action::\"write\").", "RUNE-B0405", "action"},
        {"entity.parent(Group::\"a\", Group::\"b\"). entity.parent(Group::\"b\", Group::\"a\").",
         "b.dl:1:1: error[RUNE-C0803]", "Group::\"b\" in Group::\"a\""},
        {"entity.parent(Group::\"a\", Group::\"a\").", "b.dl:1:1: error[RUNE-C0803]",
         "Group::\"a\" in Group::\"a\""},
        {"entity.attr(Doc::\"new\", \"title\", \"t\").", "RUNE-B0406", "no attribute `editors`"},
        {"v(a). entity.attr(User::\"bob\", \"level\", N) :- v(X), N = X + 1.", "RUNE-B0404",
         "failed"},
        {"entity.attr(P, \"level\", 1) :- principal(P).", "RUNE-D0807", "from the request"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct fixture_file files[] = {
            {"b.dl", cases[i].rules},
            {"c.entities.json",
             "[{\"uid\":{\"type\":\"Doc\",\"id\":\"one\"},\"attrs\":{\"editors\":[]},"
             "\"parents\":[]},"
             "{\"uid\":{\"type\":\"Doc\",\"id\":\"two\"},\"attrs\":{\"editors\":[]},"
             "\"parents\":[]},"
             "{\"uid\":{\"type\":\"User\",\"id\":\"ann\"},\"attrs\":{\"level\":1},"
             "\"parents\":[]}]"},
            {"d.cedarschema", schema}};
        char *text;
        enum rune_err err = fixture_build(FIXTURE_FILES(files), &text);
        if (err != RUNE_E_BUNDLE || strstr(text, cases[i].code) == NULL ||
            strstr(text, cases[i].part) == NULL) {
            fail_msg("%s\n%d\n%s", cases[i].rules, (int)err, text);
        }
        rune_free(text);
    }
}

/* Policies that do not validate hide nothing of what evaluating rules finds. */
static void test_mistakes__of_policies_and_derived_data_are_told_together(void **state)
{
    static const char *const parts[] = {
        "a.cedar:1:45: error[RUNE-C0706]",
        "b.dl:1:1: error[RUNE-B0406]",
    };
    (void)state;
    const struct fixture_file files[] = {
        {"a.cedar", "permit (principal, action, resource) when { principal.size == 1 };"},
        {"b.dl", "entity.attr(User::\"ann\", \"height\", 1)."},
        {"d.cedarschema", schema}};
    char *text;
    assert_int_equal(fixture_build(FIXTURE_FILES(files), &text), RUNE_E_BUNDLE);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strstr(text, parts[i]) == NULL) {
            fail_msg("%s\n%s", parts[i], text);
        }
    }
    rune_free(text);
}

/* Entity documents may leave out a set that is derived, and nothing else that is required. */
static void test_documents__need_not_have_derived_sets(void **state)
{
    (void)state;
    const struct fixture_file files[] = {
        {"b.dl", "entity.element(T::\"a\", \"s\", 1)."},
        {"c.entities.json", "[{\"uid\":{\"type\":\"T\",\"id\":\"a\"},\"attrs\":{\"n\":1},"
                            "\"parents\":[]},{\"uid\":{\"type\":\"T\",\"id\":\"b\"},"
                            "\"attrs\":{},\"parents\":[]}]"},
        {"d.cedarschema", "entity T { s: Set<Long>, n: Long };"}};
    char *text;
    assert_int_equal(fixture_build(FIXTURE_FILES(files), &text), RUNE_E_BUNDLE);
    assert_non_null(strstr(text, "`n`"));
    assert_null(strstr(text, "`s`"));
    rune_free(text);
}

#define GROUPS 7
#define USERS  5

/* Random memberships and links, derived; policies must see what loops find. */
static void check_random(unsigned seed)
{
    bool reach[GROUPS][GROUPS] = {0}, member[USERS][GROUPS] = {0};
    struct rune_buf rules = RUNE_BUF_INIT;
    srand(seed);
    rune_buf_append_cstr(
        &rules,
        "member(nobody, nothing). up(no, no).\n"
        "entity.parent(U, G) :- member(U, G), U is User.\n"
        "entity.parent(G, H) :- up(G, H), G is Group.\n"
        "entity.element(Doc::\"one\", \"editors\", U) :- U in Group::\"0\", U is User, entity(U).\n"
        "entity.attr(U, \"level\", N) :- entity(U), U is User, not U in Group::\"0\","
        " U != User::\"ann\", N = count { entity.parent(U, _) }.\n");
    for (int g = 1; g < GROUPS; g++) {
        for (int h = 0; h < g; h++) {
            reach[g][h] = rand() % 4 == 0;
            if (reach[g][h]) {
                rune_buf_printf(&rules, "up(Group::\"%d\", Group::\"%d\").\n", g, h);
            }
        }
        reach[g][g] = true;
    }
    reach[0][0] = true;
    for (int u = 0; u < USERS; u++) {
        for (int g = 0; g < GROUPS; g++) {
            member[u][g] = rand() % 5 == 0;
            if (member[u][g]) {
                rune_buf_printf(&rules, "member(User::\"%d\", Group::\"%d\").\n", u, g);
            }
        }
    }
    for (int k = 0; k < GROUPS; k++) {
        for (int g = 0; g < GROUPS; g++) {
            for (int h = 0; h < GROUPS; h++) {
                reach[g][h] = reach[g][h] || (reach[g][k] && reach[k][h]);
            }
        }
    }
    struct rune_buf policies = RUNE_BUF_INIT;
    for (int g = 0; g < GROUPS; g++) {
        rune_buf_printf(
            &policies,
            "permit(principal in Group::\"%d\", action == Action::\"in%d\", resource);\n", g, g);
    }
    rune_buf_append_cstr(&policies, "permit(principal, action == Action::\"write\", resource) when "
                                    "{ resource.editors.contains(principal) };\n"
                                    "permit(principal, action == Action::\"two\", resource) when "
                                    "{ principal has level && principal.level == 2 };\n");
    const struct fixture_file files[] = {{"a.cedar", rune_buf_cstr(&policies)},
                                         {"b.dl", rune_buf_cstr(&rules)},
                                         {"c.entities.json", entities}};
    struct fixture fixture;
    fixture_open(&fixture, FIXTURE_FILES(files));
    for (int u = 0; u < USERS; u++) {
        char user[20], action[20];
        int groups = 0;
        bool all[GROUPS] = {0};
        snprintf(user, sizeof(user), "User:%d", u);
        for (int g = 0; g < GROUPS; g++) {
            groups += member[u][g];
            for (int h = 0; h < GROUPS; h++) {
                all[h] = all[h] || (member[u][g] && reach[g][h]);
            }
        }
        for (int g = 0; g < GROUPS; g++) {
            snprintf(action, sizeof(action), "in%d", g);
            assert_string_equal(decide(&fixture, user, action, "Doc:one"),
                                all[g] ? "PERMIT" : "DENY");
        }
        assert_string_equal(decide(&fixture, user, "write", "Doc:one"), all[0] ? "PERMIT" : "DENY");
        assert_string_equal(decide(&fixture, user, "two", "Doc:one"),
                            !all[0] && groups == 2 ? "PERMIT" : "DENY");
    }
    fixture_close(&fixture);
    rune_buf_fini(&policies);
    rune_buf_fini(&rules);
}

static void test_random__policies_see_what_loops_find(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        check_random(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_element__joins_stored_and_derived),
        cmocka_unit_test(test_parent__is_seen_by_policies_and_rules),
        cmocka_unit_test(test_recursion__goes_on_until_nothing_is_added),
        cmocka_unit_test(test_rules__read_what_others_derive),
        cmocka_unit_test(test_records__are_written_for_many_names_at_once),
        cmocka_unit_test(test_mistakes__are_refused_with_their_place),
        cmocka_unit_test(test_mistakes__of_policies_and_derived_data_are_told_together),
        cmocka_unit_test(test_documents__need_not_have_derived_sets),
        cmocka_unit_test(test_random__policies_see_what_loops_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
