/* SPDX-License-Identifier: Apache-2.0 */
/* lexer: one pass over the bytes of a clause, which pairs brackets, too. A bracket pairs within its
 * clause only: a missing `)` must not swallow the clauses behind it. */
#include "datalog/lexer.h"

#include "base/scan.h"
#include "base/utf8.h"

static char peek(const struct rune_dl_lexer *lexer, uint32_t ahead)
{
    const struct rune_source *source = lexer->source;
    return ahead < source->length - lexer->at ? source->text[lexer->at + ahead] : '\0';
}

/* What begins with a byte. */
enum RUNE_DL_SMALL begin {
    BEGINS_OTHER, /* an operator, or what has no place */
    BEGINS_VARIABLE,
    BEGINS_NAME,
    BEGINS_KEYWORD, /* perhaps: a name, see word_of */
    BEGINS_NUMBER,
    BEGINS_STRING,
    BEGINS_ALONE, /* a token whatever follows */
    BEGINS_OPENING,
    BEGINS_CLOSING,
    BEGINS_DOT,
    BEGINS_COMMENT, /* perhaps */
    BEGINS_BLANK,
    BEGINS_NOTHING, /* the text has ended */
};

static const struct first {
    enum begin begin;
    enum rune_dl_token_kind kind; /* of what begins, if that is certain */
} firsts[256] = {
#define VARIABLE                                \
    {                                           \
        BEGINS_VARIABLE, RUNE_DL_TOKEN_VARIABLE \
    }
#define NAME                            \
    {                                   \
        BEGINS_NAME, RUNE_DL_TOKEN_NAME \
    }
#define KEYWORD                            \
    {                                      \
        BEGINS_KEYWORD, RUNE_DL_TOKEN_NAME \
    }
#define ALONE(kind)                        \
    {                                      \
        BEGINS_ALONE, RUNE_DL_TOKEN_##kind \
    }
#define OPENING(of)                         \
    {                                       \
        BEGINS_OPENING, RUNE_DL_TOKEN_L##of \
    }
#define CLOSING(of)                         \
    {                                       \
        BEGINS_CLOSING, RUNE_DL_TOKEN_R##of \
    }
#define BLANK                               \
    {                                       \
        BEGINS_BLANK, RUNE_DL_TOKEN_INVALID \
    }
#define COMMENT                             \
    {                                       \
        BEGINS_COMMENT, RUNE_DL_TOKEN_SLASH \
    }
    ['A' ... 'Z'] = VARIABLE,
    ['_'] = VARIABLE,
    ['a' ... 'e'] = NAME,
    ['f'] = KEYWORD,
    ['g' ... 'h'] = NAME,
    ['i'] = KEYWORD,
    ['j' ... 'l'] = NAME,
    ['m' ... 'n'] = KEYWORD,
    ['o' ... 's'] = NAME,
    ['t'] = KEYWORD,
    ['u' ... 'z'] = NAME,
    ['('] = OPENING(PAREN),
    [')'] = CLOSING(PAREN),
    ['['] = OPENING(BRACKET),
    [']'] = CLOSING(BRACKET),
    ['{'] = OPENING(BRACE),
    ['}'] = CLOSING(BRACE),
    [','] = ALONE(COMMA),
    [';'] = ALONE(SEMICOLON),
    ['@'] = ALONE(AT),
    ['+'] = ALONE(PLUS),
    ['-'] = ALONE(MINUS),
    ['%'] = COMMENT,
    ['#'] = COMMENT,
    ['/'] = COMMENT,
    [' '] = BLANK,
    ['\t' ... '\r'] = BLANK,
    ['0' ... '9'] = {BEGINS_NUMBER, RUNE_DL_TOKEN_INTEGER},
    ['"'] = {BEGINS_STRING, RUNE_DL_TOKEN_STRING},
    ['.'] = {BEGINS_DOT, RUNE_DL_TOKEN_DOT},
#undef VARIABLE
#undef NAME
#undef KEYWORD
#undef ALONE
#undef OPENING
#undef CLOSING
#undef BLANK
#undef COMMENT
};

/* Of names, variables and numbers. */
static const bool word_bytes[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['_'] = true};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_word(char c)
{
    return word_bytes[(unsigned char)c];
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

/* The end of the word's bytes from there. */
static inline uint32_t word_end(const char *text, uint32_t length, uint32_t at)
{
    while (at < length && is_word(text[at])) {
        at++;
    }
    return at;
}

static void skip_word(struct rune_dl_lexer *lexer)
{
    lexer->at = word_end(lexer->source->text, lexer->source->length, lexer->at);
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
    if (name.length > 5) {
        return RUNE_DL_WORD_OTHER; /* the longest is `false` */
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (rune_str_equal(name, words[i].name)) {
            return words[i].word;
        }
    }
    return RUNE_DL_WORD_OTHER;
}

/* In bundles, names are words joined by dots: the end of what is joined to one that ends there. */
static uint32_t joined_end(const char *text, uint32_t length, uint32_t at)
{
    while (at + 1 < length && text[at] == '.' && is_lower(text[at + 1])) {
        at = word_end(text, length, at + 1);
    }
    return at;
}

static void skip_digits(struct rune_dl_lexer *lexer)
{
    while (is_digit(peek(lexer, 0))) {
        lexer->at++;
    }
}

/* Behind a number's digits: the rest of it, if there is more. */
static enum rune_dl_token_kind lex_number_rest(struct rune_dl_lexer *lexer, uint32_t start)
{
    enum rune_dl_token_kind kind = RUNE_DL_TOKEN_INTEGER;
    if (lexer->dialect == RUNE_DL_BUNDLE && peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
        kind = RUNE_DL_TOKEN_FLOAT;
        lexer->at++;
        skip_digits(lexer);
        uint32_t sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-' ? 1 : 0;
        if ((peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') && is_digit(peek(lexer, 1 + sign))) {
            lexer->at += 1 + sign;
            skip_digits(lexer);
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

static enum rune_dl_token_kind lex_number(struct rune_dl_lexer *lexer)
{
    const char *text = lexer->source->text;
    uint32_t start = lexer->at, at = start + 1, length = lexer->source->length;
    while (at < length && is_digit(text[at])) {
        at++;
    }
    lexer->at = at;
    return at < length && (is_word(text[at]) || text[at] == '.') ? lex_number_rest(lexer, start)
                                                                 : RUNE_DL_TOKEN_INTEGER;
}

/* The first quote, backslash or line's end from there, or the end of the text. */
static uint32_t string_stop(const struct rune_source *source, uint32_t at)
{
    const char *p = source->text + at, *end = source->text + source->length;
    p = rune_scan_plain(p, end);
    while (p < end && *p != '"' && *p != '\\' && *p != '\n') { /* other text than ASCII */
        p = rune_scan_plain(p + 1, end);
    }
    return (uint32_t)(p - source->text);
}

/* Escapes are checked by the parser, which knows what each string is for; here `\` only hides a
 * quote. */
static enum rune_dl_token_kind lex_string(struct rune_dl_lexer *lexer)
{
    const struct rune_source *source = lexer->source;
    uint32_t start = lexer->at++;
    for (;;) {
        lexer->at = string_stop(source, lexer->at);
        char c = peek(lexer, 0);
        if (lexer->at >= source->length || c == '\n') {
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
        if (lexer->at < source->length && peek(lexer, 0) != '\n') {
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

/* ---- clauses ---- */

/* A closing bracket is what the last opening one that waits has waited for, or has no partner. */
static void close_bracket(struct rune_dl_lexer *lexer, struct rune_dl_token *tokens,
                          uint32_t number)
{
    struct rune_vec_u32 *open = &lexer->open;
    struct rune_dl_token *partner = open->count > 0 ? &tokens[open->items[open->count - 1]] : NULL;
    /* they stand in pairs in the table, the opening one first */
    if (partner != NULL && partner->kind + 1 == tokens[number].kind) {
        partner->match = number;
        open->count--;
    }
}

/* A token that takes more than a glance, at `at`, which moves behind it. */
static enum rune_dl_token_kind lex_other(struct rune_dl_lexer *lexer, enum begin begin, uint32_t at)
{
    lexer->at = at;
    return begin == BEGINS_NUMBER   ? lex_number(lexer)
           : begin == BEGINS_STRING ? lex_string(lexer)
                                    : lex_symbol(lexer);
}

/* Behind the comment that begins there, or where it is: then it is none. */
static uint32_t comment_end(struct rune_dl_lexer *lexer, uint32_t at)
{
    lexer->at = at;
    return skip_comment(lexer) ? lexer->at : at;
}

enum rune_err rune_dl_lex_clause(struct rune_dl_lexer *lexer, struct rune_vec_dl_token *tokens)
{
    /* Not by way of the lexer: for all the compiler knows, each token written changes that. */
    const char *text = lexer->source->text;
    const uint32_t length = lexer->source->length;
    const bool joins_names = lexer->dialect == RUNE_DL_BUNDLE;
    uint32_t at = lexer->at, number = (uint32_t)tokens->count;
    lexer->open.count = 0;
    for (bool ended = false; !ended;) {
        struct first first = at < length ? firsts[(unsigned char)text[at]]
                                         : (struct first){BEGINS_NOTHING, RUNE_DL_TOKEN_END};
        uint32_t start = at, match = UINT32_MAX;
        enum rune_dl_word word = RUNE_DL_WORD_OTHER;
        at++;
        switch (first.begin) {
        case BEGINS_BLANK:
            continue;
        case BEGINS_COMMENT:
            at = comment_end(lexer, start);
            if (at > start) {
                continue;
            }
            at++;
            break;
        case BEGINS_VARIABLE:
            at = word_end(text, length, at);
            break;
        case BEGINS_NAME:
        case BEGINS_KEYWORD:
            at = word_end(text, length, at);
            at = joins_names ? joined_end(text, length, at) : at;
            if (first.begin == BEGINS_KEYWORD) {
                word = word_of((struct rune_str){text + start, at - start});
            }
            break;
        case BEGINS_OPENING:
            if (!RUNE_VEC_PUSH(&lexer->open, number)) {
                return RUNE_E_NOMEM;
            }
            break;
        case BEGINS_DOT:
            match = at < length && is_lower(text[at]);
            ended = match == 0;
            break;
        case BEGINS_NOTHING:
            at = start;
            ended = true;
            break;
        case BEGINS_ALONE:
        case BEGINS_CLOSING:
            break;
        default:
            first.kind = lex_other(lexer, first.begin, start);
            at = lexer->at;
        }
        if (!RUNE_VEC_RESERVE(tokens, (size_t)number + 1 + RUNE_DL_LOOKAHEAD)) {
            return RUNE_E_NOMEM;
        }
        tokens->items[number] = (struct rune_dl_token){first.kind, word, start, at - start, match};
        if (first.begin == BEGINS_CLOSING) {
            close_bracket(lexer, tokens->items, number);
        }
        number++;
    }
    lexer->at = at;
    tokens->count = number;
    for (size_t i = 0; i < RUNE_DL_LOOKAHEAD; i++) {
        tokens->items[number + i] = tokens->items[number - 1];
    }
    return RUNE_OK;
}
