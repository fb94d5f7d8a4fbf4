/* SPDX-License-Identifier: Apache-2.0 */
/* rule_narrow_code: a program for a narrower question, written instruction by instruction from the
 * one it is made of. The way through that one is gone twice: first to have plans made for what it
 * asks, since they stand in the same code, then to write. */
#include <string.h>

#include "eval/rule_narrow_int.h"

/* ---- writing ---- */

static void put(struct rune_narrower *n, const struct rune_narrow_program *p, uint32_t word)
{
    if (p->is_rehearsal) {
        return;
    }
    if (n->code_count < n->code_room) {
        n->code[n->code_count++] = word;
    } else {
        n->is_full = true;
    }
}

static uint32_t here(const struct rune_narrower *n, const struct rune_narrow_program *p)
{
    return n->code_count - p->begin;
}

static uint32_t target_of(const struct rune_narrow_program *p, uint32_t target)
{
    uint32_t low = 0, high = p->loop_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (p->loops[middle][0] < target) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return target == 0 ? 0 : p->loops[low][1];
}

static void note_loop(struct rune_narrow_program *p, const uint32_t *word, uint32_t target)
{
    p->loops[p->loop_count][0] = (uint32_t)(word - p->code);
    p->loops[p->loop_count++][1] = target;
}

static uint32_t innermost(const struct rune_narrow_program *p)
{
    return p->loop_count == 0 ? 0 : p->loops[p->loop_count - 1][1];
}

/* A register has been written. It must have the value that is known, or else it goes on at
 * `target`; if none is, it is now. */
static void note_written(struct rune_narrower *n, struct rune_narrow_program *p, uint32_t was,
                         uint32_t target)
{
    struct rune_narrow_register *reg = &p->registers[was];
    if (reg->same_as != RUNE_NARROW_NONE) {
        put(n, p, RUNE_RULE_EQ);
        put(n, p, was + p->shift);
        put(n, p, reg->same_as);
        put(n, p, target > reg->loop ? target : reg->loop);
    } else {
        reg->loop = innermost(p);
        rune_narrow_spread(p, was);
    }
}

/* Two columns of the head that are one register: both arguments must be equal. */
static void put_equal_arguments(struct rune_narrower *n, const struct rune_narrow_program *p,
                                const uint32_t *head)
{
    uint32_t known = p->question->known;
    for (uint32_t column = 0; column < head[0] && column < 32; column++) {
        bool is_more = (known & ~p->plan->bound) >> column & 1;
        if (is_more && p->registers[head[1 + column]].read != rune_narrow_rank(known, column)) {
            put(n, p, RUNE_RULE_EQ);
            put(n, p, p->registers[head[1 + column]].read);
            put(n, p, rune_narrow_rank(known, column));
            put(n, p, 0);
        }
    }
}

static void put_reads(struct rune_narrower *n, const struct rune_narrow_program *p,
                      const uint32_t *list)
{
    put(n, p, list[0]);
    for (uint32_t i = 0; i < list[0]; i++) {
        put(n, p, p->registers[list[1 + i]].read);
    }
}

/* ---- loops ---- */

/* A loop over tuples, as it will be: without the pairs of its list that are set in `without`. */
struct narrowed_loop {
    struct rune_rule_scan was;
    uint64_t without;
    bool is_test;    /* nothing is left to be read */
    uint32_t target; /* it, or (a test) the loop around it */
    uint32_t empty;  /* where it goes on when there is nothing */
};

/* Pairs that nobody reads, and that no value is known for. */
static uint64_t dead_pairs(const struct rune_narrow_program *p, const uint32_t *columns)
{
    uint64_t dead = 0;
    for (uint32_t i = 0; i < columns[0] && i < 64; i++) {
        const struct rune_narrow_register *reg = &p->registers[columns[2 + 2 * i]];
        bool is_dead = !reg->is_live && reg->same_as == RUNE_NARROW_NONE;
        dead |= (uint64_t)is_dead << i;
    }
    return dead;
}

/* There is nothing for the values of one search: it goes on at the latest loop that decides one, of
 * those that are known now, too. */
static struct narrowed_loop begin_loop(const struct rune_narrower *n, struct rune_narrow_program *p,
                                       const uint32_t *word, uint64_t without)
{
    struct narrowed_loop loop = {.was = rune_rule_scan_at(word), .without = without};
    const uint32_t *columns = loop.was.columns;
    loop.empty = target_of(p, loop.was.empty);
    for (uint32_t i = 0; i < columns[0] && i < 64; i++) {
        const struct rune_narrow_register *reg = &p->registers[columns[2 + 2 * i]];
        if ((without >> i & 1) != 0 && reg->same_as != RUNE_NARROW_NONE && reg->loop > loop.empty) {
            loop.empty = reg->loop;
        }
    }
    loop.is_test = (uint32_t)__builtin_popcountll(without) == columns[0];
    loop.target = loop.is_test ? target_of(p, loop.was.done) : here(n, p);
    note_loop(p, word, loop.target);
    return loop;
}

/* Where it goes on when there is nothing, and after the last; a test has but the first. */
static void put_exits(struct rune_narrower *n, const struct rune_narrow_program *p,
                      const struct narrowed_loop *loop)
{
    put(n, p, loop->empty);
    if (!loop->is_test) {
        put(n, p, target_of(p, loop->was.done));
    }
}

/* The list of what is read; `wanted` gives columns new numbers, NULL: they keep theirs. */
static void end_loop(struct rune_narrower *n, struct rune_narrow_program *p,
                     const struct narrowed_loop *loop, const struct rune_question *wanted)
{
    const uint32_t *columns = loop->was.columns;
    if (loop->is_test) {
        return;
    }
    put(n, p, columns[0] - (uint32_t)__builtin_popcountll(loop->without));
    for (uint32_t i = 0; i < columns[0]; i++) {
        if (i >= 64 || (loop->without >> i & 1) == 0) {
            uint32_t column = columns[1 + 2 * i];
            put(n, p, wanted != NULL ? rune_narrow_column(wanted, column) : column);
            put(n, p, columns[2 + 2 * i] + p->shift);
        }
    }
    for (uint32_t i = 0; i < columns[0]; i++) {
        if (i >= 64 || (loop->without >> i & 1) == 0) {
            note_written(n, p, columns[2 + 2 * i], loop->target);
        }
    }
}

/* ---- loops over stored tuples ---- */

/* Positions after the prefix that are read, if they lead those that are not: then tuples that agree
 * in them are read once. `was`: positions in which they had to differ before; 0: in any. */
static uint32_t distinct_positions(const struct rune_narrower *n, const uint32_t *word,
                                   const struct narrowed_loop *loop, uint32_t prefix)
{
    const uint32_t *columns = loop->was.columns;
    uint32_t end = prefix, count = 0;
    for (uint32_t i = 0; i < columns[0]; i++) {
        if (i >= 64 || (loop->without >> i & 1) == 0) {
            end = columns[1 + 2 * i] + 1 > end ? columns[1 + 2 * i] + 1 : end;
            count++;
        }
    }
    uint32_t arity = n->relations[n->vm->in.orders[word[2]].relation].arity;
    if (end == prefix + count) {
        return end < arity ? end : 0;
    }
    return word[3] != 0 && word[3] < prefix ? prefix : word[3];
}

/* A search by more positions, as long as the next one is known. */
static void put_scan(struct rune_narrower *n, struct rune_narrow_program *p, const uint32_t *word)
{
    struct rune_rule_scan scan = rune_rule_scan_at(word);
    uint32_t prefix[RUNE_ORDER_MAX_PREFIX], count = 0;
    uint64_t without = dead_pairs(p, scan.columns);
    for (; count < scan.prefix[0]; count++) {
        prefix[count] = p->registers[scan.prefix[1 + count]].read;
    }
    for (uint32_t i = 0; i < scan.columns[0] && i < 64 && count < RUNE_ORDER_MAX_PREFIX; i++) {
        const struct rune_narrow_register *reg = &p->registers[scan.columns[2 + 2 * i]];
        if (scan.columns[1 + 2 * i] == count && reg->same_as != RUNE_NARROW_NONE) {
            prefix[count++] = reg->same_as;
            without |= UINT64_C(1) << i;
        }
    }
    struct narrowed_loop loop = begin_loop(n, p, word, without);
    put(n, p, loop.is_test ? RUNE_RULE_EXISTS : RUNE_RULE_SCAN);
    if (!loop.is_test) {
        put(n, p, word[1]);
    }
    put(n, p, word[2]);
    put(n, p, loop.is_test ? 0 : distinct_positions(n, word, &loop, count));
    put_exits(n, p, &loop);
    put(n, p, count);
    for (uint32_t i = 0; i < count; i++) {
        put(n, p, prefix[i]);
    }
    end_loop(n, p, &loop, NULL);
}

/* ---- loops over what is asked ---- */

/* Of a call: the question, and for each column where its argument is. */
struct call {
    struct rune_question question;
    uint32_t arguments[32];
    uint32_t same[64];
    struct rune_plan_group group;
    uint64_t without;
};

/* Columns that are read into registers which must be equal. */
static void find_equals(const struct rune_narrow_program *p, const uint32_t *columns,
                        struct call *call)
{
    for (uint32_t i = 0; i < 64; i++) {
        call->same[i] = i;
    }
    for (uint32_t i = 0; i < columns[0]; i++) {
        for (uint32_t k = 0; k < i; k++) {
            uint32_t a = columns[2 + 2 * k], b = columns[2 + 2 * i], at = p->registers[a].twin;
            while (at != a && at != b) {
                at = p->registers[at].twin;
            }
            if (at == b && p->registers[a].same_as == RUNE_NARROW_NONE) {
                call->same[columns[1 + 2 * i]] = columns[1 + 2 * k];
                break;
            }
        }
    }
}

/* Whether there are plans for the question; those are asked. */
static bool can_ask(struct rune_narrower *n, struct call *call)
{
    call->group = rune_narrow(n, &call->question);
    return call->group.count > 0 && call->group.bound == call->question.known;
}

/* Asks for what is read, with all that is known; or for all columns; or as before. */
static void ask(struct rune_narrower *n, const struct rune_narrow_program *p, const uint32_t *word,
                struct call *call)
{
    const struct rune_image_plan *asked = &n->plans[word[2]];
    struct rune_rule_scan scan = rune_rule_scan_at(word);
    uint64_t dead = dead_pairs(p, scan.columns);
    call->question = (struct rune_question){
        .relation = asked->relation, .known = asked->bound, .same = call->same};
    call->without = dead;
    for (uint32_t column = 0, at = 0; column < 32; column++) {
        if ((asked->bound >> column & 1) != 0) {
            call->arguments[column] = p->registers[scan.prefix[1 + at++]].read;
        }
    }
    for (uint32_t i = 0; i < scan.columns[0]; i++) {
        uint32_t column = scan.columns[1 + 2 * i];
        uint32_t same_as = p->registers[scan.columns[2 + 2 * i]].same_as;
        if (column < 32 && i < 64 && same_as != RUNE_NARROW_NONE) {
            call->question.known |= 1u << column;
            call->arguments[column] = same_as;
            call->without |= UINT64_C(1) << i;
        } else if (i >= 64 || (dead >> i & 1) == 0) {
            call->question.wanted |= UINT64_C(1) << column;
        }
    }
    find_equals(p, scan.columns, call);
    if (can_ask(n, call)) {
        return;
    }
    call->question.wanted = RUNE_NARROW_ALL;
    call->question.same = NULL;
    if (!can_ask(n, call)) {
        call->question.known = asked->bound;
        call->group = (struct rune_plan_group){.first = word[2], .count = word[3]};
        call->without = dead;
    }
}

static void put_call_scan(struct rune_narrower *n, struct rune_narrow_program *p,
                          const uint32_t *word)
{
    struct call call;
    ask(n, p, word, &call);
    struct narrowed_loop loop = begin_loop(n, p, word, call.without);
    put(n, p, loop.is_test ? RUNE_RULE_CALL : RUNE_RULE_CALL_SCAN);
    if (!loop.is_test) {
        put(n, p, word[1]);
    }
    put(n, p, call.group.first);
    put(n, p, call.group.count);
    if (loop.is_test) {
        put(n, p, 0);
    }
    put_exits(n, p, &loop);
    put(n, p, (uint32_t)__builtin_popcount(call.question.known));
    for (uint32_t columns = call.question.known; columns != 0; columns &= columns - 1) {
        put(n, p, call.arguments[__builtin_ctz(columns)]);
    }
    end_loop(n, p, &loop, &call.question);
}

/* ---- other instructions ---- */

/* Operand by operand. */
static void put_plain(struct rune_narrower *n, struct rune_narrow_program *p, const uint32_t *word)
{
    uint32_t written[2], count = 0;
    bool has_target = word[0] == RUNE_RULE_CONST; /* it never becomes another */
    uint32_t begin = here(n, p), target = has_target ? 0 : innermost(p);
    struct rune_rule_operand at = rune_rule_operands(word), after;
    put(n, p, word[0]);
    for (; *at.letter != '\0'; at = after) {
        after = rune_rule_operand_after(at);
        switch (*at.letter) {
        case 'r':
            put(n, p, p->registers[at.word[0]].read);
            break;
        case 'w':
            written[count++] = at.word[0];
            put(n, p, at.word[0] + p->shift);
            break;
        case 'f':
            target = has_target ? target : target_of(p, at.word[0]);
            has_target = true;
            put(n, p, target_of(p, at.word[0]));
            break;
        case 'R':
            put_reads(n, p, at.word);
            break;
        default:
            for (const uint32_t *operand = at.word; operand < after.word; operand++) {
                put(n, p, *operand);
            }
        }
    }
    if (word[0] == RUNE_RULE_MEMBER) {
        note_loop(p, word, begin);
        target = begin;
    }
    for (uint32_t i = 0; i < count; i++) {
        note_written(n, p, written[i], target);
    }
}

/* The columns wanted. One proof of them is enough: it goes on at the latest loop that decides one.
 */
static void put_emit(struct rune_narrower *n, const struct rune_narrow_program *p,
                     const uint32_t *head)
{
    uint32_t target = 0, count = 0;
    for (uint32_t column = 0; column < head[0]; column++) {
        const struct rune_narrow_register *reg = &p->registers[head[1 + column]];
        if ((p->question->wanted >> column & 1) != 0) {
            target = reg->loop > target ? reg->loop : target;
            count++;
        }
    }
    put(n, p, RUNE_RULE_EMIT);
    put(n, p, target);
    put(n, p, count);
    for (uint32_t column = 0; column < head[0]; column++) {
        if ((p->question->wanted >> column & 1) != 0) {
            put(n, p, p->registers[head[1 + column]].read);
        }
    }
    put(n, p, RUNE_RULE_RETURN);
}

/* ---- programs ---- */

static void write_program(struct rune_narrower *n, struct rune_narrow_program *p)
{
    const uint32_t *head = rune_rule_emitted(p->code);
    p->loop_count = 0;
    p->begin = n->code_count;
    rune_narrow_map_registers(p, head);
    put(n, p, RUNE_RULE_RETURN);
    put_equal_arguments(n, p, head);
    for (const uint32_t *word = p->code + 1; word[0] != RUNE_RULE_EMIT && !n->is_full;
         word = rune_rule_next(word)) {
        if (word[0] == RUNE_RULE_SCAN) {
            put_scan(n, p, word);
        } else if (word[0] == RUNE_RULE_CALL_SCAN) {
            put_call_scan(n, p, word);
        } else {
            put_plain(n, p, word);
        }
    }
    put_emit(n, p, head);
}

void rune_narrow_write(struct rune_narrower *n, const struct rune_image_plan *plan,
                       const struct rune_question *question, struct rune_image_plan *made)
{
    struct rune_narrow_program program = {
        .question = question,
        .plan = plan,
        .code = n->code + plan->code,
        .shift = (uint32_t)__builtin_popcount(question->known & ~plan->bound),
    };
    uint32_t loops = RUNE_PLAN_LOOPS(plan->flags);
    program.registers =
        RUNE_ARENA_ARRAY(n->arena, struct rune_narrow_register, plan->registers + 1);
    program.loops = rune_arena_calloc(n->arena, loops + 1, sizeof(program.loops[0]));
    if (program.registers == NULL || program.loops == NULL ||
        !rune_rule_has_emit(program.code, plan->code_length) ||
        plan->registers + program.shift > RUNE_RULE_MAX_REGISTERS) {
        n->is_full = true;
        return;
    }
    program.is_rehearsal = true;
    write_program(n, &program);
    program.is_rehearsal = false;
    write_program(n, &program);
    made->bound = question->known;
    made->registers = plan->registers + program.shift;
    made->code = program.begin;
    made->code_length = n->code_count - program.begin;
}
