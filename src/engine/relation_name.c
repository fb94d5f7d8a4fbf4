/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/relation_name.h"

#include <string.h>

bool rune_relation_name_split(struct rune_str name, const char *builtin,
                              struct rune_str *ret_literal)
{
    size_t head = strlen(builtin);
    if (name.length < head + 4 || memcmp(name.data, builtin, head) != 0 ||
        memcmp(name.data + head, "(\"", 2) != 0 ||
        memcmp(name.data + name.length - 2, "\")", 2) != 0) {
        return false;
    }
    *ret_literal = (struct rune_str){name.data + head + 2, name.length - head - 4};
    return true;
}

bool rune_relation_literal(const struct rune_store *store, uint32_t relation, const char *builtin,
                           rune_term *ret_literal)
{
    rune_term text =
        rune_term_make(RUNE_SPACE_IMAGE, RUNE_KIND_STRING, store->relations[relation].name);
    struct rune_str literal;
    if (!rune_relation_name_split(rune_terms_string(&store->terms, text), builtin, &literal)) {
        return false;
    }
    *ret_literal = rune_terms_find_string(&store->terms, literal);
    return *ret_literal != RUNE_TERM_NONE;
}
