// A DurableFile is written under another name and appears whole, synced to the disk, or not at all. It is written by
// whole pieces of 2 MiB: Linux then keeps it in huge pages, where the file system can, and who maps it touches one of
// them where it would touch 512 (a quarter of the faults of a first answer from a million rows).
//
// Belongs to one thread.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/search/code_kernels.h"

namespace resonant::memory {

class DurableFile {
  public:
    // Begins folder/name (0600) as folder/name.tmp; an older half-written one is replaced.
    static Result<std::unique_ptr<DurableFile>> create(const std::filesystem::path& folder,
                                                       const std::string& name);
    DurableFile(const DurableFile&) = delete;
    DurableFile& operator=(const DurableFile&) = delete;
    // Takes the unfinished file away unless it was committed.
    ~DurableFile();

    static constexpr std::size_t kPieceBytes = std::size_t{2} << 20;

    Status append(std::span<const std::byte> bytes);
    // CodeKernels::checksum of all that was appended. It was summed up on its way, while it was at hand.
    std::uint64_t checksum() const;
    // Syncs the file, gives it its name (over an older one), syncs the folder.
    Status commit();
    // The same, but for the folder: the name lasts when sync_folder() has returned. For many files at once.
    Status appear();
    static Status sync_folder(const std::filesystem::path& folder);

  private:
    DurableFile(std::filesystem::path folder, const std::string& name, Descriptor file);
    Status write_piece(std::span<const std::byte> piece);
    Status write(std::span<const std::byte> bytes);

    std::filesystem::path folder_;
    std::filesystem::path target_;
    std::filesystem::path unfinished_;
    Descriptor file_;
    std::vector<std::byte> gathered_;  // less than a piece, which waits for the rest of it
    search::ByteSums sums_;            // of what was written
};

inline constexpr const char* kUnfinishedSuffix = ".tmp";

}  // namespace resonant::memory
