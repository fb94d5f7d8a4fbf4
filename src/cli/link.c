/* SPDX-License-Identifier: Apache-2.0 */
/* rune link: a policy out of a template, as an entry of a *.links.json file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/command.h"
#include "cli/files.h"
#include "cli/subject.h"

struct arguments {
    const char *principal;
    const char *resource;
    const char *write;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, principal, "principal", 'p', CLI_TEXT, "ENTITY",
               "what ?principal stands for"),
    CLI_OPTION(arguments, resource, "resource", 'r', CLI_TEXT, "ENTITY",
               "what ?resource stands for"),
    CLI_OPTION(arguments, write, "write", 'w', CLI_TEXT, "FILE",
               "add the entry to this *.links.json file"),
};

static void put_slot(struct rune_buf *out, const char *slot, const char *entity, bool *first)
{
    if (entity != NULL) {
        rune_buf_printf(out, "%s\"?%s\": ", *first ? "" : ", ", slot);
        rune_buf_append_json(out, rune_str_from(entity));
        *first = false;
    }
}

static void put_entry(struct rune_buf *out, const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    bool first = true;
    rune_buf_append_cstr(out, "{\"template_id\": ");
    rune_buf_append_json(out, rune_str_from(call->operands[1]));
    rune_buf_append_cstr(out, ", \"link_id\": ");
    rune_buf_append_json(out, rune_str_from(call->operands[2]));
    rune_buf_append_cstr(out, ", \"args\": {");
    put_slot(out, "principal", arguments->principal, &first);
    put_slot(out, "resource", arguments->resource, &first);
    rune_buf_append_cstr(out, "}}");
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The array with one entry more; what is in it stays as it is. False: no array. */
static bool put_array(struct rune_buf *out, struct rune_str old, struct rune_str entry)
{
    size_t end = old.length;
    while (end > 0 && is_space(old.data[end - 1])) {
        end--;
    }
    if (end == 0) {
        rune_buf_printf(out, "[\n  %.*s\n]\n", RUNE_STR_ARG(entry));
        return true;
    }
    if (old.data[end - 1] != ']') {
        return false;
    }
    end--;
    while (end > 0 && is_space(old.data[end - 1])) {
        end--;
    }
    if (end == 0) {
        return false;
    }
    rune_buf_append(out, old.data, end);
    rune_buf_printf(out, "%s\n  %.*s\n]\n", old.data[end - 1] == '[' ? "" : ",",
                    RUNE_STR_ARG(entry));
    return true;
}

static enum cli_exit add(const char *path, struct rune_str entry)
{
    struct rune_buf out = RUNE_BUF_INIT;
    struct rune_str old = {0};
    struct rune_arena arena;
    enum cli_exit status = CLI_OK;
    struct rune_diag *diag = rune_diag_create();
    rune_arena_init(&arena, 0);
    enum rune_err err = diag == NULL              ? RUNE_E_NOMEM
                        : access(path, F_OK) == 0 ? cli_read_text(path, &arena, &old, diag)
                                                  : RUNE_OK; /* a new file */
    if (err != RUNE_OK) {
        cli_print_diag(diag, err, path);
        status = cli_exit_for(err);
    } else if (!put_array(&out, old, entry)) {
        fprintf(stderr, "rune link: %s is not an array of links\n", path);
        status = CLI_INVALID;
    } else if (out.failed || !cli_replace_file(path, (struct rune_str){out.data, out.length})) {
        fprintf(stderr, "rune link: cannot write %s: %s\n", path,
                strerror(out.failed ? ENOMEM : errno));
        status = CLI_ENVIRONMENT;
    }
    rune_diag_destroy(diag);
    rune_arena_fini(&arena);
    rune_buf_fini(&out);
    return status;
}

static enum rune_err check(const struct cli_call *call, struct rune_str entry)
{
    struct rune_buf array = RUNE_BUF_INIT;
    struct rune_build_result result;
    struct rune_diag *diag = rune_diag_create();
    const char *paths[] = {call->operands[0]};
    rune_buf_printf(&array, "[%.*s]", RUNE_STR_ARG(entry));
    enum rune_err err = diag == NULL || array.failed ? RUNE_E_NOMEM : RUNE_OK;
    if (err == RUNE_OK) {
        struct rune_build_options build_options = cli_build_options(&(struct cli_limits){0});
        err = rune_build_check_links(paths, 1, (struct rune_str){array.data, array.length},
                                     &build_options, &result, diag);
        cli_progress_end();
    }
    cli_print_diag(diag, err, call->operands[0]);
    rune_diag_destroy(diag);
    rune_buf_fini(&array);
    return err;
}

static bool is_links_file(const char *path)
{
    static const char end[] = ".links.json";
    size_t length = strlen(path);
    return length >= sizeof end - 1 && strcmp(path + length - (sizeof end - 1), end) == 0;
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    if (arguments->write != NULL && !is_links_file(arguments->write)) {
        fprintf(
            stderr,
            "rune link: name the file *.links.json, not %s: else no bundle takes it for links\n",
            arguments->write);
        return CLI_USAGE;
    }
    struct rune_buf entry = RUNE_BUF_INIT;
    put_entry(&entry, call);
    struct rune_str text = {rune_buf_cstr(&entry), entry.length};
    enum rune_err err = entry.failed ? RUNE_E_NOMEM : RUNE_OK;
    if (err == RUNE_OK) {
        err = check(call, text);
    } else {
        cli_print_failure(NULL, err, call->operands[0]);
    }
    enum cli_exit status = cli_exit_for(err);
    if (status == CLI_OK && arguments->write != NULL) {
        status = add(arguments->write, text);
    } else if (status == CLI_OK) {
        printf("[\n  %s\n]\n", text.data);
    }
    rune_buf_fini(&entry);
    return status;
}

const struct cli_command cli_command_link = {
    .name = "link",
    .operands = "FILE|DIR TEMPLATE LINK",
    .summary = "make a policy of a template by filling its slots",
    .details =
        "Checks the link against everything in FILE or DIR: the template must be there with just "
        "these slots,\n"
        "LINK must be an id that nothing else has. Prints what a *.links.json file holds, or adds "
        "the entry to\n"
        "one; an entity is written as in policies. Decisions name the link in their reasons.\n\n"
        "  rune link policies/ can_view alice_plan -p 'User::\"alice\"' -r 'Document::\"plan\"' "
        "\\\n"
        "      --write policies/team.links.json\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 3,
    .max_operands = 3,
    .run = run,
};
