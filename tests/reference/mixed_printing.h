/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_printing: between the files that print worlds: mixed_print (manifest, facts, entities,
 * policies), mixed_print_rules and mixed_print_request. Nobody else includes it. */
#pragma once

#include "reference/mixed.h"

struct mixed_printing {
    struct rune_buf *out;
    const struct mixed_world *world;
    uint64_t order; /* 0: as made; else the state of the shuffle */
};

void mixed_put_rules(struct mixed_printing *printing);
void mixed_put_uid(struct rune_buf *out, int64_t entity);
void mixed_put_attrs(struct rune_buf *out, const bool *has, const struct mixed_value *attrs);
