/* SPDX-License-Identifier: Apache-2.0 */
/* rune: everything of librune's public interface.
 *
 *     build.h      a bundle becomes an image
 *     image.h      an image is opened
 *     decide.h     a request and an image become a decision
 *     query.h      relations of an image are read
 *     plan.h       how rules are answered, for people
 *     tests.h      the test cases of a bundle
 *     format.h     policies are laid out
 *     translate.h  policies and schemas from text into JSON, or back
 *     diag.h       what went wrong, for people
 *     err.h        codes
 *
 * No function prints, exits, or keeps state outside the objects it is given. Options structs carry
 * a version, so that programs compiled against an older header keep working. examples/embed.c is a
 * whole program. */
#pragma once

#include "rune/build.h"
#include "rune/decide.h"
#include "rune/diag.h"
#include "rune/err.h"
#include "rune/format.h"
#include "rune/image.h"
#include "rune/plan.h"
#include "rune/query.h"
#include "rune/str.h"
#include "rune/tests.h"
#include "rune/translate.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The library's version, like "0.1.0"; static. */
const char *rune_version(void);

#ifdef __cplusplus
}
#endif
