// Files is the one door to the file system for tools: it opens regular files beneath the allowed
// folders, makes new ones beneath the outboxes, and does nothing else, whatever links lie there.
//
// Threads: any; constant after construction. After openat2(2), RESOLVE_BENEATH.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"

namespace resonant::broker {

class Files {
  public:
    // Reads beneath `folders`, writes beneath `outboxes`.
    explicit Files(std::vector<std::filesystem::path> folders,
                   std::vector<std::filesystem::path> outboxes = {})
        : folders_(std::move(folders)), outboxes_(std::move(outboxes)) {}
    Files(const Files&) = delete;
    Files& operator=(const Files&) = delete;

    // The whole file. A relative path is looked up in each folder in turn. PermissionDenied outside
    // the folders and for links that lead out of them, ResourceExhausted past `size_max`.
    Result<std::string> read(const std::filesystem::path& path, Bytes size_max) const;
    // The same, opened, for readers that go through it piece by piece.
    Result<Descriptor> open(const std::filesystem::path& path) const;
    // Where a regular file beneath the folders really lies, for readers that want a path.
    Result<std::filesystem::path> locate(const std::filesystem::path& path) const;

    // A new file beneath an outbox (the first one, for a relative path), mode 0600. It has no name before publish(), so
    // that nobody takes half for the whole and a kernel that dies leaves nothing behind; where the file system knows no
    // files without names it has its own from the beginning, and loses it unless it is published.
    struct Made {
        Made() = default;
        Made(Made&& other) noexcept = default;
        Made& operator=(Made&&) = delete;
        ~Made();

        Descriptor file;
        Descriptor folder;           // it lies in
        std::filesystem::path path;  // absolute
        bool is_named = false;
    };
    // AlreadyExists rather than overwriting; PermissionDenied outside.
    Result<Made> create(const std::filesystem::path& path) const;
    // Brings it to the disk under its name. AlreadyExists when something else has it by now.
    static Status publish(Made& made);
    const std::vector<std::filesystem::path>& folders() const { return folders_; }
    const std::vector<std::filesystem::path>& outboxes() const { return outboxes_; }

  private:
    Result<Descriptor> open_any(const std::filesystem::path& path) const;
    std::vector<std::filesystem::path> folders_;
    std::vector<std::filesystem::path> outboxes_;
};

}  // namespace resonant::broker
