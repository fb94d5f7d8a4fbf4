/* SPDX-License-Identifier: Apache-2.0 */
/* manifest: a table of keys drives the reading; what is in no table is an error with the nearest
 * name. */
#include "engine/manifest.h"

#include <stdio.h>

#include "base/json.h"
#include "base/toml.h"
#include "datalog/tuples.h"

struct reader {
    const struct rune_source *source;
    struct rune_arena *arena;
    struct rune_diag *diag;
    uint32_t errors;
    bool nomem;
};

static struct rune_span span_of(const struct reader *reader, uint32_t offset, uint32_t length)
{
    return (struct rune_span){reader->source, offset, length};
}

static struct rune_span value_span(const struct reader *reader, const struct rune_json_node *value)
{
    return span_of(reader, value->offset, value->length);
}

static void fail(struct reader *reader, struct rune_span span, const char *code, const char *help,
                 const char *what, struct rune_str name)
{
    reader->errors++;
    rune_diag_report(reader->diag, RUNE_ERROR, code, span, help, "%s `%.*s`", what,
                     (int)(name.length > 100 ? 100 : name.length), name.data);
}

static void fail_unknown(struct reader *reader, const struct rune_json_member *member,
                         const char *const *names, size_t count, const char *what)
{
    struct rune_str candidates[16];
    char help[256];
    int at = snprintf(help, sizeof(help), "the keys here are");
    for (size_t i = 0; i < count && i < 16; i++) {
        candidates[i] = rune_str_from(names[i]);
        at += snprintf(help + at, sizeof(help) - (size_t)at, "%s %s", i > 0 ? "," : "", names[i]);
    }
    struct rune_str nearest = rune_str_nearest(member->key, candidates, count < 16 ? count : 16);
    if (nearest.length > 0) {
        snprintf(help, sizeof(help), "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
    }
    fail(reader, span_of(reader, member->key_offset, (uint32_t)member->key.length), "RUNE-M0101",
         help, what, member->key);
}

/* ---- values ---- */

static void read_string(struct reader *reader, const struct rune_json_member *member,
                        struct rune_str *ret)
{
    if (member->value.type != RUNE_JSON_STRING) {
        fail(reader, value_span(reader, &member->value), "RUNE-M0102", NULL,
             "a string is wanted for", member->key);
        return;
    }
    *ret = member->value.as.text;
}

static void read_bool(struct reader *reader, const struct rune_json_member *member, bool *ret)
{
    if (member->value.type != RUNE_JSON_TRUE && member->value.type != RUNE_JSON_FALSE) {
        fail(reader, value_span(reader, &member->value), "RUNE-M0102", NULL,
             "true or false is wanted for", member->key);
        return;
    }
    *ret = member->value.type == RUNE_JSON_TRUE;
}

/* One of `names`; *ret_index is its place. */
static bool read_choice(struct reader *reader, const struct rune_json_member *member,
                        const char *const *names, size_t count, unsigned *ret_index)
{
    struct rune_str text = {0};
    char help[160];
    read_string(reader, member, &text);
    if (text.data == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (rune_str_equal(text, rune_str_from(names[i]))) {
            *ret_index = (unsigned)i;
            return true;
        }
    }
    int at = snprintf(help, sizeof(help), "one of");
    for (size_t i = 0; i < count; i++) {
        at += snprintf(help + at, sizeof(help) - (size_t)at, " \"%s\"", names[i]);
    }
    fail(reader, value_span(reader, &member->value), "RUNE-M0103", help, "this is no value for",
         member->key);
    return false;
}

static bool is_table(struct reader *reader, const struct rune_json_member *member)
{
    if (member->value.type != RUNE_JSON_OBJECT) {
        fail(reader, value_span(reader, &member->value), "RUNE-M0102", NULL,
             "a table is wanted for", member->key);
        return false;
    }
    return true;
}

/* ---- [bundle] ---- */

static void read_bundle_key(struct reader *reader, const struct rune_json_member *member,
                            struct rune_manifest *manifest)
{
    static const char *const names[] = {
        "name",   "version", "validation", "validate_requests", "request_entities",
        "errors", "author",  "description"};
    /* ORDER: enum rune_validation */
    static const char *const validations[] = {"strict", "permissive", "off"};
    static const char *const switches[] = {"off", "on"};
    static const char *const errors[] = {"cedar", "strict"};
    struct rune_str ignored;
    unsigned choice = 0;
    size_t key = 0;
    while (key < sizeof(names) / sizeof(names[0]) &&
           !rune_str_equal(member->key, rune_str_from(names[key]))) {
        key++;
    }
    switch (key) { /* ORDER: names */
    case 0:
        read_string(reader, member, &manifest->name);
        break;
    case 1:
        read_string(reader, member, &manifest->version);
        break;
    case 2:
        if (read_choice(reader, member, validations, 3, &choice)) {
            manifest->validation = (enum rune_validation)choice;
        }
        break;
    case 3:
        read_bool(reader, member, &manifest->validate_requests);
        break;
    case 4:
        if (read_choice(reader, member, switches, 2, &choice)) {
            manifest->allow_request_entities = choice == 1;
        }
        break;
    case 5:
        if (read_choice(reader, member, errors, 2, &choice)) {
            manifest->strict_errors = choice == 1;
        }
        break;
    case 6:
    case 7:
        read_string(reader, member, &ignored);
        break; /* for people */
    default:
        fail_unknown(reader, member, names, sizeof(names) / sizeof(names[0]), "there is no key");
        break;
    }
}

static void read_bundle_table(struct reader *reader, const struct rune_json_member *table,
                              struct rune_manifest *manifest)
{
    if (!is_table(reader, table)) {
        return;
    }
    for (uint32_t i = 0; i < table->value.as.object.count; i++) {
        read_bundle_key(reader, &table->value.as.object.members[i], manifest);
    }
}

/* ---- entity types ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* `A::B`, each part an identifier. */
static bool is_type_name(struct rune_str name)
{
    size_t part = 0;
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] == ':' && part > 0 && i + 2 < name.length && name.data[i + 1] == ':') {
            i++;
            part = 0;
        } else if (!is_word(name.data[i]) ||
                   (part == 0 && name.data[i] >= '0' && name.data[i] <= '9')) {
            return false;
        } else {
            part++;
        }
    }
    return part > 0;
}

static void read_type(struct reader *reader, const struct rune_json_member *member,
                      struct rune_str *ret)
{
    struct rune_str name = {0};
    read_string(reader, member, &name);
    if (name.data != NULL && !is_type_name(name)) {
        fail(reader, value_span(reader, &member->value), "RUNE-M0104",
             "like \"User\" or \"Acme::User\"", "this is no entity type:", name);
        return;
    }
    *ret = name;
}

static void read_defaults(struct reader *reader, const struct rune_json_member *table,
                          struct rune_manifest *manifest)
{
    static const char *const names[] = {"principal_type", "action_type", "resource_type"};
    struct rune_str *const targets[] = {&manifest->principal_type, &manifest->action_type,
                                        &manifest->resource_type};
    if (!is_table(reader, table)) {
        return;
    }
    for (uint32_t i = 0; i < table->value.as.object.count; i++) {
        const struct rune_json_member *member = &table->value.as.object.members[i];
        size_t key = 0;
        while (key < 3 && !rune_str_equal(member->key, rune_str_from(names[key]))) {
            key++;
        }
        if (key < 3) {
            read_type(reader, member, targets[key]);
        } else {
            fail_unknown(reader, member, names, 3, "there is no key");
        }
    }
}

/* ---- [relations.NAME] ---- */

/* What a name that is an entity type here was meant as, perhaps: what other languages call int,
 * string and bool, and slips of the pen. Empty: itself. */
static struct rune_str meant_as(struct rune_str name)
{
    static const struct {
        const char *name, *meant;
    } names[] = {{"Int", "int"},       {"integer", "int"},   {"Integer", "int"},
                 {"long", "int"},      {"Long", "int"},      {"number", "int"},
                 {"str", "string"},    {"String", "string"}, {"text", "string"},
                 {"symbol", "string"}, {"Bool", "bool"},     {"boolean", "bool"},
                 {"Boolean", "bool"},  {"Any", "any"}};
    static const char *const kinds[] = {"int", "string", "bool", "any"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (rune_str_equal(name, rune_str_from(names[i].name))) {
            return rune_str_from(names[i].meant);
        }
    }
    size_t slips = name.length / 4;
    for (size_t i = 0; slips > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct rune_str kind = rune_str_from(kinds[i]);
        /* The first letter is seldom a slip: `Tool` is no bool. */
        if (name.data[0] == kind.data[0] && rune_str_distance(name, kind, slips) <= slips) {
            return kind;
        }
    }
    return RUNE_STR("");
}

static void warn_of_misnomer(struct reader *reader, const struct rune_json_node *node)
{
    struct rune_str meant = meant_as(node->as.text);
    if (meant.length > 0) {
        char help[64];
        snprintf(help, sizeof(help), "did you mean `%.*s`?", RUNE_STR_ARG(meant));
        rune_diag_report(reader->diag, RUNE_WARNING, "RUNE-M0106", value_span(reader, node), help,
                         "`%.*s` is the name of an entity type here", RUNE_STR_ARG(node->as.text));
    }
}

static bool read_column(struct reader *reader, const struct rune_json_node *node,
                        struct rune_column *column)
{
    static const struct {
        const char *name;
        enum rune_column_kind kind;
    } kinds[] = {{"any", RUNE_COLUMN_ANY},
                 {"int", RUNE_COLUMN_INT},
                 {"string", RUNE_COLUMN_STRING},
                 {"bool", RUNE_COLUMN_BOOL}};
    if (node->type != RUNE_JSON_STRING) {
        fail(reader, value_span(reader, node), "RUNE-M0102", "like columns = [\"User\", \"int\"]",
             "a string is wanted for each of", RUNE_STR("columns"));
        return false;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (rune_str_equal(node->as.text, rune_str_from(kinds[i].name))) {
            column->kind = kinds[i].kind;
            return true;
        }
    }
    if (!is_type_name(node->as.text)) {
        fail(reader, value_span(reader, node), "RUNE-M0104",
             "an entity type, or int, string, bool, any", "this is no column type:", node->as.text);
        return false;
    }
    warn_of_misnomer(reader, node);
    *column = (struct rune_column){RUNE_COLUMN_ENTITY, node->as.text};
    return true;
}

/* Columns with a mistake take anything, so that the relation's facts are checked in the same run.
 */
static bool read_columns(struct reader *reader, const struct rune_json_member *member,
                         struct rune_manifest_relation *relation)
{
    const struct rune_json_node *list = &member->value;
    if (list->type != RUNE_JSON_ARRAY || list->as.array.count > RUNE_DL_MAX_ARITY) {
        fail(reader, value_span(reader, list), "RUNE-M0102",
             "like columns = [\"User\", \"Document\"], at most 64",
             "a list of column types is wanted for", member->key);
        return false;
    }
    relation->columns =
        RUNE_ARENA_ARRAY(reader->arena, struct rune_column, list->as.array.count + 1);
    if (relation->columns == NULL) {
        reader->nomem = true;
        return false;
    }
    for (uint32_t i = 0; i < list->as.array.count; i++) {
        if (!read_column(reader, &list->as.array.items[i], &relation->columns[i])) {
            relation->columns[i] = (struct rune_column){.kind = RUNE_COLUMN_ANY};
        }
    }
    relation->column_count = list->as.array.count;
    return true;
}

bool rune_manifest_is_relation_name(struct rune_str name)
{
    for (size_t i = 0; i < name.length; i++) {
        bool starts = i == 0 || name.data[i - 1] == '.';
        bool lower = name.data[i] >= 'a' && name.data[i] <= 'z';
        if ((starts && !lower) || (!is_word(name.data[i]) && name.data[i] != '.')) {
            return false;
        }
    }
    return name.length > 0 && name.data[name.length - 1] != '.';
}

/* A relation's table; a name with dots arrives as nested tables: the one with `columns` ends it. */
static void read_relation(struct reader *reader, const struct rune_json_member *table,
                          struct rune_str name, struct rune_manifest *manifest, uint32_t depth)
{
    static const char *const names[] = {"columns", "description"};
    if (!is_table(reader, table)) {
        return;
    }
    struct rune_manifest_relation relation = {
        .name = name, .span = span_of(reader, table->key_offset, (uint32_t)table->key.length)};
    const struct rune_json_member *columns = NULL;
    for (uint32_t i = 0; i < table->value.as.object.count; i++) {
        const struct rune_json_member *member = &table->value.as.object.members[i];
        struct rune_str ignored;
        if (rune_str_equal(member->key, RUNE_STR("columns"))) {
            columns = member;
        } else if (rune_str_equal(member->key, RUNE_STR("description"))) {
            read_string(reader, member, &ignored);
        } else if (member->value.type == RUNE_JSON_OBJECT && depth < 16) {
            char *longer = rune_arena_printf(reader->arena, "%.*s.%.*s", RUNE_STR_ARG(name),
                                             RUNE_STR_ARG(member->key));
            reader->nomem = reader->nomem || longer == NULL;
            if (longer != NULL) {
                read_relation(reader, member, rune_str_from(longer), manifest, depth + 1);
            }
        } else {
            fail_unknown(reader, member, names, 2, "there is no key");
        }
    }
    if (columns == NULL) {
        return;
    }
    if (!rune_manifest_is_relation_name(name)) {
        fail(reader, relation.span, "RUNE-M0105",
             "names are lower-case, like `member` or `team.member`",
             "this is no relation's name:", name);
        return;
    }
    if (!read_columns(reader, columns, &relation)) {
        return;
    }
    manifest->relations[manifest->relation_count++] = relation;
}

/* How many tables there are at most, so that the array need not grow. */
static uint32_t count_tables(const struct rune_json_node *node, uint32_t depth)
{
    uint32_t count = 1;
    for (uint32_t i = 0; node->type == RUNE_JSON_OBJECT && depth < 20 && i < node->as.object.count;
         i++) {
        count += count_tables(&node->as.object.members[i].value, depth + 1);
    }
    return count;
}

static void read_relations(struct reader *reader, const struct rune_json_member *table,
                           struct rune_manifest *manifest)
{
    if (!is_table(reader, table)) {
        return;
    }
    manifest->relations = RUNE_ARENA_ARRAY(reader->arena, struct rune_manifest_relation,
                                           count_tables(&table->value, 0));
    if (manifest->relations == NULL) {
        reader->nomem = true;
        return;
    }
    for (uint32_t i = 0; i < table->value.as.object.count; i++) {
        const struct rune_json_member *member = &table->value.as.object.members[i];
        read_relation(reader, member, member->key, manifest, 0);
    }
}

static void read_root(struct reader *reader, const struct rune_json_node *root,
                      struct rune_manifest *manifest)
{
    static const char *const names[] = {"bundle", "defaults", "relations", "metadata"};
    for (uint32_t i = 0; i < root->as.object.count; i++) {
        const struct rune_json_member *member = &root->as.object.members[i];
        if (rune_str_equal(member->key, RUNE_STR("bundle")) ||
            rune_str_equal(member->key, RUNE_STR("metadata"))) {
            read_bundle_table(reader, member, manifest);
        } else if (rune_str_equal(member->key, RUNE_STR("defaults"))) {
            read_defaults(reader, member, manifest);
        } else if (rune_str_equal(member->key, RUNE_STR("relations"))) {
            read_relations(reader, member, manifest);
        } else {
            fail_unknown(reader, member, names, 3, "there is no table or key");
        }
    }
}

enum rune_err rune_manifest_read(const struct rune_bundle *bundle, struct rune_arena *arena,
                                 struct rune_manifest *ret_manifest, struct rune_diag *diag)
{
    struct rune_manifest manifest = {.validate_requests = true, .allow_request_entities = true};
    uint32_t file = rune_bundle_next(bundle, RUNE_BUNDLE_MANIFEST, 0);
    if (file == bundle->count) {
        *ret_manifest = manifest;
        return RUNE_OK;
    }
    struct reader reader = {.source = &bundle->files[file].source, .arena = arena, .diag = diag};
    struct rune_json_node root;
    enum rune_err err = rune_toml_parse(reader.source, arena, &root, diag);
    if (err != RUNE_OK) {
        return err;
    }
    read_root(&reader, &root, &manifest);
    if (reader.nomem) {
        return RUNE_E_NOMEM;
    }
    *ret_manifest = manifest;
    return reader.errors > 0 ? RUNE_E_BUNDLE : RUNE_OK;
}

const struct rune_manifest_relation *
rune_manifest_find_relation(const struct rune_manifest *manifest, struct rune_str name)
{
    for (uint32_t i = 0; i < manifest->relation_count; i++) {
        if (rune_str_equal(manifest->relations[i].name, name)) {
            return &manifest->relations[i];
        }
    }
    return NULL;
}
