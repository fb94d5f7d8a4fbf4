/* SPDX-License-Identifier: Apache-2.0 */
/* The tree over the pull reader. Children are collected on a heap stack and copied into the arena
 * when their parent closes, so every array is exactly as long as it must be. Recursion is counted
 * by the reader's depth. */
#include "base/json.h"

#include <string.h>

#include "base/map.h"
#include "base/vec.h"

RUNE_VEC(member_stack, struct rune_json_member);

struct builder {
    struct rune_json json;
    struct rune_arena *arena;
    struct member_stack stack; /* elements of arrays are members without a key */
    enum rune_err err;
    const char *message;
    size_t offset;
};

static enum rune_err build_value(struct builder *builder, struct rune_json_node *ret_node);

static enum rune_err fail(struct builder *builder, enum rune_err err, size_t offset,
                          const char *message)
{
    if (builder->err == RUNE_OK) {
        builder->err = err;
        builder->offset = offset;
        builder->message = message;
    }
    return builder->err;
}

static enum rune_err fail_reader(struct builder *builder)
{
    return fail(builder, builder->json.err, rune_json_offset(&builder->json),
                builder->json.message);
}

/* Few members are compared pairwise, many through a map. */
static enum rune_err check_duplicates(struct builder *builder,
                                      const struct rune_json_member *members, size_t count)
{
    struct rune_map seen = RUNE_MAP_INIT;
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < count && err == RUNE_OK; i++) {
        bool is_new = true;
        if (count <= 16) {
            for (size_t j = 0; j < i && is_new; j++) {
                is_new = !rune_str_equal(members[i].key, members[j].key);
            }
        } else {
            uint32_t value;
            err = rune_map_intern(&seen, members[i].key, 0, &value, &is_new);
        }
        if (err != RUNE_OK) {
            (void)fail(builder, err, members[i].key_offset, "out of memory");
        } else if (!is_new) {
            err = fail(builder, RUNE_E_SYNTAX, members[i].key_offset,
                       "the same name stands twice in an object");
        }
    }
    rune_map_fini(&seen);
    return err;
}

/* The members pushed since `base`, into the arena. */
static enum rune_err close_object(struct builder *builder, size_t base, struct rune_json_node *node)
{
    size_t count = builder->stack.count - base;
    const struct rune_json_member *members =
        builder->stack.items == NULL ? NULL : builder->stack.items + base;
    enum rune_err err = check_duplicates(builder, members, count);
    if (err != RUNE_OK) {
        return err;
    }
    node->as.object.count = (uint32_t)count;
    node->as.object.members = rune_arena_memdup(builder->arena, members, count * sizeof(*members));
    builder->stack.count = base;
    return node->as.object.members == NULL
               ? fail(builder, RUNE_E_NOMEM, node->offset, "out of memory")
               : RUNE_OK;
}

static enum rune_err close_array(struct builder *builder, size_t base, struct rune_json_node *node)
{
    size_t count = builder->stack.count - base;
    node->as.array.count = (uint32_t)count;
    node->as.array.items = rune_arena_calloc(builder->arena, count, sizeof(struct rune_json_node));
    if (node->as.array.items == NULL) {
        return fail(builder, RUNE_E_NOMEM, node->offset, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        node->as.array.items[i] = builder->stack.items[base + i].value;
    }
    builder->stack.count = base;
    return RUNE_OK;
}

static enum rune_err build_children(struct builder *builder, struct rune_json_node *node)
{
    size_t base = builder->stack.count;
    bool is_object = node->type == RUNE_JSON_OBJECT;
    for (;;) {
        struct rune_json_member member = {0};
        bool more;
        enum rune_err err = is_object ? rune_json_next_member(&builder->json, &more, &member.key)
                                      : rune_json_next_element(&builder->json, &more);
        if (err != RUNE_OK) {
            return fail_reader(builder);
        }
        if (!more) {
            return is_object ? close_object(builder, base, node) : close_array(builder, base, node);
        }
        if (is_object) {
            /* Names with escapes were decoded elsewhere: then the place behind the name has to do.
             */
            const char *key = member.key.data;
            bool in_text = key > builder->json.start && key < builder->json.end;
            member.key_offset = (uint32_t)(in_text ? (size_t)(key - 1 - builder->json.start)
                                                   : rune_json_offset(&builder->json));
        }
        err = build_value(builder, &member.value);
        if (err != RUNE_OK) {
            return err;
        }
        if (!RUNE_VEC_PUSH(&builder->stack, member)) {
            return fail(builder, RUNE_E_NOMEM, member.value.offset, "out of memory");
        }
    }
}

static enum rune_err build_value(struct builder *builder, struct rune_json_node *ret_node)
{
    struct rune_json_token token;
    if (rune_json_value(&builder->json, &token) != RUNE_OK) {
        return fail_reader(builder);
    }
    struct rune_json_node node = {.type = token.type, .offset = (uint32_t)token.offset};
    enum rune_err err = RUNE_OK;
    if (token.type == RUNE_JSON_OBJECT || token.type == RUNE_JSON_ARRAY) {
        err = build_children(builder, &node);
    } else if (token.type == RUNE_JSON_INTEGER) {
        node.as.integer = token.integer;
    } else if (token.type == RUNE_JSON_STRING || token.type == RUNE_JSON_NUMBER) {
        node.as.text = token.text;
    }
    node.length = (uint32_t)(rune_json_offset(&builder->json) - token.offset);
    *ret_node = node;
    return err;
}

enum rune_err rune_json_parse(struct rune_str text, uint32_t max_depth, struct rune_arena *arena,
                              struct rune_json_node *ret_root, struct rune_json_error *ret_error)
{
    struct builder builder = {.arena = arena};
    struct rune_json_node root = {0};
    if (text.length > UINT32_MAX) {
        (void)fail(&builder, RUNE_E_LIMIT, 0, "the text is longer than 4 GiB");
    } else {
        rune_json_init(&builder.json, text.data, text.length, arena);
        if (max_depth != 0) {
            builder.json.max_depth = max_depth;
        }
        if (build_value(&builder, &root) == RUNE_OK && rune_json_end(&builder.json) != RUNE_OK) {
            (void)fail_reader(&builder);
        }
    }
    RUNE_VEC_FINI(&builder.stack);
    if (builder.err == RUNE_OK) {
        *ret_root = root;
    } else if (ret_error != NULL) {
        *ret_error = (struct rune_json_error){builder.message, builder.offset};
    }
    return builder.err;
}

const struct rune_json_node *rune_json_find(const struct rune_json_node *object, const char *key)
{
    if (object->type != RUNE_JSON_OBJECT) {
        return NULL;
    }
    struct rune_str name = rune_str_from(key);
    for (uint32_t i = 0; i < object->as.object.count; i++) {
        if (rune_str_equal(object->as.object.members[i].key, name)) {
            return &object->as.object.members[i].value;
        }
    }
    return NULL;
}
