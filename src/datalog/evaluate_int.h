/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate_int: what the builder's half of the rule engine shares between its files; private to
 * datalog.
 *
 *   goals*.c    rules as trees -> rules as goals over numbered variables (struct rune_dl_plan_rule)
 *   join*.c     one such rule and a binding pattern -> an order of its goals
 *   code*.c     that order -> a program; code_shared.c: the same for many rules alike
 *   project.c   demanded relations without the columns that nobody wants
 *   free.c      recursions that no request could afford
 *   sort_rows.c, orders.c, orders_choose.c
 *               tuples -> sorted orders; which orders serve which searches
 *   fixpoint.c  components of relations -> stored tuples
 *   sink.c      one rule and its plan -> the tuples that it derives
 *   limits.c    derivations that grow too large
 *   unbounded.c recursions that nothing bounds
 *   growing*.c  a relation while its fixpoint runs
 *   filters.c   what searches in it ask in vain
 *   fresh.c     what need not be tested, since it is there
 *   compose*.c  rules that compose two dense relations, by rows of bits
 *   linear.c    relations joined with themselves, the same in rounds but fewer ways
 *   closure*.c  the same for recursions that fall into rows
 *   entity_relations.c
 *               entity data as relations
 *   evaluate.c  the whole: what is stored, what is demanded
 *   image_plans.c, ahead.c, image_tables.c
 *               what becomes of it: plans and their orders, rows to fetch ahead, sections
 *
 * Relations have one number everywhere in the builder: program relations first, then those the
 * builder makes itself (bodies of aggregates; the facts of a demanded relation). */
#pragma once

#include "base/arena.h"
#include "datalog/evaluate.h"
#include "datalog/growing.h"
#include "eval/relation.h"
#include "eval/rule_vm.h"

#define RUNE_DL_NO_VAR UINT32_MAX

/* ---- rules as goals ---- */

enum RUNE_DL_SMALL rune_dl_goal_kind {
    RUNE_DL_GOAL_ATOM, /* vars: arguments; maybe negated; RUNE_DL_NO_VAR: any value */
    RUNE_DL_GOAL_EQ,   /* vars: two */
    RUNE_DL_GOAL_NE,
    RUNE_DL_GOAL_COMPARE,  /* op: enum rune_rule_compare; vars: two */
    RUNE_DL_GOAL_ARITH,    /* op: enum rune_rule_arith; vars: result, left, right */
    RUNE_DL_GOAL_NEGATE,   /* vars: result, operand */
    RUNE_DL_GOAL_INDEX,    /* term: key; vars: result, record */
    RUNE_DL_GOAL_FUNCTION, /* op: enum rune_rule_function; vars: result, arguments */
    RUNE_DL_GOAL_TEST,     /* op; vars: arguments; maybe negated */
    RUNE_DL_GOAL_IN,       /* vars: entity, then the listed; maybe negated */
    RUNE_DL_GOAL_IN_SET,   /* vars: entity, entity or set; maybe negated */
    RUNE_DL_GOAL_IS,       /* term: type; vars: entity; maybe negated */
    RUNE_DL_GOAL_AGGREGATE /* op: enum rune_rule_aggregate; relation: its body's; vars: result, then
                              the group */
};

struct rune_dl_goal {
    enum rune_dl_goal_kind kind;
    bool is_negated;
    bool only_tests; /* TEST: `S.contains(X)` that never runs through S */
    uint16_t op;
    uint32_t relation;
    rune_term term;
    uint32_t count; /* of vars */
    uint32_t *vars;
    struct rune_span span;
};

struct rune_dl_var {
    uint32_t parent; /* union-find: equal variables become one */
    bool is_constant;
    rune_term term; /* of a constant */
};

struct rune_dl_plan_rule {
    uint32_t head;
    uint32_t *head_vars;
    uint32_t arity;
    struct rune_dl_goal *goals;
    uint32_t goal_count;
    struct rune_dl_var *vars;
    uint32_t var_count;
    const struct rune_dl_rule *source; /* the rule as written; NULL: the builder's own */
    uint32_t number;                   /* in the image's RULE, or UINT32_MAX */
};
RUNE_VEC(rune_dl_vec_plan_rule, struct rune_dl_plan_rule);

static inline bool rune_dl_is_in_head(const struct rune_dl_plan_rule *rule, uint32_t var)
{
    uint32_t i = 0;
    while (i < rule->arity && rule->head_vars[i] != var) {
        i++;
    }
    return i < rule->arity;
}

/* ---- relations ---- */

enum rune_dl_access {
    RUNE_DL_PENDING,  /* not computed yet */
    RUNE_DL_STORED,   /* tuples in orders */
    RUNE_DL_GROWING,  /* its fixpoint is running */
    RUNE_DL_DEMANDED, /* by plans */
};

/* One stored order in the builder's memory. */
struct rune_dl_order {
    uint8_t columns[8];
    enum rune_order_form form;
    uint32_t key_min, key_count;
    uint32_t block_count, shift; /* of a directory */
    uint32_t *words;             /* NULL: UNIT */
    uint64_t bytes;
    uint32_t id;    /* in ctx->orders: the order as the machine sees it */
    bool is_chosen; /* for the image */
};
RUNE_VEC(rune_dl_vec_order, struct rune_dl_order);

/* In which order a rule's goals are taken, and the rows expected. */
struct rune_dl_join_order {
    const uint32_t *goals;
    double rows;
    bool is_shared; /* with a rule alike (code_shared.c) that came before */
};

/* The plans of one binding pattern. */
struct rune_dl_demand {
    uint32_t bound;
    uint32_t first, count;     /* in ctx->plans */
    uint32_t round;            /* ctx->plan_round in which they were made */
    struct rune_span asked_by; /* the goal that demanded them first, if one did */
    /* by rule: the join found when searches were collected; NULL: none, or things have changed */
    struct rune_dl_join_order *orders;
};
RUNE_VEC(rune_dl_vec_demand, struct rune_dl_demand);

/* A demand whose programs are still to be made. */
struct rune_dl_todo {
    uint32_t relation;
    uint32_t demand; /* of the relation */
};
RUNE_VEC(rune_dl_vec_todo, struct rune_dl_todo);

/* Rows that a demand is expected to give. */
struct rune_dl_estimate {
    uint32_t bound;
    double rows;
};
RUNE_VEC(rune_dl_vec_estimate, struct rune_dl_estimate);

struct rune_dl_rel {
    struct rune_str name;
    uint32_t arity;
    const struct rune_dl_relation *source; /* NULL: the builder's own */
    enum rune_dl_builtin builtin;
    rune_term literal; /* built-ins of one name: it */
    bool on_request;
    bool is_recursive;
    bool is_aggregate_body; /* every variable counts: see code.c */
    bool has_facts;
    bool is_scaffold; /* of closure.c; not in the image */
    bool is_needed;   /* computed in the builder, whatever its size: a fixpoint reads it */
    bool is_partial, is_unsure;
    enum rune_dl_access access;
    uint32_t component;              /* from 1 */
    uint32_t first_rule, rule_count; /* in ctx->rules */
    /* demanded with facts: the relation that holds them, else UINT32_MAX */
    uint32_t facts_relation;
    uint64_t count; /* stored tuples */
    struct rune_dl_vec_order orders;
    double *distinct; /* values a column, < 0 unknown; arity entries */
    uint64_t guessed; /* columns whose number of values is at most that */
    struct rune_tuples facts;
    struct rune_dl_vec_demand demands;
    /* column sets that stored orders must serve, while plans are collected */
    struct rune_vec_u32 searches;
    struct rune_dl_vec_estimate estimates; /* cache of join.c */
    struct rune_dl_growing *growing;
    uint32_t projections; /* project.c: 1 + the latest relation with some of its columns; 0: none */
    uint32_t image_relation; /* its number in the image */
};
RUNE_VEC(rune_dl_vec_rel, struct rune_dl_rel);

static inline bool rune_dl_is_entity_builtin(const struct rune_dl_rel *rel)
{
    return rel->builtin >= RUNE_DL_ENTITY_EXISTS && rel->builtin <= RUNE_DL_ENTITY_ID;
}

RUNE_VEC(rune_dl_vec_image_relation, struct rune_image_relation);
RUNE_VEC(rune_dl_vec_filter, struct rune_prefix_filter);

/* Which tuples of a growing relation a goal reads. */
enum rune_dl_range {
    RUNE_DL_RANGE_ALL,
    RUNE_DL_RANGE_NEW,
    RUNE_DL_RANGE_SORTED, /* the new ones, by groups: one tuple for each */
    RUNE_DL_RANGE_GROUP,  /* those of the group that a loop over SORTED stands at */
    RUNE_DL_RANGE_FED,    /* those that the rule has not read, also what it derives meanwhile */
    RUNE_DL_RANGE_OLD
};

/* Searches are only noted, not served: first pass over the image's plans. */
enum rune_dl_pass { RUNE_DL_PASS_BUILD, RUNE_DL_PASS_COLLECT, RUNE_DL_PASS_IMAGE };

/* What a derivation ran into. */
enum rune_dl_limit {
    RUNE_DL_LIMIT_POSITIONS, /* RUNE_RELATION_MAX_TUPLES */
    RUNE_DL_LIMIT_TUPLES,    /* options->max_tuples */
    RUNE_DL_LIMIT_MEMORY,    /* options->max_memory_bytes */
    RUNE_DL_LIMIT_STEPS,     /* options->max_steps */
    RUNE_DL_LIMIT_VALUES,    /* the length of a value, or the number of values */
    RUNE_DL_LIMIT_HEAP,      /* the system has no more: told by RUNE_E_NOMEM */
};

struct rune_dl_shared;

struct rune_dl_ctx {
    const struct rune_dl_program *program;
    const struct rune_dl_entities *entities;
    const struct rune_dl_options *options;
    struct rune_dict *dict;
    struct rune_diag *diag;
    rune_dl_source_index_fn source_index;
    void *source_context;
    struct rune_arena arena;   /* rules as goals, small tables */
    struct rune_arena scratch; /* of the machine, rewound after each rule */
    struct rune_dl_vec_rel rels;
    struct rune_dl_vec_plan_rule rules; /* grouped by head once goals.c is done */
    struct rune_dl_vec_plan_rule inner; /* until then: of the builder's own relations */
    /* as the machine sees them, by builder's number */
    struct rune_dl_vec_image_relation image_relations;
    struct rune_vec_order orders;      /* likewise; offsets are addresses */
    struct rune_dl_vec_filter filters; /* by order, of the component whose fixpoint runs */
    struct rune_vec_plan plans;
    struct rune_vec_u32 code;
    struct rune_vec_rule_span spans;
    struct rune_dl_shared *shared; /* orders and programs of code_shared.c; NULL: none yet */
    struct rune_vec_u32 key;       /* of what is looked for there */
    enum rune_dl_pass pass;
    uint32_t plan_round; /* plans of earlier rounds are forgotten */
    /* built-ins stored while plans were made: by then, and when searches began to be collected.
     * They change what joins are expected to cost. */
    uint32_t late_builtins, late_builtins_before;
    struct rune_span asking; /* the goal whose searches are being collected */
    bool is_coding;          /* a program is being made: what it demands waits in `todo` */
    struct rune_dl_vec_todo todo;
    uint32_t estimate_depth;
    /* plans that no decision needs: they get no order of a large recursion of their own */
    bool for_queries;
    struct rune_store store; /* entity data for the machine */
    struct rune_rule_vm vm;
    uint64_t derived, base_facts;
    uint64_t memory_bytes;    /* tuples and orders */
    uint64_t dict_bytes;      /* of the dict, before anything was derived */
    uint64_t steps_left;      /* of options->max_steps */
    uint64_t growing_bytes;   /* of the component whose fixpoint runs */
    enum rune_dl_limit limit; /* that was hit, after RUNE_E_LIMIT */
    uint64_t rows_at_limit;   /* tuples that closure_rows.c had found then */
};

/* ---- goals.c ---- */

/* A relation of the builder's own. */
RUNE_MUST_USE enum rune_err rune_dl_rel_add(struct rune_dl_ctx *ctx, struct rune_str name,
                                            uint32_t arity, uint32_t *ret_relation);
/* The same, for a part of one of its rules: it is called `OF {NUMBER}`. */
RUNE_MUST_USE enum rune_err rune_dl_rel_add_inner(struct rune_dl_ctx *ctx, struct rune_str of,
                                                  uint32_t arity, uint32_t *ret_relation);
/* All rules of the program as goals, then grouped by head. RUNE_E_NOMEM, RUNE_E_LIMIT,
 * RUNE_E_BUNDLE. */
RUNE_MUST_USE enum rune_err rune_dl_goals_make(struct rune_dl_ctx *ctx);
/* The term of a ground argument. RUNE_E_BUNDLE where it is no constant. */
RUNE_MUST_USE enum rune_err rune_dl_constant(struct rune_dl_ctx *ctx,
                                             const struct rune_dl_expr *expr, rune_term *ret_term);

/* ---- sort_rows.c ---- */

/* Rows (row-major) sorted by the columns in the order given (NULL: as they stand), repetitions
 * dropped. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_sort_rows(rune_term **rows, uint64_t *count, uint32_t arity,
                                              const uint8_t *columns);
/* Sorts rows by the first `leading` columns; equal ones stay as they were. */
RUNE_MUST_USE enum rune_err rune_dl_group_rows(rune_term **rows, uint64_t count, uint32_t arity,
                                               uint32_t leading);

/* ---- orders.c ---- */

/* Stores the relation's tuples, given row-major (taken over, freed), in the order of its columns.
 */
RUNE_MUST_USE enum rune_err rune_dl_store_rows(struct rune_dl_ctx *ctx, uint32_t relation,
                                               rune_term *rows, uint64_t count);
/* The same for the tuples that the bits name: `count` of them, at least one. */
RUNE_MUST_USE enum rune_err rune_dl_store_bits(struct rune_dl_ctx *ctx, uint32_t relation,
                                               const struct rune_dl_bits *bits, uint64_t count);
/* The tuples of a stored relation as rows, ascending; the caller frees them. */
RUNE_MUST_USE enum rune_err rune_dl_read_rows(struct rune_dl_ctx *ctx, uint32_t relation,
                                              rune_term **ret_rows, uint64_t *ret_count);
/* Builds an order with these columns. */
RUNE_MUST_USE enum rune_err rune_dl_order_build(struct rune_dl_ctx *ctx, uint32_t relation,
                                                const uint8_t *columns, uint32_t *ret_index);
/* Takes an order over (freed on failure). */
RUNE_MUST_USE enum rune_err rune_dl_order_add(struct rune_dl_ctx *ctx, uint32_t relation,
                                              struct rune_dl_order *order);
void rune_dl_orders_free(struct rune_dl_rel *rel);

/* ---- orders_choose.c ---- */

/* An order of a stored relation whose first positions are exactly the columns of `search`; built if
 * missing. RUNE_E_NOMEM. Cost: a sort the first time. */
RUNE_MUST_USE enum rune_err rune_dl_order_for(struct rune_dl_ctx *ctx, uint32_t relation,
                                              uint32_t search, uint32_t *ret_order);
/* Column orders, fewest in number, such that each search is a prefix of one (a chain cover): 8
 * bytes each in `ret_columns`, at least one. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_orders_choose(struct rune_dl_ctx *ctx, uint32_t relation,
                                                  struct rune_vec_u64 *ret_columns);
/* Whether an order chosen for the image serves the search. */
bool rune_dl_order_serves(const struct rune_dl_rel *rel, uint32_t search);
/* Different values in a column of a stored relation, or a guess that may be too many. Cost: two
 * passes over it, the first time. */
double rune_dl_distinct(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t column);
/* The same, or less where it is but a guess (values too far apart): never more than there are. */
double rune_dl_distinct_at_least(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t column);

/* ---- join.c ---- */

/* Whether the goals alone, with nothing bound, can be put into an order and bind the head. */
bool rune_dl_join_is_safe(struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule);
/* Rows that a relation is expected to give for a binding pattern. */
double rune_dl_estimate(struct rune_dl_ctx *ctx, uint32_t relation, uint32_t bound);
/* Whether that is at most `limit` with nothing bound, whatever the joins: by the relations' sizes
 * alone, which is cheaper to say. False: perhaps. */
bool rune_dl_is_surely_below(const struct rune_dl_ctx *ctx, uint32_t relation, double limit);

/* ---- code.c ---- */

/* Of a plan's flags: it emits rows, for each group of new tuples that agree in all columns but the
 * last what stands before the head's last column, which is that of the group (growing.h). */
#define RUNE_DL_PLAN_BY_ROWS 0x10000u
/* It reads one growing relation once, so that no round needs to end before it goes on. */
#define RUNE_DL_PLAN_FED 0x20000u
/* It reads new tuples in order. */
#define RUNE_DL_PLAN_SORTED 0x40000u

/* Program of one rule for a binding pattern, appended to ctx->code; the plan is filled in. With
 * `delta` (a goal) that goal comes first and reads the new tuples; of the other recursive goals,
 * in a sequence that is the same for all of a rule's, those before it read all, those behind it the
 * old. Where it hands its last column on to the head's and nobody else
 * reads that, the plan is BY_ROWS. UINT32_MAX: none. RUNE_E_BUNDLE: the rule cannot be run that way
 * (reported). */
RUNE_MUST_USE enum rune_err rune_dl_code_rule(struct rune_dl_ctx *ctx, uint32_t rule,
                                              uint32_t bound, uint32_t delta,
                                              struct rune_image_plan *ret_plan);
/* The plans of a demanded relation for a binding pattern, compiled on first use: at
 * once, or, if it is another program that demands them, when that is done. */
RUNE_MUST_USE enum rune_err rune_dl_demand_plans(struct rune_dl_ctx *ctx, uint32_t relation,
                                                 uint32_t bound, uint32_t *ret_first,
                                                 uint32_t *ret_count);

/* ---- code_shared.c ---- */

void rune_dl_shared_fini(struct rune_dl_ctx *ctx);

/* ---- project.c ---- */

/* Demanded relations lose, where they are asked, the columns that nobody wants: the rules ask
 * relations that have but the others. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_project(struct rune_dl_ctx *ctx);

/* ---- free.c ---- */

/* Reports the recursions that decisions, whose plans have just been collected, would have to
 * compute in full for each request. RUNE_E_BUNDLE: there are some. */
RUNE_MUST_USE enum rune_err rune_dl_refuse_free(struct rune_dl_ctx *ctx);

/* ---- evaluate.c ---- */

/* The facts of a relation, sorted and stored; its facts are given up. */
RUNE_MUST_USE enum rune_err rune_dl_store_facts(struct rune_dl_ctx *ctx, uint32_t relation);

/* ---- image_plans.c ---- */

/* Compiles all that is demanded: once to choose the orders, once for good. */
RUNE_MUST_USE enum rune_err rune_dl_compile_image(struct rune_dl_ctx *ctx);

/* ---- image_tables.c ---- */

/* Compiles the programs and moves everything into the result. */
RUNE_MUST_USE enum rune_err rune_dl_write_image(struct rune_dl_ctx *ctx,
                                                struct rune_dl_result *result);

/* ---- entity_relations.c ---- */

/* Entity data as tuples of a built-in relation (entity, entity.parent, entity.attr ...), stored. */
RUNE_MUST_USE enum rune_err rune_dl_store_builtin(struct rune_dl_ctx *ctx, uint32_t relation);

/* ---- fixpoint.c ---- */

/* Computes the relations of one component, as far as they are not to be demanded, and stores them.
 */
RUNE_MUST_USE enum rune_err rune_dl_fixpoint(struct rune_dl_ctx *ctx, const uint32_t *relations,
                                             uint32_t count);

/* One relation that does not recurse, in full. */
RUNE_MUST_USE enum rune_err rune_dl_compute(struct rune_dl_ctx *ctx, uint32_t relation);
/* The same if it has at most `budget` tuples, found in about as many steps; else it is demanded. It
 * is not even tried where many more are expected. */
RUNE_MUST_USE enum rune_err rune_dl_try_compute(struct rune_dl_ctx *ctx, uint32_t relation,
                                                uint64_t budget);

/* ---- limits.c ---- */

/* Whether so many more tuples and bytes are allowed. RUNE_E_LIMIT: no; ctx->limit says which. */
RUNE_MUST_USE enum rune_err rune_dl_check_limits(struct rune_dl_ctx *ctx, uint64_t more_tuples,
                                                 uint64_t more_bytes);
/* The same after tuples were added to a relation that had `before`: now and then. */
RUNE_MUST_USE enum rune_err rune_dl_check_growth(struct rune_dl_ctx *ctx,
                                                 struct rune_dl_growing *growing, uint32_t before);
/* Reports a limit, or the want of memory, at the rule whose relation was growing, with the tuples
 * that it had; passes `err` through. */
RUNE_MUST_USE enum rune_err rune_dl_report_limit(struct rune_dl_ctx *ctx,
                                                 const struct rune_dl_plan_rule *rule,
                                                 uint64_t tuples, enum rune_err err);
/* Refuses a rule that is a product of relations, or of some of their columns, and nothing else, if
 * that many tuples cannot be: before any is derived. RUNE_E_LIMIT (reported). */
RUNE_MUST_USE enum rune_err rune_dl_check_product(struct rune_dl_ctx *ctx,
                                                  const struct rune_dl_plan_rule *rule);

/* ---- unbounded.c ---- */

/* Whether a rule of a growing relation makes new values of old ones by arithmetic or concat, and
 * nothing in it bounds them: no comparison, no test, no atom of other relations. */
bool rune_dl_is_unbounded(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule);
/* Reports that such a rule was given up. RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_dl_report_unbounded(struct rune_dl_ctx *ctx,
                                                     const struct rune_dl_plan_rule *rule,
                                                     uint64_t rounds, uint64_t tuples);

/* ---- ahead.c ---- */

/* Fills result->ahead, from the finished plans, programs and orders. */
RUNE_MUST_USE enum rune_err rune_dl_find_ahead(struct rune_dl_result *result);

/* ---- closure.c ---- */

/* A relation that recurses alone, by rows, if it is of that kind; *ret_done says whether.
 * RUNE_E_NOMEM, RUNE_E_LIMIT, RUNE_E_BUNDLE (reported). */
RUNE_MUST_USE enum rune_err rune_dl_closure(struct rune_dl_ctx *ctx, uint32_t relation,
                                            bool *ret_done);

/* ---- filters.c ---- */

/* Makes the filter of a stored order's first `count` columns, unless it has one or has too many
 * tuples. RUNE_E_NOMEM. Cost: a look at each tuple. */
RUNE_MUST_USE enum rune_err rune_dl_filter_make(struct rune_dl_ctx *ctx, uint32_t order,
                                                uint32_t count);
void rune_dl_filters_free(struct rune_dl_ctx *ctx);

/* ---- linear.c ---- */

/* Rules of a growing relation that join it with itself read its base in one place from here on. To
 * be ended, also after an error. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_dl_linear_begin(struct rune_dl_ctx *ctx, uint32_t relation);
/* Whether a rule of a growing relation reads that one's base; what all others derive belongs to it.
 */
bool rune_dl_linear_is_closing(const struct rune_dl_ctx *ctx, const struct rune_dl_plan_rule *rule);
void rune_dl_linear_end(struct rune_dl_ctx *ctx, uint32_t relation);

/* ---- growing_views.c ---- */

/* The order in ctx->orders that reads a growing relation, those tuples at least that have partners.
 */
RUNE_MUST_USE enum rune_err rune_dl_growing_order(struct rune_dl_ctx *ctx, uint32_t relation,
                                                  uint32_t search, enum rune_dl_range range,
                                                  const struct rune_dl_partners *partners,
                                                  uint32_t *ret_order);
