// A Segment is a piece of sealed shared memory. Its maker maps it writable before sealing; nobody,
// not even the maker, can map it writable afterwards. Everybody else gets a read-only descriptor.
//
// Threads and processes: a Segment belongs to one thread; the memory it maps to everybody who has
// it.
//
// Invariants:
//   (1) A sealed segment never changes its size, so a mapped page never vanishes under its reader.
//   (2) mmap writable, mprotect, write, truncate and reopening are refused by Linux, for any uid.
//   (3) The writable mapping is not inherited: a forked child has a hole there.
//   (4) What lies in an attached segment was written by somebody else: check before use.
//
// After memfd_create(2), F_SEAL_FUTURE_WRITE.
#pragma once

#include <cstddef>
#include <string>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"

namespace resonant::shm {

class Segment {
  public:
    // Makes `size` bytes of zeroes, sealed (future write, shrink, grow, seal), mode 0400, mapped
    // writable here only. InvalidArgument for 0 bytes; ResourceExhausted or Unavailable with the
    // system's words.
    static Result<Segment> create(const std::string& name, Bytes size);
    // Maps a received descriptor read-only. DataLoss when it is smaller than `size_min`,
    // PermissionDenied when it is not sealed (its maker could truncate it and kill the reader).
    static Result<Segment> attach(Descriptor descriptor, Bytes size_min);

    Segment(Segment&& other) noexcept;
    Segment& operator=(Segment&& other) noexcept;
    ~Segment();

    const std::byte* data() const { return data_; }
    std::byte* writable();  // ENSUREs that this process made it
    std::size_t size() const { return size_; }
    // A descriptor that is good for reading only, to be sent to others.
    Result<Descriptor> share() const;

  private:
    Segment() = default;
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
    bool made_here_ = false;
    Descriptor descriptor_;
};

}  // namespace resonant::shm
