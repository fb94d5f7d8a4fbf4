/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/mixed_printing.h"

static void put_place(struct rune_buf *out, const char *name, int entity,
                      const struct mixed_request *request)
{
    rune_buf_printf(out, "\"%s\":{\"type\":\"%s\",\"id\":\"%s\"", name, mixed_type_of(entity),
                    mixed_id_of(entity));
    for (uint32_t i = 0; i < request->brought_count; i++) {
        const struct mixed_brought *brought = &request->brought[i];
        if (brought->is_property && brought->entity == entity) {
            rune_buf_append_cstr(out, ",\"properties\":{");
            mixed_put_attrs(out, brought->has, brought->attrs);
            rune_buf_append_char(out, '}');
        }
    }
    rune_buf_append_cstr(out, "},");
}

static void put_brought(struct rune_buf *out, const struct mixed_request *request)
{
    const char *between = "";
    for (uint32_t i = 0; i < request->brought_count; i++) {
        const struct mixed_brought *brought = &request->brought[i];
        if (brought->is_property) {
            continue;
        }
        rune_buf_printf(out, "%s{\"uid\":", between);
        mixed_put_uid(out, brought->entity);
        rune_buf_append_cstr(out, ",\"attrs\":{");
        mixed_put_attrs(out, brought->has, brought->attrs);
        rune_buf_append_cstr(out, "},\"parents\":[");
        if (brought->parent >= 0) {
            mixed_put_uid(out, brought->parent);
        }
        rune_buf_append_char(out, ']');
        if (brought->has_tag) {
            rune_buf_append_cstr(out, ",\"tags\":{\"k\":");
            mixed_put_json(out, &brought->tag);
            rune_buf_append_char(out, '}');
        }
        rune_buf_append_char(out, '}');
        between = ",";
    }
}

void mixed_put_request(const struct mixed_request *request, struct rune_buf *out)
{
    const char *between = "";
    rune_buf_append_char(out, '{');
    put_place(out, "principal", request->principal, request);
    put_place(out, "action", request->action, &(struct mixed_request){0});
    put_place(out, "resource", request->resource,
              request->resource == request->principal ? &(struct mixed_request){0} : request);
    rune_buf_append_cstr(out, "\"context\":{");
    if (request->has_n) {
        rune_buf_append_cstr(out, "\"n\":");
        mixed_put_json(out, &request->n);
        between = ",";
    }
    if (request->has_tier) {
        rune_buf_printf(out, "%s\"tier\":", between);
        mixed_put_json(out, &request->tier);
    }
    rune_buf_append_cstr(out, "},\"entities\":[");
    put_brought(out, request);
    rune_buf_append_cstr(out, "]}");
}
