/* SPDX-License-Identifier: Apache-2.0 */
/* rule_world: a program of rules over a few facts, evaluated, and decisions by it. Used by: tests
 * of the evaluator of rules. */
#pragma once

#include "reference/datalog_run.h"

/* Facts to put rules behind. */
#define RULE_WORLD                                                                              \
    "member(User::\"a\", Group::\"g\"). member(User::\"b\", Group::\"h\"). up(Group::\"g\", "   \
    "Group::\"h\").\n"                                                                          \
    "up(Group::\"h\", Group::\"g\"). grant(Group::\"h\", Doc::\"d\"). suspended(User::\"b\"). " \
    "n(0). n(3).\n"

struct rule_world {
    struct datalog_run run;
    struct rune_request request;
};

/* Fails the test with the diagnostics if the program is wrong. To be closed by
 * datalog_run_close. */
void rule_world_open(struct rule_world *world, const char *program);

/* Whether the User may view the Doc, within so many steps. */
enum rune_err rule_world_decide(struct rule_world *world, const char *principal,
                                const char *resource, uint64_t steps,
                                struct rune_rule_outcome *outcome);
