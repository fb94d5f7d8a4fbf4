/* SPDX-License-Identifier: Apache-2.0 */
/* The checker's tasks against the definition, read off the text by going round until nothing
 * changes. */
#include "unit/cmocka.h"
#include "unit/datalog/support.h"

#define VARIABLES 3

/* ---- random rules over q/1, r/2 with variables A to C ---- */

static uint64_t seed;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void write_variable(struct rune_buf *out)
{
    rune_buf_append_char(out, (char)('A' + below(VARIABLES)));
}

static void write_value(struct rune_buf *out)
{
    switch (below(6)) {
    case 0:
        rune_buf_printf(out, "%u", below(9));
        break;
    case 1:
        write_variable(out);
        rune_buf_append_cstr(out, " + 1");
        break;
    case 2:
        write_variable(out);
        rune_buf_append_cstr(out, " * ");
        write_variable(out);
        break;
    default:
        write_variable(out);
        break;
    }
}

static void write_body(struct rune_buf *out, unsigned depth);

static void write_literal(struct rune_buf *out, unsigned depth)
{
    static const char *const operators[] = {" = ", " = ", " = ", " < ", " != "};
    switch (below(depth > 0 ? 7 : 6)) {
    case 0:
        rune_buf_append_cstr(out, "not "); /* fall through */
    case 1:
    case 2:
        rune_buf_append_cstr(out, "r(");
        write_value(out);
        rune_buf_append_cstr(out, ", ");
        write_value(out);
        rune_buf_append_char(out, ')');
        break;
    case 3:
    case 4:
    case 5:
        write_value(out);
        rune_buf_append_cstr(out, operators[below(5)]);
        write_value(out);
        break;
    default:
        write_variable(out);
        rune_buf_append_cstr(out, " = sum { ");
        write_value(out);
        rune_buf_append_cstr(out, " : ");
        write_body(out, depth - 1);
        rune_buf_append_cstr(out, " }");
        break;
    }
}

static void write_body(struct rune_buf *out, unsigned depth)
{
    unsigned count = 1 + below(4);
    for (unsigned i = 0; i < count; i++) {
        rune_buf_append_cstr(out, i > 0 ? ", " : "");
        write_literal(out, depth);
    }
}

/* ---- the definition ---- */

static char name_of(const struct rune_dl_rule *rule, const struct rune_dl_expr *expr)
{
    return rune_dl_variable_name(&rule->variables[expr->as.variable]).data[0];
}

/* Sets of variables as bits; braces nest, `own` are those of no surroundings. */
static unsigned in_expr(const struct rune_dl_rule *rule, const struct rune_dl_expr *expr)
{
    unsigned set = expr->kind == RUNE_DL_VARIABLE ? 1u << (name_of(rule, expr) - 'A') : 0;
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        set |= in_expr(rule, &expr->args[i]);
    }
    return set;
}

/* Outside of all braces. */
static unsigned directly_in(const struct rune_dl_rule *rule, const struct rune_dl_body *body)
{
    unsigned set = 0;
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        uint32_t args = literal->kind == RUNE_DL_AGGREGATE ? 1 : literal->arg_count;
        for (uint32_t k = 0; k < args; k++) {
            set |= in_expr(rule, &literal->args[k]);
        }
    }
    return set;
}

static unsigned anywhere_in(const struct rune_dl_rule *rule,
                            const struct rune_dl_literal *aggregate)
{
    const struct rune_dl_body *body = &aggregate->bodies[0];
    unsigned set = directly_in(rule, body) | in_expr(rule, &aggregate->args[1]);
    for (uint32_t i = 0; i < body->count; i++) {
        if (body->literals[i].kind == RUNE_DL_AGGREGATE) {
            set |= anywhere_in(rule, &body->literals[i]);
        }
    }
    return set;
}

/* Is everything bound, given what the surroundings bind? `scope`: variables that belong to the
 * surroundings. */
static bool is_safe(const struct rune_dl_rule *rule, const struct rune_dl_body *body,
                    unsigned scope, unsigned bound, unsigned needed_besides)
{
    scope |= directly_in(rule, body) | needed_besides;
    for (unsigned before = ~bound; before != bound;) {
        before = bound;
        for (uint32_t i = 0; i < body->count; i++) {
            const struct rune_dl_literal *literal = &body->literals[i];
            const struct rune_dl_expr *left = &literal->args[0];
            const struct rune_dl_expr *right = literal->arg_count > 1 ? &literal->args[1] : NULL;
            if (literal->kind == RUNE_DL_ATOM && !literal->is_negated) {
                for (uint32_t k = 0; k < literal->arg_count; k++) {
                    bound |= literal->args[k].kind == RUNE_DL_VARIABLE
                                 ? in_expr(rule, &literal->args[k])
                                 : 0;
                }
            } else if (literal->kind == RUNE_DL_COMPARE && literal->compare == RUNE_DL_EQ) {
                bound |= left->kind == RUNE_DL_VARIABLE && (in_expr(rule, right) & ~bound) == 0
                             ? in_expr(rule, left)
                             : 0;
                bound |= right->kind == RUNE_DL_VARIABLE && (in_expr(rule, left) & ~bound) == 0
                             ? in_expr(rule, right)
                             : 0;
            } else if (literal->kind == RUNE_DL_AGGREGATE) {
                unsigned group = anywhere_in(rule, literal) & scope;
                bound |= (group & ~bound) == 0 ? in_expr(rule, left) : 0;
            }
        }
    }
    if ((needed_besides & ~bound) != 0) {
        return false;
    }
    for (uint32_t i = 0; i < body->count; i++) {
        const struct rune_dl_literal *literal = &body->literals[i];
        if ((directly_in(rule, &(struct rune_dl_body){(struct rune_dl_literal *)literal, 1}) &
             ~bound) != 0) {
            return false;
        }
        if (literal->kind == RUNE_DL_AGGREGATE) {
            if ((anywhere_in(rule, literal) & scope & ~bound) != 0 ||
                !is_safe(rule, &literal->bodies[0], scope, bound & scope,
                         in_expr(rule, &literal->args[1]))) {
                return false;
            }
        }
    }
    return true;
}

static void test_safety__is_the_definition(void **state)
{
    unsigned accepted = 0;
    (void)state;
    seed = 7;
    for (int i = 0; i < 20000; i++) {
        struct rune_buf text = RUNE_BUF_INIT;
        struct front parsed;
        struct front checked;
        rune_buf_append_cstr(&text, "p(");
        write_value(&text);
        rune_buf_append_cstr(&text, ") :- ");
        write_body(&text, 2);
        rune_buf_append_char(&text, '.');
        front_parse(&parsed, rune_buf_cstr(&text), RUNE_DL_BARE);
        front_check(&checked, rune_buf_cstr(&text), RUNE_DL_BARE, "r/2!");
        if (parsed.err == RUNE_OK) {
            const struct rune_dl_rule *rule = &parsed.clauses.items[0];
            bool want = is_safe(rule, &rule->body, 0, 0, in_expr(rule, &rule->args[0]));
            bool got = checked.err == RUNE_OK;
            if (want != got) {
                print_error("%s\n%s\n", rune_buf_cstr(&text), rune_diag_text(checked.diag));
            }
            assert_int_equal(got, want);
            accepted += got;
        }
        front_fini(&parsed);
        front_fini(&checked);
        rune_buf_fini(&text);
    }
    assert_true(accepted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_safety__is_the_definition)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
