/* SPDX-License-Identifier: Apache-2.0 */
/* decider_int: between the files of the decider: decider (its memory, one request after the other),
 * decider_request (requests that live on their own), decider_batch (many in one body). Nobody else
 * includes it. */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "engine/answer_json.h"
#include "engine/decider.h"
#include "engine/request_json.h"
#include "eval/request.h"
#include "model/dict.h"

struct rune_decider {
    struct rune_arena arena;
    void *slab;
    struct rune_dict *values;
    rune_term *stack; /* for values in JSON */
    struct rune_request_memo memo;
    struct rune_answer_generation generation;
    char *answer;
    size_t answer_bytes;
    size_t arena_bytes;
    uint64_t max_steps;
    /* what the batch being answered may still take; UINT64_MAX: there is none */
    uint64_t batch_steps;
    bool is_timed;
    struct rune_request request;    /* of rune_decider_decode */
    struct rune_arena_mark decoded; /* the arena behind it */
};

/* Forgets the request before: arena and dictionary are empty. */
void rune_decider_reset(struct rune_decider *decider, const struct rune_image *image);

/* A decoder at the first byte of a body, whose refusals go into `error`. */
void rune_decider_open_body(struct rune_request_decoder *decoder, struct rune_json *json,
                            struct rune_arena *arena, struct rune_dict *values,
                            struct rune_decider *decider, const struct rune_image *image,
                            struct rune_str body, struct rune_request_error *error);

/* One request and nothing behind it. */
RUNE_MUST_USE enum rune_err
rune_decider_decode_into(struct rune_decider *decider, struct rune_arena *arena,
                         struct rune_dict *values, const struct rune_image *image,
                         struct rune_str body, struct rune_request *request,
                         struct rune_request_error *ret_error);

/* Decides and appends the JSON of the decision. */
void rune_decider_answer_request(struct rune_decider *decider, const struct rune_image *image,
                                 const struct rune_request *request, uint64_t generation,
                                 enum rune_answer_detail detail, struct rune_answer_out *out,
                                 struct rune_decision_stats *ret_stats);

/* The answer that says what is wrong with a body. */
void rune_decider_refuse(struct rune_decider *decider, const struct rune_request_error *error,
                         struct rune_answer *ret_answer);

/* The answer that was written, whose stats are there, or the error that it did not fit. */
void rune_decider_finish_answer(struct rune_decider *decider, const struct rune_answer_out *out,
                                struct rune_answer *ret_answer);
