/* SPDX-License-Identifier: Apache-2.0 */
/* Types of attributes, and of tests whether they are there: an optional one may be read where a
 * test has made it a capability. */
#include <string.h>

#include "cedar/validate_int.h"

/* `principal.a` of the expression's text, for advice; cut where it is long. */
static struct rune_str short_text(struct rune_span span)
{
    struct rune_str text = rune_v_source_text(span);
    return text.length > 0 && text.length <= 60 && memchr(text.data, '\n', text.length) == NULL
               ? text
               : RUNE_STR("..");
}

static void tell_optional(struct rune_validator *v, const struct rune_cedar_expr *expr,
                          struct rune_span span, const struct rune_vtype *type,
                          struct rune_str name)
{
    if (!rune_v_find(v, RUNE_FINDING_OPTIONAL_ATTRIBUTE, span)) {
        return;
    }
    struct rune_str of = short_text(expr->span);
    const char *help = rune_arena_printf(
        &v->scratch, "this attribute is optional: test it with `%.*s has %.*s && ..`",
        RUNE_STR_ARG(of), RUNE_STR_ARG(name));
    rune_v_tell(v, RUNE_FINDING_OPTIONAL_ATTRIBUTE, span, help, "`%.*s` of %s may be missing",
                RUNE_STR_ARG(name), rune_v_type_text(v, type));
}

static void tell_unknown(struct rune_validator *v, struct rune_span span,
                         const struct rune_vtype *type, struct rune_str name)
{
    if (rune_v_find(v, RUNE_FINDING_UNKNOWN_ATTRIBUTE, span)) {
        rune_v_tell(v, RUNE_FINDING_UNKNOWN_ATTRIBUTE, span, rune_v_suggest_attr(v, type, name),
                    "%s has no attribute `%.*s`", rune_v_type_text(v, type), RUNE_STR_ARG(name));
    }
}

struct rune_vanswer rune_v_get(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    struct rune_vcapabilities *caps = &v->capabilities;
    const struct rune_cedar_expr *of = expr->args[0];
    struct rune_str name = expr->as.string;
    struct rune_vanswer answer = rune_v_expect(v, of, RUNE_EXPECT_ENTITY | RUNE_EXPECT_RECORD);
    if (answer.type == NULL) {
        return rune_v_nothing;
    }
    const struct rune_vtype_attr *attr = rune_vtypes_attribute(&v->types, answer.type, name);
    if (attr == NULL) {
        tell_unknown(v, expr->span, answer.type, name);
        return rune_v_nothing;
    }
    if (!attr->is_required &&
        !rune_vcapabilities_holds(
            caps, rune_vcapabilities_attr(caps, rune_vcapabilities_shape(caps, of), name))) {
        tell_optional(v, of, expr->span, answer.type, name);
        return rune_v_answer(attr->type, false);
    }
    return rune_v_answer(attr->type, answer.ok);
}

static struct rune_vanswer type_has(struct rune_validator *v, const struct rune_cedar_expr *expr,
                                    struct rune_vanswer of)
{
    struct rune_vcapabilities *caps = &v->capabilities;
    struct rune_str name = expr->as.path.names[0];
    const struct rune_vtype_attr *attr = rune_vtypes_attribute(&v->types, of.type, name);
    if (attr == NULL) {
        bool may = rune_vtypes_may_have(&v->types, of.type, name);
        return rune_v_answer(may ? v->types.boolean : v->types.no, of.ok);
    }
    uint32_t capability =
        rune_vcapabilities_attr(caps, rune_vcapabilities_shape(caps, expr->args[0]), name);
    /* An entity may be missing with all of its attributes; a record may not. */
    bool is_sure = rune_vcapabilities_holds(caps, capability) ||
                   (attr->is_required && of.type->kind == RUNE_VTYPE_RECORD);
    return rune_v_answer_with(is_sure ? v->types.yes : v->types.boolean, of.ok,
                              rune_vcaps_one(caps, capability));
}

/* One step of `has a.b.c`. */
struct has_step {
    const struct rune_vtype *type; /* of the test; NULL: wrong */
    const struct rune_vcaps *caps;
};

static struct has_step has_step(struct rune_validator *v, const struct rune_cedar_expr *expr,
                                const struct rune_vtype *type, uint32_t shape, struct rune_str name)
{
    struct rune_vcapabilities *caps = &v->capabilities;
    if (!rune_v_fits(type, RUNE_EXPECT_ENTITY | RUNE_EXPECT_RECORD)) {
        if (rune_v_find(v, RUNE_FINDING_UNEXPECTED_TYPE, expr->span)) {
            rune_v_tell(v, RUNE_FINDING_UNEXPECTED_TYPE, expr->span,
                        rune_v_expected_help(RUNE_EXPECT_ENTITY | RUNE_EXPECT_RECORD, type),
                        "expected an entity or a record before `.%.*s`, found %s",
                        RUNE_STR_ARG(name), rune_v_type_text(v, type));
        }
        return (struct has_step){NULL, NULL};
    }
    const struct rune_vtype_attr *attr = rune_vtypes_attribute(&v->types, type, name);
    if (attr == NULL) {
        bool may = rune_vtypes_may_have(&v->types, type, name);
        return (struct has_step){may ? v->types.boolean : v->types.no, NULL};
    }
    uint32_t capability = rune_vcapabilities_attr(caps, shape, name);
    if (rune_vcapabilities_holds(caps, capability) ||
        (attr->is_required && type->kind == RUNE_VTYPE_RECORD)) {
        return (struct has_step){v->types.yes, NULL};
    }
    return (struct has_step){v->types.boolean, rune_vcaps_one(caps, capability)};
}

/* The steps from `index` on; right to left as a chain of `&&`. */
static struct rune_vanswer type_path(struct rune_validator *v, const struct rune_cedar_expr *expr,
                                     const struct rune_vtype *type)
{
    struct rune_vcapabilities *caps = &v->capabilities;
    uint32_t count = expr->as.path.count;
    struct has_step *steps = RUNE_ARENA_ARRAY(&v->capabilities.ropes, struct has_step, count);
    uint32_t shape = rune_vcapabilities_shape(caps, expr->args[0]);
    uint32_t done = 0;
    bool ok = steps != NULL;
    v->failed = v->failed || !ok;
    for (; ok && done < count; done++) {
        struct rune_str name = expr->as.path.names[done];
        steps[done] = has_step(v, expr, type, shape, name);
        ok = steps[done].type != NULL;
        if (!ok || done + 1 == count || steps[done].type == v->types.no) {
            done += ok;
            break;
        }
        rune_vcapabilities_push(caps, steps[done].caps);
        const struct rune_vtype_attr *attr = rune_vtypes_attribute(&v->types, type, name);
        if (attr == NULL) {
            tell_unknown(v, expr->span, type, name);
            ok = false;
            done++;
            break;
        }
        type = attr->type;
        shape = rune_vcapabilities_member(caps, shape, name);
    }
    const struct rune_vtype *result = NULL;
    const struct rune_vcaps *set = NULL;
    uint32_t pushed = ok && done > 0 ? done - 1 : done;
    for (uint32_t i = done; i-- > 0;) {
        if (i < pushed) {
            rune_vcapabilities_pop(caps, steps[i].caps);
        }
        if (!ok || result == NULL) {
            result = steps[i].type;
            set = steps[i].caps;
        } else if (result == v->types.no) {
            set = NULL;
        } else {
            result = result == v->types.yes ? steps[i].type : result;
            set = rune_vcaps_union(caps, steps[i].caps, set);
        }
    }
    return ok ? rune_v_answer_with(result, true, set) : rune_v_answer(v->types.boolean, false);
}

struct rune_vanswer rune_v_has(struct rune_validator *v, const struct rune_cedar_expr *expr)
{
    struct rune_vanswer of =
        rune_v_expect(v, expr->args[0], RUNE_EXPECT_ENTITY | RUNE_EXPECT_RECORD);
    if (of.type == NULL) {
        return rune_v_answer(v->types.boolean, false);
    }
    if (expr->as.path.count == 1) {
        return type_has(v, expr, of);
    }
    struct rune_vanswer answer = type_path(v, expr, of.type);
    return rune_v_answer_with(answer.type, answer.ok && of.ok, answer.caps);
}
