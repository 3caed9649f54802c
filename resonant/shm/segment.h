// A Segment is a piece of sealed shared memory. Its maker maps it writable before sealing; nobody, not
// even the maker, can map it writable afterwards. Everybody else gets a read-only descriptor.
//
// After memfd_create(2), F_SEAL_FUTURE_WRITE: mmap writable, mprotect, write, truncate and reopening are
// refused by the kernel, for any uid.
#pragma once

#include <cstddef>
#include <string>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"

namespace resonant::shm {

class Segment {
  public:
    // Makes `size` bytes of zeroes, sealed (future write, shrink, grow, seal), mode 0400, mapped writable here only.
    static Result<Segment> create(const std::string& name, Bytes size);
    // Maps a received descriptor read-only. DataLoss when it is smaller than `size_min`, PermissionDenied
    // when it is not sealed (its maker could truncate it and kill the reader).
    static Result<Segment> attach(Descriptor descriptor, Bytes size_min);

    Segment(Segment&& other) noexcept;
    Segment& operator=(Segment&& other) noexcept;
    ~Segment();

    const std::byte* data() const { return data_; }
    std::byte* writable();              // ENSUREs that this process made it
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
