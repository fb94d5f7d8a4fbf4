/* SPDX-License-Identifier: Apache-2.0 */
/* Random bundles of all that the two languages have in common (reference/mixed.h), built in several
 * ways: with all relations stored, with none but facts, as pays; rules and literals in another
 * order. Every decision and every query, by every set of known or equal columns, must be what the
 * slow evaluator found. A bundle that differs is made smaller for as long as it does, and printed.
 *
 * RUNE_TEST_SEED=N begins with another seed, RUNE_TEST_ROUNDS=N makes so many worlds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/rounds.h"
#include "unit/cmocka.h"
#include "unit/engine/bundle_trial.h"

enum {
    ROUNDS = 60,
    REQUESTS = 24,
    QUERIED_REQUESTS = 3, /* of which relations that depend on them are asked, too */
    ARENA_BYTES = 256 << 20,
    LITTLE_MEMORY = 132 << 10,
};

static const struct bundle_way ways[] = {
    {RUNE_DL_STORE_WHAT_PAYS, 0, 0},
    {RUNE_DL_STORE_BASE, 0, 0},
    {RUNE_DL_STORE_ALL, 7, 0},
    {RUNE_DL_STORE_BASE, 11, LITTLE_MEMORY},
};

/* ---- trials ---- */

static void add_totals(struct bundle_totals *to, const struct bundle_totals *from)
{
    uint64_t *sums = (uint64_t *)to;
    for (size_t i = 0; i < sizeof(*to) / sizeof(*sums); i++) {
        sums[i] += ((const uint64_t *)from)[i];
    }
}

/* Builds and compares; only the request `only` if it is not NULL. True: nothing is wrong. `ret_why`
 * gets what is, if not NULL. */
static bool try_world(const struct mixed_world *world, const struct bundle_way *way,
                      const struct mixed_request *requests, uint32_t *ret_failed,
                      struct rune_buf *ret_why, struct bundle_totals *totals)
{
    struct bundle_trial trial = {.world = world, .way = *way, .diag = rune_diag_create()};
    struct rune_decider_options options = RUNE_DECIDER_OPTIONS_INIT;
    options.arena_bytes = way->arena_bytes;
    rune_arena_init(&trial.arena, ARENA_BYTES);
    trial.stored = RUNE_ARENA_ARRAY(&trial.arena, struct mixed_answers, 1);
    mixed_derive(world, &trial.arena, trial.stored);
    *ret_failed = REQUESTS;
    if (!trial.stored->is_over && bundle_build(&trial)) {
        assert_int_equal(rune_decider_create(&options, &trial.decider), RUNE_OK);
        trial.totals.worlds++;
        bundle_ask_relations(&trial, trial.stored, NULL);
        for (uint32_t i = 0; i < REQUESTS && trial.why.length == 0; i++) {
            struct rune_arena_mark mark = rune_arena_mark(&trial.arena);
            bundle_check_request(&trial, &requests[i], i < QUERIED_REQUESTS);
            rune_arena_rewind(&trial.arena, mark);
            *ret_failed = trial.why.length > 0 ? i : REQUESTS;
        }
        rune_decider_destroy(trial.decider);
        rune_image_close(trial.image);
    }
    bool is_right = trial.why.length == 0;
    if (ret_why != NULL) {
        rune_buf_append_cstr(ret_why, rune_buf_cstr(&trial.why));
    }
    if (totals != NULL) {
        add_totals(totals, &trial.totals);
    }
    rune_buf_fini(&trial.why);
    rune_diag_destroy(trial.diag);
    rune_arena_fini(&trial.arena);
    return is_right;
}

/* ---- a smaller world ---- */

struct shrinking {
    struct mixed_world *world;
    const struct bundle_way *way;
    const struct mixed_request *requests;
    char kind[16]; /* of what is wrong */
};

/* What is wrong by its first word; of a refused bundle by the first error's code. */
static void read_kind(const struct shrinking *shrinking, char ret_kind[16])
{
    struct rune_buf why = RUNE_BUF_INIT;
    uint32_t failed;
    (void)try_world(shrinking->world, shrinking->way, shrinking->requests, &failed, &why, NULL);
    const char *text = rune_buf_cstr(&why), *code = strstr(text, "error[");
    snprintf(ret_kind, 16, "%.*s", 11,
             strncmp(text, "build", 5) == 0 && code != NULL ? code + 6 : text);
    if (strncmp(text, "build", 5) != 0 && strchr(ret_kind, ' ') != NULL) {
        *strchr(ret_kind, ' ') = '\0';
    }
    rune_buf_fini(&why);
}

static bool is_still_wrong(const struct shrinking *shrinking)
{
    char kind[16];
    read_kind(shrinking, kind);
    return strcmp(kind, shrinking->kind) == 0;
}

/* Turns the switch and keeps it so if the world is still wrong. */
static void turn(const struct shrinking *shrinking, bool *is_off, bool to)
{
    bool was = *is_off;
    *is_off = to;
    if (was != to && !is_still_wrong(shrinking)) {
        *is_off = was;
    }
}

static void shrink_rules(const struct shrinking *shrinking)
{
    struct mixed_world *world = shrinking->world;
    for (uint32_t i = 0; i < world->rule_count; i++) {
        struct mixed_body *body = &world->rules[i].body;
        turn(shrinking, &world->rules[i].is_off, true);
        for (uint32_t l = 0; l < body->count && !world->rules[i].is_off; l++) {
            const struct mixed_literal *literal = body->literals[l];
            body->literals[l] = body->literals[--body->count];
            if (body->count == 0 || !is_still_wrong(shrinking)) {
                body->literals[body->count++] = body->literals[l];
                body->literals[l] = literal;
            }
        }
    }
}

static void shrink(const struct shrinking *shrinking)
{
    struct mixed_world *world = shrinking->world;
    for (int pass = 0; pass < 2; pass++) {
        shrink_rules(shrinking);
        for (uint32_t i = 0; i < world->policy_count; i++) {
            turn(shrinking, &world->policies[i].is_off, true);
        }
        for (uint32_t r = MIXED_BASE; r < MIXED_RELATIONS; r++) {
            for (uint32_t f = 0; f < world->relations[r].fact_count; f++) {
                turn(shrinking, &world->relations[r].facts[f].is_off, true);
            }
        }
        for (int entity = 0; entity < MIXED_ENTITIES; entity++) {
            for (int i = 0; i < MIXED_ENTITIES; i++) {
                turn(shrinking, &world->data.parent[entity][i], false);
            }
            for (int attr = 0; attr < MIXED_ATTRS; attr++) {
                turn(shrinking, &world->data.has[entity][attr], false);
            }
            turn(shrinking, &world->data.has_tag[entity], false);
        }
    }
}

static void report(struct mixed_world *world, const struct bundle_way *way,
                   const struct mixed_request *requests, uint64_t seed)
{
    struct bundle_trial trial = {.world = world, .way = *way};
    struct rune_buf why = RUNE_BUF_INIT;
    struct bundle_files files;
    uint32_t failed;
    (void)try_world(world, way, requests, &failed, &why, NULL);
    print_error("seed %llu, storing %d, order %llu: %s", (unsigned long long)seed, way->storing,
                (unsigned long long)way->order, rune_buf_cstr(&why));
    bundle_make_files(&files, &trial);
    for (uint32_t i = 0; i < files.count; i++) {
        print_error("---- %s%s\n%s", files.items[i].source.path,
                    files.items[i].file_path != NULL ? " (facts)" : "",
                    rune_buf_cstr(&files.texts[i]));
    }
    bundle_drop_files(&files);
    rune_buf_fini(&why);
}

static bool check_world(uint64_t seed, struct bundle_totals *totals)
{
    struct mixed_world *world = test_malloc(sizeof(*world));
    struct mixed_request requests[REQUESTS];
    bool is_right = true;
    mixed_random_world(world, seed);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        mixed_random_request(world, &requests[i]);
    }
    for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]) && is_right; w++) {
        uint32_t failed;
        is_right = try_world(world, &ways[w], requests, &failed, NULL, totals);
        if (!is_right) {
            for (uint32_t i = 0; i < REQUESTS && failed < REQUESTS; i++) {
                requests[i] = requests[failed];
            }
            struct shrinking shrinking = {world, &ways[w], requests, ""};
            read_kind(&shrinking, shrinking.kind);
            shrink(&shrinking);
            report(world, &ways[w], requests, seed);
        }
    }
    mixed_world_fini(world);
    test_free(world);
    return is_right;
}

static void test_bundles__answer_as_loops_do(void **state)
{
    uint64_t first = rounds_number_of("RUNE_TEST_SEED", 1),
             rounds = rounds_number_of("RUNE_TEST_ROUNDS", ROUNDS);
    struct bundle_totals totals = {0};
    uint32_t wrong = 0;
    (void)state;
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        wrong += !check_world(seed, &totals);
    }
    print_message("%llu images, %llu refused; %llu decisions, %llu permits, %llu forbids, %llu "
                  "errors, %llu unsure; %llu queries, %llu tuples; %llu limits\n",
                  (unsigned long long)totals.worlds, (unsigned long long)totals.refused,
                  (unsigned long long)totals.decisions, (unsigned long long)totals.permits,
                  (unsigned long long)totals.forbids, (unsigned long long)totals.errors,
                  (unsigned long long)totals.unsure, (unsigned long long)totals.queries,
                  (unsigned long long)totals.tuples, (unsigned long long)totals.limits);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundles__answer_as_loops_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
