/* SPDX-License-Identifier: Apache-2.0 */
#include "rune/format.h"

#include "cedar/format.h"

enum rune_err rune_format_policies(const char *path, struct rune_str text, rune_format_fn emit,
                                   void *context, struct rune_diag *diag)
{
    struct rune_buf out = RUNE_BUF_INIT;
    if (text.length > UINT32_MAX) {
        return RUNE_E_LIMIT;
    }
    const struct rune_source source = {path, text.data, (uint32_t)text.length};
    enum rune_err err = rune_cedar_format(&source, &out, diag);
    if (err == RUNE_OK) {
        emit(context, (struct rune_str){out.data, out.length});
    }
    rune_buf_fini(&out);
    return err;
}
