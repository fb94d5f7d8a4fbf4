/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/derived_context.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/relation_name.h"
#include "eval/rule_eval.h"

/* ---- opening ---- */

static enum rune_err open_key(const struct rune_store *store, uint32_t relation,
                              struct rune_str text, struct rune_derived_key *ret_key)
{
    *ret_key = (struct rune_derived_key){.key = rune_terms_find_string(&store->terms, text)};
    bool is_group = false; /* neighbours */
    for (uint32_t i = 0; i < store->plan_count; i++) {
        if (store->plans[i].relation == relation && store->plans[i].bound == 1) {
            ret_key->first_plan = ret_key->plan_count == 0 ? i : ret_key->first_plan;
            ret_key->plan_count++;
            is_group = i - ret_key->first_plan + 1 == ret_key->plan_count;
        }
    }
    bool is_sound =
        ret_key->key != RUNE_TERM_NONE && is_group && store->relations[relation].arity == 2;
    return is_sound ? RUNE_OK : RUNE_E_CORRUPT;
}

enum rune_err rune_derived_context_open(const struct rune_store *store,
                                        struct rune_derived_context *ret_context)
{
    *ret_context = (struct rune_derived_context){0};
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < store->relation_count && err == RUNE_OK; i++) {
        struct rune_str key;
        rune_term name =
            rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, store->relations[i].name);
        if ((store->relations[i].flags & RUNE_RELATION_DERIVED) == 0 ||
            !rune_relation_name_split(rune_terms_string(&store->terms, name), "context", &key)) {
            continue;
        }
        struct rune_derived_key *items =
            rune_realloc(ret_context->items, ret_context->count + 1, sizeof(*items));
        if (items == NULL) {
            err = RUNE_E_NOMEM;
            break;
        }
        ret_context->items = items;
        err = open_key(store, i, key, &items[ret_context->count++]);
    }
    if (err != RUNE_OK) {
        rune_derived_context_fini(ret_context);
    }
    return err;
}

void rune_derived_context_fini(struct rune_derived_context *context)
{
    rune_free(context->items);
    *context = (struct rune_derived_context){0};
}

/* ---- requests ---- */

static const struct rune_terms *terms_of(const struct rune_store *store,
                                         const struct rune_terms *request, rune_term term)
{
    return rune_term_space(term) == RUNE_SPACE_REQUEST ? request : &store->terms;
}

/* The record's run [shape, values..]; its names are at *ret_shape [count, names..]. */
static const uint32_t *run_of(const struct rune_terms *terms, rune_term record,
                              const uint32_t **ret_shape)
{
    const uint32_t *run = terms->heap + terms->records[rune_term_index(record)];
    *ret_shape = terms->heap + run[0];
    return run;
}

rune_term rune_derived_context_find(const struct rune_derived_context *context,
                                    const struct rune_store *store,
                                    const struct rune_terms *request, rune_term record)
{
    const uint32_t *shape;
    if (context == NULL || context->count == 0) {
        return RUNE_TERM_NONE;
    }
    (void)run_of(terms_of(store, request, record), record, &shape);
    for (uint32_t k = 0; k < context->count; k++) {
        for (uint32_t i = 0; i < shape[0]; i++) {
            if (shape[1 + i] == context->items[k].key) {
                return context->items[k].key;
            }
        }
    }
    return RUNE_TERM_NONE;
}

/* ---- decisions ---- */

/* The type that the action declares for the key; 0: it declares none. */
static rune_schema_type declared_type(const struct rune_schema *schema, rune_term action,
                                      rune_term key)
{
    const struct rune_schema_action *found = rune_schema_find_action(schema, action);
    const uint32_t *record =
        found != NULL && found->context != 0 ? schema->words + found->context : NULL;
    for (uint32_t i = 0; record != NULL && i < record[1]; i++) {
        if (record[2 + 3 * (size_t)i] == key) {
            return record[2 + 3 * (size_t)i + 1];
        }
    }
    return 0;
}

/* The value of one key. *ret_value stays NONE where there is none, a failure, or, with a schema and
 * no type, none that policies may see. */
static enum rune_err compute(const struct rune_derived_key *key, struct rune_eval *eval,
                             const struct rune_schema *schema, rune_schema_type type,
                             rune_term *ret_value, struct rune_derived_failure *failure)
{
    rune_term values[2];
    uint32_t count = 0;
    bool is_partial = false;
    enum rune_err err = rune_rules_find_values(eval, key->first_plan, key->plan_count, key->key,
                                               values, &count, &is_partial);
    *ret_value = RUNE_TERM_NONE;
    failure->key = key->key;
    if (err != RUNE_OK) {
        return err;
    }
    if (is_partial) {
        failure->code = "partial_relation";
        failure->what = "a derivation failed that gives context";
    } else if (count > 1) {
        failure->code = "context_conflict";
        failure->what = "rules derive two values for context";
    } else if (count == 1 && (schema == NULL || type != 0)) {
        bool fits =
            rune_term_kind(values[0]) != RUNE_KIND_FLOAT &&
            (schema == NULL || rune_schema_fits(schema, &eval->store->terms,
                                                rune_dict_terms(eval->values), type, values[0]));
        *ret_value = fits ? values[0] : RUNE_TERM_NONE;
        failure->code = fits ? NULL : "type_error";
        failure->what = fits ? NULL : "rules derive a value of another type for context";
    }
    return RUNE_OK;
}

enum rune_err rune_derived_context_add(const struct rune_derived_context *context,
                                       struct rune_eval *eval, const struct rune_schema *schema,
                                       struct rune_request *request,
                                       struct rune_derived_failure *ret_failure)
{
    const uint32_t *shape;
    *ret_failure = (struct rune_derived_failure){0};
    const uint32_t *run =
        run_of(terms_of(eval->store, request->terms, request->context), request->context, &shape);
    uint32_t given = shape[0];
    size_t room = (size_t)given + context->count;
    rune_term *names = RUNE_ARENA_ARRAY(eval->arena, rune_term, 2 * room);
    if (names == NULL) {
        return RUNE_E_LIMIT;
    }
    rune_term *values = names + room;
    memcpy(names, shape + 1, given * sizeof(*names));
    memcpy(values, run + 1, given * sizeof(*values));
    uint32_t count = given;
    for (uint32_t k = 0; k < context->count; k++) {
        const struct rune_derived_key *key = &context->items[k];
        rune_schema_type type =
            schema == NULL ? 0 : declared_type(schema, request->action, key->key);
        enum rune_err err = compute(key, eval, schema, type, &values[count], ret_failure);
        if (err != RUNE_OK || ret_failure->code != NULL) {
            return err;
        }
        names[count] = key->key;
        count += values[count] != RUNE_TERM_NONE;
    }
    if (count == given) {
        return RUNE_OK;
    }
    enum rune_err err = rune_dict_record(eval->values, names, values, count, &request->context);
    return err == RUNE_OK ? RUNE_OK : RUNE_E_LIMIT;
}
