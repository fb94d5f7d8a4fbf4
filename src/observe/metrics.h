/* SPDX-License-Identifier: Apache-2.0 */
/* metrics: the counters of all processes as Prometheus text (exposition format 0.0.4).
 *
 * Reads the control page and nothing else: any process that mapped it can print. Worker series are
 * added up over the worker slots; rune_image_generation stands per worker. Used by: http (admin).
 */
#pragma once

#include "base/buf.h"
#include "shm/control.h"

#define RUNE_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends everything; out->failed tells of lacking memory. Cost: O(slots * metrics), some 100 us.
 */
void rune_metrics_render(const struct rune_control_map *control, struct rune_buf *out);
