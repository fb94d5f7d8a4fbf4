/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define MAX_OPTIONS 32u

static bool usage_error(const struct cli_command *command, const char *what, const char *subject)
{
    fprintf(stderr, "rune %s: %s%s%s%s\n", command->name, what, subject != NULL ? " '" : "",
            subject != NULL ? subject : "", subject != NULL ? "'" : "");
    fprintf(stderr, "try: rune %s --help\n", command->name);
    return false;
}

static bool unknown_option(const struct cli_command *command, const char *name)
{
    struct rune_str names[MAX_OPTIONS];
    size_t count = 0;
    for (; count < command->option_count && count < MAX_OPTIONS; count++) {
        names[count] = rune_str_from(command->options[count].name);
    }
    struct rune_str nearest = rune_str_nearest(rune_str_from(name), names, count);
    if (nearest.length > 0) {
        fprintf(stderr, "rune %s: unknown option '--%s': did you mean '--%.*s'?\n", command->name,
                name, RUNE_STR_ARG(nearest));
        return false;
    }
    return usage_error(command, "unknown option", name);
}

/* The option named by `text` up to `length` bytes, or NULL. */
static const struct cli_option *find_long(const struct cli_command *command, const char *text,
                                          size_t length)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const char *name = command->options[i].name;
        if (strlen(name) == length && memcmp(name, text, length) == 0) {
            return &command->options[i];
        }
    }
    return NULL;
}

static const struct cli_option *find_short(const struct cli_command *command, char letter)
{
    for (size_t i = 0; i < command->option_count; i++) {
        if (command->options[i].letter == letter) {
            return &command->options[i];
        }
    }
    return NULL;
}

static bool parse_number(const char *text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text[0] == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value)) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

/* A number of bytes, KiB, MiB or GiB. */
static bool parse_size(const char *text, uint64_t *ret_value)
{
    static const char units[] = "KMG";
    char digits[24];
    size_t length = strlen(text);
    const char *unit = length > 0 ? strchr(units, text[length - 1]) : NULL;
    length -= unit != NULL;
    if (length >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, text, length);
    digits[length] = '\0';
    uint64_t shift = unit != NULL ? 10 * (uint64_t)(unit - units + 1) : 0;
    uint64_t value;
    if (!parse_number(digits, &value) || value > UINT64_MAX >> shift) {
        return false;
    }
    *ret_value = value << shift;
    return true;
}

/* Of words between bars: "text|json". */
static bool is_one_of(const char *words, const char *value)
{
    size_t length = strlen(value);
    for (const char *word = words, *bar; word != NULL; word = bar != NULL ? bar + 1 : NULL) {
        bar = strchr(word, '|');
        size_t end = bar != NULL ? (size_t)(bar - word) : strlen(word);
        if (end == length && memcmp(word, value, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool store(const struct cli_command *command, const struct cli_option *option,
                  const char *value, void *arguments)
{
    void *at = (char *)arguments + option->offset;
    switch (option->kind) {
    case CLI_FLAG:
        *(bool *)at = true;
        return true;
    case CLI_TEXT:
        *(const char **)at = value;
        return true;
    case CLI_NUMBER:
        return parse_number(value, at) || usage_error(command, "expected a number, not", value);
    case CLI_MOST:
        ((struct cli_most *)at)->is_given = true;
        return parse_number(value, &((struct cli_most *)at)->number) ||
               usage_error(command, "expected a number, not", value);
    case CLI_SIZE:
        return parse_size(value, at) ||
               usage_error(command, "expected a size such as 512M or 8G, not", value);
    case CLI_FORMAT:
        if (!is_one_of(option->operand, value)) {
            char expected[64];
            snprintf(expected, sizeof(expected), "--format is one of %s, not", option->operand);
            return usage_error(command, expected, value);
        }
        *(enum cli_format *)at = value[0] == 'j' ? CLI_AS_JSON : CLI_AS_TEXT;
        return true;
    }
    return false;
}

struct parser {
    const struct cli_command *command;
    int argc;
    char **argv;
    int at;
    void *arguments;
};

/* `attached`: the value that stood in the same argument, or NULL. */
static bool take(struct parser *parser, const struct cli_option *option, const char *attached)
{
    if (option->kind == CLI_FLAG) {
        return attached == NULL
                   ? store(parser->command, option, NULL, parser->arguments)
                   : usage_error(parser->command, "this option takes no value:", option->name);
    }
    if (attached == NULL) {
        if (parser->at + 1 >= parser->argc) {
            return usage_error(parser->command, "a value is missing after",
                               parser->argv[parser->at]);
        }
        attached = parser->argv[++parser->at];
    }
    return store(parser->command, option, attached, parser->arguments);
}

static bool parse_option(struct parser *parser)
{
    const char *text = parser->argv[parser->at];
    if (text[1] == '-') {
        const char *name = text + 2;
        const char *equals = strchr(name, '=');
        size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
        const struct cli_option *option = find_long(parser->command, name, length);
        return option != NULL ? take(parser, option, equals != NULL ? equals + 1 : NULL)
                              : unknown_option(parser->command, name);
    }
    const struct cli_option *option = find_short(parser->command, text[1]);
    return option != NULL ? take(parser, option, text[2] != '\0' ? text + 2 : NULL)
                          : usage_error(parser->command, "unknown option", text);
}

bool cli_options_parse(const struct cli_command *command, int argc, char **argv, void *arguments,
                       int *ret_operand_count)
{
    struct parser parser = {.command = command, .argc = argc, .argv = argv, .arguments = arguments};
    int operands = 0;
    bool ended = false;
    for (; parser.at < argc; parser.at++) {
        char *text = argv[parser.at];
        if (!ended && strcmp(text, "--") == 0) {
            ended = true;
        } else if (!ended && text[0] == '-' && text[1] != '\0') {
            if (!parse_option(&parser)) {
                return false;
            }
        } else {
            argv[operands++] = text;
        }
    }
    if (operands < command->min_operands) {
        return usage_error(command, "missing:", command->operands);
    }
    if (operands > command->max_operands) {
        return usage_error(command, "one operand too many:", argv[command->max_operands]);
    }
    *ret_operand_count = operands;
    return true;
}

bool cli_options_want_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}
