/* SPDX-License-Identifier: Apache-2.0 */
/* arena: chunked bump allocation with one lifetime.
 *
 * Owns: its chunks. Three lifetimes exist, each an arena handed in as a parameter: build, request,
 * view. A fixed arena lives in memory of the caller and never allocates: that is the request arena.
 * Failure is sticky (as in Varnish's workspaces): after one failed allocation all further ones
 * return NULL, so a parser may test rune_arena_failed() once a statement. Thread: one owner at a
 * time. Used by: everything. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "rune/err.h"

struct rune_arena_chunk;

struct rune_arena {
    char *next; /* first free byte of the current chunk, aligned to 8 unless it is the end */
    char *end;  /* one past the current chunk */
    /* current chunk, linked to the earlier ones; NULL in a fixed arena */
    struct rune_arena_chunk *chunk;
    struct rune_arena_chunk *spare; /* left by a rewind for the next growth, or NULL */
    char *fixed;                    /* the caller's slab, or NULL */
    size_t used_bytes;              /* bytes in all chunks but the spare one */
    size_t cap_bytes;               /* LIMIT: never more than this in chunks */
    uint32_t doubled;               /* how often the size of chunks has been */
    bool failed;                    /* sticky */
};

struct rune_arena_mark {
    struct rune_arena_chunk *chunk;
    char *next;
};

/* An empty growing arena that never holds more than `cap_bytes` (0: no cap). Allocates nothing yet.
 */
void rune_arena_init(struct rune_arena *arena, size_t cap_bytes);

/* An arena over `size` bytes at `slab`, which stay the caller's. Never calls malloc. */
void rune_arena_init_fixed(struct rune_arena *arena, void *slab, size_t size);

/* Frees all chunks; the arena may be initialised again. A fixed arena needs it before its slab
 * serves another purpose: under AddressSanitizer the bytes not handed out are poisoned. */
void rune_arena_fini(struct rune_arena *arena);

/* `size` bytes aligned to 8 (rune_arena_alloc_aligned: to `align`, a power of two), uninitialised;
 * NULL when the cap is reached or memory is out (then the arena has failed). Size 0 gives a valid
 * pointer. Cost: O(1). */
static inline void *rune_arena_alloc(struct rune_arena *arena, size_t size);
void *rune_arena_alloc_aligned(struct rune_arena *arena, size_t size, size_t align);

/* The same, zeroed; `count * size` is checked for overflow. */
static inline void *rune_arena_calloc(struct rune_arena *arena, size_t count, size_t size);

/* Copies of `length` bytes; the string gets a NUL behind. NULL on failure. */
void *rune_arena_memdup(struct rune_arena *arena, const void *bytes, size_t length);
char *rune_arena_strndup(struct rune_arena *arena, const char *text, size_t length);
char *rune_arena_printf(struct rune_arena *arena, const char *fmt, ...) RUNE_PRINTF(2, 3);

/* Everything allocated after the mark is given back by the rewind, but for one chunk, which waits
 * to be used again; failed is cleared. To the mark of an empty arena, it is a reset. */
struct rune_arena_mark rune_arena_mark(const struct rune_arena *arena);
void rune_arena_rewind(struct rune_arena *arena, struct rune_arena_mark mark);

/* For a growing arena whose pieces are read in the order in which they were made: what was
 * allocated before `ptr` is not read again, and its chunks are given back but for the one where
 * `ptr` lies. Nothing happens where it lies in none. Marks from before are gone. */
void rune_arena_release(struct rune_arena *arena, const void *ptr);

/* Rewind to empty, keeping one chunk. */
void rune_arena_reset(struct rune_arena *arena);

/* Bytes that can still be had, in one piece of a fixed arena; SIZE_MAX: there is no cap. */
static inline size_t rune_arena_left(const struct rune_arena *arena)
{
    size_t in_chunk = (size_t)(arena->end - arena->next);
    if (arena->fixed != NULL) {
        return in_chunk;
    }
    return arena->cap_bytes == 0 ? SIZE_MAX : arena->cap_bytes - arena->used_bytes + in_chunk;
}

static inline bool rune_arena_failed(const struct rune_arena *arena)
{
    return arena->failed;
}

/* ---- inline: the tree of a program is made of many small pieces ---- */

#if defined(__SANITIZE_ADDRESS__)
#define RUNE_ARENA_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RUNE_ARENA_POISONS 1
#endif
#endif

static inline void *rune_arena_alloc(struct rune_arena *arena, size_t size)
{
#if !defined(RUNE_ARENA_POISONS) && !defined(RUNE_ARENA_DEBUG)
    /* INVARIANT: next is aligned to 8, or nothing is left. Size 0 wraps, and goes the long way. */
    size_t left = (size_t)(arena->end - arena->next);
    size_t taken = (size + 7) & ~(size_t)7;
    if (size - 1 < left && taken <= left && !arena->failed) {
        void *ptr = arena->next;
        arena->next += taken;
        return ptr;
    }
#endif
    return rune_arena_alloc_aligned(arena, size, 8);
}

static inline void *rune_arena_calloc(struct rune_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        arena->failed = true;
        return NULL;
    }
    void *ptr = rune_arena_alloc(arena, bytes);
    return ptr != NULL ? memset(ptr, 0, bytes) : NULL;
}

#define RUNE_ARENA_NEW(arena, type) ((type *)rune_arena_calloc((arena), 1, sizeof(type)))
#define RUNE_ARENA_ARRAY(arena, type, count) \
    ((type *)rune_arena_calloc((arena), (count), sizeof(type)))
