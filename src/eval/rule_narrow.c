/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/rule_narrow_int.h"

#include <string.h>

/* ---- groups ---- */

static struct rune_plan_group group_at(const struct rune_image_plan *plans, uint32_t count,
                                       uint32_t first)
{
    const struct rune_image_plan *plan = &plans[first];
    struct rune_plan_group group = {.first = first, .bound = plan->bound};
    while (first + group.count < count && plan[group.count].relation == plan->relation &&
           plan[group.count].bound == plan->bound) {
        group.rows += plan[group.count++].rows;
    }
    return group;
}

struct rune_plan_group rune_plan_find_group(const struct rune_image_plan *plans, uint32_t count,
                                            uint32_t relation, uint32_t known)
{
    struct rune_plan_group best = {0};
    for (uint32_t i = 0; i < count;) {
        struct rune_plan_group group = group_at(plans, count, i);
        int more = __builtin_popcount(group.bound) - __builtin_popcount(best.bound);
        if (plans[i].relation == relation && (group.bound & ~known) == 0 &&
            (best.count == 0 || more > 0 || (more == 0 && group.rows < best.rows))) {
            best = group;
        }
        i += group.count;
    }
    return best;
}

struct rune_narrower *rune_narrower_create(struct rune_rule_vm *vm, struct rune_arena *arena)
{
    const struct rune_store *store = vm->store;
    struct rune_narrower *narrower = RUNE_ARENA_NEW(arena, struct rune_narrower);
    if (narrower == NULL) {
        return NULL;
    }
    *narrower = (struct rune_narrower){
        .vm = vm,
        .arena = arena,
        .image_plans = store->plan_count,
        .plan_count = store->plan_count,
        .plan_room = store->plan_count + RUNE_NARROW_PLANS,
        .code_count = store->rule_code_count,
        .code_room = store->rule_code_count + RUNE_NARROW_WORDS,
        .image_relations = store->relation_count,
    };
    /* Not cleared: most queries make a few programs, and use little of all this. */
    size_t relations = (size_t)store->relation_count + RUNE_NARROW_PLANS;
    narrower->relations = rune_arena_alloc(arena, relations * sizeof(*narrower->relations));
    narrower->plans = rune_arena_alloc(arena, narrower->plan_room * sizeof(*narrower->plans));
    narrower->code = rune_arena_alloc(arena, narrower->code_room * sizeof(*narrower->code));
    narrower->answers = rune_arena_alloc(arena, RUNE_NARROW_PLANS * sizeof(*narrower->answers));
    if (narrower->relations == NULL || narrower->plans == NULL || narrower->code == NULL ||
        narrower->answers == NULL) {
        return NULL;
    }
    memcpy(narrower->relations, store->relations,
           store->relation_count * sizeof(*narrower->relations));
    memcpy(narrower->plans, store->plans, store->plan_count * sizeof(*narrower->plans));
    memcpy(narrower->code, store->rule_code, store->rule_code_count * sizeof(*narrower->code));
    vm->in.relations = narrower->relations;
    vm->plans = narrower->plans;
    vm->code = narrower->code;
    return narrower;
}

/* ---- questions ---- */

static bool has_equals(const struct rune_question *question, uint32_t arity)
{
    bool any = false;
    for (uint32_t i = 0; i < arity && question->same != NULL; i++) {
        any = any || question->same[i] != i;
    }
    return any;
}

static bool is_same_question(const struct rune_question *a, const struct rune_question *b,
                             uint32_t arity)
{
    if (a->relation != b->relation || a->known != b->known || a->wanted != b->wanted ||
        (a->same == NULL) != (b->same == NULL)) {
        return false;
    }
    return a->same == NULL || memcmp(a->same, b->same, arity * sizeof(*a->same)) == 0;
}

static const struct rune_narrow_answer *
find_answer(const struct rune_narrower *n, const struct rune_question *question, uint32_t arity)
{
    uint32_t i = 0;
    while (i < n->answer_count && !is_same_question(&n->answers[i].question, question, arity)) {
        i++;
    }
    return i < n->answer_count ? &n->answers[i] : NULL;
}

/* Notes the question, and makes the relation that its plans belong to. */
static struct rune_narrow_answer *add_answer(struct rune_narrower *n,
                                             const struct rune_question *question, uint32_t arity)
{
    struct rune_narrow_answer *answer = &n->answers[n->answer_count];
    *answer = (struct rune_narrow_answer){.question = *question};
    if (question->same != NULL) {
        answer->question.same =
            rune_arena_memdup(n->arena, question->same, arity * sizeof(*question->same));
        if (answer->question.same == NULL) {
            n->is_full = true;
            return NULL;
        }
    }
    const struct rune_image_relation *asked = &n->relations[question->relation];
    n->relations[n->image_relations + n->answer_count++] = (struct rune_image_relation){
        .name = asked->name,
        .flags = asked->flags & RUNE_RELATION_REQUEST, /* it sees what requests bring */
        .arity = question->wanted == RUNE_NARROW_ALL
                     ? arity
                     : (uint32_t)__builtin_popcountll(question->wanted)};
    return answer;
}

/* `base`: the plans that the image has for it. Depth: relations that ask each other. */
static struct rune_plan_group make_plans(struct rune_narrower *n,
                                         const struct rune_question *question,
                                         struct rune_plan_group base)
{
    uint32_t relation = n->image_relations + n->answer_count - 1;
    struct rune_plan_group group = {
        .first = n->plan_count, .count = base.count, .bound = question->known, .rows = base.rows};
    n->plan_count += base.count;
    n->depth++;
    for (uint32_t i = 0; i < base.count && !n->is_full; i++) {
        struct rune_image_plan made = n->plans[base.first + i];
        made.relation = relation;
        rune_narrow_write(n, &n->plans[base.first + i], question, &made);
        n->plans[group.first + i] = made;
    }
    n->depth--;
    return group;
}

struct rune_plan_group rune_narrow(struct rune_narrower *n, const struct rune_question *question)
{
    const struct rune_plan_group none = {0};
    const struct rune_image_relation *relation = &n->relations[question->relation];
    struct rune_question asked = *question;
    struct rune_plan_group base =
        rune_plan_find_group(n->plans, n->image_plans, asked.relation, asked.known);
    if (!has_equals(&asked, relation->arity)) {
        asked.same = NULL;
    }
    if (base.count == 0 ||
        (base.bound == asked.known && asked.wanted == RUNE_NARROW_ALL && asked.same == NULL)) {
        return base;
    }
    const struct rune_narrow_answer *found = find_answer(n, &asked, relation->arity);
    if (found != NULL) {
        return found->group;
    }
    if (n->is_full || n->depth >= RUNE_NARROW_DEPTH || base.count > n->plan_room - n->plan_count ||
        n->answer_count == RUNE_NARROW_PLANS || relation->component != 0 || relation->arity > 64) {
        return none;
    }
    struct rune_narrow_answer *answer = add_answer(n, &asked, relation->arity);
    if (answer != NULL) {
        struct rune_plan_group group = make_plans(n, &answer->question, base);
        answer->group = n->is_full ? none : group;
    }
    return answer != NULL ? answer->group : none;
}
