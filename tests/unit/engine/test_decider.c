/* SPDX-License-Identifier: Apache-2.0 */
/* The decision path allocates nothing, locks nothing and makes no system call: counted by standing
 * in for malloc and pthread_mutex_lock, and by deciding under seccomp's strict mode. Each counter
 * is shown to count first. */
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sanitized.h"
#include "base/str.h"
#include "unit/cmocka.h"
#include "unit/engine/fixture.h"

/* ---- what is counted ---- */

static unsigned allocations, locks, hooked;

#if !RUNE_SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);

void *malloc(size_t size)
{
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *ptr, size_t size)
{
    allocations++;
    return __libc_realloc(ptr, size);
}

int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    locks++;
    return pthread_mutex_trylock(mutex);
}
#endif

static bool count_hook(void *context, size_t size)
{
    (void)context, (void)size;
    hooked++;
    return true;
}

/* ---- requests of every kind ---- */

static const struct fixture_file bundle[] = {
    {"policies.cedar", "@id(\"in\") permit(principal in Group::\"staff\", action, resource);\n"
                       "@id(\"ctx\") permit(principal, action == Action::\"a\", resource) when { "
                       "context.n + 1 > 3 && context.s like \"x*\" };\n"
                       "@id(\"sets\") permit(principal, action == Action::\"b\", resource) when { "
                       "[1, context.n].contains(7) };\n"
                       "@id(\"bad\") permit(principal, action, resource) when { principal.missing "
                       "== context.huge + 9223372036854775807 };\n"
                       "@id(\"no\") forbid(principal == User::\"eve\", action, resource);\n"},
    {"r.dl", "@id(\"owner\") permit(P, A, R) :- principal(P), action(A), resource(R), owns(P, R).\n"
             "@id(\"held\") forbid(P, A, R) :- principal(P), action(A), resource(R), held(R), not "
             "owns(P, R).\n"
             "owns(U, D) :- owner(U, D).\nowns(U, D) :- owns(U, F), inside(D, F).\n"
             "owner(User::\"zed\", Doc::\"top\").\ninside(Doc::\"mid\", "
             "Doc::\"top\").\ninside(Doc::\"low\", Doc::\"mid\").\n"
             "held(Doc::\"low\").\n"},
    {"rune.toml",
     "[defaults]\nprincipal_type = \"User\"\naction_type = \"Action\"\nresource_type = \"Doc\"\n"},
    {"a.entities.json",
     "[{\"uid\":{\"type\":\"User\",\"id\":\"bob\"},\"attrs\":{\"level\":1},"
     "\"parents\":[{\"type\":\"Group\",\"id\":\"staff\"}]},"
     "{\"uid\":{\"type\":\"Group\",\"id\":\"staff\"},\"attrs\":{},\"parents\":[]}]"},
};

static const char *const bodies[] = {
    "{\"principal\":\"User::\\\"bob\\\"\",\"action\":\"Action::\\\"a\\\"\",\"resource\":\"Doc::"
    "\\\"d\\\"\"}",
    "{\"principal\":\"eve\",\"action\":\"x\",\"resource\":\"unknown\"}",
    "{\"principal\":\"new "
    "one\",\"action\":\"a\",\"resource\":\"d\",\"context\":{\"n\":5,\"s\":\"x\\u00e9y\"}}",
    "{\"principal\":\"bob\",\"action\":\"b\",\"resource\":\"d\",\"context\":{\"n\":7,\"l\":[1,[2,{"
    "\"a\":\"b\"}]]}}",
    "{\"principal\":{\"type\":\"User\",\"id\":\"x\",\"properties\":{\"a\":{\"__extn\":{\"fn\":"
    "\"ip\",\"arg\":\"10.0.0.1\"}}}},"
    "\"action\":\"b\",\"resource\":\"d\",\"entities\":[{\"uid\":{\"type\":\"Doc\",\"id\":\"d\"},"
    "\"attrs\":{},\"parents\":"
    "[{\"type\":\"F\",\"id\":\"1\"}]},{\"uid\":{\"type\":\"F\",\"id\":\"1\"},\"attrs\":{},"
    "\"parents\":[]}]}",
    "{\"principal\":\"bob\",\"action\":\"b\",\"resource\":\"d\",\"context\":{\"n\":null}}",
    "{\"principal\":\"bob\",\"action\":\"b\",\"resource\":\"d\",\"contxt\":{}}",
    "{\"principal\":\"zed\",\"action\":\"b\",\"resource\":\"low\"}",
    "{\"principal\":\"bob\",\"action\":\"b\",\"resource\":\"low\"}",
    "{\"principal\":",
    "",
};

static const char batch[] =
    "{\"requests\":[{\"principal\":\"eve\",\"action\":\"a\",\"resource\":\"d\"},"
    "{\"principal\":\"bob\",\"action\":\"a\",\"resource\":\"d\",\"context\":{\"n\":123456789012,"
    "\"s\":\"q\"}}]}";

static struct fixture fixture;

static void decide_with(enum rune_answer_detail odd)
{
    struct rune_answer answer;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(bodies[i]),
                               i % 2 == 0 ? RUNE_ANSWER_PLAIN : odd, &answer);
    }
    rune_decider_authorize_batch(fixture.decider, fixture.image, 1, rune_str_from(batch),
                                 RUNE_ANSWER_PLAIN, &answer);
}

static void decide_all(void)
{
    decide_with(RUNE_ANSWER_DEBUG);
    decide_with(RUNE_ANSWER_PLAIN);
}

/* Strict mode takes the time stamp counter away, too, and with it the vDSO's clock. */
static void decide_plain(void)
{
    decide_with(RUNE_ANSWER_PLAIN);
}

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture, FIXTURE_FILES(bundle));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&fixture);
    return 0;
}

/* ---- tests ---- */

static void test_decide__allocates_and_locks_nothing(void **state)
{
    (void)state;
    /* The very first decisions count, too: nothing is made lazily. */
    rune_alloc_set_hook(count_hook, NULL);
    hooked = allocations = locks = 0;
    decide_all();
    unsigned all = hooked + allocations + locks;
    rune_alloc_set_hook(NULL, NULL);
    assert_int_equal(all, 0);
}

static void test_counters__count_what_is_planted(void **state)
{
    (void)state;
    rune_alloc_set_hook(count_hook, NULL);
    hooked = allocations = locks = 0;
    rune_free(rune_alloc(10));
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    pthread_mutex_unlock(&mutex);
    rune_alloc_set_hook(NULL, NULL);
    assert_int_equal(hooked, 1);
    assert_int_equal(allocations, RUNE_SANITIZED ? 0 : 1);
    assert_int_equal(locks, RUNE_SANITIZED ? 0 : 1);
}

/* Runs in a child that may only read, write and leave; true if it came back to say so. */
static bool survives_seccomp(void (*run)(void))
{
    int channel[2];
    char ok = 0;
    assert_int_equal(pipe(channel), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
            syscall(SYS_exit, 2);
        }
        run();
        ssize_t wrote = write(channel[1], "y", 1);
        (void)wrote;
        syscall(SYS_exit, 0);
    }
    close(channel[1]);
    bool survived = read(channel[0], &ok, 1) == 1 && ok == 'y';
    close(channel[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 2);
    return survived;
}

static void planted(void)
{
    syscall(SYS_getppid);
}

static void test_decide__makes_no_system_call(void **state)
{
    (void)state;
    if (RUNE_SANITIZED) {
        skip();
    }
    assert_false(survives_seccomp(planted));
    assert_true(survives_seccomp(decide_plain));
}

static void test_batch__checks_its_size_and_names_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        const char *part;
    } cases[] = {
        {"{\"requests\":[]}", 400, "batch_size"},
        {"{}", 400, "missing_field"},
        {"[]", 400, "wrong_type"},
        {"{\"requests\":{}}", 400, "wrong_type"},
        {"{\"request\":[]}", 400, "unknown_field"},
        {"{\"requests\":[{\"principal\":\"a\",\"action\":\"a\",\"resource\":\"d\"}],\"requests\":[]"
         "}",
         400, "duplicate_key"},
        {"{\"requests\":[{\"principal\":\"a\",\"action\":\"a\",\"resource\":\"d\"},7]}", 400,
         "\"at\":\"requests[1]\""},
        {"{\"requests\":[{\"principal\":1,\"action\":\"a\",\"resource\":\"d\"}]}", 400,
         "\"at\":\"requests[0].principal\""},
        {"{\"requests\":[{\"principal\":\"a\",\"action\":\"a\",\"resource\":\"d\",\"context\":{"
         "\"x\":null}}]}",
         400, "\"at\":\"requests[0].context.x\""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rune_answer answer;
        rune_decider_authorize_batch(fixture.decider, fixture.image, 1,
                                     rune_str_from(cases[i].body), RUNE_ANSWER_PLAIN, &answer);
        if (answer.status != cases[i].status ||
            memmem(answer.body.data, answer.body.length, cases[i].part, strlen(cases[i].part)) ==
                NULL) {
            fail_msg("%s gave %d %.*s", cases[i].body, answer.status, RUNE_STR_ARG(answer.body));
        }
    }
}

static void test_batch__takes_100_and_refuses_101(void **state)
{
    (void)state;
    static char body[16384];
    for (int count = 100; count <= 101; count++) {
        size_t at = (size_t)sprintf(body, "{\"requests\":[");
        for (int i = 0; i < count; i++) {
            at += (size_t)sprintf(body + at,
                                  "%s{\"principal\":\"%s\",\"action\":\"a\",\"resource\":\"d%d\"}",
                                  i > 0 ? "," : "", i % 2 == 0 ? "bob" : "eve", i);
        }
        at += (size_t)sprintf(body + at, "]}");
        struct rune_answer answer;
        rune_decider_authorize_batch(fixture.decider, fixture.image, 1, (struct rune_str){body, at},
                                     RUNE_ANSWER_PLAIN, &answer);
        assert_int_equal(answer.status, count == 100 ? 200 : 400);
        assert_int_equal(answer.stats.outcomes[RUNE_PERMIT], count == 100 ? 50 : 0);
        assert_int_equal(answer.stats.outcomes[RUNE_FORBID], count == 100 ? 50 : 0);
    }
}

/* A batch may take what some decisions may, not what all of its could. */
static void test_batch__shares_its_steps(void **state)
{
    (void)state;
    static const char one[] = "{\"principal\":\"bob\",\"action\":\"a\",\"resource\":\"d1\"}";
    static char body[16384];
    size_t at = (size_t)sprintf(body, "{\"requests\":[");
    for (int i = 0; i < 100; i++) {
        at += (size_t)sprintf(body + at, "%s%s", i > 0 ? "," : "", one);
    }
    at += (size_t)sprintf(body + at, "]}");
    struct rune_answer answer = {0};
    uint64_t steps = 0;
    do {
        rune_decider_set_max_steps(fixture.decider, ++steps);
        rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(one),
                               RUNE_ANSWER_PLAIN, &answer);
    } while (answer.stats.outcomes[RUNE_PERMIT] == 0 && steps < 100000);
    rune_decider_authorize_batch(fixture.decider, fixture.image, 1, (struct rune_str){body, at},
                                 RUNE_ANSWER_PLAIN, &answer);
    assert_int_equal(answer.status, 200);
    assert_in_range(answer.stats.outcomes[RUNE_PERMIT], 8, 20);
    assert_int_equal(answer.stats.outcomes[RUNE_DENY], 100 - answer.stats.outcomes[RUNE_PERMIT]);
    rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(one), RUNE_ANSWER_PLAIN,
                           &answer);
    assert_int_equal(answer.stats.outcomes[RUNE_PERMIT], 1);
    rune_decider_set_max_steps(fixture.decider, 0);
}

static void test_limit__ends_as_deny(void **state)
{
    (void)state;
    struct rune_answer answer;
    rune_decider_set_max_steps(fixture.decider, 1);
    rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(bodies[3]),
                           RUNE_ANSWER_PLAIN, &answer);
    rune_decider_set_max_steps(fixture.decider, 0);
    static const char want[] =
        "{\"decision\":\"DENY\",\"reasons\":[],\"errors\":[{\"id\":\"\",\"code\":\"limit\","
        "\"message\":\"the decision needs more steps than its limit, max_steps\"";
    assert_int_equal(answer.status, 200);
    assert_true(answer.body.length > sizeof(want));
    assert_memory_equal(answer.body.data, want, sizeof(want) - 1);
}

static void test_decide__joins_policies_and_rules(void **state)
{
    (void)state;
    static const struct {
        const char *principal, *resource, *want;
    } cases[] = {
        {"zed", "low", "{\"decision\":\"PERMIT\",\"reasons\":[\"owner\"]"},
        {"zed", "other", "{\"decision\":\"DENY\",\"reasons\":[]"},
        {"bob", "low", "{\"decision\":\"FORBID\",\"reasons\":[\"held\"]"},
        {"bob", "mid", "{\"decision\":\"PERMIT\",\"reasons\":[\"in\"]"},
        {"eve", "low", "{\"decision\":\"FORBID\",\"reasons\":[\"held\",\"no\"]"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[256];
        struct rune_answer answer;
        snprintf(body, sizeof(body), "{\"principal\":\"%s\",\"action\":\"z\",\"resource\":\"%s\"}",
                 cases[i].principal, cases[i].resource);
        rune_decider_authorize(fixture.decider, fixture.image, 1, rune_str_from(body),
                               RUNE_ANSWER_PLAIN, &answer);
        if (answer.status != 200 ||
            strncmp(answer.body.data, cases[i].want, strlen(cases[i].want)) != 0) {
            fail_msg("%s: wanted %s, got %.*s", body, cases[i].want, RUNE_STR_ARG(answer.body));
        }
    }
}

/* errors = "strict": a forbid that cannot be evaluated counts as matching; by default it is only
 * listed. */
static void test_decide__is_strict_about_errors_where_told(void **state)
{
    (void)state;
    static const char body[] = "{\"principal\":\"U::\\\"a\\\"\",\"action\":\"A::\\\"a\\\"\","
                               "\"resource\":\"R::\\\"a\\\"\"}";
    static const struct {
        const char *manifest, *want;
    } cases[] = {
        {"[bundle]\nerrors = \"cedar\"\n",
         "{\"decision\":\"PERMIT\",\"reasons\":[\"all\"],\"errors\":[{\"id\":\"broken\""},
        {"[bundle]\nerrors = \"strict\"\n",
         "{\"decision\":\"FORBID\",\"reasons\":[\"broken\"],\"errors\":[{\"id\":\"broken\""},
    };
    for (size_t i = 0; i < 2; i++) {
        const struct fixture_file files[] = {
            {"p.cedar",
             "@id(\"all\") permit(principal, action, resource);\n"
             "@id(\"broken\") forbid(principal, action, resource) when { context.missing };\n"
             "@id(\"bad-permit\") permit(principal, action, resource) when { context.missing };\n"},
            {"rune.toml", cases[i].manifest},
        };
        struct fixture strict;
        struct rune_answer answer;
        fixture_open(&strict, FIXTURE_FILES(files));
        rune_decider_authorize(strict.decider, strict.image, 1, rune_str_from(body),
                               RUNE_ANSWER_PLAIN, &answer);
        /* Errors are sorted by id, bad-permit before broken. */
        char *at = memmem(answer.body.data, answer.body.length, "{\"id\":\"bad-permit\"", 18);
        assert_non_null(at);
        assert_non_null(memmem(at, answer.body.length - (size_t)(at - answer.body.data),
                               "{\"id\":\"broken\"", 14));
        size_t head = strcspn(cases[i].want, "!") - strlen(",\"errors\":[{\"id\":\"broken\"");
        assert_memory_equal(answer.body.data, cases[i].want, head);
        fixture_close(&strict);
    }
}

static void test_answer__too_large_is_an_error(void **state)
{
    (void)state;
    struct rune_decider *small;
    const struct rune_decider_options options = {.version = RUNE_DECIDER_OPTIONS_VERSION,
                                                 .answer_bytes = 1};
    static char body[32768];
    size_t at = (size_t)sprintf(body, "{\"requests\":[");
    for (int i = 0; i < 100; i++) {
        at += (size_t)sprintf(body + at, "%s%s", i > 0 ? "," : "", bodies[3]);
    }
    at += (size_t)sprintf(body + at, "]}");
    struct rune_answer answer;
    assert_int_equal(rune_decider_create(&options, &small), RUNE_OK);
    rune_decider_authorize_batch(small, fixture.image, 1, (struct rune_str){body, at},
                                 RUNE_ANSWER_PLAIN, &answer);
    assert_int_equal(answer.status, 500);
    assert_string_equal(answer.error_code, "answer_too_large");
    rune_decider_destroy(small);
}

static void test_request__lives_on_its_own(void **state)
{
    (void)state;
    struct rune_request *requests[4];
    struct rune_request_error error;
    static const enum rune_outcome want[4] = {RUNE_PERMIT, RUNE_FORBID, RUNE_PERMIT, RUNE_PERMIT};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rune_request_create(fixture.decider, fixture.image,
                                             rune_str_from(bodies[i]), &requests[i], &error),
                         RUNE_OK);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 3; i >= 0; i--) {
            struct rune_decision decision;
            rune_decider_decide(fixture.decider, fixture.image, requests[i], RUNE_ANSWER_DEBUG,
                                &decision);
            assert_int_equal(decision.outcome, want[i]);
            assert_true(decision.reason_count > 0);
            assert_true(decision.matched_policy_count >= decision.reason_count);
        }
    }
    for (int i = 0; i < 4; i++) {
        rune_request_destroy(requests[i]);
    }
    rune_request_destroy(NULL);
}

/* ---- out of memory, at every allocation ---- */

static unsigned budget;

static bool budget_hook(void *context, size_t size)
{
    (void)context, (void)size;
    return budget > 0 && budget-- > 0;
}

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

static void test_create__survives_every_failure(void **state)
{
    (void)state;
    for (unsigned allowed = 0;; allowed++) {
        struct rune_decider *decider;
        budget = allowed;
        rune_alloc_set_hook(budget_hook, NULL);
        enum rune_err err = rune_decider_create(NULL, &decider);
        rune_alloc_set_hook(NULL, NULL);
        if (err == RUNE_OK) {
            assert_true(allowed > 2);
            rune_decider_destroy(decider);
            return;
        }
        assert_int_equal(err, RUNE_E_NOMEM);
        assert_true(allowed < 100);
    }
}

static void test_create__refuses_options_of_the_future(void **state)
{
    (void)state;
    struct rune_decider *decider;
    const struct rune_decider_options options = {.version = RUNE_DECIDER_OPTIONS_VERSION + 1};
    assert_int_equal(rune_decider_create(&options, &decider), RUNE_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* first: nothing has been decided yet */
        cmocka_unit_test(test_decide__allocates_and_locks_nothing),
        cmocka_unit_test(test_counters__count_what_is_planted),
        cmocka_unit_test(test_decide__makes_no_system_call),
        cmocka_unit_test(test_batch__checks_its_size_and_names_the_place),
        cmocka_unit_test(test_batch__takes_100_and_refuses_101),
        cmocka_unit_test(test_batch__shares_its_steps),
        cmocka_unit_test(test_limit__ends_as_deny),
        cmocka_unit_test(test_decide__joins_policies_and_rules),
        cmocka_unit_test(test_decide__is_strict_about_errors_where_told),
        cmocka_unit_test(test_answer__too_large_is_an_error),
        cmocka_unit_test(test_request__lives_on_its_own),
        cmocka_unit_test(test_decide__guesses_nothing_of_another_image),
        cmocka_unit_test(test_decide__remembers_only_what_is_so),
        cmocka_unit_test(test_create__survives_every_failure),
        cmocka_unit_test(test_create__refuses_options_of_the_future),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
