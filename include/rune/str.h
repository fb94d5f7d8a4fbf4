/* SPDX-License-Identifier: Apache-2.0 */
/* str: a borrowed run of bytes, not NUL-terminated. */
#pragma once

#include <stddef.h>

struct rune_str {
    const char *data;
    size_t length;
};
