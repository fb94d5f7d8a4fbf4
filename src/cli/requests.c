/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "cli/subject.h"

#define MAX_FILE_BYTES ((size_t)4 << 30)

static const char out_of_memory[] = "out of memory"; /* told from what is wrong by its address */

static int compare_texts(const void *a, const void *b)
{
    return rune_str_compare(*(const struct rune_str *)a, *(const struct rune_str *)b);
}

static bool parse_outcome(struct rune_str text, enum rune_outcome *ret_outcome)
{
    for (enum rune_outcome outcome = 0; outcome < RUNE_OUTCOME_COUNT; outcome++) {
        if (rune_str_equal(text, rune_str_from(rune_outcome_text(outcome)))) {
            *ret_outcome = outcome;
            return true;
        }
    }
    return false;
}

/* NULL if the member is what it must be, else what is wrong. */
static const char *take_decision(struct cli_request_line *line, const struct rune_json_node *value)
{
    line->has_decision = true;
    return value->type == RUNE_JSON_STRING && parse_outcome(value->as.text, &line->decision)
               ? NULL
               : "\"decision\" is PERMIT, DENY or FORBID";
}

static const char *take_reasons(struct rune_arena *arena, struct cli_request_line *line,
                                const struct rune_json_node *value)
{
    static const char wrong[] = "\"reasons\" is an array of strings";
    if (value->type != RUNE_JSON_ARRAY) {
        return wrong;
    }
    line->has_reasons = true;
    line->reasons = rune_arena_calloc(arena, value->as.array.count, sizeof(*line->reasons));
    if (line->reasons == NULL) {
        return out_of_memory;
    }
    for (uint32_t i = 0; i < value->as.array.count; i++) {
        if (value->as.array.items[i].type != RUNE_JSON_STRING) {
            return wrong;
        }
        line->reasons[line->reason_count++] = value->as.array.items[i].as.text;
    }
    qsort(line->reasons, line->reason_count, sizeof(*line->reasons), compare_texts);
    return NULL;
}

/* The object without its expectations, as bytes. */
static const char *parse_line(struct rune_arena *arena, struct rune_str text,
                              struct cli_request_line *line)
{
    struct rune_json_node root;
    struct rune_json_error error;
    enum rune_err err = rune_json_parse(text, 0, arena, &root, &error);
    if (err != RUNE_OK) {
        return err == RUNE_E_NOMEM ? out_of_memory : error.message;
    }
    if (root.type != RUNE_JSON_OBJECT) {
        return "expected an object";
    }
    char *body = rune_arena_alloc(arena, text.length + 2);
    if (body == NULL) {
        return out_of_memory;
    }
    size_t length = 0;
    for (uint32_t i = 0; i < root.as.object.count; i++) {
        const struct rune_json_member *member = &root.as.object.members[i];
        const char *wrong = NULL;
        if (rune_str_equal(member->key, RUNE_STR("decision"))) {
            wrong = take_decision(line, &member->value);
        } else if (rune_str_equal(member->key, RUNE_STR("reasons"))) {
            wrong = take_reasons(arena, line, &member->value);
        } else {
            size_t size = member->value.offset + member->value.length - member->key_offset;
            body[length] = length == 0 ? '{' : ',';
            memcpy(body + length + 1, text.data + member->key_offset, size);
            length += size + 1;
        }
        if (wrong != NULL) {
            return wrong;
        }
    }
    if (length == 0) {
        body[length++] = '{';
    }
    body[length++] = '}';
    line->body = (struct rune_str){body, length};
    return NULL;
}

static uint32_t count_lines(struct rune_str text)
{
    uint32_t count = 1;
    for (size_t i = 0; i < text.length; i++) {
        count += text.data[i] == '\n';
    }
    return count;
}

static enum cli_exit parse_lines(const char *path, struct rune_str text,
                                 struct cli_request_file *file)
{
    file->lines = rune_arena_calloc(&file->arena, count_lines(text), sizeof(*file->lines));
    if (file->lines == NULL) {
        fprintf(stderr, "rune: %s: out of memory\n", path);
        return CLI_ENVIRONMENT;
    }
    uint32_t number = 0;
    for (const char *at = text.data, *end = text.data + text.length; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        struct rune_str line = {at, (size_t)(stop - at)};
        at = stop + 1;
        number++;
        if (line.length == 0 || (line.length == 1 && line.data[0] == '\r')) {
            continue;
        }
        struct cli_request_line *request = &file->lines[file->count];
        request->line = number;
        const char *wrong = parse_line(&file->arena, line, request);
        if (wrong != NULL) {
            fprintf(stderr, "rune: %s:%u: %s\n", path, number, wrong);
            return wrong == out_of_memory ? CLI_ENVIRONMENT : CLI_INVALID;
        }
        file->count++;
    }
    if (file->count == 0) {
        fprintf(stderr, "rune: %s: there is no request in it\n", path);
        return CLI_INVALID;
    }
    return CLI_OK;
}

enum cli_exit cli_request_file_read(const char *path, struct cli_request_file *ret_file)
{
    struct cli_request_file file = {0};
    struct rune_str text;
    struct rune_diag *diag = rune_diag_create();
    rune_arena_init(&file.arena, 0);
    enum rune_err err = rune_fs_read(path, MAX_FILE_BYTES, &file.arena, &text, diag);
    enum cli_exit code = cli_exit_for(err);
    if (err == RUNE_OK) {
        code = parse_lines(path, text, &file);
    } else {
        cli_print_diag(diag, err, path);
    }
    rune_diag_destroy(diag);
    if (code != CLI_OK) {
        cli_request_file_fini(&file);
        return code;
    }
    *ret_file = file;
    return CLI_OK;
}

void cli_request_file_fini(struct cli_request_file *file)
{
    rune_arena_fini(&file->arena);
}
