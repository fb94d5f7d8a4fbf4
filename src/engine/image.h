/* SPDX-License-Identifier: Apache-2.0 */
/* image: an image opened for deciding: the mapping, the typed store over it, its name. Functions:
 * rune/image.h.
 *
 * librune never assumes that it made the image or is alone with it. Used by: live (workers), cli,
 * decider. */
#pragma once

#include <stdint.h>

#include "engine/derived_context.h"
#include "eval/schema_check.h"
#include "eval/store.h"
#include "rune/image.h"
#include "shm/image_map.h"

struct rune_image {
    struct rune_image_map map;
    struct rune_store store;
    struct rune_schema schema; /* words NULL: none */
    struct rune_derived_context derived_context;
    char name[65];       /* SHA-256, lower-case hex */
    char short_name[17]; /* the first 16 digits: header rune-image */
    struct rune_str bundle_name;
    struct rune_str bundle_version;
};
