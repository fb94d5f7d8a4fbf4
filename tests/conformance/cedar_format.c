/* SPDX-License-Identifier: Apache-2.0 */
/* Kind format: policy text laid out, byte for byte. */
#include "cedar/format.h"

#include "conformance/cedar.h"

void run_format(struct conformance *run, const struct rune_json_node *line, struct rune_str text)
{
    const struct rune_str input = case_text(line, "text");
    const struct rune_source source = {"case", input.data, (uint32_t)input.length};
    struct rune_diag *diag = rune_diag_create();
    struct rune_buf out = RUNE_BUF_INIT;
    (void)text;
    bool ok = rune_cedar_format(&source, &out, diag) == RUNE_OK;
    bool want = case_bool(line, "ok");
    struct rune_str expected = want ? case_text(line, "formatted") : RUNE_STR("a refusal");
    struct rune_str got =
        ok ? (struct rune_str){out.data, out.length} : rune_str_from(rune_diag_text(diag));
    conformance_check(run, "format", ok == want && (!ok || rune_str_equal(expected, got)), expected,
                      got);
    rune_buf_fini(&out);
    rune_diag_destroy(diag);
}
