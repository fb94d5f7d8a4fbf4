/* SPDX-License-Identifier: Apache-2.0 */
#include "http/route.h"

#include <stdio.h>
#include <string.h>

#include "http/loop.h"
#include "http/respond.h"

static const struct {
    enum rune_http_audience audience;
    struct rune_http_route route;
} all_routes[RUNE_HTTP_ROUTE_COUNT] = {
#define RUNE_HTTP_ROUTE(audience, method, path, answer) \
    {RUNE_HTTP_##audience, {path, sizeof(path) - 1, RUNE_HTTP_##method, answer}},
#include "http/routes.def"
#undef RUNE_HTTP_ROUTE
};

size_t rune_http_routes_select(enum rune_http_audience audience, struct rune_http_route *routes)
{
    size_t count = 0;
    for (size_t i = 0; i < RUNE_HTTP_ROUTE_COUNT; i++) {
        if (all_routes[i].audience == audience) {
            routes[count++] = all_routes[i].route;
        }
    }
    return count;
}

static bool method_fits(const h2o_req_t *req, enum rune_http_method method)
{
    h2o_iovec_t name = req->method;
    if (method == RUNE_HTTP_POST) {
        return name.len == 4 && memcmp(name.base, "POST", 4) == 0;
    }
    return (name.len == 3 && memcmp(name.base, "GET", 3) == 0) ||
           (name.len == 4 && memcmp(name.base, "HEAD", 4) == 0);
}

void rune_http_route_dispatch(struct rune_http_loop *loop, h2o_req_t *req)
{
    const char *allow = NULL;
    for (size_t i = 0; i < loop->route_count; i++) {
        const struct rune_http_route *route = &loop->routes[i];
        if (route->path_length != req->path_normalized.len ||
            memcmp(route->path, req->path_normalized.base, route->path_length) != 0) {
            continue;
        }
        if (method_fits(req, route->method)) {
            route->answer(loop, req);
            return;
        }
        /* no path has two methods */
        allow = route->method == RUNE_HTTP_POST ? "POST" : "GET, HEAD";
    }
    if (allow == NULL) {
        rune_http_respond_error(loop, req, 404, "not_found",
                                "there is nothing at this path; see docs/http-api.md");
        return;
    }
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_ALLOW, NULL, allow, strlen(allow));
    char message[64];
    snprintf(message, sizeof(message), "this path answers %s", allow);
    rune_http_respond_error(loop, req, 405, "method_not_allowed", message);
}

bool rune_http_query_has(const h2o_req_t *req, const char *name, const char *value)
{
    if (req->query_at == SIZE_MAX) {
        return false;
    }
    size_t name_length = strlen(name);
    size_t value_length = strlen(value);
    const char *next = req->path.base + req->query_at + 1;
    const char *end = req->path.base + req->path.len;
    while (next < end) {
        const char *stop = memchr(next, '&', (size_t)(end - next));
        stop = stop != NULL ? stop : end;
        if ((size_t)(stop - next) == name_length + 1 + value_length &&
            memcmp(next, name, name_length) == 0 && next[name_length] == '=' &&
            memcmp(next + name_length + 1, value, value_length) == 0) {
            return true;
        }
        next = stop + 1;
    }
    return false;
}
