/* SPDX-License-Identifier: Apache-2.0 */
/* policy_vm: runs policies' programs against one request.
 *
 * Owns: the meaning of the instructions (eval/policy_code.def). INVARIANT: runs verified programs
 * only and checks no operand. Allocates values, in the request's dictionary, and registers. Thread:
 * one struct rune_policy_vm at a time. Used by: eval/policy_eval, tests, benchmarks. */
#pragma once

#include <stdint.h>

#include "eval/entities.h"
#include "eval/error.h"
#include "eval/probe.h"
#include "eval/request.h"
#include "eval/values.h"

struct rune_policy_vm {
    struct rune_entities entities;
    struct rune_values values;
    rune_term *registers;    /* the first four are the request */
    uint32_t register_count; /* cleared */
    uint32_t register_capacity;
    struct rune_prober prober;
    struct rune_eval_error error;
    uint32_t error_pc; /* word of the instruction that failed */
};

enum rune_policy_result { RUNE_POLICY_NO_MATCH, RUNE_POLICY_MATCH, RUNE_POLICY_ERROR };

/* `registers` has room for RUNE_POLICY_FIRST_REGISTERS at least; as many are filled here, more when
 * a policy needs them. Policies that need more than it has get them from the eval's arena. */
#define RUNE_POLICY_FIRST_REGISTERS 8u
void rune_policy_vm_init(struct rune_policy_vm *vm, const struct rune_eval *eval,
                         rune_term *registers, uint32_t register_capacity);

/* Runs the programs of `count` policies, which the index found, from the one at *at on until one
 * matches or fails: *at is then behind it. NO_MATCH: none of the rest did. With ERROR, vm->error
 * and vm->error_pc say why; an error of code LIMIT ends the decision. */
enum rune_policy_result rune_policy_vm_run(struct rune_policy_vm *vm, const uint32_t *policies,
                                           uint32_t count, uint32_t *at);
