/* SPDX-License-Identifier: Apache-2.0 */
/* datalog: runs the rule language's referee data: conformance_datalog FILE...
 *
 * A file is .jsonl or .jsonl.zst; a line is a case of kind eval, reject or incremental (the data's
 * README has the formats). Every case is evaluated twice: with everything stored, and with the
 * facts alone stored and all else on demand. Prints each failure on a line, last `N passed, M
 * failed`; exits 0 only if M is 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "conformance/rows.h"

/* ---- one evaluation ---- */

struct test {
    struct rune_arena arena;
    const struct rune_json_node *root;
    char why[512];
    uint32_t limits; /* queries that the strictest way gave up */
    bool failed;
};

static bool fail(struct test *test, const char *fmt, ...) RUNE_PRINTF(2, 3);

static bool fail(struct test *test, const char *fmt, ...)
{
    if (!test->failed) {
        va_list args;
        va_start(args, fmt);
        vsnprintf(test->why, sizeof(test->why), fmt, args);
        va_end(args);
    }
    test->failed = true;
    return false;
}

/* Facts of one object {relation: [tuples]}. */
static bool add_facts(struct test *test, struct datalog_run *run,
                      const struct rune_json_node *facts)
{
    for (uint32_t m = 0; facts != NULL && m < facts->as.object.count; m++) {
        const struct rune_json_member *member = &facts->as.object.members[m];
        uint32_t relation = datalog_run_relation(run, member->key);
        for (uint32_t i = 0; i < member->value.as.array.count; i++) {
            const struct rune_json_node *tuple = &member->value.as.array.items[i];
            rune_term row[RUNE_DL_MAX_ARITY];
            for (uint32_t c = 0; c < tuple->as.array.count; c++) {
                const struct rune_json_node *cell = &tuple->as.array.items[c];
                enum rune_err err =
                    cell->type == RUNE_JSON_INTEGER
                        ? rune_dict_long(run->dict, cell->as.integer, &row[c])
                    : cell->type == RUNE_JSON_STRING
                        ? rune_dict_string(run->dict, cell->as.text, &row[c])
                        : rune_dict_float(run->dict, strtod(cell->as.text.data, NULL), &row[c]);
                if (err != RUNE_OK) {
                    return fail(test, "a fact could not be made");
                }
            }
            if (relation == UINT32_MAX || datalog_run_fact(run, relation, row) != RUNE_OK) {
                return fail(test, "facts of an unknown relation %.*s", (int)member->key.length,
                            member->key.data);
            }
        }
    }
    return true;
}

/* Relations known from outside: types, facts, initial. */
static uint32_t declare(struct test *test, struct rune_dl_declaration **ret)
{
    static const char *const keys[] = {"types", "facts", "initial"};
    struct rune_dl_declaration *all =
        RUNE_ARENA_ARRAY(&test->arena, struct rune_dl_declaration, 4096);
    uint32_t count = 0;
    for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
        const struct rune_json_node *object = rune_json_find(test->root, keys[k]);
        for (uint32_t m = 0; object != NULL && m < object->as.object.count && count < 4096; m++) {
            const struct rune_json_member *member = &object->as.object.members[m];
            /* of a relation without facts the first use says the arity */
            uint32_t arity = member->value.as.array.count;
            if (k > 0) {
                arity = arity == 0 ? RUNE_DL_ARITY_UNKNOWN
                                   : member->value.as.array.items[0].as.array.count;
            }
            bool is_known = false;
            for (uint32_t i = 0; i < count; i++) {
                if (rune_str_equal(all[i].name, member->key)) {
                    is_known = true;
                    all[i].has_facts = all[i].has_facts || k > 0;
                }
            }
            if (!is_known) {
                all[count++] = (struct rune_dl_declaration){member->key, arity, k > 0, NULL};
            }
        }
    }
    *ret = all;
    return count;
}

static bool open_run(struct test *test, struct datalog_run *run)
{
    struct rune_dl_declaration *declarations;
    uint32_t count = declare(test, &declarations);
    const struct rune_json_node *program = rune_json_find(test->root, "program");
    enum rune_err err = datalog_run_open(run, program->as.text, RUNE_DL_BARE, declarations, count);
    return err == RUNE_OK || fail(test, "refused: %s", rune_diag_text(run->diag));
}

static bool query_all(struct test *test, struct datalog_run *run, struct rune_str name,
                      struct rows *ret)
{
    *ret = (struct rows){.arena = &test->arena, .run = run};
    enum rune_err err = datalog_run_query(run, name, NULL, NULL, rows_take, ret);
    rows_sort(ret);
    return err == RUNE_OK ||
           fail(test, "%.*s: %s", (int)name.length, name.data, rune_err_text(err));
}

static bool check_rows(struct test *test, struct rune_str name, const char *how,
                       const struct rows *got, const struct rows *want)
{
    if (rows_equal(got, want)) {
        return true;
    }
    struct rows missing, extra;
    rows_minus(want, got, &missing);
    rows_minus(got, want, &extra);
    return fail(test, "%s %.*s: %zu tuples, %zu expected; %zu missing %s, %zu too many %s", how,
                (int)name.length, name.data, got->count, want->count, missing.count,
                missing.count > 0 ? missing.lines[0] : "", extra.count,
                extra.count > 0 ? extra.lines[0] : "");
}

/* Every relation of an object {relation: [tuples]} equals the given set. */
static bool check_expected(struct test *test, struct datalog_run *run,
                           const struct rune_json_node *expected, const char *how)
{
    for (uint32_t m = 0; expected != NULL && m < expected->as.object.count; m++) {
        const struct rune_json_member *member = &expected->as.object.members[m];
        struct rows got, want;
        rows_from_json(&member->value, &test->arena, &want);
        if (!query_all(test, run, member->key, &got) ||
            !check_rows(test, member->key, how, &got, &want)) {
            return false;
        }
    }
    return true;
}

static rune_term find_constant(struct datalog_run *run, const struct rune_dl_expr *expr)
{
    rune_term term = RUNE_TERM_NONE;
    if (expr->kind == RUNE_DL_LONG) {
        (void)!rune_dict_long(run->values, expr->as.integer, &term);
    } else if (expr->kind == RUNE_DL_STRING) {
        (void)!rune_dict_string(run->values, expr->as.string, &term);
    }
    return term;
}

static bool check_query(struct test *test, struct datalog_run *run,
                        const struct rune_json_node *entry, const char *how,
                        enum rune_dl_storing storing)
{
    struct rune_str text = rune_json_find(entry, "query")->as.text;
    struct rune_source source = {"query", text.data, (uint32_t)text.length};
    struct rune_dl_rule query;
    if (rune_dl_parse_query(&source, RUNE_DL_BARE, &run->arena, &query, run->diag) != RUNE_OK) {
        return fail(test, "query %.*s: %s", (int)text.length, text.data, rune_diag_text(run->diag));
    }
    rune_term bound[RUNE_DL_MAX_ARITY] = {0};
    uint32_t same[RUNE_DL_MAX_ARITY];
    datalog_run_reset(run);
    for (uint32_t i = 0; i < query.arg_count; i++) {
        const struct rune_dl_expr *arg = &query.args[i];
        same[i] = i;
        if (arg->kind == RUNE_DL_VARIABLE) {
            for (uint32_t j = i; j-- > 0;) {
                if (query.args[j].kind == RUNE_DL_VARIABLE &&
                    query.args[j].as.variable == arg->as.variable) {
                    same[i] = j;
                }
            }
        } else if (arg->kind != RUNE_DL_WILDCARD) {
            bound[i] = find_constant(run, arg);
        }
    }
    struct rows got = {.arena = &test->arena, .run = run}, want;
    rows_from_json(rune_json_find(entry, "answers"), &test->arena, &want);
    enum rune_err err = datalog_run_query(run, query.head_name, bound, same, rows_take, &got);
    if (err == RUNE_E_LIMIT && storing == RUNE_DL_STORE_BASE) {
        /* Recursion over facts alone, with nothing stored, may be too much for a request; images
         * never ask for that: they store it, and "planned" below answers the same query from them.
         */
        test->limits++;
        return true;
    }
    if (err != RUNE_OK) {
        return fail(test, "%s %.*s: %s", how, (int)text.length, text.data, rune_err_text(err));
    }
    rows_sort(&got);
    return check_rows(test, text, how, &got, &want);
}

static bool evaluate(struct test *test, struct datalog_run *run, enum rune_dl_storing storing)
{
    enum rune_err err = datalog_run_evaluate(run, storing);
    return err == RUNE_OK ||
           fail(test, "evaluation: %s: %s", rune_err_text(err), rune_diag_text(run->diag));
}

static void run_eval(struct test *test)
{
    static const struct {
        enum rune_dl_storing storing;
        const char *how;
    } ways[] = {{RUNE_DL_STORE_ALL, "stored"},
                {RUNE_DL_STORE_BASE, "demanded"},
                {RUNE_DL_STORE_WHAT_PAYS, "planned"}};
    for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]) && !test->failed; w++) {
        struct datalog_run run;
        const struct rune_json_node *queries = rune_json_find(test->root, "queries");
        bool ok = open_run(test, &run) &&
                  add_facts(test, &run, rune_json_find(test->root, "facts")) &&
                  evaluate(test, &run, ways[w].storing);
        /* A whole relation on demand is asked for only where the case asks for nothing less. */
        if (ok && (ways[w].storing != RUNE_DL_STORE_BASE || queries == NULL)) {
            ok = check_expected(test, &run, rune_json_find(test->root, "expected"), ways[w].how);
        }
        for (uint32_t i = 0; ok && queries != NULL && i < queries->as.array.count; i++) {
            ok = check_query(test, &run, &queries->as.array.items[i], ways[w].how, ways[w].storing);
        }
        datalog_run_close(&run);
    }
}

static void run_reject(struct test *test)
{
    struct rune_dl_declaration *declarations;
    uint32_t count = declare(test, &declarations);
    struct datalog_run run;
    struct rune_str program = rune_json_find(test->root, "program")->as.text;
    enum rune_err err = datalog_run_open(&run, program, RUNE_DL_BARE, declarations, count);
    const struct rune_json_node *reason = rune_json_find(test->root, "reason");
    const struct rune_json_node *line = rune_json_find(test->root, "line");
    if (err == RUNE_OK) {
        (void)fail(test, "accepted, should be refused (%.*s, line %lld)",
                   (int)reason->as.text.length, reason->as.text.data,
                   line == NULL ? 0 : (long long)line->as.integer);
    } else if (getenv("RUNE_SHOW_REASONS") != NULL && rune_diag_kept(run.diag) > 0) {
        struct rune_diag_message message;
        rune_diag_get(run.diag, 0, &message);
        printf("  %.*s line %lld: ours %s line %u: %s\n", (int)reason->as.text.length,
               reason->as.text.data, line == NULL ? 0 : (long long)line->as.integer, message.code,
               message.line, message.text);
    }
    datalog_run_close(&run);
}

/* ---- incremental, by rebuilding ---- */

/* The base facts as {relation: lines of JSON tuples}, kept as nodes. */
struct fact {
    struct rune_str relation;
    const struct rune_json_node *tuple;
    char *line;
};
struct fact_set {
    struct fact *items;
    size_t count, capacity;
};

static void facts_change(struct test *test, struct fact_set *set,
                         const struct rune_json_node *change, bool add)
{
    for (uint32_t m = 0; change != NULL && m < change->as.object.count; m++) {
        const struct rune_json_member *member = &change->as.object.members[m];
        for (uint32_t i = 0; i < member->value.as.array.count; i++) {
            struct rows line;
            struct rune_json_node one = member->value;
            one.as.array.items = &member->value.as.array.items[i];
            one.as.array.count = 1;
            rows_from_json(&one, &test->arena, &line);
            size_t at = 0;
            while (at < set->count && !(rune_str_equal(set->items[at].relation, member->key) &&
                                        strcmp(set->items[at].line, line.lines[0]) == 0)) {
                at++;
            }
            if (!add && at < set->count) {
                set->items[at] = set->items[--set->count];
            } else if (add && at == set->count) {
                if (set->count == set->capacity) {
                    set->capacity = set->capacity == 0 ? 64 : set->capacity * 2;
                    set->items = rune_realloc(set->items, set->capacity, sizeof(*set->items));
                }
                set->items[set->count++] =
                    (struct fact){member->key, &member->value.as.array.items[i], line.lines[0]};
            }
        }
    }
}

static bool rebuild(struct test *test, const struct fact_set *set, struct datalog_run *run)
{
    if (!open_run(test, run)) {
        return false;
    }
    for (size_t i = 0; i < set->count; i++) {
        struct rune_json_node list = {.type = RUNE_JSON_ARRAY};
        list.as.array.items = (struct rune_json_node *)set->items[i].tuple;
        list.as.array.count = 1;
        struct rune_json_member member = {.key = set->items[i].relation, .value = list};
        struct rune_json_node object = {.type = RUNE_JSON_OBJECT};
        object.as.object.members = &member;
        object.as.object.count = 1;
        if (!add_facts(test, run, &object)) {
            return false;
        }
    }
    return evaluate(test, run, RUNE_DL_STORE_ALL);
}

static bool check_delta(struct test *test, struct datalog_run *before, struct datalog_run *after,
                        const struct rune_json_node *delta)
{
    for (uint32_t m = 0; delta != NULL && m < delta->as.object.count; m++) {
        const struct rune_json_member *member = &delta->as.object.members[m];
        struct rows was, is, added, removed, want_added, want_removed;
        if (!query_all(test, before, member->key, &was) ||
            !query_all(test, after, member->key, &is)) {
            return false;
        }
        rows_minus(&is, &was, &added);
        rows_minus(&was, &is, &removed);
        rows_from_json(rune_json_find(&member->value, "added"), &test->arena, &want_added);
        rows_from_json(rune_json_find(&member->value, "removed"), &test->arena, &want_removed);
        if (!check_rows(test, member->key, "added", &added, &want_added) ||
            !check_rows(test, member->key, "removed", &removed, &want_removed)) {
            return false;
        }
    }
    return true;
}

static void run_incremental(struct test *test)
{
    struct fact_set set = {0};
    facts_change(test, &set, rune_json_find(test->root, "initial"), true);
    struct datalog_run before, after;
    bool ok =
        rebuild(test, &set, &before) &&
        check_expected(test, &before, rune_json_find(test->root, "initial_expected"), "initial");
    const struct rune_json_node *transactions = rune_json_find(test->root, "transactions");
    for (uint32_t i = 0; ok && transactions != NULL && i < transactions->as.array.count; i++) {
        const struct rune_json_node *transaction = &transactions->as.array.items[i];
        const struct rune_json_node *abort_mark = rune_json_find(transaction, "abort");
        if (abort_mark == NULL || abort_mark->type != RUNE_JSON_TRUE) {
            facts_change(test, &set, rune_json_find(transaction, "delete"), false);
            facts_change(test, &set, rune_json_find(transaction, "insert"), true);
        }
        ok = rebuild(test, &set, &after) &&
             check_expected(test, &after, rune_json_find(transaction, "expected"), "after") &&
             check_delta(test, &before, &after, rune_json_find(transaction, "delta"));
        datalog_run_close(&before);
        before = after;
    }
    datalog_run_close(&before);
    rune_free(set.items);
}

/* ---- files ---- */

static bool run_case(struct rune_str line, const char *path, size_t number)
{
    struct test test = {0};
    rune_arena_init(&test.arena, 0);
    struct rune_json_node root;
    struct rune_json_error error;
    const char *name = "?";
    if (rune_json_parse(line, 0, &test.arena, &root, &error) != RUNE_OK) {
        (void)fail(&test, "no JSON: %s", error.message);
    } else {
        test.root = &root;
        struct rune_str text = rune_json_find(&root, "name")->as.text;
        name = rune_arena_strndup(&test.arena, text.data, text.length);
        struct rune_str kind = rune_json_find(&root, "kind")->as.text;
        if (rune_str_equal(kind, RUNE_STR("eval"))) {
            run_eval(&test);
        } else if (rune_str_equal(kind, RUNE_STR("reject"))) {
            run_reject(&test);
        } else if (rune_str_equal(kind, RUNE_STR("incremental"))) {
            run_incremental(&test);
        } else {
            (void)fail(&test, "unknown kind");
        }
    }
    if (test.failed) {
        for (char *c = test.why; *c != '\0'; c++) {
            *c = *c == '\n' || *c == '\t' ? ' ' : *c;
        }
        printf("FAIL %s:%zu %s: %s\n", path, number, name, test.why);
    }
    if (test.limits > 0) {
        printf(
            "note %s:%zu %s: %u queries are beyond a request's limits with no recursion stored\n",
            path, number, name, test.limits);
    }
    rune_arena_fini(&test.arena);
    return !test.failed;
}

static char *read_file(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    (void)fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *bytes = rune_alloc(size + 1);
    if (bytes == NULL || fread(bytes, 1, size, file) != size) {
        fclose(file);
        rune_free(bytes);
        return NULL;
    }
    fclose(file);
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, ".zst") == 0) {
        unsigned long long plain = ZSTD_getFrameContentSize(bytes, size);
        if (plain == ZSTD_CONTENTSIZE_ERROR || plain == ZSTD_CONTENTSIZE_UNKNOWN) {
            plain = (unsigned long long)size * 64;
        }
        char *text = rune_alloc(plain + 1);
        size_t got = text == NULL ? 0 : ZSTD_decompress(text, plain, bytes, size);
        rune_free(bytes);
        if (text == NULL || ZSTD_isError(got)) {
            rune_free(text);
            return NULL;
        }
        bytes = text;
        size = got;
    }
    *ret_size = size;
    return bytes;
}

int main(int argc, char **argv)
{
    size_t passed = 0, failed = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: conformance_datalog FILE...\n");
        return 2;
    }
    const char *only = getenv("RUNE_CASE");
    for (int i = 1; i < argc; i++) {
        size_t size;
        char *text = read_file(argv[i], &size);
        if (text == NULL) {
            printf("FAIL %s: cannot be read\n", argv[i]);
            failed++;
            continue;
        }
        size_t number = 0;
        for (size_t at = 0; at < size;) {
            char *end = memchr(text + at, '\n', size - at);
            size_t length = end == NULL ? size - at : (size_t)(end - (text + at));
            number++;
            bool wanted = only == NULL || memmem(text + at, length, only, strlen(only)) != NULL;
            if (length > 0 && wanted) {
                bool ok = run_case((struct rune_str){text + at, length}, argv[i], number);
                passed += ok;
                failed += !ok;
            }
            at += length + 1;
        }
        rune_free(text);
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
