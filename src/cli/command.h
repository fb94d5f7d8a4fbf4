/* SPDX-License-Identifier: Apache-2.0 */
/* command: what a command of `rune` is: its options as a table, its help, its function.
 *
 * A command is one file of this folder that defines one struct cli_command; commands.def lists them
 * all. Options are parsed into a struct of the command's own (options.h), help is printed from the
 * same table. Everything here is about the terminal: what is decided is librune's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a shell sees. docs/operations.md has the same table. */
enum cli_exit {
    CLI_OK = 0,
    /* the answer is no: denied, a test failed, a mismatch, the server is not ready */
    CLI_NO = 1,
    CLI_USAGE = 2,       /* unknown command or option, a missing or malformed operand */
    CLI_INVALID = 3,     /* the bundle, image, request or query is wrong: the messages say where */
    CLI_ENVIRONMENT = 4, /* a file, the memory or the server is not there, or failed */
};

enum cli_option_kind {
    CLI_FLAG,   /* bool */
    CLI_TEXT,   /* const char * */
    CLI_NUMBER, /* uint64_t */
    CLI_MOST,   /* struct cli_most */
    CLI_SIZE,   /* uint64_t bytes: 512M, 8G */
    CLI_FORMAT, /* enum cli_format: one of the operand's words; `json`, or as text */
};

enum cli_format { CLI_AS_TEXT, CLI_AS_JSON };

/* How many there may be; 0 is none, and nothing given is no limit. */
struct cli_most {
    bool is_given;
    uint64_t number;
};

struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* short form, or 0 */
    enum cli_option_kind kind;
    size_t offset;       /* of its value in the command's arguments */
    const char *operand; /* "FILE" in help; NULL for flags */
    const char *text;    /* one line of help */
};

struct cli_call {
    const void *arguments; /* the command's own struct, filled in */
    char **operands;
    int operand_count;
};

struct cli_command {
    const char *name;
    const char *operands; /* "BUNDLE|IMAGE", "" for none */
    const char *summary;  /* one line */
    const char *details;  /* paragraphs below the options: what it prints, examples */
    const struct cli_option *options;
    size_t option_count;
    size_t arguments_size;
    int min_operands, max_operands;
    enum cli_exit (*run)(const struct cli_call *call);
};

#define CLI_OPTION(type, member, name, letter, kind, operand, text)      \
    {                                                                    \
        name, letter, kind, offsetof(struct type, member), operand, text \
    }

#define CLI_COMMAND(name) extern const struct cli_command cli_command_##name;
#include "cli/commands.def"
#undef CLI_COMMAND

/* All commands, in the order of the help. */
extern const struct cli_command *const cli_commands[];
extern const size_t cli_command_count;

/* NULL where there is none. */
const struct cli_command *cli_command_find(const char *name);

/* Prints the help of a command, or of all, to standard output. */
void cli_help_print(const struct cli_command *command);
