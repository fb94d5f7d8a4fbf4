/* SPDX-License-Identifier: Apache-2.0 */
/* ast: rules as trees, with a place on every node.
 *
 * Owns: the types, for the whole rule language (LANGUAGE: docs/language.md). Nodes live in the
 * build arena and borrow texts from it or from the source. Made by datalog/parser; resolved and
 * annotated by datalog/check; read by the planner and the reference evaluator in tests.
 *
 * Nodes are small on purpose: a program of thousands of rules is read once, and what that costs is
 * mostly the memory it touches. So arguments stand in their list themselves, and an expression's
 * place does not say in which text it is: its rule's does. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/str.h"

/* An enumeration in one byte. */
#define RUNE_DL_SMALL __attribute__((packed))

/* ---- expressions: arguments of atoms, sides of comparisons ---- */

enum RUNE_DL_SMALL rune_dl_expr_kind {
    RUNE_DL_VARIABLE, /* as.variable */
    RUNE_DL_WILDCARD, /* `_`: a new variable each time; its number is in as.variable too */
    RUNE_DL_LONG,     /* as.integer */
    RUNE_DL_FLOAT,    /* as.floating */
    RUNE_DL_STRING,   /* as.string; bare lower-case names too */
    /* as.boolean: `true`, `false` (bundles; in the bare language they are strings) */
    RUNE_DL_BOOL,
    RUNE_DL_ENTITY, /* as.uid, in the arena */
    RUNE_DL_LIST,   /* args: elements: `[a, b]` */
    RUNE_DL_NEG,    /* args: operand */
    RUNE_DL_ADD,    /* args: left, right */
    RUNE_DL_SUB,
    RUNE_DL_MUL,
    RUNE_DL_DIV,
    RUNE_DL_MOD,
    RUNE_DL_INDEX, /* args: record; key: `R["k"]` */
    RUNE_DL_CALL,  /* args; function: concat, length, Cedar methods and constructors of values */
};

/* In the text of the rule that it is part of; nothing is there: length 0. */
struct rune_dl_place {
    uint32_t offset;
    uint32_t length;
};

struct rune_dl_uid {
    struct rune_str type, id;
};

struct rune_dl_expr {
    enum rune_dl_expr_kind kind;
    uint16_t depth;     /* 1 + the deepest argument; LIMIT checked by the parser */
    uint32_t arg_count; /* 0 for leaves, which have no args */
    struct rune_dl_place place;
    union {
        union {
            uint32_t variable; /* index into the rule's variables */
            int64_t integer;
            double floating;
            bool boolean;
            struct rune_str string;
            const struct rune_dl_uid *uid;
        } as;
        struct {
            struct rune_dl_expr *args;
            union {
                uint32_t function; /* enum rune_dl_function, datalog/functions.def */
                const struct rune_str *key;
            };
        };
    };
};

/* INVARIANT: two in a cache line. */
static_assert(sizeof(struct rune_dl_expr) == 32, "an expression has 32 bytes");

static inline struct rune_span rune_dl_expr_span(const struct rune_source *source,
                                                 const struct rune_dl_expr *expr)
{
    return (struct rune_span){source, expr->place.offset, expr->place.length};
}

/* ---- body literals ---- */

enum RUNE_DL_SMALL rune_dl_literal_kind {
    RUNE_DL_ATOM,    /* relation(args), maybe negated */
    RUNE_DL_COMPARE, /* left op right */
    RUNE_DL_IN,      /* left in right, Cedar's; right may be a list; maybe negated */
    RUNE_DL_IS,      /* left is type; maybe negated */
    /* a method used as a test: X.starts_with("a"), S.contains(X), X.lessThan(Y); maybe negated */
    RUNE_DL_TEST,
    RUNE_DL_AGGREGATE,   /* result = op { value : body } */
    RUNE_DL_DISJUNCTION, /* ( body ; body ... ) */
};

enum RUNE_DL_SMALL rune_dl_compare {
    RUNE_DL_EQ,
    RUNE_DL_NE,
    RUNE_DL_LT,
    RUNE_DL_LE,
    RUNE_DL_GT,
    RUNE_DL_GE
};
enum RUNE_DL_SMALL rune_dl_aggregate {
    RUNE_DL_COUNT,
    RUNE_DL_SUM,
    RUNE_DL_MIN,
    RUNE_DL_MAX,
    RUNE_DL_MEAN
};

struct rune_dl_body {
    struct rune_dl_literal *literals;
    uint32_t count;
};

struct rune_dl_literal {
    enum rune_dl_literal_kind kind;
    bool is_negated;
    enum rune_dl_compare compare;
    enum rune_dl_aggregate aggregate;
    uint32_t arg_count;
    /* ATOM: arguments; COMPARE, IN: left, right; IS: left; TEST: receiver first; AGGREGATE: result,
     * then the value if there is one */
    struct rune_dl_expr *args;
    struct rune_span span;
    struct rune_str name;        /* ATOM: relation; IS: type; TEST: method */
    struct rune_dl_body *bodies; /* AGGREGATE: one; DISJUNCTION: the branches */
    uint32_t body_count;
    union {
        uint32_t relation; /* ATOM: index into rune_dl_program.relations, set by check */
        uint32_t function; /* TEST: enum rune_dl_function */
    };
};

struct rune_dl_variable {
    struct rune_span first; /* its name, where it first stands */
    uint32_t uses;
    bool is_local; /* of an aggregate's braces */
};

/* "_" for wildcards. */
static inline struct rune_str rune_dl_variable_name(const struct rune_dl_variable *variable)
{
    return (struct rune_str){variable->first.source->text + variable->first.offset,
                             variable->first.length};
}

struct rune_dl_annotation {
    struct rune_str name, value;
    struct rune_span span;
};

/* What a clause has somewhere, so that who looks for it need not look into all. */
enum {
    RUNE_DL_HAS_CALL = 1,     /* RUNE_DL_CALL, or a literal that is a test */
    RUNE_DL_HAS_NAME = 2,     /* a name without quotes that is a string */
    RUNE_DL_HAS_SINGLE = 4,   /* a variable that is used once */
    RUNE_DL_HAS_CONSTANT = 8, /* a comparison that may be one of constants, or may always fail */
};

/* A rule, or a fact (no body). */
struct rune_dl_rule {
    struct rune_str id; /* @id, else FILE:LINE */
    struct rune_str head_name;
    struct rune_span head_span;
    struct rune_span span;
    struct rune_dl_expr *args;
    /* normalised by check: no disjunction is left (one rule a branch, same id) */
    struct rune_dl_body body;
    struct rune_dl_variable *variables;
    struct rune_dl_annotation *annotations;
    uint32_t head; /* relation index, set by check */
    uint32_t arg_count;
    uint32_t variable_count;
    uint32_t annotation_count;
    uint32_t branch; /* 0, or which branch of the rule as written */
    uint32_t has;    /* RUNE_DL_HAS_ */
};

/* ---- a whole program, after check ---- */

enum rune_dl_builtin {
    RUNE_DL_NOT_BUILTIN,
    RUNE_DL_PRINCIPAL, /* principal(P) */
    RUNE_DL_ACTION,
    RUNE_DL_RESOURCE,
    RUNE_DL_CONTEXT,       /* context("k", V): one relation a key, see `literal` */
    RUNE_DL_ENTITY_EXISTS, /* entity(E) */
    RUNE_DL_ENTITY_PARENT, /* entity.parent(E, F) */
    RUNE_DL_ENTITY_ATTR,   /* entity.attr(E, "n", V): one relation a name */
    RUNE_DL_ENTITY_TAG,
    RUNE_DL_ENTITY_ELEMENT,
    RUNE_DL_ENTITY_ID, /* entity.id(E, T, I) */
    RUNE_DL_PERMIT,    /* permit(P, A, R), forbid(P, A, R): heads only */
    RUNE_DL_FORBID,
};

/* How many leading arguments only entities can be. */
static inline uint32_t rune_dl_entity_args(enum rune_dl_builtin builtin)
{
    switch (builtin) {
    case RUNE_DL_NOT_BUILTIN:
    case RUNE_DL_CONTEXT:
        return 0;
    case RUNE_DL_ENTITY_PARENT:
        return 2;
    case RUNE_DL_PERMIT:
    case RUNE_DL_FORBID:
        return 3;
    default:
        return 1;
    }
}

struct rune_dl_relation {
    struct rune_str name;
    /* CONTEXT, ENTITY_ATTR, ENTITY_TAG, ENTITY_ELEMENT with a literal name: that name */
    struct rune_str literal;
    uint32_t arity;
    enum rune_dl_builtin builtin;
    bool has_facts;          /* facts from outside or in the program */
    bool is_head;            /* of a rule with a body */
    bool is_tested;          /* who decides also asks whether it has any tuple for a first column */
    bool is_declared;        /* in the manifest, or in a case's `types` */
    bool depends_on_request; /* reaches principal, action, resource or context */
    uint32_t stratum;
    uint32_t component;     /* strongly connected component, in evaluation order */
    bool is_recursive;      /* its component has a cycle */
    struct rune_span first; /* where it was first seen */
};

struct rune_dl_program {
    struct rune_dl_relation *relations;
    uint32_t relation_count;
    struct rune_dl_rule *rules; /* with bodies, disjunctions expanded; and facts of built-ins
                                   (permit, forbid, context, entity.*), whose bodies are empty */
    uint32_t rule_count;
    /* ground, arguments folded to constants, in order of the text: clauses that were checked, which
     * stay where they are as long as facts are read */
    const struct rune_dl_rule **facts;
    uint32_t fact_count;
    uint32_t component_count;
    uint32_t stratum_count;
};

#define RUNE_DL_MAX_DEPTH 500u /* LIMIT: nesting of expressions, bodies and braces */
