/* SPDX-License-Identifier: Apache-2.0 */
/* cedar_compare: one random world of policies, entities and requests, evaluated both ways: compiled
 * and indexed, and as trees. For the differential test and the fuzz target. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "reference/cedar_random.h"
#include "reference/cedar_world.h"

struct cedar_compare_totals {
    uint64_t cases, matches, errors, brought;
    uint64_t paired; /* worlds with policies filed under both entities */
};

/* False: they disagree, or something else is wrong; standard error says what. */
bool cedar_compare_world(struct random *random, struct cedar_compare_totals *totals);

/* The same with hundreds of policies about a few entities: what the index does with crowds. */
bool cedar_compare_crowd(struct random *random, struct cedar_compare_totals *totals);
