/* SPDX-License-Identifier: Apache-2.0 */
#include "rune/query.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/diag.h"
#include "datalog/functions.h"
#include "datalog/parser.h"
#include "engine/decider.h"
#include "engine/image.h"
#include "engine/query_builtin.h"
#include "engine/value_print.h"
#include "eval/rule_eval.h"
#include "eval/values.h"

#define MAX_PATTERN_BYTES ((size_t)1 << 20) /* LIMIT: memory for parsing a pattern */
#define MAX_COLUMNS       64u               /* LIMIT: as RUNE_DL_MAX_ARITY */

/* A pattern in terms. */
struct pattern {
    enum rune_query_builtin builtin; /* else */
    uint32_t relation;
    uint32_t arity;
    rune_term bound[MAX_COLUMNS];
    uint32_t same[MAX_COLUMNS];
};

struct resolver {
    const struct rune_image *image;
    struct rune_dict *dict;
    struct rune_diag *diag;
    const struct rune_source *source; /* the pattern's text, while it is read */
    bool has_request;
    uint32_t variables[MAX_COLUMNS]; /* by column: the variable that stands there */
};

/* ---- pattern -> terms ---- */

static enum rune_err intern_uid(struct rune_dict *dict, const struct rune_dl_uid *uid,
                                rune_term *ret_term)
{
    rune_term type;
    rune_term id;
    enum rune_err err = rune_dict_string(dict, uid->type, &type);
    if (err == RUNE_OK) {
        err = rune_dict_string(dict, uid->id, &id);
    }
    return err == RUNE_OK ? rune_dict_entity(dict, type, id, ret_term) : err;
}

/* Of the values that a function constructs; 0: it constructs none. */
static enum rune_ext_kind constructed_kind(enum rune_dl_function function)
{
    switch (function) {
    case RUNE_DL_FN_DECIMAL:
        return RUNE_EXT_DECIMAL;
    case RUNE_DL_FN_IP:
        return RUNE_EXT_IPADDR;
    case RUNE_DL_FN_DATETIME:
        return RUNE_EXT_DATETIME;
    case RUNE_DL_FN_DURATION:
        return RUNE_EXT_DURATION;
    default:
        return (enum rune_ext_kind)0;
    }
}

/* `ip("10.0.0.0/8")` and its like. */
static enum rune_err construct(struct resolver *resolver, const struct rune_dl_expr *expr,
                               rune_term *ret_term)
{
    struct rune_ext value;
    enum rune_err err = rune_ext_parse(constructed_kind((enum rune_dl_function)expr->function),
                                       expr->args[0].as.string, &value);
    if (err != RUNE_OK) {
        rune_diag_report(resolver->diag, RUNE_ERROR, "RUNE-G0202",
                         rune_dl_expr_span(resolver->source, &expr->args[0]), NULL,
                         "this text is no value of that kind");
        return RUNE_E_INVALID;
    }
    return rune_dict_ext(resolver->dict, &value, ret_term);
}

static enum rune_err resolve_constant(struct resolver *resolver, const struct rune_dl_expr *expr,
                                      rune_term *ret_term)
{
    switch (expr->kind) {
    case RUNE_DL_LONG:
        return rune_dict_long(resolver->dict, expr->as.integer, ret_term);
    case RUNE_DL_FLOAT:
        return rune_dict_float(resolver->dict, expr->as.floating, ret_term);
    case RUNE_DL_STRING:
        return rune_dict_string(resolver->dict, expr->as.string, ret_term);
    case RUNE_DL_BOOL:
        *ret_term = rune_term_bool(expr->as.boolean);
        return RUNE_OK;
    case RUNE_DL_ENTITY:
        return intern_uid(resolver->dict, expr->as.uid, ret_term);
    case RUNE_DL_NEG:
        if (expr->args[0].kind == RUNE_DL_LONG && expr->args[0].as.integer != INT64_MIN) {
            return rune_dict_long(resolver->dict, -expr->args[0].as.integer, ret_term);
        }
        if (expr->args[0].kind == RUNE_DL_FLOAT) {
            return rune_dict_float(resolver->dict, -expr->args[0].as.floating, ret_term);
        }
        break;
    case RUNE_DL_CALL:
        if (expr->arg_count == 1 && expr->args[0].kind == RUNE_DL_STRING &&
            constructed_kind((enum rune_dl_function)expr->function) != 0) {
            return construct(resolver, expr, ret_term);
        }
        break;
    default:
        break;
    }
    rune_diag_report(resolver->diag, RUNE_ERROR, "RUNE-G0202",
                     rune_dl_expr_span(resolver->source, expr), NULL,
                     "a pattern has variables and constants only");
    return RUNE_E_INVALID;
}

static enum rune_err resolve_column(struct resolver *resolver, const struct rune_dl_expr *expr,
                                    uint32_t column, struct pattern *pattern)
{
    pattern->same[column] = column;
    pattern->bound[column] = RUNE_TERM_NONE;
    resolver->variables[column] = UINT32_MAX;
    if (expr->kind == RUNE_DL_WILDCARD) {
        return RUNE_OK;
    }
    if (expr->kind != RUNE_DL_VARIABLE) {
        return resolve_constant(resolver, expr, &pattern->bound[column]);
    }
    resolver->variables[column] = expr->as.variable;
    for (uint32_t i = 0; i < column; i++) {
        if (resolver->variables[i] == expr->as.variable) {
            pattern->same[column] = i;
            break;
        }
    }
    return RUNE_OK;
}

static struct rune_str relation_name(const struct rune_store *store, uint32_t relation)
{
    return rune_terms_string(&store->terms, rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING,
                                                           store->relations[relation].name));
}

/* Their programs are for a request whose three parts are known. */
static bool is_decision(struct rune_str name)
{
    return rune_str_equal(name, RUNE_STR("permit")) || rune_str_equal(name, RUNE_STR("forbid"));
}

#define MAX_CANDIDATES 512u

static enum rune_err refuse_unknown(const struct resolver *resolver,
                                    const struct rune_dl_rule *query)
{
    const struct rune_store *store = &resolver->image->store;
    struct rune_str names[MAX_CANDIDATES];
    uint32_t count = 0;
    for (; count < store->relation_count && count < MAX_CANDIDATES; count++) {
        names[count] = relation_name(store, count);
    }
    struct rune_str nearest = rune_str_nearest(query->head_name, names, count);
    rune_diag_report(resolver->diag, RUNE_ERROR, "RUNE-G0201", query->head_span,
                     nearest.length == 0 ? "`rune inspect` lists the relations of an image" : NULL,
                     nearest.length > 0 ? "there is no relation `%.*s`: did you mean `%.*s`?"
                                        : "there is no relation `%.*s`%.*s",
                     RUNE_STR_ARG(query->head_name), RUNE_STR_ARG(nearest));
    return RUNE_E_NOT_FOUND;
}

/* What a decision asks: with a request that a query lacks, or with more columns bound. */
static enum rune_err refuse_request(const struct resolver *resolver,
                                    const struct rune_dl_rule *query)
{
    bool decides = is_decision(query->head_name);
    rune_diag_report(resolver->diag, RUNE_ERROR, "RUNE-G0205", query->head_span,
                     "`rune eval` decides a request, and says which policies and rules matched",
                     decides ? "`%.*s` is asked for one request at a time: it has no list"
                             : "`%.*s` depends on the request, and a query has none",
                     RUNE_STR_ARG(query->head_name));
    return RUNE_E_INVALID;
}

static enum rune_err resolve(struct resolver *resolver, const struct rune_dl_rule *query,
                             struct pattern *pattern)
{
    const struct rune_store *store = &resolver->image->store;
    pattern->builtin = rune_query_find_builtin(query->head_name);
    pattern->arity = rune_query_builtin_arity(pattern->builtin);
    bool needs_request = rune_query_needs_request(pattern->builtin);
    if (pattern->builtin == RUNE_QUERY_NOT_BUILTIN) {
        pattern->relation = rune_rules_find_relation(store, query->head_name);
        if (pattern->relation == UINT32_MAX) {
            return is_decision(query->head_name) ? refuse_request(resolver, query)
                                                 : refuse_unknown(resolver, query);
        }
        pattern->arity = store->relations[pattern->relation].arity;
        needs_request = (store->relations[pattern->relation].flags & RUNE_RELATION_REQUEST) != 0;
    }
    if (needs_request && !resolver->has_request) {
        return refuse_request(resolver, query);
    }
    if (query->arg_count != pattern->arity || pattern->arity > MAX_COLUMNS) {
        rune_diag_report(resolver->diag, RUNE_ERROR, "RUNE-G0203", query->head_span, NULL,
                         "`%.*s` has %u columns, the pattern has %u",
                         RUNE_STR_ARG(query->head_name), pattern->arity, query->arg_count);
        return RUNE_E_INVALID;
    }
    for (uint32_t i = 0; i < pattern->arity; i++) {
        enum rune_err err = resolve_column(resolver, &query->args[i], i, pattern);
        if (err != RUNE_OK) {
            return err;
        }
        if (pattern->bound[i] == RUNE_TERM_NONE && is_decision(query->head_name)) {
            return refuse_request(resolver, query);
        }
    }
    return RUNE_OK;
}

static enum rune_err read_pattern(struct resolver *resolver, const char *text,
                                  struct pattern *pattern)
{
    size_t length = strlen(text);
    if (length > MAX_PATTERN_BYTES) {
        return RUNE_E_LIMIT;
    }
    if (text[strspn(text, " \t\n")] == '\0') {
        rune_diag_report(resolver->diag, RUNE_ERROR, "RUNE-G0202", RUNE_SPAN_NONE,
                         "a query is one atom, like `member(X, \"staff\")`", "the query is empty");
        return RUNE_E_SYNTAX;
    }
    const struct rune_source source = {.path = "query", .text = text, .length = (uint32_t)length};
    struct rune_arena arena;
    struct rune_dl_rule query = {0};
    rune_arena_init(&arena, 16 * MAX_PATTERN_BYTES);
    resolver->source = &source;
    enum rune_err err =
        rune_dl_parse_query(&source, RUNE_DL_BUNDLE, &arena, &query, resolver->diag);
    if (err == RUNE_OK) {
        err = resolve(resolver, &query, pattern);
    }
    resolver->source = NULL;
    rune_arena_fini(&arena);
    return err;
}

/* ---- terms -> fields ---- */

struct emitter {
    struct rune_values values;
    struct rune_buf other; /* spelling of sets, records, extension values */
    rune_query_fn emit;
    void *context;
};

static struct rune_field make_field(struct emitter *emitter, rune_term term)
{
    const struct rune_values *values = &emitter->values;
    const struct rune_terms *terms = rune_values_terms(values, term);
    switch (rune_term_kind(term)) {
    case RUNE_KIND_SPECIAL:
        return (struct rune_field){.kind = RUNE_FIELD_BOOL, .integer = term == RUNE_TERM_TRUE};
    case RUNE_KIND_LONG:
        return (struct rune_field){.kind = RUNE_FIELD_LONG,
                                   .integer = rune_values_long(values, term)};
    case RUNE_KIND_FLOAT:
        return (struct rune_field){.kind = RUNE_FIELD_FLOAT,
                                   .floating = terms->floats[rune_term_index(term)]};
    case RUNE_KIND_STRING:
        return (struct rune_field){.kind = RUNE_FIELD_STRING,
                                   .text = rune_terms_string(terms, term)};
    case RUNE_KIND_ENTITY:
        return (struct rune_field){
            .kind = RUNE_FIELD_ENTITY,
            .type = rune_values_string(values, terms->entity_type[rune_term_index(term)]),
            .text = rune_values_string(values, terms->entity_id[rune_term_index(term)])};
    default:
        break;
    }
    size_t from = emitter->other.length;
    rune_value_print(values, term, RUNE_VALUE_AS_CEDAR, &emitter->other);
    size_t middle = emitter->other.length;
    rune_value_print(values, term, RUNE_VALUE_AS_JSON, &emitter->other);
    return (struct rune_field){.kind = RUNE_FIELD_OTHER,
                               .integer = (int64_t)from,
                               .text = {NULL, middle - from},
                               .json = {NULL, emitter->other.length - middle}};
}

static bool emit_tuple(void *context, const rune_term *tuple, uint32_t arity)
{
    struct emitter *emitter = context;
    struct rune_field fields[MAX_COLUMNS];
    rune_buf_reset(&emitter->other);
    for (uint32_t i = 0; i < arity; i++) {
        fields[i] = make_field(emitter, tuple[i]);
    }
    /* The buffer may have moved while it grew. */
    for (uint32_t i = 0; i < arity; i++) {
        if (fields[i].kind == RUNE_FIELD_OTHER) {
            fields[i].text.data = emitter->other.data + fields[i].integer;
            fields[i].json.data = fields[i].text.data + fields[i].text.length;
        }
    }
    return emitter->emit(emitter->context, fields, arity);
}

/* ---- public ---- */

/* Who runs out of steps has none left; memory and depth are told apart from that alone. */
static enum rune_err report_failure(struct rune_diag *diag, const struct rune_eval *eval,
                                    enum rune_err err)
{
    if (err == RUNE_E_LIMIT && eval->steps_left == 0) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-G0204", RUNE_SPAN_NONE,
                         "bind more columns, raise the limit (--max-steps), or have the rule's "
                         "answers stored",
                         "the query needs more steps than its limit");
    } else if (err == RUNE_E_LIMIT) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-G0204", RUNE_SPAN_NONE,
                         "bind more columns, or have the rule's answers stored",
                         "the query needs more memory than its limit");
    } else if (err == RUNE_E_NOT_FOUND) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-G0206", RUNE_SPAN_NONE,
                         "query the bundle, or write a rule that reads `entity.parent`",
                         "this image has ancestors, but no direct parents: none of its rules reads "
                         "them");
    }
    return err;
}

static bool count_tuple(void *context, const rune_term *tuple, uint32_t arity)
{
    (void)tuple;
    (void)arity;
    ++*(uint64_t *)context;
    return true;
}

/* A pattern, ready to be asked. */
static enum rune_err prepare(struct rune_decider *decider, const struct rune_image *image,
                             const struct rune_request *request, const char *pattern_text,
                             struct rune_request *bound, struct rune_eval *eval,
                             struct pattern *pattern, struct rune_diag *diag)
{
    rune_decider_begin(decider, image, request, bound, eval);
    struct resolver resolver = {
        .image = image, .dict = eval->values, .diag = diag, .has_request = request != NULL};
    return read_pattern(&resolver, pattern_text, pattern);
}

enum rune_err rune_query_run(struct rune_decider *decider, const struct rune_image *image,
                             const struct rune_request *request, const char *pattern_text,
                             rune_query_fn emit, void *context, struct rune_diag *diag)
{
    struct rune_eval eval;
    struct rune_request bound;
    struct pattern pattern;
    enum rune_err err =
        prepare(decider, image, request, pattern_text, &bound, &eval, &pattern, diag);
    if (err != RUNE_OK) {
        return err;
    }
    struct emitter emitter = {
        .values = {.spaces = {[RUNE_SPACE_IMAGE] = &image->store.terms,
                              [RUNE_SPACE_REQUEST] = rune_dict_terms(eval.values)},
                   .dict = eval.values},
        .emit = emit,
        .context = context,
    };
    err = pattern.builtin != RUNE_QUERY_NOT_BUILTIN
              ? rune_query_builtin_run(&eval, pattern.builtin, pattern.bound, pattern.same,
                                       emit_tuple, &emitter)
              : rune_rules_query(&eval, pattern.relation, pattern.bound, pattern.same, emit_tuple,
                                 &emitter);
    rune_buf_fini(&emitter.other);
    return report_failure(diag, &eval, err);
}

enum rune_err rune_query_count(struct rune_decider *decider, const struct rune_image *image,
                               const struct rune_request *request, const char *pattern_text,
                               uint64_t *ret_count, struct rune_diag *diag)
{
    struct rune_eval eval;
    struct rune_request bound;
    struct pattern pattern;
    uint64_t count = 0;
    enum rune_err err =
        prepare(decider, image, request, pattern_text, &bound, &eval, &pattern, diag);
    if (err != RUNE_OK) {
        return err;
    }
    err = pattern.builtin != RUNE_QUERY_NOT_BUILTIN
              ? rune_query_builtin_run(&eval, pattern.builtin, pattern.bound, pattern.same,
                                       count_tuple, &count)
              : rune_rules_count(&eval, pattern.relation, pattern.bound, pattern.same, &count);
    if (err == RUNE_OK) {
        *ret_count = count;
    }
    return report_failure(diag, &eval, err);
}
