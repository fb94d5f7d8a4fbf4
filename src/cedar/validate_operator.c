/* SPDX-License-Identifier: Apache-2.0 */
/* Types of operators on two operands, of tags, and of extension functions. */
#include "cedar/validate_int.h"
#include "eval/policy_code.h"
#include "model/ext.h"
#include "model/uid.h"

/* ---- literals ---- */

/* The entity that an expression names: a literal, or `action`, which an environment fixes. */
static const struct rune_cedar_uid *named_entity(const struct rune_validator *v,
                                                 const struct rune_cedar_expr *expr)
{
    if (expr->kind == RUNE_EXPR_ENTITY) {
        return expr->as.uid;
    }
    return expr->kind == RUNE_EXPR_VAR && expr->as.var == RUNE_CEDAR_ACTION ? &v->action->uid
                                                                            : NULL;
}

static bool same_uid(const struct rune_cedar_uid *a, const struct rune_cedar_uid *b)
{
    return rune_str_equal(a->type, b->type) && rune_str_equal(a->id, b->id);
}

static bool is_literal(const struct rune_cedar_expr *expr)
{
    return expr->kind == RUNE_EXPR_BOOL || expr->kind == RUNE_EXPR_LONG ||
           expr->kind == RUNE_EXPR_STRING || expr->kind == RUNE_EXPR_ENTITY;
}

static bool same_literal(const struct rune_cedar_expr *a, const struct rune_cedar_expr *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case RUNE_EXPR_BOOL:
        return a->as.boolean == b->as.boolean;
    case RUNE_EXPR_LONG:
        return a->as.integer == b->as.integer;
    case RUNE_EXPR_STRING:
        return rune_str_equal(a->as.string, b->as.string);
    default:
        return false;
    }
}

/* ---- == ---- */

static bool are_disjoint(const struct rune_vtype *a, const struct rune_vtype *b)
{
    if (a == NULL || b == NULL || a->kind != RUNE_VTYPE_ENTITY || b->kind != RUNE_VTYPE_ENTITY) {
        return false;
    }
    for (uint32_t i = 0, k = 0; i < a->count && k < b->count;) {
        if (a->entities[i] == b->entities[k]) {
            return false;
        }
        if (a->entities[i] < b->entities[k]) {
            i++;
        } else {
            k++;
        }
    }
    return true;
}

static const struct rune_vtype *equality_type(struct rune_validator *v,
                                              const struct rune_cedar_expr *left,
                                              const struct rune_vtype *left_type,
                                              const struct rune_cedar_expr *right,
                                              const struct rune_vtype *right_type)
{
    const struct rune_cedar_uid *a = named_entity(v, left);
    const struct rune_cedar_uid *b = named_entity(v, right);
    if (are_disjoint(left_type, right_type)) {
        return v->types.no;
    }
    if (a != NULL && b != NULL) {
        return same_uid(a, b) ? v->types.yes : v->types.no;
    }
    if ((a != NULL || is_literal(left)) && (b != NULL || is_literal(right))) {
        return same_literal(left, right) ? v->types.yes : v->types.no;
    }
    return v->types.boolean;
}

/* What to do about a string beside a value of another type; NULL: it is about something else. */
static const char *string_help(const struct rune_vtype *a, const struct rune_vtype *b)
{
    const struct rune_vtype *other = a->kind == RUNE_VTYPE_STRING ? b : a;
    if (a->kind != RUNE_VTYPE_STRING && b->kind != RUNE_VTYPE_STRING) {
        return NULL;
    }
    switch (other->kind) {
    case RUNE_VTYPE_FALSE:
    case RUNE_VTYPE_TRUE:
    case RUNE_VTYPE_BOOL:
    case RUNE_VTYPE_LONG:
        return "they can never be equal: a Bool or a Long is written without quotes";
    case RUNE_VTYPE_ANY_ENTITY:
    case RUNE_VTYPE_ENTITY:
        return "they can never be equal: an entity is written with its type, User::\"alice\"";
    case RUNE_VTYPE_EXT:
        return rune_v_ext_help(other->ext);
    default:
        return NULL;
    }
}

/* Strict: values that are compared must be of types that go together. Unknown types are an error
 * already. */
static bool check_together(struct rune_validator *v, const struct rune_cedar_expr *expr,
                           const struct rune_vtype *a, const struct rune_vtype *b, const char *what)
{
    enum rune_lub_hint hint;
    if (!v->is_strict || a == NULL || b == NULL ||
        rune_vtypes_join(&v->types, a, b, &hint) != NULL) {
        return true;
    }
    static const char *const helps[] = {
        [RUNE_LUB_NONE] = "they can never be equal",
        [RUNE_LUB_OPTIONALITY] = "an attribute must be optional in both records or in none",
        [RUNE_LUB_WIDTH] = "records must have the same attributes",
        [RUNE_LUB_ENTITY_TYPES] = "entities of different types can never be equal",
        [RUNE_LUB_ENTITY_RECORD] = "an entity is no record, even if their attributes are alike",
    };
    if (rune_v_find(v, RUNE_FINDING_INCOMPATIBLE_TYPES, expr->span)) {
        const char *help = string_help(a, b);
        rune_v_tell(v, RUNE_FINDING_INCOMPATIBLE_TYPES, expr->span,
                    help != NULL ? help : helps[hint], "%s are of different types: %s and %s", what,
                    rune_v_type_text(v, a), rune_v_type_text(v, b));
    }
    return false;
}

struct rune_vanswer rune_v_equal(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    struct rune_vanswer left = rune_v_type(v, expr->args[0]);
    struct rune_vanswer right = rune_v_type(v, expr->args[1]);
    const struct rune_vtype *type =
        equality_type(v, expr->args[0], left.type, expr->args[1], right.type);
    bool ok = left.ok && right.ok;
    if (type == v->types.boolean) {
        ok = check_together(v, expr, left.type, right.type, "both sides of `==`") && ok;
    }
    return rune_v_answer(type, ok);
}

/* ---- <, <=, >, >= ---- */

static bool is_ordered(const struct rune_vtype *type)
{
    return type->kind == RUNE_VTYPE_LONG || type->kind == RUNE_VTYPE_NEVER ||
           (type->kind == RUNE_VTYPE_EXT &&
            (type->ext == RUNE_EXT_DATETIME || type->ext == RUNE_EXT_DURATION));
}

static const char *order_help(const struct rune_vtype *type)
{
    return type->kind == RUNE_VTYPE_EXT && type->ext == RUNE_EXT_DECIMAL
               ? "decimals have methods: `lessThan`, `lessThanOrEqual`, `greaterThan`, "
                 "`greaterThanOrEqual`"
               : NULL;
}

static void tell_unordered(struct rune_validator *v, const struct rune_cedar_expr *operand,
                           const struct rune_vtype *type, const char *expected)
{
    if (rune_v_find(v, RUNE_FINDING_UNEXPECTED_TYPE, operand->span)) {
        rune_v_tell(v, RUNE_FINDING_UNEXPECTED_TYPE, operand->span, order_help(type),
                    "expected %s, found %s", expected, rune_v_type_text(v, type));
    }
}

struct rune_vanswer rune_v_compare(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    static const char any[] = "Long, datetime or duration";
    struct rune_vanswer left = rune_v_type(v, expr->args[0]);
    struct rune_vanswer right = rune_v_type(v, expr->args[1]);
    if (left.type == NULL || right.type == NULL) {
        return rune_v_answer(v->types.boolean, false);
    }
    if (left.type == right.type && is_ordered(left.type)) {
        return rune_v_answer(v->types.boolean, left.ok && right.ok);
    }
    if (is_ordered(left.type) && right.type != v->types.number) {
        tell_unordered(v, expr->args[1], right.type, rune_v_type_text(v, left.type));
    } else if (is_ordered(right.type)) {
        tell_unordered(v, expr->args[0], left.type, rune_v_type_text(v, right.type));
    } else {
        tell_unordered(v, expr->args[0], left.type, any);
        tell_unordered(v, expr->args[1], right.type, any);
    }
    return rune_v_answer(v->types.boolean, false);
}

/* ---- in ---- */

/* Is `action` that action, or below it? Actions of other schemas are below nothing. */
static bool action_in(const struct rune_validator *v, const struct rune_cedar_action *action,
                      const struct rune_cedar_uid *group)
{
    if (same_uid(&action->uid, group)) {
        return true;
    }
    for (uint32_t i = 0; i < action->ancestors.count; i++) {
        if (same_uid(&v->schema->actions[action->ancestors.items[i]].uid, group)) {
            return true;
        }
    }
    return false;
}

/* `action in` entities that are all named is known. False: it is not of that form. */
static bool action_is_in(const struct rune_validator *v, const struct rune_cedar_expr *left,
                         const struct rune_cedar_expr *right, bool *ret_is_in)
{
    const struct rune_cedar_uid *uid = named_entity(v, left);
    if (uid == NULL || !rune_uid_is_action_type(uid->type)) {
        return false;
    }
    const struct rune_cedar_action *action = rune_cedar_schema_find_action(v->schema, uid);
    struct rune_cedar_expr *one = (struct rune_cedar_expr *)right;
    struct rune_cedar_expr **groups = right->kind == RUNE_EXPR_SET ? right->args : &one;
    uint32_t count = right->kind == RUNE_EXPR_SET ? right->arg_count : 1;
    *ret_is_in = false;
    for (uint32_t i = 0; i < count; i++) {
        if (named_entity(v, groups[i]) == NULL) {
            return false;
        }
    }
    for (uint32_t i = 0; action != NULL && i < count && !*ret_is_in; i++) {
        const struct rune_cedar_uid *group = named_entity(v, groups[i]);
        *ret_is_in = rune_uid_is_action_type(group->type) && action_in(v, action, group);
    }
    return true;
}

static const struct rune_vtype *entities_of(const struct rune_vtype *type)
{
    if (type->kind == RUNE_VTYPE_SET) {
        type = type->element;
    }
    return type->kind == RUNE_VTYPE_ENTITY ? type : NULL;
}

static bool may_be_in(const struct rune_validator *v, const struct rune_vtype *left,
                      const struct rune_vtype *right)
{
    const struct rune_vtype *members = left->kind == RUNE_VTYPE_ENTITY ? left : NULL;
    const struct rune_vtype *groups = entities_of(right);
    if (members == NULL || groups == NULL) {
        return true;
    }
    for (uint32_t i = 0; i < members->count; i++) {
        for (uint32_t k = 0; k < groups->count; k++) {
            if (rune_vtypes_may_be_in(&v->types, members->entities[i], groups->entities[k])) {
                return true;
            }
        }
    }
    return false;
}

struct rune_vanswer rune_v_in(struct rune_validator *v, const struct rune_cedar_expr *expr,
                              const struct rune_cedar_expr *left,
                              const struct rune_cedar_expr *right)
{
    (void)expr;
    struct rune_vanswer member = rune_v_expect(v, left, RUNE_EXPECT_ENTITY);
    struct rune_vanswer group =
        rune_v_expect(v, right, RUNE_EXPECT_ENTITY | RUNE_EXPECT_ENTITY_SET);
    bool is_in;
    if (!member.ok || !group.ok) {
        return rune_v_answer(v->types.boolean, false);
    }
    if (action_is_in(v, left, right, &is_in)) {
        return rune_v_answer(is_in ? v->types.yes : v->types.no, true);
    }
    return rune_v_answer(may_be_in(v, member.type, group.type) ? v->types.boolean : v->types.no,
                         true);
}

/* ---- sets ---- */

struct rune_vanswer rune_v_contains(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    bool is_one = expr->kind == RUNE_EXPR_CONTAINS;
    struct rune_vanswer set = rune_v_expect(v, expr->args[0], RUNE_EXPECT_SET);
    struct rune_vanswer other =
        is_one ? rune_v_type(v, expr->args[1]) : rune_v_expect(v, expr->args[1], RUNE_EXPECT_SET);
    const struct rune_vtype *left = set.type;
    if (is_one && left != NULL) {
        left = left->kind == RUNE_VTYPE_SET ? left->element : NULL;
    }
    bool ok = check_together(v, expr, left, other.type,
                             is_one ? "the set's elements and this value" : "the two sets");
    return rune_v_answer(v->types.boolean, ok && set.ok && other.ok);
}

/* ---- tags ---- */

/* The bound of the tags of all types that have some. NULL: none has (*ret_any is false), or
 * there is no bound. */
static const struct rune_vtype *tag_type(struct rune_validator *v, const struct rune_vtype *entity,
                                         bool *ret_any)
{
    const struct rune_vtype *bound = v->types.never;
    uint32_t count =
        entity->kind == RUNE_VTYPE_ENTITY ? entity->count : v->schema->entity_type_count;
    *ret_any = false;
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_cedar_entity_type *type = rune_vtypes_declared(
            &v->types, entity->kind == RUNE_VTYPE_ENTITY ? entity->entities[i] : i);
        if (type == NULL || type->tags == NULL) {
            continue;
        }
        enum rune_lub_hint hint;
        const struct rune_vtype *tags = rune_vtypes_of(&v->types, type->tags);
        *ret_any = true;
        bound =
            bound == NULL || tags == NULL ? NULL : rune_vtypes_join(&v->types, bound, tags, &hint);
    }
    return *ret_any ? bound : NULL;
}

static struct rune_vanswer get_tag(struct rune_validator *v, const struct rune_cedar_expr *expr,
                                   const struct rune_vtype *entity, uint32_t capability, bool ok)
{
    bool any;
    const struct rune_vtype *type = tag_type(v, entity, &any);
    if (!rune_vcapabilities_holds(&v->capabilities, capability)) {
        if (rune_v_find(v, RUNE_FINDING_UNSAFE_TAG, expr->span)) {
            struct rune_str of = rune_v_source_text(expr->args[0]->span);
            struct rune_str tag = rune_v_source_text(expr->args[1]->span);
            const char *help =
                of.length + tag.length > 100
                    ? "test it with `hasTag` before"
                    : rune_arena_printf(
                          &v->scratch,
                          "a tag may be missing: test it with `%.*s.hasTag(%.*s) && ..`",
                          RUNE_STR_ARG(of), RUNE_STR_ARG(tag));
            rune_v_tell(v, RUNE_FINDING_UNSAFE_TAG, expr->span, help,
                        "this tag of %s may be missing", rune_v_type_text(v, entity));
        }
        return rune_v_answer(NULL, false);
    }
    if (!any) {
        if (rune_v_find(v, RUNE_FINDING_NO_TAGS, expr->span)) {
            rune_v_tell(v, RUNE_FINDING_NO_TAGS, expr->span,
                        "declare `tags` for the type in the schema", "%s has no tags",
                        rune_v_type_text(v, entity));
        }
        return rune_v_answer(NULL, false);
    }
    if (type == NULL && rune_v_find(v, RUNE_FINDING_INCOMPATIBLE_TYPES, expr->span)) {
        rune_v_tell(v, RUNE_FINDING_INCOMPATIBLE_TYPES, expr->span,
                    "test the entity's type with `is` before", "tags of %s are of different types",
                    rune_v_type_text(v, entity));
    }
    return rune_v_answer(type, ok);
}

struct rune_vanswer rune_v_tag(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    struct rune_vcapabilities *caps = &v->capabilities;
    struct rune_vanswer entity = rune_v_expect(v, expr->args[0], RUNE_EXPECT_ENTITY);
    struct rune_vanswer key = rune_v_expect(v, expr->args[1], RUNE_EXPECT_STRING);
    bool ok = entity.ok && key.ok;
    if (entity.type == NULL) {
        return rune_v_answer(NULL, false);
    }
    uint32_t capability =
        rune_vcapabilities_tag(caps, rune_vcapabilities_shape(caps, expr->args[0]),
                               rune_vcapabilities_shape(caps, expr->args[1]));
    if (expr->kind == RUNE_EXPR_GET_TAG) {
        return get_tag(v, expr, entity.type, capability, ok);
    }
    bool any;
    (void)tag_type(v, entity.type, &any);
    struct rune_vanswer answer =
        rune_v_answer(!any                                         ? v->types.no
                      : rune_vcapabilities_holds(caps, capability) ? v->types.yes
                                                                   : v->types.boolean,
                      ok);
    answer.caps = ok ? rune_vcaps_one(caps, capability) : NULL;
    return answer;
}

/* ---- extension functions ---- */

enum { C = 1, M = 0 }; /* constructor or method, in the table */

enum { RESULT_BOOL, RESULT_LONG, RESULT_DECIMAL, RESULT_IPADDR, RESULT_DATETIME, RESULT_DURATION };

static const struct signature {
    const char *name;
    uint32_t is_constructor, arity, result;
} signatures[] = {
#define RUNE_FUNCTION(NAME, text, style, arity, result) {text, style, arity, RESULT_##result},
#include "cedar/functions.def"
#undef RUNE_FUNCTION
};

static uint32_t ext_of_result(uint32_t result)
{
    static const uint32_t exts[] = {
        [RESULT_DECIMAL] = RUNE_EXT_DECIMAL,
        [RESULT_IPADDR] = RUNE_EXT_IPADDR,
        [RESULT_DATETIME] = RUNE_EXT_DATETIME,
        [RESULT_DURATION] = RUNE_EXT_DURATION,
    };
    return exts[result];
}

static const struct rune_vtype *result_type(struct rune_validator *v, uint32_t result)
{
    return result == RESULT_BOOL   ? v->types.boolean
           : result == RESULT_LONG ? v->types.number
                                   : rune_vtypes_ext(&v->types, ext_of_result(result));
}

/* The receiver's type stands in the method's name in the table: DATETIME_OFFSET. */
static uint32_t receiver(uint32_t function)
{
    static const char *const names[] = {
#define RUNE_FUNCTION(NAME, text, style, arity, result) #NAME,
#include "cedar/functions.def"
#undef RUNE_FUNCTION
    };
    const char *name = names[function];
    return strncmp(name, "DECIMAL", 7) == 0    ? RUNE_EXT_DECIMAL
           : strncmp(name, "IP", 2) == 0       ? RUNE_EXT_IPADDR
           : strncmp(name, "DATETIME", 8) == 0 ? RUNE_EXT_DATETIME
                                               : RUNE_EXT_DURATION;
}

static uint32_t argument_type(uint32_t function, uint32_t index)
{
    if (signatures[function].is_constructor) {
        return RUNE_EXPECT_STRING;
    }
    uint32_t ext = index == 1 && strcmp(signatures[function].name, "offset") == 0
                       ? RUNE_EXT_DURATION
                       : receiver(function);
    return (uint32_t)RUNE_EXPECT_EXT << (ext - 1);
}

static bool check_arity(struct rune_validator *v, const struct rune_cedar_expr *expr,
                        const struct signature *signature)
{
    if (expr->arg_count == signature->arity) {
        return true;
    }
    if (rune_v_find(v, RUNE_FINDING_ARGUMENT_COUNT, expr->span)) {
        uint32_t receivers = expr->as.call.is_method;
        uint32_t expected =
            signature->arity - (receivers <= signature->arity ? receivers : signature->arity);
        rune_v_tell(v, RUNE_FINDING_ARGUMENT_COUNT, expr->span, NULL,
                    "`%s` takes %u argument%s, not %u", signature->name, expected,
                    expected == 1 ? "" : "s", expr->arg_count - receivers);
    }
    return false;
}

static bool check_text(struct rune_validator *v, const struct rune_cedar_expr *expr,
                       const struct signature *signature)
{
    static const char *const helps[] = {
        [RUNE_EXT_DECIMAL] =
            "like \"12.34\": digits on both sides of the point, at most 4 behind it",
        [RUNE_EXT_IPADDR] = "like \"10.0.0.1\", \"10.0.0.0/8\", \"::1\" or \"2001:db8::/32\"",
        [RUNE_EXT_DATETIME] =
            "like \"2024-10-15\", \"2024-10-15T11:35:00Z\" or \"2024-10-15T11:35:00.000+0100\"",
        [RUNE_EXT_DURATION] = "like \"1d2h3m4s5ms\": units in this order, each once",
    };
    struct rune_ext value;
    uint32_t ext = ext_of_result(signature->result);
    const struct rune_cedar_expr *text = expr->arg_count == 1 ? expr->args[0] : NULL;
    if (text == NULL || text->kind != RUNE_EXPR_STRING ||
        rune_ext_parse((enum rune_ext_kind)ext, text->as.string, &value) == RUNE_OK) {
        return true;
    }
    if (rune_v_find(v, RUNE_FINDING_ARGUMENT, text->span)) {
        rune_v_tell(v, RUNE_FINDING_ARGUMENT, text->span, helps[ext], "`%s` cannot read this text",
                    signature->name);
    }
    return false;
}

static bool check_literals(struct rune_validator *v, const struct rune_cedar_expr *expr,
                           const struct signature *signature)
{
    for (uint32_t i = 0; v->is_strict && i < expr->arg_count; i++) {
        if (is_literal(expr->args[i])) {
            continue;
        }
        if (rune_v_find(v, RUNE_FINDING_NOT_LITERAL, expr->span)) {
            rune_v_tell(v, RUNE_FINDING_NOT_LITERAL, expr->span,
                        "give entities and contexts attributes of this type instead of strings",
                        "`%s` takes a literal string only", signature->name);
        }
        return false;
    }
    return true;
}

struct rune_vanswer rune_v_call(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    uint32_t function = expr->as.call.function;
    const struct signature *signature = &signatures[function];
    const struct rune_vtype *result = result_type(v, signature->result);
    bool ok = check_arity(v, expr, signature);
    if (signature->is_constructor) {
        ok = check_text(v, expr, signature) && ok;
        ok = check_literals(v, expr, signature) && ok;
    }
    bool is_well_formed = ok;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        bool arg_ok = is_well_formed
                          ? rune_v_expect(v, expr->args[i], argument_type(function, i)).ok
                          : rune_v_type(v, expr->args[i]).ok;
        ok = ok && arg_ok;
    }
    return rune_v_answer(result, ok);
}
