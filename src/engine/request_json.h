/* SPDX-License-Identifier: Apache-2.0 */
/* request_json: the wire form of a request -> struct rune_request, in one pass over the text.
 *
 * Strict: unknown fields, duplicate keys, wrong types and names that are none are refused, with
 * their place. Values the image does not know go into the request's dictionary. Allocates nothing
 * but from the arena. Does not know: HTTP, answers. Used by: decider. Specification:
 * docs/language.md "Names on the wire", docs/http-api.md. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/layout.h"
#include "engine/decider.h"
#include "engine/value_json.h"
#include "engine/derived_context.h"
#include "engine/request_memo.h"
#include "eval/request.h"
#include "eval/store.h"
#include "model/dict.h"

enum rune_request_code {
#define RUNE_REQUEST_ERROR(name, code, status, err) RUNE_REQUEST_##name,
#include "engine/request_errors.def"
#undef RUNE_REQUEST_ERROR
    RUNE_REQUEST_CODE_COUNT
};

#define RUNE_REQUEST_NO_ITEM UINT32_MAX

/* Everything that decoding one request needs; borrowed. */
struct rune_request_decoder {
    struct rune_json *json; /* stands before the request's object */
    const struct rune_store *store;
    const struct rune_schema *schema; /* NULL: requests are not checked */
    const struct rune_schema *forms;  /* says where a context leaves out __entity and __extn; NULL:
                                         there is no schema */
    const struct rune_derived_context *derived; /* keys that a context may not bring; NULL: none */
    struct rune_dict *values;                   /* of RUNE_SPACE_REQUEST over the store's terms */
    struct rune_request_memo *memo;             /* of the store's image */
    rune_term *stack;                           /* for values in JSON, see value_json.h */
    size_t stack_capacity;
    struct rune_value_reader *reader; /* of this request; NULL until a value is read */
    struct rune_arena *arena;         /* holds what the request points to */
    struct rune_request_error *error;
    uint32_t item; /* of a batch, or RUNE_REQUEST_NO_ITEM: begins the place in messages */
};

/* Reads one request; the reader then stands behind its object. RUNE_E_INVALID, RUNE_E_SYNTAX,
 * RUNE_E_SCHEMA, RUNE_E_LIMIT, with *decoder->error filled in. Cost: linear in the text. */
RUNE_MUST_USE enum rune_err rune_request_decode(struct rune_request_decoder *decoder,
                                                struct rune_request *ret_request);

/* Fills in the decoder's error and returns its enum rune_err. `at` is the place within the request
 * ("context.ip", "" for the request itself). */
enum rune_err rune_request_refuse(struct rune_request_decoder *decoder, enum rune_request_code code,
                                  const char *at, const char *fmt, ...) RUNE_PRINTF(4, 5) RUNE_COLD;

/* The same for what the JSON reader refused: its message and where. */
enum rune_err rune_request_refuse_json(struct rune_request_decoder *decoder,
                                       const char *at) RUNE_COLD;

/* More than the request's memory holds. */
enum rune_err rune_request_refuse_size(struct rune_request_decoder *decoder,
                                       const char *at) RUNE_COLD;

/* A value reader that stands where decoder->json does, and the refusal of what it did not take.
 * `at` is the place of the value it read. */
struct rune_value_reader *rune_request_reader(struct rune_request_decoder *decoder);
enum rune_err rune_request_refuse_value(struct rune_request_decoder *decoder, enum rune_err err,
                                        const char *at) RUNE_COLD;

/* An object that is no escape as a record term: properties, attributes (`type`: a record type or
 * 0). Errors as decode. */
RUNE_MUST_USE enum rune_err rune_request_read_record(struct rune_request_decoder *decoder,
                                                     const char *at, rune_schema_type type,
                                                     rune_term *ret_record);
