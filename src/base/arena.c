/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks double from FIRST_CHUNK to LAST_CHUNK; an allocation larger than the next one gets a chunk
 * of its own size, and the next one is what it was: a file's text does not make room for two.
 *
 * Under AddressSanitizer all bytes that are not handed out are poisoned, and a gap follows each
 * allocation. With RUNE_ARENA_DEBUG (a growing arena only) each allocation is a heap block of its
 * own, so that valgrind sees it too. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/layout.h"

#ifdef RUNE_ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define POISON(ptr, size)   ASAN_POISON_MEMORY_REGION((ptr), (size))
#define UNPOISON(ptr, size) ASAN_UNPOISON_MEMORY_REGION((ptr), (size))
#define GAP                 8
#else
#define POISON(ptr, size)   ((void)(ptr), (void)(size))
#define UNPOISON(ptr, size) ((void)(ptr), (void)(size))
#define GAP                 0
#endif

#define FIRST_CHUNK ((size_t)4 << 10)
#define LAST_CHUNK  ((size_t)256 << 10) /* what is left of it is lost, in each arena */

struct rune_arena_chunk {
    struct rune_arena_chunk *earlier;
    size_t size;               /* bytes behind this header */
    _Alignas(16) char bytes[]; /* what is handed out */
};

void rune_arena_init(struct rune_arena *arena, size_t cap_bytes)
{
    *arena = (struct rune_arena){.cap_bytes = cap_bytes};
}

/* Bytes to leave out so that `ptr` is aligned. */
static inline size_t padding(const char *ptr, size_t align)
{
    return (size_t)(-(uintptr_t)ptr & (align - 1));
}

void rune_arena_init_fixed(struct rune_arena *arena, void *slab, size_t size)
{
    size_t pad = padding(slab, 8);
    char *begin = (char *)slab + (pad < size ? pad : size);
    *arena = (struct rune_arena){
        .next = begin, .end = (char *)slab + size, .fixed = begin, .cap_bytes = size};
    POISON(slab, size);
}

static void free_chunk(struct rune_arena_chunk *chunk)
{
    if (chunk != NULL) {
        UNPOISON(chunk->bytes, chunk->size);
        rune_free(chunk);
    }
}

static void free_chunks(struct rune_arena *arena, struct rune_arena_chunk *until)
{
    while (arena->chunk != until) {
        struct rune_arena_chunk *earlier = arena->chunk->earlier;
        arena->used_bytes -= arena->chunk->size;
        free_chunk(arena->chunk);
        arena->chunk = earlier;
    }
}

/* The current chunk becomes the spare one: what was needed once is so again, for rule after rule.
 */
static void spare_chunk(struct rune_arena *arena)
{
#ifndef RUNE_ARENA_DEBUG
    free_chunk(arena->spare);
    arena->spare = arena->chunk;
    arena->used_bytes -= arena->chunk->size;
    arena->chunk = arena->spare->earlier;
#else
    (void)arena;
#endif
}

void rune_arena_fini(struct rune_arena *arena)
{
    if (arena->fixed != NULL) {
        UNPOISON(arena->fixed, (size_t)(arena->end - arena->fixed));
    }
    free_chunks(arena, NULL);
    free_chunk(arena->spare);
    *arena = (struct rune_arena){0};
}

static size_t next_chunk_size(struct rune_arena *arena, size_t need)
{
#ifdef RUNE_ARENA_DEBUG
    (void)arena;
    return need;
#else
    size_t size = FIRST_CHUNK << arena->doubled;
    if (need <= size && size < LAST_CHUNK) {
        arena->doubled++;
    }
    if (arena->cap_bytes != 0 && size > arena->cap_bytes - arena->used_bytes) {
        size = arena->cap_bytes - arena->used_bytes;
    }
    return size > need ? size : need;
#endif
}

/* The spare chunk if it has room for `need` bytes, else a fresh one; NULL: no memory. INVARIANT:
 * the spare one is not held beside what the cap was spent on later. */
static struct rune_arena_chunk *take_chunk(struct rune_arena *arena, size_t need)
{
    struct rune_arena_chunk *chunk = arena->spare;
    arena->spare = NULL;
    if (chunk != NULL && chunk->size >= need) {
        return chunk;
    }
    free_chunk(chunk);
    if (arena->cap_bytes != 0 && need > arena->cap_bytes - arena->used_bytes) {
        return NULL;
    }
    size_t size = next_chunk_size(arena, need);
    chunk = rune_alloc(sizeof(struct rune_arena_chunk) + size);
    if (chunk != NULL) {
        chunk->size = size;
    }
    return chunk;
}

/* A new current chunk with room for `need` bytes. */
static bool grow(struct rune_arena *arena, size_t need)
{
    if (arena->fixed != NULL || need > SIZE_MAX / 4) {
        return false;
    }
    struct rune_arena_chunk *chunk = take_chunk(arena, need);
    if (chunk == NULL) {
        return false;
    }
    size_t size = chunk->size;
    chunk->earlier = arena->chunk;
    POISON(chunk->bytes, size);
    arena->chunk = chunk;
    arena->next = chunk->bytes;
    arena->end = chunk->bytes + size;
    arena->used_bytes += size;
    return true;
}

static inline bool fits(const struct rune_arena *arena, size_t size, size_t align)
{
#ifdef RUNE_ARENA_DEBUG
    if (arena->fixed == NULL) {
        return false;
    }
#endif
    if (arena->next == NULL) {
        return false;
    }
    size_t left = (size_t)(arena->end - arena->next);
    size_t pad = padding(arena->next, align);
    return pad <= left && size <= left - pad;
}

RUNE_APART void *rune_arena_alloc_aligned(struct rune_arena *arena, size_t size, size_t align)
{
    if (size == 0) {
        size = 1;
    }
    if (arena->failed) {
        return NULL;
    }
    if (align < 8) {
        align = 8;
    }
    if (!fits(arena, size, align)) {
        /* A chunk's bytes are aligned to 16; a stricter wish needs room to move. */
        size_t slack = align > 16 ? align : 0;
        if (size > SIZE_MAX / 4 || !grow(arena, size + slack)) {
            arena->failed = true;
            return NULL;
        }
    }
    char *ptr = arena->next + padding(arena->next, align);
    size_t taken = ((size + 7) & ~(size_t)7) + GAP;
    arena->next = taken < (size_t)(arena->end - ptr) ? ptr + taken : arena->end;
    UNPOISON(ptr, size);
    return ptr;
}

void *rune_arena_memdup(struct rune_arena *arena, const void *bytes, size_t length)
{
    void *copy = rune_arena_alloc(arena, length);
    if (copy != NULL && length > 0) {
        memcpy(copy, bytes, length);
    }
    return copy;
}

char *rune_arena_strndup(struct rune_arena *arena, const char *text, size_t length)
{
    if (length == SIZE_MAX) {
        arena->failed = true;
        return NULL;
    }
    char *copy = rune_arena_alloc(arena, length + 1);
    if (copy == NULL) {
        return NULL;
    }
    if (length > 0) {
        memcpy(copy, text, length);
    }
    copy[length] = '\0';
    return copy;
}

char *rune_arena_printf(struct rune_arena *arena, const char *fmt, ...)
{
    char small[256]; /* most texts need not be written twice */
    va_list args;
    va_start(args, fmt);
    int length = vsnprintf(small, sizeof(small), fmt, args);
    va_end(args);
    if (length < 0) {
        arena->failed = true;
        return NULL;
    }
    if ((size_t)length < sizeof(small)) {
        return rune_arena_strndup(arena, small, (size_t)length);
    }
    char *text = rune_arena_alloc(arena, (size_t)length + 1);
    if (text != NULL) {
        va_start(args, fmt);
        vsnprintf(text, (size_t)length + 1, fmt, args);
        va_end(args);
    }
    return text;
}

struct rune_arena_mark rune_arena_mark(const struct rune_arena *arena)
{
    return (struct rune_arena_mark){.chunk = arena->chunk, .next = arena->next};
}

void rune_arena_rewind(struct rune_arena *arena, struct rune_arena_mark mark)
{
    if (mark.next == NULL) { /* nothing had been allocated */
        rune_arena_reset(arena);
        return;
    }
    arena->failed = false;
    if (arena->fixed == NULL) {
        if (arena->chunk != mark.chunk) {
            spare_chunk(arena);
        }
        free_chunks(arena, mark.chunk);
        arena->end = mark.chunk->bytes + mark.chunk->size;
    }
    arena->next = mark.next;
    POISON(arena->next, (size_t)(arena->end - arena->next));
}

void rune_arena_release(struct rune_arena *arena, const void *ptr)
{
    struct rune_arena_chunk *chunk = arena->chunk;
    while (chunk != NULL && !((uintptr_t)ptr >= (uintptr_t)chunk->bytes &&
                              (uintptr_t)ptr < (uintptr_t)(chunk->bytes + chunk->size))) {
        chunk = chunk->earlier;
    }
    for (struct rune_arena_chunk *done; chunk != NULL && (done = chunk->earlier) != NULL;) {
        chunk->earlier = done->earlier;
        arena->used_bytes -= done->size;
        free_chunk(done);
    }
}

void rune_arena_reset(struct rune_arena *arena)
{
    arena->failed = false;
    if (arena->fixed != NULL) {
        arena->next = arena->fixed;
    } else if (arena->chunk != NULL) {
        struct rune_arena_chunk *kept = arena->chunk;
        arena->chunk = kept->earlier;
        free_chunks(arena, NULL);
        kept->earlier = NULL;
        arena->chunk = kept;
        arena->next = kept->bytes;
    }
    if (arena->next != NULL) {
        POISON(arena->next, (size_t)(arena->end - arena->next));
    }
}
