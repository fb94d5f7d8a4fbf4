/* SPDX-License-Identifier: Apache-2.0 */
/* What every reader of the JSON form needs: documents, members, messages at nodes. */
#include <stdarg.h>

#include "base/buf.h"
#include "cedar/est_int.h"

#define MAX_JSON_DEPTH 127u /* LIMIT: as serde_json */

/* ---- documents ---- */

enum rune_err rune_est_open(struct rune_est_reader *reader, struct rune_json_node *root)
{
    struct rune_json_error error;
    struct rune_str text = {reader->source->text, reader->source->length};
    enum rune_err err = rune_json_parse(text, MAX_JSON_DEPTH, reader->arena, root, &error);
    if (err == RUNE_E_SYNTAX || err == RUNE_E_LIMIT) {
        struct rune_json_node place = {.offset = (uint32_t)error.offset};
        rune_est_fail(reader, &place, NULL, "%s", error.message);
    }
    return err;
}

enum rune_err rune_est_result(const struct rune_est_reader *reader, bool ok)
{
    return reader->nomem ? RUNE_E_NOMEM : ok && reader->errors == 0 ? RUNE_OK : RUNE_E_SYNTAX;
}

/* ---- nodes ---- */

bool rune_est_fail(struct rune_est_reader *reader, const struct rune_json_node *node,
                   const char *help, const char *fmt, ...)
{
    bool is_scalar = node->type != RUNE_JSON_OBJECT && node->type != RUNE_JSON_ARRAY;
    struct rune_span span = {reader->source, node->offset,
                             is_scalar && node->length > 0 ? node->length : 1};
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport(reader->diag, RUNE_ERROR, "RUNE-C0530", span, help, fmt, args);
    va_end(args);
    reader->errors++;
    return false;
}

void *rune_est_alloc(struct rune_est_reader *reader, size_t count, size_t size)
{
    void *items = rune_arena_calloc(reader->arena, count > 0 ? count : 1, size);
    reader->nomem |= items == NULL;
    return items;
}

struct rune_json_node rune_est_key(const struct rune_json_member *member)
{
    return (struct rune_json_node){.type = RUNE_JSON_STRING,
                                   .offset = member->key_offset,
                                   .length = (uint32_t)member->key.length + 2,
                                   .as.text = member->key};
}

const char *rune_est_suggest(struct rune_est_reader *reader, struct rune_str name,
                             const struct rune_str *candidates, size_t count)
{
    struct rune_str nearest = rune_str_nearest(name, candidates, count);
    return nearest.length == 0
               ? NULL
               : rune_arena_printf(reader->arena, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
}

/* What may stand in an object: the name that is near, or all of them. */
static const char *suggest_member(struct rune_est_reader *reader, struct rune_str key,
                                  const char *const *names)
{
    struct rune_str candidates[8];
    struct rune_buf list = RUNE_BUF_INIT;
    size_t count = 0;
    for (; names[count] != NULL && count < sizeof candidates / sizeof candidates[0]; count++) {
        candidates[count] = rune_str_from(names[count]);
        rune_buf_printf(&list, "%s`%s`", count == 0 ? "" : ", ", names[count]);
    }
    const char *help = rune_est_suggest(reader, key, candidates, count);
    if (help == NULL && !list.failed) {
        help = rune_arena_printf(reader->arena, "here may stand %s", rune_buf_cstr(&list));
    }
    rune_buf_fini(&list);
    return help;
}

bool rune_est_check_members(struct rune_est_reader *reader, const struct rune_json_node *object,
                            const char *const *names)
{
    bool ok = true;
    for (uint32_t i = 0; i < object->as.object.count; i++) {
        const struct rune_json_member *member = &object->as.object.members[i];
        bool found = false;
        for (size_t k = 0; names[k] != NULL && !found; k++) {
            found = rune_str_equal(rune_str_from(names[k]), member->key);
        }
        if (!found) {
            struct rune_json_node key = rune_est_key(member);
            ok = rune_est_fail(reader, &key, suggest_member(reader, member->key, names),
                               "there is no `%.*s` here", RUNE_STR_ARG(member->key));
        }
    }
    return ok;
}

const struct rune_json_node *rune_est_require(struct rune_est_reader *reader,
                                              const struct rune_json_node *object, const char *name)
{
    const struct rune_json_node *node = rune_json_find(object, name);
    if (node == NULL) {
        rune_est_fail(reader, object, NULL, "`%s` is missing here", name);
    }
    return node;
}

bool rune_est_expect(struct rune_est_reader *reader, const struct rune_json_node *node,
                     enum rune_json_type type, const char *what)
{
    return node->type == type || rune_est_fail(reader, node, NULL, "expected %s here", what);
}

bool rune_est_is_name(const struct rune_json_node *node, struct rune_str name)
{
    if (node->type == RUNE_JSON_STRING) {
        return rune_str_equal(node->as.text, name);
    }
    return node->type == RUNE_JSON_OBJECT && node->as.object.count == 1 &&
           node->as.object.members[0].value.type == RUNE_JSON_NULL &&
           rune_str_equal(node->as.object.members[0].key, name);
}
