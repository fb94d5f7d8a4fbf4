/* SPDX-License-Identifier: Apache-2.0 */
/* rule_verify_code: plans and their programs; rule_verify.c says what is established. */
#include <string.h>

#include "base/alloc.h"
#include "eval/relation.h"
#include "eval/rule_code.h"
#include "eval/rule_verify_int.h"
#include "eval/verify.h"

struct checker {
    const struct rune_store *store;
    uint8_t written[RUNE_RULE_MAX_REGISTERS / 8];
};

/* One program being read. */
struct reader {
    struct checker *checker;
    const struct rune_image_plan *plan;
    const uint32_t *code;
    uint32_t at; /* word */
    uint32_t loops;
    uint32_t loop_at[RUNE_RULE_MAX_LOOPS];
    uint32_t arity; /* of what the instruction reads */
    uint32_t args;  /* how many registers its R list must have; UINT32_MAX: at most `arity` */
    uint32_t least; /* that its W list may read */
    uint32_t numbers[4], number_count;
    /* registers that the instruction writes once it has read its operands */
    uint32_t results[2], result_count;
};

static bool is_written(const struct checker *checker, uint32_t reg)
{
    return (checker->written[reg / 8] >> (reg % 8) & 1) != 0;
}

static bool write_register(struct reader *reader, uint32_t reg)
{
    if (reg >= reader->plan->registers) {
        return false;
    }
    reader->checker->written[reg / 8] |= (uint8_t)(1u << (reg % 8));
    return true;
}

static bool is_target(const struct reader *reader, uint32_t word, uint32_t loops)
{
    for (uint32_t low = 0, high = loops; low < high;) {
        uint32_t middle = low + (high - low) / 2;
        if (reader->loop_at[middle] == word) {
            return true;
        }
        if (reader->loop_at[middle] < word) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return word == 0;
}

static bool check_group(struct reader *reader, uint32_t first, uint32_t count)
{
    const struct rune_store *store = reader->checker->store;
    if (count == 0 || !rune_rule_fits(first, count, store->plan_count)) {
        return false;
    }
    const struct rune_image_plan *plans = store->plans + first;
    for (uint32_t i = 0; i < count; i++) {
        if (plans[i].relation != plans[0].relation || plans[i].bound != plans[0].bound ||
            plans[i].relation >= store->relation_count) {
            return false;
        }
    }
    reader->arity = store->relations[plans[0].relation].arity;
    reader->args = (uint32_t)__builtin_popcount(plans[0].bound);
    return true;
}

/* The list at `at`; advances behind it. */
static bool check_list(struct reader *reader, char kind)
{
    uint32_t count = reader->code[reader->at++];
    uint32_t unit = kind == 'R' ? 1 : 2;
    if (count > 4096 ||
        !rune_rule_fits(reader->at, (uint64_t)count * unit, reader->plan->code_length)) {
        return false;
    }
    if (kind == 'R' &&
        (reader->args == UINT32_MAX ? count > reader->arity : count != reader->args)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t word = reader->code[reader->at++];
        if (kind == 'R' &&
            (word >= reader->plan->registers || !is_written(reader->checker, word))) {
            return false;
        }
        if (kind == 'W' && (word < reader->least || word >= reader->arity ||
                            !write_register(reader, reader->code[reader->at++]))) {
            return false;
        }
    }
    return true;
}

static bool check_operand(struct reader *reader, char kind, uint32_t own_loops)
{
    const struct rune_store *store = reader->checker->store;
    uint32_t word = reader->code[reader->at];
    switch (kind) {
    case 'r':
        reader->at++;
        return word < reader->plan->registers && is_written(reader->checker, word);
    case 'w':
        reader->at++;
        if (word >= reader->plan->registers || reader->result_count >= 2) {
            return false;
        }
        reader->results[reader->result_count++] = word;
        return true;
    case 't':
        reader->at++;
        return rune_rule_is_term(&store->terms, word);
    case 'n':
        reader->at++;
        if (reader->number_count < 4) {
            reader->numbers[reader->number_count++] = word;
        }
        return true;
    case 'o':
        reader->at++;
        if (word >= store->order_count) {
            return false;
        }
        reader->arity = store->relations[store->orders[word].relation].arity;
        reader->args = UINT32_MAX;
        return true;
    case 'c':
        reader->at++;
        return word == own_loops;
    case 'f':
        reader->at++;
        return is_target(reader, word, own_loops);
    case 'g':
        reader->at += 2;
        return reader->at <= reader->plan->code_length &&
               check_group(reader, word, reader->code[reader->at - 1]);
    default:
        return check_list(reader, kind);
    }
}

/* Small numbers and list lengths that depend on the operation. */
static bool check_meaning(struct reader *reader, enum rune_rule_op op, uint32_t list_count)
{
    uint32_t first = reader->numbers[0];
    switch (op) {
    case RUNE_RULE_LOAD_REQUEST:
        return first <= 2;
    case RUNE_RULE_COMPARE:
        return first <= RUNE_RULE_GE;
    case RUNE_RULE_ARITH:
        return first <= RUNE_RULE_MOD;
    case RUNE_RULE_AGGREGATE:
        return first <= RUNE_RULE_MEAN && (first == RUNE_RULE_COUNT || reader->arity > 0);
    case RUNE_RULE_SCAN:
        return first <= reader->arity && (first == 0 || first >= list_count) &&
               list_count <= RUNE_ORDER_MAX_PREFIX;
    case RUNE_RULE_EXISTS:
        return list_count <= RUNE_ORDER_MAX_PREFIX;
    default:
        return true;
    }
}

static const uint8_t function_args[RUNE_RULE_FUNCTION_COUNT] = {
#define RUNE_RULE_FUNCTION(name, arity, text) arity,
#include "eval/rule_functions.def"
#undef RUNE_RULE_FUNCTION
};

static bool check_instruction(struct reader *reader, enum rune_rule_op op)
{
    const char *operands = rune_rule_ops[op].operands;
    bool is_loop = strchr(operands, 'c') != NULL;
    uint32_t at = reader->at - 1, own_loops = reader->loops, list_count = 0;
    if (is_loop) {
        if (reader->loops >= RUNE_PLAN_LOOPS(reader->plan->flags)) {
            return false;
        }
        reader->loop_at[reader->loops++] = at;
    }
    reader->number_count = reader->result_count = 0;
    reader->numbers[0] = 0;
    reader->arity = 4096; /* lists of no relation: IN */
    reader->args = UINT32_MAX;
    reader->least = 0;
    if (op == RUNE_RULE_EMIT) {
        reader->args = reader->checker->store->relations[reader->plan->relation].arity;
    }
    for (; *operands != '\0'; operands++) {
        if (reader->at >= reader->plan->code_length) {
            return false;
        }
        if ((op == RUNE_RULE_TEST || op == RUNE_RULE_FUNCTION) && *operands == 'R') {
            if (reader->numbers[0] >= RUNE_RULE_FUNCTION_COUNT) {
                return false;
            }
            reader->args = function_args[reader->numbers[0]];
        }
        if (*operands == 'R') {
            list_count = reader->code[reader->at];
            reader->least = op == RUNE_RULE_SCAN ? list_count : 0; /* the row has no key */
        }
        if (!check_operand(reader, *operands, own_loops)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < reader->result_count; i++) {
        (void)write_register(reader, reader->results[i]);
    }
    return check_meaning(reader, op, list_count);
}

static const char *check_program(struct checker *checker, const struct rune_image_plan *plan,
                                 struct reader *reader)
{
    *reader = (struct reader){
        .checker = checker, .plan = plan, .code = checker->store->rule_code + plan->code, .at = 1};
    memset(checker->written, 0, sizeof(checker->written));
    for (uint32_t i = 0; i < (uint32_t)__builtin_popcount(plan->bound); i++) {
        if (!write_register(reader, i)) {
            return "a plan has fewer registers than bound columns";
        }
    }
    enum rune_rule_op last = RUNE_RULE_OP_COUNT;
    while (reader->at < plan->code_length) {
        uint32_t op = reader->code[reader->at++];
        if (op >= RUNE_RULE_OP_COUNT || !check_instruction(reader, (enum rune_rule_op)op)) {
            return "an instruction is not valid";
        }
        last = (enum rune_rule_op)op;
    }
    return last == RUNE_RULE_RETURN && reader->code[0] == RUNE_RULE_RETURN
               ? NULL
               : "a program does not end";
}

static const char *check_plan(struct checker *checker, const struct rune_image_plan *plan,
                              struct reader *reader)
{
    const struct rune_store *store = checker->store;
    if (plan->relation >= store->relation_count ||
        (plan->rule >= store->rule_count && plan->rule != UINT32_MAX)) {
        return "a plan is of no relation or rule";
    }
    const struct rune_image_relation *relation = &store->relations[plan->relation];
    bool decides = (relation->flags & (RUNE_RELATION_PERMIT | RUNE_RELATION_FORBID)) != 0;
    if (relation->arity < 32 && plan->bound >> relation->arity != 0) {
        return "a plan binds columns that are not there";
    }
    if (decides && (plan->bound != 7 || plan->rule == UINT32_MAX)) {
        return "a plan of permit or forbid does not bind the request, or has no rule";
    }
    if (plan->registers > RUNE_RULE_MAX_REGISTERS ||
        RUNE_PLAN_LOOPS(plan->flags) > RUNE_RULE_MAX_LOOPS || plan->code_length < 2 ||
        !rune_rule_fits(plan->code, plan->code_length, store->rule_code_count)) {
        return "a plan is out of bounds";
    }
    return check_program(checker, plan, reader);
}

enum rune_err rune_rules_verify_plans(const struct rune_store *store, struct rune_diag *diag)
{
    struct checker checker = {.store = store};
    struct reader *reader = rune_alloc(sizeof(*reader));
    if (reader == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = RUNE_OK;
    uint64_t words = 0;
    for (uint32_t i = 0; i < store->plan_count && err == RUNE_OK; i++) {
        const char *what = check_plan(&checker, &store->plans[i], reader);
        words += store->plans[i].code_length;
        /* Programs do not overlap, or verification would cost more than the bytes. */
        if (what == NULL && words > store->rule_code_count) {
            what = "programs overlap";
        }
        err = what == NULL ? RUNE_OK : rune_verify_fail(diag, "PLAN", what);
    }
    rune_free(reader);
    return err;
}
