/* SPDX-License-Identifier: Apache-2.0 */
/* image_format: the fact image, byte for byte.
 *
 * Owns: the layout. Knows: numbers and offsets. Does not know: how sections are made
 * (engine/build_image.c) or read (eval/store.c). FORMAT: any change here needs a new
 * RUNE_IMAGE_VERSION. docs/image-format.md says the same in prose.
 *
 * Little-endian. A file is
 *
 *     offset 0                 struct rune_image_header          (128 bytes)
 *     offset 128               struct rune_image_section[n]      (32 bytes each), ascending by id
 *     then, each 64-aligned    the sections, in table order, zero padding between
 *
 * and nothing else. The name of an image is the SHA-256 of the whole file with the header's own
 * `sha256` field taken as zeros. Same inputs give the same bytes: no time, no path of a machine, no
 * address goes in.
 *
 * Terms are model/term.h's u32. A "text" is the index of a string in the dictionary (not a term).
 * Everything is untrusted until verified: the container by shm/image_map.h, what sections mean by
 * eval/verify.h. */
#pragma once

#include <stdint.h>

#define RUNE_IMAGE_MAGIC        "RUNEIMG\n"
#define RUNE_IMAGE_VERSION      5u
#define RUNE_IMAGE_ALIGN        64u
#define RUNE_IMAGE_MAX_SECTIONS 64u
#define RUNE_IMAGE_ENGINE_MAJOR 0u /* of the builder that writes images today */
#define RUNE_IMAGE_ENGINE_MINOR 1u

/* What a sealed image carries: F_SEAL_WRITE | SHRINK | GROW | SEAL of <fcntl.h>. */
#define RUNE_IMAGE_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct rune_image_header {
    char magic[8];          /*   0  RUNE_IMAGE_MAGIC */
    uint32_t version;       /*   8  RUNE_IMAGE_VERSION */
    uint32_t section_count; /*  12 */
    uint64_t size;          /*  16  bytes of the whole image */
    uint8_t sha256[32];     /*  24  the image's name */
    uint32_t engine_major;  /*  56  version of the builder, for people */
    uint32_t engine_minor;  /*  60 */
    uint8_t reserved[64];   /*  64  zeros */
};

struct rune_image_section {
    uint32_t id;         /*   0  enum rune_section */
    uint32_t entry_size; /*   4  bytes of one entry, 1 for bytes */
    uint64_t offset;     /*   8  from the beginning of the image, 64-aligned */
    uint64_t size;       /*  16  bytes, = entry_size * count */
    uint64_t count;      /*  24  entries */
};

_Static_assert(sizeof(struct rune_image_header) == 128, "FORMAT");
_Static_assert(sizeof(struct rune_image_section) == 32, "FORMAT");

/* Section ids, entry sizes and meanings: shm/image_sections.def. */
enum rune_section {
#define RUNE_SECTION(name, id, entry_size, text) RUNE_SECTION_##name = id,
#include "shm/image_sections.def"
#undef RUNE_SECTION
};

/* How many sections there are: all of them, in the order of the .def, which is ascending. */
enum rune_section_count {
#define RUNE_SECTION(name, id, entry_size, text) RUNE_SECTION_PLACE_##name,
#include "shm/image_sections.def"
#undef RUNE_SECTION
    RUNE_IMAGE_SECTION_COUNT
};

/* ---- MANIFEST: one entry ---- */

enum rune_manifest_flag {
    /* a schema is there and requests are checked against it */
    RUNE_MANIFEST_VALIDATE_REQUESTS = 1u << 0,
    RUNE_MANIFEST_REQUEST_ENTITIES = 1u << 1, /* requests may bring entities and properties */
    RUNE_MANIFEST_ERRORS_STRICT = 1u << 2,    /* an erroring forbid counts as matching */
    RUNE_MANIFEST_HAS_SCHEMA = 1u << 3,
};

struct rune_image_manifest {
    uint32_t name;                   /* text; string 0 is the empty string in every dictionary */
    uint32_t bundle_version;         /* text */
    uint32_t flags;                  /* enum rune_manifest_flag */
    uint32_t validation;             /* 0 off, 1 permissive, 2 strict */
    uint32_t default_principal_type; /* string term, or RUNE_TERM_NONE */
    uint32_t default_action_type;
    uint32_t default_resource_type;
    /* entities with data (a dictionary also knows entities that are only named) */
    uint32_t entity_count;
    uint64_t base_facts;    /* tuples given */
    uint64_t derived_facts; /* tuples stored beyond those */
    uint32_t policy_count;  /* static policies and links */
    uint32_t template_count;
    uint32_t rule_count;
    uint32_t reserved[7]; /* zeros */
};

_Static_assert(sizeof(struct rune_image_manifest) == 88, "FORMAT");

/* ---- POLICY: one entry a static policy or template link ---- */

enum rune_effect { RUNE_EFFECT_PERMIT = 0, RUNE_EFFECT_FORBID = 1 };

struct rune_image_policy {
    uint32_t id;          /* text: what reasons name */
    uint16_t effect;      /* enum rune_effect */
    uint16_t entry;       /* word of its program where a request begins that found it by its key */
    uint32_t code;        /* first word in POLICY_CODE */
    uint32_t code_length; /* words */
    uint32_t max_stack;   /* values, checked by the verifier */
    uint32_t slot_principal; /* entity term that a link fills in, or RUNE_TERM_NONE */
    uint32_t slot_resource;
    uint32_t template_id;   /* text: the template linked, 0 for a static policy */
    uint32_t source;        /* SOURCE index */
    uint32_t source_offset; /* the policy's text in that source */
    uint32_t source_length;
    uint32_t annotations; /* first word of its run in ANNOTATION */
};

_Static_assert(sizeof(struct rune_image_policy) == 48, "FORMAT");

/* ---- CODE_SPAN, RULE_SPAN: where an instruction came from, ascending by `code` ---- */

struct rune_image_code_span {
    uint32_t code;   /* word of POLICY_CODE or RULE_CODE */
    uint32_t offset; /* in the source of the policy or rule */
    uint32_t length;
};

/* ---- POLICY_INDEX: scope -> candidate policies ----
 * Scope keys with their policies. eval/policy_index.h says which keys a request asks for, and how
 * POLICY_HASH finds them; the builder files each policy under exactly one kind of key, so no
 * candidate comes twice. */

struct rune_image_index_key {
    uint32_t kind; /* enum rune_scope_key of eval/policy_index.h */
    uint32_t a;    /* terms, by kind */
    uint32_t b;
    uint32_t c;
    uint32_t first; /* in POLICY_LIST; where count is 1, the policy itself */
    uint32_t count;
};

/* ---- SOURCE: texts for explanations ---- */

struct rune_image_source {
    uint32_t path;   /* text */
    uint32_t length; /* bytes */
    uint64_t offset; /* in SOURCE_BYTES */
};

/* ---- RELATION, ORDER: tuples as u32 columns ----
 * A relation is stored in one or more orders; eval/relation.h explains the forms and owns their
 * reading. */

enum rune_relation_flag {
    RUNE_RELATION_BASE = 1u << 0,    /* has facts from outside or from .dl */
    RUNE_RELATION_DERIVED = 1u << 1, /* is the head of rules */
    RUNE_RELATION_STORED = 1u << 2,  /* all its tuples are in the image */
    RUNE_RELATION_REQUEST = 1u << 3, /* depends on the request */
    /* FAILCLOSED: a derivation failed while it was computed: tuples may be missing */
    RUNE_RELATION_PARTIAL = 1u << 4,
    RUNE_RELATION_UNSURE = 1u << 5, /* FAILCLOSED: computed with `not` or an aggregate over a
                                       partial one: tuples may be there that should not */
    RUNE_RELATION_PERMIT = 1u << 6, /* `permit`; its plans come first in PLAN, */
    RUNE_RELATION_FORBID = 1u << 7, /* those of `forbid` next */
    /* demanded; every value of its first column is one of a stored tuple */
    RUNE_RELATION_BY_KEY = 1u << 8,
};

/* Three more bits of a relation's flags: what of entities its tuples are, for what a request
 * brings on top of them. */
enum rune_relation_data {
    RUNE_DATA_NONE,
    RUNE_DATA_ENTITY,  /* (entity) */
    RUNE_DATA_PARENT,  /* (entity, parent) */
    RUNE_DATA_ATTR,    /* (entity, name, value) */
    RUNE_DATA_TAG,     /* likewise */
    RUNE_DATA_ELEMENT, /* (entity, name, element) */
    RUNE_DATA_COUNT
};
#define RUNE_RELATION_DATA_SHIFT  9
#define RUNE_RELATION_DATA(flags) ((flags) >> RUNE_RELATION_DATA_SHIFT & 7u)

/* The upper half of a relation's flags: its stratum, saturated, for people. */
#define RUNE_RELATION_STRATUM(flags) ((flags) >> 16)

struct rune_image_relation {
    uint32_t name; /* text */
    uint32_t arity;
    uint32_t flags;       /* enum rune_relation_flag */
    uint32_t first_order; /* in ORDER */
    uint32_t order_count;
    uint32_t first_rule; /* in RULE: the rules of which it is the head, contiguous */
    uint32_t rule_count;
    uint32_t component;   /* recursive: which cycle it is part of, from 1; else 0 */
    uint64_t tuple_count; /* stored tuples */
};

_Static_assert(sizeof(struct rune_image_relation) == 40, "FORMAT");

struct rune_image_order {
    uint32_t relation;
    uint32_t form;        /* enum rune_order_form of eval/relation.h */
    uint8_t columns[8];   /* columns[i] is the relation's column at sort position i (the first 8) */
    uint32_t key_min;     /* by form */
    uint32_t key_count;   /* by form */
    uint64_t offset;      /* bytes into TUPLES, 8-aligned */
    uint64_t size;        /* bytes */
    uint32_t block_count; /* SPARSE: of its directory, else 0 */
    uint32_t shift;       /* SPARSE: each of 32 bits of a block stands for 2^shift terms */
    /* What follows from the rest, so that no search computes it: */
    uint64_t starts; /* bytes into TUPLES: where the keys' rows begin; 0: a form without keys */
    uint32_t tuples; /* distance of columns; 0: there is one column, or none */
    uint32_t reserved;
};

_Static_assert(sizeof(struct rune_image_order) == 64, "FORMAT");

/* ---- RULE: one entry a rule ---- */

struct rune_image_rule {
    uint32_t id;     /* text: what reasons name */
    uint32_t head;   /* RELATION index */
    uint32_t source; /* SOURCE index */
    uint32_t source_offset;
    uint32_t source_length;
    uint32_t annotations; /* first word of its run in ANNOTATION */
};

/* ---- PLAN: rules compiled for one binding pattern; eval/rule_code.h says what the words mean */

struct rune_image_plan {
    uint32_t relation; /* head */
    uint32_t bound;    /* bit i: column i is bound when the plan runs */
    uint32_t rule;     /* RULE index */
    uint32_t code;     /* first word in RULE_CODE */
    uint32_t code_length;
    uint32_t registers; /* values it needs, checked by the verifier */
    uint32_t flags;     /* eval/rule_code.h */
    uint32_t rows;      /* expected: what `rune plan` says, and a count decides by; saturated */
};

/* ---- AHEAD: rows that permit and forbid will read, found by a part of the request ---- */

struct rune_image_ahead {
    uint32_t order; /* ORDER index; its key is the part */
    uint32_t part;  /* 0 principal, 1 action, 2 resource */
};

_Static_assert(sizeof(struct rune_image_rule) == 24 && sizeof(struct rune_image_plan) == 32,
               "FORMAT");
