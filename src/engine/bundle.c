/* SPDX-License-Identifier: Apache-2.0 */
/* bundle: walk, classify by name, read, walk again and compare. */
#include "engine/bundle.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/rune_file.h"

#define MAX_FILES        100000u               /* LIMIT: files below a bundle's root */
#define MAX_TEXT_BYTES   (UINT64_C(256) << 20) /* LIMIT: one text */
#define MAX_ENTITY_BYTES (UINT64_C(2) << 30)   /* LIMIT: one file of entity data */
#define MAX_ALL_BYTES    (UINT64_C(3) << 30)   /* LIMIT: all texts of a bundle */
#define ATTEMPTS         8                     /* reads of a bundle that keeps changing */
#define PAUSE_NS         50000000L             /* between two of them */

/* The name of the folder that holds the file, "" at the root. */
static struct rune_str folder_of(struct rune_str path, size_t *ret_name_at)
{
    size_t name = path.length;
    while (name > 0 && path.data[name - 1] != '/') {
        name--;
    }
    *ret_name_at = name;
    size_t begin = name > 0 ? name - 1 : 0;
    size_t end = begin;
    while (begin > 0 && path.data[begin - 1] != '/') {
        begin--;
    }
    return (struct rune_str){path.data + begin, end - begin};
}

static bool classify_facts(struct rune_str path, size_t name_at, struct rune_bundle_file *file)
{
    static const struct {
        const char *suffix;
        enum rune_bundle_kind kind;
    } formats[] = {{".tsv", RUNE_BUNDLE_FACTS_TSV},
                   {".csv", RUNE_BUNDLE_FACTS_CSV},
                   {".jsonl", RUNE_BUNDLE_FACTS_JSONL}};
    struct rune_str name = {path.data + name_at, path.length - name_at};
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (rune_str_has_suffix(name, rune_str_from(formats[i].suffix))) {
            file->kind = formats[i].kind;
            file->relation = (struct rune_str){name.data, name.length - strlen(formats[i].suffix)};
            return true;
        }
    }
    return false;
}

/* Longer endings first: x.entities.json is no *.json of another kind. */
bool rune_bundle_classify(struct rune_str path, struct rune_bundle_file *file)
{
    static const struct {
        const char *suffix;
        enum rune_bundle_kind kind;
    } endings[] = {
        {".cedar", RUNE_BUNDLE_POLICIES},
        {".cedarschema", RUNE_BUNDLE_SCHEMA},
        {".cedarschema.json", RUNE_BUNDLE_SCHEMA_JSON},
        {".entities.json", RUNE_BUNDLE_ENTITIES},
        {".links.json", RUNE_BUNDLE_LINKS},
        {".tests.json", RUNE_BUNDLE_TESTS_JSON},
        {".tests.toml", RUNE_BUNDLE_TESTS_TOML},
        {".dl", RUNE_BUNDLE_RULES},
    };
    size_t name_at;
    struct rune_str folder = folder_of(path, &name_at);
    if (rune_str_equal(path, RUNE_STR("rune.toml"))) {
        file->kind = RUNE_BUNDLE_MANIFEST;
        return true;
    }
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (rune_str_has_suffix((struct rune_str){path.data + name_at, path.length - name_at},
                                rune_str_from(endings[i].suffix))) {
            file->kind = endings[i].kind;
            return true;
        }
    }
    if (rune_str_equal(folder, RUNE_STR("entities")) &&
        rune_str_has_suffix(path, RUNE_STR(".json"))) {
        file->kind = RUNE_BUNDLE_ENTITIES;
        return true;
    }
    return rune_str_equal(folder, RUNE_STR("facts")) && classify_facts(path, name_at, file);
}

static bool is_facts(enum rune_bundle_kind kind)
{
    return kind == RUNE_BUNDLE_FACTS_TSV || kind == RUNE_BUNDLE_FACTS_CSV ||
           kind == RUNE_BUNDLE_FACTS_JSONL;
}

/* Bytes that are still to be read: of facts, and of all. */
struct allowance {
    uint64_t facts, all;
};

static enum rune_err read_file(struct rune_bundle *bundle, struct rune_bundle_file *file,
                               struct allowance *left, struct rune_arena *arena,
                               struct rune_diag *diag)
{
    char *path = rune_arena_printf(arena, "%s/%s", bundle->path, file->source.path);
    uint64_t limit = file->kind == RUNE_BUNDLE_ENTITIES ? MAX_ENTITY_BYTES : MAX_TEXT_BYTES;
    struct rune_str text;
    if (path == NULL) {
        return RUNE_E_NOMEM;
    }
    if (is_facts(file->kind) && file->size_bytes >= left->facts) {
        file->file_path = path;
        bundle->is_streamed = true;
        return RUNE_OK;
    }
    left->facts -= is_facts(file->kind) ? file->size_bytes : 0;
    if (file->size_bytes > left->all) {
        rune_diag_report_at(diag, RUNE_ERROR, "RUNE-B0103", file->source.path, 0, 0, NULL,
                            "the texts of this bundle are larger than %u GiB together",
                            (unsigned)(MAX_ALL_BYTES >> 30));
        return RUNE_E_LIMIT;
    }
    left->all -= file->size_bytes;
    enum rune_err err = rune_fs_read(path, limit, arena, &text, diag);
    if (err == RUNE_OK) {
        file->source.text = text.data;
        file->source.length = (uint32_t)text.length;
    }
    return err;
}

static enum rune_err read_entries(struct rune_bundle *bundle, enum rune_bundle_facts facts,
                                  struct rune_arena *arena, struct rune_diag *diag)
{
    struct allowance left = {.facts = facts == RUNE_BUNDLE_FACTS_READ ? MAX_TEXT_BYTES : 0,
                             .all = MAX_ALL_BYTES};
    bundle->is_streamed = false;
    bundle->files = RUNE_ARENA_ARRAY(arena, struct rune_bundle_file, bundle->entry_count + 1);
    if (bundle->files == NULL) {
        return RUNE_E_NOMEM;
    }
    for (size_t i = 0; i < bundle->entry_count; i++) {
        const struct rune_fs_entry *entry = &bundle->entries[i];
        struct rune_bundle_file file = {.source = {.path = entry->path, .text = ""},
                                        .size_bytes = entry->size};
        if (!rune_bundle_classify(rune_str_from(entry->path), &file)) {
            continue;
        }
        enum rune_err err = read_file(bundle, &file, &left, arena, diag);
        if (err != RUNE_OK) {
            return err;
        }
        bundle->files[bundle->count++] = file;
    }
    return RUNE_OK;
}

static bool same_file(const struct rune_fs_entry *a, const struct rune_fs_entry *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/* The first file by path of which there are not the same in both; NULL: there is none. */
static const char *find_change(const struct rune_fs_entry *a, size_t a_count,
                               const struct rune_fs_entry *b, size_t b_count, const char **ret_how)
{
    for (size_t i = 0; i < a_count || i < b_count; i++) {
        int order = i == a_count ? 1 : i == b_count ? -1 : strcmp(a[i].path, b[i].path);
        if (order != 0) {
            *ret_how = order < 0 ? "vanished" : "appeared";
            return order < 0 ? a[i].path : b[i].path;
        }
        if (!same_file(&a[i], &b[i])) {
            *ret_how = "changed";
            return a[i].path;
        }
    }
    return NULL;
}

/* The one entry of a bundle that is a file. */
static enum rune_err stat_file(const char *path, struct rune_arena *arena,
                               struct rune_fs_entry **ret_entries, size_t *ret_count,
                               struct rune_diag *diag)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        rune_diag_report_at(diag, RUNE_ERROR, "RUNE-B0101", path, 0, 0, NULL,
                            "the bundle cannot be read any more");
        return RUNE_E_IO;
    }
    struct rune_fs_entry *entry = RUNE_ARENA_NEW(arena, struct rune_fs_entry);
    if (entry == NULL) {
        return RUNE_E_NOMEM;
    }
    *entry = (struct rune_fs_entry){
        .path = path,
        .device = (uint64_t)st.st_dev,
        .inode = (uint64_t)st.st_ino,
        .size = (uint64_t)st.st_size,
        .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        .ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec};
    *ret_entries = entry;
    *ret_count = 1;
    return RUNE_OK;
}

static enum rune_err list(const struct rune_bundle *bundle, struct rune_arena *arena,
                          struct rune_fs_entry **ret_entries, size_t *ret_count,
                          struct rune_diag *diag)
{
    return bundle->is_file
               ? stat_file(bundle->path, arena, ret_entries, ret_count, diag)
               : rune_fs_walk(bundle->path, MAX_FILES, arena, ret_entries, ret_count, diag);
}

static enum rune_err read_rune_file(struct rune_bundle *bundle, struct rune_arena *arena,
                                    struct rune_diag *diag)
{
    struct rune_str text;
    struct rune_source *source = RUNE_ARENA_NEW(arena, struct rune_source);
    enum rune_err err = rune_fs_read(bundle->path, MAX_TEXT_BYTES, arena, &text, diag);
    bundle->files = RUNE_ARENA_ARRAY(arena, struct rune_bundle_file, RUNE_BUNDLE_KIND_COUNT);
    if (err == RUNE_OK && (source == NULL || bundle->files == NULL)) {
        err = RUNE_E_NOMEM;
    }
    if (err != RUNE_OK) {
        return err;
    }
    const char *name = strrchr(bundle->path, '/');
    *source = (struct rune_source){name != NULL ? name + 1 : bundle->path, text.data,
                                   (uint32_t)text.length};
    return rune_file_split(source, arena, bundle->files, &bundle->count, diag);
}

/* One reading; RUNE_E_BUSY when the bundle changed meanwhile. */
static enum rune_err read_once(struct rune_bundle *bundle, enum rune_bundle_facts facts,
                               struct rune_arena *arena, struct rune_diag *diag)
{
    bundle->count = 0;
    bundle->entries = NULL; /* their memory may be gone */
    bundle->entry_count = 0;
    enum rune_err err = list(bundle, arena, &bundle->entries, &bundle->entry_count, diag);
    if (err == RUNE_OK) {
        err = bundle->is_file ? read_rune_file(bundle, arena, diag)
                              : read_entries(bundle, facts, arena, diag);
    }
    return err;
}

/* As find_change, between what was read and what is there now; the path lives in the arena. */
static const char *find_changed(const struct rune_bundle *bundle, struct rune_arena *arena,
                                const char **ret_how)
{
    struct rune_fs_entry *entries;
    size_t count;
    if (list(bundle, arena, &entries, &count, NULL) != RUNE_OK) {
        *ret_how = "cannot be read any more: it changed";
        return bundle->entries != NULL ? bundle->path : NULL; /* nor could it be before */
    }
    return find_change(bundle->entries, bundle->entry_count, entries, count, ret_how);
}

static bool has_changed(const struct rune_bundle *bundle, struct rune_arena *arena)
{
    const char *how;
    return find_changed(bundle, arena, &how) != NULL;
}

enum rune_err rune_bundle_check_unchanged(const struct rune_bundle *bundle,
                                          struct rune_arena *arena, struct rune_diag *diag)
{
    struct rune_arena_mark mark = rune_arena_mark(arena);
    const char *how, *path = find_changed(bundle, arena, &how);
    if (path != NULL) {
        rune_diag_report_at(diag, RUNE_ERROR, "RUNE-B0104", path, 0, 0,
                            "put the new bundle beside the old one and rename it into place",
                            "this %s while the bundle was read", how);
    }
    rune_arena_rewind(arena, mark);
    return path != NULL ? RUNE_E_BUSY : RUNE_OK;
}

static enum rune_err check_not_empty(const struct rune_bundle *bundle, struct rune_diag *diag)
{
    for (uint32_t i = 0; i < bundle->count; i++) {
        enum rune_bundle_kind kind = bundle->files[i].kind;
        if (kind != RUNE_BUNDLE_MANIFEST && kind != RUNE_BUNDLE_TESTS_TOML &&
            kind != RUNE_BUNDLE_TESTS_JSON) {
            return RUNE_OK;
        }
    }
    rune_diag_report_at(
        diag, RUNE_ERROR, "RUNE-B0102", bundle->path, 0, 0,
        "a bundle holds *.cedar, *.dl, *.cedarschema, *.entities.json or facts/NAME.tsv",
        "nothing here belongs to a bundle");
    return RUNE_E_BUNDLE;
}

static void warn_of_misnamed(const struct rune_bundle *bundle, struct rune_diag *diag)
{
    struct rune_bundle_file file;
    for (size_t i = 0; !bundle->is_file && i < bundle->entry_count; i++) {
        if (!rune_bundle_classify(rune_str_from(bundle->entries[i].path), &file)) {
            rune_bundle_warn_misnamed(bundle->entries[i].path, diag);
        }
    }
}

static enum rune_err open_path(const char *path, struct rune_bundle *bundle, struct rune_diag *diag)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        rune_diag_report_at(diag, RUNE_ERROR, "RUNE-B0101", path, 0, 0, NULL, "%s",
                            missing ? "there is no such bundle" : strerror(errno));
        return missing ? RUNE_E_NOT_FOUND : RUNE_E_IO;
    }
    bundle->path = path;
    bundle->is_file = !S_ISDIR(st.st_mode);
    if (bundle->is_file && !rune_str_has_suffix(rune_str_from(path), RUNE_STR(".rune"))) {
        rune_diag_report_at(diag, RUNE_ERROR, "RUNE-B0101", path, 0, 0, NULL,
                            "a bundle is a directory or a file whose name ends with .rune");
        return RUNE_E_BUNDLE;
    }
    return RUNE_OK;
}

enum rune_err rune_bundle_open(const char *path, enum rune_bundle_facts facts,
                               struct rune_arena *arena, struct rune_bundle *ret_bundle,
                               struct rune_diag *diag)
{
    struct rune_bundle bundle = {0};
    const char *own_path = rune_arena_strndup(arena, path, strlen(path));
    enum rune_err err = own_path != NULL ? open_path(own_path, &bundle, diag) : RUNE_E_NOMEM;
    struct rune_arena_mark mark = rune_arena_mark(arena);
    for (int attempt = 0; err == RUNE_OK; attempt++) {
        err = read_once(&bundle, facts, arena, NULL);
        bool changed = has_changed(&bundle, arena);
        if (!changed) {
            break;
        }
        /* Whatever went wrong may be the fault of the change. */
        if (attempt + 1 == ATTEMPTS) {
            return rune_bundle_check_unchanged(&bundle, arena, diag);
        }
        rune_arena_rewind(arena, mark);
        nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
        err = RUNE_OK;
    }
    if (err != RUNE_OK && bundle.path != NULL) {
        rune_arena_rewind(arena, mark);
        err = read_once(&bundle, facts, arena, diag); /* again, for its messages */
        err = err == RUNE_OK ? RUNE_E_BUSY : err;
    } else if (err == RUNE_OK) {
        warn_of_misnamed(&bundle, diag);
        err = check_not_empty(&bundle, diag);
    }
    if (err == RUNE_OK) {
        *ret_bundle = bundle;
    }
    return err;
}

uint32_t rune_bundle_next(const struct rune_bundle *bundle, enum rune_bundle_kind kind,
                          uint32_t from)
{
    while (from < bundle->count && bundle->files[from].kind != kind) {
        from++;
    }
    return from < bundle->count ? from : bundle->count;
}
