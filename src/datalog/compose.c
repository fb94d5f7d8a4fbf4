/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep: key by key and X by X, what the right relation's rows have for the Y of the left one's
 * is or-ed, tested and added. See compose.h. */
#include "datalog/compose.h"

#include <string.h>

/* A sweep, and where it is. */
struct sweep {
    struct rune_dl_ctx *ctx;
    struct rune_dl_compose *compose;
    struct rune_dl_growing *head;
    struct rune_relations in;
    uint32_t arity;
    rune_term tuple[RUNE_DL_BIT_COLUMNS]; /* of the head: key and X */
    uint64_t right_first;                 /* number of the first right row of this key */
    bool has_changed, has_keep_middle, has_keep_last;
};

/* ---- new tuples by row ---- */

static inline const rune_term *tuple_at(const struct rune_growing *tuples, uint32_t at)
{
    return tuples->rows + (size_t)at * tuples->arity;
}

/* A counting sort of the tuples from side->done on. False: no memory. */
static bool sort_new(struct rune_dl_compose_side *side, const struct rune_growing *tuples)
{
    const struct rune_dl_bits *bits = &side->dense->bits;
    uint32_t arity = tuples->arity, count = tuples->count - side->done;
    uint32_t last = arity - 1 - (uint32_t)side->side;
    if (bits->rows >= UINT32_MAX || !RUNE_VEC_RESERVE(&side->begins, (size_t)bits->rows + 2) ||
        !RUNE_VEC_RESERVE(&side->values, (size_t)count + 1)) {
        return false;
    }
    uint32_t *begins = side->begins.items; /* [row + 2] while counting, [row + 1] while writing */
    memset(begins, 0, ((size_t)bits->rows + 2) * sizeof(uint32_t));
    for (uint32_t i = side->done; i < tuples->count; i++) {
        begins[rune_dl_dense_row(bits, arity, tuple_at(tuples, i), side->side) + 2]++;
    }
    for (uint64_t row = 2; row < bits->rows + 2; row++) {
        begins[row] += begins[row - 1];
    }
    for (uint32_t i = side->done; i < tuples->count; i++) {
        const rune_term *tuple = tuple_at(tuples, i);
        uint64_t row = rune_dl_dense_row(bits, arity, tuple, side->side);
        side->values.items[begins[row + 1]++] = tuple[last];
    }
    return true;
}

static inline uint32_t new_in(const struct rune_dl_compose_side *side, uint64_t row, uint64_t rows)
{
    return side->begins.items[row + rows] - side->begins.items[row];
}

/* ---- tests ---- */

/* A cursor over what a test has for the row; false: nothing. */
static bool open_test(struct sweep *sweep, const struct rune_dl_compose_test *test,
                      rune_term *prefix, struct rune_cursor *ret_cursor)
{
    for (uint32_t i = 0; i < test->count; i++) {
        prefix[i] = test->terms[i].column == UINT32_MAX ? test->terms[i].term
                                                        : sweep->tuple[test->terms[i].column];
    }
    return rune_cursor_open(&sweep->in, test->order, prefix, test->count, ret_cursor);
}

/* Words are and-ed with the test's values, or with all others. */
static void apply_test(struct sweep *sweep, const struct rune_dl_compose_test *test,
                       const struct rune_dl_bits *bits, uint64_t *words)
{
    rune_term prefix[RUNE_ORDER_MAX_PREFIX], least = bits->least[sweep->arity - 1];
    uint64_t *mask = sweep->compose->mask.items;
    struct rune_cursor cursor;
    memset(mask, 0, bits->stride * sizeof(uint64_t));
    if (open_test(sweep, test, prefix, &cursor)) {
        while (rune_cursor_next(&cursor)) {
            uint32_t at = rune_cursor_get(&cursor, test->position) - least;
            if (at < bits->range[sweep->arity - 1]) {
                mask[at / 64] |= UINT64_C(1) << (at % 64);
            }
            sweep->compose->steps++;
        }
    }
    for (uint64_t w = 0; w < bits->stride; w++) {
        words[w] &= test->is_negated ? ~mask[w] : mask[w];
    }
}

/* What tests that do not ask for X leave of all Y or Z. False: there are none. */
static bool keep_by_key(struct sweep *sweep, enum rune_dl_compose_free of,
                        const struct rune_dl_bits *bits, uint64_t *keep)
{
    const struct rune_dl_vec_compose_test *tests = &sweep->compose->tests;
    bool found = false;
    for (size_t i = 0; i < tests->count; i++) {
        if (tests->items[i].of != of || !tests->items[i].is_by_key) {
            continue;
        }
        if (!found) {
            memset(keep, 0xff, bits->stride * sizeof(uint64_t));
        }
        found = true;
        apply_test(sweep, &tests->items[i], bits, keep);
    }
    return found;
}

static bool passes_row(struct sweep *sweep)
{
    const struct rune_dl_vec_compose_test *tests = &sweep->compose->tests;
    bool passes = true;
    for (size_t i = 0; i < tests->count && passes; i++) {
        rune_term prefix[RUNE_ORDER_MAX_PREFIX];
        struct rune_cursor cursor;
        if (tests->items[i].of == RUNE_DL_COMPOSE_NONE) {
            passes =
                open_test(sweep, &tests->items[i], prefix, &cursor) != tests->items[i].is_negated;
            sweep->compose->steps += RUNE_RULE_FAR_STEPS;
        }
    }
    return passes;
}

/* ---- what a row gets ---- */

static inline void or_words(uint64_t *restrict to, const uint64_t *restrict from, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        to[i] |= from[i];
    }
}

static void or_row(struct sweep *sweep, uint64_t number)
{
    const struct rune_dl_dense *dense = sweep->compose->right.dense;
    const uint64_t *from = dense->bits.words + number * dense->bits.stride;
    const uint64_t *blocks = dense->blocks + number * dense->block_words;
    uint64_t *row = sweep->compose->row.items, stride = dense->bits.stride;
    for (uint64_t b = 0; b < dense->block_words; b++) {
        sweep->compose->touched.items[b] |= blocks[b];
        for (uint64_t left = blocks[b]; left != 0; left &= left - 1) {
            uint64_t at = (b * 64 + (uint64_t)__builtin_ctzll(left)) * RUNE_DL_BLOCK_WORDS;
            if (at + RUNE_DL_BLOCK_WORDS <= stride) {
                or_words(row + at, from + at, RUNE_DL_BLOCK_WORDS);
            } else {
                or_words(row + at, from + at, stride - at);
            }
        }
    }
    sweep->compose->steps += 1 + dense->bits.stride / 64;
}

#define FEW_VALUES 6u /* they are or-ed one by one */

static void or_values(struct sweep *sweep, const uint32_t *values, uint32_t count)
{
    const struct rune_dl_bits *bits = &sweep->compose->right.dense->bits;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = values[i] - bits->least[bits->arity - 1];
        uint32_t block = at / RUNE_DL_BLOCK_VALUES;
        sweep->compose->row.items[at / 64] |= UINT64_C(1) << (at % 64);
        sweep->compose->touched.items[block / 64] |= UINT64_C(1) << (block % 64);
    }
    sweep->compose->steps++;
}

/* What the right relation has for a Y: all of it, or what is new. */
static void or_middle(struct sweep *sweep, rune_term middle, bool all)
{
    const struct rune_dl_compose_side *right = &sweep->compose->right;
    const struct rune_dl_bits *bits = &right->dense->bits;
    uint32_t at = middle - bits->least[bits->arity - 2];
    if (at >= bits->range[bits->arity - 2]) {
        return;
    }
    uint64_t number = sweep->right_first + at;
    if (!all && new_in(right, number, 1) <= FEW_VALUES) {
        or_values(sweep, right->values.items + right->begins.items[number],
                  new_in(right, number, 1));
    } else {
        or_row(sweep, number);
    }
}

/* Those Y of one block of the left row that are new, or of which there is something new. */
static void or_block(struct sweep *sweep, const uint64_t *row, uint64_t begin, uint64_t end)
{
    const struct rune_dl_compose *compose = sweep->compose;
    rune_term least = compose->left.dense->bits.least[sweep->arity - 1];
    for (uint64_t w = begin; w < end; w++) {
        uint64_t fresh = compose->fresh.items[w];
        uint64_t word = row[w] & (compose->changed.items[w] | fresh);
        if (sweep->has_keep_middle) {
            word &= compose->keep_middle.items[w];
        }
        for (; word != 0; word &= word - 1) {
            uint32_t bit = (uint32_t)__builtin_ctzll(word);
            or_middle(sweep, least + (rune_term)w * 64 + bit, (fresh >> bit & 1) != 0);
        }
    }
}

/* ---- giving it ---- */

/* The words of the row that may have values: [*ret_begin, *ret_end). False: none. */
static bool find_touched(const struct rune_dl_compose *compose, uint64_t *ret_begin,
                         uint64_t *ret_end)
{
    const uint64_t *touched = compose->touched.items;
    uint64_t first = 0, last = compose->right.dense->block_words;
    uint64_t stride = compose->right.dense->bits.stride;
    while (first < last && touched[first] == 0) {
        first++;
    }
    if (first == last) {
        return false;
    }
    while (touched[last - 1] == 0) {
        last--;
    }
    uint64_t begin = first * 64 + (uint64_t)__builtin_ctzll(touched[first]);
    uint64_t end = last * 64 - (uint64_t)__builtin_clzll(touched[last - 1]);
    *ret_begin = begin * RUNE_DL_BLOCK_WORDS;
    *ret_end = end * RUNE_DL_BLOCK_WORDS < stride ? end * RUNE_DL_BLOCK_WORDS : stride;
    return true;
}

/* Leaves what tests leave. */
static void test_row(struct sweep *sweep, uint64_t begin, uint64_t end)
{
    struct rune_dl_compose *compose = sweep->compose;
    const struct rune_dl_bits *bits = &compose->right.dense->bits;
    uint64_t *row = compose->row.items;
    uint32_t self = sweep->tuple[sweep->arity - 2] - bits->least[sweep->arity - 1];
    if (compose->is_unequal && self < bits->range[sweep->arity - 1]) {
        row[self / 64] &= ~(UINT64_C(1) << (self % 64));
    }
    for (uint64_t w = begin; w < end && sweep->has_keep_last; w++) {
        row[w] &= compose->keep_last.items[w];
    }
    for (size_t i = 0; i < compose->tests.count; i++) {
        const struct rune_dl_compose_test *test = &compose->tests.items[i];
        if (test->of == RUNE_DL_COMPOSE_LAST && !test->is_by_key) {
            apply_test(sweep, test, bits, row);
        }
    }
}

/* The row's tuples are kept, to be added when nobody reads rows any more. */
static bool keep_beyond(struct sweep *sweep, const struct rune_dl_row_words *words)
{
    struct rune_vec_u32 *beyond = &sweep->compose->beyond;
    for (uint64_t w = 0; w < words->count; w++) {
        for (uint64_t word = words->words[w]; word != 0; word &= word - 1) {
            if (!RUNE_VEC_RESERVE(beyond, beyond->count + sweep->arity)) {
                return false;
            }
            rune_term *to = beyond->items + beyond->count;
            memcpy(to, sweep->tuple, (sweep->arity - 1) * sizeof(rune_term));
            to[sweep->arity - 1] =
                words->base + (rune_term)w * 64 + (rune_term)__builtin_ctzll(word);
            beyond->count += sweep->arity;
        }
    }
    return true;
}

/* Adds what the row has got, and empties it. */
static enum rune_err give_row(struct sweep *sweep)
{
    struct rune_dl_compose *compose = sweep->compose;
    const struct rune_dl_bits *bits = &compose->right.dense->bits;
    uint64_t begin, end;
    enum rune_err err = RUNE_OK;
    if (!find_touched(compose, &begin, &end)) {
        return RUNE_OK;
    }
    test_row(sweep, begin, end);
    struct rune_dl_row_words words = {.words = compose->row.items + begin,
                                      .count = end - begin,
                                      .base =
                                          bits->least[sweep->arity - 1] + (rune_term)begin * 64};
    if (rune_dl_growing_takes_words(sweep->head, sweep->tuple, &words)) {
        uint32_t before = sweep->head->tuples.count;
        err = rune_dl_growing_add_words(sweep->head, sweep->tuple, &words);
        if (err == RUNE_OK) {
            err = rune_dl_check_growth(sweep->ctx, sweep->head, before);
        }
    } else if (!keep_beyond(sweep, &words)) {
        err = RUNE_E_NOMEM;
    }
    memset(compose->row.items + begin, 0, (end - begin) * sizeof(uint64_t));
    memset(compose->touched.items, 0, compose->touched.capacity * sizeof(uint64_t));
    return err;
}

/* ---- rows ---- */

static void mark(uint64_t *words, const uint32_t *values, uint32_t count, rune_term least)
{
    for (uint32_t i = 0; i < count; i++) {
        words[(values[i] - least) / 64] ^= UINT64_C(1) << ((values[i] - least) % 64);
    }
}

static enum rune_err sweep_row(struct sweep *sweep, uint64_t number)
{
    struct rune_dl_compose *compose = sweep->compose;
    const struct rune_dl_dense *dense = compose->left.dense;
    const uint64_t *row = dense->bits.words + number * dense->bits.stride;
    uint32_t count = new_in(&compose->left, number, 1);
    const uint32_t *values = compose->left.values.items + compose->left.begins.items[number];
    rune_term least = dense->bits.least[sweep->arity - 1];
    if ((count == 0 && !sweep->has_changed) || !passes_row(sweep)) {
        return RUNE_OK;
    }
    mark(compose->fresh.items, values, count, least);
    for (uint64_t b = 0; b < dense->block_words; b++) {
        uint64_t blocks = dense->blocks[number * dense->block_words + b];
        for (; blocks != 0; blocks &= blocks - 1) {
            uint64_t at = (b * 64 + (uint64_t)__builtin_ctzll(blocks)) * RUNE_DL_BLOCK_WORDS;
            uint64_t end = at + RUNE_DL_BLOCK_WORDS;
            or_block(sweep, row, at, end < dense->bits.stride ? end : dense->bits.stride);
        }
    }
    mark(compose->fresh.items, values, count, least);
    if (++compose->steps > sweep->ctx->steps_left) {
        sweep->ctx->limit = RUNE_DL_LIMIT_STEPS;
        return RUNE_E_LIMIT;
    }
    return give_row(sweep);
}

/* ---- keys ---- */

/* The terms of a key by its number among those of a side's rows. */
static void find_key(const struct rune_dl_bits *bits, uint64_t number, rune_term *ret_terms)
{
    for (uint32_t c = bits->arity - 2; c-- > 0;) {
        ret_terms[c] = bits->least[c] + (rune_term)(number % bits->range[c]);
        number /= bits->range[c];
    }
}

/* The number of the first row of a key. False: there are none. */
static bool find_first(const struct rune_dl_bits *bits, const rune_term *key, uint64_t *ret_row)
{
    uint64_t at = 0;
    for (uint32_t c = 0; c + 2 < bits->arity; c++) {
        uint32_t distance = key[c] - bits->least[c];
        if (distance >= bits->range[c]) {
            return false;
        }
        at = at * bits->range[c] + distance;
    }
    *ret_row = at * bits->range[bits->arity - 2];
    return true;
}

/* Those Y of which the right relation has something new. */
static void find_changed(struct sweep *sweep)
{
    const struct rune_dl_compose_side *right = &sweep->compose->right;
    const struct rune_dl_bits *left = &sweep->compose->left.dense->bits;
    const struct rune_dl_bits *bits = &right->dense->bits;
    uint32_t last = sweep->arity - 1;
    uint64_t *changed = sweep->compose->changed.items;
    memset(changed, 0, left->stride * sizeof(uint64_t));
    sweep->has_changed = false;
    for (uint32_t i = 0; i < bits->range[last - 1]; i++) {
        uint32_t at = bits->least[last - 1] + i - left->least[last];
        if (new_in(right, sweep->right_first + i, 1) > 0 && at < left->range[last]) {
            changed[at / 64] |= UINT64_C(1) << (at % 64);
            sweep->has_changed = true;
        }
    }
}

static enum rune_err sweep_key(struct sweep *sweep, uint64_t number)
{
    struct rune_dl_compose *compose = sweep->compose;
    const struct rune_dl_bits *left = &compose->left.dense->bits;
    const struct rune_dl_bits *right = &compose->right.dense->bits;
    uint32_t from = sweep->arity - 2;
    uint64_t first = number * left->range[from];
    enum rune_err err = RUNE_OK;
    find_key(left, number, sweep->tuple);
    if (!find_first(right, sweep->tuple, &sweep->right_first) ||
        (new_in(&compose->left, first, left->range[from]) == 0 &&
         new_in(&compose->right, sweep->right_first, right->range[from]) == 0)) {
        return RUNE_OK;
    }
    find_changed(sweep);
    sweep->has_keep_middle =
        keep_by_key(sweep, RUNE_DL_COMPOSE_MIDDLE, left, compose->keep_middle.items);
    sweep->has_keep_last =
        keep_by_key(sweep, RUNE_DL_COMPOSE_LAST, right, compose->keep_last.items);
    for (uint32_t i = 0; i < left->range[from] && err == RUNE_OK; i++) {
        sweep->tuple[from] = left->least[from] + i;
        err = sweep_row(sweep, first + i);
    }
    return err;
}

/* ---- the whole ---- */

static enum rune_err add_beyond(struct sweep *sweep)
{
    struct rune_vec_u32 *beyond = &sweep->compose->beyond;
    size_t batch = (size_t)RUNE_DL_GROWING_BATCH * sweep->arity;
    enum rune_err err = RUNE_OK;
    for (size_t at = 0; at < beyond->count && err == RUNE_OK; at += batch) {
        size_t count = beyond->count - at < batch ? beyond->count - at : batch;
        uint32_t before = sweep->head->tuples.count;
        err =
            rune_dl_growing_add(sweep->head, beyond->items + at, (uint32_t)(count / sweep->arity));
        if (err == RUNE_OK) {
            err = rune_dl_check_growth(sweep->ctx, sweep->head, before);
        }
    }
    beyond->count = 0;
    return err;
}

static bool reserve_words(struct rune_vec_u64 *words, uint64_t count)
{
    if (count > words->capacity) {
        RUNE_VEC_FINI(words);
        if (!RUNE_VEC_RESERVE(words, (size_t)count)) {
            return false;
        }
    }
    memset(words->items, 0, words->capacity * sizeof(uint64_t));
    return true;
}

static bool reserve(struct rune_dl_compose *compose)
{
    uint64_t left = compose->left.dense->bits.stride, right = compose->right.dense->bits.stride;
    return reserve_words(&compose->fresh, left) && reserve_words(&compose->changed, left) &&
           reserve_words(&compose->keep_middle, left) && reserve_words(&compose->row, right) &&
           reserve_words(&compose->keep_last, right) &&
           reserve_words(&compose->mask, left > right ? left : right) &&
           reserve_words(&compose->touched, compose->right.dense->block_words);
}

static enum rune_err sweep_all(struct sweep *sweep)
{
    struct rune_dl_compose *compose = sweep->compose;
    const struct rune_dl_bits *left = &compose->left.dense->bits;
    uint64_t keys = left->rows / left->range[sweep->arity - 2];
    enum rune_err err = RUNE_OK;
    for (uint64_t k = 0; k < keys && err == RUNE_OK; k++) {
        err = sweep_key(sweep, k);
    }
    return err == RUNE_OK ? add_beyond(sweep) : err;
}

/* New tuples of a side. */
static uint32_t find_new(struct rune_dl_compose_side *side, const struct rune_dl_growing *growing)
{
    side->done = side->done < growing->low ? growing->low : side->done;
    return growing->tuples.count - side->done;
}

/* Tuples that an index has to learn before it is searched. */
static uint32_t find_behind(const struct rune_dl_growing *growing)
{
    return growing->index_count > 0 ? growing->tuples.count - growing->indexes[0].rows : 0;
}

#define ROWS_A_TUPLE 4u /* that a sweep looks at in the time that a search takes for its tuple */

/* Whether a sweep over all rows takes less than to search, for each new tuple, what it joins with.
 */
static bool does_pay(struct rune_dl_compose *compose, const struct rune_dl_growing *left,
                     const struct rune_dl_growing *right)
{
    uint64_t rows = left->bits.rows + right->bits.rows;
    uint64_t new_left = find_new(&compose->left, left),
             new_right = find_new(&compose->right, right);
    uint64_t joined = new_left * (1 + right->tuples.count / right->bits.rows) +
                      new_right * (1 + left->tuples.count / left->bits.rows);
    return rows <= ROWS_A_TUPLE * joined + find_behind(left) + find_behind(right);
}

/* Brings the sides up to date. *ret_can: there are rows, and they are not too many. */
static enum rune_err begin(struct rune_dl_ctx *ctx, struct rune_dl_compose *compose, bool *ret_can)
{
    struct rune_dl_growing *left = ctx->rels.items[compose->left.relation].growing;
    struct rune_dl_growing *right = ctx->rels.items[compose->right.relation].growing;
    const struct rune_dl_growing *head =
        ctx->rels.items[ctx->rules.items[compose->rule].head].growing;
    *ret_can = left->bits.words != NULL && right->bits.words != NULL && head->bits.words != NULL &&
               does_pay(compose, left, right);
    if (!*ret_can) {
        return RUNE_OK;
    }
    enum rune_err err = rune_dl_growing_dense(left, compose->left.side, &compose->left.dense);
    if (err == RUNE_OK) {
        err = rune_dl_growing_dense(right, compose->right.side, &compose->right.dense);
    }
    if (err != RUNE_OK) {
        return err;
    }
    *ret_can = compose->left.dense != NULL && compose->right.dense != NULL;
    return *ret_can && (!reserve(compose) || !sort_new(&compose->left, &left->tuples) ||
                        !sort_new(&compose->right, &right->tuples))
               ? RUNE_E_NOMEM
               : RUNE_OK;
}

enum rune_err rune_dl_compose_run(struct rune_dl_ctx *ctx, struct rune_dl_compose *compose,
                                  bool *ret_done)
{
    const struct rune_dl_plan_rule *rule = &ctx->rules.items[compose->rule];
    struct sweep sweep = {.ctx = ctx,
                          .compose = compose,
                          .head = ctx->rels.items[rule->head].growing,
                          .in = {ctx->image_relations.items, ctx->orders.items, 0},
                          .arity = compose->arity};
    enum rune_err err = begin(ctx, compose, ret_done);
    if (err == RUNE_OK && *ret_done) {
        uint32_t left = ctx->rels.items[compose->left.relation].growing->tuples.count;
        uint32_t right = ctx->rels.items[compose->right.relation].growing->tuples.count;
        compose->steps = 0;
        err = sweep_all(&sweep);
        compose->left.done = left;
        compose->right.done = right;
        ctx->steps_left -= compose->steps < ctx->steps_left ? compose->steps : ctx->steps_left;
    }
    return rune_dl_report_limit(ctx, rule, sweep.head->tuples.count, err);
}
