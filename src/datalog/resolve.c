/* SPDX-License-Identifier: Apache-2.0 */
/* resolve: names to relations, in order of the text: the first use fixes the arity, declarations
 * come before. */
#include <stdio.h>

#include "datalog/check_int.h"
#include "datalog/tuples.h"

/* Built-in relations of bundles. `name_column`: the argument that makes a relation of its own when
 * it is a literal. ORDER: enum rune_dl_builtin, from RUNE_DL_PRINCIPAL on. */
static const struct builtin {
    struct rune_str name;
    enum rune_dl_builtin builtin;
    uint32_t arity;
    int name_column;
    bool is_derivable;
    const char *form;
} builtins[] = {
    {{"principal", 9}, RUNE_DL_PRINCIPAL, 1, -1, false, "principal(P)"},
    {{"action", 6}, RUNE_DL_ACTION, 1, -1, false, "action(A)"},
    {{"resource", 8}, RUNE_DL_RESOURCE, 1, -1, false, "resource(R)"},
    {{"context", 7}, RUNE_DL_CONTEXT, 2, 0, true, "context(\"key\", V)"},
    {{"entity", 6}, RUNE_DL_ENTITY_EXISTS, 1, -1, false, "entity(E)"},
    {{"entity.parent", 13}, RUNE_DL_ENTITY_PARENT, 2, -1, true, "entity.parent(E, F)"},
    {{"entity.attr", 11}, RUNE_DL_ENTITY_ATTR, 3, 1, true, "entity.attr(E, \"name\", V)"},
    {{"entity.tag", 10}, RUNE_DL_ENTITY_TAG, 3, 1, false, "entity.tag(E, \"name\", V)"},
    {{"entity.element", 14}, RUNE_DL_ENTITY_ELEMENT, 3, 1, true, "entity.element(E, \"name\", V)"},
    {{"entity.id", 9}, RUNE_DL_ENTITY_ID, 3, -1, false, "entity.id(E, T, I)"},
    {{"permit", 6}, RUNE_DL_PERMIT, 3, -1, true, "permit(P, A, R)"},
    {{"forbid", 6}, RUNE_DL_FORBID, 3, -1, true, "forbid(P, A, R)"},
};

#define BUILTIN_COUNT (sizeof(builtins) / sizeof(builtins[0]))

static const struct builtin *find_builtin(const struct rune_dl_checker *checker,
                                          struct rune_str name)
{
    /* the shortest has six letters */
    bool may_be = checker->dialect == RUNE_DL_BUNDLE && name.length >= 6 &&
                  memchr("acefpr", name.data[0], 6) != NULL;
    for (size_t i = 0; may_be && i < BUILTIN_COUNT; i++) {
        if (rune_str_equal(name, builtins[i].name)) {
            return &builtins[i];
        }
    }
    return NULL;
}

static bool has_prefix(struct rune_str name, struct rune_str prefix)
{
    return name.length >= prefix.length && memcmp(name.data, prefix.data, prefix.length) == 0;
}

/* Names that belong to RUNE and mean nothing (yet). */
static bool is_reserved(const struct rune_dl_checker *checker, struct rune_str name)
{
    return checker->dialect != RUNE_DL_BARE &&
           (has_prefix(name, RUNE_STR("entity.")) || has_prefix(name, RUNE_STR("rune.")) ||
            rune_str_equal(name, RUNE_STR("now")));
}

static bool check_reserved(struct rune_dl_checker *checker, struct rune_str name,
                           struct rune_span span)
{
    if (!is_reserved(checker, name)) {
        return true;
    }
    struct rune_str names[BUILTIN_COUNT];
    for (size_t i = 0; i < BUILTIN_COUNT; i++) {
        names[i] = builtins[i].name;
    }
    struct rune_str nearest = rune_str_nearest(name, names, BUILTIN_COUNT);
    char help[128] = "choose another name; `entity.`, `rune.` and `now` are kept for RUNE itself";
    if (nearest.length > 0) {
        snprintf(help, sizeof(help), "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
    }
    rune_dl_check_fail(checker, span, "RUNE-D0801", help, "the name `%.*s` is reserved",
                       RUNE_STR_ARG(name));
    return false;
}

uint32_t rune_dl_intern_relation(struct rune_dl_checker *checker, struct rune_str name,
                                 struct rune_str literal, uint32_t arity, struct rune_span span)
{
    uint32_t index;
    bool added;
    struct rune_str key = name;
    if (literal.data != NULL) {
        char *text = rune_arena_alloc(checker->arena, name.length + 1 + literal.length);
        if (text == NULL) {
            checker->nomem = true;
            return 0;
        }
        memcpy(text, name.data, name.length);
        text[name.length] = '\0';
        if (literal.length > 0) {
            memcpy(text + name.length + 1, literal.data, literal.length);
        }
        key = (struct rune_str){text, name.length + 1 + literal.length};
    }
    if (rune_map_intern(&checker->names, key, (uint32_t)checker->relations.count, &index, &added) !=
        RUNE_OK) {
        checker->nomem = true;
        return 0;
    }
    if (added) {
        struct rune_dl_relation relation = {
            .name = name, .literal = literal, .arity = arity, .first = span};
        const struct builtin *builtin = find_builtin(checker, name);
        relation.builtin = builtin != NULL ? builtin->builtin : RUNE_DL_NOT_BUILTIN;
        checker->nomem = checker->nomem || !RUNE_VEC_PUSH(&checker->relations, relation);
    }
    return checker->nomem ? 0 : index;
}

static void check_arity(struct rune_dl_checker *checker, uint32_t index, uint32_t arity,
                        struct rune_span span)
{
    struct rune_dl_relation *relation = &checker->relations.items[index];
    if (relation->arity == RUNE_DL_ARITY_UNKNOWN) {
        relation->arity = arity;
        relation->first = span;
    }
    if (relation->arity == arity) {
        return;
    }
    rune_dl_check_fail(checker, span, "RUNE-D0201", NULL,
                       "`%.*s` has %u column%s, but %u %s given here", RUNE_STR_ARG(relation->name),
                       relation->arity, relation->arity == 1 ? "" : "s", arity,
                       arity == 1 ? "is" : "are");
    if (relation->first.source != NULL) {
        rune_diag_note(checker->diag, relation->first, "first used here with %u", relation->arity);
    }
}

static bool check_builtin_arity(struct rune_dl_checker *checker, const struct builtin *builtin,
                                uint32_t arity, struct rune_span span)
{
    if (builtin->arity == arity) {
        return true;
    }
    bool decides = builtin->builtin == RUNE_DL_PERMIT || builtin->builtin == RUNE_DL_FORBID;
    char help[80];
    snprintf(help, sizeof(help), "its form is `%s`", builtin->form);
    rune_dl_check_fail(checker, span, decides ? "RUNE-D0804" : "RUNE-D0201", help,
                       "`%.*s` has %u column%s, but %u %s given here", RUNE_STR_ARG(builtin->name),
                       builtin->arity, builtin->arity == 1 ? "" : "s", arity,
                       arity == 1 ? "is" : "are");
    return false;
}

enum place { IN_HEAD, IN_BODY };

/* The literal that names an attribute or key; an empty str with data NULL for a variable (bodies
 * only). */
static bool find_name(struct rune_dl_checker *checker, const struct builtin *builtin,
                      struct rune_dl_expr *args, enum place place, struct rune_str *ret_literal)
{
    *ret_literal = (struct rune_str){0};
    if (builtin->name_column < 0) {
        return true;
    }
    const struct rune_dl_expr *name = &args[builtin->name_column];
    if (name->kind == RUNE_DL_STRING) {
        *ret_literal = name->as.string;
        return true;
    }
    bool is_variable = name->kind == RUNE_DL_VARIABLE || name->kind == RUNE_DL_WILDCARD;
    if (is_variable && place == IN_BODY) {
        return true;
    }
    char help[80];
    snprintf(help, sizeof(help), "its form is `%s`", builtin->form);
    rune_dl_check_fail(checker, rune_dl_check_span(checker, name), "RUNE-D0806", help,
                       "the name that is derived must be a string");
    return false;
}

/* The relation of an atom, or UINT32_MAX when it was reported. */
static uint32_t resolve_name(struct rune_dl_checker *checker, struct rune_str name,
                             struct rune_dl_expr *args, uint32_t arity, enum place place,
                             struct rune_span span)
{
    const struct builtin *builtin = find_builtin(checker, name);
    struct rune_str literal = {0};
    if (builtin == NULL) {
        if (!check_reserved(checker, name, span)) {
            checker->is_broken = true;
            return UINT32_MAX;
        }
        if (arity > RUNE_DL_MAX_ARITY) {
            checker->limit = true;
            rune_dl_check_fail(checker, span, "RUNE-D0903",
                               "divide it into several relations with a common key",
                               "`%.*s` has %u columns; %u are possible", RUNE_STR_ARG(name), arity,
                               RUNE_DL_MAX_ARITY);
            checker->is_broken = true;
            return UINT32_MAX;
        }
    } else if (!check_builtin_arity(checker, builtin, arity, span) ||
               !find_name(checker, builtin, args, place, &literal)) {
        checker->is_broken = true;
        return UINT32_MAX;
    }
    uint32_t index = rune_dl_intern_relation(checker, name, literal, arity, span);
    if (!checker->nomem) {
        check_arity(checker, index, arity, span);
    }
    return checker->nomem ? UINT32_MAX : index;
}

/* ---- entities ---- */

static bool may_be_entity(const struct rune_dl_expr *expr)
{
    return expr->kind == RUNE_DL_VARIABLE || expr->kind == RUNE_DL_WILDCARD ||
           expr->kind == RUNE_DL_ENTITY || expr->kind == RUNE_DL_INDEX;
}

static void check_entity_args(struct rune_dl_checker *checker, const struct builtin *builtin,
                              const struct rune_dl_expr *args)
{
    for (uint32_t i = 0; i < rune_dl_entity_args(builtin->builtin); i++) {
        if (!may_be_entity(&args[i])) {
            rune_dl_check_fail(checker, rune_dl_check_span(checker, &args[i]), "RUNE-D0805",
                               "entities are written `Type::\"id\"`",
                               "this argument of `%.*s` can never be an entity",
                               RUNE_STR_ARG(builtin->name));
        }
    }
}

/* A relation that was met before, as most are: there is little to look at but its columns. Of
 * built-ins only one that a body may read and that has no name among its arguments. INVARIANT:
 * reserved names are never interned. */
static bool find_known(struct rune_dl_checker *checker, struct rune_str name,
                       const struct rune_dl_expr *args, uint32_t arity, enum place place,
                       struct rune_span span, uint32_t *ret_index)
{
    if (arity > RUNE_DL_MAX_ARITY || !rune_map_find(&checker->names, name, ret_index)) {
        return false;
    }
    enum rune_dl_builtin number = checker->relations.items[*ret_index].builtin;
    if (number == RUNE_DL_NOT_BUILTIN) {
        check_arity(checker, *ret_index, arity, span);
        return true;
    }
    const struct builtin *builtin = &builtins[number - RUNE_DL_PRINCIPAL];
    if (place == IN_HEAD || number >= RUNE_DL_PERMIT || builtin->name_column >= 0 ||
        arity != builtin->arity) {
        return false;
    }
    check_entity_args(checker, builtin, args);
    return true;
}

/* `E in F` and `E is T` are about entities. */
static void check_entity_test(struct rune_dl_checker *checker,
                              const struct rune_dl_literal *literal)
{
    static const char *const help =
        "entities are written `Type::\"id\"`; for other values write `[\"a\", \"b\"].contains(X)`";
    bool is_list = literal->kind == RUNE_DL_IN && literal->args[1].kind == RUNE_DL_LIST;
    for (uint32_t i = 0; i < literal->arg_count; i++) {
        if (i == 1 && is_list) {
            continue;
        }
        if (!may_be_entity(&literal->args[i])) {
            rune_dl_check_fail(checker, rune_dl_check_span(checker, &literal->args[i]),
                               "RUNE-D0805", help, "this can never be an entity");
        }
    }
    for (uint32_t i = 0; is_list && i < literal->args[1].arg_count; i++) {
        if (!may_be_entity(&literal->args[1].args[i])) {
            rune_dl_check_fail(checker, rune_dl_check_span(checker, &literal->args[1].args[i]),
                               "RUNE-D0805", help, "this can never be an entity");
            return; /* the others are of its kind */
        }
    }
}

/* ---- bodies ---- */

static void resolve_body(struct rune_dl_checker *checker, struct rune_dl_body *body);

static void resolve_literal(struct rune_dl_checker *checker, struct rune_dl_literal *literal)
{
    for (uint32_t i = 0; i < literal->body_count; i++) {
        resolve_body(checker, &literal->bodies[i]); /* depth: counted by the parser */
    }
    if (literal->kind == RUNE_DL_IN || literal->kind == RUNE_DL_IS) {
        check_entity_test(checker, literal);
    }
    if (literal->kind != RUNE_DL_ATOM ||
        find_known(checker, literal->name, literal->args, literal->arg_count, IN_BODY,
                   literal->span, &literal->relation)) {
        return;
    }
    const struct builtin *builtin = find_builtin(checker, literal->name);
    if (builtin != NULL &&
        (builtin->builtin == RUNE_DL_PERMIT || builtin->builtin == RUNE_DL_FORBID)) {
        rune_dl_check_fail(checker, literal->span, "RUNE-D0802",
                           "give the condition a relation of its own and use that in both places",
                           "rules cannot read `%.*s`: decisions are asked for, not stored",
                           RUNE_STR_ARG(builtin->name));
        checker->is_broken = true;
        return;
    }
    uint32_t index = resolve_name(checker, literal->name, literal->args, literal->arg_count,
                                  IN_BODY, literal->span);
    literal->relation = index != UINT32_MAX ? index : 0;
    if (builtin != NULL && index != UINT32_MAX) {
        check_entity_args(checker, builtin, literal->args);
    }
}

static void resolve_body(struct rune_dl_checker *checker, struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count && !checker->nomem; i++) {
        resolve_literal(checker, &body->literals[i]);
    }
}

/* ---- heads ---- */

static bool is_variable(const struct rune_dl_expr *expr, uint32_t variable)
{
    return expr->kind == RUNE_DL_VARIABLE && expr->as.variable == variable;
}

/* Whether the body makes the variable something else: a calculation, a constant, an aggregate's
 * result. */
static bool is_no_entity(const struct rune_dl_body *body, uint32_t variable)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        bool is_equality = literal->kind == RUNE_DL_COMPARE && literal->compare == RUNE_DL_EQ;
        bool is_result = literal->kind == RUNE_DL_AGGREGATE;
        if ((is_result && is_variable(&literal->args[0], variable)) ||
            (is_equality && is_variable(&literal->args[0], variable) &&
             !may_be_entity(&literal->args[1])) ||
            (is_equality && is_variable(&literal->args[1], variable) &&
             !may_be_entity(&literal->args[0]))) {
            return true;
        }
    }
    return false;
}

static void check_entity_variables(struct rune_dl_checker *checker, const struct builtin *builtin,
                                   const struct rune_dl_rule *clause)
{
    for (uint32_t i = 0; i < rune_dl_entity_args(builtin->builtin); i++) {
        if (clause->args[i].kind == RUNE_DL_VARIABLE &&
            is_no_entity(&clause->body, clause->args[i].as.variable)) {
            rune_dl_check_fail(checker, rune_dl_check_span(checker, &clause->args[i]), "RUNE-D0805",
                               "the body makes it a value of another kind",
                               "this argument of `%.*s` can never be an entity",
                               RUNE_STR_ARG(builtin->name));
        }
    }
}

static bool check_head(struct rune_dl_checker *checker, const struct rune_dl_rule *clause)
{
    const struct builtin *builtin = find_builtin(checker, clause->head_name);
    if (builtin == NULL) {
        return true;
    }
    if (!builtin->is_derivable) {
        rune_dl_check_fail(checker, clause->head_span, "RUNE-D0803",
                           "rules can derive permit, forbid, context, entity.parent, entity.attr "
                           "and entity.element",
                           "`%.*s` cannot be derived", RUNE_STR_ARG(builtin->name));
        return false;
    }
    if (clause->arg_count == builtin->arity) {
        check_entity_args(checker, builtin, clause->args);
        check_entity_variables(checker, builtin, clause);
    }
    return true;
}

/* The relation that the clause is about, or UINT32_MAX when it was reported. */
static uint32_t resolve_head(struct rune_dl_checker *checker, const struct rune_dl_rule *clause)
{
    uint32_t index;
    if (find_known(checker, clause->head_name, clause->args, clause->arg_count, IN_HEAD,
                   clause->head_span, &index)) {
        return index;
    }
    return check_head(checker, clause) ? resolve_name(checker, clause->head_name, clause->args,
                                                      clause->arg_count, IN_HEAD, clause->head_span)
                                       : (checker->is_broken = true, UINT32_MAX);
}

void rune_dl_resolve(struct rune_dl_checker *checker, struct rune_dl_rule *clause)
{
    checker->is_broken = false;
    uint32_t index = resolve_head(checker, clause);
    clause->head = index != UINT32_MAX ? index : 0;
    if (index != UINT32_MAX) {
        struct rune_dl_relation *relation = &checker->relations.items[index];
        bool is_rule = clause->body.count > 0 || relation->builtin != RUNE_DL_NOT_BUILTIN;
        relation->is_head = relation->is_head || is_rule;
        relation->has_facts = relation->has_facts || !is_rule;
    }
    resolve_body(checker, &clause->body);
    if (checker->is_broken) {
        clause->head = UINT32_MAX; /* later passes leave it out */
    }
}

void rune_dl_resolve_declaration(struct rune_dl_checker *checker,
                                 const struct rune_dl_declaration *declaration)
{
    struct rune_span none = RUNE_SPAN_NONE;
    bool is_builtin = find_builtin(checker, declaration->name) != NULL;
    if (is_builtin || is_reserved(checker, declaration->name)) {
        checker->errors++;
        rune_diag_report_at(checker->diag, RUNE_ERROR, "RUNE-D0801", declaration->path, 0, 0,
                            "choose another name for the facts", "the relation `%.*s` is %s",
                            RUNE_STR_ARG(declaration->name),
                            is_builtin ? "built in and takes no facts from files" : "reserved");
        return;
    }
    uint32_t index = rune_dl_intern_relation(checker, declaration->name, (struct rune_str){0},
                                             declaration->arity, none);
    if (checker->nomem) {
        return;
    }
    check_arity(checker, index, declaration->arity, none);
    checker->relations.items[index].is_declared = true;
    checker->relations.items[index].has_facts |= declaration->has_facts;
}

/* ---- what nothing defines ---- */

static bool is_defined(const struct rune_dl_relation *relation)
{
    return relation->is_head || relation->has_facts || relation->is_declared ||
           relation->builtin != RUNE_DL_NOT_BUILTIN;
}

static void report_undefined(struct rune_dl_checker *checker,
                             const struct rune_dl_relation *relation, struct rune_str *names,
                             size_t count)
{
    char help[256] = "define it by a rule or a fact, by facts/NAME.tsv, or declare it in rune.toml";
    struct rune_str nearest = {0};
    /* LIMIT: the search for a nearest name costs the number of names */
    if (checker->undefined++ < 20) {
        nearest = rune_str_nearest(relation->name, names, count);
    }
    enum rune_dl_function method =
        checker->dialect == RUNE_DL_BUNDLE ? rune_dl_find_method(relation->name) : RUNE_DL_FN_COUNT;
    if (method != RUNE_DL_FN_COUNT) {
        snprintf(help, sizeof(help), "it is a method: `X.%.*s(%s)`", RUNE_STR_ARG(relation->name),
                 rune_dl_function_get(method)->arity > 1 ? "Y" : "");
    } else if (nearest.length > 0) {
        snprintf(help, sizeof(help), "did you mean `%.*s`?",
                 (int)(nearest.length > 200 ? 200 : nearest.length), nearest.data);
    }
    rune_dl_check_fail(checker, relation->first, "RUNE-D0301", help,
                       "nothing defines the relation `%.*s`", RUNE_STR_ARG(relation->name));
}

void rune_dl_resolve_finish(struct rune_dl_checker *checker)
{
    size_t count = 0;
    struct rune_str *names = NULL;
    for (size_t i = 0; i < checker->relations.count; i++) {
        const struct rune_dl_relation *relation = &checker->relations.items[i];
        if (is_defined(relation)) {
            continue;
        }
        if (names == NULL) {
            names = RUNE_ARENA_ARRAY(checker->arena, struct rune_str,
                                     checker->relations.count + BUILTIN_COUNT);
            if (names == NULL) {
                checker->nomem = true;
                return;
            }
            for (size_t k = 0; k < checker->relations.count; k++) {
                if (is_defined(&checker->relations.items[k])) {
                    names[count++] = checker->relations.items[k].name;
                }
            }
            for (size_t k = 0; checker->dialect == RUNE_DL_BUNDLE && k < BUILTIN_COUNT; k++) {
                names[count++] = builtins[k].name;
            }
        }
        report_undefined(checker, relation, names, count);
    }
}
