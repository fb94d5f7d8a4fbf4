/* SPDX-License-Identifier: Apache-2.0 */
/* Random rules that compose dense relations of their recursion, two to four, with tests, against
 * sets of bits that are followed node by node. Relations have few or many of the values there could
 * be, evenly or with gaps, numbers or strings, so that their sets are bits or hash tables, rows of
 * one block or of several.
 *
 * RUNE_TEST_SEED=N begins with another seed, RUNE_TEST_ROUNDS=N makes so many programs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "reference/datalog_random.h"
#include "reference/datalog_run.h"
#include "reference/rounds.h"
#include "unit/cmocka.h"

#define ROUNDS    40u
#define RELATIONS 3u     /* a, b, c: each has facts, in e, f, g */
#define RULES     5u     /* at most */
#define TESTS     2u     /* of a rule, at most */
#define LINKS     2u     /* of a chain, at most: atoms between the first and the last */
#define KEYS      4u     /* combinations of labels, at most */
#define NODES     140u   /* at most */
#define FEW_NODES 32u    /* fewer are fast to join where sets are no bits */
#define DENSE     15000u /* facts of a dense relation, some of them the same */
#define WORDS     3u     /* of a set of nodes */

enum test_kind { UNEQUAL, OF_NODE, OF_PAIR, OF_KEY, TEST_KINDS };

/* [not] u(V), w(V, W), or t(K, V) (K: the key's first label). A variable is X, Y, Z; or a node, by
 * number. */
struct test {
    enum test_kind kind;
    bool is_negated;
    uint32_t first, second;
};

enum { X, Y, Z, WILDCARD, CONSTANT };

/* An atom from what is left of it to what is right. */
struct link {
    uint32_t relation;
    bool is_turned;
};

struct rule {
    uint32_t head, link_count;
    struct link links[LINKS + 2]; /* the first, from X to Y, and the last, to Z, are always there */
    bool has_masked, is_masked_negated; /* [not] u(U), where a chain has U */
    uint32_t test_count;
    struct test tests[TESTS];
};

struct set {
    uint64_t words[WORDS];
};

struct program {
    uint32_t nodes, labels; /* labels: columns of the key */
    uint32_t keys, rule_count;
    bool is_text;  /* nodes are strings */
    bool is_dense; /* so many facts that relations are bits from the beginning */
    uint32_t values[NODES];
    struct rule rules[RULES];
    struct set tuples[RELATIONS][KEYS][NODES];
    struct set u, w[NODES], t[KEYS];
};

static uint64_t state;

static uint32_t below(uint32_t limit)
{
    return datalog_random_below(&state, limit);
}

static bool has(const struct set *set, uint32_t node)
{
    return (set->words[node / 64] >> (node % 64) & 1) != 0;
}

static void add(struct set *set, uint32_t node)
{
    set->words[node / 64] |= UINT64_C(1) << (node % 64);
}

/* ---- programs ---- */

static uint32_t first_label(const struct program *program, uint32_t key)
{
    return program->labels == 2 ? key / 2 : key;
}

static void make_test(struct program *program, const struct rule *rule, struct test *test)
{
    test->kind = (enum test_kind)below(program->labels > 0 ? TEST_KINDS : OF_KEY);
    test->is_negated = below(4) > 0; /* the other way little is left */
    test->first = below(3);
    test->second = below(5);
    bool is_chain = program->is_dense && rule->link_count > 2; /* only rows are fast enough */
    if (test->kind == OF_PAIR && (is_chain || below(3) > 0)) { /* what a row is masked by */
        test->first = below(2) == 0 ? X : Z;
        test->second = X + Z - test->first;
    }
}

static void make_links(struct rule *rule, uint32_t links)
{
    rule->link_count = 2 + (links > 0 && below(3) > 0 ? 1 + below(links) : 0);
    for (uint32_t i = 0; i < rule->link_count; i++) {
        rule->links[i].relation = below(RELATIONS);
        rule->links[i].is_turned = below(3) == 0;
    }
    rule->has_masked = rule->link_count > 2 && below(6) == 0;
    rule->is_masked_negated = below(2) == 0;
}

static void make_rules(struct program *program, bool has_chains)
{
    uint32_t links = has_chains ? (program->nodes < FEW_NODES || program->is_dense ? LINKS : 1) : 0;
    program->rule_count =
        program->is_dense ? RELATIONS + below(RULES - RELATIONS + 1) : 2 + below(RULES - 1);
    for (uint32_t r = 0; r < program->rule_count; r++) {
        struct rule *rule = &program->rules[r];
        rule->head = r < RELATIONS ? r : below(RELATIONS);
        make_links(rule, links);
        rule->test_count = below(TESTS + 1);
        if (program->is_dense && r < RELATIONS) { /* one recursion */
            rule->links[0].relation = (r + 1) % RELATIONS;
        }
        for (uint32_t i = 0; i < rule->test_count; i++) {
            make_test(program, rule, &rule->tests[i]);
        }
    }
}

/* Nodes of one column: [*ret_from, *ret_from + *ret_many). */
static void make_range(const struct program *program, uint32_t *ret_from, uint32_t *ret_many)
{
    *ret_many = program->nodes - below(3) * program->nodes / 4;
    *ret_from = below(program->nodes - *ret_many + 1);
}

/* From each node to some behind it, so that recursions go on for some rounds. */
static void make_dense_facts(struct program *program)
{
    uint32_t each = DENSE / (program->nodes * program->keys + 1) + 1;
    for (uint32_t at = 0; at < RELATIONS * program->keys * program->nodes; at++) {
        uint32_t from = at % program->nodes, key = at / program->nodes % program->keys;
        struct set *row = &program->tuples[at / program->nodes / program->keys][key][from];
        for (uint32_t i = 0; i < each; i++) {
            add(row, (from + 1 + below(2 * each)) % program->nodes);
        }
    }
}

static void make_sparse_facts(struct program *program)
{
    for (uint32_t r = 0; r < RELATIONS; r++) {
        uint32_t from, froms, to, tos, count = program->nodes + below(program->nodes);
        make_range(program, &from, &froms);
        make_range(program, &to, &tos);
        for (uint32_t i = 0; i < count * program->keys; i++) {
            add(&program->tuples[r][i % program->keys][from + below(froms)], to + below(tos));
        }
    }
}

static void make_facts(struct program *program)
{
    if (program->is_dense) {
        make_dense_facts(program);
    } else {
        make_sparse_facts(program);
    }
    add(&program->t[0], 0); /* a relation without facts has to be declared */
    add(&program->u, 0);
    add(&program->w[0], 1);
    for (uint32_t i = 0; i < program->nodes; i++) {
        for (uint32_t k = 0; k < KEYS; k++) {
            if (below(8) == 0) {
                add(&program->t[k], i);
            }
        }
        if (below(8) == 0) {
            add(&program->u, i);
        }
        for (uint32_t j = 0; j < program->nodes; j++) {
            if (below(30) == 0) {
                add(&program->w[i], j);
            }
        }
    }
}

/* As far apart as nodes are, and sometimes one gap. */
static void make_values(struct program *program)
{
    static const uint32_t distances[] = {1, 1, 9, 31, 97}, gaps[] = {0, 0, 700, 40000, 3000000};
    uint32_t choices = program->is_dense ? 3 : 5;
    uint32_t distance = distances[below(choices)], gap = gaps[below(choices)], value = below(200);
    uint32_t at = below(program->nodes);
    bool is_even = below(2) == 0;
    for (uint32_t i = 0; i < program->nodes; i++) {
        program->values[i] = value;
        value += (is_even ? distance : 1 + below(distance)) + (i == at ? gap : 0);
    }
}

static struct program *make_program(void)
{
    static const uint32_t labels[] = {0, 0, 1, 2};
    struct program *program = calloc(1, sizeof(*program));
    assert_non_null(program);
    bool has_chains = below(2) == 0; /* they take long where rows are not composed */
    program->labels = labels[below(4)];
    program->keys = program->labels == 0 ? 1 : program->labels == 1 ? 3 : 4;
    program->nodes = program->labels == 0 ? 80 + below(NODES - 80) : 50 + below(30);
    if (has_chains) {
        program->is_dense = below(2) == 0;
        program->nodes = program->is_dense ? (program->labels == 0 ? 130 : 75) + below(10)
                         : below(3) == 0   ? FEW_NODES + below(10)
                                           : 20 + below(12);
    }
    program->is_text = below(4) == 0;
    make_values(program);
    make_rules(program, has_chains);
    make_facts(program);
    return program;
}

/* ---- as text ---- */

static void put_node(struct rune_buf *text, const struct program *program, uint32_t node)
{
    rune_buf_printf(text, program->is_text ? "\"n%u\"" : "%u", program->values[node]);
}

static void put_key(struct rune_buf *text, const struct program *program, uint32_t key)
{
    if (program->labels == 2) {
        rune_buf_printf(text, "%u, %u, ", key / 2, key % 2);
    } else if (program->labels == 1) {
        rune_buf_printf(text, "%u, ", key);
    }
}

static void put_pair(struct rune_buf *text, const struct program *program, uint32_t first,
                     uint32_t second)
{
    put_node(text, program, first);
    rune_buf_append_cstr(text, ", ");
    put_node(text, program, second);
    rune_buf_append_cstr(text, ").\n");
}

static void put_nodes(struct rune_buf *text, const struct program *program, uint32_t node)
{
    if (has(&program->u, node)) {
        rune_buf_append_cstr(text, "u(");
        put_node(text, program, node);
        rune_buf_append_cstr(text, ").\n");
    }
    for (uint32_t k = 0; k < KEYS; k++) {
        if (has(&program->t[k], node)) {
            rune_buf_printf(text, "t(%u, ", k);
            put_node(text, program, node);
            rune_buf_append_cstr(text, ").\n");
        }
    }
}

static void put_facts(struct rune_buf *text, const struct program *program)
{
    for (uint32_t i = 0; i < program->nodes; i++) {
        put_nodes(text, program, i);
        for (uint32_t j = 0; j < program->nodes; j++) {
            if (has(&program->w[i], j)) {
                rune_buf_append_cstr(text, "w(");
                put_pair(text, program, i, j);
            }
            for (uint32_t at = 0; at < RELATIONS * KEYS; at++) {
                if (has(&program->tuples[at / KEYS][at % KEYS][i], j)) {
                    rune_buf_printf(text, "%c(", "efg"[at / KEYS]);
                    put_key(text, program, at % KEYS);
                    put_pair(text, program, i, j);
                }
            }
        }
    }
}

static void put_var(struct rune_buf *text, const struct program *program, uint32_t var)
{
    if (var < CONSTANT) {
        rune_buf_printf(text, "%c", "XYZ_"[var]);
    } else {
        put_node(text, program, 1);
    }
}

static void put_test(struct rune_buf *text, const struct program *program, const struct test *test)
{
    if (test->kind == UNEQUAL) {
        rune_buf_append_cstr(text, test->is_negated ? ", Z != X" : ", X != Z");
        return;
    }
    rune_buf_append_cstr(text, test->is_negated ? ", not " : ", ");
    rune_buf_append_cstr(text, test->kind == OF_NODE   ? "u("
                               : test->kind == OF_PAIR ? "w("
                                                       : "t(K, ");
    put_var(text, program, test->first);
    if (test->kind == OF_PAIR) {
        rune_buf_append_cstr(text, ", ");
        put_var(text, program, test->second);
    }
    rune_buf_append_cstr(text, ")");
}

/* An atom from one variable to another. */
static void put_atom(struct rune_buf *text, const struct link *link, const char *key, char from,
                     char to)
{
    rune_buf_printf(text, "%c(%s%c, %c)", "abc"[link->relation], key, link -> is_turned ? to : from,
                    link -> is_turned ? from : to);
}

static void put_rules(struct rune_buf *text, const struct program *program)
{
    static const char *const keys[] = {"", "K, ", "K, L, "};
    const char *key = keys[program->labels];
    for (uint32_t r = 0; r < RELATIONS; r++) {
        rune_buf_printf(text, "%c(%sX, Y) :- %c(%sX, Y).\n", "abc"[r], key, "efg"[r], key);
    }
    for (uint32_t r = 0; r < program->rule_count; r++) {
        const struct rule *rule = &program->rules[r];
        rune_buf_printf(text, "%c(%sX, Z) :- ", "abc"[rule->head], key);
        for (uint32_t i = 0; i < rule->link_count; i++) {
            rune_buf_append_cstr(text, i > 0 ? ", " : "");
            put_atom(text, &rule->links[i], key, "XYUV"[i],
                     i + 1 == rule->link_count ? 'Z' : "YUV"[i]);
        }
        if (rule->has_masked) {
            rune_buf_append_cstr(text, rule->is_masked_negated ? ", not u(U)" : ", u(U)");
        }
        for (uint32_t i = 0; i < rule->test_count; i++) {
            put_test(text, program, &rule->tests[i]);
        }
        rune_buf_append_cstr(text, ".\n");
    }
}

/* ---- by sets ---- */

static bool is_any(const struct set *set)
{
    return (set->words[0] | set->words[1] | set->words[2]) != 0;
}

static bool holds(const struct program *program, const struct test *test, uint32_t key,
                  const uint32_t nodes[CONSTANT + 1])
{
    uint32_t first = nodes[test->first];
    switch (test->kind) {
    case UNEQUAL:
        return nodes[X] != nodes[Z];
    case OF_NODE:
        return has(&program->u, first) != test->is_negated;
    case OF_PAIR:
        if (test->second != WILDCARD) {
            return has(&program->w[first], nodes[test->second]) != test->is_negated;
        }
        return is_any(&program->w[first]) != test->is_negated;
    default:
        return has(&program->t[first_label(program, key)], first) != test->is_negated;
    }
}

/* What a link leads to from any of some nodes. */
static struct set follow(const struct program *program, const struct link *link, uint32_t key,
                         const struct set *from)
{
    const struct set *rows = program->tuples[link->relation][key];
    struct set to = {{0}};
    for (uint32_t i = 0; i < program->nodes; i++) {
        struct set common = rows[i];
        for (uint32_t w = 0; w < WORDS; w++) {
            common.words[w] &= from->words[w];
            to.words[w] |= !link->is_turned && has(from, i) ? rows[i].words[w] : 0;
        }
        if (link->is_turned && is_any(&common)) {
            add(&to, i);
        }
    }
    return to;
}

static struct set set_of(uint32_t node)
{
    struct set set = {{0}};
    add(&set, node);
    return set;
}

/* From Y to Z. */
static struct set find_path(const struct program *program, const struct rule *rule, uint32_t key,
                            uint32_t y)
{
    struct set nodes = set_of(y);
    for (uint32_t i = 1; i < rule->link_count; i++) {
        nodes = follow(program, &rule->links[i], key, &nodes);
        for (uint32_t w = 0; w < WORDS && i == 1 && rule->has_masked; w++) {
            nodes.words[w] &= rule->is_masked_negated ? ~program->u.words[w] : program->u.words[w];
        }
    }
    return nodes;
}

/* Adds the Z of an X and a Y that pass the tests. True: some are new. */
static bool add_passing(struct program *program, const struct rule *rule, uint32_t key,
                        const struct set *path, uint32_t n[CONSTANT + 1])
{
    struct set *found = &program->tuples[rule->head][key][n[X]];
    bool any = false;
    for (uint32_t w = 0; w < WORDS; w++) {
        for (uint64_t left = path->words[w] & ~found->words[w]; left != 0; left &= left - 1) {
            bool passes = true;
            n[Z] = w * 64 + (uint32_t)__builtin_ctzll(left);
            for (uint32_t i = 0; i < rule->test_count && passes; i++) {
                passes = holds(program, &rule->tests[i], key, n);
            }
            if (passes) {
                add(found, n[Z]);
                any = true;
            }
        }
    }
    return any;
}

/* All tuples of a rule, for one key. True: some are new. */
static bool derive(struct program *program, const struct rule *rule, uint32_t key)
{
    struct set paths[NODES];
    uint32_t n[CONSTANT + 1] = {[CONSTANT] = 1};
    bool any = false;
    for (uint32_t y = 0; y < program->nodes; y++) {
        paths[y] = find_path(program, rule, key, y);
    }
    for (n[X] = 0; n[X] < program->nodes; n[X]++) {
        struct set begin = set_of(n[X]);
        struct set left = follow(program, &rule->links[0], key, &begin);
        for (n[Y] = 0; n[Y] < program->nodes; n[Y]++) {
            any = (has(&left, n[Y]) && add_passing(program, rule, key, &paths[n[Y]], n)) || any;
        }
    }
    return any;
}

static void close_all(struct program *program)
{
    bool any = true;
    while (any) {
        any = false;
        for (uint32_t i = 0; i < program->rule_count * program->keys; i++) {
            any = derive(program, &program->rules[i / program->keys], i % program->keys) || any;
        }
    }
}

/* ---- comparison ---- */

struct answer {
    const struct program *program;
    const rune_term *terms; /* of nodes */
    uint32_t relation;
    uint64_t count;
    bool is_wrong;
};

static uint32_t find_node(const struct answer *answer, rune_term term)
{
    uint32_t i = 0;
    while (i < answer->program->nodes && answer->terms[i] != term) {
        i++;
    }
    return i;
}

static bool check_tuple(void *context, const rune_term *tuple, uint32_t arity)
{
    struct answer *answer = context;
    const struct program *program = answer->program;
    uint32_t key = 0, from = find_node(answer, tuple[arity - 2]),
             to = find_node(answer, tuple[arity - 1]);
    for (uint32_t c = 0; c < arity - 2; c++) {
        key = key * 2 + (tuple[c] - rune_term_from_inline(0));
    }
    answer->is_wrong = answer->is_wrong || key >= program->keys || from >= program->nodes ||
                       to >= program->nodes ||
                       !has(&program->tuples[answer->relation][key][from], to);
    answer->count++;
    return !answer->is_wrong;
}

static uint64_t count_tuples(const struct program *program, uint32_t relation)
{
    const uint64_t *words = program->tuples[relation][0][0].words;
    uint64_t count = 0;
    for (uint32_t w = 0; w < KEYS * NODES * WORDS; w++) {
        count += (uint64_t)__builtin_popcountll(words[w]);
    }
    return count;
}

/* Nodes that no tuple names have no term. */
static void find_terms(const struct program *program, const struct rune_dict *dict,
                       rune_term *terms)
{
    for (uint32_t i = 0; i < program->nodes; i++) {
        char text[16];
        int length = snprintf(text, sizeof(text), "n%u", program->values[i]);
        terms[i] = program->is_text
                       ? rune_terms_find_string(rune_dict_terms(dict),
                                                (struct rune_str){text, (size_t)length})
                       : rune_term_from_inline((int32_t)program->values[i]);
    }
}

static uint64_t check_program(uint64_t seed)
{
    struct program *program = make_program();
    struct rune_buf text = RUNE_BUF_INIT, rules = RUNE_BUF_INIT;
    struct datalog_run run;
    rune_term terms[NODES];
    uint64_t derived = 0;
    put_rules(&rules, program);
    put_facts(&text, program);
    put_rules(&text, program);
    (void)rune_buf_cstr(&text);
    (void)rune_buf_cstr(&rules);
    close_all(program);
    enum rune_err err =
        datalog_run_open(&run, (struct rune_str){text.data, text.length}, RUNE_DL_BARE, NULL, 0);
    if (err == RUNE_OK) {
        err = datalog_run_evaluate(&run, RUNE_DL_STORE_ALL);
    }
    if (err != RUNE_OK) {
        fail_msg("seed %llu: %s %s\n%s", (unsigned long long)seed, rune_err_text(err),
                 rune_diag_text(run.diag), rules.data);
    }
    find_terms(program, run.dict, terms);
    for (uint32_t r = 0; r < RELATIONS; r++) {
        struct answer answer = {.program = program, .terms = terms, .relation = r};
        uint64_t want = count_tuples(program, r);
        assert_int_equal(datalog_run_query(&run, (struct rune_str){&"abc"[r], 1}, NULL, NULL,
                                           check_tuple, &answer),
                         RUNE_OK);
        if (answer.is_wrong || answer.count != want) {
            fail_msg("seed %llu: %c has %llu tuples, %llu expected, or others; %u nodes\n%s",
                     (unsigned long long)seed, "abc"[r], (unsigned long long)answer.count,
                     (unsigned long long)want, program->nodes, rules.data);
        }
        derived += want;
    }
    datalog_run_close(&run);
    rune_buf_fini(&text);
    rune_buf_fini(&rules);
    free(program);
    return derived;
}

static void test_compositions__are_what_sets_find(void **unused)
{
    uint64_t first = rounds_number_of("RUNE_TEST_SEED", 1),
             rounds = rounds_number_of("RUNE_TEST_ROUNDS", ROUNDS);
    uint64_t derived = 0;
    (void)unused;
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        state = seed;
        derived += check_program(seed);
    }
    assert_true(derived > 4096 * rounds);
}

/* Of a chain each atom is joined with what the one before leads to, not with each way there: to
 * look at all of those would take some hundred million steps. */
static void test_chains__take_a_step_a_row(void **unused)
{
    static const char text[] = "n(0).\nn(Y) :- n(X), Y = X + 1, Y < 300.\n"
                               "p(X, Y) :- n(X), n(Y), X < Y.\nq(X, Y) :- p(Y, X).\n"
                               "p(X, Z) :- q(Y, X), p(Y, U), q(U, Z).\n";
    struct rune_dl_options options = {.storing = RUNE_DL_STORE_ALL, .max_steps = 1000000};
    struct datalog_run run;
    (void)unused;
    assert_int_equal(datalog_run_open(&run, rune_str_from(text), RUNE_DL_BARE, NULL, 0), RUNE_OK);
    assert_int_equal(rune_dl_evaluate(&run.program, run.facts, NULL, run.dict, &options, NULL, NULL,
                                      &run.result, run.diag),
                     RUNE_OK);
    datalog_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compositions__are_what_sets_find),
        cmocka_unit_test(test_chains__take_a_step_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
