/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets: one a slot, a taken port is refused, the admin listener is for this host only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "server/listeners.h"
#include "unit/cmocka.h"

static void test_listeners__addresses_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum rune_address_use use;
        enum rune_err want;
    } cases[] = {
        {"127.0.0.1:80", RUNE_ADDRESS_PUBLIC, RUNE_OK},
        {"[::1]:80", RUNE_ADDRESS_PUBLIC, RUNE_OK},
        {"localhost:0", RUNE_ADDRESS_PUBLIC, RUNE_OK},
        {"*:65535", RUNE_ADDRESS_PUBLIC, RUNE_OK},
        {":80", RUNE_ADDRESS_PUBLIC, RUNE_OK},
        {"127.0.0.1", RUNE_ADDRESS_PUBLIC, RUNE_E_INVALID},
        {"127.0.0.1:", RUNE_ADDRESS_PUBLIC, RUNE_E_INVALID},
        {"127.0.0.1:65536", RUNE_ADDRESS_PUBLIC, RUNE_E_INVALID},
        {"127.0.0.1:8x", RUNE_ADDRESS_PUBLIC, RUNE_E_INVALID},
        {"example.org:80", RUNE_ADDRESS_PUBLIC, RUNE_E_INVALID},
        {"::1:80:", RUNE_ADDRESS_PUBLIC, RUNE_E_INVALID},
        {"", RUNE_ADDRESS_PUBLIC, RUNE_E_INVALID},
        {"127.9.9.9:80", RUNE_ADDRESS_ADMIN, RUNE_OK},
        {"[::1]:80", RUNE_ADDRESS_ADMIN, RUNE_OK},
        {"*:80", RUNE_ADDRESS_ADMIN, RUNE_E_INVALID},
        {"10.0.0.1:80", RUNE_ADDRESS_ADMIN, RUNE_E_INVALID},
        {"unix:/tmp/x", RUNE_ADDRESS_ADMIN, RUNE_OK},
        {"unix:", RUNE_ADDRESS_ADMIN, RUNE_E_INVALID},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (rune_listeners_check(cases[i].text, cases[i].use, NULL) != cases[i].want) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static void test_listeners__one_a_slot_and_nobody_else(void **state)
{
    (void)state;
    char folder[] = "/tmp/rune-listeners-XXXXXX";
    static struct rune_listeners listeners, other;
    struct rune_config config;
    struct stat st;
    assert_non_null(mkdtemp(folder));
    rune_config_init(&config);
    config.listen[config.listen_count++] = "127.0.0.1:0";
    config.listen[config.listen_count++] = "127.0.0.1:0";
    assert_int_equal(rune_listeners_open(&config, 3, folder, &listeners, NULL), RUNE_OK);
    for (uint32_t i = 0; i < 6; i++) {
        assert_true(listeners.fds[i] >= 0);
    }
    assert_string_not_equal(listeners.addresses[0], listeners.addresses[1]);
    assert_int_equal(stat(listeners.admin_address + 5, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    config.listen_count = 1;
    config.listen[0] = listeners.addresses[0];
    struct rune_diag *diag = rune_diag_create();
    assert_int_equal(rune_listeners_open(&config, 1, folder, &other, diag), RUNE_E_BUSY);
    assert_non_null(strstr(rune_diag_text(diag), listeners.addresses[0]));
    rune_diag_destroy(diag);
    rune_listeners_close(&listeners);
    assert_int_equal(stat(listeners.admin_address + 5, &st), -1);
    rune_config_fini(&config);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listeners__addresses_are_checked),
        cmocka_unit_test(test_listeners__one_a_slot_and_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
