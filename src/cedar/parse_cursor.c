/* SPDX-License-Identifier: Apache-2.0 */
/* Where a parser stands in its text, what it says about it, what it keeps. Nothing here knows what
 * policies or schemas look like. */
#include <string.h>

#include "base/utf8.h"
#include "cedar/foreign.h"
#include "cedar/parser_int.h"

/* ---- the parser ---- */

void rune_cedar_parser_fini(struct rune_cedar_parser *parser)
{
    RUNE_VEC_FINI(&parser->exprs);
    RUNE_VEC_FINI(&parser->names);
}

enum rune_err rune_cedar_parser_init(struct rune_cedar_parser *parser,
                                     const struct rune_source *source,
                                     enum rune_cedar_lexer_mode mode, struct rune_arena *arena,
                                     struct rune_diag *diag)
{
    memset(parser, 0, sizeof *parser);
    size_t valid = rune_utf8_valid_prefix(source->text, source->length);
    if (valid < source->length) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0001",
                         (struct rune_span){source, (uint32_t)valid, 1}, "save the file as UTF-8",
                         "this byte is not UTF-8");
        return RUNE_E_SYNTAX;
    }
    parser->arena = arena;
    parser->diag = diag;
    rune_cedar_lexer_init(&parser->lexer, source, mode);
    parser->token = rune_cedar_lexer_next(&parser->lexer);
    /* Lists that are empty still point into the stacks. */
    if (!RUNE_VEC_RESERVE(&parser->exprs, 16) || !RUNE_VEC_RESERVE(&parser->names, 16)) {
        rune_cedar_parser_fini(parser);
        return RUNE_E_NOMEM;
    }
    return RUNE_OK;
}

enum rune_err rune_cedar_parser_result(const struct rune_cedar_parser *parser)
{
    if (parser->fatal != RUNE_OK) {
        return parser->fatal;
    }
    return parser->limit ? RUNE_E_LIMIT : parser->errors > 0 ? RUNE_E_SYNTAX : RUNE_OK;
}

/* ---- tokens ---- */

struct rune_span rune_cedar_token_span(const struct rune_cedar_parser *parser)
{
    return (struct rune_span){parser->lexer.source, parser->token.offset, parser->token.length};
}

struct rune_str rune_cedar_text(const struct rune_cedar_parser *parser,
                                struct rune_cedar_token token)
{
    return rune_cedar_token_str(&parser->lexer, token);
}

/* ---- messages ---- */

void rune_cedar_error(struct rune_cedar_parser *parser, const char *code, struct rune_span span,
                      const char *help, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport(parser->diag, RUNE_ERROR, code, span, help, fmt, args);
    va_end(args);
    parser->errors++;
}

void rune_cedar_expected(struct rune_cedar_parser *parser, const char *what, const char *help)
{
    struct rune_cedar_token token = parser->token;
    if (token.kind == RUNE_TOKEN_INVALID) {
        parser->errors++;
        rune_cedar_token_report(&parser->lexer, token, parser->diag);
        return;
    }
    struct rune_str text = rune_cedar_text(parser, token);
    if (help == NULL && token.kind == RUNE_TOKEN_IDENT && parser->lexer.mode == RUNE_LEX_POLICY) {
        help = rune_foreign_help(RUNE_FOREIGN_EXPR, text);
    }
    if (token.kind == RUNE_TOKEN_END) {
        rune_cedar_error(parser, "RUNE-C0201", rune_cedar_token_span(parser), help,
                         "expected %s, but the text ends here", what);
    } else {
        bool is_long = text.length > 40;
        rune_cedar_error(parser, "RUNE-C0201", rune_cedar_token_span(parser), help,
                         "expected %s, found `%.*s%s`", what, is_long ? 36 : (int)text.length,
                         text.data, is_long ? ".." : "");
    }
}

bool rune_cedar_expect(struct rune_cedar_parser *parser, enum rune_cedar_token_kind kind,
                       const char *help)
{
    if (rune_cedar_accept(parser, kind)) {
        return true;
    }
    rune_cedar_expected(parser, rune_cedar_token_text(kind), help);
    return false;
}

bool rune_cedar_expect_close(struct rune_cedar_parser *parser, enum rune_cedar_token_kind kind,
                             uint32_t open)
{
    if (rune_cedar_accept(parser, kind)) {
        return true;
    }
    bool is_invalid = rune_cedar_at(parser, RUNE_TOKEN_INVALID);
    rune_cedar_expected(parser, rune_cedar_token_text(kind), NULL);
    if (!is_invalid) {
        rune_diag_note(parser->diag, (struct rune_span){parser->lexer.source, open, 1},
                       "to close this");
    }
    return false;
}

/* ---- memory ---- */

bool rune_cedar_nomem(struct rune_cedar_parser *parser)
{
    parser->fatal = RUNE_E_NOMEM;
    return false;
}

bool rune_cedar_keep(struct rune_cedar_parser *parser, const void *items, size_t count, size_t size,
                     void *ret_items)
{
    void *copy = NULL;
    if (count > 0) {
        copy = rune_arena_memdup(parser->arena, items, count * size);
        if (copy == NULL) {
            return rune_cedar_nomem(parser);
        }
    }
    memcpy(ret_items, &copy, sizeof copy);
    return true;
}
