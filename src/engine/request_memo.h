/* SPDX-License-Identifier: Apache-2.0 */
/* request_memo: what the last requests about an image taught, so that one like them need not ask
 * again: actions are few, applications ask in few ways, and whoever asks about an entity asks about
 * it again. One cache line stands for the dictionary's and the schema's scattered ones.
 *
 * INVARIANT: only what holds for every request about that image: rune_request_memo_begin forgets
 * all of it where the image is another. Owned by the decider; used by request_json, request_uid. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "model/term.h"

#define RUNE_MEMO_SPELLING 54u  /* LIMIT: longer spellings are looked up each time */
#define RUNE_MEMO_UIDS     256u /* 16 KiB a decider */
#define RUNE_MEMO_ACTIONS  16u
#define RUNE_MEMO_NAME     32u /* digits of an image's name: no two have the same */

/* How an entity that the image knows is written in JSON, "Type::\"id\"", quotes included: bytes
 * that mean themselves, so that equal bytes are the same entity. */
struct rune_uid_memo {
    rune_term uid;
    rune_term type;      /* string term */
    uint8_t length;      /* 0: nothing */
    uint8_t type_length; /* the type's, which begins behind the quote */
    char spelling[RUNE_MEMO_SPELLING];
};

_Static_assert(sizeof(struct rune_uid_memo) == 64, "one cache line");

/* What is known of an action; RUNE_TERM_NONE: nothing. */
struct rune_action_memo {
    rune_term plain;  /* an action that needs nothing in its context */
    rune_term action; /* one that may be asked about any entities of these types */
    rune_term principal_type;
    rune_term resource_type;
};

struct rune_request_memo {
    char image[RUNE_MEMO_NAME];
    uint32_t last[3]; /* what principal, action and resource had last, among uids */
    struct rune_action_memo actions[RUNE_MEMO_ACTIONS];
    struct rune_uid_memo uids[RUNE_MEMO_UIDS]; /* each where its spelling puts it */
};

static inline struct rune_action_memo *rune_request_memo_action(struct rune_request_memo *memo,
                                                                rune_term action)
{
    return &memo->actions[rune_term_index(action) % RUNE_MEMO_ACTIONS];
}

/* `name`: of the image that the next requests are about. */
static inline void rune_request_memo_begin(struct rune_request_memo *memo, const char *name)
{
    if (memcmp(memo->image, name, sizeof memo->image) != 0) {
        memset(memo, 0, sizeof *memo);
        memcpy(memo->image, name, sizeof memo->image);
    }
}
