/* SPDX-License-Identifier: Apache-2.0 */
/* facts: the relations of a bundle's facts files, by name. */
#include "engine/facts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "datalog/constants.h"
#include "engine/facts_int.h"

struct progress {
    rune_facts_progress_fn report;
    void *context;
    uint64_t done, total;
};

static void add_progress(void *context, uint64_t bytes)
{
    struct progress *progress = context;
    progress->done += bytes;
    if (progress->report != NULL) {
        progress->report(progress->context, progress->done, progress->total);
    }
}

struct rune_fact_relation *rune_facts_find_or_add(struct rune_fact_set *set, struct rune_str name,
                                                  const struct rune_manifest *manifest)
{
    uint32_t index;
    bool added;
    if (rune_map_intern(&set->names, name, set->count, &index, &added) != RUNE_OK) {
        return NULL;
    }
    if (!added) {
        return &set->items[index];
    }
    if (set->count == set->capacity) {
        uint32_t capacity = set->capacity == 0 ? 16 : set->capacity * 2;
        struct rune_fact_relation *items = rune_realloc(set->items, capacity, sizeof(items[0]));
        if (items == NULL) {
            return NULL; /* the name stays in the map: the caller gives up */
        }
        set->items = items;
        set->capacity = capacity;
    }
    struct rune_fact_relation *relation = &set->items[set->count++];
    *relation = (struct rune_fact_relation){.name = name};
    if (manifest != NULL) {
        relation->declared = rune_manifest_find_relation(manifest, name);
    }
    if (relation->declared != NULL) {
        relation->has_arity =
            rune_tuples_init(&relation->tuples, relation->declared->column_count) == RUNE_OK;
        return relation->has_arity ? relation : NULL;
    }
    return relation;
}

static enum rune_facts_format format_of(enum rune_bundle_kind kind)
{
    return kind == RUNE_BUNDLE_FACTS_TSV   ? RUNE_FACTS_TSV
           : kind == RUNE_BUNDLE_FACTS_CSV ? RUNE_FACTS_CSV
                                           : RUNE_FACTS_JSONL;
}

static enum rune_err finish(struct rune_fact_reader *reader)
{
    enum rune_err err = reader->err;
    if (err == RUNE_OK && reader->errors > 0) {
        err = RUNE_E_BUNDLE;
    }
    rune_facts_reader_fini(reader);
    return err;
}

/* Opens a file that was not read with the bundle. */
static enum rune_err open_file(const struct rune_bundle_file *file, int *ret_fd,
                               struct rune_diag *diag)
{
    int fd = open(file->file_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        rune_diag_report_at(diag, RUNE_ERROR, "RUNE-T0110", file->source.path, 0, 0,
                            "the user that builds must be able to read all files",
                            "cannot open: %s", strerror(errno));
        return RUNE_E_IO;
    }
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    *ret_fd = fd;
    return RUNE_OK;
}

static enum rune_err read_file(const struct rune_bundle_file *file, struct rune_dict *dict,
                               struct rune_fact_relation *relation, struct progress *progress,
                               struct rune_diag *diag)
{
    struct rune_fact_reader reader;
    struct rune_str text = {file->source.text, file->source.length};
    int fd = -1;
    if (file->file_path != NULL) {
        enum rune_err err = open_file(file, &fd, diag);
        if (err != RUNE_OK) {
            return err;
        }
    }
    rune_facts_reader_init(&reader, file->source.path, format_of(file->kind), dict, relation, diag);
    reader.left_bytes = file->size_bytes;
    rune_facts_read_rows(&reader, fd, text, add_progress, progress);
    if (fd >= 0) {
        close(fd);
    }
    return finish(&reader);
}

static bool is_facts(enum rune_bundle_kind kind)
{
    return kind == RUNE_BUNDLE_FACTS_TSV || kind == RUNE_BUNDLE_FACTS_CSV ||
           kind == RUNE_BUNDLE_FACTS_JSONL;
}

static enum rune_err read_named(const struct rune_bundle_file *file,
                                const struct rune_manifest *manifest, struct rune_dict *dict,
                                struct rune_fact_set *set, struct progress *progress,
                                struct rune_diag *diag)
{
    if (!rune_manifest_is_relation_name(file->relation)) {
        rune_diag_report_at(
            diag, RUNE_ERROR, "RUNE-T0111", file->source.path, 0, 0,
            "a facts file bears its relation's name: lower-case, like facts/member.tsv",
            "`%.*s` is no relation's name", RUNE_STR_ARG(file->relation));
        return RUNE_E_BUNDLE;
    }
    struct rune_fact_relation *relation = rune_facts_find_or_add(set, file->relation, manifest);
    if (relation == NULL) {
        return RUNE_E_NOMEM;
    }
    uint64_t before = relation->tuples.count;
    enum rune_err err = read_file(file, dict, relation, progress, diag);
    set->tuple_count += relation->tuples.count - before;
    return err;
}

enum rune_err rune_facts_read(const struct rune_bundle *bundle,
                              const struct rune_manifest *manifest, struct rune_arena *arena,
                              struct rune_dict *dict, rune_facts_progress_fn progress,
                              void *progress_context, struct rune_fact_set *set,
                              struct rune_diag *diag)
{
    struct progress counted = {progress, progress_context, 0, 0};
    enum rune_err worst = RUNE_OK;
    *set = (struct rune_fact_set){0};
    for (uint32_t i = 0; i < bundle->count; i++) {
        counted.total += is_facts(bundle->files[i].kind) ? bundle->files[i].size_bytes : 0;
    }
    for (uint32_t i = 0; i < bundle->count; i++) {
        const struct rune_bundle_file *file = &bundle->files[i];
        enum rune_err err = RUNE_OK;
        if (is_facts(file->kind)) {
            err = read_named(file, manifest, dict, set, &counted, diag);
        } else if (file->kind == RUNE_BUNDLE_DATA) {
            err = rune_facts_read_data(file, manifest, arena, dict, set, diag);
        }
        if (err != RUNE_OK && err != RUNE_E_BUNDLE && err != RUNE_E_SYNTAX) {
            return err;
        }
        worst = err != RUNE_OK ? RUNE_E_BUNDLE : worst;
    }
    for (uint32_t i = 0; i < manifest->relation_count; i++) {
        if (rune_facts_find_or_add(set, manifest->relations[i].name, manifest) == NULL) {
            return RUNE_E_NOMEM;
        }
    }
    return worst;
}

void rune_facts_fini(struct rune_fact_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        rune_tuples_fini(&set->items[i].tuples);
    }
    rune_free(set->items);
    rune_map_fini(&set->names);
    *set = (struct rune_fact_set){0};
}

enum rune_err rune_facts_declare(const struct rune_fact_set *set, struct rune_arena *arena,
                                 struct rune_dl_declaration **ret_declarations, uint32_t *ret_count)
{
    struct rune_dl_declaration *declarations =
        RUNE_ARENA_ARRAY(arena, struct rune_dl_declaration, set->count + 1);
    uint32_t count = 0;
    if (declarations == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        const struct rune_fact_relation *relation = &set->items[i];
        uint32_t arity = relation->has_arity ? relation->tuples.arity : RUNE_DL_ARITY_UNKNOWN;
        declarations[count++] = (struct rune_dl_declaration){
            relation->name, arity, relation->tuples.count > 0, relation->first_path};
    }
    *ret_declarations = declarations;
    *ret_count = count;
    return RUNE_OK;
}

enum rune_err rune_facts_take(struct rune_fact_set *set, const struct rune_dl_program *program,
                              struct rune_dict *dict, struct rune_tuples *ret_facts)
{
    for (uint32_t i = 0; i < program->relation_count; i++) {
        const struct rune_dl_relation *relation = &program->relations[i];
        uint32_t index;
        ret_facts[i] = (struct rune_tuples){.arity = relation->arity}; /* most have no facts */
        if (relation->builtin == RUNE_DL_NOT_BUILTIN &&
            rune_map_find(&set->names, relation->name, &index) && set->items[index].has_arity) {
            ret_facts[i] = set->items[index].tuples;
            set->items[index].tuples = (struct rune_tuples){0};
        }
    }
    enum rune_err err = rune_dl_intern_facts(program, dict, ret_facts);
    for (uint32_t i = 0; err != RUNE_OK && i < program->relation_count; i++) {
        rune_tuples_fini(&ret_facts[i]);
    }
    return err;
}

enum rune_err rune_facts_parse(struct rune_str text, const char *path,
                               enum rune_facts_format format, struct rune_dict *dict,
                               struct rune_fact_relation *relation, struct rune_diag *diag)
{
    struct rune_fact_reader reader;
    rune_facts_reader_init(&reader, path, format, dict, relation, diag);
    rune_facts_read_rows(&reader, -1, text, NULL, NULL);
    return finish(&reader);
}
