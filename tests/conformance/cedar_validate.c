/* SPDX-License-Identifier: Apache-2.0 */
/* Kind validate, and the validation of corpus cases: strict. */
#include "cedar/validate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cedar/parser.h"
#include "conformance/cedar.h"

struct verdict {
    struct rune_arena arena;
    struct rune_cedar_policies policies;
    struct rune_cedar_schema schema;
    struct rune_validation_result validation;
    bool is_loaded; /* policies and schema could be read */
};

static struct rune_source *make_source(struct verdict *verdict, const char *path,
                                       struct rune_str text)
{
    struct rune_source *source = RUNE_ARENA_NEW(&verdict->arena, struct rune_source);
    *source = (struct rune_source){path, text.data, (uint32_t)text.length};
    return source;
}

static bool read_schema(struct verdict *verdict, struct rune_str text, bool is_json)
{
    struct rune_schema_fragment fragment;
    const struct rune_source *source = make_source(verdict, "schema", text);
    enum rune_err err = is_json ? rune_schema_parse_json(source, &verdict->arena, &fragment, NULL)
                                : rune_schema_parse(source, &verdict->arena, &fragment, NULL);
    return err == RUNE_OK &&
           rune_schema_resolve(&fragment, 1, &verdict->arena, &verdict->schema, NULL) == RUNE_OK;
}

static void judge(struct verdict *verdict, struct rune_str policies, struct rune_str schema,
                  bool schema_is_json)
{
    struct rune_arena *arena = &verdict->arena;
    const struct rune_source *source = make_source(verdict, "policies", policies);
    verdict->is_loaded =
        read_schema(verdict, schema, schema_is_json) &&
        rune_cedar_parse(source, arena, &verdict->policies, NULL) == RUNE_OK &&
        rune_cedar_validate(&verdict->policies, &verdict->schema, RUNE_VALIDATE_STRICT, UINT32_MAX,
                            arena, &verdict->validation, NULL) == RUNE_OK;
}

/* ---- what is compared: lines, sorted, each once ---- */

struct lines {
    struct rune_arena *arena;
    const char *items[1000];
    size_t count;
};

static void add_line(struct lines *lines, bool is_warning, struct rune_str policy,
                     struct rune_str kind)
{
    if (is_warning && rune_str_equal(kind, RUNE_STR("InvalidActionApplication"))) {
        return;
    }
    if (lines->count < sizeof lines->items / sizeof lines->items[0]) {
        lines->items[lines->count++] =
            is_warning ? rune_arena_printf(lines->arena, "%.*s %.*s", RUNE_STR_ARG(policy),
                                           RUNE_STR_ARG(kind))
                       : rune_arena_printf(lines->arena, "%.*s error", RUNE_STR_ARG(policy));
    }
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *join_lines(struct lines *lines, bool ok)
{
    const char *text = ok ? "valid" : "not valid";
    qsort(lines->items, lines->count, sizeof lines->items[0], compare_lines);
    for (size_t i = 0; i < lines->count; i++) {
        if (i == 0 || strcmp(lines->items[i], lines->items[i - 1]) != 0) {
            text = rune_arena_printf(lines->arena, "%s, %s", text, lines->items[i]);
        }
    }
    return text;
}

static void add_expected(struct lines *lines, const struct rune_json_node *line, const char *name,
                         bool is_warning)
{
    const struct rune_json_node *list = rune_json_find(line, name);
    for (uint32_t i = 0; list != NULL && i < list->as.array.count; i++) {
        const struct rune_json_node *item = &list->as.array.items[i];
        add_line(lines, is_warning, case_text(item, "policy"), case_text(item, "kind"));
    }
}

static const char *expected_text(struct verdict *verdict, const struct rune_json_node *line)
{
    struct lines lines = {.arena = &verdict->arena};
    add_expected(&lines, line, "errors", false);
    add_expected(&lines, line, "warnings", true);
    return join_lines(&lines, case_bool(line, "ok"));
}

static const char *got_text(struct verdict *verdict)
{
    struct lines lines = {.arena = &verdict->arena};
    if (!verdict->is_loaded) {
        return "a case that does not load";
    }
    for (uint32_t i = 0; i < verdict->validation.count; i++) {
        const struct rune_validation_finding *finding = &verdict->validation.findings[i];
        const char *id = rune_arena_printf(&verdict->arena, "policy%u", finding->policy);
        add_line(&lines, finding->is_warning, rune_str_from(id), rune_str_from(finding->kind));
    }
    return join_lines(&lines, verdict->validation.error_count == 0);
}

void run_validate(struct conformance *run, const struct rune_json_node *line, struct rune_str text)
{
    struct verdict verdict = {0};
    const struct rune_json_node *schema = rune_json_find(line, "schema");
    bool is_json = schema != NULL && schema->type != RUNE_JSON_STRING;
    struct rune_str schema_text =
        is_json ? (struct rune_str){text.data + schema->offset, schema->length}
                : case_text(line, "schema");
    rune_arena_init(&verdict.arena, 0);
    judge(&verdict, case_text(line, "policies"), schema_text, is_json);
    const char *expected = expected_text(&verdict, line);
    const char *got = got_text(&verdict);
    conformance_check(run, "validate", strcmp(expected, got) == 0, rune_str_from(expected),
                      rune_str_from(got));
    rune_arena_fini(&verdict.arena);
}

void check_validation(struct conformance *run, struct rune_str policies, struct rune_str schema,
                      bool schema_is_json, bool expected)
{
    struct verdict verdict = {0};
    rune_arena_init(&verdict.arena, 0);
    judge(&verdict, policies, schema, schema_is_json);
    bool is_valid = verdict.is_loaded && verdict.validation.error_count == 0;
    conformance_check(run, "validation", verdict.is_loaded && is_valid == expected,
                      expected ? RUNE_STR("valid") : RUNE_STR("not valid"),
                      rune_str_from(got_text(&verdict)));
    rune_arena_fini(&verdict.arena);
}
