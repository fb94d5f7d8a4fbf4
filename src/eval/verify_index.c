/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "eval/policy_code.h"
#include "eval/policy_index.h"
#include "eval/verify.h"

static const char SECTION[] = "POLICY_INDEX";
static const char HASH[] = "POLICY_HASH";
static const char SCOPES[] = "ANCESTOR_SCOPE";

static bool is_power_of_two(uint32_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

static bool is_term_or_none(const struct rune_terms *terms, rune_term term, enum rune_kind kind)
{
    return term == RUNE_TERM_NONE || rune_verify_is_kind(terms, term, kind);
}

static bool is_key(const struct rune_terms *terms, const struct rune_image_index_key *key)
{
    switch (key->kind) {
    case RUNE_SCOPE_KEY_PRINCIPAL:
    case RUNE_SCOPE_KEY_RESOURCE:
        return rune_verify_is_kind(terms, key->a, RUNE_KIND_ENTITY) &&
               is_term_or_none(terms, key->b, RUNE_KIND_ENTITY) && key->c <= key->count;
    case RUNE_SCOPE_KEY_SCOPE:
        return is_term_or_none(terms, key->a, RUNE_KIND_ENTITY) &&
               is_term_or_none(terms, key->b, RUNE_KIND_STRING) &&
               is_term_or_none(terms, key->c, RUNE_KIND_STRING);
    case RUNE_SCOPE_KEY_PAIR:
        return rune_verify_is_kind(terms, key->a, RUNE_KIND_ENTITY) &&
               rune_verify_is_kind(terms, key->b, RUNE_KIND_ENTITY) &&
               is_term_or_none(terms, key->c, RUNE_KIND_ENTITY);
    case RUNE_SCOPE_KEY_PAIRS:
        return rune_verify_is_kind(terms, key->a, RUNE_KIND_ENTITY) && key->b == 0 && key->c == 0;
    default:
        return false;
    }
}

static bool is_run(const struct rune_store *store, const struct rune_image_index_key *key)
{
    return key->count == 1 ? key->first < store->policy_count
                           : key->first <= store->policy_list_count &&
                                 key->count <= store->policy_list_count - key->first;
}

/* Slots name keys; one at least is empty, so that searches end. */
static enum rune_err verify_slots(const struct rune_verified *verified)
{
    const struct rune_store *store = verified->store;
    uint32_t slots = store->policy_hash_slots;
    bool has_empty = slots == 0;
    for (uint32_t i = 0; i < slots; i++) {
        uint32_t number = store->policy_hash[i] & ~RUNE_POLICY_INDEX_TAG;
        has_empty = has_empty || store->policy_hash[i] == 0;
        if (store->policy_hash[i] != 0 && (number == 0 || number > store->policy_index_count)) {
            return rune_verify_fail(verified->diag, HASH, "a slot has no such key");
        }
    }
    if (!has_empty || (slots != 0 && !is_power_of_two(slots))) {
        return rune_verify_fail(verified->diag, HASH,
                                "it has no empty slot, or a wrong number of slots");
    }
    return RUNE_OK;
}

/* Would a search find it? The slots are verified. */
static bool is_found(const struct rune_store *store, uint32_t number)
{
    const struct rune_image_index_key *key = &store->policy_index[number];
    uint32_t slots = store->policy_hash_slots;
    uint64_t hash = rune_policy_index_hash(key->kind, key->a, key->b,
                                           rune_policy_index_has_c(key->kind) ? key->c : 0);
    uint32_t wanted = rune_policy_index_tag(hash) | (number + 1);
    uint32_t at = slots == 0 ? 0 : rune_policy_index_home(hash, slots);
    while (slots != 0 && store->policy_hash[at] != 0 && store->policy_hash[at] != wanted) {
        at = (at + 1) & (slots - 1);
    }
    return slots != 0 && store->policy_hash[at] == wanted;
}

/* Keys are keys, have policies, and are found. */
static enum rune_err verify_keys(const struct rune_verified *verified, uint64_t *filed)
{
    const struct rune_store *store = verified->store;
    for (uint32_t i = 0; i < store->policy_index_count; i++) {
        const struct rune_image_index_key *key = &store->policy_index[i];
        if (!is_key(&store->terms, key) || !is_run(store, key)) {
            return rune_verify_fail(verified->diag, SECTION, "a key or its run does not exist");
        }
        if (!is_found(store, i)) {
            return rune_verify_fail(verified->diag, HASH, "a key is not found");
        }
        if (key->count == 1) {
            rune_verify_set_bit(filed, key->first);
        }
    }
    return RUNE_OK;
}

/* Each policy that could ever match is filed: a forbid that is not found would be one that does not
 * exist. */
static enum rune_err verify_list(const struct rune_verified *verified, uint64_t *filed)
{
    const struct rune_store *store = verified->store;
    for (uint32_t i = 0; i < store->policy_list_count; i++) {
        if (store->policy_list[i] >= store->policy_count) {
            return rune_verify_fail(verified->diag, "POLICY_LIST", "a policy does not exist");
        }
        rune_verify_set_bit(filed, store->policy_list[i]);
    }
    for (uint32_t i = 0; i < store->policy_count; i++) {
        const struct rune_image_policy *policy = &store->policies[i];
        if (!rune_verify_bit(filed, i) &&
            rune_op_of(store->policy_code[policy->code]) != RUNE_OP_NO_MATCH) {
            return rune_verify_fail(verified->diag, "POLICY_LIST", "a policy is not in the index");
        }
    }
    return RUNE_OK;
}

/* A list [n, entities...]; returns the word behind it, 0 if it is none. */
static uint32_t verify_entity_list(const struct rune_store *store, const uint32_t *words,
                                   uint32_t at, uint32_t end)
{
    if (at >= end || words[at] > end - at - 1) {
        return 0;
    }
    for (uint32_t i = 1; i <= words[at]; i++) {
        if (!rune_verify_is_kind(&store->terms, words[at + i], RUNE_KIND_ENTITY)) {
            return 0;
        }
    }
    return at + 1 + words[at];
}

static enum rune_err verify_map(const struct rune_verified *verified, const uint32_t *map,
                                uint32_t slots, uint32_t list_words)
{
    const uint32_t *lists = map + 2 * (size_t)slots;
    bool has_empty = slots == 0;
    uint64_t work = 0;
    for (uint32_t i = 0; i < slots; i++) {
        if (map[2 * (size_t)i] == 0) {
            has_empty = true;
            continue;
        }
        uint32_t first = map[2 * (size_t)i + 1];
        uint32_t second = verify_entity_list(verified->store, lists, first, list_words);
        uint32_t end =
            second == 0 ? 0 : verify_entity_list(verified->store, lists, second, list_words);
        work += end == 0 ? 0 : end - first;
        if (end == 0 || work > 2 * (uint64_t)list_words) {
            return rune_verify_fail(verified->diag, SCOPES, "a list of keys does not fit");
        }
    }
    return has_empty ? RUNE_OK
                     : rune_verify_fail(verified->diag, SCOPES, "the map has no empty slot");
}

static enum rune_err verify_scopes(const struct rune_verified *verified)
{
    const struct rune_store *store = verified->store;
    const uint32_t *words = store->ancestor_scopes;
    uint64_t count = store->ancestor_scope_count;
    if (count == 0) {
        return store->policy_list_count == 0
                   ? RUNE_OK
                   : rune_verify_fail(verified->diag, SCOPES, "there is nothing");
    }
    if (count < RUNE_POLICY_INDEX_HEADER ||
        (words[0] & ~(uint32_t)RUNE_POLICY_INDEX_ALL_FLAGS) != 0 ||
        (words[2] != 0 && !is_power_of_two(words[2])) ||
        count !=
            RUNE_POLICY_INDEX_HEADER + 2 * (uint64_t)words[1] + 2 * (uint64_t)words[2] + words[3]) {
        return rune_verify_fail(verified->diag, SCOPES, "its parts do not fit");
    }
    bool has_bitmaps = (words[0] & RUNE_POLICY_INDEX_HAS_BITMAPS) != 0;
    if ((words[0] != 0 && store->policy_hash_slots == 0) ||
        (has_bitmaps && (uint64_t)words[1] * 32 < store->terms.entity_count)) {
        return rune_verify_fail(verified->diag, SCOPES, "a flag is set for what is not there");
    }
    return verify_map(verified, words + RUNE_POLICY_INDEX_HEADER + 2 * (size_t)words[1], words[2],
                      words[3]);
}

enum rune_err rune_verify_index(struct rune_verified *verified)
{
    uint64_t *filed = rune_calloc((size_t)verified->store->policy_count / 64 + 1, sizeof *filed);
    if (filed == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = verify_slots(verified);
    err = err == RUNE_OK ? verify_keys(verified, filed) : err;
    err = err == RUNE_OK ? verify_list(verified, filed) : err;
    err = err == RUNE_OK ? verify_scopes(verified) : err;
    rune_free(filed);
    return err;
}
