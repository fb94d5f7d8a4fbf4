/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_bundle: random worlds whose policies and rules feed each other, as a bundle's texts and as
 * loops over all entities decide. Used by: test_mixed.
 *
 *   mixed_bundle_random.c  worlds and requests
 *   mixed_bundle_text.c    both as texts
 *   mixed_bundle_naive.c   the obvious evaluator; knows no text
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

enum {
    USERS = 5,
    GROUPS = 4,
    DOCS = 4,
    FIRST_GROUP = USERS,
    FIRST_DOC = FIRST_GROUP + GROUPS,
    ENTITIES = FIRST_DOC + DOCS,
    ACTIONS = 3,
    SCORES = 4,
    MAX_ITEMS = 8, /* policies; rules */
};

/* What a policy or a rule asks; the texts are in mixed_bundle_text.c. */
enum mixed_question {
    EDITS,          /* resource.editors.contains(principal) */
    EDITS_GUARDED,  /* the same, if there is such a set */
    EDITS_ALL,      /* the set has the principal and User 0 */
    EDITS_AS_VALUE, /* uses the set as a value: it must be built */
    LEVEL,          /* principal.level >= k */
    MEMBER,         /* principal in Group k */
    TIER,           /* context.tier > k */
    POLICY_QUESTIONS,
    REACHES = POLICY_QUESTIONS, /* a recursion over members and grants */
    GRANTED,                    /* principal in a group that is granted the resource */
    LEVEL_UNBLOCKED,            /* level >= k, and not blocked */
    MANY_EDITORS,               /* more than k editors */
    BLOCKED_OR_SCORED,
    QUESTIONS,
};

struct mixed_item {
    enum mixed_question question;
    bool is_forbid, is_unless;
    int action; /* -1: any */
    int k;
};

struct mixed_world {
    bool parent[ENTITIES][ENTITIES];
    bool member[USERS][GROUPS], grant[GROUPS][DOCS], blocked[USERS], score[USERS][SCORES];
    bool has_set[DOCS], in_set[DOCS][USERS];
    bool derives_parents, derives_tier;
    int editors, level; /* which rules derive them; 0: none */
    struct mixed_item policies[MAX_ITEMS], rules[MAX_ITEMS];
    int policy_count, rule_count;
    /* What follows: with derived data, without a request. */
    bool has_editors[DOCS], edits[DOCS][USERS], reaches[USERS][DOCS];
    int levels[USERS];
};

struct mixed_query {
    int principal, action, resource;
    int child, extra_parent; /* of the request; child -1: none */
};

/* ---- mixed_bundle_random.c: by rand() ---- */

void mixed_make_world(struct mixed_world *world);
struct mixed_query mixed_make_query(void);

/* ---- mixed_bundle_text.c ---- */

void mixed_put_policies(const struct mixed_world *world, struct rune_buf *out);
/* Facts, derivations and decisions. */
void mixed_put_rules(const struct mixed_world *world, struct rune_buf *out);
void mixed_put_entities(const struct mixed_world *world, struct rune_buf *out);
void mixed_put_query(const struct mixed_query *query, struct rune_buf *out);

/* ---- mixed_bundle_naive.c ---- */

/* Fills in what follows without a request. */
void mixed_derive(struct mixed_world *world);
/* Decision and reasons as an answer begins, then the ids of errors. */
void mixed_decide(const struct mixed_world *world, const struct mixed_query *query,
                  struct rune_buf *out);
