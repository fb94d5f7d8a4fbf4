/* SPDX-License-Identifier: Apache-2.0 */
/* Names, entity uids and strings. */
#include <string.h>

#include "cedar/parser_int.h"
#include "cedar/unescape.h"

bool rune_cedar_read_string(struct rune_cedar_parser *parser, struct rune_str *ret_text)
{
    struct rune_span span = rune_cedar_token_span(parser);
    *ret_text = RUNE_STR("");
    if (!parser->token.escaped) {
        *ret_text = (struct rune_str){span.source->text + span.offset + 1, span.length - 2};
        rune_cedar_advance(parser);
        return true;
    }
    enum rune_err err = rune_cedar_unescape(span, parser->arena, ret_text, parser->diag);
    if (err == RUNE_E_NOMEM) {
        return rune_cedar_nomem(parser);
    }
    parser->errors += err != RUNE_OK;
    rune_cedar_advance(parser);
    return true;
}

static void report_reserved(struct rune_cedar_parser *parser, struct rune_cedar_token token,
                            const char *what)
{
    struct rune_span span = {parser->lexer.source, token.offset, token.length};
    struct rune_str text = rune_cedar_text(parser, token);
    if (token.word == RUNE_WORD_CEDAR) {
        rune_cedar_error(parser, "RUNE-C0202", span, "choose another name",
                         "`__cedar` is reserved for Cedar itself");
    } else {
        bool is_schema = parser->lexer.mode == RUNE_LEX_SCHEMA;
        rune_cedar_error(parser, "RUNE-C0202", span,
                         is_schema ? "choose another name; an attribute's stands in quotes"
                                   : "a reserved word in quotes is fine: x[\"if\"], {\"if\": 1}, "
                                     "x has \"if\"",
                         "`%.*s` is a reserved word and cannot be %s", RUNE_STR_ARG(text), what);
    }
}

bool rune_cedar_read_ident(struct rune_cedar_parser *parser, const char *what,
                           struct rune_str *ret_name)
{
    struct rune_cedar_token token = parser->token;
    if (token.kind != RUNE_TOKEN_IDENT) {
        rune_cedar_expected(parser, what, NULL);
        return false;
    }
    if (rune_cedar_word_is_reserved((enum rune_cedar_word)token.word)) {
        report_reserved(parser, token, what);
    }
    *ret_name = rune_cedar_text(parser, token);
    rune_cedar_advance(parser);
    return true;
}

/* The parts pushed on parser->names since `first`, joined by "::". Borrowed from the text when it
 * is written so. */
static bool join_name(struct rune_cedar_parser *parser, size_t first, uint32_t start, uint32_t end,
                      struct rune_str *ret_name)
{
    struct rune_str *parts = parser->names.items + first;
    size_t count = parser->names.count - first;
    size_t length = 2 * (count - 1);
    for (size_t i = 0; i < count; i++) {
        length += parts[i].length;
    }
    parser->names.count = first;
    if (length == end - start) {
        *ret_name = (struct rune_str){parser->lexer.source->text + start, length};
        return true;
    }
    char *out = rune_arena_alloc_aligned(parser->arena, length, 1);
    if (out == NULL) {
        return rune_cedar_nomem(parser);
    }
    *ret_name = (struct rune_str){out, length};
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            memcpy(out, "::", 2);
            out += 2;
        }
        memcpy(out, parts[i].data, parts[i].length);
        out += parts[i].length;
    }
    return true;
}

/* `A::{ ... }`: the grammar has it, the language does not. */
static bool skip_entity_braces(struct rune_cedar_parser *parser, uint32_t start)
{
    while (!rune_cedar_at(parser, RUNE_TOKEN_RBRACE)) {
        if (rune_cedar_at(parser, RUNE_TOKEN_END)) {
            rune_cedar_expected(parser, "`}`", NULL);
            return false;
        }
        rune_cedar_advance(parser);
    }
    rune_cedar_advance(parser);
    rune_cedar_error(parser, "RUNE-C0415", rune_cedar_span_from(parser, start),
                     "an entity is written like User::\"alice\"", "this is no entity");
    return true;
}

bool rune_cedar_read_name(struct rune_cedar_parser *parser, struct rune_cedar_name *ret_name)
{
    uint32_t start = parser->token.offset;
    size_t first = parser->names.count;
    memset(ret_name, 0, sizeof *ret_name);
    ret_name->word = (enum rune_cedar_word)parser->token.word;
    uint32_t end;
    for (;;) {
        struct rune_str part;
        if (!rune_cedar_read_ident(parser, "a name", &part)) {
            parser->names.count = first;
            return false;
        }
        if (!RUNE_VEC_PUSH(&parser->names, part)) {
            return rune_cedar_nomem(parser);
        }
        end = parser->last_end;
        if (!rune_cedar_accept(parser, RUNE_TOKEN_PATH)) {
            break;
        }
        if (rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
            ret_name->kind = RUNE_CEDAR_UID;
            if (!rune_cedar_read_string(parser, &ret_name->uid.id)) {
                return false;
            }
            break;
        }
        if (rune_cedar_at(parser, RUNE_TOKEN_LBRACE)) {
            ret_name->kind = RUNE_CEDAR_UID;
            if (!skip_entity_braces(parser, start)) {
                return false;
            }
            break;
        }
        ret_name->is_qualified = true;
    }
    ret_name->span = rune_cedar_span_from(parser, start);
    return join_name(parser, first, start, end, &ret_name->uid.type);
}

bool rune_cedar_read_type(struct rune_cedar_parser *parser, struct rune_str *ret_name)
{
    static const char help[] = "write a type's name, like `User` or `Namespace::User`";
    struct rune_cedar_name name;
    if (!rune_cedar_at(parser, RUNE_TOKEN_IDENT)) {
        bool is_string = rune_cedar_at(parser, RUNE_TOKEN_STRING);
        rune_cedar_expected(parser, "an entity type",
                            is_string ? "write the type without quotes: is User" : help);
        return false;
    }
    if (!rune_cedar_read_name(parser, &name)) {
        return false;
    }
    if (name.kind == RUNE_CEDAR_UID) {
        rune_cedar_error(parser, "RUNE-C0410", name.span,
                         "test for one entity with `==`, for a type with `is`",
                         "`is` wants an entity type, this is one entity");
    }
    *ret_name = name.uid.type;
    return true;
}
