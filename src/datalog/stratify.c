/* SPDX-License-Identifier: Apache-2.0 */
/* stratify: the graph of which relation reads which, its strongly connected components (Tarjan,
 * without recursion), and what follows from them: strata, recursion, request dependence.
 *
 * An edge goes from a rule's head to each relation of its body; it is negative through `not` and
 * through an aggregate. Components come out of Tarjan's algorithm with what they read first: their
 * numbers are the order of evaluation. A negative edge inside a component is an error; the shortest
 * way back closes the cycle that is shown. Edges that no literal shows: `in` reads entity.parent,
 * entity reads all derived entity data, an attribute read by a variable name reads all of them, and
 * a set attribute is read whole from its derived elements. */
#include <stdio.h>

#include "base/buf.h"
#include "datalog/check_int.h"

struct graph {
    struct rune_dl_checker *checker;
    uint32_t count;  /* relations */
    uint32_t *start; /* by relation: first of its edges in `to`; count + 1 of them */
    uint32_t *to;    /* edge indexes, grouped by head */
    uint32_t *component;
    uint32_t *back; /* by relation: edge by which a search came, or UINT32_MAX */
    uint32_t *queue;
};

/* ---- edges ---- */

static void add_edge(struct rune_dl_checker *checker, uint32_t head, uint32_t body,
                     bool is_negative, const struct rune_dl_literal *literal)
{
    struct rune_dl_edge edge = {head, body, is_negative, literal};
    checker->nomem |= !RUNE_VEC_PUSH(&checker->edges, edge);
}

static void add_body_edges(struct rune_dl_checker *checker, uint32_t head,
                           const struct rune_dl_body *body, bool is_negative, uint32_t parent)
{
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        bool negative = is_negative || literal->is_negated || literal->kind == RUNE_DL_AGGREGATE;
        if (literal->kind == RUNE_DL_ATOM) {
            add_edge(checker, head, literal->relation, negative, literal);
        } else if (literal->kind == RUNE_DL_IN && parent != UINT32_MAX) {
            add_edge(checker, head, parent, negative, literal);
        }
        for (uint32_t k = 0; k < literal->body_count; k++) {
            /* depth: counted by the parser */
            add_body_edges(checker, head, &literal->bodies[k], negative, parent);
        }
    }
}

static bool has_name(const struct rune_dl_relation *relation)
{
    return relation->literal.data != NULL;
}

static bool is_data(enum rune_dl_builtin builtin)
{
    return builtin == RUNE_DL_ENTITY_PARENT || builtin == RUNE_DL_ENTITY_ATTR ||
           builtin == RUNE_DL_ENTITY_ELEMENT;
}

/* What reading `reader` means beyond its own tuples. */
static void add_implied_edge(struct rune_dl_checker *checker, uint32_t reader, uint32_t derived)
{
    const struct rune_dl_relation *a = &checker->relations.items[reader];
    const struct rune_dl_relation *b = &checker->relations.items[derived];
    bool same_name = !has_name(a) || (has_name(b) && rune_str_equal(a->literal, b->literal));
    if (a->builtin == RUNE_DL_ENTITY_EXISTS && is_data(b->builtin)) {
        add_edge(checker, reader, derived, false, NULL);
    } else if (a->builtin == b->builtin && !has_name(a) && has_name(b)) {
        add_edge(checker, reader, derived, false, NULL);
    } else if (a->builtin == RUNE_DL_ENTITY_ATTR && b->builtin == RUNE_DL_ENTITY_ELEMENT &&
               same_name) {
        /* the whole set, so all elements come first */
        add_edge(checker, reader, derived, true, NULL);
    } else if (a->builtin == RUNE_DL_ENTITY_ELEMENT && b->builtin == RUNE_DL_ENTITY_ATTR &&
               same_name) {
        add_edge(checker, reader, derived, false, NULL);
    }
}

/* Attribute and elements of one name read each other: the other one of `relation`, if there is one;
 * UINT32_MAX: none. */
static uint32_t find_counterpart(struct rune_dl_checker *checker, struct rune_buf *key,
                                 const struct rune_dl_relation *relation)
{
    uint32_t found = UINT32_MAX;
    if (relation->builtin != RUNE_DL_ENTITY_ATTR && relation->builtin != RUNE_DL_ENTITY_ELEMENT) {
        return UINT32_MAX;
    }
    rune_buf_reset(key);
    rune_buf_append_cstr(key, relation->builtin == RUNE_DL_ENTITY_ATTR ? "entity.element"
                                                                       : "entity.attr");
    rune_buf_append_char(key, '\0');
    rune_buf_append_str(key, relation->literal);
    checker->nomem |= key->failed;
    if (!key->failed) {
        (void)rune_map_find(&checker->names, (struct rune_str){key->data, key->length}, &found);
    }
    return found;
}

/* Each derived built-in against the built-ins that stand for all names, which are few, and against
 * its counterpart of the same name. */
static void add_implied_edges(struct rune_dl_checker *checker)
{
    struct rune_vec_u32 readers = {0};
    struct rune_buf key = RUNE_BUF_INIT;
    uint32_t count = (uint32_t)checker->relations.count;
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_dl_relation *relation = &checker->relations.items[i];
        if (relation->builtin != RUNE_DL_NOT_BUILTIN && !has_name(relation)) {
            checker->nomem |= !RUNE_VEC_PUSH(&readers, i);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_dl_relation *relation = &checker->relations.items[i];
        if (!relation->is_head ||
            (!is_data(relation->builtin) && relation->builtin != RUNE_DL_CONTEXT)) {
            continue;
        }
        for (size_t k = 0; k < readers.count; k++) {
            if (readers.items[k] != i) {
                add_implied_edge(checker, readers.items[k], i);
            }
        }
        uint32_t counterpart = find_counterpart(checker, &key, relation);
        if (counterpart != UINT32_MAX) {
            add_implied_edge(checker, counterpart, i);
        }
    }
    RUNE_VEC_FINI(&readers);
    rune_buf_fini(&key);
}

static uint32_t find_derived_parent(const struct rune_dl_checker *checker)
{
    for (uint32_t i = 0; i < checker->relations.count; i++) {
        if (checker->relations.items[i].builtin == RUNE_DL_ENTITY_PARENT &&
            checker->relations.items[i].is_head) {
            return i;
        }
    }
    return UINT32_MAX;
}

static bool build_graph(struct graph *graph, struct rune_dl_checker *checker)
{
    uint32_t parent = find_derived_parent(checker);
    size_t literals = 0;
    for (size_t i = 0; i < checker->rules.count; i++) {
        literals += checker->rules.items[i].body.count;
    }
    checker->nomem |= !RUNE_VEC_RESERVE(&checker->edges, literals);
    for (size_t i = 0; i < checker->rules.count && !checker->nomem; i++) {
        const struct rune_dl_rule *rule = &checker->rules.items[i];
        add_body_edges(checker, rule->head, &rule->body, false, parent);
    }
    add_implied_edges(checker);
    uint32_t count = (uint32_t)checker->relations.count;
    size_t edges = checker->edges.count;
    graph->checker = checker;
    graph->count = count;
    graph->start = rune_calloc((size_t)count + 2, sizeof(uint32_t));
    graph->to = rune_calloc(edges + 1, sizeof(uint32_t));
    graph->component = rune_calloc((size_t)count + 1, sizeof(uint32_t));
    graph->back = rune_calloc((size_t)count + 1, sizeof(uint32_t));
    graph->queue = rune_calloc((size_t)count + 1, sizeof(uint32_t));
    if (checker->nomem || graph->start == NULL || graph->to == NULL || graph->component == NULL ||
        graph->back == NULL || graph->queue == NULL) {
        checker->nomem = true;
        return false;
    }
    for (size_t i = 0; i < edges; i++) {
        graph->start[checker->edges.items[i].head + 2]++;
    }
    for (uint32_t i = 2; i <= count; i++) {
        graph->start[i] += graph->start[i - 1];
    }
    for (size_t i = 0; i < edges; i++) {
        graph->to[graph->start[checker->edges.items[i].head + 1]++] = (uint32_t)i;
    }
    return true;
}

static void graph_fini(struct graph *graph)
{
    rune_free(graph->start);
    rune_free(graph->to);
    rune_free(graph->component);
    rune_free(graph->back);
    rune_free(graph->queue);
}

/* ---- components ---- */

struct tarjan {
    uint32_t *index; /* from 1; 0: not seen */
    uint32_t *low;
    uint32_t *next;  /* position in the relation's edges */
    uint32_t *stack; /* relations whose component is open */
    uint32_t *calls; /* relations being visited */
    uint32_t stack_count, call_count, counter, components;
};

#define OPEN UINT32_MAX

static void visit(struct tarjan *tarjan, struct graph *graph, uint32_t relation)
{
    tarjan->index[relation] = tarjan->low[relation] = ++tarjan->counter;
    tarjan->next[relation] = graph->start[relation];
    tarjan->stack[tarjan->stack_count++] = relation;
    tarjan->calls[tarjan->call_count++] = relation;
    graph->component[relation] = OPEN;
}

static void leave(struct tarjan *tarjan, struct graph *graph, uint32_t relation)
{
    tarjan->call_count--;
    if (tarjan->low[relation] == tarjan->index[relation]) {
        uint32_t member;
        do {
            member = tarjan->stack[--tarjan->stack_count];
            graph->component[member] = tarjan->components;
        } while (member != relation);
        tarjan->components++;
    }
    if (tarjan->call_count > 0) {
        uint32_t caller = tarjan->calls[tarjan->call_count - 1];
        if (tarjan->low[relation] < tarjan->low[caller]) {
            tarjan->low[caller] = tarjan->low[relation];
        }
    }
}

static void run_from(struct tarjan *tarjan, struct graph *graph, uint32_t root)
{
    visit(tarjan, graph, root);
    while (tarjan->call_count > 0) {
        uint32_t relation = tarjan->calls[tarjan->call_count - 1];
        if (tarjan->next[relation] == graph->start[relation + 1]) {
            leave(tarjan, graph, relation);
            continue;
        }
        uint32_t edge = graph->to[tarjan->next[relation]++];
        uint32_t body = graph->checker->edges.items[edge].body;
        if (tarjan->index[body] == 0) {
            visit(tarjan, graph, body);
        } else if (graph->component[body] == OPEN && tarjan->index[body] < tarjan->low[relation]) {
            tarjan->low[relation] = tarjan->index[body];
        }
    }
}

static bool find_components(struct graph *graph, uint32_t *ret_count)
{
    struct tarjan tarjan = {0};
    size_t count = (size_t)graph->count + 1;
    uint32_t *memory = rune_calloc(count * 5, sizeof(uint32_t));
    if (memory == NULL) {
        graph->checker->nomem = true;
        return false;
    }
    tarjan.index = memory;
    tarjan.low = memory + count;
    tarjan.next = memory + 2 * count;
    tarjan.stack = memory + 3 * count;
    tarjan.calls = memory + 4 * count;
    for (uint32_t i = 0; i < graph->count; i++) {
        if (tarjan.index[i] == 0) {
            run_from(&tarjan, graph, i);
        }
    }
    *ret_count = tarjan.components;
    rune_free(memory);
    return true;
}

/* ---- derived entity data and context ---- */

/* From derived built-ins down: a rule that reads attributes or keys by a variable name cannot be
 * reached. */
static void check_variable_names(struct graph *graph)
{
    struct rune_dl_checker *checker = graph->checker;
    uint32_t head = 0;
    uint32_t tail = 0;
    for (uint32_t i = 0; i < graph->count; i++) {
        const struct rune_dl_relation *relation = &checker->relations.items[i];
        bool is_derived = relation->is_head &&
                          (is_data(relation->builtin) || relation->builtin == RUNE_DL_CONTEXT);
        graph->back[i] = is_derived ? 1 : 0;
        if (is_derived) {
            graph->queue[tail++] = i;
        }
    }
    while (head < tail) {
        uint32_t relation = graph->queue[head++];
        for (uint32_t i = graph->start[relation]; i < graph->start[relation + 1]; i++) {
            const struct rune_dl_edge *edge = &checker->edges.items[graph->to[i]];
            const struct rune_dl_relation *body = &checker->relations.items[edge->body];
            bool by_variable =
                edge->literal != NULL && !has_name(body) &&
                (body->builtin == RUNE_DL_CONTEXT || body->builtin == RUNE_DL_ENTITY_ATTR ||
                 body->builtin == RUNE_DL_ENTITY_ELEMENT || body->builtin == RUNE_DL_ENTITY_TAG);
            if (by_variable) {
                rune_dl_check_fail(
                    checker, edge->literal->span, "RUNE-D0806", "write the name as a string here",
                    "a variable name in a rule from which entity data or context is derived");
            }
            if (graph->back[edge->body] == 0) {
                graph->back[edge->body] = 1;
                graph->queue[tail++] = edge->body;
            }
        }
    }
}

/* ---- cycles through a negation ---- */

static void append_name(struct rune_buf *buf, const struct rune_dl_relation *relation)
{
    if (rune_dl_is_any(relation->name)) {
        rune_buf_append_cstr(buf, "alternatives in braces");
        return;
    }
    rune_buf_printf(buf, "`%.*s", RUNE_STR_ARG(relation->name));
    if (has_name(relation)) {
        rune_buf_printf(buf, "(\"%.*s\")", RUNE_STR_ARG(relation->literal));
    }
    rune_buf_append_char(buf, '`');
}

/* The shortest way from `from` to `goal` inside their component, as edges in graph->back; breadth
 * first. */
static bool search(struct graph *graph, uint32_t from, uint32_t goal)
{
    uint32_t head = 0;
    uint32_t tail = 0;
    for (uint32_t i = 0; i < graph->count; i++) {
        graph->back[i] = UINT32_MAX;
    }
    graph->queue[tail++] = from;
    while (from != goal && head < tail) {
        uint32_t relation = graph->queue[head++];
        for (uint32_t i = graph->start[relation]; i < graph->start[relation + 1]; i++) {
            uint32_t body = graph->checker->edges.items[graph->to[i]].body;
            if (graph->component[body] != graph->component[from] || body == from ||
                graph->back[body] != UINT32_MAX) {
                continue;
            }
            graph->back[body] = graph->to[i];
            if (body == goal) {
                return true;
            }
            graph->queue[tail++] = body;
        }
    }
    return from == goal;
}

static void note_edge(struct rune_dl_checker *checker, const struct rune_dl_edge *edge)
{
    struct rune_str head = checker->relations.items[edge->head].name;
    struct rune_str body = checker->relations.items[edge->body].name;
    if (rune_dl_is_any(head)) {
        rune_diag_note(checker->diag, edge->literal->span,
                       "here is what binds the aggregate's group: `%.*s`", RUNE_STR_ARG(body));
    } else if (!rune_dl_is_any(body)) {
        rune_diag_note(checker->diag, edge->literal->span, "here `%.*s` reads `%.*s`",
                       RUNE_STR_ARG(head), RUNE_STR_ARG(body));
    }
}

static void report_cycle(struct graph *graph, const struct rune_dl_edge *negative)
{
    struct rune_dl_checker *checker = graph->checker;
    const struct rune_dl_relation *relations = checker->relations.items;
    struct rune_buf text = RUNE_BUF_INIT;
    uint32_t length = 0;
    if (!search(graph, negative->body, negative->head)) {
        return;
    }
    /* The edges of the way, last first; graph->queue has room for them. */
    for (uint32_t at = negative->head; at != negative->body;) {
        graph->queue[length++] = graph->back[at];
        at = checker->edges.items[graph->back[at]].head;
    }
    append_name(&text, &relations[negative->head]);
    rune_buf_append_cstr(&text, " needs all of ");
    append_name(&text, &relations[negative->body]);
    for (uint32_t i = length; i > 0; i--) {
        const struct rune_dl_edge *edge = &checker->edges.items[graph->queue[i - 1]];
        rune_buf_append_cstr(&text, edge->is_negative ? ", which needs all of " : ", which needs ");
        append_name(&text, &relations[edge->body]);
    }
    struct rune_span span =
        negative->literal != NULL ? negative->literal->span : relations[negative->head].first;
    rune_dl_check_fail(checker, span, "RUNE-D0701",
                       "break the cycle: derive one of these relations without the others",
                       "a relation depends on itself through a negation or an aggregate: %s",
                       rune_buf_cstr(&text));
    checker->nomem |= text.failed; /* else the cycle would be missing without a word */
    for (uint32_t i = length; i > 0 && length - i < 50; i--) {
        const struct rune_dl_edge *edge = &checker->edges.items[graph->queue[i - 1]];
        if (edge->literal != NULL) {
            note_edge(checker, edge);
        }
    }
    rune_buf_fini(&text);
}

/* One report a component: its first negative edge in order of the text. LIMIT: a search costs the
 * graph, so a program with very many such components has the first hundred shown. */
static void check_cycles(struct graph *graph, uint32_t components, uint32_t errors_before)
{
    struct rune_dl_checker *checker = graph->checker;
    uint8_t *reported = rune_calloc((size_t)components + 1, 1);
    uint32_t count = 0;
    if (reported == NULL) {
        checker->nomem = true;
        return;
    }
    for (size_t i = 0; i < checker->edges.count && count < 100; i++) {
        const struct rune_dl_edge *edge = &checker->edges.items[i];
        uint32_t component = graph->component[edge->head];
        /* An implied edge by way of a variable name is that mistake, which has its message. */
        bool is_other = edge->literal == NULL && checker->errors > errors_before;
        if (edge->is_negative && component == graph->component[edge->body] &&
            !reported[component] && !is_other) {
            reported[component] = 1;
            count++;
            report_cycle(graph, edge);
        }
    }
    rune_free(reported);
}

/* ---- what follows ---- */

static bool reads_request(enum rune_dl_builtin builtin)
{
    return builtin == RUNE_DL_PRINCIPAL || builtin == RUNE_DL_ACTION ||
           builtin == RUNE_DL_RESOURCE || builtin == RUNE_DL_CONTEXT;
}

/* Relations by component, so that what is read comes first. */
static void order_by_component(struct graph *graph, uint32_t components, uint32_t *slots)
{
    memset(slots, 0, ((size_t)components + 1) * sizeof(slots[0]));
    for (uint32_t i = 0; i < graph->count; i++) {
        slots[graph->component[i] + 1]++;
    }
    for (uint32_t i = 0; i < components; i++) {
        slots[i + 1] += slots[i];
    }
    for (uint32_t i = 0; i < graph->count; i++) {
        graph->queue[slots[graph->component[i]]++] = i;
    }
}

/* One component, members queue[begin..end): all get the highest stratum and the request dependence
 * of any. */
static uint32_t settle_component(struct graph *graph, uint32_t begin, uint32_t end)
{
    struct rune_dl_relation *relations = graph->checker->relations.items;
    uint32_t stratum = 0;
    bool recursive = end - begin > 1;
    bool request = false;
    for (uint32_t i = begin; i < end; i++) {
        uint32_t relation = graph->queue[i];
        request = request || reads_request(relations[relation].builtin);
        for (uint32_t k = graph->start[relation]; k < graph->start[relation + 1]; k++) {
            const struct rune_dl_edge *edge = &graph->checker->edges.items[graph->to[k]];
            if (graph->component[edge->body] == graph->component[relation]) {
                recursive = true;
                continue;
            }
            uint32_t least = relations[edge->body].stratum + (edge->is_negative ? 1 : 0);
            stratum = least > stratum ? least : stratum;
            request = request || relations[edge->body].depends_on_request;
        }
    }
    for (uint32_t i = begin; i < end; i++) {
        struct rune_dl_relation *relation = &relations[graph->queue[i]];
        relation->stratum = stratum;
        relation->component = graph->component[graph->queue[i]];
        relation->is_recursive = recursive;
        relation->depends_on_request = request;
    }
    return stratum;
}

static void settle(struct graph *graph, uint32_t components, struct rune_dl_program *program)
{
    uint32_t *slots = rune_calloc((size_t)components + 2, sizeof(uint32_t));
    uint32_t highest = 0;
    if (slots == NULL) {
        graph->checker->nomem = true;
        return;
    }
    order_by_component(graph, components, slots);
    for (uint32_t begin = 0; begin < graph->count;) {
        uint32_t end = begin + 1;
        while (end < graph->count &&
               graph->component[graph->queue[end]] == graph->component[graph->queue[begin]]) {
            end++;
        }
        uint32_t stratum = settle_component(graph, begin, end);
        highest = stratum > highest ? stratum : highest;
        begin = end;
    }
    program->component_count = components;
    program->stratum_count = graph->count > 0 ? highest + 1 : 0;
    rune_free(slots);
}

static void check_derived_data(struct rune_dl_checker *checker)
{
    for (size_t i = 0; i < checker->rules.count; i++) {
        const struct rune_dl_rule *rule = &checker->rules.items[i];
        const struct rune_dl_relation *relation = &checker->relations.items[rule->head];
        if (is_data(relation->builtin) && relation->depends_on_request && rule->branch == 0) {
            rune_dl_check_fail(
                checker, rule->head_span, "RUNE-D0807",
                "entity data is the same for every request; derive `context(\"key\", V)` instead",
                "`%.*s` is derived from the request", RUNE_STR_ARG(relation->name));
        }
    }
}

void rune_dl_stratify(struct rune_dl_checker *checker, struct rune_dl_program *program)
{
    struct graph graph = {0};
    uint32_t components = 0;
    if (build_graph(&graph, checker) && find_components(&graph, &components)) {
        uint32_t errors = checker->errors;
        check_variable_names(&graph);
        check_cycles(&graph, components, errors);
        settle(&graph, components, program);
        check_derived_data(checker);
    }
    graph_fini(&graph);
}
