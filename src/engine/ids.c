/* SPDX-License-Identifier: Apache-2.0 */
/* ids: a map from id to its first place. */
#include "engine/ids.h"

void rune_ids_fini(struct rune_ids *ids)
{
    rune_map_fini(&ids->map);
    RUNE_VEC_FINI(&ids->places);
}

enum rune_err rune_ids_reserve(struct rune_ids *ids, size_t count)
{
    count += ids->places.count;
    return RUNE_VEC_RESERVE(&ids->places, count) ? rune_map_reserve(&ids->map, count)
                                                 : RUNE_E_NOMEM;
}

enum rune_err rune_ids_add(struct rune_ids *ids, struct rune_str id, struct rune_span place,
                           struct rune_diag *diag)
{
    uint32_t first;
    bool added;
    enum rune_err err = rune_map_intern(&ids->map, id, (uint32_t)ids->places.count, &first, &added);
    if (err != RUNE_OK) {
        return err;
    }
    if (added) {
        return RUNE_VEC_PUSH(&ids->places, place) ? RUNE_OK : RUNE_E_NOMEM;
    }
    ids->duplicates++;
    rune_diag_report(diag, RUNE_ERROR, "RUNE-B0301", place,
                     "give one of them another `@id(\"...\")`", "the id `%.*s` is taken",
                     (int)(id.length > 200 ? 200 : id.length), id.data);
    rune_diag_note(diag, ids->places.items[first], "first used here");
    return RUNE_OK;
}
