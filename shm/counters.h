/* SPDX-License-Identifier: Apache-2.0 */
/* counters: metrics in shared memory.
 *
 * Owns: the layout of a block of counters. A block has one writer at a time (a worker's loop
 * thread, or the supervisor); readers are any process. Blocks live in the control page's memory
 * (shm/control.h), so they survive the death of their writer: its successor goes on counting. Does
 * not know: Prometheus (observe/metrics). */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

enum rune_metric {
#define RUNE_METRIC(ident, type, owner, name, labels, help) RUNE_METRIC_##ident,
#define RUNE_HISTOGRAM(ident, owner, name, help)
#include "shm/metrics.def"
#undef RUNE_METRIC
#undef RUNE_HISTOGRAM
    RUNE_METRIC_COUNT
};

enum rune_histogram_id {
#define RUNE_METRIC(ident, type, owner, name, labels, help)
#define RUNE_HISTOGRAM(ident, owner, name, help) RUNE_HISTOGRAM_##ident,
#include "shm/metrics.def"
#undef RUNE_METRIC
#undef RUNE_HISTOGRAM
    RUNE_HISTOGRAM_COUNT
};

/* Bucket i holds durations up to and including rune_histogram_bound_ns(i); the last one all others.
 */
#define RUNE_HISTOGRAM_BUCKETS 28

struct rune_histogram {
    _Atomic uint64_t buckets[RUNE_HISTOGRAM_BUCKETS]; /*   0  not cumulative */
    _Atomic uint64_t sum_ns;                          /* 224 */
};

struct rune_counters {
    _Atomic uint64_t values[RUNE_METRIC_COUNT];
    struct rune_histogram histograms[RUNE_HISTOGRAM_COUNT];
};

enum rune_metric_type { RUNE_METRIC_TYPE_COUNTER, RUNE_METRIC_TYPE_GAUGE };
enum rune_metric_owner { RUNE_METRIC_OWNER_WORKER, RUNE_METRIC_OWNER_SUPERVISOR };

struct rune_metric_info {
    const char *name;
    const char *labels; /* "" for none */
    const char *help;   /* "" but for the first series of a name */
    enum rune_metric_type type;
    enum rune_metric_owner owner;
};

/* The table's rows; static. */
const struct rune_metric_info *rune_metric_get(enum rune_metric metric);
const struct rune_metric_info *
rune_histogram_get(enum rune_histogram_id histogram); /* labels "", type COUNTER */

/* The largest duration of a bucket: 250 ns * 2^bucket. UINT64_MAX for the last one. */
uint64_t rune_histogram_bound_ns(unsigned bucket);

/* The series of rune_http_requests_total for a status. */
enum rune_metric rune_metric_for_status(int status);

/* Adds to a counter (or, with a negative number as its complement, to a gauge).
 * ORDERING: relaxed load and store, no locked instruction: a block has one writer. */
static inline void rune_counter_add(struct rune_counters *block, enum rune_metric metric,
                                    uint64_t n)
{
    uint64_t value = atomic_load_explicit(&block->values[metric], memory_order_relaxed);
    atomic_store_explicit(&block->values[metric], value + n, memory_order_relaxed);
}

static inline void rune_gauge_set(struct rune_counters *block, enum rune_metric metric,
                                  uint64_t value)
{
    atomic_store_explicit(&block->values[metric], value, memory_order_relaxed);
}

static inline uint64_t rune_counter_read(const struct rune_counters *block, enum rune_metric metric)
{
    return atomic_load_explicit(&block->values[metric], memory_order_relaxed);
}

/* One observation. Cost: a few ns. */
void rune_histogram_observe(struct rune_counters *block, enum rune_histogram_id histogram,
                            uint64_t ns);
