// The ProcessBound keeps a sandboxed program from making processes without end. RLIMIT_NPROC set before a user
// namespace exists counts every process of the user, and a desktop has more than any bound worth having; set
// inside the namespace it counts that namespace alone (Linux 5.14 and later; before, the bound is raised by what
// the user runs already).
//
// Threads: any. become_nobody() is for a child between fork() and exec.
//
// Invariants:
//   (1) Root is exempt from the limit, so what root runs becomes nobody first.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

namespace resonant::broker {

struct ProcessBound {
    // Bounds the processes of the namespace that `sandboxed` is the first of. False, with errno, when it cannot be
    // set: the program must not run then.
    static bool set(pid_t sandboxed, rlim_t processes_max);
    // Gives up root for good. System calls only.
    static bool become_nobody();
};

}  // namespace resonant::broker
