/* SPDX-License-Identifier: Apache-2.0 */
#include "rune/rune.h"

const char *rune_version(void)
{
    return RUNE_VERSION_TEXT; /* from CMakeLists.txt */
}
