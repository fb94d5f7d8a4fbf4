/* SPDX-License-Identifier: Apache-2.0 */
/* Every command of `rune` whose memory runs out: at the Nth allocation, that one alone or it and
 * all behind it. It must succeed as if nothing were, or say that memory is out, exit with 4 and
 * leave all files as they were. Each run is a process of its own, so that AddressSanitizer looks
 * for leaks behind each.
 *
 * RUNE_TEST_ROUNDS=N: so many allocations a command and way, evenly spread (0: all of them);
 * RUNE_TEST_SEED: where the first is; RUNE_TEST_COMMAND: only that one. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "cli/command.h"
#include "reference/oom.h"
#include "reference/rounds.h"
#include "unit/cmocka.h"

#define ROUNDS        12u
#define MAX_ARGUMENTS 16u

int rune_program_main(int argc, char **argv); /* main() of src/cli/main.c */

enum output { OUTPUT_IS_FIXED, OUTPUT_HAS_TIMES };

struct command {
    const char *name;
    const char *arguments[MAX_ARGUMENTS]; /* behind "rune"; the working directory has the bundle */
    enum output output;
};

static const struct command commands[] = {
    {"build", {"build", "everything", "-o", "new.image"}, 0},
    {"build-again",
     {"build", "everything", "-o", "old.image", "--format", "json"},
     OUTPUT_HAS_TIMES},
    {"validate", {"validate", "everything"}, 0},
    {"validate-wrong", {"validate", "wrong", "--format", "json"}, 0},
    {"fmt", {"fmt", "everything/policies.cedar"}, 0},
    {"fmt-write", {"fmt", "--write", "ugly.cedar"}, 0},
    {"check", {"check", "everything"}, 0},
    {"check-wrong", {"check", "wrong", "everything/app.cedarschema"}, 0},
    {"check-json", {"check", "wrong", "--format", "json"}, 0},
    {"translate", {"translate", "everything/policies.cedar"}, 0},
    {"translate-schema", {"translate", "everything/app.cedarschema"}, 0},
    {"translate-text", {"translate", "everything/app.cedarschema", "--to", "text"}, 0},
    {"link",
     {"link", "ugly.cedar", "link", "u1-f1", "-p", "User::\"u1\"", "-r", "Folder::\"f1\"",
      "--write", "new.links.json"},
     0},
    {"eval",
     {"eval", "everything", "-p", "u1", "-a", "read", "-r", "d1", "-c", "context.json", "--debug"},
     0},
    {"eval-image",
     {"eval", "old.image", "-p", "u2", "-a", "write", "-r", "d1", "-c", "context.json", "--format",
      "json"},
     OUTPUT_HAS_TIMES},
    {"query", {"query", "everything", "ranked(P, R)"}, 0},
    {"query-image", {"query", "old.image", "in_group(U, G)", "--format", "json"}, 0},
    {"query-count", {"query", "old.image", "entity.attr(E, \"level\", V)", "--count"}, 0},
    {"plan", {"plan", "everything"}, 0},
    {"plan-image", {"plan", "old.image", "rule-permit", "--count"}, 0},
    {"test", {"test", "everything", "--verbose"}, 0},
    {"inspect", {"inspect", "old.image", "--policies"}, 0},
    {"benchmark",
     {"benchmark", "old.image", "--requests", "everything/requests.jsonl", "--seconds", "0"},
     OUTPUT_HAS_TIMES},
    {"reload", {"reload", "--runtime-dir", "nowhere"}, 0},
    {"status", {"status", "--runtime-dir", "nowhere"}, 0},
    {"version", {"version"}, 0},
    {"help", {"help", "eval"}, 0},
};

/* ---- the working directory ---- */

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int shell(const char *format, ...)
{
    char command[2048];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    assert_in_range(length, 1, sizeof(command) - 1);
    return system(command); /* NOLINT(cert-env33-c): paths of ours */
}

static void make_files(const char *folder)
{
    const char *source = getenv("RUNE_SOURCE_DIR");
    assert_non_null(source);
    assert_int_equal(shell("cp -r '%s/tests/fault/everything' '%s/tests/fault/wrong' '%s'", source,
                           source, folder),
                     0);
    assert_int_equal(shell("cd '%s' && tr '\\n' ' ' <everything/policies.cedar >ugly.cedar && "
                           "echo '{\"mfa\": true}' >context.json",
                           folder),
                     0);
}

/* All that is in the folder, as text. */
static void read_files(const char *folder, struct rune_buf *text)
{
    char command[600];
    char block[4096];
    snprintf(command, sizeof(command),
             "cd '%s' && find . | sort && find . -type f | sort | xargs md5sum", folder);
    FILE *pipe = popen(command, "r"); /* NOLINT(cert-env33-c) */
    assert_non_null(pipe);
    rune_buf_reset(text);
    for (size_t got; (got = fread(block, 1, sizeof(block), pipe)) > 0;) {
        rune_buf_append(text, block, got);
    }
    assert_int_equal(pclose(pipe), 0);
    assert_false(text->failed);
}

/* ---- runs ---- */

struct result {
    int status;   /* as waitpid has it */
    size_t count; /* allocations */
    struct rune_buf out, err, files;
};

static void result_fini(struct result *result)
{
    rune_buf_fini(&result->out);
    rune_buf_fini(&result->err);
    rune_buf_fini(&result->files);
}

static struct rune_oom *oom; /* the child's, seen from here */
static char folder[] = "/tmp/rune-memory-XXXXXX";

static const int crashes[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
static struct sigaction at_start[sizeof(crashes) / sizeof(crashes[0])];

_Noreturn static void run_here(const struct command *command, int out, int err)
{
    char *argv[MAX_ARGUMENTS + 2] = {(char[]){"rune"}};
    int argc = 1;
    while (command->arguments[argc - 1] != NULL) {
        argv[argc] = (char *)(uintptr_t)command->arguments[argc - 1];
        argc++;
    }
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
        sigaction(crashes[i], &at_start[i], NULL); /* cmocka's would go on with the test here */
    }
    if (chdir(folder) != 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0) {
        _exit(99);
    }
    rune_alloc_set_hook(rune_oom_hook, oom);
    int code = rune_program_main(argc, argv);
    rune_alloc_set_hook(NULL, NULL);
    exit(code); /* which also looks for leaks */
}

static void read_back(int fd, struct rune_buf *text)
{
    off_t size = lseek(fd, 0, SEEK_END);
    rune_buf_reset(text);
    char *room = rune_buf_reserve(text, (size_t)size + 1);
    assert_non_null(room);
    assert_int_equal(pread(fd, room, (size_t)size, 0), size);
    text->length = (size_t)size;
    close(fd);
}

/* The Nth fails, and all behind it if `forever`. */
static void run(const struct command *command, size_t fail_at, bool forever, struct result *result)
{
    int out = memfd_create("out", 0), err = memfd_create("err", 0);
    *oom = (struct rune_oom){.fail_at = fail_at, .forever = forever};
    fflush(NULL);
    pid_t child = fork();
    assert_in_range(child, 0, INT32_MAX);
    if (child == 0) {
        run_here(command, out, err);
    }
    assert_int_equal(waitpid(child, &result->status, 0), child);
    result->count = oom->count;
    read_back(out, &result->out);
    read_back(err, &result->err);
    read_files(folder, &result->files);
}

/* ---- judging ---- */

static bool is_same(const struct rune_buf *a, const struct rune_buf *b)
{
    return a->length == b->length && memcmp(a->data, b->data, a->length) == 0;
}

static bool says(const struct rune_buf *text, const char *words)
{
    return memmem(text->data, text->length, words, strlen(words)) != NULL;
}

/* What is wrong with a run in which an allocation failed; NULL: nothing. */
static const char *judge(const struct command *command, const struct result *whole,
                         const struct result *got, const struct rune_buf *before)
{
    if (!WIFEXITED(got->status) || WEXITSTATUS(got->status) > CLI_ENVIRONMENT) {
        return "crashed, or leaked";
    }
    if (WEXITSTATUS(got->status) == WEXITSTATUS(whole->status) &&
        (WEXITSTATUS(got->status) != CLI_ENVIRONMENT || is_same(&got->err, &whole->err))) {
        return !is_same(&got->files, &whole->files) ? "went on without writing"
               : command->output == OUTPUT_IS_FIXED && !says(&got->err, "memory") &&
                       !says(&got->out, "memory") &&
                       (!is_same(&got->out, &whole->out) || !is_same(&got->err, &whole->err))
                   ? "went on with another output"
                   : NULL;
    }
    return WEXITSTATUS(got->status) != CLI_ENVIRONMENT ? "another exit code"
           : !is_same(&got->files, before)             ? "failed, and has changed files"
           : !says(&got->err, "memory")                ? "does not say that memory is out"
                                                       : NULL;
}

static void restore(const char *kept)
{
    assert_int_equal(shell("rm -rf '%s' && cp -r '%s' '%s'", folder, kept, folder), 0);
}

static size_t fail_at(size_t round, size_t rounds, size_t count)
{
    return (round * count + rounds_number_of("RUNE_TEST_SEED", 1) % count) / rounds;
}

static void test_commands_memory__fail_at_any_allocation(void **state)
{
    const struct command *command = *state;
    const char *only = getenv("RUNE_TEST_COMMAND");
    if (only != NULL && strcmp(only, command->name) != 0) {
        skip();
    }
    struct rune_buf before = RUNE_BUF_INIT;
    struct result whole = {0}, got = {0};
    char kept[64];
    unsigned failures = 0;
    snprintf(kept, sizeof(kept), "%s.kept", folder);
    read_files(folder, &before);
    run(command, SIZE_MAX, false, &whole);
    assert_true(WIFEXITED(whole.status));
    size_t rounds = rounds_number_of("RUNE_TEST_ROUNDS", ROUNDS);
    rounds = rounds == 0 || rounds > whole.count ? whole.count : rounds;
    for (size_t i = 0; i < 2 * rounds; i++) {
        size_t at = fail_at(i / 2, rounds, whole.count);
        if (!is_same(&before, i == 0 ? &whole.files : &got.files)) {
            restore(kept);
        }
        run(command, at, i % 2 != 0, &got);
        const char *wrong = judge(command, &whole, &got, &before);
        if (wrong != NULL && failures++ < 20) {
            fprintf(stderr, "%s: allocation %zu of %zu%s: status %x: %s\n%.*s\n", command->name, at,
                    whole.count, i % 2 != 0 ? " and all behind it" : "", (unsigned)got.status,
                    wrong, (int)got.err.length, got.err.data);
        }
    }
    print_message("%s: %zu of %zu allocations failed\n", command->name, rounds, whole.count);
    restore(kept);
    rune_buf_fini(&before);
    result_fini(&whole);
    result_fini(&got);
    assert_int_equal(failures, 0);
}

static int set_up(void **state)
{
    (void)state;
    char kept[64];
    oom = mmap(NULL, sizeof(*oom), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(oom, MAP_FAILED);
    assert_non_null(mkdtemp(folder));
    make_files(folder);
    struct result result = {0};
    run(&(struct command){"", {"build", "everything", "-o", "old.image"}, 0}, SIZE_MAX, false,
        &result);
    assert_int_equal(result.status, 0);
    result_fini(&result);
    snprintf(kept, sizeof(kept), "%s.kept", folder);
    return shell("cp -r '%s' '%s'", folder, kept);
}

static int tear_down(void **state)
{
    (void)state;
    munmap(oom, sizeof(*oom));
    return shell("rm -rf '%s' '%s.kept'", folder, folder);
}

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

int main(void)
{
    struct CMUnitTest tests[COMMANDS];
    for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++) {
        sigaction(crashes[i], NULL, &at_start[i]);
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        tests[i] = (struct CMUnitTest){.name = commands[i].name,
                                       .test_func = test_commands_memory__fail_at_any_allocation,
                                       .initial_state = (void *)(uintptr_t)&commands[i]};
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
