/* SPDX-License-Identifier: Apache-2.0 */
/* oom: runs a piece of work again and again, failing its first allocation, its second, ... until it
 * succeeds.
 *
 *     static bool work(void *context);   // true: succeeded; false: failed cleanly, as it may while
 *                                        memory is out
 *     size_t allocations = rune_oom_sweep(work, context);
 *
 * A crash, a leak (AddressSanitizer) or a wrong answer inside `work` is the finding. For tests
 * only; one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"

struct rune_oom {
    size_t count;   /* allocations so far in this run */
    size_t fail_at; /* this one fails, and all after it if `forever` */
    bool forever;
};

static inline bool rune_oom_hook(void *context, size_t size)
{
    struct rune_oom *oom = context;
    (void)size;
    size_t number = oom->count++;
    return oom->forever ? number < oom->fail_at : number != oom->fail_at;
}

/* How many allocations the work needs; SIZE_MAX when it did not succeed although none failed. */
static inline size_t rune_oom_sweep(bool (*work)(void *context), void *context)
{
    for (int forever = 0; forever <= 1; forever++) {
        for (size_t n = 0;; n++) {
            struct rune_oom oom = {.fail_at = n, .forever = forever == 1};
            rune_alloc_set_hook(rune_oom_hook, &oom);
            bool done = work(context);
            rune_alloc_set_hook(NULL, NULL);
            if (oom.count <= n) {
                if (!done) {
                    return (size_t)-1;
                }
                if (forever == 1) {
                    return n;
                }
                break;
            }
        }
    }
    return 0;
}
