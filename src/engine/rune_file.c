/* SPDX-License-Identifier: Apache-2.0 */
/* rune_file: two passes over the lines: which kinds occur, then one text a kind. */
#include "engine/rune_file.h"

#include <stdio.h>

struct line {
    const char *text;
    size_t length; /* without its line break */
    bool has_break;
};

static bool next_line(const struct rune_source *source, size_t *at, struct line *ret)
{
    if (*at >= source->length) {
        return false;
    }
    const char *text = source->text + *at;
    size_t rest = source->length - *at;
    const char *end = memchr(text, '\n', rest);
    ret->text = text;
    ret->has_break = end != NULL;
    ret->length = end != NULL ? (size_t)(end - text) : rest;
    *at += ret->length + (ret->has_break ? 1 : 0);
    return true;
}

/* The name in `[name]`, alone on its line but for a comment; empty where the line is none. */
static struct rune_str header_name(const struct line *line)
{
    size_t end = line->length;
    const char *comment = end > 0 && line->text[0] == '[' ? memchr(line->text, '#', end) : NULL;
    end = comment != NULL ? (size_t)(comment - line->text) : end;
    while (end > 0 && (line->text[end - 1] == ' ' || line->text[end - 1] == '\t' ||
                       line->text[end - 1] == '\r')) {
        end--;
    }
    if (end < 3 || line->text[0] != '[' || line->text[end - 1] != ']') {
        return (struct rune_str){0};
    }
    for (size_t i = 1; i < end - 1; i++) {
        char c = line->text[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9' && i > 1) || c == '_' || c == '-' || c == '.' || c == '"';
        if (!word) {
            return (struct rune_str){0};
        }
    }
    return (struct rune_str){line->text + 1, end - 2};
}

static const struct section {
    const char *name;
    enum rune_bundle_kind kind;
    bool has_names;   /* also [name.x] */
    bool keep_header; /* TOML: the header is part of the text */
} sections[] = {
    {"metadata", RUNE_BUNDLE_MANIFEST, true, true},
    {"defaults", RUNE_BUNDLE_MANIFEST, false, true},
    {"relations", RUNE_BUNDLE_MANIFEST, true, true},
    {"data", RUNE_BUNDLE_DATA, true, true},
    {"rules", RUNE_BUNDLE_RULES, false, false},
    {"policies", RUNE_BUNDLE_POLICIES, false, false},
    {"cedar_policies", RUNE_BUNDLE_POLICIES, false, false},
    {"schema", RUNE_BUNDLE_SCHEMA, false, false},
    {"entities", RUNE_BUNDLE_ENTITIES, false, false},
    {"tests", RUNE_BUNDLE_TESTS_TOML, true, true},
};

#define SECTION_COUNT (sizeof(sections) / sizeof(sections[0]))

static const struct section *find_section(struct rune_str name)
{
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        size_t length = strlen(sections[i].name);
        if (name.length >= length && memcmp(name.data, sections[i].name, length) == 0 &&
            (name.length == length || (sections[i].has_names && name.data[length] == '.'))) {
            return &sections[i];
        }
    }
    return NULL;
}

static void report_unknown(const struct rune_source *source, struct rune_str name,
                           struct rune_diag *diag)
{
    struct rune_str names[SECTION_COUNT];
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        names[i] = rune_str_from(sections[i].name);
    }
    struct rune_str nearest = rune_str_nearest(name, names, SECTION_COUNT);
    char help[160] = "sections are metadata, data, rules, policies, schema, entities, tests.NAME";
    if (nearest.length > 0) {
        snprintf(help, sizeof(help), "did you mean `[%.*s]`?", RUNE_STR_ARG(nearest));
    }
    struct rune_span span = {source, (uint32_t)(name.data - source->text), (uint32_t)name.length};
    rune_diag_report(diag, RUNE_ERROR, "RUNE-B0201", span, help, "there is no section `%.*s`",
                     (int)(name.length > 100 ? 100 : name.length), name.data);
}

static bool is_blank(const struct line *line)
{
    for (size_t i = 0; i < line->length; i++) {
        if (line->text[i] == '#') {
            return true;
        }
        if (line->text[i] != ' ' && line->text[i] != '\t' && line->text[i] != '\r') {
            return false;
        }
    }
    return true;
}

/* Before the first section only `version = "rune/1.0"` may stand. */
static bool is_version(const struct line *line)
{
    static const char want[] = "version=\"rune/1.0\"";
    size_t at = 0;
    for (size_t i = 0; i < line->length && line->text[i] != '#'; i++) {
        char c = line->text[i];
        if (c == ' ' || c == '\t' || c == '\r') {
            continue;
        }
        if (at >= sizeof(want) - 1 || c != want[at]) {
            return false;
        }
        at++;
    }
    return at == sizeof(want) - 1;
}

/* JSON may have `[true]` or the like on a line of its own; only names of sections are headers
 * there. */
static const struct section *enter_section(const struct rune_source *source,
                                           const struct line *line, const struct section *current,
                                           uint32_t *errors, struct rune_diag *diag)
{
    struct rune_str name = header_name(line);
    if (name.length == 0) {
        return NULL;
    }
    const struct section *section = find_section(name);
    if (section == NULL && (current == NULL || current->kind != RUNE_BUNDLE_ENTITIES)) {
        report_unknown(source, name, diag);
        (*errors)++;
    }
    return section;
}

static uint32_t check_lines(const struct rune_source *source, bool *ret_has, struct rune_diag *diag)
{
    const struct section *current = NULL;
    struct line line;
    size_t at = 0;
    uint32_t errors = 0;
    bool versioned = false;
    while (next_line(source, &at, &line)) {
        const struct section *section = enter_section(source, &line, current, &errors, diag);
        if (section != NULL) {
            current = section;
            ret_has[section->kind] = true;
        } else if (current == NULL && is_version(&line)) {
            versioned = true;
        } else if (current == NULL && !is_blank(&line) && header_name(&line).length == 0) {
            struct rune_span span = {source, (uint32_t)(line.text - source->text),
                                     (uint32_t)line.length};
            rune_diag_report(diag, RUNE_ERROR, "RUNE-B0202", span,
                             "the first line is `version = \"rune/1.0\"`",
                             "before the first section only the version may stand");
            return errors + 1;
        }
    }
    if (!versioned) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-B0203", (struct rune_span){source, 0, 0},
                         "begin the file with `version = \"rune/1.0\"`",
                         "this file does not say its version");
        errors++;
    }
    return errors;
}

/* The whole text with the lines of other kinds left empty. */
static enum rune_err extract(const struct rune_source *source, enum rune_bundle_kind kind,
                             struct rune_arena *arena, struct rune_bundle_file *ret_file)
{
    const struct section *current = NULL;
    struct line line;
    size_t at = 0;
    size_t size = 0;
    uint32_t ignored = 0;
    char *text = rune_arena_alloc(arena, (size_t)source->length + 1);
    if (text == NULL) {
        return RUNE_E_NOMEM;
    }
    while (next_line(source, &at, &line)) {
        const struct section *section = enter_section(source, &line, current, &ignored, NULL);
        current = section != NULL ? section : current;
        bool keep =
            current != NULL && current->kind == kind && (section == NULL || current->keep_header);
        if (keep) {
            memcpy(text + size, line.text, line.length);
            size += line.length;
        }
        if (line.has_break) {
            text[size++] = '\n';
        }
    }
    *ret_file = (struct rune_bundle_file){
        .kind = kind, .source = {source->path, text, (uint32_t)size}, .size_bytes = size};
    return RUNE_OK;
}

enum rune_err rune_file_split(const struct rune_source *source, struct rune_arena *arena,
                              struct rune_bundle_file *ret_files, uint32_t *ret_count,
                              struct rune_diag *diag)
{
    bool has[RUNE_BUNDLE_KIND_COUNT] = {false};
    uint32_t count = 0;
    if (check_lines(source, has, diag) > 0) {
        return RUNE_E_BUNDLE;
    }
    for (uint32_t kind = 0; kind < RUNE_BUNDLE_KIND_COUNT; kind++) {
        if (has[kind]) {
            enum rune_err err =
                extract(source, (enum rune_bundle_kind)kind, arena, &ret_files[count]);
            if (err != RUNE_OK) {
                return err;
            }
            count++;
        }
    }
    *ret_count = count;
    return RUNE_OK;
}
