/* SPDX-License-Identifier: Apache-2.0 */
/* probe: is an element in a set attribute to which rules add, when that set was never built?
 *
 * Owns: the question. The entity's record has what documents and requests say of the set; a
 * relation (entity, name, element) has what rules add, stored or on demand. A set that the request
 * brings is the whole set. Knows: rule plans, the request's entities. Does not know: instructions.
 * Memory: the machine for plans, in the evaluation's arena, made when it is first needed. Thread:
 * one evaluation. Used by: policy_vm; verify_code checks the operands. */
#pragma once

#include "eval/entities.h"
#include "eval/rule_vm.h"

#define RUNE_PROBE_NONE   UINT32_MAX
#define RUNE_PROBE_BOUND  7u /* all three columns of the relation */
#define RUNE_PROBE_ENTITY 1u /* the first: whether the entity's set has any element */

struct rune_prober {
    const struct rune_eval *eval;
    struct rune_rule_vm *machine; /* NULL: not needed yet */
};

/* Whether rules add to what the entity's record says of the attribute: not if the request says it.
 */
bool rune_probe_adds(const struct rune_entities *entities, rune_term entity, rune_term name);

/* Whether the relation has the tuple. `relation` and `first_plan` are the operands of a verified
 * instruction. RUNE_E_LIMIT. Cost: a search if it is stored, else what its rules take. */
RUNE_MUST_USE enum rune_err rune_probe_relation(struct rune_prober *prober, uint32_t relation,
                                                uint32_t first_plan, const rune_term tuple[3],
                                                uint64_t *steps_left, bool *ret_found);

/* Whether the relation has a tuple about the entity; its instruction is one that binds only that.
 * It ends at the first tuple. RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_probe_any(struct rune_prober *prober, uint32_t relation,
                                           uint32_t first_plan, rune_term entity,
                                           uint64_t *steps_left, bool *ret_found);

/* Untrusted operands: null if they can be probed with `bound` (RUNE_PROBE_*) columns known, else
 * why not (static). */
const char *rune_probe_verify(const struct rune_store *store, uint32_t relation,
                              uint32_t first_plan, uint32_t bound);
