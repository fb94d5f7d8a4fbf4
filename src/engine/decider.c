/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a decider: one slab for the request arena, one block for the request's dictionary, one
 * buffer for the answer; all three are reserved here and touched only as far as requests need. */
#include "engine/decider_int.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/layout.h"
#include "engine/authorize.h"
#include "engine/image.h"
#include "eval/rule_eval.h"

#define DEFAULT_ARENA_BYTES  ((size_t)4 << 20)
#define DEFAULT_ANSWER_BYTES ((size_t)1 << 20)
#define DEFAULT_MAX_STEPS    10000000u
#define STACK_TERMS \
    ((size_t)1 << 18) /* LIMIT: elements of the sets and records being read at once */
#define MIN_ANSWER_BYTES ((size_t)4096) /* an error always fits */
#define MAX_DEPTH \
    (RUNE_VALUE_MAX_DEPTH + 8u) /* LIMIT: JSON nesting of a body: a value and what is around it */

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

void rune_decider_reset(struct rune_decider *decider, const struct rune_image *image)
{
    rune_arena_reset(&decider->arena);
    rune_dict_reset(decider->values, &image->store.terms);
    rune_request_memo_begin(&decider->memo, image->name);
}

void rune_decider_open_body(struct rune_request_decoder *decoder, struct rune_json *json,
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
enum rune_err rune_decider_decode_into(struct rune_decider *decider, struct rune_arena *arena,
                                       struct rune_dict *values, const struct rune_image *image,
                                       struct rune_str body, struct rune_request *request,
                                       struct rune_request_error *ret_error)
{
    struct rune_json json;
    struct rune_request_decoder decoder;
    rune_decider_open_body(&decoder, &json, arena, values, decider, image, body, ret_error);
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
    rune_decider_reset(decider, image);
    enum rune_err err = rune_decider_decode_into(decider, &decider->arena, decider->values, image,
                                                 body, &decider->request, ret_error);
    if (err == RUNE_OK) {
        decider->decoded = rune_arena_mark(&decider->arena);
        *ret_request = &decider->request;
    }
    return err;
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
        rune_decider_reset(decider, image);
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
void rune_decider_answer_request(struct rune_decider *decider, const struct rune_image *image,
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

RUNE_COLD void rune_decider_refuse(struct rune_decider *decider,
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
    rune_decider_refuse(decider, &error, ret_answer);
}

/* The answer that was written, whose stats are there, or the error that it did not fit. */
void rune_decider_finish_answer(struct rune_decider *decider, const struct rune_answer_out *out,
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
    rune_decider_reset(decider, image);
    if (rune_decider_decode_into(decider, &decider->arena, decider->values, image, body,
                                 &decider->request, &error) != RUNE_OK) {
        rune_decider_refuse(decider, &error, ret_answer);
        return;
    }
    struct rune_answer_out out;
    rune_answer_out_init(&out, decider->answer, decider->answer_bytes);
    rune_decider_answer_request(decider, image, &decider->request, generation, detail, &out,
                                &ret_answer->stats);
    rune_decider_finish_answer(decider, &out, ret_answer);
}
