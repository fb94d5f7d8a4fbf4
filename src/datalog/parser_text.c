/* SPDX-License-Identifier: Apache-2.0 */
/* parser_text: tokens to texts, strings with escapes, variables by name, messages. */
#include <stdarg.h>

#include "base/layout.h"
#include "base/utf8.h"
#include "datalog/parser_int.h"

/* ---- messages ---- */

void rune_dl_fail(struct rune_dl_parser *parser, struct rune_span span, const char *code,
                  const char *help, const char *fmt, ...)
{
    if (parser->reported) {
        return;
    }
    parser->reported = true;
    va_list args;
    va_start(args, fmt);
    rune_diag_vreport(parser->diag, RUNE_ERROR, code, span, help, fmt, args);
    va_end(args);
}

void rune_dl_fail_limit(struct rune_dl_parser *parser, struct rune_span span)
{
    parser->limit = true;
    rune_dl_fail(parser, span, "RUNE-D0901", "give the inner part a name: a relation of its own",
                 "nested deeper than %u levels", RUNE_DL_MAX_DEPTH);
}

void rune_dl_fail_expected(struct rune_dl_parser *parser, const char *what, const char *help)
{
    const struct rune_dl_token *token = rune_dl_peek(parser, 0);
    if (token->kind == RUNE_DL_TOKEN_INVALID) {
        parser->reported = true; /* by the lexer */
        return;
    }
    struct rune_str text = rune_dl_token_str(parser, token);
    if (token->kind == RUNE_DL_TOKEN_END) {
        /* The end of the text is below the mistake: point behind the last token. */
        struct rune_span span = rune_dl_token_span(parser, token);
        if (parser->at > 0) {
            const struct rune_dl_token *last = token - 1;
            span = (struct rune_span){parser->source, last->offset + last->length, 0};
        }
        rune_dl_fail(parser, span, "RUNE-D0105", help, "expected %s, but the text ends here", what);
        return;
    }
    rune_dl_fail(parser, rune_dl_token_span(parser, token), "RUNE-D0105", help,
                 "expected %s, found `%.*s`", what, (int)(text.length > 60 ? 60 : text.length),
                 text.data);
}

bool rune_dl_expect(struct rune_dl_parser *parser, enum rune_dl_token_kind kind, const char *what,
                    const char *help)
{
    if (rune_dl_peek(parser, 0)->kind != kind) {
        rune_dl_fail_expected(parser, what, help);
        return false;
    }
    parser->at++;
    return true;
}

/* ---- strings ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* `\u{...}` behind the `u`: 1 to 6 hex digits, `_` between them. Returns bytes used, 0 if it is
 * none. */
static size_t read_unicode(const char *text, size_t length, uint32_t *ret_code_point)
{
    size_t at = 1;
    uint32_t value = 0;
    int digits = 0;
    if (length == 0 || text[0] != '{') {
        return 0;
    }
    for (; at < length && text[at] != '}'; at++) {
        int digit = hex_digit(text[at]);
        if (digit >= 0 && digits < 6) {
            value = value * 16 + (uint32_t)digit;
            digits++;
        } else if (text[at] != '_' || digits == 0) {
            return 0;
        }
    }
    *ret_code_point = value;
    return at < length && digits > 0 ? at + 1 : 0;
}

/* One escape behind its backslash into `out`. Returns bytes of the text used, 0 if there is no such
 * escape. */
static size_t read_cedar_escape(const char *text, size_t length, char *out, size_t *ret_size)
{
    static const char names[] = "nrt\\0'\"";
    static const char values[] = "\n\r\t\\\0'\"";
    const char *found = text[0] != '\0' ? strchr(names, text[0]) : NULL;
    if (found != NULL) {
        out[0] = values[found - names];
        *ret_size = 1;
        return 1;
    }
    if (text[0] == 'x' && length >= 3) {
        int high = hex_digit(text[1]);
        int low = hex_digit(text[2]);
        if (high >= 0 && high < 8 && low >= 0) {
            out[0] = (char)(high * 16 + low);
            *ret_size = 1;
            return 3;
        }
    }
    uint32_t code_point;
    size_t used = text[0] == 'u' ? read_unicode(text + 1, length - 1, &code_point) : 0;
    if (used > 0) {
        *ret_size = rune_utf8_encode(code_point, out);
        return *ret_size > 0 ? used + 1 : 0;
    }
    return 0;
}

static size_t read_escape(const struct rune_dl_parser *parser, const char *text, size_t length,
                          char *out, size_t *ret_size)
{
    if (parser->dialect == RUNE_DL_BARE) {
        static const char names[] = "\"\\nt";
        static const char values[] = "\"\\\n\t";
        const char *found = text[0] != '\0' ? strchr(names, text[0]) : NULL;
        if (found != NULL) {
            out[0] = values[found - names];
        }
        *ret_size = 1;
        return found != NULL ? 1 : 0;
    }
    if (parser->in_glob && text[0] == '*') {
        out[0] = '\\';
        out[1] = '*';
        *ret_size = 2;
        return 1;
    }
    return read_cedar_escape(text, length, out, ret_size);
}

static void fail_escape(struct rune_dl_parser *parser, uint32_t offset)
{
    const char *help =
        parser->dialect == RUNE_DL_BARE
            ? "the escapes are `\\\"`, `\\\\`, `\\n` and `\\t`"
            : "the escapes are \\n \\r \\t \\0 \\\\ \\\" \\' \\x00 to \\x7f and \\u{...}";
    rune_dl_fail(parser, (struct rune_span){parser->source, offset, 2}, "RUNE-D0106", help,
                 "there is no such escape");
}

bool rune_dl_decode_string(struct rune_dl_parser *parser, const struct rune_dl_token *token,
                           struct rune_str *ret_text)
{
    const char *text = parser->source->text + token->offset + 1;
    size_t length = token->length - 2;
    if (memchr(text, '\\', length) == NULL) {
        *ret_text = (struct rune_str){text, length};
        return true;
    }
    char *out = rune_arena_alloc(parser->arena, length);
    size_t size = 0;
    if (out == NULL) {
        parser->nomem = true;
        return false;
    }
    for (size_t at = 0; at < length;) {
        if (text[at] != '\\') {
            out[size++] = text[at++];
            continue;
        }
        size_t got = 0;
        size_t used = read_escape(parser, text + at + 1, length - at - 1, out + size, &got);
        if (used == 0) {
            fail_escape(parser, token->offset + 1 + (uint32_t)at);
            return false;
        }
        at += used + 1;
        size += got;
    }
    *ret_text = (struct rune_str){out, size};
    return true;
}

/* ---- variables and lists ---- */

/* The slot of a variable's name; NULL when memory is out. */
static struct rune_dl_slot *slot_of(struct rune_dl_parser *parser, struct rune_str name)
{
    uint32_t slot;
    bool added;
    if (rune_map_intern(&parser->names, name, (uint32_t)parser->slots.count, &slot, &added) !=
            RUNE_OK ||
        (added && !RUNE_VEC_PUSH(&parser->slots, (struct rune_dl_slot){0}))) {
        parser->nomem = true;
        return NULL;
    }
    return &parser->slots.items[slot];
}

/* The clause has more than a few variables: from here on they are found by the table. */
static void tabulate(struct rune_dl_parser *parser)
{
    for (uint32_t i = 0; i < parser->variables.count; i++) {
        struct rune_dl_slot *slot =
            slot_of(parser, rune_dl_variable_name(&parser->variables.items[i]));
        if (slot == NULL) {
            return;
        }
        *slot = (struct rune_dl_slot){parser->clause, i};
    }
}

#define KEY_BYTES 7u /* of a name, in its key, beside its length */

/* Equal for equal names; of names of up to KEY_BYTES, for those alone. */
static inline uint64_t key_of(const struct rune_source *source, const struct rune_dl_token *token)
{
    uint64_t bytes = 0;
    uint32_t length = token->length < KEY_BYTES ? token->length : KEY_BYTES;
    const char *name = source->text + token->offset;
    if (token->offset + sizeof(bytes) <= source->length) {
        memcpy(&bytes, name, sizeof(bytes));
        bytes &= ((uint64_t)1 << 8 * length) - 1;
    } else {
        memcpy(&bytes, name, length);
    }
    return bytes << 8 | (token->length & 0xff);
}

/* Where the clause's own table is looked into first; the next place is the one behind. */
static inline uint32_t place_of(uint64_t key)
{
    return (uint32_t)(key * 0x9e3779b97f4a7c15u >> 58);
}

static inline uint32_t next_place(uint32_t place)
{
    return (place + 1) % RUNE_DL_PLACES;
}

static bool has_name(const struct rune_dl_parser *parser, uint32_t variable,
                     const struct rune_dl_token *token)
{
    return rune_str_equal(rune_dl_variable_name(&parser->variables.items[variable]),
                          rune_dl_token_str(parser, token));
}

/* UINT32_MAX: out of memory. */
static uint32_t push_variable(struct rune_dl_parser *parser, const struct rune_dl_token *token)
{
    struct rune_dl_variable variable = {.first = rune_dl_token_span(parser, token), .uses = 1};
    uint32_t index = (uint32_t)parser->variables.count;
    if (index >= UINT32_MAX - 1 || !RUNE_DL_PUSH(parser, &parser->variables, variable)) {
        parser->nomem = true;
        return UINT32_MAX;
    }
    if (index == RUNE_DL_FEW_VARIABLES) {
        tabulate(parser);
    }
    return parser->nomem ? UINT32_MAX : index;
}

/* Among many. */
static uint32_t find_in_map(struct rune_dl_parser *parser, const struct rune_dl_token *token)
{
    struct rune_dl_slot *slot = slot_of(parser, rune_dl_token_str(parser, token));
    if (slot == NULL) {
        return UINT32_MAX;
    }
    if (slot->clause == parser->clause) {
        parser->variables.items[slot->index].uses++;
        return slot->index;
    }
    *slot = (struct rune_dl_slot){parser->clause, (uint32_t)parser->variables.count};
    return push_variable(parser, token);
}

/* One with a long name, or that is new, or among many. */
static RUNE_APART uint32_t find_or_add(struct rune_dl_parser *parser,
                                       const struct rune_dl_token *token, uint64_t key)
{
    if (token->length == 1 && parser->source->text[token->offset] == '_') {
        return push_variable(parser, token);
    }
    if (parser->variables.count > RUNE_DL_FEW_VARIABLES) {
        return find_in_map(parser, token);
    }
    uint32_t place = place_of(key), found;
    for (; (found = parser->variable_places[place]) != 0; place = next_place(place)) {
        if (parser->variable_keys[found - 1] == key && has_name(parser, found - 1, token)) {
            parser->variables.items[found - 1].uses++;
            return found - 1;
        }
    }
    uint32_t index = push_variable(parser, token);
    if (index < RUNE_DL_FEW_VARIABLES) {
        parser->variable_keys[index] = key;
        parser->variable_places[place] = (uint8_t)(index + 1);
    }
    return index;
}

uint32_t rune_dl_variable(struct rune_dl_parser *parser, const struct rune_dl_token *token)
{
    uint64_t key = key_of(parser->source, token);
    bool is_short = token->length <= KEY_BYTES && parser->variables.count <= RUNE_DL_FEW_VARIABLES;
    uint32_t place = place_of(key), found;
    for (; is_short && (found = parser->variable_places[place]) != 0; place = next_place(place)) {
        if (parser->variable_keys[found - 1] == key) {
            parser->variables.items[found - 1].uses++;
            return found - 1;
        }
    }
    return find_or_add(parser, token, key);
}

struct rune_dl_expr *rune_dl_take_exprs(struct rune_dl_parser *parser, size_t begin,
                                        uint32_t *ret_count)
{
    size_t count = parser->exprs.count - begin;
    struct rune_dl_expr *args = NULL;
    if (count > 0) {
        args = rune_arena_alloc(parser->trees, count * sizeof(args[0]));
        parser->nomem = parser->nomem || args == NULL;
    }
    for (size_t i = 0; args != NULL && i < count; i++) { /* few: a call would cost more */
        args[i] = parser->exprs.items[begin + i];
    }
    parser->exprs.count = begin;
    *ret_count = args != NULL ? (uint32_t)count : 0;
    return args;
}
