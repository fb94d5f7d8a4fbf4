/* SPDX-License-Identifier: Apache-2.0 */
#include "cedar/links.h"

#include <string.h>

#include "base/json.h"
#include "model/uid.h"

struct reader {
    const struct rune_source *source;
    struct rune_arena *arena;
    struct rune_diag *diag;
    uint32_t errors;
    bool nomem;
};

static bool fail(struct reader *reader, uint32_t offset, const char *help, const char *what)
{
    rune_diag_report(reader->diag, RUNE_ERROR, "RUNE-C0520",
                     (struct rune_span){reader->source, offset, 1}, help, "%s", what);
    reader->errors++;
    return false;
}

static bool read_id(struct reader *reader, const struct rune_json_node *link, const char *name,
                    struct rune_str *ret_id)
{
    const struct rune_json_node *node = rune_json_find(link, name);
    if (node == NULL || node->type != RUNE_JSON_STRING) {
        return fail(
            reader, node == NULL ? link->offset : node->offset,
            "a link is {\"template_id\": .., \"link_id\": .., \"args\": {\"?principal\": ..}}",
            strcmp(name, "link_id") == 0 ? "a link needs a string `link_id`"
                                         : "a link needs a string `template_id`");
    }
    *ret_id = node->as.text;
    return true;
}

/* As Cedar reads it: no space or comment around the parts. */
static bool is_normalized(struct rune_str text)
{
    const char *quote = memchr(text.data, '"', text.length);
    size_t before = quote != NULL ? (size_t)(quote - text.data) : 0;
    return before > 2 && text.data[text.length - 1] == '"' &&
           rune_uid_is_type_name((struct rune_str){text.data, before - 2});
}

static bool read_arg(struct reader *reader, const struct rune_json_member *member,
                     const struct rune_cedar_uid **ret_uid)
{
    struct rune_uid uid;
    const char *message = "expected an entity like User::\"alice\"";
    const struct rune_json_node *node = &member->value;
    if (node->type != RUNE_JSON_STRING || !is_normalized(node->as.text) ||
        rune_uid_parse(node->as.text, reader->arena, &uid, &message) != RUNE_OK) {
        return fail(reader, node->offset, "write it without spaces: \"User::\\\"alice\\\"\"",
                    message);
    }
    struct rune_cedar_uid *copy = RUNE_ARENA_NEW(reader->arena, struct rune_cedar_uid);
    if (copy == NULL) {
        reader->nomem = true;
        return false;
    }
    copy->type = uid.type;
    copy->id = uid.id;
    *ret_uid = copy;
    return true;
}

static bool read_link(struct reader *reader, const struct rune_json_node *node,
                      struct rune_cedar_link *link)
{
    if (node->type != RUNE_JSON_OBJECT) {
        return fail(reader, node->offset, NULL, "a link is an object");
    }
    bool ok = read_id(reader, node, "template_id", &link->template_id);
    /* both are checked, and both reported */
    ok = read_id(reader, node, "link_id", &link->link_id) && ok;
    const struct rune_json_node *args = rune_json_find(node, "args");
    link->span = (struct rune_span){reader->source, node->offset, node->length};
    if (args == NULL || args->type != RUNE_JSON_OBJECT) {
        return fail(reader, args == NULL ? node->offset : args->offset, NULL,
                    "a link needs an object `args`");
    }
    for (uint32_t i = 0; i < args->as.object.count; i++) {
        const struct rune_json_member *member = &args->as.object.members[i];
        if (rune_str_equal(member->key, RUNE_STR("?principal"))) {
            ok &= read_arg(reader, member, &link->principal);
        } else if (rune_str_equal(member->key, RUNE_STR("?resource"))) {
            ok &= read_arg(reader, member, &link->resource);
        } else {
            ok = fail(reader, member->key_offset, "the slots are ?principal and ?resource",
                      "there is no such slot");
        }
    }
    return ok;
}

enum rune_err rune_cedar_links_parse(const struct rune_source *source, struct rune_arena *arena,
                                     struct rune_cedar_link **ret_links, uint32_t *ret_count,
                                     struct rune_diag *diag)
{
    struct reader reader = {.source = source, .arena = arena, .diag = diag};
    struct rune_json_node root;
    struct rune_json_error error;
    enum rune_err err =
        rune_json_parse((struct rune_str){source->text, source->length}, 0, arena, &root, &error);
    if (err == RUNE_E_NOMEM) {
        return err;
    }
    if (err != RUNE_OK) {
        fail(&reader, (uint32_t)error.offset, NULL, error.message);
        return RUNE_E_SYNTAX;
    }
    if (root.type != RUNE_JSON_ARRAY) {
        fail(&reader, root.offset, NULL, "links are an array");
        return RUNE_E_SYNTAX;
    }
    uint32_t count = root.as.array.count;
    struct rune_cedar_link *links = RUNE_ARENA_ARRAY(arena, struct rune_cedar_link, count + 1);
    if (links == NULL) {
        return RUNE_E_NOMEM;
    }
    for (uint32_t i = 0; i < count && !reader.nomem; i++) {
        read_link(&reader, &root.as.array.items[i], &links[i]);
    }
    if (reader.nomem || reader.errors > 0) {
        return reader.nomem ? RUNE_E_NOMEM : RUNE_E_SYNTAX;
    }
    *ret_links = links;
    *ret_count = count;
    return RUNE_OK;
}
