/* SPDX-License-Identifier: Apache-2.0 */
/* rune translate: policies and schemas between Cedar's text and its JSON forms. */
#include "rune/translate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/files.h"
#include "cli/subject.h"

struct arguments {
    const char *kind;
    const char *to;
    const char *output;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, kind, "kind", 'k', CLI_TEXT, "KIND",
               "policies or schema; default: what the file's name says"),
    CLI_OPTION(arguments, to, "to", 't', CLI_TEXT, "FORM",
               "text or json; default: the form it is not in"),
    CLI_OPTION(arguments, output, "output", 'o', CLI_TEXT, "FILE",
               "write there instead of standard output"),
};

struct work {
    const struct arguments *arguments;
    enum cli_exit exit;
};

static void deliver(void *context, struct rune_str text)
{
    struct work *work = context;
    const char *path = work->arguments->output;
    FILE *file = path != NULL ? fopen(path, "we") : stdout;
    bool ok = file != NULL && fwrite(text.data, 1, text.length, file) == text.length;
    if (file != NULL && file != stdout) {
        ok = fclose(file) == 0 && ok;
    }
    if (!ok) {
        fprintf(stderr, "rune translate: %s: %s\n", path != NULL ? path : "standard output",
                strerror(errno));
        work->exit = CLI_ENVIRONMENT;
    }
}

/* False: a message was printed. */
static bool choose(const char *option, const char *text, const char *a, const char *b,
                   bool *ret_is_b)
{
    *ret_is_b = strcmp(text, b) == 0;
    if (*ret_is_b || strcmp(text, a) == 0) {
        return true;
    }
    fprintf(stderr, "rune translate: --%s is %s or %s, not '%s'\n", option, a, b, text);
    return false;
}

static enum cli_exit translate(struct work *work, const char *path, enum rune_translate_kind kind,
                               enum rune_translate_form to)
{
    const char *name = cli_text_name(path);
    struct rune_str text = {0};
    struct rune_arena arena;
    struct rune_diag *diag = rune_diag_create();
    rune_arena_init(&arena, 0);
    enum rune_err err = diag != NULL ? cli_read_text(path, &arena, &text, diag) : RUNE_E_NOMEM;
    if (err == RUNE_OK) {
        err = rune_translate(name, text, kind, to, deliver, work, diag);
    }
    cli_print_diag(diag, err, name);
    rune_diag_destroy(diag);
    rune_arena_fini(&arena);
    return err != RUNE_OK ? cli_exit_for(err) : work->exit;
}

static enum cli_exit run(const struct cli_call *call)
{
    struct work work = {.arguments = call->arguments};
    const char *path = call->operand_count > 0 ? call->operands[0] : "-";
    bool is_schema = strstr(path, ".cedarschema") != NULL;
    bool is_json = false;
    if (work.arguments->kind != NULL &&
        !choose("kind", work.arguments->kind, "policies", "schema", &is_schema)) {
        return CLI_USAGE;
    }
    if (work.arguments->to != NULL && !choose("to", work.arguments->to, "text", "json", &is_json)) {
        return CLI_USAGE;
    }
    return translate(&work, path, is_schema ? RUNE_TRANSLATE_SCHEMA : RUNE_TRANSLATE_POLICIES,
                     work.arguments->to == NULL ? RUNE_FORM_OTHER
                     : is_json                  ? RUNE_FORM_JSON
                                                : RUNE_FORM_TEXT);
}

const struct cli_command cli_command_translate = {
    .name = "translate",
    .operands = "[FILE]",
    .summary = "turn policies or a schema from text into JSON, or back",
    .details =
        "Reads FILE, or standard input without one or with `-`. What begins with a brace is JSON, "
        "all else is\n"
        "Cedar text; *.cedarschema and *.cedarschema.json are schemas, anything else is "
        "policies.\n\n"
        "Policies become a policy set with the ids of a bundle: @id, else policyN by position. On "
        "the way back\n"
        "each policy gets its id as @id, and the text is laid out as `rune fmt` does. Comments "
        "have no place\n"
        "in JSON, links of templates none in text: keep those in a file *.links.json.\n\n"
        "  rune translate docshare.cedar > docshare.json\n"
        "  rune translate docshare.cedarschema.json -o docshare.cedarschema\n"
        "  curl -s https://example.org/policies | rune translate --kind policies --to text\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .max_operands = 1,
    .run = run,
};
