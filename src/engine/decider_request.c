/* SPDX-License-Identifier: Apache-2.0 */
/* decider_request: requests that live on their own, beside the one that a decider decodes and
 * forgets. */
#include "base/alloc.h"
#include "engine/decider_int.h"
#include "engine/image.h"

#define COPY_DICT_BYTES ((size_t)1 << 16)

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
    enum rune_err err =
        rune_decider_decode_into(decider, &kept->arena, values, image, body, &request, ret_error);
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
