/* SPDX-License-Identifier: Apache-2.0 */
/* facts: tuples from facts files (TSV, CSV, JSONL) and from a .rune file's [data], as columns of
 * terms.
 *
 * Streaming: a file is read in blocks; no field is copied except into the dictionary. Values are
 * interned column by column within a block, so that the entities of one column get neighbouring
 * indexes. Errors name file, line and column. Owns: the tuples, until they are taken.
 * Specification: docs/language.md, "Facts". Used by: engine/build. */
#pragma once

#include <stdint.h>

#include "base/map.h"
#include "datalog/check.h"
#include "datalog/tuples.h"
#include "engine/bundle.h"
#include "engine/manifest.h"
#include "model/dict.h"
#include "rune/err.h"

#define RUNE_FACTS_MAX_LINE (16u << 20) /* LIMIT: bytes of one line */

/* Called now and then with the bytes read so far. */
typedef void (*rune_facts_progress_fn)(void *context, uint64_t done_bytes, uint64_t total_bytes);

struct rune_fact_relation {
    struct rune_str name;
    const struct rune_manifest_relation *declared; /* or NULL */
    struct rune_tuples tuples;                     /* arity 0 until the first line told it */
    bool has_arity;
    const char *first_path; /* the file that told the arity */
};

struct rune_fact_set {
    struct rune_fact_relation *items;
    uint32_t count;
    uint32_t capacity;
    struct rune_map names;
    uint64_t tuple_count; /* as read, with repetitions */
};

/* All facts of the bundle, and an empty entry for each relation that the manifest declares.
 * Relations of the same name in several files are joined. All problems are reported (per file the
 * first 100). RUNE_E_BUNDLE, RUNE_E_IO, RUNE_E_LIMIT, RUNE_E_NOMEM. OWNERSHIP: the caller calls
 * fini, also after an error. */
RUNE_MUST_USE enum rune_err rune_facts_read(const struct rune_bundle *bundle,
                                            const struct rune_manifest *manifest,
                                            struct rune_arena *arena, struct rune_dict *dict,
                                            rune_facts_progress_fn progress, void *progress_context,
                                            struct rune_fact_set *set, struct rune_diag *diag);
void rune_facts_fini(struct rune_fact_set *set);

/* For rune_dl_check: one declaration a relation; the arity of an empty file without declared
 * columns, or of one that could not be read, is RUNE_DL_ARITY_UNKNOWN. RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_facts_declare(const struct rune_fact_set *set,
                                               struct rune_arena *arena,
                                               struct rune_dl_declaration **ret_declarations,
                                               uint32_t *ret_count);

/* For rune_dl_evaluate: moves the tuples to `ret_facts`, one entry a relation of the program
 * (initialised here), and adds the facts of the program's own text. On error everything is
 * released. RUNE_E_NOMEM, RUNE_E_LIMIT. */
RUNE_MUST_USE enum rune_err rune_facts_take(struct rune_fact_set *set,
                                            const struct rune_dl_program *program,
                                            struct rune_dict *dict, struct rune_tuples *ret_facts);

/* ---- one text, for tests and fuzzing ---- */

enum rune_facts_format { RUNE_FACTS_TSV, RUNE_FACTS_CSV, RUNE_FACTS_JSONL };

/* Adds the tuples of `text` to `relation`. */
RUNE_MUST_USE enum rune_err rune_facts_parse(struct rune_str text, const char *path,
                                             enum rune_facts_format format, struct rune_dict *dict,
                                             struct rune_fact_relation *relation,
                                             struct rune_diag *diag);
