/* SPDX-License-Identifier: Apache-2.0 */
/* cedar: what the files of conformance_cedar share: counting, inputs, comparing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "base/json.h"
#include "base/str.h"

struct conformance {
    uint64_t passed, failed;
    const char *file; /* of the case at hand */
    size_t number;    /* its line, or 0 */
};

/* One check. A failure is printed on a line: case, expected, got. */
void conformance_pass(struct conformance *run);
void conformance_fail(struct conformance *run, const char *what, const char *expected,
                      const char *got);
/* The same with texts cut to one short line. */
void conformance_check(struct conformance *run, const char *what, bool ok, struct rune_str expected,
                       struct rune_str got);

/* A file in memory: from a directory or an archive. */
struct input_file {
    const char *path; /* as the user or the archive names it */
    struct rune_str text;
};

struct inputs {
    struct input_file *files;
    size_t count, capacity;
    struct rune_arena arena;
};

void inputs_init(struct inputs *inputs);
void inputs_fini(struct inputs *inputs);
/* A file, an archive (.tar, .tar.zst), or a directory, read recursively. False: reported. */
bool inputs_add(struct inputs *inputs, const char *path);
const struct input_file *inputs_find(const struct inputs *inputs, const char *path);

/* Members of a case; a case that lacks one is malformed: the program ends. */
struct rune_str case_text(const struct rune_json_node *line, const char *name);
bool case_bool(const struct rune_json_node *line, const char *name);
bool case_has(const struct rune_json_node *line, const char *name);

/* Structural equality: the order of keys does not matter, that of elements does. */
bool json_equal(const struct rune_json_node *a, const struct rune_json_node *b);

/* One line of a .jsonl of that kind; `text` is the line. */
typedef void (*line_fn)(struct conformance *run, const struct rune_json_node *line,
                        struct rune_str text);

void run_parse(struct conformance *run, const struct rune_json_node *line, struct rune_str text);
void run_entities(struct conformance *run, const struct rune_json_node *line, struct rune_str text);
void run_schema(struct conformance *run, const struct rune_json_node *line, struct rune_str text);
void run_eval(struct conformance *run, const struct rune_json_node *line, struct rune_str text);
void run_validate(struct conformance *run, const struct rune_json_node *line, struct rune_str text);
void run_est(struct conformance *run, const struct rune_json_node *line, struct rune_str text);
void run_format(struct conformance *run, const struct rune_json_node *line, struct rune_str text);

/* One case of a corpus: `root` is what its paths are relative to. */
void run_corpus_case(struct conformance *run, const struct inputs *inputs,
                     const struct input_file *file, struct rune_str root);

/* Strict validation: one check, whether there are errors. */
void check_validation(struct conformance *run, struct rune_str policies, struct rune_str schema,
                      bool schema_is_json, bool expected);

/* ---- decisions, for eval and corpus ---- */

struct engine;

/* `entities`, `links`, `schema` may be empty. `expected` counts the checks that fail when it does
 * not load. NULL: it did not load; ret_error has why. */
struct engine *engine_create(struct rune_str policies, struct rune_str schema, bool schema_is_json,
                             struct rune_str entities, struct rune_str links,
                             bool validate_requests, struct rune_buf *ret_error);
void engine_destroy(struct engine *engine);
/* Compares decision, reason and errors of a request object with what the engine says. */
void engine_check(struct engine *engine, struct conformance *run, const char *what,
                  const struct rune_json_node *request, struct rune_str text);
