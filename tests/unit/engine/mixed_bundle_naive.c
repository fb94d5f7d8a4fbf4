/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "unit/engine/mixed_bundle.h"

enum { NONE = INT32_MIN }; /* no value */

static bool is_in(const struct mixed_world *world, const struct mixed_query *query, int entity,
                  int ancestor)
{
    if (entity == ancestor) {
        return true;
    }
    for (int parent = FIRST_GROUP; parent < FIRST_DOC; parent++) {
        bool derived =
            world->derives_parents && entity < USERS && world->member[entity][parent - FIRST_GROUP];
        bool brought = query != NULL && query->child == entity && query->extra_parent == parent;
        if ((world->parent[entity][parent] || derived || brought) &&
            is_in(world, query, parent, ancestor)) {
            return true;
        }
    }
    return false;
}

static bool derives_editor(const struct mixed_world *world, int doc, int user)
{
    for (int group = 0; group < GROUPS; group++) {
        bool member = world->member[user][group];
        bool holds = world->editors == 1   ? member
                     : world->editors == 2 ? is_in(world, NULL, user, FIRST_GROUP + group)
                     : world->editors == 3 ? !member && !world->blocked[user]
                                           : false;
        if (world->grant[group][doc] && holds) {
            return true;
        }
    }
    return false;
}

static void derive_reaches(struct mixed_world *world)
{
    bool holds[GROUPS][DOCS];
    memcpy(holds, world->grant, sizeof(holds));
    for (int turn = 0; turn < GROUPS * DOCS * USERS; turn++) {
        for (int i = 0; i < USERS * GROUPS * DOCS; i++) {
            int user = i / DOCS / GROUPS, group = i / DOCS % GROUPS, doc = i % DOCS;
            bool member = world->member[user][group];
            world->reaches[user][doc] |= member && holds[group][doc];
            holds[group][doc] |= member && world->reaches[user][doc] && world->blocked[user];
            for (int above = 0; above < GROUPS; above++) {
                holds[group][doc] |=
                    world->parent[FIRST_GROUP + group][FIRST_GROUP + above] && holds[above][doc];
            }
        }
    }
}

static int level_of(const struct mixed_world *world, int user)
{
    int count = 0, max = NONE, sum = 0;
    for (int i = 0; i < GROUPS; i++) {
        count += world->member[user][i];
    }
    for (int i = 0; i < SCORES; i++) {
        max = world->score[user][i] ? i : max;
        sum += world->score[user][i] && i != 2 ? i * 2 - 1 : 0;
    }
    return world->level == 1 ? count : world->level == 2 ? max : world->level == 3 ? sum : NONE;
}

void mixed_derive(struct mixed_world *world)
{
    for (int doc = 0; doc < DOCS; doc++) {
        world->has_editors[doc] = world->has_set[doc];
        for (int user = 0; user < USERS; user++) {
            bool derived = derives_editor(world, doc, user);
            world->edits[doc][user] = derived || world->in_set[doc][user];
            world->has_editors[doc] |= derived;
        }
    }
    for (int user = 0; user < USERS; user++) {
        world->levels[user] = level_of(world, user);
    }
    derive_reaches(world);
}

/* The tier of a principal; *ret_count: how many there are. */
static int tier_of(const struct mixed_world *world, const struct mixed_query *query, int *ret_count)
{
    int tier = NONE;
    *ret_count = 0;
    for (int i = 1; i < SCORES && world->derives_tier && query->principal < USERS; i++) {
        if (world->score[query->principal][i]) {
            tier = i;
            ++*ret_count;
        }
    }
    return tier;
}

static int count_editors(const struct mixed_world *world, int resource)
{
    int count = 0;
    for (int user = 0; user < USERS && resource >= FIRST_DOC; user++) {
        count += world->edits[resource - FIRST_DOC][user];
    }
    return count;
}

static bool is_granted(const struct mixed_world *world, const struct mixed_query *query)
{
    for (int group = 0; group < GROUPS && query->resource >= FIRST_DOC; group++) {
        if (world->grant[group][query->resource - FIRST_DOC] &&
            is_in(world, query, query->principal, FIRST_GROUP + group)) {
            return query->principal < USERS;
        }
    }
    return false;
}

/* 1, 0, or -1: an error of the policy. */
static int ask(const struct mixed_world *world, const struct mixed_query *query,
               const struct mixed_item *item, bool is_policy)
{
    int user = query->principal, doc = query->resource - FIRST_DOC, tiers;
    bool is_user = user < USERS, has_set = doc >= 0 && world->has_editors[doc];
    bool edits = is_user && doc >= 0 && world->edits[doc][user];
    int level = is_user ? world->levels[user] : NONE;
    switch (item->question) {
    case EDITS:
        return is_policy && !has_set ? -1 : edits;
    case EDITS_GUARDED:
        return edits;
    case EDITS_ALL:
        return edits && world->edits[doc][0];
    case EDITS_AS_VALUE:
        return !has_set ? -1 : edits && count_editors(world, query->resource) == 1;
    case LEVEL:
        return level != NONE && level >= item->k;
    case MEMBER:
        return is_in(world, query, user, FIRST_GROUP + item->k);
    case TIER:
        return tier_of(world, query, &tiers) > item->k;
    case REACHES:
        return is_user && doc >= 0 && world->reaches[user][doc];
    case GRANTED:
        return is_granted(world, query);
    case LEVEL_UNBLOCKED:
        return level != NONE && level >= item->k && !world->blocked[user];
    case MANY_EDITORS:
        return count_editors(world, query->resource) > item->k;
    default:
        return is_user && (world->blocked[user] || world->score[user][item->k]);
    }
}

void mixed_decide(const struct mixed_world *world, const struct mixed_query *query,
                  struct rune_buf *out)
{
    int answers[2 * MAX_ITEMS], tiers, count = world->policy_count + world->rule_count;
    bool matched[2] = {false, false};
    (void)tier_of(world, query, &tiers);
    if (tiers > 1) {
        rune_buf_append_cstr(out, "{\"decision\":\"DENY\",\"reasons\":[]\"\"");
        return;
    }
    for (int i = 0; i < count; i++) {
        bool is_policy = i < world->policy_count;
        const struct mixed_item *item =
            is_policy ? &world->policies[i] : &world->rules[i - world->policy_count];
        answers[i] = item->action >= 0 && item->action != query->action
                         ? 0
                         : ask(world, query, item, is_policy);
        if (item->is_unless && answers[i] >= 0 &&
            (item->action < 0 || item->action == query->action)) {
            answers[i] = !answers[i];
        }
        matched[item->is_forbid] |= answers[i] == 1;
    }
    rune_buf_printf(out, "{\"decision\":\"%s\",\"reasons\":[",
                    matched[1]   ? "FORBID"
                    : matched[0] ? "PERMIT"
                                 : "DENY");
    for (int pass = 0; pass < 2; pass++) {
        const char *between = "";
        for (int i = 0; i < count; i++) {
            bool is_policy = i < world->policy_count;
            int number = is_policy ? i : i - world->policy_count;
            bool is_forbid =
                is_policy ? world->policies[number].is_forbid : world->rules[number].is_forbid;
            if (pass == 0 ? answers[i] == 1 && is_forbid == matched[1] : answers[i] < 0) {
                rune_buf_printf(out, "%s\"%c%02d\"", pass == 0 ? between : "",
                                is_policy ? 'p' : 'r', number);
                between = ",";
            }
        }
        rune_buf_append_cstr(out, pass == 0 ? "]" : "");
    }
}
