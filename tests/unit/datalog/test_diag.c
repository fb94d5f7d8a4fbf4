/* SPDX-License-Identifier: Apache-2.0 */
/* Golden messages: diag/NAME.dl is checked, its messages must be diag/NAME.txt. A first line `%
 * declare: q/2 r/1!` declares relations. RUNE_UPDATE_GOLDENS=1 writes the .txt files anew. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/cmocka.h"
#include "unit/datalog/support.h"

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    if (file != NULL) {
        text = calloc(1, 1 << 20);
        if (fread(text, 1, (1 << 20) - 1, file) == 0) {
            text[0] = '\0';
        }
        fclose(file);
    }
    return text;
}

static void compare(const char *path, const char *got)
{
    if (getenv("RUNE_UPDATE_GOLDENS") != NULL) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs(got, file);
        fclose(file);
        return;
    }
    char *want = read_file(path);
    if (want == NULL || strcmp(want, got) != 0) {
        print_error("%s\n--- got:\n%s--- want:\n%s", path, got,
                    want != NULL ? want : "(no file)\n");
    }
    assert_non_null(want);
    assert_string_equal(got, want);
    free(want);
}

static void check_file(const char *folder, const char *name)
{
    char path[1024];
    char declared[256] = "";
    struct front front;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    char *text = read_file(path);
    assert_non_null(text);
    sscanf(text, "%% declare: %255[^\n]", declared);
    front_check(&front, text, strncmp(name, "bare_", 5) == 0 ? RUNE_DL_BARE : RUNE_DL_BUNDLE,
                declared);
    snprintf(path, sizeof(path), "%s/%.*s.txt", folder, (int)strlen(name) - 3, name);
    compare(path, rune_diag_text(front.diag));
    front_fini(&front);
    free(text);
}

static void test_messages__are_as_written_down(void **state)
{
    char folder[512];
    const char *root = getenv("RUNE_SOURCE_DIR");
    struct dirent **names;
    (void)state;
    snprintf(folder, sizeof(folder), "%s/tests/unit/datalog/diag", root != NULL ? root : ".");
    int count = scandir(folder, &names, NULL, alphasort);
    int checked = 0;
    for (int i = 0; i < count; i++) {
        size_t length = strlen(names[i]->d_name);
        if (length > 3 && strcmp(names[i]->d_name + length - 3, ".dl") == 0) {
            check_file(folder, names[i]->d_name);
            checked++;
        }
        free(names[i]);
    }
    free(names);
    assert_true(checked > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages__are_as_written_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
