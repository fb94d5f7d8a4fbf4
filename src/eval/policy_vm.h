/* SPDX-License-Identifier: Apache-2.0 */
/* policy_vm: runs one policy's program against one request.
 *
 * Owns: the meaning of the instructions (eval/policy_code.def). INVARIANT: runs verified programs
 * only and checks no operand. Allocates nothing but values (in the request's dictionary). Thread:
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
    rune_term *registers; /* the first four are the request; as many as the policy needs */
    struct rune_prober prober;
    struct rune_eval_error error;
    uint32_t error_pc; /* word of the instruction that failed */
};

enum rune_policy_result { RUNE_POLICY_NO_MATCH, RUNE_POLICY_MATCH, RUNE_POLICY_ERROR };

/* `registers` has room for the variables at least and for as many values as any policy run on it
 * needs; it is filled here. */
void rune_policy_vm_init(struct rune_policy_vm *vm, const struct rune_eval *eval,
                         rune_term *registers, uint32_t register_count);

/* Runs a program to its end. With ERROR, vm->error and vm->error_pc say why; an error of code LIMIT
 * ends the decision. */
enum rune_policy_result rune_policy_vm_run(struct rune_policy_vm *vm,
                                           const struct rune_image_policy *policy);
