// A Verification looks through everything the memory keeps, whether or not a kernel runs on it: the
// database's structure and indexes, contents against their hashes, words against texts, histories, links,
// vectors, and the Arrow copy against rows and checksums. It changes nothing.
//
// Any thread; it opens the files itself, for reading.
//
// Invariants:
//   (1) All of SQLite is seen in one state.
//   (2) A finding is a fault, with its way out. What merely lags, and catches up by itself, is a note.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"

namespace resonant::memory {

inline constexpr std::size_t kFindingsMax = 100;  // more would say no more

struct Verification {
    std::size_t memories = 0;
    std::size_t versions = 0;
    std::size_t links = 0;
    std::size_t vectors = 0;
    std::size_t segments = 0;
    std::vector<std::string> findings{};
    std::vector<std::string> notes{};
};

// Hears what is looked at next, and how many of the steps lie behind.
inline constexpr int kVerificationSteps = 8;
using VerificationStep = std::function<void(int done, std::string_view what)>;

// Looks at a database file and the folder of its Arrow copy. DataLoss when the file is no database at all.
// Cost: reads every page, tokenizes every text.
Result<Verification> verify_files(const std::filesystem::path& database, const std::filesystem::path& folder,
                                  const VerificationStep& step = {});

}  // namespace resonant::memory
