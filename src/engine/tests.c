/* SPDX-License-Identifier: Apache-2.0 */
/* A case's request is its own members as JSON, without what is expected, so that the decoder of the
 * wire judges it. */
#include "rune/tests.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/toml.h"
#include "base/vec.h"
#include "engine/bundle.h"

RUNE_VEC(rune_vec_case, struct rune_test_case);

struct rune_tests {
    struct rune_arena arena;
    struct rune_vec_case cases;
};

struct reader {
    struct rune_tests *tests;
    const struct rune_source *source;
    struct rune_diag *diag;
    uint32_t mistakes;
};

static struct rune_span span_of(const struct reader *reader, const struct rune_json_node *node)
{
    return (struct rune_span){reader->source, node->offset, node->length};
}

static void mistake(struct reader *reader, struct rune_span span, const char *help,
                    const char *text)
{
    rune_diag_report(reader->diag, RUNE_ERROR, "RUNE-G0301", span, help, "%s", text);
    reader->mistakes++;
}

/* ---- a tree as JSON ---- */

/* Recursion: the parser counted the depth. */
static void put_node(struct rune_buf *out, const struct rune_json_node *node)
{
    switch (node->type) {
    case RUNE_JSON_NULL:
        rune_buf_append_cstr(out, "null");
        break;
    case RUNE_JSON_FALSE:
    case RUNE_JSON_TRUE:
        rune_buf_append_cstr(out, node->type == RUNE_JSON_TRUE ? "true" : "false");
        break;
    case RUNE_JSON_INTEGER:
        rune_buf_printf(out, "%lld", (long long)node->as.integer);
        break;
    case RUNE_JSON_NUMBER:
        rune_buf_append_str(out, node->as.text);
        break;
    case RUNE_JSON_STRING:
        rune_buf_append_json(out, node->as.text);
        break;
    case RUNE_JSON_ARRAY:
        for (uint32_t i = 0; i < node->as.array.count; i++) {
            rune_buf_append_char(out, i == 0 ? '[' : ',');
            put_node(out, &node->as.array.items[i]);
        }
        rune_buf_append_cstr(out, node->as.array.count == 0 ? "[]" : "]");
        break;
    case RUNE_JSON_OBJECT:
        for (uint32_t i = 0; i < node->as.object.count; i++) {
            rune_buf_append_char(out, i == 0 ? '{' : ',');
            rune_buf_append_json(out, node->as.object.members[i].key);
            rune_buf_append_char(out, ':');
            put_node(out, &node->as.object.members[i].value);
        }
        rune_buf_append_cstr(out, node->as.object.count == 0 ? "{}" : "}");
        break;
    }
}

/* ---- a case ---- */

static int compare_texts(const void *a, const void *b)
{
    return rune_str_compare(*(const struct rune_str *)a, *(const struct rune_str *)b);
}

static void read_decision(struct reader *reader, const struct rune_json_node *node,
                          struct rune_test_case *test)
{
    for (enum rune_outcome outcome = 0; outcome < RUNE_OUTCOME_COUNT; outcome++) {
        if (node->type == RUNE_JSON_STRING &&
            rune_str_equal(node->as.text, rune_str_from(rune_outcome_text(outcome)))) {
            test->decision = outcome;
            return;
        }
    }
    mistake(reader, span_of(reader, node), NULL,
            "`decision` is \"PERMIT\", \"DENY\" or \"FORBID\"");
}

static void read_reasons(struct reader *reader, const struct rune_json_node *node,
                         struct rune_test_case *test)
{
    uint32_t count = node->type == RUNE_JSON_ARRAY ? node->as.array.count : 0;
    struct rune_str *reasons =
        RUNE_ARENA_ARRAY(&reader->tests->arena, struct rune_str, (size_t)count + 1);
    bool is_right = node->type == RUNE_JSON_ARRAY;
    for (uint32_t i = 0; i < count && reasons != NULL; i++) {
        const struct rune_json_node *item = &node->as.array.items[i];
        is_right = is_right && item->type == RUNE_JSON_STRING;
        reasons[i] = item->type == RUNE_JSON_STRING ? item->as.text : RUNE_STR("");
    }
    if (!is_right) {
        mistake(reader, span_of(reader, node), NULL,
                "`reasons` is an array of policy and rule ids");
        return;
    }
    if (reasons != NULL) {
        qsort(reasons, count, sizeof(*reasons), compare_texts);
    }
    test->has_reasons = true;
    test->reasons = reasons;
    test->reason_count = count;
}

static bool is_request_key(struct rune_str key)
{
    static const struct rune_str keys[] = {
        {"principal", 9}, {"action", 6}, {"resource", 8}, {"context", 7}, {"entities", 8}};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (rune_str_equal(key, keys[i])) {
            return true;
        }
    }
    return false;
}

static void read_members(struct reader *reader, const struct rune_json_node *node,
                         struct rune_buf *request, struct rune_test_case *test)
{
    for (uint32_t i = 0; i < node->as.object.count; i++) {
        const struct rune_json_member *member = &node->as.object.members[i];
        if (rune_str_equal(member->key, RUNE_STR("decision"))) {
            read_decision(reader, &member->value, test);
        } else if (rune_str_equal(member->key, RUNE_STR("reasons"))) {
            read_reasons(reader, &member->value, test);
        } else if (rune_str_equal(member->key, RUNE_STR("name")) &&
                   member->value.type == RUNE_JSON_STRING) {
            test->name = member->value.as.text;
        } else if (is_request_key(member->key)) {
            rune_buf_append_char(request, request->length == 0 ? '{' : ',');
            rune_buf_append_json(request, member->key);
            rune_buf_append_char(request, ':');
            put_node(request, &member->value);
        } else {
            mistake(reader,
                    (struct rune_span){reader->source, member->key_offset,
                                       (uint32_t)member->key.length},
                    "a test has principal, action, resource, context, entities, decision, reasons",
                    "unknown key in a test");
        }
    }
    rune_buf_append_cstr(request, request->length == 0 ? "{}" : "}");
}

static enum rune_err read_case(struct reader *reader, struct rune_str name,
                               const struct rune_json_node *node)
{
    struct rune_test_case test = {.name = name, .path = reader->source->path};
    if (node->type != RUNE_JSON_OBJECT) {
        mistake(reader, span_of(reader, node), NULL, "a test is a table");
        return RUNE_OK;
    }
    if (rune_json_find(node, "decision") == NULL) {
        mistake(reader, span_of(reader, node), "add decision = \"PERMIT\", \"DENY\" or \"FORBID\"",
                "a test must say which decision it expects");
        return RUNE_OK;
    }
    struct rune_buf request = RUNE_BUF_INIT;
    read_members(reader, node, &request, &test);
    char *text = request.failed
                     ? NULL
                     : rune_arena_memdup(&reader->tests->arena, request.data, request.length);
    test.request = (struct rune_str){text, request.length};
    rune_buf_fini(&request);
    return text != NULL && RUNE_VEC_PUSH(&reader->tests->cases, test) ? RUNE_OK : RUNE_E_NOMEM;
}

/* ---- files ---- */

/* {"tests": {NAME: case}}, {"tests": [case]}, or [case]. */
static enum rune_err read_cases(struct reader *reader, const struct rune_json_node *root)
{
    const struct rune_json_node *tests =
        root->type == RUNE_JSON_OBJECT ? rune_json_find(root, "tests") : root;
    if (tests == NULL) {
        mistake(reader, span_of(reader, root), "[tests.NAME] begins a test",
                "there are no tests in this file");
        return RUNE_OK;
    }
    enum rune_err err = RUNE_OK;
    if (tests->type == RUNE_JSON_OBJECT) {
        for (uint32_t i = 0; i < tests->as.object.count && err == RUNE_OK; i++) {
            err = read_case(reader, tests->as.object.members[i].key,
                            &tests->as.object.members[i].value);
        }
    } else if (tests->type == RUNE_JSON_ARRAY) {
        for (uint32_t i = 0; i < tests->as.array.count && err == RUNE_OK; i++) {
            char *name = rune_arena_printf(&reader->tests->arena, "%u", i + 1);
            err = name != NULL ? read_case(reader, rune_str_from(name), &tests->as.array.items[i])
                               : RUNE_E_NOMEM;
        }
    } else {
        mistake(reader, span_of(reader, tests), NULL, "`tests` is a table of tests");
    }
    return err;
}

static enum rune_err parse_json(struct reader *reader, struct rune_json_node *ret_root)
{
    struct rune_json_error error;
    struct rune_str text = {reader->source->text, reader->source->length};
    enum rune_err err = rune_json_parse(text, 0, &reader->tests->arena, ret_root, &error);
    if (err == RUNE_E_SYNTAX || err == RUNE_E_LIMIT) {
        mistake(reader, (struct rune_span){reader->source, (uint32_t)error.offset, 0}, NULL,
                error.message);
        return RUNE_E_SYNTAX;
    }
    return err;
}

static enum rune_err read_file(struct reader *reader, const struct rune_bundle_file *file)
{
    struct rune_json_node root;
    reader->source = &file->source;
    enum rune_err err =
        file->kind == RUNE_BUNDLE_TESTS_JSON
            ? parse_json(reader, &root)
            : rune_toml_parse(reader->source, &reader->tests->arena, &root, reader->diag);
    if (err == RUNE_E_SYNTAX) {
        reader->mistakes++;
        return RUNE_OK;
    }
    return err == RUNE_OK ? read_cases(reader, &root) : err;
}

static enum rune_err read_bundle(struct reader *reader, const char *path)
{
    /* Sources are quoted by messages only until this returns; the diag copies. */
    struct rune_bundle bundle;
    enum rune_err err = rune_bundle_open(path, RUNE_BUNDLE_FACTS_STREAMED, &reader->tests->arena,
                                         &bundle, reader->diag);
    for (uint32_t i = 0; err == RUNE_OK && i < bundle.count; i++) {
        if (bundle.files[i].kind == RUNE_BUNDLE_TESTS_TOML ||
            bundle.files[i].kind == RUNE_BUNDLE_TESTS_JSON) {
            err = read_file(reader, &bundle.files[i]);
        }
    }
    return err == RUNE_OK && reader->mistakes > 0 ? RUNE_E_BUNDLE : err;
}

enum rune_err rune_tests_read(const char *bundle, struct rune_tests **ret_tests,
                              struct rune_diag *diag)
{
    struct rune_tests *tests = rune_calloc(1, sizeof(*tests));
    if (tests == NULL) {
        return RUNE_E_NOMEM;
    }
    rune_arena_init(&tests->arena, 0);
    struct reader reader = {.tests = tests, .diag = diag};
    enum rune_err err = read_bundle(&reader, bundle);
    if (err != RUNE_OK) {
        rune_tests_destroy(tests);
        return err;
    }
    *ret_tests = tests;
    return RUNE_OK;
}

void rune_tests_destroy(struct rune_tests *tests)
{
    if (tests != NULL) {
        RUNE_VEC_FINI(&tests->cases);
        rune_arena_fini(&tests->arena);
        rune_free(tests);
    }
}

uint32_t rune_tests_count(const struct rune_tests *tests)
{
    return (uint32_t)tests->cases.count;
}

const struct rune_test_case *rune_tests_get(const struct rune_tests *tests, uint32_t index)
{
    return &tests->cases.items[index];
}
