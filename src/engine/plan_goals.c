/* SPDX-License-Identifier: Apache-2.0 */
/* plan_goals: a compiled rule read back into words. A goal's text is the source's own, found by the
 * spans of the instructions; spans of an image are not verified, so they are checked here. */
#include <inttypes.h>
#include <string.h>

#include "engine/plan_int.h"
#include "eval/rule_program.h"

/* One instruction, its operands found by their letters. */
struct step {
    uint32_t op;
    const uint32_t *order, *group, *list, *small; /* the first of each kind; NULL: none */
};

static const uint32_t *read_step(const uint32_t *word, struct step *ret_step)
{
    *ret_step = (struct step){.op = word[0]};
    struct rune_rule_operand at = rune_rule_operands(word);
    for (; *at.letter != '\0'; at = rune_rule_operand_after(at)) {
        const uint32_t **first = *at.letter == 'o'   ? &ret_step->order
                                 : *at.letter == 'g' ? &ret_step->group
                                 : *at.letter == 'R' ? &ret_step->list
                                 : *at.letter == 'n' ? &ret_step->small
                                                     : NULL;
        if (first != NULL && *first == NULL) {
            *first = at.word;
        }
    }
    return at.word;
}

/* "column 1", "columns 1, 2". */
static void put_numbers(struct rune_describer *d, uint32_t columns)
{
    rune_buf_append_cstr(&d->line, (columns & (columns - 1)) == 0 ? "column " : "columns ");
    for (uint32_t i = 0, n = 0; i < 32; i++) {
        if ((columns >> i & 1) != 0) {
            rune_buf_printf(&d->line, "%s%u", n++ == 0 ? "" : ", ", i + 1);
        }
    }
}

/* How a stored relation is read: what narrows the search, and what a search finds on average. */
static void put_search(struct rune_describer *d, const struct step *step)
{
    const struct rune_image_order *order = &d->store->orders[*step->order];
    const struct rune_image_relation *relation = &d->store->relations[order->relation];
    uint32_t bound = *step->list, columns = 0;
    struct rune_str name = rune_describe_text(d, relation->name);
    bool is_loop = step->op == RUNE_RULE_SCAN;
    if (bound == 0) {
        rune_buf_printf(&d->line, is_loop ? "  -- read all of %.*s: " : "  -- is there any %.*s: ",
                        RUNE_STR_ARG(name));
        rune_describe_tuples(d, relation->tuple_count);
        return;
    }
    for (uint32_t i = 0; i < bound; i++) {
        uint32_t column = rune_order_column(order, relation->arity, i);
        columns |= column < 32 ? 1u << column : 0;
    }
    rune_buf_printf(&d->line, is_loop ? "  -- read %.*s by " : "  -- look up %.*s by ",
                    RUNE_STR_ARG(name));
    put_numbers(d, columns);
    rune_buf_append_cstr(&d->line, ": ");
    if (is_loop && bound == 1 && order->key_count > 0) {
        rune_buf_printf(&d->line, "%.1f a value, of ",
                        (double)relation->tuple_count / order->key_count);
    } else {
        rune_buf_append_cstr(&d->line, "of ");
    }
    rune_describe_tuples(d, relation->tuple_count);
}

/* Columns of a relation asked for some of its columns only ("view {columns 1 3}"), as columns of
 * the relation itself; the name becomes that one's. Other names and their columns stay. */
static uint32_t project_back(struct rune_str *name, uint32_t columns)
{
    static const char mark[] = " {columns";
    const char *at = memmem(name->data, name->length, mark, sizeof(mark) - 1);
    uint32_t back = 0;
    if (at == NULL) {
        return columns;
    }
    const char *end = name->data + name->length;
    const char *digit = at + sizeof(mark) - 1;
    for (uint32_t i = 0; digit < end && *digit == ' '; i++) {
        uint32_t column = 0;
        for (digit++; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
            column = column * 10 + (uint32_t)(*digit - '0');
        }
        if (i < 32 && (columns >> i & 1) != 0 && column >= 1 && column <= 32) {
            back |= 1u << (column - 1);
        }
    }
    name->length = (size_t)(at - name->data);
    return back;
}

static void put_call(struct rune_describer *d, const struct step *step)
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
    struct rune_str name = rune_describe_text(d, d->store->relations[plans->relation].name);
    uint32_t bound = project_back(&name, plans->bound);
    if (rune_describe_is_hidden(name)) {
        rune_buf_append_cstr(&d->line, "  -- compute what stands in the braces");
        return;
    }
    rune_buf_printf(&d->line, "  -- compute %.*s", RUNE_STR_ARG(name));
    if (bound != 0) {
        rune_buf_append_cstr(&d->line, " by ");
        put_numbers(d, bound);
    }
    if (step->op == RUNE_RULE_CALL_SCAN) {
        rune_buf_append_cstr(&d->line, ": about ");
        rune_describe_tuples(d, rows);
    }
}

static void put_step(struct rune_describer *d, const struct step *step)
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
    case RUNE_RULE_TEST: /* small: the function, then whether it must be false */
        if (step->small[0] == RUNE_RULE_FN_IS_STRING) {
            rune_buf_append_cstr(&d->line, step->small[1] != 0 ? "  -- if it is asked of no text"
                                                               : "  -- if it is asked of a text");
        }
        break;
    default:
        break;
    }
}

/* The rule's file, or an empty text. */
struct rune_str rune_describe_source(const struct rune_describer *d, uint32_t rule)
{
    if (rule >= d->store->rule_count || d->store->rules[rule].source >= d->store->source_count) {
        return (struct rune_str){"", 0};
    }
    const struct rune_image_source *source = &d->store->sources[d->store->rules[rule].source];
    return (struct rune_str){d->store->source_bytes + source->offset, source->length};
}

#define LONGEST_PART 400u /* bytes of a rule that are shown; more is no plan to read */

void rune_describe_part(struct rune_describer *d, struct rune_str source, uint64_t offset,
                        uint64_t length)
{
    bool blank = false;
    if (offset > source.length || length > source.length - offset) {
        return;
    }
    uint64_t end = offset + length;
    if (length > LONGEST_PART) {
        end = offset + LONGEST_PART;
        while (((unsigned char)source.data[end] & 0xc0) == 0x80) {
            end--; /* within a character */
        }
    }
    for (uint64_t i = offset; i < end; i++) {
        unsigned char c = (unsigned char)source.data[i];
        if (c <= ' ') {
            blank = true;
            continue;
        }
        rune_buf_append_cstr(&d->line, blank ? " " : "");
        rune_buf_append_char(&d->line, (char)c);
        blank = false;
    }
    if (end < offset + length) {
        rune_buf_printf(&d->line, " ... (%llu bytes in all)", (unsigned long long)length);
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
static void put_goals(struct rune_describer *d, const struct rune_image_plan *plan)
{
    const struct rune_store *store = d->store;
    const uint32_t *code = store->rule_code, *word = code + plan->code,
                   *end = word + plan->code_length;
    struct rune_str source = rune_describe_source(d, plan->rule);
    uint32_t span = first_span(store, plan->code), goal = 0;
    while (word < end && !d->is_stopped) {
        struct step step;
        bool is_goal = false;
        while (span < store->rule_span_count &&
               store->rule_spans[span].code <= (uint32_t)(word - code)) {
            if (goal++ > 0) {
                rune_describe_end_line(d);
            }
            rune_buf_printf(&d->line, "    %2u. ", goal);
            rune_describe_part(d, source, store->rule_spans[span].offset,
                               store->rule_spans[span].length);
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
        rune_describe_end_line(d);
    }
}

/* The argument's text in the rule's head, or its number. */
static void put_argument(struct rune_describer *d, struct rune_str head, uint32_t column)
{
    uint32_t depth = 0, at = 0;
    size_t begin = 0;
    for (size_t i = 0; i < head.length && head.data[i] != '\n'; i++) {
        char c = head.data[i];
        bool ends = depth == 1 && (c == ',' || c == ')');
        if (c == '"') {
            break; /* strings may hold anything */
        }
        if (ends && at++ == column) {
            rune_describe_part(d, head, begin, i - begin);
            return;
        }
        depth += (c == '(' || c == '[') ? 1u : 0u;
        depth -= (c == ')' || c == ']') ? 1u : 0u;
        if (depth == 1 && (c == '(' || c == ',')) {
            begin = i + 1;
            while (begin < head.length && head.data[begin] == ' ') {
                begin++;
            }
        }
        if (depth == 0 && at > 0) {
            break;
        }
    }
    rune_buf_printf(&d->line, "column %u", column + 1);
}

/* The rule's text from its head on. */
static struct rune_str head_of(const struct rune_describer *d, const struct rune_image_plan *plan)
{
    struct rune_str source = rune_describe_source(d, plan->rule);
    if (plan->rule >= d->store->rule_count) {
        return (struct rune_str){"", 0};
    }
    const struct rune_image_rule *rule = &d->store->rules[plan->rule];
    if (rule->source_offset > source.length ||
        rule->source_length > source.length - rule->source_offset) {
        return (struct rune_str){"", 0};
    }
    struct rune_str text = {source.data + rule->source_offset, rule->source_length};
    struct rune_str name = rune_describe_text(d, d->store->relations[plan->relation].name);
    while (text.length >= name.length && text.length > 0 && text.data[0] == '@') {
        const char *close = memchr(text.data, ')', text.length);
        const char *head = memmem(text.data, text.length, name.data, name.length);
        const char *from = head != NULL && (close == NULL || head < close) ? head : close;
        if (from == NULL) {
            break;
        }
        from += from == close ? 1 : 0;
        text = (struct rune_str){from, text.length - (size_t)(from - text.data)};
        while (text.length > 0 && (unsigned char)text.data[0] <= ' ') {
            text.data++;
            text.length--;
        }
    }
    return text;
}

void rune_describe_plan(struct rune_describer *d, const struct rune_image_plan *plan,
                        uint32_t number, uint32_t count)
{
    struct rune_str head = head_of(d, plan);
    rune_buf_append_cstr(&d->line, plan->bound == 0 ? "  with nothing known" : "  with ");
    for (uint32_t i = 0, n = 0; i < 32; i++) {
        if ((plan->bound >> i & 1) != 0) {
            rune_buf_append_cstr(&d->line, n++ == 0 ? "" : ", ");
            put_argument(d, head, i);
        }
    }
    rune_buf_append_cstr(&d->line, plan->bound == 0 ? "" : " known");
    if (count > 1) {
        rune_buf_printf(&d->line, ", alternative %u of %u", number, count);
    }
    rune_buf_append_cstr(&d->line, ": about ");
    rune_describe_tuples(d, plan->rows);
    rune_describe_end_line(d);
    put_goals(d, plan);
}
