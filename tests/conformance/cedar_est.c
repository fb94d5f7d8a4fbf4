/* SPDX-License-Identifier: Apache-2.0 */
/* Policies in JSON, both ways. */
#include "cedar/est.h"

#include "cedar/parser.h"
#include "conformance/cedar.h"

/* The text as JSON of that kind; false: refused. */
static bool to_json(const struct rune_source *source, struct rune_str kind,
                    struct rune_arena *arena, struct rune_buf *out, struct rune_diag *diag)
{
    struct rune_cedar_policies policies;
    if (rune_cedar_parse(source, arena, &policies, diag) != RUNE_OK) {
        return false;
    }
    if (rune_str_equal(kind, RUNE_STR("policyset"))) {
        return rune_est_print(&policies, out) == RUNE_OK;
    }
    return policies.count == 1 &&
           rune_cedar_is_template(&policies.items[0]) ==
               rune_str_equal(kind, RUNE_STR("template")) &&
           rune_est_print_policy(&policies.items[0], out) == RUNE_OK;
}

static bool from_json(const struct rune_source *source, struct rune_str kind,
                      struct rune_arena *arena, struct rune_diag *diag)
{
    struct rune_cedar_policies policies;
    struct rune_cedar_policy policy;
    if (rune_str_equal(kind, RUNE_STR("policyset"))) {
        return rune_est_parse(source, arena, &policies, diag) == RUNE_OK;
    }
    enum rune_est_kind est =
        rune_str_equal(kind, RUNE_STR("template")) ? RUNE_EST_TEMPLATE : RUNE_EST_POLICY;
    return rune_est_parse_policy(source, est, arena, &policy, diag) == RUNE_OK;
}

static bool same_json(const struct rune_json_node *expected, const struct rune_buf *text,
                      struct rune_arena *arena)
{
    struct rune_json_node got;
    struct rune_json_error error;
    return rune_json_parse((struct rune_str){text->data, text->length}, 10000, arena, &got,
                           &error) == RUNE_OK &&
           json_equal(expected, &got);
}

void run_est(struct conformance *run, const struct rune_json_node *line, struct rune_str text)
{
    struct rune_arena arena;
    struct rune_buf out = RUNE_BUF_INIT;
    struct rune_diag *diag = rune_diag_create();
    bool is_to_json = rune_str_equal(case_text(line, "dir"), RUNE_STR("to_json"));
    struct rune_str input = case_text(line, is_to_json ? "text" : "json_text");
    struct rune_source source = {"case", input.data, (uint32_t)input.length};
    struct rune_str kind = case_text(line, "kind");
    bool want = case_bool(line, "ok");
    (void)text;
    rune_arena_init(&arena, 0);
    bool ok = is_to_json ? to_json(&source, kind, &arena, &out, diag)
                         : from_json(&source, kind, &arena, diag);
    if (ok != want) {
        conformance_fail(run, "est", want ? "a translation" : "a refusal",
                         ok ? "a translation" : rune_diag_text(diag));
    } else {
        bool same = !ok || !is_to_json || same_json(rune_json_find(line, "json"), &out, &arena);
        conformance_check(run, "est", same, RUNE_STR("the JSON of the case"),
                          (struct rune_str){out.data, out.length});
    }
    rune_arena_fini(&arena);
    rune_buf_fini(&out);
    rune_diag_destroy(diag);
}
