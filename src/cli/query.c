/* SPDX-License-Identifier: Apache-2.0 */
/* rune query: the tuples of a relation, as tab-separated values or JSON lines. */
#include "rune/query.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/scan.h"
#include "cli/command.h"
#include "cli/subject.h"

struct arguments {
    bool count;
    struct cli_most limit;
    enum cli_format format;
    struct cli_limits limits;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, count, "count", 0, CLI_FLAG, NULL,
               "print how many tuples match, and nothing else"),
    CLI_OPTION(arguments, limit, "limit", 'n', CLI_MOST, "N",
               "stop after N tuples, --count after counting N"),
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|tsv|json",
               "text, or tsv: a tuple a line, fields separated by tabs"),
    CLI_COUNT_LIMIT_OPTIONS,
};

struct printer {
    struct rune_buf out;
    uint64_t left;
    bool json;
};

#define FLUSH_BYTES ((size_t)1 << 16)

static void flush(struct printer *printer)
{
    if (printer->out.length > 0) {
        fwrite(printer->out.data, 1, printer->out.length, stdout);
    }
    rune_buf_reset(&printer->out);
}

/* Up to the first byte that is not plain, or all; returns what is left. */
static struct rune_str append_plain(struct rune_buf *out, struct rune_str text)
{
    const char *end = text.data + text.length;
    const char *stop = rune_scan_plain(text.data, end);
    rune_buf_append(out, text.data, (size_t)(stop - text.data));
    return (struct rune_str){stop, (size_t)(end - stop)};
}

static void append_escape(struct rune_buf *out, char name)
{
    rune_buf_append_char(out, '\\');
    rune_buf_append_char(out, name);
}

/* A string with the escapes of facts/NAME.tsv, so that what is printed can be read back. */
static void append_tsv(struct rune_buf *out, struct rune_str text)
{
    for (text = append_plain(out, text); text.length > 0; text = append_plain(out, text)) {
        char c = *text.data++;
        text.length--;
        if (c == '\t' || c == '\n' || c == '\\') {
            append_escape(out, c == '\t' ? 't' : c == '\n' ? 'n' : '\\');
        } else {
            rune_buf_append_char(out, c);
        }
    }
}

/* An escape of Cedar's, whose own backslashes TSV escapes. */
static void append_uid_escape(struct rune_buf *out, char name)
{
    append_escape(out, '\\');
    if (name == '\\') {
        append_escape(out, '\\');
    } else {
        rune_buf_append_char(out, name);
    }
}

/* Type::"id" as Cedar writes it, as a field of TSV. */
static void append_uid(struct rune_buf *out, const struct rune_field *field)
{
    struct rune_str text = field->text;
    rune_buf_append_str(out, field->type);
    rune_buf_append_cstr(out, "::\"");
    for (text = append_plain(out, text); text.length > 0; text = append_plain(out, text)) {
        char c = *text.data++;
        text.length--;
        if (c == '"' || c == '\\') {
            append_uid_escape(out, c);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            append_uid_escape(out, c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        } else {
            rune_buf_append_char(out, c);
        }
    }
    rune_buf_append_char(out, '"');
}

static void append_text_field(struct rune_buf *out, const struct rune_field *field)
{
    switch (field->kind) {
    case RUNE_FIELD_BOOL:
        rune_buf_append_cstr(out, field->integer != 0 ? "true" : "false");
        break;
    case RUNE_FIELD_LONG:
        rune_buf_append_int(out, field->integer);
        break;
    case RUNE_FIELD_FLOAT:
        rune_buf_append_float(out, field->floating);
        break;
    case RUNE_FIELD_ENTITY:
        append_uid(out, field);
        break;
    default:
        append_tsv(out, field->text);
    }
}

static void append_json_field(struct rune_buf *out, const struct rune_field *field)
{
    switch (field->kind) {
    case RUNE_FIELD_STRING:
        rune_buf_append_json(out, field->text);
        break;
    case RUNE_FIELD_OTHER:
        rune_buf_append_str(out, field->json);
        break;
    case RUNE_FIELD_ENTITY:
        rune_buf_append_cstr(out, "{\"__entity\":{\"type\":");
        rune_buf_append_json(out, field->type);
        rune_buf_append_cstr(out, ",\"id\":");
        rune_buf_append_json(out, field->text);
        rune_buf_append_cstr(out, "}}");
        break;
    default:
        append_text_field(out, field);
    }
}

static bool print_tuple(void *context, const struct rune_field *fields, uint32_t count)
{
    struct printer *printer = context;
    struct rune_buf *out = &printer->out;
    if (printer->left == 0) {
        return false;
    }
    if (printer->json) {
        rune_buf_append_char(out, '[');
    }
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            rune_buf_append_char(out, printer->json ? ',' : '\t');
        }
        (printer->json ? append_json_field : append_text_field)(out, &fields[i]);
    }
    rune_buf_append_cstr(out, printer->json ? "]\n" : "\n");
    if (out->failed) {
        return false;
    }
    if (out->length >= FLUSH_BYTES) {
        flush(printer);
    }
    return --printer->left > 0;
}

struct counter {
    uint64_t count, most;
};

static bool count_tuple(void *context, const struct rune_field *fields, uint32_t count)
{
    struct counter *counter = context;
    (void)fields;
    (void)count;
    counter->count += counter->count < counter->most;
    return counter->count < counter->most;
}

/* With a limit no more tuples are looked at than that; without, they need not be looked at one by
 * one. */
static enum rune_err count_tuples(const struct cli_subject *subject,
                                  const struct arguments *arguments, const char *pattern)
{
    struct counter counter = {.most = arguments->limit.number};
    enum rune_err err = arguments->limit.is_given
                            ? rune_query_run(subject->decider, subject->image, NULL, pattern,
                                             count_tuple, &counter, subject->diag)
                            : rune_query_count(subject->decider, subject->image, NULL, pattern,
                                               &counter.count, subject->diag);
    if (err == RUNE_OK) {
        printf("%" PRIu64 "\n", counter.count);
    }
    return err;
}

static enum rune_err query(struct cli_subject *subject, const struct arguments *arguments,
                           const char *pattern)
{
    if (arguments->count) {
        cli_subject_limit_counts(subject, &arguments->limits);
        return count_tuples(subject, arguments, pattern);
    }
    /* a person sees what comes, and may interrupt */
    rune_decider_set_max_steps(subject->decider, UINT64_MAX);
    struct printer printer = {
        .out = RUNE_BUF_INIT,
        .left = arguments->limit.is_given ? arguments->limit.number : UINT64_MAX,
        .json = arguments->format == CLI_AS_JSON,
    };
    enum rune_err err = rune_query_run(subject->decider, subject->image, NULL, pattern, print_tuple,
                                       &printer, subject->diag);
    if (printer.out.failed) { /* which flushing forgets */
        err = RUNE_E_NOMEM;
    }
    flush(&printer);
    rune_buf_fini(&printer.out);
    return err;
}

static enum cli_exit run(const struct cli_call *call)
{
    const struct arguments *arguments = call->arguments;
    struct cli_subject subject;
    enum cli_exit code =
        cli_subject_open(call->operands[0], CLI_TO_QUERY, &arguments->limits, &subject);
    if (code != CLI_OK) {
        return code;
    }
    enum rune_err err = query(&subject, arguments, call->operands[1]);
    if (err != RUNE_OK) {
        cli_print_diag(subject.diag, err, "query");
    }
    cli_subject_close(&subject);
    /* A relation that is not there is a mistake in the query, not a missing file. */
    return err == RUNE_E_NOT_FOUND ? CLI_INVALID : cli_exit_for(err);
}

const struct cli_command cli_command_query = {
    .name = "query",
    .operands = "BUNDLE|IMAGE PATTERN",
    .summary = "list or count the tuples of a relation",
    .details =
        "PATTERN is one atom: variables match anything, `_` too, constants only themselves. "
        "Entity\n"
        "data can be asked, too: entity(E), entity.attr(E, \"name\", V), entity.parent(E, F) ...\n"
        "The same image and query give the same order, that of the image's numbers of values.\n\n"
        "  rune query examples/docshare 'has_role(U, Document::\"roadmap\", R)'\n"
        "  rune query roles.image 'member(U, G)' --count\n",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};
