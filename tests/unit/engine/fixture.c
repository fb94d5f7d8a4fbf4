/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/engine/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "unit/cmocka.h"

char *fixture_make(const struct fixture_file *files, size_t count)
{
    char *root = rune_strdup("/tmp/rune-fixture-XXXXXX");
    assert_non_null(root);
    assert_non_null(mkdtemp(root));
    for (size_t i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", root, files[i].path);
        for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
            *slash = '\0';
            mkdir(path, 0777);
            *slash = '/';
        }
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(files[i].text, 1, strlen(files[i].text), file),
                         strlen(files[i].text));
        assert_int_equal(fclose(file), 0);
    }
    return root;
}

void fixture_remove(char *path)
{
    char command[600];
    snprintf(command, sizeof(command), "rm -rf '%s'", path);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a path of ours */
    rune_free(path);
}

static void succeed(enum rune_err err, struct rune_diag *diag)
{
    if (err != RUNE_OK) {
        print_error("%s", rune_diag_text(diag));
    }
    assert_int_equal(err, RUNE_OK);
}

int fixture_image(const char *path, struct rune_build_result *ret_result)
{
    struct rune_diag *diag = rune_diag_create();
    int fd;
    succeed(rune_build_memory(path, NULL, &fd, ret_result, diag), diag);
    rune_diag_destroy(diag);
    return fd;
}

void fixture_open(struct fixture *fixture, const struct fixture_file *files, size_t count)
{
    char *path = fixture_make(files, count);
    struct rune_build_result result;
    struct rune_diag *diag = rune_diag_create();
    int fd = fixture_image(path, &result);
    succeed(rune_image_open_fd(fd, RUNE_IMAGE_VERIFY, &fixture->image, diag), diag);
    close(fd);
    assert_int_equal(rune_decider_create(NULL, &fixture->decider), RUNE_OK);
    rune_diag_destroy(diag);
    fixture_remove(path);
}

void fixture_close(struct fixture *fixture)
{
    rune_decider_destroy(fixture->decider);
    rune_image_close(fixture->image);
}

enum rune_err fixture_build(const struct fixture_file *files, size_t count, char **ret_text)
{
    char *path = fixture_make(files, count);
    struct rune_diag *diag = rune_diag_create();
    struct rune_build_result result;
    enum rune_err err = rune_build_check(path, NULL, &result, diag);
    *ret_text = rune_strdup(rune_diag_text(diag));
    rune_diag_destroy(diag);
    fixture_remove(path);
    return err;
}
