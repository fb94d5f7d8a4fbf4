/* SPDX-License-Identifier: Apache-2.0 */
/* Decisions: eval cases and corpora, through images and the decider. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conformance/cedar.h"
#include "engine/build_texts.h"
#include "engine/decider.h"
#include "engine/image.h"

struct engine {
    struct rune_image *image;
    struct rune_decider *decider;
    struct rune_diag *diag;
};

static void add(struct rune_bundle_file *files, uint32_t *count, enum rune_bundle_kind kind,
                const char *path, struct rune_str text)
{
    if (text.data != NULL) {
        files[(*count)++] = (struct rune_bundle_file){
            .kind = kind,
            .source = {.path = path, .text = text.data, .length = (uint32_t)text.length}};
    }
}

struct engine *engine_create(struct rune_str policies, struct rune_str schema, bool schema_is_json,
                             struct rune_str entities, struct rune_str links,
                             bool validate_requests, struct rune_buf *ret_error)
{
    struct rune_bundle_file files[4];
    struct rune_build_texts texts = {
        .files = files, .validation = RUNE_VALIDATION_OFF, .validate_requests = validate_requests};
    struct rune_build_result result;
    struct engine *engine = calloc(1, sizeof *engine);
    int fd = -1;
    if (engine == NULL) {
        abort();
    }
    engine->diag = rune_diag_create();
    add(files, &texts.count, RUNE_BUNDLE_POLICIES, "policies.cedar", policies);
    add(files, &texts.count, schema_is_json ? RUNE_BUNDLE_SCHEMA_JSON : RUNE_BUNDLE_SCHEMA,
        "schema", schema);
    add(files, &texts.count, RUNE_BUNDLE_ENTITIES, "entities.json", entities);
    add(files, &texts.count, RUNE_BUNDLE_LINKS, "links.json", links);
    enum rune_err err = rune_build_texts(&texts, &fd, &result, engine->diag);
    if (err == RUNE_OK) {
        err = rune_image_open_fd(fd, RUNE_IMAGE_VERIFY, &engine->image, engine->diag);
        close(fd);
    }
    if (err == RUNE_OK) {
        err = rune_decider_create(NULL, &engine->decider);
    }
    if (err != RUNE_OK) {
        rune_buf_append_cstr(ret_error, rune_diag_text(engine->diag));
        rune_buf_append_cstr(ret_error, rune_err_text(err));
        engine_destroy(engine);
        return NULL;
    }
    return engine;
}

void engine_destroy(struct engine *engine)
{
    if (engine->decider != NULL) {
        rune_decider_destroy(engine->decider);
    }
    if (engine->image != NULL) {
        rune_image_close(engine->image);
    }
    rune_diag_destroy(engine->diag);
    free(engine);
}

/* ---- one request ---- */

static void append_member(struct rune_buf *body, const struct rune_json_node *request,
                          const char *name, struct rune_str text)
{
    const struct rune_json_node *node = rune_json_find(request, name);
    if (node == NULL) {
        return;
    }
    rune_buf_printf(body, "%s\"%s\":", body->length > 1 ? "," : "", name);
    const struct rune_json_node *inner =
        node->type == RUNE_JSON_OBJECT ? rune_json_find(node, "__entity") : NULL;
    if (inner != NULL && strcmp(name, "context") != 0) {
        node = inner;
    }
    rune_buf_append(body, text.data + node->offset, node->length);
}

static int compare_strs(const void *a, const void *b)
{
    return rune_str_compare(*(const struct rune_str *)a, *(const struct rune_str *)b);
}

/* "allow [policy0 policy3] errors [policy1]", sorted, without repetition. */
static void describe(struct rune_buf *out, bool allow, struct rune_str *reasons,
                     size_t reason_count, struct rune_str *errors, size_t error_count)
{
    struct rune_str *const lists[] = {reasons, errors};
    const size_t counts[] = {reason_count, error_count};
    rune_buf_append_cstr(out, allow ? "allow [" : "deny [");
    for (int list = 0; list < 2; list++) {
        if (counts[list] > 1) {
            qsort(lists[list], counts[list], sizeof *lists[list], compare_strs);
        }
        for (size_t i = 0; i < counts[list]; i++) {
            if (i == 0 || !rune_str_equal(lists[list][i - 1], lists[list][i])) {
                rune_buf_append_str(out, lists[list][i]);
                rune_buf_append_char(out, ' ');
            }
        }
        rune_buf_append_cstr(out, list == 0 ? "] errors [" : "]");
    }
}

static size_t collect(const struct rune_json_node *request, const char *name,
                      struct rune_str *items, size_t capacity)
{
    const struct rune_json_node *node = rune_json_find(request, name);
    size_t count = node != NULL && node->type == RUNE_JSON_ARRAY ? node->as.array.count : 0;
    if (count > capacity) {
        abort();
    }
    for (size_t i = 0; i < count; i++) {
        items[i] = node->as.array.items[i].as.text;
    }
    return count;
}

enum { MAX_IDS = 100000 };

void engine_check(struct engine *engine, struct conformance *run, const char *what,
                  const struct rune_json_node *request, struct rune_str text)
{
    static struct rune_str reasons[MAX_IDS];
    static struct rune_str errors[MAX_IDS];
    struct rune_buf body = RUNE_BUF_INIT;
    struct rune_buf expected = RUNE_BUF_INIT;
    struct rune_buf got = RUNE_BUF_INIT;
    const struct rune_request *decoded;
    struct rune_request_error error;
    rune_buf_append_char(&body, '{');
    append_member(&body, request, "principal", text);
    append_member(&body, request, "action", text);
    append_member(&body, request, "resource", text);
    append_member(&body, request, "context", text);
    rune_buf_append_char(&body, '}');
    describe(&expected, rune_str_equal(case_text(request, "decision"), RUNE_STR("allow")), reasons,
             collect(request, "reason", reasons, MAX_IDS), errors,
             collect(request, "errors", errors, MAX_IDS));
    enum rune_err err =
        rune_decider_decode(engine->decider, engine->image,
                            (struct rune_str){body.data, body.length}, &decoded, &error);
    if (err != RUNE_OK) {
        rune_buf_printf(&got, "%s: %s at %s", error.code, error.message, error.at);
    } else {
        struct rune_decision decision;
        rune_decider_decide(engine->decider, engine->image, decoded, RUNE_ANSWER_PLAIN, &decision);
        for (uint32_t i = 0; i < decision.reason_count && i < MAX_IDS; i++) {
            reasons[i] = decision.reasons[i];
        }
        for (uint32_t i = 0; i < decision.error_count && i < MAX_IDS; i++) {
            errors[i] = decision.errors[i].id;
        }
        describe(&got, decision.outcome == RUNE_PERMIT, reasons, decision.reason_count, errors,
                 decision.error_count);
    }
    struct rune_str want = {expected.data, expected.length};
    struct rune_str have = {got.data, got.length};
    conformance_check(run, what, rune_str_equal(want, have), want, have);
    rune_buf_fini(&body);
    rune_buf_fini(&expected);
    rune_buf_fini(&got);
}

/* ---- eval ---- */

static struct rune_str raw(const struct rune_json_node *line, const char *name,
                           struct rune_str text)
{
    const struct rune_json_node *node = rune_json_find(line, name);
    return node == NULL ? (struct rune_str){0}
                        : (struct rune_str){text.data + node->offset, node->length};
}

static void run_requests(struct engine *engine, struct conformance *run,
                         const struct rune_json_node *requests, struct rune_str text,
                         const struct rune_buf *error)
{
    for (uint32_t i = 0; i < requests->as.array.count; i++) {
        char what[32];
        snprintf(what, sizeof what, "request %u", i);
        if (engine != NULL) {
            engine_check(engine, run, what, &requests->as.array.items[i], text);
        } else {
            conformance_check(run, what, false, case_text(&requests->as.array.items[i], "decision"),
                              (struct rune_str){error->data, error->length});
        }
    }
}

void run_eval(struct conformance *run, const struct rune_json_node *line, struct rune_str text)
{
    struct rune_buf error = RUNE_BUF_INIT;
    struct engine *engine =
        engine_create(case_text(line, "policies"), (struct rune_str){0}, false,
                      raw(line, "entities", text), raw(line, "links", text), false, &error);
    run_requests(engine, run, rune_json_find(line, "requests"), text, &error);
    rune_buf_fini(&error);
    if (engine != NULL) {
        engine_destroy(engine);
    }
}

/* ---- corpus ---- */

static struct rune_str case_file(const struct inputs *inputs, const struct rune_json_node *node,
                                 const char *name, struct rune_str root)
{
    char path[4096];
    struct rune_str relative = case_text(node, name);
    snprintf(path, sizeof path, "%.*s%.*s", RUNE_STR_ARG(root), RUNE_STR_ARG(relative));
    const struct input_file *file = inputs_find(inputs, path);
    if (file == NULL) {
        fprintf(stderr, "%s: not there\n", path);
        return (struct rune_str){0};
    }
    return file->text;
}

static bool validates_requests(const struct rune_json_node *requests)
{
    for (uint32_t i = 0; i < requests->as.array.count; i++) {
        const struct rune_json_node *flag =
            rune_json_find(&requests->as.array.items[i], "validateRequest");
        if (flag != NULL && flag->type == RUNE_JSON_FALSE) {
            return false;
        }
    }
    return true;
}

static bool is_json(const struct rune_json_node *node, const char *name)
{
    const struct rune_json_node *format = rune_json_find(node, name);
    return format != NULL && format->type == RUNE_JSON_STRING &&
           rune_str_equal(format->as.text, RUNE_STR("json"));
}

void run_corpus_case(struct conformance *run, const struct inputs *inputs,
                     const struct input_file *file, struct rune_str root)
{
    struct rune_arena arena;
    struct rune_json_node node;
    struct rune_json_error json_error;
    struct rune_buf error = RUNE_BUF_INIT;
    rune_arena_init(&arena, 0);
    if (rune_json_parse(file->text, 1000, &arena, &node, &json_error) != RUNE_OK) {
        conformance_fail(run, "case", "JSON", json_error.message);
        rune_arena_fini(&arena);
        return;
    }
    const struct rune_json_node *requests = rune_json_find(&node, "requests");
    struct rune_str policies = case_file(inputs, &node, "policies", root);
    struct rune_str schema = case_file(inputs, &node, "schema", root);
    bool schema_is_json = is_json(&node, "schemaFormat");
    check_validation(run, policies, schema, schema_is_json, case_bool(&node, "shouldValidate"));
    struct engine *engine =
        engine_create(policies, schema, schema_is_json, case_file(inputs, &node, "entities", root),
                      (struct rune_str){0}, validates_requests(requests), &error);
    run_requests(engine, run, requests, file->text, &error);
    if (engine != NULL) {
        engine_destroy(engine);
    }
    rune_buf_fini(&error);
    rune_arena_fini(&arena);
}
