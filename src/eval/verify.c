/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/verify.h"

#include "base/alloc.h"
#include "base/diag.h"
#include "eval/policy_code.h"
#include "eval/rule_eval.h"
#include "eval/schema_check.h"

enum rune_err rune_verify_fail(struct rune_diag *diag, const char *section, const char *what)
{
    rune_diag_report(diag, RUNE_ERROR, "RUNE-I0021", RUNE_SPAN_NONE, NULL,
                     "the image is damaged: section %s: %s", section, what);
    return RUNE_E_CORRUPT;
}

static enum rune_err verified_init(struct rune_verified *verified, const struct rune_store *store,
                                   struct rune_diag *diag)
{
    *verified = (struct rune_verified){.store = store, .diag = diag};
    size_t words = (size_t)store->terms.heap_count / 64 + 1;
    verified->records = rune_calloc(3 * words, sizeof *verified->records);
    if (verified->records == NULL) {
        return RUNE_E_NOMEM;
    }
    verified->shapes = verified->records + words;
    verified->entity_sets = verified->shapes + words;
    /* Honest runs do not overlap: all together are no longer than the heap. */
    verified->work_left = 2 * (uint64_t)store->terms.heap_count + 1024;
    return RUNE_OK;
}

static void verified_fini(struct rune_verified *verified)
{
    rune_free(verified->records);
}

/* ---- manifest, sources, annotations ---- */

static bool is_text(const struct rune_store *store, uint32_t text)
{
    return text < store->terms.string_count;
}

static bool is_type_or_none(const struct rune_store *store, rune_term term)
{
    return term == RUNE_TERM_NONE || rune_verify_is_kind(&store->terms, term, RUNE_KIND_STRING);
}

static enum rune_err verify_manifest(const struct rune_verified *verified)
{
    const struct rune_store *store = verified->store;
    const struct rune_image_manifest *manifest = store->manifest;
    const uint32_t flags = RUNE_MANIFEST_VALIDATE_REQUESTS | RUNE_MANIFEST_REQUEST_ENTITIES |
                           RUNE_MANIFEST_ERRORS_STRICT | RUNE_MANIFEST_HAS_SCHEMA;
    if (!is_text(store, manifest->name) || !is_text(store, manifest->bundle_version) ||
        (manifest->flags & ~flags) != 0 || manifest->validation > 2 ||
        !is_type_or_none(store, manifest->default_principal_type) ||
        !is_type_or_none(store, manifest->default_action_type) ||
        !is_type_or_none(store, manifest->default_resource_type)) {
        return rune_verify_fail(verified->diag, "MANIFEST",
                                "a field has a value that it cannot have");
    }
    if (manifest->policy_count != store->policy_count ||
        manifest->rule_count != store->rule_count ||
        manifest->entity_count > store->terms.entity_count) {
        return rune_verify_fail(verified->diag, "MANIFEST", "a count is not that of its section");
    }
    return RUNE_OK;
}

static enum rune_err verify_sources(const struct rune_verified *verified)
{
    const struct rune_store *store = verified->store;
    for (uint32_t i = 0; i < store->source_count; i++) {
        const struct rune_image_source *source = &store->sources[i];
        if (!is_text(store, source->path) || source->offset > store->source_byte_count ||
            source->length > store->source_byte_count - source->offset) {
            return rune_verify_fail(verified->diag, "SOURCE", "a source lies outside");
        }
    }
    return RUNE_OK;
}

/* Runs lie one behind the other; where they begin goes to a bitmap. */
static enum rune_err verify_annotations(const struct rune_verified *verified, uint64_t *starts)
{
    const struct rune_store *store = verified->store;
    for (uint32_t at = 0; at < store->annotation_count;) {
        uint32_t pairs = store->annotations[at];
        if (pairs > (store->annotation_count - at - 1) / 2 || (at == 0 && pairs != 0)) {
            return rune_verify_fail(verified->diag, "ANNOTATION",
                                    "a run does not fit, or the first is not empty");
        }
        rune_verify_set_bit(starts, at);
        for (uint32_t i = 1; i <= 2 * pairs; i++) {
            if (!is_text(store, store->annotations[at + i])) {
                return rune_verify_fail(verified->diag, "ANNOTATION", "a text does not exist");
            }
        }
        at += 1 + 2 * pairs;
    }
    return RUNE_OK;
}

/* ---- policies ---- */

static bool is_entity_or_none(const struct rune_store *store, rune_term term)
{
    return term == RUNE_TERM_NONE || rune_verify_is_kind(&store->terms, term, RUNE_KIND_ENTITY);
}

/* True if a text of that source is there, or nothing is claimed of a bundle without sources. */
static bool is_place(const struct rune_store *store, uint32_t source, uint32_t offset,
                     uint32_t length)
{
    if (store->source_count == 0) {
        return source == 0;
    }
    return source < store->source_count && offset <= store->sources[source].length &&
           length <= store->sources[source].length - offset;
}

static enum rune_err verify_policy(const struct rune_verified *verified,
                                   const struct rune_image_policy *policy,
                                   const uint64_t *annotation_starts)
{
    const struct rune_store *store = verified->store;
    const char *what = NULL;
    if (!is_text(store, policy->id) || !is_text(store, policy->template_id) ||
        policy->effect > RUNE_EFFECT_FORBID || !is_entity_or_none(store, policy->slot_principal) ||
        !is_entity_or_none(store, policy->slot_resource)) {
        return rune_verify_fail(verified->diag, "POLICY",
                                "a field has a value that it cannot have");
    }
    if (!is_place(store, policy->source, policy->source_offset, policy->source_length)) {
        return rune_verify_fail(verified->diag, "POLICY", "a text lies outside its source");
    }
    if (policy->annotations >= store->annotation_count ||
        !rune_verify_bit(annotation_starts, policy->annotations)) {
        return rune_verify_fail(verified->diag, "POLICY", "annotations do not exist");
    }
    if (!rune_verify_program(verified, policy, &what)) {
        return rune_verify_fail(verified->diag, "POLICY_CODE", what);
    }
    return RUNE_OK;
}

/* Spans ascend, each lies at a word of a program and in the source of its policy. */
static enum rune_err verify_spans(const struct rune_verified *verified)
{
    const struct rune_store *store = verified->store;
    uint32_t policy = 0;
    for (uint32_t i = 0; i < store->code_span_count; i++) {
        const struct rune_image_code_span *span = &store->code_spans[i];
        if (span->code >= store->policy_code_count ||
            (i > 0 && span->code <= store->code_spans[i - 1].code)) {
            return rune_verify_fail(verified->diag, "CODE_SPAN", "spans do not ascend");
        }
        /* Programs lie one behind the other and fill the section. */
        while (span->code - store->policies[policy].code >= store->policies[policy].code_length) {
            policy++;
        }
        if (!is_place(store, store->policies[policy].source, span->offset, span->length)) {
            return rune_verify_fail(verified->diag, "CODE_SPAN", "a span lies outside its source");
        }
    }
    return RUNE_OK;
}

/* Policies with their programs, patterns, spans and annotations; sources; the manifest. */
static enum rune_err verify_policies(struct rune_verified *verified)
{
    const struct rune_store *store = verified->store;
    uint64_t *starts = rune_calloc((size_t)store->annotation_count / 64 + 1, sizeof *starts);
    if (starts == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = verify_manifest(verified);
    err = err == RUNE_OK ? verify_sources(verified) : err;
    err = err == RUNE_OK ? verify_annotations(verified, starts) : err;
    uint32_t end = 0;
    for (uint32_t i = 0; err == RUNE_OK && i < store->policy_count; i++) {
        const struct rune_image_policy *policy = &store->policies[i];
        if (policy->code != end || policy->code_length > store->policy_code_count - end) {
            err = rune_verify_fail(verified->diag, "POLICY",
                                   "programs do not lie one behind the other");
            break;
        }
        end += policy->code_length;
        err = verify_policy(verified, policy, starts);
    }
    rune_free(starts);
    if (err == RUNE_OK && end != store->policy_code_count) {
        return rune_verify_fail(verified->diag, "POLICY_CODE", "there are words of no program");
    }
    return err == RUNE_OK ? verify_spans(verified) : err;
}

/* ---- all ---- */

enum rune_err rune_store_verify_data(const struct rune_store *store, struct rune_diag *diag)
{
    struct rune_verified verified;
    enum rune_err err = verified_init(&verified, store, diag);
    if (err != RUNE_OK) {
        return err;
    }
    err = rune_verify_terms(&verified);
    err = err == RUNE_OK ? rune_verify_entities(&verified) : err;
    err = err == RUNE_OK ? verify_policies(&verified) : err;
    err = err == RUNE_OK ? rune_verify_index(&verified) : err;
    err = err == RUNE_OK
              ? rune_schema_verify(store->schema, store->schema_count, &store->terms, diag)
              : err;
    err = err == RUNE_OK ? rune_verify_relation_names(&verified) : err;
    verified_fini(&verified);
    return err;
}

enum rune_err rune_store_verify(const struct rune_store *store, struct rune_diag *diag)
{
    enum rune_err err = rune_store_verify_data(store, diag);
    return err == RUNE_OK ? rune_rules_verify(store, diag) : err;
}
