/* SPDX-License-Identifier: Apache-2.0 */
/* Process: builder, verifier. A call that is not allowed fails with EPERM instead of killing: the
 * role then reports an ordinary error, and the supervisor's log says what failed. */
#include "server/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <seccomp.h>

#include "base/sanitized.h"

static void first_to_go(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "1000", 4);
        close(fd);
    }
}

static int set_limit(int resource, uint64_t value)
{
    struct rlimit limit = {.rlim_cur = value, .rlim_max = value};
    return setrlimit((__rlimit_resource_t)resource, &limit);
}

static enum rune_err add_rules(scmp_filter_ctx filter, uint32_t action, const char *const *names,
                               size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int call = seccomp_syscall_resolve_name(names[i]);
        if (call == __NR_SCMP_ERROR) {
            continue; /* not of this architecture or this libseccomp: falls to the default */
        }
        if (seccomp_rule_add(filter, action, call, 0) != 0) {
            return RUNE_E_IO;
        }
    }
    return RUNE_OK;
}

/* Threads may begin, processes not. The flags of clone3 stand in memory, where a filter cannot see
 * them: without it the C library takes clone. */
static enum rune_err allow_threads(scmp_filter_ctx filter)
{
    int refused =
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), seccomp_syscall_resolve_name("clone3"), 0);
    int allowed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
    return refused == 0 && allowed == 0 ? RUNE_OK : RUNE_E_IO;
}

static enum rune_err load_filter(uint32_t default_action, uint32_t action, const char *const *names,
                                 size_t count)
{
    scmp_filter_ctx filter = seccomp_init(default_action);
    if (filter == NULL) {
        return RUNE_E_NOMEM;
    }
    enum rune_err err = add_rules(filter, action, names, count);
    if (err == RUNE_OK && default_action != SCMP_ACT_ALLOW) {
        err = allow_threads(filter);
    }
    if (err == RUNE_OK && seccomp_load(filter) != 0) {
        err = RUNE_E_IO;
    }
    seccomp_release(filter);
    return err;
}

enum rune_err rune_sandbox_builder(uint64_t max_memory_bytes, uint64_t max_file_bytes)
{
    static const char *const denied[] = {
        "socket",      "socketpair",       "connect",
        "bind",        "listen",           "accept",
        "accept4",     "execve",           "execveat",
        "ptrace",      "process_vm_readv", "process_vm_writev",
        "mount",       "umount2",          "pivot_root",
        "chroot",      "unshare",          "setns",
        "bpf",         "io_uring_setup",   "kexec_load",
        "init_module", "finit_module",     "delete_module",
        "reboot",      "swapon",           "keyctl",
        "add_key",     "request_key",      "perf_event_open",
        "userfaultfd",
    };
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    first_to_go();
    (void)!unshare(CLONE_NEWNET);      /* needs privilege; the filter below holds without it */
    sigaction(SIGXFSZ, &ignore, NULL); /* a file that would grow too large is EFBIG */
    /* A sanitizer maps more address space than any limit. */
    if (set_limit(RLIMIT_CORE, 0) != 0 || set_limit(RLIMIT_FSIZE, max_file_bytes) != 0 ||
        (!RUNE_SANITIZED && set_limit(RLIMIT_AS, max_memory_bytes) != 0)) {
        return RUNE_E_IO;
    }
    return load_filter(SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM), denied,
                       sizeof denied / sizeof denied[0]);
}

enum rune_err rune_sandbox_verifier(void)
{
    static const char *const allowed[] = {
        "read",
        "write",
        "close",
        "fstat",
        "newfstatat",
        "fcntl",
        "lseek",
        "mmap",
        "munmap",
        "mremap",
        "mprotect",
        "madvise",
        "brk",
        "futex",
        "sched_yield",
        "sched_getaffinity",
        "nanosleep",
        "clock_nanosleep",
        "clock_gettime",
        "gettimeofday",
        "getpid",
        "gettid",
        "tgkill",
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigreturn",
        "sigaltstack",
        "sendmsg",
        "getrandom",
        "exit",
        "exit_group",
        "restart_syscall",
        "rseq",
        "set_robust_list",
    };
    first_to_go();
    if (set_limit(RLIMIT_CORE, 0) != 0) {
        return RUNE_E_IO;
    }
    return load_filter(SCMP_ACT_ERRNO(EPERM), SCMP_ACT_ALLOW, allowed,
                       sizeof allowed / sizeof allowed[0]);
}
