/* SPDX-License-Identifier: Apache-2.0 */
/* sanitized: whether this program runs under AddressSanitizer or ThreadSanitizer, which need
 * address space without bound, replace malloc, and take many times as long. Used by:
 * server/sandbox, tests. */
#pragma once

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RUNE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define RUNE_SANITIZED 1
#endif
#endif
#ifndef RUNE_SANITIZED
#define RUNE_SANITIZED 0
#endif
