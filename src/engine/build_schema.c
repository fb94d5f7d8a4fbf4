/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of a bundle: fragments of both syntaxes, merged, and the words that requests are
 * checked against. */
#include "cedar/schema_image.h"
#include "engine/build_int.h"

RUNE_VEC(vec_fragment, struct rune_schema_fragment);

static enum rune_err parse_fragments(struct rune_build *build, enum rune_bundle_kind kind,
                                     struct vec_fragment *fragments, bool *failed)
{
    const struct rune_bundle *bundle = &build->bundle;
    for (uint32_t i = rune_bundle_next(bundle, kind, 0); i < bundle->count;
         i = rune_bundle_next(bundle, kind, i + 1)) {
        const struct rune_source *source = &bundle->files[i].source;
        struct rune_schema_fragment fragment;
        enum rune_err err =
            kind == RUNE_BUNDLE_SCHEMA
                ? rune_schema_parse(source, &build->arena, &fragment, build->diag)
                : rune_schema_parse_json(source, &build->arena, &fragment, build->diag);
        if (err == RUNE_OK) {
            err = RUNE_VEC_PUSH(fragments, fragment) ? RUNE_OK : RUNE_E_NOMEM;
        } else {
            *failed = true;
            err = rune_build_stage(build, err);
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

static enum rune_err resolve(struct rune_build *build, const struct vec_fragment *fragments)
{
    enum rune_err err = rune_schema_resolve(fragments->items, (uint32_t)fragments->count,
                                            &build->arena, &build->cedar_schema, build->diag);
    if (err != RUNE_OK) {
        return rune_build_stage(build, err);
    }
    err = rune_schema_write(&build->cedar_schema, build->dict, &build->schema_words);
    if (err != RUNE_OK) {
        return err;
    }
    build->has_schema = true;
    rune_schema_open(build->schema_words.items, (uint32_t)build->schema_words.count,
                     &build->schema);
    build->entities.schema = &build->schema;
    return RUNE_OK;
}

enum rune_err rune_build_read_schema(struct rune_build *build)
{
    struct vec_fragment fragments = {0};
    bool failed = false;
    enum rune_err err = parse_fragments(build, RUNE_BUNDLE_SCHEMA, &fragments, &failed);
    if (err == RUNE_OK) {
        err = parse_fragments(build, RUNE_BUNDLE_SCHEMA_JSON, &fragments, &failed);
    }
    if (err == RUNE_OK && !failed && fragments.count > 0) {
        err = resolve(build, &fragments);
    }
    RUNE_VEC_FINI(&fragments);
    return err;
}
