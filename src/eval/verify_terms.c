/* SPDX-License-Identifier: Apache-2.0 */
/* The dictionary. Runs of sets and records ascend with their indexes and do not overlap, and a
 * container's run comes after those of what it contains, so one walk in heap order verifies all and
 * knows each one's depth. */
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "eval/verify.h"

/* Average slots between a value and its home. An honest index has about one; a damaged one could
 * make searches long. */
#define MAX_MEAN_DISTANCE 16u
#define VALUES_AHEAD      16u

static const char SECTION_HEAP[] = "HEAP";

/* ---- scalars ---- */

/* Of a character of several bytes, not the first one. */
static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

static enum rune_err verify_strings(const struct rune_terms *terms, struct rune_diag *diag)
{
    if (terms->string_count == 0 || terms->string_offsets[0] != 0 ||
        terms->string_offsets[1] != 0) {
        return rune_verify_fail(diag, "STRING_OFFSET", "string 0 is not the empty string");
    }
    /* All strings are UTF-8 if all bytes are and each string begins where a character does. */
    uint32_t end = terms->string_offsets[terms->string_count];
    bool is_utf8 = rune_utf8_valid_prefix(terms->string_bytes, end) == end;
    for (uint32_t i = 0; i < terms->string_count && is_utf8; i++) {
        uint32_t from = terms->string_offsets[i];
        if (from > terms->string_offsets[i + 1] || from > end) {
            return rune_verify_fail(diag, "STRING_OFFSET", "offsets do not ascend");
        }
        is_utf8 = from == end || !is_continuation(terms->string_bytes[from]);
    }
    return is_utf8 ? RUNE_OK : rune_verify_fail(diag, "STRING_BYTES", "a string is not UTF-8");
}

static enum rune_err verify_scalars(const struct rune_terms *terms, struct rune_diag *diag)
{
    for (uint32_t i = 0; i < terms->entity_count; i++) {
        if (!rune_verify_is_kind(terms, terms->entity_type[i], RUNE_KIND_STRING) ||
            !rune_verify_is_kind(terms, terms->entity_id[i], RUNE_KIND_STRING)) {
            return rune_verify_fail(diag, "ENTITY_TYPE", "a uid is not made of strings");
        }
    }
    for (uint32_t i = 0; i < terms->long_count; i++) {
        if (rune_term_fits_inline(terms->longs[i])) {
            return rune_verify_fail(diag, "LONG", "an integer should be inline");
        }
    }
    for (uint32_t i = 0; i < terms->ext_count; i++) {
        if (!rune_ext_verify(&terms->exts[i])) {
            return rune_verify_fail(diag, "EXT", "an extension value has not its one form");
        }
    }
    return RUNE_OK;
}

/* ---- runs ---- */

/* True if `count` items follow the word at `offset`, and their number may be looked at. */
static bool run_is_inside(struct rune_verified *verified, uint32_t offset, uint32_t count)
{
    uint32_t words = verified->store->terms.heap_count;
    if (offset >= words || count > words - offset - 1 || count > verified->work_left) {
        return false;
    }
    verified->work_left -= count;
    return true;
}

static enum rune_err verify_shape(struct rune_verified *verified, uint32_t offset)
{
    const struct rune_terms *terms = &verified->store->terms;
    if (offset >= terms->heap_count) {
        return rune_verify_fail(verified->diag, SECTION_HEAP, "a shape lies outside");
    }
    if (rune_verify_bit(verified->shapes, offset)) {
        return RUNE_OK;
    }
    const uint32_t *shape = terms->heap + offset;
    if (!run_is_inside(verified, offset, shape[0])) {
        return rune_verify_fail(verified->diag, SECTION_HEAP, "a shape does not fit");
    }
    for (uint32_t i = 1; i <= shape[0]; i++) {
        if (!rune_verify_is_kind(terms, shape[i], RUNE_KIND_STRING) ||
            (i > 1 && shape[i] <= shape[i - 1])) {
            return rune_verify_fail(verified->diag, SECTION_HEAP,
                                    "the names of a shape do not ascend");
        }
    }
    rune_verify_set_bit(verified->shapes, offset);
    return RUNE_OK;
}

/* A record run's values must be values; those with runs of their own must come before `limit`. */
static enum rune_err verify_record_run(struct rune_verified *verified, uint32_t offset,
                                       uint32_t *ret_count)
{
    const struct rune_terms *terms = &verified->store->terms;
    if (offset >= terms->heap_count) {
        return rune_verify_fail(verified->diag, SECTION_HEAP, "a record lies outside");
    }
    const uint32_t *run = terms->heap + offset;
    enum rune_err err = verify_shape(verified, run[0]);
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t count = terms->heap[run[0]];
    if (!run_is_inside(verified, offset, count)) {
        return rune_verify_fail(verified->diag, SECTION_HEAP, "a record does not fit");
    }
    for (uint32_t i = 1; i <= count; i++) {
        if (!rune_verify_is_term(terms, run[i])) {
            return rune_verify_fail(verified->diag, SECTION_HEAP,
                                    "a record holds what is no value");
        }
    }
    rune_verify_set_bit(verified->records, offset);
    *ret_count = count;
    return RUNE_OK;
}

static enum rune_err verify_set_run(struct rune_verified *verified, uint32_t offset)
{
    const struct rune_terms *terms = &verified->store->terms;
    if (offset >= terms->heap_count || !run_is_inside(verified, offset, terms->heap[offset])) {
        return rune_verify_fail(verified->diag, SECTION_HEAP, "a set does not fit");
    }
    const uint32_t *run = terms->heap + offset;
    bool only_entities = true;
    for (uint32_t i = 1; i <= run[0]; i++) {
        if (!rune_verify_is_term(terms, run[i]) || (i > 1 && run[i] <= run[i - 1])) {
            return rune_verify_fail(verified->diag, SECTION_HEAP,
                                    "the elements of a set do not ascend");
        }
        only_entities = only_entities && rune_verify_is_kind(terms, run[i], RUNE_KIND_ENTITY);
    }
    if (only_entities) {
        rune_verify_set_bit(verified->entity_sets, offset);
    }
    return RUNE_OK;
}

/* Depth of a run's items, one deeper than the deepest; 0 where one has its run at `offset` or
 * behind. */
static uint32_t depth_of(const struct rune_terms *terms, uint32_t offset, uint32_t count,
                         const uint8_t *set_depths, const uint8_t *record_depths)
{
    uint32_t depth = 1;
    for (uint32_t i = 1; i <= count; i++) {
        rune_term item = terms->heap[offset + i];
        uint32_t index = rune_term_index(item);
        uint32_t inner = 0;
        if (rune_term_kind(item) == RUNE_KIND_SET) {
            if (terms->sets[index] >= offset) {
                return 0;
            }
            inner = set_depths[index];
        } else if (rune_term_kind(item) == RUNE_KIND_RECORD) {
            if (terms->records[index] >= offset) {
                return 0;
            }
            inner = record_depths[index];
        }
        depth = inner + 1 > depth ? inner + 1 : depth;
    }
    return depth;
}

static enum rune_err verify_depth(struct rune_verified *verified, uint32_t offset, uint32_t count,
                                  const uint8_t *set_depths, const uint8_t *record_depths,
                                  uint8_t *ret_depth)
{
    uint32_t depth = depth_of(&verified->store->terms, offset, count, set_depths, record_depths);
    if (depth == 0 || depth > RUNE_VALUE_MAX_DEPTH) {
        return rune_verify_fail(verified->diag, SECTION_HEAP,
                                "a value is nested too deep or in itself");
    }
    *ret_depth = (uint8_t)depth;
    return RUNE_OK;
}

/* Sets and records in the order of their runs. `depths` has room for all. */
static enum rune_err verify_runs(struct rune_verified *verified, uint8_t *set_depths,
                                 uint8_t *record_depths)
{
    const struct rune_terms *terms = &verified->store->terms;
    uint32_t end = 2; /* behind the runs of the empty set and the empty record */
    uint32_t set = 1, record = 1, count = 0;
    set_depths[0] = record_depths[0] = 1;
    while (set < terms->set_count || record < terms->record_count) {
        bool is_set = record == terms->record_count ||
                      (set < terms->set_count && terms->sets[set] < terms->records[record]);
        uint32_t offset = is_set ? terms->sets[set] : terms->records[record];
        if (offset < end) {
            return rune_verify_fail(verified->diag, SECTION_HEAP, "runs overlap or do not ascend");
        }
        enum rune_err err =
            is_set ? verify_set_run(verified, offset) : verify_record_run(verified, offset, &count);
        if (err == RUNE_OK) {
            count = is_set ? terms->heap[offset] : count;
            err = verify_depth(verified, offset, count, set_depths, record_depths,
                               is_set ? &set_depths[set] : &record_depths[record]);
        }
        if (err != RUNE_OK) {
            return err;
        }
        if (count == 0) {
            return rune_verify_fail(verified->diag, SECTION_HEAP,
                                    "a set or record is empty in a second place");
        }
        end = offset + 1 + count;
        set += is_set;
        record += !is_set;
    }
    return RUNE_OK;
}

static enum rune_err verify_heap(struct rune_verified *verified)
{
    const struct rune_terms *terms = &verified->store->terms;
    if (terms->heap_count < 2 || terms->heap[0] != 0 || terms->heap[1] != 0 ||
        terms->set_count == 0 || terms->sets[0] != 0 || terms->record_count == 0 ||
        terms->records[0] != 1) {
        return rune_verify_fail(verified->diag, SECTION_HEAP,
                                "it does not begin with the empty values");
    }
    rune_verify_set_bit(verified->shapes, 0);
    rune_verify_set_bit(verified->records, 1);
    rune_verify_set_bit(verified->entity_sets, 0);
    uint8_t *depths = rune_alloc((size_t)terms->set_count + terms->record_count);
    if (depths == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = verify_runs(verified, depths, depths + terms->set_count);
    rune_free(depths);
    return err;
}

/* ---- the index ---- */

static rune_term find_again(const struct rune_terms *terms, rune_term term)
{
    uint32_t index = rune_term_index(term);
    const uint32_t *run;
    switch (rune_term_kind(term)) {
    case RUNE_KIND_STRING:
        return rune_terms_find_string(terms, rune_terms_string(terms, term));
    case RUNE_KIND_ENTITY:
        return rune_terms_find_entity(terms, terms->entity_type[index], terms->entity_id[index]);
    case RUNE_KIND_LONG:
        return rune_terms_find_long(terms, terms->longs[index]);
    case RUNE_KIND_SET:
        run = terms->heap + terms->sets[index];
        return rune_terms_find_set(terms, run + 1, run[0]);
    case RUNE_KIND_RECORD:
        run = terms->heap + terms->records[index];
        return rune_terms_find_record(terms, terms->heap + run[0] + 1, run + 1,
                                      terms->heap[run[0]]);
    case RUNE_KIND_EXT:
        return rune_terms_find_ext(terms, &terms->exts[index]);
    case RUNE_KIND_FLOAT:
        return rune_terms_find_float(terms, terms->floats[index]);
    case RUNE_KIND_SPECIAL:
        break;
    }
    return RUNE_TERM_NONE;
}

static uint32_t next_slot(const struct rune_terms *terms, uint32_t slot)
{
    return slot + 1 == terms->index_slots ? 0 : slot + 1;
}

/* Walks from home to the value's slot, past others and no empty one, and notes its hash there. */
static enum rune_err place_value(const struct rune_terms *terms, rune_term term, uint32_t hash,
                                 uint32_t *hashes, uint64_t *steps_left, struct rune_diag *diag)
{
    uint32_t slot = rune_terms_home(terms, hash);
    for (; terms->index[slot] != term; slot = next_slot(terms, slot)) {
        if (terms->index[slot] == RUNE_TERM_NONE) {
            return rune_verify_fail(diag, "DICTIONARY_INDEX", "a value is not found");
        }
        if ((*steps_left)-- == 0) {
            return rune_verify_fail(diag, "DICTIONARY_INDEX",
                                    "values lie too far from their slots");
        }
    }
    hashes[slot] = hash;
    return RUNE_OK;
}

/* Values come in order, so that what their hashes are made of lies in order, too; their slots do
 * not, and are fetched some values ahead. */
static enum rune_err place_values(const struct rune_terms *terms, enum rune_kind kind,
                                  uint32_t count, uint32_t *hashes, uint64_t *steps_left,
                                  struct rune_diag *diag)
{
    uint32_t ahead[VALUES_AHEAD];
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < count + VALUES_AHEAD; i++) {
        if (i >= VALUES_AHEAD) {
            rune_term term = rune_term_make(RUNE_SPACE_IMAGE, kind, i - VALUES_AHEAD);
            err = place_value(terms, term, ahead[i % VALUES_AHEAD], hashes, steps_left, diag);
        }
        if (i < count) {
            uint32_t hash = rune_terms_hash(terms, rune_term_make(RUNE_SPACE_IMAGE, kind, i));
            ahead[i % VALUES_AHEAD] = hash;
            __builtin_prefetch(terms->index + rune_terms_home(terms, hash));
            __builtin_prefetch(hashes + rune_terms_home(terms, hash), 1);
        }
    }
    return err;
}

static enum rune_err place_all(const struct rune_terms *terms, uint32_t *hashes,
                               struct rune_diag *diag)
{
    const struct {
        enum rune_kind kind;
        uint32_t count;
    } kinds[] = {
        {RUNE_KIND_STRING, terms->string_count}, {RUNE_KIND_ENTITY, terms->entity_count},
        {RUNE_KIND_LONG, terms->long_count},     {RUNE_KIND_SET, terms->set_count},
        {RUNE_KIND_RECORD, terms->record_count}, {RUNE_KIND_EXT, terms->ext_count},
        {RUNE_KIND_FLOAT, terms->float_count},
    };
    uint64_t steps_left = (uint64_t)MAX_MEAN_DISTANCE * terms->index_slots;
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; err == RUNE_OK && i < sizeof kinds / sizeof *kinds; i++) {
        err = place_values(terms, kinds[i].kind, kinds[i].count, hashes, &steps_left, diag);
    }
    return err;
}

/* A search for each value comes to its slot, and to no equal one before: the slots from its home on
 * are taken, by values of other hashes. */
static enum rune_err verify_slots(const struct rune_terms *terms, const uint32_t *hashes,
                                  struct rune_diag *diag)
{
    for (uint32_t at = 0; at < terms->index_slots; at++) {
        rune_term term = terms->index[at];
        if (term == RUNE_TERM_NONE) {
            continue;
        }
        for (uint32_t slot = rune_terms_home(terms, hashes[at]); slot != at;
             slot = next_slot(terms, slot)) {
            if (hashes[slot] == hashes[at] && find_again(terms, term) != term) {
                return rune_verify_fail(diag, "DICTIONARY_INDEX", "a value is there twice");
            }
        }
    }
    return RUNE_OK;
}

/* As many slots are used as there are values, and each value has one: so every used slot names a
 * value, and none has two. One slot at least is empty, so that searches end. */
static enum rune_err count_slots(const struct rune_terms *terms, struct rune_diag *diag)
{
    uint64_t values = (uint64_t)terms->string_count + terms->entity_count + terms->long_count +
                      terms->set_count + terms->record_count + terms->ext_count +
                      terms->float_count;
    uint64_t used = 0;
    for (uint32_t at = 0; at < terms->index_slots; at++) {
        used += terms->index[at] != RUNE_TERM_NONE;
    }
    return used == values && used < terms->index_slots
               ? RUNE_OK
               : rune_verify_fail(diag, "DICTIONARY_INDEX",
                                  "there are more or fewer slots than values");
}

static enum rune_err verify_index(const struct rune_terms *terms, struct rune_diag *diag)
{
    enum rune_err err = count_slots(terms, diag);
    if (err != RUNE_OK) {
        return err;
    }
    uint32_t *hashes = rune_realloc(NULL, terms->index_slots, sizeof *hashes);
    if (hashes == NULL) {
        return RUNE_E_NOMEM;
    }
    err = place_all(terms, hashes, diag);
    if (err == RUNE_OK) {
        err = verify_slots(terms, hashes, diag);
    }
    rune_free(hashes);
    return err;
}

static enum rune_err verify_counts(const struct rune_terms *terms, struct rune_diag *diag)
{
    const uint32_t counts[] = {terms->string_count, terms->entity_count, terms->long_count,
                               terms->set_count,    terms->record_count, terms->ext_count,
                               terms->float_count};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (counts[i] > RUNE_TERM_INDEX_MAX) {
            return rune_verify_fail(diag, "STRING_OFFSET",
                                    "there are more values of a kind than terms");
        }
    }
    return RUNE_OK;
}

enum rune_err rune_verify_terms(struct rune_verified *verified)
{
    const struct rune_terms *terms = &verified->store->terms;
    enum rune_err err = verify_counts(terms, verified->diag);
    if (err == RUNE_OK) {
        err = verify_strings(terms, verified->diag);
    }
    if (err == RUNE_OK) {
        err = verify_scalars(terms, verified->diag);
    }
    if (err == RUNE_OK) {
        err = verify_heap(verified);
    }
    return err == RUNE_OK ? verify_index(terms, verified->diag) : err;
}

/* ---- entities ---- */

/* Runs of entities may be shared, so each is looked at once. */
static enum rune_err verify_entity_record(struct rune_verified *verified, uint32_t offset)
{
    uint32_t count;
    if (offset < verified->store->terms.heap_count && rune_verify_bit(verified->records, offset)) {
        return RUNE_OK;
    }
    return verify_record_run(verified, offset, &count);
}

/* Ancestor sets are shared runs that are no values of the dictionary. */
static enum rune_err verify_ancestors(struct rune_verified *verified, uint32_t offset)
{
    uint32_t heap_count = verified->store->terms.heap_count;
    if (offset < heap_count && rune_verify_bit(verified->entity_sets, offset)) {
        return RUNE_OK;
    }
    enum rune_err err = verify_set_run(verified, offset);
    if (err == RUNE_OK && !rune_verify_bit(verified->entity_sets, offset)) {
        return rune_verify_fail(verified->diag, "ENTITY_ANCESTORS", "a run is no set of entities");
    }
    return err;
}

enum rune_err rune_verify_entities(struct rune_verified *verified)
{
    const struct rune_store *store = verified->store;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < store->terms.entity_count; i++) {
        err = verify_ancestors(verified, store->entity_ancestors[i]);
        if (err != RUNE_OK) {
            return err;
        }
        if (store->entity_flags[i] > 1) {
            return rune_verify_fail(verified->diag, "ENTITY_FLAGS", "an unknown flag is set");
        }
        err = verify_entity_record(verified, store->entity_attrs[i]);
        if (err == RUNE_OK && store->entity_tags != NULL) {
            err = verify_entity_record(verified, store->entity_tags[i]);
        }
    }
    return err;
}
