/* SPDX-License-Identifier: Apache-2.0 */
/* cedar_naive: Cedar evaluated straight over the syntax tree, with values as trees and entities in
 * a list. Slow and obvious: the second opinion for the compiler, the index and the evaluator.
 * Shares with them the syntax tree and the arithmetic of extension values (model/ext), nothing
 * else. Single thread; everything lives in the caller's arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "cedar/ast.h"
#include "model/ext.h"

enum naive_kind {
    NAIVE_BOOL,
    NAIVE_LONG,
    NAIVE_STRING,
    NAIVE_ENTITY,
    NAIVE_SET,
    NAIVE_RECORD,
    NAIVE_EXT,
};

struct naive_value {
    enum naive_kind kind;
    bool boolean;
    int64_t number;
    struct rune_str text;      /* string, or an entity's id */
    struct rune_str type;      /* an entity's */
    struct naive_value *items; /* of a set (repetitions allowed) or record */
    struct rune_str *names;    /* of a record, distinct */
    uint32_t count;
    struct rune_ext ext;
};

struct naive_entity {
    struct naive_value uid;
    struct naive_value attrs; /* a record */
    struct naive_value tags;
    struct naive_value *parents; /* uids */
    uint32_t parent_count;
};

struct naive_world {
    struct naive_entity *entities;
    uint32_t entity_count;
};

struct naive_request {
    struct naive_value principal, action, resource, context;
};

enum naive_result { NAIVE_NO_MATCH, NAIVE_MATCH, NAIVE_ERROR };

/* What one policy does with a request; `link` fills a template's slots, NULL for a static policy.
 */
enum naive_result naive_evaluate(const struct rune_cedar_policy *policy,
                                 const struct rune_cedar_link *link,
                                 const struct naive_world *world,
                                 const struct naive_request *request, struct rune_arena *arena);

bool naive_equal(const struct naive_value *a, const struct naive_value *b);
const struct naive_entity *naive_find(const struct naive_world *world,
                                      const struct naive_value *uid);
/* Reflexive and transitive. */
bool naive_in(const struct naive_world *world, const struct naive_value *uid,
              const struct naive_value *ancestor);

/* The value of an extension function; false: an error. */
bool naive_call(const char *name, const struct naive_value *args, uint32_t count,
                struct naive_value *ret);

static inline struct naive_value naive_bool(bool boolean)
{
    return (struct naive_value){.kind = NAIVE_BOOL, .boolean = boolean};
}

static inline struct naive_value naive_long(int64_t number)
{
    return (struct naive_value){.kind = NAIVE_LONG, .number = number};
}

static inline struct naive_value naive_ext(const struct rune_ext *ext)
{
    return (struct naive_value){.kind = NAIVE_EXT, .ext = *ext};
}
