/* SPDX-License-Identifier: Apache-2.0 */
/* golden: texts that a test makes, compared with a file of golden/ that is written anew when
 * RUNE_UPDATE_GOLDEN is set. */
#pragma once

#include "base/buf.h"
#include "unit/cmocka.h"

static inline void golden_check(const char *name, struct rune_buf *got)
{
    const char *root = getenv("RUNE_SOURCE_DIR");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/unit/cedar/golden/%s", root != NULL ? root : ".", name);
    if (getenv("RUNE_UPDATE_GOLDEN") != NULL) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(got->data, 1, got->length, file), got->length);
        fclose(file);
    }
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *want = calloc(1, got->length + 4096);
    size_t length = fread(want, 1, got->length + 4095, file);
    fclose(file);
    assert_string_equal(rune_buf_cstr(got), want);
    assert_int_equal(length, got->length);
    free(want);
}
