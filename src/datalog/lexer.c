/* SPDX-License-Identifier: Apache-2.0 */
/* lexer: one pass over the bytes of a clause, which pairs brackets, too. A bracket pairs within its
 * clause only: a missing `)` must not swallow the clauses behind it. */
#include "datalog/lexer.h"

#include "base/utf8.h"

static char peek(const struct rune_dl_lexer *lexer, uint32_t ahead)
{
    const struct rune_source *source = lexer->source;
    return ahead < source->length - lexer->at ? source->text[lexer->at + ahead] : '\0';
}

enum {
    IS_LOWER = 1,
    IS_DIGIT = 2,
    IS_WORD = 4,
    IS_BLANK = 8,
    BEGINS_COMMENT = 16, /* perhaps */
    BEGINS_KEYWORD = 32, /* perhaps: see word_of */
};

static const uint8_t classes[256] = {
    ['a' ... 'e'] = IS_LOWER | IS_WORD,
    ['f'] = IS_LOWER | IS_WORD | BEGINS_KEYWORD,
    ['g' ... 'h'] = IS_LOWER | IS_WORD,
    ['i'] = IS_LOWER | IS_WORD | BEGINS_KEYWORD,
    ['j' ... 'l'] = IS_LOWER | IS_WORD,
    ['m' ... 'n'] = IS_LOWER | IS_WORD | BEGINS_KEYWORD,
    ['o' ... 's'] = IS_LOWER | IS_WORD,
    ['t'] = IS_LOWER | IS_WORD | BEGINS_KEYWORD,
    ['u' ... 'z'] = IS_LOWER | IS_WORD,
    ['A' ... 'Z'] = IS_WORD,
    ['0' ... '9'] = IS_DIGIT | IS_WORD,
    ['_'] = IS_WORD,
    [' '] = IS_BLANK,
    ['\t'] = IS_BLANK,
    ['\n'] = IS_BLANK,
    ['\r'] = IS_BLANK,
    ['\v'] = IS_BLANK,
    ['\f'] = IS_BLANK,
    ['%'] = BEGINS_COMMENT,
    ['#'] = BEGINS_COMMENT,
    ['/'] = BEGINS_COMMENT,
};

/* Bytes that are a token whatever follows; END: no such byte. */
static const enum rune_dl_token_kind alone[256] = {
    ['('] = RUNE_DL_TOKEN_LPAREN,   [')'] = RUNE_DL_TOKEN_RPAREN,    ['['] = RUNE_DL_TOKEN_LBRACKET,
    [']'] = RUNE_DL_TOKEN_RBRACKET, ['{'] = RUNE_DL_TOKEN_LBRACE,    ['}'] = RUNE_DL_TOKEN_RBRACE,
    [','] = RUNE_DL_TOKEN_COMMA,    [';'] = RUNE_DL_TOKEN_SEMICOLON, ['.'] = RUNE_DL_TOKEN_DOT,
    ['@'] = RUNE_DL_TOKEN_AT,       ['+'] = RUNE_DL_TOKEN_PLUS,      ['-'] = RUNE_DL_TOKEN_MINUS,
    ['/'] = RUNE_DL_TOKEN_SLASH,
};

static bool is_digit(char c)
{
    return (classes[(unsigned char)c] & IS_DIGIT) != 0;
}

static bool is_lower(char c)
{
    return (classes[(unsigned char)c] & IS_LOWER) != 0;
}

static bool is_word(char c)
{
    return (classes[(unsigned char)c] & IS_WORD) != 0;
}

static struct rune_span span_at(const struct rune_dl_lexer *lexer, uint32_t offset, uint32_t length)
{
    return (struct rune_span){lexer->source, offset, length};
}

static void skip_line(struct rune_dl_lexer *lexer)
{
    while (lexer->at < lexer->source->length && lexer->source->text[lexer->at] != '\n') {
        lexer->at++;
    }
}

/* A comment as C has it: reported, and skipped to its end. */
static void skip_foreign_comment(struct rune_dl_lexer *lexer)
{
    const char *rest = lexer->source->text + lexer->at;
    const char *end = memmem(rest, lexer->source->length - lexer->at, "*/", 2);
    rune_diag_report(lexer->diag, RUNE_ERROR, "RUNE-D0102", span_at(lexer, lexer->at, 2),
                     "comments run from `%`, `//` or `#` to the end of the line",
                     "`/*` has no meaning in a rule");
    lexer->invalid++;
    lexer->at = end != NULL ? lexer->at + (uint32_t)(end - rest) + 2 : lexer->source->length;
}

/* Over a comment. False: what could begin one does not. */
static bool skip_comment(struct rune_dl_lexer *lexer)
{
    if (peek(lexer, 0) != '/' || peek(lexer, 1) == '/') {
        skip_line(lexer);
        return true;
    }
    if (peek(lexer, 1) == '*') {
        skip_foreign_comment(lexer);
        return true;
    }
    return false;
}

static void skip_blanks(struct rune_dl_lexer *lexer)
{
    const char *text = lexer->source->text;
    const uint32_t length = lexer->source->length;
    for (uint32_t at = lexer->at; at < length; at++) {
        uint8_t class = classes[(unsigned char)text[at]];
        if ((class & (IS_BLANK | BEGINS_COMMENT)) == 0) {
            lexer->at = at;
            return;
        }
        if ((class & BEGINS_COMMENT) != 0) {
            lexer->at = at;
            if (!skip_comment(lexer)) {
                return;
            }
            at = lexer->at - 1;
        }
    }
    lexer->at = length;
}

static void skip_word(struct rune_dl_lexer *lexer)
{
    const char *text = lexer->source->text;
    const uint32_t length = lexer->source->length;
    uint32_t at = lexer->at;
    while (at < length && is_word(text[at])) {
        at++;
    }
    lexer->at = at;
}

static enum rune_dl_word word_of(struct rune_str name)
{
    static const struct {
        struct rune_str name;
        enum rune_dl_word word;
    } words[] = {
        {{"not", 3}, RUNE_DL_WORD_NOT},   {{"mod", 3}, RUNE_DL_WORD_MOD},
        {{"in", 2}, RUNE_DL_WORD_IN},     {{"is", 2}, RUNE_DL_WORD_IS},
        {{"true", 4}, RUNE_DL_WORD_TRUE}, {{"false", 5}, RUNE_DL_WORD_FALSE},
    };
    if (name.length > 5 || (classes[(unsigned char)name.data[0]] & BEGINS_KEYWORD) == 0) {
        return RUNE_DL_WORD_OTHER; /* the longest is `false` */
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (rune_str_equal(name, words[i].name)) {
            return words[i].word;
        }
    }
    return RUNE_DL_WORD_OTHER;
}

static enum rune_dl_token_kind lex_name(struct rune_dl_lexer *lexer)
{
    skip_word(lexer);
    while (lexer->dialect == RUNE_DL_BUNDLE && peek(lexer, 0) == '.' && is_lower(peek(lexer, 1))) {
        lexer->at++;
        skip_word(lexer);
    }
    return RUNE_DL_TOKEN_NAME;
}

static enum rune_dl_token_kind lex_number(struct rune_dl_lexer *lexer)
{
    enum rune_dl_token_kind kind = RUNE_DL_TOKEN_INTEGER;
    uint32_t start = lexer->at;
    while (is_digit(peek(lexer, 0))) {
        lexer->at++;
    }
    if (lexer->dialect == RUNE_DL_BUNDLE && peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
        kind = RUNE_DL_TOKEN_FLOAT;
        lexer->at++;
        while (is_digit(peek(lexer, 0))) {
            lexer->at++;
        }
        uint32_t sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-' ? 1 : 0;
        if ((peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') && is_digit(peek(lexer, 1 + sign))) {
            lexer->at += 1 + sign;
            while (is_digit(peek(lexer, 0))) {
                lexer->at++;
            }
        }
    }
    if (!is_word(peek(lexer, 0))) {
        return kind;
    }
    skip_word(lexer);
    rune_diag_report(lexer->diag, RUNE_ERROR, "RUNE-D0103",
                     span_at(lexer, start, lexer->at - start),
                     "put a space or an operator between them, or quotes around all of it",
                     "a name directly behind a number");
    lexer->invalid++;
    return RUNE_DL_TOKEN_INVALID;
}

/* Escapes are checked by the parser, which knows what each string is for; here `\` only hides a
 * quote. */
static enum rune_dl_token_kind lex_string(struct rune_dl_lexer *lexer)
{
    uint32_t start = lexer->at++;
    const char *text = lexer->source->text;
    for (;;) {
        uint32_t at = lexer->at;
        while (at < lexer->source->length && text[at] != '"' && text[at] != '\\' &&
               text[at] != '\n') {
            at++;
        }
        lexer->at = at;
        char c = peek(lexer, 0);
        if (lexer->at >= lexer->source->length || c == '\n') {
            rune_diag_report(lexer->diag, RUNE_ERROR, "RUNE-D0101",
                             span_at(lexer, start, lexer->at - start),
                             "end it with `\"`; a line break inside a string is written `\\n`",
                             "this string has no end on its line");
            lexer->invalid++;
            return RUNE_DL_TOKEN_INVALID;
        }
        lexer->at++;
        if (c == '"') {
            return RUNE_DL_TOKEN_STRING;
        }
        if (c == '\\' && lexer->at < lexer->source->length && peek(lexer, 0) != '\n') {
            lexer->at++;
        }
    }
}

/* Operators of other languages, the longest first. */
static const struct {
    struct rune_str text;
    const char *advice;
} foreign[] = {
    {{"===", 3}, "equality is written `=`"},
    {{"==", 2}, "equality is written `=`"},
    {{"=<", 2}, "write `<=`"},
    {{"=>", 2}, "write `>=` for a comparison; a rule is `head :- body`"},
    {{"<>", 2}, "inequality is written `!=`"},
    {{"<-", 2}, "a rule is `head :- body`; of a negative number, write `< -1`"},
    {{"\\+", 2}, "write `not` before an atom"},
    {{"\\=", 2}, "inequality is written `!=`"},
    {{"&&", 2}, "write `,` for `and`"},
    {{"||", 2}, "write `;` for `or`"},
    {{"**", 2}, "there is no power; multiply"},
};

/* `<-1` and `X =>= 1` may be meant: a token is foreign only if it cannot be read as ours. */
static bool is_foreign(const struct rune_dl_lexer *lexer, struct rune_str text)
{
    const char *here = lexer->source->text + lexer->at;
    if (lexer->source->length - lexer->at < text.length || here[0] != text.data[0] ||
        memcmp(here, text.data, text.length) != 0) {
        return false;
    }
    char next = peek(lexer, (uint32_t)text.length);
    return !(rune_str_equal(text, RUNE_STR("<-")) && (is_digit(next) || is_word(next)));
}

/* What most operators and what follows them are not. */
static bool begins_foreign(char first, char second)
{
    return (first == '=' || first == '<' || first == '\\' || first == '&' || first == '|' ||
            first == '*') &&
           (second == '=' || second == '<' || second == '>' || second == '-' || second == '+' ||
            second == '&' || second == '|' || second == '*');
}

/* Reports an operator of another language. False: there is none here. */
static bool lex_foreign(struct rune_dl_lexer *lexer)
{
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        struct rune_str text = foreign[i].text;
        if (!is_foreign(lexer, text)) {
            continue;
        }
        rune_diag_report(lexer->diag, RUNE_ERROR, "RUNE-D0102",
                         span_at(lexer, lexer->at, (uint32_t)text.length), foreign[i].advice,
                         "`%.*s` has no meaning in a rule", RUNE_STR_ARG(text));
        lexer->at += (uint32_t)text.length;
        lexer->invalid++;
        return true;
    }
    return false;
}

static const char *advice_for(const char *text, uint32_t length)
{
    static const struct {
        const char *text, *advice;
    } table[] = {
        {"&", "write `,` for `and`"},
        {"|", "write `;` for `or`"},
        {"'", "strings stand in double quotes: \"...\""},
        {"~", "write `not` before an atom"},
        {"\\", "write `not` before an atom, `!=` for inequality"},
        {"?", "a query is no part of a bundle: ask it with `rune query`"},
        {"\xef\xbb\xbf", "remove the byte order mark"},
        {"\xe2\x80\x9c", "strings stand in straight double quotes: \"...\""},
        {"$", "variables begin with an upper-case letter or `_`"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        size_t want = strlen(table[i].text);
        if (want <= length && memcmp(table[i].text, text, want) == 0) {
            return table[i].advice;
        }
    }
    return (unsigned char)text[0] >= 0x80
               ? "names have the letters a to z, digits and `_`; other text stands in quotes"
               : NULL;
}

static enum rune_dl_token_kind lex_wrong(struct rune_dl_lexer *lexer)
{
    const char *text = lexer->source->text + lexer->at;
    uint32_t rest = lexer->source->length - lexer->at;
    size_t size = 1;
    if (rune_utf8_decode(text, rest, &size) < 0) {
        size = 1;
    }
    /* One message for a word. */
    while (size > 1 && size < rest && (is_word(text[size]) || (unsigned char)text[size] >= 0x80)) {
        size++;
    }
    struct rune_span span = span_at(lexer, lexer->at, (uint32_t)size);
    const char *advice = advice_for(text, rest);
    if ((unsigned char)*text < 0x20 || (size == 1 && (unsigned char)*text >= 0x7f)) {
        rune_diag_report(lexer->diag, RUNE_ERROR, "RUNE-D0102", span, advice,
                         "the byte 0x%02x has no place in a rule", (unsigned)(unsigned char)*text);
    } else {
        rune_diag_report(lexer->diag, RUNE_ERROR, "RUNE-D0102", span, advice,
                         "`%.*s` has no meaning in a rule", (int)size, text);
    }
    lexer->at += (uint32_t)size;
    const char *close = *text == '\'' ? memchr(text + 1, '\'', rest - 1) : NULL;
    if (close != NULL && memchr(text, '\n', (size_t)(close - text)) == NULL) {
        lexer->at += (uint32_t)(close - text); /* one message for a string in single quotes */
    }
    lexer->invalid++;
    return RUNE_DL_TOKEN_INVALID;
}

static enum rune_dl_token_kind take(struct rune_dl_lexer *lexer, uint32_t length,
                                    enum rune_dl_token_kind kind)
{
    lexer->at += length;
    return kind;
}

static enum rune_dl_token_kind lex_double(struct rune_dl_lexer *lexer, char wanted,
                                          enum rune_dl_token_kind both, enum rune_dl_token_kind one)
{
    return peek(lexer, 1) == wanted ? take(lexer, 2, both) : take(lexer, 1, one);
}

static enum rune_dl_token_kind lex_symbol(struct rune_dl_lexer *lexer)
{
    char first = peek(lexer, 0);
    if (begins_foreign(first, peek(lexer, 1)) && lex_foreign(lexer)) {
        return RUNE_DL_TOKEN_INVALID;
    }
    switch (first) {
    case '*':
        return take(lexer, 1, RUNE_DL_TOKEN_STAR);
    case '=':
        return take(lexer, 1, RUNE_DL_TOKEN_EQ);
    case '!':
        return lex_double(lexer, '=', RUNE_DL_TOKEN_NE, RUNE_DL_TOKEN_BANG);
    case '<':
        return lex_double(lexer, '=', RUNE_DL_TOKEN_LE, RUNE_DL_TOKEN_LT);
    case '>':
        return lex_double(lexer, '=', RUNE_DL_TOKEN_GE, RUNE_DL_TOKEN_GT);
    case ':':
        return peek(lexer, 1) == '-'
                   ? take(lexer, 2, RUNE_DL_TOKEN_TURNSTILE)
                   : lex_double(lexer, ':', RUNE_DL_TOKEN_PATH, RUNE_DL_TOKEN_COLON);
    case '?':
        if (peek(lexer, 1) == '-') {
            return take(lexer, 2, RUNE_DL_TOKEN_QUERY);
        }
        return lex_wrong(lexer);
    default:
        return lex_wrong(lexer);
    }
}

/* A token of more than one byte, perhaps, that begins with this one. */
static enum rune_dl_token_kind lex_token(struct rune_dl_lexer *lexer, unsigned char first)
{
    if ((classes[first] & IS_WORD) == 0) {
        return first == '"' ? lex_string(lexer) : lex_symbol(lexer);
    }
    if ((classes[first] & IS_LOWER) != 0) {
        return lex_name(lexer);
    }
    if ((classes[first] & IS_DIGIT) != 0) {
        return lex_number(lexer);
    }
    skip_word(lexer);
    return RUNE_DL_TOKEN_VARIABLE;
}

/* Brackets stand in pairs in the table, the opening one first. */
static bool is_bracket(enum rune_dl_token_kind kind)
{
    return kind >= RUNE_DL_TOKEN_LPAREN && kind <= RUNE_DL_TOKEN_RBRACE;
}

static bool is_opening(enum rune_dl_token_kind kind)
{
    return (kind - RUNE_DL_TOKEN_LPAREN) % 2 == 0;
}

/* The token of that number is a bracket: an opening one waits, a closing one is what the last that
 * waits has waited for, or has no partner. */
static bool pair_bracket(struct rune_dl_lexer *lexer, struct rune_dl_token *tokens, uint32_t number)
{
    struct rune_vec_u32 *open = &lexer->open;
    enum rune_dl_token_kind kind = tokens[number].kind;
    if (is_opening(kind)) {
        return RUNE_VEC_PUSH(open, number);
    }
    if (open->count > 0) {
        struct rune_dl_token *partner = &tokens[open->items[open->count - 1]];
        if (partner->kind + 1 == kind) {
            partner->match = number;
            open->count--;
        }
    }
    return true;
}

/* Whether a lower-case letter follows the dot directly. */
static bool is_joined(const struct rune_dl_lexer *lexer)
{
    return is_lower(peek(lexer, 0));
}

void rune_dl_lexer_init(struct rune_dl_lexer *lexer, const struct rune_source *source,
                        enum rune_dl_dialect dialect, struct rune_diag *diag)
{
    *lexer = (struct rune_dl_lexer){.source = source, .dialect = dialect, .diag = diag};
    size_t valid = rune_utf8_valid_prefix(source->text, source->length);
    if (valid != source->length) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-D0104", span_at(lexer, (uint32_t)valid, 1),
                         "save the file as UTF-8", "the text is not valid UTF-8 here");
        lexer->invalid++;
    }
}

void rune_dl_lexer_fini(struct rune_dl_lexer *lexer)
{
    RUNE_VEC_FINI(&lexer->open);
}

/* Behind blanks and comments from there. */
static uint32_t skip_to_token(struct rune_dl_lexer *lexer, uint32_t at)
{
    const unsigned char *text = (const unsigned char *)lexer->source->text;
    const uint32_t length = lexer->source->length;
    if (at < length && text[at] == ' ') { /* mostly there is one or none */
        at++;
    }
    if (at < length && (classes[text[at]] & (IS_BLANK | BEGINS_COMMENT)) != 0) {
        lexer->at = at;
        skip_blanks(lexer);
        return lexer->at;
    }
    return at;
}

/* The next token, and whether it ends the clause. */
static bool read_token(struct rune_dl_lexer *lexer, struct rune_dl_token *ret_token)
{
    const struct rune_source *source = lexer->source;
    uint32_t start = skip_to_token(lexer, lexer->at), match = UINT32_MAX;
    unsigned char first = start < source->length ? (unsigned char)source->text[start] : '\0';
    enum rune_dl_token_kind kind = alone[first];
    enum rune_dl_word word = RUNE_DL_WORD_OTHER;
    lexer->at = start;
    if (kind != RUNE_DL_TOKEN_END) {
        lexer->at++;
        match = kind == RUNE_DL_TOKEN_DOT ? is_joined(lexer) : UINT32_MAX;
    } else if (start < source->length) {
        kind = lex_token(lexer, first);
        if (kind == RUNE_DL_TOKEN_NAME) {
            word = word_of((struct rune_str){source->text + start, lexer->at - start});
        }
    }
    *ret_token = (struct rune_dl_token){kind, word, start, lexer->at - start, match};
    return kind == RUNE_DL_TOKEN_END || match == 0;
}

enum rune_err rune_dl_lex_clause(struct rune_dl_lexer *lexer, struct rune_vec_dl_token *tokens)
{
    lexer->open.count = 0;
    for (bool ended = false; !ended;) {
        if (!RUNE_VEC_RESERVE(tokens, tokens->count + 1 + RUNE_DL_LOOKAHEAD)) {
            return RUNE_E_NOMEM;
        }
        uint32_t number = (uint32_t)tokens->count++;
        struct rune_dl_token *token = &tokens->items[number];
        ended = read_token(lexer, token);
        if (is_bracket(token->kind) && !pair_bracket(lexer, tokens->items, number)) {
            return RUNE_E_NOMEM;
        }
    }
    for (size_t i = 0; i < RUNE_DL_LOOKAHEAD; i++) {
        tokens->items[tokens->count + i] = tokens->items[tokens->count - 1];
    }
    return RUNE_OK;
}
