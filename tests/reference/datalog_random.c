/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/datalog_random.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    BASES = 3, /* e0 .. e2: facts only */
    GROUPS = 3,
    GROUP_SIZE = 2, /* relations that may read each other */
    RELATIONS = BASES + GROUPS * GROUP_SIZE,
    MAX_VARS = 5,
    MAX_LITERALS = 8,
    MAX_RULES = RELATIONS * 4,
    TEXT = 2048, /* more than the longest literal */
    RULE_TEXT = MAX_LITERALS * TEXT,
};

struct literals {
    char texts[MAX_LITERALS][TEXT];
    uint32_t count;
};

struct scope {
    uint32_t bound;    /* V0 .. V(bound-1) have values whatever the order */
    uint32_t local;    /* L0 .. : of braces or a branch; 0: outside of them */
    const char *names; /* of locals */
};

struct maker {
    uint64_t *state, *order;
    uint32_t arity[RELATIONS];
    uint32_t head;   /* the relation of the rule that is being made */
    bool is_growing; /* the rule computes, and could go on forever */
    uint32_t locals; /* branches so far: each has names of its own */
    uint32_t range;  /* integers are below it, mostly */
};

uint32_t datalog_random_below(uint64_t *state, uint32_t below)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33) % below;
}

static uint32_t pick(struct maker *maker, uint32_t below)
{
    return datalog_random_below(maker->state, below);
}

/* ---- terms ---- */

static size_t put_constant(struct maker *maker, char *out)
{
    static const char *const odd[] = {
        "a", "b", "\"c d\"", "\"\"", "9223372036854775807", "-9223372036854775808"};
    if (pick(maker, 8) == 0) {
        return (size_t)sprintf(out, "%s", odd[pick(maker, pick(maker, 3) == 0 ? 6 : 3)]);
    }
    return (size_t)sprintf(out, "%d", (int)pick(maker, maker->range) - (pick(maker, 8) == 0));
}

/* A variable that has a value. */
static size_t put_bound(struct maker *maker, const struct scope *scope, char *out)
{
    if (scope->local > 0 && pick(maker, 2) == 0) {
        return (size_t)sprintf(out, "%s%u", scope->names, pick(maker, scope->local));
    }
    return scope->bound == 0 ? put_constant(maker, out)
                             : (size_t)sprintf(out, "V%u", pick(maker, scope->bound));
}

static size_t put_expr(struct maker *maker, const struct scope *scope, uint32_t depth, char *out)
{
    static const char *const ops[] = {"+", "-", "*", "/", "mod"};
    uint32_t kind = pick(maker, depth == 0 ? 4 : 7);
    if (kind == 0) {
        return put_constant(maker, out);
    }
    if (kind < 4) {
        return put_bound(maker, scope, out);
    }
    size_t at = 0;
    if (kind == 6) {
        at = (size_t)sprintf(out, "-(");
        at += put_expr(maker, scope, depth - 1, out + at);
        return at + (size_t)sprintf(out + at, ")");
    }
    at = (size_t)sprintf(out, "(");
    at += put_expr(maker, scope, depth - 1, out + at);
    at += (size_t)sprintf(out + at, " %s ", ops[pick(maker, 5)]);
    at += put_expr(maker, scope, depth - 1, out + at);
    return at + (size_t)sprintf(out + at, ")");
}

/* ---- literals ---- */

static uint32_t first_of_group(uint32_t relation)
{
    return relation < BASES ? relation : relation - (relation - BASES) % GROUP_SIZE;
}

/* A relation that the head may read; `below`: through a negation or an aggregate. */
static uint32_t pick_relation(struct maker *maker, bool below)
{
    uint32_t end = first_of_group(maker->head) + (below ? 0 : GROUP_SIZE);
    /* Base relations, and the head's own group, oftener than others. */
    switch (pick(maker, 3)) {
    case 0:
        return pick(maker, BASES);
    case 1:
        return end - 1 - pick(maker, GROUP_SIZE);
    default:
        return pick(maker, end);
    }
}

/* An atom over what is bound, and new variables of that name from *next on, below `limit`. */
static size_t put_atom(struct maker *maker, const struct scope *scope, uint32_t relation,
                       const char *names, uint32_t *next, uint32_t limit, char *out)
{
    size_t at = (size_t)sprintf(out, "r%u(", relation);
    struct scope now = *scope;
    for (uint32_t i = 0; i < maker->arity[relation]; i++) {
        at += (size_t)sprintf(out + at, "%s", i > 0 ? ", " : "");
        uint32_t kind = pick(maker, 24);
        if (kind < 14 && *next < limit) {
            at += (size_t)sprintf(out + at, "%s%u", names, (*next)++);
        } else if (kind == 21) {
            at += put_constant(maker, out + at);
        } else if (kind == 22) {
            at += (size_t)sprintf(out + at, "_");
        } else if (kind == 23) {
            at += put_expr(maker, &now, 1, out + at);
        } else {
            at += put_bound(maker, &now, out + at);
        }
    }
    return at + (size_t)sprintf(out + at, ")");
}

static const char *compare_of(struct maker *maker)
{
    static const char *const compares[] = {"=", "!=", "<", "<=", ">", ">="};
    return compares[pick(maker, 6)];
}

static size_t put_test(struct maker *maker, const struct scope *scope, char *out)
{
    size_t at = put_expr(maker, scope, 1, out);
    at += (size_t)sprintf(out + at, " %s ", compare_of(maker));
    return at + put_expr(maker, scope, 2, out + at);
}

static size_t put_negation(struct maker *maker, const struct scope *scope, char *out)
{
    uint32_t none = 0;
    size_t at = (size_t)sprintf(out, "%s", pick(maker, 2) == 0 ? "not " : "!");
    return at + put_atom(maker, scope, pick_relation(maker, true), "", &none, 0, out + at);
}

static void shuffle(struct maker *maker, uint32_t *places, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        places[i] = i;
    }
    for (uint32_t i = count; i > 1 && *maker->order != 0; i--) {
        uint32_t other = datalog_random_below(maker->order, i), was = places[i - 1];
        places[i - 1] = places[other];
        places[other] = was;
    }
}

static size_t put_shuffled(struct maker *maker, const struct literals *literals,
                           const char *between, char *out)
{
    uint32_t places[MAX_LITERALS] = {0};
    size_t at = 0;
    shuffle(maker, places, literals->count);
    for (uint32_t i = 0; i < literals->count; i++) {
        at += (size_t)sprintf(out + at, "%s%s", i > 0 ? between : "", literals->texts[places[i]]);
    }
    return at;
}

/* One or two atoms with variables of their own, and maybe a test or a negation. */
static size_t put_braces(struct maker *maker, const struct scope *outer, uint32_t *locals,
                         char *out)
{
    struct literals inside = {.count = 0};
    struct scope scope = *outer;
    scope.names = "L";
    scope.local = 0;
    for (uint32_t i = 1 + pick(maker, 2); i > 0; i--) {
        uint32_t next = scope.local;
        put_atom(maker, &scope, pick_relation(maker, true), "L", &next, 3,
                 inside.texts[inside.count++]);
        scope.local = next;
    }
    if (pick(maker, 3) == 0) {
        put_test(maker, &scope, inside.texts[inside.count++]);
    }
    if (pick(maker, 5) == 0) {
        put_negation(maker, &scope, inside.texts[inside.count++]);
    }
    *locals = scope.local;
    return put_shuffled(maker, &inside, ", ", out);
}

static void put_aggregate(struct maker *maker, struct scope *scope, char *out)
{
    static const char *const ops[] = {"count", "sum", "min", "max", "mean"};
    char body[TEXT], value[TEXT] = "";
    struct scope inside = *scope;
    uint32_t op = pick(maker, 5), kind = pick(maker, 5);
    inside.names = "L";
    put_braces(maker, scope, &inside.local, body);
    if (op > 0) {
        size_t at = inside.local > 0 && pick(maker, 3) > 0
                        ? (size_t)sprintf(value, "L%u", pick(maker, inside.local))
                        : put_expr(maker, &inside, 1, value);
        sprintf(value + at, " : ");
    }
    size_t at = 0;
    if (kind == 0 && scope->bound > 0) {
        at = put_bound(maker, scope, out);
    } else if (kind == 1 || scope->bound == MAX_VARS) {
        at = (size_t)sprintf(out, "%u", pick(maker, 5));
    } else {
        at = (size_t)sprintf(out, "V%u", scope->bound++);
    }
    snprintf(out + at, TEXT - at, " = %s { %s%s }", ops[op], value, body);
}

/* Branches that all bind the same variable, or none. */
static void put_branches(struct maker *maker, struct scope *scope, char *out)
{
    struct literals branches = {.count = 0};
    bool binds = scope->bound < MAX_VARS && pick(maker, 2) == 0;
    for (uint32_t b = 2 + pick(maker, 2); b > 0; b--) {
        struct literals branch = {.count = 0};
        struct scope inside = *scope;
        char names[16];
        snprintf(names, sizeof(names), "B%u_", maker->locals++);
        inside.names = names;
        if (binds) {
            size_t at = (size_t)sprintf(branch.texts[0], "V%u = ", scope->bound);
            if (pick(maker, 2) == 0) {
                put_expr(maker, &inside, 1, branch.texts[0] + at);
            } else {
                sprintf(branch.texts[0], "r%u(V%u, _)", pick(maker, 2), scope->bound);
            }
            branch.count = 1;
        }
        if (!binds || pick(maker, 2) == 0) {
            char *text = branch.texts[branch.count++];
            if (pick(maker, 2) == 0) {
                put_test(maker, &inside, text);
            } else {
                put_atom(maker, &inside, pick_relation(maker, false), names, &inside.local, 2,
                         text);
            }
        }
        put_shuffled(maker, &branch, ", ", branches.texts[branches.count++]);
    }
    size_t at = (size_t)sprintf(out, "(");
    at += put_shuffled(maker, &branches, " ; ", out + at);
    sprintf(out + at, ")");
    scope->bound += binds;
    maker->is_growing |= binds;
}

static void put_literal(struct maker *maker, struct scope *scope, struct literals *body)
{
    char *out = body->texts[body->count++];
    switch (pick(maker, 7)) {
    case 0:
        put_negation(maker, scope, out);
        return;
    case 1:
        if (scope->bound < MAX_VARS) {
            size_t at = (size_t)sprintf(out, "V%u = ", scope->bound);
            put_expr(maker, scope, 2, out + at);
            scope->bound++;
            maker->is_growing = true;
            return;
        }
        break;
    case 2:
        put_branches(maker, scope, out);
        return;
    case 3:
    case 4:
        put_aggregate(maker, scope, out);
        return;
    default:
        break;
    }
    put_test(maker, scope, out);
}

/* ---- rules ---- */

static size_t put_head(struct maker *maker, const struct scope *scope, char *out)
{
    size_t at = (size_t)sprintf(out, "r%u(", maker->head);
    for (uint32_t i = 0; i < maker->arity[maker->head]; i++) {
        at += (size_t)sprintf(out + at, "%s", i > 0 ? ", " : "");
        bool computes = pick(maker, 12) == 0;
        at += computes ? put_expr(maker, scope, 1, out + at) : put_bound(maker, scope, out + at);
        maker->is_growing |= computes;
    }
    return at + (size_t)sprintf(out + at, ") :- ");
}

/* `extras`: at most so many literals that are no positive atoms. */
static void put_rule(struct maker *maker, uint32_t extras, char *out)
{
    struct literals body = {.count = 0};
    struct scope scope = {.bound = 0, .names = ""};
    char head[TEXT];
    maker->is_growing = false;
    for (uint32_t i = 1 + pick(maker, 3); i > 0; i--) {
        put_atom(maker, &scope, pick_relation(maker, false), "V", &scope.bound, MAX_VARS,
                 body.texts[body.count++]);
    }
    for (uint32_t i = pick(maker, extras + 1); i > 0; i--) {
        put_literal(maker, &scope, &body);
    }
    put_head(maker, &scope, head);
    for (uint32_t v = 0; maker->is_growing && v < scope.bound && body.count < MAX_LITERALS; v++) {
        sprintf(body.texts[body.count++], "V%u < 9", v);
    }
    size_t at = (size_t)sprintf(out, "%s", head);
    at += put_shuffled(maker, &body, ", ", out + at);
    sprintf(out + at, ".\n");
}

static void put_facts(struct maker *maker, struct rune_buf *out, uint32_t relation, uint32_t count)
{
    for (; count > 0; count--) {
        char text[TEXT];
        rune_buf_printf(out, "r%u(", relation);
        for (uint32_t i = 0; i < maker->arity[relation]; i++) {
            put_constant(maker, text);
            rune_buf_printf(out, "%s%s", i > 0 ? ", " : "", text);
        }
        rune_buf_append_cstr(out, ").\n");
    }
}

void datalog_random_program(struct rune_buf *out, uint64_t seed, uint64_t order)
{
    static char rules[MAX_RULES][RULE_TEXT];
    uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    /* Few values, which meet everywhere; or more of them, and more facts. */
    bool are_many = seed % 4 == 3;
    struct maker maker = {.state = &state, .order = &order, .range = are_many ? 12 : 5};
    uint32_t count = 0, places[MAX_RULES];
    for (uint32_t r = 0; r < RELATIONS; r++) {
        maker.arity[r] = r < 2 ? 2 : pick(&maker, 12) == 0 ? 0 : 1 + pick(&maker, 3);
    }
    for (uint32_t r = 0; r < RELATIONS; r++) {
        uint32_t more = are_many && pick(&maker, 2) == 0 ? 50 : 9;
        put_facts(&maker, out, r, r < BASES ? 4 + pick(&maker, more) : pick(&maker, 5) == 0);
        maker.head = r;
        for (uint32_t i = r < BASES ? 0 : 1 + pick(&maker, 4); i > 0; i--) {
            put_rule(&maker, i - 1, rules[count++]);
        }
    }
    shuffle(&maker, places, count);
    for (uint32_t i = 0; i < count; i++) {
        rune_buf_append_cstr(out, rules[places[i]]);
    }
}
