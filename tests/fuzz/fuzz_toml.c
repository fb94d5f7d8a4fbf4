/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as TOML: a tree whose places lie within the text, or one located message; never a
 * crash. */
#include <stdint.h>
#include <stdlib.h>

#include "base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_node(const struct rune_json_node *node, size_t size)
{
    require((size_t)node->offset + node->length <= size);
    if (node->type == RUNE_JSON_ARRAY) {
        for (uint32_t i = 0; i < node->as.array.count; i++) {
            check_node(&node->as.array.items[i], size);
        }
    } else if (node->type == RUNE_JSON_OBJECT) {
        for (uint32_t i = 0; i < node->as.object.count; i++) {
            require(node->as.object.members[i].key_offset <= size);
            check_node(&node->as.object.members[i].value, size);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 20000) {
        return 0;
    }
    struct rune_source source = {"fuzz.toml", (const char *)data, (uint32_t)size};
    struct rune_diag *diag = rune_diag_create();
    struct rune_arena arena;
    struct rune_json_node root;
    rune_arena_init(&arena, 0);
    enum rune_err err = rune_toml_parse(&source, &arena, &root, diag);
    if (err == RUNE_OK) {
        check_node(&root, size);
    } else {
        require(rune_diag_count(diag, RUNE_ERROR) > 0);
        (void)rune_diag_text(diag);
        (void)rune_diag_json(diag);
    }
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
    return 0;
}
