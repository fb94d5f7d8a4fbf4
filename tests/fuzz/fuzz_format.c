/* SPDX-License-Identifier: Apache-2.0 */
/* Policy text that the input chooses, laid out: it means the same (else RUNE_E_INTERNAL), and can
 * be laid out again. */
#include <stdlib.h>

#include "cedar/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rune_source source = {"fuzz.cedar", (const char *)data, (uint32_t)size};
    struct rune_buf once = RUNE_BUF_INIT;
    struct rune_buf twice = RUNE_BUF_INIT;
    if (size > 1 << 16) {
        return 0;
    }
    enum rune_err err = rune_cedar_format(&source, &once, NULL);
    if (err == RUNE_OK) {
        source.text = once.data;
        source.length = (uint32_t)once.length;
        err = rune_cedar_format(&source, &twice, NULL);
        if (err == RUNE_E_SYNTAX) {
            abort();
        }
    }
    if (err == RUNE_E_INTERNAL) {
        abort();
    }
    rune_buf_fini(&twice);
    rune_buf_fini(&once);
    return 0;
}
