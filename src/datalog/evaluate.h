/* SPDX-License-Identifier: Apache-2.0 */
/* evaluate: a checked program and base facts -> stored relations and compiled plans: the builder's
 * half of the rule engine. eval/rule_eval.h is the other half: it answers from what this leaves
 * behind.
 *
 * Decides for each relation whether it is stored (all tuples in the image, in the orders that some
 * search needs) or demanded (plans per binding pattern). Used by: engine/build, conformance, tests.
 */
#pragma once

#include "base/vec.h"
#include "datalog/ast.h"
#include "datalog/tuples.h"
#include "model/dict.h"
#include "rune/err.h"
#include "shm/image_format.h"

struct rune_diag;

/* Entity data that rules may read, by entity index; borrowed. NULL arrays: none (the bare
 * language). */
struct rune_dl_entities {
    const uint32_t *attrs;     /* heap offsets, as ENTITY_ATTRS */
    const uint32_t *ancestors; /* as ENTITY_ANCESTORS */
    const uint32_t *tags;      /* may be NULL */
    const uint8_t *flags;
    uint32_t count;
    const rune_term *parent_child; /* direct parents: pairs, parallel arrays */
    const rune_term *parent_parent;
    uint32_t parent_count;
};

enum rune_dl_storing {
    RUNE_DL_STORE_WHAT_PAYS, /* the planner decides */
    RUNE_DL_STORE_ALL,       /* every request-independent relation: conformance, tests */
    RUNE_DL_STORE_BASE,      /* facts only, all else on demand: conformance, tests */
};

enum rune_dl_sharing {
    RUNE_DL_SHARE_PROGRAMS, /* rules that differ in constants only are compiled once */
    RUNE_DL_SHARE_NOTHING,  /* the same, slower: tests */
};

struct rune_dl_options {
    enum rune_dl_storing storing;
    enum rune_dl_sharing sharing;
    uint64_t max_tuples;       /* LIMIT: derived tuples in all; 0: none */
    uint64_t max_memory_bytes; /* 0: none */
    struct rune_arena
        *trees;         /* of the rules, given back while they are read; NULL: they are kept */
    bool keeps_parents; /* the program's entity.parent is stored even if nothing reads it */
    uint64_t max_steps; /* LIMIT: tuples read, in all; 0: none */
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
    void *progress_context;
};

RUNE_VEC(rune_vec_relation, struct rune_image_relation);
RUNE_VEC(rune_vec_order, struct rune_image_order);
RUNE_VEC(rune_vec_ahead, struct rune_image_ahead);
RUNE_VEC(rune_vec_rule, struct rune_image_rule);
RUNE_VEC(rune_vec_plan, struct rune_image_plan);
RUNE_VEC(rune_vec_rule_span, struct rune_image_code_span);

/* What becomes the sections RELATION, ORDER, TUPLES, RULE, PLAN, RULE_CODE, RULE_SPAN, AHEAD.
 * `tuples` is 64-aligned. */
struct rune_dl_result {
    struct rune_vec_relation relations; /* sorted by name */
    struct rune_vec_order orders;
    uint8_t *tuples;
    uint64_t tuple_bytes;
    uint64_t tuple_capacity;
    struct rune_vec_rule rules;
    struct rune_vec_plan plans;
    struct rune_vec_u32 code;
    struct rune_vec_rule_span spans;
    struct rune_vec_ahead ahead;
    uint64_t base_facts, derived_facts;
};

typedef uint32_t (*rune_dl_source_index_fn)(void *context, const struct rune_source *source);

/* `facts` has one entry a relation of the program (arity 0: count 0 or 1 tells absent or present),
 * with the program's own facts (rune_dl_intern_facts); consumed: columns may be freed as soon as
 * they were read. New values (arithmetic, concat) are
 * interned into the dict. RUNE_E_BUNDLE (a demand that cannot be planned; located), RUNE_E_LIMIT
 * (max_tuples, memory; diag names the rule), RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err
rune_dl_evaluate(const struct rune_dl_program *program, struct rune_tuples *facts,
                 const struct rune_dl_entities *entities, struct rune_dict *dict,
                 const struct rune_dl_options *options, rune_dl_source_index_fn source_index,
                 void *source_context, struct rune_dl_result *ret_result, struct rune_diag *diag);
void rune_dl_result_fini(struct rune_dl_result *result);

/* The tuples of one relation: row-major, ascending, each once. `is_partial`: a derivation failed,
 * here or below, so there may be more. `rows` is valid during the call. */
typedef enum rune_err (*rune_dl_rows_fn)(void *context, uint32_t relation, const rune_term *rows,
                                         uint64_t count, bool is_partial);

/* Computes the relations `wanted` (numbers of the program, of rules or facts, none of which depends
 * on the request) in full, and what they need of others; nothing is left behind. `take` gets each
 * of them, in their order; an error that it returns is returned. Everything else as
 * rune_dl_evaluate. */
RUNE_MUST_USE enum rune_err
rune_dl_derive(const struct rune_dl_program *program, struct rune_tuples *facts,
               const struct rune_dl_entities *entities, struct rune_dict *dict,
               const struct rune_dl_options *options, const uint32_t *wanted, uint32_t wanted_count,
               rune_dl_rows_fn take, void *take_context, struct rune_diag *diag);
