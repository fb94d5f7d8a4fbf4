/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/build_int.h"

#include <string.h>

#include "cedar/links.h"
#include "cedar/parser.h"
#include "cedar/validate.h"

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

/* @id, else policyN, N counting all policies over the files in order. */
static enum rune_err number(struct rune_build *build, struct rune_cedar_policy *policy, uint32_t n)
{
    policy->id = build->ids_by_position ? (struct rune_str){0} : annotated_id(policy);
    if (policy->id.data == NULL) {
        char *text = rune_arena_printf(&build->policy_arena, "policy%u", n);
        if (text == NULL) {
            return RUNE_E_NOMEM;
        }
        policy->id = rune_str_from(text);
    }
    build->template_count += rune_cedar_is_template(policy);
    return rune_ids_add(&build->ids, policy->id, policy->span, build->diag);
}

/* ---- stages ---- */

RUNE_VEC(vec_parsed, struct rune_cedar_policies);

/* Policies beside one with mistakes are numbered too, so that their ids are checked in the same
 * run. */
static enum rune_err parse_file(struct rune_build *build, const struct rune_source *source,
                                struct vec_parsed *files)
{
    struct rune_cedar_policies parsed = {0};
    enum rune_err err = rune_cedar_parse(source, &build->policy_arena, &parsed, build->diag);
    if (err != RUNE_OK) {
        build->policies_parsed = false;
        err = rune_build_stage(build, err);
    }
    if (err == RUNE_OK) {
        err = rune_ids_reserve(&build->ids, parsed.count);
    }
    for (uint32_t i = 0; err == RUNE_OK && i < parsed.count; i++) {
        err = number(build, &parsed.items[i], build->policies.count + i);
    }
    build->policies.count += parsed.count;
    return err == RUNE_OK && !RUNE_VEC_PUSH(files, parsed) ? RUNE_E_NOMEM : err;
}

/* All policies in one array: that of the file, where there is only one with any. */
static enum rune_err join_files(struct rune_build *build, const struct vec_parsed *files)
{
    struct rune_cedar_policies *policies = &build->policies;
    uint32_t done = 0;
    for (size_t i = 0; i < files->count; i++) {
        if (files->items[i].count == policies->count) {
            policies->items = files->items[i].items;
            return RUNE_OK;
        }
    }
    policies->items =
        RUNE_ARENA_ARRAY(&build->policy_arena, struct rune_cedar_policy, policies->count);
    for (size_t i = 0; policies->items != NULL && i < files->count; i++) {
        if (files->items[i].count > 0) {
            memcpy(policies->items + done, files->items[i].items,
                   files->items[i].count * sizeof(*policies->items));
            done += files->items[i].count;
        }
    }
    return policies->items == NULL ? RUNE_E_NOMEM : RUNE_OK;
}

enum rune_err rune_build_parse_policies(struct rune_build *build)
{
    const struct rune_bundle *bundle = &build->bundle;
    struct vec_parsed files = {0};
    enum rune_err err = RUNE_OK;
    build->policies_parsed = true;
    for (uint32_t i = rune_bundle_next(bundle, RUNE_BUNDLE_POLICIES, 0);
         err == RUNE_OK && i < bundle->count;
         i = rune_bundle_next(bundle, RUNE_BUNDLE_POLICIES, i + 1)) {
        err = parse_file(build, &bundle->files[i].source, &files);
    }
    err = err == RUNE_OK ? join_files(build, &files) : err;
    RUNE_VEC_FINI(&files);
    return err;
}

/* Template links. Their ids share the namespace of policies and rules. */
enum rune_err rune_build_read_links(struct rune_build *build)
{
    const struct rune_bundle *bundle = &build->bundle;
    for (uint32_t i = rune_bundle_next(bundle, RUNE_BUNDLE_LINKS, 0); i < bundle->count;
         i = rune_bundle_next(bundle, RUNE_BUNDLE_LINKS, i + 1)) {
        struct rune_cedar_link *links;
        uint32_t count;
        enum rune_err err = rune_cedar_links_parse(&bundle->files[i].source, &build->arena, &links,
                                                   &count, build->diag);
        if (err != RUNE_OK) {
            err = rune_build_stage(build, err);
            count = 0;
        }
        for (uint32_t k = 0; err == RUNE_OK && k < count; k++) {
            err = rune_ids_add(&build->ids, links[k].link_id, links[k].span, build->diag);
            if (err == RUNE_OK && !RUNE_VEC_PUSH(&build->links, links[k])) {
                err = RUNE_E_NOMEM;
            }
        }
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

static struct rune_cedar_policies all_policies(const struct rune_build *build)
{
    return (struct rune_cedar_policies){
        .items = build->policies.items,
        .count = build->policies.count,
        .links = build->links.items,
        .link_count = (uint32_t)build->links.count,
    };
}

enum rune_err rune_build_validate_policies(struct rune_build *build)
{
    if (!build->policies_parsed || !build->has_schema ||
        build->manifest.validation == RUNE_VALIDATION_OFF) {
        return RUNE_OK;
    }
    const struct rune_cedar_policies policies = all_policies(build);
    struct rune_validation_result validation;
    enum rune_validation_mode mode = build->manifest.validation == RUNE_VALIDATION_PERMISSIVE
                                         ? RUNE_VALIDATE_PERMISSIVE
                                         : RUNE_VALIDATE_STRICT;
    enum rune_err err = rune_cedar_validate(&policies, &build->cedar_schema, mode, UINT32_MAX,
                                            &build->policy_arena, &validation, build->diag);
    build->has_invalid_policies = err == RUNE_OK && validation.error_count > 0;
    return err;
}

enum rune_err rune_build_compile_policies(struct rune_build *build)
{
    if (!build->policies_parsed) {
        return RUNE_OK;
    }
    const struct rune_cedar_policies policies = all_policies(build);
    enum rune_err err =
        rune_build_stage(build, rune_cedar_compile(&policies, build->dict, rune_build_source_index,
                                                   build, &build->program, build->diag));
    /* Nobody needs trees and ids from here on: what follows takes as much memory. */
    rune_ids_fini(&build->ids);
    build->policies.items = NULL;
    rune_arena_fini(&build->policy_arena);
    return err;
}
