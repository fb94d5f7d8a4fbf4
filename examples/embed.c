/* SPDX-License-Identifier: Apache-2.0 */
/* embed: a program that decides for itself, without a server. With librune installed:
 *
 *     cc embed.c $(pkg-config --cflags --libs rune) -o embed
 *     ./embed docshare alice edit roadmap
 */
#include <stdio.h>
#include <unistd.h>

#include <rune/rune.h>

/* The bundle becomes an image in sealed memory; a program that starts often would keep an image
 * file instead
 * (`rune build`) and open that: rune_image_open_path. */
static struct rune_image *open_bundle(const char *path, struct rune_diag *diag)
{
    struct rune_build_options options = RUNE_BUILD_OPTIONS_INIT;
    struct rune_build_result result;
    struct rune_image *image = NULL;
    int fd;
    if (rune_build_memory(path, &options, &fd, &result, diag) != RUNE_OK) {
        return NULL;
    }
    enum rune_err err = rune_image_open_fd(fd, RUNE_IMAGE_VERIFIED, &image, diag);
    close(fd);
    return err == RUNE_OK ? image : NULL;
}

/* One decider a thread; it may decide any number of requests, from any image. */
static int decide(const struct rune_image *image, struct rune_str body)
{
    struct rune_decider *decider;
    const struct rune_request *request;
    struct rune_request_error error;
    struct rune_decision decision;
    int status = 2;
    if (rune_decider_create(NULL, &decider) != RUNE_OK) {
        return status;
    }
    if (rune_decider_decode(decider, image, body, &request, &error) != RUNE_OK) {
        fprintf(stderr, "refused: %s: %s\n", error.at, error.message);
    } else {
        rune_decider_decide(decider, image, request, RUNE_ANSWER_PLAIN, &decision);
        printf("%s", rune_outcome_text(decision.outcome));
        for (uint32_t i = 0; i < decision.reason_count; i++) {
            printf(" %.*s", (int)decision.reasons[i].length, decision.reasons[i].data);
        }
        printf("\n");
        status = decision.outcome == RUNE_PERMIT ? 0 : 1;
    }
    rune_decider_destroy(decider);
    return status;
}

int main(int argc, char **argv)
{
    char body[1024];
    if (argc != 5) {
        fprintf(stderr, "usage: embed BUNDLE PRINCIPAL ACTION RESOURCE\n");
        return 2;
    }
    int length = snprintf(
        body, sizeof(body),
        "{\"principal\":\"%s\",\"action\":\"%s\",\"resource\":\"%s\",\"context\":{\"mfa\":true}}",
        argv[2], argv[3], argv[4]);
    struct rune_diag *diag = rune_diag_create();
    struct rune_image *image = open_bundle(argv[1], diag);
    int status = 2;
    if (image == NULL) {
        fputs(rune_diag_text(diag), stderr);
    } else if (length > 0 && (size_t)length < sizeof(body)) {
        status = decide(image, (struct rune_str){body, (size_t)length});
    }
    rune_image_close(image);
    rune_diag_destroy(diag);
    return status;
}
