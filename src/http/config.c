/* SPDX-License-Identifier: Apache-2.0 */
/* config: the admin listener's routes: what runs, reload, validate, metrics. Process: admin. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "http/loop.h"
#include "http/relay.h"
#include "http/respond.h"
#include "observe/metrics.h"
#include "shm/control.h"

#define HEX_BYTES 32

/* Sends what was put together and gives the buffer back. */
static void respond_buf(struct rune_http_loop *loop, h2o_req_t *req, int status,
                        struct rune_str content_type, struct rune_buf *buf)
{
    if (buf->failed) {
        rune_http_respond_error(loop, req, 503, "no_memory", rune_err_text(RUNE_E_NOMEM));
    } else {
        rune_http_respond(loop, req,
                          &(struct rune_http_response){.status = status,
                                                       .content_type = content_type,
                                                       .body = {buf->data, buf->length}});
    }
    rune_buf_fini(buf);
}

static void put_hex(struct rune_buf *out, const uint8_t bytes[HEX_BYTES])
{
    for (size_t i = 0; i < HEX_BYTES; i++) {
        rune_buf_printf(out, "%02x", bytes[i]);
    }
}

/* A NUL-terminated text of a shared struct, as JSON. */
static void put_text(struct rune_buf *out, const char *text, size_t size)
{
    rune_buf_append_json(out, (struct rune_str){text, strnlen(text, size)});
}

static void put_time(struct rune_buf *out, uint64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char text[32];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
    rune_buf_printf(out, "\"%s.%03uZ\"", text, (unsigned)(ms % 1000));
}

/* ---- GET /metrics ---- */

void rune_http_answer_metrics(struct rune_http_loop *loop, h2o_req_t *req)
{
    struct rune_buf buf = RUNE_BUF_INIT;
    rune_metrics_render(loop->control, &buf);
    respond_buf(loop, req, 200, RUNE_STR(RUNE_METRICS_CONTENT_TYPE), &buf);
}

/* ---- GET /v1/config ---- */

static void put_workers(struct rune_buf *out, const struct rune_control_map *control)
{
    rune_buf_append_cstr(out, ",\"workers\":[");
    for (uint32_t i = 0; i < rune_control_get(control)->worker_count; i++) {
        const struct rune_control_slot *slot = rune_control_slot_get(control, i);
        rune_buf_printf(
            out, "%s{\"pid\":%d,\"generation\":%" PRIu64 ",\"ready\":%s,\"restarts\":%" PRIu32 "}",
            i == 0 ? "" : ",", atomic_load_explicit(&slot->pid, memory_order_relaxed),
            rune_control_slot_generation(slot),
            atomic_load_explicit(&slot->ready, memory_order_acquire) != 0 ? "true" : "false",
            atomic_load_explicit(&slot->restarts, memory_order_relaxed));
    }
    rune_buf_append_char(out, ']');
}

static void put_last_reload(struct rune_buf *out, const struct rune_control_state *state,
                            const struct rune_diagnostics *diagnostics)
{
    static const char *const results[] = {
        [RUNE_RELOAD_NONE] = "none", [RUNE_RELOAD_OK] = "ok", [RUNE_RELOAD_FAILED] = "failed"};
    rune_buf_printf(out, ",\"lastReload\":{\"result\":\"%s\"",
                    state->reload_result <= RUNE_RELOAD_FAILED ? results[state->reload_result]
                                                               : "?");
    if (state->reload_at_ms != 0) {
        rune_buf_append_cstr(out, ",\"at\":");
        put_time(out, state->reload_at_ms);
        rune_buf_printf(out, ",\"durationMs\":%.3f", (double)state->reload_duration_ns / 1e6);
    }
    if (state->reload_message[0] != '\0') {
        rune_buf_append_cstr(out, ",\"message\":");
        put_text(out, state->reload_message, sizeof(state->reload_message));
    }
    if (diagnostics != NULL) {
        rune_buf_append_cstr(out, ",\"diagnostics\":");
        rune_buf_append_cstr(out, diagnostics->json);
    }
    rune_buf_append_char(out, '}');
}

static void put_state(struct rune_buf *out, const struct rune_control_state *state)
{
    static const char *const phases[] = {[RUNE_PHASE_IDLE] = "idle",
                                         [RUNE_PHASE_BUILDING] = "building",
                                         [RUNE_PHASE_VERIFYING] = "verifying",
                                         [RUNE_PHASE_PUBLISHING] = "publishing"};
    rune_buf_printf(out, "{\"generation\":%" PRIu64 ",\"image\":\"", state->generation);
    put_hex(out, state->image_sha256);
    rune_buf_printf(out, "\",\"imageBytes\":%" PRIu64, state->image_bytes);
    if (state->published_at_ms != 0) {
        rune_buf_append_cstr(out, ",\"publishedAt\":");
        put_time(out, state->published_at_ms);
    }
    rune_buf_append_cstr(out, ",\"bundle\":{\"name\":");
    put_text(out, state->bundle_name, sizeof(state->bundle_name));
    rune_buf_append_cstr(out, ",\"version\":");
    put_text(out, state->bundle_version, sizeof(state->bundle_version));
    rune_buf_printf(out,
                    "},\"policies\":%" PRIu32 ",\"rules\":%" PRIu32 ",\"entities\":%" PRIu32
                    ",\"facts\":%" PRIu64 ",\"phase\":\"%s\"",
                    state->policies, state->rules, state->entities,
                    state->base_facts + state->derived_facts,
                    state->phase <= RUNE_PHASE_PUBLISHING ? phases[state->phase] : "?");
}

static void respond_config(struct rune_http_loop *loop, h2o_req_t *req,
                           const struct rune_reply *reply,
                           const struct rune_diagnostics *diagnostics)
{
    struct rune_control_state state;
    struct rune_buf buf = RUNE_BUF_INIT;
    (void)reply;
    enum rune_err err = rune_control_read_state(rune_control_get(loop->control), &state);
    if (err != RUNE_OK) {
        rune_http_respond_error(loop, req, 503, "busy", "the supervisor is writing its state");
        return;
    }
    put_state(&buf, &state);
    put_workers(&buf, loop->control);
    put_last_reload(&buf, &state, diagnostics);
    rune_buf_append_cstr(&buf, "}\n");
    respond_buf(loop, req, 200, RUNE_STR("application/json"), &buf);
}

void rune_http_answer_config(struct rune_http_loop *loop, h2o_req_t *req)
{
    struct rune_control_state state;
    /* Diagnostics of a failed reload are the supervisor's; all else stands in the control page. */
    if (rune_control_read_state(rune_control_get(loop->control), &state) == RUNE_OK &&
        state.reload_result == RUNE_RELOAD_FAILED &&
        rune_http_relay_call(loop->relay, req, RUNE_CALL_DIAGNOSTICS, respond_config) == RUNE_OK) {
        return;
    }
    respond_config(loop, req, NULL, NULL);
}

/* ---- POST /v1/config/reload, GET /v1/config/validate ---- */

/* The wire's word for why a build failed. */
static const char *build_error_code(uint32_t err)
{
    switch (err) {
    case RUNE_E_BUNDLE:
    case RUNE_E_SYNTAX:
    case RUNE_E_INVALID:
    case RUNE_E_SCHEMA:
        return "bundle_invalid";
    case RUNE_E_LIMIT:
    case RUNE_E_NOMEM:
        return "limit";
    case RUNE_E_TIMEOUT:
        return "timeout";
    case RUNE_E_CORRUPT:
    case RUNE_E_VERSION:
        return "image_invalid";
    default:
        return "build_failed";
    }
}

static int build_error_status(uint32_t err)
{
    switch (err) {
    case RUNE_E_BUNDLE:
    case RUNE_E_SYNTAX:
    case RUNE_E_INVALID:
    case RUNE_E_SCHEMA:
    case RUNE_E_LIMIT:
    case RUNE_E_CORRUPT:
    case RUNE_E_VERSION:
        return 422; /* what is wrong is the bundle, not the call */
    case RUNE_E_NOMEM:
        return 503;
    case RUNE_E_TIMEOUT:
        return 504;
    default:
        return 500;
    }
}

static void put_built(struct rune_buf *out, const struct rune_reply *reply)
{
    rune_buf_append_cstr(out, ",\"image\":\"");
    put_hex(out, reply->image_sha256);
    rune_buf_printf(out,
                    "\",\"imageBytes\":%" PRIu64 ",\"policies\":%" PRIu32 ",\"rules\":%" PRIu32
                    ",\"facts\":%" PRIu64,
                    reply->image_bytes, reply->policies, reply->rules, reply->facts);
}

static void put_error(struct rune_buf *out, const struct rune_reply *reply)
{
    rune_buf_printf(out, ",\"error\":{\"code\":\"%s\",\"message\":", build_error_code(reply->err));
    if (reply->message[0] != '\0') {
        put_text(out, reply->message, sizeof(reply->message));
    } else {
        rune_buf_append_json(out, rune_str_from(rune_err_text((enum rune_err)reply->err)));
    }
    rune_buf_append_char(out, '}');
}

static void respond_built(struct rune_http_loop *loop, h2o_req_t *req,
                          const struct rune_reply *reply,
                          const struct rune_diagnostics *diagnostics)
{
    struct rune_buf buf = RUNE_BUF_INIT;
    if (reply == NULL) {
        rune_http_respond_error(loop, req, 503, "supervisor_gone",
                                "the supervisor does not answer");
        return;
    }
    bool done = reply->err == RUNE_OK;
    const char *result = done ? (reply->kind == RUNE_CALL_RELOAD ? "ok" : "valid")
                              : (reply->kind == RUNE_CALL_RELOAD ? "failed" : "invalid");
    rune_buf_printf(&buf, "{\"result\":\"%s\",\"generation\":%" PRIu64, result, reply->generation);
    if (done) {
        put_built(&buf, reply);
    } else {
        put_error(&buf, reply);
    }
    rune_buf_printf(&buf,
                    ",\"durationMs\":%.3f,\"errors\":%" PRIu32 ",\"warnings\":%" PRIu32
                    ",\"diagnostics\":",
                    (double)reply->duration_ns / 1e6, reply->errors, reply->warnings);
    rune_buf_append_cstr(
        &buf, diagnostics != NULL && diagnostics->json[0] == '[' ? diagnostics->json : "[]");
    rune_buf_append_cstr(&buf, "}\n");
    respond_buf(loop, req, done ? 200 : build_error_status(reply->err),
                RUNE_STR("application/json"), &buf);
}

static void relay_build(struct rune_http_loop *loop, h2o_req_t *req, enum rune_call_kind kind)
{
    switch (rune_http_relay_call(loop->relay, req, kind, respond_built)) {
    case RUNE_OK:
        return;
    case RUNE_E_LIMIT:
    case RUNE_E_BUSY:
        rune_http_respond_error(loop, req, 503, "busy", "too many calls wait for the supervisor");
        return;
    default:
        rune_http_respond_error(loop, req, 503, "supervisor_gone",
                                "the supervisor does not answer");
        return;
    }
}

void rune_http_answer_reload(struct rune_http_loop *loop, h2o_req_t *req)
{
    relay_build(loop, req, RUNE_CALL_RELOAD);
}

void rune_http_answer_validate(struct rune_http_loop *loop, h2o_req_t *req)
{
    relay_build(loop, req, RUNE_CALL_VALIDATE);
}
