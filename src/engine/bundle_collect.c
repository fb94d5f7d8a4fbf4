/* SPDX-License-Identifier: Apache-2.0 */
/* Files and directories as one bundle: each file is what its name says. */
#include <sys/stat.h>

#include "base/vec.h"
#include "engine/bundle.h"
#include "engine/rune_file.h"

#define MAX_FILES      100000u               /* LIMIT: files of one directory */
#define MAX_FILE_BYTES (UINT64_C(256) << 20) /* LIMIT: one text */

RUNE_VEC(vec_file, struct rune_bundle_file);

struct collector {
    struct rune_arena *arena;
    struct rune_diag *diag;
    struct vec_file files;
    bool failed; /* reported */
};

static enum rune_err push(struct collector *collector, const struct rune_bundle_file *file)
{
    return RUNE_VEC_PUSH(&collector->files, *file) ? RUNE_OK : RUNE_E_NOMEM;
}

static enum rune_err add_rune_file(struct collector *collector, const struct rune_source *source)
{
    struct rune_bundle_file parts[RUNE_BUNDLE_KIND_COUNT];
    struct rune_source *copy = rune_arena_memdup(collector->arena, source, sizeof *source);
    uint32_t count = 0;
    if (copy == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = rune_file_split(copy, collector->arena, parts, &count, collector->diag);
    for (uint32_t i = 0; err == RUNE_OK && i < count; i++) {
        err = push(collector, &parts[i]);
    }
    return err;
}

/* `path` is where it is, `name` what says its kind. False in *ret_known: no part of a bundle. */
static enum rune_err add_file(struct collector *collector, const char *path, const char *name,
                              bool *ret_known)
{
    struct rune_bundle_file file = {.source = {.path = path, .text = ""}, .file_path = path};
    struct rune_str text = {0};
    bool is_rune = rune_str_has_suffix(rune_str_from(name), RUNE_STR(".rune"));
    *ret_known = is_rune || rune_bundle_classify(rune_str_from(name), &file);
    bool is_facts = file.kind == RUNE_BUNDLE_FACTS_TSV || file.kind == RUNE_BUNDLE_FACTS_CSV ||
                    file.kind == RUNE_BUNDLE_FACTS_JSONL;
    if (!*ret_known) {
        return RUNE_OK;
    }
    if (!is_rune && is_facts) { /* streamed from where they are */
        return push(collector, &file);
    }
    enum rune_err err =
        rune_fs_read(path, MAX_FILE_BYTES, collector->arena, &text, collector->diag);
    if (err != RUNE_OK) {
        return err;
    }
    file.source.text = text.data;
    file.source.length = (uint32_t)text.length;
    return is_rune ? add_rune_file(collector, &file.source) : push(collector, &file);
}

static enum rune_err add_directory(struct collector *collector, const char *path)
{
    struct rune_fs_entry *entries;
    size_t count;
    size_t before = collector->files.count;
    enum rune_err err =
        rune_fs_walk(path, MAX_FILES, collector->arena, &entries, &count, collector->diag);
    for (size_t i = 0; err == RUNE_OK && i < count; i++) {
        bool is_known;
        char *full = rune_arena_printf(collector->arena, "%s/%s", path, entries[i].path);
        err = full != NULL ? add_file(collector, full, entries[i].path, &is_known) : RUNE_E_NOMEM;
        if (err == RUNE_OK && !is_known) {
            rune_bundle_warn_misnamed(full, collector->diag);
        }
    }
    if (err == RUNE_OK && collector->files.count == before) {
        rune_diag_report_at(
            collector->diag, RUNE_ERROR, "RUNE-B0111", path, 0, 0,
            "policies are *.cedar, schemas *.cedarschema, rules *.dl, entities *.entities.json",
            "there is nothing to check in this directory");
        collector->failed = true;
    }
    return err;
}

static enum rune_err add_path(struct collector *collector, const char *path)
{
    struct stat status;
    bool is_known = true;
    if (stat(path, &status) != 0) {
        rune_diag_report_at(collector->diag, RUNE_ERROR, "RUNE-B0101", path, 0, 0, NULL,
                            "there is no such file");
        return RUNE_E_NOT_FOUND;
    }
    if (S_ISDIR(status.st_mode)) {
        return add_directory(collector, path);
    }
    enum rune_err err = add_file(collector, path, path, &is_known);
    if (err == RUNE_OK && !is_known) {
        rune_diag_report_at(
            collector->diag, RUNE_ERROR, "RUNE-B0110", path, 0, 0,
            "known are *.cedar, *.cedarschema, *.cedarschema.json, *.entities.json, *.links.json, "
            "*.dl, *.rune and rune.toml",
            "its name does not say what this file is");
        collector->failed = true;
    }
    return err;
}

enum rune_err rune_bundle_collect(const char *const *paths, size_t count, struct rune_arena *arena,
                                  struct rune_bundle *ret_bundle, struct rune_diag *diag)
{
    struct collector collector = {.arena = arena, .diag = diag};
    struct rune_bundle bundle = {0};
    enum rune_err err = RUNE_OK;
    for (size_t i = 0; err == RUNE_OK && i < count; i++) {
        err = add_path(&collector, paths[i]);
    }
    bundle.count = (uint32_t)collector.files.count;
    bundle.files = RUNE_ARENA_ARRAY(arena, struct rune_bundle_file, collector.files.count + 1u);
    if (err == RUNE_OK && bundle.files == NULL) {
        err = RUNE_E_NOMEM;
    }
    if (err == RUNE_OK && bundle.count > 0) {
        memcpy(bundle.files, collector.files.items, bundle.count * sizeof *bundle.files);
    }
    RUNE_VEC_FINI(&collector.files);
    if (err == RUNE_OK) {
        *ret_bundle = bundle; /* what could be read is checked, too */
    }
    return err == RUNE_OK && collector.failed ? RUNE_E_BUNDLE : err;
}
