/* SPDX-License-Identifier: Apache-2.0 */
/* ahead: which rows a decision will read for certain places of its request.
 *
 * A decision over many facts waits for memory, not for the processor: each row that it finds by the
 * principal, the action or the resource costs two misses, one for where the row begins and one for
 * the row. Programs reach them one after the other. So the image lists them, and the machine has
 * them fetched together before the first program runs. The list is found here, from the finished
 * programs of permit and forbid and those they call: an instruction whose search begins with an
 * argument that is, unchanged, a part of the request. */
#include "datalog/evaluate_int.h"
#include "eval/rule_program.h"

#define NO_PART     UINT8_MAX
#define MAX_CALLS   8u     /* LIMIT: calls within calls that are followed */
#define MAX_WORDS   4096u  /* LIMIT: of programs looked at */
#define MAX_TRACKED 32u    /* LIMIT: registers that may hold a part */
#define MIN_BYTES   16384u /* smaller orders stay in the cache by themselves */

struct walk {
    struct rune_dl_result *result;
    uint32_t words_left;
    enum rune_err err;
};

static void add(struct walk *walk, uint32_t order, uint8_t part)
{
    struct rune_dl_result *result = walk->result;
    const struct rune_image_order *of = &result->orders.items[order];
    if (of->form >= RUNE_ORDER_UNIT || of->size < MIN_BYTES ||
        result->relations.items[of->relation].arity < 2 ||
        result->ahead.count >= RUNE_RULE_MAX_AHEAD) {
        return;
    }
    for (size_t i = 0; i < result->ahead.count; i++) {
        if (result->ahead.items[i].order == order && result->ahead.items[i].part == part) {
            return;
        }
    }
    struct rune_image_ahead entry = {order, part};
    if (!RUNE_VEC_PUSH(&result->ahead, entry)) {
        walk->err = RUNE_E_NOMEM;
    }
}

static uint8_t part_of(const uint8_t *parts, uint32_t reg)
{
    return reg < MAX_TRACKED ? parts[reg] : NO_PART;
}

static void walk_plan(struct walk *walk, uint32_t number, const uint8_t *args, uint32_t depth);

/* The list of registers that a search or a call is given. */
static void take_list(struct walk *walk, const uint32_t *list, uint32_t order,
                      const uint32_t *group, const uint8_t *parts, uint32_t depth)
{
    if (order != UINT32_MAX && list[0] > 0 && part_of(parts, list[1]) != NO_PART) {
        add(walk, order, part_of(parts, list[1]));
    }
    if (group != NULL && depth < MAX_CALLS) {
        uint8_t args[MAX_TRACKED];
        for (uint32_t i = 0; i < MAX_TRACKED; i++) {
            args[i] = i < list[0] ? part_of(parts, list[1 + i]) : NO_PART;
        }
        for (uint32_t i = 0; i < group[1]; i++) {
            walk_plan(walk, group[0] + i, args, depth + 1);
        }
    }
}

/* Programs were made by this process, so their operands are in range. */
static void walk_plan(struct walk *walk, uint32_t number, const uint8_t *args, uint32_t depth)
{
    const struct rune_image_plan *plan = &walk->result->plans.items[number];
    if (walk->words_left < plan->code_length) {
        return;
    }
    walk->words_left -= plan->code_length;
    uint8_t parts[MAX_TRACKED];
    for (uint32_t i = 0; i < MAX_TRACKED; i++) {
        parts[i] = i < (uint32_t)__builtin_popcount(plan->bound) ? args[i] : NO_PART;
    }
    const uint32_t *word = walk->result->code.items + plan->code;
    const uint32_t *end = word + plan->code_length;
    while (word < end) {
        const uint32_t *group = NULL;
        uint32_t order = UINT32_MAX;
        if (word[0] == RUNE_RULE_LOAD_REQUEST && word[1] < MAX_TRACKED) {
            parts[word[1]] = (uint8_t)word[2];
        }
        struct rune_rule_operand at = rune_rule_operands(word);
        for (; *at.letter != '\0'; at = rune_rule_operand_after(at)) {
            if (*at.letter == 'o') {
                order = at.word[0];
            } else if (*at.letter == 'g') {
                group = at.word;
            } else if (*at.letter == 'R') {
                take_list(walk, at.word, order, group, parts, depth);
            }
        }
        word = at.word;
    }
}

enum rune_err rune_dl_find_ahead(struct rune_dl_result *result)
{
    static const uint8_t request[MAX_TRACKED] = {0, 1, 2, [3 ... MAX_TRACKED - 1] = NO_PART};
    struct walk walk = {.result = result, .words_left = MAX_WORDS};
    for (uint32_t i = 0; i < result->plans.count && walk.err == RUNE_OK; i++) {
        uint32_t flags = result->relations.items[result->plans.items[i].relation].flags;
        if ((flags & (RUNE_RELATION_PERMIT | RUNE_RELATION_FORBID)) == 0) {
            break; /* they lead */
        }
        walk_plan(&walk, i, request, 0);
    }
    return walk.err;
}
