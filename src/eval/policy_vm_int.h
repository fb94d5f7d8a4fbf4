/* SPDX-License-Identifier: Apache-2.0 */
/* policy_vm_int: between the files of the policy machine: policy_vm (the loop, and what
 * instructions do mostly), policy_vm_entities (hierarchy, attributes and tags of any entity),
 * policy_vm_probe (sets to which rules add). Nobody else includes it.
 *
 * A predicate is 1, 0 or RUNE_POLICY_FAILED, where it has set vm->error; what computes a value is
 * false then. */
#pragma once

#include "base/layout.h"
#include "eval/policy_vm.h"

#define RUNE_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define RUNE_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

enum { RUNE_POLICY_FAILED = -1 };

/* Sets the error; RUNE_POLICY_FAILED. */
RUNE_COLD RUNE_APART int rune_policy_fail(struct rune_policy_vm *vm, enum rune_eval_code code,
                                          uint32_t detail, rune_term a, rune_term b);

static inline int rune_policy_fail_type(struct rune_policy_vm *vm, uint32_t expected,
                                        rune_term actual)
{
    return rune_policy_fail(vm, RUNE_EVAL_TYPE, expected, actual, RUNE_TERM_NONE);
}

static inline bool rune_policy_is_entity(rune_term term)
{
    return rune_term_kind(term) == RUNE_KIND_ENTITY;
}

/* ---- policy_vm_entities.c ---- */

/* Cedar's `in`: of an entity, or of any in a set. */
RUNE_APART int rune_policy_test_in(struct rune_policy_vm *vm, rune_term value, rune_term container);

/* Of an entity or a record. */
RUNE_APART bool rune_policy_get_attribute(struct rune_policy_vm *vm, rune_term value,
                                          rune_term name, rune_term *ret_term);

bool rune_policy_has_tag(struct rune_policy_vm *vm, rune_term entity, rune_term key,
                         rune_term *ret_term);
bool rune_policy_get_tag(struct rune_policy_vm *vm, rune_term entity, rune_term key,
                         rune_term *ret_term);

/* ---- policy_vm_probe.c; `pc`: the instruction ---- */

int rune_policy_probe(struct rune_policy_vm *vm, const uint32_t *pc);
/* containsAny: the first that is in the set decides; containsAll: the first that is not. */
bool rune_policy_probe_each(struct rune_policy_vm *vm, const uint32_t *pc, bool is_any,
                            bool *ret_truth);
bool rune_policy_probe_empty(struct rune_policy_vm *vm, const uint32_t *pc, bool *ret_truth);
