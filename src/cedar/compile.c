/* SPDX-License-Identifier: Apache-2.0 */
/* Policies: the scope's tests, the conditions as jumps to the end, MATCH, NO_MATCH. The action's
 * test comes first, where the index can let it out. A policy that can never match, because a
 * condition folds to false, is NO_MATCH alone. */
#include "cedar/compile.h"

#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "cedar/compile_int.h"

/* Steps that folding may take within one policy; past them constants are left for run time. */
#define FOLD_STEPS 1000000u

/* ---- scope ---- */

static void emit_scope_test(struct rune_cedar_compiler *c, enum rune_op op, enum rune_cedar_var var,
                            rune_term constant, struct rune_cedar_label *no)
{
    rune_cedar_emit_jump(c, op, no, NULL);
    rune_cedar_emit_word(c, (uint32_t)var);
    rune_cedar_emit_word(c, constant);
}

static bool has_entity(const struct rune_cedar_scope *scope)
{
    return scope->op == RUNE_SCOPE_EQ || scope->op == RUNE_SCOPE_IN ||
           scope->op == RUNE_SCOPE_IS_IN;
}

/* Principal or resource: tests, and the part of the key. `slot` is what a link fills in. */
static void compile_scope(struct rune_cedar_compiler *c, const struct rune_cedar_scope *scope,
                          enum rune_cedar_var var, rune_term slot, struct rune_cedar_label *no,
                          rune_term *ret_entity, rune_term *ret_type, bool *ret_in)
{
    rune_term entity = RUNE_TERM_NONE;
    rune_term type = RUNE_TERM_NONE;
    if (has_entity(scope)) {
        entity = scope->is_slot ? slot : rune_cedar_intern_uid(c, &scope->uids[0]);
    }
    if (scope->op == RUNE_SCOPE_IS || scope->op == RUNE_SCOPE_IS_IN) {
        type = rune_cedar_intern_string(c, scope->type);
        emit_scope_test(c, RUNE_OP_IS_ELSE, var, type, no);
    }
    if (scope->op == RUNE_SCOPE_EQ) {
        emit_scope_test(c, RUNE_OP_EQ_CONST_ELSE, var, entity, no);
        type = c->err == RUNE_OK ? rune_values_entity_type(&c->values, entity) : RUNE_TERM_NONE;
    } else if (has_entity(scope)) {
        emit_scope_test(c, RUNE_OP_IN_CONST_ELSE, var, entity, no);
    }
    *ret_entity = entity;
    *ret_type = type;
    *ret_in = scope->op != RUNE_SCOPE_EQ;
}

/* `action in [..]`: the set of the list's actions. */
static rune_term intern_actions(struct rune_cedar_compiler *c, const struct rune_cedar_scope *scope)
{
    rune_term term = RUNE_TERM_NONE;
    size_t before = c->stack.count;
    for (uint32_t i = 0; i < scope->uid_count; i++) {
        if (!RUNE_VEC_PUSH(&c->stack, rune_cedar_intern_uid(c, &scope->uids[i]))) {
            rune_cedar_fail(c, RUNE_E_NOMEM);
        }
    }
    if (c->err == RUNE_OK) {
        rune_term *elements = scope->uid_count > 0 ? c->stack.items + before : NULL;
        rune_cedar_fail(c, rune_dict_set(c->values.dict, elements, scope->uid_count, &term));
    }
    c->stack.count = before;
    return term;
}

static void compile_action(struct rune_cedar_compiler *c, const struct rune_cedar_scope *scope,
                           struct rune_cedar_label *no, struct rune_cedar_key *key)
{
    if (scope->op == RUNE_SCOPE_ANY) {
        return;
    }
    bool is_set = scope->is_list || scope->uid_count != 1;
    key->action = is_set ? intern_actions(c, scope) : rune_cedar_intern_uid(c, &scope->uids[0]);
    key->action_in = scope->op == RUNE_SCOPE_IN;
    key->never = is_set && scope->uid_count == 0;
    emit_scope_test(c, key->action_in ? RUNE_OP_IN_CONST_ELSE : RUNE_OP_EQ_CONST_ELSE,
                    RUNE_CEDAR_ACTION, key->action, no);
}

/* ---- policies ---- */

/* All conditions; false if none of what follows is ever reached. */
static bool compile_conditions(struct rune_cedar_compiler *c, struct rune_cedar_label *no)
{
    for (uint32_t i = 0; i < c->policy->condition_count; i++) {
        const struct rune_cedar_condition *condition = &c->policy->conditions[i];
        if (!rune_cedar_compile_jump(c, condition->body, condition->is_unless, no)) {
            return false;
        }
    }
    return true;
}

static void compile_body(struct rune_cedar_compiler *c, const struct rune_image_policy *slots,
                         struct rune_cedar_key *key)
{
    struct rune_cedar_label no = {0};
    const struct rune_cedar_policy *policy = c->policy;
    size_t first_span = c->program->spans.count;
    compile_action(c, &policy->action, &no, key);
    compile_scope(c, &policy->principal, RUNE_CEDAR_PRINCIPAL, slots->slot_principal, &no,
                  &key->principal, &key->principal_type, &key->principal_in);
    compile_scope(c, &policy->resource, RUNE_CEDAR_RESOURCE, slots->slot_resource, &no,
                  &key->resource, &key->resource_type, &key->resource_in);
    uint32_t after_scope = rune_cedar_here(c);
    bool goes_on = compile_conditions(c, &no);
    /* A lone jump: false whatever the request is, and without an error. */
    key->never = key->never || (!goes_on && rune_cedar_here(c) == after_scope + 1);
    if (c->err == RUNE_OK && key->never) {
        c->program->code.count = c->start;
        c->program->spans.count = first_span;
        no.chain = 0;
        goes_on = false;
    } else if (goes_on) {
        rune_cedar_emit_op(c, RUNE_OP_MATCH, 0, NULL);
    }
    rune_cedar_bind(c, &no);
    if (no.chain != 0 || !goes_on) {
        rune_cedar_emit_op(c, RUNE_OP_NO_MATCH, 0, NULL);
    }
}

/* The policy's run in ANNOTATION; the first run, at 0, is the empty one. */
static uint32_t add_annotations(struct rune_cedar_compiler *c)
{
    struct rune_vec_u32 *words = &c->program->annotations;
    uint32_t count = c->policy->annotation_count;
    if (!RUNE_VEC_RESERVE(words, words->count + 2 + 2 * (size_t)count)) {
        rune_cedar_fail(c, RUNE_E_NOMEM);
        return 0;
    }
    if (words->count == 0) {
        words->items[words->count++] = 0;
    }
    if (count == 0) {
        return 0;
    }
    uint32_t first = (uint32_t)words->count;
    words->items[words->count++] = count;
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_cedar_annotation *annotation = &c->policy->annotations[i];
        words->items[words->count++] =
            rune_term_index(rune_cedar_intern_string(c, annotation->name));
        words->items[words->count++] =
            rune_term_index(rune_cedar_intern_string(c, annotation->value));
    }
    return first;
}

static void report_failure(struct rune_cedar_compiler *c)
{
    if (c->err == RUNE_E_LIMIT) {
        rune_diag_report(c->diag, RUNE_ERROR, "RUNE-C0603", c->policy->span,
                         "split it into several policies", "the policy is too large");
    }
}

/* One static policy or link. `image` has id, slots and template; the rest is filled in here. */
static enum rune_err compile_policy(struct rune_cedar_compiler *c,
                                    const struct rune_cedar_policy *policy,
                                    struct rune_image_policy image, uint32_t source)
{
    struct rune_cedar_program *program = c->program;
    struct rune_cedar_key key = {0};
    c->policy = policy;
    c->start = (uint32_t)program->code.count;
    c->next_register = c->register_count = RUNE_POLICY_VARIABLES;
    c->stack.count = 0;
    c->values.steps_left = FOLD_STEPS;
    compile_body(c, &image, &key);
    image.effect = policy->is_forbid ? RUNE_EFFECT_FORBID : RUNE_EFFECT_PERMIT;
    image.code = c->start;
    image.code_length = rune_cedar_here(c);
    image.max_stack = c->register_count;
    image.source = source;
    image.source_offset = policy->span.offset;
    image.source_length = policy->span.length;
    image.annotations = add_annotations(c);
    if (c->err == RUNE_OK &&
        (!RUNE_VEC_PUSH(&program->policies, image) || !RUNE_VEC_PUSH(&program->keys, key))) {
        rune_cedar_fail(c, RUNE_E_NOMEM);
    }
    report_failure(c);
    return c->err;
}

/* Texts are string indexes. */
static uint32_t intern_text(struct rune_cedar_compiler *c, struct rune_str text)
{
    return rune_term_index(rune_cedar_intern_string(c, text));
}

/* ---- links ---- */

static bool check_slot(const struct rune_cedar_link *link, bool has_slot,
                       const struct rune_cedar_uid *uid, const char *name, struct rune_diag *diag)
{
    if (has_slot == (uid != NULL)) {
        return true;
    }
    if (has_slot) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0602", link->span, NULL,
                         "the link gives no value for `%s`", name);
    } else {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-C0602", link->span, NULL,
                         "the template has no slot `%s`", name);
    }
    return false;
}

static void report_no_template(const struct rune_cedar_policies *policies,
                               const struct rune_cedar_link *link, struct rune_diag *diag)
{
    enum { CANDIDATES = 200 }; /* LIMIT: beyond them it is not guessed */
    struct rune_str names[CANDIDATES];
    size_t count = 0;
    char help[300];
    for (uint32_t i = 0; i < policies->count && count < CANDIDATES; i++) {
        if (rune_cedar_is_template(&policies->items[i])) {
            names[count++] = policies->items[i].id;
        }
    }
    struct rune_str nearest = rune_str_nearest(link->template_id, names, count);
    snprintf(help, sizeof help, "did you mean `%.*s`?", RUNE_STR_ARG(nearest));
    rune_diag_report(diag, RUNE_ERROR, "RUNE-C0601", link->span, nearest.length > 0 ? help : NULL,
                     "there is no template `%.*s`", RUNE_STR_ARG(link->template_id));
}

/* The template of a link whose slots agree, or NULL and a message. */
static const struct rune_cedar_policy *find_template(const struct rune_cedar_policies *policies,
                                                     const struct rune_map *templates,
                                                     const struct rune_cedar_link *link,
                                                     struct rune_diag *diag)
{
    uint32_t index;
    if (!rune_map_find(templates, link->template_id, &index)) {
        report_no_template(policies, link, diag);
        return NULL;
    }
    const struct rune_cedar_policy *policy = &policies->items[index];
    bool ok = check_slot(link, policy->has_slot_principal, link->principal, "?principal", diag);
    ok = check_slot(link, policy->has_slot_resource, link->resource, "?resource", diag) && ok;
    return ok ? policy : NULL;
}

static enum rune_err index_templates(const struct rune_cedar_policies *policies,
                                     struct rune_map *templates)
{
    for (uint32_t i = 0; i < policies->count; i++) {
        if (rune_cedar_is_template(&policies->items[i])) {
            enum rune_err err = rune_map_set(templates, policies->items[i].id, i);
            if (err != RUNE_OK) {
                return err;
            }
        }
    }
    return RUNE_OK;
}

static enum rune_err compile_link(struct rune_cedar_compiler *c,
                                  const struct rune_cedar_policy *policy,
                                  const struct rune_cedar_link *link, uint32_t source)
{
    struct rune_image_policy image = {.id = intern_text(c, link->link_id),
                                      .template_id = intern_text(c, link->template_id)};
    if (link->principal != NULL) {
        image.slot_principal = rune_cedar_intern_uid(c, link->principal);
    }
    if (link->resource != NULL) {
        image.slot_resource = rune_cedar_intern_uid(c, link->resource);
    }
    return compile_policy(c, policy, image, source);
}

static enum rune_err compile_links(struct rune_cedar_compiler *c,
                                   const struct rune_cedar_policies *policies,
                                   rune_source_index_fn source_index, void *source_context)
{
    struct rune_map templates = RUNE_MAP_INIT;
    bool ok = true;
    enum rune_err err = index_templates(policies, &templates);
    for (uint32_t i = 0; err == RUNE_OK && i < policies->link_count; i++) {
        const struct rune_cedar_link *link = &policies->links[i];
        const struct rune_cedar_policy *policy = find_template(policies, &templates, link, c->diag);
        if (policy == NULL) {
            ok = false;
        } else {
            err = compile_link(c, policy, link, source_index(source_context, policy->span.source));
        }
    }
    rune_map_fini(&templates);
    return err == RUNE_OK && !ok ? RUNE_E_BUNDLE : err;
}

/* ---- all ---- */

enum rune_err rune_cedar_compile(const struct rune_cedar_policies *policies, struct rune_dict *dict,
                                 rune_source_index_fn source_index, void *source_context,
                                 struct rune_cedar_program *program, struct rune_diag *diag)
{
    struct rune_cedar_compiler compiler = {.program = program, .diag = diag};
    compiler.values.spaces[RUNE_SPACE_IMAGE] = rune_dict_terms(dict);
    compiler.values.dict = dict;
    size_t count = (size_t)policies->count + policies->link_count;
    enum rune_err err =
        RUNE_VEC_RESERVE(&program->policies, count) && RUNE_VEC_RESERVE(&program->keys, count)
            ? RUNE_OK
            : RUNE_E_NOMEM;
    for (uint32_t i = 0; err == RUNE_OK && i < policies->count; i++) {
        const struct rune_cedar_policy *policy = &policies->items[i];
        if (!rune_cedar_is_template(policy)) {
            struct rune_image_policy image = {.id = intern_text(&compiler, policy->id)};
            err = compile_policy(&compiler, policy, image,
                                 source_index(source_context, policy->span.source));
        }
    }
    if (err == RUNE_OK) {
        err = compile_links(&compiler, policies, source_index, source_context);
    }
    RUNE_VEC_FINI(&compiler.stack);
    return err == RUNE_OK ? compiler.err : err;
}

void rune_cedar_program_fini(struct rune_cedar_program *program)
{
    RUNE_VEC_FINI(&program->policies);
    RUNE_VEC_FINI(&program->code);
    RUNE_VEC_FINI(&program->spans);
    RUNE_VEC_FINI(&program->patterns);
    RUNE_VEC_FINI(&program->annotations);
    RUNE_VEC_FINI(&program->keys);
}
