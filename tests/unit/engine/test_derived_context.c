/* SPDX-License-Identifier: Apache-2.0 */
/* Context that rules derive: what policies decide by it, and when the decision is an error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

struct question {
    const char *principal, *context; /* NULL: none */
    int status;
    const char *part; /* of the answer */
};

static void ask(const struct fixture *fixture, const struct question *question)
{
    char body[500];
    struct rune_answer answer;
    snprintf(body, sizeof(body),
             "{\"principal\":\"User:%s\",\"action\":\"Action:read\",\"resource\":\"Doc:d\"%s%s}",
             question->principal, question->context != NULL ? ",\"context\":" : "",
             question->context != NULL ? question->context : "");
    rune_decider_authorize(fixture->decider, fixture->image, 1, rune_str_from(body),
                           RUNE_ANSWER_PLAIN, &answer);
    if (answer.status != question->status ||
        memmem(answer.body.data, answer.body.length, question->part, strlen(question->part)) ==
            NULL) {
        fail_msg("%s gave %d %.*s, not %s", body, answer.status, RUNE_STR_ARG(answer.body),
                 question->part);
    }
}

static void expect(const struct fixture_file *files, size_t file_count,
                   const struct question *questions, size_t count)
{
    struct fixture fixture;
    fixture_open(&fixture, files, file_count);
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < count; i++) {
            ask(&fixture, &questions[i]);
        }
    }
    fixture_close(&fixture);
}

#define EXPECT(files, questions) \
    expect(FIXTURE_FILES(files), questions, sizeof(questions) / sizeof((questions)[0]))

static const char policies[] =
    "@id(\"gold\") permit(principal, action, resource) when { context has tier && context.tier == "
    "\"gold\" };\n"
    "@id(\"far\") forbid(principal, action, resource) when { context has far && context.far };\n"
    "@id(\"ip\") permit(principal, action, resource) when { context has ip && context.ip == "
    "\"home\" };\n";

static const char rules[] =
    "paid(User::\"ann\", gold). paid(User::\"bob\", tin). paid(User::\"two\", gold). "
    "paid(User::\"two\", tin).\n"
    "paid(User::\"num\", 7). paid(User::\"err\", gold). score(User::\"err\", text).\n"
    "context(\"tier\", T) :- principal(P), paid(P, T).\n"
    "context(\"far\", true) :- context(\"ip\", I), not near(I).\n"
    "context(\"score\", N) :- principal(P), score(P, S), N = S + 1.\n"
    "near(home). near(work).\n"
    "@id(\"tin\") permit(P, A, R) :- principal(P), action(A), resource(R), context(\"tier\", "
    "tin).\n";

static const struct question questions[] = {
    {"ann", NULL, 200, "\"PERMIT\",\"reasons\":[\"gold\"]"},
    {"ann", "{\"ip\":\"home\"}", 200, "\"PERMIT\",\"reasons\":[\"gold\",\"ip\"]"},
    {"ann", "{\"ip\":\"moon\"}", 200, "\"FORBID\",\"reasons\":[\"far\"]"},
    {"bob", NULL, 200, "\"PERMIT\",\"reasons\":[\"tin\"]"},
    {"cyd", NULL, 200, "\"DENY\",\"reasons\":[],\"generation\""},
    {"cyd", "{\"ip\":\"home\"}", 200, "\"PERMIT\",\"reasons\":[\"ip\"]"},
    {"two", NULL, 200,
     "\"DENY\",\"reasons\":[],\"errors\":[{\"id\":\"\",\"code\":\"context_conflict\""},
    {"two", "{\"ip\":\"home\"}", 200, "context.tier"},
    {"err", NULL, 200,
     "\"DENY\",\"reasons\":[],\"errors\":[{\"id\":\"\",\"code\":\"partial_relation\""},
    {"ann", "{\"tier\":\"gold\"}", 400, "context_refused"},
    {"cyd", "{\"ip\":\"home\",\"far\":false}", 400, "context_refused"},
};

static void test_context__is_seen_by_policies_and_rules(void **state)
{
    (void)state;
    const struct fixture_file files[] = {{"a.cedar", policies}, {"b.dl", rules}};
    EXPECT(files, questions);
}

static void test_schema__has_a_place_for_it(void **state)
{
    (void)state;
    const struct fixture_file files[] = {
        {"a.cedar", policies},
        {"b.dl", rules},
        {"c.cedarschema",
         "entity User; entity Doc;\naction read appliesTo { principal: User, resource: Doc, "
         "context: { tier?: String, far?: Bool, ip?: String, score?: Long } };\n"
         "action other appliesTo { principal: User, resource: Doc, context: {} };\n"}};
    EXPECT(files, questions);
    static const struct question typed[] = {
        {"num", NULL, 200,
         "\"DENY\",\"reasons\":[],\"errors\":[{\"id\":\"\",\"code\":\"type_error\""},
        {"num", "{\"tier\":\"gold\"}", 400, "context_refused"},
    };
    EXPECT(files, typed);
}

/* Policies do not see it where the action declares no such key; rules do, and nothing fails open.
 */
static void test_schema__of_another_action_has_no_place_for_it(void **state)
{
    (void)state;
    const struct fixture_file files[] = {
        {"a.cedar", policies},
        {"b.dl", rules},
        {"c.cedarschema",
         "entity User; entity Doc;\naction read appliesTo { principal: User, resource: Doc, "
         "context: { far?: Bool, ip?: String } };\n"
         "action other appliesTo { principal: User, resource: Doc, "
         "context: { tier?: String, score?: Long } };\n"}};
    static const struct question asked[] = {
        {"ann", NULL, 200, "\"DENY\",\"reasons\":[],\"generation\""},
        {"bob", NULL, 200, "\"PERMIT\",\"reasons\":[\"tin\"]"},
        {"num", NULL, 200, "\"DENY\",\"reasons\":[],\"generation\""},
        {"two", NULL, 200,
         "\"DENY\",\"reasons\":[],\"errors\":[{\"id\":\"\",\"code\":\"context_conflict\""},
        {"err", NULL, 200,
         "\"DENY\",\"reasons\":[],\"errors\":[{\"id\":\"\",\"code\":\"partial_relation\""},
    };
    EXPECT(files, asked);
}

static void test_schema__refuses_what_has_no_place(void **state)
{
    (void)state;
    static const char *const contexts[][2] = {{"{}", "no action of the schema"},
                                              {"{ tier: String }", "must be declared optional"}};
    for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
        char schema[200], *text;
        snprintf(
            schema, sizeof(schema),
            "entity User; action read appliesTo { principal: User, resource: User, context: %s };",
            contexts[i][0]);
        const struct fixture_file files[] = {{"b.dl", "context(\"tier\", P) :- principal(P)."},
                                             {"c.cedarschema", schema}};
        assert_int_equal(fixture_build(FIXTURE_FILES(files), &text), RUNE_E_BUNDLE);
        assert_non_null(strstr(text, "RUNE-B0406"));
        assert_non_null(strstr(text, contexts[i][1]));
        rune_free(text);
    }
}

static void test_static__context_is_there_for_every_request(void **state)
{
    (void)state;
    const struct fixture_file files[] = {
        {"a.cedar",
         "permit(principal, action, resource) when { context.tags.contains(context.day) };"},
        {"b.dl", "context(\"day\", 3).\ncontext(\"tags\", S) :- entity.attr(T::\"t\", \"s\", S)."},
        {"c.entities.json",
         "[{\"uid\":{\"type\":\"T\",\"id\":\"t\"},\"attrs\":{\"s\":[1,3]},\"parents\":[]}]"}};
    static const struct question asked[] = {{"ann", NULL, 200, "PERMIT"},
                                            {"ann", "{\"day\":3}", 400, "context_refused"}};
    EXPECT(files, asked);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_context__is_seen_by_policies_and_rules),
        cmocka_unit_test(test_schema__has_a_place_for_it),
        cmocka_unit_test(test_schema__of_another_action_has_no_place_for_it),
        cmocka_unit_test(test_schema__refuses_what_has_no_place),
        cmocka_unit_test(test_static__context_is_there_for_every_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
