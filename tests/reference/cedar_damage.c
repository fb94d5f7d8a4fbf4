/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cedar_damage.h"

#include <stdlib.h>
#include <string.h>

#include "reference/cedar_random.h"
#include "reference/cedar_world.h"

/* Every instruction is in here, and every kind of key. */
static const char policies[] =
    "permit(principal == U::\"1\", action, resource) when { principal.n + 1 * 2 - principal.m > "
    "-principal.n };\n"
    "permit(principal in G::\"2\", action in [Action::\"1\", Action::\"2\"], resource is D) when { "
    "resource has "
    "owner.n };\n"
    "forbid(principal is U in G::\"3\", action == Action::\"0\", resource in D::\"4\") unless { "
    "resource.owner == "
    "principal };\n"
    "permit(principal is U, action in Action::\"4\", resource is G) when { principal.s like "
    "\"a*b\" || !context.flag "
    "};\n"
    "permit(principal, action, resource) when { if context has n then context.n < 3 else context.m "
    ">= 3 };\n"
    "permit(principal, action, resource) when { [principal, resource].contains(resource.owner) };\n"
    "permit(principal, action, resource) when { {a: principal.n, b: [resource.n, 1]} == {a: 1, b: "
    "[1, 2]} };\n"
    "permit(principal, action, resource) when { ip(principal.s).isInRange(ip(\"10.0.0.0/8\")) };\n"
    "permit(principal, action, resource) when { principal.hasTag(\"k1\") && "
    "principal.getTag(\"k1\") == \"a\" };\n"
    "permit(principal, action, resource) when { principal.set.containsAll(resource.set) || "
    "resource.ids.isEmpty() };\n"
    "permit(principal, action, resource) when { principal.set.containsAny([1, resource.n]) == "
    "(principal is U in "
    "G::\"1\") };\n"
    "permit(principal, action, resource) when { ip(1, 2) == context.ip || [U::\"1\", "
    "G::\"1\"].contains(principal) };\n"
    "permit(principal, action, resource) when { resource in principal.ids && (principal in "
    "resource) != true };\n"
    "permit(principal, action, resource) when { 9223372036854775807 - context.n == context.m };\n";

enum { SECTIONS = 25 };

struct section {
    const void **pointer; /* in the store */
    size_t bytes;
};

/* What can be damaged, in a fixed order. */
static size_t list_sections(struct rune_store *store, struct section *sections)
{
    struct rune_terms *terms = &store->terms;
    size_t n = 0;
    size_t entities = terms->entity_count * sizeof(uint32_t);
#define SECTION(field, size) \
    sections[n++] = (struct section){(const void **)(uintptr_t) & (field), (size)}
    SECTION(terms->string_offsets, (terms->string_count + 1) * sizeof(uint32_t));
    SECTION(terms->string_bytes, terms->string_offsets[terms->string_count]);
    SECTION(terms->entity_type, entities);
    SECTION(terms->entity_id, entities);
    SECTION(terms->longs, terms->long_count * sizeof(int64_t));
    SECTION(terms->exts, terms->ext_count * sizeof(struct rune_ext));
    SECTION(terms->sets, terms->set_count * sizeof(uint32_t));
    SECTION(terms->records, terms->record_count * sizeof(uint32_t));
    SECTION(terms->heap, terms->heap_count * sizeof(uint32_t));
    SECTION(terms->index, terms->index_slots * sizeof(uint32_t));
    SECTION(store->entity_attrs, entities);
    SECTION(store->entity_ancestors, entities);
    SECTION(store->entity_tags, entities);
    SECTION(store->entity_flags, terms->entity_count);
    SECTION(store->policies, store->policy_count * sizeof *store->policies);
    SECTION(store->policy_code, store->policy_code_count * sizeof(uint32_t));
    SECTION(store->policy_code, store->policy_code_count * sizeof(uint32_t)); /* twice as often */
    SECTION(store->code_spans, store->code_span_count * sizeof *store->code_spans);
    SECTION(store->policy_index, store->policy_index_count * sizeof *store->policy_index);
    SECTION(store->policy_hash, store->policy_hash_slots * sizeof(uint32_t));
    SECTION(store->policy_list, store->policy_list_count * sizeof(uint32_t));
    SECTION(store->patterns, store->pattern_bytes);
    SECTION(store->annotations, store->annotation_count * sizeof(uint32_t));
    SECTION(store->ancestor_scopes, store->ancestor_scope_count * sizeof(uint32_t));
    SECTION(store->manifest, sizeof *store->manifest);
#undef SECTION
    return n;
}

static struct cedar_world world;

static void build_world(void)
{
    struct random random = {.state = 88172645463325252u};
    cedar_world_init(&world);
    if (cedar_world_parse(&world, policies) != NULL) {
        abort();
    }
    random_world(&random, &world.arena, &world.naive);
    /* One long ancestor set, for the map of the index. */
    struct naive_entity *first = &world.naive.entities[0];
    first->parents = rune_arena_calloc(&world.arena, 24, sizeof *first->parents);
    first->parent_count = 0;
    for (uint32_t i = 1; i < world.naive.entity_count; i++) {
        first->parents[first->parent_count++] = world.naive.entities[i].uid;
    }
    if (cedar_world_build(&world) != RUNE_OK || rune_store_verify(&world.store, NULL) != RUNE_OK) {
        abort();
    }
}

static void damage_word(uint8_t *bytes, size_t size, const struct cedar_damage *damage)
{
    size_t words = size / sizeof(uint32_t);
    if (size == 0) {
        return;
    }
    if (words == 0) {
        bytes[damage->place % size] = (uint8_t)damage->value;
        return;
    }
    uint32_t word;
    uint8_t *at = bytes + damage->place % words * sizeof word;
    memcpy(&word, at, sizeof word);
    switch (damage->how % 6) {
    case 0:
        word = damage->value;
        break;
    case 1:
        word += damage->value % 9 - 4;
        break;
    case 2:
        word ^= 1u << damage->value % 32;
        break;
    case 3:
        memcpy(&word, bytes + damage->value % words * sizeof word, sizeof word);
        break;
    case 4:
        word = (word & 0xffffff00u) | (damage->value & 0xff);
        break;
    default:
        word = (word & 0xffu) | damage->value << 8;
    }
    memcpy(at, &word, sizeof word);
}

static void decide_some(struct rune_store *store)
{
    struct random random = {.state = 1234567};
    struct rune_arena arena;
    struct rune_store kept = world.store;
    rune_arena_init(&arena, 0);
    world.store = *store;
    for (int i = 0; i < 12; i++) {
        struct naive_request naive;
        struct rune_request request;
        struct rune_eval eval;
        struct rune_policy_outcome outcome;
        random_request(&random, &arena, &naive);
        cedar_world_request(&world, &naive, NULL, &world.naive, false, &request, &eval);
        struct rune_buf message = RUNE_BUF_INIT;
        if (rune_policies_decide(&eval, &outcome) == RUNE_OK) {
            for (uint32_t j = 0; j < outcome.error_count; j++) {
                uint32_t offset, length;
                rune_policy_error_format(&eval, &outcome.errors[j], &message);
                rune_policy_find_span(&world.store, outcome.errors[j].policy, outcome.errors[j].pc,
                                      &offset, &length);
            }
        }
        rune_buf_fini(&message);
    }
    world.store = kept;
    rune_arena_fini(&arena);
}

bool cedar_damage_try(const struct cedar_damage *damages, size_t count)
{
    if (world.dict == NULL) {
        build_world();
    }
    struct rune_store store = world.store;
    struct section sections[SECTIONS];
    void *copies[SECTIONS];
    size_t section_count = list_sections(&store, sections);
    for (size_t i = 0; i < section_count; i++) {
        copies[i] = malloc(sections[i].bytes > 0 ? sections[i].bytes : 1);
        if (copies[i] == NULL) {
            abort();
        }
        if (sections[i].bytes > 0) {
            memcpy(copies[i], *sections[i].pointer, sections[i].bytes);
        }
        *sections[i].pointer = copies[i];
    }
    for (size_t i = 0; i < count; i++) {
        size_t section = damages[i].section % section_count;
        /* The copy that the store points to, where two list the same section. */
        damage_word((uint8_t *)(uintptr_t)*sections[section].pointer, sections[section].bytes,
                    &damages[i]);
    }
    /* What rune_store_open checks. */
    bool ok = store.terms.string_offsets[store.terms.string_count] ==
                  world.store.terms.string_offsets[store.terms.string_count] &&
              rune_store_verify(&store, NULL) == RUNE_OK;
    if (ok) {
        decide_some(&store);
    }
    for (size_t i = 0; i < section_count; i++) {
        free(copies[i]);
    }
    return ok;
}
