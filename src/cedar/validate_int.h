/* SPDX-License-Identifier: Apache-2.0 */
/* validate_int: what the files of the validator share.
 *
 * validate.c walks policies, validate_environment.c the environments of one, validate_scope.c
 * answers for their scopes, validate_expr.c and validate_operator.c type expressions,
 * validate_level.c counts dereferences, validate_text.c looks at characters, validate_report.c
 * keeps findings and writes messages. */
#pragma once

#include "base/diag.h"
#include "cedar/validate.h"
#include "cedar/validate_capability.h"
#include "cedar/validate_reads.h"
#include "cedar/validate_types.h"

enum rune_finding {
#define RUNE_FINDING(name, kind, code, is_warning) RUNE_FINDING_##name,
#include "cedar/findings.def"
#undef RUNE_FINDING
};

/* What a part of the scope is in an environment. */
enum rune_scope_verdict {
    RUNE_SCOPE_NO,
    RUNE_SCOPE_YES,
    RUNE_SCOPE_MAYBE,
    RUNE_SCOPE_WRONG, /* names what the schema does not have: reported elsewhere. Depends on the
                         policy alone */
};

/* A type of principals or resources to try. */
struct rune_vchoice {
    uint32_t entity, view;
    enum rune_scope_verdict verdict;
};

RUNE_VEC(rune_vchoices, struct rune_vchoice);

/* Those of one list of types, for the policy with that epoch. */
struct rune_vchosen {
    uint32_t epoch;
    uint32_t begin, count; /* in the validator's choices */
};

/* What the validator knows of an action. Those that apply to the same types with the same context
 * are a class. */
struct rune_vaction {
    uint32_t first;    /* the class's first action */
    uint32_t lists[2]; /* the first action with the same list of principals, of resources */
    uint32_t seen[2];  /* of `first`: when an action was tried, one that the scope excludes */
    struct rune_vchosen chosen[2]; /* of `lists` */
    const struct rune_vtype *type, *context;
};

/* The view of a type of principals or resources; of the policy with that epoch. */
struct rune_vview {
    uint32_t epoch, view;
};

struct rune_validator {
    const struct rune_cedar_policies *policies;
    const struct rune_cedar_schema *schema;
    bool is_strict;
    uint32_t max_level;
    struct rune_arena *arena;
    struct rune_diag *diag;
    struct rune_vtypes types;
    struct rune_vcapabilities capabilities;
    struct rune_vreads reads;
    struct rune_vaction *actions;      /* as the schema's */
    struct rune_vview *views[2];       /* of principals and resources, by entity type */
    struct rune_vchoices choices;      /* of the policy */
    struct rune_vec_u32 scope_actions; /* that the scope names */
    bool names_wrong_action;           /* one that the schema does not have */
    bool has_untyped_actions;          /* in a list without a type */
    struct rune_arena scratch;         /* of the expression at hand; texts of messages */
    bool failed;                       /* out of memory here */

    /* The policy, and the environment it is in. */
    const struct rune_cedar_policy *policy;
    uint32_t policy_index;
    bool has_environment;
    const struct rune_cedar_action *action;
    uint32_t principal, resource; /* entity types */
    const struct rune_vtype *variables[4];
    uint32_t context_view;
    const struct rune_cedar_expr *no_operand; /* why the last `&&` that is false is so */
    struct rune_map visited;                  /* levels: addresses of expressions to types below */
    RUNE_VEC(, const struct rune_vtype *) visited_types;
    struct rune_arena visited_keys;

    RUNE_VEC(, struct rune_validation_finding) findings;
    uint32_t error_count;
    struct rune_map seen; /* what is reported: once for each place and kind */
};

static inline bool rune_validator_failed(const struct rune_validator *v)
{
    return v->failed || v->reads.failed || v->types.failed || v->capabilities.failed ||
           v->arena->failed;
}

/* What is known of an expression. type NULL: nothing, because it is wrong. */
struct rune_vanswer {
    const struct rune_vtype *type;
    const struct rune_vcaps *caps; /* hold where the expression is true */
    bool ok;
};

/* What an operand may be: a set of these. */
enum rune_expected {
    RUNE_EXPECT_BOOL = 1,
    RUNE_EXPECT_LONG = 2,
    RUNE_EXPECT_STRING = 4,
    RUNE_EXPECT_ENTITY = 8,
    RUNE_EXPECT_ENTITY_SET = 16,
    RUNE_EXPECT_SET = 32,
    RUNE_EXPECT_RECORD = 64,
    RUNE_EXPECT_EXT = 128, /* times 2^(enum rune_ext_kind - 1) */
};

/* ---- validate_expr.c ---- */

struct rune_vanswer rune_v_type(struct rune_validator *v, const struct rune_cedar_expr *expr);
/* With an error if it is of no type in `expected`. */
struct rune_vanswer rune_v_expect(struct rune_validator *v, const struct rune_cedar_expr *expr,
                                  uint32_t expected);
struct rune_vanswer rune_v_answer(const struct rune_vtype *type, bool ok);

static const struct rune_vanswer rune_v_nothing = {NULL, NULL, false};

static inline struct rune_vanswer rune_v_answer_with(const struct rune_vtype *type, bool ok,
                                                     const struct rune_vcaps *caps)
{
    bool is_ok = ok && type != NULL;
    return (struct rune_vanswer){type, is_ok ? caps : NULL, is_ok};
}

/* Is the type one of `expected`? */
bool rune_v_fits(const struct rune_vtype *type, uint32_t expected);
/* What to do about one that is not; may be NULL. */
const char *rune_v_expected_help(uint32_t expected, const struct rune_vtype *type);

/* The type of a literal; NULL: the schema does not have it. */
const struct rune_vtype *rune_v_uid_type(struct rune_validator *v,
                                         const struct rune_cedar_uid *uid);

/* ---- validate_attribute.c ---- */

struct rune_vanswer rune_v_get(struct rune_validator *v, const struct rune_cedar_expr *expr);
/* `has`, of one name or of a path. */
struct rune_vanswer rune_v_has(struct rune_validator *v, const struct rune_cedar_expr *expr);

/* ---- validate_operator.c ---- */

struct rune_vanswer rune_v_equal(struct rune_validator *v, const struct rune_cedar_expr *expr);
struct rune_vanswer rune_v_compare(struct rune_validator *v, const struct rune_cedar_expr *expr);
struct rune_vanswer rune_v_in(struct rune_validator *v, const struct rune_cedar_expr *expr,
                              const struct rune_cedar_expr *left,
                              const struct rune_cedar_expr *right);
struct rune_vanswer rune_v_contains(struct rune_validator *v, const struct rune_cedar_expr *expr);
struct rune_vanswer rune_v_tag(struct rune_validator *v, const struct rune_cedar_expr *expr);
struct rune_vanswer rune_v_call(struct rune_validator *v, const struct rune_cedar_expr *expr);

/* ---- validate_environment.c ---- */

/* What keeps a policy from applying: a condition, and the part of it that is false (of `unless`:
 * true). */
struct rune_vobstacle {
    const struct rune_cedar_condition *condition; /* NULL: none */
    const struct rune_cedar_expr *part;
};

/* What one policy's environments gave. */
struct rune_voutcome {
    bool is_possible;               /* in some environment it is not false */
    bool applies;                   /* some action takes such principals and resources */
    struct rune_vobstacle obstacle; /* in the last environment that has one */
    bool is_several;                /* in another environment it is another */
};

/* Before the first policy. False: out of memory. */
bool rune_v_prepare_environments(struct rune_validator *v);
struct rune_voutcome rune_v_check_environments(struct rune_validator *v,
                                               const struct rune_cedar_policy *policy);

/* ---- validate_scope.c ---- */

/* A part of the scope, its names resolved to numbers of entity types. */
struct rune_vscope {
    enum rune_cedar_scope_op op;
    bool is_wrong;  /* names what the schema does not have */
    bool is_filled; /* `group` is known: no slot that is still open */
    uint32_t type, group;
};

/* `slot`: what a link fills in, or NULL. */
struct rune_vscope rune_v_resolve(struct rune_validator *v, const struct rune_cedar_scope *scope,
                                  const struct rune_cedar_uid *slot);
enum rune_scope_verdict rune_v_verdict(const struct rune_validator *v,
                                       const struct rune_vscope *scope, uint32_t entity);
/* The actions that a scope names, into v->scope_actions; verdicts are of the scope resolved last.
 */
void rune_v_resolve_actions(struct rune_validator *v, const struct rune_cedar_scope *scope);
enum rune_scope_verdict rune_v_action_verdict(const struct rune_validator *v,
                                              const struct rune_cedar_scope *scope,
                                              uint32_t action);
/* Is the scope meant for the action, typed or not? */
bool rune_v_names_action(const struct rune_validator *v, const struct rune_cedar_scope *scope,
                         uint32_t action);
/* The types of `action in [..]` go together: reports if not. Once in each environment that asks. */
void rune_v_check_action_list(struct rune_validator *v, const struct rune_cedar_scope *scope);
/* Entity types, entities of enumerations and actions that the policy names, and its texts. */
void rune_v_check_names(struct rune_validator *v, const struct rune_cedar_policy *policy);
void rune_v_check_link(struct rune_validator *v, const struct rune_cedar_link *link);

/* ---- validate_level.c ---- */

/* The expression was typed in this environment. */
void rune_v_visit(struct rune_validator *v, const struct rune_cedar_expr *expr,
                  const struct rune_vtype *type);
void rune_v_check_level(struct rune_validator *v, const struct rune_cedar_expr *expr);
void rune_v_forget_visits(struct rune_validator *v);

/* ---- validate_text.c ---- */

void rune_v_check_string(struct rune_validator *v, struct rune_span span, struct rune_str text);
void rune_v_check_identifier(struct rune_validator *v, struct rune_span span, struct rune_str text);
void rune_v_check_name(struct rune_validator *v, struct rune_span span, struct rune_str name);
void rune_v_check_pattern(struct rune_validator *v, struct rune_span span,
                          const struct rune_cedar_pattern *pattern);

/* ---- validate_report.c ---- */

/* Counts a finding at a place of the policy at hand. True: it is new and there is a diag to
 * tell. */
bool rune_v_find(struct rune_validator *v, enum rune_finding finding, struct rune_span span);
/* The message of a finding; in an environment, with a note that names it. */
void rune_v_tell(struct rune_validator *v, enum rune_finding finding, struct rune_span span,
                 const char *help, const char *fmt, ...) RUNE_PRINTF(5, 6);
/* Texts in the scratch arena; "" when memory is out. */
const char *rune_v_type_text(struct rune_validator *v, const struct rune_vtype *type);
const char *rune_v_uid_text(struct rune_validator *v, const struct rune_cedar_uid *uid);
/* An enumeration's id that is near, else the first of its ids. */
const char *rune_v_suggest_id(struct rune_validator *v, const struct rune_cedar_entity_type *type,
                              struct rune_str id);
/* How a string becomes a value of that extension type (enum rune_ext_kind). */
const char *rune_v_ext_help(uint32_t ext);
const char *rune_v_suggest_type(struct rune_validator *v, struct rune_str name);
const char *rune_v_suggest_action(struct rune_validator *v, const struct rune_cedar_uid *uid);
const char *rune_v_suggest_attr(struct rune_validator *v, const struct rune_vtype *type,
                                struct rune_str name);
/* The text of the source there. */
struct rune_str rune_v_source_text(struct rune_span span);
