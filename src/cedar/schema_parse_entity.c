/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas in human syntax: entity types.
 *
 *     entity := 'entity' idents ['in' paths] [['='] '{' attrs '}'] ['tags' type] ';'
 *             | 'entity' idents 'enum' '[' strings ']' ';'
 *             | 'external' 'entity' idents ['in' paths] ';' */
#include "cedar/schema_parse_int.h"

static bool read_ids(struct rune_cedar_parser *parser, struct rune_schema_ast_entity *entity)
{
    uint32_t open = parser->token.offset;
    size_t first = parser->names.count;
    bool ok = false;
    if (!rune_cedar_expect(parser, RUNE_TOKEN_LBRACKET,
                           "an enumeration is written entity Color enum [\"red\", \"green\"];")) {
        return false;
    }
    do {
        struct rune_str id;
        if (!rune_cedar_at(parser, RUNE_TOKEN_STRING)) {
            rune_cedar_expected(parser, "a string",
                                "an enumeration lists its ids: [\"red\", \"green\"]");
            goto out;
        }
        if (!rune_cedar_read_string(parser, &id) ||
            (!RUNE_VEC_PUSH(&parser->names, id) && !rune_cedar_nomem(parser))) {
            goto out;
        }
    } while (rune_cedar_accept(parser, RUNE_TOKEN_COMMA));
    if (!rune_cedar_expect_close(parser, RUNE_TOKEN_RBRACKET, open)) {
        goto out;
    }
    entity->is_enum = true;
    entity->id_count = (uint32_t)(parser->names.count - first);
    ok = rune_cedar_keep(parser, parser->names.items + first, entity->id_count,
                         sizeof(struct rune_str), &entity->ids);
out:
    parser->names.count = first;
    return ok;
}

static bool read_entity_body(struct rune_cedar_parser *parser,
                             struct rune_schema_ast_entity *entity)
{
    if (!entity->is_external && rune_schema_accept_keyword(parser, RUNE_STR("enum"))) {
        return read_ids(parser, entity);
    }
    if (rune_cedar_at_word(parser, RUNE_WORD_IN)) {
        rune_cedar_advance(parser);
        if (!rune_schema_read_type_refs(parser, &entity->member_of)) {
            return false;
        }
    }
    if (entity->is_external) { /* what else it is, its definition says */
        return true;
    }
    bool has_equal = rune_cedar_accept(parser, RUNE_TOKEN_ASSIGN);
    if (has_equal && !rune_cedar_at(parser, RUNE_TOKEN_LBRACE)) {
        rune_cedar_expected(parser, "`{`",
                            "the attributes of an entity type are a record: {name: Type}");
        return false;
    }
    if (rune_cedar_at(parser, RUNE_TOKEN_LBRACE)) {
        entity->shape = rune_schema_read_record(parser);
        if (entity->shape == NULL) {
            return false;
        }
    }
    if (rune_schema_accept_keyword(parser, RUNE_STR("tags"))) {
        entity->tags = rune_schema_read_type(parser);
        return entity->tags != NULL;
    }
    return true;
}

bool rune_schema_read_entity(struct rune_cedar_parser *parser, struct rune_schema_scope *scope,
                             struct rune_schema_ast_annotations annotations,
                             enum rune_schema_definition definition)
{
    size_t first = scope->entities.count;
    struct rune_schema_ast_entity entity = {.annotations = annotations,
                                            .is_external = definition == RUNE_SCHEMA_EXTERNAL};
    do {
        entity.span = rune_cedar_token_span(parser);
        if (!rune_cedar_read_ident(parser, "an entity type's name", &entity.name)) {
            return false;
        }
        if (!RUNE_VEC_PUSH(&scope->entities, entity)) {
            return rune_cedar_nomem(parser);
        }
    } while (rune_cedar_accept(parser, RUNE_TOKEN_COMMA));
    struct rune_schema_ast_entity body = entity;
    if (!read_entity_body(parser, &body)) {
        return false;
    }
    for (size_t i = first; i < scope->entities.count; i++) {
        body.name = scope->entities.items[i].name;
        body.span = scope->entities.items[i].span;
        scope->entities.items[i] = body;
    }
    return rune_cedar_expect(parser, RUNE_TOKEN_SEMICOLON, "a declaration ends with `;`");
}
