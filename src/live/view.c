/* SPDX-License-Identifier: Apache-2.0 */
/* view: one pointer, read under RCU.
 *
 * ThreadSanitizer does not see liburcu's ordering (the annotations of <urcu/annotate.h> come with
 * 0.15, Debian has 0.13.2), so the two edges that matter are told to it here: publishing happens
 * before entering, and leaving before closing. Both are no code in other builds. */
#include "live/view.h"

#include <stddef.h>

#if defined(__SANITIZE_THREAD__)
#define RUNE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RUNE_TSAN 1
#endif
#endif

/* Enter and leave are meant to be inlined into code under any license (their comments in
 * urcu/static say so); called, they cost two libraries' cold lines in each request. Under
 * ThreadSanitizer they are called: it must not look into them, either. */
#ifndef RUNE_TSAN
#define _LGPL_SOURCE /* NOLINT(bugprone-reserved-identifier): the library's name */
#endif
#include <urcu/urcu-memb.h>

#include "base/alloc.h"
#include "engine/image.h"

#ifdef RUNE_TSAN
#include <sanitizer/tsan_interface.h>
static char published; /* addresses to synchronise on */
static char left;
#define TSAN_RELEASE(edge) __tsan_release(&(edge))
#define TSAN_ACQUIRE(edge) __tsan_acquire(&(edge))
#else
#define TSAN_RELEASE(edge) ((void)0)
#define TSAN_ACQUIRE(edge) ((void)0)
#endif

void rune_view_thread_register(void)
{
    urcu_memb_register_thread();
}

void rune_view_thread_unregister(void)
{
    urcu_memb_unregister_thread();
}

const struct rune_view *rune_view_enter(const struct rune_view_root *root)
{
    urcu_memb_read_lock();
    /* ORDERING: dependency; pairs with the exchange of publish(). */
    const struct rune_view *view = rcu_dereference(root->current);
    TSAN_ACQUIRE(published);
    return view;
}

void rune_view_leave(void)
{
    TSAN_RELEASE(left);
    urcu_memb_read_unlock();
}

/* Puts `next` in place and waits until nobody is in what was there. */
static struct rune_view *publish(struct rune_view_root *root, struct rune_view *next)
{
    TSAN_RELEASE(published);
    /* ORDERING: full; pairs with the dereference of rune_view_enter: who gets the pointer sees what
     * it points to. */
    struct rune_view *old = rcu_xchg_pointer(&root->current, next);
    urcu_memb_synchronize_rcu();
    TSAN_ACQUIRE(left);
    return old;
}

static struct rune_view *new_view(const struct rune_image *image, uint64_t generation,
                                  const struct rune_shared_limits *limits)
{
    struct rune_view *view = rune_alloc(sizeof *view);
    if (view != NULL) {
        *view = (struct rune_view){.image = image, .generation = generation, .limits = *limits};
    }
    return view;
}

static void close_image(const struct rune_image *image)
{
    rune_image_close((struct rune_image *)(uintptr_t)image);
}

enum rune_err rune_view_swap(struct rune_view_root *root, struct rune_image *image,
                             uint64_t generation, const struct rune_shared_limits *limits)
{
    struct rune_view *next = new_view(image, generation, limits);
    if (next == NULL) {
        close_image(image);
        return RUNE_E_NOMEM;
    }
    struct rune_view *old = publish(root, next);
    if (old != NULL) {
        close_image(old->image);
        rune_free(old);
    }
    return RUNE_OK;
}

enum rune_err rune_view_set_limits(struct rune_view_root *root,
                                   const struct rune_shared_limits *limits)
{
    const struct rune_view *current = root->current; /* the caller is the one writer */
    if (current == NULL) {
        return RUNE_E_NOT_FOUND;
    }
    struct rune_view *next = new_view(current->image, current->generation, limits);
    if (next == NULL) {
        return RUNE_E_NOMEM;
    }
    rune_free(publish(root, next));
    return RUNE_OK;
}

void rune_view_root_fini(struct rune_view_root *root)
{
    struct rune_view *old = publish(root, NULL);
    if (old != NULL) {
        close_image(old->image);
        rune_free(old);
    }
}
