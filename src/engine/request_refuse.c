/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals of requests: what is wrong, where, and the codes that clients get. */
#include <stdarg.h>
#include <stdio.h>

#include "engine/request_parts.h"

static const struct {
    const char *code;
    int status;
    enum rune_err err;
} refusals[RUNE_REQUEST_CODE_COUNT] = {
#define RUNE_REQUEST_ERROR(name, code, status, err) [RUNE_REQUEST_##name] = {code, status, err},
#include "engine/request_errors.def"
#undef RUNE_REQUEST_ERROR
};

enum rune_err rune_request_refuse(struct rune_request_decoder *decoder, enum rune_request_code code,
                                  const char *at, const char *fmt, ...)
{
    struct rune_request_error *error = decoder->error;
    error->err = refusals[code].err;
    error->status = refusals[code].status;
    error->code = refusals[code].code;
    if (decoder->item == RUNE_REQUEST_NO_ITEM) {
        snprintf(error->at, sizeof(error->at), "%s", at);
    } else {
        snprintf(error->at, sizeof(error->at), "requests[%u]%s%s", decoder->item,
                 at[0] != '\0' ? "." : "", at);
    }
    va_list args;
    va_start(args, fmt);
    vsnprintf(error->message, sizeof(error->message), fmt, args);
    va_end(args);
    return error->err;
}

enum rune_err rune_request_refuse_json(struct rune_request_decoder *decoder, const char *at)
{
    const struct rune_json *json = decoder->json;
    enum rune_request_code code = RUNE_REQUEST_INVALID_JSON;
    if (json->err == RUNE_E_LIMIT) {
        code = json->depth >= json->max_depth ? RUNE_REQUEST_TOO_DEEP : RUNE_REQUEST_TOO_LARGE;
    }
    return rune_request_refuse(decoder, code, at, "%s at byte %zu", json->message,
                               rune_json_offset(json));
}

enum rune_err rune_request_refuse_size(struct rune_request_decoder *decoder, const char *at)
{
    return rune_request_refuse(decoder, RUNE_REQUEST_TOO_LARGE, at,
                               "the request has too many values");
}

enum rune_err rune_request_refuse_value(struct rune_request_decoder *decoder, enum rune_err err,
                                        const char *at)
{
    struct rune_value_reader *reader = decoder->reader;
    if (err == RUNE_E_SYNTAX && decoder->json->err != RUNE_OK) {
        return rune_request_refuse_json(decoder, at);
    }
    enum rune_request_code code = err == RUNE_E_SCHEMA   ? RUNE_REQUEST_SCHEMA
                                  : err == RUNE_E_LIMIT  ? RUNE_REQUEST_TOO_LARGE
                                  : err == RUNE_E_SYNTAX ? RUNE_REQUEST_INVALID_JSON
                                                         : RUNE_REQUEST_INVALID_VALUE;
    if (err == RUNE_E_LIMIT && decoder->json->depth >= decoder->json->max_depth) {
        code = RUNE_REQUEST_TOO_DEEP;
    }
    if (err == RUNE_E_INVALID && reader->has_key_twice) {
        code = RUNE_REQUEST_DUPLICATE_KEY;
    }
    char place[160];
    snprintf(place, sizeof(place), "%s%s%s", at,
             reader->at[0] == '\0' || reader->at[0] == '[' ? "" : ".", reader->at);
    return rune_request_refuse(decoder, code, place, "%s", reader->message);
}

enum rune_err rune_request_refuse_unknown(struct rune_request_decoder *decoder, const char *at,
                                          struct rune_str key, const struct rune_str *known,
                                          size_t known_count)
{
    struct rune_str nearest = rune_str_nearest(key, known, known_count);
    int shown = key.length < 64 ? (int)key.length : 64;
    if (nearest.length > 0) {
        return rune_request_refuse(decoder, RUNE_REQUEST_UNKNOWN_FIELD, at,
                                   "unknown field \"%.*s\": did you mean \"%.*s\"?", shown,
                                   key.data, RUNE_STR_ARG(nearest));
    }
    return rune_request_refuse(decoder, RUNE_REQUEST_UNKNOWN_FIELD, at, "unknown field \"%.*s\"",
                               shown, key.data);
}
