/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/counters.h"

static const struct rune_metric_info metrics[RUNE_METRIC_COUNT] = {
#define RUNE_METRIC(ident, type_, owner_, name_, labels_, help_) \
    {name_, labels_, help_, RUNE_METRIC_TYPE_##type_, RUNE_METRIC_OWNER_##owner_},
#define RUNE_HISTOGRAM(ident, owner_, name_, help_)
#include "shm/metrics.def"
#undef RUNE_METRIC
#undef RUNE_HISTOGRAM
};

static const struct rune_metric_info histograms[RUNE_HISTOGRAM_COUNT] = {
#define RUNE_METRIC(ident, type_, owner_, name_, labels_, help_)
#define RUNE_HISTOGRAM(ident, owner_, name_, help_) \
    {name_, "", help_, RUNE_METRIC_TYPE_COUNTER, RUNE_METRIC_OWNER_##owner_},
#include "shm/metrics.def"
#undef RUNE_METRIC
#undef RUNE_HISTOGRAM
};

const struct rune_metric_info *rune_metric_get(enum rune_metric metric)
{
    return &metrics[metric];
}

const struct rune_metric_info *rune_histogram_get(enum rune_histogram_id histogram)
{
    return &histograms[histogram];
}

uint64_t rune_histogram_bound_ns(unsigned bucket)
{
    return bucket + 1 >= RUNE_HISTOGRAM_BUCKETS ? UINT64_MAX : UINT64_C(250) << bucket;
}

enum rune_metric rune_metric_for_status(int status)
{
    switch (status) {
    case 200:
        return RUNE_METRIC_HTTP_200;
    case 400:
        return RUNE_METRIC_HTTP_400;
    case 401:
        return RUNE_METRIC_HTTP_401;
    case 403:
        return RUNE_METRIC_HTTP_403;
    case 404:
        return RUNE_METRIC_HTTP_404;
    case 405:
        return RUNE_METRIC_HTTP_405;
    case 413:
        return RUNE_METRIC_HTTP_413;
    case 415:
        return RUNE_METRIC_HTTP_415;
    case 422:
        return RUNE_METRIC_HTTP_422;
    case 429:
        return RUNE_METRIC_HTTP_429;
    case 500:
        return RUNE_METRIC_HTTP_500;
    case 503:
        return RUNE_METRIC_HTTP_503;
    default:
        return RUNE_METRIC_HTTP_OTHER;
    }
}

/* 0 for ns <= 250, then one bucket for each doubling. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns <= 250) {
        return 0;
    }
    uint64_t quotient = (ns - 1) / 250; /* >= 1 */
    unsigned bucket = 64u - (unsigned)__builtin_clzll(quotient);
    return bucket < RUNE_HISTOGRAM_BUCKETS ? bucket : RUNE_HISTOGRAM_BUCKETS - 1;
}

void rune_histogram_observe(struct rune_counters *block, enum rune_histogram_id histogram,
                            uint64_t ns)
{
    struct rune_histogram *h = &block->histograms[histogram];
    _Atomic uint64_t *bucket = &h->buckets[bucket_of(ns)];
    /* ORDERING: relaxed, one writer; a reader may see the bucket before the sum. */
    atomic_store_explicit(bucket, atomic_load_explicit(bucket, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    atomic_store_explicit(&h->sum_ns, atomic_load_explicit(&h->sum_ns, memory_order_relaxed) + ns,
                          memory_order_relaxed);
}
