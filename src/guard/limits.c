/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/limits.h"

void rune_limits_init(struct rune_limits *limits)
{
    *limits = (struct rune_limits){
        .max_body_bytes = 1024 * 1024,
        .max_buffered_bytes = 64 * 1024 * 1024,
        .max_connections = 10000,
        .max_streams = 100,
        .idle_timeout_ms = 60000,
        .drain_timeout_ms = 10000,
        .max_admin_waiting = 64,
    };
}
