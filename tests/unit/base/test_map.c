/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference/oom.h"
#include "unit/cmocka.h"

#define KEYS 3000
static char keys[KEYS][8];

static struct rune_str key(uint32_t i)
{
    snprintf(keys[i], sizeof keys[i], "k%u", i);
    return rune_str_from(keys[i]);
}

static void test_map__sets_finds_and_replaces(void **state)
{
    (void)state;
    struct rune_map map = RUNE_MAP_INIT;
    uint32_t value = 77;
    assert_false(rune_map_find(&map, RUNE_STR("a"), &value));
    assert_int_equal(rune_map_reserve(&map, 0), RUNE_OK);
    assert_int_equal(rune_map_set(&map, key(0), 9), RUNE_OK);
    assert_int_equal(rune_map_reserve(&map, KEYS), RUNE_OK);
    size_t capacity = map.capacity;
    assert_true(rune_map_find(&map, key(0), &value) && value == 9);
    assert_int_equal(rune_map_reserve(&map, SIZE_MAX), RUNE_E_NOMEM);
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_int_equal(rune_map_set(&map, key(i), i), RUNE_OK);
    }
    assert_int_equal(map.count, KEYS);
    assert_int_equal(map.capacity, capacity); /* reserved */
    for (uint32_t i = 0; i < KEYS; i++) {
        assert_true(rune_map_find(&map, key(i), &value));
        assert_int_equal(value, i);
        assert_int_equal(rune_map_set(&map, key(i), i + 1), RUNE_OK);
    }
    assert_int_equal(map.count, KEYS);
    assert_true(rune_map_find(&map, key(5), &value));
    assert_int_equal(value, 6);
    assert_false(rune_map_find(&map, RUNE_STR("k"), NULL));
    rune_map_fini(&map);
}

static void test_map__interns(void **state)
{
    (void)state;
    struct rune_map map = RUNE_MAP_INIT;
    uint32_t value;
    bool added;
    assert_int_equal(rune_map_intern(&map, RUNE_STR(""), 3, &value, &added), RUNE_OK);
    assert_true(added && value == 3);
    assert_int_equal(rune_map_intern(&map, (struct rune_str){NULL, 0}, 4, &value, &added), RUNE_OK);
    assert_true(!added && value == 3);
    assert_int_equal(rune_map_intern(&map, RUNE_STR("a\0b"), 4, &value, NULL), RUNE_OK);
    assert_int_equal(rune_map_intern(&map, RUNE_STR("a\0c"), 5, &value, NULL), RUNE_OK);
    assert_int_equal(value, 5);
    assert_int_equal(map.count, 3);
    rune_map_fini(&map);
}

static bool work(void *context)
{
    (void)context;
    struct rune_map map = RUNE_MAP_INIT;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < 100 && err == RUNE_OK; i++) {
        err = rune_map_set(&map, key(i), i);
    }
    uint32_t value = 1;
    bool found = map.count == 0 || (rune_map_find(&map, key(0), &value) && value == 0);
    rune_map_fini(&map);
    return err == RUNE_OK && found;
}

static void test_map__out_of_memory(void **state)
{
    (void)state;
    assert_in_range(rune_oom_sweep(work, NULL), 2, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map__sets_finds_and_replaces),
        cmocka_unit_test(test_map__interns),
        cmocka_unit_test(test_map__out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
