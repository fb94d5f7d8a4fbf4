/* SPDX-License-Identifier: Apache-2.0 */
/* Facts in each format; the first byte chooses the format and whether columns are declared. */
#include <stdlib.h>

#include "engine/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rune_column columns[] = {
        {RUNE_COLUMN_ENTITY, {"User", 4}}, {RUNE_COLUMN_INT, {0}}, {RUNE_COLUMN_BOOL, {0}}};
    const struct rune_manifest_relation declared = {
        .name = {"r", 1}, .columns = columns, .column_count = 3};
    if (size == 0) {
        return 0;
    }
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 1 << 26);
    struct rune_fact_relation relation = {.name = {"r", 1}};
    struct rune_diag *diag = rune_diag_create();
    if ((data[0] & 4) != 0 && rune_tuples_init(&relation.tuples, 3) == RUNE_OK) {
        relation.declared = &declared;
        relation.has_arity = true;
    }
    enum rune_err err =
        rune_facts_parse((struct rune_str){(const char *)data + 1, size - 1}, "facts/r",
                         (enum rune_facts_format)((data[0] & 3) % 3), dict, &relation, diag);
    if (err == RUNE_E_BUNDLE && rune_diag_count(diag, RUNE_ERROR) == 0) {
        abort(); /* refused without a word */
    }
    for (uint64_t row = 0; err == RUNE_OK && row < relation.tuples.count; row++) {
        for (uint32_t i = 0; i < relation.tuples.arity; i++) {
            if (relation.tuples.columns[i][row] == RUNE_TERM_NONE) {
                abort(); /* a field that became nothing */
            }
        }
    }
    rune_tuples_fini(&relation.tuples);
    rune_diag_destroy(diag);
    rune_dict_destroy(dict);
    return 0;
}
