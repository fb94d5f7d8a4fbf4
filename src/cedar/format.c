/* SPDX-License-Identifier: Apache-2.0 */
/* Policies as documents. The text is parsed first, which says all that is wrong with it; then its
 * tokens are laid out policy by policy, so that memory is that of the largest one. */
#include "cedar/format.h"

#include "cedar/est.h"
#include "cedar/format_int.h"
#include "cedar/parser.h"

/* LIMIT: bytes printed for a byte of text; nesting 1,000 deep would make much more of a few. */
enum { MAX_GROWTH = 64, MAX_GROWTH_BASE = 1 << 20 };

/* `@name("value")` and the line's end. */
static const struct rune_doc *format_annotation(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *sign = rune_format_token(format, NULL);
    const struct rune_doc *doc = rune_doc_pair(arena, sign, rune_format_token(format, NULL));
    if (!rune_format_at(format, RUNE_TOKEN_LPAREN)) {
        return rune_doc_pair(arena, doc, &rune_doc_hardline);
    }
    doc = rune_doc_pair(arena, doc, rune_format_token(format, NULL));
    doc = rune_doc_pair(arena, doc, rune_format_token(format, NULL));
    return rune_doc_pair(arena, doc, rune_format_token(format, &rune_doc_hardline));
}

/* ---- scope ---- */

/* ` is T` behind a variable. */
static const struct rune_doc *format_scope_type(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    if (!rune_format_at_word(format, RUNE_WORD_IS)) {
        return NULL;
    }
    const struct rune_doc *word =
        rune_doc_pair(arena, &rune_doc_line, rune_format_token(format, NULL));
    const struct rune_doc *type = rune_format_add(format);
    const struct rune_doc *doc =
        RUNE_DOC_CONCAT(arena, rune_doc_group(arena, word), &rune_doc_line, type);
    return rune_doc_group(arena, rune_doc_nest(arena, RUNE_FORMAT_INDENT, doc));
}

/* A variable and its constraint, up to the comma; *ret_is_plain: it has none. */
static const struct rune_doc *format_scope(struct rune_format *format, bool *ret_is_plain)
{
    struct rune_arena *arena = format->arena;
    struct rune_format_token *variable = rune_format_next(format);
    const struct rune_doc *leading = rune_format_leading(format, variable);
    const struct rune_doc *doc = rune_doc_pair(arena, rune_format_bare(format, variable),
                                               rune_format_trailing(format, variable, NULL));
    const struct rune_doc *type = format_scope_type(format);
    doc = rune_doc_pair(arena, doc, type);
    bool is_open =
        rune_format_at(format, RUNE_TOKEN_COMMA) || rune_format_at(format, RUNE_TOKEN_RPAREN);
    *ret_is_plain = type == NULL && is_open;
    if (is_open) {
        return rune_doc_pair(arena, leading, doc);
    }
    doc = RUNE_DOC_CONCAT(arena, doc, &rune_doc_line, rune_format_token(format, NULL));
    const struct rune_doc *entity = rune_doc_pair(arena, &rune_doc_line, rune_format_expr(format));
    doc = rune_doc_pair(arena, rune_doc_group(arena, doc),
                        rune_doc_nest(arena, RUNE_FORMAT_INDENT, entity));
    return rune_doc_pair(arena, leading, rune_doc_group(arena, doc));
}

/* The three of them, without the brackets: on one line if none is constrained, else on three. */
static const struct rune_doc *format_scopes(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *scopes[3];
    struct rune_format_token *commas[2];
    bool are_plain = true;
    for (int i = 0; i < 3; i++) {
        bool is_plain;
        scopes[i] = format_scope(format, &is_plain);
        are_plain = are_plain && is_plain;
        if (i < 2) {
            commas[i] = rune_format_next(format);
        }
    }
    const struct rune_doc *doc = scopes[0];
    for (int i = 0; i < 2; i++) {
        const struct rune_doc *comma =
            rune_format_wrap(format, commas[i], rune_format_bare(format, commas[i]),
                             are_plain ? &rune_doc_space : &rune_doc_hardline);
        doc = RUNE_DOC_CONCAT(arena, doc, comma, scopes[i + 1]);
    }
    if (are_plain) {
        return rune_doc_group(arena, rune_doc_nest(arena, RUNE_FORMAT_INDENT, doc));
    }
    doc = rune_doc_nest(arena, RUNE_FORMAT_INDENT, rune_doc_pair(arena, &rune_doc_hardline, doc));
    return rune_doc_pair(arena, doc, &rune_doc_hardline);
}

/* The bracket behind the scope. A comma before it goes; its comments replace the bracket's. */
static const struct rune_doc *format_scope_end(struct rune_format *format)
{
    struct rune_format_token *token = rune_format_next(format);
    if (token->token.kind == RUNE_TOKEN_COMMA) {
        rune_format_next(format);
    }
    bool is_last = rune_format_at(format, RUNE_TOKEN_SEMICOLON);
    const struct rune_doc *bracket = rune_doc_text(format->arena, RUNE_STR(")"));
    return rune_format_wrap(format, token, bracket, is_last ? NULL : &rune_doc_hardline);
}

/* ---- conditions ---- */

/* `{ expr }`: on one line, or with the brackets on lines of their own. */
static const struct rune_doc *format_block(struct rune_format *format,
                                           struct rune_format_token *open)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *doc = rune_format_trailing(format, open, &rune_doc_line);
    const struct rune_doc *leading = rune_format_leading(format, rune_format_peek(format));
    doc = RUNE_DOC_CONCAT(arena, doc, leading, rune_doc_group(arena, rune_format_expr(format)));
    doc = RUNE_DOC_CONCAT(arena, rune_doc_nest(arena, RUNE_FORMAT_INDENT, doc), &rune_doc_line,
                          rune_format_token(format, NULL));
    return rune_doc_pair(arena, rune_format_bare(format, open), rune_doc_group(arena, doc));
}

static const struct rune_doc *format_condition(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    struct rune_format_token *word = rune_format_next(format);
    struct rune_format_token *open = rune_format_next(format);
    const struct rune_doc *leading = rune_format_leading(format, word);
    const struct rune_doc *doc = RUNE_DOC_CONCAT(arena, rune_format_bare(format, word),
                                                 rune_format_trailing(format, word, &rune_doc_line),
                                                 rune_format_leading(format, open));
    doc = rune_doc_pair(arena, doc, format_block(format, open));
    return rune_doc_pair(arena, leading, rune_doc_group(arena, doc));
}

/* ---- policies ---- */

static const struct rune_doc *format_policy(struct rune_format *format)
{
    struct rune_arena *arena = format->arena;
    const struct rune_doc *doc = NULL;
    while (rune_format_at(format, RUNE_TOKEN_AT)) {
        doc = rune_doc_pair(arena, doc, format_annotation(format));
    }
    doc = rune_doc_pair(arena, doc, rune_format_leading(format, rune_format_peek(format)));
    const struct rune_doc *effect =
        rune_doc_pair(arena, rune_format_token(format, NULL), &rune_doc_line);
    effect = rune_doc_pair(arena, effect, rune_format_token(format, NULL));
    doc = rune_doc_pair(arena, doc, rune_doc_group(arena, effect));
    doc = rune_doc_pair(arena, doc, format_scopes(format));
    doc = rune_doc_pair(arena, doc, format_scope_end(format));
    for (bool is_first = true; rune_format_at(format, RUNE_TOKEN_IDENT) && format->err == RUNE_OK;
         is_first = false) {
        doc = RUNE_DOC_CONCAT(arena, doc, is_first ? NULL : &rune_doc_hardline,
                              format_condition(format));
    }
    return rune_doc_pair(arena, doc, rune_format_token(format, NULL));
}

static enum rune_err print_policy(struct rune_format *format, struct rune_doc_printer *printer,
                                  struct rune_buf *scratch, struct rune_buf *out)
{
    rune_arena_reset(format->arena);
    const struct rune_doc *doc = format_policy(format);
    if (format->err != RUNE_OK || rune_arena_failed(format->arena)) {
        return format->err != RUNE_OK ? format->err : RUNE_E_NOMEM;
    }
    rune_buf_reset(printer->out);
    enum rune_err err = rune_doc_print(printer, doc);
    if (err == RUNE_OK) {
        rune_format_append_trimmed((struct rune_str){printer->out->data, printer->out->length},
                                   scratch, out);
    }
    return err;
}

static enum rune_err print_policies(struct rune_format *format, struct rune_buf *out)
{
    struct rune_buf printed = RUNE_BUF_INIT;
    struct rune_buf scratch = RUNE_BUF_INIT;
    struct rune_doc_printer printer;
    size_t limit = (size_t)format->source->length * MAX_GROWTH + MAX_GROWTH_BASE;
    enum rune_err err = RUNE_OK;
    rune_doc_printer_init(&printer, RUNE_FORMAT_WIDTH, limit, &printed);
    while (err == RUNE_OK && !rune_format_at(format, RUNE_TOKEN_END)) {
        if (format->at > 0) {
            rune_buf_append_cstr(out, "\n\n");
        }
        err = print_policy(format, &printer, &scratch, out);
    }
    rune_doc_printer_fini(&printer);
    rune_buf_fini(&scratch);
    rune_buf_fini(&printed);
    rune_buf_append_char(out, '\n');
    rune_format_append_rest(format, out);
    return err == RUNE_OK && out->failed ? RUNE_E_NOMEM : err;
}

/* The policies of a text as JSON: equal for equal meaning. */
static enum rune_err print_meaning(const struct rune_source *source, struct rune_buf *out,
                                   struct rune_diag *diag)
{
    struct rune_cedar_policies policies = {0};
    struct rune_arena arena;
    rune_arena_init(&arena, 0);
    enum rune_err err = rune_cedar_parse(source, &arena, &policies, diag);
    if (err == RUNE_OK) {
        err = rune_est_print(&policies, out);
    }
    rune_arena_fini(&arena);
    return err;
}

/* Whoever formats a file trusts that it decides as before: better no text than another one. */
static enum rune_err verify(const struct rune_buf *meaning, struct rune_str formatted)
{
    const struct rune_source source = {"formatted", formatted.data, (uint32_t)formatted.length};
    struct rune_buf again = RUNE_BUF_INIT;
    enum rune_err err = print_meaning(&source, &again, NULL);
    struct rune_str before = {meaning->data, meaning->length};
    if (err == RUNE_E_SYNTAX ||
        (err == RUNE_OK && !rune_str_equal(before, (struct rune_str){again.data, again.length}))) {
        err = RUNE_E_INTERNAL;
    }
    rune_buf_fini(&again);
    return err;
}

/* What was parsed, laid out and verified. */
static enum rune_err format_source(const struct rune_source *source, const struct rune_buf *meaning,
                                   struct rune_buf *out, struct rune_diag *diag)
{
    struct rune_arena arena;
    struct rune_format format = {.source = source, .arena = &arena};
    size_t start = out->length;
    rune_arena_init(&arena, 0);
    enum rune_err err =
        rune_format_read_tokens(&format) ? print_policies(&format, out) : RUNE_E_NOMEM;
    if (err == RUNE_E_LIMIT || out->length - start > UINT32_MAX) {
        err = RUNE_E_LIMIT;
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0106", (struct rune_span){source, 0, 0},
                         "split the policy", "laid out, this is more than %d times as long",
                         MAX_GROWTH);
    }
    RUNE_VEC_FINI(&format.tokens);
    rune_arena_fini(&arena);
    return err != RUNE_OK
               ? err
               : verify(meaning, (struct rune_str){out->data + start, out->length - start});
}

enum rune_err rune_cedar_format(const struct rune_source *source, struct rune_buf *out,
                                struct rune_diag *diag)
{
    struct rune_buf meaning = RUNE_BUF_INIT;
    enum rune_err err = print_meaning(source, &meaning, diag);
    if (err == RUNE_OK) {
        err = format_source(source, &meaning, out, diag);
    }
    rune_buf_fini(&meaning);
    return err;
}
