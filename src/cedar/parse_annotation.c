/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations, of policies and of all that schemas declare.
 *
 *     annotation := '@' name ['(' string ')'] */
#include "cedar/parser_int.h"

RUNE_VEC(rune_vec_annotation, struct rune_cedar_annotation);

/* LIMIT: keeps the search for duplicates from being quadratic in the text. */
#define MAX_ANNOTATIONS 1000u

static bool read_annotation(struct rune_cedar_parser *parser,
                            struct rune_cedar_annotation *ret_annotation)
{
    uint32_t start = parser->token.offset;
    struct rune_cedar_annotation annotation = {.value = RUNE_STR("")};
    rune_cedar_advance(parser);
    if (!rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        rune_cedar_expected(parser, "an annotation's name",
                            "an annotation is written @name(\"value\")");
        return false;
    }
    annotation.name = rune_cedar_text(parser, parser->token); /* reserved words are fine here */
    rune_cedar_advance(parser);
    uint32_t open = parser->token.offset;
    if (rune_cedar_accept(parser, RUNE_TOKEN_LPAREN)) {
        annotation.has_value = true;
        if (!rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
            rune_cedar_expected(parser, "a string", "an annotation is written @name(\"value\")");
            return false;
        }
        if (!rune_cedar_read_string(parser, &annotation.value) ||
            !rune_cedar_expect_close(parser, RUNE_TOKEN_RPAREN, open)) {
            return false;
        }
    }
    annotation.span = rune_cedar_span_from(parser, start);
    *ret_annotation = annotation;
    return true;
}

static void check_repetition(struct rune_cedar_parser *parser,
                             const struct rune_vec_annotation *list,
                             const struct rune_cedar_annotation *annotation)
{
    for (size_t i = 0; i < list->count; i++) {
        if (rune_str_equal(list->items[i].name, annotation->name)) {
            rune_cedar_error(parser, "RUNE-C0311", annotation->span, "keep one of them",
                             "%s two annotations @%.*s",
                             parser->lexer.mode == RUNE_LEX_SCHEMA ? "here are" : "this policy has",
                             RUNE_STR_ARG(annotation->name));
            rune_diag_note(parser->diag, list->items[i].span, "the first is here");
            return;
        }
    }
}

static bool add_annotation(struct rune_cedar_parser *parser, struct rune_vec_annotation *list)
{
    struct rune_cedar_annotation annotation;
    if (!read_annotation(parser, &annotation)) {
        return false;
    }
    check_repetition(parser, list, &annotation);
    if (list->count == MAX_ANNOTATIONS) {
        parser->limit = true;
        rune_cedar_error(parser, "RUNE-C0105", annotation.span, NULL, "%s can have %u annotations",
                         parser->lexer.mode == RUNE_LEX_SCHEMA ? "a declaration" : "a policy",
                         MAX_ANNOTATIONS);
        return false;
    }
    return RUNE_VEC_PUSH(list, annotation) || rune_cedar_nomem(parser);
}

bool rune_cedar_read_annotations(struct rune_cedar_parser *parser,
                                 const struct rune_cedar_annotation **ret_items,
                                 uint32_t *ret_count)
{
    struct rune_vec_annotation list = {0};
    bool ok = true;
    while (ok && rune_cedar_at(parser, RUNE_TOKEN_AT)) {
        ok = add_annotation(parser, &list);
    }
    ok = ok && rune_cedar_keep(parser, list.items, list.count, sizeof *list.items, ret_items);
    if (ok) {
        *ret_count = (uint32_t)list.count;
    }
    RUNE_VEC_FINI(&list);
    return ok;
}
