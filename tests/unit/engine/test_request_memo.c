/* SPDX-License-Identifier: Apache-2.0 */
/* request_memo: a decider remembers what its last requests taught, but only what is so: beside one
 * that has met none, and where the image is another. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

/* A decider looks first for what its last request named, whose number is another entity's in
 * another image. */
static void test_decide__guesses_nothing_of_another_image(void **state)
{
    (void)state;
    static const struct fixture_file one[] = {
        {"policies.cedar",
         "permit(principal == User::\"ann\", action == Action::\"get\", resource);\n"
         "forbid(principal == User::\"bob\", action, resource);\n"}};
    static const struct fixture_file two[] = {
        {"policies.cedar",
         "permit(principal == User::\"bob\", action == Action::\"put\", resource);\n"
         "forbid(principal == User::\"ann\", action, resource);\n"}};
    static const struct {
        const char *principal, *action, *first, *second;
    } cases[] = {
        {"ann", "get", "PERMIT", "FORBID"}, {"bob", "put", "FORBID", "PERMIT"},
        {"ann", "put", "DENY", "FORBID"},   {"ann", "put", "DENY", "FORBID"},
        {"bob", "get", "FORBID", "DENY"},   {"eve", "get", "DENY", "DENY"},
        {"ann", "get", "PERMIT", "FORBID"},
    };
    struct fixture fixtures[2];
    fixture_open(&fixtures[0], FIXTURE_FILES(one));
    fixture_open(&fixtures[1], FIXTURE_FILES(two));
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_answer answer;
        char request[200], expected[40];
        snprintf(request, sizeof(request),
                 "{\"principal\":\"User::\\\"%s\\\"\",\"action\":\"Action::\\\"%s\\\"\","
                 "\"resource\":\"Doc::\\\"d\\\"\"}",
                 cases[i / 2].principal, cases[i / 2].action);
        snprintf(expected, sizeof(expected), "{\"decision\":\"%s\"",
                 i % 2 == 0 ? cases[i / 2].first : cases[i / 2].second);
        rune_decider_authorize(fixtures[0].decider, fixtures[i % 2].image, 1,
                               rune_str_from(request), RUNE_ANSWER_PLAIN, &answer);
        assert_memory_equal(answer.body.data, expected, strlen(expected));
    }
    fixture_close(&fixtures[0]);
    fixture_close(&fixtures[1]);
}

/* Requests about images that differ in every way a memo could mix up: the same entities under other
 * numbers, names that begin alike, that need escapes, that are long, that an enumeration lists. */
static const struct fixture_file remembered[2][2] = {
    {{"policies.cedar",
      "permit(principal == User::\"u1\", action == Action::\"get\", resource);\n"
      "permit(principal == User::\"u12\", action == Action::\"put\", resource);\n"
      "permit(principal == User::\"a\\\"b\\\\c\", action, resource);\n"
      "permit(principal == User::\"u\\u{e9}\", action, resource);\n"
      "permit(principal == User::\"0123456789012345678901234567890123456789012345678901234567890\","
      " action, resource);\n"
      "forbid(principal, action == Action::\"put\", resource == Color::\"red\");\n"},
     {"s.cedarschema", "entity User; entity Doc; entity Color enum [\"red\", \"blue\"];\n"
                       "action get, put appliesTo { principal: User, resource: [Doc, Color],"
                       " context: { n?: Long } };\n"
                       "action need appliesTo { principal: User, resource: Doc,"
                       " context: { n: Long } };\n"}},
    {{"policies.cedar", "permit(principal == User::\"u12\", action == Action::\"get\", resource);\n"
                        "permit(principal == User::\"u1\", action == Action::\"need\", resource);\n"
                        "forbid(principal == User::\"a\\\"b\\\\c\", action, resource);\n"},
     {"s.cedarschema", "entity Doc; entity Color enum [\"blue\", \"green\"]; entity User;\n"
                       "action need, get appliesTo { principal: User, resource: [Doc, Color] };\n"
                       "action put appliesTo { principal: Doc, resource: User,"
                       " context: { n: Long } };\n"}},
};

static const char *const remembered_ids[][2] = {
    /* type, id as JSON inside of JSON */
    {"User", "u1"},       {"User", "u12"},
    {"User", "u"},        {"User", "a\\\\\\\"b\\\\\\\\c"},
    {"User", "u\\u00e9"}, {"User", "0123456789012345678901234567890123456789012345678901234567890"},
    {"Use", "u1"},        {"Doc", "d"},
    {"Doc", ""},          {"Color", "red"},
    {"Color", "blue"},    {"Color", "green"},
};

static const char *const remembered_actions[] = {"get", "put", "need", "none"};

/* How an entity may be written: name, type, id. The last form is read by the reader of all JSON,
 * not where it stands. */
static const char *const place_forms[] = {
    "\"%s\":\"%s::\\\"%s\\\"\"",
    "\"%s\": \"%s::\\\"%s\\\"\"",
    "\"%s\" :  \"%s::\\\"%s\\\"\"",
    "\"%s\":{\"type\":\"%s\",\"id\":\"%s\"}",
    "\"%s\": { \"type\" : \"%s\" , \"id\":  \"%s\" }",
    "\"%1$s\":{\"id\":\"%3$s\",\"type\":\"%2$s\"}",
    "\"%1$s\":{\"id\": \"%3$s\", \"type\": \"%2$s\"}",
    "\"%s\":{\n\"type\":\"%s\",\"id\":\"%s\"}",
};
enum { PLACE_FORMS = sizeof(place_forms) / sizeof(place_forms[0]), PLAINEST = PLACE_FORMS - 1 };

/* An id that is escaped twice in a uid's string is so once alone. */
static void put_place(char *out, size_t size, const char *name, const char *type, const char *id,
                      unsigned form)
{
    char once[100];
    size_t length = 0;
    for (const char *at = id; *at != '\0'; at++) {
        at += form >= 3 && at[0] == '\\' && at[1] != 'u';
        once[length++] = *at;
    }
    once[length] = '\0';
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int written = snprintf(out, size, place_forms[form], name, type, once);
#pragma GCC diagnostic pop
    assert_true(written > 0 && (size_t)written < size);
}

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

struct asked {
    const char *const *who, *const *what; /* type, id */
    const char *action;
    bool has_context;
};

static void put_request(char *out, size_t size, const struct asked *asked, const unsigned forms[3])
{
    char principal[200], action[100], resource[200];
    put_place(principal, sizeof(principal), "principal", asked->who[0], asked->who[1], forms[0]);
    put_place(action, sizeof(action), "action", "Action", asked->action, forms[1]);
    put_place(resource, sizeof(resource), "resource", asked->what[0], asked->what[1], forms[2]);
    int written = snprintf(out, size, "{%s,%s,%s%s}", principal, action, resource,
                           asked->has_context ? ",\"context\":{\"n\":1}" : "");
    assert_true(written > 0 && (size_t)written < size);
}

/* One decider that has met all others, beside one that has met none and reads the plainest form. */
static void test_decide__remembers_only_what_is_so(void **state)
{
    (void)state;
    enum { IDS = sizeof(remembered_ids) / sizeof(remembered_ids[0]) };
    struct fixture fixtures[2];
    fixture_open(&fixtures[0], FIXTURE_FILES(remembered[0]));
    fixture_open(&fixtures[1], FIXTURE_FILES(remembered[1]));
    uint32_t random = 1, statuses[2] = {0}, image = 0;
    for (int round = 0; round < 6000; round++) {
        uint32_t bits = next_random(&random), more = next_random(&random);
        image ^= bits % 16 == 0; /* mostly the one before */
        /* mostly what the schemas take there */
        const struct asked asked = {
            .who = remembered_ids[bits >> 4 & 7 ? bits / 128 % 6 : bits / 128 % IDS],
            .what = remembered_ids[more & 7 ? 7 + more / 8 % 5 : more / 8 % IDS],
            .action = remembered_actions[bits >> 18 & 3],
            .has_context = (more >> 16 & 1) != 0};
        char body[600], plainest[600];
        put_request(body, sizeof(body), &asked,
                    (unsigned[]){(bits >> 20) % PLACE_FORMS, (bits >> 15) % PLACE_FORMS,
                                 (more >> 20) % PLACE_FORMS});
        put_request(plainest, sizeof(plainest), &asked, (unsigned[]){PLAINEST, PLAINEST, PLAINEST});
        struct rune_answer want, got;
        struct rune_decider *fresh;
        const struct rune_decider_options options = {
            .version = RUNE_DECIDER_OPTIONS_VERSION, .arena_bytes = 1 << 16, .answer_bytes = 4096};
        assert_int_equal(rune_decider_create(&options, &fresh), RUNE_OK);
        rune_decider_authorize(fresh, fixtures[image].image, 7 + image, rune_str_from(plainest),
                               RUNE_ANSWER_PLAIN, &want);
        rune_decider_authorize(fixtures[0].decider, fixtures[image].image, 7 + image,
                               rune_str_from(body), RUNE_ANSWER_PLAIN, &got);
        if (want.status != got.status || !rune_str_equal(want.body, got.body)) {
            fail_msg("%s: want %.*s, got %.*s", body, RUNE_STR_ARG(want.body),
                     RUNE_STR_ARG(got.body));
        }
        statuses[want.status == 200]++;
        rune_decider_destroy(fresh);
    }
    assert_true(statuses[0] > 600 && statuses[1] > 600);
    fixture_close(&fixtures[0]);
    fixture_close(&fixtures[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decide__guesses_nothing_of_another_image),
        cmocka_unit_test(test_decide__remembers_only_what_is_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
