/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_print: a world as the texts of a bundle. */
#include <stdio.h>
#include <string.h>

#include "reference/mixed_printing.h"

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

static void put_manifest(struct mixed_printing *printing)
{
    /* ORDER: enum mixed_type */
    static const char *const types[] = {"User", "Group", "Doc", "Action", "int", "string", "any",
                                        "any",  "any",   "any", "any",    "any", "any",    "any"};
    rune_buf_append_cstr(printing->out,
                         printing->world->is_strict ? "[bundle]\nerrors = \"strict\"\n" : "");
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

void mixed_put_uid(struct rune_buf *out, int64_t entity)
{
    rune_buf_printf(out, "{\"type\":\"%s\",\"id\":\"%s\"}", mixed_type_of(entity),
                    mixed_id_of(entity));
}

void mixed_put_attrs(struct rune_buf *out, const bool *has, const struct mixed_value *attrs)
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

static void put_entities(struct mixed_printing *printing)
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
        mixed_put_uid(out, entity);
        rune_buf_append_cstr(out, ",\"attrs\":{");
        mixed_put_attrs(out, data->has[entity], data->attrs[entity]);
        rune_buf_append_cstr(out, "},\"parents\":[");
        between = "";
        for (int parent = 0; parent < MIXED_ENTITIES; parent++) {
            if (data->parent[entity][parent]) {
                rune_buf_append_cstr(out, between);
                mixed_put_uid(out, parent);
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
    "    age?: duration, addr?: ipaddr, rank?: Long } tags String;\n"
    "entity Doc in [Group] { level?: Long, owner?: User, labels?: Set<String>,\n"
    "    price?: decimal, at?: datetime, editors?: Set<User> };\n"
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

/* Of a template: a slot. */
static void put_scope(struct rune_buf *out, const char *place, int entity, const char *slot)
{
    rune_buf_append_cstr(out, place);
    if (entity >= 0 && slot != NULL) {
        rune_buf_printf(out, " == %s", slot);
    } else if (entity >= 0) {
        rune_buf_printf(out, " == %s::\"%s\"", mixed_type_of(entity), mixed_id_of(entity));
    }
}

static void put_policy(struct rune_buf *out, const struct mixed_policy *policy)
{
    rune_buf_printf(out, "%s(", policy->is_forbid ? "forbid" : "permit");
    bool is_linked = policy->is_linked;
    put_scope(out, "principal", policy->principal, is_linked ? "?principal" : NULL);
    if (policy->group >= 0 && is_linked) {
        rune_buf_append_cstr(out, " in ?principal");
    } else if (policy->group >= 0) {
        rune_buf_printf(out, " in Group::\"%s\"", mixed_id_of(policy->group));
    }
    put_scope(out, ", action", policy->action, NULL);
    put_scope(out, ", resource", policy->resource, is_linked ? "?resource" : NULL);
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

void mixed_put_policy_id(const struct mixed_world *world, uint32_t policy, char ret_id[24])
{
    snprintf(ret_id, 24, world->policies[policy].is_linked ? "link%u" : "policy%u", policy);
}

static void put_slot(struct rune_buf *out, const char **between, const char *slot, int entity)
{
    if (entity >= 0) {
        rune_buf_printf(out, "%s\"%s\": \"%s::\\\"%s\\\"\"", *between, slot, mixed_type_of(entity),
                        mixed_id_of(entity));
        *between = ", ";
    }
}

static void put_links(struct rune_buf *out, const struct mixed_world *world)
{
    const char *between = "[";
    for (uint32_t i = 0; i < world->policy_count; i++) {
        const struct mixed_policy *policy = &world->policies[i];
        const char *between_slots = "";
        if (policy->is_off || !policy->is_linked) {
            continue;
        }
        rune_buf_printf(out,
                        "%s{\"template_id\": \"policy%u\", \"link_id\": \"link%u\", \"args\": {",
                        between, i, i);
        put_slot(out, &between_slots, "?principal",
                 policy->principal >= 0 ? policy->principal : policy->group);
        put_slot(out, &between_slots, "?resource", policy->resource);
        rune_buf_append_cstr(out, "}}");
        between = ",\n";
    }
    rune_buf_append_cstr(out, between[0] == '[' ? "" : "]\n");
}

/* ---- all ---- */

void mixed_put_text(const struct mixed_world *world, enum mixed_text text, uint64_t order,
                    struct rune_buf *out)
{
    struct mixed_printing printing = {.out = out, .world = world, .order = order};
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
        mixed_put_rules(&printing);
        return;
    case MIXED_LINKS:
        put_links(out, world);
    }
}
