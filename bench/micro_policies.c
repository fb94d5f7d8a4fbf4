/* SPDX-License-Identifier: Apache-2.0 */
/* micro_policies: the policy evaluator alone: a bundle folder's policies and entities, its
 * requests.jsonl interned before the clock starts. Prints key=value. What it leaves out of `rune
 * benchmark`: the engine around rune_policies_decide.
 *
 *     micro_policies FOLDER... */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "model/uid.h"
#include "reference/cedar_json.h"
#include "reference/cedar_world.h"

#define MAX_REQUESTS 1000u
#define ROUNDS       400u

struct prepared {
    struct naive_request naive;
    struct rune_request request;
    struct rune_eval eval;
    bool permit;
};

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static char *load(const char *folder, const char *name, size_t *ret_length)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(1);
    }
    size_t capacity = 64u << 20;
    char *text = malloc(capacity);
    *ret_length = text != NULL ? fread(text, 1, capacity - 1, file) : 0;
    fclose(file);
    if (text == NULL) {
        exit(1);
    }
    text[*ret_length] = '\0';
    return text;
}

static void parse(struct rune_str text, struct rune_arena *arena, struct rune_json_node *ret_node)
{
    struct rune_json_error error;
    if (rune_json_parse(text, 0, arena, ret_node, &error) != RUNE_OK) {
        fprintf(stderr, "JSON: %s\n", error.message);
        exit(1);
    }
}

static int compare_times(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static uint32_t read_requests(struct cedar_world *world, char *text, size_t length,
                              struct prepared *requests)
{
    uint32_t count = 0;
    for (char *at = text; at < text + length && count < MAX_REQUESTS; count++) {
        char *end = strchr(at, '\n');
        struct rune_json_node node;
        struct prepared *prepared = &requests[count];
        struct naive_request *naive = &prepared->naive;
        end = end != NULL ? end : text + length;
        parse((struct rune_str){at, (size_t)(end - at)}, &world->arena, &node);
        naive->context = (struct naive_value){.kind = NAIVE_RECORD};
        if (!cedar_json_uid(rune_json_find(&node, "principal"), &world->arena, &naive->principal) ||
            !cedar_json_uid(rune_json_find(&node, "action"), &world->arena, &naive->action) ||
            !cedar_json_uid(rune_json_find(&node, "resource"), &world->arena, &naive->resource)) {
            exit(1);
        }
        prepared->permit =
            rune_str_equal(rune_json_find(&node, "decision")->as.text, RUNE_STR("PERMIT"));
        at = end + 1;
    }
    return count;
}

static bool decide(const struct rune_eval *prepared, struct rune_arena_mark mark)
{
    struct rune_eval eval = *prepared;
    struct rune_policy_outcome outcome;
    rune_arena_rewind(eval.arena, mark);
    return rune_policies_decide(&eval, &outcome) == RUNE_OK && outcome.permit_count > 0 &&
           outcome.forbid_count == 0;
}

static void measure(const char *folder)
{
    static struct prepared requests[MAX_REQUESTS];
    static uint32_t times[MAX_REQUESTS * ROUNDS];
    struct cedar_world world;
    struct rune_json_node root;
    size_t length;
    cedar_world_init(&world);
    char *policies = load(folder, "policies.cedar", &length);
    const char *problem = cedar_world_parse(&world, policies);
    if (problem != NULL) {
        fprintf(stderr, "%s", problem);
        exit(1);
    }
    char *entities = load(folder, "app.entities.json", &length);
    parse((struct rune_str){entities, length}, &world.arena, &root);
    if (!cedar_json_entities(&root, &world.arena, &world.naive) ||
        cedar_world_build(&world) != RUNE_OK) {
        exit(1);
    }
    char *lines = load(folder, "requests.jsonl", &length);
    uint32_t count = read_requests(&world, lines, length, requests);
    uint64_t clock_ns = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t from = now_ns();
        uint64_t took = now_ns() - from;
        clock_ns = took < clock_ns ? took : clock_ns;
    }
    uint32_t mismatches = 0;
    size_t taken = 0;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (uint32_t i = 0; i < count; i++) {
            struct prepared *prepared = &requests[i];
            cedar_world_request(&world, &prepared->naive, NULL, &world.naive, false,
                                &prepared->request, &prepared->eval);
            struct rune_arena_mark mark = rune_arena_mark(&world.scratch);
            uint64_t from = now_ns();
            bool permit = decide(&prepared->eval, mark);
            uint64_t took = now_ns() - from;
            times[taken++] = (uint32_t)(took > clock_ns ? took - clock_ns : 0);
            mismatches += permit != prepared->permit;
        }
    }
    qsort(times, taken, sizeof *times, compare_times);
    printf("folder=%s requests=%u median_ns=%u p99_ns=%u p999_ns=%u clock_ns=%u mismatches=%u\n",
           folder, count, times[taken / 2], times[taken * 99 / 100], times[taken * 999 / 1000],
           (unsigned)clock_ns, mismatches);
    free(policies);
    free(entities);
    free(lines);
    cedar_world_fini(&world);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        measure(argv[i]);
    }
    return 0;
}
