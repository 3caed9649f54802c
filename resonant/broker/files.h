// Files is the one door to the file system for tools: it opens regular files beneath the allowed
// folders and nothing else, whatever links lie there.
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
    explicit Files(std::vector<std::filesystem::path> folders) : folders_(std::move(folders)) {}
    Files(const Files&) = delete;
    Files& operator=(const Files&) = delete;

    // The whole file. A relative path is looked up in each folder in turn. PermissionDenied outside
    // the folders and for links that lead out of them, ResourceExhausted past `size_max`.
    Result<std::string> read(const std::filesystem::path& path, Bytes size_max) const;
    const std::vector<std::filesystem::path>& folders() const { return folders_; }

  private:
    Result<Descriptor> open(const std::filesystem::path& path) const;
    std::vector<std::filesystem::path> folders_;
};

}  // namespace resonant::broker
