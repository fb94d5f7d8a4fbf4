/* SPDX-License-Identifier: Apache-2.0 */
/* Every public route and every error of the wire, without sockets and without an engine (double.h
 * decides). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/header_block.h"
#include "http/respond.h"
#include "unit/cmocka.h"
#include "unit/http/loopback.h"

#define IMAGE "0123456789abcdef"

#define ASK(m, p, b)                            \
    {                                           \
        .method = (m), .path = (p), .body = (b) \
    }
#define ASK_TYPED(m, p, b, t)                                        \
    {                                                                \
        .method = (m), .path = (p), .body = (b), .content_type = (t) \
    }

static struct loopback loopback;

static int open_with_image(void **state)
{
    (void)state;
    loopback_open(&loopback, RUNE_HTTP_PUBLIC, IMAGE);
    return 0;
}

static int open_without_image(void **state)
{
    (void)state;
    loopback_open(&loopback, RUNE_HTTP_PUBLIC, NULL);
    return 0;
}

static int close_loopback(void **state)
{
    (void)state;
    loopback_close(&loopback);
    return 0;
}

static uint64_t counted(enum rune_metric metric)
{
    return rune_counter_read(&loopback.counters, metric);
}

static void test_routes__answer(void **state)
{
    static const struct {
        struct loopback_request request;
        int status;
        const char *body; /* a part of it */
        enum rune_metric counted;
    } cases[] = {
        {ASK("POST", "/v1/authorize", "P"), 200, "{\"decision\":\"PERMIT\"",
         RUNE_METRIC_DECISION_PERMIT},
        {ASK("POST", "/v1/authorize", "D"), 200, "\"generation\":7", RUNE_METRIC_DECISION_DENY},
        {ASK("POST", "/v1/authorize", "F"), 200, "FORBID", RUNE_METRIC_DECISION_FORBID},
        {ASK("POST", "/v1/authorize", "E"), 200, "DENY", RUNE_METRIC_ERROR_EVALUATION},
        {ASK("POST", "/v1/authorize?debug=true", "P"), 200, "\"debug\":true", RUNE_METRIC_HTTP_200},
        {ASK("POST", "/v1/authorize?x=1&debug=true", "P"), 200, "\"debug\":true",
         RUNE_METRIC_HTTP_200},
        {ASK("POST", "/v1/authorize/batch", "P"), 200, "PERMIT", RUNE_METRIC_DECISION_PERMIT},
        {ASK("POST", "/v1/authorize", "S"), 422, "\"schema\"", RUNE_METRIC_ERROR_SCHEMA},
        {ASK("POST", "/v1/authorize", "?"), 400, "\"invalid_json\"", RUNE_METRIC_ERROR_SYNTAX},
        {ASK("POST", "/v1/authorize", NULL), 400, "\"invalid_json\"", RUNE_METRIC_HTTP_400},
        {ASK_TYPED("POST", "/v1/authorize", "P", "application/json; charset=utf-8"), 200, "PERMIT",
         RUNE_METRIC_HTTP_200},
        {ASK_TYPED("POST", "/v1/authorize", "P", "Application/JSON"), 200, "PERMIT",
         RUNE_METRIC_HTTP_200},
        {ASK_TYPED("POST", "/v1/authorize", "P", ""), 200, "PERMIT", RUNE_METRIC_HTTP_200},
        {ASK_TYPED("POST", "/v1/authorize", "P", "text/plain"), 415, "\"unsupported_media_type\"",
         RUNE_METRIC_HTTP_415},
        {ASK_TYPED("POST", "/v1/authorize", "P", "application/jsonx"), 415, "\"error\"",
         RUNE_METRIC_HTTP_415},
        {ASK("GET", "/v1/authorize", NULL), 405, "\"method_not_allowed\"", RUNE_METRIC_HTTP_405},
        {ASK("DELETE", "/health/live", NULL), 405, "\"method_not_allowed\"", RUNE_METRIC_HTTP_405},
        {ASK("GET", "/health/live", NULL), 200, "{\"status\":\"live\"}", RUNE_METRIC_HTTP_200},
        {ASK("GET", "/health/ready", NULL), 200, "{\"status\":\"ready\"}", RUNE_METRIC_HTTP_200},
        {ASK("GET", "/", NULL), 404, "\"not_found\"", RUNE_METRIC_HTTP_404},
        {ASK("POST", "/v1/authorize/", "P"), 404, "\"not_found\"", RUNE_METRIC_HTTP_404},
        {ASK("GET", "/v1/config", NULL), 404, "\"not_found\"", RUNE_METRIC_HTTP_404},
        {ASK("POST", "/v1/config/reload", "{}"), 404, "\"not_found\"", RUNE_METRIC_HTTP_404},
        {ASK("GET", "/metrics", NULL), 404, "\"not_found\"", RUNE_METRIC_HTTP_404},
        {ASK("OPTIONS", "*", NULL), 404, "\"not_found\"", RUNE_METRIC_HTTP_404},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct loopback_answer answer;
        uint64_t before = counted(cases[i].counted);
        loopback_ask(&loopback, &cases[i].request, 10, &answer);
        if (answer.status != cases[i].status || strstr(answer.body, cases[i].body) == NULL) {
            print_error("%s %s: %d %s\n", cases[i].request.method, cases[i].request.path,
                        answer.status, answer.body);
        }
        assert_true(answer.done);
        assert_int_equal(answer.status, cases[i].status);
        assert_non_null(strstr(answer.body, cases[i].body));
        assert_int_equal(answer.content_length, answer.body_length);
        assert_non_null(strstr(answer.headers, "content-type: application/json\n"));
        assert_non_null(strstr(answer.headers, "x-request-id: "));
        assert_int_equal(counted(cases[i].counted), before + 1);
        free(answer.body);
    }
}

static void test_routes__name_the_image_of_a_decision(void **state)
{
    (void)state;
    struct loopback_answer answer;
    loopback_ask(&loopback, &(struct loopback_request)ASK("POST", "/v1/authorize", "P"), 10,
                 &answer);
    assert_non_null(strstr(answer.headers, "rune-image: " IMAGE "\n"));
    free(answer.body);
    loopback_ask(&loopback, &(struct loopback_request)ASK("GET", "/health/live", NULL), 10,
                 &answer);
    assert_null(strstr(answer.headers, "rune-image"));
    free(answer.body);
}

static void test_routes__tell_which_methods_a_path_has(void **state)
{
    (void)state;
    struct loopback_answer answer;
    loopback_ask(&loopback, &(struct loopback_request)ASK("GET", "/v1/authorize", NULL), 10,
                 &answer);
    assert_non_null(strstr(answer.headers, "allow: POST\n"));
    free(answer.body);
    loopback_ask(&loopback, &(struct loopback_request)ASK("POST", "/health/live", NULL), 10,
                 &answer);
    assert_non_null(strstr(answer.headers, "allow: GET, HEAD\n"));
    free(answer.body);
}

static void test_routes__answer_head_without_body(void **state)
{
    (void)state;
    struct loopback_answer answer;
    loopback_ask(&loopback, &(struct loopback_request)ASK("HEAD", "/health/live", NULL), 10,
                 &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_length, 0);
    assert_int_equal(answer.content_length, strlen("{\"status\":\"live\"}\n"));
}

static void test_request_id__is_echoed_or_made(void **state)
{
    static char long_id[130];
    static const struct {
        const char *sent;
        bool echoed;
    } cases[] = {{"abc-123", true}, {"~!@#", true},     {"with blank", false},
                 {"", false},       {"\x01", false},    {"caf\xc3\xa9", false},
                 {long_id, false},  {long_id + 1, true}};
    (void)state;
    memset(long_id, 'x', sizeof(long_id) - 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct loopback_answer answer;
        struct loopback_request request = {.method = "GET", .path = "/health/live"};
        char want[160];
        request.header = (struct loopback_header){"x-request-id", cases[i].sent};
        loopback_ask(&loopback, &request, 10, &answer);
        snprintf(want, sizeof(want), "x-request-id: %s\n", cases[i].sent);
        assert_int_equal(strstr(answer.headers, want) != NULL, cases[i].echoed);
        if (!cases[i].echoed) {
            const char *made = strstr(answer.headers, "x-request-id: ") + strlen("x-request-id: ");
            assert_int_equal(strspn(made, "0123456789abcdef"), 16);
        }
        free(answer.body);
    }
}

static void test_request_id__differs_from_answer_to_answer(void **state)
{
    enum { COUNT = 200 };
    static char ids[COUNT][17];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        struct loopback_answer answer;
        loopback_ask(&loopback, &(struct loopback_request)ASK("GET", "/health/live", NULL), 10,
                     &answer);
        memcpy(ids[i], strstr(answer.headers, "x-request-id: ") + strlen("x-request-id: "), 16);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(ids[i], ids[j]);
        }
        free(answer.body);
    }
}

static void test_body__of_exactly_the_limit_is_decided(void **state)
{
    (void)state;
    size_t limit = loopback.loop->limits->max_body_bytes;
    char *body = malloc(limit + 1);
    memset(body, 'P', limit + 1);
    struct loopback_answer answer;
    loopback_ask(&loopback,
                 &(struct loopback_request){
                     .method = "POST", .path = "/v1/authorize", .body = body, .body_length = limit},
                 10, &answer);
    assert_int_equal(answer.status, 200);
    free(answer.body);
    loopback_ask(
        &loopback,
        &(struct loopback_request){
            .method = "POST", .path = "/v1/authorize", .body = body, .body_length = limit + 1},
        10, &answer);
    assert_int_equal(answer.status, 413);
    assert_non_null(strstr(answer.body, "\"too_large\""));
    free(answer.body);
    free(body);
}

static void test_answer__of_a_megabyte_arrives_whole(void **state)
{
    (void)state;
    struct loopback_answer answer;
    loopback_ask(&loopback, &(struct loopback_request)ASK("POST", "/v1/authorize", "L"), 10,
                 &answer);
    assert_int_equal(answer.body_length, 1 << 20);
    free(answer.body);
}

static void test_latency__is_sampled(void **state)
{
    (void)state;
    for (int i = 0; i < 129; i++) {
        struct loopback_answer answer;
        loopback_ask(&loopback, &(struct loopback_request)ASK("POST", "/v1/authorize", "P"), 10,
                     &answer);
        free(answer.body);
    }
    uint64_t observed = 0;
    for (unsigned i = 0; i < RUNE_HISTOGRAM_BUCKETS; i++) {
        observed += loopback.counters.histograms[RUNE_HISTOGRAM_AUTHORIZATION_LATENCY].buckets[i];
    }
    assert_int_equal(observed, 3); /* the first, the 65th, the 129th */
    assert_int_equal(loopback.counters.histograms[RUNE_HISTOGRAM_CEDAR_LATENCY].sum_ns, 3 * 300);
    assert_int_equal(loopback.counters.histograms[RUNE_HISTOGRAM_DATALOG_LATENCY].sum_ns, 3 * 200);
    assert_int_equal(counted(RUNE_METRIC_POLICY_EVALUATIONS), 129 * 3);
    assert_int_equal(counted(RUNE_METRIC_RULE_EVALUATIONS), 129 * 2);
}

static void test_no_image__is_not_ready(void **state)
{
    static const struct loopback_request requests[] = {ASK("GET", "/health/ready", NULL),
                                                       ASK("POST", "/v1/authorize", "P"),
                                                       ASK("POST", "/v1/authorize/batch", "P")};
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct loopback_answer answer;
        loopback_ask(&loopback, &requests[i], 10, &answer);
        assert_int_equal(answer.status, 503);
        assert_non_null(strstr(answer.body, "\"no_image\""));
        free(answer.body);
    }
}

static void test_draining__is_not_ready(void **state)
{
    (void)state;
    struct loopback_answer answer;
    loopback.loop->phase = RUNE_HTTP_DRAINING;
    loopback_ask(&loopback, &(struct loopback_request)ASK("GET", "/health/ready", NULL), 10,
                 &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, "\"draining\""));
    free(answer.body);
    loopback_ask(&loopback, &(struct loopback_request)ASK("POST", "/v1/authorize", "P"), 10,
                 &answer);
    assert_int_equal(answer.status, 200);
    free(answer.body);
}

static void test_error_body__escapes_its_message(void **state)
{
    (void)state;
    h2o_req_t req;
    memset(&req, 0, sizeof(req));
    h2o_mem_init_pool(&req.pool);
    struct rune_str body = rune_http_error_body(&req, "code", "a \"b\"\\\n\x01");
    assert_string_equal(
        strndupa(body.data, body.length),
        "{\"error\":{\"code\":\"code\",\"message\":\"a \\\"b\\\"\\\\\\u000a\\u0001\"}}\n");
    h2o_mem_clear_pool(&req.pool);
}

static void test_header_block__takes_the_place_of_the_librarys(void **state)
{
    (void)state;
    assert_true(rune_http_header_block_is_used());
}

int main(void)
{
#define WITH_IMAGE(test) cmocka_unit_test_setup_teardown(test, open_with_image, close_loopback)
#define WITHOUT_IMAGE(test) \
    cmocka_unit_test_setup_teardown(test, open_without_image, close_loopback)
    const struct CMUnitTest tests[] = {
        WITH_IMAGE(test_routes__answer),
        WITH_IMAGE(test_routes__name_the_image_of_a_decision),
        WITH_IMAGE(test_routes__tell_which_methods_a_path_has),
        WITH_IMAGE(test_routes__answer_head_without_body),
        WITH_IMAGE(test_request_id__is_echoed_or_made),
        WITH_IMAGE(test_request_id__differs_from_answer_to_answer),
        WITH_IMAGE(test_body__of_exactly_the_limit_is_decided),
        WITH_IMAGE(test_answer__of_a_megabyte_arrives_whole),
        WITH_IMAGE(test_latency__is_sampled),
        WITHOUT_IMAGE(test_no_image__is_not_ready),
        WITH_IMAGE(test_draining__is_not_ready),
        cmocka_unit_test(test_error_body__escapes_its_message),
        cmocka_unit_test(test_header_block__takes_the_place_of_the_librarys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
