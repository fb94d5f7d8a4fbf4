/* SPDX-License-Identifier: Apache-2.0 */
/* build: one build from its sources to what is written: the stages in order. */
#include "engine/build_int.h"

#include <time.h>

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* CPU time since the last phase ended. */
static uint64_t end_phase(struct rune_build *build)
{
    uint64_t now_ns = cpu_ns();
    uint64_t took_ns = now_ns - build->phase_ns;
    build->phase_ns = now_ns;
    return took_ns;
}

void rune_build_tell(const struct rune_build *build, const char *what)
{
    if (build->options->progress != NULL) {
        build->options->progress(build->options->progress_context, what, 0, 0);
    }
}

enum rune_err rune_build_stage(struct rune_build *build, enum rune_err err)
{
    if (err == RUNE_E_BUNDLE || err == RUNE_E_SYNTAX || err == RUNE_E_INVALID ||
        err == RUNE_E_SCHEMA) {
        build->has_mistakes = true;
        return RUNE_OK;
    }
    return err;
}

static bool has_any_mistake(const struct rune_build *build)
{
    return build->has_mistakes || build->has_invalid_policies;
}

uint32_t rune_build_source_index(void *context, const struct rune_source *source)
{
    const struct rune_build *build = context;
    const char *first = (const char *)&build->bundle.files[0].source;
    size_t file = (size_t)((const char *)source - first) / sizeof(build->bundle.files[0]);
    return build->source_of.items[file] - 1;
}

/* ---- life ---- */

enum rune_err rune_build_init(struct rune_build *build, const struct rune_build_options *options,
                              struct rune_diag *diag)
{
    *build = (struct rune_build){.options = options, .diag = diag};
    build->began_ns = build->phase_ns = cpu_ns();
    build->max_memory_bytes =
        options->max_memory_bytes != 0 ? options->max_memory_bytes : RUNE_BUILD_DEFAULT_MEMORY;
    rune_arena_init(&build->arena, build->max_memory_bytes);
    rune_arena_init(&build->rule_trees, build->max_memory_bytes);
    rune_arena_init(&build->policy_arena, build->max_memory_bytes);
    build->dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, build->max_memory_bytes);
    if (build->dict == NULL) {
        return RUNE_E_NOMEM;
    }
    rune_entity_table_init(&build->entities, build->dict, NULL);
    return RUNE_OK;
}

void rune_build_fini(struct rune_build *build)
{
    rune_dl_result_fini(&build->derived);
    rune_cedar_index_fini(&build->index);
    rune_cedar_program_fini(&build->program);
    rune_facts_fini(&build->facts);
    rune_entity_table_fini(&build->entities);
    rune_ids_fini(&build->ids);
    RUNE_VEC_FINI(&build->clauses);
    rune_map_fini(&build->probed);
    RUNE_VEC_FINI(&build->links);
    RUNE_VEC_FINI(&build->sources);
    RUNE_VEC_FINI(&build->source_files);
    RUNE_VEC_FINI(&build->source_of);
    RUNE_VEC_FINI(&build->schema_words);
    rune_dict_destroy(build->dict);
    rune_arena_fini(&build->policy_arena);
    rune_arena_fini(&build->rule_trees);
    rune_arena_fini(&build->arena);
}

/* ---- sources ---- */

/* What explanations will quote: policies and rules. */
static bool is_kept(enum rune_bundle_kind kind)
{
    return kind == RUNE_BUNDLE_POLICIES || kind == RUNE_BUNDLE_RULES;
}

static enum rune_err number_sources(struct rune_build *build)
{
    for (uint32_t i = 0; i < build->bundle.count; i++) {
        const struct rune_bundle_file *file = &build->bundle.files[i];
        uint32_t number = is_kept(file->kind) ? (uint32_t)build->sources.count + 1 : 0;
        if (!RUNE_VEC_PUSH(&build->source_of, number)) {
            return RUNE_E_NOMEM;
        }
        if (number == 0) {
            continue;
        }
        const struct rune_image_source source = {.length = file->source.length,
                                                 .offset = build->source_bytes};
        if (!RUNE_VEC_PUSH(&build->sources, source) || !RUNE_VEC_PUSH(&build->source_files, i)) {
            return RUNE_E_NOMEM;
        }
        build->source_bytes += file->source.length;
    }
    return RUNE_OK;
}

/* ---- stages ---- */

static enum rune_err read_entities(struct rune_build *build)
{
    const struct rune_bundle *bundle = &build->bundle;
    for (uint32_t i = rune_bundle_next(bundle, RUNE_BUNDLE_ENTITIES, 0); i < bundle->count;
         i = rune_bundle_next(bundle, RUNE_BUNDLE_ENTITIES, i + 1)) {
        enum rune_err err = rune_build_stage(
            build, rune_entity_table_read(&build->entities, &bundle->files[i].source, build->diag));
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

static enum rune_err close_entities(struct rune_build *build)
{
    enum rune_err err = rune_entity_table_extend(&build->entities);
    return err == RUNE_OK
               ? rune_build_stage(build, rune_entity_table_close(&build->entities, build->diag))
               : err;
}

static enum rune_err index_policies(struct rune_build *build)
{
    if (build->has_mistakes) {
        return RUNE_OK;
    }
    enum rune_err err = rune_entity_table_extend(&build->entities);
    return err == RUNE_OK ? rune_cedar_index_build(&build->program, rune_dict_terms(build->dict),
                                                   build->entities.ancestors.items, &build->index)
                          : err;
}

enum rune_err rune_build_read_manifest(struct rune_build *build)
{
    enum rune_err err = number_sources(build);
    return err == RUNE_OK
               ? rune_build_stage(build, rune_manifest_read(&build->bundle, &build->arena,
                                                            &build->manifest, build->diag))
               : err;
}

enum rune_err rune_build_parse(struct rune_build *build)
{
    enum rune_err err = rune_build_read_schema(build);
    if (err == RUNE_OK) {
        err = rune_build_parse_policies(build);
    }
    if (err == RUNE_OK) {
        err = rune_build_read_links(build);
    }
    if (err == RUNE_OK) {
        err = rune_build_validate_policies(build);
    }
    if (err == RUNE_OK) {
        err = rune_build_parse_rules(build);
    }
    if (err == RUNE_OK) {
        err = rune_build_read_facts(build);
    }
    build->has_mistakes = build->has_mistakes || build->ids.duplicates > 0;
    build->result.read_ns = end_phase(build);
    return err;
}

static enum rune_err make_policies(struct rune_build *build)
{
    rune_build_tell(build, "reading entities");
    struct rune_vec_u32 relaxed = {0};
    enum rune_err err = rune_build_relax_sets(build, &relaxed);
    if (err == RUNE_OK) {
        err = read_entities(build);
    }
    rune_build_require_sets(build, &relaxed);
    if (err == RUNE_OK) {
        rune_build_tell(build, "compiling policies");
        err = rune_build_find_probed(build);
    }
    if (err == RUNE_OK) {
        err = rune_build_compile_policies(build);
    }
    if (err == RUNE_OK) {
        err = close_entities(build);
    }
    build->result.policies_ns = end_phase(build);
    return err;
}

static enum rune_err make_rules(struct rune_build *build)
{
    rune_build_tell(build, "evaluating rules");
    enum rune_err err = rune_build_check_rules(build);
    if (err == RUNE_OK) {
        err = rune_build_evaluate_rules(build);
    }
    if (err == RUNE_OK) {
        err = index_policies(build);
    }
    build->result.rules_ns = end_phase(build);
    return err;
}

static void count_result(struct rune_build *build)
{
    struct rune_build_result *result = &build->result;
    result->policies = (uint32_t)build->program.policies.count;
    result->templates = build->template_count;
    result->rules = build->rule_count;
    result->entities = build->entities.entity_count;
    result->base_facts = build->derived.base_facts;
    result->derived_facts = build->derived.derived_facts;
}

enum rune_err rune_build_finish(struct rune_build *build, int fd)
{
    enum rune_err err = make_policies(build);
    if (err == RUNE_OK) {
        err = make_rules(build);
    }
    if (err == RUNE_OK && has_any_mistake(build)) {
        err = RUNE_E_BUNDLE;
    }
    if (err == RUNE_OK && fd >= 0) {
        rune_build_tell(build, "writing the image");
        err = rune_build_write(build, fd);
        build->result.write_ns = end_phase(build);
    }
    count_result(build);
    build->result.total_ns = cpu_ns() - build->began_ns;
    return err;
}

enum rune_err rune_build_finish_check(struct rune_build *build, enum rune_build_extent extent)
{
    enum rune_err err = make_policies(build);
    if (err == RUNE_OK && extent == RUNE_BUILD_WHOLE) {
        err = rune_build_check_rules(build);
    }
    count_result(build);
    return err == RUNE_OK && has_any_mistake(build) ? RUNE_E_BUNDLE : err;
}
