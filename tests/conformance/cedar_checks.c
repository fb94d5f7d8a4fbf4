/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds whose part of librune is not there: every check fails, none is passed over. */
#include "conformance/cedar.h"

void run_validate(struct conformance *run, const struct rune_json_node *line, struct rune_str text)
{
    (void)text;
    conformance_fail(run, "validate", case_bool(line, "ok") ? "valid" : "errors", "no validator");
}

void check_validation(struct conformance *run, struct rune_str policies, struct rune_str schema, bool schema_is_json,
                      bool expected)
{
    (void)policies;
    (void)schema;
    (void)schema_is_json;
    conformance_fail(run, "validation", expected ? "valid" : "errors", "no validator");
}
