/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_bundle: one .rune file, built; what builds is verified, opened and asked.
 *
 * INVARIANT checked: the verifier accepts whatever the builder makes, and building again gives the
 * same bytes. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rune/rune.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int truth, const char *what, struct rune_diag *diag)
{
    if (!truth) {
        fprintf(stderr, "fuzz_bundle: %s\n%s", what, rune_diag_text(diag));
        abort();
    }
}

static void ask(const struct rune_image *image)
{
    static const char body[] = "{\"principal\":\"User::\\\"a\\\"\",\"action\":\"Action::"
                               "\\\"b\\\"\",\"resource\":\"Doc::\\\"c\\\"\","
                               "\"context\":{\"n\":1,\"s\":\"x\",\"l\":[1,2]}}";
    struct rune_decider *decider;
    struct rune_answer answer;
    if (rune_decider_create(NULL, &decider) == RUNE_OK) {
        rune_decider_authorize(decider, image, 1, (struct rune_str){body, sizeof(body) - 1},
                               RUNE_ANSWER_DEBUG, &answer);
        rune_decider_destroy(decider);
    }
}

static enum rune_err build(const char *path, uint8_t name[32], int *ret_fd, struct rune_diag *diag)
{
    const struct rune_build_options options = {
        .version = RUNE_BUILD_OPTIONS_VERSION,
        .max_image_bytes = 64u << 20,
        .max_memory_bytes = 256u << 20,
        .max_facts = 100000,
    };
    struct rune_build_result result;
    enum rune_err err = rune_build_memory(path, &options, ret_fd, &result, diag);
    if (err == RUNE_OK) {
        memcpy(name, result.sha256, 32);
    }
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    uint8_t names[2][32];
    struct rune_image *image;
    int fd;
    struct rune_diag *diag = rune_diag_create();
    snprintf(path, sizeof(path), "/tmp/fuzz-bundle.%d.rune", (int)getpid());
    FILE *file = fopen(path, "wb");
    require(file != NULL && fwrite(data, 1, size, file) == size && fclose(file) == 0,
            "the bundle was not written", diag);
    enum rune_err err = build(path, names[0], &fd, diag);
    if (err == RUNE_OK) {
        require(rune_image_open_fd(fd, RUNE_IMAGE_VERIFY, &image, diag) == RUNE_OK,
                "the verifier refused an image", diag);
        ask(image);
        rune_image_close(image);
        close(fd);
        require(build(path, names[1], &fd, diag) == RUNE_OK, "it built once only", diag);
        close(fd);
        require(memcmp(names[0], names[1], 32) == 0, "the same bundle gave other bytes", diag);
    } else {
        require(rune_diag_count(diag, RUNE_ERROR) > 0 || err == RUNE_E_LIMIT || err == RUNE_E_NOMEM,
                "it failed without a word", diag);
    }
    unlink(path);
    rune_diag_destroy(diag);
    return 0;
}
