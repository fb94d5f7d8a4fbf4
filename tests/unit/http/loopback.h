/* SPDX-License-Identifier: Apache-2.0 */
/* loopback: a loop without sockets: one request goes in, the answer's status, headers and body come
 * out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "http/loop.h"
#include "live/view.h"

struct loopback {
    struct rune_http_worker_config config;
    struct rune_counters counters;
    struct rune_view_root view;
    struct rune_http_loop *loop;
    int stop_fd;
};

struct loopback_header {
    const char *name;
    const char *value;
};

struct loopback_request {
    const char *method;
    const char *path;              /* with query */
    const char *body;              /* NULL: none */
    size_t body_length;            /* 0: strlen(body) */
    const char *content_type;      /* NULL: application/json; "": none */
    struct loopback_header header; /* one more; name NULL: none */
};

#define LOOPBACK_TEXT_MAX 4096

struct loopback_answer {
    bool done;
    int status;
    char headers[LOOPBACK_TEXT_MAX]; /* "name: value\n" each */
    char *body;                      /* malloc; NUL-terminated */
    size_t body_length;
    size_t content_length;
};

/* With `image_name` NULL no image is published. */
void loopback_open(struct loopback *loopback, enum rune_http_audience audience,
                   const char *image_name);
void loopback_close(struct loopback *loopback);

/* Runs the loop until the request is answered, or `turns_max` turns of at most 20 ms have passed.
 * The caller frees ret_answer->body. */
void loopback_ask(struct loopback *loopback, const struct loopback_request *request, int turns_max,
                  struct loopback_answer *ret_answer);
