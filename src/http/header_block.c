/* SPDX-License-Identifier: Apache-2.0 */
#include "http/header_block.h"

#include <dlfcn.h>
#include <string.h>

#include "base/layout.h"

#define FRAME_HEADER_BYTES 9
#define FRAME_HEADERS      1u
#define FRAME_END_HEADERS  4u

/* Names with a place in HPACK's static table (RFC 7541 appendix A). */
#define STATIC_STATUS         8u
#define STATIC_CONTENT_LENGTH 28u
#define STATIC_CONTENT_TYPE   31u
#define STATIC_DATE           33u

#define STATUS_BYTES 5 /* at most, as a literal */
#define DIGITS_MAX   20
#define INTEGER_MAX  6 /* bytes of a 32-bit number in any prefix */

/* What of a number did not go into the first byte (section 5.1), 7 bits at a time. */
static RUNE_APART uint8_t *put_rest(uint8_t *out, size_t number)
{
    for (; number >= 128; number >>= 7) {
        *out++ = (uint8_t)(0x80 | (number & 0x7f));
    }
    *out++ = (uint8_t)number;
    return out;
}

/* A header whose name has this place in the static table, and that is not to be kept: 4 bits of the
 * number in the first byte. The place is a constant, and below 128 + 15. */
static inline uint8_t *put_place(uint8_t *out, unsigned place)
{
    if (place < 15) {
        *out++ = (uint8_t)place;
    } else {
        *out++ = 15;
        *out++ = (uint8_t)(place - 15);
    }
    return out;
}

/* A string as it is, without Huffman coding: nothing to compute, and half our values are digits. */
static inline uint8_t *put_string(uint8_t *out, const char *text, size_t length)
{
    if (length < 127) {
        *out++ = (uint8_t)length;
    } else {
        *out++ = 127;
        out = put_rest(out, length - 127);
    }
    memcpy(out, text, length);
    return out + length;
}

static RUNE_APART uint8_t *put_other_status(uint8_t *out, int status)
{
    switch (status) { /* those with a place of their own in the static table */
    case 400:
        *out++ = 0x80 | 12;
        return out;
    case 404:
        *out++ = 0x80 | 13;
        return out;
    case 500:
        *out++ = 0x80 | 14;
        return out;
    default:
        break;
    }
    char digits[3] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                      (char)('0' + status % 10)};
    out = put_place(out, STATIC_STATUS);
    return put_string(out, digits, sizeof(digits));
}

static inline uint8_t *put_status(uint8_t *out, int status)
{
    if (status != 200) {
        return put_other_status(out, status);
    }
    *out++ = 0x80 | 8; /* a place of its own */
    return out;
}

/* All answers have the one name; others that the static table knows (allow) are rare, and spelled
 * out. */
static inline uint8_t *put_header(uint8_t *out, const h2o_header_t *header)
{
    if (header->name == &H2O_TOKEN_CONTENT_TYPE->buf) {
        out = put_place(out, STATIC_CONTENT_TYPE);
    } else {
        *out++ = 0;
        out = put_string(out, header->name->base, header->name->len);
    }
    return put_string(out, header->value.base, header->value.len);
}

static uint8_t *put_content_length(uint8_t *out, size_t length)
{
    char digits[DIGITS_MAX];
    size_t count = 0;
    do {
        digits[DIGITS_MAX - ++count] = (char)('0' + length % 10);
        length /= 10;
    } while (length != 0);
    out = put_place(out, STATIC_CONTENT_LENGTH);
    return put_string(out, digits + DIGITS_MAX - count, count);
}

static size_t block_bytes_max(const h2o_res_t *res, const h2o_iovec_t *server_name)
{
    size_t bytes = STATUS_BYTES + 3 * INTEGER_MAX + H2O_TIMESTR_RFC1123_LEN + 3 * INTEGER_MAX +
                   server_name->len + 3 * INTEGER_MAX + DIGITS_MAX;
    for (size_t i = 0; i < res->headers.size; i++) {
        bytes +=
            res->headers.entries[i].name->len + res->headers.entries[i].value.len + 3 * INTEGER_MAX;
    }
    return bytes;
}

static void put_frame_header(uint8_t *out, size_t payload, uint32_t stream_id)
{
    out[0] = (uint8_t)(payload >> 16);
    out[1] = (uint8_t)(payload >> 8);
    out[2] = (uint8_t)payload;
    out[3] = FRAME_HEADERS;
    out[4] = FRAME_END_HEADERS;
    out[5] = (uint8_t)(stream_id >> 24);
    out[6] = (uint8_t)(stream_id >> 16);
    out[7] = (uint8_t)(stream_id >> 8);
    out[8] = (uint8_t)stream_id;
}

void h2o_hpack_flatten_response(h2o_buffer_t **buf, struct st_h2o_hpack_header_table_t *table,
                                uint32_t stream_id, size_t max_frame_size, h2o_res_t *res,
                                h2o_timestamp_t *timestamp, const h2o_iovec_t *server_name,
                                size_t content_length)
{
    (void)table;
    (void)max_frame_size; /* 16 KiB or more, by the protocol */
    h2o_iovec_t room =
        h2o_buffer_reserve(buf, FRAME_HEADER_BYTES + block_bytes_max(res, server_name));
    uint8_t *frame = (uint8_t *)room.base;
    uint8_t *begin = frame + FRAME_HEADER_BYTES;
    uint8_t *out = put_status(begin, res->status);
    if (server_name->len != 0) {
        out = put_header(out, &(h2o_header_t){.name = (h2o_iovec_t *)&H2O_TOKEN_SERVER->buf,
                                              .value = *server_name});
    }
    out = put_place(out, STATIC_DATE);
    out = put_string(out, timestamp->str->rfc1123, H2O_TIMESTR_RFC1123_LEN);
    for (size_t i = 0; i < res->headers.size; i++) {
        out = put_header(out, &res->headers.entries[i]);
    }
    if (content_length != SIZE_MAX) {
        out = put_content_length(out, content_length);
    }
    put_frame_header(frame, (size_t)(out - begin), stream_id);
    (*buf)->size += (size_t)(out - frame);
}

bool rune_http_header_block_is_used(void)
{
    return dlsym(RTLD_DEFAULT, "h2o_hpack_flatten_response") == (void *)h2o_hpack_flatten_response;
}
