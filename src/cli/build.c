/* SPDX-License-Identifier: Apache-2.0 */
/* rune build: a bundle into an image file. The file appears under its name only when it is whole.
 */
#include "rune/build.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/command.h"
#include "cli/subject.h"

struct arguments {
    const char *output;
    bool stats;
    uint64_t max_bytes;
    enum cli_format format;
    struct cli_limits limits;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, output, "output", 'o', CLI_TEXT, "IMAGE",
               "where to write the image (required)"),
    CLI_OPTION(arguments, stats, "stats", 0, CLI_FLAG, NULL,
               "also print what it took: CPU time by phase, memory"),
    CLI_OPTION(arguments, max_bytes, "max-bytes", 0, CLI_NUMBER, "N",
               "refuse to write a larger image"),
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|json", "how to print the result"),
    CLI_LIMIT_OPTIONS,
};

static void hex(const uint8_t bytes[32], char out[65])
{
    for (size_t i = 0; i < 32; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

static double milliseconds(uint64_t ns)
{
    return (double)ns / 1e6;
}

static uint64_t peak_kib(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (uint64_t)usage.ru_maxrss : 0;
}

static void print_json(FILE *out, const struct rune_build_result *result)
{
    char name[65];
    hex(result->sha256, name);
    fprintf(out,
            "{\"image\":\"%s\",\"bytes\":%" PRIu64
            ",\"policies\":%u,\"templates\":%u,\"rules\":%u,\"entities\":%u,"
            "\"baseFacts\":%" PRIu64 ",\"derivedFacts\":%" PRIu64
            ",\"cpuMs\":{\"read\":%.3f,\"policies\":%.3f,"
            "\"rules\":%.3f,\"write\":%.3f,\"total\":%.3f},\"peakKib\":%" PRIu64 "}\n",
            name, result->image_bytes, result->policies, result->templates, result->rules,
            result->entities, result->base_facts, result->derived_facts,
            milliseconds(result->read_ns), milliseconds(result->policies_ns),
            milliseconds(result->rules_ns), milliseconds(result->write_ns),
            milliseconds(result->total_ns), peak_kib());
}

static void print_text(FILE *out, const struct rune_build_result *result, bool stats)
{
    char name[65];
    hex(result->sha256, name);
    fprintf(out,
            "image     %s\nsize      %" PRIu64
            " bytes\npolicies  %u (%u templates)\nrules     %u\nentities  %u\n"
            "facts     %" PRIu64 " given, %" PRIu64 " derived\n",
            name, result->image_bytes, result->policies, result->templates, result->rules,
            result->entities, result->base_facts, result->derived_facts);
    if (stats) {
        fprintf(out,
                "cpu       %.1f ms: read %.1f, policies %.1f, rules %.1f, write %.1f\npeak      "
                "%.1f MiB\n",
                milliseconds(result->total_ns), milliseconds(result->read_ns),
                milliseconds(result->policies_ns), milliseconds(result->rules_ns),
                milliseconds(result->write_ns), (double)peak_kib() / 1024.0);
    }
}

/* A file beside the target, to be renamed onto it. */
static int open_beside(const char *output, char *path, size_t size)
{
    if ((size_t)snprintf(path, size, "%s.XXXXXX", output) >= size) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        mode_t mask = umask(0);
        umask(mask);
        if (fchmod(fd, 0666 & ~mask) != 0) {
            close(fd);
            unlink(path);
            return -1;
        }
    }
    return fd;
}

/* Whether the target is a device or a pipe, which no file must take the place of. */
static bool is_stream(const char *output)
{
    struct stat status;
    return stat(output, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

static bool copy_to(const char *output, int from)
{
    static char block[1 << 16];
    int to = open(output, O_WRONLY | O_CLOEXEC);
    bool ok = to >= 0 && lseek(from, 0, SEEK_SET) == 0;
    while (ok) {
        ssize_t got = read(from, block, sizeof(block));
        if (got == 0) {
            break;
        }
        ok = got > 0 && rune_fs_write_all(to, block, (size_t)got) == RUNE_OK;
    }
    return (to < 0 || close(to) == 0) && ok;
}

/* Under the target's name; `beside` empty: to a stream. */
static bool deliver(int fd, const char *beside, const char *target)
{
    if (beside[0] == '\0') {
        bool copied = copy_to(target, fd);
        close(fd);
        return copied;
    }
    return close(fd) == 0 && rename(beside, target) == 0;
}

static enum rune_err build(const char *bundle, const struct arguments *arguments, int fd,
                           struct rune_build_result *result)
{
    struct rune_diag *diag = rune_diag_create();
    if (diag == NULL) {
        cli_print_failure(diag, RUNE_E_NOMEM, bundle);
        return RUNE_E_NOMEM;
    }
    struct rune_build_options build_options = cli_build_options(&arguments->limits);
    build_options.max_image_bytes = arguments->max_bytes;
    enum rune_err err = rune_build_bundle(bundle, &build_options, fd, result, diag);
    cli_progress_end();
    cli_print_diag(diag, err, bundle);
    rune_diag_destroy(diag);
    return err;
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    if (arguments->output == NULL) {
        fprintf(stderr, "rune build: where to? add -o IMAGE\n");
        return CLI_USAGE;
    }
    char path[PATH_MAX + 8] = ""; /* none: into memory, then to the stream */
    char real[PATH_MAX];
    /* what a symbolic link names; else a new file */
    const char *target = realpath(arguments->output, real) != NULL ? real : arguments->output;
    int fd = is_stream(target) ? memfd_create("rune-image", MFD_CLOEXEC)
                               : open_beside(target, path, sizeof(path));
    if (fd < 0) {
        fprintf(stderr, "rune build: cannot write beside %s: %s\n", arguments->output,
                strerror(errno));
        return CLI_ENVIRONMENT;
    }
    struct rune_build_result result;
    rune_alloc_try_large();
    enum rune_err err = build(call->operands[0], arguments, fd, &result);
    if (err != RUNE_OK) {
        close(fd);
    } else if (!deliver(fd, path, target)) {
        fprintf(stderr, "rune build: cannot write %s: %s\n", arguments->output, strerror(errno));
        err = RUNE_E_IO;
    }
    if (err != RUNE_OK) {
        unlink(path);
        return cli_exit_for(err);
    }
    FILE *out = path[0] == '\0' ? stderr : stdout; /* to where no image may be going */
    if (arguments->format == CLI_AS_JSON) {
        print_json(out, &result);
    } else {
        print_text(out, &result, arguments->stats);
    }
    return CLI_OK;
}

const struct cli_command cli_command_build = {
    .name = "build",
    .operands = "BUNDLE",
    .summary = "make an image of a bundle",
    .details = "The same bundle gives the same bytes; the image's name is their SHA-256. A bundle "
               "with errors writes\n"
               "nothing and lists all of them.\n\n"
               "  rune build examples/docshare -o docshare.image --stats\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
