/* SPDX-License-Identifier: Apache-2.0 */
/* Process: verifier, one-shot. Trusts nothing about the image: it is what stands between a builder
 * gone wrong and the workers. What it opens is already mapped and sealed; after the sandbox it can
 * open nothing else. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "engine/image.h"
#include "server/roles.h"
#include "server/sandbox.h"
#include "shm/messages.h"

static void copy_text(struct rune_str text, char *to, size_t size)
{
    snprintf(to, size, "%.*s", (int)(text.length < size ? text.length : size - 1), text.data);
}

static void describe(const struct rune_image *image, struct rune_verify_report *report)
{
    const struct rune_image_manifest *manifest = image->store.manifest;
    report->policies = manifest->policy_count;
    report->templates = manifest->template_count;
    report->rules = manifest->rule_count;
    report->entities = manifest->entity_count;
    report->base_facts = manifest->base_facts;
    report->derived_facts = manifest->derived_facts;
    report->image_bytes = image->map.size;
    memcpy(report->image_sha256, image->map.header->sha256, sizeof report->image_sha256);
    copy_text(image->bundle_name, report->bundle_name, sizeof report->bundle_name);
    copy_text(image->bundle_version, report->bundle_version, sizeof report->bundle_version);
}

_Noreturn void rune_verifier_main(const struct rune_heritage *heritage, int socket, int image_fd)
{
    const int keep[] = {socket, image_fd};
    struct rune_verify_report report = {0};
    struct rune_image *image;
    if (rune_child_begin("rune: verifier", RUNE_CHILD_ONE_SHOT, keep, 2) != RUNE_OK ||
        rune_child_drop(heritage) != RUNE_OK) {
        _exit(1);
    }
    struct rune_diag *diag = rune_diag_create();
    if (diag == NULL || rune_sandbox_verifier() != RUNE_OK) {
        _exit(1);
    }
    enum rune_err err = rune_image_open_fd(image_fd, RUNE_IMAGE_VERIFY, &image, diag);
    report.err = err;
    if (err == RUNE_OK) {
        describe(image, &report);
    } else if (rune_diag_kept(diag) > 0) {
        struct rune_diag_message message;
        rune_diag_get(diag, 0, &message);
        snprintf(report.message, sizeof report.message, "%s", message.text);
    } else {
        snprintf(report.message, sizeof report.message, "%s", rune_err_text(err));
    }
    bool told = rune_message_send(socket, &report, sizeof report, -1) == RUNE_OK;
    _exit(told && err == RUNE_OK ? 0 : 1);
}
