/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <stdio.h>
#include <string.h>

#include "unit/cmocka.h"

struct arguments {
    bool flag;
    const char *text;
    uint64_t number;
    enum cli_format format;
    struct cli_most most;
};

static const struct cli_option options[] = {
    CLI_OPTION(arguments, flag, "flag", 'f', CLI_FLAG, NULL, "a flag"),
    CLI_OPTION(arguments, text, "text", 't', CLI_TEXT, "TEXT", "a text"),
    CLI_OPTION(arguments, number, "number", 'n', CLI_NUMBER, "N", "a number"),
    CLI_OPTION(arguments, format, "format", 0, CLI_FORMAT, "text|json", "a format"),
    CLI_OPTION(arguments, most, "most", 'm', CLI_MOST, "N", "a number, or none"),
};

static const struct cli_command command = {
    .name = "try",
    .operands = "FILE",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
    .arguments_size = sizeof(struct arguments),
    .min_operands = 1,
    .max_operands = 2,
};

static const struct {
    const char *line; /* words separated by single spaces */
    bool ok;
    struct arguments want;
    int operands;
} cases[] = {
    {"file", true, {0}, 1},
    {"file other", true, {0}, 2},
    {"", false, {0}, 0},
    {"a b c", false, {0}, 0},
    {"--flag file", true, {.flag = true}, 1},
    {"file -f", true, {.flag = true}, 1},
    {"--flag=1 file", false, {0}, 0},
    {"--text x file", true, {.text = "x"}, 1},
    {"--text=x=y file", true, {.text = "x=y"}, 1},
    {"-tx file", true, {.text = "x"}, 1},
    {"-t -x file", true, {.text = "-x"}, 1},
    {"file --text", false, {0}, 0},
    {"-n 18446744073709551615 file", true, {.number = UINT64_MAX}, 1},
    {"-n 18446744073709551616 file", false, {0}, 0},
    {"-n -1 file", false, {0}, 0},
    {"-n 1x file", false, {0}, 0},
    {"-m 0 file", true, {.most = {true, 0}}, 1},
    {"--most=7 file", true, {.most = {true, 7}}, 1},
    {"-m -1 file", false, {0}, 0},
    {"--format json file", true, {.format = CLI_AS_JSON}, 1},
    {"--format text file", true, {0}, 1},
    {"--format yaml file", false, {0}, 0},
    {"--format tex file", false, {0}, 0},
    {"--format xt file", false, {0}, 0},
    {"--format text|json file", false, {0}, 0},
    {"--tex x file", false, {0}, 0},
    {"-x file", false, {0}, 0},
    {"- file", true, {0}, 2},
    {"-- -f", true, {0}, 1},
    {"-- --text", true, {0}, 1},
};

static int split(char *line, char **words)
{
    int count = 0;
    for (char *word = strtok(line, " "); word != NULL; word = strtok(NULL, " ")) {
        words[count++] = word;
    }
    return count;
}

static void test_parse__fills_in_the_arguments(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[256];
        char *words[16];
        struct arguments got = {0};
        int operands = 0;
        snprintf(line, sizeof(line), "%s", cases[i].line);
        int count = split(line, words);
        bool ok = cli_options_parse(&command, count, words, &got, &operands);
        if (ok != cases[i].ok) {
            fail_msg("'%s' was %s", cases[i].line, ok ? "taken" : "refused");
        }
        if (!ok) {
            continue;
        }
        assert_int_equal(operands, cases[i].operands);
        assert_int_equal(got.flag, cases[i].want.flag);
        assert_true(got.number == cases[i].want.number);
        assert_int_equal(got.most.is_given, cases[i].want.most.is_given);
        assert_true(got.most.number == cases[i].want.most.number);
        assert_int_equal(got.format, cases[i].want.format);
        assert_string_equal(got.text != NULL ? got.text : "",
                            cases[i].want.text != NULL ? cases[i].want.text : "");
    }
}

static void test_want_help__looks_before_the_end_of_options(void **state)
{
    (void)state;
    char *yes[] = {"file", "--help"};
    char *no[] = {"--", "--help"};
    assert_true(cli_options_want_help(2, yes));
    assert_false(cli_options_want_help(2, no));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse__fills_in_the_arguments),
        cmocka_unit_test(test_want_help__looks_before_the_end_of_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
