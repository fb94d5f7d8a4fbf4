/* SPDX-License-Identifier: Apache-2.0 */
/* est_int: what the readers of the JSON form share. Private to cedar/est_*.c.
 *
 *     est_reader.c  documents, members, messages at nodes
 *     est_value.c   values and entities
 *     est_expr.c    expressions
 *     est_policy.c  policies
 *     est_set.c     policy sets
 */
#pragma once

#include "base/json.h"
#include "cedar/est.h"

struct rune_est_reader {
    const struct rune_source *source;
    struct rune_arena *arena;
    struct rune_diag *diag;
    uint32_t errors;
    bool nomem;
    bool has_unknown_call; /* in the policy being read */
};

/* ---- est_reader.c ---- */

/* The document's root. RUNE_E_SYNTAX, RUNE_E_LIMIT (both reported), RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_est_open(struct rune_est_reader *reader,
                                          struct rune_json_node *root);
/* What a reading came to that ended `ok`. */
RUNE_MUST_USE enum rune_err rune_est_result(const struct rune_est_reader *reader, bool ok);

/* Reports at a node; always false. */
bool rune_est_fail(struct rune_est_reader *reader, const struct rune_json_node *node,
                   const char *help, const char *fmt, ...) RUNE_PRINTF(4, 5);

/* Whether the node is that name, in one of the two forms that serde takes: "permit" and
 * {"permit": null}. */
bool rune_est_is_name(const struct rune_json_node *node, struct rune_str name);

/* A member's name, to report at. */
struct rune_json_node rune_est_key(const struct rune_json_member *member);

/* "did you mean `x`?", in the arena, or NULL. */
const char *rune_est_suggest(struct rune_est_reader *reader, struct rune_str name,
                             const struct rune_str *candidates, size_t count);

/* Zeroed memory; NULL: noted. */
void *rune_est_alloc(struct rune_est_reader *reader, size_t count, size_t size);

/* Only members of the list, which NULL ends. */
bool rune_est_check_members(struct rune_est_reader *reader, const struct rune_json_node *object,
                            const char *const *names);

/* The member, or a report that it is missing. */
const struct rune_json_node *rune_est_require(struct rune_est_reader *reader,
                                              const struct rune_json_node *object,
                                              const char *name);

/* Whether the node is of the type; else a report that `what` was expected. */
bool rune_est_expect(struct rune_est_reader *reader, const struct rune_json_node *node,
                     enum rune_json_type type, const char *what);

/* ---- est_policy.c ---- */

/* A policy or template, without its id. False: reported, or without memory. */
bool rune_est_read_policy(struct rune_est_reader *reader, const struct rune_json_node *node,
                          struct rune_cedar_policy *policy);
/* Whether it has slots just where its kind has them. False: reported. */
bool rune_est_check_kind(struct rune_est_reader *reader, const struct rune_json_node *node,
                         const struct rune_cedar_policy *policy, enum rune_est_kind kind);

/* ---- est_expr.c ---- */

/* An expression; NULL: reported. Recursion is bounded by the depth of the JSON. */
struct rune_cedar_expr *rune_est_read_expr(struct rune_est_reader *reader,
                                           const struct rune_json_node *node);

/* A node without arguments, and one with. Set its depth. */
struct rune_cedar_expr *rune_est_make(struct rune_est_reader *reader,
                                      enum rune_cedar_expr_kind kind,
                                      const struct rune_json_node *node, uint32_t arg_count);
bool rune_est_set_arg(struct rune_cedar_expr *expr, uint32_t index, struct rune_cedar_expr *arg);

/* ---- est_value.c ---- */

/* A Cedar value as an expression, with `__entity` and `__extn`. */
struct rune_cedar_expr *rune_est_read_value(struct rune_est_reader *reader,
                                            const struct rune_json_node *node);

/* An entity where nothing else can stand. */
bool rune_est_read_uid(struct rune_est_reader *reader, const struct rune_json_node *node,
                       struct rune_cedar_uid *uid);
