/* SPDX-License-Identifier: Apache-2.0 */
/* toml: TOML 1.0 text into the JSON tree, with places. Implemented with tomlplusplus in toml.cc,
 * the one C++ file, run in the builder, the CLI and at start only; no exception leaves it. Dates
 * and times become strings in their RFC 3339 spelling; floats become RUNE_JSON_NUMBER with their
 * spelling. */
#pragma once

#include "base/diag.h"
#include "base/json.h"

/* Node offsets are byte offsets of the value in the source's text, key_offset those of the key.
 * Members are in order of the text. RUNE_E_SYNTAX with a located message in diag, RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_toml_parse(const struct rune_source *source,
                                            struct rune_arena *arena,
                                            struct rune_json_node *ret_root,
                                            struct rune_diag *diag);
