/* SPDX-License-Identifier: Apache-2.0 */
/* links: template links from JSON:
 *
 *     [{"template_id": "t", "link_id": "alice-t", "args": {"?principal": "User::\"alice\""}}]
 *
 * Whether the template exists and has these slots is checked when links are compiled. Used by:
 * engine/build, cli. */
#pragma once

#include "base/arena.h"
#include "cedar/ast.h"
#include "rune/err.h"

/* Texts live in the arena or in the source. RUNE_E_SYNTAX (all mistakes reported), RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_cedar_links_parse(const struct rune_source *source,
                                                   struct rune_arena *arena,
                                                   struct rune_cedar_link **ret_links,
                                                   uint32_t *ret_count, struct rune_diag *diag);
