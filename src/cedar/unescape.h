/* SPDX-License-Identifier: Apache-2.0 */
/* unescape: the inside of a string literal -> its text, or a like pattern.
 *
 * Escapes: \n \r \t \\ \0 \' \" \xHH (up to 7F) \u{1 to 6 hex digits, _ between}; in patterns also
 * \*. A bare carriage return is refused, a line feed is not. Used by: parser, schema parser,
 * datalog's lexer has its own. */
#pragma once

#include "base/arena.h"
#include "cedar/ast.h"
#include "rune/err.h"

/* `span` is the literal with its quotes. The text is borrowed from the source where it has no
 * escapes. RUNE_E_SYNTAX (all flaws reported, each at its place), RUNE_E_NOMEM. Cost: linear. */
RUNE_MUST_USE enum rune_err rune_cedar_unescape(struct rune_span span, struct rune_arena *arena,
                                                struct rune_str *ret_text, struct rune_diag *diag);

/* The same as a pattern. As in Cedar a `*` that an escape like \x2a makes is a wildcard, too; only
 * `\*` is a star. */
RUNE_MUST_USE enum rune_err rune_cedar_unescape_pattern(struct rune_span span,
                                                        struct rune_arena *arena,
                                                        struct rune_cedar_pattern *ret_pattern,
                                                        struct rune_diag *diag);
