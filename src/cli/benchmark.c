/* SPDX-License-Identifier: Apache-2.0 */
/* rune benchmark: how long a decision takes, in process.
 *
 * Each thread has its own decider and its own decoded requests and shares the image, as workers do.
 * Before the clock starts every request is decoded, interned, decided once, and compared with what
 * is expected. Then each decision is timed by two reads of the clock; what two reads take with
 * nothing between them (the median) is subtracted. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/command.h"
#include "cli/requests.h"
#include "cli/subject.h"

#define MAX_THREADS      256u
#define FINE_NS          65536u /* latencies below are counted by the nanosecond */
#define COARSE_BUCKETS   4096u  /* those above by 64 microseconds, the last takes the rest */
#define COARSE_NS        65536u
#define CLOCK_SAMPLES    20001u
#define SHOWN_MISMATCHES 10u

struct arguments {
    const char *requests;
    uint64_t threads;
    uint64_t seconds;
    enum cli_format format;
    struct cli_limits limits;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, requests, "requests", 0, CLI_TEXT, "FILE",
               "requests, one JSON object a line (required)"),
    CLI_OPTION(arguments, threads, "threads", 0, CLI_NUMBER, "N",
               "threads that decide at once (1)"),
    CLI_OPTION(arguments, seconds, "seconds", 0, CLI_NUMBER, "S", "how long to measure (3)"),
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|json", "how to print"),
    CLI_LIMIT_OPTIONS,
};

struct latencies {
    uint32_t fine[FINE_NS];
    uint32_t coarse[COARSE_BUCKETS];
    uint64_t count;
    uint64_t total_ns;
};

struct bench {
    const struct rune_image *image;
    const struct cli_request_file *file;
    uint64_t duration_ns;
    uint64_t clock_ns; /* what two reads take */
};

struct thread {
    const struct bench *bench;
    pthread_t id;
    struct rune_decider *decider;
    struct rune_request **requests;
    struct latencies *latencies;
    uint64_t decode_ns; /* of all requests, once */
    bool loud;          /* prints mismatches */
    uint64_t mismatches;
    enum cli_exit code;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- latencies ---- */

static void observe(struct latencies *latencies, uint64_t ns)
{
    latencies->count++;
    latencies->total_ns += ns;
    if (ns < FINE_NS) {
        latencies->fine[ns]++;
        return;
    }
    uint64_t bucket = (ns - FINE_NS) / COARSE_NS;
    latencies->coarse[bucket < COARSE_BUCKETS ? bucket : COARSE_BUCKETS - 1]++;
}

static void add_latencies(struct latencies *sum, const struct latencies *more)
{
    for (size_t i = 0; i < FINE_NS; i++) {
        sum->fine[i] += more->fine[i];
    }
    for (size_t i = 0; i < COARSE_BUCKETS; i++) {
        sum->coarse[i] += more->coarse[i];
    }
    sum->count += more->count;
    sum->total_ns += more->total_ns;
}

/* The smallest latency that `share` of all do not exceed. */
static uint64_t quantile(const struct latencies *latencies, double share)
{
    uint64_t want = (uint64_t)(share * (double)latencies->count);
    uint64_t seen = 0;
    for (uint64_t ns = 0; ns < FINE_NS; ns++) {
        seen += latencies->fine[ns];
        if (seen > want) {
            return ns;
        }
    }
    for (uint64_t i = 0; i < COARSE_BUCKETS; i++) {
        seen += latencies->coarse[i];
        if (seen > want) {
            return FINE_NS + (i + 1) * COARSE_NS;
        }
    }
    return FINE_NS + COARSE_BUCKETS * (uint64_t)COARSE_NS;
}

static uint64_t measure_clock(void)
{
    struct latencies *latencies = rune_calloc(1, sizeof(*latencies));
    if (latencies == NULL) {
        return 0;
    }
    for (size_t i = 0; i < CLOCK_SAMPLES; i++) {
        uint64_t began_ns = now_ns();
        observe(latencies, now_ns() - began_ns);
    }
    uint64_t median_ns = quantile(latencies, 0.5);
    rune_free(latencies);
    return median_ns;
}

/* ---- one thread ---- */

static void show_mismatch(const struct cli_request_line *line, const struct rune_decision *decision)
{
    fprintf(stderr, "line %u: expected %s, got %s", line->line,
            line->has_decision ? rune_outcome_text(line->decision) : "other reasons",
            rune_outcome_text(decision->outcome));
    for (uint32_t i = 0; i < decision->reason_count; i++) {
        fprintf(stderr, " %.*s", RUNE_STR_ARG(decision->reasons[i]));
    }
    for (uint32_t i = 0; i < decision->error_count; i++) {
        fprintf(stderr, " error %.*s %s", RUNE_STR_ARG(decision->errors[i].id),
                decision->errors[i].code);
    }
    fputc('\n', stderr);
}

static void compare(struct thread *thread, const struct cli_request_line *line,
                    const struct rune_decision *decision)
{
    bool right =
        (!line->has_decision || line->decision == decision->outcome) &&
        (!line->has_reasons || cli_has_reasons(decision, line->reasons, line->reason_count));
    if (!right && thread->loud && thread->mismatches < SHOWN_MISMATCHES) {
        show_mismatch(line, decision);
    }
    thread->mismatches += !right;
}

/* Everything that happens before the clock starts. */
static enum cli_exit prepare(struct thread *thread)
{
    const struct bench *bench = thread->bench;
    const struct cli_request_file *file = bench->file;
    thread->latencies = rune_calloc(1, sizeof(*thread->latencies));
    thread->requests = rune_calloc(file->count, sizeof(*thread->requests));
    if (thread->latencies == NULL || thread->requests == NULL ||
        rune_decider_create(NULL, &thread->decider) != RUNE_OK) {
        fprintf(stderr, "rune benchmark: out of memory\n");
        return CLI_ENVIRONMENT;
    }
    for (uint32_t i = 0; i < file->count; i++) {
        struct rune_request_error error;
        struct rune_decision decision;
        enum rune_err err = rune_request_create(thread->decider, bench->image, file->lines[i].body,
                                                &thread->requests[i], &error);
        if (err != RUNE_OK) {
            fprintf(stderr, "rune benchmark: line %u: %s%s%s\n", file->lines[i].line, error.at,
                    error.at[0] != '\0' ? ": " : "", error.message);
            return cli_exit_for(err);
        }
        rune_decider_decide(thread->decider, bench->image, thread->requests[i], RUNE_ANSWER_PLAIN,
                            &decision);
        compare(thread, &file->lines[i], &decision);
    }
    return CLI_OK;
}

/* What decoding takes, on its own. */
static void time_decoding(struct thread *thread)
{
    const struct cli_request_file *file = thread->bench->file;
    const struct rune_request *request;
    struct rune_request_error error;
    uint64_t began_ns = now_ns();
    for (uint32_t i = 0; i < file->count; i++) {
        if (rune_decider_decode(thread->decider, thread->bench->image, file->lines[i].body,
                                &request, &error) != RUNE_OK) {
            return;
        }
    }
    thread->decode_ns = now_ns() - began_ns;
}

static void time_deciding(struct thread *thread)
{
    const struct bench *bench = thread->bench;
    uint64_t end_ns = now_ns() + bench->duration_ns;
    uint64_t stop_ns = 0;
    do {
        for (uint32_t i = 0; i < bench->file->count; i++) {
            struct rune_decision decision;
            uint64_t began_ns = now_ns();
            rune_decider_decide(thread->decider, bench->image, thread->requests[i],
                                RUNE_ANSWER_PLAIN, &decision);
            stop_ns = now_ns();
            uint64_t took_ns = stop_ns - began_ns;
            observe(thread->latencies, took_ns > bench->clock_ns ? took_ns - bench->clock_ns : 0);
        }
    } while (stop_ns < end_ns);
}

static void *run_thread(void *context)
{
    struct thread *thread = context;
    thread->code = prepare(thread);
    if (thread->code == CLI_OK) {
        time_decoding(thread);
        time_deciding(thread);
    }
    return NULL;
}

static void thread_fini(struct thread *thread, uint32_t request_count)
{
    for (uint32_t i = 0; thread->requests != NULL && i < request_count; i++) {
        rune_request_destroy(thread->requests[i]);
    }
    rune_free(thread->requests);
    rune_free(thread->latencies);
    rune_decider_destroy(thread->decider);
}

/* ---- all of them ---- */

static enum cli_exit run_threads(struct thread *threads, uint32_t count)
{
    uint32_t started = 0;
    for (; started < count; started++) {
        if (pthread_create(&threads[started].id, NULL, run_thread, &threads[started]) != 0) {
            fprintf(stderr, "rune benchmark: cannot start %u threads\n", count);
            break;
        }
    }
    enum cli_exit code = started == count ? CLI_OK : CLI_ENVIRONMENT;
    for (uint32_t i = 0; i < started; i++) {
        pthread_join(threads[i].id, NULL);
        if (threads[i].code != CLI_OK) {
            code = threads[i].code;
        }
    }
    return code;
}

static void print(const struct thread *threads, uint32_t count, uint32_t request_count,
                  enum cli_format format)
{
    struct latencies *sum = rune_calloc(1, sizeof(*sum));
    if (sum == NULL) {
        fprintf(stderr, "rune benchmark: out of memory\n");
        return;
    }
    double per_second = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct latencies *latencies = threads[i].latencies;
        add_latencies(sum, latencies);
        per_second += (double)latencies->count * 1e9 /
                      (double)(latencies->total_ns > 0 ? latencies->total_ns : 1);
    }
    const char *pattern =
        format == CLI_AS_JSON
            ? "{\"decisions_per_s\":%.0f,\"median_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64
              ",\"p999_ns\":%" PRIu64 ",\"decode_ns\":%" PRIu64 ",\"mismatches\":%" PRIu64 "}\n"
            : "decisions_per_s=%.0f median_ns=%" PRIu64 " p99_ns=%" PRIu64 " p999_ns=%" PRIu64
              " decode_ns=%" PRIu64 " mismatches=%" PRIu64 "\n";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    printf(pattern, per_second, quantile(sum, 0.5), quantile(sum, 0.99), quantile(sum, 0.999),
           threads[0].decode_ns / request_count, threads[0].mismatches);
#pragma GCC diagnostic pop
    rune_free(sum);
}

static enum cli_exit measure(const struct cli_subject *subject, const struct cli_request_file *file,
                             const struct arguments *arguments)
{
    uint32_t count = arguments->threads != 0 ? (uint32_t)arguments->threads : 1;
    uint64_t seconds = arguments->seconds != 0 ? arguments->seconds : 3;
    struct bench bench = {
        .image = subject->image,
        .file = file,
        .duration_ns = seconds * 1000000000u,
        .clock_ns = measure_clock(),
    };
    struct thread *threads = rune_calloc(count, sizeof(*threads));
    if (threads == NULL) {
        return CLI_ENVIRONMENT;
    }
    for (uint32_t i = 0; i < count; i++) {
        threads[i].bench = &bench;
        threads[i].loud = i == 0;
    }
    enum cli_exit code = run_threads(threads, count);
    if (code == CLI_OK) {
        print(threads, count, file->count, arguments->format);
        code = threads[0].mismatches == 0 ? CLI_OK : CLI_NO;
    }
    for (uint32_t i = 0; i < count; i++) {
        thread_fini(&threads[i], file->count);
    }
    rune_free(threads);
    return code;
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    if (arguments->requests == NULL) {
        fprintf(stderr, "rune benchmark: which requests? add --requests FILE.jsonl\n");
        return CLI_USAGE;
    }
    if (arguments->threads > MAX_THREADS) {
        fprintf(stderr, "rune benchmark: at most %u threads\n", MAX_THREADS);
        return CLI_USAGE;
    }
    struct cli_request_file file;
    struct cli_subject subject;
    enum cli_exit code = cli_request_file_read(arguments->requests, &file);
    if (code != CLI_OK) {
        return code;
    }
    code = cli_subject_open(call->operands[0], CLI_TO_DECIDE, &arguments->limits, &subject);
    if (code == CLI_OK) {
        rune_image_enlarge_pages(subject.image); /* as the image of a worker has */
        code = measure(&subject, &file, arguments);
        cli_subject_close(&subject);
    }
    cli_request_file_fini(&file);
    return code;
}

const struct cli_command cli_command_benchmark = {
    .name = "benchmark",
    .operands = "BUNDLE|IMAGE",
    .summary = "measure decisions in process, and check them",
    .details = "A line of FILE is a request as the server takes it, with `decision` and `reasons` "
               "beside it where they are to\n"
               "be checked. Prints decisions_per_s median_ns p99_ns p999_ns (the clock's own cost "
               "subtracted), decode_ns (mean\n"
               "time from bytes to a request) and mismatches. Exit code 1 if any decision or "
               "reason differs.\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
