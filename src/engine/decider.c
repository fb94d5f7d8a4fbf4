/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a decider: one slab for the request arena, one block for the request's dictionary, one
 * buffer for the answer; all three are reserved here and touched only as far as requests need. */
#include "engine/decider.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/json.h"
#include "base/layout.h"
#include "engine/answer_json.h"
#include "engine/authorize.h"
#include "engine/image.h"
#include "engine/request_json.h"
#include "eval/request.h"
#include "eval/rule_eval.h"
#include "model/dict.h"

#define DEFAULT_ARENA_BYTES  ((size_t)4 << 20)
#define DEFAULT_ANSWER_BYTES ((size_t)1 << 20)
#define DEFAULT_MAX_STEPS    10000000u
#define STACK_TERMS \
    ((size_t)1 << 18) /* LIMIT: elements of the sets and records being read at once */
#define MIN_ANSWER_BYTES ((size_t)4096) /* an error always fits */
#define COPY_ARENA_BYTES ((size_t)1 << 12)
#define COPY_DICT_BYTES  ((size_t)1 << 16)
#define MAX_DEPTH \
    (RUNE_VALUE_MAX_DEPTH + 8u) /* LIMIT: JSON nesting of a body: a value and what is around it */
#define MAX_BATCH       100u    /* LIMIT: requests in one batch */
#define BATCH_DECISIONS 8u      /* LIMIT: a batch may take as many steps as this many decisions */

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

/* ---- life ---- */

void rune_decider_destroy(struct rune_decider *decider)
{
    if (decider == NULL) {
        return;
    }
    rune_arena_fini(&decider->arena);
    rune_dict_destroy(decider->values);
    rune_free(decider->answer);
    rune_free(decider->stack);
    rune_free(decider->slab);
    rune_free(decider);
}

void rune_decider_set_max_steps(struct rune_decider *decider, uint64_t max_steps)
{
    decider->max_steps = max_steps != 0 ? max_steps : DEFAULT_MAX_STEPS;
}

void rune_decider_set_timing(struct rune_decider *decider, bool on)
{
    decider->is_timed = on;
}

static size_t or_default(size_t value, size_t fallback)
{
    return value != 0 ? value : fallback;
}

enum rune_err rune_decider_create(const struct rune_decider_options *options,
                                  struct rune_decider **ret_decider)
{
    static const struct rune_decider_options defaults = RUNE_DECIDER_OPTIONS_INIT;
    if (options == NULL) {
        options = &defaults;
    }
    if (options->version > RUNE_DECIDER_OPTIONS_VERSION) {
        return RUNE_E_INVALID;
    }
    struct rune_decider *decider = rune_calloc(1, sizeof(*decider));
    if (decider == NULL) {
        return RUNE_E_NOMEM;
    }
    decider->arena_bytes = or_default(options->arena_bytes, DEFAULT_ARENA_BYTES);
    decider->answer_bytes = or_default(options->answer_bytes, DEFAULT_ANSWER_BYTES);
    if (decider->answer_bytes < MIN_ANSWER_BYTES) {
        decider->answer_bytes = MIN_ANSWER_BYTES;
    }
    decider->batch_steps = UINT64_MAX;
    rune_decider_set_max_steps(decider, options->max_steps);
    decider->slab = rune_alloc(decider->arena_bytes);
    decider->stack = rune_alloc(STACK_TERMS * sizeof(*decider->stack));
    decider->answer = rune_alloc(decider->answer_bytes);
    decider->values = rune_dict_create(RUNE_SPACE_REQUEST, NULL, decider->arena_bytes);
    if (decider->slab == NULL || decider->stack == NULL || decider->answer == NULL ||
        decider->values == NULL) {
        rune_decider_destroy(decider);
        return RUNE_E_NOMEM;
    }
    rune_arena_init_fixed(&decider->arena, decider->slab, decider->arena_bytes);
    *ret_decider = decider;
    return RUNE_OK;
}

/* ---- decoding ---- */

static void begin(struct rune_decider *decider, const struct rune_image *image)
{
    rune_arena_reset(&decider->arena);
    rune_dict_reset(decider->values, &image->store.terms);
    rune_request_memo_begin(&decider->memo, image->name);
}

static void init_decoder(struct rune_request_decoder *decoder, struct rune_json *json,
                         struct rune_arena *arena, struct rune_dict *values,
                         struct rune_decider *decider, const struct rune_image *image,
                         struct rune_str body, struct rune_request_error *error)
{
    rune_json_init(json, body.data, body.length, arena);
    json->max_depth = MAX_DEPTH;
    const struct rune_schema *schema = image->schema.words != NULL ? &image->schema : NULL;
    bool checks = (image->store.manifest->flags & RUNE_MANIFEST_VALIDATE_REQUESTS) != 0;
    *decoder = (struct rune_request_decoder){
        .json = json,
        .store = &image->store,
        .schema = checks ? schema : NULL,
        .forms = schema,
        .derived = &image->derived_context,
        .values = values,
        .memo = &decider->memo,
        .stack = decider->stack,
        .stack_capacity = STACK_TERMS,
        .arena = arena,
        .error = error,
        .item = RUNE_REQUEST_NO_ITEM,
    };
}

/* One request and nothing behind it. */
static enum rune_err decode(struct rune_decider *decider, struct rune_arena *arena,
                            struct rune_dict *values, const struct rune_image *image,
                            struct rune_str body, struct rune_request *request,
                            struct rune_request_error *ret_error)
{
    struct rune_json json;
    struct rune_request_decoder decoder;
    init_decoder(&decoder, &json, arena, values, decider, image, body, ret_error);
    enum rune_err err = rune_request_decode(&decoder, request);
    if (err == RUNE_OK && rune_json_end(&json) != RUNE_OK) {
        return rune_request_refuse_json(&decoder, "");
    }
    return err;
}

enum rune_err rune_decider_decode(struct rune_decider *decider, const struct rune_image *image,
                                  struct rune_str body, const struct rune_request **ret_request,
                                  struct rune_request_error *ret_error)
{
    begin(decider, image);
    enum rune_err err = decode(decider, &decider->arena, decider->values, image, body,
                               &decider->request, ret_error);
    if (err == RUNE_OK) {
        decider->decoded = rune_arena_mark(&decider->arena);
        *ret_request = &decider->request;
    }
    return err;
}

/* ---- requests that live on their own ---- */

/* The request is the first member, so that a pointer to it is a pointer to all. */
struct kept_request {
    struct rune_request request;
    struct rune_arena arena; /* only when the request has values or entities of its own */
};

static bool has_own_values(const struct rune_request *request)
{
    const struct rune_terms *terms = request->terms;
    return request->entity_count > 0 ||
           terms->string_count + terms->entity_count + terms->long_count > 0 ||
           terms->set_count + terms->record_count + terms->ext_count + terms->float_count > 0;
}

void rune_request_destroy(struct rune_request *request)
{
    if (request == NULL) {
        return;
    }
    struct kept_request *kept = (struct kept_request *)request;
    rune_dict_destroy(kept->request.values);
    rune_arena_fini(&kept->arena);
    rune_free(kept);
}

static enum rune_err refuse_memory(struct rune_request_error *ret_error)
{
    *ret_error = (struct rune_request_error){
        .err = RUNE_E_NOMEM, .status = 503, .code = "out_of_memory", .message = "out of memory"};
    return RUNE_E_NOMEM;
}

/* Once more, into memory of its own: the body decoded well before, so only memory can be missing
 * now. */
static enum rune_err decode_kept(struct kept_request *kept, struct rune_decider *decider,
                                 const struct rune_image *image, struct rune_str body,
                                 struct rune_request_error *ret_error)
{
    struct rune_request request;
    size_t dict_bytes = body.length * 64 > COPY_DICT_BYTES ? decider->arena_bytes : COPY_DICT_BYTES;
    struct rune_dict *values =
        rune_dict_create(RUNE_SPACE_REQUEST, &image->store.terms, dict_bytes);
    if (values == NULL) {
        return refuse_memory(ret_error);
    }
    enum rune_err err = decode(decider, &kept->arena, values, image, body, &request, ret_error);
    if (err != RUNE_OK) {
        rune_dict_destroy(values);
        return err;
    }
    kept->request = request;
    return RUNE_OK;
}

enum rune_err rune_request_create(struct rune_decider *decider, const struct rune_image *image,
                                  struct rune_str body, struct rune_request **ret_request,
                                  struct rune_request_error *ret_error)
{
    const struct rune_request *decoded;
    enum rune_err err = rune_decider_decode(decider, image, body, &decoded, ret_error);
    if (err != RUNE_OK) {
        return err;
    }
    struct kept_request *kept = rune_calloc(1, sizeof(*kept));
    if (kept == NULL) {
        return refuse_memory(ret_error);
    }
    rune_arena_init(&kept->arena, decider->arena_bytes);
    if (has_own_values(decoded)) {
        err = decode_kept(kept, decider, image, body, ret_error);
    } else {
        kept->request = *decoded;
        kept->request.values = NULL;
    }
    if (err != RUNE_OK) {
        rune_request_destroy(&kept->request);
        return err;
    }
    *ret_request = &kept->request;
    return RUNE_OK;
}

/* ---- deciding ---- */

static struct rune_eval make_eval(struct rune_decider *decider, const struct rune_image *image,
                                  const struct rune_request *request)
{
    return (struct rune_eval){
        .store = &image->store,
        .request = request,
        .values = request != NULL ? request->values : decider->values,
        .arena = &decider->arena,
        .steps_left =
            decider->max_steps < decider->batch_steps ? decider->max_steps : decider->batch_steps,
    };
}

/* A request as it is decided: with a dictionary to put values into, and room in the arena. */
static void bind_request(struct rune_decider *decider, const struct rune_image *image,
                         const struct rune_request *request, struct rune_request *ret_bound)
{
    *ret_bound = *request;
    if (request == &decider->request) {
        /* Its own decode filled arena and dictionary: only what an earlier decision left goes. */
        rune_arena_rewind(&decider->arena, decider->decoded);
        return;
    }
    rune_arena_reset(&decider->arena);
    if (ret_bound->values == NULL) {
        rune_dict_reset(decider->values, &image->store.terms);
        ret_bound->values = decider->values;
        ret_bound->terms = rune_dict_terms(decider->values);
    }
}

void rune_decider_begin(struct rune_decider *decider, const struct rune_image *image,
                        const struct rune_request *request, struct rune_request *ret_bound,
                        struct rune_eval *ret_eval)
{
    if (request != NULL) {
        bind_request(decider, image, request, ret_bound);
    } else {
        begin(decider, image);
    }
    *ret_eval = make_eval(decider, image, request != NULL ? ret_bound : NULL);
}

/* As early as can be: what else is to be done meanwhile need not wait. */
static void fetch_keys(const struct rune_image *image, const struct rune_request *request)
{
    if (image->store.ahead_count > 0) {
        rune_rules_fetch_keys(&image->store, request);
    }
}

/* Results and scratch go into the arena from where it stands. */
static void decide(struct rune_decider *decider, const struct rune_image *image,
                   const struct rune_request *request, enum rune_answer_detail detail,
                   struct rune_decision *ret_decision)
{
    unsigned flags = (decider->is_timed ? RUNE_AUTHORIZE_TIMED : 0u) |
                     (detail == RUNE_ANSWER_DEBUG ? RUNE_AUTHORIZE_LISTED : 0u);
    struct rune_eval eval = make_eval(decider, image, request);
    uint64_t allowed = eval.steps_left;
    rune_authorize(&eval, image, flags, ret_decision);
    if (decider->batch_steps != UINT64_MAX) {
        decider->batch_steps -= allowed - eval.steps_left;
    }
}

void rune_decider_decide(struct rune_decider *decider, const struct rune_image *image,
                         const struct rune_request *request, enum rune_answer_detail detail,
                         struct rune_decision *ret_decision)
{
    struct rune_request bound;
    fetch_keys(image, request);
    bind_request(decider, image, request, &bound);
    decide(decider, image, &bound, detail, ret_decision);
}

/* ---- answering ---- */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Decides and appends the JSON of the decision. */
static void decide_and_encode(struct rune_decider *decider, const struct rune_image *image,
                              const struct rune_request *request, uint64_t generation,
                              enum rune_answer_detail detail, struct rune_answer_out *out,
                              struct rune_decision_stats *ret_stats)
{
    struct rune_decision decision;
    struct rune_answer_debug debug;
    bool is_debugged = detail == RUNE_ANSWER_DEBUG;
    fetch_keys(image, request);
    uint64_t began_ns = is_debugged ? now_ns() : 0;
    decide(decider, image, request, detail, &decision);
    if (is_debugged) {
        debug.evaluation_ns = now_ns() - began_ns;
    }
    rune_answer_decision(out, &decision, generation, &decider->generation,
                         is_debugged ? &debug : NULL);
    *ret_stats = decision.stats;
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

static RUNE_COLD void answer_refusal(struct rune_decider *decider,
                                     const struct rune_request_error *error,
                                     struct rune_answer *ret_answer)
{
    struct rune_answer_out out;
    rune_answer_out_init(&out, decider->answer, decider->answer_bytes);
    rune_answer_error(&out, error->code, error->message, error->at);
    *ret_answer = (struct rune_answer){
        .status = error->status,
        .body = {out.start, (size_t)(out.next - out.start)},
        .error_code = error->code,
    };
}

static RUNE_COLD void refuse_large(struct rune_decider *decider, struct rune_answer *ret_answer)
{
    struct rune_request_error error;
    struct rune_request_decoder decoder = {.error = &error, .item = RUNE_REQUEST_NO_ITEM};
    enum rune_err err =
        rune_request_refuse(&decoder, RUNE_REQUEST_ANSWER_TOO_LARGE, "",
                            "the answer is larger than %zu bytes", decider->answer_bytes);
    (void)err;
    answer_refusal(decider, &error, ret_answer);
}

/* The answer that was written, whose stats are there, or the error that it did not fit. */
static void finish_answer(struct rune_decider *decider, const struct rune_answer_out *out,
                          struct rune_answer *ret_answer)
{
    if (out->failed) {
        refuse_large(decider, ret_answer);
        return;
    }
    ret_answer->status = 200;
    ret_answer->body = (struct rune_str){out->start, (size_t)(out->next - out->start)};
    ret_answer->error_code = NULL;
}

void rune_decider_authorize(struct rune_decider *decider, const struct rune_image *image,
                            uint64_t generation, struct rune_str body,
                            enum rune_answer_detail detail, struct rune_answer *ret_answer)
{
    struct rune_request_error error;
    begin(decider, image);
    if (decode(decider, &decider->arena, decider->values, image, body, &decider->request, &error) !=
        RUNE_OK) {
        answer_refusal(decider, &error, ret_answer);
        return;
    }
    struct rune_answer_out out;
    rune_answer_out_init(&out, decider->answer, decider->answer_bytes);
    decide_and_encode(decider, image, &decider->request, generation, detail, &out,
                      &ret_answer->stats);
    finish_answer(decider, &out, ret_answer);
}

/* ---- batches ---- */

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
    for (bool first = true;; first = false) {
        bool more;
        if (rune_json_next_element(decoder->json, first, &more) != RUNE_OK) {
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
    for (bool first = true;; first = false) {
        struct rune_str key;
        bool more;
        if (rune_json_next_member(json, first, &more, &key) != RUNE_OK) {
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

void rune_decider_authorize_batch(struct rune_decider *decider, const struct rune_image *image,
                                  uint64_t generation, struct rune_str body,
                                  enum rune_answer_detail detail, struct rune_answer *ret_answer)
{
    struct rune_request requests[MAX_BATCH];
    uint32_t count = 0;
    struct rune_request_error error;
    struct rune_json json;
    struct rune_request_decoder decoder;
    begin(decider, image);
    init_decoder(&decoder, &json, &decider->arena, decider->values, decider, image, body, &error);
    if (decode_batch(&decoder, requests, &count) != RUNE_OK) {
        answer_refusal(decider, &error, ret_answer);
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
        decide_and_encode(decider, image, &requests[i], generation, detail, &out, &stats);
        add_stats(&ret_answer->stats, &stats);
        rune_arena_rewind(&decider->arena, mark);
    }
    decider->batch_steps = UINT64_MAX;
    rune_answer_raw(&out, "]}", 2);
    finish_answer(decider, &out, ret_answer);
}
