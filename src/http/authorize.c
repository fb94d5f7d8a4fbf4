/* SPDX-License-Identifier: Apache-2.0 */
/* authorize: POST /v1/authorize and /v1/authorize/batch. The decision itself is the engine's: bytes
 * in, bytes out.
 *
 * INVARIANT: one decision (one batch) lies between one enter and one leave of the view, and between
 * the two nothing but the engine runs. */
#include <string.h>
#include <time.h>

#include "base/layout.h"
#include "engine/decider.h"
#include "engine/image.h"
#include "http/loop.h"
#include "http/respond.h"
#include "live/view.h"

#define SAMPLE_EVERY 64u /* requests whose time is taken: one in so many */

typedef void (*decide_fn)(struct rune_decider *decider, const struct rune_image *image,
                          uint64_t generation, struct rune_str body, enum rune_answer_detail detail,
                          struct rune_answer *ret_answer);

/* "application/json", whatever parameters follow; or nothing at all. */
static bool is_json_type(const h2o_req_t *req)
{
    static const char json[] = "application/json";
    ssize_t index = h2o_find_header(&req->headers, H2O_TOKEN_CONTENT_TYPE, -1);
    if (index < 0) {
        return true;
    }
    h2o_iovec_t value = req->headers.entries[index].value;
    size_t length = sizeof(json) - 1;
    if (value.len < length ||
        (memcmp(value.base, json, length) != 0 && !h2o_lcstris(value.base, length, json, length))) {
        return false;
    }
    return value.len == length || value.base[length] == ';' || value.base[length] == ' ';
}

/* Answers what cannot even be decided. True if it did. */
static bool refuse(struct rune_http_loop *loop, h2o_req_t *req)
{
    if (!is_json_type(req)) {
        rune_http_respond_error(
            loop, req, 415, "unsupported_media_type",
            "the body must be application/json; with curl: --json instead of -d");
        return true;
    }
    if (req->entity.len > loop->limits->max_body_bytes) {
        rune_http_respond_error(loop, req, 413, "too_large", "the body is too large");
        return true;
    }
    return false;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The series of rune_authorization_errors_total for the code of a refused request. */
static RUNE_COLD enum rune_metric refusal_metric(const char *code)
{
    static const struct {
        const char *code;
        enum rune_err err;
    } codes[] = {
#define RUNE_REQUEST_ERROR(name, code, status, err) {code, err},
#include "engine/request_errors.def"
#undef RUNE_REQUEST_ERROR
    };
    for (size_t i = 0; code != NULL && i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (strcmp(codes[i].code, code) == 0) {
            switch ((int)codes[i].err) {
            case RUNE_E_SYNTAX:
                return RUNE_METRIC_ERROR_SYNTAX;
            case RUNE_E_INVALID:
                return RUNE_METRIC_ERROR_INVALID;
            case RUNE_E_SCHEMA:
                return RUNE_METRIC_ERROR_SCHEMA;
            case RUNE_E_LIMIT:
                return RUNE_METRIC_ERROR_LIMIT;
            default:
                break;
            }
        }
    }
    return RUNE_METRIC_ERROR_INTERNAL;
}

static void count(struct rune_counters *counters, const struct rune_answer *answer)
{
    static const enum rune_metric outcome_metrics[RUNE_OUTCOME_COUNT] = {
        [RUNE_DENY] = RUNE_METRIC_DECISION_DENY,
        [RUNE_PERMIT] = RUNE_METRIC_DECISION_PERMIT,
        [RUNE_FORBID] = RUNE_METRIC_DECISION_FORBID,
    };
    if (answer->status != 200) {
        rune_counter_add(counters, refusal_metric(answer->error_code), 1);
        return;
    }
    for (unsigned i = 0; i < RUNE_OUTCOME_COUNT; i++) {
        if (answer->stats.outcomes[i] != 0) {
            rune_counter_add(counters, outcome_metrics[i], answer->stats.outcomes[i]);
        }
    }
    rune_counter_add(counters, RUNE_METRIC_POLICY_EVALUATIONS, answer->stats.policies_evaluated);
    rune_counter_add(counters, RUNE_METRIC_RULE_EVALUATIONS, answer->stats.rules_evaluated);
    if (answer->stats.errors != 0) {
        rune_counter_add(counters, RUNE_METRIC_ERROR_EVALUATION, answer->stats.errors);
    }
}

static RUNE_COLD void observe(struct rune_http_loop *loop, uint64_t began_ns,
                              const struct rune_decision_stats *stats)
{
    rune_histogram_observe(loop->counters, RUNE_HISTOGRAM_AUTHORIZATION_LATENCY,
                           now_ns() - began_ns);
    if (stats->policies_evaluated != 0) {
        rune_histogram_observe(loop->counters, RUNE_HISTOGRAM_CEDAR_LATENCY, stats->policies_ns);
    }
    if (stats->rules_evaluated != 0) {
        rune_histogram_observe(loop->counters, RUNE_HISTOGRAM_DATALOG_LATENCY, stats->rules_ns);
    }
}

static void answer_decision(struct rune_http_loop *loop, h2o_req_t *req, decide_fn decide)
{
    if (refuse(loop, req)) {
        return;
    }
    enum rune_answer_detail detail =
        rune_http_query_has(req, "debug", "true") ? RUNE_ANSWER_DEBUG : RUNE_ANSWER_PLAIN;
    struct rune_str request = {req->entity.base != NULL ? req->entity.base : "", req->entity.len};
    struct rune_answer answer;
    char image[RUNE_HTTP_IMAGE_DIGITS];
    bool sampled = --loop->sample_countdown == 0;
    uint64_t began_ns = 0;
    if (sampled) {
        loop->sample_countdown = SAMPLE_EVERY;
        rune_decider_set_timing(loop->decider, true);
        began_ns = now_ns();
    }

    const struct rune_view *view = rune_view_enter(loop->view);
    bool has_image = view != NULL && view->image != NULL;
    if (has_image) {
        decide(loop->decider, view->image, view->generation, request, detail, &answer);
        memcpy(image, view->image->short_name, sizeof(image));
    }
    rune_view_leave(); /* the answer is the decider's and stays until its next call */

    if (!has_image) {
        rune_http_respond_error(loop, req, 503, "no_image", "no image has been published yet");
    } else {
        count(loop->counters, &answer);
        if (sampled) {
            observe(loop, began_ns, &answer.stats);
        }
        rune_http_respond(loop, req,
                          &(struct rune_http_response){
                              .status = answer.status, .image = image, .body = answer.body});
    }
    if (sampled) {
        rune_decider_set_timing(loop->decider, false);
    }
}

void rune_http_answer_authorize(struct rune_http_loop *loop, h2o_req_t *req)
{
    answer_decision(loop, req, rune_decider_authorize);
}

void rune_http_answer_authorize_batch(struct rune_http_loop *loop, h2o_req_t *req)
{
    answer_decision(loop, req, rune_decider_authorize_batch);
}
