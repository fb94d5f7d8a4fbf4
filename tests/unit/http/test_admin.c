/* SPDX-License-Identifier: Apache-2.0 */
/* The admin routes, with a socketpair for the supervisor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/relay.h"
#include "shm/control.h"
#include "unit/cmocka.h"
#include "unit/http/loopback.h"

#define ASK(m, p)                  \
    {                              \
        .method = (m), .path = (p) \
    }

static struct loopback loopback;
static struct rune_control_map control;
static int supervisor = -1;
static int relay_fd = -1;

static int open_admin(void **state)
{
    int pair[2];
    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
    supervisor = pair[0];
    relay_fd = pair[1];
    assert_int_equal(rune_control_create(2, &control), RUNE_OK);
    loopback_open(&loopback, RUNE_HTTP_ADMIN, "0123456789abcdef");
    loopback.loop->control = &control;
    assert_int_equal(rune_http_relay_create(loopback.loop, relay_fd, &loopback.loop->relay),
                     RUNE_OK);
    return 0;
}

static int close_admin(void **state)
{
    (void)state;
    rune_http_relay_destroy(loopback.loop->relay);
    loopback.loop->relay = NULL;
    loopback_close(&loopback);
    rune_control_unmap(&control);
    close(supervisor);
    close(relay_fd);
    supervisor = -1;
    return 0;
}

/* Answers are put into the socket before the call is made: ids count from 1. */
static void answer_first(enum rune_call_kind kind, uint64_t id, enum rune_err err, const char *json)
{
    struct rune_reply reply = {
        .version = RUNE_CALL_VERSION, .kind = kind, .id = id, .err = err, .generation = 42};
    int fd = -1;
    reply.policies = 5;
    reply.facts = 1000;
    reply.image_sha256[0] = 0xab;
    if (err != RUNE_OK) {
        snprintf(reply.message, sizeof(reply.message), "a.cedar:1:2: expected \";\"");
        reply.errors = 1;
    }
    if (json != NULL) {
        assert_int_equal(rune_diagnostics_create(1, 0, "text", json, &fd), RUNE_OK);
        reply.has_fd = 1;
    }
    assert_int_equal(rune_message_send(supervisor, &reply, sizeof(reply), fd), RUNE_OK);
    if (fd >= 0) {
        close(fd);
    }
}

static struct rune_call take_call(void)
{
    struct rune_call call = {0};
    int fd = -1;
    assert_int_equal(rune_message_receive(supervisor, &call, sizeof(call), &fd), RUNE_OK);
    return call;
}

static void test_config__shows_the_control_page(void **state)
{
    struct rune_control_state shown = {.generation = 9,
                                       .policies = 3,
                                       .rules = 2,
                                       .base_facts = 10,
                                       .derived_facts = 5,
                                       .reload_result = RUNE_RELOAD_OK,
                                       .reload_at_ms = 1000,
                                       .bundle_name = "docs",
                                       .bundle_version = "1.2"};
    struct loopback_answer answer;
    (void)state;
    shown.image_sha256[31] = 0x7f;
    rune_control_write_state(rune_control_get(&control), &shown);
    struct rune_control_slot *slot = rune_control_slot_get(&control, 1);
    atomic_store(&slot->pid, 77);
    rune_control_slot_acknowledge(slot, 77, 9);
    rune_control_slot_set_ready(slot, 1);
    loopback_ask(&loopback, &(struct loopback_request)ASK("GET", "/v1/config"), 10, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "{\"generation\":9,\"image\":\"000000"));
    assert_non_null(strstr(answer.body, "00007f\""));
    assert_non_null(strstr(answer.body, "\"bundle\":{\"name\":\"docs\",\"version\":\"1.2\"}"));
    assert_non_null(strstr(answer.body, "\"policies\":3,\"rules\":2,"));
    assert_non_null(strstr(answer.body, "\"facts\":15"));
    assert_non_null(strstr(answer.body, "{\"pid\":77,\"generation\":9,\"ready\":true,"));
    assert_non_null(strstr(
        answer.body, "\"lastReload\":{\"result\":\"ok\",\"at\":\"1970-01-01T00:00:01.000Z\""));
    free(answer.body);
}

static void test_config__fetches_diagnostics_of_a_failed_reload(void **state)
{
    struct rune_control_state shown = {.reload_result = RUNE_RELOAD_FAILED,
                                       .reload_message = "bad \"thing\""};
    struct loopback_answer answer;
    (void)state;
    rune_control_write_state(rune_control_get(&control), &shown);
    answer_first(RUNE_CALL_DIAGNOSTICS, 1, RUNE_OK, "[{\"line\":3}]");
    loopback_ask(&loopback, &(struct loopback_request)ASK("GET", "/v1/config"), 10, &answer);
    assert_int_equal(take_call().kind, RUNE_CALL_DIAGNOSTICS);
    assert_non_null(strstr(answer.body, "\"result\":\"failed\""));
    assert_non_null(strstr(answer.body, "\"message\":\"bad \\\"thing\\\"\""));
    assert_non_null(strstr(answer.body, "\"diagnostics\":[{\"line\":3}]"));
    free(answer.body);
}

static void test_reload__answers_when_the_supervisor_does(void **state)
{
    struct loopback_answer answer;
    (void)state;
    loopback_ask(&loopback, &(struct loopback_request)ASK("POST", "/v1/config/reload"), 3, &answer);
    assert_false(answer.done); /* nobody has answered; the client has left */
    assert_int_equal(take_call().kind, RUNE_CALL_RELOAD);
    answer_first(RUNE_CALL_RELOAD, 1, RUNE_OK, NULL); /* too late: dropped */
    answer_first(RUNE_CALL_RELOAD, 2, RUNE_OK, NULL);
    loopback_ask(&loopback, &(struct loopback_request)ASK("POST", "/v1/config/reload"), 10,
                 &answer);
    assert_int_equal(take_call().id, 2);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "{\"result\":\"ok\",\"generation\":42,\"image\":\"ab00"));
    assert_non_null(strstr(answer.body, "\"diagnostics\":[]"));
    free(answer.body);
}

static void test_reload__tells_why_it_failed(void **state)
{
    static const struct {
        enum rune_err err;
        int status;
        const char *code;
    } cases[] = {{RUNE_E_BUNDLE, 422, "bundle_invalid"},
                 {RUNE_E_LIMIT, 422, "limit"},
                 {RUNE_E_NOMEM, 503, "limit"},
                 {RUNE_E_TIMEOUT, 504, "timeout"},
                 {RUNE_E_IO, 500, "build_failed"}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct loopback_answer answer;
        char code[64];
        answer_first(RUNE_CALL_RELOAD, i + 1, cases[i].err, "[{\"file\":\"a.cedar\"}]");
        loopback_ask(&loopback, &(struct loopback_request)ASK("POST", "/v1/config/reload"), 10,
                     &answer);
        assert_int_equal(answer.status, cases[i].status);
        snprintf(code, sizeof(code), "\"error\":{\"code\":\"%s\"", cases[i].code);
        assert_non_null(strstr(answer.body, code));
        assert_non_null(strstr(answer.body, "\"message\":\"a.cedar:1:2: expected \\\";\\\"\""));
        assert_non_null(strstr(answer.body, "\"diagnostics\":[{\"file\":\"a.cedar\"}]"));
        free(answer.body);
    }
}

static void test_validate__does_not_reload(void **state)
{
    struct loopback_answer answer;
    (void)state;
    answer_first(RUNE_CALL_VALIDATE, 1, RUNE_OK, NULL);
    loopback_ask(&loopback, &(struct loopback_request)ASK("GET", "/v1/config/validate"), 10,
                 &answer);
    assert_int_equal(take_call().kind, RUNE_CALL_VALIDATE);
    assert_non_null(strstr(answer.body, "{\"result\":\"valid\""));
    free(answer.body);
}

static void test_reload__fails_when_the_supervisor_is_gone(void **state)
{
    struct loopback_answer answer;
    (void)state;
    close(supervisor);
    supervisor = -1;
    for (int i = 0; i < 2; i++) {
        loopback_ask(&loopback, &(struct loopback_request)ASK("POST", "/v1/config/reload"), 10,
                     &answer);
        assert_int_equal(answer.status, 503);
        assert_non_null(strstr(answer.body, "\"supervisor_gone\""));
        free(answer.body);
    }
}

static void test_admin__does_not_decide(void **state)
{
    struct loopback_answer answer;
    (void)state;
    loopback_ask(&loopback, &(struct loopback_request)ASK("POST", "/v1/authorize"), 10, &answer);
    assert_int_equal(answer.status, 404);
    free(answer.body);
}

static void test_metrics__are_prometheus_text(void **state)
{
    struct loopback_answer answer;
    (void)state;
    rune_counter_add(&rune_control_slot_get(&control, 0)->counters, RUNE_METRIC_DECISION_PERMIT, 3);
    rune_counter_add(&rune_control_slot_get(&control, 1)->counters, RUNE_METRIC_DECISION_PERMIT, 4);
    loopback_ask(&loopback, &(struct loopback_request)ASK("GET", "/metrics"), 10, &answer);
    assert_non_null(strstr(answer.headers, "content-type: text/plain; version=0.0.4"));
    assert_non_null(
        strstr(answer.body, "\nrune_authorization_requests_total{decision=\"PERMIT\"} 7\n"));
    free(answer.body);
}

int main(void)
{
#define ADMIN(test) cmocka_unit_test_setup_teardown(test, open_admin, close_admin)
    const struct CMUnitTest tests[] = {
        ADMIN(test_config__shows_the_control_page),
        ADMIN(test_config__fetches_diagnostics_of_a_failed_reload),
        ADMIN(test_reload__answers_when_the_supervisor_does),
        ADMIN(test_reload__tells_why_it_failed),
        ADMIN(test_validate__does_not_reload),
        ADMIN(test_reload__fails_when_the_supervisor_is_gone),
        ADMIN(test_admin__does_not_decide),
        ADMIN(test_metrics__are_prometheus_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
