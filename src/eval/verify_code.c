/* SPDX-License-Identifier: Apache-2.0 */
/* Programs: one walk from the first word. Jumps go forward to where an instruction begins; since
 * the walk has not been there yet when it sees the jump, targets wait in a bitmap and are crossed
 * off when the walk arrives. The last instruction must end the program, so nothing falls off. */
#include <string.h>

#include "base/alloc.h"
#include "eval/policy_code.h"
#include "eval/probe.h"
#include "eval/verify.h"

#define SMALL_WORDS 1024u

/* A program on its walk. */
struct walk {
    const struct rune_verified *verified;
    const struct rune_image_policy *policy;
    const uint32_t *code;
    uint64_t *targets; /* words that jumps go to, not reached yet */
    uint32_t waiting;  /* how many */
    const char *what;
};

static bool refuse(struct walk *walk, const char *what)
{
    walk->what = what;
    return false;
}

static bool verify_jump(struct walk *walk, uint32_t at, uint32_t target)
{
    if (target <= at || target >= walk->policy->code_length) {
        return refuse(walk, "a jump does not go forward inside its program");
    }
    if (!rune_verify_bit(walk->targets, target)) {
        rune_verify_set_bit(walk->targets, target);
        walk->waiting++;
    }
    return true;
}

static bool verify_registers(struct walk *walk, uint32_t first, uint32_t count)
{
    uint32_t registers = walk->policy->max_stack;
    return first < registers && count <= registers - first
               ? true
               : refuse(walk, "a register does not exist");
}

/* A constant of the kinds that an operand takes. */
static bool verify_constant(struct walk *walk, char operand, rune_term term)
{
    const struct rune_terms *terms = &walk->verified->store->terms;
    bool is_set = rune_verify_is_kind(terms, term, RUNE_KIND_SET);
    bool ok = false;
    switch (operand) {
    case 'c':
        ok = rune_verify_is_term(terms, term);
        break;
    case 's':
    case 't':
        ok = rune_verify_is_kind(terms, term, RUNE_KIND_STRING);
        break;
    case 'e':
        ok = rune_verify_is_kind(terms, term, RUNE_KIND_ENTITY) ||
             (is_set &&
              rune_verify_bit(walk->verified->entity_sets, terms->sets[rune_term_index(term)]));
        break;
    case 'w':
        ok = is_set;
        if (is_set) {
            const uint32_t *run = terms->heap + terms->sets[rune_term_index(term)];
            for (uint32_t i = 1; i <= run[0]; i++) {
                ok = ok && rune_verify_is_kind(terms, run[i], RUNE_KIND_STRING);
            }
        }
        break;
    default:
        break;
    }
    return ok ? true : refuse(walk, "a constant is not of the kind that its instruction takes");
}

/* Instructions that take a row of registers, and what they do to them: SET sorts its row, which the
 * variables must not be part of. */
static bool verify_rows(struct walk *walk, enum rune_op op, const uint32_t *words)
{
    if (op == RUNE_OP_SET) {
        return words[1] >= RUNE_POLICY_VARIABLES || words[2] == 0
                   ? (words[2] == 0 || verify_registers(walk, words[1], words[2]))
                   : refuse(walk, "a variable would be written");
    }
    if (op == RUNE_OP_RECORD) {
        const struct rune_terms *terms = &walk->verified->store->terms;
        uint32_t count = terms->heap[terms->sets[rune_term_index(words[2])]];
        return count == 0 || verify_registers(walk, words[1], count);
    }
    if (op == RUNE_OP_CALL) {
        return verify_registers(walk, words[1], rune_function_infos[words[2]].arity);
    }
    return true;
}

static bool verify_probe(struct walk *walk, const uint32_t *words, uint32_t bound)
{
    const char *what = rune_probe_verify(walk->verified->store, words[0], words[1], bound);
    return what == NULL ? true : refuse(walk, what);
}

static bool verify_operands(struct walk *walk, uint32_t at, enum rune_op op)
{
    const uint32_t *words = walk->code + at;
    uint32_t place = 1;
    for (const char *operand = rune_op_infos[op].operands; *operand != '\0'; operand++) {
        bool ok = true;
        switch (*operand) {
        case 'D':
            ok = rune_op_a(words[0]) >= RUNE_POLICY_VARIABLES
                     ? verify_registers(walk, rune_op_a(words[0]), 1)
                     : refuse(walk, "a variable would be written");
            break;
        case 'J':
            ok = verify_jump(walk, at, rune_op_a(words[0]));
            break;
        case 'r':
            ok = verify_registers(walk, words[place++], 1);
            break;
        case 'f':
            ok = words[place++] < RUNE_FUNCTION_COUNT ? true
                                                      : refuse(walk, "a function does not exist");
            break;
        case 'n':
            place++;
            break;
        case 'p':
            ok = words[place] <= walk->verified->store->pattern_bytes &&
                 words[place + 1] <= walk->verified->store->pattern_bytes - words[place];
            ok = ok ? true : refuse(walk, "a pattern lies outside");
            place += 2;
            break;
        case 'q':
            ok = verify_probe(walk, words + place, RUNE_PROBE_BOUND);
            place += 2;
            break;
        case 'h':
            ok = verify_probe(walk, words + place, RUNE_PROBE_ENTITY);
            place += 2;
            break;
        default:
            ok = verify_constant(walk, *operand, words[place++]);
        }
        if (!ok) {
            return false;
        }
    }
    return verify_rows(walk, op, words);
}

static bool ends_program(enum rune_op op)
{
    return op == RUNE_OP_MATCH || op == RUNE_OP_NO_MATCH || op == RUNE_OP_FAIL_ARITY;
}

static bool verify_words(struct walk *walk)
{
    uint32_t length = walk->policy->code_length;
    enum rune_op op = RUNE_OP_COUNT;
    for (uint32_t at = 0; at < length;) {
        if ((walk->code[at] & 0xff) >= RUNE_OP_COUNT) {
            return refuse(walk, "an instruction does not exist");
        }
        op = rune_op_of(walk->code[at]);
        uint32_t words = rune_op_words(op);
        if (words > length - at) {
            return refuse(walk, "an instruction does not fit");
        }
        if (rune_verify_bit(walk->targets, at)) {
            walk->waiting--;
        }
        if (!verify_operands(walk, at, op)) {
            return false;
        }
        at += words;
    }
    if (op == RUNE_OP_COUNT || !ends_program(op)) {
        return refuse(walk, "a program does not end");
    }
    return walk->waiting == 0 ? true : refuse(walk, "a jump goes into an instruction");
}

/* Only the action's test may be passed over. */
static bool verify_entry(struct walk *walk)
{
    enum rune_op op = rune_op_of(walk->code[0]);
    bool tests_action = (op == RUNE_OP_EQ_CONST_ELSE || op == RUNE_OP_IN_CONST_ELSE) &&
                        walk->code[1] == RUNE_POLICY_ACTION;
    return walk->policy->entry == 0 ||
                   (tests_action && walk->policy->entry == RUNE_POLICY_ACTION_WORDS)
               ? true
               : refuse(walk, "a program is entered behind what is not a test of the action");
}

bool rune_verify_program(const struct rune_verified *verified,
                         const struct rune_image_policy *policy, const char **ret_what)
{
    uint64_t small[SMALL_WORDS / 64] = {0};
    struct walk walk = {.verified = verified, .policy = policy, .targets = small};
    walk.code = verified->store->policy_code + policy->code;
    if (policy->code_length > RUNE_POLICY_MAX_CODE ||
        policy->max_stack > RUNE_POLICY_MAX_REGISTERS ||
        policy->max_stack < RUNE_POLICY_VARIABLES) {
        *ret_what = "a program is too long or has a wrong number of registers";
        return false;
    }
    if (policy->code_length > SMALL_WORDS) {
        walk.targets = rune_calloc(policy->code_length / 64 + 1, sizeof *walk.targets);
        if (walk.targets == NULL) {
            *ret_what = "no memory is left for verifying a program";
            return false;
        }
    }
    bool ok = verify_words(&walk) && verify_entry(&walk);
    if (walk.targets != small) {
        rune_free(walk.targets);
    }
    *ret_what = walk.what;
    return ok;
}
