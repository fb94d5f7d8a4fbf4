/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes: the tree, the pull reader and the reference must be of one mind, with and without
 * memory to spare, and what is written must be read back the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "reference/json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* Every string of the tree, written and read again, is itself. */
static void check_round_trip(const struct rune_json_node *node)
{
    struct rune_buf buf = RUNE_BUF_INIT;
    struct rune_arena arena;
    struct rune_json_node again;
    rune_arena_init(&arena, 0);
    rune_buf_append_json(&buf, node->as.text);
    require(rune_json_parse((struct rune_str){buf.data, buf.length}, 0, &arena, &again, NULL) ==
            RUNE_OK);
    require(again.type == RUNE_JSON_STRING && rune_str_equal(again.as.text, node->as.text));
    rune_arena_fini(&arena);
    rune_buf_fini(&buf);
}

/* Depth is limited by the parser: the recursion is, too. */
static void check_node(const struct rune_json_node *node, size_t begin, size_t end)
{
    require(node->offset >= begin && node->length > 0 &&
            (size_t)node->offset + node->length <= end);
    if (node->type == RUNE_JSON_STRING) {
        check_round_trip(node);
    } else if (node->type == RUNE_JSON_ARRAY) {
        for (uint32_t i = 0; i < node->as.array.count; i++) {
            check_node(&node->as.array.items[i], node->offset, (size_t)node->offset + node->length);
        }
    } else if (node->type == RUNE_JSON_OBJECT) {
        for (uint32_t i = 0; i < node->as.object.count; i++) {
            check_node(&node->as.object.members[i].value, node->offset,
                       (size_t)node->offset + node->length);
        }
    }
}

static enum rune_err pull(const char *text, size_t size, void *slab, size_t slab_size)
{
    struct rune_arena arena;
    struct rune_json json;
    rune_arena_init_fixed(&arena, slab, slab_size);
    rune_json_init(&json, text, size, &arena);
    enum rune_err err = rune_json_skip(&json);
    if (err == RUNE_OK) {
        err = rune_json_end(&json);
    }
    require(rune_json_offset(&json) <= size && (err == RUNE_OK || json.message != NULL));
    rune_arena_fini(&arena);
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    static char slab[1 << 16];
    struct rune_arena arena;
    struct rune_json_node root;
    struct rune_json_error error = {0};
    if (size > 20000) {
        return 0; /* the reference is quadratic, and every string fits the slab */
    }
    rune_arena_init(&arena, 0);
    enum rune_err err = rune_json_parse((struct rune_str){text, size}, 0, &arena, &root, &error);
    require((err == RUNE_OK) == json_check(text, size, RUNE_JSON_MAX_DEPTH, true));
    require((pull(text, size, slab, sizeof slab) == RUNE_OK) ==
                json_check(text, size, RUNE_JSON_MAX_DEPTH, false) ||
            size > 2000);
    (void)pull(text, size, slab, 64);
    if (err == RUNE_OK) {
        check_node(&root, 0, size);
    } else {
        require(error.message != NULL && error.offset <= size);
    }
    rune_arena_fini(&arena);
    return 0;
}
