/* SPDX-License-Identifier: Apache-2.0 */
/* requests: files of requests, one JSON object a line: the wire form, and beside it the expected
 * `decision` and `reasons`. Used by: benchmark. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "cli/command.h"
#include "rune/rune.h"

struct cli_request_line {
    struct rune_str body; /* the request alone */
    uint32_t line;        /* in the file, from 1 */
    bool has_decision;
    enum rune_outcome decision;
    bool has_reasons;
    struct rune_str *reasons; /* sorted bytewise */
    uint32_t reason_count;
};

struct cli_request_file {
    struct rune_arena arena; /* owns all of it */
    struct cli_request_line *lines;
    uint32_t count;
};

/* CLI_OK, or the exit code of a message that was printed. */
enum cli_exit cli_request_file_read(const char *path, struct cli_request_file *ret_file);
void cli_request_file_fini(struct cli_request_file *file);
