/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of schemas in JSON: what is said about them, and what an object may have. */
#include "cedar/schema_json_int.h"

#include <stdarg.h>

/* ---- messages and memory ---- */

bool rune_schema_json_fail(struct rune_schema_json *reader, uint32_t offset, uint32_t length,
                           const char *help, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport(reader->diag, RUNE_ERROR, "RUNE-C0510",
                      (struct rune_span){reader->source, offset, length}, help, fmt, args);
    va_end(args);
    reader->errors++;
    return false;
}

bool rune_schema_json_expected(struct rune_schema_json *reader, const struct rune_json_node *node,
                               const char *what)
{
    return rune_schema_json_fail(reader, node->offset, node->length > 0 ? 1 : 0, NULL,
                                 "expected %s here", what);
}

static bool nomem(struct rune_schema_json *reader)
{
    reader->nomem = true;
    return false;
}

/* ---- members ---- */

bool rune_schema_json_check_members(struct rune_schema_json *reader,
                                    const struct rune_json_node *object, const char *const *names)
{
    bool ok = true;
    for (uint32_t i = 0; i < object->as.object.count; i++) {
        const struct rune_json_member *member = &object->as.object.members[i];
        struct rune_str known[12];
        size_t count = 0;
        bool found = false;
        for (; names[count] != NULL; count++) {
            known[count] = rune_str_from(names[count]);
            found |= rune_str_equal(known[count], member->key);
        }
        if (!found) {
            struct rune_str nearest = rune_str_nearest(member->key, known, count);
            const char *help = nearest.length == 0
                                   ? NULL
                                   : rune_arena_printf(reader->arena, "did you mean `%.*s`?",
                                                       RUNE_STR_ARG(nearest));
            ok = rune_schema_json_fail(reader, member->key_offset, (uint32_t)member->key.length + 2,
                                       help, "there is no `%.*s` in a schema here",
                                       RUNE_STR_ARG(member->key));
        }
    }
    return ok;
}

bool rune_schema_json_is_type(struct rune_schema_json *reader, const struct rune_json_node *node,
                              enum rune_json_type type, const char *what)
{
    return node->type == type || rune_schema_json_expected(reader, node, what);
}

const struct rune_json_node *rune_schema_json_as_object(struct rune_schema_json *reader,
                                                        const struct rune_json_node *node,
                                                        const char *const *names, const char *what)
{
    if (node->type != RUNE_JSON_ARRAY) {
        return rune_schema_json_is_type(reader, node, RUNE_JSON_OBJECT, what) ? node : NULL;
    }
    uint32_t count = node->as.array.count;
    struct rune_json_node *object = rune_schema_json_array(reader, 1, sizeof(*object));
    struct rune_json_member *members = rune_schema_json_array(reader, count, sizeof(*members));
    if (object == NULL || members == NULL) {
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_json_node *item = &node->as.array.items[i];
        if (names[i] == NULL) {
            rune_schema_json_expected(reader, item, "the end of the array");
            return NULL;
        }
        members[i] = (struct rune_json_member){
            .key = rune_str_from(names[i]), .key_offset = item->offset, .value = *item};
    }
    *object = *node;
    object->type = RUNE_JSON_OBJECT;
    object->as.object.members = members;
    object->as.object.count = count;
    return object;
}

void *rune_schema_json_array(struct rune_schema_json *reader, size_t count, size_t size)
{
    void *items = rune_arena_calloc(reader->arena, count > 0 ? count : 1, size);
    if (items == NULL) {
        nomem(reader);
    }
    return items;
}

const struct rune_json_node *rune_schema_json_require(struct rune_schema_json *reader,
                                                      const struct rune_json_node *object,
                                                      const char *name)
{
    const struct rune_json_node *node = rune_json_find(object, name);
    if (node == NULL) {
        rune_schema_json_fail(reader, object->offset, 1, NULL, "`%s` is missing here", name);
    }
    return node;
}
