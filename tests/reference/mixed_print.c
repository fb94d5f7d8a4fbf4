/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_print: a world as the texts of a bundle, and requests to it. */
#include <string.h>

#include "reference/datalog_random.h"
#include "reference/mixed.h"

struct printing {
    struct rune_buf *out;
    const struct mixed_world *world;
    uint64_t order; /* 0: as made; else the state of the shuffle */
};

static void shuffle(struct printing *printing, uint32_t *places, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        places[i] = i;
    }
    for (uint32_t i = count; i > 1 && printing->order != 0; i--) {
        uint32_t other = datalog_random_below(&printing->order, i), was = places[i - 1];
        places[i - 1] = places[other];
        places[other] = was;
    }
}

/* ---- rules ---- */

static void put_expr(struct rune_buf *out, const struct mixed_expr *expr)
{
    static const char *const ops[] = {
        [MIXED_ADD] = " + ", [MIXED_SUB] = " - ",   [MIXED_MUL] = " * ",
        [MIXED_DIV] = " / ", [MIXED_MOD] = " mod ",
    };
    switch (expr->op) {
    case MIXED_VAR:
        rune_buf_printf(out, expr->is_wild ? "_" : "V%u", expr->var);
        return;
    case MIXED_CONST:
    case MIXED_LIST:
        mixed_put_value(out, &expr->value);
        return;
    case MIXED_INDEX:
        put_expr(out, expr->left);
        rune_buf_printf(out, "[\"%s\"]", expr->value.text);
        return;
    case MIXED_NEG:
    case MIXED_LENGTH:
    case MIXED_CONCAT:
        rune_buf_append_cstr(out, expr->op == MIXED_NEG      ? "-("
                                  : expr->op == MIXED_LENGTH ? "length("
                                                             : "concat(");
        put_expr(out, expr->left);
        if (expr->op == MIXED_CONCAT) {
            rune_buf_append_cstr(out, ", ");
            put_expr(out, expr->right);
        }
        rune_buf_append_char(out, ')');
        return;
    default:
        rune_buf_append_char(out, '(');
        put_expr(out, expr->left);
        rune_buf_append_cstr(out, ops[expr->op]);
        put_expr(out, expr->right);
        rune_buf_append_char(out, ')');
    }
}

static void put_atom(struct printing *printing, uint32_t number,
                     const struct mixed_expr *const *args)
{
    const struct mixed_relation *relation = &printing->world->relations[number];
    const char *between = "";
    bool is_key = strcmp(relation->name, "context") == 0;
    rune_buf_printf(printing->out, "%s(", relation->name);
    if (is_key) {
        rune_buf_printf(printing->out, "\"%s\"", relation->literal);
        between = ", ";
    }
    for (uint32_t i = 0; i < relation->arity; i++) {
        rune_buf_append_cstr(printing->out, between);
        put_expr(printing->out, args[i]);
        between = ", ";
        if (i == 0 && relation->literal != NULL && !is_key) {
            rune_buf_printf(printing->out, ", \"%s\"", relation->literal);
        }
    }
    rune_buf_append_char(printing->out, ')');
}

static void put_body(struct printing *printing, const struct mixed_body *body);

static void put_bodies(struct printing *printing, const struct mixed_literal *literal)
{
    uint32_t places[8];
    shuffle(printing, places, literal->body_count);
    for (uint32_t b = 0; b < literal->body_count; b++) {
        rune_buf_append_cstr(printing->out, b > 0 ? " ; " : "");
        put_body(printing, &literal->bodies[places[b]]);
    }
}

static void put_aggregate(struct printing *printing, const struct mixed_literal *literal)
{
    static const char *const folds[MIXED_FOLDS] = {"count", "sum", "min", "max", "mean"};
    put_expr(printing->out, literal->args[0]);
    rune_buf_printf(printing->out, " = %s { ", folds[literal->choice]);
    if (literal->arg_count > 1) {
        put_expr(printing->out, literal->args[1]);
        rune_buf_append_cstr(printing->out, " : ");
    }
    put_bodies(printing, literal);
    rune_buf_append_cstr(printing->out, " }");
}

static void put_test(struct printing *printing, const struct mixed_literal *literal)
{
    static const char *const tests[MIXED_TESTS] = {
        "starts_with",        "ends_with",   "contains",    "matches", "lessThan",
        "greaterThanOrEqual", "containsAll", "containsAny", "isEmpty"};
    put_expr(printing->out, literal->args[0]);
    rune_buf_printf(printing->out, ".%s(", tests[literal->choice]);
    if (literal->choice == MIXED_MATCHES && literal->args[1]->op == MIXED_CONST) {
        rune_buf_printf(printing->out, "\"%s\"", literal->args[1]->value.text);
    } else if (literal->arg_count > 1) {
        put_expr(printing->out, literal->args[1]);
    }
    rune_buf_append_char(printing->out, ')');
}

static void put_in(struct printing *printing, const struct mixed_literal *literal)
{
    put_expr(printing->out, literal->args[0]);
    rune_buf_append_cstr(printing->out, literal->arg_count > 2 ? " in [" : " in ");
    put_expr(printing->out, literal->args[1]);
    if (literal->arg_count > 2) {
        rune_buf_append_cstr(printing->out, ", ");
        put_expr(printing->out, literal->args[2]);
        rune_buf_append_char(printing->out, ']');
    }
}

static void put_literal(struct printing *printing, const struct mixed_literal *literal)
{
    static const char *const compares[] = {" = ", " != ", " < ", " <= ", " > ", " >= "};
    static const char *const types[] = {"User", "Group", "Doc", "Action"};
    rune_buf_append_cstr(printing->out, literal->is_negated ? "not " : "");
    switch (literal->kind) {
    case MIXED_ATOM:
        put_atom(printing, literal->relation, literal->args);
        return;
    case MIXED_COMPARE:
        put_expr(printing->out, literal->args[0]);
        rune_buf_append_cstr(printing->out, compares[literal->choice]);
        put_expr(printing->out, literal->args[1]);
        return;
    case MIXED_IN:
        put_in(printing, literal);
        return;
    case MIXED_IS:
        put_expr(printing->out, literal->args[0]);
        rune_buf_printf(printing->out, " is %s", types[literal->choice]);
        if (literal->arg_count > 1) {
            rune_buf_append_cstr(printing->out, " in ");
            put_expr(printing->out, literal->args[1]);
        }
        return;
    case MIXED_TEST:
        put_test(printing, literal);
        return;
    case MIXED_AGGREGATE:
        put_aggregate(printing, literal);
        return;
    case MIXED_EITHER:
        rune_buf_append_cstr(printing->out, "( ");
        put_bodies(printing, literal);
        rune_buf_append_cstr(printing->out, " )");
    }
}

static void put_body(struct printing *printing, const struct mixed_body *body)
{
    uint32_t places[MIXED_MAX_LITERALS];
    shuffle(printing, places, body->count);
    for (uint32_t i = 0; i < body->count; i++) {
        rune_buf_append_cstr(printing->out, i > 0 ? ", " : "");
        put_literal(printing, body->literals[places[i]]);
    }
}

static void put_rules(struct printing *printing)
{
    const struct mixed_world *world = printing->world;
    uint32_t places[MIXED_MAX_RULES];
    for (uint32_t r = MIXED_BASE; r < MIXED_RELATIONS; r++) {
        const struct mixed_relation *relation = &world->relations[r];
        for (uint32_t f = 0; f < relation->fact_count; f++) {
            if (relation->facts[f].is_off || relation->format != MIXED_IN_RULES) {
                continue;
            }
            rune_buf_printf(printing->out, "%s(", relation->name);
            for (uint32_t c = 0; c < relation->arity; c++) {
                rune_buf_append_cstr(printing->out, c > 0 ? ", " : "");
                mixed_put_value(printing->out, &relation->facts[f].values[c]);
            }
            rune_buf_append_cstr(printing->out, ").\n");
        }
    }
    shuffle(printing, places, world->rule_count);
    for (uint32_t i = 0; i < world->rule_count; i++) {
        const struct mixed_rule *rule = &world->rules[places[i]];
        if (rule->is_off) {
            continue;
        }
        rune_buf_printf(printing->out, "@id(\"r%02u\") ", places[i]);
        put_atom(printing, rule->head, rule->args);
        rune_buf_append_cstr(printing->out, " :- ");
        put_body(printing, &rule->body);
        rune_buf_append_cstr(printing->out, ".\n");
    }
}

/* ---- manifest and facts files ---- */

static bool is_defined(const struct mixed_world *world, uint32_t relation)
{
    for (uint32_t f = 0; f < world->relations[relation].fact_count; f++) {
        if (!world->relations[relation].facts[f].is_off) {
            return true;
        }
    }
    for (uint32_t i = 0; i < world->rule_count; i++) {
        if (!world->rules[i].is_off && world->rules[i].head == relation) {
            return true;
        }
    }
    return false;
}

static void put_manifest(struct printing *printing)
{
    /* ORDER: enum mixed_type */
    static const char *const types[] = {"User", "Group", "Doc", "Action", "int", "string",
                                        "any",  "any",   "any", "any",    "any", "any"};
    for (uint32_t r = MIXED_BASE; r < MIXED_RELATIONS; r++) {
        const struct mixed_relation *relation = &printing->world->relations[r];
        if (!relation->is_typed && is_defined(printing->world, r)) {
            continue;
        }
        rune_buf_append_cstr(printing->out, "[relations.");
        mixed_put_quoted(printing->out, relation->name);
        rune_buf_append_cstr(printing->out, "]\ncolumns = [");
        for (uint32_t c = 0; c < relation->arity; c++) {
            rune_buf_printf(printing->out, "%s\"%s\"", c > 0 ? ", " : "",
                            relation->is_typed ? types[relation->types[c]] : "any");
        }
        rune_buf_append_cstr(printing->out, "]\n");
    }
}

static void put_tsv(struct rune_buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\t' || *text == '\\') {
            rune_buf_append_char(out, '\\');
        }
        rune_buf_append_char(out, *text == '\t' ? 't' : *text);
    }
}

static void put_csv(struct rune_buf *out, const char *text)
{
    rune_buf_append_char(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            rune_buf_append_char(out, '"');
        }
        rune_buf_append_char(out, *text);
    }
    rune_buf_append_char(out, '"');
}

/* `bare`: the column says an entity's type, or that it is a string. */
static void put_field(struct rune_buf *out, enum mixed_format format,
                      const struct mixed_value *value, bool bare)
{
    struct rune_buf text = RUNE_BUF_INIT;
    if (format == MIXED_JSONL && !(bare && value->kind == MIXED_ENTITY)) {
        mixed_put_json(out, value);
        return;
    }
    if (value->kind == MIXED_ENTITY && bare) {
        rune_buf_append_cstr(&text, mixed_id_of(value->number));
    } else if (value->kind == MIXED_STRING) {
        rune_buf_append_cstr(&text, value->text);
    } else {
        mixed_put_value(&text, value);
    }
    const char *raw = rune_buf_cstr(&text);
    if (format == MIXED_JSONL) {
        mixed_put_quoted(out, raw);
    } else if (format == MIXED_TSV) {
        put_tsv(out, raw);
    } else {
        put_csv(out, raw);
    }
    rune_buf_fini(&text);
}

bool mixed_put_facts(const struct mixed_world *world, uint32_t relation, struct rune_buf *out)
{
    const struct mixed_relation *of = &world->relations[relation];
    if (of->format == MIXED_IN_RULES) {
        return false;
    }
    for (uint32_t f = 0; f < of->fact_count; f++) {
        if (of->facts[f].is_off) {
            continue;
        }
        rune_buf_append_cstr(out, of->format == MIXED_JSONL ? "[" : "");
        for (uint32_t c = 0; c < of->arity; c++) {
            rune_buf_append_cstr(out, c == 0 ? "" : of->format == MIXED_TSV ? "\t" : ",");
            bool is_entity = of->types[c] <= MIXED_T_ACTION;
            put_field(out, of->format, &of->facts[f].values[c],
                      of->is_typed && is_entity && f % 2 == 0);
        }
        rune_buf_append_cstr(out, of->format == MIXED_JSONL ? "]\n" : "\n");
    }
    return true;
}

/* ---- entities ---- */

static void put_uid(struct rune_buf *out, int64_t entity)
{
    rune_buf_printf(out, "{\"type\":\"%s\",\"id\":\"%s\"}", mixed_type_of(entity),
                    mixed_id_of(entity));
}

static void put_attrs(struct rune_buf *out, const bool *has, const struct mixed_value *attrs)
{
    const char *between = "";
    for (enum mixed_attr attr = 0; attr < MIXED_ATTRS; attr++) {
        if (has[attr]) {
            rune_buf_printf(out, "%s\"%s\":", between, mixed_attr_names[attr]);
            mixed_put_json(out, &attrs[attr]);
            between = ",";
        }
    }
}

static void put_entities(struct printing *printing)
{
    const struct mixed_data *data = &printing->world->data;
    struct rune_buf *out = printing->out;
    const char *between = "[";
    for (int entity = 0; entity < MIXED_ENTITIES; entity++) {
        bool is_declared = printing->world->has_schema && entity >= MIXED_FIRST_ACTION;
        if (!data->exists[entity] || is_declared) {
            continue;
        }
        rune_buf_printf(out, "%s{\"uid\":", between);
        put_uid(out, entity);
        rune_buf_append_cstr(out, ",\"attrs\":{");
        put_attrs(out, data->has[entity], data->attrs[entity]);
        rune_buf_append_cstr(out, "},\"parents\":[");
        between = "";
        for (int parent = 0; parent < MIXED_ENTITIES; parent++) {
            if (data->parent[entity][parent]) {
                rune_buf_append_cstr(out, between);
                put_uid(out, parent);
                between = ",";
            }
        }
        rune_buf_append_char(out, ']');
        if (data->has_tag[entity]) {
            rune_buf_append_cstr(out, ",\"tags\":{\"k\":");
            mixed_put_json(out, &data->tags[entity]);
            rune_buf_append_char(out, '}');
        }
        rune_buf_append_char(out, '}');
        between = ",\n";
    }
    rune_buf_append_cstr(out, between[0] == '[' ? "[]\n" : "]\n");
}

static const char schema[] =
    "entity Group in [Group];\n"
    "entity User in [Group] { level?: Long, name?: String, info?: { k: Long, s?: String },\n"
    "    age?: duration, rank?: Long } tags String;\n"
    "entity Doc in [Group] { level?: Long, owner?: User, labels?: Set<String>,\n"
    "    price?: decimal, editors?: Set<User> };\n"
    "action a0, a1 appliesTo { principal: User, resource: Doc,\n"
    "    context: { n?: Long, tier?: Long } };\n";

/* ---- policies ---- */

static void put_question(struct rune_buf *out, enum mixed_question question, int k)
{
    /* `%d` is the number, `%g` the group of that number. */
    static const char *const texts[MIXED_QUESTIONS] = {
        [MIXED_EDITS] = "resource.editors.contains(principal)",
        [MIXED_EDITS_GUARDED] = "(resource has editors && resource.editors.contains(principal))",
        [MIXED_EDITS_ALL] = "resource.editors.containsAll([principal, User::\"u0\"])",
        [MIXED_EDITS_ANY] = "resource.editors.containsAny([principal, User::\"u0\"])",
        [MIXED_EDITS_EMPTY] = "resource.editors.isEmpty()",
        [MIXED_EDITS_ALONE] = "resource.editors == [principal]",
        [MIXED_RANKS] = "principal.rank > %d",
        [MIXED_RANKS_GUARDED] = "(principal has rank && principal.rank > %d)",
        [MIXED_MEMBER] = "principal in Group::\"g%d\"",
        [MIXED_FILED] = "resource in Group::\"g%d\"",
        [MIXED_NAMED] = "principal.name == \"a\"",
        [MIXED_NAMED_LIKE] = "(principal has name && principal.name like \"a*\")",
        [MIXED_OWNS] = "resource.owner == principal",
        [MIXED_TAGGED] = "(principal.hasTag(\"k\") && principal.getTag(\"k\") == \"a\")",
        [MIXED_TIERED] = "(context has tier && context.tier > %d)",
        [MIXED_NUMBERED] = "context.n == %d",
        [MIXED_LABELLED] = "resource.labels.contains(\"a\")",
        [MIXED_INFORMED] = "principal.info.k > %d",
        [MIXED_OWNER_MEMBER] = "resource.owner in Group::\"g%d\"",
    };
    const char *text = texts[question], *mark = strstr(text, "%d");
    if (mark == NULL) {
        rune_buf_append_cstr(out, text);
        return;
    }
    rune_buf_printf(out, "%.*s%d%s", (int)(mark - text), text, k, mark + 2);
}

static void put_scope(struct rune_buf *out, const char *place, int entity)
{
    rune_buf_append_cstr(out, place);
    if (entity >= 0) {
        rune_buf_printf(out, " == %s::\"%s\"", mixed_type_of(entity), mixed_id_of(entity));
    }
}

static void put_policy(struct rune_buf *out, const struct mixed_policy *policy)
{
    rune_buf_printf(out, "%s(", policy->is_forbid ? "forbid" : "permit");
    put_scope(out, "principal", policy->principal);
    if (policy->group >= 0) {
        rune_buf_printf(out, " in Group::\"%s\"", mixed_id_of(policy->group));
    }
    put_scope(out, ", action", policy->action);
    put_scope(out, ", resource", policy->resource);
    rune_buf_append_cstr(out, policy->cond_count == 0 ? ")" : ") when { ");
    for (uint32_t i = 1; i < policy->cond_count; i++) {
        rune_buf_append_char(out, '(');
    }
    for (uint32_t i = 0; i < policy->cond_count; i++) {
        rune_buf_append_cstr(out, i == 0 ? "" : policy->conds[i].is_or ? " || " : " && ");
        rune_buf_append_cstr(out, policy->conds[i].is_negated ? "!(" : "(");
        put_question(out, policy->conds[i].question, policy->conds[i].k);
        rune_buf_append_cstr(out, i == 0 ? ")" : "))");
    }
    rune_buf_append_cstr(out, policy->cond_count == 0 ? ";\n" : " };\n");
}

/* ---- all ---- */

void mixed_put_text(const struct mixed_world *world, enum mixed_text text, uint64_t order,
                    struct rune_buf *out)
{
    struct printing printing = {.out = out, .world = world, .order = order};
    switch (text) {
    case MIXED_MANIFEST:
        put_manifest(&printing);
        return;
    case MIXED_SCHEMA:
        rune_buf_append_cstr(out, world->has_schema ? schema : "");
        return;
    case MIXED_ENTITY_DATA:
        put_entities(&printing);
        return;
    case MIXED_POLICIES:
        /* A policy that is off keeps its number. */
        for (uint32_t i = 0; i < world->policy_count; i++) {
            if (world->policies[i].is_off) {
                rune_buf_append_cstr(out, "permit(principal, action, resource) when { false };\n");
            } else {
                put_policy(out, &world->policies[i]);
            }
        }
        return;
    case MIXED_RULES:
        put_rules(&printing);
    }
}

static void put_place(struct rune_buf *out, const char *name, int entity,
                      const struct mixed_request *request)
{
    rune_buf_printf(out, "\"%s\":{\"type\":\"%s\",\"id\":\"%s\"", name, mixed_type_of(entity),
                    mixed_id_of(entity));
    for (uint32_t i = 0; i < request->brought_count; i++) {
        const struct mixed_brought *brought = &request->brought[i];
        if (brought->is_property && brought->entity == entity) {
            rune_buf_append_cstr(out, ",\"properties\":{");
            put_attrs(out, brought->has, brought->attrs);
            rune_buf_append_char(out, '}');
        }
    }
    rune_buf_append_cstr(out, "},");
}

static void put_brought(struct rune_buf *out, const struct mixed_request *request)
{
    const char *between = "";
    for (uint32_t i = 0; i < request->brought_count; i++) {
        const struct mixed_brought *brought = &request->brought[i];
        if (brought->is_property) {
            continue;
        }
        rune_buf_printf(out, "%s{\"uid\":", between);
        put_uid(out, brought->entity);
        rune_buf_append_cstr(out, ",\"attrs\":{");
        put_attrs(out, brought->has, brought->attrs);
        rune_buf_append_cstr(out, "},\"parents\":[");
        if (brought->parent >= 0) {
            put_uid(out, brought->parent);
        }
        rune_buf_append_char(out, ']');
        if (brought->has_tag) {
            rune_buf_append_cstr(out, ",\"tags\":{\"k\":");
            mixed_put_json(out, &brought->tag);
            rune_buf_append_char(out, '}');
        }
        rune_buf_append_char(out, '}');
        between = ",";
    }
}

void mixed_put_request(const struct mixed_request *request, struct rune_buf *out)
{
    const char *between = "";
    rune_buf_append_char(out, '{');
    put_place(out, "principal", request->principal, request);
    put_place(out, "action", request->action, &(struct mixed_request){0});
    put_place(out, "resource", request->resource,
              request->resource == request->principal ? &(struct mixed_request){0} : request);
    rune_buf_append_cstr(out, "\"context\":{");
    if (request->has_n) {
        rune_buf_append_cstr(out, "\"n\":");
        mixed_put_json(out, &request->n);
        between = ",";
    }
    if (request->has_tier) {
        rune_buf_printf(out, "%s\"tier\":", between);
        mixed_put_json(out, &request->tier);
    }
    rune_buf_append_cstr(out, "},\"entities\":[");
    put_brought(out, request);
    rune_buf_append_cstr(out, "]}");
}
