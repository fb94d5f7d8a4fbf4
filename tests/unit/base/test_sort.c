/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sort.h"
#include "unit/cmocka.h"

static void test_sort__moves_what_stands_beside(void **state)
{
    enum { MOST = 200 };
    uint32_t keys[MOST], beside[MOST], alone[MOST];
    uint32_t random = 1;
    (void)state;
    for (size_t count = 0; count <= MOST; count++) {
        uint64_t sum = 0, sum_after = 0;
        for (size_t i = 0; i < count; i++) {
            random = random * 1664525u + 1013904223u;
            keys[i] = alone[i] = count % 3 == 0 ? (uint32_t)i : random >> 24; /* with repetitions */
            beside[i] = keys[i] * 7 + 1;
            sum += keys[i];
        }
        rune_sort_u32(keys, beside, count);
        rune_sort_u32(alone, NULL, count);
        for (size_t i = 0; i < count; i++) {
            assert_true(i == 0 || keys[i - 1] <= keys[i]);
            assert_int_equal(beside[i], keys[i] * 7 + 1);
            assert_int_equal(alone[i], keys[i]);
            sum_after += keys[i];
        }
        assert_int_equal(sum, sum_after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sort__moves_what_stands_beside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
