/* SPDX-License-Identifier: Apache-2.0 */
/* The referee's evaluation data (eval.jsonl), without engine or bundle: decision, reasons and
 * errors of each request. The conformance run asks the same through librune; this one fails beside
 * the evaluator. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "model/uid.h"
#include "reference/cedar_json.h"
#include "reference/cedar_world.h"
#include "unit/cmocka.h"

static char *load(const char *path, size_t *ret_length)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    static char packed[4 << 20];
    size_t size = fread(packed, 1, sizeof packed, file);
    fclose(file);
    size_t capacity = 64u << 20;
    char *text = malloc(capacity);
    size_t length = text != NULL ? ZSTD_decompress(text, capacity, packed, size) : 0;
    if (ZSTD_isError(length)) {
        free(text);
        return NULL;
    }
    *ret_length = length;
    return text;
}

static struct rune_cedar_uid *read_uid(const struct rune_json_node *node, struct rune_arena *arena)
{
    struct naive_value value;
    struct rune_cedar_uid *uid = rune_arena_alloc(arena, sizeof *uid);
    if (node == NULL) {
        return NULL;
    }
    assert_true(cedar_json_uid(node, arena, &value));
    *uid = (struct rune_cedar_uid){value.type, value.text};
    return uid;
}

static void read_links(struct cedar_world *world, const struct rune_json_node *links)
{
    struct rune_cedar_policies *policies = &world->policies;
    policies->link_count = links->as.array.count;
    policies->links =
        rune_arena_calloc(&world->arena, policies->link_count, sizeof *policies->links);
    for (uint32_t i = 0; i < policies->link_count; i++) {
        const struct rune_json_node *node = &links->as.array.items[i];
        const struct rune_json_node *args = rune_json_find(node, "args");
        policies->links[i] = (struct rune_cedar_link){
            .template_id = rune_json_find(node, "template_id")->as.text,
            .link_id = rune_json_find(node, "link_id")->as.text,
            .principal = read_uid(rune_json_find(args, "?principal"), &world->arena),
            .resource = read_uid(rune_json_find(args, "?resource"), &world->arena),
        };
    }
}

/* True if `ids` are exactly the ids of the policies. */
static bool same_ids(const struct cedar_world *world, const struct rune_json_node *ids,
                     const uint32_t *policies, uint32_t count)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        rune_term id = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING,
                                      world->store.policies[policies[i]].id);
        bool listed = false;
        for (uint32_t j = 0; j < ids->as.array.count; j++) {
            listed = listed || rune_str_equal(ids->as.array.items[j].as.text,
                                              rune_terms_string(&world->store.terms, id));
        }
        found += listed;
    }
    return found == count && count == ids->as.array.count;
}

static void check_request(struct cedar_world *world, const struct rune_json_node *node,
                          unsigned line)
{
    struct naive_request naive;
    struct rune_request request;
    struct rune_eval eval;
    struct rune_policy_outcome outcome;
    struct rune_arena *arena = &world->arena;
    assert_true(cedar_json_uid(rune_json_find(node, "principal"), arena, &naive.principal));
    assert_true(cedar_json_uid(rune_json_find(node, "action"), arena, &naive.action));
    assert_true(cedar_json_uid(rune_json_find(node, "resource"), arena, &naive.resource));
    assert_true(cedar_json_value(rune_json_find(node, "context"), arena, &naive.context));
    cedar_world_request(world, &naive, NULL, &world->naive, false, &request, &eval);
    assert_int_equal(rune_policies_decide(&eval, &outcome), RUNE_OK);
    bool allow = outcome.permit_count > 0 && outcome.forbid_count == 0;
    const uint32_t *reasons = allow ? outcome.permits : outcome.forbids;
    uint32_t reason_count = allow ? outcome.permit_count : outcome.forbid_count;
    uint32_t errors[256];
    assert_true(outcome.error_count <= 256);
    for (uint32_t i = 0; i < outcome.error_count; i++) {
        errors[i] = outcome.errors[i].policy;
    }
    if (rune_str_equal(rune_json_find(node, "decision")->as.text, RUNE_STR("allow")) != allow) {
        fail_msg("line %u: decision", line);
    }
    if (!same_ids(world, rune_json_find(node, "reason"), reasons, reason_count)) {
        fail_msg("line %u: reason", line);
    }
    if (!same_ids(world, rune_json_find(node, "errors"), errors, outcome.error_count)) {
        fail_msg("line %u: errors", line);
    }
}

static void check_line(struct rune_str text, unsigned line)
{
    struct rune_arena arena;
    struct rune_json_node root;
    struct rune_json_error error;
    struct cedar_world world;
    rune_arena_init(&arena, 0);
    cedar_world_init(&world);
    assert_int_equal(rune_json_parse(text, 0, &arena, &root, &error), RUNE_OK);
    struct rune_str policies = rune_json_find(&root, "policies")->as.text;
    const char *problem =
        cedar_world_parse(&world, rune_arena_strndup(&arena, policies.data, policies.length));
    if (problem != NULL) {
        fail_msg("line %u: %s", line, problem);
    }
    read_links(&world, rune_json_find(&root, "links"));
    assert_true(cedar_json_entities(rune_json_find(&root, "entities"), &arena, &world.naive));
    assert_int_equal(cedar_world_build(&world), RUNE_OK);
    assert_int_equal(rune_store_verify(&world.store, NULL), RUNE_OK);
    const struct rune_json_node *requests = rune_json_find(&root, "requests");
    for (uint32_t i = 0; i < requests->as.array.count; i++) {
        check_request(&world, &requests->as.array.items[i], line);
    }
    cedar_world_fini(&world);
    rune_arena_fini(&arena);
}

static void test_referee__agrees(void **state)
{
    (void)state;
    char path[4096];
    size_t length = 0;
    const char *shared = getenv("RUNE_SHARED");
    snprintf(path, sizeof path, "%s/cedar/eval.jsonl.zst", shared != NULL ? shared : "../shared");
    char *text = load(path, &length);
    if (text == NULL) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    unsigned line = 0;
    for (char *at = text; at < text + length;) {
        char *end = memchr(at, '\n', (size_t)(text + length - at));
        end = end != NULL ? end : text + length;
        check_line((struct rune_str){at, (size_t)(end - at)}, ++line);
        at = end + 1;
    }
    print_message("%u lines\n", line);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_referee__agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
