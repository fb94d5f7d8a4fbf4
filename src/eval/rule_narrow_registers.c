/* SPDX-License-Identifier: Apache-2.0 */
/* rule_narrow_registers: where the new program has the values of the old one's registers: which of
 * them are arguments now, which must be equal to those, and which are read at all. */
#include "eval/rule_narrow_int.h"

static uint32_t argument_count(const struct rune_narrow_program *p)
{
    return (uint32_t)__builtin_popcount(p->plan->bound);
}

void rune_narrow_spread(struct rune_narrow_program *p, uint32_t known)
{
    const struct rune_narrow_register *from = &p->registers[known];
    for (uint32_t i = from->twin; i != known; i = p->registers[i].twin) {
        struct rune_narrow_register *twin = &p->registers[i];
        if (i >= argument_count(p) && twin->same_as == RUNE_NARROW_NONE) {
            twin->same_as = twin->read = from->read;
            twin->loop = from->loop;
        }
    }
}

static void join_rings(struct rune_narrow_program *p, uint32_t a, uint32_t b)
{
    uint32_t i = p->registers[a].twin;
    while (i != a && i != b) {
        i = p->registers[i].twin;
    }
    if (a != b && i != b) {
        uint32_t next = p->registers[a].twin;
        p->registers[a].twin = p->registers[b].twin;
        p->registers[b].twin = next;
    }
}

/* Old arguments move to where the new order of columns has them, all else by as many as there are
 * more; registers of columns that are known now are read from their argument. */
static void map_arguments(struct rune_narrow_program *p, const uint32_t *head)
{
    uint32_t known = p->question->known, at = 0;
    uint32_t more = known & ~p->plan->bound;
    for (uint32_t i = 0; i < p->plan->registers; i++) {
        p->registers[i] = (struct rune_narrow_register){
            .read = i + p->shift, .same_as = RUNE_NARROW_NONE, .twin = i};
    }
    for (uint32_t column = 0; column < 32 && p->plan->bound >> column != 0; column++) {
        if ((p->plan->bound >> column & 1) != 0) {
            p->registers[at++].read = rune_narrow_rank(known, column);
        }
    }
    for (uint32_t column = 0; column < head[0] && column < 32; column++) {
        struct rune_narrow_register *reg = &p->registers[head[1 + column]];
        if ((more >> column & 1) != 0 && head[1 + column] >= at &&
            reg->same_as == RUNE_NARROW_NONE) {
            reg->same_as = reg->read = rune_narrow_rank(known, column);
        }
    }
}

/* Columns that must be equal; what is known of one is known of all. */
static void map_equals(struct rune_narrow_program *p, const uint32_t *head)
{
    const uint32_t *same = p->question->same;
    for (uint32_t column = 0; column < head[0] && same != NULL; column++) {
        join_rings(p, head[1 + column], head[1 + same[column]]);
    }
    for (uint32_t i = 0; i < p->plan->registers; i++) {
        if (i < argument_count(p) || p->registers[i].same_as != RUNE_NARROW_NONE) {
            rune_narrow_spread(p, i);
        }
    }
}

static void mark_live(struct rune_narrow_program *p, const uint32_t *head)
{
    for (const uint32_t *word = p->code + 1; word[0] != RUNE_RULE_EMIT;
         word = rune_rule_next(word)) {
        struct rune_rule_operand at = rune_rule_operands(word);
        for (; *at.letter != '\0'; at = rune_rule_operand_after(at)) {
            uint32_t count = *at.letter == 'R' ? at.word[0] : 0;
            if (*at.letter == 'r') {
                p->registers[at.word[0]].is_live = true;
            }
            for (uint32_t i = 0; i < count; i++) {
                p->registers[at.word[1 + i]].is_live = true;
            }
        }
    }
    for (uint32_t column = 0; column < head[0]; column++) {
        struct rune_narrow_register *reg = &p->registers[head[1 + column]];
        bool is_wanted = (p->question->wanted >> column & 1) != 0;
        reg->is_live = reg->is_live || is_wanted || reg->twin != head[1 + column];
    }
}

void rune_narrow_map_registers(struct rune_narrow_program *p, const uint32_t *head)
{
    map_arguments(p, head);
    map_equals(p, head);
    mark_live(p, head);
}
