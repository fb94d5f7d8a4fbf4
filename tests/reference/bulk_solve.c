/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "reference/bulk.h"

enum { MAX_ROWS = 60000, MAX_STEPS = 3000000 };

struct solving {
    const struct bulk_program *program;
    struct bulk_answers *answers;
    const struct bulk_rule *rule;
    int64_t values[BULK_MAX_VARS];
    bool bound[BULK_MAX_VARS];
    bool done[BULK_MAX_ATOMS];
};

static void *more(void *items, size_t count, size_t bytes)
{
    void *grown = realloc(items, count * bytes);
    if (grown == NULL) {
        abort();
    }
    return grown;
}

/* ---- rows ---- */

static uint64_t hash_row(const int64_t *row, uint32_t arity, uint32_t columns)
{
    uint64_t hash = 1;
    for (uint32_t c = 0; c < arity; c++) {
        if ((columns >> c & 1) != 0) {
            hash = (hash ^ (uint64_t)row[c]) * UINT64_C(0x9e3779b97f4a7c15);
            hash ^= hash >> 29;
        }
    }
    return hash;
}

static uint32_t *find_slot(const struct bulk_rows *rows, const int64_t *row)
{
    uint64_t at = hash_row(row, rows->arity, UINT32_MAX) & (rows->slot_count - 1);
    while (rows->slots[at] != 0 && memcmp(rows->cells + (size_t)(rows->slots[at] - 1) * rows->arity,
                                          row, rows->arity * sizeof(*row)) != 0) {
        at = (at + 1) & (rows->slot_count - 1);
    }
    return &rows->slots[at];
}

uint32_t bulk_find(const struct bulk_rows *rows, const int64_t *row)
{
    return rows->count == 0 ? UINT32_MAX : *find_slot(rows, row) - 1;
}

static void grow(struct bulk_rows *rows)
{
    rows->capacity = rows->capacity == 0 ? 16 : rows->capacity * 2;
    rows->cells = more(rows->cells, (size_t)rows->capacity * rows->arity, sizeof(*rows->cells));
    rows->slot_count = rows->capacity * 2;
    rows->slots = more(rows->slots, rows->slot_count, sizeof(*rows->slots));
    memset(rows->slots, 0, rows->slot_count * sizeof(*rows->slots));
    for (uint32_t row = 0; row < rows->count; row++) {
        *find_slot(rows, rows->cells + (size_t)row * rows->arity) = row + 1;
    }
}

static void add_row(struct bulk_answers *answers, uint32_t relation, const int64_t *row)
{
    struct bulk_rows *rows = &answers->rows[relation];
    if (bulk_find(rows, row) != UINT32_MAX) {
        return;
    }
    if (rows->count == MAX_ROWS) {
        answers->is_over = true;
        return;
    }
    if (rows->count == rows->capacity) {
        grow(rows);
    }
    memcpy(rows->cells + (size_t)rows->count * rows->arity, row, rows->arity * sizeof(*row));
    *find_slot(rows, row) = ++rows->count;
}

/* Brings the index up to all rows; new ones stand before old ones of their chain. */
static struct bulk_index *index_of(struct bulk_rows *rows, uint32_t columns)
{
    struct bulk_index *index = &rows->indexes[columns];
    if (index->next_capacity < rows->capacity) {
        index->next_capacity = rows->capacity;
        index->head_count = rows->capacity * 2;
        index->next = more(index->next, index->next_capacity, sizeof(*index->next));
        index->heads = more(index->heads, index->head_count, sizeof(*index->heads));
        memset(index->heads, 0, index->head_count * sizeof(*index->heads));
        index->indexed = 0;
    }
    for (; index->indexed < rows->count; index->indexed++) {
        const int64_t *row = rows->cells + (size_t)index->indexed * rows->arity;
        uint64_t at = hash_row(row, rows->arity, columns) & (index->head_count - 1);
        index->next[index->indexed] = index->heads[at];
        index->heads[at] = index->indexed + 1;
    }
    return index;
}

/* ---- bodies ---- */

typedef void (*found_fn)(struct solving *solving, void *context);

static bool knows(const struct solving *solving, const struct bulk_arg *arg)
{
    return !arg->is_var || solving->bound[arg->var];
}

static int64_t value_of(const struct solving *solving, const struct bulk_arg *arg)
{
    return arg->is_var ? solving->values[arg->var] : arg->value;
}

static uint32_t arity_of(const struct solving *solving, const struct bulk_atom *atom)
{
    return solving->program->relations[atom->relation].arity;
}

/* The known columns and their values. */
static uint32_t known_columns(const struct solving *solving, const struct bulk_atom *atom,
                              int64_t *ret_row)
{
    uint32_t columns = 0;
    for (uint32_t c = 0; c < arity_of(solving, atom); c++) {
        if (knows(solving, &atom->args[c])) {
            columns |= 1u << c;
            ret_row[c] = value_of(solving, &atom->args[c]);
        }
    }
    return columns;
}

/* Binds the atom's variables to the row, for as long as `found` takes. */
static void with_row(struct solving *solving, const struct bulk_atom *atom, const int64_t *row,
                     found_fn found, void *context)
{
    uint32_t undo[BULK_MAX_ARITY], undo_count = 0, c = 0;
    for (; c < arity_of(solving, atom); c++) {
        const struct bulk_arg *arg = &atom->args[c];
        if (!knows(solving, arg)) {
            solving->bound[arg->var] = true;
            solving->values[arg->var] = row[c];
            undo[undo_count++] = arg->var;
        } else if (value_of(solving, arg) != row[c]) {
            break;
        }
    }
    if (c == arity_of(solving, atom)) {
        found(solving, context);
    }
    while (undo_count > 0) {
        solving->bound[undo[--undo_count]] = false;
    }
}

static void note_visit(struct bulk_answers *answers, uint32_t row)
{
    if (answers->visit_count == answers->visit_capacity) {
        answers->visit_capacity = answers->visit_capacity == 0 ? 1024 : answers->visit_capacity * 2;
        answers->visits = more(answers->visits, answers->visit_capacity, sizeof(*answers->visits));
    }
    answers->visits[answers->visit_count++] = row;
}

static void each_row(struct solving *solving, const struct bulk_atom *atom, found_fn found,
                     void *context)
{
    struct bulk_answers *answers = solving->answers;
    struct bulk_rows *rows = &answers->rows[atom->relation];
    int64_t known[BULK_MAX_ARITY], row[BULK_MAX_ARITY];
    uint32_t columns = known_columns(solving, atom, known), at;
    if (rows->count == 0) {
        return;
    }
    struct bulk_index *index = index_of(rows, columns);
    at = index->heads[hash_row(known, rows->arity, columns) & (index->head_count - 1)];
    /* All are noted first: chains are made anew when their relation grows. */
    uint32_t first = answers->visit_count;
    for (; at != 0; at = index->next[at - 1]) {
        note_visit(answers, at - 1);
    }
    for (uint32_t end = answers->visit_count, i = first; i < end && !answers->is_over; i++) {
        answers->is_over = answers->steps_left-- == 0;
        memcpy(row, rows->cells + (size_t)answers->visits[i] * rows->arity,
               rows->arity * sizeof(*row));
        with_row(solving, atom, row, found, context);
    }
    answers->visit_count = first;
}

struct folding {
    int64_t count;
    __int128 value;
};

static void fold_row(struct solving *solving, void *context)
{
    struct folding *folding = context;
    int64_t value = solving->values[solving->rule->value];
    bool is_first = folding->count++ == 0;
    switch (solving->rule->fold) {
    case BULK_SUM:
        folding->value += value;
        break;
    case BULK_MIN:
        folding->value = is_first || value < folding->value ? value : folding->value;
        break;
    case BULK_MAX:
        folding->value = is_first || value > folding->value ? value : folding->value;
        break;
    default:
        folding->value = folding->count;
    }
}

static void found_body(struct solving *solving)
{
    const struct bulk_rule *rule = solving->rule;
    int64_t row[BULK_MAX_ARITY];
    for (uint32_t c = 0; c < arity_of(solving, &rule->head); c++) {
        row[c] = value_of(solving, &rule->head.args[c]);
    }
    add_row(solving->answers, rule->head.relation, row);
}

static bool passes(const struct solving *solving)
{
    const struct bulk_rule *rule = solving->rule;
    int64_t row[BULK_MAX_ARITY];
    if (rule->has_compare) {
        int64_t left = value_of(solving, &rule->left), right = value_of(solving, &rule->right);
        if (!(rule->compare == BULK_LT   ? left < right
              : rule->compare == BULK_LE ? left <= right
                                         : left != right)) {
            return false;
        }
    }
    if (rule->has_negation) {
        (void)known_columns(solving, &rule->negation, row);
        return bulk_find(&solving->answers->rows[rule->negation.relation], row) == UINT32_MAX;
    }
    return true;
}

/* All atoms hold. */
static void found_atoms(struct solving *solving)
{
    const struct bulk_rule *rule = solving->rule;
    if (rule->has_sum) {
        int64_t *sum = &solving->values[rule->sum];
        if (__builtin_add_overflow(solving->values[rule->addend], rule->add, sum) ||
            *sum >= rule->below) {
            return;
        }
    }
    if (!passes(solving)) {
        return;
    }
    if (rule->fold != BULK_NO_FOLD) {
        struct folding folding = {0};
        each_row(solving, &rule->inside, fold_row, &folding);
        bool fits = folding.value >= INT64_MIN && folding.value <= INT64_MAX;
        if (!fits || (folding.count == 0 && rule->fold >= BULK_MIN)) {
            return;
        }
        solving->values[rule->result] = (int64_t)folding.value;
    }
    found_body(solving);
}

/* The atom with most columns known comes next. */
static void solve_atoms(struct solving *solving, void *context)
{
    const struct bulk_rule *rule = solving->rule;
    int64_t row[BULK_MAX_ARITY];
    uint32_t best = UINT32_MAX;
    int most = -1;
    (void)context;
    for (uint32_t i = 0; i < rule->atom_count; i++) {
        int known = __builtin_popcount(known_columns(solving, &rule->atoms[i], row));
        if (!solving->done[i] && known > most) {
            most = known;
            best = i;
        }
    }
    if (best == UINT32_MAX) {
        found_atoms(solving);
        return;
    }
    solving->done[best] = true;
    each_row(solving, &rule->atoms[best], solve_atoms, NULL);
    solving->done[best] = false;
}

/* ---- groups ---- */

/* All that follows from one tuple, as each atom that it may be, and all others. */
static void take_row(struct bulk_answers *answers, const struct bulk_program *program,
                     uint32_t relation, const int64_t *row)
{
    for (uint32_t r = 0; r < program->rule_count && !answers->is_over; r++) {
        const struct bulk_rule *rule = &program->rules[r];
        bool is_of_group =
            program->relations[rule->head.relation].group == program->relations[relation].group;
        for (uint32_t i = 0; is_of_group && i < rule->atom_count && !rule->is_off; i++) {
            if (rule->atoms[i].relation == relation && !answers->is_over) {
                answers->culprit = r;
                struct solving solving = {.program = program, .answers = answers, .rule = rule};
                solving.done[i] = true;
                with_row(&solving, &rule->atoms[i], row, solve_atoms, NULL);
            }
        }
    }
}

static void solve_group(struct bulk_answers *answers, const struct bulk_program *program,
                        uint32_t group)
{
    uint32_t taken[BULK_RELATIONS] = {0};
    bool any = true;
    for (uint32_t r = 0; r < program->rule_count && !answers->is_over; r++) {
        const struct bulk_rule *rule = &program->rules[r];
        if (!rule->is_off && program->relations[rule->head.relation].group == group) {
            answers->culprit = r;
            struct solving solving = {.program = program, .answers = answers, .rule = rule};
            solve_atoms(&solving, NULL);
        }
    }
    while (any && !answers->is_over) {
        any = false;
        for (uint32_t r = 0; r < BULK_RELATIONS; r++) {
            struct bulk_rows *rows = &answers->rows[r];
            if (program->relations[r].group != group) {
                continue;
            }
            for (; taken[r] < rows->count && !answers->is_over; taken[r]++) {
                int64_t row[BULK_MAX_ARITY];
                memcpy(row, rows->cells + (size_t)taken[r] * rows->arity,
                       rows->arity * sizeof(*row));
                take_row(answers, program, r, row);
                any = true;
            }
        }
    }
}

void bulk_solve(const struct bulk_program *program, struct bulk_answers *ret_answers)
{
    uint32_t groups = 0;
    memset(ret_answers, 0, sizeof(*ret_answers));
    ret_answers->steps_left = MAX_STEPS;
    for (uint32_t r = 0; r < BULK_RELATIONS; r++) {
        const struct bulk_relation *relation = &program->relations[r];
        ret_answers->rows[r].arity = relation->arity;
        groups = relation->group + 1 > groups ? relation->group + 1 : groups;
        for (uint32_t f = 0; f < relation->fact_count; f++) {
            add_row(ret_answers, r, relation->facts + (size_t)f * relation->arity);
        }
    }
    for (uint32_t group = 1; group < groups && !ret_answers->is_over; group++) {
        solve_group(ret_answers, program, group);
    }
}

void bulk_tame(struct bulk_program *program, struct bulk_answers *ret_answers)
{
    bulk_solve(program, ret_answers);
    while (ret_answers->is_over) {
        struct bulk_rule *culprit = &program->rules[ret_answers->culprit];
        uint32_t others = 0;
        culprit->is_off = true;
        for (uint32_t r = 0; r < program->rule_count; r++) {
            const struct bulk_rule *rule = &program->rules[r];
            others += rule->head.relation == culprit->head.relation && !rule->is_off;
        }
        if (others == 0) {
            return;
        }
        bulk_answers_fini(ret_answers);
        bulk_solve(program, ret_answers);
    }
}

void bulk_answers_fini(struct bulk_answers *answers)
{
    free(answers->visits);
    for (uint32_t r = 0; r < BULK_RELATIONS; r++) {
        struct bulk_rows *rows = &answers->rows[r];
        for (uint32_t i = 0; i < 1u << BULK_MAX_ARITY; i++) {
            free(rows->indexes[i].heads);
            free(rows->indexes[i].next);
        }
        free(rows->cells);
        free(rows->slots);
    }
}
