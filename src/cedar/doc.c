/* SPDX-License-Identifier: Apache-2.0 */
/* A stack of steps stands for the rest of the document; trying whether a group fits walks the same
 * stack without printing, at most as far as the line is wide. */
#include "cedar/doc.h"

#include <string.h>

const struct rune_doc rune_doc_space = {.kind = RUNE_DOC_TEXT, .number = 1, .as.text = {" ", 1}};
const struct rune_doc rune_doc_line = {.kind = RUNE_DOC_LINE};
const struct rune_doc rune_doc_break = {.kind = RUNE_DOC_BREAK};
const struct rune_doc rune_doc_hardline = {.kind = RUNE_DOC_HARDLINE};

/* ---- making ---- */

static struct rune_doc *make(struct rune_arena *arena, enum rune_doc_kind kind, uint32_t number)
{
    struct rune_doc *doc = rune_arena_alloc(arena, sizeof *doc);
    if (doc != NULL) {
        *doc = (struct rune_doc){.kind = kind, .number = number};
    }
    return doc;
}

static const struct rune_doc *make_parts(struct rune_arena *arena, enum rune_doc_kind kind,
                                         uint32_t number, const struct rune_doc *first,
                                         const struct rune_doc *second)
{
    struct rune_doc *doc = make(arena, kind, number);
    if (doc != NULL) {
        doc->as.parts.first = first;
        doc->as.parts.second = second;
    }
    return doc;
}

const struct rune_doc *rune_doc_text(struct rune_arena *arena, struct rune_str text)
{
    if (text.length == 0) {
        return NULL;
    }
    struct rune_doc *doc = make(arena, RUNE_DOC_TEXT, rune_text_columns(text));
    if (doc != NULL) {
        doc->as.text = text;
    }
    return doc;
}

const struct rune_doc *rune_doc_pair(struct rune_arena *arena, const struct rune_doc *first,
                                     const struct rune_doc *second)
{
    if (first == NULL || second == NULL) {
        return first == NULL ? second : first;
    }
    return make_parts(arena, RUNE_DOC_PAIR, 0, first, second);
}

const struct rune_doc *rune_doc_nest(struct rune_arena *arena, uint32_t spaces,
                                     const struct rune_doc *doc)
{
    return doc == NULL ? NULL : make_parts(arena, RUNE_DOC_NEST, spaces, doc, NULL);
}

const struct rune_doc *rune_doc_group(struct rune_arena *arena, const struct rune_doc *doc)
{
    if (doc == NULL || doc->kind == RUNE_DOC_TEXT || doc->kind == RUNE_DOC_GROUP) {
        return doc;
    }
    return make_parts(arena, RUNE_DOC_GROUP, 0, doc, NULL);
}

const struct rune_doc *rune_doc_concat(struct rune_arena *arena, const struct rune_doc *const *docs,
                                       size_t count)
{
    const struct rune_doc *all = NULL;
    for (size_t i = 0; i < count; i++) {
        all = rune_doc_pair(arena, all, docs[i]);
    }
    return all;
}

/* ---- printing ---- */

void rune_doc_printer_init(struct rune_doc_printer *printer, uint32_t width, size_t limit,
                           struct rune_buf *out)
{
    *printer = (struct rune_doc_printer){.width = width, .limit = limit, .out = out};
}

void rune_doc_printer_fini(struct rune_doc_printer *printer)
{
    RUNE_VEC_FINI(&printer->steps);
    RUNE_VEC_FINI(&printer->trial);
}

enum fit { FIT_UNKNOWN, FIT_YES, FIT_NO, FIT_NOMEM };

/* One node of a trial; what it consists of goes on the trial's stack, which has room for two. */
static enum fit try_node(struct rune_doc_printer *printer, const struct rune_doc *doc, bool is_flat,
                         uint32_t *column)
{
    struct rune_vec_doc *trial = &printer->trial;
    switch (doc->kind) {
    case RUNE_DOC_TEXT:
        *column += doc->number;
        break;
    case RUNE_DOC_LINE:
    case RUNE_DOC_BREAK:
        if (!is_flat) {
            return FIT_YES;
        }
        *column += doc->kind == RUNE_DOC_LINE;
        break;
    case RUNE_DOC_HARDLINE:
        return is_flat ? FIT_NO : FIT_YES;
    case RUNE_DOC_PAIR:
        trial->items[trial->count++] = doc->as.parts.second;
        trial->items[trial->count++] = doc->as.parts.first;
        break;
    case RUNE_DOC_NEST:
    case RUNE_DOC_GROUP:
        trial->items[trial->count++] = doc->as.parts.first;
        break;
    }
    return *column > printer->width ? FIT_NO : FIT_UNKNOWN;
}

/* Whether `doc`, flat, and what follows up to the next line end fit the rest of the line. */
static enum fit try_flat(struct rune_doc_printer *printer, const struct rune_doc *doc)
{
    size_t rest = printer->steps.count;
    uint32_t column = printer->column;
    bool is_flat = true;
    printer->trial.count = 0;
    for (;;) {
        if (!RUNE_VEC_RESERVE(&printer->trial, printer->trial.count + 2)) {
            return FIT_NOMEM;
        }
        enum fit fit = try_node(printer, doc, is_flat, &column);
        if (fit != FIT_UNKNOWN) {
            return fit;
        }
        if (printer->trial.count > 0) {
            doc = printer->trial.items[--printer->trial.count];
        } else if (rest > 0) {
            doc = printer->steps.items[--rest].doc; /* never flat: only what is not flat asks */
            is_flat = false;
        } else {
            return FIT_YES;
        }
    }
}

static void end_line(struct rune_doc_printer *printer, uint32_t indent)
{
    /* indented as what follows, which may stand further out than the line end itself */
    size_t count = printer->steps.count;
    printer->column = count > 0 ? printer->steps.items[count - 1].indent : indent;
    char *out = rune_buf_reserve(printer->out, (size_t)printer->column + 1);
    if (out != NULL) {
        out[0] = '\n';
        memset(out + 1, ' ', printer->column);
        printer->out->length += (size_t)printer->column + 1;
    }
}

static void print_text(struct rune_doc_printer *printer, const struct rune_doc *doc)
{
    rune_buf_append_str(printer->out, doc->as.text);
    printer->column += doc->number;
}

/* Takes one step; the stack has room for two more. */
static bool print_step(struct rune_doc_printer *printer, struct rune_doc_step step)
{
    struct rune_vec_doc_step *steps = &printer->steps;
    const struct rune_doc *doc = step.doc;
    switch (doc->kind) {
    case RUNE_DOC_TEXT:
        print_text(printer, doc);
        return true;
    case RUNE_DOC_HARDLINE:
        end_line(printer, step.indent);
        return true;
    case RUNE_DOC_LINE:
    case RUNE_DOC_BREAK:
        if (!step.is_flat) {
            end_line(printer, step.indent);
        } else if (doc->kind == RUNE_DOC_LINE) {
            print_text(printer, &rune_doc_space);
        }
        return true;
    case RUNE_DOC_PAIR:
        steps->items[steps->count++] =
            (struct rune_doc_step){doc->as.parts.second, step.indent, step.is_flat};
        break;
    case RUNE_DOC_NEST:
        step.indent += doc->number;
        break;
    case RUNE_DOC_GROUP:
        if (!step.is_flat) {
            enum fit fit = try_flat(printer, doc->as.parts.first);
            if (fit == FIT_NOMEM) {
                return false;
            }
            step.is_flat = fit == FIT_YES;
        }
        break;
    }
    step.doc = doc->as.parts.first;
    steps->items[steps->count++] = step;
    return true;
}

enum rune_err rune_doc_print(struct rune_doc_printer *printer, const struct rune_doc *doc)
{
    struct rune_vec_doc_step *steps = &printer->steps;
    printer->column = 0;
    steps->count = 0;
    if (doc == NULL) {
        return RUNE_OK;
    }
    if (!RUNE_VEC_PUSH(steps, ((struct rune_doc_step){doc, 0, false}))) {
        return RUNE_E_NOMEM;
    }
    while (steps->count > 0) {
        if (!RUNE_VEC_RESERVE(steps, steps->count + 2) ||
            !print_step(printer, steps->items[--steps->count])) {
            return RUNE_E_NOMEM;
        }
        if (printer->out->length > printer->limit) {
            return RUNE_E_LIMIT;
        }
    }
    return printer->out->failed ? RUNE_E_NOMEM : RUNE_OK;
}
