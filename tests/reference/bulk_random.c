/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "reference/bulk.h"
#include "reference/datalog_random.h"

static uint32_t pick(struct bulk_program *program, uint32_t below)
{
    return datalog_random_below(&program->state, below);
}

/* The value of that number. */
static int64_t scaled(const struct bulk_program *program, uint32_t number)
{
    return program->stride == 0 ? number : number * program->stride - program->stride;
}

/* ---- facts ---- */

enum { MAX_FACTS = 6000 };

/* Edges of one kind of graph: chains, trees, grids, circles, all of all, or at random. */
static void edge_of(struct bulk_program *program, uint32_t kind, uint32_t i, uint32_t *row)
{
    uint32_t range = program->range, width = range > 64 ? 16 : 4;
    switch (kind) {
    case 0:
        row[0] = i % range;
        row[1] = (i + 1) % range;
        return;
    case 1:
        row[0] = (i % range) / 2;
        row[1] = i % range;
        return;
    case 2:
        row[0] = i / 2 % range;
        row[1] = (row[0] + (i % 2 == 0 ? 1 : width)) % range;
        return;
    case 3:
        row[0] = i / (range / 8 + 1) % range;
        row[1] = i % (range / 8 + 1);
        return;
    default: /* at random, on one side few, or not */
        row[0] = pick(program, kind == 6 ? range / 32 + 1 : range);
        row[1] = pick(program, kind == 5 ? range / 10 + 1 : range);
    }
}

static void random_facts(struct bulk_program *program, struct bulk_relation *relation,
                         uint32_t wanted)
{
    uint32_t kind = pick(program, 8), row[BULK_MAX_ARITY];
    wanted = wanted < MAX_FACTS ? wanted : MAX_FACTS;
    relation->facts =
        RUNE_ARENA_ARRAY(&program->arena, int64_t, (size_t)wanted * relation->arity + 1);
    for (uint32_t i = 0; i < wanted && relation->facts != NULL; i++) {
        for (uint32_t c = 0; c < relation->arity; c++) {
            row[c] = pick(program, c == 2 ? program->range / 8 + 2 : program->range);
        }
        if (relation->arity >= 2) {
            edge_of(program, kind, i, row);
        }
        for (uint32_t c = 0; c < relation->arity; c++) {
            relation->facts[(size_t)i * relation->arity + c] = scaled(program, row[c]);
        }
        relation->fact_count++;
    }
}

/* ---- rules ---- */

static struct bulk_arg var(uint32_t number)
{
    return (struct bulk_arg){.is_var = true, .var = number};
}

static struct bulk_rule *add_rule(struct bulk_program *program, uint32_t head)
{
    if (program->rule_count == BULK_MAX_RULES) {
        return NULL;
    }
    struct bulk_rule *rule = &program->rules[program->rule_count++];
    rule->head.relation = head;
    return rule;
}

/* A relation of at least `least` columns that `head` may read; `below`: from a lower group. */
static uint32_t pick_relation(struct bulk_program *program, uint32_t head, uint32_t least,
                              bool below)
{
    uint32_t group = program->relations[head].group;
    for (uint32_t turn = 0; turn < 40; turn++) {
        uint32_t number = pick(program, pick(program, 2) == 0 ? BULK_BASES : BULK_RELATIONS);
        const struct bulk_relation *relation = &program->relations[number];
        bool is_lower = relation->group < group || (relation->group == group && !below);
        if (is_lower && relation->arity >= least) {
            return number;
        }
    }
    return least <= 2 ? 0 : UINT32_MAX;
}

/* Variables, most of them those of before, few constants. */
static void random_args(struct bulk_program *program, struct bulk_rule *rule,
                        struct bulk_atom *atom)
{
    for (uint32_t c = 0; c < program->relations[atom->relation].arity; c++) {
        uint32_t kind = pick(program, 20);
        if (kind == 0) {
            atom->args[c] =
                (struct bulk_arg){.value = scaled(program, pick(program, program->range))};
        } else if (rule->var_count > 0 && (kind < 10 || rule->var_count + 6 > BULK_MAX_VARS)) {
            atom->args[c] = var(pick(program, rule->var_count));
        } else {
            atom->args[c] = var(rule->var_count++);
        }
    }
}

/* A known variable, of the first `count`. */
static struct bulk_arg known(struct bulk_program *program, uint32_t count)
{
    return var(pick(program, count));
}

/* What comes after the atoms, over what they bind. */
static void random_rest(struct bulk_program *program, struct bulk_rule *rule)
{
    uint32_t vars = rule->var_count, head = rule->head.relation;
    uint32_t kind = pick(program, 9);
    if (kind == 0) {
        rule->has_compare = true;
        rule->compare = (enum bulk_compare)pick(program, 3);
        rule->left = known(program, vars);
        rule->right =
            pick(program, 2) == 0
                ? known(program, vars)
                : (struct bulk_arg){.value = scaled(program, pick(program, program->range))};
    } else if (kind == 1) {
        rule->has_negation = true;
        rule->negation.relation = pick_relation(program, head, 1, true);
        for (uint32_t c = 0; c < BULK_MAX_ARITY; c++) {
            rule->negation.args[c] = known(program, vars);
        }
    } else if (kind == 2 && program->stride != 0) {
        rule->has_sum = true;
        rule->addend = pick(program, vars);
        rule->sum = rule->var_count++;
        rule->add = program->stride;
        rule->below = program->stride * (int64_t)program->range;
    } else if (kind == 3) {
        uint32_t relation = pick_relation(program, head, 2, true);
        rule->fold = (enum bulk_fold)(program->stride == 0 ? BULK_MIN + pick(program, 2)
                                                           : BULK_COUNT + pick(program, 4));
        rule->inside.relation = relation;
        for (uint32_t c = 0; c < program->relations[relation].arity; c++) {
            rule->value = c == 0 ? 0 : rule->var_count;
            rule->inside.args[c] = c == 0 ? known(program, vars) : var(rule->var_count++);
        }
        rule->result = rule->var_count++;
    }
}

/* The head takes what the atoms and what came after them bind, not the locals of braces. */
static void random_head(struct bulk_program *program, struct bulk_rule *rule, uint32_t vars)
{
    for (uint32_t c = 0; c < program->relations[rule->head.relation].arity; c++) {
        rule->head.args[c] = known(program, vars);
    }
    uint32_t last = program->relations[rule->head.relation].arity - 1;
    if (rule->has_sum) {
        rule->head.args[last] = var(rule->sum);
    } else if (rule->fold != BULK_NO_FOLD) {
        rule->head.args[last] = var(rule->result);
    }
}

static void random_rule(struct bulk_program *program, uint32_t head)
{
    struct bulk_rule *rule = add_rule(program, head);
    if (rule == NULL) {
        return;
    }
    for (uint32_t i = 1 + pick(program, BULK_MAX_ATOMS - 1); i > 0; i--) {
        struct bulk_atom *atom = &rule->atoms[rule->atom_count++];
        atom->relation = pick_relation(program, head, 1, false);
        random_args(program, rule, atom);
    }
    if (rule->var_count == 0) {
        rule->atoms[0].args[0] = var(rule->var_count++);
    }
    uint32_t vars = rule->var_count;
    random_rest(program, rule);
    random_head(program, rule, vars);
}

/* ---- recursions that engines know ---- */

struct shape {
    uint32_t arity;
    const char *head, *atoms; /* `p` and `q` are of the head's group, `e` and `f` are not */
};

static const struct shape shapes[] = {
    {2, "AB", "pAC eCB"},         {2, "AB", "eAC pCB"},       {2, "AB", "pAC pCB"},
    {2, "AB", "eCA pCD fDB"},     {2, "AB", "eCA pCD eDB"},   {2, "AB", "pAC pBC"},
    {2, "AB", "pCA pCB"},         {2, "AB", "qAC eCB"},       {2, "AB", "qBA"},
    {2, "AB", "pAC qCB"},         {3, "ABC", "pABD eDC"},     {3, "ABC", "pBAD eDC"},
    {3, "ABC", "pADC eBD"},       {3, "ABC", "pABD pDBC"},    {3, "ABC", "eAD pDBC"},
    {3, "ABC", "pCAB"},           {3, "ABC", "qABD eCD"},     {1, "A", "pB eBA"},
    {1, "A", "pB eBA qA"},        {3, "ABC", "pADE eDB fEC"}, {4, "ABCD", "pABCE eED"},
    {4, "ABCD", "pABEF eEC fFD"}, {2, "AB", "pAC eCD fDB"},   {2, "AB", "pAB eBC"},
    {3, "ABA", "pABC eCA"},       {2, "AB", "pCB eCA fAB"},
};

static uint32_t of_group(struct bulk_program *program, uint32_t head, uint32_t arity, char name)
{
    uint32_t found = head;
    for (uint32_t r = BULK_BASES; r < BULK_RELATIONS && name == 'q'; r++) {
        const struct bulk_relation *relation = &program->relations[r];
        bool fits = relation->group == program->relations[head].group && relation->arity == arity;
        found = fits && pick(program, 2) == 0 ? r : found;
    }
    return found;
}

static uint32_t put_letters(struct bulk_atom *atom, const char *letters, uint32_t arity)
{
    uint32_t most = 0;
    for (uint32_t c = 0; c < arity; c++) {
        atom->args[c] = var((uint32_t)(letters[c] - 'A'));
        most = atom->args[c].var + 1 > most ? atom->args[c].var + 1 : most;
    }
    return most;
}

static void shaped_rule(struct bulk_program *program, uint32_t head)
{
    uint32_t arity = program->relations[head].arity;
    const struct shape *shape = &shapes[pick(program, sizeof(shapes) / sizeof(shapes[0]))];
    struct bulk_rule *rule = shape->arity == arity ? add_rule(program, head) : NULL;
    uint32_t edges[2] = {pick(program, 2), pick(program, 2)}; /* base relations of two columns */
    if (rule == NULL) {
        return;
    }
    (void)put_letters(&rule->head, shape->head, arity);
    for (const char *at = shape->atoms; *at != '\0'; at += strcspn(at, " ")) {
        at += *at == ' ';
        bool is_edge = *at == 'e' || *at == 'f';
        struct bulk_atom *atom = &rule->atoms[rule->atom_count++];
        atom->relation = is_edge ? edges[*at - 'e'] : of_group(program, head, arity, *at);
        uint32_t vars = put_letters(atom, at + 1, is_edge ? 2 : arity);
        rule->var_count = vars > rule->var_count ? vars : rule->var_count;
    }
    if (pick(program, 3) == 0) {
        random_rest(program, rule);
        if (rule->fold != BULK_NO_FOLD || rule->has_sum) { /* a test of what it computes */
            random_head(program, rule, 2 < rule->var_count ? 2 : 1);
        }
    }
}

/* Where the recursion begins. */
static void first_rule(struct bulk_program *program, uint32_t head)
{
    struct bulk_rule *rule = add_rule(program, head);
    if (rule == NULL) {
        return;
    }
    uint32_t relation = pick_relation(program, head, 2, true);
    rule->atoms[rule->atom_count++].relation = relation;
    for (uint32_t c = 0; c < program->relations[relation].arity; c++) {
        rule->atoms[0].args[c] = var(rule->var_count++);
    }
    for (uint32_t c = 0; c < program->relations[head].arity; c++) {
        rule->head.args[c] = c < rule->var_count ? var(c) : known(program, rule->var_count);
    }
}

/* ---- programs ---- */

static void random_relations(struct bulk_program *program)
{
    uint32_t group = 0;
    for (uint32_t r = 0; r < BULK_RELATIONS; r++) {
        struct bulk_relation *relation = &program->relations[r];
        bool is_base = r < BULK_BASES;
        relation->arity = r < 2 ? 2 : r == 2 ? 1 : r == 3 ? 3 : 1 + pick(program, 4);
        relation->arity -= relation->arity == 4 && pick(program, 2) == 0;
        group += !is_base && (r == BULK_BASES || pick(program, 5) < 3);
        relation->group = is_base ? 0 : group;
        if (is_base) {
            static const uint32_t times[] = {1, 2, 4, 16};
            random_facts(program, relation, program->range * times[pick(program, 4)]);
        } else if (pick(program, 6) == 0) {
            random_facts(program, relation, program->range / 4);
        }
    }
}

void bulk_random(struct bulk_program *program, uint64_t seed)
{
    static const uint32_t ranges[] = {12, 30, 70, 130, 220, 1500};
    static const int64_t strides[] = {1, 1, 1, 3, 64, 1000, 1 << 24, INT64_C(1) << 40, 0};
    memset(program, 0, sizeof(*program));
    rune_arena_init(&program->arena, 0);
    program->state = seed * UINT64_C(0x9e3779b97f4a7c15) + 5;
    program->range = ranges[pick(program, 6)];
    program->stride = strides[pick(program, 9)];
    random_relations(program);
    for (uint32_t r = BULK_BASES; r < BULK_RELATIONS; r++) {
        first_rule(program, r);
        for (uint32_t i = pick(program, 3); i > 0; i--) {
            shaped_rule(program, r);
        }
        for (uint32_t i = pick(program, 3); i > 0; i--) {
            random_rule(program, r);
        }
    }
}

void bulk_fini(struct bulk_program *program)
{
    rune_arena_fini(&program->arena);
}

/* ---- as text ---- */

void bulk_put_value(const struct bulk_program *program, int64_t value, struct rune_buf *out)
{
    if (program->stride == 0) { /* their order is that of the numbers */
        rune_buf_printf(out, "\"s%06lld\"", (long long)value);
    } else {
        rune_buf_printf(out, "%lld", (long long)value);
    }
}

static void put_arg(const struct bulk_program *program, const struct bulk_arg *arg,
                    struct rune_buf *out)
{
    if (arg->is_var) {
        rune_buf_printf(out, "V%u", arg->var);
    } else {
        bulk_put_value(program, arg->value, out);
    }
}

static void put_atom(const struct bulk_program *program, const struct bulk_atom *atom,
                     struct rune_buf *out)
{
    rune_buf_printf(out, "r%u(", atom->relation);
    for (uint32_t c = 0; c < program->relations[atom->relation].arity; c++) {
        rune_buf_append_cstr(out, c > 0 ? ", " : "");
        put_arg(program, &atom->args[c], out);
    }
    rune_buf_append_char(out, ')');
}

static void put_rule(const struct bulk_program *program, const struct bulk_rule *rule,
                     struct rune_buf *out)
{
    static const char *const compares[] = {" < ", " <= ", " != "};
    static const char *const folds[] = {"", "count", "sum", "min", "max"};
    put_atom(program, &rule->head, out);
    for (uint32_t i = 0; i < rule->atom_count; i++) {
        rune_buf_append_cstr(out, i == 0 ? " :- " : ", ");
        put_atom(program, &rule->atoms[i], out);
    }
    if (rule->has_sum) {
        rune_buf_printf(out, ", V%u = V%u + %lld, V%u < %lld", rule->sum, rule->addend,
                        (long long)rule->add, rule->sum, (long long)rule->below);
    }
    if (rule->has_compare) {
        rune_buf_append_cstr(out, ", ");
        put_arg(program, &rule->left, out);
        rune_buf_append_cstr(out, compares[rule->compare]);
        put_arg(program, &rule->right, out);
    }
    if (rule->has_negation) {
        rune_buf_append_cstr(out, ", not ");
        put_atom(program, &rule->negation, out);
    }
    if (rule->fold != BULK_NO_FOLD) {
        rune_buf_printf(out, ", V%u = %s { ", rule->result, folds[rule->fold]);
        if (rule->fold != BULK_COUNT) {
            rune_buf_printf(out, "V%u : ", rule->value);
        }
        put_atom(program, &rule->inside, out);
        rune_buf_append_cstr(out, " }");
    }
    rune_buf_append_cstr(out, ".\n");
}

void bulk_put_program(const struct bulk_program *program, struct rune_buf *out)
{
    for (uint32_t r = 0; r < BULK_RELATIONS; r++) {
        const struct bulk_relation *relation = &program->relations[r];
        for (uint32_t f = 0; f < relation->fact_count; f++) {
            rune_buf_printf(out, "r%u(", r);
            for (uint32_t c = 0; c < relation->arity; c++) {
                rune_buf_append_cstr(out, c > 0 ? ", " : "");
                bulk_put_value(program, relation->facts[(size_t)f * relation->arity + c], out);
            }
            rune_buf_append_cstr(out, ").\n");
        }
    }
    for (uint32_t i = 0; i < program->rule_count; i++) {
        if (!program->rules[i].is_off) {
            put_rule(program, &program->rules[i], out);
        }
    }
}
