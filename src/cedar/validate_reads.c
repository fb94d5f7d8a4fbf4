/* SPDX-License-Identifier: Apache-2.0 */
/* Views and their combinations are tuples of words, numbered in one table, which a new policy
 * empties by counting its epoch up. Types are hash-consed, so that equal ones are one pointer. */
#include "cedar/validate_reads.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

struct rune_vreads_slot {
    uint64_t words[RUNE_VREADS_WORDS];
    uint32_t epoch, number;
};

enum { COMBINATION = 4 }; /* words[0] of a combination; that of a view is its variable */

void rune_vreads_fini(struct rune_vreads *reads)
{
    rune_free(reads->slots);
    *reads = (struct rune_vreads){0};
}

/* ---- what is read ---- */

static void read_name(struct rune_vread *read, struct rune_str name)
{
    for (uint32_t i = 0; i < read->name_count; i++) {
        if (rune_str_equal(read->names[i], name)) {
            return;
        }
    }
    if (read->name_count == RUNE_VREADS_NAMES) {
        read->is_whole = true;
        return;
    }
    read->names[read->name_count++] = name;
}

static void look(struct rune_vreads *reads, const struct rune_cedar_expr *expr)
{
    if (expr->kind == RUNE_EXPR_VAR) {
        reads->variables[expr->as.var].is_whole = true;
        return;
    }
    bool is_get = expr->kind == RUNE_EXPR_GET_ATTR;
    if ((is_get || expr->kind == RUNE_EXPR_HAS) && expr->args[0]->kind == RUNE_EXPR_VAR) {
        read_name(&reads->variables[expr->args[0]->as.var],
                  is_get ? expr->as.string : expr->as.path.names[0]);
        return;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        look(reads, expr->args[i]);
    }
}

void rune_vreads_begin(struct rune_vreads *reads, const struct rune_cedar_policy *policy)
{
    for (int i = 0; i < 4; i++) {
        reads->variables[i].is_whole = false;
        reads->variables[i].name_count = 0;
    }
    reads->count = 0;
    if (++reads->epoch == 0) { /* after 2^32 policies, old slots would look new */
        reads->epoch = 1;
        if (reads->slots != NULL) {
            memset(reads->slots, 0, reads->capacity * sizeof(*reads->slots));
        }
    }
    for (uint32_t i = 0; i < policy->condition_count; i++) {
        look(reads, policy->conditions[i].body);
    }
}

/* ---- numbers ---- */

static struct rune_vreads_slot *probe(const struct rune_vreads *reads, const uint64_t *words)
{
    size_t mask = reads->capacity - 1;
    size_t bytes = sizeof(reads->slots->words);
    for (size_t at = (size_t)rune_hash64(words, bytes, 0) & mask;; at = (at + 1) & mask) {
        struct rune_vreads_slot *slot = &reads->slots[at];
        if (slot->epoch != reads->epoch || memcmp(slot->words, words, bytes) == 0) {
            return slot;
        }
    }
}

static bool grow(struct rune_vreads *reads)
{
    struct rune_vreads larger = *reads;
    larger.capacity = reads->capacity == 0 ? 64 : reads->capacity * 2;
    larger.slots = rune_calloc(larger.capacity, sizeof(*larger.slots));
    if (larger.slots == NULL) {
        reads->failed = true;
        return false;
    }
    for (size_t i = 0; i < reads->capacity; i++) {
        if (reads->slots[i].epoch == reads->epoch) {
            *probe(&larger, reads->slots[i].words) = reads->slots[i];
        }
    }
    rune_free(reads->slots);
    *reads = larger;
    return true;
}

/* Numbers begin at 1; 0 where memory is out. */
static uint32_t number_of(struct rune_vreads *reads, const uint64_t *words, bool *ret_added)
{
    *ret_added = false;
    if (reads->failed || ((reads->count + 1) * 2 > reads->capacity && !grow(reads))) {
        return 0;
    }
    struct rune_vreads_slot *slot = probe(reads, words);
    if (slot->epoch != reads->epoch) {
        memcpy(slot->words, words, sizeof(slot->words));
        slot->epoch = reads->epoch;
        slot->number = (uint32_t)++reads->count;
        *ret_added = true;
    }
    return slot->number;
}

uint32_t rune_vreads_view(struct rune_vreads *reads, enum rune_cedar_var var,
                          struct rune_vtypes *types, const struct rune_vtype *type)
{
    const struct rune_vread *read = &reads->variables[var];
    uint64_t words[RUNE_VREADS_WORDS] = {var};
    bool added;
    if (!read->is_whole && read->name_count == 0) {
        return 0;
    }
    if (read->is_whole && type->kind == RUNE_VTYPE_ENTITY) {
        return type->entities[0] + 1; /* of one type: what a request has */
    }
    if (read->is_whole) {
        words[1] = (uint64_t)(uintptr_t)type;
        return number_of(reads, words, &added);
    }
    for (uint32_t i = 0; i < read->name_count; i++) {
        const struct rune_vtype_attr *attr = rune_vtypes_attribute(types, type, read->names[i]);
        /* A type's address is even. */
        words[2 + i] =
            attr == NULL ? 0 : (uint64_t)(uintptr_t)attr->type | (uint64_t)attr->is_required;
    }
    return number_of(reads, words, &added);
}

bool rune_vreads_is_new(struct rune_vreads *reads, const uint32_t views[4])
{
    uint64_t words[RUNE_VREADS_WORDS] = {COMBINATION, views[0], views[1], views[2], views[3]};
    bool added;
    number_of(reads, words, &added);
    return added;
}
