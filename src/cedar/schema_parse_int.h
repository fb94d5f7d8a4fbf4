/* SPDX-License-Identifier: Apache-2.0 */
/* schema_parse_int: what the files share that read schemas in human syntax: schema_parser.c
 * (declarations, namespaces), schema_parse_entity.c, schema_parse_action.c and schema_parse_type.c.
 * Private to them. Below it is the parser that they share with policies (parser_int.h): its two
 * kinds of mistakes, its stacks, its messages. */
#pragma once

#include "cedar/parser_int.h"
#include "cedar/schema.h"

RUNE_VEC(vec_common, struct rune_schema_ast_common);
RUNE_VEC(vec_entity, struct rune_schema_ast_entity);
RUNE_VEC(vec_action, struct rune_schema_ast_action);

/* A namespace while it is read. */
struct rune_schema_scope {
    struct vec_common commons;
    struct vec_entity entities;
    struct vec_action actions;
};

/* ---- schema_parse_entity.c, schema_parse_action.c ---- */

enum rune_schema_definition { RUNE_SCHEMA_DEFINED, RUNE_SCHEMA_EXTERNAL };

/* The declaration behind its word `entity` or `action`; one entry in the scope for each name. */
bool rune_schema_read_entity(struct rune_cedar_parser *parser, struct rune_schema_scope *scope,
                             struct rune_schema_ast_annotations annotations,
                             enum rune_schema_definition definition);
bool rune_schema_read_action(struct rune_cedar_parser *parser, struct rune_schema_scope *scope,
                             struct rune_schema_ast_annotations annotations,
                             enum rune_schema_definition definition);

/* ---- schema_parse_type.c ---- */

/* An identifier that means something where it stands. */
bool rune_schema_at_keyword(const struct rune_cedar_parser *parser, struct rune_str word);
bool rune_schema_accept_keyword(struct rune_cedar_parser *parser, struct rune_str word);

/* A reference `A::B` (`__cedar` may lead it); *ret_string_follows: behind it `::` was read, and a
 * string is next. */
bool rune_schema_read_path(struct rune_cedar_parser *parser, const char *what,
                           struct rune_schema_ast_ref *ret_ref, bool *ret_string_follows);
bool rune_schema_read_type_ref(struct rune_cedar_parser *parser,
                               struct rune_schema_ast_ref *ret_ref);
/* `A` or `[A, B]`; the list may be empty. */
bool rune_schema_read_type_refs(struct rune_cedar_parser *parser,
                                struct rune_schema_ast_refs *ret_refs);
/* An identifier or a string. */
bool rune_schema_read_name(struct rune_cedar_parser *parser, const char *what,
                           struct rune_str *ret_name);
bool rune_schema_read_annotations(struct rune_cedar_parser *parser,
                                  struct rune_schema_ast_annotations *ret_annotations);

struct rune_schema_ast_type *rune_schema_read_type(struct rune_cedar_parser *parser);
/* `{ attrs }`, whose brace is the current token. */
struct rune_schema_ast_type *rune_schema_read_record(struct rune_cedar_parser *parser);
