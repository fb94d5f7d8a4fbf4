/* SPDX-License-Identifier: Apache-2.0 */
/* rune build: a bundle into an image file. The file appears under its name only when it is whole.
 */
#include "rune/build.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

static void print_json(const struct rune_build_result *result)
{
    char name[65];
    hex(result->sha256, name);
    printf("{\"image\":\"%s\",\"bytes\":%" PRIu64
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

static void print_text(const struct rune_build_result *result, bool stats)
{
    char name[65];
    hex(result->sha256, name);
    printf("image     %s\nsize      %" PRIu64
           " bytes\npolicies  %u (%u templates)\nrules     %u\nentities  %u\n"
           "facts     %" PRIu64 " given, %" PRIu64 " derived\n",
           name, result->image_bytes, result->policies, result->templates, result->rules,
           result->entities, result->base_facts, result->derived_facts);
    if (stats) {
        printf("cpu       %.1f ms: read %.1f, policies %.1f, rules %.1f, write %.1f\npeak      "
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

static enum rune_err build(const char *bundle, const struct arguments *arguments, int fd,
                           struct rune_build_result *result)
{
    struct rune_diag *diag = rune_diag_create();
    if (diag == NULL) {
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
    char path[4096];
    int fd = open_beside(arguments->output, path, sizeof(path));
    if (fd < 0) {
        fprintf(stderr, "rune build: cannot write beside %s: %s\n", arguments->output,
                strerror(errno));
        return CLI_ENVIRONMENT;
    }
    struct rune_build_result result;
    enum rune_err err = build(call->operands[0], arguments, fd, &result);
    bool written = close(fd) == 0;
    if (err == RUNE_OK && (!written || rename(path, arguments->output) != 0)) {
        fprintf(stderr, "rune build: cannot write %s: %s\n", arguments->output, strerror(errno));
        err = RUNE_E_IO;
    }
    if (err != RUNE_OK) {
        unlink(path);
        return cli_exit_for(err);
    }
    if (arguments->format == CLI_AS_JSON) {
        print_json(&result);
    } else {
        print_text(&result, arguments->stats);
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
