/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a schema (JSON if they begin with a brace): what resolves can be written, the words
 * verify, and the JSON form of human syntax is read back. */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "cedar/schema.h"
#include "cedar/schema_image.h"
#include "eval/schema_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

static void check_image(const struct rune_cedar_schema *schema)
{
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    struct rune_vec_u32 words = {0};
    enum rune_err err = rune_schema_write(schema, dict, &words);
    require(err == RUNE_OK || err == RUNE_E_LIMIT);
    if (err == RUNE_OK) {
        require(rune_schema_verify(words.items, (uint32_t)words.count, rune_dict_terms(dict),
                                   NULL) == RUNE_OK);
    }
    RUNE_VEC_FINI(&words);
    rune_dict_destroy(dict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rune_source source = {"fuzz", (const char *)data, (uint32_t)size};
    struct rune_arena arena;
    struct rune_schema_fragment fragment;
    struct rune_cedar_schema schema;
    bool is_json = size > 0 && data[0] == '{';
    rune_arena_init(&arena, (size_t)256 << 20);
    enum rune_err err = is_json ? rune_schema_parse_json(&source, &arena, &fragment, NULL)
                                : rune_schema_parse(&source, &arena, &fragment, NULL);
    if (err == RUNE_OK) {
        struct rune_buf json = RUNE_BUF_INIT;
        require(rune_schema_print_json(&fragment, &json) == RUNE_OK);
        struct rune_source printed = {"json", json.data, (uint32_t)json.length};
        struct rune_schema_fragment again;
        enum rune_err read = rune_schema_parse_json(&printed, &arena, &again, NULL);
        require(read == RUNE_OK || read == RUNE_E_LIMIT || read == RUNE_E_NOMEM);
        rune_buf_fini(&json);
        if (rune_schema_resolve(&fragment, 1, &arena, &schema, NULL) == RUNE_OK) {
            check_image(&schema);
        }
    }
    rune_arena_fini(&arena);
    return 0;
}
