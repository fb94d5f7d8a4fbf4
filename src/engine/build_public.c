/* SPDX-License-Identifier: Apache-2.0 */
/* build_public: the ways into a build: a bundle, some of its files, texts in memory. */
#include <sys/stat.h>

#include "engine/build_int.h"
#include "engine/build_texts.h"
#include "shm/image_writer.h"

#define MAX_ATTEMPTS 5 /* LIMIT: how often a bundle that changes while it is read is read again */

/* ---- a bundle ---- */

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

/* One attempt. RUNE_E_BUSY: the bundle changed meanwhile. */
static enum rune_err run(struct rune_build *build, const char *path, enum rune_bundle_facts facts,
                         int fd)
{
    rune_build_tell(build, "reading the bundle");
    enum rune_err err = rune_bundle_open(path, facts, &build->arena, &build->bundle, build->diag);
    if (err == RUNE_OK) {
        err = rune_build_read_manifest(build);
    }
    if (err == RUNE_OK) {
        err = rune_build_parse(build);
    }
    /* All of it is in memory: what changes from here on is another bundle. */
    if (err == RUNE_OK && build->bundle.is_streamed) {
        err = check_unchanged(build);
    }
    if (err == RUNE_OK) {
        err = rune_build_finish(build, fd);
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
    enum rune_err err = rune_build_init(&build, options, diag);
    if (err == RUNE_OK) {
        err = run(&build, path, facts, fd);
    }
    if (err == RUNE_OK) {
        *ret_result = build.result;
    }
    rune_build_fini(&build);
    return err;
}

enum rune_err rune_build_bundle(const char *path, const struct rune_build_options *options, int fd,
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

enum rune_err rune_build_check(const char *path, const struct rune_build_options *options,
                               struct rune_build_result *ret_result, struct rune_diag *diag)
{
    return rune_build_bundle(path, options, -1, ret_result, diag);
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
    return rune_image_memfd_finish(fd, rune_build_bundle(path, options, fd, ret_result, diag),
                                   ret_fd);
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

/* The bundle has room for one file more. */
static void add_links(struct rune_bundle *bundle, struct rune_str links)
{
    bundle->files[bundle->count++] = (struct rune_bundle_file){
        .kind = RUNE_BUNDLE_LINKS,
        .source = {"(link)", links.data, (uint32_t)links.length},
    };
}

static enum rune_err check_files(struct rune_build *build, enum rune_build_extent extent,
                                 struct rune_str links)
{
    if (links.length > 0) {
        add_links(&build->bundle, links);
    }
    enum rune_err err = rune_build_read_manifest(build);
    if (err == RUNE_OK) {
        err = rune_build_parse(build);
    }
    if (build->policies.count == 0 && links.length == 0) {
        build->links.count = 0; /* their templates are elsewhere */
    }
    return err == RUNE_OK ? rune_build_finish_check(build, extent) : err;
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
    enum rune_err err = rune_build_init(&build, options != NULL ? options : &defaults, diag);
    if (err == RUNE_OK) {
        err = rune_build_stage(
            &build, rune_bundle_collect(paths, count, &build.arena, &build.bundle, diag));
    }
    if (err == RUNE_OK) {
        err = check_files(
            &build, has_directory(paths, count) ? RUNE_BUILD_WHOLE : RUNE_BUILD_SOME_FILES, links);
    }
    if (err == RUNE_OK) {
        *ret_result = build.result;
    }
    rune_build_fini(&build);
    return err;
}

enum rune_err rune_build_check_files(const char *const *paths, size_t count,
                                     const struct rune_build_options *options,
                                     struct rune_build_result *ret_result, struct rune_diag *diag)
{
    return rune_build_check_links(paths, count, (struct rune_str){0}, options, ret_result, diag);
}

/* ---- texts in memory ---- */

static enum rune_err build_texts(const struct rune_build_texts *texts, int fd,
                                 struct rune_build_result *ret_result, struct rune_diag *diag)
{
    const struct rune_build_options options = {.version = RUNE_BUILD_OPTIONS_VERSION,
                                               .keeps_parents = texts->keeps_parents};
    struct rune_build build;
    enum rune_err err = rune_build_init(&build, &options, diag);
    if (err == RUNE_OK) {
        build.bundle = (struct rune_bundle){.files = texts->files, .count = texts->count};
        build.ids_by_position = true;
        build.storing = texts->storing;
        err = rune_build_read_manifest(&build); /* there is none: the defaults */
    }
    if (err == RUNE_OK) {
        build.manifest.validate_requests = texts->validate_requests;
        build.manifest.validation = texts->validation;
        err = rune_build_parse(&build);
    }
    err = err == RUNE_OK ? rune_build_finish(&build, fd) : err;
    if (err == RUNE_OK) {
        *ret_result = build.result;
    }
    rune_build_fini(&build);
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
    return rune_image_memfd_finish(fd, build_texts(texts, fd, ret_result, diag), ret_fd);
}
