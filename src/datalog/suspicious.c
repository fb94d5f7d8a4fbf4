/* SPDX-License-Identifier: Apache-2.0 */
/* suspicious: warnings about a clause that may not mean what its author thinks: variables used
 * once, and lower-case names that look like variables or like Cedar's expressions, but are strings.
 */
#include "datalog/check_int.h"

static void warn_singletons(struct rune_dl_checker *checker, const struct rune_dl_rule *clause)
{
    for (uint32_t i = 0; i < clause->variable_count; i++) {
        const struct rune_dl_variable *variable = &clause->variables[i];
        if (variable->uses != 1) {
            continue;
        }
        struct rune_str name = rune_dl_variable_name(variable);
        if (name.data[0] != '_') {
            rune_diag_report(checker->diag, RUNE_WARNING, "RUNE-D1001", variable->first,
                             "write `_` if any value will do; a leading `_` silences this",
                             "the variable `%.*s` is used only once", RUNE_STR_ARG(name));
        }
    }
}

/* A string without quotes in the text. */
static bool is_bare(const struct rune_dl_checker *checker, const struct rune_dl_expr *expr)
{
    return expr->kind == RUNE_DL_STRING && expr->place.length > 0 &&
           checker->watched->text[expr->place.offset] != '"';
}

/* `principal.name` and the like. */
static bool is_access(struct rune_str name)
{
    static const struct rune_str of[] = {
        {"principal.", 10}, {"resource.", 9}, {"action.", 7}, {"context.", 8}};
    for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        if (name.length > of[i].length && memcmp(name.data, of[i].data, of[i].length) == 0) {
            return true;
        }
    }
    return false;
}

static void warn_name(struct rune_dl_checker *checker, const struct rune_dl_expr *expr)
{
    struct rune_str name = expr->as.string;
    if (is_access(name)) {
        bool is_context = name.data[0] == 'c';
        rune_diag_report(checker->diag, RUNE_WARNING, "RUNE-D1004",
                         rune_dl_check_span(checker, expr),
                         is_context ? "a key of the context is read by `context(\"key\", V)`"
                                    : "an attribute is read by `principal(P), entity.attr(P, "
                                      "\"name\", V)`",
                         "`%.*s` is a string here, as if it stood in quotes", RUNE_STR_ARG(name));
    } else if (name.length == 1) {
        rune_diag_report(checker->diag, RUNE_WARNING, "RUNE-D1004",
                         rune_dl_check_span(checker, expr),
                         "a variable begins with an upper-case letter; quotes silence this",
                         "`%.*s` is a string here, no variable", RUNE_STR_ARG(name));
    }
}

static void warn_names(struct rune_dl_checker *checker, const struct rune_dl_expr *args,
                       uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (is_bare(checker, &args[i])) {
            warn_name(checker, &args[i]);
        }
        if (args[i].arg_count > 0) { /* depth: RUNE_DL_MAX_DEPTH */
            warn_names(checker, args[i].args, args[i].arg_count);
        }
    }
}

static void warn_body(struct rune_dl_checker *checker, const struct rune_dl_body *body)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        warn_names(checker, literal->args, literal->arg_count);
        for (uint32_t k = 0; k < literal->body_count; k++) {
            warn_body(checker, &literal->bodies[k]); /* depth: counted by the parser */
        }
    }
}

void rune_dl_check_suspicious(struct rune_dl_checker *checker, const struct rune_dl_rule *clause)
{
    if (clause->body.count == 0) {
        return; /* facts are data */
    }
    if ((clause->has & RUNE_DL_HAS_SINGLE) != 0) {
        warn_singletons(checker, clause);
    }
    if (checker->dialect == RUNE_DL_BUNDLE && (clause->has & RUNE_DL_HAS_NAME) != 0) {
        warn_names(checker, clause->args, clause->arg_count);
        warn_body(checker, &clause->body);
    }
}
