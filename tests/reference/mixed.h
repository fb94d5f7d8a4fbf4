/* SPDX-License-Identifier: Apache-2.0 */
/* mixed: small worlds in which policies, rules, entity data, facts files and requests feed each
 * other, and what follows from them, found slowly and obviously.
 *
 * Owns: random worlds (mixed_random.c, mixed_rules.c, mixed_literals.c), the same as the texts of
 * a bundle (mixed_print*.c), and an evaluator of both languages over the worlds' own trees
 * (mixed_naive.c, mixed_decide.c). Shares nothing with the product: no parser, no checker, no
 * value. Everything lives in the world's arena. Used by: unit/engine/test_random_bundles.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

enum {
    /* Entities by number: users u0 .. u3, ux that no document has, groups, documents, actions. */
    MIXED_USERS = 5,
    MIXED_FIRST_GROUP = MIXED_USERS,
    MIXED_GROUPS = 3,
    MIXED_FIRST_DOC = MIXED_FIRST_GROUP + MIXED_GROUPS,
    MIXED_DOCS = 4,
    MIXED_FIRST_ACTION = MIXED_FIRST_DOC + MIXED_DOCS,
    MIXED_ACTIONS = 2,
    MIXED_ENTITIES = MIXED_FIRST_ACTION + MIXED_ACTIONS,
    MIXED_MAX_ARITY = 3,
    MIXED_MAX_VARS = 40,
    MIXED_MAX_LITERALS = 16,
    MIXED_MAX_RULES = 64,
    MIXED_MAX_FACTS = 64,
    MIXED_MAX_POLICIES = 8,
    MIXED_MAX_CONDS = 3,
    MIXED_MAX_BROUGHT = 2,
};

/* ---- values ---- */

enum mixed_kind {
    MIXED_BOOL,
    MIXED_LONG,
    MIXED_FLOAT,
    MIXED_STRING,
    MIXED_ENTITY,
    MIXED_DECIMAL,
    MIXED_DURATION,
    MIXED_IP,
    MIXED_DATETIME,
    MIXED_SET,
    MIXED_RECORD,
};

struct mixed_value {
    enum mixed_kind kind;
    uint32_t count; /* of a set's items, each once; of a record's: 1 is `k`, 2 are `k` and `s` */
    int64_t number; /* BOOL, LONG; ENTITY: which; DECIMAL: times 10,000; DURATION: milliseconds;
                       IP: of mixed_ips; DATETIME: milliseconds since 1970 */
    double floating;
    const char *text;
    const struct mixed_value *items;
};

const char *mixed_type_of(int64_t entity);
const char *mixed_id_of(int64_t entity);

enum { MIXED_IPS = 8 };
/* An address or a range: both halves of an IPv6 address, or one of IPv4 in `low`. */
struct mixed_ip {
    const char *text;
    bool is_v6;
    uint64_t high, low;
    uint32_t prefix;
};
extern const struct mixed_ip mixed_ips[MIXED_IPS];

bool mixed_equal(const struct mixed_value *a, const struct mixed_value *b);
bool mixed_has_item(const struct mixed_value *set, const struct mixed_value *item);
/* As rules write it; of sets and records, as Cedar does. */
void mixed_put_value(struct rune_buf *out, const struct mixed_value *value);
void mixed_put_json(struct rune_buf *out, const struct mixed_value *value);
void mixed_put_quoted(struct rune_buf *out, const char *text);

/* ---- rules ---- */

/* What a column holds, as far as its relation's author means it to. */
enum mixed_type {
    MIXED_T_USER,
    MIXED_T_GROUP,
    MIXED_T_DOC,
    MIXED_T_ACTION,
    MIXED_T_INT,
    MIXED_T_STRING,
    MIXED_T_SET,
    MIXED_T_RECORD,
    MIXED_T_DECIMAL,
    MIXED_T_DURATION,
    MIXED_T_IP,
    MIXED_T_DATETIME,
    MIXED_T_ENTITY,
    MIXED_T_ANY,
};

/* Attributes; MIXED_RANK and MIXED_EDITORS may be derived. */
enum mixed_attr {
    MIXED_LEVEL,
    MIXED_NAME,
    MIXED_OWNER,
    MIXED_INFO,
    MIXED_LABELS,
    MIXED_PRICE,
    MIXED_AGE,
    MIXED_ADDR,
    MIXED_AT,
    MIXED_RANK,
    MIXED_EDITORS,
    MIXED_ATTRS
};
extern const char *const mixed_attr_names[MIXED_ATTRS];

enum mixed_relation_number {
    MIXED_PRINCIPAL,
    MIXED_ACTION,
    MIXED_RESOURCE,
    MIXED_CONTEXT_N,
    MIXED_CONTEXT_TIER,
    MIXED_EXISTS,
    MIXED_PARENT,
    MIXED_ID,
    MIXED_ATTR, /* + enum mixed_attr: entity.attr(E, "name", V) with two columns */
    MIXED_ATTR_ANY = MIXED_ATTR + MIXED_ATTRS,
    MIXED_TAG,
    MIXED_ELEMENT_LABELS,
    MIXED_ELEMENT_EDITORS,
    MIXED_ELEMENT_ANY,
    MIXED_PERMIT,
    MIXED_FORBID,
    MIXED_BASE, /* facts alone */
    MIXED_BASES = 5,
    MIXED_DERIVED = MIXED_BASE + MIXED_BASES,
    MIXED_DERIVEDS = 12,
    MIXED_RELATIONS = MIXED_DERIVED + MIXED_DERIVEDS,
};

/* Where facts stand, and how. */
enum mixed_format { MIXED_IN_RULES, MIXED_TSV, MIXED_CSV, MIXED_JSONL, MIXED_FORMATS };

struct mixed_fact {
    struct mixed_value values[MIXED_MAX_ARITY];
    bool is_off;
};

struct mixed_relation {
    const char *name;
    const char *literal; /* the argument that is no column of ours: entity.attr(E, "level", V) */
    uint32_t arity;
    enum mixed_type types[MIXED_MAX_ARITY];
    uint32_t rank; /* rules read what is of a lower one, and what is of their own without `not` */
    bool is_typed; /* the manifest says the columns' types */
    enum mixed_format format;
    struct mixed_fact facts[MIXED_MAX_FACTS];
    uint32_t fact_count;
};

enum mixed_op {
    MIXED_VAR,
    MIXED_CONST,
    MIXED_ADD,
    MIXED_SUB,
    MIXED_MUL,
    MIXED_DIV,
    MIXED_MOD,
    MIXED_NEG,
    MIXED_CONCAT,
    MIXED_LENGTH,
    MIXED_LIST,  /* ["a", "b"]: `value` is the set */
    MIXED_INDEX, /* left["k"] or left["s"]: `value` */
    MIXED_METHOD,
};

/* Methods that give values: of datetimes, then of durations. */
enum mixed_method {
    MIXED_OFFSET,
    MIXED_SINCE,
    MIXED_TO_DATE,
    MIXED_TO_TIME,
    MIXED_TO_MS,
    MIXED_TO_SECONDS,
    MIXED_TO_MINUTES,
    MIXED_TO_HOURS,
    MIXED_TO_DAYS,
    MIXED_METHODS
};

struct mixed_expr {
    enum mixed_op op;
    enum mixed_method method;
    uint32_t var;
    bool is_wild; /* VAR: written `_` */
    struct mixed_value value;
    const struct mixed_expr *left, *right;
};

enum mixed_literal_kind {
    MIXED_ATOM,
    MIXED_COMPARE,
    MIXED_IN, /* args[0] in args[1], or in the list of args[1] and args[2] */
    MIXED_IS, /* args[0] is type, and in args[1] if there is one */
    MIXED_TEST,
    MIXED_AGGREGATE, /* args[0] = op { args[1] : bodies[0] } */
    MIXED_EITHER,    /* ( bodies ; ... ) */
};

enum mixed_compare { MIXED_EQ, MIXED_NE, MIXED_LT, MIXED_LE, MIXED_GT, MIXED_GE };

enum mixed_test {
    MIXED_STARTS,
    MIXED_ENDS,
    MIXED_CONTAINS, /* runs through a set where args[1] is free */
    MIXED_MATCHES,
    MIXED_LESS,
    MIXED_LESS_OR_EQUAL,
    MIXED_GREATER,
    MIXED_GREATER_OR_EQUAL,
    MIXED_IN_RANGE,
    MIXED_IS_V4,
    MIXED_IS_V6,
    MIXED_IS_LOOPBACK,
    MIXED_IS_MULTICAST,
    MIXED_CONTAINS_ALL,
    MIXED_CONTAINS_ANY,
    MIXED_IS_EMPTY,
    MIXED_TESTS
};

enum mixed_fold { MIXED_COUNT, MIXED_SUM, MIXED_MIN, MIXED_MAX, MIXED_MEAN, MIXED_FOLDS };

struct mixed_body {
    const struct mixed_literal *literals[MIXED_MAX_LITERALS];
    uint32_t count;
};

struct mixed_literal {
    enum mixed_literal_kind kind;
    bool is_negated;
    uint32_t relation; /* ATOM */
    uint32_t choice;   /* COMPARE, TEST, AGGREGATE: which; IS: an enum mixed_type */
    uint32_t arg_count;
    const struct mixed_expr *args[MIXED_MAX_ARITY];
    struct mixed_body *bodies;
    uint32_t body_count;
};

struct mixed_rule {
    uint32_t head;
    const struct mixed_expr *args[MIXED_MAX_ARITY];
    struct mixed_body body;
    uint32_t var_count;
    bool is_local[MIXED_MAX_VARS]; /* of braces */
    bool is_off;
};

/* ---- policies ---- */

enum mixed_question {
    MIXED_EDITS,
    MIXED_EDITS_GUARDED,
    MIXED_EDITS_ALL,
    MIXED_EDITS_ANY,
    MIXED_EDITS_EMPTY,
    MIXED_EDITS_ALONE,
    MIXED_RANKS,
    MIXED_RANKS_GUARDED,
    MIXED_MEMBER,
    MIXED_FILED,
    MIXED_NAMED,
    MIXED_NAMED_LIKE,
    MIXED_OWNS,
    MIXED_TAGGED,
    MIXED_TIERED,
    MIXED_NUMBERED,
    MIXED_LABELLED,
    MIXED_INFORMED,
    MIXED_OWNER_MEMBER,
    MIXED_QUESTIONS
};

struct mixed_policy {
    bool is_forbid, is_off;
    bool is_linked;                  /* a template whose link says who and what */
    int action, principal, resource; /* == that one; -1: any */
    int group;                       /* principal in; -1: no condition */
    uint32_t cond_count;
    struct {
        enum mixed_question question;
        int k;
        bool is_negated, is_or; /* `||` before it, not `&&` */
    } conds[MIXED_MAX_CONDS];
};

/* ---- a world ---- */

/* Entity data: stored, with what is derived, or as a request sees it. */
struct mixed_data {
    bool exists[MIXED_ENTITIES];
    bool parent[MIXED_ENTITIES][MIXED_ENTITIES];
    bool has[MIXED_ENTITIES][MIXED_ATTRS];
    struct mixed_value attrs[MIXED_ENTITIES][MIXED_ATTRS];
    bool has_tag[MIXED_ENTITIES]; /* "k" */
    struct mixed_value tags[MIXED_ENTITIES];
};

struct mixed_brought {
    int entity;
    bool is_property; /* of the principal or the resource; else in `entities` */
    int parent;       /* -1: none */
    bool has[MIXED_ATTRS];
    struct mixed_value attrs[MIXED_ATTRS];
    bool has_tag;
    struct mixed_value tag;
};

struct mixed_request {
    int principal, action, resource;
    bool has_n, has_tier;
    struct mixed_value n, tier;
    struct mixed_brought brought[MIXED_MAX_BROUGHT];
    uint32_t brought_count;
};

struct mixed_world {
    struct rune_arena arena;
    uint64_t state;     /* of the generator */
    uint32_t int_range; /* integers are mostly below it */
    bool has_schema;
    bool is_strict; /* a forbid that errs matches */
    bool derives_parents, derives_rank, derives_editors, derives_tier;
    bool is_safe; /* entity data is derived: no derivation below it may fail */
    struct mixed_data data;
    struct mixed_relation relations[MIXED_RELATIONS];
    struct mixed_rule rules[MIXED_MAX_RULES];
    uint32_t rule_count;
    struct mixed_policy policies[MIXED_MAX_POLICIES];
    uint32_t policy_count;
};

uint32_t mixed_pick(struct mixed_world *world, uint32_t below);
struct mixed_value mixed_random_value(struct mixed_world *world, enum mixed_type type);
void mixed_random_world(struct mixed_world *world, uint64_t seed);
void mixed_random_rules(struct mixed_world *world);
void mixed_random_request(struct mixed_world *world, struct mixed_request *ret_request);
void mixed_world_fini(struct mixed_world *world);

/* Below what rank rules are that entity data may be derived from. */
#define MIXED_RANK_OF_ENTITY_DATA 6u

/* ---- as texts ---- */

enum mixed_text {
    MIXED_MANIFEST,
    MIXED_SCHEMA,
    MIXED_ENTITY_DATA,
    MIXED_POLICIES,
    MIXED_RULES,
    MIXED_LINKS
};

/* One text of the bundle; `order` 0: rules and literals as they were made, else shuffled by it. */
void mixed_put_text(const struct mixed_world *world, enum mixed_text text, uint64_t order,
                    struct rune_buf *out);
/* As reasons name it. */
void mixed_put_policy_id(const struct mixed_world *world, uint32_t policy, char ret_id[24]);
/* The facts file of that relation; false: it has none. */
bool mixed_put_facts(const struct mixed_world *world, uint32_t relation, struct rune_buf *out);
void mixed_put_request(const struct mixed_request *request, struct rune_buf *out);

/* ---- what follows ---- */

struct mixed_rows {
    struct mixed_value *cells; /* MIXED_MAX_ARITY a row; each row once */
    uint32_t count, capacity;
};

/* Of a world without a request, or for one. */
struct mixed_answers {
    struct mixed_data data;
    struct mixed_rows rows[MIXED_RELATIONS];
    bool depends[MIXED_RELATIONS];  /* on the request */
    bool can_fail[MIXED_RELATIONS]; /* a derivation might, here or below */
    bool has_conflict;              /* entity data that cannot be */
    bool is_over;                   /* too much: nobody's answer */
};

void mixed_derive(const struct mixed_world *world, struct rune_arena *arena,
                  struct mixed_answers *ret_answers);
void mixed_derive_for(const struct mixed_world *world, const struct mixed_answers *stored,
                      const struct mixed_request *request, struct rune_arena *arena,
                      struct mixed_answers *ret_answers);
/* Whether the rule of a decision has the request's tuple among its head's. */
bool mixed_rule_matches(const struct mixed_world *world, const struct mixed_answers *answers,
                        const struct mixed_request *request, uint32_t rule,
                        struct rune_arena *arena);
/* 1, 0, -1: an error. */
int mixed_policy_matches(const struct mixed_policy *policy, const struct mixed_answers *answers,
                         const struct mixed_request *request);
bool mixed_is_in(const struct mixed_data *data, int64_t entity, int64_t ancestor);
