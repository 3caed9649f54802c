#include "resonant/govern/ledger_reserve.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "resonant/base/descriptor.h"
#include "resonant/base/log.h"

namespace resonant::govern {
namespace {

constexpr std::int64_t kLookEveryNs = 1'000'000'000;

}  // namespace

Reserve::Reserve(std::filesystem::path file, Clock& clock) : file_(std::move(file)), clock_(clock) {
    looked_ = clock_.monotonic();
    if (const Status made = make(); !made) {
        log().warn("ledger reserve: {}", made.error().message);
    }
}

Status Reserve::make() {
    std::error_code missing;
    if (std::filesystem::file_size(file_, missing) == kReserveBytes && !missing) {
        whole_.store(true, std::memory_order_release);
        return {};
    }
    struct ::statvfs disk {};
    if (::statvfs(file_.parent_path().c_str(), &disk) != 0) {
        return fail_errno("look at the disk of " + file_.string(), errno);
    }
    if (std::uint64_t{disk.f_bavail} * disk.f_frsize < 2 * kReserveBytes) {
        return fail(Code::ResourceExhausted, "the disk is full: nothing can be set aside for the ledger; free space");
    }
    const Descriptor made(::open(file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!made) {
        return fail_errno("create " + file_.string(), errno);
    }
    if (const int failed = ::posix_fallocate(made.get(), 0, static_cast<off_t>(kReserveBytes)); failed != 0) {
        ::unlink(file_.c_str());  // half of it would be taken for the whole
        return fail_errno("allocate " + file_.string(), failed);
    }
    whole_.store(true, std::memory_order_release);
    return {};
}

bool Reserve::whole() {
    if (whole_.load(std::memory_order_acquire)) [[likely]] {
        return true;
    }
    const std::lock_guard lock(mutex_);
    const Nanos now = clock_.monotonic();
    if (whole_.load(std::memory_order_relaxed) || now.count - looked_.count < kLookEveryNs) {
        return whole_.load(std::memory_order_relaxed);
    }
    looked_ = now;
    const bool made = make().has_value();
    if (made) {
        log().info("ledger reserve: there is room again, writes are taken again");
    }
    return made;
}

bool Reserve::spend() {
    const std::lock_guard lock(mutex_);
    whole_.store(false, std::memory_order_release);
    looked_ = clock_.monotonic();
    if (::unlink(file_.c_str()) != 0) {
        return false;
    }
    log().error("ledger: the disk is full; its reserve of {} bytes is in use, writes wait for room", kReserveBytes);
    return true;
}

}  // namespace resonant::govern
