/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_request: request bodies, alone and as batches, against an image with policies, entities and
 * rules.
 *
 * The first byte chooses: bit 0 batch, bit 1 debug. Every answer must be JSON, of a status that is
 * documented, and a refusal must never count as a decision. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "rune/rune.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    const char *path, *text;
} files[] = {
    {"p.cedar",
     "@id(\"in\") permit(principal in Group::\"staff\", action, resource);\n"
     "@id(\"ctx\") permit(principal, action == Action::\"a\", resource) when { context.n > 3 && "
     "context.s like \"x*\" };\n"
     "@id(\"set\") permit(principal, action, resource) when { context.l.contains(principal) };\n"
     "@id(\"ip\") forbid(principal, action, resource) when { context has ip && "
     "context.ip.isLoopback() };\n"
     "@id(\"up\") permit(principal, action, resource) when { principal.level + context.n == 7 "
     "};\n"},
    {"r.dl", "@id(\"owner\") permit(P, A, R) :- principal(P), action(A), resource(R), owns(P, R).\n"
             "owns(User::\"zed\", Doc::\"top\").\n"},
    {"rune.toml",
     "[defaults]\nprincipal_type = \"User\"\naction_type = \"Action\"\nresource_type = \"Doc\"\n"},
    {"e.entities.json", "[{\"uid\":{\"type\":\"User\",\"id\":\"bob\"},\"attrs\":{\"level\":1},"
                        "\"parents\":[{\"type\":\"Group\",\"id\":\"staff\"}]}]"},
};
#define FILE_COUNT (sizeof(files) / sizeof(files[0]))

static struct rune_image *image;
static struct rune_decider *decider;

static void require(int truth, const char *what)
{
    if (!truth) {
        fprintf(stderr, "fuzz_request: %s\n", what);
        abort();
    }
}

static void set_up(void)
{
    char root[] = "/tmp/fuzz-request.XXXXXX";
    char path[256];
    struct rune_diag *diag = rune_diag_create();
    struct rune_build_result result;
    int fd;
    require(diag != NULL && mkdtemp(root) != NULL, "no folder for the bundle");
    for (size_t i = 0; i < FILE_COUNT; i++) {
        snprintf(path, sizeof(path), "%s/%s", root, files[i].path);
        FILE *file = fopen(path, "wb");
        require(file != NULL && fputs(files[i].text, file) >= 0 && fclose(file) == 0,
                "the bundle was not written");
    }
    enum rune_err err = rune_build_memory(root, NULL, &fd, &result, diag);
    if (err != RUNE_OK) {
        fputs(rune_diag_text(diag), stderr);
    }
    require(err == RUNE_OK && rune_image_open_fd(fd, RUNE_IMAGE_VERIFY, &image, diag) == RUNE_OK &&
                rune_decider_create(NULL, &decider) == RUNE_OK,
            "no image");
    close(fd);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        snprintf(path, sizeof(path), "%s/%s", root, files[i].path);
        unlink(path);
    }
    rmdir(root);
    rune_diag_destroy(diag);
}

static void check(const struct rune_answer *answer)
{
    struct rune_arena arena;
    struct rune_json_node root;
    struct rune_json_error error;
    uint32_t decisions = 0;
    rune_arena_init(&arena, 0);
    require(rune_json_parse(answer->body, 0, &arena, &root, &error) == RUNE_OK,
            "the answer is no JSON");
    rune_arena_fini(&arena);
    for (int i = 0; i < RUNE_OUTCOME_COUNT; i++) {
        decisions += answer->stats.outcomes[i];
    }
    require(answer->status == 200 || answer->status == 400 || answer->status == 413,
            "an unexpected status");
    require((answer->status == 200) == (answer->error_code == NULL), "a code without an error");
    require((answer->status == 200) == (decisions > 0), "a refusal that decided");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (image == NULL) {
        set_up();
    }
    if (size == 0) {
        return 0;
    }
    struct rune_answer answer;
    const struct rune_str body = {(const char *)data + 1, size - 1};
    enum rune_answer_detail detail = (data[0] & 2) != 0 ? RUNE_ANSWER_DEBUG : RUNE_ANSWER_PLAIN;
    ((data[0] & 1) != 0 ? rune_decider_authorize_batch
                        : rune_decider_authorize)(decider, image, 1, body, detail, &answer);
    check(&answer);
    return 0;
}
