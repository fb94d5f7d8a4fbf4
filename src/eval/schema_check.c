/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/schema_check.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "base/layout.h"

#define HEADER_WORDS 6u
#define TYPE_WORDS   (sizeof(struct rune_schema_entity_type) / 4)
#define ACTION_WORDS (sizeof(struct rune_schema_action) / 4)

void rune_schema_open(const uint32_t *words, uint32_t count, struct rune_schema *ret_schema)
{
    memset(ret_schema, 0, sizeof *ret_schema);
    if (count == 0) {
        return;
    }
    ret_schema->words = words;
    ret_schema->count = count;
    ret_schema->entity_type_count = words[1];
    ret_schema->entity_types =
        (const struct rune_schema_entity_type *)(const void *)(words + words[2]);
    ret_schema->action_count = words[3];
    ret_schema->actions = (const struct rune_schema_action *)(const void *)(words + words[4]);
}

/* ---- looking up ---- */

/* A table of rows that ascend by their first word. */
static const uint32_t *find_row(const uint32_t *rows, size_t count, size_t row_words, uint32_t key)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const uint32_t *row = rows + middle * row_words;
        if (row[0] == key) {
            return row;
        }
        if (row[0] < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct rune_schema_entity_type *rune_schema_find_type(const struct rune_schema *schema,
                                                            rune_term name)
{
    const uint32_t *rows = (const uint32_t *)(const void *)schema->entity_types;
    return (const struct rune_schema_entity_type *)(const void *)find_row(
        rows, schema->entity_type_count, TYPE_WORDS, name);
}

const struct rune_schema_action *rune_schema_find_action(const struct rune_schema *schema,
                                                         rune_term uid)
{
    const uint32_t *rows = (const uint32_t *)(const void *)schema->actions;
    return (const struct rune_schema_action *)(const void *)find_row(rows, schema->action_count,
                                                                     ACTION_WORDS, uid);
}

bool rune_schema_run_has(const struct rune_schema *schema, uint32_t run, uint32_t item)
{
    const uint32_t *words = schema->words + run;
    return run != 0 && find_row(words + 1, words[0], 1, item) != NULL;
}

/* ---- requests ---- */

static const struct rune_terms *terms_of(const struct rune_terms *image,
                                         const struct rune_terms *request, rune_term term)
{
    return request != NULL && rune_term_space(term) == request->space ? request : image;
}

static bool is_action_type(struct rune_str type)
{
    struct rune_str last = RUNE_STR("Action");
    return type.length >= last.length &&
           memcmp(type.data + type.length - last.length, last.data, last.length) == 0 &&
           (type.length == last.length || type.data[type.length - last.length - 1] == ':');
}

/* An entity of that type: only enumerations say which ids there are. */
static bool id_fits_type(const struct rune_schema *schema,
                         const struct rune_schema_entity_type *type, const struct rune_terms *terms,
                         rune_term entity)
{
    return type->ids == 0 ||
           rune_schema_run_has(schema, type->ids, terms->entity_id[rune_term_index(entity)]);
}

bool rune_schema_id_fits(const struct rune_schema *schema, const struct rune_terms *image,
                         const struct rune_terms *request, rune_term entity)
{
    const struct rune_terms *terms = terms_of(image, request, entity);
    rune_term name = terms->entity_type[rune_term_index(entity)];
    const struct rune_schema_entity_type *type = rune_schema_find_type(schema, name);
    if (type != NULL) {
        return id_fits_type(schema, type, terms, entity);
    }
    struct rune_str text = rune_terms_string(terms_of(image, request, name), name);
    return !is_action_type(text) || rune_schema_find_action(schema, entity) != NULL;
}

static rune_term type_of(const struct rune_terms *image, const struct rune_terms *request,
                         rune_term entity)
{
    return terms_of(image, request, entity)->entity_type[rune_term_index(entity)];
}

RUNE_APART enum rune_schema_verdict rune_schema_check_request(const struct rune_schema *schema,
                                                              const struct rune_terms *image,
                                                              const struct rune_terms *request,
                                                              rune_term principal, rune_term action,
                                                              rune_term resource)
{
    rune_term principal_type = type_of(image, request, principal);
    rune_term resource_type = type_of(image, request, resource);
    const struct rune_schema_action *row = rune_schema_find_action(schema, action);
    if (row == NULL) {
        return RUNE_SCHEMA_UNKNOWN_ACTION;
    }
    const struct rune_schema_entity_type *principals =
        rune_schema_find_type(schema, principal_type);
    if (principals == NULL) {
        return RUNE_SCHEMA_UNKNOWN_PRINCIPAL_TYPE;
    }
    const struct rune_schema_entity_type *resources = rune_schema_find_type(schema, resource_type);
    if (resources == NULL) {
        return RUNE_SCHEMA_UNKNOWN_RESOURCE_TYPE;
    }
    if (!id_fits_type(schema, principals, terms_of(image, request, principal), principal)) {
        return RUNE_SCHEMA_WRONG_PRINCIPAL_ID;
    }
    if (!id_fits_type(schema, resources, terms_of(image, request, resource), resource)) {
        return RUNE_SCHEMA_WRONG_RESOURCE_ID;
    }
    if (!rune_schema_run_has(schema, row->principals, principal_type)) {
        return RUNE_SCHEMA_WRONG_PRINCIPAL_TYPE;
    }
    if (!rune_schema_run_has(schema, row->resources, resource_type)) {
        return RUNE_SCHEMA_WRONG_RESOURCE_TYPE;
    }
    return principals->ids == 0 && resources->ids == 0 ? RUNE_SCHEMA_FITS : RUNE_SCHEMA_FITS_BY_ID;
}

/* ---- values ---- */

struct fit {
    const struct rune_schema *schema;
    const struct rune_terms *image, *request;
};

static bool fits(const struct fit *fit, rune_schema_type type, rune_term value);

static bool fits_set(const struct fit *fit, rune_schema_type element, rune_term value)
{
    const struct rune_terms *terms = terms_of(fit->image, fit->request, value);
    const uint32_t *run = terms->heap + terms->sets[rune_term_index(value)];
    for (uint32_t i = 0; i < run[0]; i++) {
        if (!fits(fit, element, run[1 + i])) {
            return false;
        }
    }
    return true;
}

/* Both sides ascend by name. */
static bool fits_record(const struct fit *fit, const uint32_t *record, rune_term value)
{
    const struct rune_terms *terms = terms_of(fit->image, fit->request, value);
    const uint32_t *run = terms->heap + terms->records[rune_term_index(value)];
    const uint32_t *shape = terms->heap + run[0];
    uint32_t at = 0;
    for (uint32_t i = 0; i < record[1]; i++) {
        const uint32_t *attr = record + 2 + 3 * (size_t)i;
        if (at < shape[0] && shape[1 + at] == attr[0]) {
            if (!fits(fit, attr[1], run[1 + at])) {
                return false;
            }
            at++;
        } else if (attr[2] != 0) {
            return false;
        }
    }
    return at == shape[0];
}

/* INVARIANT: recursion follows the type, whose depth was verified. */
static bool fits(const struct fit *fit, rune_schema_type type, rune_term value)
{
    const uint32_t *words = fit->schema->words + type;
    enum rune_kind kind = rune_term_kind(value);
    if (type == 0) {
        return true;
    }
    switch ((enum rune_schema_type_kind)words[0]) {
    case RUNE_SCHEMA_BOOL:
        return rune_term_is_bool(value);
    case RUNE_SCHEMA_LONG:
        return kind == RUNE_KIND_LONG;
    case RUNE_SCHEMA_STRING:
        return kind == RUNE_KIND_STRING;
    case RUNE_SCHEMA_ENTITY:
        return kind == RUNE_KIND_ENTITY && type_of(fit->image, fit->request, value) == words[1] &&
               rune_schema_id_fits(fit->schema, fit->image, fit->request, value);
    case RUNE_SCHEMA_EXT:
        return kind == RUNE_KIND_EXT &&
               terms_of(fit->image, fit->request, value)->exts[rune_term_index(value)].kind ==
                   words[1];
    case RUNE_SCHEMA_SET:
        return kind == RUNE_KIND_SET && fits_set(fit, words[1], value);
    case RUNE_SCHEMA_RECORD:
        return kind == RUNE_KIND_RECORD && fits_record(fit, words, value);
    }
    return false;
}

bool rune_schema_fits(const struct rune_schema *schema, const struct rune_terms *image,
                      const struct rune_terms *request, rune_schema_type type, rune_term value)
{
    struct fit fit = {schema, image, request};
    return fits(&fit, type, value);
}

/* ---- names of types ---- */

const char *rune_schema_kind_text(const struct rune_schema *schema, rune_schema_type type)
{
    if (type == 0) {
        return "any value";
    }
    switch ((enum rune_schema_type_kind)schema->words[type]) {
    case RUNE_SCHEMA_BOOL:
        return "true or false";
    case RUNE_SCHEMA_LONG:
        return "an integer";
    case RUNE_SCHEMA_STRING:
        return "a string";
    case RUNE_SCHEMA_ENTITY:
        return "an entity";
    case RUNE_SCHEMA_EXT:
        return "an extension value";
    case RUNE_SCHEMA_SET:
        return "a set";
    case RUNE_SCHEMA_RECORD:
        return "a record";
    }
    return "any value";
}

/* ---- verification ---- */

struct verifier {
    const uint32_t *words;
    uint32_t count;
    uint32_t types_end;
    const struct rune_terms *terms;
};

static bool is_string(const struct verifier *verifier, uint32_t term)
{
    return !rune_term_is_inline(term) && rune_term_space(term) == RUNE_SPACE_IMAGE &&
           rune_term_kind(term) == RUNE_KIND_STRING &&
           rune_term_index(term) < verifier->terms->string_count;
}

static bool is_entity(const struct verifier *verifier, uint32_t term)
{
    return !rune_term_is_inline(term) && rune_term_space(term) == RUNE_SPACE_IMAGE &&
           rune_term_kind(term) == RUNE_KIND_ENTITY &&
           rune_term_index(term) < verifier->terms->entity_count;
}

/* Words of the type at `at`, 0 if it is none. Depths of types, found in order, are not stored: a
 * type's parts lie before it, so the depth is checked from above by type_depth. */
static uint32_t verify_type(const struct verifier *verifier, uint32_t at)
{
    const uint32_t *words = verifier->words + at;
    uint32_t left = verifier->types_end - at;
    switch (words[0]) {
    case RUNE_SCHEMA_BOOL:
    case RUNE_SCHEMA_LONG:
    case RUNE_SCHEMA_STRING:
        return 1;
    case RUNE_SCHEMA_ENTITY:
        return left >= 2 && is_string(verifier, words[1]) ? 2 : 0;
    case RUNE_SCHEMA_EXT:
        return left >= 2 && words[1] >= RUNE_EXT_DECIMAL && words[1] <= RUNE_EXT_DURATION ? 2 : 0;
    case RUNE_SCHEMA_SET:
        return left >= 2 ? 2 : 0;
    case RUNE_SCHEMA_RECORD:
        break;
    default:
        return 0;
    }
    if (left < 2 || words[1] > (left - 2) / 3) {
        return 0;
    }
    for (uint32_t i = 0; i < words[1]; i++) {
        const uint32_t *attr = words + 2 + 3 * (size_t)i;
        if (!is_string(verifier, attr[0]) || attr[2] > 1 || (i > 0 && attr[-3] >= attr[0])) {
            return 0;
        }
    }
    return 2 + 3 * words[1];
}

/* One pass marks where types begin, in a bitmap of the caller; a part must be such a place before
 * its type. Depths are kept in one byte a word, 0: no type begins here. */
static bool verify_types(const struct verifier *verifier, uint8_t *depths)
{
    uint32_t at = HEADER_WORDS;
    while (at < verifier->types_end) {
        uint32_t size = verify_type(verifier, at);
        const uint32_t *words = verifier->words + at;
        uint32_t depth = 1;
        if (size == 0) {
            return false;
        }
        uint32_t parts = words[0] == RUNE_SCHEMA_SET      ? 1
                         : words[0] == RUNE_SCHEMA_RECORD ? words[1]
                                                          : 0;
        for (uint32_t i = 0; i < parts; i++) {
            uint32_t part = words[0] == RUNE_SCHEMA_SET ? words[1] : words[3 + 3 * (size_t)i];
            if (part < HEADER_WORDS || part >= at || depths[part] == 0) {
                return false;
            }
            depth = depths[part] >= depth ? depths[part] + 1u : depth;
        }
        if (depth > RUNE_SCHEMA_MAX_DEPTH) {
            return false;
        }
        depths[at] = (uint8_t)depth;
        at += size;
    }
    return true;
}

typedef bool (*is_term_fn)(const struct verifier *verifier, uint32_t term);

static bool verify_run(const struct verifier *verifier, uint32_t run, is_term_fn is_term)
{
    if (run == 0) {
        return true;
    }
    if (run < verifier->types_end || run >= verifier->count ||
        verifier->words[run] > verifier->count - run - 1) {
        return false;
    }
    const uint32_t *items = verifier->words + run + 1;
    for (uint32_t i = 0; i < items[-1]; i++) {
        if (!is_term(verifier, items[i]) || (i > 0 && items[i - 1] >= items[i])) {
            return false;
        }
    }
    return true;
}

static bool is_type(const struct verifier *verifier, const uint8_t *depths, uint32_t type,
                    uint32_t kind)
{
    return type >= HEADER_WORDS && type < verifier->types_end && depths[type] != 0 &&
           (kind == 0 || verifier->words[type] == kind);
}

static bool verify_table(const struct verifier *verifier, uint32_t offset, uint32_t rows,
                         uint32_t row_words)
{
    return rows == 0 || (offset >= verifier->types_end && offset <= verifier->count &&
                         rows <= (verifier->count - offset) / row_words);
}

static bool verify_entity_types(const struct verifier *verifier, const struct rune_schema *schema,
                                const uint8_t *depths)
{
    for (uint32_t i = 0; i < schema->entity_type_count; i++) {
        const struct rune_schema_entity_type *row = &schema->entity_types[i];
        bool ok = is_string(verifier, row->name) && (i == 0 || row[-1].name < row->name) &&
                  is_type(verifier, depths, row->attrs, RUNE_SCHEMA_RECORD) &&
                  (row->tags == 0 || is_type(verifier, depths, row->tags, 0)) &&
                  verify_run(verifier, row->ancestors, is_string) &&
                  verify_run(verifier, row->ids, is_string) &&
                  row->flags <= RUNE_SCHEMA_TYPE_EXTERNAL;
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool verify_actions(const struct verifier *verifier, const struct rune_schema *schema,
                           const uint8_t *depths)
{
    for (uint32_t i = 0; i < schema->action_count; i++) {
        const struct rune_schema_action *row = &schema->actions[i];
        bool ok = is_entity(verifier, row->uid) && (i == 0 || row[-1].uid < row->uid) &&
                  is_type(verifier, depths, row->context, RUNE_SCHEMA_RECORD) &&
                  verify_run(verifier, row->principals, is_string) &&
                  verify_run(verifier, row->resources, is_string) &&
                  verify_run(verifier, row->parents, is_entity) &&
                  verify_run(verifier, row->ancestors, is_entity);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static enum rune_err corrupt(struct rune_diag *diag, const char *what)
{
    rune_diag_report(diag, RUNE_ERROR, "RUNE-I0401", RUNE_SPAN_NONE, NULL, "section SCHEMA: %s",
                     what);
    return RUNE_E_CORRUPT;
}

enum rune_err rune_schema_verify(const uint32_t *words, uint32_t count,
                                 const struct rune_terms *terms, struct rune_diag *diag)
{
    if (count == 0) {
        return RUNE_OK;
    }
    if (count < HEADER_WORDS || words[0] != RUNE_SCHEMA_VERSION) {
        return corrupt(diag, "no header of a version that is known");
    }
    struct verifier verifier = {words, count, words[5], terms};
    if (words[5] < HEADER_WORDS || words[5] > count ||
        !verify_table(&verifier, words[2], words[1], TYPE_WORDS) ||
        !verify_table(&verifier, words[4], words[3], ACTION_WORDS)) {
        return corrupt(diag, "a table lies outside");
    }
    struct rune_schema schema;
    rune_schema_open(words, count, &schema);
    uint8_t *depths = rune_calloc(words[5], 1);
    if (depths == NULL) {
        return RUNE_E_NOMEM;
    }
    const char *flaw = NULL;
    if (!verify_types(&verifier, depths)) {
        flaw = "a type is malformed";
    } else if (!verify_entity_types(&verifier, &schema, depths)) {
        flaw = "an entity type is malformed";
    } else if (!verify_actions(&verifier, &schema, depths)) {
        flaw = "an action is malformed";
    }
    rune_free(depths);
    return flaw == NULL ? RUNE_OK : corrupt(diag, flaw);
}
