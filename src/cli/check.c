/* SPDX-License-Identifier: Apache-2.0 */
/* rune check: files of a bundle, or some of them, and everything wrong with them. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/subject.h"

struct arguments {
    enum cli_format format;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|json",
               "how to print the messages"),
};

static void print_result(struct rune_diag *diag, enum rune_err err,
                         const struct rune_build_result *result)
{
    size_t errors = rune_diag_count(diag, RUNE_ERROR);
    size_t warnings = rune_diag_count(diag, RUNE_WARNING) - errors;
    if (err == RUNE_OK) {
        fputs("fine: ", stdout);
        cli_print_count(result->policies, "policy", "policies", ", ");
        cli_print_count(result->templates, "template", "templates", ", ");
        cli_print_count(result->rules, "rule", "rules", ", ");
        cli_print_count(result->entities, "entity", "entities", "; ");
        cli_print_count(warnings, "warning", "warnings", "\n");
    } else if (cli_exit_for(err) == CLI_INVALID) {
        cli_print_count(errors, "error", "errors", ", ");
        cli_print_count(warnings, "warning", "warnings", "\n");
    }
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct rune_build_options build_options = cli_build_options(&(struct cli_limits){0});
    struct rune_build_result result = {0};
    struct rune_diag *diag = rune_diag_create();
    if (diag == NULL) {
        cli_print_failure(diag, RUNE_E_NOMEM, call->operands[0]);
        return CLI_ENVIRONMENT;
    }
    enum rune_err err =
        rune_build_check_files((const char *const *)call->operands, (size_t)call->operand_count,
                               &build_options, &result, diag);
    cli_progress_end();
    if (arguments->format == CLI_AS_JSON) {
        size_t errors = rune_diag_count(diag, RUNE_ERROR);
        printf("{\"ok\":%s,\"errors\":%zu,\"warnings\":%zu,\"diagnostics\":%s}\n",
               err == RUNE_OK ? "true" : "false", errors,
               rune_diag_count(diag, RUNE_WARNING) - errors, rune_diag_json(diag));
        cli_print_failure(diag, err, call->operands[0]);
    } else {
        cli_print_diag(diag, err, call->operands[0]);
        print_result(diag, err, &result);
    }
    rune_diag_destroy(diag);
    return cli_exit_for(err);
}

const struct cli_command cli_command_check = {
    .name = "check",
    .operands = "FILE|DIR...",
    .summary = "check files of a bundle, without needing all of it",
    .details =
        "Each file is what its name says: *.cedar policies, *.cedarschema and *.cedarschema.json "
        "schemas,\n"
        "*.entities.json entities, *.links.json links of templates, *.dl rules, *.rune all of "
        "these. A directory\n"
        "stands for all of them below it. Everything given is held against everything else: "
        "policies and\n"
        "entities against the schemas, links against the templates. Rules are checked one by one, "
        "and\n"
        "against each other where a directory is given. `rune validate` checks a whole bundle.\n\n"
        "Prints each problem with its place. Exit code 3 if there is an error; warnings alone are "
        "no error.\n\n"
        "  rune check app.cedarschema policies/\n"
        "  git diff --cached --name-only '*.cedar' | xargs rune check app.cedarschema\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 1,
    .max_operands = 1000000,
    .run = run,
};
