/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/store.h"

#include "base/diag.h"

static enum rune_err corrupt(struct rune_diag *diag, const char *what)
{
    rune_diag_report(diag, RUNE_ERROR, "RUNE-I0020", RUNE_SPAN_NONE, NULL,
                     "the image is damaged: %s", what);
    return RUNE_E_CORRUPT;
}

/* A section's entries and how many; *ok turns false where the count is no u32. */
static const void *section(const struct rune_image_map *map, enum rune_section id,
                           uint32_t *ret_count, bool *ok)
{
    uint64_t count;
    const void *entries = rune_image_section(map, id, &count);
    *ok = *ok && count <= UINT32_MAX;
    *ret_count = (uint32_t)count;
    return entries;
}

static enum rune_err open_terms(const struct rune_image_map *map, struct rune_terms *terms,
                                struct rune_diag *diag)
{
    bool ok = true;
    uint32_t offsets, ids, bytes;
    terms->space = RUNE_SPACE_IMAGE;
    terms->string_offsets = section(map, RUNE_SECTION_STRING_OFFSET, &offsets, &ok);
    terms->string_bytes = section(map, RUNE_SECTION_STRING_BYTES, &bytes, &ok);
    terms->entity_type = section(map, RUNE_SECTION_ENTITY_TYPE, &terms->entity_count, &ok);
    terms->entity_id = section(map, RUNE_SECTION_ENTITY_ID, &ids, &ok);
    terms->longs = section(map, RUNE_SECTION_LONG, &terms->long_count, &ok);
    terms->exts = section(map, RUNE_SECTION_EXT, &terms->ext_count, &ok);
    terms->floats = section(map, RUNE_SECTION_FLOAT, &terms->float_count, &ok);
    terms->sets = section(map, RUNE_SECTION_SET, &terms->set_count, &ok);
    terms->records = section(map, RUNE_SECTION_RECORD, &terms->record_count, &ok);
    terms->heap = section(map, RUNE_SECTION_HEAP, &terms->heap_count, &ok);
    terms->index = section(map, RUNE_SECTION_DICTIONARY_INDEX, &terms->index_slots, &ok);
    if (!ok) {
        return corrupt(diag, "a section has too many entries");
    }
    if (offsets == 0 || terms->string_offsets[offsets - 1] != bytes) {
        return corrupt(diag, "section STRING_OFFSET does not end where STRING_BYTES does");
    }
    if (ids != terms->entity_count) {
        return corrupt(diag, "sections ENTITY_TYPE and ENTITY_ID differ in length");
    }
    terms->string_count = offsets - 1;
    return RUNE_OK;
}

static enum rune_err open_entities(const struct rune_image_map *map, struct rune_store *store,
                                   struct rune_diag *diag)
{
    bool ok = true;
    uint32_t attrs, ancestors, tags, flags, manifests;
    store->manifest = section(map, RUNE_SECTION_MANIFEST, &manifests, &ok);
    store->entity_attrs = section(map, RUNE_SECTION_ENTITY_ATTRS, &attrs, &ok);
    store->entity_ancestors = section(map, RUNE_SECTION_ENTITY_ANCESTORS, &ancestors, &ok);
    store->entity_tags = section(map, RUNE_SECTION_ENTITY_TAGS, &tags, &ok);
    store->entity_flags = section(map, RUNE_SECTION_ENTITY_FLAGS, &flags, &ok);
    uint32_t count = store->terms.entity_count;
    if (!ok || manifests != 1) {
        return corrupt(diag, "section MANIFEST has not one entry");
    }
    if (attrs != count || ancestors != count || flags != count || (tags != 0 && tags != count)) {
        return corrupt(diag, "the sections of entities differ in length");
    }
    if (tags == 0) {
        store->entity_tags = NULL;
    }
    return RUNE_OK;
}

static bool open_policies(const struct rune_image_map *map, struct rune_store *store)
{
    bool ok = true;
    store->policies = section(map, RUNE_SECTION_POLICY, &store->policy_count, &ok);
    store->policy_code = section(map, RUNE_SECTION_POLICY_CODE, &store->policy_code_count, &ok);
    store->code_spans = section(map, RUNE_SECTION_CODE_SPAN, &store->code_span_count, &ok);
    store->policy_index = section(map, RUNE_SECTION_POLICY_INDEX, &store->policy_index_count, &ok);
    store->policy_hash = section(map, RUNE_SECTION_POLICY_HASH, &store->policy_hash_slots, &ok);
    store->policy_list = section(map, RUNE_SECTION_POLICY_LIST, &store->policy_list_count, &ok);
    store->patterns = section(map, RUNE_SECTION_PATTERN, &store->pattern_bytes, &ok);
    store->annotations = section(map, RUNE_SECTION_ANNOTATION, &store->annotation_count, &ok);
    store->ancestor_scopes =
        section(map, RUNE_SECTION_ANCESTOR_SCOPE, &store->ancestor_scope_count, &ok);
    return ok;
}

static bool open_rules(const struct rune_image_map *map, struct rune_store *store)
{
    bool ok = true;
    store->relations = section(map, RUNE_SECTION_RELATION, &store->relation_count, &ok);
    store->orders = section(map, RUNE_SECTION_ORDER, &store->order_count, &ok);
    store->tuples = rune_image_section(map, RUNE_SECTION_TUPLES, &store->tuple_bytes);
    store->rules = section(map, RUNE_SECTION_RULE, &store->rule_count, &ok);
    store->plans = section(map, RUNE_SECTION_PLAN, &store->plan_count, &ok);
    store->rule_code = section(map, RUNE_SECTION_RULE_CODE, &store->rule_code_count, &ok);
    store->rule_spans = section(map, RUNE_SECTION_RULE_SPAN, &store->rule_span_count, &ok);
    store->ahead = section(map, RUNE_SECTION_AHEAD, &store->ahead_count, &ok);
    return ok;
}

enum rune_err rune_store_open(const struct rune_image_map *map, struct rune_store *ret_store,
                              struct rune_diag *diag)
{
    struct rune_store store = {0};
    enum rune_err err = open_terms(map, &store.terms, diag);
    if (err == RUNE_OK) {
        err = open_entities(map, &store, diag);
    }
    if (err != RUNE_OK) {
        return err;
    }
    bool ok = open_policies(map, &store) && open_rules(map, &store);
    store.schema = section(map, RUNE_SECTION_SCHEMA, &store.schema_count, &ok);
    store.sources = section(map, RUNE_SECTION_SOURCE, &store.source_count, &ok);
    store.source_bytes =
        rune_image_section(map, RUNE_SECTION_SOURCE_BYTES, &store.source_byte_count);
    if (!ok) {
        return corrupt(diag, "a section has too many entries");
    }
    *ret_store = store;
    return RUNE_OK;
}
