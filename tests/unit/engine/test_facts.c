/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "engine/facts.h"
#include "engine/facts_int.h"
#include "unit/cmocka.h"

static void print_term(const struct rune_terms *terms, rune_term term, struct rune_buf *out)
{
    uint32_t index = rune_term_index(term);
    switch (rune_term_kind(term)) {
    case RUNE_KIND_LONG:
        rune_buf_printf(out, "%lld",
                        (long long)(rune_term_is_inline(term) ? rune_term_inline_value(term)
                                                              : terms->longs[index]));
        break;
    case RUNE_KIND_STRING:
        rune_buf_append_json(out, rune_terms_string(terms, term));
        break;
    case RUNE_KIND_ENTITY:
        rune_buf_printf(
            out, "%.*s::", RUNE_STR_ARG(rune_terms_string(terms, terms->entity_type[index])));
        rune_buf_append_json(out, rune_terms_string(terms, terms->entity_id[index]));
        break;
    default:
        rune_buf_append_cstr(out, term == RUNE_TERM_TRUE    ? "true"
                                  : term == RUNE_TERM_FALSE ? "false"
                                                            : "?");
        break;
    }
}

static void print_codes(const struct rune_diag *diag, struct rune_buf *out)
{
    for (size_t i = 0; i < rune_diag_kept(diag); i++) {
        struct rune_diag_message message;
        rune_diag_get(diag, i, &message);
        rune_buf_printf(out, "%s%s %u:%u", out->length > 0 ? ", " : "", message.code, message.line,
                        message.column);
    }
}

/* Tuples as "a b; c d", or the codes with their places when there are messages. */
static char *parse(const char *text, size_t length, enum rune_facts_format format,
                   const struct rune_manifest_relation *declared)
{
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    struct rune_diag *diag = rune_diag_create();
    struct rune_fact_relation relation = {.name = RUNE_STR("r"), .declared = declared};
    struct rune_buf out = RUNE_BUF_INIT;
    if (declared != NULL) {
        assert_int_equal(rune_tuples_init(&relation.tuples, declared->column_count), RUNE_OK);
        relation.has_arity = true;
    }
    enum rune_err err =
        rune_facts_parse((struct rune_str){text, length}, "facts/r", format, dict, &relation, diag);
    assert_int_equal(err != RUNE_OK, rune_diag_count(diag, RUNE_ERROR) > 0);
    print_codes(diag, &out);
    const struct rune_terms *terms = rune_dict_terms(dict);
    for (uint64_t row = 0; err == RUNE_OK && row < relation.tuples.count; row++) {
        rune_buf_append_cstr(&out, out.length > 0 ? "; " : "");
        for (uint32_t i = 0; i < relation.tuples.arity; i++) {
            rune_buf_append_cstr(&out, i > 0 ? " " : "");
            print_term(terms, relation.tuples.columns[i][row], &out);
        }
    }
    char *copy = rune_strdup(rune_buf_cstr(&out));
    rune_buf_fini(&out);
    rune_tuples_fini(&relation.tuples);
    rune_diag_destroy(diag);
    rune_dict_destroy(dict);
    return copy;
}

struct example {
    const char *text, *want;
};

static void expect(const struct example *cases, size_t count, enum rune_facts_format format,
                   const struct rune_manifest_relation *declared)
{
    for (size_t i = 0; i < count; i++) {
        char *got = parse(cases[i].text, strlen(cases[i].text), format, declared);
        if (strcmp(got, cases[i].want) != 0) {
            print_error("%s\n", cases[i].text);
        }
        assert_string_equal(got, cases[i].want);
        rune_free(got);
    }
}

#define EXPECT(cases, format, declared) \
    expect(cases, sizeof(cases) / sizeof((cases)[0]), format, declared)

static void test_tsv__takes_fields_for_what_they_are(void **state)
{
    static const struct example cases[] = {
        {"", ""},
        {"1\t2\n3\t4", "1 2; 3 4"},
        {"a\tb\r\nc\td\r\n", "\"a\" \"b\"; \"c\" \"d\""},
        {"-1\t0\n", "-1 0"},
        {"9223372036854775807\t-9223372036854775808\n", "9223372036854775807 -9223372036854775808"},
        {"12345678\t123456789\n", "12345678 123456789"},
        {"007\t-\n", "\"007\" \"-\""},
        {"12a\t-0\n", "\"12a\" 0"},
        {"User::\"alice\"\ttrue\n", "User::\"alice\" true"},
        {"A::B::\"x y\"\tfalse\n", "A::B::\"x y\" false"},
        {"a::b\tA::\"b\n", "\"a::b\" \"A::\\\"b\""},
        {"x\\ty\ta\\\\b\\n\n", "\"x\\ty\" \"a\\\\b\\n\""},
        {"\t\n", "\"\" \"\""},
        {"\n\n1\t2\n\n", "1 2"},
        {"\xc3\xbc\t\xe2\x82\xac\n", "\"\xc3\xbc\" \"\xe2\x82\xac\""},
        {"a,b\n\"c\"\n", "\"a,b\"; \"\\\"c\\\"\""},
        {"\xef\xbb\xbf"
         "1\t2\n3\t4\n",
         "1 2; 3 4"},
        {"\xef\xbb\xbf", ""},
    };
    (void)state;
    EXPECT(cases, RUNE_FACTS_TSV, NULL);
}

static void test_tsv__names_the_place_of_errors(void **state)
{
    static const struct example cases[] = {
        {"1\t2\n3\n4\t5\t6\n7\t8\n", "RUNE-T0102 2:2, RUNE-T0102 3:4"},
        {"a\\qb\tc\n", "RUNE-T0103 1:2"},
        {"9223372036854775808\t1\n", "RUNE-T0105 1:1"},
        {"1\t99999999999999999999999999999999999999999\n", "RUNE-T0105 1:3"},
        {"\xc3\xbc\ta\n\xc3\xbc\tb\\x\n", "RUNE-T0103 2:4"},
        {"a\n\xff\n", "RUNE-T0101 2:1"},
        {"\xef\xbb\xbf"
         "1\n2\t3\n",
         "RUNE-T0102 2:2"},
        {"a\tb\n1\tc\n", "RUNE-T0201 2:0; \"a\" \"b\"; 1 \"c\""},
    };
    (void)state;
    EXPECT(cases, RUNE_FACTS_TSV, NULL);
    char *got = parse("a\nb\0c\n", 6, RUNE_FACTS_TSV, NULL);
    assert_string_equal(got, "RUNE-T0101 2:2");
    rune_free(got);
}

static void test_columns__mean_what_they_declare(void **state)
{
    struct rune_column columns[] = {{RUNE_COLUMN_ENTITY, RUNE_STR("User")},
                                    {RUNE_COLUMN_INT, {0}},
                                    {RUNE_COLUMN_STRING, {0}},
                                    {RUNE_COLUMN_BOOL, {0}}};
    const struct rune_manifest_relation declared = {
        .name = RUNE_STR("r"), .columns = columns, .column_count = 4};
    static const struct example tsv[] = {
        {"alice\t1\t2\ttrue\n", "User::\"alice\" 1 \"2\" true"},
        {"User::\"alice\"\t-5\tUser::\"b\"\tfalse\n",
         "User::\"alice\" -5 \"User::\\\"b\\\"\" false"},
        {"7\t1\ttrue\ttrue\n", "User::\"7\" 1 \"true\" true"},
        {"Group::\"g\"\t1\ta\ttrue\n", "RUNE-T0104 1:1"},
        {"a\tx\ta\ttrue\n", "RUNE-T0104 1:3"},
        {"a\t01\ta\ttrue\n", "RUNE-T0104 1:3"},
        {"a\t1\ta\tyes\n", "RUNE-T0104 1:7"},
        {"a\t1\ta\n", "RUNE-T0102 1:6"},
        {"User::\"bad\t1\ta\ttrue\n", "RUNE-T0112 1:1"},
        {"A::B::\"bad\t1\ta\ttrue\n", "RUNE-T0112 1:1"},
        {"User::\"a\"b\"\t1\ta\ttrue\n", "RUNE-T0112 1:1"},
        {"a::b\t1\ta\ttrue\n", "User::\"a::b\" 1 \"a\" true"},
        {"a \"::\"\t1\ta\ttrue\n", "User::\"a \\\"::\\\"\" 1 \"a\" true"},
        {"User::\t1\ta\ttrue\n", "User::\"User::\" 1 \"a\" true"},
        {"urn:a:\"b\t1\ta\ttrue\n", "User::\"urn:a:\\\"b\" 1 \"a\" true"},
    };
    static const struct example jsonl[] = {
        {"[\"alice\", 1, \"2\", true]", "User::\"alice\" 1 \"2\" true"},
        {"[{\"__entity\":{\"type\":\"User\",\"id\":\"al\"}}, 1, \"2\", true]",
         "User::\"al\" 1 \"2\" true"},
        {"[\"a\", \"1\", \"2\", true]", "RUNE-T0104 1:7"},
        {"[\"User::\\\"a\", 1, \"2\", true]", "RUNE-T0112 1:2"},
        {"[\"a\", 1, 2, true]", "RUNE-T0104 1:10"},
        {"[{\"__entity\":{\"type\":\"Group\",\"id\":\"a\"}}, 1, \"2\", true]", "RUNE-T0104 1:2"},
    };
    (void)state;
    EXPECT(tsv, RUNE_FACTS_TSV, &declared);
    EXPECT(jsonl, RUNE_FACTS_JSONL, &declared);
}

static void test_csv__reads_rfc_4180(void **state)
{
    static const struct example cases[] = {
        {"a,b\r\n1,2", "RUNE-T0201 2:0, RUNE-T0201 2:0; \"a\" \"b\"; 1 2"},
        {"\"a,b\",\"say \"\"hi\"\"\"\n", "\"a,b\" \"say \\\"hi\\\"\""},
        {"\"two\nlines\",x\ny,z\n", "\"two\\nlines\" \"x\"; \"y\" \"z\""},
        {"\"1\",2\n", "1 2"},
        {"\xef\xbb\xbf\"1\",2\n", "1 2"},
        {"\"\",\n", "\"\" \"\""},
        {"a\tb,c\n", "\"a\\tb\" \"c\""},
        {"a,b\nc\n", "RUNE-T0102 2:2"},
        {"a,\"b\nc,d\n", "RUNE-T0103 1:3"},
        {"a,\"b\"c\n", "RUNE-T0103 1:6"},
        {"a,b\"c\n", "RUNE-T0103 1:4"},
        {"\"x\ny\",a\nb\n", "RUNE-T0102 3:2"},
    };
    (void)state;
    EXPECT(cases, RUNE_FACTS_CSV, NULL);
}

static void test_jsonl__keeps_strings_strings(void **state)
{
    static const struct example cases[] = {
        {"[\"1\", 1]\n\n[\"a\\tb\", -2]", "\"1\" 1; \"a\\tb\" -2"},
        {"[]\n[]\n", ""},
        {"[{\"__entity\": {\"id\": \"x\", \"type\": \"A::B\"}}]", "A::B::\"x\""},
        {"[\"User::\\\"a\\\"\"]", "\"User::\\\"a\\\"\""},
        {"[1.5]", "RUNE-T0107 1:2"},
        {"[null]", "RUNE-T0107 1:2"},
        {"[[1]]", "RUNE-T0107 1:2"},
        {"[{\"a\": 1}]", "RUNE-T0107 1:2"},
        {"[1]\n{\"a\": 1}", "RUNE-T0106 2:1"},
        {"[1]\n[1, 2]", "RUNE-T0102 2:5"},
        {"[1, 2]\n[1]", "RUNE-T0102 2:1"},
        {"[1]\n[1", "RUNE-T0106 2:3"},
        {"[1] x", "RUNE-T0106 1:5"},
    };
    (void)state;
    EXPECT(cases, RUNE_FACTS_JSONL, NULL);
}

static void test_errors__stop_after_a_hundred(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT;
    (void)state;
    rune_buf_append_cstr(&text, "a\tb\n");
    for (int i = 0; i < 1000; i++) {
        rune_buf_append_cstr(&text, "ragged\n");
    }
    char *got = parse(text.data, text.length, RUNE_FACTS_TSV, NULL);
    size_t count = 0;
    for (const char *p = strstr(got, "T0102"); p != NULL; p = strstr(p + 1, "T0102")) {
        count++;
    }
    assert_int_equal(count, 100);
    assert_non_null(strstr(got, "RUNE-T0109"));
    rune_free(got);
    rune_buf_fini(&text);
}

/* Rows over the borders of blocks, in all formats, with what makes a block end inside a field. */
static void test_blocks__do_not_show(void **state)
{
    (void)state;
    for (int format = 0; format < 3; format++) {
        struct rune_buf text = RUNE_BUF_INIT;
        struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
        struct rune_fact_relation relation = {.name = RUNE_STR("r")};
        char row[128];
        for (int i = 0; i < 150000; i++) {
            snprintf(row, sizeof(row), "name-%d", i % 1000);
            if (format == RUNE_FACTS_TSV) {
                rune_buf_printf(&text, "%d\t%s\t\\t%d\n", i, row, i);
            } else if (format == RUNE_FACTS_CSV) {
                rune_buf_printf(&text, "%d,\"two\n%s\",%d\n", i, row, i);
            } else {
                rune_buf_printf(&text, "[%d, \"n\\u00e4-%s\", %d]\n", i, row, i);
            }
        }
        assert_true(text.length > 2500000);
        struct rune_str all = {text.data, text.length};
        assert_int_equal(
            rune_facts_parse(all, "r", (enum rune_facts_format)format, dict, &relation, NULL),
            RUNE_OK);
        assert_int_equal(relation.tuples.count, 150000);
        for (int i = 0; i < 150000; i++) {
            assert_int_equal(relation.tuples.columns[0][i], rune_term_from_inline(i));
            assert_int_equal(relation.tuples.columns[1][i], relation.tuples.columns[1][i % 1000]);
        }
        rune_tuples_fini(&relation.tuples);
        rune_dict_destroy(dict);
        rune_buf_fini(&text);
    }
}

/* A field of any kind, and how it is printed; the same for the same number. */
static void append_field(uint32_t number, struct rune_buf *text, struct rune_buf *want)
{
    static const char *const kinds[] = {"string", "Group", "User", "int", "bool"};
    uint32_t kind = number % 7 < 5 ? number % 7 : 0;
    uint32_t value = number / 7 % 5000;
    if (kind == 0) {
        rune_buf_printf(text, "name-%u", value);
        rune_buf_printf(want, "\"name-%u\"", value);
    } else if (kind < 3) {
        rune_buf_printf(text, "%s::\"%u\"", kinds[kind], value);
        rune_buf_printf(want, "%s::\"%u\"", kinds[kind], value);
    } else if (kind == 3) {
        rune_buf_printf(text, "%u", value);
        rune_buf_printf(want, "%u", value);
    } else {
        rune_buf_append_cstr(text, value % 2 == 0 ? "true" : "false");
        rune_buf_append_cstr(want, value % 2 == 0 ? "true" : "false");
    }
}

/* Columns in which every kind may follow every other, and stays a while at times, over some blocks.
 */
static void test_columns__may_mix_all_kinds(void **state)
{
    struct rune_buf text = RUNE_BUF_INIT, want = RUNE_BUF_INIT;
    uint32_t random = 1;
    (void)state;
    for (uint32_t row = 0; row < 60000; row++) {
        rune_buf_append_cstr(&want, row > 0 ? "; " : "");
        for (uint32_t column = 0; column < 3; column++) {
            random = random * 1664525u + 1013904223u;
            uint32_t number = row / 1000 % 2 == 0 ? row * 7 : random >> 8;
            rune_buf_append_cstr(&text, column > 0 ? "\t" : "");
            rune_buf_append_cstr(&want, column > 0 ? " " : "");
            append_field(number, &text, &want);
        }
        rune_buf_append_cstr(&text, "\n");
    }
    assert_true(text.length > 1500000);
    char *got = parse(text.data, text.length, RUNE_FACTS_TSV, NULL);
    char *rest = strstr(got, "; ");
    assert_int_equal(strncmp(got, "RUNE-T0201 ", 11), 0); /* each column is warned of */
    assert_string_equal(rest + 2, rune_buf_cstr(&want));
    rune_free(got);
    rune_buf_fini(&text);
    rune_buf_fini(&want);
}

static void test_lines__are_bounded(void **state)
{
    size_t length = (size_t)RUNE_FACTS_MAX_LINE + 10;
    char *text = rune_alloc(length);
    (void)state;
    assert_non_null(text);
    memset(text, 'a', length);
    char *got = parse(text, length, RUNE_FACTS_TSV, NULL);
    assert_string_equal(got, "RUNE-T0108 1:0");
    rune_free(got);
    rune_free(text);
}

static void test_scan_int__is_strtoll_where_it_fits(void **state)
{
    static const char *const texts[] = {"0",
                                        "7",
                                        "10",
                                        "1234567",
                                        "12345678",
                                        "123456789",
                                        "9223372036854775807",
                                        "-9223372036854775808",
                                        "-1",
                                        "-12345678",
                                        "99999999",
                                        "100000000"};
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char padded[RUNE_FACTS_PADDING * 2] = {0};
        int64_t value;
        bool fits;
        snprintf(padded, sizeof(padded), "%s\t5", texts[i]);
        assert_int_equal(rune_facts_scan_int(padded, &value, &fits), strlen(texts[i]));
        assert_true(fits);
        assert_int_equal(value, strtoll(texts[i], NULL, 10));
    }
}

/* Rows that are read many at once among those that are not: longer integers, other line ends, empty
 * lines; the last row is wrong and tells whether all lines were counted. */
static void test_ints__of_any_length_and_their_lines(void **state)
{
    enum { ROWS = 20000 };
    char *text = malloc(64 * ROWS), *want = malloc(64 * ROWS);
    (void)state;
    assert_non_null(text);
    assert_non_null(want);
    for (int format = RUNE_FACTS_TSV; format <= RUNE_FACTS_CSV; format++) {
        uint64_t rng = 11;
        char *to = text, *out = want;
        uint32_t lines = 0;
        for (int i = 0; i < ROWS; i++) {
            rng = rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            int64_t a = (int64_t)(rng >> 33) >> (rng >> 20) % 31, b = i % 7 == 0 ? -a : i;
            a = i % 50 == 0 ? a * 4611686 : a;
            to += sprintf(to, "%lld%c%lld%s", (long long)a, format == RUNE_FACTS_TSV ? '\t' : ',',
                          (long long)b,
                          i % 31 == 0   ? "\r\n"
                          : i % 37 == 0 ? "\n\n"
                                        : "\n");
            out += sprintf(out, "%s%lld %lld", i > 0 ? "; " : "", (long long)a, (long long)b);
            lines += i % 31 != 0 && i % 37 == 0 ? 2 : 1;
        }
        char *got = parse(text, (size_t)(to - text), (enum rune_facts_format)format, NULL);
        assert_string_equal(got, want);
        rune_free(got);
        to += sprintf(to, "1\n");
        got = parse(text, (size_t)(to - text), (enum rune_facts_format)format, NULL);
        sprintf(want, "RUNE-T0102 %u:2", lines + 1);
        assert_string_equal(got, want);
        rune_free(got);
    }
    free(text);
    free(want);
}

static void test_ints__are_no_longer_alone_in_their_column(void **state)
{
    static const struct example cases[] = {
        {"1\n2\n007\n4", "RUNE-T0201 3:0; 1; 2; \"007\"; 4"},
        {"1\t2\n3\t4\n5\tUser::\"a\"\n6\t7\n", "RUNE-T0201 3:0; 1 2; 3 4; 5 User::\"a\"; 6 7"},
        {"1\t2\n3\t-\n5\t6\n", "RUNE-T0201 2:0; 1 2; 3 \"-\"; 5 6"},
        {"1\t2\n3\t\n5\t-0\n", "RUNE-T0201 2:0; 1 2; 3 \"\"; 5 0"},
        {"1\n2\n12345678\n-12345678\n123456789", "1; 2; 12345678; -12345678; 123456789"},
    };
    (void)state;
    EXPECT(cases, RUNE_FACTS_TSV, NULL);
}

/* Those of the type of the one before are read without the reader of uids. */
static void test_entities__plain_or_not_are_the_same(void **state)
{
    static const struct example cases[] = {
        {"U::\"a\"\nU::\"b c\"\nU::\"\"\nV::\"a\"\nU::\"a\"",
         "U::\"a\"; U::\"b c\"; U::\"\"; V::\"a\"; U::\"a\""},
        {"U::\"a\"\nU::W::\"a\"\nUU::\"a\"\nU :: \"a\"",
         "U::\"a\"; U::W::\"a\"; UU::\"a\"; U::\"a\""},
        {"U::\"a\"\nU::\"\xc3\xa9\"\nU::\"\\\\u{e9}\"",
         "U::\"a\"; U::\"\xc3\xa9\"; U::\"\xc3\xa9\""},
        {"U::\"a\"\nU::\"b\"c\"", "RUNE-T0201 2:0; U::\"a\"; \"U::\\\"b\\\"c\\\"\""},
        {"U::\"a\"\nU::\"", "RUNE-T0201 2:0; U::\"a\"; \"U::\\\"\""},
    };
    static const struct example declared_cases[] = {
        {"U::\"a\"\nb\nV::\"a\"", "RUNE-T0104 3:1"},
        {"a\nU::\"a\"\nU::\"b", "RUNE-T0112 3:1"},
    };
    struct rune_column column = {RUNE_COLUMN_ENTITY, RUNE_STR("U")};
    const struct rune_manifest_relation declared = {
        .name = RUNE_STR("r"), .columns = &column, .column_count = 1};
    (void)state;
    EXPECT(cases, RUNE_FACTS_TSV, NULL);
    EXPECT(declared_cases, RUNE_FACTS_TSV, &declared);
}

static void test_entities__of_a_column_are_neighbours(void **state)
{
    struct rune_column columns[] = {{RUNE_COLUMN_ENTITY, RUNE_STR("User")},
                                    {RUNE_COLUMN_ENTITY, RUNE_STR("Doc")}};
    const struct rune_manifest_relation declared = {
        .name = RUNE_STR("r"), .columns = columns, .column_count = 2};
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    struct rune_fact_relation relation = {
        .name = RUNE_STR("r"), .declared = &declared, .has_arity = true};
    (void)state;
    assert_int_equal(rune_tuples_init(&relation.tuples, 2), RUNE_OK);
    assert_int_equal(rune_facts_parse(RUNE_STR("a\tx\nb\ty\nc\tz\n"), "r", RUNE_FACTS_TSV, dict,
                                      &relation, NULL),
                     RUNE_OK);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(relation.tuples.columns[0][i],
                         relation.tuples.columns[0][0] + (uint32_t)i);
        assert_int_equal(relation.tuples.columns[1][i],
                         relation.tuples.columns[1][0] + (uint32_t)i);
    }
    rune_tuples_fini(&relation.tuples);
    rune_dict_destroy(dict);
}

static bool count_down(void *context, size_t size)
{
    uint64_t *left = context;
    (void)size;
    if (*left == 0) {
        return false;
    }
    --*left;
    return true;
}

/* The Nth allocation fails, for every N: an error, or all tuples; nothing leaks. */
static void test_memory__may_run_out_anywhere(void **state)
{
    static const char *const texts[] = {
        "a\\t\tUser::\"x\"\t99999999999\nb\tUser::\"y\"\t7\n", "\"a\"\"b\",2,true\nc,3,false\n",
        "[\"\\u00e4\", {\"__entity\": {\"type\": \"U\", \"id\": \"i\"}}]\n[\"b\", 1]\n"};
    (void)state;
    for (int format = 0; format < 3; format++) {
        enum rune_err err = RUNE_E_NOMEM;
        for (uint64_t n = 0; err != RUNE_OK; n++) {
            struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
            struct rune_fact_relation relation = {.name = RUNE_STR("r")};
            uint64_t left = n;
            rune_alloc_set_hook(count_down, &left);
            err = rune_facts_parse(rune_str_from(texts[format]), "r",
                                   (enum rune_facts_format)format, dict, &relation, NULL);
            rune_alloc_set_hook(NULL, NULL);
            assert_true(err == RUNE_E_NOMEM || (err == RUNE_OK && relation.tuples.count == 2));
            rune_tuples_fini(&relation.tuples);
            rune_dict_destroy(dict);
            assert_true(n < 1000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tsv__takes_fields_for_what_they_are),
        cmocka_unit_test(test_tsv__names_the_place_of_errors),
        cmocka_unit_test(test_columns__mean_what_they_declare),
        cmocka_unit_test(test_csv__reads_rfc_4180),
        cmocka_unit_test(test_jsonl__keeps_strings_strings),
        cmocka_unit_test(test_errors__stop_after_a_hundred),
        cmocka_unit_test(test_blocks__do_not_show),
        cmocka_unit_test(test_columns__may_mix_all_kinds),
        cmocka_unit_test(test_lines__are_bounded),
        cmocka_unit_test(test_scan_int__is_strtoll_where_it_fits),
        cmocka_unit_test(test_ints__of_any_length_and_their_lines),
        cmocka_unit_test(test_ints__are_no_longer_alone_in_their_column),
        cmocka_unit_test(test_entities__plain_or_not_are_the_same),
        cmocka_unit_test(test_entities__of_a_column_are_neighbours),
        cmocka_unit_test(test_memory__may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
