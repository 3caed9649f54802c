#include "resonant/engines/outputs.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace resonant::engines {
namespace {

constexpr std::string_view kSuffix = ".arrow";

bool is_name(std::string_view name) {
    return !name.empty() && name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || c == '_';
    });
}

Status write_whole(int fd, std::span<const std::byte> bytes, const std::string& tried) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno != EINTR) {
            return fail_errno(tried, errno);
        }
        bytes = bytes.subspan(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
    return {};
}

// By a temporary file and rename, so that a mapped file never changes. Not synced: what is lost with the
// power is made anew.
Status replace_file(const std::filesystem::path& folder, const std::string& name,
                    std::span<const std::byte> bytes) {
    const std::string made = (folder / (name + ".tmp")).string();
    const std::string wanted = (folder / (name + std::string(kSuffix))).string();
    const std::string tried = "publish batch " + wanted;
    {
        const Descriptor file(::open(made.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (!file) {
            return fail_errno(tried, errno);
        }
        if (Status written = write_whole(file.get(), bytes, tried); !written) {
            ::unlink(made.c_str());
            return written;
        }
    }
    if (::rename(made.c_str(), wanted.c_str()) != 0) {
        return fail_errno(tried, errno);
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<Outputs>> Outputs::open(std::filesystem::path folder, Clock& clock) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error || ::chmod(folder.c_str(), 0700) != 0) {
        return fail_errno("make folder " + folder.string(), error ? error.value() : errno);
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() == kSuffix || entry.path().extension() == ".tmp") {
            std::filesystem::remove(entry.path(), error);
        }
    }
    return std::unique_ptr<Outputs>(new Outputs(std::move(folder), clock));
}

Status Outputs::publish(const std::string& name, const Batch& batch) {
    if (!is_name(name)) {
        return fail(Code::InvalidArgument, "publish batch: '" + name + "' is no name (a-z and _)");
    }
    RESONANT_ASSIGN(const std::vector<std::byte> file, batch.file());
    if (file.size() > kBytesMax) {
        return fail(Code::ResourceExhausted,
                    fmt::format("publish batch {}: it has {} bytes, {} are allowed; publish fewer rows",
                                name, file.size(), kBytesMax));
    }
    RESONANT_ASSIGN(shm::Segment made,
                    shm::Segment::create("resonant-" + name, Bytes{file.size()}));
    std::memcpy(made.writable(), file.data(), file.size());
    const auto segment = std::make_shared<const shm::Segment>(std::move(made));
    RESONANT_ASSIGN(const Batch placed,
                    Batch::over({segment->data(), file.size()}, segment));
    const std::lock_guard lock(mutex_);
    RESONANT_CHECK(replace_file(folder_, name, file));
    const auto former = newest_.find(name);
    const std::uint64_t generation = former == newest_.end() ? 1 : former->second->generation + 1;
    newest_[name] = std::make_shared<const Output>(
        Output{name, generation, clock_.wall().count, file.size(), segment, placed});
    return {};
}

std::shared_ptr<const Output> Outputs::newest(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto found = newest_.find(name);
    return found == newest_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<const Output>> Outputs::all() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<const Output>> found;
    for (const auto& [name, output] : newest_) {
        found.push_back(output);
    }
    return found;
}

}  // namespace resonant::engines
