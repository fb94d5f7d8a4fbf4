/* SPDX-License-Identifier: Apache-2.0 */
/* Random bundles of all that the two languages have in common (reference/mixed.h), built in several
 * ways: with all relations stored, with none but facts, as pays; rules and literals in another
 * order. Every decision and every query, by every set of known or equal columns, must be what the
 * slow evaluator found. A bundle that differs is made smaller for as long as it does, and printed.
 *
 * RUNE_TEST_SEED=N begins with another seed, RUNE_TEST_ROUNDS=N makes so many worlds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/str.h"
#include "engine/build_texts.h"
#include "reference/datalog_random.h"
#include "reference/mixed.h"
#include "rune/rune.h"

enum {
    ROUNDS = 60,
    REQUESTS = 24,
    QUERIED_REQUESTS = 3, /* of which relations that depend on them are asked, too */
    MAX_FILES = MIXED_BASES + 5,
    ARENA_BYTES = 256 << 20,
    LITTLE_MEMORY = 132 << 10,
};

struct totals {
    uint64_t worlds, decisions, permits, forbids, errors, unsure, queries, tuples, refused, limits;
};

/* How a world is built. */
struct way {
    enum rune_dl_storing storing;
    uint64_t order;
    size_t arena_bytes; /* of the decider; 0: as always; else limits may be met */
};

static const struct way ways[] = {
    {RUNE_DL_STORE_WHAT_PAYS, 0, 0},
    {RUNE_DL_STORE_BASE, 0, 0},
    {RUNE_DL_STORE_ALL, 7, 0},
    {RUNE_DL_STORE_BASE, 11, LITTLE_MEMORY},
};

/* One world in one way, and what was found wrong with it. */
struct trial {
    const struct mixed_world *world;
    struct way way;
    struct mixed_answers *stored; /* what follows without a request, or NULL */
    struct rune_arena arena;
    struct rune_image *image;
    struct rune_decider *decider;
    struct rune_diag *diag;
    struct rune_buf why; /* empty: nothing */
    struct totals totals;
};

/* ---- building ---- */

static int make_file(const struct rune_buf *text)
{
    int fd = memfd_create("facts", 0);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text->data, text->length), (ssize_t)text->length);
    return fd;
}

struct files {
    struct rune_bundle_file items[MAX_FILES];
    struct rune_buf texts[MAX_FILES];
    char paths[MAX_FILES][32];
    int fds[MAX_FILES];
    uint32_t count;
};

static void add_text(struct files *files, const struct trial *trial, enum mixed_text text)
{
    /* ORDER: enum mixed_text */
    static const struct {
        enum rune_bundle_kind kind;
        const char *path;
    } kinds[] = {{RUNE_BUNDLE_MANIFEST, "rune.toml"},
                 {RUNE_BUNDLE_SCHEMA, "a.cedarschema"},
                 {RUNE_BUNDLE_ENTITIES, "a.entities.json"},
                 {RUNE_BUNDLE_POLICIES, "a.cedar"},
                 {RUNE_BUNDLE_RULES, "a.dl"}};
    struct rune_buf *out = &files->texts[files->count];
    mixed_put_text(trial->world, text, trial->way.order, out);
    if (text == MIXED_SCHEMA && out->length == 0) {
        return;
    }
    files->items[files->count++] = (struct rune_bundle_file){
        .kind = kinds[text].kind,
        .source = {kinds[text].path, rune_buf_cstr(out), (uint32_t)out->length},
    };
}

static void add_facts(struct files *files, const struct mixed_world *world, uint32_t relation)
{
    static const enum rune_bundle_kind kinds[MIXED_FORMATS] = {
        [MIXED_TSV] = RUNE_BUNDLE_FACTS_TSV,
        [MIXED_CSV] = RUNE_BUNDLE_FACTS_CSV,
        [MIXED_JSONL] = RUNE_BUNDLE_FACTS_JSONL,
    };
    const struct mixed_relation *of = &world->relations[relation];
    uint32_t at = files->count;
    if (!mixed_put_facts(world, relation, &files->texts[at])) {
        return;
    }
    files->fds[at] = make_file(&files->texts[at]);
    snprintf(files->paths[at], sizeof(files->paths[at]), "/proc/self/fd/%d", files->fds[at]);
    files->items[files->count++] = (struct rune_bundle_file){
        .kind = kinds[of->format],
        .source = {.path = of->name},
        .relation = rune_str_from(of->name),
        .file_path = files->paths[at],
        .size_bytes = files->texts[at].length,
    };
}

static void make_files(struct files *files, const struct trial *trial)
{
    memset(files, 0, sizeof(*files));
    for (uint32_t i = 0; i < MAX_FILES; i++) {
        files->fds[i] = -1;
    }
    for (int text = MIXED_MANIFEST; text <= MIXED_RULES; text++) {
        add_text(files, trial, (enum mixed_text)text);
    }
    for (uint32_t r = MIXED_BASE; r < MIXED_DERIVED; r++) {
        add_facts(files, trial->world, r);
    }
}

static void drop_files(struct files *files)
{
    for (uint32_t i = 0; i < MAX_FILES; i++) {
        rune_buf_fini(&files->texts[i]);
        if (files->fds[i] >= 0) {
            close(files->fds[i]);
        }
    }
}

/* False: there is no image, or none is wanted. */
static bool build(struct trial *trial)
{
    struct files files;
    struct rune_build_result result;
    int fd = -1;
    make_files(&files, trial);
    struct rune_build_texts texts = {.files = files.items,
                                     .count = files.count,
                                     .validation = RUNE_VALIDATION_OFF,
                                     .validate_requests = true,
                                     .storing = trial->way.storing,
                                     .keeps_parents = true};
    enum rune_err err = rune_build_texts(&texts, &fd, &result, trial->diag);
    const char *text = rune_diag_text(trial->diag);
    bool is_refused = err == RUNE_E_BUNDLE && strstr(text, "RUNE-B0408") != NULL;
    if (is_refused && trial->stored->has_conflict) {
        trial->totals.refused++;
    } else if (err != RUNE_OK || trial->stored->has_conflict) {
        rune_buf_printf(&trial->why, "build: %s\n%s", rune_err_text(err), text);
    } else if (rune_image_open_fd(fd, RUNE_IMAGE_VERIFY, &trial->image, trial->diag) != RUNE_OK) {
        rune_buf_printf(&trial->why, "image: %s", rune_diag_text(trial->diag));
    }
    if (err == RUNE_OK) {
        close(fd);
    }
    drop_files(&files);
    return trial->image != NULL;
}

/* ---- queries ---- */

static bool same_text(struct rune_str text, const struct mixed_value *value)
{
    struct rune_buf want = RUNE_BUF_INIT;
    mixed_put_value(&want, value);
    bool same = rune_str_equal(text, (struct rune_str){want.data, want.length});
    rune_buf_fini(&want);
    return same;
}

static bool same_field(const struct rune_field *field, const struct mixed_value *value)
{
    switch (value->kind) {
    case MIXED_BOOL:
        return field->kind == RUNE_FIELD_BOOL && field->integer == value->number;
    case MIXED_LONG:
        return field->kind == RUNE_FIELD_LONG && field->integer == value->number;
    case MIXED_FLOAT:
        return field->kind == RUNE_FIELD_FLOAT && field->floating == value->floating;
    case MIXED_STRING:
        return field->kind == RUNE_FIELD_STRING &&
               rune_str_equal(field->text, rune_str_from(value->text));
    case MIXED_ENTITY:
        return field->kind == RUNE_FIELD_ENTITY &&
               rune_str_equal(field->type, rune_str_from(mixed_type_of(value->number))) &&
               rune_str_equal(field->text, rune_str_from(mixed_id_of(value->number)));
    case MIXED_DECIMAL:
    case MIXED_DURATION:
        return field->kind == RUNE_FIELD_OTHER && same_text(field->text, value);
    default: /* the order in a set is nobody's promise */
        return field->kind == RUNE_FIELD_OTHER && field->text.length > 0 &&
               field->text.data[0] == (value->kind == MIXED_SET ? '[' : '{');
    }
}

/* A question and which of the rows that it should give were given. */
struct question {
    struct trial *trial;
    const struct mixed_relation *relation;
    const struct mixed_rows *rows;
    uint32_t bound, row; /* columns that are known, and the row whose values they have */
    uint32_t same[MIXED_MAX_ARITY];
    struct mixed_value values[MIXED_MAX_ARITY];
    bool *is_found;
    uint32_t seen;
    bool is_wrong;
};

static bool is_asked(const struct question *question, uint32_t row)
{
    const struct mixed_value *cells = question->rows->cells + (size_t)row * MIXED_MAX_ARITY;
    for (uint32_t c = 0; c < question->relation->arity; c++) {
        if (!mixed_equal(&cells[c], &cells[question->same[c]]) ||
            ((question->bound >> c & 1) != 0 && !mixed_equal(&cells[c], &question->values[c]))) {
            return false;
        }
    }
    return true;
}

static bool take_tuple(void *context, const struct rune_field *fields, uint32_t count)
{
    struct question *question = context;
    uint32_t arity = question->relation->arity;
    uint32_t skip = question->relation->literal != NULL; /* the second field */
    question->seen++;
    for (uint32_t r = 0; r < question->rows->count && count == arity + skip; r++) {
        const struct mixed_value *cells = question->rows->cells + (size_t)r * MIXED_MAX_ARITY;
        uint32_t same = 0;
        while (same < arity && same_field(&fields[same + (same > 0 ? skip : 0)], &cells[same])) {
            same++;
        }
        if (same == arity && !question->is_found[r] && is_asked(question, r)) {
            question->is_found[r] = true;
            return true;
        }
    }
    question->is_wrong = true;
    return false;
}

static void put_pattern(const struct question *question, struct rune_buf *out)
{
    rune_buf_printf(out, "%s(", question->relation->name);
    for (uint32_t c = 0; c < question->relation->arity; c++) {
        rune_buf_append_cstr(out, c > 0 ? ", " : "");
        if ((question->bound >> c & 1) != 0) {
            mixed_put_value(out, &question->values[c]);
        } else {
            rune_buf_printf(out, "V%u", question->same[c]);
        }
        if (c == 0 && question->relation->literal != NULL) {
            rune_buf_printf(out, ", \"%s\"", question->relation->literal);
        }
    }
    rune_buf_append_char(out, ')');
}

static void ask(struct question *question, const struct rune_request *request)
{
    struct trial *trial = question->trial;
    struct rune_buf pattern = RUNE_BUF_INIT;
    uint32_t want = 0;
    uint64_t count = 0;
    question->is_found = RUNE_ARENA_ARRAY(&trial->arena, bool, (size_t)question->rows->count + 1);
    memset(question->is_found, 0, question->rows->count);
    for (uint32_t r = 0; r < question->rows->count; r++) {
        want += is_asked(question, r);
    }
    put_pattern(question, &pattern);
    enum rune_err err = rune_query_run(trial->decider, trial->image, request,
                                       rune_buf_cstr(&pattern), take_tuple, question, trial->diag);
    enum rune_err counting = rune_query_count(trial->decider, trial->image, request,
                                              rune_buf_cstr(&pattern), &count, trial->diag);
    if (trial->way.arena_bytes != 0 && (err == RUNE_E_LIMIT || counting == RUNE_E_LIMIT) &&
        !question->is_wrong) {
        trial->totals.limits++;
    } else if (err != RUNE_OK || counting != RUNE_OK || question->is_wrong ||
               question->seen != want || count != want) {
        rune_buf_printf(&trial->why, "query %s: %s, %u tuples, %llu counted (%s), not %u%s\n%s",
                        rune_buf_cstr(&pattern), rune_err_text(err), question->seen,
                        (unsigned long long)count, rune_err_text(counting), want,
                        question->is_wrong ? "; one that should not be" : "",
                        rune_diag_text(trial->diag));
        for (uint32_t r = 0; r < question->rows->count; r++) {
            const struct mixed_value *cells = question->rows->cells + (size_t)r * MIXED_MAX_ARITY;
            rune_buf_append_cstr(&trial->why, question->is_found[r] ? "found " : "row   ");
            for (uint32_t c = 0; c < question->relation->arity; c++) {
                mixed_put_value(&trial->why, &cells[c]);
                rune_buf_append_char(&trial->why, ' ');
            }
            rune_buf_append_char(&trial->why, '\n');
        }
    }
    trial->totals.queries++;
    trial->totals.tuples += want;
    rune_buf_fini(&pattern);
}

/* Every set of known columns, once with the others free and once with some of them equal. */
static void ask_all(struct trial *trial, const struct mixed_answers *answers, uint32_t number,
                    const struct rune_request *request)
{
    const struct mixed_relation *relation = &trial->world->relations[number];
    const struct mixed_rows *rows = &answers->rows[number];
    uint64_t state = number + 1;
    for (uint32_t pattern = 0; pattern < 2u << relation->arity && trial->why.length == 0;
         pattern++) {
        struct question question = {.trial = trial, .relation = relation, .rows = rows};
        uint32_t row = rows->count > 0 ? datalog_random_below(&state, rows->count) : 0;
        uint32_t other = rows->count > 0 ? datalog_random_below(&state, rows->count) : 0;
        for (uint32_t c = 0; c < relation->arity; c++) {
            bool is_equal =
                pattern >> relation->arity != 0 && c > 0 && datalog_random_below(&state, 2) == 0;
            question.same[c] = is_equal ? question.same[datalog_random_below(&state, c)] : c;
            question.values[c] = (struct mixed_value){.kind = MIXED_LONG, .number = 1};
            if (rows->count > 0) {
                uint32_t of = datalog_random_below(&state, 6) == 0 ? other : row;
                question.values[c] = rows->cells[(size_t)of * MIXED_MAX_ARITY + c];
            }
            bool has_constant = question.values[c].kind < MIXED_SET;
            if ((pattern >> c & 1) != 0 && has_constant && question.same[c] == c) {
                question.bound |= 1u << c;
            }
        }
        /* What is known of a column is known of its equals. */
        for (uint32_t c = 0; c < relation->arity; c++) {
            if ((question.bound >> question.same[c] & 1) != 0) {
                question.bound |= 1u << c;
                question.values[c] = question.values[question.same[c]];
            }
        }
        ask(&question, request);
    }
}

static void ask_relations(struct trial *trial, const struct mixed_answers *answers,
                          const struct rune_request *request)
{
    for (uint32_t r = MIXED_EXISTS; r < MIXED_RELATIONS && trial->why.length == 0; r++) {
        bool is_ours = r != MIXED_PERMIT && r != MIXED_FORBID && r != MIXED_ID;
        if (is_ours && answers->depends[r] == (request != NULL)) {
            ask_all(trial, answers, r, request);
        }
    }
}

/* ---- decisions ---- */

static bool has_id(const struct rune_str *ids, uint32_t count, const char *id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (rune_str_equal(ids[i], rune_str_from(id))) {
            return true;
        }
    }
    return false;
}

static bool has_error(const struct rune_decision *decision, const char *id)
{
    for (uint32_t i = 0; i < decision->error_count; i++) {
        if (rune_str_equal(decision->errors[i].id, rune_str_from(id))) {
            return true;
        }
    }
    return false;
}

/* What each policy and rule does: 1, 0, -1. */
struct verdicts {
    int policies[MIXED_MAX_POLICIES], rules[MIXED_MAX_RULES];
    bool matched[2]; /* a permit, a forbid */
};

static void judge(struct trial *trial, const struct mixed_answers *answers,
                  const struct mixed_request *request, const struct rune_decision *decision,
                  struct verdicts *verdicts)
{
    const struct mixed_world *world = trial->world;
    memset(verdicts, 0, sizeof(*verdicts));
    for (uint32_t i = 0; i < world->policy_count; i++) {
        if (!world->policies[i].is_off) {
            verdicts->policies[i] = mixed_policy_matches(&world->policies[i], answers, request);
            verdicts->matched[world->policies[i].is_forbid] |= verdicts->policies[i] > 0;
        }
    }
    for (uint32_t i = 0; i < world->rule_count; i++) {
        const struct mixed_rule *rule = &world->rules[i];
        char id[24];
        snprintf(id, sizeof(id), "r%02u", i);
        if (rule->is_off || (rule->head != MIXED_PERMIT && rule->head != MIXED_FORBID)) {
            continue;
        }
        verdicts->rules[i] = mixed_rule_matches(world, answers, request, i, &trial->arena);
        /* It rests on what could not be computed, and says so. */
        if (rule->head == MIXED_PERMIT && answers->can_fail[MIXED_PERMIT] &&
            has_error(decision, id)) {
            trial->totals.unsure += verdicts->rules[i] > 0;
            verdicts->rules[i] = 0;
        }
        verdicts->matched[rule->head == MIXED_FORBID] |= verdicts->rules[i] > 0;
    }
}

static void expect(struct trial *trial, const char *id, bool want, bool is, const char *what)
{
    if (want != is) {
        rune_buf_printf(&trial->why, "%s: %s among the %s\n", id, want ? "not" : "wrongly", what);
    }
}

static void compare_decision(struct trial *trial, const struct verdicts *verdicts,
                             const struct rune_decision *decision)
{
    const struct mixed_world *world = trial->world;
    bool forbidden = verdicts->matched[1], permitted = verdicts->matched[0];
    enum rune_outcome want = forbidden ? RUNE_FORBID : permitted ? RUNE_PERMIT : RUNE_DENY;
    if (decision->outcome != want) {
        rune_buf_printf(&trial->why, "%s, not %s\n", rune_outcome_text(decision->outcome),
                        rune_outcome_text(want));
    }
    for (uint32_t i = 0; i < world->policy_count; i++) {
        char id[24];
        snprintf(id, sizeof(id), "policy%u", i);
        expect(trial, id, verdicts->policies[i] > 0 && world->policies[i].is_forbid == forbidden,
               has_id(decision->reasons, decision->reason_count, id), "reasons");
        expect(trial, id, verdicts->policies[i] < 0, has_error(decision, id), "errors");
    }
    for (uint32_t i = 0; i < world->rule_count; i++) {
        char id[24];
        snprintf(id, sizeof(id), "r%02u", i);
        expect(trial, id,
               verdicts->rules[i] > 0 && (world->rules[i].head == MIXED_FORBID) == forbidden,
               has_id(decision->reasons, decision->reason_count, id), "reasons");
    }
}

/* A derived context with two values, or with one that is not the schema's: no decision. */
static bool is_undecided(const struct trial *trial, const struct mixed_answers *answers,
                         const struct rune_decision *decision)
{
    const struct mixed_rows *tiers = &answers->rows[MIXED_CONTEXT_TIER];
    bool is_foreign =
        trial->world->has_schema && tiers->count > 0 && tiers->cells->kind != MIXED_LONG;
    bool is_unsure = answers->can_fail[MIXED_CONTEXT_TIER] && has_error(decision, "");
    return tiers->count > 1 || is_foreign || is_unsure;
}

static void check_request(struct trial *trial, const struct mixed_request *request, bool asks)
{
    struct mixed_answers *answers = RUNE_ARENA_ARRAY(&trial->arena, struct mixed_answers, 1);
    struct rune_request *decoded;
    struct rune_request_error error;
    struct rune_decision decision;
    struct verdicts verdicts;
    struct rune_buf body = RUNE_BUF_INIT;
    mixed_put_request(request, &body);
    mixed_derive_for(trial->world, trial->stored, request, &trial->arena, answers);
    enum rune_err err = rune_request_create(
        trial->decider, trial->image, (struct rune_str){body.data, body.length}, &decoded, &error);
    if (err != RUNE_OK) {
        rune_buf_printf(&trial->why, "request: %s at %s", error.message, error.at);
    } else if (!answers->is_over) {
        rune_decider_decide(trial->decider, trial->image, decoded, RUNE_ANSWER_PLAIN, &decision);
        trial->totals.decisions++;
        trial->totals.permits += decision.outcome == RUNE_PERMIT;
        trial->totals.forbids += decision.outcome == RUNE_FORBID;
        trial->totals.errors += decision.error_count;
        bool is_limit = decision.error_count > 0 && decision.errors[0].id.length == 0 &&
                        strcmp(decision.errors[0].code, "limit") == 0;
        if (is_limit && trial->way.arena_bytes != 0) {
            trial->totals.limits++;
            expect(trial, "what met a limit", true, decision.outcome == RUNE_DENY, "denials");
        } else if (is_undecided(trial, answers, &decision)) {
            expect(trial, "the decision", true, has_error(&decision, ""), "errors");
        } else {
            judge(trial, answers, request, &decision, &verdicts);
            compare_decision(trial, &verdicts, &decision);
        }
        for (uint32_t i = 0; i < decision.error_count && trial->why.length > 0; i++) {
            rune_buf_printf(&trial->why, "error %.*s %s: %.*s\n",
                            RUNE_STR_ARG(decision.errors[i].id), decision.errors[i].code,
                            RUNE_STR_ARG(decision.errors[i].message));
        }
        if (asks && trial->why.length == 0) {
            ask_relations(trial, answers, decoded);
        }
    }
    if (trial->why.length > 0) {
        rune_buf_printf(&trial->why, "request %s\n", rune_buf_cstr(&body));
    }
    if (err == RUNE_OK) {
        rune_request_destroy(decoded);
    }
    rune_buf_fini(&body);
}

/* ---- trials ---- */

static void add_totals(struct totals *to, const struct totals *from)
{
    uint64_t *sums = (uint64_t *)to;
    for (size_t i = 0; i < sizeof(*to) / sizeof(*sums); i++) {
        sums[i] += ((const uint64_t *)from)[i];
    }
}

/* Builds and compares; only the request `only` if it is not NULL. True: nothing is wrong. `ret_why`
 * gets what is, if not NULL. */
static bool try_world(const struct mixed_world *world, const struct way *way,
                      const struct mixed_request *requests, uint32_t *ret_failed,
                      struct rune_buf *ret_why, struct totals *totals)
{
    struct trial trial = {.world = world, .way = *way, .diag = rune_diag_create()};
    struct rune_decider_options options = RUNE_DECIDER_OPTIONS_INIT;
    options.arena_bytes = way->arena_bytes;
    rune_arena_init(&trial.arena, ARENA_BYTES);
    trial.stored = RUNE_ARENA_ARRAY(&trial.arena, struct mixed_answers, 1);
    mixed_derive(world, &trial.arena, trial.stored);
    *ret_failed = REQUESTS;
    if (!trial.stored->is_over && build(&trial)) {
        assert_int_equal(rune_decider_create(&options, &trial.decider), RUNE_OK);
        trial.totals.worlds++;
        ask_relations(&trial, trial.stored, NULL);
        for (uint32_t i = 0; i < REQUESTS && trial.why.length == 0; i++) {
            struct rune_arena_mark mark = rune_arena_mark(&trial.arena);
            check_request(&trial, &requests[i], i < QUERIED_REQUESTS);
            rune_arena_rewind(&trial.arena, mark);
            *ret_failed = trial.why.length > 0 ? i : REQUESTS;
        }
        rune_decider_destroy(trial.decider);
        rune_image_close(trial.image);
    }
    bool is_right = trial.why.length == 0;
    if (ret_why != NULL) {
        rune_buf_append_cstr(ret_why, rune_buf_cstr(&trial.why));
    }
    if (totals != NULL) {
        add_totals(totals, &trial.totals);
    }
    rune_buf_fini(&trial.why);
    rune_diag_destroy(trial.diag);
    rune_arena_fini(&trial.arena);
    return is_right;
}

/* ---- a smaller world ---- */

struct shrinking {
    struct mixed_world *world;
    const struct way *way;
    const struct mixed_request *requests;
    char kind[16]; /* of what is wrong */
};

/* What is wrong by its first word; of a refused bundle by the first error's code. */
static void read_kind(const struct shrinking *shrinking, char ret_kind[16])
{
    struct rune_buf why = RUNE_BUF_INIT;
    uint32_t failed;
    (void)try_world(shrinking->world, shrinking->way, shrinking->requests, &failed, &why, NULL);
    const char *text = rune_buf_cstr(&why), *code = strstr(text, "error[");
    snprintf(ret_kind, 16, "%.*s", 11,
             strncmp(text, "build", 5) == 0 && code != NULL ? code + 6 : text);
    if (strncmp(text, "build", 5) != 0 && strchr(ret_kind, ' ') != NULL) {
        *strchr(ret_kind, ' ') = '\0';
    }
    rune_buf_fini(&why);
}

static bool is_still_wrong(const struct shrinking *shrinking)
{
    char kind[16];
    read_kind(shrinking, kind);
    return strcmp(kind, shrinking->kind) == 0;
}

/* Turns the switch and keeps it so if the world is still wrong. */
static void turn(const struct shrinking *shrinking, bool *is_off, bool to)
{
    bool was = *is_off;
    *is_off = to;
    if (was != to && !is_still_wrong(shrinking)) {
        *is_off = was;
    }
}

static void shrink_rules(const struct shrinking *shrinking)
{
    struct mixed_world *world = shrinking->world;
    for (uint32_t i = 0; i < world->rule_count; i++) {
        struct mixed_body *body = &world->rules[i].body;
        turn(shrinking, &world->rules[i].is_off, true);
        for (uint32_t l = 0; l < body->count && !world->rules[i].is_off; l++) {
            const struct mixed_literal *literal = body->literals[l];
            body->literals[l] = body->literals[--body->count];
            if (body->count == 0 || !is_still_wrong(shrinking)) {
                body->literals[body->count++] = body->literals[l];
                body->literals[l] = literal;
            }
        }
    }
}

static void shrink(const struct shrinking *shrinking)
{
    struct mixed_world *world = shrinking->world;
    for (int pass = 0; pass < 2; pass++) {
        shrink_rules(shrinking);
        for (uint32_t i = 0; i < world->policy_count; i++) {
            turn(shrinking, &world->policies[i].is_off, true);
        }
        for (uint32_t r = MIXED_BASE; r < MIXED_RELATIONS; r++) {
            for (uint32_t f = 0; f < world->relations[r].fact_count; f++) {
                turn(shrinking, &world->relations[r].facts[f].is_off, true);
            }
        }
        for (int entity = 0; entity < MIXED_ENTITIES; entity++) {
            for (int i = 0; i < MIXED_ENTITIES; i++) {
                turn(shrinking, &world->data.parent[entity][i], false);
            }
            for (int attr = 0; attr < MIXED_ATTRS; attr++) {
                turn(shrinking, &world->data.has[entity][attr], false);
            }
            turn(shrinking, &world->data.has_tag[entity], false);
        }
    }
}

static void report(struct mixed_world *world, const struct way *way,
                   const struct mixed_request *requests, uint64_t seed)
{
    struct trial trial = {.world = world, .way = *way};
    struct rune_buf why = RUNE_BUF_INIT;
    struct files files;
    uint32_t failed;
    (void)try_world(world, way, requests, &failed, &why, NULL);
    print_error("seed %llu, storing %d, order %llu: %s", (unsigned long long)seed, way->storing,
                (unsigned long long)way->order, rune_buf_cstr(&why));
    make_files(&files, &trial);
    for (uint32_t i = 0; i < files.count; i++) {
        print_error("---- %s%s\n%s", files.items[i].source.path,
                    files.items[i].file_path != NULL ? " (facts)" : "",
                    rune_buf_cstr(&files.texts[i]));
    }
    drop_files(&files);
    rune_buf_fini(&why);
}

static bool check_world(uint64_t seed, struct totals *totals)
{
    struct mixed_world *world = test_malloc(sizeof(*world));
    struct mixed_request requests[REQUESTS];
    bool is_right = true;
    mixed_random_world(world, seed);
    for (uint32_t i = 0; i < REQUESTS; i++) {
        mixed_random_request(world, &requests[i]);
    }
    for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]) && is_right; w++) {
        uint32_t failed;
        is_right = try_world(world, &ways[w], requests, &failed, NULL, totals);
        if (!is_right) {
            for (uint32_t i = 0; i < REQUESTS && failed < REQUESTS; i++) {
                requests[i] = requests[failed];
            }
            struct shrinking shrinking = {world, &ways[w], requests, ""};
            read_kind(&shrinking, shrinking.kind);
            shrink(&shrinking);
            report(world, &ways[w], requests, seed);
        }
    }
    mixed_world_fini(world);
    test_free(world);
    return is_right;
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void test_bundles__answer_as_loops_do(void **state)
{
    uint64_t first = number_of("RUNE_TEST_SEED", 1), rounds = number_of("RUNE_TEST_ROUNDS", ROUNDS);
    struct totals totals = {0};
    uint32_t wrong = 0;
    (void)state;
    for (uint64_t seed = first; seed < first + rounds; seed++) {
        wrong += !check_world(seed, &totals);
    }
    print_message("%llu images, %llu refused; %llu decisions, %llu permits, %llu forbids, %llu "
                  "errors, %llu unsure; %llu queries, %llu tuples; %llu limits\n",
                  (unsigned long long)totals.worlds, (unsigned long long)totals.refused,
                  (unsigned long long)totals.decisions, (unsigned long long)totals.permits,
                  (unsigned long long)totals.forbids, (unsigned long long)totals.errors,
                  (unsigned long long)totals.unsure, (unsigned long long)totals.queries,
                  (unsigned long long)totals.tuples, (unsigned long long)totals.limits);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundles__answer_as_loops_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
