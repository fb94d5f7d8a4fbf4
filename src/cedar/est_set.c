/* SPDX-License-Identifier: Apache-2.0 */
/* Policy sets of the JSON form: policies, templates and the links of templates, with one space of
 * ids. */
#include "base/map.h"
#include "cedar/est_int.h"

/* A policy set while it is read. */
struct set {
    struct rune_cedar_policies policies;
    struct rune_map ids; /* id -> index in policies, or LINK */
};

#define LINK UINT32_MAX

static bool add_id(struct rune_est_reader *reader, struct set *set,
                   const struct rune_json_node *node, struct rune_str id, uint32_t index)
{
    bool added;
    uint32_t value;
    if (rune_map_intern(&set->ids, id, index, &value, &added) != RUNE_OK) {
        reader->nomem = true;
        return false;
    }
    return added ||
           rune_est_fail(reader, node, NULL, "the id `%.*s` is here twice", RUNE_STR_ARG(id));
}

static bool read_group(struct rune_est_reader *reader, const struct rune_json_node *group,
                       enum rune_est_kind kind, struct set *set)
{
    bool ok = true;
    for (uint32_t i = 0; i < group->as.object.count && !reader->nomem; i++) {
        const struct rune_json_member *member = &group->as.object.members[i];
        uint32_t index = set->policies.count;
        struct rune_cedar_policy *policy = &set->policies.items[index];
        if (!rune_est_read_policy(reader, &member->value, policy)) {
            ok = false;
            continue;
        }
        policy->is_bare_template = kind == RUNE_EST_TEMPLATE && !rune_cedar_is_template(policy);
        if (!rune_est_check_kind(reader, &member->value, policy, kind) ||
            !add_id(reader, set, &member->value, member->key, index)) {
            ok = false;
            continue;
        }
        policy->id = member->key;
        set->policies.count++;
    }
    return ok;
}

static bool read_slot_value(struct rune_est_reader *reader, const struct rune_json_member *member,
                            struct rune_cedar_link *link)
{
    struct rune_cedar_uid *uid = rune_est_alloc(reader, 1, sizeof *uid);
    if (uid == NULL || !rune_est_read_uid(reader, &member->value, uid)) {
        return false;
    }
    if (rune_str_equal(member->key, RUNE_STR("?principal"))) {
        link->principal = uid;
    } else if (rune_str_equal(member->key, RUNE_STR("?resource"))) {
        link->resource = uid;
    } else {
        return rune_est_fail(reader, &member->value, NULL,
                             "the slots are ?principal and ?resource");
    }
    return true;
}

static bool check_link(struct rune_est_reader *reader, const struct rune_json_node *node,
                       const struct set *set, const struct rune_cedar_link *link)
{
    uint32_t index;
    if (!rune_map_find(&set->ids, link->template_id, &index) || index == LINK ||
        !rune_cedar_is_template(&set->policies.items[index])) {
        return rune_est_fail(reader, node, NULL, "there is no template `%.*s`",
                             RUNE_STR_ARG(link->template_id));
    }
    const struct rune_cedar_policy *template = &set->policies.items[index];
    return ((link->principal != NULL) == template->has_slot_principal &&
            (link->resource != NULL) == template->has_slot_resource) ||
           rune_est_fail(reader, node, NULL, "the values do not fit the slots of `%.*s`",
                         RUNE_STR_ARG(link->template_id));
}

static bool read_link(struct rune_est_reader *reader, const struct rune_json_node *node,
                      struct set *set, struct rune_cedar_link *link)
{
    static const char *const names[] = {"templateId", "newId", "values", NULL};
    if (!rune_est_expect(reader, node, RUNE_JSON_OBJECT, "a link") ||
        !rune_est_check_members(reader, node, names)) {
        return false;
    }
    const struct rune_json_node *template_id = rune_est_require(reader, node, "templateId");
    const struct rune_json_node *new_id = rune_est_require(reader, node, "newId");
    const struct rune_json_node *values = rune_est_require(reader, node, "values");
    if (template_id == NULL || new_id == NULL || values == NULL ||
        !rune_est_expect(reader, template_id, RUNE_JSON_STRING, "an id") ||
        !rune_est_expect(reader, new_id, RUNE_JSON_STRING, "an id") ||
        !rune_est_expect(reader, values, RUNE_JSON_OBJECT, "an object")) {
        return false;
    }
    link->template_id = template_id->as.text;
    link->link_id = new_id->as.text;
    link->span = (struct rune_span){reader->source, node->offset, node->length};
    for (uint32_t i = 0; i < values->as.object.count; i++) {
        if (!read_slot_value(reader, &values->as.object.members[i], link)) {
            return false;
        }
    }
    return check_link(reader, node, set, link) && add_id(reader, set, node, link->link_id, LINK);
}

static bool read_links(struct rune_est_reader *reader, const struct rune_json_node *list,
                       struct set *set)
{
    bool ok = true;
    set->policies.links = rune_est_alloc(reader, list->as.array.count, sizeof *set->policies.links);
    if (set->policies.links == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < list->as.array.count && !reader->nomem; i++) {
        ok &= read_link(reader, &list->as.array.items[i], set, &set->policies.links[i]);
    }
    set->policies.link_count = list->as.array.count;
    return ok;
}

static bool read_set(struct rune_est_reader *reader, const struct rune_json_node *root,
                     struct set *set)
{
    static const char *const names[] = {"templates", "staticPolicies", "templateLinks", NULL};
    if (!rune_est_expect(reader, root, RUNE_JSON_OBJECT, "a policy set") ||
        !rune_est_check_members(reader, root, names)) {
        return false;
    }
    const struct rune_json_node *templates = rune_est_require(reader, root, "templates");
    const struct rune_json_node *statics = rune_est_require(reader, root, "staticPolicies");
    const struct rune_json_node *links = rune_est_require(reader, root, "templateLinks");
    if (templates == NULL || statics == NULL || links == NULL ||
        !rune_est_expect(reader, templates, RUNE_JSON_OBJECT, "an object of templates") ||
        !rune_est_expect(reader, statics, RUNE_JSON_OBJECT, "an object of policies") ||
        !rune_est_expect(reader, links, RUNE_JSON_ARRAY, "an array of links")) {
        return false;
    }
    size_t count = (size_t)templates->as.object.count + statics->as.object.count;
    set->policies.items = rune_est_alloc(reader, count, sizeof *set->policies.items);
    if (set->policies.items == NULL) {
        return false;
    }
    bool ok = read_group(reader, statics, RUNE_EST_POLICY, set);
    ok &= read_group(reader, templates, RUNE_EST_TEMPLATE, set);
    return ok && read_links(reader, links, set);
}

enum rune_err rune_est_parse(const struct rune_source *source, struct rune_arena *arena,
                             struct rune_cedar_policies *ret_policies, struct rune_diag *diag)
{
    struct rune_est_reader reader = {.source = source, .arena = arena, .diag = diag};
    struct set set = {.ids = RUNE_MAP_INIT};
    struct rune_json_node root;
    enum rune_err err = rune_est_open(&reader, &root);
    if (err == RUNE_OK) {
        bool ok = read_set(&reader, &root, &set);
        err = rune_est_result(&reader, ok);
    }
    rune_map_fini(&set.ids);
    if (err == RUNE_OK) {
        *ret_policies = set.policies;
    }
    return err;
}
