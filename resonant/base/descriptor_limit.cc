#include "resonant/base/descriptor_limit.h"

#include <algorithm>
#include <cerrno>

namespace resonant {
namespace {

rlimit limit_now() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        limit = {1'024, 1'024};
    }
    return limit;
}

// A fact about this process, kept from the first time somebody asks.
const rlimit& limit_at_start() {
    static const rlimit kLimit = limit_now();
    return kLimit;
}

}  // namespace

DescriptorLimit descriptor_limit() {
    const rlimit now = limit_now();
    return {limit_at_start().rlim_cur, now.rlim_cur, now.rlim_max};
}

Status raise_descriptor_limit() {
    rlimit limit = limit_at_start();
    limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, kDescriptorsUseful));
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? Status{} : fail_errno("raise the limit of open descriptors", errno);
}

rlimit descriptor_limit_of_children() {
    return {limit_at_start().rlim_cur, limit_now().rlim_max};
}

}  // namespace resonant
