/* SPDX-License-Identifier: Apache-2.0 */
/* Sections are the arrays as they stand; only the manifest and the sources' bytes are put together
 * here. */
#include "engine/build_int.h"

#include <string.h>

#include "base/alloc.h"
#include "shm/image_writer.h"

#define MAX_PARTS 48u

struct parts {
    struct rune_image_part items[MAX_PARTS];
    size_t count;
};

static void add(struct parts *parts, enum rune_section id, const void *data, uint64_t count)
{
    parts->items[parts->count++] = (struct rune_image_part){.id = id, .data = data, .count = count};
}

/* ---- manifest ---- */

static enum rune_err put_text(struct rune_build *build, struct rune_str text, uint32_t *ret_text)
{
    rune_term term;
    enum rune_err err =
        rune_dict_string(build->dict, text.data != NULL ? text : RUNE_STR(""), &term);
    if (err == RUNE_OK) {
        *ret_text = rune_term_index(term);
    }
    return err;
}

static enum rune_err put_type(struct rune_build *build, struct rune_str type, uint32_t *ret_term)
{
    *ret_term = RUNE_TERM_NONE;
    return type.length > 0 ? rune_dict_string(build->dict, type, ret_term) : RUNE_OK;
}

static uint32_t manifest_flags(const struct rune_build *build)
{
    const struct rune_manifest *manifest = &build->manifest;
    bool has_schema = build->schema.words != NULL;
    return (has_schema ? RUNE_MANIFEST_HAS_SCHEMA : 0u) |
           (has_schema && manifest->validate_requests ? RUNE_MANIFEST_VALIDATE_REQUESTS : 0u) |
           (manifest->allow_request_entities ? RUNE_MANIFEST_REQUEST_ENTITIES : 0u) |
           (manifest->strict_errors ? RUNE_MANIFEST_ERRORS_STRICT : 0u);
}

static uint32_t validation_number(const struct rune_build *build)
{
    if (build->schema.words == NULL || build->manifest.validation == RUNE_VALIDATION_OFF) {
        return 0;
    }
    return build->manifest.validation == RUNE_VALIDATION_PERMISSIVE ? 1 : 2;
}

static enum rune_err make_manifest(struct rune_build *build, struct rune_image_manifest *manifest)
{
    *manifest = (struct rune_image_manifest){
        .flags = manifest_flags(build),
        .validation = validation_number(build),
        .entity_count = build->entities.entity_count,
        .base_facts = build->derived.base_facts,
        .derived_facts = build->derived.derived_facts,
        .policy_count = (uint32_t)build->program.policies.count,
        .template_count = build->template_count,
        .rule_count = (uint32_t)build->derived.rules.count, /* without those whose work is done */
    };
    enum rune_err err = put_text(build, build->manifest.name, &manifest->name);
    if (err == RUNE_OK) {
        err = put_text(build, build->manifest.version, &manifest->bundle_version);
    }
    if (err == RUNE_OK) {
        err = put_type(build, build->manifest.principal_type, &manifest->default_principal_type);
    }
    if (err == RUNE_OK) {
        err = put_type(build, build->manifest.action_type, &manifest->default_action_type);
    }
    if (err == RUNE_OK) {
        err = put_type(build, build->manifest.resource_type, &manifest->default_resource_type);
    }
    return err;
}

/* ---- sources ---- */

static enum rune_err put_sources(struct rune_build *build, char **ret_bytes)
{
    char *bytes = rune_alloc(build->source_bytes + 1);
    if (bytes == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; i < build->sources.count && err == RUNE_OK; i++) {
        const struct rune_source *source =
            &build->bundle.files[build->source_files.items[i]].source;
        struct rune_image_source *entry = &build->sources.items[i];
        err = put_text(build, rune_str_from(source->path), &entry->path);
        if (source->length > 0) {
            memcpy(bytes + entry->offset, source->text, source->length);
        }
    }
    if (err != RUNE_OK) {
        rune_free(bytes);
        return err;
    }
    *ret_bytes = bytes;
    return RUNE_OK;
}

/* ---- sections ---- */

static void add_dictionary(struct parts *parts, const struct rune_terms *terms)
{
    add(parts, RUNE_SECTION_STRING_OFFSET, terms->string_offsets,
        (uint64_t)terms->string_count + 1);
    add(parts, RUNE_SECTION_STRING_BYTES, terms->string_bytes,
        terms->string_offsets[terms->string_count]);
    add(parts, RUNE_SECTION_ENTITY_TYPE, terms->entity_type, terms->entity_count);
    add(parts, RUNE_SECTION_ENTITY_ID, terms->entity_id, terms->entity_count);
    add(parts, RUNE_SECTION_LONG, terms->longs, terms->long_count);
    add(parts, RUNE_SECTION_EXT, terms->exts, terms->ext_count);
    add(parts, RUNE_SECTION_FLOAT, terms->floats, terms->float_count);
    add(parts, RUNE_SECTION_SET, terms->sets, terms->set_count);
    add(parts, RUNE_SECTION_RECORD, terms->records, terms->record_count);
    add(parts, RUNE_SECTION_HEAP, terms->heap, terms->heap_count);
    add(parts, RUNE_SECTION_DICTIONARY_INDEX, terms->index, terms->index_slots);
}

static void add_entities(struct parts *parts, const struct rune_entity_table *table)
{
    add(parts, RUNE_SECTION_ENTITY_ATTRS, table->attrs.items, table->attrs.count);
    add(parts, RUNE_SECTION_ENTITY_ANCESTORS, table->ancestors.items, table->ancestors.count);
    add(parts, RUNE_SECTION_ENTITY_TAGS, table->tags.items,
        table->has_tags ? table->tags.count : 0);
    add(parts, RUNE_SECTION_ENTITY_FLAGS, table->flags.items, table->flags.count);
}

static void add_policies(struct parts *parts, const struct rune_cedar_program *program,
                         const struct rune_cedar_index *index)
{
    add(parts, RUNE_SECTION_POLICY, program->policies.items, program->policies.count);
    add(parts, RUNE_SECTION_POLICY_CODE, program->code.items, program->code.count);
    add(parts, RUNE_SECTION_CODE_SPAN, program->spans.items, program->spans.count);
    add(parts, RUNE_SECTION_PATTERN, program->patterns.items, program->patterns.count);
    add(parts, RUNE_SECTION_ANNOTATION, program->annotations.items, program->annotations.count);
    add(parts, RUNE_SECTION_POLICY_INDEX, index->keys.items, index->keys.count);
    add(parts, RUNE_SECTION_POLICY_HASH, index->hash.items, index->hash.count);
    add(parts, RUNE_SECTION_POLICY_LIST, index->list.items, index->list.count);
    add(parts, RUNE_SECTION_ANCESTOR_SCOPE, index->ancestor_scopes.items,
        index->ancestor_scopes.count);
}

static void add_rules(struct parts *parts, const struct rune_dl_result *derived)
{
    add(parts, RUNE_SECTION_RELATION, derived->relations.items, derived->relations.count);
    add(parts, RUNE_SECTION_ORDER, derived->orders.items, derived->orders.count);
    add(parts, RUNE_SECTION_TUPLES, derived->tuples, derived->tuple_bytes);
    add(parts, RUNE_SECTION_RULE, derived->rules.items, derived->rules.count);
    add(parts, RUNE_SECTION_PLAN, derived->plans.items, derived->plans.count);
    add(parts, RUNE_SECTION_RULE_CODE, derived->code.items, derived->code.count);
    add(parts, RUNE_SECTION_RULE_SPAN, derived->spans.items, derived->spans.count);
    add(parts, RUNE_SECTION_AHEAD, derived->ahead.items, derived->ahead.count);
}

enum rune_err rune_build_write(struct rune_build *build, int fd)
{
    struct rune_image_manifest manifest;
    char *source_bytes = NULL;
    enum rune_err err = make_manifest(build, &manifest);
    if (err == RUNE_OK) {
        err = put_sources(build, &source_bytes);
    }
    /* INVARIANT: nothing is interned from here on. */
    if (err == RUNE_OK) {
        err = rune_entity_table_extend(&build->entities);
    }
    if (err == RUNE_OK) {
        struct parts parts = {0};
        add(&parts, RUNE_SECTION_MANIFEST, &manifest, 1);
        add_dictionary(&parts, rune_dict_finish(build->dict));
        add_entities(&parts, &build->entities);
        add_policies(&parts, &build->program, &build->index);
        add_rules(&parts, &build->derived);
        add(&parts, RUNE_SECTION_SCHEMA, build->schema.words,
            build->schema.words != NULL ? build->schema.count : 0);
        add(&parts, RUNE_SECTION_SOURCE, build->sources.items, build->sources.count);
        add(&parts, RUNE_SECTION_SOURCE_BYTES, source_bytes, build->source_bytes);
        err = rune_image_write(fd, parts.items, parts.count, build->options->max_image_bytes,
                               build->result.sha256, &build->result.image_bytes, build->diag);
    }
    rune_free(source_bytes);
    return err;
}
