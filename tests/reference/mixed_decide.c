/* SPDX-License-Identifier: Apache-2.0 */
/* mixed_decide: policies by their questions, asked of the data as a request sees it. */
#include <string.h>

#include "reference/mixed.h"

struct asking {
    const struct mixed_data *data;
    const struct mixed_answers *answers;
    const struct mixed_request *request;
    int k;
};

static const struct mixed_value *find(const struct asking *asking, int entity, enum mixed_attr attr)
{
    return asking->data->has[entity][attr] ? &asking->data->attrs[entity][attr] : NULL;
}

static int ask_editors(const struct asking *asking, enum mixed_question question)
{
    const struct mixed_value *set = find(asking, asking->request->resource, MIXED_EDITORS);
    struct mixed_value who = {.kind = MIXED_ENTITY, .number = asking->request->principal};
    struct mixed_value first = {.kind = MIXED_ENTITY, .number = 0};
    if (set == NULL) {
        return question == MIXED_EDITS_GUARDED ? 0 : -1;
    }
    bool has = mixed_has_item(set, &who), has_first = mixed_has_item(set, &first);
    switch (question) {
    case MIXED_EDITS_ALL:
        return has && has_first;
    case MIXED_EDITS_ANY:
        return has || has_first;
    case MIXED_EDITS_EMPTY:
        return set->count == 0;
    case MIXED_EDITS_ALONE:
        return has && set->count == 1;
    default:
        return has;
    }
}

static int ask_owner(const struct asking *asking, enum mixed_question question)
{
    const struct mixed_value *owner = find(asking, asking->request->resource, MIXED_OWNER);
    if (owner == NULL) {
        return -1;
    }
    return question == MIXED_OWNS
               ? owner->kind == MIXED_ENTITY && owner->number == asking->request->principal
               : mixed_is_in(asking->data, owner->number, MIXED_FIRST_GROUP + asking->k);
}

/* `>` of an attribute or a key, and the number; `missing` where it is not there. */
static int ask_number(const struct mixed_value *value, int k, int missing)
{
    return value == NULL ? missing : value->kind != MIXED_LONG ? -1 : value->number > k;
}

static int ask_context(const struct asking *asking, enum mixed_question question)
{
    const struct mixed_rows *rows =
        &asking->answers->rows[question == MIXED_TIERED ? MIXED_CONTEXT_TIER : MIXED_CONTEXT_N];
    if (question == MIXED_TIERED) {
        return ask_number(rows->count > 0 ? rows->cells : NULL, asking->k, 0);
    }
    return rows->count == 0 ? -1
                            : rows->cells->kind == MIXED_LONG && rows->cells->number == asking->k;
}

static int ask_name(const struct asking *asking, enum mixed_question question)
{
    const struct mixed_value *name = find(asking, asking->request->principal, MIXED_NAME);
    if (name == NULL) {
        return question == MIXED_NAMED ? -1 : 0;
    }
    return question == MIXED_NAMED ? strcmp(name->text, "a") == 0 : name->text[0] == 'a';
}

static int ask(const struct asking *asking, enum mixed_question question)
{
    const struct mixed_request *request = asking->request;
    const struct mixed_value *value;
    struct mixed_value label = {.kind = MIXED_STRING, .text = "a"};
    switch (question) {
    case MIXED_RANKS:
    case MIXED_RANKS_GUARDED:
        return ask_number(find(asking, request->principal, MIXED_RANK), asking->k,
                          question == MIXED_RANKS ? -1 : 0);
    case MIXED_MEMBER:
        return mixed_is_in(asking->data, request->principal, MIXED_FIRST_GROUP + asking->k);
    case MIXED_FILED:
        return mixed_is_in(asking->data, request->resource, MIXED_FIRST_GROUP + asking->k);
    case MIXED_NAMED:
    case MIXED_NAMED_LIKE:
        return ask_name(asking, question);
    case MIXED_OWNS:
    case MIXED_OWNER_MEMBER:
        return ask_owner(asking, question);
    case MIXED_TAGGED:
        return asking->data->has_tag[request->principal] &&
               strcmp(asking->data->tags[request->principal].text, "a") == 0;
    case MIXED_TIERED:
    case MIXED_NUMBERED:
        return ask_context(asking, question);
    case MIXED_LABELLED:
        value = find(asking, request->resource, MIXED_LABELS);
        return value == NULL ? -1 : mixed_has_item(value, &label);
    case MIXED_INFORMED:
        value = find(asking, request->principal, MIXED_INFO);
        return value == NULL ? -1 : value->items[0].number > asking->k;
    default:
        return ask_editors(asking, question);
    }
}

int mixed_policy_matches(const struct mixed_policy *policy, const struct mixed_answers *answers,
                         const struct mixed_request *request)
{
    struct asking asking = {.data = &answers->data, .answers = answers, .request = request};
    int result = 1;
    if ((policy->action >= 0 && policy->action != request->action) ||
        (policy->principal >= 0 && policy->principal != request->principal) ||
        (policy->resource >= 0 && policy->resource != request->resource) ||
        (policy->group >= 0 && !mixed_is_in(asking.data, request->principal, policy->group))) {
        return 0;
    }
    /* Written with a bracket around all before each operator. */
    for (uint32_t i = 0; i < policy->cond_count; i++) {
        if (i > 0 && result == (policy->conds[i].is_or ? 1 : 0)) {
            continue;
        }
        asking.k = policy->conds[i].k;
        result = ask(&asking, policy->conds[i].question);
        if (result < 0) {
            return -1;
        }
        result = policy->conds[i].is_negated ? !result : result;
    }
    return result;
}
