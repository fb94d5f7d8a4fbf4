/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the policy language's referee data: conformance_cedar FILE|DIR...
 *
 * A .jsonl (perhaps .zst) has cases of the kind that its name begins with; an archive or a
 * directory may hold a corpus. Prints each failure on a line, last `N passed, M failed`; exits 0
 * only if M is 0. Everything goes through librune; decisions through the evaluator that serves. */
#include "conformance/cedar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    line_fn run;
} kinds[] = {
    {"parse", run_parse},   {"entities", run_entities}, {"schema", run_schema},
    {"eval", run_eval},     {"validate", run_validate}, {"est", run_est},
    {"format", run_format},
};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

/* ---- counting ---- */

void conformance_pass(struct conformance *run)
{
    run->passed++;
}

/* At most 200 bytes, on one line. */
static void print_short(struct rune_str text)
{
    size_t length = text.length < 200 ? text.length : 200;
    for (size_t i = 0; i < length; i++) {
        putchar(text.data[i] == '\n' || text.data[i] == '\r' ? ' ' : text.data[i]);
    }
    if (length < text.length) {
        fputs("..", stdout);
    }
}

void conformance_check(struct conformance *run, const char *what, bool ok, struct rune_str expected,
                       struct rune_str got)
{
    if (ok) {
        run->passed++;
        return;
    }
    run->failed++;
    printf("%s:%zu: %s: expected ", run->file, run->number, what);
    print_short(expected);
    fputs(", got ", stdout);
    print_short(got);
    putchar('\n');
}

void conformance_fail(struct conformance *run, const char *what, const char *expected,
                      const char *got)
{
    conformance_check(run, what, false, rune_str_from(expected), rune_str_from(got));
}

/* ---- cases ---- */

static void malformed(const char *name)
{
    fprintf(stderr, "a case without `%s`: is this the referee's format?\n", name);
    exit(2);
}

struct rune_str case_text(const struct rune_json_node *line, const char *name)
{
    const struct rune_json_node *node = rune_json_find(line, name);
    if (node == NULL || node->type != RUNE_JSON_STRING) {
        malformed(name);
    }
    return node->as.text;
}

bool case_bool(const struct rune_json_node *line, const char *name)
{
    const struct rune_json_node *node = rune_json_find(line, name);
    if (node == NULL || (node->type != RUNE_JSON_TRUE && node->type != RUNE_JSON_FALSE)) {
        malformed(name);
    }
    return node->type == RUNE_JSON_TRUE;
}

bool case_has(const struct rune_json_node *line, const char *name)
{
    const struct rune_json_node *node = rune_json_find(line, name);
    return node != NULL && node->type != RUNE_JSON_NULL;
}

static bool object_equal(const struct rune_json_node *a, const struct rune_json_node *b)
{
    if (a->as.object.count != b->as.object.count) {
        return false;
    }
    for (uint32_t i = 0; i < a->as.object.count; i++) {
        const struct rune_json_member *member = &a->as.object.members[i];
        const struct rune_json_node *other = NULL;
        for (uint32_t k = 0; k < b->as.object.count && other == NULL; k++) {
            if (rune_str_equal(b->as.object.members[k].key, member->key)) {
                other = &b->as.object.members[k].value;
            }
        }
        if (other == NULL || !json_equal(&member->value, other)) {
            return false;
        }
    }
    return true;
}

bool json_equal(const struct rune_json_node *a, const struct rune_json_node *b)
{
    if (a->type != b->type) {
        return false;
    }
    switch (a->type) {
    case RUNE_JSON_INTEGER:
        return a->as.integer == b->as.integer;
    case RUNE_JSON_NUMBER:
    case RUNE_JSON_STRING:
        return rune_str_equal(a->as.text, b->as.text);
    case RUNE_JSON_ARRAY:
        if (a->as.array.count != b->as.array.count) {
            return false;
        }
        for (uint32_t i = 0; i < a->as.array.count; i++) {
            if (!json_equal(&a->as.array.items[i], &b->as.array.items[i])) {
                return false;
            }
        }
        return true;
    case RUNE_JSON_OBJECT:
        return object_equal(a, b);
    default:
        return true;
    }
}

/* ---- files ---- */

static const char *basename_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text);
    size_t tail_length = strlen(tail);
    return length >= tail_length && strcmp(text + length - tail_length, tail) == 0;
}

static line_fn kind_of(const char *path)
{
    const char *name = basename_of(path);
    size_t length = strcspn(name, ".");
    for (int i = 0; i < KIND_COUNT; i++) {
        if (strlen(kinds[i].name) == length && strncmp(kinds[i].name, name, length) == 0) {
            return kinds[i].run;
        }
    }
    return NULL;
}

static bool run_jsonl(struct conformance *run, const struct input_file *file)
{
    line_fn kind = kind_of(file->path);
    struct rune_arena arena;
    const char *end = file->text.data + file->text.length;
    bool ok = true;
    run->file = basename_of(file->path);
    run->number = 0;
    rune_arena_init(&arena, 0);
    for (const char *at = file->text.data; ok && at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct rune_str line = {at, (size_t)((stop != NULL ? stop : end) - at)};
        struct rune_json_node node;
        struct rune_json_error error;
        run->number++;
        at = stop != NULL ? stop + 1 : end;
        if (line.length == 0) {
            continue;
        }
        if (rune_json_parse(line, 1000, &arena, &node, &error) != RUNE_OK ||
            node.type != RUNE_JSON_OBJECT) {
            fprintf(stderr, "%s:%zu: this is no JSON object\n", file->path, run->number);
            ok = false;
        } else {
            kind(run, &node, line);
        }
        rune_arena_reset(&arena);
    }
    rune_arena_fini(&arena);
    return ok;
}

/* corpus-tests/NAME.json and tests/DIR/NAME.json. The root is what stands before. */
static bool is_corpus_case(const char *path, struct rune_str *ret_root)
{
    const char *name = basename_of(path);
    const char *dot = strchr(name, '.');
    if (dot == NULL || strcmp(dot, ".json") != 0) {
        return false;
    }
    const char *last = NULL;
    for (const char *at = path; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "corpus-tests/", 13) == 0 && at + 13 == name) {
            last = at;
        } else if (strncmp(at, "tests/", 6) == 0) {
            const char *inner = strchr(at + 6, '/');
            last = inner != NULL && inner + 1 == name ? at : last;
        }
    }
    if (last != NULL) {
        *ret_root = (struct rune_str){path, (size_t)(last - path)};
    }
    return last != NULL;
}

static bool run_file(struct conformance *run, const struct inputs *inputs,
                     const struct input_file *file, bool is_only)
{
    struct rune_str root;
    if (ends_with(file->path, ".jsonl")) {
        if (strncmp(basename_of(file->path), "disagreements-", 14) == 0) {
            return true;
        }
        if (kind_of(file->path) == NULL) {
            if (is_only) {
                fprintf(stderr, "%s: no kind of cases is named so\n", file->path);
            }
            return !is_only;
        }
        return run_jsonl(run, file);
    }
    if (is_corpus_case(file->path, &root)) {
        run->file = file->path;
        run->number = 0;
        run_corpus_case(run, inputs, file, root);
        return true;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct conformance run = {0};
    bool ok = argc > 1;
    if (!ok) {
        fputs("conformance_cedar FILE|DIR...\n", stderr);
    }
    for (int i = 1; i < argc && ok; i++) {
        struct inputs inputs;
        inputs_init(&inputs);
        ok = inputs_add(&inputs, argv[i]);
        uint64_t before = run.passed + run.failed;
        for (size_t k = 0; ok && k < inputs.count; k++) {
            ok = run_file(&run, &inputs, &inputs.files[k], inputs.count == 1);
        }
        bool is_left_alone = strstr(argv[i], "disagreements-") != NULL;
        if (ok && !is_left_alone && run.passed + run.failed == before) {
            fprintf(stderr, "%s: no cases here\n", argv[i]);
            ok = false;
        }
        inputs_fini(&inputs);
    }
    printf("%llu passed, %llu failed\n", (unsigned long long)run.passed,
           (unsigned long long)run.failed);
    return !ok ? 2 : run.failed > 0;
}
