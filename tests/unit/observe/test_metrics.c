/* SPDX-License-Identifier: Apache-2.0 */
/* What a scraper relies on: every series once, help and type before the first, cumulative buckets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe/metrics.h"
#include "unit/cmocka.h"

static struct rune_control_map control;
static struct rune_buf text;

static int open_control(void **state)
{
    (void)state;
    return rune_control_create(3, &control) == RUNE_OK ? 0 : -1;
}

static int close_control(void **state)
{
    (void)state;
    rune_control_unmap(&control);
    rune_buf_fini(&text);
    text = RUNE_BUF_INIT;
    return 0;
}

static const char *render(void)
{
    rune_buf_reset(&text);
    rune_metrics_render(&control, &text);
    assert_false(text.failed);
    return rune_buf_cstr(&text);
}

static void test_metrics__add_up_the_workers(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4; i++) { /* slot 3 is the admin's: not a worker */
        struct rune_counters *counters = &rune_control_slot_get(&control, i)->counters;
        rune_counter_add(counters, RUNE_METRIC_DECISION_DENY, 10 + i);
        rune_gauge_set(counters, RUNE_METRIC_ACTIVE_CONNECTIONS, 2);
    }
    rune_counter_add(rune_control_supervisor_counters(&control), RUNE_METRIC_RELOAD_OK, 5);
    assert_non_null(
        strstr(render(), "\nrune_authorization_requests_total{decision=\"DENY\"} 33\n"));
    assert_non_null(strstr(render(), "\nrune_active_connections 6\n"));
    assert_non_null(strstr(render(), "\nrune_reload_events_total{result=\"ok\"} 5\n"));
    assert_non_null(strstr(render(), "\nrune_image_generation{worker=\"2\"} 0\n"));
}

static void test_metrics__name_each_family_once(void **state)
{
    (void)state;
    char *copy = strdup(render());
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            char *again = strstr(text.data, line);
            assert_non_null(again);
            assert_null(strstr(again + 1, line));
        } else if (line[0] != '#') {
            assert_int_equal(strncmp(line, "rune_", 5), 0);
            assert_non_null(strrchr(line, ' '));
        }
    }
    free(copy);
}

static void test_histogram__is_cumulative(void **state)
{
    struct rune_counters *first = &rune_control_slot_get(&control, 0)->counters;
    struct rune_counters *second = &rune_control_slot_get(&control, 1)->counters;
    (void)state;
    rune_histogram_observe(first, RUNE_HISTOGRAM_AUTHORIZATION_LATENCY, 200);
    rune_histogram_observe(second, RUNE_HISTOGRAM_AUTHORIZATION_LATENCY, 400);
    rune_histogram_observe(second, RUNE_HISTOGRAM_AUTHORIZATION_LATENCY,
                           UINT64_C(3600) * 1000000000);
    const char *out = render();
    assert_non_null(strstr(out, "rune_authorization_latency_seconds_bucket{le=\"2.5e-07\"} 1\n"));
    assert_non_null(strstr(out, "rune_authorization_latency_seconds_bucket{le=\"5e-07\"} 2\n"));
    assert_non_null(strstr(out, "rune_authorization_latency_seconds_bucket{le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(out, "rune_authorization_latency_seconds_count 3\n"));
    assert_non_null(strstr(out, "rune_authorization_latency_seconds_sum 3600.000000600\n"));
}

int main(void)
{
#define CONTROL(test) cmocka_unit_test_setup_teardown(test, open_control, close_control)
    const struct CMUnitTest tests[] = {
        CONTROL(test_metrics__add_up_the_workers),
        CONTROL(test_metrics__name_each_family_once),
        CONTROL(test_histogram__is_cumulative),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
