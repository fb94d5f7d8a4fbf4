/* SPDX-License-Identifier: Apache-2.0 */
/* image_fixture: a small image of made-up sections in memory, for tests of the container. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Writes it into a new memfd. */
int image_fixture_fd(void);

/* Its bytes, 64-aligned, zero-padded copy; the caller frees. */
unsigned char *image_fixture_bytes(size_t *ret_size);
