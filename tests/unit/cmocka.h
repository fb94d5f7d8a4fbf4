/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka, with the headers that have to come before it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
