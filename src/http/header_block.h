/* SPDX-License-Identifier: Apache-2.0 */
/* header_block: the headers of an HTTP/2 answer as one HEADERS frame. Private to the room.
 *
 * libh2o writes each header through the connection's dynamic table. A header that differs in every
 * answer, as x-request-id does, fills that table with values that never come again: each answer
 * then searches 30 of them and allocates two more. That alone is a quarter of what a request costs.
 * Here every header is a literal that leaves the table alone (RFC 7541 section 6.2.2): some 100
 * bytes more on the wire, and nothing to search or keep.
 *
 * The function bears the name of the library's own and takes its place: the dynamic linker resolves
 * the library's call to the program's definition. Were it not to (a static library, another link
 * mode), the library's own would run and answers would be the same, only slower. */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct st_h2o_hpack_header_table_t;

/* Appends the frame to *buf. The table is not used. Headers must fit one frame (16 KiB), which ours
 * do. */
void h2o_hpack_flatten_response(h2o_buffer_t **buf, struct st_h2o_hpack_header_table_t *table,
                                uint32_t stream_id, size_t max_frame_size, h2o_res_t *res,
                                h2o_timestamp_t *timestamp, const h2o_iovec_t *server_name,
                                size_t content_length);

/* True if the library calls the function above. Asked once, at the start. */
bool rune_http_header_block_is_used(void);
