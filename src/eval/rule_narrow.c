/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/rule_narrow.h"

#include <string.h>

#define MAX_CALLS 32u /* LIMIT: of a program, that are asked with more columns */

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

struct rune_narrower *rune_narrower_create(struct rune_rule_vm *vm, uint32_t plan_count,
                                           uint32_t code_count, struct rune_arena *arena)
{
    struct rune_narrower *narrower = RUNE_ARENA_NEW(arena, struct rune_narrower);
    struct rune_image_plan *plans =
        RUNE_ARENA_ARRAY(arena, struct rune_image_plan, (size_t)plan_count + RUNE_NARROW_PLANS);
    uint32_t *code = RUNE_ARENA_ARRAY(arena, uint32_t, (size_t)code_count + RUNE_NARROW_WORDS);
    uint32_t *registers = RUNE_ARENA_ARRAY(arena, uint32_t, 2 * RUNE_RULE_MAX_REGISTERS);
    if (narrower == NULL || plans == NULL || code == NULL || registers == NULL) {
        return NULL;
    }
    memcpy(plans, vm->plans, plan_count * sizeof(*plans));
    memcpy(code, vm->code, code_count * sizeof(*code));
    narrower->vm = vm;
    narrower->plans = plans;
    narrower->code = code;
    narrower->plan_count = plan_count;
    narrower->plan_room = plan_count + RUNE_NARROW_PLANS;
    narrower->code_count = code_count;
    narrower->code_room = code_count + RUNE_NARROW_WORDS;
    narrower->reads = registers;
    narrower->same_as = registers + RUNE_RULE_MAX_REGISTERS;
    vm->plans = plans;
    vm->code = code;
    return narrower;
}

/* ---- instructions ---- */

/* Words of the operand that begins here. */
static uint32_t operand_words(char letter, const uint32_t *word)
{
    return letter == 'g' ? 2 : letter == 'R' ? 1 + word[0] : letter == 'W' ? 1 + 2 * word[0] : 1;
}

static const uint32_t *next_instruction(const uint32_t *word)
{
    const char *letters = rune_rule_ops[word[0]].operands;
    word++;
    for (; *letters != '\0'; letters++) {
        word += operand_words(*letters, word);
    }
    return word;
}

static bool is_loop(uint32_t op)
{
    return op == RUNE_RULE_SCAN || op == RUNE_RULE_CALL_SCAN || op == RUNE_RULE_MEMBER;
}

/* SCAN and CALL_SCAN have the same shape: [op, two or three words, empty, done, R, W]. */
struct scan {
    const uint32_t *prefix, *columns; /* the lists */
    uint32_t empty, done;
};

static struct scan scan_at(const uint32_t *word)
{
    struct scan scan = {.prefix = word + 6, .empty = word[4], .done = word[5]};
    scan.columns = scan.prefix + 1 + scan.prefix[0];
    return scan;
}

/* ---- what becomes of registers ---- */

static uint32_t rank_of(uint32_t bound, uint32_t column)
{
    return (uint32_t)__builtin_popcount(bound & ((1u << column) - 1));
}

/* A program that the builder did not write may have none. */
static bool has_emit(const uint32_t *code, uint32_t length)
{
    const uint32_t *word = code + 1;
    while (word < code + length && word[0] != RUNE_RULE_EMIT) {
        word = next_instruction(word);
    }
    return word < code + length;
}

/* The head's registers: the list of the one EMIT. */
static const uint32_t *find_head(const uint32_t *code)
{
    const uint32_t *word = code + 1;
    while (word[0] != RUNE_RULE_EMIT) {
        word = next_instruction(word);
    }
    return word + 2;
}

/* Old arguments move to where the new order of columns has them, all else by as many as there are
 * more; registers of columns that are known now are read from their argument. */
static void map_registers(struct rune_narrower *n, const struct rune_image_plan *plan,
                          uint32_t known)
{
    const uint32_t *head = find_head(n->code + plan->code);
    uint32_t at = 0;
    n->shift = (uint32_t)__builtin_popcount(known & ~plan->bound);
    for (uint32_t i = 0; i < plan->registers; i++) {
        n->reads[i] = i + n->shift;
        n->same_as[i] = RUNE_NARROW_NONE;
    }
    for (uint32_t column = 0; column < 32 && plan->bound >> column != 0; column++) {
        if ((plan->bound >> column & 1) != 0) {
            n->reads[at++] = rank_of(known, column);
        }
    }
    for (uint32_t column = 0; column < head[0] && column < 32; column++) {
        uint32_t from = head[1 + column];
        bool is_more = (known & ~plan->bound) >> column & 1;
        if (is_more && from >= at && n->same_as[from] == RUNE_NARROW_NONE) {
            n->same_as[from] = n->reads[from] = rank_of(known, column);
        }
    }
}

/* ---- writing programs ---- */

static void put(struct rune_narrower *n, uint32_t word)
{
    if (n->code_count < n->code_room) {
        n->code[n->code_count++] = word;
    } else {
        n->is_full = true;
    }
}

static uint32_t here(const struct rune_narrower *n, const struct rune_image_plan *made)
{
    return n->code_count - made->code;
}

static uint32_t target_of(const struct rune_narrower *n, uint32_t target)
{
    uint32_t low = 0, high = n->loop_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (n->loops[middle][0] < target) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return target == 0 ? 0 : n->loops[low][1];
}

static void note_loop(struct rune_narrower *n, uint32_t old, uint32_t target)
{
    n->loops[n->loop_count][0] = old;
    n->loops[n->loop_count++][1] = target;
}

/* What was written must be what is known; else it goes on at `target`. */
static void put_check(struct rune_narrower *n, uint32_t was, uint32_t target)
{
    if (n->same_as[was] != RUNE_NARROW_NONE) {
        put(n, RUNE_RULE_EQ);
        put(n, was + n->shift);
        put(n, n->same_as[was]);
        put(n, target);
    }
}

/* Two columns of the head that are one register: both arguments must be equal. */
static void put_equal_arguments(struct rune_narrower *n, const struct rune_image_plan *plan,
                                uint32_t known)
{
    const uint32_t *head = find_head(n->code + plan->code);
    for (uint32_t column = 0; column < head[0] && column < 32; column++) {
        bool is_more = (known & ~plan->bound) >> column & 1;
        if (is_more && n->reads[head[1 + column]] != rank_of(known, column)) {
            put(n, RUNE_RULE_EQ);
            put(n, n->reads[head[1 + column]]);
            put(n, rank_of(known, column));
            put(n, 0);
        }
    }
}

/* A list of what a loop reads, without the pairs whose bit is set. */
static void put_columns(struct rune_narrower *n, const uint32_t *columns, uint64_t without)
{
    put(n, columns[0] - (uint32_t)__builtin_popcountll(without));
    for (uint32_t i = 0; i < columns[0]; i++) {
        if ((without >> i & 1) == 0) {
            put(n, columns[1 + 2 * i]);
            put(n, columns[2 + 2 * i] + n->shift);
        }
    }
}

static void check_columns(struct rune_narrower *n, const uint32_t *columns, uint64_t without,
                          uint32_t target)
{
    for (uint32_t i = 0; i < columns[0]; i++) {
        if ((without >> i & 1) == 0) {
            put_check(n, columns[2 + 2 * i], target);
        }
    }
}

/* A search by more positions, as long as the next one is known; where nothing is left to be read it
 * is a test. */
static void put_scan(struct rune_narrower *n, const struct rune_image_plan *made,
                     const uint32_t *word, uint32_t old)
{
    struct scan scan = scan_at(word);
    uint32_t prefix[RUNE_ORDER_MAX_PREFIX], count = 0;
    uint64_t known = 0;
    for (; count < scan.prefix[0]; count++) {
        prefix[count] = n->reads[scan.prefix[1 + count]];
    }
    for (uint32_t i = 0; i < scan.columns[0] && i < 64 && count < RUNE_ORDER_MAX_PREFIX; i++) {
        uint32_t was = scan.columns[2 + 2 * i];
        if (scan.columns[1 + 2 * i] == count && n->same_as[was] != RUNE_NARROW_NONE) {
            prefix[count++] = n->same_as[was];
            known |= UINT64_C(1) << i;
        }
    }
    bool is_test = (uint32_t)__builtin_popcountll(known) == scan.columns[0];
    uint32_t target = is_test ? target_of(n, scan.done) : here(n, made);
    note_loop(n, old, target);
    put(n, is_test ? RUNE_RULE_EXISTS : RUNE_RULE_SCAN);
    if (!is_test) {
        put(n, word[1]);
    }
    put(n, word[2]);
    put(n, is_test ? 0 : word[3] != 0 && word[3] < count ? count : word[3]);
    put(n, target_of(n, scan.empty));
    if (!is_test) {
        put(n, target_of(n, scan.done));
    }
    put(n, count);
    for (uint32_t i = 0; i < count; i++) {
        put(n, prefix[i]);
    }
    if (!is_test) {
        put_columns(n, scan.columns, known);
        check_columns(n, scan.columns, known, target);
    }
}

/* The columns that the relation asked can be asked with, besides those it is. */
static uint32_t more_columns(const struct rune_narrower *n, const uint32_t *word)
{
    const uint32_t *columns = scan_at(word).columns;
    uint32_t more = 0;
    for (uint32_t i = 0; i < columns[0]; i++) {
        if (columns[1 + 2 * i] < 32 && n->same_as[columns[2 + 2 * i]] != RUNE_NARROW_NONE) {
            more |= 1u << columns[1 + 2 * i];
        }
    }
    return more;
}

/* The arguments of a call, by column: those it had and those that are known. */
static void put_arguments(struct rune_narrower *n, const uint32_t *word, uint32_t bound,
                          uint32_t more)
{
    struct scan scan = scan_at(word);
    uint32_t at = 0;
    put(n, (uint32_t)__builtin_popcount(bound | more));
    for (uint32_t column = 0; column < 32; column++) {
        if ((bound >> column & 1) != 0) {
            put(n, n->reads[scan.prefix[1 + at++]]);
        }
        for (uint32_t i = 0; (more >> column & 1) != 0 && i < scan.columns[0]; i++) {
            if (scan.columns[1 + 2 * i] == column) {
                put(n, n->same_as[scan.columns[2 + 2 * i]]);
                break;
            }
        }
    }
}

static void put_call_scan(struct rune_narrower *n, const struct rune_image_plan *made,
                          const uint32_t *word, uint32_t old)
{
    struct scan scan = scan_at(word);
    const struct rune_image_plan *asked = &n->plans[word[2]];
    uint32_t more = more_columns(n, word);
    struct rune_plan_group group =
        rune_plan_find_group(n->plans, n->plan_count, asked->relation, asked->bound | more);
    uint64_t known = 0;
    if (more == 0 || group.bound != (asked->bound | more)) {
        group = (struct rune_plan_group){.first = word[2], .count = word[3]};
        more = 0;
    }
    for (uint32_t i = 0; i < scan.columns[0] && i < 64; i++) {
        bool is_known = scan.columns[1 + 2 * i] < 32 && (more >> scan.columns[1 + 2 * i] & 1) != 0;
        known |= (uint64_t)is_known << i;
    }
    bool is_test = (uint32_t)__builtin_popcountll(known) == scan.columns[0];
    uint32_t target = is_test ? target_of(n, scan.done) : here(n, made);
    note_loop(n, old, target);
    put(n, is_test ? RUNE_RULE_CALL : RUNE_RULE_CALL_SCAN);
    if (!is_test) {
        put(n, word[1]);
    }
    put(n, group.first);
    put(n, group.count);
    put(n, is_test ? 0 : target_of(n, scan.empty));
    put(n, target_of(n, is_test ? scan.empty : scan.done));
    put_arguments(n, word, asked->bound, more);
    if (!is_test) {
        put_columns(n, scan.columns, known);
        check_columns(n, scan.columns, known, target);
    }
}

/* Any other instruction, operand by operand. */
static void put_plain(struct rune_narrower *n, const struct rune_image_plan *made,
                      const uint32_t *word, uint32_t old)
{
    uint32_t written[2], count = 0;
    uint32_t op = word[0], begin = here(n, made);
    bool has_target = op == RUNE_RULE_CONST || n->loop_count == 0; /* it never becomes another */
    uint32_t target = has_target ? 0 : n->loops[n->loop_count - 1][1];
    const char *letters = rune_rule_ops[word[0]].operands;
    put(n, *word++);
    for (; *letters != '\0'; letters++) {
        uint32_t words = operand_words(*letters, word);
        switch (*letters) {
        case 'r':
            put(n, n->reads[word[0]]);
            break;
        case 'w':
            written[count++] = word[0];
            put(n, word[0] + n->shift);
            break;
        case 'f':
            target = has_target ? target : target_of(n, word[0]);
            has_target = true;
            put(n, target_of(n, word[0]));
            break;
        case 'R':
            put(n, word[0]);
            for (uint32_t i = 0; i < word[0]; i++) {
                put(n, n->reads[word[1 + i]]);
            }
            break;
        default:
            for (uint32_t i = 0; i < words; i++) {
                put(n, word[i]);
            }
        }
        word += words;
    }
    if (is_loop(op)) {
        note_loop(n, old, begin);
        target = begin;
    }
    for (uint32_t i = 0; i < count; i++) {
        put_check(n, written[i], target);
    }
}

/* The loop, in the program that is being made, that decides a register: at the latest the one in
 * which it was written. */
static uint32_t deciding_loop(const struct rune_narrower *n, const uint32_t *code, uint32_t reg)
{
    uint32_t loops = 0;
    for (const uint32_t *word = code + 1; word[0] != RUNE_RULE_EMIT;
         word = next_instruction(word)) {
        loops += is_loop(word[0]);
        const char *letters = rune_rule_ops[word[0]].operands;
        const uint32_t *operand = word + 1;
        for (; *letters != '\0'; operand += operand_words(*letters, operand), letters++) {
            bool writes = *letters == 'w' && operand[0] == reg;
            for (uint32_t i = 0; *letters == 'W' && i < operand[0]; i++) {
                writes = writes || operand[2 + 2 * i] == reg;
            }
            if (writes && word[0] != RUNE_RULE_CONST) {
                return loops == 0 ? 0 : n->loops[loops - 1][1];
            }
        }
    }
    return 0;
}

static void put_program(struct rune_narrower *n, const struct rune_image_plan *plan,
                        struct rune_image_plan *made, uint32_t known, uint32_t column)
{
    const uint32_t *code = n->code + plan->code, *head = find_head(code), *word = code + 1;
    n->loop_count = 0;
    map_registers(n, plan, known);
    put(n, RUNE_RULE_RETURN);
    put_equal_arguments(n, plan, known);
    for (; word[0] != RUNE_RULE_EMIT && !n->is_full; word = next_instruction(word)) {
        uint32_t old = (uint32_t)(word - code);
        if (word[0] == RUNE_RULE_SCAN) {
            put_scan(n, made, word, old);
        } else if (word[0] == RUNE_RULE_CALL_SCAN) {
            put_call_scan(n, made, word, old);
        } else {
            put_plain(n, made, word, old);
        }
    }
    if (n->is_full) {
        return;
    }
    if (column == RUNE_NARROW_ALL) {
        put_plain(n, made, word, 0);
    } else {
        put(n, RUNE_RULE_EMIT);
        put(n, deciding_loop(n, code, head[1 + column]));
        put(n, 1);
        put(n, n->reads[head[1 + column]]);
    }
    put(n, RUNE_RULE_RETURN);
}

/* ---- plans ---- */

static struct rune_plan_group narrow(struct rune_narrower *n, uint32_t relation, uint32_t known,
                                     uint32_t column, uint32_t depth);

/* Plans for the relations that the program asks, if they can be asked with more columns. */
static void narrow_calls(struct rune_narrower *n, const struct rune_image_plan *plan,
                         uint32_t known, uint32_t depth)
{
    uint32_t asked[MAX_CALLS][2], count = 0;
    map_registers(n, plan, known);
    for (const uint32_t *word = n->code + plan->code + 1; word[0] != RUNE_RULE_EMIT;
         word = next_instruction(word)) {
        uint32_t more = word[0] == RUNE_RULE_CALL_SCAN ? more_columns(n, word) : 0;
        if (more != 0 && count < MAX_CALLS) {
            asked[count][0] = n->plans[word[2]].relation;
            asked[count++][1] = n->plans[word[2]].bound | more;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        (void)narrow(n, asked[i][0], asked[i][1], RUNE_NARROW_ALL, depth + 1);
    }
}

static void make_plan(struct rune_narrower *n, const struct rune_image_plan *plan, uint32_t known,
                      uint32_t column, uint32_t depth, struct rune_image_plan *made)
{
    if (!has_emit(n->code + plan->code, plan->code_length)) {
        n->is_full = true;
        return;
    }
    narrow_calls(n, plan, known, depth);
    *made = *plan;
    made->bound = known;
    made->code = n->code_count;
    made->registers = plan->registers + (uint32_t)__builtin_popcount(known & ~plan->bound);
    n->is_full = n->is_full || made->registers > RUNE_RULE_MAX_REGISTERS;
    if (!n->is_full) {
        put_program(n, plan, made, known, column);
    }
    made->code_length = n->code_count - made->code;
}

/* Nobody finds the new plans before all of them are made. */
static struct rune_plan_group narrow(struct rune_narrower *n, uint32_t relation, uint32_t known,
                                     uint32_t column, uint32_t depth)
{
    const struct rune_plan_group none = {0};
    struct rune_plan_group base = rune_plan_find_group(n->plans, n->plan_count, relation, known);
    if (base.count == 0 || (base.bound == known && column == RUNE_NARROW_ALL)) {
        return base;
    }
    if (n->is_full || depth >= RUNE_NARROW_DEPTH || base.count > n->plan_room - n->plan_count ||
        n->vm->in.relations[relation].component != 0) {
        return none;
    }
    uint32_t first = n->plan_count;
    for (uint32_t i = 0; i < base.count; i++) {
        n->plans[n->plan_count++].relation = RUNE_NARROW_NONE;
    }
    for (uint32_t i = 0; i < base.count && !n->is_full; i++) {
        struct rune_image_plan made = n->plans[base.first + i];
        make_plan(n, &n->plans[base.first + i], known, column, depth, &made);
        made.relation = RUNE_NARROW_NONE;
        n->plans[first + i] = made;
    }
    for (uint32_t i = 0; i < base.count && !n->is_full && column == RUNE_NARROW_ALL; i++) {
        n->plans[first + i].relation = relation;
    }
    return n->is_full ? none
                      : (struct rune_plan_group){
                            .first = first, .count = base.count, .bound = known, .rows = base.rows};
}

struct rune_plan_group rune_narrow(struct rune_narrower *narrower, uint32_t relation,
                                   uint32_t known)
{
    return narrow(narrower, relation, known, RUNE_NARROW_ALL, 0);
}

struct rune_plan_group rune_narrow_project(struct rune_narrower *narrower, uint32_t relation,
                                           uint32_t known, uint32_t column)
{
    return narrow(narrower, relation, known, column, 0);
}
