/* SPDX-License-Identifier: Apache-2.0 */
/* rune validate: every check of a build, and no image. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/subject.h"

struct arguments {
    enum cli_format format;
    struct cli_limits limits;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|json",
               "how to print the messages"),
    CLI_LIMIT_OPTIONS,
};

static void print_json(struct rune_diag *diag, enum rune_err err)
{
    printf("{\"valid\":%s,\"errors\":%zu,\"warnings\":%zu,\"diagnostics\":%s}\n",
           err == RUNE_OK ? "true" : "false", rune_diag_count(diag, RUNE_ERROR),
           rune_diag_count(diag, RUNE_WARNING) - rune_diag_count(diag, RUNE_ERROR),
           rune_diag_json(diag));
}

static void print_text(struct rune_diag *diag, enum rune_err err,
                       const struct rune_build_result *result)
{
    size_t errors = rune_diag_count(diag, RUNE_ERROR);
    size_t warnings = rune_diag_count(diag, RUNE_WARNING) - errors;
    if (err == RUNE_OK) {
        fputs("valid: ", stdout);
        cli_print_count(result->policies, "policy", "policies", ", ");
        cli_print_count(result->rules, "rule", "rules", ", ");
        cli_print_count(result->entities, "entity", "entities", "; ");
        cli_print_count(warnings, "warning", "warnings", "\n");
    } else if (cli_exit_for(err) == CLI_INVALID && errors > 0) {
        fputs("not valid: ", stdout);
        cli_print_count(errors, "error", "errors", ", ");
        cli_print_count(warnings, "warning", "warnings", "\n");
    }
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct rune_build_options build_options = cli_build_options(&arguments->limits);
    struct rune_build_result result = {0};
    struct rune_diag *diag = rune_diag_create();
    if (diag == NULL) {
        cli_print_failure(diag, RUNE_E_NOMEM, call->operands[0]);
        return CLI_ENVIRONMENT;
    }
    enum rune_err err = rune_build_check(call->operands[0], &build_options, &result, diag);
    cli_progress_end();
    if (arguments->format == CLI_AS_JSON) {
        print_json(diag, err);
        cli_print_failure(diag, err, call->operands[0]);
    } else {
        cli_print_diag(diag, err, call->operands[0]);
        print_text(diag, err, &result);
    }
    rune_diag_destroy(diag);
    return cli_exit_for(err);
}

const struct cli_command cli_command_validate = {
    .name = "validate",
    .operands = "BUNDLE",
    .summary = "check a bundle and list everything wrong with it",
    .details = "Prints each problem with its place. Exit code 3 if there is an error; warnings "
               "alone are no error.\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
