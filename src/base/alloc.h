/* SPDX-License-Identifier: Apache-2.0 */
/* alloc: the only door to the heap for librune and the server.
 *
 * Every heap allocation outside libraries goes through here, so that tests can fail the Nth one
 * (rune_alloc_set_hook) and count what the decision path allocates. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc, realloc (to count * size, overflow-checked), free. NULL when memory is out or
 * the hook says so. */
void *rune_alloc(size_t size);
void *rune_calloc(size_t count, size_t size);
void *rune_realloc(void *ptr, size_t count, size_t size);
void rune_free(void *ptr);
/* Tells the kernel that all of an allocation will be used, in no order: large pages spare it faults
 * and the processor walks through page tables. Does nothing for small ones. */
void rune_alloc_advise(void *ptr, size_t size);
/* Has the kernel give the pages of a part of an allocation at once, since the part is about to be
 * written: a quarter less than one by one. */
void rune_alloc_touch(void *ptr, size_t size);
/* For a program that is about to build something within `max_bytes`: memory comes from one heap on
 * large pages, and what a phase frees is kept for the next one. Taking pages one by one from the
 * kernel is else a third of what thousands of rules cost. Changes malloc for the whole process, so
 * it is for programs, not for librune. */
void rune_alloc_prepare(uint64_t max_bytes);
/* Behind it, for what needs megabytes soon: takes the first large page, and where that took long
 * leaves the others. A virtual machine's host may have taken back what was free for a second or
 * two; then a large page costs ten times what its small ones do, which come from what the kernel
 * had in use last. */
void rune_alloc_try_large(void);
char *rune_strdup(const char *text);

/* Tests only: called before each allocation; false makes it fail. NULL removes it. Not thread-safe.
 */
typedef bool (*rune_alloc_hook_fn)(void *context, size_t size);
void rune_alloc_set_hook(rune_alloc_hook_fn hook, void *context);
