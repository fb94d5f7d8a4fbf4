/* SPDX-License-Identifier: Apache-2.0 */
/* Random rules that compose dense relations of their recursion, with tests, against loops over
 * arrays of bytes. Relations have few or many of the values there could be, so that their sets are
 * bits or hash tables, rows of one block or of several.
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

#define ROUNDS    60u
#define RELATIONS 3u   /* a, b, c: each has facts, in e, f, g */
#define RULES     5u   /* at most */
#define TESTS     2u   /* of a rule, at most */
#define KEYS      4u   /* combinations of labels, at most */
#define NODES     140u /* at most */

enum test_kind { UNEQUAL, OF_NODE, OF_PAIR, OF_KEY, TEST_KINDS };

/* [not] u(V), w(V, W), or t(K, V) (K: the key's first label). A variable is X, Y, Z; or a node, by
 * number. */
struct test {
    enum test_kind kind;
    bool is_negated;
    uint32_t first, second;
};

enum { X, Y, Z, WILDCARD, CONSTANT };

struct rule {
    uint32_t head, left, right;
    bool is_left_turned, is_right_turned;
    uint32_t test_count;
    struct test tests[TESTS];
};

struct program {
    uint32_t nodes, distance, least, labels; /* labels: columns of the key */
    uint32_t keys, rule_count;
    struct rule rules[RULES];
    uint8_t tuples[RELATIONS][KEYS][NODES][NODES];
    uint8_t u[NODES], w[NODES][NODES], t[KEYS][NODES];
};

static uint64_t state;

static uint32_t below(uint32_t limit)
{
    return datalog_random_below(&state, limit);
}

/* ---- programs ---- */

static uint32_t first_label(const struct program *program, uint32_t key)
{
    return program->labels == 2 ? key / 2 : key;
}

static void make_test(struct program *program, struct test *test)
{
    test->kind = (enum test_kind)below(program->labels > 0 ? TEST_KINDS : OF_KEY);
    test->is_negated = below(4) > 0; /* the other way little is left */
    test->first = below(3);
    test->second = below(5);
    if (test->kind == OF_PAIR && below(3) > 0) { /* what a row is masked by */
        test->first = below(2) == 0 ? X : Z;
        test->second = X + Z - test->first;
    }
}

static void make_rules(struct program *program)
{
    program->rule_count = 2 + below(RULES - 1);
    for (uint32_t r = 0; r < program->rule_count; r++) {
        struct rule *rule = &program->rules[r];
        rule->head = r < RELATIONS ? r : below(RELATIONS);
        rule->left = below(RELATIONS);
        rule->right = below(RELATIONS);
        rule->is_left_turned = below(3) == 0;
        rule->is_right_turned = below(3) == 0;
        rule->test_count = below(TESTS + 1);
        for (uint32_t i = 0; i < rule->test_count; i++) {
            make_test(program, &rule->tests[i]);
        }
    }
}

/* Nodes of one column: [*ret_from, *ret_from + *ret_many). */
static void make_range(const struct program *program, uint32_t *ret_from, uint32_t *ret_many)
{
    *ret_many = program->nodes - below(3) * program->nodes / 4;
    *ret_from = below(program->nodes - *ret_many + 1);
}

static void make_facts(struct program *program)
{
    for (uint32_t r = 0; r < RELATIONS; r++) {
        uint32_t from, froms, to, tos, count = program->nodes + below(program->nodes);
        make_range(program, &from, &froms);
        make_range(program, &to, &tos);
        for (uint32_t i = 0; i < count * program->keys; i++) {
            program->tuples[r][i % program->keys][from + below(froms)][to + below(tos)] = 1;
        }
    }
    for (uint32_t i = 0; i < program->nodes; i++) {
        program->u[i] = below(8) == 0;
        for (uint32_t k = 0; k < KEYS; k++) {
            program->t[k][i] = below(8) == 0;
        }
        for (uint32_t j = 0; j < program->nodes; j++) {
            program->w[i][j] = below(20) == 0;
        }
    }
}

static struct program *make_program(void)
{
    static const uint32_t distances[] = {1, 1, 9, 31, 97}, labels[] = {0, 0, 1, 2};
    struct program *program = calloc(1, sizeof(*program));
    assert_non_null(program);
    program->labels = labels[below(4)];
    program->keys = program->labels == 0 ? 1 : program->labels == 1 ? 3 : 4;
    program->nodes = program->labels == 0 ? 80 + below(NODES - 80) : 50 + below(30);
    program->distance = distances[below(5)];
    program->least = below(200);
    make_rules(program);
    make_facts(program);
    return program;
}

/* ---- as text ---- */

static uint32_t value_of(const struct program *program, uint32_t node)
{
    return program->least + node * program->distance;
}

static void put_key(struct rune_buf *text, const struct program *program, uint32_t key)
{
    if (program->labels == 2) {
        rune_buf_printf(text, "%u, %u, ", key / 2, key % 2);
    } else if (program->labels == 1) {
        rune_buf_printf(text, "%u, ", key);
    }
}

static void put_facts(struct rune_buf *text, const struct program *program)
{
    for (uint32_t i = 0; i < program->nodes; i++) {
        if (program->u[i] != 0) {
            rune_buf_printf(text, "u(%u).\n", value_of(program, i));
        }
        for (uint32_t k = 0; k < KEYS; k++) {
            if (program->t[k][i] != 0) {
                rune_buf_printf(text, "t(%u, %u).\n", k, value_of(program, i));
            }
        }
        for (uint32_t j = 0; j < program->nodes; j++) {
            if (program->w[i][j] != 0) {
                rune_buf_printf(text, "w(%u, %u).\n", value_of(program, i), value_of(program, j));
            }
            for (uint32_t at = 0; at < RELATIONS * KEYS; at++) {
                if (program->tuples[at / KEYS][at % KEYS][i][j] != 0) {
                    rune_buf_printf(text, "%c(", "efg"[at / KEYS]);
                    put_key(text, program, at % KEYS);
                    rune_buf_printf(text, "%u, %u).\n", value_of(program, i), value_of(program, j));
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
        rune_buf_printf(text, "%u", value_of(program, 1));
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

static void put_rules(struct rune_buf *text, const struct program *program)
{
    static const char *const keys[] = {"", "K, ", "K, L, "};
    const char *key = keys[program->labels];
    for (uint32_t r = 0; r < RELATIONS; r++) {
        rune_buf_printf(text, "%c(%sX, Y) :- %c(%sX, Y).\n", "abc"[r], key, "efg"[r], key);
    }
    for (uint32_t r = 0; r < program->rule_count; r++) {
        const struct rule *rule = &program->rules[r];
        rune_buf_printf(text, "%c(%sX, Z) :- %c(%s%s), %c(%s%s)", "abc"[rule->head], key,
                        "abc"[rule->left], key, rule -> is_left_turned ? "Y, X" : "X, Y",
                        "abc"[rule->right], key, rule -> is_right_turned ? "Z, Y" : "Y, Z");
        for (uint32_t i = 0; i < rule->test_count; i++) {
            put_test(text, program, &rule->tests[i]);
        }
        rune_buf_append_cstr(text, ".\n");
    }
}

/* ---- by loops ---- */

static bool is_pair(const struct program *program, uint32_t first, uint32_t second)
{
    bool found = false;
    for (uint32_t i = 0; i < program->nodes; i++) {
        found = found || ((second == WILDCARD || i == second) && program->w[first][i] != 0);
    }
    return found;
}

static bool holds(const struct program *program, const struct test *test, uint32_t key,
                  const uint32_t nodes[CONSTANT + 1])
{
    uint32_t first = nodes[test->first];
    switch (test->kind) {
    case UNEQUAL:
        return nodes[X] != nodes[Z];
    case OF_NODE:
        return (program->u[first] != 0) != test->is_negated;
    case OF_PAIR:
        if (test->second != WILDCARD) {
            return (program->w[first][nodes[test->second]] != 0) != test->is_negated;
        }
        return is_pair(program, first, WILDCARD) != test->is_negated;
    default:
        return (program->t[first_label(program, key)][first] != 0) != test->is_negated;
    }
}

/* All tuples of a rule, for one key. True: some are new. */
static bool derive(struct program *program, const struct rule *rule, uint32_t key)
{
    uint32_t n[CONSTANT + 1] = {[CONSTANT] = 1};
    bool any = false;
    for (n[X] = 0; n[X] < program->nodes; n[X]++) {
        for (n[Y] = 0; n[Y] < program->nodes; n[Y]++) {
            const uint8_t(*left)[NODES] = program->tuples[rule->left][key];
            const uint8_t(*right)[NODES] = program->tuples[rule->right][key];
            if ((rule->is_left_turned ? left[n[Y]][n[X]] : left[n[X]][n[Y]]) == 0) {
                continue;
            }
            for (n[Z] = 0; n[Z] < program->nodes; n[Z]++) {
                uint8_t *found = &program->tuples[rule->head][key][n[X]][n[Z]];
                if (*found != 0 ||
                    (rule->is_right_turned ? right[n[Z]][n[Y]] : right[n[Y]][n[Z]]) == 0) {
                    continue;
                }
                bool passes = true;
                for (uint32_t i = 0; i < rule->test_count; i++) {
                    passes = passes && holds(program, &rule->tests[i], key, n);
                }
                *found = passes;
                any = any || passes;
            }
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
    uint32_t relation;
    uint64_t count;
    bool is_wrong;
};

static bool check_tuple(void *context, const rune_term *tuple, uint32_t arity)
{
    struct answer *answer = context;
    const struct program *program = answer->program;
    uint32_t key = 0, nodes[2];
    for (uint32_t c = 0; c < arity - 2; c++) {
        key = key * 2 + (tuple[c] - rune_term_from_inline(0));
    }
    for (uint32_t c = 0; c < 2; c++) {
        uint32_t value = tuple[arity - 2 + c] - rune_term_from_inline((int32_t)program->least);
        nodes[c] = value / program->distance;
        answer->is_wrong = answer->is_wrong || value % program->distance != 0 ||
                           nodes[c] >= program->nodes || key >= program->keys;
    }
    answer->is_wrong =
        answer->is_wrong || program->tuples[answer->relation][key][nodes[0]][nodes[1]] == 0;
    answer->count++;
    return !answer->is_wrong;
}

static uint64_t count_tuples(const struct program *program, uint32_t relation)
{
    uint64_t count = 0;
    for (size_t i = 0; i < sizeof(program->tuples[0]); i++) {
        count += (&program->tuples[relation][0][0][0])[i];
    }
    return count;
}

static uint64_t check_program(uint64_t seed)
{
    struct program *program = make_program();
    struct rune_buf text = RUNE_BUF_INIT, rules = RUNE_BUF_INIT;
    struct datalog_run run;
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
    for (uint32_t r = 0; r < RELATIONS; r++) {
        struct answer answer = {.program = program, .relation = r};
        uint64_t want = count_tuples(program, r);
        assert_int_equal(datalog_run_query(&run, (struct rune_str){&"abc"[r], 1}, NULL, NULL,
                                           check_tuple, &answer),
                         RUNE_OK);
        if (answer.is_wrong || answer.count != want) {
            fail_msg(
                "seed %llu: %c has %llu tuples, %llu expected, or others; %u nodes, %u apart\n%s",
                (unsigned long long)seed, "abc"[r], (unsigned long long)answer.count,
                (unsigned long long)want, program->nodes, program->distance, rules.data);
        }
        derived += want;
    }
    datalog_run_close(&run);
    rune_buf_fini(&text);
    rune_buf_fini(&rules);
    free(program);
    return derived;
}

static void test_compositions__are_what_loops_find(void **unused)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compositions__are_what_loops_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
