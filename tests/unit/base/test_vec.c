/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

#include "reference/oom.h"
#include "unit/cmocka.h"

static bool work(void *context)
{
    (void)context;
    struct rune_vec_u32 vec = {0};
    bool ok = true;
    for (uint32_t i = 0; i < 1000 && ok; i++) {
        ok = RUNE_VEC_PUSH(&vec, i);
    }
    for (uint32_t i = 0; i < vec.count; i++) {
        assert_int_equal(vec.items[i], i);
    }
    RUNE_VEC_FINI(&vec);
    assert_null(vec.items);
    return ok;
}

static void test_vec__grows_and_survives_out_of_memory(void **state)
{
    (void)state;
    assert_in_range(rune_oom_sweep(work, NULL), 3, 20);
}

static void test_vec__impossible_size_changes_nothing(void **state)
{
    (void)state;
    struct rune_vec_u64 vec = {0};
    assert_true(RUNE_VEC_PUSH(&vec, 7));
    assert_false(RUNE_VEC_RESERVE(&vec, SIZE_MAX / 2));
    assert_int_equal(vec.count, 1);
    assert_int_equal(vec.items[0], 7);
    assert_true(RUNE_VEC_RESERVE(&vec, 100));
    assert_true(vec.capacity >= 100);
    RUNE_VEC_FINI(&vec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vec__grows_and_survives_out_of_memory),
        cmocka_unit_test(test_vec__impossible_size_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
