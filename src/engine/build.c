/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "engine/build_int.h"
#include "engine/build_texts.h"
#include "shm/image_writer.h"

#define MAX_ATTEMPTS 5 /* LIMIT: how often a bundle that changes while it is read is read again */

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

static void tell(const struct rune_build *build, const char *what)
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

uint32_t rune_build_source_index(void *context, const struct rune_source *source)
{
    const struct rune_build *build = context;
    const char *first = (const char *)&build->bundle.files[0].source;
    size_t file = (size_t)((const char *)source - first) / sizeof(build->bundle.files[0]);
    return build->source_of.items[file] - 1;
}

/* ---- life ---- */

static enum rune_err build_init(struct rune_build *build, const struct rune_build_options *options,
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

static void build_fini(struct rune_build *build)
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

/* Everything that is text: schema, policies, rules, and the facts beside them. */
static enum rune_err parse_sources(struct rune_build *build)
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

static enum rune_err read_sources(struct rune_build *build, const char *path,
                                  enum rune_bundle_facts facts)
{
    tell(build, "reading the bundle");
    enum rune_err err = rune_bundle_open(path, facts, &build->arena, &build->bundle, build->diag);
    if (err == RUNE_OK) {
        err = number_sources(build);
    }
    if (err == RUNE_OK) {
        err = rune_build_stage(build, rune_manifest_read(&build->bundle, &build->arena,
                                                         &build->manifest, build->diag));
    }
    return err == RUNE_OK ? parse_sources(build) : err;
}

static enum rune_err make_policies(struct rune_build *build)
{
    tell(build, "reading entities");
    struct rune_vec_u32 relaxed = {0};
    enum rune_err err = rune_build_relax_sets(build, &relaxed);
    if (err == RUNE_OK) {
        err = read_entities(build);
    }
    rune_build_require_sets(build, &relaxed);
    if (err == RUNE_OK) {
        tell(build, "compiling policies");
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
    tell(build, "evaluating rules");
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

/* RUNE_E_BUSY if the bundle changed before all of it was read; then that is the only message:
 * whatever else was wrong may be the fault of the change. */
static enum rune_err check_unchanged(struct rune_build *build)
{
    if (build->bundle.path == NULL ||
        rune_bundle_check_unchanged(&build->bundle, &build->arena, NULL) == RUNE_OK) {
        return RUNE_OK;
    }
    if (build->diag != NULL) {
        rune_diag_reset(build->diag);
    }
    enum rune_err err = rune_bundle_check_unchanged(&build->bundle, &build->arena, build->diag);
    return err == RUNE_OK ? RUNE_E_BUSY : err;
}

/* What was parsed becomes an image. fd < 0: nothing is written. */
static enum rune_err finish(struct rune_build *build, int fd)
{
    enum rune_err err = make_policies(build);
    if (err == RUNE_OK) {
        err = make_rules(build);
    }
    if (err == RUNE_OK && build->has_mistakes) {
        err = RUNE_E_BUNDLE;
    }
    if (err == RUNE_OK && fd >= 0) {
        tell(build, "writing the image");
        err = rune_build_write(build, fd);
        build->result.write_ns = end_phase(build);
    }
    count_result(build);
    build->result.total_ns = cpu_ns() - build->began_ns;
    return err;
}

/* One attempt. RUNE_E_BUSY: the bundle changed meanwhile. */
static enum rune_err run(struct rune_build *build, const char *path, enum rune_bundle_facts facts,
                         int fd)
{
    enum rune_err err = read_sources(build, path, facts);
    /* All of it is in memory: what changes from here on is another bundle. */
    if (err == RUNE_OK && build->bundle.is_streamed) {
        err = check_unchanged(build);
    }
    if (err == RUNE_OK) {
        err = finish(build, fd);
    }
    /* A file that is gone, or that has become too much. */
    bool may_have_changed = err != RUNE_OK && err != RUNE_E_BUSY && err != RUNE_E_BUNDLE;
    return may_have_changed && check_unchanged(build) != RUNE_OK ? RUNE_E_BUSY : err;
}

static enum rune_err attempt(const char *path, const struct rune_build_options *options,
                             enum rune_bundle_facts facts, int fd,
                             struct rune_build_result *ret_result, struct rune_diag *diag)
{
    struct rune_build build;
    enum rune_err err = build_init(&build, options, diag);
    if (err == RUNE_OK) {
        err = run(&build, path, facts, fd);
    }
    if (err == RUNE_OK) {
        *ret_result = build.result;
    }
    build_fini(&build);
    return err;
}

/* ---- public ---- */

static enum rune_err build_into(const char *path, const struct rune_build_options *options, int fd,
                                struct rune_build_result *ret_result, struct rune_diag *diag)
{
    static const struct rune_build_options defaults = RUNE_BUILD_OPTIONS_INIT;
    if (options == NULL) {
        options = &defaults;
    }
    if (options->version > RUNE_BUILD_OPTIONS_VERSION) {
        return RUNE_E_INVALID;
    }
    enum rune_err err = RUNE_E_BUSY;
    for (int i = 0; i < MAX_ATTEMPTS && err == RUNE_E_BUSY; i++) {
        if (i > 0 && diag != NULL) {
            rune_diag_reset(diag); /* of a bundle that is no longer there */
        }
        err = attempt(path, options, i == 0 ? RUNE_BUNDLE_FACTS_STREAMED : RUNE_BUNDLE_FACTS_READ,
                      fd, ret_result, diag);
    }
    return err;
}

enum rune_err rune_build_bundle(const char *path, const struct rune_build_options *options, int fd,
                                struct rune_build_result *ret_result, struct rune_diag *diag)
{
    return build_into(path, options, fd, ret_result, diag);
}

enum rune_err rune_build_check(const char *path, const struct rune_build_options *options,
                               struct rune_build_result *ret_result, struct rune_diag *diag)
{
    return build_into(path, options, -1, ret_result, diag);
}

/* ---- files that need not be a whole bundle ---- */

static bool has_directory(const char *const *paths, size_t count)
{
    struct stat status;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        found = found || (stat(paths[i], &status) == 0 && S_ISDIR(status.st_mode));
    }
    return found;
}

static enum rune_err check_files(struct rune_build *build, bool is_whole, bool needs_templates)
{
    enum rune_err err = number_sources(build);
    if (err == RUNE_OK) {
        err = rune_build_stage(build, rune_manifest_read(&build->bundle, &build->arena,
                                                         &build->manifest, build->diag));
    }
    if (err == RUNE_OK) {
        err = parse_sources(build);
    }
    if (build->policies.count == 0 && !needs_templates) {
        build->links.count = 0; /* their templates are elsewhere */
    }
    if (err == RUNE_OK) {
        err = make_policies(build);
    }
    if (err == RUNE_OK && is_whole) {
        err = rune_build_check_rules(build);
    }
    count_result(build);
    return err == RUNE_OK && build->has_mistakes ? RUNE_E_BUNDLE : err;
}

/* The bundle has room for one file more. */
static void add_links(struct rune_bundle *bundle, struct rune_str links)
{
    bundle->files[bundle->count++] = (struct rune_bundle_file){
        .kind = RUNE_BUNDLE_LINKS,
        .source = {"(link)", links.data, (uint32_t)links.length},
    };
}

enum rune_err rune_build_check_links(const char *const *paths, size_t count, struct rune_str links,
                                     const struct rune_build_options *options,
                                     struct rune_build_result *ret_result, struct rune_diag *diag)
{
    static const struct rune_build_options defaults = RUNE_BUILD_OPTIONS_INIT;
    struct rune_build build;
    if (links.length >= UINT32_MAX ||
        (options != NULL && options->version > RUNE_BUILD_OPTIONS_VERSION)) {
        return RUNE_E_INVALID;
    }
    enum rune_err err = build_init(&build, options != NULL ? options : &defaults, diag);
    if (err == RUNE_OK) {
        err = rune_build_stage(
            &build, rune_bundle_collect(paths, count, &build.arena, &build.bundle, diag));
    }
    if (err == RUNE_OK && links.length > 0) {
        add_links(&build.bundle, links);
    }
    if (err == RUNE_OK) {
        err = check_files(&build, has_directory(paths, count), links.length > 0);
    }
    if (err == RUNE_OK) {
        *ret_result = build.result;
    }
    build_fini(&build);
    return err;
}

enum rune_err rune_build_check_files(const char *const *paths, size_t count,
                                     const struct rune_build_options *options,
                                     struct rune_build_result *ret_result, struct rune_diag *diag)
{
    return rune_build_check_links(paths, count, (struct rune_str){0}, options, ret_result, diag);
}

static enum rune_err build_texts(const struct rune_build_texts *texts, int fd,
                                 struct rune_build_result *ret_result, struct rune_diag *diag)
{
    const struct rune_build_options options = {.version = RUNE_BUILD_OPTIONS_VERSION,
                                               .keeps_parents = texts->keeps_parents};
    struct rune_build build;
    enum rune_err err = build_init(&build, &options, diag);
    if (err == RUNE_OK) {
        build.bundle = (struct rune_bundle){.files = texts->files, .count = texts->count};
        build.ids_by_position = true;
        build.storing = texts->storing;
        err = number_sources(&build);
    }
    if (err == RUNE_OK) { /* no file of that kind: the defaults */
        err = rune_build_stage(
            &build, rune_manifest_read(&build.bundle, &build.arena, &build.manifest, diag));
    }
    if (err == RUNE_OK) {
        build.manifest.validate_requests = texts->validate_requests;
        build.manifest.validation = texts->validation;
        err = parse_sources(&build);
    }
    err = err == RUNE_OK ? finish(&build, fd) : err;
    if (err == RUNE_OK) {
        *ret_result = build.result;
    }
    build_fini(&build);
    return err;
}

enum rune_err rune_build_texts(const struct rune_build_texts *texts, int *ret_fd,
                               struct rune_build_result *ret_result, struct rune_diag *diag)
{
    int fd;
    enum rune_err err = rune_image_memfd_create("rune-image", &fd);
    if (err != RUNE_OK) {
        return err;
    }
    err = build_texts(texts, fd, ret_result, diag);
    if (err == RUNE_OK) {
        err = rune_image_seal(fd);
    }
    if (err != RUNE_OK) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return RUNE_OK;
}

enum rune_err rune_build_memory(const char *path, const struct rune_build_options *options,
                                int *ret_fd, struct rune_build_result *ret_result,
                                struct rune_diag *diag)
{
    int fd;
    enum rune_err err = rune_image_memfd_create("rune-image", &fd);
    if (err != RUNE_OK) {
        return err;
    }
    err = build_into(path, options, fd, ret_result, diag);
    if (err == RUNE_OK) {
        err = rune_image_seal(fd);
    }
    if (err != RUNE_OK) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return RUNE_OK;
}
