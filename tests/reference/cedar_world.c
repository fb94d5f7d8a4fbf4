/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cedar_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "cedar/parser.h"

#define SLAB_BYTES    (1u << 20)
#define MAX_ANCESTORS 4096

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "cedar_world: %s failed\n", what);
        abort();
    }
}

void cedar_world_init(struct cedar_world *world)
{
    *world = (struct cedar_world){0};
    rune_arena_init(&world->arena, 0);
    world->slab = malloc(SLAB_BYTES);
    must(world->slab != NULL, "malloc");
    rune_arena_init_fixed(&world->scratch, world->slab, SLAB_BYTES);
    world->dict = rune_dict_create(RUNE_SPACE_IMAGE, NULL, 0);
    must(world->dict != NULL, "rune_dict_create");
}

void cedar_world_fini(struct cedar_world *world)
{
    rune_cedar_program_fini(&world->program);
    rune_cedar_index_fini(&world->index);
    rune_dict_destroy(world->values);
    rune_dict_destroy(world->dict);
    rune_arena_fini(&world->scratch);
    rune_arena_fini(&world->arena);
    free(world->slab);
}

const char *cedar_world_parse(struct cedar_world *world, const char *text)
{
    struct rune_source *source = RUNE_ARENA_NEW(&world->arena, struct rune_source);
    size_t length = strlen(text);
    *source = (struct rune_source){"test.cedar", rune_arena_strndup(&world->arena, text, length),
                                   (uint32_t)length};
    struct rune_diag *diag = rune_diag_create();
    enum rune_err err = rune_cedar_parse(source, &world->arena, &world->policies, diag);
    const char *problem = NULL;
    if (err != RUNE_OK) {
        const char *told = rune_diag_text(diag);
        problem = rune_arena_strndup(&world->arena, told, strlen(told));
    }
    for (uint32_t i = 0; err == RUNE_OK && i < world->policies.count; i++) {
        char *id = rune_arena_printf(&world->arena, "policy%u", i);
        world->policies.items[i].id = rune_str_from(id);
    }
    rune_diag_destroy(diag);
    return problem;
}

rune_term cedar_world_term(struct rune_dict *dict, const struct naive_value *value,
                           struct rune_arena *arena)
{
    rune_term term = RUNE_TERM_NONE, type, id;
    rune_term *items = NULL, *names = NULL;
    enum rune_err err = RUNE_OK;
    if (value->kind == NAIVE_SET || value->kind == NAIVE_RECORD) {
        items = rune_arena_alloc(arena, value->count * sizeof *items);
        names = rune_arena_alloc(arena, value->count * sizeof *names);
        for (uint32_t i = 0; i < value->count; i++) {
            items[i] = cedar_world_term(dict, &value->items[i], arena);
            if (value->kind == NAIVE_RECORD) {
                must(rune_dict_string(dict, value->names[i], &names[i]) == RUNE_OK,
                     "rune_dict_string");
            }
        }
    }
    switch (value->kind) {
    case NAIVE_BOOL:
        term = rune_term_bool(value->boolean);
        break;
    case NAIVE_LONG:
        err = rune_dict_long(dict, value->number, &term);
        break;
    case NAIVE_STRING:
        err = rune_dict_string(dict, value->text, &term);
        break;
    case NAIVE_ENTITY:
        must(rune_dict_string(dict, value->type, &type) == RUNE_OK, "rune_dict_string");
        must(rune_dict_string(dict, value->text, &id) == RUNE_OK, "rune_dict_string");
        err = rune_dict_entity(dict, type, id, &term);
        break;
    case NAIVE_SET:
        err = rune_dict_set(dict, items, value->count, &term);
        break;
    case NAIVE_RECORD:
        err = rune_dict_record(dict, names, items, value->count, &term);
        break;
    case NAIVE_EXT:
        err = rune_dict_ext(dict, &value->ext, &term);
        break;
    }
    must(err == RUNE_OK, "interning");
    return term;
}

static uint32_t record_run(struct rune_dict *dict, const struct naive_value *record,
                           struct rune_arena *arena)
{
    rune_term *names = rune_arena_alloc(arena, record->count * sizeof *names);
    rune_term *items = rune_arena_alloc(arena, record->count * sizeof *items);
    uint32_t offset = 0;
    for (uint32_t i = 0; i < record->count; i++) {
        must(rune_dict_string(dict, record->names[i], &names[i]) == RUNE_OK, "rune_dict_string");
        items[i] = cedar_world_term(dict, &record->items[i], arena);
    }
    must(rune_dict_record_run(dict, names, items, record->count, &offset) == RUNE_OK,
         "rune_dict_record_run");
    return offset;
}

/* All proper ancestors, with repetitions; the hierarchy has no cycles. */
static void gather(struct rune_dict *dict, const struct naive_world *naive,
                   const struct naive_value *uid, struct rune_arena *arena, rune_term *terms,
                   uint32_t *count)
{
    const struct naive_entity *entity = naive_find(naive, uid);
    for (uint32_t i = 0; entity != NULL && i < entity->parent_count; i++) {
        must(*count < MAX_ANCESTORS, "gather");
        terms[(*count)++] = cedar_world_term(dict, &entity->parents[i], arena);
        gather(dict, naive, &entity->parents[i], arena, terms, count);
    }
}

static uint32_t source_index(void *context, const struct rune_source *source)
{
    (void)context;
    (void)source;
    return 0;
}

/* Columns by entity index, for all entities of the dictionary, in the arena. */
static void build_entities(struct cedar_world *world)
{
    struct rune_dict *dict = world->dict;
    static rune_term ancestors[MAX_ANCESTORS];
    uint32_t n = world->naive.entity_count;
    rune_term *uids = rune_arena_alloc(&world->arena, n * sizeof *uids);
    uint32_t *runs = rune_arena_alloc(&world->arena, 3 * n * sizeof *runs);
    for (uint32_t i = 0; i < n; i++) {
        const struct naive_entity *entity = &world->naive.entities[i];
        uint32_t found = 0;
        rune_term set;
        uids[i] = cedar_world_term(dict, &entity->uid, &world->arena);
        runs[3 * i] = record_run(dict, &entity->attrs, &world->arena);
        runs[3 * i + 1] = record_run(dict, &entity->tags, &world->arena);
        gather(dict, &world->naive, &entity->uid, &world->arena, ancestors, &found);
        must(rune_dict_set(dict, ancestors, found, &set) == RUNE_OK, "rune_dict_set");
        runs[3 * i + 2] = rune_dict_terms(dict)->sets[rune_term_index(set)];
    }
    uint32_t count = rune_dict_terms(dict)->entity_count;
    uint32_t *attrs = rune_arena_calloc(&world->arena, count, sizeof *attrs);
    uint32_t *tags = rune_arena_calloc(&world->arena, count, sizeof *tags);
    uint32_t *sets = rune_arena_calloc(&world->arena, count, sizeof *sets);
    uint8_t *flags = rune_arena_calloc(&world->arena, count, sizeof *flags);
    for (uint32_t i = 0; i < count; i++) {
        attrs[i] = tags[i] = 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t index = rune_term_index(uids[i]);
        attrs[index] = runs[3 * i];
        tags[index] = runs[3 * i + 1];
        sets[index] = runs[3 * i + 2];
        flags[index] = 1;
    }
    world->store.entity_attrs = attrs;
    world->store.entity_tags = tags;
    world->store.entity_ancestors = sets;
    world->store.entity_flags = flags;
}

static void point_store(struct cedar_world *world)
{
    static const uint8_t no_bytes[1];
    struct rune_store *store = &world->store;
    store->terms = *rune_dict_finish(world->dict);
    store->manifest = &world->manifest;
    world->manifest.policy_count = (uint32_t)world->program.policies.count;
    store->policies = world->program.policies.items;
    store->policy_count = (uint32_t)world->program.policies.count;
    store->policy_code = world->program.code.items;
    store->policy_code_count = (uint32_t)world->program.code.count;
    store->code_spans = world->program.spans.items;
    store->code_span_count = (uint32_t)world->program.spans.count;
    store->patterns = world->program.patterns.count > 0 ? world->program.patterns.items : no_bytes;
    store->pattern_bytes = (uint32_t)world->program.patterns.count;
    store->annotations = world->program.annotations.items;
    store->annotation_count = (uint32_t)world->program.annotations.count;
    store->policy_index = world->index.keys.items;
    store->policy_index_count = (uint32_t)world->index.keys.count;
    store->policy_hash = world->index.hash.items;
    store->policy_hash_slots = (uint32_t)world->index.hash.count;
    store->policy_list = world->index.list.items;
    store->policy_list_count = (uint32_t)world->index.list.count;
    store->ancestor_scopes = world->index.ancestor_scopes.items;
    store->ancestor_scope_count = (uint32_t)world->index.ancestor_scopes.count;
}

enum rune_err cedar_world_build(struct cedar_world *world)
{
    enum rune_err err = rune_cedar_compile(&world->policies, world->dict, source_index, NULL,
                                           &world->program, NULL);
    if (err != RUNE_OK) {
        return err;
    }
    build_entities(world);
    err = rune_cedar_index_build(&world->program, rune_dict_terms(world->dict),
                                 world->store.entity_ancestors, &world->index);
    point_store(world);
    world->values = rune_dict_create(RUNE_SPACE_REQUEST, &world->store.terms, 0);
    must(world->values != NULL, "rune_dict_create");
    return err;
}

static int compare_entries(const void *a, const void *b)
{
    const struct rune_request_entity *x = a;
    const struct rune_request_entity *y = b;
    return (x->uid > y->uid) - (x->uid < y->uid);
}

static void bring(struct cedar_world *world, const struct naive_world *brought,
                  const struct naive_world *merged, struct rune_request *request)
{
    struct rune_arena *arena = &world->scratch;
    struct rune_request_entity *entries =
        rune_arena_calloc(arena, brought->entity_count, sizeof *entries);
    for (uint32_t i = 0; i < brought->entity_count; i++) {
        const struct naive_entity *entity = &brought->entities[i];
        rune_term *ancestors = rune_arena_alloc(arena, MAX_ANCESTORS * sizeof *ancestors);
        uint32_t found = 0;
        rune_term set;
        entries[i].uid = cedar_world_term(world->values, &entity->uid, arena);
        entries[i].attrs =
            rune_dict_terms(world->values)->heap + record_run(world->values, &entity->attrs, arena);
        entries[i].tags =
            rune_dict_terms(world->values)->heap + record_run(world->values, &entity->tags, arena);
        gather(world->values, merged, &entity->uid, arena, ancestors, &found);
        must(rune_dict_set(world->values, ancestors, found, &set) == RUNE_OK, "rune_dict_set");
        /* Sorted by rune_dict_set; repetitions do no harm. */
        entries[i].ancestors = ancestors;
        entries[i].ancestor_count = found;
        for (uint32_t j = 1; j < found; j++) {
            if (ancestors[j] < ancestors[j - 1]) {
                entries[i].ancestor_count = j; /* the tail that dropping repetitions left */
                break;
            }
        }
    }
    qsort(entries, brought->entity_count, sizeof *entries, compare_entries);
    request->entities = entries;
    request->entity_count = brought->entity_count;
}

void cedar_world_request(struct cedar_world *world, const struct naive_request *naive,
                         const struct naive_world *brought, const struct naive_world *merged,
                         bool with_parents, struct rune_request *ret_request,
                         struct rune_eval *ret_eval)
{
    rune_arena_reset(&world->scratch);
    rune_dict_reset(world->values, &world->store.terms);
    *ret_request = (struct rune_request){
        .principal = cedar_world_term(world->values, &naive->principal, &world->scratch),
        .action = cedar_world_term(world->values, &naive->action, &world->scratch),
        .resource = cedar_world_term(world->values, &naive->resource, &world->scratch),
        .context = cedar_world_term(world->values, &naive->context, &world->scratch),
        .terms = rune_dict_terms(world->values),
        .values = world->values,
        .has_parents = with_parents,
    };
    if (brought != NULL && brought->entity_count > 0) {
        bring(world, brought, merged, ret_request);
    }
    *ret_eval = (struct rune_eval){
        .store = &world->store,
        .request = ret_request,
        .values = world->values,
        .arena = &world->scratch,
        .steps_left = 10000000,
    };
}
