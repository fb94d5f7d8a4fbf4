/* SPDX-License-Identifier: Apache-2.0 */
/* A shape's key is a run of words: kind, payload, shapes of the arguments. `a != b` is `!(a ==
 * b)` as in Cedar, so that both are one shape; `>` and `>=` likewise. */
#include "cedar/validate_capability.h"

#include <stdlib.h>

enum { CAPABILITY_ATTR, CAPABILITY_TAG };

void rune_vcapabilities_init(struct rune_vcapabilities *caps, struct rune_arena *arena)
{
    *caps = (struct rune_vcapabilities){.arena = arena};
    rune_arena_init(&caps->ropes, 0);
}

void rune_vcapabilities_fini(struct rune_vcapabilities *caps)
{
    rune_arena_fini(&caps->ropes);
    rune_map_fini(&caps->texts);
    rune_map_fini(&caps->nodes);
    rune_map_fini(&caps->memo);
    rune_map_fini(&caps->known);
    RUNE_VEC_FINI(&caps->holding);
    RUNE_VEC_FINI(&caps->marks);
    RUNE_VEC_FINI(&caps->words);
}

/* ---- numbers ---- */

static uint32_t text_number(struct rune_vcapabilities *caps, struct rune_str text)
{
    uint32_t number = 0;
    if (rune_map_intern(&caps->texts, text, (uint32_t)caps->texts.count, &number, NULL) !=
        RUNE_OK) {
        caps->failed = true;
    }
    return number;
}

/* The number of a key, whose words are copied if it is new. */
static uint32_t key_number(struct rune_vcapabilities *caps, struct rune_map *map,
                           const uint32_t *words, size_t count, uint32_t fresh, bool *ret_added)
{
    struct rune_str key = {(const char *)words, count * sizeof(*words)};
    uint32_t number = 0;
    if (rune_map_find(map, key, &number)) {
        return number;
    }
    key.data = rune_arena_memdup(caps->arena, words, key.length);
    if (key.data == NULL || rune_map_set(map, key, fresh) != RUNE_OK) {
        caps->failed = true;
        return 0;
    }
    *ret_added = true;
    return fresh;
}

static uint32_t node_number(struct rune_vcapabilities *caps, const uint32_t *words, size_t count)
{
    bool added = false;
    uint32_t number = key_number(caps, &caps->nodes, words, count, caps->node_count, &added);
    caps->node_count += added;
    return number;
}

static uint32_t capability_number(struct rune_vcapabilities *caps, uint32_t kind, uint32_t shape,
                                  uint32_t what)
{
    const uint32_t words[] = {kind, shape, what};
    bool added = false;
    uint32_t number =
        key_number(caps, &caps->known, words, 3, (uint32_t)caps->holding.count, &added);
    if (added && (!RUNE_VEC_PUSH(&caps->holding, 0) || !RUNE_VEC_PUSH(&caps->marks, 0))) {
        caps->failed = true;
    }
    return number;
}

uint32_t rune_vcapabilities_attr(struct rune_vcapabilities *caps, uint32_t shape,
                                 struct rune_str name)
{
    return capability_number(caps, CAPABILITY_ATTR, shape, text_number(caps, name));
}

uint32_t rune_vcapabilities_tag(struct rune_vcapabilities *caps, uint32_t shape, uint32_t tag)
{
    return capability_number(caps, CAPABILITY_TAG, shape, tag);
}

/* ---- shapes ---- */

static void add_word(struct rune_vcapabilities *caps, uint32_t word)
{
    if (!RUNE_VEC_PUSH(&caps->words, word)) {
        caps->failed = true;
    }
}

static void add_payload(struct rune_vcapabilities *caps, const struct rune_cedar_expr *expr)
{
    switch (expr->kind) {
    case RUNE_EXPR_BOOL:
        add_word(caps, expr->as.boolean);
        break;
    case RUNE_EXPR_LONG:
        add_word(caps, (uint32_t)(uint64_t)expr->as.integer);
        add_word(caps, (uint32_t)((uint64_t)expr->as.integer >> 32));
        break;
    case RUNE_EXPR_STRING:
    case RUNE_EXPR_GET_ATTR:
        add_word(caps, text_number(caps, expr->as.string));
        break;
    case RUNE_EXPR_ENTITY:
        add_word(caps, text_number(caps, expr->as.uid->type));
        add_word(caps, text_number(caps, expr->as.uid->id));
        break;
    case RUNE_EXPR_VAR:
    case RUNE_EXPR_SLOT:
        add_word(caps, (uint32_t)expr->as.var);
        break;
    case RUNE_EXPR_IS:
        add_word(caps, text_number(caps, expr->as.name));
        break;
    case RUNE_EXPR_HAS:
        for (uint32_t i = 0; i < expr->as.path.count; i++) {
            add_word(caps, text_number(caps, expr->as.path.names[i]));
        }
        break;
    case RUNE_EXPR_LIKE:
        for (uint32_t i = 0; i < expr->as.pattern.count; i++) {
            add_word(caps, (uint32_t)expr->as.pattern.elements[i]);
        }
        break;
    case RUNE_EXPR_CALL:
        add_word(caps, expr->as.call.function);
        break;
    default:
        break;
    }
}

static int compare_pairs(const void *a, const void *b)
{
    const uint32_t *left = a;
    const uint32_t *right = b;
    return (left[0] > right[0]) - (left[0] < right[0]);
}

/* A record's fields in one order, whatever the text's. */
static void add_fields(struct rune_vcapabilities *caps, const struct rune_cedar_expr *expr,
                       size_t begin)
{
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        add_word(caps, text_number(caps, expr->as.path.names[i]));
        add_word(caps, rune_vcapabilities_shape(caps, expr->args[i]));
    }
    if (!caps->failed && expr->arg_count > 0) {
        qsort(caps->words.items + begin, expr->arg_count, 2 * sizeof(uint32_t), compare_pairs);
    }
}

/* The operator under Cedar's `!`, or the kind itself. */
static enum rune_cedar_expr_kind positive_kind(enum rune_cedar_expr_kind kind)
{
    switch (kind) {
    case RUNE_EXPR_NE:
        return RUNE_EXPR_EQ;
    case RUNE_EXPR_GT:
        return RUNE_EXPR_LE;
    case RUNE_EXPR_GE:
        return RUNE_EXPR_LT;
    default:
        return kind;
    }
}

static uint32_t make_shape(struct rune_vcapabilities *caps, const struct rune_cedar_expr *expr)
{
    size_t begin = caps->words.count; /* of this key: those of outer expressions stand before it */
    enum rune_cedar_expr_kind kind = positive_kind(expr->kind);
    add_word(caps, (uint32_t)kind);
    add_word(caps, expr->arg_count);
    if (kind == RUNE_EXPR_RECORD) {
        add_fields(caps, expr, caps->words.count);
    } else {
        add_payload(caps, expr);
        for (uint32_t i = 0; i < expr->arg_count; i++) {
            add_word(caps, rune_vcapabilities_shape(caps, expr->args[i]));
        }
    }
    uint32_t shape =
        caps->failed ? 0 : node_number(caps, caps->words.items + begin, caps->words.count - begin);
    caps->words.count = begin;
    if (kind != expr->kind) {
        const uint32_t negation[] = {RUNE_EXPR_NOT, 1, shape};
        shape = node_number(caps, negation, 3);
    }
    return shape;
}

uint32_t rune_vcapabilities_shape(struct rune_vcapabilities *caps,
                                  const struct rune_cedar_expr *expr)
{
    uint32_t shape;
    if (caps->failed ||
        rune_map_find(&caps->memo, (struct rune_str){(const char *)&expr, sizeof(expr)}, &shape)) {
        return caps->failed ? 0 : shape;
    }
    shape = make_shape(caps, expr);
    const char *key = rune_arena_memdup(caps->arena, &expr, sizeof(expr));
    if (key == NULL ||
        rune_map_set(&caps->memo, (struct rune_str){key, sizeof(expr)}, shape) != RUNE_OK) {
        caps->failed = true;
    }
    return shape;
}

uint32_t rune_vcapabilities_member(struct rune_vcapabilities *caps, uint32_t base,
                                   struct rune_str name)
{
    const uint32_t words[] = {RUNE_EXPR_GET_ATTR, 1, text_number(caps, name), base};
    return caps->failed ? 0 : node_number(caps, words, 4);
}

/* ---- what holds ---- */

static void count_all(struct rune_vcapabilities *caps, const struct rune_vcaps *set, uint32_t by)
{
    /* Unions lean left in chains: walk down there, recurse to the right. Depth: that of the
     * tree. */
    for (; set != NULL && !caps->failed; set = set->left) {
        if (set->left == NULL) {
            caps->holding.items[set->capability] += by;
        } else {
            count_all(caps, set->right, by);
        }
    }
}

void rune_vcapabilities_push(struct rune_vcapabilities *caps, const struct rune_vcaps *set)
{
    count_all(caps, set, 1);
}

void rune_vcapabilities_pop(struct rune_vcapabilities *caps, const struct rune_vcaps *set)
{
    count_all(caps, set, UINT32_MAX);
}

/* ---- sets ---- */

static const struct rune_vcaps *make_rope(struct rune_vcapabilities *caps, struct rune_vcaps rope)
{
    struct rune_vcaps *copy = rune_arena_memdup(&caps->ropes, &rope, sizeof(rope));
    caps->failed = caps->failed || copy == NULL;
    return copy;
}

const struct rune_vcaps *rune_vcaps_one(struct rune_vcapabilities *caps, uint32_t capability)
{
    return make_rope(caps, (struct rune_vcaps){.capability = capability});
}

const struct rune_vcaps *rune_vcaps_union(struct rune_vcapabilities *caps,
                                          const struct rune_vcaps *a, const struct rune_vcaps *b)
{
    if (a == NULL || b == NULL || a == b) {
        return a == NULL ? b : a;
    }
    return make_rope(caps, (struct rune_vcaps){.left = a, .right = b});
}

static void mark_all(struct rune_vcapabilities *caps, const struct rune_vcaps *set)
{
    for (; set != NULL; set = set->left) {
        if (set->left == NULL) {
            caps->marks.items[set->capability] = caps->mark;
        } else {
            mark_all(caps, set->right);
        }
    }
}

static void keep_marked(struct rune_vcapabilities *caps, const struct rune_vcaps *set,
                        const struct rune_vcaps **kept)
{
    for (; set != NULL; set = set->left) {
        if (set->left != NULL) {
            keep_marked(caps, set->right, kept);
        } else if (caps->marks.items[set->capability] == caps->mark) {
            caps->marks.items[set->capability] = 0;
            *kept = rune_vcaps_union(caps, *kept, set);
        }
    }
}

const struct rune_vcaps *rune_vcaps_intersect(struct rune_vcapabilities *caps,
                                              const struct rune_vcaps *a,
                                              const struct rune_vcaps *b)
{
    const struct rune_vcaps *kept = NULL;
    if (a != NULL && b != NULL && !caps->failed) {
        caps->mark++;
        mark_all(caps, a);
        keep_marked(caps, b, &kept);
    }
    return kept;
}
