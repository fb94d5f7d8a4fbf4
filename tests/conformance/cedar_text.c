/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds that are about texts: parse, schema, entities. */
#include <stdio.h>
#include <string.h>

#include "cedar/parser.h"
#include "cedar/schema.h"
#include "cedar/schema_image.h"
#include "conformance/cedar.h"
#include "engine/entities.h"

/* What is needed for one text. */
struct bench {
    struct rune_arena arena;
    struct rune_diag *diag;
    struct rune_source source;
};

static void bench_init(struct bench *bench, struct rune_str text)
{
    rune_arena_init(&bench->arena, 0);
    bench->diag = rune_diag_create();
    bench->source = (struct rune_source){"case", text.data, (uint32_t)text.length};
}

static void bench_fini(struct bench *bench)
{
    rune_diag_destroy(bench->diag);
    rune_arena_fini(&bench->arena);
}

void run_parse(struct conformance *run, const struct rune_json_node *line, struct rune_str text)
{
    struct bench bench;
    struct rune_cedar_policies policies = {0};
    char expected[80] = "a refusal";
    char got[80] = "a refusal";
    (void)text;
    bench_init(&bench, case_text(line, "text"));
    bool ok = rune_cedar_parse(&bench.source, &bench.arena, &policies, bench.diag) == RUNE_OK;
    if (case_bool(line, "ok")) {
        const struct rune_json_node *count = rune_json_find(line, "policies");
        const struct rune_json_node *templates = rune_json_find(line, "templates");
        snprintf(expected, sizeof expected, "%lld policies, %lld templates",
                 (long long)count->as.integer, (long long)templates->as.integer);
    }
    if (ok) {
        uint32_t templates = 0;
        for (uint32_t i = 0; i < policies.count; i++) {
            templates += rune_cedar_is_template(&policies.items[i]);
        }
        snprintf(got, sizeof got, "%u policies, %u templates", policies.count - templates,
                 templates);
    }
    conformance_check(run, "parse", strcmp(expected, got) == 0, rune_str_from(expected),
                      rune_str_from(got));
    bench_fini(&bench);
}

/* ---- schema ---- */

/* Whether it is a schema that resolves; the JSON form of human syntax into `json`. */
static bool read_schema(struct bench *bench, bool is_human, struct rune_cedar_schema *schema,
                        struct rune_buf *json)
{
    struct rune_schema_fragment fragment;
    enum rune_err err =
        is_human ? rune_schema_parse(&bench->source, &bench->arena, &fragment, bench->diag)
                 : rune_schema_parse_json(&bench->source, &bench->arena, &fragment, bench->diag);
    if (err == RUNE_OK && json != NULL) {
        err = rune_schema_print_json(&fragment, json);
    }
    return err == RUNE_OK &&
           rune_schema_resolve(&fragment, 1, &bench->arena, schema, bench->diag) == RUNE_OK;
}

static bool same_json(struct bench *bench, const struct rune_json_node *line,
                      const struct rune_buf *json)
{
    const struct rune_json_node *expected = rune_json_find(line, "json");
    struct rune_json_node got;
    struct rune_json_error error;
    if (expected == NULL) {
        return json->length == 0;
    }
    return rune_json_parse((struct rune_str){json->data, json->length}, 1000, &bench->arena, &got,
                           &error) == RUNE_OK &&
           json_equal(expected, &got);
}

void run_schema(struct conformance *run, const struct rune_json_node *line, struct rune_str text)
{
    struct bench bench;
    struct rune_cedar_schema schema;
    struct rune_buf json = RUNE_BUF_INIT;
    bool is_human = rune_json_find(line, "human") != NULL;
    (void)text;
    bench_init(&bench, case_text(line, is_human ? "human" : "json_text"));
    bool ok = read_schema(&bench, is_human, &schema, is_human ? &json : NULL);
    bool want = case_bool(line, "ok");
    if (ok != want) {
        conformance_fail(run, "schema", want ? "a schema" : "a refusal",
                         ok ? "a schema" : rune_diag_text(bench.diag));
    } else {
        conformance_check(run, "schema", !is_human || same_json(&bench, line, &json),
                          RUNE_STR("the JSON of the case"),
                          (struct rune_str){json.data, json.length});
    }
    rune_buf_fini(&json);
    bench_fini(&bench);
}

/* ---- entities ---- */

static enum rune_err read_entities(struct bench *bench, const struct rune_schema *schema,
                                   struct rune_dict *dict, struct rune_str text,
                                   uint32_t *ret_count)
{
    struct rune_entity_table table;
    const struct rune_source source = {"entities", text.data, (uint32_t)text.length};
    rune_entity_table_init(&table, dict, schema);
    enum rune_err err = rune_entity_table_read(&table, &source, bench->diag);
    if (err == RUNE_OK) {
        err = rune_entity_table_close(&table, bench->diag);
    }
    *ret_count = table.entity_count;
    rune_entity_table_fini(&table);
    return err;
}

void run_entities(struct conformance *run, const struct rune_json_node *line, struct rune_str text)
{
    struct bench bench;
    struct rune_cedar_schema schema;
    struct rune_schema checked = {0};
    struct rune_vec_u32 words = {0};
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    const struct rune_json_node *node = rune_json_find(line, "schema");
    bool has_schema = node != NULL && node->type != RUNE_JSON_NULL;
    bool is_human = has_schema && node->type == RUNE_JSON_STRING;
    struct rune_str schema_text = RUNE_STR("");
    if (has_schema) {
        schema_text =
            is_human ? node->as.text : (struct rune_str){text.data + node->offset, node->length};
    }
    bench_init(&bench, schema_text);
    bool ok = !has_schema || (read_schema(&bench, is_human, &schema, NULL) &&
                              rune_schema_write(&schema, dict, &words) == RUNE_OK);
    uint32_t count = 0;
    if (ok) {
        rune_schema_open(words.items, (uint32_t)words.count, &checked);
        ok = read_entities(&bench, has_schema ? &checked : NULL, dict,
                           case_text(line, "entities_text"), &count) == RUNE_OK;
    }
    char expected[40] = "a refusal";
    char got[40] = "a refusal";
    if (case_bool(line, "ok")) {
        snprintf(expected, sizeof expected, "%lld entities",
                 (long long)rune_json_find(line, "count")->as.integer);
    }
    if (ok) {
        snprintf(got, sizeof got, "%u entities", count);
    }
    bool same = strcmp(expected, got) == 0;
    conformance_check(run, "entities", same, rune_str_from(expected),
                      rune_str_from(ok ? got : rune_diag_text(bench.diag)));
    RUNE_VEC_FINI(&words);
    rune_dict_destroy(dict);
    bench_fini(&bench);
}
