/* SPDX-License-Identifier: Apache-2.0 */
/* Process: any child, between fork and its role. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/diag.h"
#include "server/heritage.h"

#define KEEP_MAX 2048 /* 64 slots x 16 addresses, and some */

enum rune_err rune_identity_find(const char *user, struct rune_identity *ret_identity,
                                 struct rune_diag *diag)
{
    *ret_identity = (struct rune_identity){.drop = false};
    if (user == NULL) {
        return RUNE_OK;
    }
    errno = 0;
    const struct passwd *entry = getpwnam(user);
    if (entry == NULL) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0020", RUNE_SPAN_NONE, NULL,
                         "there is no user `%s`", user);
        return RUNE_E_INVALID;
    }
    if (geteuid() != 0 && entry->pw_uid != geteuid()) {
        rune_diag_report(diag, RUNE_ERROR, "RUNE-S0021", RUNE_SPAN_NONE,
                         "start as root, or leave `user` out", "only root can become user `%s`",
                         user);
        return RUNE_E_INVALID;
    }
    *ret_identity = (struct rune_identity){
        .drop = geteuid() == 0, .uid = entry->pw_uid, .gid = entry->pw_gid, .name = user};
    return RUNE_OK;
}

static void set_signals(enum rune_child_signals signals)
{
    static const int of_the_supervisor[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1};
    sigset_t none;
    for (size_t i = 0; i < sizeof of_the_supervisor / sizeof of_the_supervisor[0]; i++) {
        struct sigaction action = {.sa_handler = signals == RUNE_CHILD_SERVES ? SIG_IGN : SIG_DFL};
        sigaction(of_the_supervisor[i], &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int compare_ints(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static enum rune_err close_all_but(const int *keep, size_t keep_count)
{
    int sorted[KEEP_MAX];
    if (keep_count > KEEP_MAX) {
        return RUNE_E_IO;
    }
    memcpy(sorted, keep, keep_count * sizeof *keep);
    qsort(sorted, keep_count, sizeof sorted[0], compare_ints);
    unsigned next = 3;
    for (size_t i = 0; i < keep_count; i++) {
        if (sorted[i] < (int)next) {
            continue;
        }
        if ((unsigned)sorted[i] > next && close_range(next, (unsigned)sorted[i] - 1, 0) != 0) {
            return RUNE_E_IO;
        }
        next = (unsigned)sorted[i] + 1;
    }
    return close_range(next, ~0u, 0) == 0 ? RUNE_OK : RUNE_E_IO;
}

enum rune_err rune_child_begin(const char *name, enum rune_child_signals signals, const int *keep,
                               size_t keep_count)
{
    set_signals(signals);
    prctl(PR_SET_NAME, name);
    return close_all_but(keep, keep_count);
}

enum rune_err rune_child_drop(const struct rune_heritage *heritage)
{
    const struct rune_identity *identity = &heritage->identity;
    if (identity->drop && (initgroups(identity->name, identity->gid) != 0 ||
                           setgid(identity->gid) != 0 || setuid(identity->uid) != 0)) {
        return RUNE_E_IO;
    }
    /* After setuid, which clears it. The parent may have died before. */
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        getppid() != heritage->supervisor_pid) {
        return RUNE_E_IO;
    }
    return RUNE_OK;
}
