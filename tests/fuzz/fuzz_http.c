/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_http: one request through the routes, over the loopback. The input: method, path,
 * content-type and x-request-id, each ended by a newline, then the body. Whatever comes in, one
 * well-formed answer goes out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "unit/http/loopback.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FIELDS 4

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static bool is_known_status(int status)
{
    static const int statuses[] = {200, 400, 404, 405, 413, 415, 422};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        if (statuses[i] == status) {
            return true;
        }
    }
    return false;
}

static void check(const struct loopback_request *request, const struct loopback_answer *answer)
{
    bool is_head = strcmp(request->method, "HEAD") == 0;
    require(answer->done);
    require(is_known_status(answer->status));
    require(answer->body_length == (is_head ? 0 : answer->content_length));
    require(strstr(answer->headers, "x-request-id: ") != NULL);
    require(strchr(answer->headers, '\r') == NULL);
    require(answer->status == 200 || is_head ||
            strncmp(answer->body, "{\"error\":{\"code\":\"", 18) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct loopback loopback;
    char *fields[FIELDS];
    const char *next = (const char *)data;
    const char *end = next + size;
    if (loopback.loop == NULL) {
        loopback_open(&loopback, RUNE_HTTP_PUBLIC, "0123456789abcdef");
    }
    for (size_t i = 0; i < FIELDS; i++) {
        const char *stop = next < end ? memchr(next, '\n', (size_t)(end - next)) : NULL;
        stop = stop != NULL ? stop : end;
        fields[i] = strndup(next < end ? next : "", (size_t)(stop - next));
        next = stop < end ? stop + 1 : end;
    }
    struct loopback_request request = {
        .method = fields[0],
        .path = fields[1],
        .content_type = fields[2],
        .header = {"x-request-id", fields[3]},
        .body = next,
        .body_length = (size_t)(end - next),
    };
    if (request.body_length == 0) {
        request.body = NULL;
    }
    /* The library hands over no empty method or path. */
    if (request.method[0] != '\0' && request.path[0] != '\0') {
        struct loopback_answer answer;
        loopback_ask(&loopback, &request, 10, &answer);
        check(&request, &answer);
        free(answer.body);
    }
    for (size_t i = 0; i < FIELDS; i++) {
        free(fields[i]);
    }
    return 0;
}
