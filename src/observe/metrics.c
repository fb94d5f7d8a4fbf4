/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metrics.h"

#include <inttypes.h>
#include <string.h>

static uint64_t read_metric(const struct rune_control_map *control, enum rune_metric metric)
{
    if (rune_metric_get(metric)->owner == RUNE_METRIC_OWNER_SUPERVISOR) {
        return rune_counter_read(rune_control_supervisor_counters(control), metric);
    }
    uint64_t sum = 0;
    for (uint32_t i = 0; i < rune_control_get(control)->worker_count; i++) {
        sum += rune_counter_read(&rune_control_slot_get(control, i)->counters, metric);
    }
    return sum;
}

/* Bucket RUNE_HISTOGRAM_BUCKETS stands for the sum in ns. */
static uint64_t read_histogram(const struct rune_control_map *control, enum rune_histogram_id id,
                               unsigned bucket)
{
    const struct rune_control *page = rune_control_get(control);
    bool is_supervisors = rune_histogram_get(id)->owner == RUNE_METRIC_OWNER_SUPERVISOR;
    uint32_t count = is_supervisors ? 1 : page->worker_count;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct rune_counters *block = is_supervisors
                                                ? rune_control_supervisor_counters(control)
                                                : &rune_control_slot_get(control, i)->counters;
        const struct rune_histogram *histogram = &block->histograms[id];
        sum += bucket < RUNE_HISTOGRAM_BUCKETS
                   ? atomic_load_explicit(&histogram->buckets[bucket], memory_order_relaxed)
                   : atomic_load_explicit(&histogram->sum_ns, memory_order_relaxed);
    }
    return sum;
}

static void put_head(struct rune_buf *out, const struct rune_metric_info *info, const char *type)
{
    rune_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help, info->name, type);
}

static void put_metrics(const struct rune_control_map *control, struct rune_buf *out)
{
    for (enum rune_metric metric = 0; metric < RUNE_METRIC_COUNT; metric++) {
        const struct rune_metric_info *info = rune_metric_get(metric);
        if (info->help[0] != '\0') {
            put_head(out, info, info->type == RUNE_METRIC_TYPE_COUNTER ? "counter" : "gauge");
        }
        uint64_t value = read_metric(control, metric);
        if (info->labels[0] != '\0') {
            rune_buf_printf(out, "%s{%s} %" PRIu64 "\n", info->name, info->labels, value);
        } else {
            rune_buf_printf(out, "%s %" PRIu64 "\n", info->name, value);
        }
    }
}

static void put_histogram(const struct rune_control_map *control, enum rune_histogram_id id,
                          struct rune_buf *out)
{
    const struct rune_metric_info *info = rune_histogram_get(id);
    uint64_t count = 0;
    put_head(out, info, "histogram");
    for (unsigned bucket = 0; bucket < RUNE_HISTOGRAM_BUCKETS; bucket++) {
        count += read_histogram(control, id, bucket);
        if (bucket + 1 < RUNE_HISTOGRAM_BUCKETS) {
            rune_buf_printf(out, "%s_bucket{le=\"%.10g\"} %" PRIu64 "\n", info->name,
                            (double)rune_histogram_bound_ns(bucket) / 1e9, count);
        } else {
            rune_buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", info->name, count);
        }
    }
    rune_buf_printf(out, "%s_sum %.9f\n%s_count %" PRIu64 "\n", info->name,
                    (double)read_histogram(control, id, RUNE_HISTOGRAM_BUCKETS) / 1e9, info->name,
                    count);
}

static void put_generations(const struct rune_control_map *control, struct rune_buf *out)
{
    rune_buf_append_cstr(out,
                         "# HELP rune_image_generation Generation that each worker decides by\n"
                         "# TYPE rune_image_generation gauge\n");
    for (uint32_t i = 0; i < rune_control_get(control)->worker_count; i++) {
        rune_buf_printf(out, "rune_image_generation{worker=\"%" PRIu32 "\"} %" PRIu64 "\n", i,
                        rune_control_slot_generation(rune_control_slot_get(control, i)));
    }
}

void rune_metrics_render(const struct rune_control_map *control, struct rune_buf *out)
{
    put_metrics(control, out);
    put_generations(control, out);
    for (enum rune_histogram_id id = 0; id < RUNE_HISTOGRAM_COUNT; id++) {
        put_histogram(control, id, out);
    }
}
