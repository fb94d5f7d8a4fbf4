/* SPDX-License-Identifier: Apache-2.0 */
/* rune eval: one decision, as the server would make it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/command.h"
#include "cli/subject.h"

#define MAX_FILE_BYTES ((size_t)16 << 20)
#define BLOCK_BYTES    ((size_t)1 << 16)

struct arguments {
    const char *principal, *action, *resource;
    const char *context, *entities;
    const char *request;
    bool debug;
    enum cli_format format;
    struct cli_limits limits;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, principal, "principal", 'p', CLI_TEXT, "ENTITY",
               "who: User::\"alice\", User:alice, or alice"),
    CLI_OPTION(arguments, action, "action", 'a', CLI_TEXT, "ENTITY", "does what"),
    CLI_OPTION(arguments, resource, "resource", 'r', CLI_TEXT, "ENTITY", "on what"),
    CLI_OPTION(arguments, context, "context", 'c', CLI_TEXT, "FILE",
               "the context, a JSON object ('-': standard input)"),
    CLI_OPTION(arguments, entities, "entities", 0, CLI_TEXT, "FILE",
               "entities of the request, a JSON array"),
    CLI_OPTION(arguments, request, "request", 0, CLI_TEXT, "FILE",
               "a whole request in JSON instead of the options above"),
    CLI_OPTION(arguments, debug, "debug", 0, CLI_FLAG, NULL,
               "also tell what was evaluated and what matched"),
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|json",
               "how to print; json: the server's answer"),
    CLI_LIMIT_OPTIONS,
};

/* Appends a file's bytes, "-" being standard input; pipes are fine. */
static bool append_file(struct rune_buf *body, const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "rune eval: cannot open %s: %s\n", path, strerror(errno));
        return false;
    }
    size_t total = 0;
    size_t got;
    char *room;
    while ((room = rune_buf_reserve(body, BLOCK_BYTES)) != NULL && total < MAX_FILE_BYTES &&
           (got = fread(room, 1, BLOCK_BYTES, file)) > 0) {
        body->length += got;
        total += got;
    }
    bool is_read = !ferror(file) && !body->failed && total < MAX_FILE_BYTES;
    if (!is_read) {
        fprintf(stderr, "rune eval: cannot read %s%s\n", path,
                body->failed ? ": out of memory" : "");
    }
    if (file != stdin) {
        fclose(file);
    }
    return is_read;
}

static bool append_named_file(struct rune_buf *body, const char *name, const char *path)
{
    if (path == NULL) {
        return true;
    }
    rune_buf_printf(body, ",\"%s\":", name);
    return append_file(body, path);
}

static void append_entity(struct rune_buf *body, const char *name, const char *text)
{
    rune_buf_printf(body, "\"%s\":", name);
    rune_buf_append_json(body, rune_str_from(text));
}

static enum cli_exit make_body(const struct arguments *arguments, struct rune_buf *body)
{
    if (arguments->request != NULL) {
        return append_file(body, arguments->request) ? CLI_OK : CLI_ENVIRONMENT;
    }
    if (arguments->principal == NULL || arguments->action == NULL || arguments->resource == NULL) {
        fprintf(stderr,
                "rune eval: --principal, --action and --resource are needed (or --request FILE)\n");
        return CLI_USAGE;
    }
    rune_buf_append_char(body, '{');
    append_entity(body, "principal", arguments->principal);
    rune_buf_append_char(body, ',');
    append_entity(body, "action", arguments->action);
    rune_buf_append_char(body, ',');
    append_entity(body, "resource", arguments->resource);
    if (!append_named_file(body, "context", arguments->context) ||
        !append_named_file(body, "entities", arguments->entities)) {
        return CLI_ENVIRONMENT;
    }
    rune_buf_append_char(body, '}');
    if (body->failed) {
        cli_print_failure(NULL, RUNE_E_NOMEM, "eval");
        return CLI_ENVIRONMENT;
    }
    return CLI_OK;
}

static void print_list(const char *title, const struct rune_str *texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        printf("%-9s %.*s\n", i == 0 ? title : "", RUNE_STR_ARG(texts[i]));
    }
}

static void print_text(const struct rune_decision *decision, bool debug)
{
    printf("%s\n", rune_outcome_text(decision->outcome));
    print_list("reasons", decision->reasons, decision->reason_count);
    for (uint32_t i = 0; i < decision->error_count; i++) {
        const struct rune_decision_error *error = &decision->errors[i];
        printf("%-9s %.*s%s%s: %.*s\n", i == 0 ? "errors" : "", RUNE_STR_ARG(error->id),
               error->id.length > 0 ? ": " : "", error->code, RUNE_STR_ARG(error->message));
    }
    if (debug) {
        printf("evaluated %u policies, %u rules\n", decision->stats.policies_evaluated,
               decision->stats.rules_evaluated);
        print_list("policies", decision->matched_policies, decision->matched_policy_count);
        print_list("rules", decision->matched_rules, decision->matched_rule_count);
    }
}

static enum cli_exit decide_text(const struct cli_subject *subject, struct rune_str body,
                                 bool debug)
{
    const struct rune_request *request;
    struct rune_request_error error;
    if (rune_decider_decode(subject->decider, subject->image, body, &request, &error) != RUNE_OK) {
        fprintf(stderr, "rune eval: %s%s%s\n", error.at, error.at[0] != '\0' ? ": " : "",
                error.message);
        return CLI_INVALID;
    }
    struct rune_decision decision;
    rune_decider_decide(subject->decider, subject->image, request,
                        debug ? RUNE_ANSWER_DEBUG : RUNE_ANSWER_PLAIN, &decision);
    print_text(&decision, debug);
    return decision.outcome == RUNE_PERMIT ? CLI_OK : CLI_NO;
}

static enum cli_exit decide_json(const struct cli_subject *subject, struct rune_str body,
                                 bool debug)
{
    struct rune_answer answer;
    rune_decider_authorize(subject->decider, subject->image, 0, body,
                           debug ? RUNE_ANSWER_DEBUG : RUNE_ANSWER_PLAIN, &answer);
    printf("%.*s\n", RUNE_STR_ARG(answer.body));
    if (answer.status != 200) {
        return CLI_INVALID;
    }
    return answer.stats.outcomes[RUNE_PERMIT] > 0 ? CLI_OK : CLI_NO;
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct rune_buf body = RUNE_BUF_INIT;
    struct cli_subject subject;
    enum cli_exit code = make_body(arguments, &body);
    if (code == CLI_OK) {
        code = cli_subject_open(call->operands[0], CLI_TO_DECIDE, &arguments->limits, &subject);
    }
    if (code == CLI_OK) {
        struct rune_str text = {body.data, body.length};
        code = arguments->format == CLI_AS_JSON ? decide_json(&subject, text, arguments->debug)
                                                : decide_text(&subject, text, arguments->debug);
        cli_subject_close(&subject);
    }
    rune_buf_fini(&body);
    return code;
}

const struct cli_command cli_command_eval = {
    .name = "eval",
    .operands = "BUNDLE|IMAGE",
    .summary = "decide one request",
    .details =
        "Exit code 0: PERMIT; 1: DENY or FORBID; 3: the request or the bundle has errors.\n\n"
        "  rune eval examples/docshare -p User:gwen -a view -r roadmap -c context.json\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
