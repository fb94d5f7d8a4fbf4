/* SPDX-License-Identifier: Apache-2.0 */
/* rule_verify: relations, orders, tuples and rules of an untrusted image; its plans and programs
 * are rule_verify_code.c's.
 *
 * What is established: every term in a column exists; rows are sorted and within bounds; a
 * program's operands are in range, its jumps go back to loops, and no register is read before it is
 * written (jumps only go back, so what stands above an instruction has run). Not established: that
 * a program means its rule; the builder vouches for that. Cost: O(bytes). */
#include "eval/rule_verify_int.h"

#include "eval/relation.h"
#include "eval/rule_code.h"
#include "eval/rule_eval.h"
#include "eval/verify.h"

#define CELLS_AT_ONCE 256u

struct checker {
    const struct rune_store *store;
    struct rune_diag *diag;
};

/* Terms of one kind from its first on. */
struct range {
    uint32_t first, count;
};

/* All values of the kind of `term`: none, if it is of no kind of the image's. */
static struct range range_of(const struct rune_terms *terms, uint32_t term)
{
    const uint32_t counts[8] = {
        RUNE_TERM_TRUE + 1, terms->string_count, terms->entity_count, terms->long_count,
        terms->set_count,   terms->record_count, terms->ext_count,    terms->float_count,
    };
    if (rune_term_is_inline(term)) {
        return (struct range){(uint32_t)RUNE_SPACE_INLINE << 30, 1u << 30};
    }
    uint32_t count = rune_term_space(term) == RUNE_SPACE_IMAGE ? counts[rune_term_kind(term)] : 0;
    return (struct range){term & ~RUNE_TERM_INDEX_MAX, count};
}

bool rune_rule_is_term(const struct rune_terms *terms, uint32_t term)
{
    struct range range = range_of(terms, term);
    return term - range.first < range.count;
}

/* ---- orders ---- */

static const char *check_columns(const struct rune_image_order *order, uint32_t arity)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < arity && i < 8; i++) {
        if (order->columns[i] >= arity || (seen >> order->columns[i] & 1) != 0) {
            return "columns of an order are no permutation";
        }
        seen |= UINT64_C(1) << order->columns[i];
    }
    return NULL;
}

/* A column's values are of one kind, nearly always, so most are looked at many at once. */
static bool are_terms(const struct rune_terms *terms, const uint32_t *cells, size_t count)
{
    struct range range = {0, 0};
    for (size_t at = 0; at < count;) {
        size_t end = count - at > CELLS_AT_ONCE ? at + CELLS_AT_ONCE : count;
        uint32_t outside = 0;
        for (size_t i = at; i < end; i++) {
            outside |= cells[i] - range.first >= range.count;
        }
        for (; outside != 0 && at < end; at++) {
            if (cells[at] - range.first >= range.count) {
                range = range_of(terms, cells[at]);
                if (cells[at] - range.first >= range.count) {
                    return false;
                }
            }
        }
        at = end;
    }
    return true;
}

/* How many cells are not greater than the one before. */
static uint32_t count_falls(const uint32_t *cells, uint32_t count)
{
    uint32_t falls = 0;
    for (uint32_t i = 1; i < count; i++) {
        falls += cells[i] <= cells[i - 1];
    }
    return falls;
}

/* Whether the tuples [from, to) of one key ascend by their columns after the first. */
static bool ascends(const uint32_t *columns, uint32_t arity, uint32_t count, uint32_t from,
                    uint32_t to)
{
    for (uint32_t i = from + 1; i < to; i++) {
        const uint32_t *cell = columns + i;
        uint32_t c = 1;
        while (c + 1 < arity && *cell == cell[-1]) {
            cell += count;
            c++;
        }
        if (c == arity || *cell <= cell[-1]) {
            return false;
        }
    }
    return true;
}

/* Keys, starts, and every tuple greater than the one before it. */
static const char *check_tuples(const struct rune_store *store,
                                const struct rune_image_order *order, uint32_t arity,
                                uint32_t count)
{
    struct rune_order_arrays arrays = rune_order_arrays(order, (uintptr_t)store->tuples);
    const uint32_t *keys = arrays.keys, *starts = arrays.starts, *columns = arrays.columns;
    if (starts[0] != 0 || starts[order->key_count] != count) {
        return "rows of an order do not cover its tuples";
    }
    uint32_t falls = 0; /* between rows */
    for (uint32_t k = 0; k < order->key_count; k++) {
        uint32_t term = keys != NULL ? keys[k] : order->key_min + k;
        if (starts[k] > starts[k + 1] || starts[k + 1] > count ||
            (starts[k] < starts[k + 1] && !rune_rule_is_term(&store->terms, term)) ||
            (keys != NULL && k > 0 && keys[k] <= keys[k - 1])) {
            return "a row of an order is out of bounds";
        }
        if (arity != 2 && !ascends(columns, arity, count, starts[k], starts[k + 1])) {
            return "tuples of an order are not sorted";
        }
        if (arity == 2 && starts[k] > 0 && starts[k] < starts[k + 1]) {
            falls += columns[starts[k]] <= columns[starts[k] - 1];
        }
    }
    /* Of two columns, the second ascends within rows if it falls between rows alone. */
    if (arity == 2 && falls != count_falls(columns, count)) {
        return "tuples of an order are not sorted";
    }
    return are_terms(&store->terms, columns, (size_t)(arity - 1) * count)
               ? NULL
               : "a tuple names no value";
}

/* What finds keys must be what their places make it. */
static const char *check_directory(const struct rune_store *store,
                                   const struct rune_image_order *order)
{
    struct rune_order_arrays arrays = rune_order_arrays(order, (uintptr_t)store->tuples);
    const uint32_t *directory = rune_order_directory(order, (uintptr_t)store->tuples);
    uint32_t from = 0;
    if (order->key_count > 0 && arrays.keys[0] != order->key_min) {
        return "an order's first key is another";
    }
    for (uint32_t i = 0; i < order->block_count; i++) {
        struct rune_directory_block block =
            rune_directory_block(arrays.keys, order->key_count, order->shift, i, &from);
        if (directory[2 * i] != block.bits || directory[2 * i + 1] != block.before) {
            return "a directory does not lead to the keys";
        }
    }
    return from == order->key_count ? NULL : "a directory leaves out keys";
}

static const char *check_order(const struct rune_store *store, const struct rune_image_order *order)
{
    if (order->relation >= store->relation_count) {
        return "an order is of no relation";
    }
    const struct rune_image_relation *relation = &store->relations[order->relation];
    uint32_t arity = relation->arity;
    bool is_unit = order->form == RUNE_ORDER_UNIT;
    if (is_unit != (arity == 0) ||
        (!is_unit && order->form != RUNE_ORDER_DENSE && order->form != RUNE_ORDER_SPARSE)) {
        return "an order has no known form";
    }
    if (is_unit) {
        return relation->tuple_count <= 1 ? NULL : "a relation without columns has two tuples";
    }
    if (order->offset % 8 != 0 || order->offset > store->tuple_bytes ||
        order->size > store->tuple_bytes - order->offset ||
        order->size != rune_order_size(order, arity, relation->tuple_count) ||
        order->key_count > UINT32_MAX - order->key_min || order->shift > 31 ||
        (order->form == RUNE_ORDER_DENSE && order->block_count != 0)) {
        return "an order is out of bounds";
    }
    struct rune_image_order whole = *order;
    rune_order_complete(&whole, arity);
    if (order->starts != whole.starts || order->tuples != whole.tuples) {
        return "an order's rows are said to be elsewhere";
    }
    const char *what = check_columns(order, arity);
    if (what == NULL) {
        what = check_tuples(store, order, arity, (uint32_t)relation->tuple_count);
    }
    return what != NULL || order->form == RUNE_ORDER_DENSE ? what : check_directory(store, order);
}

static enum rune_err check_orders(const struct checker *checker)
{
    for (uint32_t i = 0; i < checker->store->order_count; i++) {
        const char *what = check_order(checker->store, &checker->store->orders[i]);
        if (what != NULL) {
            return rune_verify_fail(checker->diag, "ORDER", what);
        }
    }
    return RUNE_OK;
}

/* ---- relations and rules ---- */

static const char *check_relation(const struct rune_store *store, uint32_t number)
{
    const struct rune_image_relation *relation = &store->relations[number];
    const uint32_t effects = RUNE_RELATION_PERMIT | RUNE_RELATION_FORBID;
    if (relation->name >= store->terms.string_count || relation->arity > 64 ||
        relation->tuple_count > RUNE_RELATION_MAX_TUPLES) {
        return "a relation's name or size is out of bounds";
    }
    if ((relation->flags & effects) == effects ||
        ((relation->flags & effects) != 0 && relation->arity != 3)) {
        return "permit and forbid have three columns";
    }
    static const uint8_t data_arity[8] = {0, 1, 2, 3, 3, 3, UINT8_MAX, UINT8_MAX};
    uint32_t data = RUNE_RELATION_DATA(relation->flags);
    if (data != RUNE_DATA_NONE && relation->arity != data_arity[data]) {
        return "a relation of entity data has another number of columns";
    }
    if (!rune_rule_fits(relation->first_order, relation->order_count, store->order_count) ||
        !rune_rule_fits(relation->first_rule, relation->rule_count, store->rule_count)) {
        return "a relation's orders or rules are out of bounds";
    }
    for (uint32_t i = 0; i < relation->order_count; i++) {
        if (store->orders[relation->first_order + i].relation != number) {
            return "a relation names an order of another";
        }
    }
    for (uint32_t i = 0; i < relation->rule_count; i++) {
        if (store->rules[relation->first_rule + i].head != number) {
            return "a relation names a rule of another";
        }
    }
    return NULL;
}

static enum rune_err check_relations(const struct checker *checker)
{
    const struct rune_store *store = checker->store;
    for (uint32_t i = 0; i < store->relation_count; i++) {
        const char *what = check_relation(store, i);
        if (what != NULL) {
            return rune_verify_fail(checker->diag, "RELATION", what);
        }
    }
    for (uint32_t i = 0; i < store->rule_count; i++) {
        const struct rune_image_rule *rule = &store->rules[i];
        bool has_source = rule->source < store->source_count &&
                          rune_rule_fits(rule->source_offset, rule->source_length,
                                         store->sources[rule->source].length);
        if (rule->id >= store->terms.string_count || rule->head >= store->relation_count ||
            (rule->annotations != 0 && rule->annotations >= store->annotation_count) ||
            !(has_source || (store->source_count == 0 && rule->source == 0))) {
            return rune_verify_fail(checker->diag, "RULE", "a rule names what is not there");
        }
    }
    return RUNE_OK;
}

static enum rune_err check_ahead(const struct checker *checker)
{
    const struct rune_store *store = checker->store;
    bool is_right = store->ahead_count <= RUNE_RULE_MAX_AHEAD;
    for (uint32_t i = 0; is_right && i < store->ahead_count; i++) {
        const struct rune_image_ahead *ahead = &store->ahead[i];
        is_right = ahead->part <= 2 && ahead->order < store->order_count &&
                   store->orders[ahead->order].form < RUNE_ORDER_UNIT;
    }
    return is_right ? RUNE_OK : rune_verify_fail(checker->diag, "AHEAD", "it names no order");
}

enum rune_err rune_verify_relation_names(const struct rune_verified *verified)
{
    const struct rune_store *store = verified->store;
    struct rune_str before = {0};
    for (uint32_t i = 0; i < store->relation_count; i++) {
        uint32_t text = store->relations[i].name;
        if (text >= store->terms.string_count) {
            return rune_verify_fail(verified->diag, "RELATION", "a relation has no name");
        }
        struct rune_str name = rune_terms_string(
            &store->terms, rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, text));
        if (i > 0 && rune_str_compare(before, name) >= 0) {
            return rune_verify_fail(verified->diag, "RELATION", "relations are not sorted by name");
        }
        before = name;
    }
    return RUNE_OK;
}

enum rune_err rune_rules_verify(const struct rune_store *store, struct rune_diag *diag)
{
    struct checker checker = {.store = store, .diag = diag};
    enum rune_err err = check_relations(&checker);
    if (err == RUNE_OK) {
        err = check_orders(&checker);
    }
    if (err == RUNE_OK) {
        err = rune_rules_verify_plans(store, diag);
    }
    if (err == RUNE_OK) {
        err = check_ahead(&checker);
    }
    for (uint32_t i = 0; i < store->rule_span_count && err == RUNE_OK; i++) {
        if (store->rule_spans[i].code >= store->rule_code_count) {
            err = rune_verify_fail(diag, "RULE_SPAN", "a span is of no instruction");
        }
    }
    return err;
}
