/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "unit/engine/mixed_bundle.h"

static unsigned pick(unsigned below)
{
    return (unsigned)rand() % below;
}

static void make_item(struct mixed_item *item, bool is_policy)
{
    *item = (struct mixed_item){
        .question = (enum mixed_question)pick(is_policy ? POLICY_QUESTIONS : QUESTIONS),
        .is_forbid = pick(4) == 0,
        .is_unless = is_policy && pick(4) == 0,
        .action = (int)pick(ACTIONS + 2) - 2,
        .k = (int)pick(GROUPS),
    };
    item->action = item->action < 0 ? -1 : item->action;
    if (is_policy && item->question == EDITS_AS_VALUE && pick(3) > 0) {
        item->question = EDITS; /* seldom, so that sets are mostly only probed */
    }
    if (!is_policy && item->question <= EDITS_AS_VALUE) {
        item->question = EDITS;
    }
}

void mixed_make_world(struct mixed_world *world)
{
    memset(world, 0, sizeof(*world));
    for (int i = 0; i < USERS * GROUPS; i++) {
        world->member[i / GROUPS][i % GROUPS] = pick(4) == 0;
        world->parent[i / GROUPS][FIRST_GROUP + i % GROUPS] = pick(6) == 0;
    }
    for (int i = 0; i < GROUPS * GROUPS; i++) {
        /* To later groups only: no cycle. */
        world->parent[FIRST_GROUP + i / GROUPS][FIRST_GROUP + i % GROUPS] =
            i % GROUPS > i / GROUPS && pick(3) == 0;
    }
    for (int i = 0; i < GROUPS * DOCS; i++) {
        world->grant[i / DOCS][i % DOCS] = pick(3) == 0;
    }
    for (int user = 0; user < USERS; user++) {
        world->blocked[user] = pick(4) == 0;
        for (int score = 0; score < SCORES; score++) {
            world->score[user][score] = pick(4) == 0;
        }
    }
    for (int doc = 0; doc < DOCS; doc++) {
        world->has_set[doc] = pick(3) == 0;
        for (int user = 0; user < USERS; user++) {
            world->in_set[doc][user] = world->has_set[doc] && pick(3) == 0;
        }
    }
    world->derives_parents = pick(2) == 0;
    world->derives_tier = pick(2) == 0;
    world->editors = (int)pick(4);
    world->level = (int)pick(4);
    world->policy_count = 1 + (int)pick(MAX_ITEMS);
    world->rule_count = (int)pick(MAX_ITEMS);
    for (int i = 0; i < MAX_ITEMS; i++) {
        make_item(&world->policies[i], true);
        make_item(&world->rules[i], false);
    }
}

struct mixed_query mixed_make_query(void)
{
    struct mixed_query query = {
        .principal = pick(5) == 0 ? FIRST_GROUP + (int)pick(GROUPS) : (int)pick(USERS),
        .action = (int)pick(ACTIONS),
        .resource = pick(6) == 0 ? FIRST_GROUP : FIRST_DOC + (int)pick(DOCS),
        .child = -1,
    };
    if (pick(3) == 0) {
        query.child = (int)pick(FIRST_DOC - 1);
        int first = query.child < FIRST_GROUP ? FIRST_GROUP : query.child + 1;
        query.extra_parent = first + (int)pick((unsigned)(FIRST_DOC - first));
    }
    return query;
}
