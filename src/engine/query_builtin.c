/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/query_builtin.h"

#include "engine/relation_name.h"

static const struct {
    const char *name;
    uint32_t arity;
} builtins[] = {
    [RUNE_QUERY_NOT_BUILTIN] = {"", 0},         [RUNE_QUERY_PRINCIPAL] = {"principal", 1},
    [RUNE_QUERY_ACTION] = {"action", 1},        [RUNE_QUERY_RESOURCE] = {"resource", 1},
    [RUNE_QUERY_CONTEXT] = {"context", 2},      [RUNE_QUERY_ENTITY] = {"entity", 1},
    [RUNE_QUERY_PARENT] = {"entity.parent", 2}, [RUNE_QUERY_ATTR] = {"entity.attr", 3},
    [RUNE_QUERY_TAG] = {"entity.tag", 3},       [RUNE_QUERY_ELEMENT] = {"entity.element", 3},
    [RUNE_QUERY_ID] = {"entity.id", 3},
};

enum rune_query_builtin rune_query_find_builtin(struct rune_str name)
{
    for (uint32_t i = 1; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
        if (rune_str_equal(name, rune_str_from(builtins[i].name))) {
            return (enum rune_query_builtin)i;
        }
    }
    return RUNE_QUERY_NOT_BUILTIN;
}

uint32_t rune_query_builtin_arity(enum rune_query_builtin builtin)
{
    return builtins[builtin].arity;
}

bool rune_query_needs_request(enum rune_query_builtin builtin)
{
    return builtin >= RUNE_QUERY_PRINCIPAL && builtin <= RUNE_QUERY_CONTEXT;
}

/* A set attribute that a relation has. */
struct probed {
    rune_term name;
    uint32_t relation;
};

struct walk {
    struct rune_eval *eval;
    const struct rune_store *store;
    const rune_term *bound;
    const uint32_t *same;
    rune_tuple_fn emit;
    void *context;
    uint32_t arity;
    bool is_stopped; /* by emit */
    struct probed *probed;
    uint32_t probed_count;
    enum rune_err err;
};

struct elements {
    rune_term *items;
    size_t count, room;
};

/* False: no more. */
static bool give(struct walk *walk, rune_term a, rune_term b, rune_term c)
{
    const rune_term tuple[3] = {a, b, c};
    for (uint32_t i = 0; i < walk->arity; i++) {
        if ((walk->bound[i] != RUNE_TERM_NONE && walk->bound[i] != tuple[i]) ||
            tuple[walk->same[i]] != tuple[i]) {
            return true;
        }
    }
    walk->is_stopped = !walk->emit(walk->context, tuple, walk->arity);
    return !walk->is_stopped;
}

/* ---- of the request ---- */

static void walk_context(struct walk *walk, rune_term context)
{
    const struct rune_terms *terms = rune_term_space(context) == RUNE_SPACE_REQUEST
                                         ? walk->eval->request->terms
                                         : &walk->store->terms;
    const uint32_t *run = terms->heap + terms->records[rune_term_index(context)];
    const uint32_t *shape = terms->heap + run[0];
    for (uint32_t i = 0; i < shape[0] && give(walk, shape[1 + i], run[1 + i], 0); i++) {
    }
}

static void walk_request(struct walk *walk, enum rune_query_builtin builtin)
{
    const struct rune_request *request = walk->eval->request;
    if (request == NULL) {
        return;
    }
    switch (builtin) {
    case RUNE_QUERY_PRINCIPAL:
        (void)give(walk, request->principal, 0, 0);
        break;
    case RUNE_QUERY_ACTION:
        (void)give(walk, request->action, 0, 0);
        break;
    case RUNE_QUERY_RESOURCE:
        (void)give(walk, request->resource, 0, 0);
        break;
    default:
        walk_context(walk, request->context);
    }
}

/* ---- of entities ---- */

/* Sets that rules add to are asked as a whole from the relations that do. */
static enum rune_err list_probed(struct walk *walk)
{
    const struct rune_store *store = walk->store;
    rune_term literal;
    for (int pass = 0; pass < 2; pass++) {
        walk->probed_count = 0;
        for (uint32_t i = 0; i < store->relation_count; i++) {
            if ((store->relations[i].flags & RUNE_RELATION_DERIVED) == 0 ||
                !rune_relation_literal(store, i, "entity.element", &literal)) {
                continue;
            }
            if (walk->probed != NULL) {
                walk->probed[walk->probed_count] = (struct probed){literal, i};
            }
            walk->probed_count++;
        }
        if (pass == 0 && walk->probed_count > 0) {
            walk->probed = RUNE_ARENA_ARRAY(walk->eval->arena, struct probed, walk->probed_count);
            if (walk->probed == NULL) {
                return RUNE_E_LIMIT;
            }
        }
    }
    return RUNE_OK;
}

static const struct probed *find_probed(const struct walk *walk, rune_term name)
{
    for (uint32_t i = 0; i < walk->probed_count; i++) {
        if (walk->probed[i].name == name) {
            return &walk->probed[i];
        }
    }
    return NULL;
}

static bool give_elements(struct walk *walk, rune_term entity, rune_term name, rune_term value)
{
    const struct rune_terms *terms = &walk->store->terms;
    if (rune_term_kind(value) != RUNE_KIND_SET || find_probed(walk, name) != NULL) {
        return true;
    }
    const uint32_t *run = terms->heap + terms->sets[rune_term_index(value)];
    for (uint32_t i = 0; i < run[0]; i++) {
        if (!give(walk, entity, name, run[1 + i])) {
            return false;
        }
    }
    return true;
}

static bool add_element(void *context, const rune_term *tuple, uint32_t arity)
{
    struct elements *elements = context;
    (void)arity;
    elements->items[elements->count++] = tuple[2];
    return elements->count < elements->room;
}

/* The whole set, as policies see it. */
static enum rune_err build_set(struct walk *walk, rune_term entity, uint32_t relation,
                               rune_term *name_and_set)
{
    const uint32_t same[3] = {0, 1, 2};
    const rune_term bound[3] = {entity, name_and_set[0], RUNE_TERM_NONE};
    struct rune_arena_mark mark = rune_arena_mark(walk->eval->arena);
    struct elements elements = {0};
    uint64_t count = 0;
    enum rune_err err = rune_rules_count(walk->eval, relation, bound, same, &count);
    if (err == RUNE_OK) {
        elements.room = count + 1;
        elements.items = RUNE_ARENA_ARRAY(walk->eval->arena, rune_term, elements.room);
        err = elements.items == NULL
                  ? RUNE_E_LIMIT
                  : rune_rules_query(walk->eval, relation, bound, same, add_element, &elements);
    }
    if (err == RUNE_OK && rune_dict_set(walk->eval->values, elements.items, elements.count,
                                        &name_and_set[1]) != RUNE_OK) {
        err = RUNE_E_LIMIT;
    }
    rune_arena_rewind(walk->eval->arena, mark);
    return err;
}

static bool give_attr(struct walk *walk, rune_term entity, rune_term name, rune_term value)
{
    rune_term name_and_set[2] = {name, value};
    const struct probed *probed = find_probed(walk, name);
    if (probed != NULL && rune_term_kind(value) == RUNE_KIND_SET) {
        walk->err = build_set(walk, entity, probed->relation, name_and_set);
    }
    return walk->err == RUNE_OK && give(walk, entity, name, name_and_set[1]);
}

static bool give_value(struct walk *walk, enum rune_query_builtin builtin, rune_term entity,
                       rune_term name, rune_term value)
{
    switch (builtin) {
    case RUNE_QUERY_ELEMENT:
        return give_elements(walk, entity, name, value);
    case RUNE_QUERY_ATTR:
        return give_attr(walk, entity, name, value);
    default:
        return give(walk, entity, name, value);
    }
}

static bool give_record(struct walk *walk, enum rune_query_builtin builtin, uint32_t index)
{
    const struct rune_store *store = walk->store;
    const uint32_t *offsets = builtin == RUNE_QUERY_TAG ? store->entity_tags : store->entity_attrs;
    if (offsets == NULL) {
        return false; /* no entity has any */
    }
    const uint32_t *run = store->terms.heap + offsets[index];
    const uint32_t *shape = store->terms.heap + run[0];
    rune_term entity = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, index);
    for (uint32_t i = 0; i < shape[0]; i++) {
        rune_term name = shape[1 + i];
        if (walk->bound[1] != RUNE_TERM_NONE && walk->bound[1] != name) {
            continue;
        }
        if (!give_value(walk, builtin, entity, name, run[1 + i])) {
            return false;
        }
    }
    return true;
}

static bool give_entity(struct walk *walk, enum rune_query_builtin builtin, uint32_t index)
{
    const struct rune_store *store = walk->store;
    rune_term entity = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, index);
    switch (builtin) {
    case RUNE_QUERY_ENTITY:
        return store->entity_flags[index] == 0 || give(walk, entity, 0, 0);
    case RUNE_QUERY_ID:
        return give(walk, entity, store->terms.entity_type[index], store->terms.entity_id[index]);
    default:
        return give_record(walk, builtin, index);
    }
}

static void walk_entities(struct walk *walk, enum rune_query_builtin builtin)
{
    const struct rune_terms *terms = &walk->store->terms;
    rune_term only = walk->bound[0];
    if (builtin == RUNE_QUERY_ID && only == RUNE_TERM_NONE && walk->bound[1] != RUNE_TERM_NONE &&
        walk->bound[2] != RUNE_TERM_NONE) {
        only = rune_terms_find_entity(terms, walk->bound[1], walk->bound[2]);
        if (only == RUNE_TERM_NONE) {
            return;
        }
    }
    if (only != RUNE_TERM_NONE) {
        if (rune_term_space(only) == RUNE_SPACE_IMAGE && rune_term_kind(only) == RUNE_KIND_ENTITY) {
            (void)give_entity(walk, builtin, rune_term_index(only));
        }
        return;
    }
    for (uint32_t i = 0; i < terms->entity_count && give_entity(walk, builtin, i); i++) {
    }
}

/* ---- what relations of the image have ---- */

static bool pass_on(void *context, const rune_term *tuple, uint32_t arity)
{
    struct walk *walk = context;
    (void)arity;
    walk->is_stopped = !walk->emit(walk->context, tuple, walk->arity);
    return !walk->is_stopped;
}

static enum rune_err walk_probed(struct walk *walk)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 0; i < walk->probed_count && err == RUNE_OK && !walk->is_stopped; i++) {
        if (walk->bound[1] == RUNE_TERM_NONE || walk->bound[1] == walk->probed[i].name) {
            err = rune_rules_query(walk->eval, walk->probed[i].relation, walk->bound, walk->same,
                                   pass_on, walk);
        }
    }
    return err;
}

/* Ancestors are stored closed: direct parents are there only if a rule or a query wanted them. */
static enum rune_err walk_parents(struct walk *walk)
{
    uint32_t relation = rune_rules_find_relation(walk->store, RUNE_STR("entity.parent"));
    return relation == UINT32_MAX ||
                   (walk->store->relations[relation].flags & RUNE_RELATION_STORED) == 0
               ? RUNE_E_NOT_FOUND
               : rune_rules_query(walk->eval, relation, walk->bound, walk->same, pass_on, walk);
}

enum rune_err rune_query_builtin_run(struct rune_eval *eval, enum rune_query_builtin builtin,
                                     const rune_term *bound, const uint32_t *same,
                                     rune_tuple_fn emit, void *context)
{
    struct walk walk = {
        .eval = eval,
        .store = eval->store,
        .bound = bound,
        .same = same,
        .emit = emit,
        .context = context,
        .arity = rune_query_builtin_arity(builtin),
    };
    if (rune_query_needs_request(builtin)) {
        walk_request(&walk, builtin);
        return RUNE_OK;
    }
    if (builtin == RUNE_QUERY_PARENT) {
        return walk_parents(&walk);
    }
    bool has_sets = builtin == RUNE_QUERY_ELEMENT || builtin == RUNE_QUERY_ATTR;
    enum rune_err err = has_sets ? list_probed(&walk) : RUNE_OK;
    if (err == RUNE_OK) {
        walk_entities(&walk, builtin);
        err = walk.err;
    }
    return err == RUNE_OK && builtin == RUNE_QUERY_ELEMENT && !walk.is_stopped ? walk_probed(&walk)
                                                                               : err;
}
