/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/image.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "base/hash.h"
#include "eval/rule_eval.h"

#define LARGE_BYTES ((size_t)8 << 20) /* from here on a second thread pays */

/* Half of an image's verification, done beside the other: neither reads what the other writes, or
 * relies on what the other finds. */
struct half {
    const struct rune_image *image;
    enum rune_err hash_err, rules_err;
};

static void *verify_half(void *half)
{
    struct half *self = half;
    self->hash_err = rune_image_check_hash(&self->image->map, NULL);
    self->rules_err = rune_rules_verify(&self->image->store, NULL);
    return NULL;
}

static enum rune_err verify(const struct rune_image *image, struct rune_diag *diag)
{
    struct half half = {.image = image};
    pthread_t thread;
    bool is_beside =
        image->map.size >= LARGE_BYTES && pthread_create(&thread, NULL, verify_half, &half) == 0;
    if (!is_beside) {
        enum rune_err err = rune_image_check_hash(&image->map, diag);
        return err == RUNE_OK ? rune_store_verify(&image->store, diag) : err;
    }
    enum rune_err err = rune_store_verify_data(&image->store, diag);
    pthread_join(thread, NULL);
    /* What failed there does so once more for its message. */
    if (half.hash_err != RUNE_OK) {
        return rune_image_check_hash(&image->map, diag);
    }
    return err == RUNE_OK && half.rules_err != RUNE_OK ? rune_rules_verify(&image->store, diag)
                                                       : err;
}

static void set_names(struct rune_image *image)
{
    const struct rune_terms *terms = &image->store.terms;
    const struct rune_image_manifest *manifest = image->store.manifest;
    rune_hex(image->map.header->sha256, RUNE_SHA256_BYTES, image->name);
    memcpy(image->short_name, image->name, sizeof(image->short_name) - 1);
    image->bundle_name = rune_terms_string(
        terms, rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, manifest->name));
    image->bundle_version = rune_terms_string(
        terms, rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, manifest->bundle_version));
}

enum rune_err rune_image_open_fd(int fd, enum rune_image_trust trust, struct rune_image **ret_image,
                                 struct rune_diag *diag)
{
    struct rune_image *image = rune_calloc(1, sizeof(*image));
    if (image == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_image_seals seals =
        trust == RUNE_IMAGE_VERIFIED ? RUNE_IMAGE_SEALS_REQUIRED : RUNE_IMAGE_SEALS_IGNORED;
    enum rune_err err = rune_image_map_fd(fd, seals, &image->map, diag);
    if (err != RUNE_OK) {
        rune_free(image);
        return err;
    }
    err = rune_store_open(&image->map, &image->store, diag);
    if (err == RUNE_OK && trust == RUNE_IMAGE_VERIFY) {
        err = verify(image, diag);
    }
    if (err == RUNE_OK) {
        err = rune_derived_context_open(&image->store, &image->derived_context);
    }
    if (err != RUNE_OK) {
        rune_image_close(image);
        return err;
    }
    rune_schema_open(image->store.schema, image->store.schema_count, &image->schema);
    set_names(image);
    *ret_image = image;
    return RUNE_OK;
}

enum rune_err rune_image_open_path(const char *path, struct rune_image **ret_image,
                                   struct rune_diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        rune_diag_report_at(diag, RUNE_ERROR, "RUNE-G0101", path, 0, 0, NULL,
                            "cannot open the image: %s", strerror(errno));
        return errno == ENOENT ? RUNE_E_NOT_FOUND : RUNE_E_IO;
    }
    enum rune_err err = rune_image_open_fd(fd, RUNE_IMAGE_VERIFY, ret_image, diag);
    close(fd);
    return err;
}

bool rune_image_is_image_file(const char *path)
{
    char magic[sizeof(((struct rune_image_header *)NULL)->magic)];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    ssize_t got = read(fd, magic, sizeof(magic));
    close(fd);
    return got == (ssize_t)sizeof(magic) && memcmp(magic, RUNE_IMAGE_MAGIC, sizeof(magic)) == 0;
}

void rune_image_enlarge_pages(const struct rune_image *image)
{
    rune_image_map_enlarge(&image->map);
}

void rune_image_close(struct rune_image *image)
{
    if (image != NULL) {
        rune_derived_context_fini(&image->derived_context);
        rune_image_unmap(&image->map);
        rune_free(image);
    }
}

void rune_image_get_info(const struct rune_image *image, struct rune_image_info *ret_info)
{
    const struct rune_image_manifest *manifest = image->store.manifest;
    *ret_info = (struct rune_image_info){
        .name = image->name,
        .short_name = image->short_name,
        .bundle_name = image->bundle_name,
        .bundle_version = image->bundle_version,
        .bytes = image->map.size,
        .policies = manifest->policy_count,
        .templates = manifest->template_count,
        .rules = manifest->rule_count,
        .entities = manifest->entity_count,
        .base_facts = manifest->base_facts,
        .derived_facts = manifest->derived_facts,
        .has_schema = (manifest->flags & RUNE_MANIFEST_HAS_SCHEMA) != 0,
    };
}
