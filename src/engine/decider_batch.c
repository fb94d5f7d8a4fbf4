/* SPDX-License-Identifier: Apache-2.0 */
/* decider_batch: `{"requests": [..]}`: all are decoded before the first is decided, and share one
 * limit of steps. */
#include "engine/decider_int.h"
#include "engine/image.h"

#define MAX_BATCH       100u /* LIMIT: requests in one batch */
#define BATCH_DECISIONS 8u   /* LIMIT: a batch may take as many steps as this many decisions */

static enum rune_err decode_items(struct rune_request_decoder *decoder,
                                  struct rune_request *requests, uint32_t *ret_count)
{
    struct rune_json_token token;
    uint32_t count = 0;
    if (rune_json_value(decoder->json, &token) != RUNE_OK) {
        return rune_request_refuse_json(decoder, "requests");
    }
    if (token.type != RUNE_JSON_ARRAY) {
        return rune_request_refuse(decoder, RUNE_REQUEST_WRONG_TYPE, "requests",
                                   "expected an array of requests");
    }
    for (;;) {
        bool more;
        if (rune_json_next_element(decoder->json, &more) != RUNE_OK) {
            return rune_request_refuse_json(decoder, "requests");
        }
        if (!more) {
            break;
        }
        if (count == MAX_BATCH) {
            return rune_request_refuse(decoder, RUNE_REQUEST_BATCH_SIZE, "requests",
                                       "a batch has 1 to %u requests: send several", MAX_BATCH);
        }
        decoder->item = count;
        enum rune_err err = rune_request_decode(decoder, &requests[count]);
        if (err != RUNE_OK) {
            return err;
        }
        decoder->item = RUNE_REQUEST_NO_ITEM;
        count++;
    }
    *ret_count = count;
    return count > 0
               ? RUNE_OK
               : rune_request_refuse(decoder, RUNE_REQUEST_BATCH_SIZE, "requests",
                                     "a batch has 1 to %u requests: this one is empty", MAX_BATCH);
}

static enum rune_err decode_batch(struct rune_request_decoder *decoder,
                                  struct rune_request *requests, uint32_t *ret_count)
{
    static const char expected[] = "expected an object: {\"requests\": [..]}";
    struct rune_json *json = decoder->json;
    struct rune_json_token token;
    bool seen = false;
    if (rune_json_value(json, &token) != RUNE_OK) {
        return rune_request_refuse_json(decoder, "");
    }
    if (token.type != RUNE_JSON_OBJECT) {
        return rune_request_refuse(decoder, RUNE_REQUEST_WRONG_TYPE, "", expected);
    }
    for (;;) {
        struct rune_str key;
        bool more;
        if (rune_json_next_member(json, &more, &key) != RUNE_OK) {
            return rune_request_refuse_json(decoder, "");
        }
        if (!more) {
            break;
        }
        if (!rune_str_equal(key, RUNE_STR("requests"))) {
            return rune_request_refuse(decoder, RUNE_REQUEST_UNKNOWN_FIELD, "",
                                       "unknown field \"%.*s\": a batch has \"requests\" alone",
                                       key.length < 64 ? (int)key.length : 64, key.data);
        }
        if (seen) {
            return rune_request_refuse(decoder, RUNE_REQUEST_DUPLICATE_KEY, "",
                                       "\"requests\" is there twice");
        }
        seen = true;
        enum rune_err err = decode_items(decoder, requests, ret_count);
        if (err != RUNE_OK) {
            return err;
        }
    }
    if (!seen) {
        return rune_request_refuse(decoder, RUNE_REQUEST_MISSING_FIELD, "",
                                   "\"requests\" is missing: %s", expected);
    }
    return rune_json_end(json) == RUNE_OK ? RUNE_OK : rune_request_refuse_json(decoder, "");
}

static void add_stats(struct rune_decision_stats *sum, const struct rune_decision_stats *stats)
{
    for (int i = 0; i < RUNE_OUTCOME_COUNT; i++) {
        sum->outcomes[i] += stats->outcomes[i];
    }
    sum->policies_evaluated += stats->policies_evaluated;
    sum->rules_evaluated += stats->rules_evaluated;
    sum->errors += stats->errors;
    sum->policies_ns += stats->policies_ns;
    sum->rules_ns += stats->rules_ns;
}

void rune_decider_authorize_batch(struct rune_decider *decider, const struct rune_image *image,
                                  uint64_t generation, struct rune_str body,
                                  enum rune_answer_detail detail, struct rune_answer *ret_answer)
{
    struct rune_request requests[MAX_BATCH];
    uint32_t count = 0;
    struct rune_request_error error;
    struct rune_json json;
    struct rune_request_decoder decoder;
    rune_decider_reset(decider, image);
    rune_decider_open_body(&decoder, &json, &decider->arena, decider->values, decider, image, body,
                           &error);
    if (decode_batch(&decoder, requests, &count) != RUNE_OK) {
        rune_decider_refuse(decider, &error, ret_answer);
        return;
    }
    struct rune_answer_out out;
    ret_answer->stats = (struct rune_decision_stats){0};
    rune_answer_out_init(&out, decider->answer, decider->answer_bytes);
    rune_answer_raw(&out, "{\"results\":[", 12);
    /* A worker answers nobody else meanwhile. */
    decider->batch_steps = decider->max_steps > UINT64_MAX / BATCH_DECISIONS
                               ? UINT64_MAX
                               : decider->max_steps * BATCH_DECISIONS;
    for (uint32_t i = 0; i < count; i++) {
        struct rune_arena_mark mark = rune_arena_mark(&decider->arena);
        if (i > 0) {
            rune_answer_raw(&out, ",", 1);
        }
        struct rune_decision_stats stats;
        rune_decider_answer_request(decider, image, &requests[i], generation, detail, &out, &stats);
        add_stats(&ret_answer->stats, &stats);
        rune_arena_rewind(&decider->arena, mark);
    }
    decider->batch_steps = UINT64_MAX;
    rune_answer_raw(&out, "]}", 2);
    rune_decider_finish_answer(decider, &out, ret_answer);
}
