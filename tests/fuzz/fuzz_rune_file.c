/* SPDX-License-Identifier: Apache-2.0 */
/* A .rune file: sections, manifest, [data]. */
#include <stdlib.h>

#include "engine/facts.h"
#include "engine/rune_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rune_source source = {"fuzz.rune", (const char *)data, (uint32_t)size};
    struct rune_bundle_file files[RUNE_BUNDLE_KIND_COUNT];
    struct rune_bundle bundle = {.path = "fuzz.rune", .is_file = true, .files = files};
    struct rune_manifest manifest;
    struct rune_fact_set set = {0};
    struct rune_arena arena;
    if (size > 1 << 16) {
        return 0;
    }
    struct rune_diag *diag = rune_diag_create();
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 1 << 26);
    rune_arena_init(&arena, 1 << 27);
    enum rune_err err = rune_file_split(&source, &arena, files, &bundle.count, diag);
    for (uint32_t i = 0; err == RUNE_OK && i < bundle.count; i++) {
        if (files[i].source.length > size) {
            abort();
        }
    }
    if (err == RUNE_OK) {
        err = rune_manifest_read(&bundle, &arena, &manifest, diag);
    }
    if (err == RUNE_OK) {
        err = rune_facts_read(&bundle, &manifest, &arena, dict, NULL, NULL, &set, diag);
    }
    if ((err == RUNE_E_BUNDLE || err == RUNE_E_SYNTAX) && rune_diag_count(diag, RUNE_ERROR) == 0) {
        abort(); /* refused without a word */
    }
    rune_facts_fini(&set);
    rune_dict_destroy(dict);
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
    return 0;
}
