/* SPDX-License-Identifier: Apache-2.0 */
/* rune plan: how rules are answered: what is stored, what is demanded, in which order atoms are
 * taken. */
#include "rune/plan.h"

#include <stdio.h>

#include "cli/command.h"
#include "cli/subject.h"

struct arguments {
    bool count;
    struct cli_limits limits;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, count, "count", 0, CLI_FLAG, NULL,
               "also count what is computed on demand (may take long)"),
    CLI_COUNT_LIMIT_OPTIONS,
};

static bool print_line(void *context, struct rune_str line)
{
    (void)context;
    fwrite(line.data, 1, line.length, stdout);
    return putchar('\n') != EOF;
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct cli_subject subject;
    enum cli_exit code =
        cli_subject_open(call->operands[0], CLI_TO_PLAN, &arguments->limits, &subject);
    if (code != CLI_OK) {
        return code;
    }
    const char *rule = call->operand_count > 1 ? call->operands[1] : NULL;
    cli_subject_limit_counts(&subject, &arguments->limits); /* each */
    enum rune_err err =
        rune_plan_describe(subject.image, rule, arguments->count ? subject.decider : NULL,
                           print_line, NULL, subject.diag);
    if (err != RUNE_OK) {
        cli_print_diag(subject.diag, err, "plan");
    }
    cli_subject_close(&subject);
    return err == RUNE_E_NOT_FOUND ? CLI_INVALID : cli_exit_for(err);
}

const struct cli_command cli_command_plan = {
    .name = "plan",
    .operands = "BUNDLE|IMAGE [RULE]",
    .summary = "show how rules are answered",
    .details = "Relations by stratum with their counts and orders, then each rule's plans, one for "
               "each set of columns\n"
               "that somebody asks by, with the atoms in the order in which they are taken. RULE "
               "is the id of a rule\n"
               "or a relation: then only its plans.\n\n"
               "  rune plan examples/docshare\n"
               "  rune plan examples/docshare has_role\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
