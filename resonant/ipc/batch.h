// A Batch is an Arrow record batch on its way through a topic: its bytes as the sample, or, when it
// lies in a file already (a sealed segment of the DataSea), where. A reader maps the file and copies
// nothing. (Seed E2.)
//
// Plain functions for an Owner's and a Guest's threads.
//
// Invariants:
//   (1) The bytes of a batch are 64-byte aligned when their offset in the file is, as Arrow wants.
//   (2) What a reference says is checked against the file before it is mapped.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "resonant/ipc/channel.h"

namespace resonant::ipc {

// The file is complete and never changes again.
struct FileReference {
    std::string path;  // absolute
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
};

Result<std::uint64_t> publish_batch(Owner& owner, std::size_t topic, std::span<const std::byte> bytes);
Result<std::uint64_t> publish_file(Owner& owner, std::size_t topic, const FileReference& file);

class Batch {
  public:
    // The batch that a sample is or names. Its bytes are valid as long as the Batch, and, when they
    // are the sample's own, until the next receive(). DataLoss when the reference does not hold.
    static Result<Batch> of(const Sample& sample);
    std::span<const std::byte> bytes() const { return bytes_; }

  private:
    std::shared_ptr<const void> mapping_;
    std::span<const std::byte> bytes_;
};

}  // namespace resonant::ipc
