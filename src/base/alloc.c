/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SMALL_PAGE      ((uintptr_t)4 << 10)
#define HUGE_PAGE       ((uintptr_t)2 << 20)
#define HEAP_AT_FIRST   (160 << 10)
#define LARGEST_IN_HEAP (4 << 20)
#define HEAP_ROOM       (24 << 20)
#define SLOW_PAGE_NS    1500000u /* clearing a large page takes a fifth of that */

/* The one piece of global state of base: a test's hook. Product code never sets it. */
static rune_alloc_hook_fn alloc_hook;
static void *alloc_hook_context;

static inline bool permitted(size_t size)
{
    return __builtin_expect(alloc_hook == NULL, 1) || alloc_hook(alloc_hook_context, size);
}

void *rune_alloc(size_t size)
{
    return permitted(size) ? malloc(size > 0 ? size : 1) : NULL;
}

void *rune_calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || !permitted(bytes)) {
        return NULL;
    }
    return calloc(1, bytes > 0 ? bytes : 1);
}

void *rune_realloc(void *ptr, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || !permitted(bytes)) {
        return NULL;
    }
    return realloc(ptr, bytes > 0 ? bytes : 1);
}

void rune_free(void *ptr)
{
    free(ptr);
}

void rune_alloc_advise(void *ptr, size_t size)
{
    uintptr_t begin = ((uintptr_t)ptr + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t end = ((uintptr_t)ptr + size) & ~(HUGE_PAGE - 1);
    if (begin < end) {
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE); /* a wish */
    }
}

void rune_alloc_touch(void *ptr, size_t size)
{
#ifdef MADV_POPULATE_WRITE
    uintptr_t begin = ((uintptr_t)ptr + SMALL_PAGE - 1) & ~(SMALL_PAGE - 1);
    uintptr_t end = ((uintptr_t)ptr + size) & ~(SMALL_PAGE - 1);
    if (begin < end) {
        (void)madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
    }
#else
    (void)ptr;
    (void)size;
#endif
}

void rune_alloc_prepare(uint64_t max_bytes)
{
#ifdef __GLIBC__
    size_t room = max_bytes / 4 < HEAP_ROOM ? (size_t)(max_bytes / 4) : HEAP_ROOM;
    (void)mallopt(M_MMAP_THRESHOLD, LARGEST_IN_HEAP);
    (void)mallopt(M_TRIM_THRESHOLD, HEAP_ROOM + LARGEST_IN_HEAP);
    (void)mallopt(M_TOP_PAD, (int)room);
    /* More than is free, so that the heap grows by the room: so far without pages but one, behind
     * this block. Where there is a page, there is no large one, so the block is small. */
    void *first = malloc(HEAP_AT_FIRST);
    if (first != NULL) {
        rune_alloc_advise(first, room);
        free(first);
    }
    (void)mallopt(M_TOP_PAD, HUGE_PAGE);
#else
    (void)max_bytes;
#endif
}

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void rune_alloc_try_large(void)
{
#if defined(__GLIBC__) && defined(MADV_POPULATE_WRITE)
    void *block = malloc(1);
    uintptr_t begin = ((uintptr_t)block + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t end = (uintptr_t)sbrk(0) & ~(HUGE_PAGE - 1);
    free(block);
    if (begin < end) { /* else there is no heap, or it is on small pages anyway */
        uint64_t start_ns = cpu_ns();
        (void)madvise((void *)begin, HUGE_PAGE, MADV_POPULATE_WRITE);
        begin += HUGE_PAGE;
        if (cpu_ns() - start_ns > SLOW_PAGE_NS && begin < end) {
            (void)madvise((void *)begin, end - begin, MADV_NOHUGEPAGE);
        }
    }
#endif
}

char *rune_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = rune_alloc(bytes);
    return copy != NULL ? memcpy(copy, text, bytes) : NULL;
}

void rune_alloc_set_hook(rune_alloc_hook_fn hook, void *context)
{
    alloc_hook = hook;
    alloc_hook_context = context;
}
