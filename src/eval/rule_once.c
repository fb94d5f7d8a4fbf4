/* SPDX-License-Identifier: Apache-2.0 */
/* rule_once: programs that cannot give a tuple twice, and what is read of their instructions. A
 * loop that reads every column of what it loops over takes another turn only with other values; if
 * all values that loops read show in the tuple, another turn is another tuple. */
#include <string.h>

#include "eval/rule_program.h"
#include "eval/rule_vm_int.h"

/* Whether the loop reads all that it does not search by, or each of it once. */
static bool reads_all(const struct rune_rule_vm *vm, const uint32_t *word)
{
    struct rune_rule_scan scan = rune_rule_scan_at(word);
    uint32_t read = scan.prefix[0] + scan.columns[0];
    if (word[0] == RUNE_RULE_SCAN) {
        const struct rune_image_order *order = &vm->in.orders[word[2]];
        return read == (word[3] != 0 ? word[3] : vm->in.relations[order->relation].arity);
    }
    return read == vm->in.relations[vm->plans[word[2]].relation].arity;
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
