/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/verify.h"

#include <string.h>

#include "base/diag.h"
#include "eval/policy_code.h"
#include "reference/cedar_damage.h"
#include "reference/cedar_random.h"
#include "reference/cedar_world.h"
#include "unit/cmocka.h"

#define OP(name, a) ((uint32_t)RUNE_OP_##name | (uint32_t)(a) << 8)

enum {
    EMPTY_STRING = 1 << RUNE_TERM_INDEX_BITS,
    EMPTY_SET = 4 << RUNE_TERM_INDEX_BITS,
    EMPTY_RECORD = 5 << RUNE_TERM_INDEX_BITS,
    NO_ENTITY = 2 << RUNE_TERM_INDEX_BITS | 0xffff,
    NO_STRING = 1 << RUNE_TERM_INDEX_BITS | 0xffff,
};

static const struct {
    const char *name;
    uint32_t registers;
    uint32_t words[8];
    uint32_t length;
    bool ok;
} programs[] = {
    {"match", 4, {OP(MATCH, 0)}, 1, true},
    {"no match", 4, {OP(NO_MATCH, 0)}, 1, true},
    {"nothing", 4, {0}, 0, false},
    {"no end", 5, {OP(LOAD, 4), RUNE_TERM_TRUE}, 2, false},
    {"unknown instruction", 4, {RUNE_OP_COUNT, OP(MATCH, 0)}, 2, false},
    {"cut instruction", 5, {OP(MATCH, 0), OP(LOAD, 4)}, 2, false},
    {"few registers", 3, {OP(MATCH, 0)}, 1, false},
    {"too many registers", RUNE_POLICY_MAX_REGISTERS + 1, {OP(MATCH, 0)}, 1, false},
    {"load", 5, {OP(LOAD, 4), RUNE_TERM_TRUE, OP(MATCH, 0)}, 3, true},
    {"load past the registers", 5, {OP(LOAD, 5), RUNE_TERM_TRUE, OP(MATCH, 0)}, 3, false},
    {"load over a variable", 5, {OP(LOAD, 3), RUNE_TERM_TRUE, OP(MATCH, 0)}, 3, false},
    {"load nothing", 5, {OP(LOAD, 4), RUNE_TERM_NONE, OP(MATCH, 0)}, 3, false},
    {"load what does not exist", 5, {OP(LOAD, 4), NO_ENTITY, OP(MATCH, 0)}, 3, false},
    {"load of another space", 5, {OP(LOAD, 4), 0xc8000000u, OP(MATCH, 0)}, 3, false},
    {"load an integer", 5, {OP(LOAD, 4), 0x60000000u, OP(MATCH, 0)}, 3, true},
    {"move", 5, {OP(MOVE, 4), 3, OP(MATCH, 0)}, 3, true},
    {"move from nowhere", 5, {OP(MOVE, 4), 5, OP(MATCH, 0)}, 3, false},
    {"jump", 4, {OP(JUMP, 1), OP(MATCH, 0)}, 2, true},
    {"jump to itself", 4, {OP(JUMP, 0), OP(MATCH, 0)}, 2, false},
    {"jump back", 4, {OP(MATCH, 0), OP(JUMP, 0), OP(MATCH, 0)}, 3, false},
    {"jump past the end", 4, {OP(JUMP, 2), OP(MATCH, 0)}, 2, false},
    {"jump into an instruction",
     5,
     {OP(JUMP, 2), OP(LOAD, 4), RUNE_TERM_TRUE, OP(MATCH, 0)},
     4,
     false},
    {"jump as an end", 4, {OP(MATCH, 0), OP(JUMP, 3)}, 2, false},
    {"test", 4, {OP(EQ_ELSE, 4), 0, 2, OP(MATCH, 0), OP(NO_MATCH, 0)}, 5, true},
    {"test of no register", 4, {OP(EQ_ELSE, 4), 0, 4, OP(MATCH, 0), OP(NO_MATCH, 0)}, 5, false},
    {"in a set of entities",
     4,
     {OP(IN_CONST_ELSE, 4), 0, EMPTY_SET, OP(MATCH, 0), OP(NO_MATCH, 0)},
     5,
     true},
    {"in a string",
     4,
     {OP(IN_CONST_ELSE, 4), 0, EMPTY_STRING, OP(MATCH, 0), OP(NO_MATCH, 0)},
     5,
     false},
    {"is a type", 4, {OP(IS_ELSE, 4), 0, EMPTY_STRING, OP(MATCH, 0), OP(NO_MATCH, 0)}, 5, true},
    {"is no type", 4, {OP(IS_ELSE, 4), 0, EMPTY_SET, OP(MATCH, 0), OP(NO_MATCH, 0)}, 5, false},
    {"name that does not exist", 5, {OP(GET, 4), 0, NO_STRING, OP(MATCH, 0)}, 4, false},
    {"name that is an integer", 5, {OP(GET, 4), 0, 0x60000000u, OP(MATCH, 0)}, 4, false},
    {"set", 6, {OP(SET, 4), 4, 2, OP(MATCH, 0)}, 4, true},
    {"set of the variables", 6, {OP(SET, 4), 0, 2, OP(MATCH, 0)}, 4, false},
    {"set past the registers", 6, {OP(SET, 4), 5, 2, OP(MATCH, 0)}, 4, false},
    {"set of very many", 6, {OP(SET, 4), 4, 0xffffffffu, OP(MATCH, 0)}, 4, false},
    {"probe of a whole set",
     5,
     {OP(PROBE_EMPTY, 4), 0, EMPTY_STRING, 0xffffffffu, 0xffffffffu, OP(MATCH, 0)},
     6,
     true},
    {"probe of a plan without a relation",
     5,
     {OP(PROBE_EMPTY, 4), 0, EMPTY_STRING, 0xffffffffu, 0, OP(MATCH, 0)},
     6,
     false},
    {"probe of a relation that is not there",
     5,
     {OP(PROBE_EMPTY, 4), 0, EMPTY_STRING, 0xffffu, 0xffffffffu, OP(MATCH, 0)},
     6,
     false},
    {"probe that is cut",
     5,
     {OP(MATCH, 0), OP(PROBE_EMPTY, 4), 0, EMPTY_STRING, 0xffffffffu},
     5,
     false},
    {"empty set of no register", 5, {OP(SET, 4), 99, 0, OP(MATCH, 0)}, 4, false},
    {"record", 5, {OP(RECORD, 4), 4, EMPTY_SET, OP(MATCH, 0)}, 4, true},
    {"record without names", 5, {OP(RECORD, 4), 4, EMPTY_RECORD, OP(MATCH, 0)}, 4, false},
    {"call", 6, {OP(CALL, 4), 4, RUNE_FUNCTION_IP_IN_RANGE, OP(MATCH, 0)}, 4, true},
    {"call with too few registers",
     5,
     {OP(CALL, 4), 4, RUNE_FUNCTION_IP_IN_RANGE, OP(MATCH, 0)},
     4,
     false},
    {"call of nothing", 6, {OP(CALL, 4), 4, RUNE_FUNCTION_COUNT, OP(MATCH, 0)}, 4, false},
    {"wrong arity as an end", 4, {OP(FAIL_ARITY, 0), RUNE_FUNCTION_IP, 7}, 3, true},
    {"wrong arity of nothing", 4, {OP(FAIL_ARITY, 0), RUNE_FUNCTION_COUNT, 7}, 3, false},
    {"empty pattern", 5, {OP(LIKE, 4), 0, 0, 0, OP(MATCH, 0)}, 5, true},
    {"pattern past the end", 5, {OP(LIKE, 4), 0, 0, 1, OP(MATCH, 0)}, 5, false},
    {"pattern from past the end", 5, {OP(LIKE, 4), 0, 1, 0, OP(MATCH, 0)}, 5, false},
    {"pattern of wrapping length", 5, {OP(LIKE, 4), 0, 0, 0xffffffffu, OP(MATCH, 0)}, 5, false},
};

static void open_world(struct cedar_world *world)
{
    cedar_world_init(world);
    assert_null(cedar_world_parse(world, "permit(principal, action, resource);"));
    assert_int_equal(cedar_world_build(world), RUNE_OK);
    assert_int_equal(rune_store_verify(&world->store, NULL), RUNE_OK);
}

/* The world's one policy with another program. */
static bool is_accepted(const struct cedar_world *world, struct rune_image_policy policy,
                        const uint32_t *words)
{
    struct rune_store store = world->store;
    store.policies = &policy;
    store.policy_code = words;
    store.policy_code_count = policy.code_length;
    store.code_span_count = 0;
    return rune_store_verify(&store, NULL) == RUNE_OK;
}

static void test_program__is_verified(void **state)
{
    (void)state;
    struct cedar_world world;
    open_world(&world);
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        struct rune_image_policy policy = world.store.policies[0];
        policy.code_length = programs[i].length;
        policy.max_stack = programs[i].registers;
        if (is_accepted(&world, policy, programs[i].words) != programs[i].ok) {
            fail_msg("%s", programs[i].name);
        }
    }
    cedar_world_fini(&world);
}

static void test_entry__is_behind_the_action_only(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t words[5];
        uint16_t entry;
        bool ok;
    } entries[] = {
        {"the action",
         {OP(IN_CONST_ELSE, 4), 1, EMPTY_SET, OP(MATCH, 0), OP(NO_MATCH, 0)},
         3,
         true},
        {"none", {OP(IN_CONST_ELSE, 4), 1, EMPTY_SET, OP(MATCH, 0), OP(NO_MATCH, 0)}, 0, true},
        {"principal",
         {OP(IN_CONST_ELSE, 4), 0, EMPTY_SET, OP(MATCH, 0), OP(NO_MATCH, 0)},
         3,
         false},
        {"into it", {OP(IN_CONST_ELSE, 4), 1, EMPTY_SET, OP(MATCH, 0), OP(NO_MATCH, 0)}, 1, false},
        {"behind more",
         {OP(IN_CONST_ELSE, 4), 1, EMPTY_SET, OP(MATCH, 0), OP(NO_MATCH, 0)},
         4,
         false},
        {"no test",
         {OP(LOAD, 4), RUNE_TERM_TRUE, OP(MATCH, 0), OP(MATCH, 0), OP(MATCH, 0)},
         3,
         false},
        {"past the end",
         {OP(MATCH, 0), OP(MATCH, 0), OP(MATCH, 0), OP(MATCH, 0), OP(MATCH, 0)},
         9,
         false},
    };
    struct cedar_world world;
    open_world(&world);
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        struct rune_image_policy policy = world.store.policies[0];
        policy.code_length = 5;
        policy.max_stack = 5;
        policy.entry = entries[i].entry;
        if (is_accepted(&world, policy, entries[i].words) != entries[i].ok) {
            fail_msg("%s", entries[i].name);
        }
    }
    cedar_world_fini(&world);
}

/* A string that begins inside a character is none, though all bytes together are UTF-8. */
static void test_strings__begin_where_characters_do(void **state)
{
    (void)state;
    static const char bytes[] = "a\xc3\xa9\xe2\x82\xac";
    static const struct {
        uint32_t middle;
        bool is_utf8;
    } cuts[] = {{0, true}, {1, true}, {2, false}, {3, true}, {4, false}, {5, false}, {6, true}};
    struct cedar_world world;
    open_world(&world);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        const uint32_t offsets[] = {0, 0, cuts[i].middle, sizeof bytes - 1};
        struct rune_store store = world.store;
        struct rune_diag *diag = rune_diag_create();
        assert_non_null(diag);
        store.terms.string_count = 3;
        store.terms.string_offsets = offsets;
        store.terms.string_bytes = bytes;
        assert_int_not_equal(rune_store_verify(&store, diag), RUNE_OK); /* the index is another's */
        assert_true((strstr(rune_diag_text(diag), "UTF-8") == NULL) == cuts[i].is_utf8);
        rune_diag_destroy(diag);
    }
    cedar_world_fini(&world);
}

static void test_store__damaged_is_refused_or_harmless(void **state)
{
    (void)state;
    struct random random = {.state = 4711};
    unsigned accepted = 0;
    const unsigned rounds = 6000;
    for (unsigned i = 0; i < rounds; i++) {
        struct cedar_damage damages[4];
        size_t count = 1 + random_below(&random, 3);
        for (size_t j = 0; j < count; j++) {
            damages[j] = (struct cedar_damage){
                .section = (uint8_t)random_below(&random, 24),
                .how = (uint8_t)random_below(&random, 6),
                .place = (uint16_t)random_below(&random, 65536),
                .value = random_below(&random, 65536) << 16 | random_below(&random, 65536),
            };
        }
        accepted += cedar_damage_try(damages, count);
    }
    print_message("%u of %u damaged stores accepted\n", accepted, rounds);
    assert_true(cedar_damage_try(NULL, 0));
    assert_true(accepted > 0 && accepted < rounds / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program__is_verified),
        cmocka_unit_test(test_entry__is_behind_the_action_only),
        cmocka_unit_test(test_strings__begin_where_characters_do),
        cmocka_unit_test(test_store__damaged_is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
