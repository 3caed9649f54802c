#include "resonant/shm/segment.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "resonant/base/ensure.h"

namespace resonant::shm {
namespace {

constexpr int kSeals = F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// The same memory through a descriptor that was opened for reading, which no fcntl can widen.
Result<Descriptor> reopen_for_reading(const Descriptor& writable, const std::string& name) {
    const std::string link = fmt::format("/proc/self/fd/{}", writable.get());
    Descriptor readable(::open(link.c_str(), O_RDONLY | O_CLOEXEC));
    if (!readable) {
        return fail_errno(
            fmt::format("segment {}: open {} read-only (is /proc mounted?)", name, link), errno);
    }
    return readable;
}

}  // namespace

Result<Segment> Segment::create(const std::string& name, Bytes size) {
    if (size.count == 0) {
        return fail(Code::InvalidArgument,
                    fmt::format("segment {}: 0 bytes asked for; ask for at least 1", name));
    }
    const Descriptor writable(::memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!writable) {
        return fail_errno(fmt::format("segment {}: memfd_create", name), errno);
    }
    if (::ftruncate(writable.get(), static_cast<off_t>(size.count)) != 0) {
        return fail_errno(fmt::format("segment {}: size it to {} bytes", name, size.count), errno);
    }
    if (::fchmod(writable.get(), 0400) != 0) {
        return fail_errno(fmt::format("segment {}: mode 0400", name), errno);
    }
    void* mapped =
        ::mmap(nullptr, size.count, PROT_READ | PROT_WRITE, MAP_SHARED, writable.get(), 0);
    if (mapped == MAP_FAILED) {
        return fail_errno(fmt::format("segment {}: map {} bytes", name, size.count), errno);
    }
    Segment segment;  // from here on its destructor unmaps
    segment.data_ = static_cast<std::byte*>(mapped);
    segment.size_ = size.count;
    segment.made_here_ = true;
    if (::madvise(mapped, size.count, MADV_DONTFORK) != 0) {
        return fail_errno(fmt::format("segment {}: keep it from forked children", name), errno);
    }
    if (::fcntl(writable.get(), F_ADD_SEALS, kSeals) != 0) {
        return fail_errno(fmt::format("segment {}: seal it (Linux 5.1 or newer is needed)", name),
                          errno);
    }
    RESONANT_ASSIGN(segment.descriptor_, reopen_for_reading(writable, name));
    return segment;
}

Result<Segment> Segment::attach(Descriptor descriptor, Bytes size_min) {
    const int seals = ::fcntl(descriptor.get(), F_GET_SEALS);
    if (seals < 0 || (seals & kSeals) != kSeals) {
        return fail(Code::PermissionDenied,
                    fmt::format("attach descriptor {}: it has seals {:#x}, {:#x} are needed; "
                                "only memory that its maker cannot shrink is read",
                                descriptor.get(), seals < 0 ? 0 : seals, kSeals));
    }
    struct stat about {};
    if (::fstat(descriptor.get(), &about) != 0) {
        return fail_errno(fmt::format("attach descriptor {}: fstat", descriptor.get()), errno);
    }
    const auto size = static_cast<std::uint64_t>(about.st_size);
    if (size < size_min.count || size == 0) {
        return fail(Code::DataLoss,
                    fmt::format("attach descriptor {}: it holds {} bytes, {} are needed",
                                descriptor.get(), size, size_min.count));
    }
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor.get(), 0);
    if (mapped == MAP_FAILED) {
        return fail_errno(fmt::format("attach descriptor {}: map {} bytes", descriptor.get(), size),
                          errno);
    }
    Segment segment;
    segment.data_ = static_cast<std::byte*>(mapped);
    segment.size_ = size;
    segment.descriptor_ = std::move(descriptor);
    return segment;
}

Segment::Segment(Segment&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      made_here_(other.made_here_),
      descriptor_(std::move(other.descriptor_)) {}

Segment& Segment::operator=(Segment&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(made_here_, other.made_here_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

Segment::~Segment() {
    if (data_ != nullptr) {
        ::munmap(data_, size_);
    }
}

std::byte* Segment::writable() {
    RESONANT_ENSURE(made_here_, "only the maker of a segment writes it");
    return data_;
}

Result<Descriptor> Segment::share() const {
    RESONANT_ENSURE(static_cast<bool>(descriptor_), "a segment that was moved away is not shared");
    Descriptor copy(::fcntl(descriptor_.get(), F_DUPFD_CLOEXEC, 0));
    if (!copy) {
        return fail_errno("share a segment: duplicate its descriptor", errno);
    }
    return copy;
}

}  // namespace resonant::shm
