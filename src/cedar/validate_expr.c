/* SPDX-License-Identifier: Apache-2.0 */
/* Types of expressions: variables, literals, logic, sets and records. Recursion follows the tree,
 * whose depth the parser limits (RUNE_CEDAR_MAX_DEPTH).
 *
 * An answer that is not ok never has capabilities; its type, where one is known, still decides
 * whether other operands can be reached: `false && wrong` is never looked into. */
#include <stdlib.h>

#include "cedar/validate_int.h"
#include "model/ext.h"
#include "model/uid.h"

struct rune_vanswer rune_v_answer(const struct rune_vtype *type, bool ok)
{
    return (struct rune_vanswer){.type = type, .ok = ok && type != NULL};
}

/* ---- expectations ---- */

bool rune_v_fits(const struct rune_vtype *type, uint32_t expected)
{
    switch (type->kind) {
    case RUNE_VTYPE_NEVER:
        return true;
    case RUNE_VTYPE_FALSE:
    case RUNE_VTYPE_TRUE:
    case RUNE_VTYPE_BOOL:
        return (expected & RUNE_EXPECT_BOOL) != 0;
    case RUNE_VTYPE_LONG:
        return (expected & RUNE_EXPECT_LONG) != 0;
    case RUNE_VTYPE_STRING:
        return (expected & RUNE_EXPECT_STRING) != 0;
    case RUNE_VTYPE_ANY_ENTITY:
    case RUNE_VTYPE_ENTITY:
        return (expected & RUNE_EXPECT_ENTITY) != 0;
    case RUNE_VTYPE_SET:
        return (expected & RUNE_EXPECT_SET) != 0 ||
               ((expected & RUNE_EXPECT_ENTITY_SET) != 0 && rune_vtype_is_entity_set(type));
    case RUNE_VTYPE_RECORD:
        return (expected & RUNE_EXPECT_RECORD) != 0;
    case RUNE_VTYPE_EXT:
        return (expected & (unsigned)RUNE_EXPECT_EXT << (type->ext - 1)) != 0;
    }
    return false;
}

static const char *expected_text(uint32_t expected)
{
    static const struct {
        uint32_t expected;
        const char *text;
    } texts[] = {
        {RUNE_EXPECT_BOOL, "Bool"},
        {RUNE_EXPECT_LONG, "Long"},
        {RUNE_EXPECT_STRING, "String"},
        {RUNE_EXPECT_ENTITY, "an entity"},
        {RUNE_EXPECT_SET, "a set"},
        {RUNE_EXPECT_ENTITY | RUNE_EXPECT_ENTITY_SET, "an entity or a set of entities"},
        {RUNE_EXPECT_ENTITY | RUNE_EXPECT_RECORD, "an entity or a record"},
        {RUNE_EXPECT_EXT << (RUNE_EXT_DECIMAL - 1), "decimal"},
        {RUNE_EXPECT_EXT << (RUNE_EXT_IPADDR - 1), "ipaddr"},
        {RUNE_EXPECT_EXT << (RUNE_EXT_DATETIME - 1), "datetime"},
        {RUNE_EXPECT_EXT << (RUNE_EXT_DURATION - 1), "duration"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].expected == expected) {
            return texts[i].text;
        }
    }
    return "another type";
}

/* What to do about a wrong type. */
const char *rune_v_expected_help(uint32_t expected, const struct rune_vtype *found)
{
    bool is_set = found->kind == RUNE_VTYPE_SET;
    bool is_string = found->kind == RUNE_VTYPE_STRING;
    if (expected == RUNE_EXPECT_SET) {
        return rune_vtype_is_entity(found)        ? "use `in` to test for membership in an entity"
               : found->kind == RUNE_VTYPE_RECORD ? "use `has` to test for an attribute"
               : is_string ? "use `like` to look into a string, `== \"\"` for an empty one"
                           : NULL;
    }
    if (expected == (RUNE_EXPECT_ENTITY | RUNE_EXPECT_ENTITY_SET) && is_set) {
        return "use `contains` to look into a set of values";
    }
    if ((expected & RUNE_EXPECT_ENTITY) != 0 && is_set) {
        return "use `contains`, `containsAny` or `containsAll` to look into a set";
    }
    if ((expected & RUNE_EXPECT_ENTITY) != 0 && is_string) {
        return "use `like` to look into a string";
    }
    if (expected == RUNE_EXPECT_STRING && rune_vtype_is_entity(found)) {
        return "use `is` to test for an entity's type";
    }
    if (expected == RUNE_EXPECT_LONG && is_string) {
        return "strings cannot be joined or calculated with";
    }
    if (expected == RUNE_EXPECT_LONG && is_set) {
        return "sets have no union, intersection or difference";
    }
    for (uint32_t ext = RUNE_EXT_DECIMAL; ext <= RUNE_EXT_DURATION && is_string; ext++) {
        if (expected == (unsigned)RUNE_EXPECT_EXT << (ext - 1)) {
            return rune_v_ext_help(ext);
        }
    }
    return NULL;
}

struct rune_vanswer rune_v_expect(struct rune_validator *v, const struct rune_cedar_expr *expr,
                                  uint32_t expected)
{
    struct rune_vanswer answer = rune_v_type(v, expr);
    if (answer.type == NULL) {
        return rune_v_nothing;
    }
    if (rune_v_fits(answer.type, expected)) {
        return answer;
    }
    if (rune_v_find(v, RUNE_FINDING_UNEXPECTED_TYPE, expr->span)) {
        rune_v_tell(v, RUNE_FINDING_UNEXPECTED_TYPE, expr->span,
                    rune_v_expected_help(expected, answer.type), "expected %s, found %s",
                    expected_text(expected), rune_v_type_text(v, answer.type));
    }
    return rune_v_nothing;
}

/* ---- logic ---- */

static bool is(const struct rune_vanswer *answer, enum rune_vtype_kind kind)
{
    return answer->type != NULL && answer->type->kind == kind;
}

/* An operand makes an `&&` false: if it is one itself, by what makes that false. */
static void note_no(struct rune_validator *v, const struct rune_cedar_expr *operand)
{
    if (operand->kind != RUNE_EXPR_AND) {
        v->no_operand = operand;
    }
}

static struct rune_vanswer type_and(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    struct rune_vcapabilities *caps = &v->capabilities;
    struct rune_vanswer left = rune_v_expect(v, expr->args[0], RUNE_EXPECT_BOOL);
    if (is(&left, RUNE_VTYPE_FALSE)) {
        note_no(v, expr->args[0]);
        return rune_v_answer(left.type, left.ok);
    }
    rune_vcapabilities_push(caps, left.caps);
    struct rune_vanswer right = rune_v_expect(v, expr->args[1], RUNE_EXPECT_BOOL);
    rune_vcapabilities_pop(caps, left.caps);
    bool ok = left.ok && right.ok;
    if (left.type == NULL || right.type == NULL) {
        return rune_v_answer(v->types.boolean, false);
    }
    if (is(&right, RUNE_VTYPE_FALSE)) {
        note_no(v, expr->args[1]);
        return rune_v_answer(right.type, ok);
    }
    if (is(&right, RUNE_VTYPE_TRUE)) {
        return rune_v_answer_with(left.type, ok, rune_vcaps_union(caps, left.caps, right.caps));
    }
    if (is(&left, RUNE_VTYPE_TRUE)) {
        return rune_v_answer_with(right.type, ok, right.caps);
    }
    return rune_v_answer_with(v->types.boolean, ok, rune_vcaps_union(caps, left.caps, right.caps));
}

static struct rune_vanswer type_or(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    struct rune_vanswer left = rune_v_expect(v, expr->args[0], RUNE_EXPECT_BOOL);
    if (is(&left, RUNE_VTYPE_TRUE)) {
        return left;
    }
    struct rune_vanswer right = rune_v_expect(v, expr->args[1], RUNE_EXPECT_BOOL);
    bool ok = left.ok && right.ok;
    if (left.type == NULL || right.type == NULL) {
        return rune_v_answer(v->types.boolean, false);
    }
    if (is(&right, RUNE_VTYPE_TRUE)) {
        return rune_v_answer_with(right.type, ok, right.caps);
    }
    if (is(&right, RUNE_VTYPE_FALSE)) {
        return rune_v_answer_with(left.type, ok, left.caps);
    }
    if (is(&left, RUNE_VTYPE_FALSE)) {
        return rune_v_answer_with(right.type, ok, right.caps);
    }
    return rune_v_answer_with(v->types.boolean, ok,
                              rune_vcaps_intersect(&v->capabilities, right.caps, left.caps));
}

static void tell_no_join(struct rune_validator *v, const struct rune_cedar_expr *expr,
                         const struct rune_vtype *a, const struct rune_vtype *b,
                         enum rune_lub_hint hint, const char *what)
{
    static const char *const helps[] = {
        [RUNE_LUB_NONE] = "they must have one type",
        [RUNE_LUB_OPTIONALITY] = "an attribute must be optional in both records or in none",
        [RUNE_LUB_WIDTH] = "records must have the same attributes",
        [RUNE_LUB_ENTITY_TYPES] =
            "entities must be of one type, even if their attributes are alike",
        [RUNE_LUB_ENTITY_RECORD] = "an entity is no record, even if their attributes are alike",
    };
    if (rune_v_find(v, RUNE_FINDING_INCOMPATIBLE_TYPES, expr->span)) {
        rune_v_tell(v, RUNE_FINDING_INCOMPATIBLE_TYPES, expr->span, helps[hint],
                    "%s are of different types: %s and %s", what, rune_v_type_text(v, a),
                    rune_v_type_text(v, b));
    }
}

static struct rune_vanswer join_branches(struct rune_validator *v,
                                         const struct rune_cedar_expr *expr,
                                         const struct rune_vanswer *yes,
                                         const struct rune_vanswer *no)
{
    enum rune_lub_hint hint;
    if (yes->type == NULL || no->type == NULL) {
        return rune_v_nothing;
    }
    const struct rune_vtype *type = rune_vtypes_join(&v->types, yes->type, no->type, &hint);
    if (type == NULL) {
        tell_no_join(v, expr, yes->type, no->type, hint, "the branches of `if`");
        return rune_v_nothing;
    }
    return rune_v_answer_with(type, yes->ok && no->ok,
                              rune_vcaps_intersect(&v->capabilities, no->caps, yes->caps));
}

static struct rune_vanswer type_if(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    struct rune_vcapabilities *caps = &v->capabilities;
    struct rune_vanswer test = rune_v_expect(v, expr->args[0], RUNE_EXPECT_BOOL);
    struct rune_vanswer yes = rune_v_nothing;
    if (!is(&test, RUNE_VTYPE_FALSE)) {
        rune_vcapabilities_push(caps, test.caps);
        yes = rune_v_type(v, expr->args[1]);
        rune_vcapabilities_pop(caps, test.caps);
        yes.caps = yes.ok ? rune_vcaps_union(caps, yes.caps, test.caps) : NULL;
    }
    if (is(&test, RUNE_VTYPE_TRUE)) {
        return rune_v_answer_with(yes.type, yes.ok && test.ok, yes.caps);
    }
    struct rune_vanswer no = rune_v_type(v, expr->args[2]);
    if (is(&test, RUNE_VTYPE_FALSE)) {
        return rune_v_answer_with(no.type, no.ok && test.ok, no.caps);
    }
    struct rune_vanswer joined = join_branches(v, expr, &yes, &no);
    return rune_v_answer_with(joined.type, joined.ok && test.ok, joined.caps);
}

static struct rune_vanswer negate(struct rune_validator *v, struct rune_vanswer operand)
{
    if (is(&operand, RUNE_VTYPE_TRUE)) {
        return rune_v_answer(v->types.no, operand.ok);
    }
    if (is(&operand, RUNE_VTYPE_FALSE)) {
        return rune_v_answer(v->types.yes, operand.ok);
    }
    return rune_v_answer(v->types.boolean, operand.ok);
}

/* ---- literals and variables ---- */

const struct rune_vtype *rune_v_uid_type(struct rune_validator *v, const struct rune_cedar_uid *uid)
{
    if (rune_uid_is_action_type(uid->type) &&
        rune_cedar_schema_find_action(v->schema, uid) == NULL) {
        return NULL;
    }
    uint32_t entity = rune_vtypes_entity(&v->types, uid->type);
    return entity == UINT32_MAX ? NULL : v->types.entities[entity];
}

/* ---- type tests, sets, records ---- */

static struct rune_vanswer type_is_alone(struct rune_validator *v,
                                         const struct rune_cedar_expr *expr)
{
    struct rune_vanswer of = rune_v_expect(v, expr->args[0], RUNE_EXPECT_ENTITY);
    if (of.type == NULL || of.type->kind != RUNE_VTYPE_ENTITY) {
        return rune_v_answer(v->types.boolean, of.ok);
    }
    uint32_t entity = rune_vtypes_entity(&v->types, expr->as.name);
    bool may = false;
    for (uint32_t i = 0; i < of.type->count; i++) {
        may = may || of.type->entities[i] == entity;
    }
    bool is_sure = may && of.type->count == 1;
    return rune_v_answer(is_sure ? v->types.yes : may ? v->types.boolean : v->types.no, of.ok);
}

/* `x is T in y` is `x is T && x in y`. */
static struct rune_vanswer type_is(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    struct rune_vanswer left = type_is_alone(v, expr);
    if (expr->arg_count == 1 || is(&left, RUNE_VTYPE_FALSE)) {
        return left;
    }
    struct rune_vanswer right = rune_v_in(v, expr, expr->args[0], expr->args[1]);
    bool ok = left.ok && right.ok;
    if (is(&right, RUNE_VTYPE_TRUE)) {
        return rune_v_answer(left.type, ok);
    }
    bool decides = is(&right, RUNE_VTYPE_FALSE) || is(&left, RUNE_VTYPE_TRUE);
    return rune_v_answer(decides ? right.type : v->types.boolean, ok);
}

static struct rune_vanswer type_set(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    const struct rune_vtype *element = v->types.never;
    bool ok = true;
    bool is_known = true;
    bool is_joined = true;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        struct rune_vanswer answer = rune_v_type(v, expr->args[i]);
        ok = ok && answer.ok;
        is_known = is_known && answer.type != NULL;
        if (!is_known || !is_joined) {
            continue;
        }
        enum rune_lub_hint hint;
        const struct rune_vtype *joined = rune_vtypes_join(&v->types, element, answer.type, &hint);
        if (joined == NULL) {
            is_joined = false;
            /* An element of unknown type further on would keep Cedar from comparing: it is an
             * error anyway. */
            tell_no_join(v, expr, element, answer.type, hint, "elements of the set");
            continue;
        }
        element = joined;
    }
    if (expr->arg_count == 0 && v->is_strict) {
        if (rune_v_find(v, RUNE_FINDING_EMPTY_SET, expr->span)) {
            rune_v_tell(v, RUNE_FINDING_EMPTY_SET, expr->span,
                        "use `isEmpty` to test for an empty set",
                        "the type of an empty set cannot be known");
        }
        return rune_v_nothing;
    }
    return is_known && is_joined ? rune_v_answer(rune_vtypes_set(&v->types, element), ok)
                                 : rune_v_nothing;
}

static int compare_attrs(const void *a, const void *b)
{
    return rune_str_compare(((const struct rune_vtype_attr *)a)->name,
                            ((const struct rune_vtype_attr *)b)->name);
}

static struct rune_vanswer type_record(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    struct rune_vtype_attr *attrs =
        RUNE_ARENA_ARRAY(&v->capabilities.ropes, struct rune_vtype_attr, expr->arg_count);
    bool ok = attrs != NULL;
    bool is_known = ok;
    v->failed = v->failed || !ok;
    for (uint32_t i = 0; attrs != NULL && i < expr->arg_count; i++) {
        struct rune_vanswer answer = rune_v_type(v, expr->args[i]);
        attrs[i] = (struct rune_vtype_attr){expr->as.path.names[i], answer.type, true};
        ok = ok && answer.ok;
        is_known = is_known && answer.type != NULL;
    }
    if (!is_known) {
        return rune_v_nothing;
    }
    if (expr->arg_count > 1) {
        qsort(attrs, expr->arg_count, sizeof(*attrs), compare_attrs);
    }
    return rune_v_answer(rune_vtypes_record(&v->types, attrs, expr->arg_count, false), ok);
}

/* ---- all kinds ---- */

static struct rune_vanswer calculate(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    bool ok = true;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        ok = rune_v_expect(v, expr->args[i], RUNE_EXPECT_LONG).ok && ok;
    }
    return rune_v_answer(v->types.number, ok);
}

static struct rune_vanswer test(struct rune_validator *v, const struct rune_cedar_expr *operand,
                                uint32_t expected)
{
    return rune_v_answer(v->types.boolean, rune_v_expect(v, operand, expected).ok);
}

static struct rune_vanswer type_of(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    switch (expr->kind) {
    case RUNE_EXPR_BOOL:
        return rune_v_answer(expr->as.boolean ? v->types.yes : v->types.no, true);
    case RUNE_EXPR_LONG:
        return rune_v_answer(v->types.number, true);
    case RUNE_EXPR_STRING:
        return rune_v_answer(v->types.string, true);
    case RUNE_EXPR_ENTITY:
        return rune_v_answer(rune_v_uid_type(v, expr->as.uid), true);
    case RUNE_EXPR_VAR:
        return rune_v_answer(v->variables[expr->as.var], true);
    case RUNE_EXPR_SLOT:
        return rune_v_answer(v->types.any_entity, true);
    case RUNE_EXPR_IF:
        return type_if(v, expr);
    case RUNE_EXPR_AND:
        return type_and(v, expr);
    case RUNE_EXPR_OR:
        return type_or(v, expr);
    case RUNE_EXPR_NOT:
        return negate(v, rune_v_expect(v, expr->args[0], RUNE_EXPECT_BOOL));
    case RUNE_EXPR_EQ:
        return rune_v_equal(v, expr);
    case RUNE_EXPR_NE:
        return negate(v, rune_v_equal(v, expr));
    case RUNE_EXPR_LT:
    case RUNE_EXPR_LE:
    case RUNE_EXPR_GT:
    case RUNE_EXPR_GE:
        return rune_v_compare(v, expr);
    case RUNE_EXPR_IN:
        return rune_v_in(v, expr, expr->args[0], expr->args[1]);
    case RUNE_EXPR_NEG:
    case RUNE_EXPR_ADD:
    case RUNE_EXPR_SUB:
    case RUNE_EXPR_MUL:
        return calculate(v, expr);
    case RUNE_EXPR_IS:
        return type_is(v, expr);
    case RUNE_EXPR_HAS:
        return rune_v_has(v, expr);
    case RUNE_EXPR_LIKE:
        return test(v, expr->args[0], RUNE_EXPECT_STRING);
    case RUNE_EXPR_IS_EMPTY:
        return test(v, expr->args[0], RUNE_EXPECT_SET);
    case RUNE_EXPR_GET_ATTR:
        return rune_v_get(v, expr);
    case RUNE_EXPR_HAS_TAG:
    case RUNE_EXPR_GET_TAG:
        return rune_v_tag(v, expr);
    case RUNE_EXPR_CONTAINS:
    case RUNE_EXPR_CONTAINS_ALL:
    case RUNE_EXPR_CONTAINS_ANY:
        return rune_v_contains(v, expr);
    case RUNE_EXPR_SET:
        return type_set(v, expr);
    case RUNE_EXPR_RECORD:
        return type_record(v, expr);
    case RUNE_EXPR_CALL:
        return rune_v_call(v, expr);
    }
    return rune_v_nothing;
}

struct rune_vanswer rune_v_type(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    if (rune_validator_failed(v)) {
        return rune_v_nothing;
    }
    struct rune_vanswer answer = type_of(v, expr);
    if (v->max_level != UINT32_MAX) {
        rune_v_visit(v, expr, answer.type);
    }
    return answer;
}
