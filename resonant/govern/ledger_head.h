// The file `ledger.head` beside the database remembers the last entry of the ledger, so that a cut tail
// is noticed: the chain alone cannot tell that its end is missing.
//
// One thread at a time.
//
// Invariants:
//   (1) It is written after the entry is durable and never before: it may lag (a power cut forgets what
//       was not yet written back), it never runs ahead.
//   (2) It is one line of 96 bytes, overwritten in place: within one sector, so never half of two.
#pragma once

#include <filesystem>
#include <memory>

#include "resonant/base/descriptor.h"
#include "resonant/govern/ledger.h"

namespace resonant::govern {

inline constexpr std::size_t kHeadBytes = 96;

class HeadFile {
  public:
    // Opens the file; makes it, synced, when `fresh` says that there is no entry yet.
    static Result<std::unique_ptr<HeadFile>> open(const std::filesystem::path& file, bool fresh);
    HeadFile(const HeadFile&) = delete;
    HeadFile& operator=(const HeadFile&) = delete;

    // NotFound when the file was missing, DataLoss when it says nothing that can be read.
    Result<Ledger::Head> read() const;
    Status write(const Ledger::Head& head);

  private:
    HeadFile(std::filesystem::path file, Descriptor descriptor)
        : file_(std::move(file)), descriptor_(std::move(descriptor)) {}
    std::filesystem::path file_;
    Descriptor descriptor_;
};

}  // namespace resonant::govern
