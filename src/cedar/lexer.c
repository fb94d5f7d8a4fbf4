/* SPDX-License-Identifier: Apache-2.0 */
/* One table says what each byte may begin; the rest is a switch. ASCII never leaves the fast path.
 */
#include "cedar/lexer.h"

#include <string.h>

#include "base/utf8.h"

enum { CLASS_OTHER, CLASS_SPACE, CLASS_IDENT, CLASS_DIGIT };

static const uint8_t classes[256] = {
    ['\t'] = CLASS_SPACE, ['\n'] = CLASS_SPACE, ['\v'] = CLASS_SPACE, ['\f'] = CLASS_SPACE,
    ['\r'] = CLASS_SPACE, [' '] = CLASS_SPACE,  ['_'] = CLASS_IDENT,  ['a'] = CLASS_IDENT,
    ['b'] = CLASS_IDENT,  ['c'] = CLASS_IDENT,  ['d'] = CLASS_IDENT,  ['e'] = CLASS_IDENT,
    ['f'] = CLASS_IDENT,  ['g'] = CLASS_IDENT,  ['h'] = CLASS_IDENT,  ['i'] = CLASS_IDENT,
    ['j'] = CLASS_IDENT,  ['k'] = CLASS_IDENT,  ['l'] = CLASS_IDENT,  ['m'] = CLASS_IDENT,
    ['n'] = CLASS_IDENT,  ['o'] = CLASS_IDENT,  ['p'] = CLASS_IDENT,  ['q'] = CLASS_IDENT,
    ['r'] = CLASS_IDENT,  ['s'] = CLASS_IDENT,  ['t'] = CLASS_IDENT,  ['u'] = CLASS_IDENT,
    ['v'] = CLASS_IDENT,  ['w'] = CLASS_IDENT,  ['x'] = CLASS_IDENT,  ['y'] = CLASS_IDENT,
    ['z'] = CLASS_IDENT,  ['A'] = CLASS_IDENT,  ['B'] = CLASS_IDENT,  ['C'] = CLASS_IDENT,
    ['D'] = CLASS_IDENT,  ['E'] = CLASS_IDENT,  ['F'] = CLASS_IDENT,  ['G'] = CLASS_IDENT,
    ['H'] = CLASS_IDENT,  ['I'] = CLASS_IDENT,  ['J'] = CLASS_IDENT,  ['K'] = CLASS_IDENT,
    ['L'] = CLASS_IDENT,  ['M'] = CLASS_IDENT,  ['N'] = CLASS_IDENT,  ['O'] = CLASS_IDENT,
    ['P'] = CLASS_IDENT,  ['Q'] = CLASS_IDENT,  ['R'] = CLASS_IDENT,  ['S'] = CLASS_IDENT,
    ['T'] = CLASS_IDENT,  ['U'] = CLASS_IDENT,  ['V'] = CLASS_IDENT,  ['W'] = CLASS_IDENT,
    ['X'] = CLASS_IDENT,  ['Y'] = CLASS_IDENT,  ['Z'] = CLASS_IDENT,  ['0'] = CLASS_DIGIT,
    ['1'] = CLASS_DIGIT,  ['2'] = CLASS_DIGIT,  ['3'] = CLASS_DIGIT,  ['4'] = CLASS_DIGIT,
    ['5'] = CLASS_DIGIT,  ['6'] = CLASS_DIGIT,  ['7'] = CLASS_DIGIT,  ['8'] = CLASS_DIGIT,
    ['9'] = CLASS_DIGIT,
};

static inline uint8_t class_of(char c)
{
    return classes[(unsigned char)c];
}

void rune_cedar_lexer_init(struct rune_cedar_lexer *lexer, const struct rune_source *source,
                           enum rune_cedar_lexer_mode mode)
{
    lexer->source = source;
    lexer->cursor = source->text;
    lexer->end = source->text + source->length;
    lexer->mode = mode;
}

const char *rune_cedar_token_text(enum rune_cedar_token_kind kind)
{
    static const char *const texts[] = {
#define RUNE_TOKEN(name, text) text,
#include "cedar/tokens.def"
#undef RUNE_TOKEN
    };
    return texts[kind];
}

enum rune_cedar_word rune_cedar_word_find(struct rune_str text)
{
    static const struct {
        struct rune_str text;
        enum rune_cedar_word word;
    } words[] = {
        /* by first letter; starts[] says where each begins */
        {{"__cedar", 7}, RUNE_WORD_CEDAR},   {{"action", 6}, RUNE_WORD_ACTION},
        {{"context", 7}, RUNE_WORD_CONTEXT}, {{"else", 4}, RUNE_WORD_ELSE},
        {{"false", 5}, RUNE_WORD_FALSE},     {{"forbid", 6}, RUNE_WORD_FORBID},
        {{"has", 3}, RUNE_WORD_HAS},         {{"in", 2}, RUNE_WORD_IN},
        {{"is", 2}, RUNE_WORD_IS},           {{"if", 2}, RUNE_WORD_IF},
        {{"like", 4}, RUNE_WORD_LIKE},       {{"principal", 9}, RUNE_WORD_PRINCIPAL},
        {{"permit", 6}, RUNE_WORD_PERMIT},   {{"resource", 8}, RUNE_WORD_RESOURCE},
        {{"true", 4}, RUNE_WORD_TRUE},       {{"then", 4}, RUNE_WORD_THEN},
        {{"unless", 6}, RUNE_WORD_UNLESS},   {{"when", 4}, RUNE_WORD_WHEN},
        {{"", 1}, RUNE_WORD_NONE}, /* a first letter that nothing has */
    };
    static const uint8_t starts[256] = {
        /* 1 + the first */
        ['_'] = 1,  ['a'] = 2,  ['c'] = 3,  ['e'] = 4,  ['f'] = 5,  ['h'] = 7, ['i'] = 8,
        ['l'] = 11, ['p'] = 12, ['r'] = 14, ['t'] = 15, ['u'] = 17, ['w'] = 18};
    char first = text.length > 0 ? text.data[0] : '\0';
    uint8_t start = starts[(unsigned char)first];
    for (size_t i = start - 1u; start > 0 && words[i].text.data[0] == first; i++) {
        if (rune_str_equal(words[i].text, text)) {
            return words[i].word;
        }
    }
    return RUNE_WORD_NONE;
}

/* Past white space and comments. A comment ends before the line's end, which is white space. */
static const char *skip_blank(const char *p, const char *end)
{
    for (;;) {
        while (p < end && class_of(*p) == CLASS_SPACE) {
            p++;
        }
        if (p == end) {
            return p;
        }
        if (*p == '/') {
            if (end - p < 2 || p[1] != '/') {
                return p;
            }
            while (p < end && *p != '\n' && *p != '\r') {
                p++;
            }
        } else if ((signed char)*p < 0) {
            size_t size;
            int32_t c = rune_utf8_decode(p, (size_t)(end - p), &size);
            if (c < 0 || !rune_utf8_is_space((uint32_t)c)) {
                return p;
            }
            p += size;
        } else {
            return p;
        }
    }
}

static const char *skip_ident(const char *p, const char *end)
{
    while (p < end && class_of(*p) >= CLASS_IDENT) {
        p++;
    }
    return p;
}

static const char *lex_string(struct rune_cedar_token *token, const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\') {
            token->escaped = 1;
            p++;
            if (p == end) {
                break;
            }
            if (*p == '\n') {
                token->kind = RUNE_TOKEN_INVALID;
                token->flaw = RUNE_FLAW_NEWLINE;
            }
        } else if (*p == '\r') {
            token->escaped = 1; /* a bare carriage return: unescape refuses it */
        }
    }
    if (p == end) {
        token->kind = RUNE_TOKEN_INVALID;
        token->flaw = RUNE_FLAW_STRING;
        return end;
    }
    return p + 1;
}

static const char *lex_invalid(struct rune_cedar_token *token, const char *p, const char *end)
{
    token->kind = RUNE_TOKEN_INVALID;
    token->flaw = *p == '&'    ? RUNE_FLAW_AND
                  : *p == '|'  ? RUNE_FLAW_OR
                  : *p == '\'' ? RUNE_FLAW_QUOTE
                               : RUNE_FLAW_CHARACTER;
    size_t size;
    return rune_utf8_decode(p, (size_t)(end - p), &size) < 0 ? p + 1 : p + size;
}

static const char *lex_slot(struct rune_cedar_token *token, const struct rune_cedar_lexer *lexer,
                            const char *p)
{
    if (lexer->mode == RUNE_LEX_SCHEMA) {
        token->kind = RUNE_TOKEN_QUESTION;
        return p + 1;
    }
    if (p + 1 < lexer->end && class_of(p[1]) == CLASS_IDENT) {
        token->kind = RUNE_TOKEN_SLOT;
        return skip_ident(p + 1, lexer->end);
    }
    return lex_invalid(token, p, lexer->end);
}

/* One byte, or two if the second is `second`. */
static const char *lex_pair(struct rune_cedar_token *token, const struct rune_cedar_lexer *lexer,
                            const char *p, char second, uint8_t one, uint8_t two)
{
    bool pair =
        lexer->end - p >= 2 && p[1] == second && (second == ':' || lexer->mode == RUNE_LEX_POLICY);
    token->kind = pair ? two : one;
    return p + (pair ? 2 : 1);
}

static const char *lex_punctuation(struct rune_cedar_token *token,
                                   const struct rune_cedar_lexer *lexer, const char *p)
{
    static const uint8_t single[128] = {
        ['@'] = RUNE_TOKEN_AT,        ['.'] = RUNE_TOKEN_DOT,     [','] = RUNE_TOKEN_COMMA,
        [';'] = RUNE_TOKEN_SEMICOLON, ['('] = RUNE_TOKEN_LPAREN,  [')'] = RUNE_TOKEN_RPAREN,
        ['{'] = RUNE_TOKEN_LBRACE,    ['}'] = RUNE_TOKEN_RBRACE,  ['['] = RUNE_TOKEN_LBRACKET,
        [']'] = RUNE_TOKEN_RBRACKET,  ['+'] = RUNE_TOKEN_PLUS,    ['-'] = RUNE_TOKEN_MINUS,
        ['*'] = RUNE_TOKEN_STAR,      ['%'] = RUNE_TOKEN_PERCENT,
    };
    const char *end = lexer->end;
    if ((signed char)*p >= 0 && single[(unsigned char)*p] != 0) {
        token->kind = single[(unsigned char)*p];
        return p + 1;
    }
    switch (*p) {
    case ':':
        return lex_pair(token, lexer, p, ':', RUNE_TOKEN_COLON, RUNE_TOKEN_PATH);
    case '=':
        return lex_pair(token, lexer, p, '=', RUNE_TOKEN_ASSIGN, RUNE_TOKEN_EQ);
    case '!':
        return lex_pair(token, lexer, p, '=', RUNE_TOKEN_BANG, RUNE_TOKEN_NE);
    case '<':
        return lex_pair(token, lexer, p, '=', RUNE_TOKEN_LT, RUNE_TOKEN_LE);
    case '>':
        return lex_pair(token, lexer, p, '=', RUNE_TOKEN_GT, RUNE_TOKEN_GE);
    case '/':
        if (end - p >= 2 && p[1] == '*') {
            token->kind = RUNE_TOKEN_INVALID;
            token->flaw = RUNE_FLAW_COMMENT;
            return p + 2;
        }
        token->kind = RUNE_TOKEN_SLASH;
        return p + 1;
    case '&':
    case '|':
        if (end - p >= 2 && p[1] == *p) {
            token->kind = *p == '&' ? RUNE_TOKEN_AND : RUNE_TOKEN_OR;
            return p + 2;
        }
        return lex_invalid(token, p, end);
    case '?':
        return lex_slot(token, lexer, p);
    default:
        return lex_invalid(token, p, end);
    }
}

struct rune_cedar_token rune_cedar_lexer_next(struct rune_cedar_lexer *lexer)
{
    const char *end = lexer->end;
    const char *p = skip_blank(lexer->cursor, end);
    const char *start = p;
    struct rune_cedar_token token = {.kind = RUNE_TOKEN_END, .word = RUNE_WORD_NONE};
    token.offset = (uint32_t)(p - lexer->source->text);
    if (p < end) {
        switch (class_of(*p)) {
        case CLASS_IDENT:
            p = skip_ident(p, end);
            token.kind = RUNE_TOKEN_IDENT;
            token.word =
                (uint8_t)rune_cedar_word_find((struct rune_str){start, (size_t)(p - start)});
            break;
        case CLASS_DIGIT:
            while (p < end && class_of(*p) == CLASS_DIGIT) {
                p++;
            }
            token.kind = RUNE_TOKEN_NUMBER;
            break;
        default:
            if (*p == '"') {
                token.kind = RUNE_TOKEN_STRING;
                p = lex_string(&token, p, end);
            } else {
                p = lex_punctuation(&token, lexer, p);
            }
        }
    }
    token.length = (uint32_t)(p - start);
    lexer->cursor = p;
    return token;
}

bool rune_cedar_is_ident(struct rune_str text)
{
    const char *end = text.data + text.length;
    return text.length > 0 && class_of(text.data[0]) == CLASS_IDENT &&
           skip_ident(text.data, end) == end;
}

bool rune_cedar_is_name(struct rune_str text)
{
    const char *p = text.data;
    const char *end = p + text.length;
    for (;;) {
        if (p == end || class_of(*p) != CLASS_IDENT) {
            return false;
        }
        const char *next = skip_ident(p, end);
        if (rune_cedar_word_is_reserved(
                rune_cedar_word_find((struct rune_str){p, (size_t)(next - p)}))) {
            return false;
        }
        if (next == end) {
            return true;
        }
        if (end - next < 3 || next[0] != ':' || next[1] != ':') {
            return false;
        }
        p = next + 2;
    }
}

static void report_character(const struct rune_cedar_lexer *lexer, struct rune_span span,
                             struct rune_diag *diag)
{
    const char *text = lexer->source->text + span.offset;
    size_t size;
    int32_t c = rune_utf8_decode(text, span.length, &size);
    if (c == 0xfeff) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0101", span,
                         "save the file as UTF-8 without a byte order mark",
                         "a byte order mark cannot stand here");
    } else if (c == 0x201c || c == 0x201d) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0101", span,
                         "write strings in straight quotes: \"", "a typographic quote is no token");
    } else if (c >= 0x20 && c < 0x7f) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0101", span,
                         c == '#' ? "a comment begins with `//`" : NULL,
                         "`%c` is no token of Cedar", (char)c);
    } else {
        rune_diag_report(
            diag, RUNE_ERROR, "RUNE-C0101", span,
            "identifiers are ASCII letters, digits and `_`; other names go into quotes: [\"...\"]",
            "the character U+%04X is no token of Cedar", (unsigned)(c < 0 ? 0xfffd : c));
    }
}

void rune_cedar_token_report(const struct rune_cedar_lexer *lexer, struct rune_cedar_token token,
                             struct rune_diag *diag)
{
    struct rune_span span = {lexer->source, token.offset, token.length};
    switch ((enum rune_cedar_token_flaw)token.flaw) {
    case RUNE_FLAW_STRING:
        span.length = 1;
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0102", span, "close it with `\"`",
                         "this string has no end");
        break;
    case RUNE_FLAW_NEWLINE:
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0103", span,
                         "write \\n for a line's end, or break the line without `\\`",
                         "a string cannot have `\\` at a line's end");
        break;
    case RUNE_FLAW_AND:
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0101", span, "write `&&`", "`&` is no operator");
        break;
    case RUNE_FLAW_OR:
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0101", span, "write `||`", "`|` is no operator");
        break;
    case RUNE_FLAW_QUOTE:
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0101", span, "strings stand in double quotes: \"",
                         "`'` is no token");
        break;
    case RUNE_FLAW_COMMENT:
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0101", span,
                         "begin each line of the comment with `//`",
                         "there are no block comments in Cedar");
        break;
    case RUNE_FLAW_NONE:
    case RUNE_FLAW_CHARACTER:
        report_character(lexer, span, diag);
        break;
    }
}
