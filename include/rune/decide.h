/* SPDX-License-Identifier: Apache-2.0 */
/* decide: requests in JSON, decisions out: the way from a request body to the bytes of its answer.
 *
 * A decider is one thread's memory for deciding (request arena, request dictionary, answer buffer),
 * all allocated when it is made. INVARIANT: decode, decide and encode allocate nothing, lock
 * nothing and make no system call (diagnostics' timing is the vDSO's clock). Thread: one decider a
 * thread; images are shared. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rune/err.h"
#include "rune/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rune_decider;
struct rune_image;

#define RUNE_DECIDER_OPTIONS_VERSION 1u

struct rune_decider_options {
    uint32_t version;    /* RUNE_DECIDER_OPTIONS_VERSION; 0 is read as 1 */
    size_t arena_bytes;  /* per request; 0: 4 MiB (touched only as far as requests need) */
    size_t answer_bytes; /* largest answer; 0: 1 MiB */
    /* LIMIT a decision: instructions and tuples; 0: 10 million. A batch: 8 times */
    uint64_t max_steps;
};

#define RUNE_DECIDER_OPTIONS_INIT               \
    {                                           \
        .version = RUNE_DECIDER_OPTIONS_VERSION \
    }

/* `options` may be NULL. RUNE_E_NOMEM, RUNE_E_INVALID (options of another version). */
RUNE_MUST_USE enum rune_err rune_decider_create(const struct rune_decider_options *options,
                                                struct rune_decider **ret_decider);
void rune_decider_destroy(struct rune_decider *decider);

/* From the next decision on; 0: 10 million. */
void rune_decider_set_max_steps(struct rune_decider *decider, uint64_t max_steps);

/* While on, stats tell where the time went (a few reads of the clock a decision). Off at first.
 * Metrics sample with it. */
void rune_decider_set_timing(struct rune_decider *decider, bool on);

enum rune_outcome { RUNE_DENY = 0, RUNE_PERMIT = 1, RUNE_FORBID = 2, RUNE_OUTCOME_COUNT };

/* "DENY", "PERMIT", "FORBID"; static. */
const char *rune_outcome_text(enum rune_outcome outcome);

/* What one or more decisions did, for metrics; added up by the caller. */
struct rune_decision_stats {
    uint32_t outcomes[RUNE_OUTCOME_COUNT];
    uint32_t policies_evaluated;
    uint32_t rules_evaluated;
    uint32_t errors;      /* entries in `errors` of the answers */
    uint32_t policies_ns; /* time spent in policies and in rules; 0 while timing is off */
    uint32_t rules_ns;
};

/* An answer: status and JSON body. The body is borrowed from the decider until its next call. */
struct rune_answer {
    int status; /* 200, 400, 413, 422, 500 */
    struct rune_str body;
    const char *error_code; /* static: the error's code when status is not 200, else NULL */
    struct rune_decision_stats stats;
};

enum rune_answer_detail { RUNE_ANSWER_PLAIN, RUNE_ANSWER_DEBUG };

/* POST /v1/authorize: `body` decided against `image`, docs/http-api.md's answer. Never fails:
 * errors are answers. `generation` is only printed. */
void rune_decider_authorize(struct rune_decider *decider, const struct rune_image *image,
                            uint64_t generation, struct rune_str body,
                            enum rune_answer_detail detail, struct rune_answer *ret_answer);

/* POST /v1/authorize/batch: 1 to 100 requests, one image for all; a malformed item refuses the
 * batch with its place. */
void rune_decider_authorize_batch(struct rune_decider *decider, const struct rune_image *image,
                                  uint64_t generation, struct rune_str body,
                                  enum rune_answer_detail detail, struct rune_answer *ret_answer);

/* ---- the same in steps ---- */

/* Where and why a request was refused. */
struct rune_request_error {
    enum rune_err err; /* RUNE_E_INVALID, RUNE_E_SYNTAX, RUNE_E_SCHEMA, RUNE_E_LIMIT */
    int status;        /* the HTTP status that fits: 400, 413, 422, 500 */
    const char *code;  /* static, the wire's error code */
    char at[96];       /* like "context.ip" or "requests[17].principal"; "" if nowhere */
    char message[256];
};

/* A decoded request; may be decided any number of times. */
struct rune_request;

/* Decodes one request (the wire form of docs/http-api.md) against the image. The request lives in
 * the decider until its next decode or authorize. RUNE_E_INVALID, RUNE_E_SYNTAX, RUNE_E_SCHEMA,
 * RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_decider_decode(struct rune_decider *decider,
                                                const struct rune_image *image,
                                                struct rune_str body,
                                                const struct rune_request **ret_request,
                                                struct rune_request_error *ret_error);

/* As decode, but the request lives on its own (heap) until it is destroyed; the image must outlive
 * it. For programs that decide the same request often, and for benchmarks. Also RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_request_create(struct rune_decider *decider,
                                                const struct rune_image *image,
                                                struct rune_str body,
                                                struct rune_request **ret_request,
                                                struct rune_request_error *ret_error);
void rune_request_destroy(struct rune_request *request);

/* Which policies and rules determined a decision, and what went wrong. Borrowed from the decider
 * until its next call and from the image. */
struct rune_decision_error {
    struct rune_str id; /* policy or rule; empty: the decision as a whole */
    /* static: "type_error", "no_such_attribute", "overflow", "limit", ... */
    const char *code;
    struct rune_str message; /* for people */
};

struct rune_decision {
    enum rune_outcome outcome;
    const struct rune_str *reasons; /* sorted bytewise */
    uint32_t reason_count;
    const struct rune_decision_error *errors; /* sorted by id */
    uint32_t error_count;
    /* All that matched, also where a forbid overrides a permit; sorted bytewise. Empty unless
     * detail is DEBUG. */
    const struct rune_str *matched_policies;
    uint32_t matched_policy_count;
    const struct rune_str *matched_rules;
    uint32_t matched_rule_count;
    struct rune_decision_stats stats;
};

/* Decides. Never fails: what cannot be computed is a DENY with an error. With RUNE_ANSWER_DEBUG the
 * decision also lists all that matched. */
void rune_decider_decide(struct rune_decider *decider, const struct rune_image *image,
                         const struct rune_request *request, enum rune_answer_detail detail,
                         struct rune_decision *ret_decision);

#ifdef __cplusplus
}
#endif
