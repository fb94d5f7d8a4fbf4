/* SPDX-License-Identifier: Apache-2.0 */
/* bundle: a directory, or one .rune file, as a list of sources by kind.
 *
 * Owns: the texts (in the arena); facts files stay on disk and are streamed by engine/facts. Does
 * not know: what the texts mean. A bundle that changes while it is read is read again, so that a
 * half-copied directory is never built: names, inodes, sizes and times are compared before and
 * after; rune_bundle_check_unchanged repeats the comparison once the facts files were streamed too.
 * Reading all of a bundle that changes all the time must not take long: then facts are texts, too.
 * Specification: docs/language.md, "Bundles". Used by: engine/build, cli. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/fs.h"
#include "rune/err.h"

enum rune_bundle_kind {
    RUNE_BUNDLE_POLICIES,    /* *.cedar */
    RUNE_BUNDLE_SCHEMA,      /* *.cedarschema */
    RUNE_BUNDLE_SCHEMA_JSON, /* *.cedarschema.json */
    RUNE_BUNDLE_ENTITIES,    /* *.entities.json, entities/ *.json */
    RUNE_BUNDLE_LINKS,       /* *.links.json */
    RUNE_BUNDLE_RULES,       /* *.dl */
    RUNE_BUNDLE_FACTS_TSV,   /* facts/NAME.tsv; without a text: see `file_path` */
    RUNE_BUNDLE_FACTS_CSV,
    RUNE_BUNDLE_FACTS_JSONL,
    RUNE_BUNDLE_DATA, /* [data] of a .rune file: TOML with the table `data` */
    /* rune.toml, or version, [metadata], [defaults], [relations.NAME] of a .rune file */
    RUNE_BUNDLE_MANIFEST,
    RUNE_BUNDLE_TESTS_TOML, /* *.tests.toml, [tests.NAME] */
    RUNE_BUNDLE_TESTS_JSON,
    RUNE_BUNDLE_KIND_COUNT
};

/* What becomes of facts files: they stay where they are, or are read with all others. */
enum rune_bundle_facts { RUNE_BUNDLE_FACTS_STREAMED, RUNE_BUNDLE_FACTS_READ };

struct rune_bundle_file {
    enum rune_bundle_kind kind;
    struct rune_source source; /* path relative to the bundle; text empty for facts files */
    struct rune_str relation;  /* facts files: NAME */
    const char *file_path;     /* facts files: where to open it; NULL: its text was read */
    uint64_t size_bytes;
};

struct rune_bundle {
    const char *path;               /* as given */
    bool is_file;                   /* a .rune file */
    bool is_streamed;               /* a facts file stayed on disk */
    struct rune_bundle_file *files; /* bytewise order of their paths */
    uint32_t count;
    struct rune_fs_entry *entries; /* what the comparison sees */
    size_t entry_count;
};

/* LIMITS of what is read as text: one file 256 MiB (entities 2 GiB), all together 3 GiB; 100,000
 * files. Facts files above 256 MiB together stay on disk, whatever is asked for. */

/* Reads the bundle. Texts live in the arena and are given to all later stages. RUNE_E_NOT_FOUND,
 * RUNE_E_IO, RUNE_E_BUNDLE (a .rune file's sections; no bundle at all), RUNE_E_BUSY (it kept
 * changing), RUNE_E_LIMIT, RUNE_E_NOMEM. */
RUNE_MUST_USE enum rune_err rune_bundle_open(const char *path, enum rune_bundle_facts facts,
                                             struct rune_arena *arena,
                                             struct rune_bundle *ret_bundle,
                                             struct rune_diag *diag);

/* RUNE_E_BUSY if the bundle on disk is no longer what was read: build again from the beginning. */
RUNE_MUST_USE enum rune_err rune_bundle_check_unchanged(const struct rune_bundle *bundle,
                                                        struct rune_arena *arena,
                                                        struct rune_diag *diag);

/* The first file of that kind at or behind `from`, or `count` when there is none:
 * for (i = rune_bundle_next(b, kind, 0); i < b->count; i = rune_bundle_next(b, kind, i + 1)). */
uint32_t rune_bundle_next(const struct rune_bundle *bundle, enum rune_bundle_kind kind,
                          uint32_t from);

/* What a file is by its path below the bundle's root: sets `kind`, and `relation` of facts. False:
 * no part of a bundle. */
bool rune_bundle_classify(struct rune_str path, struct rune_bundle_file *file);

/* Warns (RUNE-B0105) of a file that is no part of a bundle by its path, though its name looks
 * meant: entities.json, a manifest in a subdirectory, x.CEDAR (bundle_misnamed.c). `path` as in
 * messages. */
void rune_bundle_warn_misnamed(const char *path, struct rune_diag *diag);

/* Files and directories as one bundle that need not be whole (bundle_collect.c): paths in messages
 * are as given, `path` is NULL; there is room for one file more. RUNE_E_BUNDLE: a file whose name
 * does not say what it is; else as rune_bundle_open. */
RUNE_MUST_USE enum rune_err rune_bundle_collect(const char *const *paths, size_t count,
                                                struct rune_arena *arena,
                                                struct rune_bundle *ret_bundle,
                                                struct rune_diag *diag);
