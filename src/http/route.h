/* SPDX-License-Identifier: Apache-2.0 */
/* route: from method and path to the function that answers (routes.def is the table). Private to
 * the room. */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stddef.h>

struct rune_http_loop;

enum rune_http_audience { RUNE_HTTP_PUBLIC, RUNE_HTTP_ADMIN };
enum rune_http_method { RUNE_HTTP_GET, RUNE_HTTP_POST };

/* Answers the request, now or later. */
typedef void (*rune_http_route_fn)(struct rune_http_loop *loop, h2o_req_t *req);

struct rune_http_route {
    const char *path;
    size_t path_length;
    enum rune_http_method method;
    rune_http_route_fn answer;
};

enum {
#define RUNE_HTTP_ROUTE(audience, method, path, answer) RUNE_HTTP_ROW_##answer,
#include "http/routes.def"
#undef RUNE_HTTP_ROUTE
    RUNE_HTTP_ROUTE_COUNT
};

/* Copies the rows of an audience into `routes` (room for all). Returns how many. */
size_t rune_http_routes_select(enum rune_http_audience audience, struct rune_http_route *routes);

/* Answers by the loop's table: the route's answer, 404 or 405. */
void rune_http_route_dispatch(struct rune_http_loop *loop, h2o_req_t *req);

/* True if the query says name=value. */
bool rune_http_query_has(const h2o_req_t *req, const char *name, const char *value);

#define RUNE_HTTP_ROUTE(audience, method, path, answer) \
    void answer(struct rune_http_loop *loop, h2o_req_t *req);
#include "http/routes.def"
#undef RUNE_HTTP_ROUTE
