/* SPDX-License-Identifier: Apache-2.0 */
#include "rune/translate.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/map.h"
#include "cedar/est.h"
#include "cedar/format.h"
#include "cedar/parser.h"
#include "cedar/print.h"
#include "cedar/schema.h"

struct translation {
    struct rune_source source;
    struct rune_arena arena;
    struct rune_buf out;
    struct rune_diag *diag;
    bool from_json;
    bool to_json;
};

/* ---- ids ---- */

static struct rune_str annotated_id(const struct rune_cedar_policy *policy)
{
    for (uint32_t i = 0; i < policy->annotation_count; i++) {
        if (rune_str_equal(policy->annotations[i].name, RUNE_STR("id"))) {
            return policy->annotations[i].value;
        }
    }
    return (struct rune_str){0};
}

static enum rune_err set_id(struct translation *translation, struct rune_map *seen, uint32_t index,
                            struct rune_cedar_policy *policy)
{
    bool added;
    policy->id = annotated_id(policy);
    if (policy->id.data == NULL) {
        char *text = rune_arena_printf(&translation->arena, "policy%u", index);
        if (text == NULL) {
            return RUNE_E_NOMEM;
        }
        policy->id = rune_str_from(text);
    }
    enum rune_err err = rune_map_intern(seen, policy->id, 0, &(uint32_t){0}, &added);
    if (err == RUNE_OK && !added) {
        rune_diag_report(translation->diag, RUNE_ERROR, "RUNE-C0540", policy->span,
                         "give one of them another @id", "there are two policies `%.*s`",
                         RUNE_STR_ARG(policy->id));
        err = RUNE_E_INVALID;
    }
    return err;
}

static enum rune_err set_ids(struct translation *translation, struct rune_cedar_policies *policies)
{
    struct rune_map seen = RUNE_MAP_INIT;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < policies->count; i++) {
        err = set_id(translation, &seen, i, &policies->items[i]);
    }
    rune_map_fini(&seen);
    return err;
}

/* The id of the set as an annotation, so that it is still there in text. */
static enum rune_err annotate(struct translation *translation, struct rune_cedar_policy *policy)
{
    if (policy->id.data == NULL || annotated_id(policy).data != NULL) {
        return RUNE_OK;
    }
    uint32_t count = policy->annotation_count + 1;
    struct rune_cedar_annotation *items =
        RUNE_ARENA_ARRAY(&translation->arena, struct rune_cedar_annotation, count);
    if (items == NULL) {
        return RUNE_E_NOMEM;
    }
    items[0] = (struct rune_cedar_annotation){
        .name = RUNE_STR("id"), .value = policy->id, .has_value = true};
    for (uint32_t i = 1; i < count; i++) {
        items[i] = policy->annotations[i - 1];
    }
    policy->annotations = items;
    policy->annotation_count = count;
    return RUNE_OK;
}

/* ---- policies ---- */

static bool is_template(const struct rune_json_node *root)
{
    static const char *const scopes[] = {"principal", "resource"};
    bool found = false;
    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        const struct rune_json_node *scope = rune_json_find(root, scopes[i]);
        if (scope != NULL && scope->type == RUNE_JSON_OBJECT) {
            const struct rune_json_node *in = rune_json_find(scope, "in");
            found =
                found || rune_json_find(scope, "slot") != NULL ||
                (in != NULL && in->type == RUNE_JSON_OBJECT && rune_json_find(in, "slot") != NULL);
        }
    }
    return found;
}

/* A set, or one policy alone: that one has an effect. */
static enum rune_err read_est(struct translation *translation, struct rune_cedar_policies *policies)
{
    struct rune_json_node root;
    struct rune_json_error error;
    struct rune_str text = {translation->source.text, translation->source.length};
    if (rune_json_parse(text, 0, &translation->arena, &root, &error) != RUNE_OK ||
        root.type != RUNE_JSON_OBJECT ||
        rune_json_find(&root, "effect") == NULL) { /* what is wrong the reader of sets says */
        return rune_est_parse(&translation->source, &translation->arena, policies,
                              translation->diag);
    }
    policies->count = 1;
    policies->items = RUNE_ARENA_NEW(&translation->arena, struct rune_cedar_policy);
    if (policies->items == NULL) {
        return RUNE_E_NOMEM;
    }
    return rune_est_parse_policy(&translation->source,
                                 is_template(&root) ? RUNE_EST_TEMPLATE : RUNE_EST_POLICY,
                                 &translation->arena, policies->items, translation->diag);
}

/* Reports what is no policy any more once it is translated. */
static enum rune_err check_translatable(struct translation *translation,
                                        const struct rune_cedar_policies *policies)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < policies->count; i++) {
        const struct rune_cedar_policy *policy = &policies->items[i];
        if (policy->has_unknown_call) {
            rune_diag_report(translation->diag, RUNE_ERROR, "RUNE-C0542", policy->span, NULL,
                             "this policy calls a function that does not exist");
            err = RUNE_E_INVALID;
        }
        if (policy->is_bare_template && !translation->to_json) {
            rune_diag_report(translation->diag, RUNE_ERROR, "RUNE-C0543", policy->span,
                             "give it a slot, or move it to `staticPolicies`",
                             "a template without slots would be a policy in text");
            err = RUNE_E_INVALID;
        }
    }
    return err;
}

static enum rune_err read_policies(struct translation *translation,
                                   struct rune_cedar_policies *policies)
{
    enum rune_err err = translation->from_json
                            ? read_est(translation, policies)
                            : rune_cedar_parse(&translation->source, &translation->arena, policies,
                                               translation->diag);
    if (err != RUNE_OK) {
        return err;
    }
    return translation->from_json ? check_translatable(translation, policies)
                                  : set_ids(translation, policies);
}

static enum rune_err print_text(struct translation *translation,
                                struct rune_cedar_policies *policies)
{
    struct rune_buf plain = RUNE_BUF_INIT;
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; err == RUNE_OK && i < policies->count; i++) {
        err = annotate(translation, &policies->items[i]);
    }
    for (uint32_t i = 0; i < policies->link_count; i++) {
        rune_diag_report(translation->diag, RUNE_WARNING, "RUNE-C0541", policies->links[i].span,
                         "keep links in a file *.links.json: rune link writes it",
                         "the link `%.*s` stays behind", RUNE_STR_ARG(policies->links[i].link_id));
    }
    if (err == RUNE_OK) {
        err = rune_cedar_print(policies, &plain);
    }
    if (err == RUNE_OK) {
        struct rune_source source = {"(translation)", rune_buf_cstr(&plain),
                                     (uint32_t)plain.length};
        err = rune_cedar_format(&source, &translation->out, translation->diag);
    }
    rune_buf_fini(&plain);
    return err;
}

/* ---- JSON for people: two spaces a level, empty brackets together ---- */

static void break_line(struct rune_buf *out, unsigned depth)
{
    rune_buf_append_char(out, '\n');
    for (unsigned i = 0; i < depth; i++) {
        rune_buf_append_cstr(out, "  ");
    }
}

static size_t string_end(struct rune_str json, size_t at)
{
    for (at++; at < json.length && json.data[at] != '"'; at++) {
        at += json.data[at] == '\\';
    }
    return at < json.length ? at + 1 : json.length;
}

static void lay_out(struct rune_str json, struct rune_buf *out)
{
    unsigned depth = 0;
    for (size_t at = 0; at < json.length; at++) {
        char c = json.data[at];
        bool is_empty =
            at + 1 < json.length && (json.data[at + 1] == '}' || json.data[at + 1] == ']');
        if (c == '"') {
            size_t end = string_end(json, at);
            rune_buf_append(out, json.data + at, end - at);
            at = end - 1;
        } else if ((c == '{' || c == '[') && is_empty) {
            rune_buf_append(out, json.data + at++, 2);
        } else if (c == '{' || c == '[') {
            rune_buf_append_char(out, c);
            break_line(out, ++depth);
        } else if (c == '}' || c == ']') {
            break_line(out, --depth);
            rune_buf_append_char(out, c);
        } else {
            rune_buf_append_char(out, c);
            rune_buf_append_cstr(out, c == ':' ? " " : "");
            if (c == ',') {
                break_line(out, depth);
            }
        }
    }
    rune_buf_append_char(out, '\n');
}

static enum rune_err print_json(struct translation *translation,
                                const struct rune_cedar_policies *policies)
{
    struct rune_buf compact = RUNE_BUF_INIT;
    enum rune_err err = rune_est_print(policies, &compact);
    if (err == RUNE_OK) {
        lay_out((struct rune_str){compact.data, compact.length}, &translation->out);
    }
    rune_buf_fini(&compact);
    return err;
}

static enum rune_err translate_policies(struct translation *translation)
{
    struct rune_cedar_policies policies = {0};
    enum rune_err err = read_policies(translation, &policies);
    if (err == RUNE_OK) {
        err = translation->to_json ? print_json(translation, &policies)
                                   : print_text(translation, &policies);
    }
    return err;
}

static enum rune_err translate_schema(struct translation *translation)
{
    struct rune_schema_fragment fragment;
    enum rune_err err = translation->from_json
                            ? rune_schema_parse_json(&translation->source, &translation->arena,
                                                     &fragment, translation->diag)
                            : rune_schema_parse(&translation->source, &translation->arena,
                                                &fragment, translation->diag);
    if (err == RUNE_OK) {
        err = translation->to_json
                  ? rune_schema_print_json(&fragment, &translation->out)
                  : rune_schema_print_text(&fragment, &translation->out, translation->diag);
    }
    return err;
}

static bool is_json(struct rune_str text)
{
    size_t at = 0;
    while (at < text.length &&
           (text.data[at] == ' ' || (text.data[at] >= '\t' && text.data[at] <= '\r'))) {
        at++;
    }
    return at < text.length && text.data[at] == '{';
}

enum rune_err rune_translate(const char *path, struct rune_str text, enum rune_translate_kind kind,
                             enum rune_translate_form to, rune_translate_fn emit, void *context,
                             struct rune_diag *diag)
{
    if (text.length >= UINT32_MAX) {
        return RUNE_E_LIMIT;
    }
    struct translation translation = {
        .source = {path, text.length > 0 ? text.data : "", (uint32_t)text.length},
        .out = RUNE_BUF_INIT,
        .diag = diag,
        .from_json = is_json(text),
    };
    translation.to_json = to == RUNE_FORM_OTHER ? !translation.from_json : to == RUNE_FORM_JSON;
    rune_arena_init(&translation.arena, 0);
    enum rune_err err = kind == RUNE_TRANSLATE_SCHEMA ? translate_schema(&translation)
                                                      : translate_policies(&translation);
    if (err == RUNE_OK && translation.out.failed) {
        err = RUNE_E_NOMEM;
    }
    if (err == RUNE_OK) {
        emit(context, (struct rune_str){rune_buf_cstr(&translation.out), translation.out.length});
    }
    rune_buf_fini(&translation.out);
    rune_arena_fini(&translation.arena);
    return err;
}
