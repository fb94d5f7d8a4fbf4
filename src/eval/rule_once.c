/* SPDX-License-Identifier: Apache-2.0 */
/* rule_once: programs that cannot give a tuple twice, and what is read of their instructions. A
 * loop that reads every column of what it loops over takes another turn only with other values; if
 * all values that loops read show in the tuple, another turn is another tuple. */
#include <string.h>

#include "eval/rule_program.h"
#include "eval/rule_vm_int.h"

/* Whether the loop reads all that it does not search by, or each of it once. What is asked may have
 * other columns than those it is asked with. */
static bool reads_all(const struct rune_rule_vm *vm, const uint32_t *word)
{
    struct rune_rule_scan scan = rune_rule_scan_at(word);
    uint32_t read = scan.prefix[0] + scan.columns[0];
    if (word[0] == RUNE_RULE_SCAN) {
        const struct rune_image_order *order = &vm->in.orders[word[2]];
        return read == (word[3] != 0 ? word[3] : vm->in.relations[order->relation].arity);
    }
    return read >= vm->in.relations[vm->plans[word[2]].relation].arity;
}

/* Marks what shows in the tuple besides what is emitted: registers that are compared with one that
 * does. True: there was one more. */
static bool mark_equal(const uint32_t *code, bool *shows)
{
    bool any = false;
    for (const uint32_t *word = code + 1; word[0] != RUNE_RULE_EMIT; word = rune_rule_next(word)) {
        if (word[0] == RUNE_RULE_EQ && shows[word[1]] != shows[word[2]]) {
            shows[word[1]] = shows[word[2]] = any = true;
        }
    }
    return any;
}

static bool loops_show(const struct rune_rule_vm *vm, const uint32_t *code, const bool *shows)
{
    for (const uint32_t *word = code + 1; word[0] != RUNE_RULE_EMIT; word = rune_rule_next(word)) {
        if (word[0] == RUNE_RULE_MEMBER && !shows[word[2]]) {
            return false;
        }
        if (word[0] != RUNE_RULE_SCAN && word[0] != RUNE_RULE_CALL_SCAN) {
            continue;
        }
        const uint32_t *columns = rune_rule_scan_at(word).columns;
        for (uint32_t i = 0; i < columns[0]; i++) {
            if (!shows[columns[2 + 2 * i]]) {
                return false;
            }
        }
        if (!reads_all(vm, word)) {
            return false;
        }
    }
    return true;
}

bool rune_rule_gives_once(const struct rune_rule_vm *vm, const struct rune_image_plan *plans,
                          uint32_t plan_count)
{
    bool shows[RUNE_RULE_MAX_REGISTERS];
    const uint32_t *code = vm->code + plans[0].code;
    if (plan_count != 1 || !rune_rule_has_emit(code, plans[0].code_length)) {
        return false;
    }
    const uint32_t *head = rune_rule_emitted(code);
    memset(shows, 0, plans[0].registers * sizeof(bool));
    for (uint32_t i = 0; i < head[0]; i++) {
        shows[head[1 + i]] = true;
    }
    while (mark_equal(code, shows)) {
    }
    return loops_show(vm, code, shows);
}

#define MAX_ASKED 256u /* LIMIT: groups of plans looked at */

/* Whether nothing has to be kept for the plans to run, and, if what they give is counted, none of
 * it comes twice. Depth: MAX_ASKED. */
static bool keeps_nothing(const struct rune_rule_vm *vm, const struct rune_image_plan *plans,
                          uint32_t plan_count, bool counts, uint32_t *left)
{
    bool all = *left > 0 && vm->in.relations[plans[0].relation].component == 0 &&
               (!counts || rune_rule_gives_once(vm, plans, plan_count));
    *left -= *left > 0;
    for (uint32_t i = 0; all && i < plan_count; i++) {
        const uint32_t *word = vm->code + plans[i].code + 1;
        const uint32_t *end = word - 1 + plans[i].code_length;
        for (; all && word < end && word[0] != RUNE_RULE_EMIT; word = rune_rule_next(word)) {
            uint32_t group = word[0] == RUNE_RULE_CALL        ? 1
                             : word[0] == RUNE_RULE_CALL_SCAN ? 2
                             : word[0] == RUNE_RULE_AGGREGATE ? 3
                                                              : 0;
            bool is_counted = group == 3 || (group == 2 && counts);
            all = group == 0 ||
                  keeps_nothing(vm, vm->plans + word[group], word[group + 1], is_counted, left);
        }
    }
    return all;
}

bool rune_rule_is_streamed(const struct rune_rule_vm *vm, const struct rune_image_plan *plans,
                           uint32_t plan_count)
{
    uint32_t left = MAX_ASKED;
    return keeps_nothing(vm, plans, plan_count, true, &left);
}
