/* SPDX-License-Identifier: Apache-2.0 */
/* build_int: one build on its way from sources to sections. Private to engine/build*.c.
 *
 * Stages run in the order of the functions below. A stage that finds mistakes in the bundle reports
 * them and marks the build as failed; later stages go on as far as what they need is there, so that
 * all mistakes are found in one go. A function returns an error only for what ends the build:
 * memory, limits, input and output. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "cedar/ast.h"
#include "cedar/compile.h"
#include "cedar/index.h"
#include "cedar/schema.h"
#include "datalog/check.h"
#include "datalog/evaluate.h"
#include "datalog/parser.h"
#include "engine/bundle.h"
#include "engine/entities.h"
#include "engine/facts.h"
#include "engine/ids.h"
#include "engine/manifest.h"
#include "eval/schema_check.h"
#include "model/dict.h"
#include "rune/build.h"
#include "shm/image_format.h"

RUNE_VEC(rune_vec_source, struct rune_image_source);
RUNE_VEC(rune_vec_cedar_link, struct rune_cedar_link);

struct rune_build {
    const struct rune_build_options *options;
    uint64_t max_memory_bytes; /* as the options have it, or the default */
    struct rune_diag *diag;
    struct rune_arena arena; /* everything that is parsed, but policies and what rules are of */
    struct rune_arena rule_trees; /* that, until they are evaluated */
    struct rune_dict *dict;
    bool has_mistakes;            /* the bundle's: reported */
    bool has_invalid_policies;    /* reported; rules are evaluated all the same */
    bool ids_by_position;         /* policyN whatever @id says: conformance */
    enum rune_dl_storing storing; /* of what is no entity data */

    struct rune_bundle bundle;
    struct rune_manifest manifest;
    struct rune_ids ids; /* of policies and rules */

    struct rune_vec_source sources;
    struct rune_vec_u32 source_files; /* by source: index of its bundle file */
    struct rune_vec_u32 source_of;    /* by bundle file: source index + 1; 0: not in the image */
    uint64_t source_bytes;

    struct rune_arena policy_arena;      /* trees and ids of policies, until they are compiled */
    struct rune_cedar_policies policies; /* static policies and templates, without links */
    struct rune_vec_cedar_link links;
    uint32_t template_count;
    bool policies_parsed; /* without mistakes: they may be compiled */
    struct rune_cedar_program program;
    struct rune_cedar_index index;

    struct rune_entity_table entities;
    bool has_schema;                       /* one is there, without mistakes */
    struct rune_cedar_schema cedar_schema; /* for checks at build */
    struct rune_schema schema;             /* for requests and entities */
    struct rune_vec_u32 schema_words;

    struct rune_map probed; /* attributes that rules derive as sets; see cedar/probes.h */
    struct rune_vec_dl_rule clauses;
    struct rune_fact_set facts;
    struct rune_dl_program rules;
    bool rules_checked;
    struct rune_dl_result derived;
    uint32_t rule_count;          /* as written */
    uint64_t derived_entity_data; /* parents, attributes and elements that rules added */

    uint64_t began_ns, phase_ns; /* CPU time of the thread */
    struct rune_build_result result;
};

/* ---- build.c ---- */

/* fini also after a failed init. */
RUNE_MUST_USE enum rune_err rune_build_init(struct rune_build *build,
                                            const struct rune_build_options *options,
                                            struct rune_diag *diag);
void rune_build_fini(struct rune_build *build);

/* The build's bundle is there: its manifest, or the defaults. */
RUNE_MUST_USE enum rune_err rune_build_read_manifest(struct rune_build *build);
/* Everything that is text: schema, policies, rules, and the facts beside them. */
RUNE_MUST_USE enum rune_err rune_build_parse(struct rune_build *build);
/* What was parsed becomes an image; fd < 0: nothing is written. RUNE_E_BUNDLE: there are mistakes.
 */
RUNE_MUST_USE enum rune_err rune_build_finish(struct rune_build *build, int fd);

/* Rules of some files alone may read what others define: they are not checked together. */
enum rune_build_extent { RUNE_BUILD_SOME_FILES, RUNE_BUILD_WHOLE };

/* Instead of finish: what was parsed is checked as far as that needs no evaluation. */
RUNE_MUST_USE enum rune_err rune_build_finish_check(struct rune_build *build,
                                                    enum rune_build_extent extent);

/* To the caller's progress, what the build is about to do. */
void rune_build_tell(const struct rune_build *build, const char *what);

/* What a stage returned: mistakes are kept in mind, everything else ends the build. */
RUNE_MUST_USE enum rune_err rune_build_stage(struct rune_build *build, enum rune_err err);

/* The place of a source in the image; the callback of both compilers. context: the build. */
uint32_t rune_build_source_index(void *context, const struct rune_source *source);

/* ---- build_schema.c ---- */

RUNE_MUST_USE enum rune_err rune_build_read_schema(struct rune_build *build);

/* ---- build_policies.c ---- */

RUNE_MUST_USE enum rune_err rune_build_parse_policies(struct rune_build *build);
RUNE_MUST_USE enum rune_err rune_build_read_links(struct rune_build *build);
/* Against the schema, if there is one and the manifest wants it. */
RUNE_MUST_USE enum rune_err rune_build_validate_policies(struct rune_build *build);
RUNE_MUST_USE enum rune_err rune_build_compile_policies(struct rune_build *build);

/* ---- build_rules.c ---- */

RUNE_MUST_USE enum rune_err rune_build_parse_rules(struct rune_build *build);
RUNE_MUST_USE enum rune_err rune_build_read_facts(struct rune_build *build);
RUNE_MUST_USE enum rune_err rune_build_check_rules(struct rune_build *build);
RUNE_MUST_USE enum rune_err rune_build_evaluate_rules(struct rune_build *build);

/* ---- build_slips.c ---- */

/* Warnings about checked rules that the facts of files keep from matching. RUNE_E_NOMEM. Cost: the
 * rules, and each column once that only entities make sense in and that has none. */
RUNE_MUST_USE enum rune_err rune_build_warn_slips(const struct rune_build *build);

/* What evaluation reads beside program and facts, as the entity tables stand now. fini also after
 * an error. */
struct rune_build_rule_input {
    struct rune_dl_entities entities;
    struct rune_dl_options options;
    rune_term *parents; /* both columns */
};
RUNE_MUST_USE enum rune_err rune_build_rule_input(const struct rune_build *build,
                                                  struct rune_build_rule_input *ret_input);
void rune_build_rule_input_fini(struct rune_build_rule_input *input);

/* ---- build_derive.c ---- */

/* Adds what rules derive of entity.parent, entity.attr and entity.element to the entity tables; the
 * rest of the rules, those of sets that are probed included, is in `ret_program` (in the build's
 * arena). RUNE_E_BUNDLE: mistakes, reported; and as rune_dl_evaluate. */
RUNE_MUST_USE enum rune_err rune_build_derive_entities(struct rune_build *build,
                                                       const struct rune_tuples *facts,
                                                       struct rune_dl_program *ret_program);

/* Set attributes whose elements are derived need not be in entity documents: `relax` makes them
 * optional in the schema until `require`, which must follow. */
RUNE_MUST_USE enum rune_err rune_build_relax_sets(struct rune_build *build,
                                                  struct rune_vec_u32 *relaxed);
void rune_build_require_sets(struct rune_build *build, struct rune_vec_u32 *relaxed);

/* ---- build_probe_links.c ---- */

/* Sets that rules derive, and which of them policies use as values; before policies are compiled.
 */
RUNE_MUST_USE enum rune_err rune_build_find_probed(struct rune_build *build);
/* Tells programs of policies which relations to probe; after rules were evaluated. */
RUNE_MUST_USE enum rune_err rune_build_link_probes(struct rune_build *build);

/* ---- build_image.c ---- */

RUNE_MUST_USE enum rune_err rune_build_write(struct rune_build *build, int fd);
