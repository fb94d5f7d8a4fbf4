/* SPDX-License-Identifier: Apache-2.0 */
/* image_repair: makes the first checks of an image pass again after mutation, so that fuzzing gets
 * to the next ones. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum image_repair {
    IMAGE_REPAIR_HEADER = 1, /* magic, version, count, size, reserved */
    /* ids, entry sizes, and offsets as they follow from the counts; padding */
    IMAGE_REPAIR_TABLE = 2,
    IMAGE_REPAIR_HASH = 4,
};

/* Repairs in place what `repairs` names; nothing if it is too short to have a table. `bytes` is
 * 8-aligned. */
void image_repair(unsigned char *bytes, size_t size, unsigned repairs);
