#include "resonant/ipc/batch.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "resonant/base/descriptor.h"

namespace resonant::ipc {
namespace {

// As a sample: offset, length, then the path.
constexpr std::size_t kHead = 2 * sizeof(std::uint64_t);
constexpr std::size_t kPathMax = 4096;

Result<FileReference> reference_in(std::span<const std::byte> sample) {
    if (sample.size() <= kHead || sample.size() > kHead + kPathMax) {
        return fail(Code::DataLoss, fmt::format("batch: {} bytes are no reference to a file", sample.size()));
    }
    FileReference file;
    std::memcpy(&file.offset, sample.data(), 8);
    std::memcpy(&file.bytes, sample.data() + 8, 8);
    file.path.assign(reinterpret_cast<const char*>(sample.data()) + kHead, sample.size() - kHead);
    if (file.path.front() != '/' || file.path.find('\0') != std::string::npos) {
        return fail(Code::DataLoss, "batch: the reference names no absolute path");
    }
    return file;
}

}  // namespace

Result<std::uint64_t> publish_batch(Owner& owner, std::size_t topic, std::span<const std::byte> bytes) {
    RESONANT_ASSIGN(const std::span<std::byte> sample, owner.loan(topic, bytes.size()));
    std::memcpy(sample.data(), bytes.data(), bytes.size());
    return owner.send(topic, Body::Bytes);
}

Result<std::uint64_t> publish_file(Owner& owner, std::size_t topic, const FileReference& file) {
    if (!file.path.starts_with('/') || file.path.size() > kPathMax) {
        return fail(Code::InvalidArgument, fmt::format("batch: '{}' is no absolute path of at most {} bytes", file.path, kPathMax));
    }
    RESONANT_ASSIGN(const std::span<std::byte> sample, owner.loan(topic, kHead + file.path.size()));
    std::memcpy(sample.data(), &file.offset, 8);
    std::memcpy(sample.data() + 8, &file.bytes, 8);
    std::memcpy(sample.data() + kHead, file.path.data(), file.path.size());
    return owner.send(topic, Body::FileReference);
}

Result<Batch> Batch::of(const Sample& sample) {
    Batch batch;
    batch.bytes_ = sample.bytes;
    if (sample.body == Body::Bytes) {
        return batch;
    }
    RESONANT_ASSIGN(const FileReference file, reference_in(sample.bytes));
    const Descriptor opened(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat about {};
    if (!opened || ::fstat(opened.get(), &about) != 0) {
        return fail_errno(fmt::format("batch: open {}", file.path), errno);
    }
    const auto size = static_cast<std::uint64_t>(about.st_size);
    if (!S_ISREG(about.st_mode) || file.bytes == 0 || file.bytes > size || file.offset > size - file.bytes) {
        return fail(Code::DataLoss, fmt::format("batch: {} has {} bytes, the reference names {} from {} on", file.path,
                                                size, file.bytes, file.offset));
    }
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    const std::uint64_t start = file.offset / page * page;
    const std::size_t length = file.offset - start + file.bytes;
    void* mapped = ::mmap(nullptr, length, PROT_READ, MAP_SHARED, opened.get(), static_cast<off_t>(start));
    if (mapped == MAP_FAILED) {
        return fail_errno(fmt::format("batch: map {}", file.path), errno);
    }
    batch.mapping_ = std::shared_ptr<const void>(mapped, [length](const void* memory) {
        ::munmap(const_cast<void*>(memory), length);
    });
    batch.bytes_ = {static_cast<const std::byte*>(mapped) + (file.offset - start), file.bytes};
    return batch;
}

}  // namespace resonant::ipc
