/* SPDX-License-Identifier: Apache-2.0 */
/* rune test: the test cases that a bundle brings along, decided and compared. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/command.h"
#include "cli/subject.h"

struct arguments {
    bool verbose;
    enum cli_format format;
    struct cli_limits limits;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, verbose, "verbose", 'v', CLI_FLAG, NULL,
               "also list the tests that passed"),
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|json", "json: an object a line"),
    CLI_LIMIT_OPTIONS,
};

struct tally {
    const struct arguments *arguments;
    uint32_t passed, failed;
};

static void put_outcome(struct rune_buf *out, enum rune_outcome outcome,
                        const struct rune_str *reasons, uint32_t count)
{
    rune_buf_append_cstr(out, rune_outcome_text(outcome));
    for (uint32_t i = 0; i < count; i++) {
        rune_buf_printf(out, "%s%.*s", i == 0 ? " by " : ", ", RUNE_STR_ARG(reasons[i]));
    }
}

/* What came instead, "" if the test passed. */
static void judge(const struct rune_test_case *test, const struct rune_decision *decision,
                  struct rune_buf *out)
{
    if (decision->outcome == test->decision &&
        (!test->has_reasons || cli_has_reasons(decision, test->reasons, test->reason_count))) {
        return;
    }
    rune_buf_append_cstr(out, "expected ");
    put_outcome(out, test->decision, test->reasons, test->reason_count);
    rune_buf_append_cstr(out, ", got ");
    put_outcome(out, decision->outcome, decision->reasons, decision->reason_count);
    for (uint32_t i = 0; i < decision->error_count; i++) {
        rune_buf_printf(out, "; error in %.*s: %.*s", RUNE_STR_ARG(decision->errors[i].id),
                        RUNE_STR_ARG(decision->errors[i].message));
    }
}

static void run_case(const struct cli_subject *subject, const struct rune_test_case *test,
                     struct tally *tally)
{
    const struct rune_request *request;
    struct rune_request_error error;
    struct rune_buf wrong = RUNE_BUF_INIT;
    if (rune_decider_decode(subject->decider, subject->image, test->request, &request, &error) !=
        RUNE_OK) {
        rune_buf_printf(&wrong, "the request was refused: %s%s%s", error.at,
                        error.at[0] != '\0' ? ": " : "", error.message);
    } else {
        struct rune_decision decision;
        rune_decider_decide(subject->decider, subject->image, request, RUNE_ANSWER_PLAIN,
                            &decision);
        judge(test, &decision, &wrong);
    }
    bool passed = wrong.length == 0;
    tally->passed += passed;
    tally->failed += !passed;
    if (tally->arguments->format == CLI_AS_JSON) {
        struct rune_buf line = RUNE_BUF_INIT;
        rune_buf_append_cstr(&line, "{\"test\":");
        rune_buf_append_json(&line, test->name);
        rune_buf_printf(&line, ",\"passed\":%s,\"message\":", passed ? "true" : "false");
        rune_buf_append_json(&line,
                             (struct rune_str){wrong.data != NULL ? wrong.data : "", wrong.length});
        printf("%s}\n", rune_buf_cstr(&line));
        rune_buf_fini(&line);
    } else if (!passed) {
        printf("FAIL %s: %.*s: %s\n", test->path, RUNE_STR_ARG(test->name), rune_buf_cstr(&wrong));
    } else if (tally->arguments->verbose) {
        printf("ok   %s: %.*s\n", test->path, RUNE_STR_ARG(test->name));
    }
    rune_buf_fini(&wrong);
}

static enum cli_exit run_all(const struct cli_subject *subject, const char *bundle,
                             const struct arguments *arguments)
{
    struct rune_tests *tests;
    enum rune_err err = rune_tests_read(bundle, &tests, subject->diag);
    if (err != RUNE_OK) {
        cli_print_diag(subject->diag, err, bundle);
        return cli_exit_for(err);
    }
    struct tally tally = {.arguments = arguments};
    for (uint32_t i = 0; i < rune_tests_count(tests); i++) {
        run_case(subject, rune_tests_get(tests, i), &tally);
    }
    if (arguments->format == CLI_AS_TEXT) {
        printf("%u passed, %u failed\n", tally.passed, tally.failed);
    }
    rune_tests_destroy(tests);
    return tally.failed == 0 ? CLI_OK : CLI_NO;
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct cli_subject subject;
    if (rune_image_is_image_file(call->operands[0])) {
        fprintf(stderr, "rune test: an image has no tests: give the bundle it was built from\n");
        return CLI_USAGE;
    }
    enum cli_exit code =
        cli_subject_open(call->operands[0], CLI_TO_DECIDE, &arguments->limits, &subject);
    if (code == CLI_OK) {
        code = run_all(&subject, call->operands[0], arguments);
        cli_subject_close(&subject);
    }
    return code;
}

const struct cli_command cli_command_test = {
    .name = "test",
    .operands = "BUNDLE",
    .summary = "run the test cases of a bundle",
    .details = "Cases are [tests.NAME] tables in *.tests.toml (or the same in *.tests.json, or in "
               "a .rune file):\n\n"
               "  [tests.owner-edits]\n"
               "  principal = \"alice\"\n"
               "  action = \"edit\"\n"
               "  resource = \"roadmap\"\n"
               "  decision = \"PERMIT\"\n"
               "  reasons = [\"owner\"]      # optional\n\n"
               "Exit code 1 if a test fails.\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
