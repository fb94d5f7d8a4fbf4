/* SPDX-License-Identifier: Apache-2.0 */
/* driver: replays files, and all files of folders, through a fuzz target, so that every find of the
 * past is a test of the ordinary run, with any compiler. A target with a mutator of its own also
 * gets each file mutated a few times, the same way in each run (RUNE_TEST_SEED, RUNE_TEST_ROUNDS).
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MUTATIONS_A_FILE 400

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                                                     unsigned seed);

static unsigned long number_from(const char *variable, unsigned long otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

/* Each time from the file again, one to four mutations. */
static void mutate(const uint8_t *data, size_t size)
{
    unsigned long rounds = number_from("RUNE_TEST_ROUNDS", MUTATIONS_A_FILE);
    unsigned long seed = number_from("RUNE_TEST_SEED", 1) * 1000003;
    for (unsigned long i = 0; i < rounds; i++) {
        uint8_t *copy = malloc(size > 0 ? size : 1);
        if (copy == NULL) {
            return;
        }
        memcpy(copy, data, size);
        for (unsigned long k = 0; k <= i % 4; k++) {
            (void)LLVMFuzzerCustomMutator(copy, size, size, (unsigned)(seed + 4 * i + k));
        }
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
    }
}

static int replay_file(const char *path, long size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    /* Exactly as large as the input, so that AddressSanitizer sees the first byte read past it. */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    size_t got = data != NULL ? fread(data, 1, (size_t)size, file) : 0;
    fclose(file);
    if (data == NULL || got != (size_t)size) {
        fprintf(stderr, "%s: not read\n", path);
        free(data);
        return 1;
    }
    LLVMFuzzerTestOneInput(data, got);
    if (LLVMFuzzerCustomMutator != NULL) {
        mutate(data, got);
    }
    free(data);
    return 0;
}

static int replay(const char *path, size_t *count)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    if (!S_ISDIR(st.st_mode)) {
        *count += 1;
        return replay_file(path, (long)st.st_size);
    }
    struct dirent **names;
    int n = scandir(path, &names, NULL, alphasort);
    int failed = n < 0;
    for (int i = 0; i < n; i++) {
        char child[4096];
        if (names[i]->d_name[0] != '.' &&
            snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name) < (int)sizeof child) {
            failed |= replay(child, count);
        }
        free(names[i]);
    }
    if (n >= 0) {
        free(names);
    }
    return failed;
}

int main(int argc, char **argv)
{
    size_t count = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        failed |= replay(argv[i], &count);
    }
    printf("%zu inputs replayed\n", count);
    return failed || count == 0;
}
