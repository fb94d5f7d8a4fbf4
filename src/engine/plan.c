/* SPDX-License-Identifier: Apache-2.0 */
/* plan: reads the image's relations and compiled rules back into words. A goal's text is the
 * source's own, found by the spans of the instructions; spans of an image are not verified, so they
 * are checked here. */
#include "rune/plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/diag.h"
#include "engine/image.h"
#include "eval/relation.h"
#include "eval/rule_code.h"
#include "rune/query.h"

struct describer {
    const struct rune_store *store;
    const struct rune_image *image;
    struct rune_decider *decider;
    struct rune_diag *diag;
    const char *rule; /* NULL: all */
    rune_plan_fn emit;
    void *context;
    struct rune_buf line;
    bool is_stopped;
    enum rune_err err;
};

static void end_line(struct describer *d)
{
    if (!d->is_stopped && !d->line.failed) {
        d->is_stopped = !d->emit(d->context, (struct rune_str){d->line.data, d->line.length});
    }
    if (d->line.failed) {
        d->err = RUNE_E_NOMEM;
        d->is_stopped = true;
    }
    rune_buf_reset(&d->line);
}

static void put_line(struct describer *d, const char *text)
{
    rune_buf_append_cstr(&d->line, text);
    end_line(d);
}

static struct rune_str text_at(const struct describer *d, uint32_t index)
{
    return rune_terms_string(&d->store->terms,
                             rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, index));
}

/* Relations that the builder makes for itself have names no rule can write. */
static bool is_hidden(struct rune_str name)
{
    return memmem(name.data, name.length, " {", 2) != NULL;
}

static const char *tuples(uint64_t count)
{
    return count == 1 ? "tuple" : "tuples";
}

/* ---- relations ---- */

static void put_columns(struct describer *d, const struct rune_image_order *order, uint32_t arity)
{
    for (uint32_t i = 0; i < arity; i++) {
        rune_buf_printf(&d->line, "%s%u", i > 0 ? " " : "", rune_order_column(order, arity, i) + 1);
    }
}

/* Rows that all rules of a demanded relation are expected to give with nothing bound; false: no
 * such plan. */
static bool expected_rows(const struct describer *d, uint32_t relation, uint64_t *ret_rows)
{
    bool found = false;
    *ret_rows = 0;
    for (uint32_t i = 0; i < d->store->plan_count; i++) {
        const struct rune_image_plan *plan = &d->store->plans[i];
        if (plan->relation == relation && plan->bound == 0) {
            *ret_rows += plan->rows;
            found = true;
        }
    }
    return found;
}

static enum rune_err count_demanded(struct describer *d, uint32_t number, uint64_t *ret_count)
{
    const struct rune_image_relation *relation = &d->store->relations[number];
    struct rune_buf pattern = RUNE_BUF_INIT;
    rune_buf_append_str(&pattern, text_at(d, relation->name));
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

/* "12", "about 40", "about 40, found 38", "-". */
static void put_count(struct describer *d, uint32_t number)
{
    const struct rune_image_relation *relation = &d->store->relations[number];
    bool on_request = (relation->flags & RUNE_RELATION_REQUEST) != 0;
    uint64_t rows;
    if ((relation->flags & RUNE_RELATION_STORED) != 0) {
        rune_buf_printf(&d->line, ": %" PRIu64 " %s", relation->tuple_count,
                        tuples(relation->tuple_count));
    } else if (!on_request && expected_rows(d, number, &rows)) {
        rune_buf_printf(&d->line, ": about %" PRIu64 " %s expected", rows, tuples(rows));
    }
    if ((relation->flags & (RUNE_RELATION_STORED | RUNE_RELATION_REQUEST)) == 0 &&
        d->decider != NULL) {
        enum rune_err err = count_demanded(d, number, &rows);
        if (err == RUNE_OK) {
            rune_buf_printf(&d->line, ", %" PRIu64 " found", rows);
        } else if (err == RUNE_E_LIMIT) {
            rune_buf_append_cstr(&d->line, ", too many to count");
        } else if (err != RUNE_E_NOT_FOUND) {
            d->err = err;
            d->is_stopped = true;
        }
    }
}

static void put_relation(struct describer *d, uint32_t number)
{
    const struct rune_image_relation *relation = &d->store->relations[number];
    struct rune_str name = text_at(d, relation->name);
    static const struct {
        uint32_t flag;
        const char *text;
    } words[] = {
        {RUNE_RELATION_BASE, "given"},
        {RUNE_RELATION_DERIVED, "derived"},
        {RUNE_RELATION_STORED, "stored"},
        {RUNE_RELATION_REQUEST, "depends on the request"},
        {RUNE_RELATION_PARTIAL, "a rule erred"},
        {RUNE_RELATION_UNSURE, "rests on what could not be computed"},
    };
    rune_buf_printf(&d->line, "  %.*s/%u", RUNE_STR_ARG(name), relation->arity);
    put_count(d, number);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if ((relation->flags & words[i].flag) != 0) {
            rune_buf_printf(&d->line, "; %s", words[i].text);
        }
    }
    if ((relation->flags & RUNE_RELATION_STORED) == 0) {
        rune_buf_append_cstr(&d->line, "; computed on demand");
    }
    rune_buf_append_cstr(&d->line, relation->component != 0 ? "; recursive" : "");
    for (uint32_t i = 0; i < relation->order_count && relation->arity > 1; i++) {
        rune_buf_append_cstr(&d->line, i == 0 ? "; sorted by columns (" : ", (");
        put_columns(d, &d->store->orders[relation->first_order + i], relation->arity);
        rune_buf_append_char(&d->line, ')');
    }
    end_line(d);
}

static void put_relations(struct describer *d)
{
    uint32_t strata = 0;
    for (uint32_t i = 0; i < d->store->relation_count; i++) {
        uint32_t stratum = RUNE_RELATION_STRATUM(d->store->relations[i].flags);
        strata = stratum + 1 > strata ? stratum + 1 : strata;
    }
    for (uint32_t s = 0; s < strata && !d->is_stopped; s++) {
        bool is_first = true;
        for (uint32_t i = 0; i < d->store->relation_count && !d->is_stopped; i++) {
            const struct rune_image_relation *relation = &d->store->relations[i];
            if (RUNE_RELATION_STRATUM(relation->flags) != s ||
                is_hidden(text_at(d, relation->name))) {
                continue;
            }
            if (is_first) {
                rune_buf_printf(&d->line, "stratum %u", s + 1);
                end_line(d);
                is_first = false;
            }
            put_relation(d, i);
        }
    }
}

/* ---- goals ---- */

/* One instruction, its operands found by their letters. */
struct step {
    uint32_t op;
    const uint32_t *order, *group, *list, *small; /* the first of each kind; NULL: none */
};

static const uint32_t *read_step(const uint32_t *word, struct step *ret_step)
{
    *ret_step = (struct step){.op = *word};
    for (const char *operand = rune_rule_ops[*word++].operands; *operand != '\0'; operand++) {
        switch (*operand) {
        case 'o':
            ret_step->order = word++;
            break;
        case 'g':
            ret_step->group = word;
            word += 2;
            break;
        case 'R':
            ret_step->list = word;
            word += 1 + word[0];
            break;
        case 'W':
            word += 1 + 2 * word[0];
            break;
        case 'n':
            ret_step->small = word++;
            break;
        default:
            word++;
            break;
        }
    }
    return word;
}

/* How a stored relation is read: what narrows the search, and what a search finds on average. */
static void put_search(struct describer *d, const struct step *step)
{
    const struct rune_image_order *order = &d->store->orders[*step->order];
    const struct rune_image_relation *relation = &d->store->relations[order->relation];
    uint32_t bound = *step->list;
    struct rune_str name = text_at(d, relation->name);
    bool is_loop = step->op == RUNE_RULE_SCAN;
    rune_buf_printf(&d->line, "  -- %s %.*s, ", is_loop ? "read" : "look up", RUNE_STR_ARG(name));
    if (bound == 0) {
        rune_buf_printf(&d->line, "all %" PRIu64 " %s", relation->tuple_count,
                        tuples(relation->tuple_count));
        return;
    }
    rune_buf_append_cstr(&d->line, "by column");
    for (uint32_t i = 0; i < bound; i++) {
        rune_buf_printf(&d->line, "%s%u", i == 0 ? " " : ", ",
                        rune_order_column(order, relation->arity, i) + 1);
    }
    rune_buf_printf(&d->line, " of %" PRIu64 " %s", relation->tuple_count,
                    tuples(relation->tuple_count));
    if (is_loop && bound == 1 && order->key_count > 0) {
        rune_buf_printf(&d->line, " (%.1f a value)",
                        (double)relation->tuple_count / order->key_count);
    }
}

static void put_call(struct describer *d, const struct step *step)
{
    const struct rune_image_plan *plans = d->store->plans + step->group[0];
    uint64_t rows = 0;
    if (step->group[1] == 0) {
        rune_buf_append_cstr(&d->line, "  -- has no rules");
        return;
    }
    for (uint32_t i = 0; i < step->group[1]; i++) {
        rows += plans[i].rows;
    }
    struct rune_str name = text_at(d, d->store->relations[plans->relation].name);
    uint32_t shown = is_hidden(name) ? 0 : (uint32_t)name.length;
    rune_buf_printf(&d->line, "  -- %s%.*s", shown > 0 ? "demand " : "demand its own rules",
                    (int)shown, name.data);
    for (uint32_t i = 0, n = 0; i < 32; i++) {
        if ((plans->bound >> i & 1) != 0) {
            rune_buf_printf(&d->line, "%s%u", n++ == 0 ? " by column " : ", ", i + 1);
        }
    }
    if (step->op == RUNE_RULE_CALL_SCAN) {
        rune_buf_printf(&d->line, ", about %" PRIu64 " %s", rows, tuples(rows));
    }
}

static void put_step(struct describer *d, const struct step *step)
{
    switch (step->op) {
    case RUNE_RULE_SCAN:
    case RUNE_RULE_EXISTS:
        put_search(d, step);
        break;
    case RUNE_RULE_CALL:
    case RUNE_RULE_CALL_SCAN:
    case RUNE_RULE_AGGREGATE:
        put_call(d, step);
        break;
    case RUNE_RULE_LOAD_REQUEST:
    case RUNE_RULE_CONTEXT:
        rune_buf_append_cstr(&d->line, "  -- from the request");
        break;
    case RUNE_RULE_ATTR:
        rune_buf_append_cstr(&d->line, "  -- from the entity's data");
        break;
    default:
        break;
    }
}

/* The rule's file, or an empty text. */
static struct rune_str source_of(const struct describer *d, uint32_t rule)
{
    if (rule >= d->store->rule_count || d->store->rules[rule].source >= d->store->source_count) {
        return (struct rune_str){"", 0};
    }
    const struct rune_image_source *source = &d->store->sources[d->store->rules[rule].source];
    return (struct rune_str){d->store->source_bytes + source->offset, source->length};
}

/* Part of a text on one line, runs of blanks as one. */
static void put_text(struct describer *d, struct rune_str source, uint64_t offset, uint64_t length)
{
    bool blank = false;
    if (offset > source.length || length > source.length - offset) {
        return;
    }
    for (uint64_t i = offset; i < offset + length; i++) {
        unsigned char c = (unsigned char)source.data[i];
        if (c <= ' ') {
            blank = true;
            continue;
        }
        rune_buf_append_cstr(&d->line, blank ? " " : "");
        rune_buf_append_char(&d->line, (char)c);
        blank = false;
    }
}

static uint32_t first_span(const struct rune_store *store, uint32_t code)
{
    uint32_t low = 0, high = store->rule_span_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (store->rule_spans[middle].code < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The goals of one program, in the order in which they are taken. */
static void put_goals(struct describer *d, const struct rune_image_plan *plan)
{
    const struct rune_store *store = d->store;
    const uint32_t *code = store->rule_code, *word = code + plan->code,
                   *end = word + plan->code_length;
    struct rune_str source = source_of(d, plan->rule);
    uint32_t span = first_span(store, plan->code), goal = 0;
    while (word < end && !d->is_stopped) {
        struct step step;
        bool is_goal = false;
        while (span < store->rule_span_count &&
               store->rule_spans[span].code <= (uint32_t)(word - code)) {
            if (goal++ > 0) {
                end_line(d);
            }
            rune_buf_printf(&d->line, "    %2u. ", goal);
            put_text(d, source, store->rule_spans[span].offset, store->rule_spans[span].length);
            span++;
            is_goal = true;
        }
        word = read_step(word, &step);
        if (step.op == RUNE_RULE_MARK && is_goal) {
            word = read_step(word, &step); /* the goal itself */
        }
        if (is_goal || (goal > 0 && (step.group != NULL || step.order != NULL))) {
            put_step(d, &step);
        }
    }
    if (goal > 0) {
        end_line(d);
    }
}

static void put_plan(struct describer *d, const struct rune_image_plan *plan)
{
    if (plan->bound == 0) {
        rune_buf_append_cstr(&d->line, "  asked for all tuples");
    } else {
        rune_buf_append_cstr(&d->line, plan->bound == (plan->bound & -plan->bound)
                                           ? "  asked by column"
                                           : "  asked by columns");
        for (uint32_t i = 0, n = 0; i < 32; i++) {
            if ((plan->bound >> i & 1) != 0) {
                rune_buf_printf(&d->line, "%s%u", n++ == 0 ? " " : ", ", i + 1);
            }
        }
    }
    rune_buf_printf(&d->line, ": about %u %s", plan->rows, tuples(plan->rows));
    end_line(d);
    put_goals(d, plan);
}

/* ---- rules ---- */

static bool is_asked(const struct describer *d, const struct rune_image_rule *rule)
{
    struct rune_str asked =
        d->rule == NULL ? (struct rune_str){0} : (struct rune_str){d->rule, strlen(d->rule)};
    return d->rule == NULL || rune_str_equal(text_at(d, rule->id), asked) ||
           rune_str_equal(text_at(d, d->store->relations[rule->head].name), asked);
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
static void put_rule(struct describer *d, uint32_t number, const uint32_t *starts,
                     const uint32_t *by_rule)
{
    const struct rune_image_rule *rule = &d->store->rules[number];
    struct rune_str source = source_of(d, number), id = text_at(d, rule->id);
    put_line(d, "");
    rune_buf_printf(&d->line, "rule %.*s", RUNE_STR_ARG(id));
    bool is_place =
        memchr(id.data, ':', id.length) != NULL; /* a rule without @id is called by its place */
    if (source.length > 0 && !is_place) {
        struct rune_str path = text_at(d, d->store->sources[rule->source].path);
        rune_buf_printf(&d->line, " (%.*s:%u)", RUNE_STR_ARG(path),
                        line_of(source, rule->source_offset));
    }
    end_line(d);
    rune_buf_append_cstr(&d->line, "  ");
    put_text(d, source, rule->source_offset, rule->source_length);
    end_line(d);
    if (starts[number] == starts[number + 1]) {
        put_line(d, "  evaluated when the image is built; its tuples are stored");
    }
    for (uint32_t i = starts[number]; i < starts[number + 1] && !d->is_stopped; i++) {
        put_plan(d, &d->store->plans[by_rule[i]]);
    }
}

static bool put_rules(struct describer *d)
{
    const struct rune_store *store = d->store;
    uint32_t *starts = rune_calloc((size_t)store->rule_count + 2, sizeof(uint32_t));
    uint32_t *by_rule = rune_calloc((size_t)store->plan_count + 1, sizeof(uint32_t));
    bool found = d->rule == NULL;
    if (starts == NULL || by_rule == NULL) {
        d->err = RUNE_E_NOMEM;
        d->is_stopped = true;
    } else {
        for (uint32_t i = 0; i < store->plan_count; i++) {
            uint32_t rule = store->plans[i].rule;
            starts[(rule < store->rule_count ? rule : store->rule_count) + 1]++;
        }
        for (uint32_t i = 0; i < store->rule_count; i++) {
            starts[i + 1] += starts[i];
        }
        /* Filled backwards: starts[r + 1] counts down to starts[r]'s end, then all move up by one.
         */
        for (uint32_t i = store->plan_count; i-- > 0;) {
            if (store->plans[i].rule < store->rule_count) {
                by_rule[--starts[store->plans[i].rule + 1]] = i;
            }
        }
        for (uint32_t i = 0; i < store->rule_count; i++) {
            starts[i] = starts[i + 1];
        }
        starts[store->rule_count] = store->plan_count - starts[store->rule_count + 1];
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
    struct describer d = {.store = &image->store,
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
