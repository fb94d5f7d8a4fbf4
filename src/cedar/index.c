/* SPDX-License-Identifier: Apache-2.0 */
/* Three steps. First the groups that actions are tested against are expanded to their stored
 * members. Then each policy offers the keys that it could be filed under, and how many policies
 * offer the same is counted; it takes the offer with the least company. Last, entries are sorted by
 * key, which gives the runs of POLICY_LIST, and hashed into slots. All is done on sorted arrays, so
 * that the same policies give the same bytes. */
#include "cedar/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "eval/policy_index.h"
#include "eval/values.h"

/* LIMIT: a policy that allows more actions is filed under "any action". */
#define MAX_ACTIONS 1024u

/* A policy under a key, or the offer of it. */
struct entry {
    uint32_t kind, a, b, c; /* the key; c is 0 where it is no part of it */
    uint32_t order;         /* within a key: 0 for `in`, 1 for `==` */
    uint32_t policy;
};

struct member {
    rune_term group;
    rune_term action;
};

RUNE_VEC(vec_entry, struct entry);
RUNE_VEC(vec_member, struct member);

struct builder {
    const struct rune_cedar_program *program;
    const struct rune_terms *terms;
    const uint32_t *entity_ancestors;
    struct rune_cedar_index *index;
    struct vec_member members; /* of the groups that policies name, sorted */
    struct vec_entry offers;   /* of all policies; sorted by key while they are counted */
    struct vec_entry entries;
    uint64_t *seen_sets; /* ancestor sets that were looked at, by heap offset */
};

/* ---- bitmaps ---- */

static bool test_bit(const uint64_t *bitmap, uint32_t at)
{
    return (bitmap[at / 64] >> at % 64 & 1) != 0;
}

static void set_bit(uint64_t *bitmap, uint32_t at)
{
    bitmap[at / 64] |= UINT64_C(1) << at % 64;
}

static uint64_t *make_bitmap(uint32_t bits)
{
    return rune_calloc((size_t)bits / 64 + 1, sizeof(uint64_t));
}

/* ---- action groups ---- */

static int compare_members(const void *a, const void *b)
{
    const struct member *x = a;
    const struct member *y = b;
    if (x->group != y->group) {
        return x->group < y->group ? -1 : 1;
    }
    return (x->action > y->action) - (x->action < y->action);
}

/* The entities of an action test: one, or those of a set. */
static const rune_term *actions_of(const struct builder *builder, const rune_term *action,
                                   uint32_t *ret_count)
{
    if (rune_term_kind(*action) != RUNE_KIND_SET) {
        *ret_count = 1;
        return action;
    }
    const uint32_t *run = builder->terms->heap + builder->terms->sets[rune_term_index(*action)];
    *ret_count = run[0];
    return run + 1;
}

/* Marks the groups of all `action in` tests; false if there are none. */
static bool mark_groups(const struct builder *builder, uint64_t *groups)
{
    bool any = false;
    for (size_t i = 0; i < builder->program->keys.count; i++) {
        const struct rune_cedar_key *key = &builder->program->keys.items[i];
        if (key->action == RUNE_TERM_NONE || !key->action_in || key->never) {
            continue;
        }
        uint32_t count;
        const rune_term *actions = actions_of(builder, &key->action, &count);
        for (uint32_t j = 0; j < count; j++) {
            set_bit(groups, rune_term_index(actions[j]));
            any = true;
        }
    }
    return any;
}

/* Whether an ancestor set has a marked entity; `seen` and `hits` remember it by the set's offset.
 */
static bool meets(const uint32_t *heap, uint32_t offset, const uint64_t *marked, uint64_t *seen,
                  uint64_t *hits)
{
    if (!test_bit(seen, offset)) {
        set_bit(seen, offset);
        for (uint32_t i = 1; i <= heap[offset]; i++) {
            if (test_bit(marked, rune_term_index(heap[offset + i]))) {
                set_bit(hits, offset);
                break;
            }
        }
    }
    return test_bit(hits, offset);
}

static enum rune_err add_members(struct builder *builder, uint32_t entity, const uint64_t *groups)
{
    const uint32_t *run = builder->terms->heap + builder->entity_ancestors[entity];
    rune_term action = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, entity);
    for (uint32_t i = 1; i <= run[0]; i++) {
        if (test_bit(groups, rune_term_index(run[i]))) {
            struct member member = {run[i], action};
            if (!RUNE_VEC_PUSH(&builder->members, member)) {
                return RUNE_E_NOMEM;
            }
        }
    }
    return RUNE_OK;
}

static enum rune_err expand_groups(struct builder *builder)
{
    const struct rune_terms *terms = builder->terms;
    uint64_t *groups = make_bitmap(terms->entity_count);
    uint64_t *seen = make_bitmap(terms->heap_count);
    uint64_t *hits = make_bitmap(terms->heap_count);
    enum rune_err err = groups == NULL || seen == NULL || hits == NULL ? RUNE_E_NOMEM : RUNE_OK;
    if (err == RUNE_OK && mark_groups(builder, groups)) {
        for (uint32_t i = 0; err == RUNE_OK && i < terms->entity_count; i++) {
            if (meets(terms->heap, builder->entity_ancestors[i], groups, seen, hits)) {
                err = add_members(builder, i, groups);
            }
        }
        if (builder->members.count > 0) {
            qsort(builder->members.items, builder->members.count, sizeof *builder->members.items,
                  compare_members);
        }
    }
    rune_free(groups);
    rune_free(seen);
    rune_free(hits);
    return err;
}

/* The members of a group: *ret_count of them from the result on. */
static const struct member *find_members(const struct builder *builder, rune_term group,
                                         size_t *ret_count)
{
    const struct member *items = builder->members.items;
    if (builder->members.count == 0) {
        *ret_count = 0;
        return NULL;
    }
    size_t low = 0;
    for (size_t high = builder->members.count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (items[middle].group < group) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t end = low;
    while (end < builder->members.count && items[end].group == group) {
        end++;
    }
    *ret_count = end - low;
    return items + low;
}

static int compare_terms(const void *a, const void *b)
{
    rune_term x = *(const rune_term *)a;
    rune_term y = *(const rune_term *)b;
    return (x > y) - (x < y);
}

/* Adds an action to a list that has room for MAX_ACTIONS. */
static bool list_action(rune_term *actions, uint32_t *count, rune_term action)
{
    if (*count == MAX_ACTIONS) {
        return false;
    }
    actions[(*count)++] = action;
    return true;
}

/* All actions that pass a policy's test, each once. False: too many to list. */
static bool list_actions(const struct builder *builder, const struct rune_cedar_key *key,
                         rune_term *ret_actions, uint32_t *ret_count)
{
    uint32_t named, count = 0;
    const rune_term *names = actions_of(builder, &key->action, &named);
    for (uint32_t i = 0; i < named; i++) {
        size_t members = 0;
        const struct member *member =
            key->action_in ? find_members(builder, names[i], &members) : NULL;
        if (!list_action(ret_actions, &count, names[i])) {
            return false;
        }
        for (size_t j = 0; j < members; j++) {
            if (!list_action(ret_actions, &count, member[j].action)) {
                return false;
            }
        }
    }
    if (count > 0) {
        qsort(ret_actions, count, sizeof *ret_actions, compare_terms);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || ret_actions[i] != ret_actions[kept - 1]) {
            ret_actions[kept++] = ret_actions[i];
        }
    }
    *ret_count = kept;
    return true;
}

/* ---- offers ---- */

static int compare_keys(const struct entry *x, const struct entry *y)
{
    const uint32_t a[4] = {x->kind, x->a, x->b, x->c};
    const uint32_t b[4] = {y->kind, y->a, y->b, y->c};
    for (int i = 0; i < 4; i++) {
        if (a[i] != b[i]) {
            return a[i] < b[i] ? -1 : 1;
        }
    }
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    int order = compare_keys(x, y);
    if (order != 0) {
        return order;
    }
    if (x->order != y->order) {
        return x->order < y->order ? -1 : 1;
    }
    return (x->policy > y->policy) - (x->policy < y->policy);
}

/* An offer of a policy with how many share it. */
struct offer {
    uint32_t policy;
    uint32_t kind;
    uint32_t company; /* the largest among the policy's actions */
};

static enum rune_err add_offer(struct vec_entry *entries, uint32_t policy, uint32_t kind,
                               uint32_t a, uint32_t b, uint32_t c, uint32_t order)
{
    struct entry entry = {kind, a, b, c, order, policy};
    return RUNE_VEC_PUSH(entries, entry) ? RUNE_OK : RUNE_E_NOMEM;
}

/* One offer for each action that the policy allows; one without an action where it allows any, or
 * too many. */
static enum rune_err add_offers(struct builder *builder, uint32_t policy)
{
    const struct rune_cedar_key *key = &builder->program->keys.items[policy];
    struct vec_entry *offers = &builder->offers;
    rune_term actions[MAX_ACTIONS];
    uint32_t count = 1;
    actions[0] = RUNE_TERM_NONE;
    if (key->never) {
        return RUNE_OK;
    }
    if (key->action != RUNE_TERM_NONE && !list_actions(builder, key, actions, &count)) {
        actions[0] = RUNE_TERM_NONE;
        count = 1;
    }
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < count; i++) {
        if (key->principal != RUNE_TERM_NONE) {
            err = add_offer(offers, policy, RUNE_SCOPE_KEY_PRINCIPAL, key->principal, actions[i], 0,
                            !key->principal_in);
        }
        if (err == RUNE_OK && key->resource != RUNE_TERM_NONE) {
            err = add_offer(offers, policy, RUNE_SCOPE_KEY_RESOURCE, key->resource, actions[i], 0,
                            !key->resource_in);
        }
        if (err == RUNE_OK) {
            err = add_offer(offers, policy, RUNE_SCOPE_KEY_SCOPE, actions[i], key->principal_type,
                            key->resource_type, 0);
        }
    }
    return err;
}

/* Keeps for each policy the kind of key with the least company. Offers are sorted by key. */
static void choose(const struct builder *builder, struct offer *best)
{
    const struct vec_entry *offers = &builder->offers;
    for (size_t i = 0; i < offers->count;) {
        size_t end = i;
        while (end < offers->count && compare_keys(&offers->items[end], &offers->items[i]) == 0) {
            end++;
        }
        uint32_t company = (uint32_t)(end - i);
        for (; i < end; i++) {
            struct offer *offer =
                &best[3 * (size_t)offers->items[i].policy + offers->items[i].kind - 1];
            offer->kind = offers->items[i].kind;
            offer->company = company > offer->company ? company : offer->company;
        }
    }
}

/* Moves each policy's offers of the chosen kind to the entries. */
static enum rune_err file_policies(struct builder *builder)
{
    size_t policies = builder->program->keys.count;
    struct offer *best = rune_calloc(3 * policies + 1, sizeof *best);
    if (best == NULL) {
        return RUNE_E_NOMEM;
    }
    choose(builder, best);
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; err == RUNE_OK && i < builder->offers.count; i++) {
        const struct entry *entry = &builder->offers.items[i];
        const struct offer *offers = &best[3 * (size_t)entry->policy];
        const struct offer *chosen = NULL;
        for (int kind = 0; kind < 3; kind++) {
            if (offers[kind].kind != 0 &&
                (chosen == NULL || offers[kind].company < chosen->company)) {
                chosen = &offers[kind];
            }
        }
        if (chosen->kind == entry->kind && !RUNE_VEC_PUSH(&builder->entries, *entry)) {
            err = RUNE_E_NOMEM;
        }
    }
    rune_free(best);
    return err;
}

/* ---- slots ---- */

static uint32_t power_of_two(size_t at_least)
{
    uint32_t size = 8;
    while (size < at_least) {
        size *= 2;
    }
    return size;
}

static void put_slot(struct rune_cedar_index *index, const struct rune_image_index_slot *slot)
{
    uint32_t mask = (uint32_t)index->slots.count - 1;
    bool is_scope = slot->kind == RUNE_SCOPE_KEY_SCOPE;
    uint32_t at = rune_policy_index_home(slot->kind, slot->a, slot->b, is_scope ? slot->c : 0,
                                         (uint32_t)index->slots.count);
    while (index->slots.items[at].kind != 0) {
        at = (at + 1) & mask;
    }
    index->slots.items[at] = *slot;
}

/* One slot for each run of entries with one key; POLICY_LIST is the entries' policies in their
 * order. */
static enum rune_err build_slots(struct builder *builder)
{
    const struct vec_entry *entries = &builder->entries;
    struct rune_cedar_index *index = builder->index;
    if (entries->count > UINT32_MAX / 4) {
        return RUNE_E_LIMIT;
    }
    size_t keys = 0;
    for (size_t i = 0; i < entries->count; i++) {
        keys += i == 0 || compare_keys(&entries->items[i], &entries->items[i - 1]) != 0;
    }
    uint32_t size = power_of_two(2 * keys + 1);
    if (!RUNE_VEC_RESERVE(&index->slots, size) ||
        !RUNE_VEC_RESERVE(&index->list, entries->count + 1)) {
        return RUNE_E_NOMEM;
    }
    memset(index->slots.items, 0, size * sizeof *index->slots.items);
    index->slots.count = size;
    for (size_t i = 0; i < entries->count;) {
        const struct entry *first = &entries->items[i];
        struct rune_image_index_slot slot = {first->kind, first->a,    first->b,
                                             first->c,    (uint32_t)i, 0};
        for (; i < entries->count && compare_keys(&entries->items[i], first) == 0; i++) {
            slot.count++;
            slot.c += first->kind != RUNE_SCOPE_KEY_SCOPE && entries->items[i].order == 0;
            index->list.items[index->list.count++] = entries->items[i].policy;
        }
        put_slot(index, &slot);
    }
    return RUNE_OK;
}

/* ---- ancestor scopes ---- */

static uint32_t flags_of_slot(const struct rune_image_index_slot *slot)
{
    if (slot->kind == RUNE_SCOPE_KEY_SCOPE) {
        return 1u << ((uint32_t)(slot->a != 0) | (uint32_t)(slot->b != 0) << 1 |
                      (uint32_t)(slot->c != 0) << 2);
    }
    uint32_t flags =
        slot->b != 0 ? RUNE_POLICY_INDEX_PRINCIPAL_ACTION : RUNE_POLICY_INDEX_PRINCIPAL_ANY;
    flags |= slot->c > 0 ? (uint32_t)RUNE_POLICY_INDEX_PRINCIPAL_IN : 0;
    return slot->kind == RUNE_SCOPE_KEY_RESOURCE ? flags << 3 : flags;
}

static uint32_t flags_of(const struct rune_cedar_index *index)
{
    uint32_t flags = 0;
    for (size_t i = 0; i < index->slots.count; i++) {
        if (index->slots.items[i].kind != 0) {
            flags |= flags_of_slot(&index->slots.items[i]);
        }
    }
    return flags;
}

static bool push(struct rune_vec_u32 *words, uint32_t word)
{
    return RUNE_VEC_PUSH(words, word);
}

static void mark_keys(const struct rune_cedar_index *index, uint32_t *bitmaps,
                      uint32_t bitmap_words)
{
    for (size_t i = 0; i < index->slots.count; i++) {
        const struct rune_image_index_slot *slot = &index->slots.items[i];
        if ((slot->kind == RUNE_SCOPE_KEY_PRINCIPAL || slot->kind == RUNE_SCOPE_KEY_RESOURCE) &&
            slot->c > 0) {
            uint32_t *bitmap = bitmaps + (slot->kind == RUNE_SCOPE_KEY_RESOURCE ? bitmap_words : 0);
            uint32_t entity = rune_term_index(slot->a);
            bitmap[entity / 32] |= 1u << entity % 32;
        }
    }
}

/* [n, entities...]: the keys of one kind in an ancestor set; *ret_found tells whether there are
 * any. */
static enum rune_err list_keys(const uint32_t *run, const uint32_t *bitmap,
                               struct rune_vec_u32 *lists, bool *ret_found)
{
    size_t head = lists->count;
    if (!push(lists, 0)) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 1; i <= run[0]; i++) {
        uint32_t entity = rune_term_index(run[i]);
        if ((bitmap[entity / 32] >> entity % 32 & 1) != 0) {
            if (!push(lists, run[i])) {
                return RUNE_E_NOMEM;
            }
            lists->items[head]++;
            *ret_found = true;
        }
    }
    return RUNE_OK;
}

struct long_set {
    uint32_t offset;
    uint32_t list;
};

RUNE_VEC(vec_long_set, struct long_set);

/* Both lists of each distinct long ancestor set that meets a key. */
static enum rune_err list_long_sets(struct builder *builder, const uint32_t *bitmaps,
                                    uint32_t bitmap_words, struct vec_long_set *sets,
                                    struct rune_vec_u32 *lists)
{
    const uint32_t *heap = builder->terms->heap;
    for (uint32_t i = 0; i < builder->terms->entity_count; i++) {
        uint32_t offset = builder->entity_ancestors[i];
        if (heap[offset] <= RUNE_POLICY_INDEX_SHORT || test_bit(builder->seen_sets, offset)) {
            continue;
        }
        set_bit(builder->seen_sets, offset);
        struct long_set set = {offset, (uint32_t)lists->count};
        bool found = false;
        enum rune_err err = list_keys(heap + offset, bitmaps, lists, &found);
        if (err == RUNE_OK) {
            err = list_keys(heap + offset, bitmaps + bitmap_words, lists, &found);
        }
        if (err != RUNE_OK) {
            return err;
        }
        if (!found) {
            lists->count = set.list;
        } else if (!RUNE_VEC_PUSH(sets, set)) {
            return RUNE_E_NOMEM;
        }
        if (lists->count > UINT32_MAX / 2) {
            return RUNE_E_LIMIT;
        }
    }
    return RUNE_OK;
}

/* Header, bitmaps, map and lists into the section. */
static enum rune_err write_scopes(struct rune_vec_u32 *words, uint32_t flags,
                                  const uint32_t *bitmaps, uint32_t bitmap_words,
                                  const struct vec_long_set *sets, const struct rune_vec_u32 *lists)
{
    uint32_t slots = sets->count == 0 ? 0 : power_of_two(2 * sets->count);
    size_t total =
        RUNE_POLICY_INDEX_HEADER + 2 * (size_t)bitmap_words + 2 * (size_t)slots + lists->count;
    if (!RUNE_VEC_RESERVE(words, total)) {
        return RUNE_E_NOMEM;
    }
    uint32_t *out = words->items;
    memset(out, 0, total * sizeof *out);
    words->count = total;
    out[0] = flags;
    out[1] = bitmap_words;
    out[2] = slots;
    out[3] = (uint32_t)lists->count;
    out += RUNE_POLICY_INDEX_HEADER;
    if (bitmap_words > 0) {
        memcpy(out, bitmaps, 2 * (size_t)bitmap_words * sizeof *out);
    }
    out += 2 * (size_t)bitmap_words;
    for (size_t i = 0; i < sets->count; i++) {
        uint32_t at = rune_policy_index_map_home(sets->items[i].offset, slots);
        while (out[2 * (size_t)at] != 0) {
            at = (at + 1) & (slots - 1);
        }
        out[2 * (size_t)at] = sets->items[i].offset;
        out[2 * (size_t)at + 1] = sets->items[i].list;
    }
    if (lists->count > 0) {
        memcpy(out + 2 * (size_t)slots, lists->items, lists->count * sizeof *out);
    }
    return RUNE_OK;
}

static enum rune_err build_scopes(struct builder *builder)
{
    uint32_t flags = flags_of(builder->index);
    bool has_in = (flags & (RUNE_POLICY_INDEX_PRINCIPAL_IN | RUNE_POLICY_INDEX_RESOURCE_IN)) != 0;
    uint32_t bitmap_words = has_in ? builder->terms->entity_count / 32 + 1 : 0;
    struct vec_long_set sets = {0};
    struct rune_vec_u32 lists = {0};
    uint32_t *bitmaps = rune_calloc(2 * (size_t)bitmap_words + 1, sizeof *bitmaps);
    builder->seen_sets = make_bitmap(builder->terms->heap_count);
    enum rune_err err = bitmaps == NULL || builder->seen_sets == NULL ? RUNE_E_NOMEM : RUNE_OK;
    if (err == RUNE_OK && has_in) {
        mark_keys(builder->index, bitmaps, bitmap_words);
        err = list_long_sets(builder, bitmaps, bitmap_words, &sets, &lists);
    }
    if (err == RUNE_OK) {
        err = write_scopes(&builder->index->ancestor_scopes, flags, bitmaps, bitmap_words, &sets,
                           &lists);
    }
    rune_free(bitmaps);
    rune_free(builder->seen_sets);
    RUNE_VEC_FINI(&sets);
    RUNE_VEC_FINI(&lists);
    return err;
}

/* ---- all ---- */

static enum rune_err build(struct builder *builder)
{
    enum rune_err err = expand_groups(builder);
    for (uint32_t i = 0; err == RUNE_OK && i < builder->program->keys.count; i++) {
        err = add_offers(builder, i);
    }
    if (err == RUNE_OK && builder->offers.count > 0) {
        qsort(builder->offers.items, builder->offers.count, sizeof *builder->offers.items,
              compare_entries);
    }
    err = err == RUNE_OK ? file_policies(builder) : err;
    err = err == RUNE_OK ? build_slots(builder) : err;
    return err == RUNE_OK ? build_scopes(builder) : err;
}

enum rune_err rune_cedar_index_build(const struct rune_cedar_program *program,
                                     const struct rune_terms *terms,
                                     const uint32_t *entity_ancestors,
                                     struct rune_cedar_index *index)
{
    struct builder builder = {
        .program = program, .terms = terms, .entity_ancestors = entity_ancestors, .index = index};
    enum rune_err err = build(&builder);
    RUNE_VEC_FINI(&builder.members);
    RUNE_VEC_FINI(&builder.offers);
    RUNE_VEC_FINI(&builder.entries);
    return err;
}

void rune_cedar_index_fini(struct rune_cedar_index *index)
{
    RUNE_VEC_FINI(&index->slots);
    RUNE_VEC_FINI(&index->list);
    RUNE_VEC_FINI(&index->ancestor_scopes);
}
