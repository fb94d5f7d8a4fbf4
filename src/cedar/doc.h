/* SPDX-License-Identifier: Apache-2.0 */
/* doc: documents with several layouts, printed in the best one (Wadler's algebra, printed as
 * Leijen does).
 *
 * A document is text and possible line ends. A group is laid out on one line if that fits the width
 * up to the next line end that is certain, else its own line ends become real ones; groups inside
 * are tried again. A line end takes the indentation of what follows it.
 * Owns: nothing: nodes live in an arena and borrow their texts; NULL is the empty document. A
 * failed arena makes documents empty: test it once at the end. Knows nothing of Cedar.
 * Thread: one an arena. Used by: formatter. */
#pragma once

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/vec.h"

enum rune_doc_kind {
    RUNE_DOC_TEXT,
    RUNE_DOC_LINE,     /* a line's end, or a space when flat */
    RUNE_DOC_BREAK,    /* a line's end, or nothing when flat */
    RUNE_DOC_HARDLINE, /* a line's end; what it is in does not fit a line */
    RUNE_DOC_PAIR,
    RUNE_DOC_NEST,
    RUNE_DOC_GROUP,
};

struct rune_doc {
    enum rune_doc_kind kind;
    uint32_t number; /* TEXT: columns; NEST: spaces */
    union {
        struct rune_str text;
        struct {
            const struct rune_doc *first, *second; /* NEST, GROUP: first alone */
        } parts;
    } as;
};

extern const struct rune_doc rune_doc_space, rune_doc_line, rune_doc_break, rune_doc_hardline;

const struct rune_doc *rune_doc_text(struct rune_arena *arena, struct rune_str text);
const struct rune_doc *rune_doc_pair(struct rune_arena *arena, const struct rune_doc *first,
                                     const struct rune_doc *second);
const struct rune_doc *rune_doc_nest(struct rune_arena *arena, uint32_t spaces,
                                     const struct rune_doc *doc);
const struct rune_doc *rune_doc_group(struct rune_arena *arena, const struct rune_doc *doc);

/* All of them one after another: RUNE_DOC_CONCAT(arena, a, b, c). */
const struct rune_doc *rune_doc_concat(struct rune_arena *arena, const struct rune_doc *const *docs,
                                       size_t count);
#define RUNE_DOC_CONCAT(arena, ...)                                         \
    rune_doc_concat((arena), (const struct rune_doc *const[]){__VA_ARGS__}, \
                    sizeof((const struct rune_doc *const[]){__VA_ARGS__}) / \
                        sizeof(const struct rune_doc *))

struct rune_doc_step {
    const struct rune_doc *doc;
    uint32_t indent;
    bool is_flat;
};

RUNE_VEC(rune_vec_doc_step, struct rune_doc_step);
RUNE_VEC(rune_vec_doc, const struct rune_doc *);

/* What is still to be printed; kept between documents, so that each does not allocate anew. */
struct rune_doc_printer {
    uint32_t width; /* columns of a line */
    size_t limit;   /* bytes that `out` may hold at most */
    struct rune_buf *out;
    uint32_t column;
    struct rune_vec_doc_step steps;
    struct rune_vec_doc trial;
};

void rune_doc_printer_init(struct rune_doc_printer *printer, uint32_t width, size_t limit,
                           struct rune_buf *out);
void rune_doc_printer_fini(struct rune_doc_printer *printer);

/* Appends the document from column 0. RUNE_E_NOMEM, RUNE_E_LIMIT. No recursion.
 * Cost: O(nodes + groups * width). */
RUNE_MUST_USE enum rune_err rune_doc_print(struct rune_doc_printer *printer,
                                           const struct rune_doc *doc);

/* Columns that UTF-8 takes on a terminal: 2 for wide characters, 0 for marks that combine (Unicode
 * 15.1). What is not UTF-8 counts 1 a byte. */
uint32_t rune_text_columns(struct rune_str text);
