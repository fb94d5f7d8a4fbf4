/* SPDX-License-Identifier: Apache-2.0 */
/* tests: the test cases that a bundle brings along (*.tests.toml, *.tests.json, [tests.NAME] of a
 * .rune file). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rune/decide.h"
#include "rune/err.h"
#include "rune/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct rune_diag;
struct rune_tests;

struct rune_test_case {
    struct rune_str name;
    const char *path;        /* file, as the bundle names it */
    struct rune_str request; /* the wire form, for rune_decider_decode */
    enum rune_outcome decision;
    bool has_reasons;               /* false: any */
    const struct rune_str *reasons; /* sorted bytewise */
    uint32_t reason_count;
};

/* Reads the cases of a bundle, in order of files and text. RUNE_E_BUNDLE (a case without principal,
 * action, resource and decision, an unknown key; diag has all), and whatever reading the bundle
 * gives. OWNERSHIP: the caller destroys. */
RUNE_MUST_USE enum rune_err rune_tests_read(const char *bundle, struct rune_tests **ret_tests,
                                            struct rune_diag *diag);
void rune_tests_destroy(struct rune_tests *tests);

uint32_t rune_tests_count(const struct rune_tests *tests);
/* index < count. Borrowed from the tests. */
const struct rune_test_case *rune_tests_get(const struct rune_tests *tests, uint32_t index);

#ifdef __cplusplus
}
#endif
