/* SPDX-License-Identifier: Apache-2.0 */
/* Rule text through lexer, parser, checker and interning. The first byte chooses the dialect; `q/1
 * r/2` come from outside. */
#include <stdlib.h>

#include "datalog/check.h"
#include "datalog/constants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void intern(const struct rune_dl_program *program)
{
    struct rune_dict *dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 1 << 24);
    struct rune_tuples *facts = calloc(program->relation_count + 1, sizeof(facts[0]));
    enum rune_err err = dict != NULL && facts != NULL ? RUNE_OK : RUNE_E_NOMEM;
    for (uint32_t i = 0; err == RUNE_OK && i < program->relation_count; i++) {
        err = rune_tuples_init(&facts[i], program->relations[i].arity);
    }
    if (err == RUNE_OK && rune_dl_intern_facts(program, dict, facts) == RUNE_E_INVALID) {
        abort(); /* the checker let a fact pass that is no constant */
    }
    for (uint32_t i = 0; facts != NULL && i < program->relation_count; i++) {
        rune_tuples_fini(&facts[i]);
    }
    free(facts);
    rune_dict_destroy(dict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct rune_dl_declaration declarations[] = {{{"q", 1}, 1, true, NULL},
                                                              {{"r", 1}, 2, true, NULL}};
    if (size == 0 || size > 1 << 16) {
        return 0;
    }
    enum rune_dl_dialect dialect = data[0] % 2 == 0 ? RUNE_DL_BUNDLE : RUNE_DL_BARE;
    struct rune_source source = {"fuzz.dl", (const char *)data + 1, (uint32_t)size - 1};
    struct rune_vec_dl_rule clauses = {0};
    struct rune_dl_program program;
    struct rune_dl_rule query;
    struct rune_arena arena;
    struct rune_diag *diag = rune_diag_create();
    rune_arena_init(&arena, 1 << 26);
    enum rune_err err = rune_dl_parse(&source, dialect, &arena, &arena, &clauses, diag);
    if ((err == RUNE_OK) != (rune_diag_count(diag, RUNE_ERROR) == 0) && err != RUNE_E_NOMEM) {
        abort(); /* refused without a word, or accepted with one */
    }
    if (err == RUNE_OK) {
        err = rune_dl_check(&clauses, declarations, 2, dialect, &arena, &program, diag);
        if ((err == RUNE_OK) != (rune_diag_count(diag, RUNE_ERROR) == 0) && err != RUNE_E_NOMEM) {
            abort();
        }
        if (err == RUNE_OK) {
            intern(&program);
        }
    }
    (void)rune_diag_text(diag);
    if (rune_dl_parse_query(&source, dialect, &arena, &query, NULL) == RUNE_E_INTERNAL) {
        abort();
    }
    RUNE_VEC_FINI(&clauses);
    rune_arena_fini(&arena);
    rune_diag_destroy(diag);
    return 0;
}
