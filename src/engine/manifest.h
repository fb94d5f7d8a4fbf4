/* SPDX-License-Identifier: Apache-2.0 */
/* manifest: rune.toml (or the same tables of a .rune file) as a struct; unknown keys are errors
 * with a suggestion. Texts are borrowed from the arena. Specification: docs/language.md,
 * "rune.toml". Used by: engine/build, facts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "engine/bundle.h"
#include "rune/err.h"

enum rune_validation { RUNE_VALIDATION_STRICT, RUNE_VALIDATION_PERMISSIVE, RUNE_VALIDATION_OFF };

enum rune_column_kind {
    RUNE_COLUMN_ANY, /* undeclared: each field says by its form what it is */
    RUNE_COLUMN_INT,
    RUNE_COLUMN_STRING,
    RUNE_COLUMN_BOOL,
    RUNE_COLUMN_ENTITY, /* of `type` */
};

struct rune_column {
    enum rune_column_kind kind;
    struct rune_str type; /* full name of the entity type */
};

struct rune_manifest_relation {
    struct rune_str name;
    struct rune_column *columns;
    uint32_t column_count;
    struct rune_span span;
};

struct rune_manifest {
    struct rune_str name, version;   /* [bundle]; empty when not given */
    enum rune_validation validation; /* "strict" (default), "permissive", "off" */
    bool validate_requests;          /* default true */
    bool allow_request_entities;     /* request_entities = "on" (default) or "off" */
    /* errors = "cedar" (default) or "strict": an erroring forbid matches */
    bool strict_errors;
    /* [defaults]; empty when not given */
    struct rune_str principal_type, action_type, resource_type;
    struct rune_manifest_relation *relations; /* in order of the text */
    uint32_t relation_count;
};

/* From the bundle's manifest, or all defaults where it has none. RUNE_E_SYNTAX, RUNE_E_BUNDLE (all
 * problems are reported; *ret_manifest has what could be read, so that more can be checked),
 * RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_manifest_read(const struct rune_bundle *bundle,
                                               struct rune_arena *arena,
                                               struct rune_manifest *ret_manifest,
                                               struct rune_diag *diag);

/* The declaration of that relation, or NULL. Cost: O(relations). */
const struct rune_manifest_relation *
rune_manifest_find_relation(const struct rune_manifest *manifest, struct rune_str name);

/* What the rule language accepts as a name: lower-case, dots before lower-case letters only. */
bool rune_manifest_is_relation_name(struct rune_str name);
