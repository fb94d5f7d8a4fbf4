/* SPDX-License-Identifier: Apache-2.0 */
/* entity_relations: entities, their parents, attributes and tags as tuples of the relations that
 * rules read them by. */
#include "datalog/evaluate_int.h"
#include "eval/values.h"

static const uint32_t *heap_of(const struct rune_dl_ctx *ctx)
{
    return rune_dict_terms(ctx->dict)->heap;
}

static enum rune_err add_values(struct rune_dl_ctx *ctx, struct rune_dl_rel *rel, rune_term entity,
                                rune_term name, rune_term value)
{
    rune_term row[3] = {entity, name, value};
    if (rel->builtin != RUNE_DL_ENTITY_ELEMENT) {
        return rune_tuples_add(&rel->facts, row);
    }
    const struct rune_terms *terms = rune_dict_terms(ctx->dict);
    const uint32_t *run = rune_term_kind(value) == RUNE_KIND_SET
                              ? terms->heap + terms->sets[rune_term_index(value)]
                              : NULL;
    for (uint32_t i = 0; run != NULL && i < run[0]; i++) {
        row[2] = run[1 + i];
        enum rune_err err = rune_tuples_add(&rel->facts, row);
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

/* Of one entity: what its record has under the relation's name, or all of it. */
static enum rune_err add_record(struct rune_dl_ctx *ctx, struct rune_dl_rel *rel, rune_term entity,
                                uint32_t record)
{
    const uint32_t *run = heap_of(ctx) + record;
    if (rel->literal != RUNE_TERM_NONE) {
        rune_term value = rune_record_find(run, heap_of(ctx), rel->literal);
        return value == RUNE_TERM_NONE ? RUNE_OK
                                       : add_values(ctx, rel, entity, rel->literal, value);
    }
    const uint32_t *shape = heap_of(ctx) + run[0];
    enum rune_err err = RUNE_OK;
    for (uint32_t i = 1; i <= shape[0] && err == RUNE_OK; i++) {
        err = add_values(ctx, rel, entity, shape[i], run[i]);
    }
    return err;
}

static enum rune_err add_records(struct rune_dl_ctx *ctx, struct rune_dl_rel *rel,
                                 const uint32_t *records)
{
    enum rune_err err = RUNE_OK;
    for (uint32_t e = 0; records != NULL && e < ctx->entities->count && err == RUNE_OK; e++) {
        rune_term entity = rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, e);
        err = add_record(ctx, rel, entity, records[e]);
    }
    return err;
}

static enum rune_err add_entities(struct rune_dl_ctx *ctx, struct rune_dl_rel *rel)
{
    const struct rune_terms *terms = rune_dict_terms(ctx->dict);
    uint32_t count = rel->builtin == RUNE_DL_ENTITY_ID ? terms->entity_count : ctx->entities->count;
    for (uint32_t e = 0; e < count; e++) {
        rune_term row[3] = {rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_ENTITY, e),
                            terms->entity_type[e], terms->entity_id[e]};
        bool exists = ctx->entities->flags != NULL && e < ctx->entities->count &&
                      (ctx->entities->flags[e] & 1) != 0;
        enum rune_err err = rel->builtin == RUNE_DL_ENTITY_ID || exists
                                ? rune_tuples_add(&rel->facts, row)
                                : RUNE_OK;
        if (err != RUNE_OK) {
            return err;
        }
    }
    return RUNE_OK;
}

enum rune_err rune_dl_store_builtin(struct rune_dl_ctx *ctx, uint32_t relation)
{
    struct rune_dl_rel *rel = &ctx->rels.items[relation];
    rune_tuples_fini(&rel->facts); /* empty, but there */
    enum rune_err err = rune_tuples_init(&rel->facts, rel->arity);
    if (err != RUNE_OK || ctx->entities == NULL) {
        return err != RUNE_OK ? err : rune_dl_store_facts(ctx, relation);
    }
    switch (rel->builtin) {
    case RUNE_DL_ENTITY_PARENT:
        for (uint32_t i = 0; i < ctx->entities->parent_count && err == RUNE_OK; i++) {
            rune_term row[2] = {ctx->entities->parent_child[i], ctx->entities->parent_parent[i]};
            err = rune_tuples_add(&rel->facts, row);
        }
        break;
    case RUNE_DL_ENTITY_TAG:
        err = add_records(ctx, rel, ctx->entities->tags);
        break;
    case RUNE_DL_ENTITY_ATTR:
    case RUNE_DL_ENTITY_ELEMENT:
        err = add_records(ctx, rel, ctx->entities->attrs);
        break;
    case RUNE_DL_ENTITY_EXISTS:
    case RUNE_DL_ENTITY_ID:
        err = add_entities(ctx, rel);
        break;
    default:
        break;
    }
    uint64_t before = ctx->base_facts;
    ctx->late_builtins++;
    if (err == RUNE_OK) {
        err = rune_dl_store_facts(ctx, relation);
    }
    ctx->base_facts = before; /* entity data is counted as entities */
    return err;
}
