/* SPDX-License-Identifier: Apache-2.0 */
/* ast: Cedar policies as trees, close enough to the text to print them back (formatter, EST) and
 * with a place on every node.
 *
 * Owns: the types. All nodes live in the build arena and borrow texts from it or from the source.
 * Made by: cedar/parser (text) and cedar/est (JSON). Used by: printer, formatter, validator,
 * compiler, the reference evaluator in tests. Specification: Cedar 4.6 grammar. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/str.h"

enum rune_cedar_var {
    RUNE_CEDAR_PRINCIPAL,
    RUNE_CEDAR_ACTION,
    RUNE_CEDAR_RESOURCE,
    RUNE_CEDAR_CONTEXT,
};

/* An enumeration in one byte: a policy is read once, and what that costs is mostly the memory it
 * touches. */
#define RUNE_CEDAR_SMALL __attribute__((packed))

enum RUNE_CEDAR_SMALL rune_cedar_expr_kind {
    RUNE_EXPR_BOOL,   /* as.boolean */
    RUNE_EXPR_LONG,   /* as.integer; a negative literal is folded here as Cedar does */
    RUNE_EXPR_STRING, /* as.string, unescaped UTF-8 */
    RUNE_EXPR_ENTITY, /* as.uid, in the arena */
    RUNE_EXPR_VAR,    /* as.var */
    RUNE_EXPR_SLOT,   /* as.var: ?principal or ?resource */
    RUNE_EXPR_IF,     /* args: condition, then, else */
    RUNE_EXPR_AND,    /* args: left, right */
    RUNE_EXPR_OR,
    RUNE_EXPR_NOT, /* args: operand */
    RUNE_EXPR_NEG,
    RUNE_EXPR_EQ, /* args: left, right */
    RUNE_EXPR_NE,
    RUNE_EXPR_LT,
    RUNE_EXPR_LE,
    RUNE_EXPR_GT,
    RUNE_EXPR_GE,
    RUNE_EXPR_IN,
    RUNE_EXPR_ADD,
    RUNE_EXPR_SUB,
    RUNE_EXPR_MUL,
    RUNE_EXPR_IS,       /* args: operand [, in what]; as.name is the entity type */
    RUNE_EXPR_HAS,      /* args: operand; as.path: one name, or several for `has a.b.c` */
    RUNE_EXPR_LIKE,     /* args: operand; as.pattern */
    RUNE_EXPR_GET_ATTR, /* args: operand; as.string: `.name` and `["name"]` alike */
    RUNE_EXPR_HAS_TAG,  /* args: entity, key */
    RUNE_EXPR_GET_TAG,
    RUNE_EXPR_CONTAINS,     /* args: set, element */
    RUNE_EXPR_CONTAINS_ALL, /* args: set, set */
    RUNE_EXPR_CONTAINS_ANY,
    RUNE_EXPR_IS_EMPTY, /* args: set */
    RUNE_EXPR_SET,      /* args: elements */
    RUNE_EXPR_RECORD,   /* args: values; as.path: their names, in order of the text */
    RUNE_EXPR_CALL,     /* args: arguments, receiver first for a method; as.call */
};

struct rune_cedar_uid {
    struct rune_str type; /* full name, normalized: "A::B" without spaces */
    struct rune_str id;   /* unescaped */
};

/* A like pattern: the text with wildcards. A code point of `text` at byte i is literal unless `i`
 * is listed. */
struct rune_cedar_pattern {
    const int32_t *elements; /* code points; -1: a wildcard */
    uint32_t count;
};

struct rune_cedar_path {
    const struct rune_str *names; /* unescaped */
    uint32_t count;
};

/* Extension functions by name (cedar/functions.def): constructors `ip("..")` and methods
 * `x.isIpv4()`. */
struct rune_cedar_call {
    uint32_t function; /* enum rune_cedar_function */
    bool is_method;    /* as written */
};

struct rune_cedar_expr {
    enum rune_cedar_expr_kind kind;
    /* 1 + the deepest argument: LIMIT checked by the parser, so that walks may recurse */
    uint16_t depth;
    uint32_t arg_count;
    struct rune_cedar_expr **args;
    struct rune_span span;
    union {
        bool boolean;
        int64_t integer;
        struct rune_str string;
        const struct rune_cedar_uid *uid;
        enum rune_cedar_var var;
        struct rune_str name;
        struct rune_cedar_path path;
        struct rune_cedar_pattern pattern;
        struct rune_cedar_call call;
    } as;
};

/* ---- scope ---- */

enum RUNE_CEDAR_SMALL rune_cedar_scope_op {
    RUNE_SCOPE_ANY,
    RUNE_SCOPE_EQ,    /* == uid or slot */
    RUNE_SCOPE_IN,    /* in uid or slot; for actions also in [uids] */
    RUNE_SCOPE_IS,    /* is type */
    RUNE_SCOPE_IS_IN, /* is type in uid or slot */
};

struct rune_cedar_scope {
    enum rune_cedar_scope_op op;
    bool is_slot;         /* the entity is ?principal or ?resource */
    bool is_list;         /* action in [ ... ] was written with brackets */
    uint32_t uid_count;   /* EQ, IN, IS_IN without slot: one; action in [..]: any number */
    struct rune_str type; /* IS, IS_IN */
    const struct rune_cedar_uid *uids;
    struct rune_span span;
};

struct rune_cedar_annotation {
    struct rune_str name;
    struct rune_str value; /* unescaped */
    bool has_value;        /* `@name` alone has the value "" and no parentheses */
    struct rune_span span;
};

struct rune_cedar_condition {
    bool is_unless;
    struct rune_cedar_expr *body;
    struct rune_span span;
};

struct rune_cedar_policy {
    struct rune_str id; /* @id in bundles, else "policyN"; set by who numbers them */
    bool is_forbid;
    bool has_slot_principal; /* a template if either */
    bool has_slot_resource;
    /* What only the JSON form can say: a template without a slot, which decides nothing until it is
     * linked, and a call of a function that does not exist, in whose place a set stands. */
    bool is_bare_template;
    bool has_unknown_call;
    struct rune_cedar_scope principal, action, resource;
    const struct rune_cedar_annotation *annotations;
    uint32_t annotation_count;
    const struct rune_cedar_condition *conditions;
    uint32_t condition_count;
    struct rune_span span; /* from the first annotation to the semicolon */
};

/* A link of a template, from *.links.json. */
struct rune_cedar_link {
    struct rune_str template_id;
    struct rune_str link_id;
    const struct rune_cedar_uid *principal; /* NULL: no such slot */
    const struct rune_cedar_uid *resource;
    struct rune_span span;
};

struct rune_cedar_policies {
    struct rune_cedar_policy *items; /* static policies and templates, in order of the text */
    uint32_t count;
    struct rune_cedar_link *links;
    uint32_t link_count;
};

#define RUNE_CEDAR_MAX_DEPTH \
    2500u /* LIMIT: operations within each other; a chain a && b && c counts, too */

static inline bool rune_cedar_is_template(const struct rune_cedar_policy *policy)
{
    return policy->has_slot_principal || policy->has_slot_resource || policy->is_bare_template;
}
