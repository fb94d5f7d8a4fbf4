/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/http/double.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/decider.h"
#include "engine/image.h"

#define ANSWER_MAX (1u << 20)

struct rune_decider {
    bool timing;
    char answer[ANSWER_MAX];
};

struct rune_image *double_image_create(const char *short_name)
{
    struct rune_image *image = rune_calloc(1, sizeof(*image));
    if (image != NULL) {
        snprintf(image->short_name, sizeof(image->short_name), "%s", short_name);
    }
    return image;
}

void rune_image_close(struct rune_image *image)
{
    rune_free(image);
}

enum rune_err rune_decider_create(const struct rune_decider_options *options,
                                  struct rune_decider **ret_decider)
{
    (void)options;
    *ret_decider = rune_calloc(1, sizeof(**ret_decider));
    return *ret_decider != NULL ? RUNE_OK : RUNE_E_NOMEM;
}

void rune_decider_destroy(struct rune_decider *decider)
{
    rune_free(decider);
}

void rune_decider_set_timing(struct rune_decider *decider, bool on)
{
    decider->timing = on;
}

void rune_decider_set_max_steps(struct rune_decider *decider, uint64_t max_steps)
{
    (void)decider;
    (void)max_steps;
}

static void refuse(struct rune_decider *decider, int status, const char *code,
                   struct rune_answer *ret_answer)
{
    int length = snprintf(decider->answer, ANSWER_MAX,
                          "{\"error\":{\"code\":\"%s\",\"message\":\"refused\"}}", code);
    *ret_answer = (struct rune_answer){
        .status = status,
        .body = {decider->answer, (size_t)length},
        .error_code = code,
    };
}

static void decide(struct rune_decider *decider, enum rune_outcome outcome, uint64_t generation,
                   bool has_error, enum rune_answer_detail detail, struct rune_answer *ret_answer)
{
    static const char *const names[] = {
        [RUNE_DENY] = "DENY", [RUNE_PERMIT] = "PERMIT", [RUNE_FORBID] = "FORBID"};
    int length =
        snprintf(decider->answer, ANSWER_MAX,
                 "{\"decision\":\"%s\",\"reasons\":[],\"generation\":%" PRIu64 "%s}",
                 names[outcome], generation, detail == RUNE_ANSWER_DEBUG ? ",\"debug\":true" : "");
    *ret_answer = (struct rune_answer){
        .status = 200,
        .body = {decider->answer, (size_t)length},
        .stats = {.policies_evaluated = 3, .rules_evaluated = 2, .errors = has_error},
    };
    ret_answer->stats.outcomes[outcome] = 1;
    if (decider->timing) {
        ret_answer->stats.policies_ns = 300;
        ret_answer->stats.rules_ns = 200;
    }
}

void rune_decider_authorize(struct rune_decider *decider, const struct rune_image *image,
                            uint64_t generation, struct rune_str body,
                            enum rune_answer_detail detail, struct rune_answer *ret_answer)
{
    (void)image;
    switch (body.length > 0 ? body.data[0] : '\0') {
    case 'P':
        decide(decider, RUNE_PERMIT, generation, false, detail, ret_answer);
        return;
    case 'D':
        decide(decider, RUNE_DENY, generation, false, detail, ret_answer);
        return;
    case 'E':
        decide(decider, RUNE_DENY, generation, true, detail, ret_answer);
        return;
    case 'F':
        decide(decider, RUNE_FORBID, generation, false, detail, ret_answer);
        return;
    case 'L':
        decide(decider, RUNE_PERMIT, generation, false, detail, ret_answer);
        memset(decider->answer, 'x', ANSWER_MAX);
        ret_answer->body.length = ANSWER_MAX;
        return;
    case 'S':
        refuse(decider, 422, "schema", ret_answer);
        return;
    default:
        refuse(decider, 400, "invalid_json", ret_answer);
    }
}

void rune_decider_authorize_batch(struct rune_decider *decider, const struct rune_image *image,
                                  uint64_t generation, struct rune_str body,
                                  enum rune_answer_detail detail, struct rune_answer *ret_answer)
{
    rune_decider_authorize(decider, image, generation, body, detail, ret_answer);
}
