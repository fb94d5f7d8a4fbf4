/* SPDX-License-Identifier: Apache-2.0 */
/* plan: the relations of an image as a table, by stratum, and its rules with their plans. */
#include "rune/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "engine/plan_int.h"
#include "rune/query.h"

void rune_describe_end_line(struct rune_describer *d)
{
    if (!d->is_stopped && !d->line.failed) {
        d->is_stopped = !d->emit(d->context, (struct rune_str){d->line.data, d->line.length});
    }
    if (d->line.failed) {
        d->err = RUNE_E_NOMEM;
        d->is_stopped = true;
    }
    d->has_lines = true;
    rune_buf_reset(&d->line);
}

static void put_line(struct rune_describer *d, const char *text)
{
    rune_buf_append_cstr(&d->line, text);
    rune_describe_end_line(d);
}

struct rune_str rune_describe_text(const struct rune_describer *d, uint32_t string)
{
    return rune_terms_string(&d->store->terms,
                             rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, string));
}

bool rune_describe_is_hidden(struct rune_str name)
{
    return memmem(name.data, name.length, " {", 2) != NULL;
}

/* 1,234,567 */
static void put_number(struct rune_describer *d, uint64_t number)
{
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%" PRIu64, number);
    for (int i = 0; i < length; i++) {
        rune_buf_append_cstr(&d->line, i > 0 && (length - i) % 3 == 0 ? "," : "");
        rune_buf_append_char(&d->line, digits[i]);
    }
}

void rune_describe_tuples(struct rune_describer *d, uint64_t count)
{
    if (count >= UINT32_MAX) {
        rune_buf_append_cstr(&d->line, "more than 4 billion tuples");
        return;
    }
    put_number(d, count);
    rune_buf_append_cstr(&d->line, count == 1 ? " tuple" : " tuples");
}

/* ---- relations ---- */

static void put_columns(struct rune_describer *d, const struct rune_image_order *order,
                        uint32_t arity)
{
    for (uint32_t i = 0; i < arity; i++) {
        rune_buf_printf(&d->line, "%s%u", i > 0 ? " " : "", rune_order_column(order, arity, i) + 1);
    }
}

/* By relation: rows that its rules are expected to give with nothing known; -1: no such plan. */
static int64_t *expect_rows(const struct rune_describer *d)
{
    int64_t *rows = rune_alloc(((size_t)d->store->relation_count + 1) * sizeof(int64_t));
    for (uint32_t i = 0; rows != NULL && i < d->store->relation_count; i++) {
        rows[i] = -1;
    }
    for (uint32_t i = 0; rows != NULL && i < d->store->plan_count; i++) {
        const struct rune_image_plan *plan = &d->store->plans[i];
        if (plan->bound == 0) {
            rows[plan->relation] =
                (rows[plan->relation] < 0 ? 0 : rows[plan->relation]) + plan->rows;
        }
    }
    return rows;
}

static enum rune_err count_demanded(struct rune_describer *d, uint32_t number, uint64_t *ret_count)
{
    const struct rune_image_relation *relation = &d->store->relations[number];
    struct rune_buf pattern = RUNE_BUF_INIT;
    rune_buf_append_str(&pattern, rune_describe_text(d, relation->name));
    for (uint32_t i = 0; i < relation->arity; i++) {
        rune_buf_append_cstr(&pattern, i == 0 ? "(_" : ", _");
    }
    rune_buf_append_cstr(&pattern, relation->arity > 0 ? ")" : "");
    rune_buf_append_char(&pattern, '\0');
    enum rune_err err = pattern.failed ? RUNE_E_NOMEM
                                       : rune_query_count(d->decider, d->image, NULL, pattern.data,
                                                          ret_count, d->diag);
    rune_buf_fini(&pattern);
    return err;
}

/* "12", "about 40 expected", "about 40 expected, 38 found"; nothing for what the request brings. */
static void put_count(struct rune_describer *d, uint32_t number, int64_t expected)
{
    const struct rune_image_relation *relation = &d->store->relations[number];
    bool on_request = (relation->flags & RUNE_RELATION_REQUEST) != 0;
    if ((relation->flags & RUNE_RELATION_STORED) != 0) {
        rune_describe_tuples(d, relation->tuple_count);
        return;
    }
    if (on_request || expected < 0) {
        rune_buf_append_cstr(&d->line, on_request ? "by the request" : "");
        return;
    }
    rune_buf_append_cstr(&d->line, expected < UINT32_MAX ? "about " : "");
    rune_describe_tuples(d, (uint64_t)expected);
    rune_buf_append_cstr(&d->line, " expected");
    uint64_t found = 0;
    enum rune_err err = d->decider != NULL ? count_demanded(d, number, &found) : RUNE_E_NOT_FOUND;
    if (err == RUNE_OK) {
        rune_buf_append_cstr(&d->line, ", ");
        put_number(d, found);
        rune_buf_append_cstr(&d->line, " found");
    } else if (err == RUNE_E_LIMIT) {
        rune_buf_append_cstr(&d->line, ", too many to count");
    } else if (err != RUNE_E_NOT_FOUND) {
        d->err = err;
        d->is_stopped = true;
    }
}

/* Where its tuples come from, and what is done with them. */
static void put_kind(struct rune_describer *d, const struct rune_image_relation *relation)
{
    uint32_t flags = relation->flags;
    bool is_derived = (flags & RUNE_RELATION_DERIVED) != 0;
    bool is_given = (flags & RUNE_RELATION_BASE) != 0;
    if (!is_derived && !is_given) {
        rune_buf_append_cstr(&d->line,
                             (flags & RUNE_RELATION_REQUEST) != 0 ? "the request's" : "empty");
        return;
    }
    rune_buf_append_cstr(&d->line, is_given ? "given" : "");
    rune_buf_append_cstr(&d->line, is_given && is_derived ? ", " : "");
    rune_buf_append_cstr(&d->line, is_derived ? "derived" : "");
    rune_buf_append_cstr(&d->line, relation->component != 0 ? ", recursive" : "");
    if (is_derived) {
        rune_buf_append_cstr(&d->line,
                             (flags & RUNE_RELATION_STORED) != 0 ? ", stored" : ", on demand");
    }
    if ((flags & RUNE_RELATION_REQUEST) != 0) {
        rune_buf_append_cstr(&d->line, ", depends on the request");
    }
    rune_buf_append_cstr(&d->line, (flags & RUNE_RELATION_PARTIAL) != 0 ? "; a rule erred" : "");
    rune_buf_append_cstr(&d->line, (flags & RUNE_RELATION_UNSURE) != 0
                                       ? "; rests on what could not be computed"
                                       : "");
}

static void pad(struct rune_describer *d, size_t column)
{
    do {
        rune_buf_append_char(&d->line, ' ');
    } while (d->line.length < column);
}

static void put_relation(struct rune_describer *d, uint32_t number, size_t width, int64_t expected)
{
    const struct rune_image_relation *relation = &d->store->relations[number];
    struct rune_str name = rune_describe_text(d, relation->name);
    rune_buf_printf(&d->line, "  %.*s/%u", RUNE_STR_ARG(name), relation->arity);
    pad(d, width);
    put_kind(d, relation);
    size_t before = d->line.length;
    rune_buf_append_cstr(&d->line, ": ");
    put_count(d, number, expected);
    if (d->line.length == before + 2 || (relation->flags & RUNE_RELATION_REQUEST) != 0) {
        d->line.length = before; /* nothing to count */
    }
    for (uint32_t i = 0; i < relation->order_count && relation->arity > 1; i++) {
        rune_buf_append_cstr(&d->line, i == 0 ? "; sorted by (" : ", (");
        put_columns(d, &d->store->orders[relation->first_order + i], relation->arity);
        rune_buf_append_char(&d->line, ')');
    }
    rune_describe_end_line(d);
}

/* How wide the names are, within reason. */
static size_t name_width(const struct rune_describer *d)
{
    size_t width = 0;
    for (uint32_t i = 0; i < d->store->relation_count; i++) {
        struct rune_str name = rune_describe_text(d, d->store->relations[i].name);
        bool counts = !rune_describe_is_hidden(name) && name.length <= 40;
        width = counts && name.length > width ? name.length : width;
    }
    return width + 7; /* two blanks before, `/N` and two behind */
}

static void put_stratum(struct rune_describer *d, uint32_t stratum, size_t width,
                        const int64_t *expected)
{
    bool is_first = true;
    for (uint32_t i = 0; i < d->store->relation_count && !d->is_stopped; i++) {
        const struct rune_image_relation *relation = &d->store->relations[i];
        if (RUNE_RELATION_STRATUM(relation->flags) != stratum ||
            rune_describe_is_hidden(rune_describe_text(d, relation->name))) {
            continue;
        }
        if (is_first) {
            rune_buf_printf(&d->line, "stratum %u", stratum + 1);
            rune_describe_end_line(d);
            is_first = false;
        }
        put_relation(d, i, width, expected[i]);
    }
}

static void put_relations(struct rune_describer *d)
{
    uint32_t strata = 0;
    size_t width = name_width(d);
    int64_t *expected = expect_rows(d);
    if (expected == NULL) {
        d->err = RUNE_E_NOMEM;
        d->is_stopped = true;
    }
    for (uint32_t i = 0; i < d->store->relation_count; i++) {
        uint32_t stratum = RUNE_RELATION_STRATUM(d->store->relations[i].flags);
        strata = stratum + 1 > strata ? stratum + 1 : strata;
    }
    for (uint32_t s = 0; s < strata && !d->is_stopped; s++) {
        put_stratum(d, s, width, expected);
    }
    rune_free(expected);
}

/* ---- rules ---- */

static bool is_asked(const struct rune_describer *d, const struct rune_image_rule *rule)
{
    struct rune_str asked =
        d->rule == NULL ? (struct rune_str){0} : (struct rune_str){d->rule, strlen(d->rule)};
    return d->rule == NULL || rune_str_equal(rune_describe_text(d, rule->id), asked) ||
           rune_str_equal(rune_describe_text(d, d->store->relations[rule->head].name), asked);
}

static uint32_t line_of(struct rune_str source, uint32_t offset)
{
    uint32_t line = 1;
    for (uint32_t i = 0; i < offset && i < source.length; i++) {
        line += source.data[i] == '\n';
    }
    return line;
}

/* `by_rule`: plans sorted by rule, those of rule r in [starts[r], starts[r + 1]). */
static void put_rule(struct rune_describer *d, uint32_t number, const uint32_t *starts,
                     const uint32_t *by_rule)
{
    const struct rune_image_rule *rule = &d->store->rules[number];
    struct rune_str source = rune_describe_source(d, number), id = rune_describe_text(d, rule->id);
    if (d->has_lines) {
        put_line(d, "");
    }
    rune_buf_printf(&d->line, "rule %.*s", RUNE_STR_ARG(id));
    bool is_place =
        memchr(id.data, ':', id.length) != NULL; /* a rule without @id is called by its place */
    if (source.length > 0 && !is_place) {
        struct rune_str path = rune_describe_text(d, d->store->sources[rule->source].path);
        rune_buf_printf(&d->line, " (%.*s:%u)", RUNE_STR_ARG(path),
                        line_of(source, rule->source_offset));
    }
    rune_describe_end_line(d);
    rune_buf_append_cstr(&d->line, "  ");
    rune_describe_part(d, source, rule->source_offset, rule->source_length);
    rune_describe_end_line(d);
    if (starts[number] == starts[number + 1]) {
        put_line(d, "  evaluated when the image is built; its tuples are stored");
    }
    for (uint32_t i = starts[number]; i < starts[number + 1] && !d->is_stopped;) {
        const struct rune_image_plan *plan = &d->store->plans[by_rule[i]];
        uint32_t count = 1; /* alternatives of the rule, asked alike */
        while (i + count < starts[number + 1] &&
               d->store->plans[by_rule[i + count]].bound == plan->bound) {
            count++;
        }
        for (uint32_t k = 0; k < count && !d->is_stopped; k++) {
            rune_describe_plan(d, &d->store->plans[by_rule[i + k]], k + 1, count);
        }
        i += count;
    }
}

/* The plans of rule r become by_rule[starts[r]..starts[r + 1]), in their order. `starts` has room
 * for all rules and two more, and is zero. */
static void sort_plans(const struct rune_store *store, uint32_t *starts, uint32_t *by_rule)
{
    uint32_t *ends = starts + 1; /* of rule r, first where it begins */
    for (uint32_t i = 0; i < store->plan_count; i++) {
        if (store->plans[i].rule < store->rule_count) {
            starts[store->plans[i].rule + 2]++;
        }
    }
    for (uint32_t i = 0; i < store->rule_count; i++) {
        ends[i + 1] += ends[i];
    }
    for (uint32_t i = 0; i < store->plan_count; i++) {
        if (store->plans[i].rule < store->rule_count) {
            by_rule[ends[store->plans[i].rule]++] = i;
        }
    }
}

/* False: none is asked for. */
static bool put_rules(struct rune_describer *d)
{
    const struct rune_store *store = d->store;
    uint32_t *starts = rune_calloc((size_t)store->rule_count + 2, sizeof(uint32_t));
    uint32_t *by_rule = rune_calloc((size_t)store->plan_count + 1, sizeof(uint32_t));
    bool found = d->rule == NULL;
    if (starts == NULL || by_rule == NULL) {
        d->err = RUNE_E_NOMEM;
        d->is_stopped = true;
    } else {
        sort_plans(store, starts, by_rule);
    }
    for (uint32_t i = 0; !d->is_stopped && i < store->rule_count; i++) {
        if (is_asked(d, &store->rules[i])) {
            put_rule(d, i, starts, by_rule);
            found = true;
        }
    }
    rune_free(starts);
    rune_free(by_rule);
    return found;
}

enum rune_err rune_plan_describe(const struct rune_image *image, const char *rule,
                                 struct rune_decider *decider, rune_plan_fn emit, void *context,
                                 struct rune_diag *diag)
{
    struct rune_describer d = {.store = &image->store,
                               .image = image,
                               .decider = decider,
                               .diag = diag,
                               .rule = rule,
                               .emit = emit,
                               .context = context,
                               .line = RUNE_BUF_INIT};
    if (d.store->rule_count == 0) {
        put_line(&d, "no rules");
    }
    if (rule == NULL) {
        put_relations(&d);
    }
    bool found = d.is_stopped || put_rules(&d);
    rune_buf_fini(&d.line);
    if (d.err != RUNE_OK || found) {
        return d.err;
    }
    rune_diag_report(diag, RUNE_ERROR, "RUNE-Q0005", RUNE_SPAN_NONE,
                     "run `rune plan` without a rule to see all",
                     "no rule has the id or the head '%s'", rule);
    return RUNE_E_NOT_FOUND;
}
