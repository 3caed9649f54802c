// A Manifest says which segments together are the Arrow copy, and how far they go. It is the one
// file that is replaced in place (by rename); a checksum covers it.
//
// Plain values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/memory/segment.h"

namespace resonant::memory {

inline constexpr int kManifestVersion = 1;
inline constexpr const char* kManifestFile = "manifest.json";

struct Manifest {
    std::uint64_t generation = 0;  // rises with each rebuild; names of files never repeat
    std::uint64_t files = 0;       // segments written so far, for the next name
    std::string model;
    std::int64_t watermark = 0;  // embeddings with a sequence up to this are in
    std::int64_t facts = 0;      // memory_state.facts when the columns were read
    std::int64_t built_ns = 0;
    std::vector<SegmentFacts> segments;

    std::size_t rows() const;
};

// nullopt when there is none; DataLoss when it is damaged or of another version.
Result<std::optional<Manifest>> read_manifest(const std::filesystem::path& folder);
Status write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

}  // namespace resonant::memory
