/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, entities and requests that the input chooses: compiled and indexed against walked as
 * trees. */
#include <stdlib.h>

#include "reference/cedar_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct random random = {.bytes = data, .left = size};
    struct cedar_compare_totals totals = {0};
    if (!cedar_compare_world(&random, &totals)) {
        abort();
    }
    return 0;
}
