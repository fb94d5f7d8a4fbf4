/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/limits.h"
#include "unit/cmocka.h"

static void test_limits__have_defaults(void **state)
{
    struct rune_limits limits;
    (void)state;
    rune_limits_init(&limits);
    assert_int_equal(limits.max_body_bytes, 1 << 20);
    assert_true(limits.max_buffered_bytes >= 8 * limits.max_body_bytes);
    assert_true(limits.max_connections > 0);
    assert_in_range(limits.max_streams, 1, 100); /* what the library announces to clients */
    assert_true(limits.idle_timeout_ms >= 10000);
    assert_true(limits.drain_timeout_ms > 2000); /* HTTP/2 takes a second to say goodbye */
    assert_true(limits.max_admin_waiting > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_limits__have_defaults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
