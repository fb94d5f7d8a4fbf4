/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit/cmocka.h"
#include "unit/engine/bundle_trial.h"

static int make_file(const struct rune_buf *text)
{
    int fd = memfd_create("facts", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text->data, text->length), (ssize_t)text->length);
    return fd;
}

static void add_text(struct bundle_files *files, const struct bundle_trial *trial,
                     enum mixed_text text)
{
    /* ORDER: enum mixed_text */
    static const struct {
        enum rune_bundle_kind kind;
        const char *path;
    } kinds[] = {{RUNE_BUNDLE_MANIFEST, "rune.toml"},
                 {RUNE_BUNDLE_SCHEMA, "a.cedarschema"},
                 {RUNE_BUNDLE_ENTITIES, "a.entities.json"},
                 {RUNE_BUNDLE_POLICIES, "a.cedar"},
                 {RUNE_BUNDLE_RULES, "a.dl"},
                 {RUNE_BUNDLE_LINKS, "a.links.json"}};
    struct rune_buf *out = &files->texts[files->count];
    mixed_put_text(trial->world, text, trial->way.order, out);
    if ((text == MIXED_SCHEMA || text == MIXED_LINKS) && out->length == 0) {
        return;
    }
    files->items[files->count++] = (struct rune_bundle_file){
        .kind = kinds[text].kind,
        .source = {kinds[text].path, rune_buf_cstr(out), (uint32_t)out->length},
    };
}

static void add_facts(struct bundle_files *files, const struct mixed_world *world,
                      uint32_t relation)
{
    static const enum rune_bundle_kind kinds[MIXED_FORMATS] = {
        [MIXED_TSV] = RUNE_BUNDLE_FACTS_TSV,
        [MIXED_CSV] = RUNE_BUNDLE_FACTS_CSV,
        [MIXED_JSONL] = RUNE_BUNDLE_FACTS_JSONL,
    };
    const struct mixed_relation *of = &world->relations[relation];
    uint32_t at = files->count;
    if (!mixed_put_facts(world, relation, &files->texts[at])) {
        return;
    }
    files->fds[at] = make_file(&files->texts[at]);
    snprintf(files->paths[at], sizeof(files->paths[at]), "/proc/self/fd/%d", files->fds[at]);
    files->items[files->count++] = (struct rune_bundle_file){
        .kind = kinds[of->format],
        .source = {.path = of->name},
        .relation = rune_str_from(of->name),
        .file_path = files->paths[at],
        .size_bytes = files->texts[at].length,
    };
}

void bundle_make_files(struct bundle_files *files, const struct bundle_trial *trial)
{
    memset(files, 0, sizeof(*files));
    for (uint32_t i = 0; i < BUNDLE_MAX_FILES; i++) {
        files->fds[i] = -1;
    }
    for (int text = MIXED_MANIFEST; text <= MIXED_LINKS; text++) {
        add_text(files, trial, (enum mixed_text)text);
    }
    for (uint32_t r = MIXED_BASE; r < MIXED_DERIVED; r++) {
        add_facts(files, trial->world, r);
    }
}

void bundle_drop_files(struct bundle_files *files)
{
    for (uint32_t i = 0; i < BUNDLE_MAX_FILES; i++) {
        rune_buf_fini(&files->texts[i]);
        if (files->fds[i] >= 0) {
            close(files->fds[i]);
        }
    }
}

/* False: there is no image, or none is wanted. */
bool bundle_build(struct bundle_trial *trial)
{
    struct bundle_files files;
    struct rune_build_result result;
    int fd = -1;
    bundle_make_files(&files, trial);
    struct rune_build_texts texts = {.files = files.items,
                                     .count = files.count,
                                     .validation = RUNE_VALIDATION_OFF,
                                     .validate_requests = true,
                                     .storing = trial->way.storing,
                                     .keeps_parents = true};
    enum rune_err err = rune_build_texts(&texts, &fd, &result, trial->diag);
    const char *text = rune_diag_text(trial->diag);
    /* What binds a group of alternatives in braces must not need the rule that has the braces. */
    bool has_cycle = err == RUNE_E_BUNDLE && strstr(text, "needs all of alternatives in braces");
    /* Random heads may have an aggregate's result where only an entity makes sense. */
    bool is_senseless = err == RUNE_E_BUNDLE && strstr(text, "can never be an entity") != NULL;
    bool is_refused = err == RUNE_E_BUNDLE && strstr(text, "RUNE-B0408") != NULL;
    if (has_cycle || is_senseless || (is_refused && trial->stored->has_conflict)) {
        trial->totals.refused++;
    } else if (err != RUNE_OK || trial->stored->has_conflict) {
        rune_buf_printf(&trial->why, "build: %s\n%s", rune_err_text(err), text);
    } else if (rune_image_open_fd(fd, RUNE_IMAGE_VERIFY, &trial->image, trial->diag) != RUNE_OK) {
        rune_buf_printf(&trial->why, "image: %s", rune_diag_text(trial->diag));
    }
    if (err == RUNE_OK) {
        close(fd);
    }
    bundle_drop_files(&files);
    return trial->image != NULL;
}
