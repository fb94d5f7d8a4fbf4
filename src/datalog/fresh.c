/* SPDX-License-Identifier: Apache-2.0 */
/* fresh: rules that test what they derive are asked to test only what is new.
 *
 *     t(X, Z) :- t(X, Y), t(Y, Z), X != Z, not apart(X, Z).
 *
 * In dense relations a tuple is derived many times, and each time it would be tested, to be found
 * among those that are there. Where the innermost loop gives the head's last column and tests are
 * all that follows, what the head's relation has already is left out first, a word of bits at a
 * time. Only tests that cannot fail are put off like that: one that fails must be seen to. */
#include "datalog/sink.h"
#include "eval/rule_program.h"

/* ---- which rules ---- */

/* Whether a register is the last of the head's, and none of the others. */
static bool is_last_of(const uint32_t *head, uint32_t reg)
{
    uint32_t i = 1;
    while (i < head[0] && head[i] != reg) {
        i++;
    }
    return head[0] >= 2 && i == head[0] && head[i] == reg;
}

uint32_t rune_dl_find_fresh(const struct rune_dl_ctx *ctx, const struct rune_image_plan *plan)
{
    const uint32_t *code = ctx->code.items + plan->code, *scan = NULL, *word = code + 1;
    bool tests = false, may_wait = true;
    for (; word[0] != RUNE_RULE_EMIT; word = rune_rule_next(word)) {
        if (word[0] == RUNE_RULE_SCAN) {
            scan = word;
            tests = false;
            may_wait = true;
        } else {
            tests = true;
            may_wait = may_wait && (word[0] == RUNE_RULE_EXISTS || word[0] == RUNE_RULE_NE ||
                                    word[0] == RUNE_RULE_EQ);
        }
    }
    if (scan == NULL || !tests || !may_wait) {
        return 0;
    }
    const uint32_t *columns = rune_rule_scan_at(scan).columns;
    bool can = columns[0] == 1 && is_last_of(word + 2, columns[2]);
    return can ? (uint32_t)(scan - code) : 0;
}

/* ---- what is new ---- */

/* The values of words that a row has no bit for. False: no memory. */
static bool keep_words(struct rune_vec_u32 *kept, const struct rune_dl_bits *bits,
                       const uint64_t *row, const struct rune_dl_row_words *words)
{
    int64_t distance = ((int64_t)words->base - (int64_t)bits->least[bits->arity - 1]) / 64;
    for (uint64_t w = 0; w < words->count; w++) {
        uint64_t at = (uint64_t)((int64_t)w + distance);
        uint64_t word = words->words[w] & ~(at < bits->stride ? row[at] : 0);
        if (word == 0) {
            continue;
        }
        if (!RUNE_VEC_RESERVE(kept, kept->count + 64)) {
            return false;
        }
        for (; word != 0; word &= word - 1) {
            kept->items[kept->count++] =
                words->base + (uint32_t)w * 64 + (uint32_t)__builtin_ctzll(word);
        }
    }
    return true;
}

static bool keep_values(struct rune_vec_u32 *kept, const struct rune_dl_bits *bits,
                        const uint64_t *row, const uint32_t *values, uint32_t count)
{
    rune_term least = bits->least[bits->arity - 1], range = bits->range[bits->arity - 1];
    if (!RUNE_VEC_RESERVE(kept, (size_t)count)) {
        return false;
    }
    size_t many = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = values[i] - least;
        bool is_there = at < range && (row[at / 64] >> (at % 64) & 1) != 0;
        kept->items[many] = values[i];
        many += !is_there;
    }
    kept->count = many;
    return true;
}

bool rune_dl_keep_fresh(void *context, const rune_term *tuple, struct rune_cursor *cursor,
                        uint32_t position)
{
    struct rune_dl_sink *sink = context;
    const struct rune_dl_bits *bits = &sink->growing->bits;
    struct rune_vec_u32 *kept = &sink->growing->fresh;
    struct rune_dl_row_words words;
    const uint64_t *row = bits->words == NULL ? NULL : rune_dl_bits_find(bits, bits->arity, tuple);
    const rune_term *values = rune_cursor_run(cursor, position);
    if (row == NULL || values == NULL) {
        return true;
    }
    bool is_group = sink->read != NULL && cursor->columns == sink->read->groups.lasts.items;
    const struct rune_dl_row_of_group *group = is_group ? rune_dl_growing_row(sink->read) : NULL;
    bool has_words = group != NULL && group->words.words != NULL;
    kept->count = 0;
    if (has_words) {
        words = group->words;
    }
    has_words = has_words || rune_dl_find_words(sink->ctx, cursor, position, &words);
    uint32_t left = rune_cursor_left(cursor);
    if (!(has_words ? keep_words(kept, bits, row, &words)
                    : keep_values(kept, bits, row, values, left)) ||
        !rune_rule_take_steps(&sink->ctx->vm, has_words ? words.count : left)) {
        sink->ctx->vm.err = sink->ctx->vm.err == RUNE_OK ? RUNE_E_NOMEM : sink->ctx->vm.err;
        return false;
    }
    cursor->is_row = true;
    cursor->columns = kept->items;
    cursor->stride = 0;
    cursor->next = 0;
    cursor->end = (uint32_t)kept->count;
    return kept->count > 0;
}
