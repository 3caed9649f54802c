// A Manifest says which segments together are the Arrow copy, how far they go, and where the columns of each lie. It
// is the one file that is replaced in place (by rename); a checksum covers it. A later version that adds members or
// columns says in `readable_from` that this one may read it, and this one passes over what it does not know.
//
// Plain values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/memory/segment.h"

namespace resonant::memory {

inline constexpr int kManifestVersion = 3;
inline constexpr int kManifestVersionMin = 2;  // of what is read, and of whom may read what is written
inline constexpr const char* kManifestFile = "manifest.json";

struct Manifest {
    std::uint64_t generation = 0;  // rises with each rebuild; names of files never repeat
    std::uint64_t files = 0;       // segments written so far, for the next name
    std::string model;
    std::int64_t watermark = 0;  // embeddings with a sequence up to this are in
    // How far the columns go.
    struct Marks {
        std::int64_t facts = 0;     // memory_state.facts when they were read
        std::int64_t versions = 0;  // the newest row of memory_versions then, and of memory_moves
        std::int64_t moves = 0;
    };
    Marks marks;
    std::int64_t built_ns = 0;
    std::string book;            // file of the code book; empty: there are no codes
    std::size_t book_rows = 0;   // rows there were when it was made
    std::vector<SegmentFacts> segments;

    std::size_t rows() const;  // that count
    std::size_t gone() const;  // that do not
    bool is_mixed() const;     // a segment holds several galaxies
};

// nullopt when there is none; DataLoss when it is damaged or of another version.
Result<std::optional<Manifest>> read_manifest(const std::filesystem::path& folder);
// The checksum that belongs into a manifest of such text: of it without white space and the members `checksum` and
// `sha256`.
std::string manifest_checksum(std::string_view text);
Status write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

}  // namespace resonant::memory
