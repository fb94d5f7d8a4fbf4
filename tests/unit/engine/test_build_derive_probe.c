/* SPDX-License-Identifier: Apache-2.0 */
/* Sets that policies only probe: answers are, byte for byte, those of the same bundle with one
 * policy more that uses each set as a value (and never matches), so that they are built. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "engine/image.h"
#include "eval/rule_eval.h"
#include "rune/diag.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

#define USERS 6
#define DOCS  5

static const char schema[] =
    "entity Group;\n"
    "entity User { level?: Long, friends?: Set<User> };\n"
    "entity Doc { editors: Set<User>, readers: Set<User>, owner?: Doc };\n"
    "entity Folder { editors?: Set<User> };\n"
    "action a0, a1, a2, a3, a4, a5, a6, a7, a8, a9 appliesTo { principal: User, resource: Doc,\n"
    "  context: { editors?: Set<User> } };\n";

static const char policies[] =
    "@id(\"p0\") permit(principal, action == Action::\"a0\", resource)\n"
    "  when { resource.editors.contains(principal) };\n"
    "@id(\"p1\") permit(principal, action == Action::\"a1\", resource)\n"
    "  unless { resource.editors.contains(principal) };\n"
    "@id(\"p2\") permit(principal, action == Action::\"a2\", resource)\n"
    "  when { resource.readers.containsAll([principal, User::\"1\"]) };\n"
    "@id(\"p3\") permit(principal, action == Action::\"a3\", resource)\n"
    "  when { resource.readers.containsAny(principal.friends) };\n"
    "@id(\"p4\") permit(principal, action == Action::\"a4\", resource)\n"
    "  when { resource has editors && (if resource.readers.contains(User::\"2\") then\n"
    "         resource.editors.containsAll([]) else resource.editors.containsAny([])) };\n"
    "@id(\"p5\") permit(principal, action == Action::\"a5\", resource)\n"
    "  when { resource has owner && resource.owner.editors.contains(principal) };\n"
    "@id(\"p6\") permit(principal, action == Action::\"a6\", resource)\n"
    "  when { context has editors && context.editors.contains(principal) &&\n"
    "         [resource.editors.contains(principal)].contains(true) };\n"
    "@id(\"p7\") forbid(principal, action == Action::\"a7\", resource)\n"
    "  when { resource.editors.contains(if principal.level > 1 then principal else resource) };\n"
    "@id(\"p8\") permit(principal, action == Action::\"a7\", resource);\n"
    "@id(\"p9\") permit(principal, action == Action::\"a8\", resource)\n"
    "  when { resource.readers.isEmpty() };\n"
    "@id(\"p10\") forbid(principal, action == Action::\"a9\", resource)\n"
    "  unless { resource has owner && !resource.owner.editors.isEmpty() };\n"
    "@id(\"p11\") permit(principal, action == Action::\"a9\", resource)\n"
    "  when { [resource.editors.isEmpty(), resource.readers.isEmpty()].containsAll([false]) };\n";

static const char as_value[] =
    "@id(\"value\") permit(principal == User::\"nobody\", action, resource)\n"
    "  when { resource.editors == resource.readers };\n";

static unsigned pick(unsigned below)
{
    return (unsigned)rand() % below;
}

static void put_users(struct rune_buf *out, unsigned sparse)
{
    const char *between = "";
    rune_buf_append_cstr(out, "[");
    for (unsigned u = 0; u < USERS; u++) {
        if (pick(sparse) == 0) {
            rune_buf_printf(out, "%s{\"__entity\":{\"type\":\"User\",\"id\":\"%u\"}}", between, u);
            between = ",";
        }
    }
    rune_buf_append_cstr(out, "]");
}

static void put_entities(struct rune_buf *out)
{
    rune_buf_append_cstr(out, "[");
    for (unsigned u = 0; u < USERS; u++) {
        rune_buf_printf(out, "{\"uid\":{\"type\":\"User\",\"id\":\"%u\"},\"attrs\":{", u);
        rune_buf_append_cstr(out, pick(3) > 0 ? "\"friends\":" : "");
        if (out->data[out->length - 1] == ':') {
            put_users(out, 3);
            rune_buf_append_cstr(out, pick(2) > 0 ? ",\"level\":2" : "");
        }
        rune_buf_append_cstr(out, "},\"parents\":[]},");
    }
    for (unsigned d = 0; d < DOCS - 1; d++) { /* the last one is derived, or is not there */
        rune_buf_printf(out, "%s{\"uid\":{\"type\":\"Doc\",\"id\":\"%u\"},\"attrs\":{",
                        d > 0 ? "," : "", d);
        const char *between = "";
        if (pick(3) > 0) {
            rune_buf_append_cstr(out, "\"editors\":");
            put_users(out, 4);
            between = ",";
        }
        if (pick(2) > 0) {
            rune_buf_printf(out, "%s\"owner\":{\"__entity\":{\"type\":\"Doc\",\"id\":\"%u\"}}",
                            between, pick(DOCS));
        }
        rune_buf_append_cstr(out, "},\"parents\":[]}");
    }
    rune_buf_append_cstr(out, "]");
}

static void put_rules(struct rune_buf *out, bool is_large)
{
    static const char *const heads[][2] = {
        {"D", "U) :- member(U, G), team(G, D)."},
        {"D", "U) :- team(_, D), all(U), not banned(U)."},
        {"D", "U) :- team(\"t1\", D), member(U, G), member(U, H), G != H."},
        {"Doc::\"1\"", "U) :- banned(U), U is User."},
        {"D", "User::\"1\") :- team(_, D)."},
        {"Doc::\"4\"", "User::\"3\")."},
    };
    rune_buf_append_cstr(out, "member(User::\"none\", \"none\"). team(\"none\", Doc::\"none\").\n"
                              "banned(User::\"none\"). all(User::\"none\").\n");
    unsigned users = is_large ? 150 : USERS, docs = is_large ? 150 : DOCS;
    for (unsigned u = 0; u < users; u++) {
        rune_buf_printf(out, "all(User::\"%u\"). member(User::\"%u\", \"t%u\").\n", u, u, pick(3));
        if (pick(3) == 0) {
            rune_buf_printf(out, "banned(User::\"%u\").\n", u);
        }
    }
    for (unsigned d = 0; d < docs; d++) {
        if (is_large || pick(2) > 0) {
            rune_buf_printf(out, "team(\"t%u\", Doc::\"%u\").\n", is_large ? 1 : pick(3), d);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        const char *const *rule =
            heads[is_large && i == 3 ? 1 : pick(sizeof(heads) / sizeof(heads[0]))];
        rune_buf_printf(out, "entity.element(%s, \"%s\", %s\n", rule[0],
                        i < 3 ? "editors" : "readers", rule[1]);
    }
}

static void put_request(struct rune_buf *out)
{
    unsigned doc = pick(DOCS);
    rune_buf_reset(out);
    rune_buf_printf(out,
                    "{\"principal\":\"User:%u\",\"action\":\"Action:a%u\",\"resource\":\"Doc:%u\","
                    "\"context\":{",
                    pick(USERS + 1), pick(10), doc);
    if (pick(2) > 0) {
        rune_buf_append_cstr(out, "\"editors\":");
        put_users(out, 2);
    }
    rune_buf_append_cstr(out, "}");
    if (pick(3) == 0) { /* the request's own attribute wins, and an empty one is one */
        rune_buf_printf(out, ",\"entities\":[{\"uid\":{\"type\":\"Doc\",\"id\":\"%u\"},\"attrs\":{",
                        doc);
        if (pick(3) > 0) {
            rune_buf_printf(out, "\"%s\":", pick(2) > 0 ? "editors" : "readers");
            put_users(out, 3);
        }
        rune_buf_append_cstr(out, "},\"parents\":[]}]");
    }
    rune_buf_append_cstr(out, "}");
}

/* Whether rules are left that derive elements: the sets were not built. */
static bool is_probed(const struct fixture *fixture, const char *name)
{
    const struct rune_store *store = &fixture->image->store;
    uint32_t relation = rune_rules_find_relation(store, rune_str_from(name));
    return relation != UINT32_MAX &&
           (store->relations[relation].flags & RUNE_RELATION_DERIVED) != 0;
}

static void compare_answers(struct fixture *probed, struct fixture *built, unsigned seed)
{
    struct rune_buf request = RUNE_BUF_INIT, first = RUNE_BUF_INIT;
    for (unsigned i = 0; i < 400; i++) {
        struct rune_answer answer;
        put_request(&request);
        struct rune_str body = {request.data, request.length};
        rune_decider_authorize(probed->decider, probed->image, 1, body, RUNE_ANSWER_PLAIN, &answer);
        rune_buf_reset(&first);
        rune_buf_append_str(&first, answer.body);
        rune_decider_authorize(built->decider, built->image, 1, body, RUNE_ANSWER_PLAIN, &answer);
        if (!rune_str_equal(answer.body, (struct rune_str){first.data, first.length})) {
            fail_msg("seed %u: %.*s\nprobed %.*s\nbuilt  %.*s", seed, RUNE_STR_ARG(body),
                     (int)first.length, first.data, RUNE_STR_ARG(answer.body));
        }
    }
    rune_buf_fini(&request);
    rune_buf_fini(&first);
}

static void check_seed(unsigned seed, bool with_schema, bool is_large)
{
    struct rune_buf rules = RUNE_BUF_INIT, documents = RUNE_BUF_INIT;
    srand(seed);
    put_rules(&rules, is_large);
    put_entities(&documents);
    const struct fixture_file files[] = {{"a.cedar", policies},
                                         {"b.dl", rune_buf_cstr(&rules)},
                                         {"c.entities.json", rune_buf_cstr(&documents)},
                                         {"v.cedar", as_value},
                                         {"rune.toml", "[bundle]\nvalidation = \"off\"\n"},
                                         {"d.cedarschema", schema}};
    struct fixture_file without[5] = {files[0], files[1], files[2], files[4], files[5]};
    struct fixture_file with[6] = {files[0], files[1], files[2], files[4], files[3], files[5]};
    struct fixture probed, built;
    fixture_open(&probed, without, with_schema ? 5 : 4);
    fixture_open(&built, with, with_schema ? 6 : 5);
    assert_true(is_probed(&probed, "entity.element(\"editors\")"));
    assert_false(is_probed(&built, "entity.element(\"editors\")"));
    compare_answers(&probed, &built, seed);
    fixture_close(&probed);
    fixture_close(&built);
    rune_buf_fini(&rules);
    rune_buf_fini(&documents);
}

static void test_probed_sets__answer_as_built_ones(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 60; seed++) {
        check_seed(seed, seed % 2 == 0, seed % 20 == 0);
    }
}

/* Who else reads the set, or what may fail in deriving it, has it built. */
static void test_sets__are_built_for_those_who_use_them(void **state)
{
    static const struct {
        const char *policy, *rule;
        bool is_probed;
    } cases[] = {
        {"resource.s.contains(principal)", "", true},
        {"resource.s.containsAny([principal]) && resource has s", "", true},
        {"resource.s == []", "", false},
        {"resource.s.isEmpty()", "", true},
        {"resource.s.isEmpty() && resource.s.contains(principal)", "", true},
        {"resource.s.isEmpty() || resource.s == []", "", false},
        {"[resource.s].isEmpty()", "", false},
        {"principal in resource.s", "", false},
        {"[principal].containsAny(resource.s)", "", false},
        {"resource has s.t", "", false},
        {"{s: resource.s} has s", "", false},
        {"true", "all(S) :- entity.attr(_, \"s\", S).", false},
        {"true", "all(N) :- entity.attr(_, N, _).", false},
        {"true", "all(V) :- entity.element(_, \"s\", V).", true},
        {"true",
         "permit(P, A, R) :- principal(P), action(A), resource(R), "
         "entity.element(R, \"s\", P).",
         false},
        {"true", "entity.element(D, \"s\", N) :- d(D, M), N = M + 1.", false},
        {"true", "entity.element(D, \"s\", M) :- d(D, M), M > 1.", false},
        {"true", "entity.element(D, \"s\", M) :- entity.element(E, \"s\", M), d(D, _), d(E, M).",
         false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char policy[200], rules[400];
        snprintf(policy, sizeof(policy), "permit(principal, action, resource) when { %s };",
                 cases[i].policy);
        snprintf(rules, sizeof(rules),
                 "d(Doc::\"1\", 1). entity.element(D, \"s\", M) :- d(D, M).\n%s", cases[i].rule);
        const struct fixture_file files[] = {{"a.cedar", policy}, {"b.dl", rules}};
        struct fixture fixture;
        fixture_open(&fixture, FIXTURE_FILES(files));
        if (is_probed(&fixture, "entity.element(\"s\")") != cases[i].is_probed) {
            fail_msg("%s %s", cases[i].policy, cases[i].rule);
        }
        fixture_close(&fixture);
    }
}

/* Elements of each kind, those of the image and those that a request brings or computes. */
static void test_probes__find_values_of_each_kind(void **state)
{
    static const struct {
        const char *value;         /* JSON */
        const char *equal, *other; /* Cedar */
    } cases[] = {
        {"1", "1", "2"},
        {"0", "context.n - 5", "context.n"},
        {"-7", "2 - 9", "7"},
        {"536870912", "536870911 + 1", "536870911"},
        {"4611686018427387904", "2305843009213693952 * 2", "2305843009213693952"},
        {"true", "context.n == 5", "context.n == 6"},
        {"\"a\"", "context.t", "\"b\""},
        {"{\"__entity\":{\"type\":\"User\",\"id\":\"u\"}}", "principal", "resource"},
        {"[1,2]", "[2, context.n - 4]", "[1, 2, 3]"},
        {"[]", "context.none", "[1]"},
        {"{\"k\":1}", "{k: context.n - 4}", "{k: 2}"},
        {"{\"__extn\":{\"fn\":\"decimal\",\"arg\":\"1.50\"}}", "decimal(\"1.5\")",
         "decimal(\"1.6\")"},
        {"{\"__extn\":{\"fn\":\"ip\",\"arg\":\"10.0.0.1\"}}", "ip(\"10.0.0.1/32\")",
         "ip(\"10.0.0.2\")"},
        {"{\"__extn\":{\"fn\":\"duration\",\"arg\":\"1h\"}}",
         "datetime(\"1970-01-01T01:00:00Z\").toTime()", "duration(\"1m\")"},
        {"{\"__extn\":{\"fn\":\"datetime\",\"arg\":\"1970-01-02\"}}",
         "datetime(\"1970-01-01\").offset(duration(\"1d\"))", "datetime(\"1970-01-01\")"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char policies_text[400], documents[200];
        snprintf(policies_text, sizeof(policies_text),
                 "permit(principal, action, resource) when { resource.s.contains(%s) && "
                 "!resource.s.contains(%s) && resource.s.containsAll([%s]) && "
                 "!resource.s.containsAny([%s]) };",
                 cases[i].equal, cases[i].other, cases[i].equal, cases[i].other);
        snprintf(documents, sizeof(documents),
                 "[{\"uid\":{\"type\":\"Doc\",\"id\":\"d\"},\"attrs\":{\"v\":%s},"
                 "\"parents\":[]}]",
                 cases[i].value);
        const struct fixture_file files[] = {
            {"a.cedar", policies_text},
            {"b.dl", "entity.element(D, \"s\", V) :- entity.attr(D, \"v\", V)."},
            {"c.entities.json", documents}};
        struct fixture fixture;
        struct rune_answer answer;
        fixture_open(&fixture, FIXTURE_FILES(files));
        assert_true(is_probed(&fixture, "entity.element(\"s\")"));
        rune_decider_authorize(fixture.decider, fixture.image, 1,
                               RUNE_STR("{\"principal\":\"User:u\",\"action\":\"Action:a\","
                                        "\"resource\":\"Doc:d\",\"context\":"
                                        "{\"n\":5,\"t\":\"a\",\"none\":[]}}"),
                               RUNE_ANSWER_PLAIN, &answer);
        if (strstr(answer.body.data, "PERMIT") == NULL) {
            fail_msg("%s: %.*s", cases[i].value, RUNE_STR_ARG(answer.body));
        }
        fixture_close(&fixture);
    }
}

static void count_call(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)done;
    (void)total;
    *(unsigned *)context += strcmp(what, "evaluating rules") == 0;
}

/* How often a component of rules was evaluated in a build, which opens as the fixture. */
static unsigned count_evaluations(const char *policies_text, const char *rules,
                                  struct fixture *fixture)
{
    const struct fixture_file files[] = {{"a.cedar", policies_text}, {"b.dl", rules}};
    unsigned calls = 0;
    const struct rune_build_options options = {
        .version = RUNE_BUILD_OPTIONS_VERSION, .progress = count_call, .progress_context = &calls};
    struct rune_build_result result;
    int fd;
    char *path = fixture_make(files, 2);
    assert_int_equal(rune_build_memory(path, &options, &fd, &result, NULL), RUNE_OK);
    assert_int_equal(rune_image_open_fd(fd, RUNE_IMAGE_VERIFY, &fixture->image, NULL), RUNE_OK);
    assert_int_equal(rune_decider_create(NULL, &fixture->decider), RUNE_OK);
    close(fd);
    fixture_remove(path);
    return calls;
}

/* Sets are projected together: each is evaluated a few times, not once for each other. */
static void test_sets__are_projected_together(void **state)
{
    enum { NAMES = 100 };
    struct rune_buf rules = RUNE_BUF_INIT, text = RUNE_BUF_INIT;
    struct fixture fixture;
    (void)state;
    rune_buf_append_cstr(&rules,
                         "entity.element(D, \"late\", U) :- entity.element(D, \"s3\", U).\n");
    rune_buf_append_cstr(&text, "permit(principal, action, resource)"
                                " when { resource.late.isEmpty() };\n");
    for (unsigned i = 0; i < NAMES; i++) {
        rune_buf_printf(&text,
                        "permit(principal, action, resource)"
                        " when { resource.s%u.contains(principal) };\n",
                        i);
        rune_buf_printf(&rules, "doc%u(Doc::\"d\", User::\"u%u\").\n", i, i);
        rune_buf_printf(&rules, "entity.element(D, \"s%u\", U) :- doc%u(D, U).\n", i, i);
    }
    unsigned calls = count_evaluations(rune_buf_cstr(&text), rune_buf_cstr(&rules), &fixture);
    assert_true(calls < 10 * 5 * NAMES);
    assert_true(is_probed(&fixture, "entity.element(\"s7\")"));
    assert_true(is_probed(&fixture, "entity.element(\"late\")"));
    fixture_close(&fixture);

    /* One in doubt is built, which says what is wrong with it alone. */
    rune_buf_append_cstr(&rules,
                         "entity.element(D, \"s5\", V) :- doc5(D, _), half(V). half(1.5).\n");
    const struct fixture_file files[] = {{"a.cedar", rune_buf_cstr(&text)},
                                         {"b.dl", rune_buf_cstr(&rules)}};
    char *message;
    assert_int_equal(fixture_build(files, 2, &message), RUNE_E_BUNDLE);
    assert_non_null(strstr(message, "RUNE-B0407"));
    assert_null(strstr(strstr(message, "error[") + 1, "error["));
    rune_free(message);
    rune_buf_fini(&rules);
    rune_buf_fini(&text);
}

/* The half of verification that looks at policies does not rely on the other, which looks at
 * relations: a probe's orders may be anywhere. */
static void test_probes__of_orders_out_of_bounds_are_refused(void **state)
{
    static const struct fixture_file files[] = {
        {"a.cedar", "permit(principal, action, resource) when { resource.s.isEmpty() };"},
        {"b.dl", "d(Doc::\"d\"). entity.element(D, \"s\", User::\"u\") :- d(D)."}};
    static const struct {
        uint32_t first, count; /* beside the number of orders */
    } cases[] = {{0, 1}, {1, 0}, {0x10000000, 1}, {UINT32_MAX / 2, UINT32_MAX / 2}};
    struct fixture fixture;
    (void)state;
    fixture_open(&fixture, FIXTURE_FILES(files));
    struct rune_store store = fixture.image->store;
    assert_int_equal(rune_store_verify_data(&store, NULL), RUNE_OK);
    size_t size = store.relation_count * sizeof(*store.relations);
    struct rune_image_relation *relations = rune_alloc(size);
    assert_non_null(relations);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        memcpy(relations, store.relations, size);
        for (uint32_t r = 0; r < store.relation_count; r++) {
            relations[r].first_order = store.order_count + cases[i].first;
            relations[r].order_count = relations[r].order_count > 0 ? 1 + cases[i].count : 0;
        }
        struct rune_store damaged = store;
        damaged.relations = relations;
        assert_int_equal(rune_store_verify_data(&damaged, NULL), RUNE_E_CORRUPT);
    }
    rune_free(relations);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probed_sets__answer_as_built_ones),
        cmocka_unit_test(test_sets__are_built_for_those_who_use_them),
        cmocka_unit_test(test_probes__find_values_of_each_kind),
        cmocka_unit_test(test_sets__are_projected_together),
        cmocka_unit_test(test_probes__of_orders_out_of_bounds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
