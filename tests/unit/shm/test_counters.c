/* SPDX-License-Identifier: Apache-2.0 */
/* Counters: the table is sound, and durations fall into the bucket whose bound they do not pass. */
#include <string.h>

#include "shm/counters.h"
#include "unit/cmocka.h"

static void test_counters__table_is_sound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RUNE_METRIC_COUNT; i++) {
        const struct rune_metric_info *info = rune_metric_get((enum rune_metric)i);
        assert_int_equal(strncmp(info->name, "rune_", 5), 0);
        const struct rune_metric_info *before =
            i > 0 ? rune_metric_get((enum rune_metric)(i - 1)) : NULL;
        if (before == NULL || strcmp(before->name, info->name) != 0) {
            assert_true(info->help[0] != '\0');
        } else {
            assert_true(info->labels[0] != '\0');
        }
    }
    for (unsigned i = 0; i < RUNE_HISTOGRAM_COUNT; i++) {
        assert_true(rune_histogram_get((enum rune_histogram_id)i)->help[0] != '\0');
    }
}

static void test_counters__statuses_have_series(void **state)
{
    (void)state;
    static const int statuses[] = {200, 400, 401, 403, 404, 405, 413, 415, 422, 429, 500, 503};
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char want[16] = "code=\"000\"";
        want[6] = (char)('0' + statuses[i] / 100);
        want[7] = (char)('0' + statuses[i] / 10 % 10);
        want[8] = (char)('0' + statuses[i] % 10);
        assert_string_equal(rune_metric_get(rune_metric_for_status(statuses[i]))->labels, want);
    }
    assert_int_equal(rune_metric_for_status(418), RUNE_METRIC_HTTP_OTHER);
}

static void test_counters__durations_fall_into_their_bucket(void **state)
{
    (void)state;
    static struct rune_counters block;
    for (unsigned b = 0; b < RUNE_HISTOGRAM_BUCKETS; b++) {
        uint64_t below = b == 0 ? 0 : rune_histogram_bound_ns(b - 1) + 1;
        rune_histogram_observe(&block, RUNE_HISTOGRAM_RELOAD_DURATION, below);
        if (b + 1 < RUNE_HISTOGRAM_BUCKETS) {
            rune_histogram_observe(&block, RUNE_HISTOGRAM_RELOAD_DURATION,
                                   rune_histogram_bound_ns(b));
        } else {
            rune_histogram_observe(&block, RUNE_HISTOGRAM_RELOAD_DURATION, UINT64_MAX / 2);
        }
        assert_int_equal(atomic_load(&block.histograms[RUNE_HISTOGRAM_RELOAD_DURATION].buckets[b]),
                         2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters__table_is_sound),
        cmocka_unit_test(test_counters__statuses_have_series),
        cmocka_unit_test(test_counters__durations_fall_into_their_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
