/* SPDX-License-Identifier: Apache-2.0 */
#include "rune/err.h"

#include <stdlib.h>
#include <string.h>

#include "unit/cmocka.h"

static void test_err__every_code_has_text_and_status(void **state)
{
    (void)state;
    assert_string_equal(rune_err_text(RUNE_OK), "success");
    assert_int_equal(rune_err_http_status(RUNE_OK), 200);
    for (int err = 1; err < RUNE_ERR_COUNT; err++) {
        assert_true(strlen(rune_err_text((enum rune_err)err)) > 5);
        assert_in_range(rune_err_http_status((enum rune_err)err), 400, 599);
    }
    assert_string_equal(rune_err_text((enum rune_err)RUNE_ERR_COUNT), "an unknown error");
    assert_int_equal(rune_err_http_status((enum rune_err)999), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_err__every_code_has_text_and_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
