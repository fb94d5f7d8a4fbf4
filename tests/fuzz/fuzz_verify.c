/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged sections of a store: refused, or evaluated without an access out of bounds. */
#include <string.h>

#include "reference/cedar_damage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cedar_damage damages[16];
    size_t count = size / sizeof *damages;
    count = count > 16 ? 16 : count;
    if (count > 0) {
        memcpy(damages, data, count * sizeof *damages);
    }
    cedar_damage_try(damages, count);
    return 0;
}
