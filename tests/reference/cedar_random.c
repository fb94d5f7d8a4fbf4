/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/cedar_random.h"

#include "reference/cedar_universe.h"

const char *const random_types[RANDOM_TYPES] = {"U", "G", "D", "Action"};
const char *const random_attributes[ATTRIBUTES + 1] = {
    "owner", "friend", "n", "m", "s", "flag", "set", "ids", "rec", "dt", "absent"};
const enum want random_attribute_kinds[ATTRIBUTES] = {
    WANT_ENTITY, WANT_ENTITY, WANT_LONG, WANT_LONG,   WANT_STRING,
    WANT_BOOL,   WANT_SET,    WANT_SET,  WANT_RECORD, WANT_EXT};

uint32_t random_below(struct random *random, uint32_t n)
{
    if (random->bytes != NULL) {
        if (random->left == 0) {
            return 0;
        }
        random->left--;
        return *random->bytes++ % n;
    }
    random->state ^= random->state << 13;
    random->state ^= random->state >> 7;
    random->state ^= random->state << 17;
    return (uint32_t)((random->state >> 24) % n);
}

bool random_chance(struct random *random, uint32_t percent)
{
    return random_below(random, 100) < percent;
}
