#include "resonant/memory/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace resonant::memory {

DurableFile::DurableFile(std::filesystem::path folder, const std::string& name, Descriptor file)
    : folder_(std::move(folder)),
      target_(folder_ / name),
      unfinished_(folder_ / (name + kUnfinishedSuffix)),
      file_(std::move(file)) {}

Result<std::unique_ptr<DurableFile>> DurableFile::create(const std::filesystem::path& folder,
                                                         const std::string& name) {
    const std::filesystem::path path = folder / (name + kUnfinishedSuffix);
    Descriptor file(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) {
        return fail_errno("create " + path.string(), errno);
    }
    return std::unique_ptr<DurableFile>(new DurableFile(folder, name, std::move(file)));
}

DurableFile::~DurableFile() {
    if (file_) {
        std::error_code ignored;  // open() of the index takes left-overs away
        std::filesystem::remove(unfinished_, ignored);
    }
}

Status DurableFile::append(std::span<const std::byte> bytes) {
    gathered_.reserve(kPieceBytes);  // grown bit by bit, it would be copied several times
    if (!gathered_.empty()) {
        const auto more = bytes.first(std::min(bytes.size(), kPieceBytes - gathered_.size()));
        gathered_.insert(gathered_.end(), more.begin(), more.end());
        bytes = bytes.subspan(more.size());
        if (gathered_.size() < kPieceBytes) {
            return {};
        }
        RESONANT_CHECK(write_piece(gathered_));
        gathered_.clear();
    }
    for (; bytes.size() >= kPieceBytes; bytes = bytes.subspan(kPieceBytes)) {
        RESONANT_CHECK(write_piece(bytes.first(kPieceBytes)));
    }
    gathered_.assign(bytes.begin(), bytes.end());
    return {};
}

Status DurableFile::write_piece(std::span<const std::byte> piece) {
    search::code_kernels(search::best_kernel()).sum(piece.data(), piece.size(), sums_);
    return write(piece);
}

std::uint64_t DurableFile::checksum() const {
    search::ByteSums all = sums_;
    search::code_kernels(search::best_kernel()).sum(gathered_.data(), gathered_.size(), all);
    return search::checksum_of(all);
}

Status DurableFile::write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return fail_errno("write " + unfinished_.string(), errno);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

Status DurableFile::commit() {
    RESONANT_CHECK(appear());
    return sync_folder(folder_);
}

Status DurableFile::appear() {
    RESONANT_CHECK(write(gathered_));
    if (::fsync(file_.get()) != 0) {
        return fail_errno("sync " + unfinished_.string(), errno);
    }
    if (::rename(unfinished_.c_str(), target_.c_str()) != 0) {
        return fail_errno("rename " + unfinished_.string() + " to " + target_.string(), errno);
    }
    file_.reset();
    return {};
}

Status DurableFile::sync_folder(const std::filesystem::path& folder) {
    const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!opened || ::fsync(opened.get()) != 0) {
        return fail_errno("sync folder " + folder.string(), errno);
    }
    return {};
}

}  // namespace resonant::memory
