/* SPDX-License-Identifier: Apache-2.0 */
/* double: a decider that answers from the first byte of its body, so that the wire can be tested
 * without an engine.
 *
 *   P, D, F   200 with that decision       E   200 DENY with one evaluation error
 *   S         422 schema                   L   200 with a body of a megabyte
 *   else      400 invalid_json
 * A batch answers likewise. ?debug=true adds "debug":true. The generation is printed in each
 * answer. */
#pragma once

#include "live/view.h"

/* An image of nothing but a name; rune_image_close frees it. */
struct rune_image *double_image_create(const char *short_name);
