// The sealed memory of a channel: topics of samples, and the bell of notices. The owner maps it
// writable before sealing it; guests map it read-only and keep their place in their own memory.
//
// Threads and processes: one thread of the owner writes; any number of guests read.
//
// Invariants:
//   (1) A slot's word is odd while its sample is being written and 2 (position + 1) when it is whole.
//       A guest copies, then looks at the word again.
//   (2) What a guest finds was written by somebody else: lengths are bounded before they are used.
//
// Memory ordering: the mark that says odd is an exchange, so that the sample's stores stay behind it.
// docs/formats/ipc.md describes the bytes. After the seqlock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "resonant/base/cacheline.h"
#include "resonant/ipc/channel.h"
#include "resonant/shm/segment.h"

namespace resonant::ipc {

using Word = std::atomic<std::uint64_t>;

inline constexpr std::uint64_t kTopicMagic = 0x31504F5453575352;  // "RSWSTOP1"
inline constexpr std::uint64_t kBellMagic = 0x314C454253575352;   // "RSWSBEL1"

struct TopicHead {
    Word magic;
    Word slots;       // a power of two
    Word slot_bytes;  // a multiple of 64: a line of words, then the sample
    Word history;
    Word buffer;
    alignas(kCacheLine) Word next;  // the position of the next sample
    alignas(kCacheLine) Word reserved[16];
};
static_assert(sizeof(TopicHead) == 384 && offsetof(TopicHead, next) == 128);

struct SlotHead {
    Word word;
    Word bytes;
    Word body;
    Word reserved[5];
};
static_assert(sizeof(SlotHead) == 64);

struct Bell {
    Word magic;
    alignas(kCacheLine) std::atomic<std::uint32_t> rung;  // the futex word: how often
    alignas(kCacheLine) Word counts[kNoticesMax];
};
static_assert(offsetof(Bell, rung) == 128 && offsetof(Bell, counts) == 256 && sizeof(Bell) == 768);

// The owner's side of a topic.
class SealedTopic {
  public:
    static Result<SealedTopic> create(const Topic& topic);
    Result<std::span<std::byte>> loan(std::size_t bytes);
    Result<std::uint64_t> send(Body body);
    const std::string& name() const { return name_; }
    const shm::Segment& segment() const { return segment_; }

  private:
    SealedTopic(std::string name, shm::Segment segment);
    TopicHead& head() { return *reinterpret_cast<TopicHead*>(segment_.writable()); }
    SlotHead& slot(std::uint64_t position);

    std::string name_;
    shm::Segment segment_;
    std::uint64_t next_ = 0;
    std::size_t loaned_ = 0;  // bytes, 0: nothing is loaned
};

// The guest's side. PermissionDenied when the descriptor is not sealed, DataLoss when it is no topic.
Result<std::unique_ptr<Subscriber>> subscribe_sealed(Descriptor descriptor);

// The bell, both sides.
Result<shm::Segment> make_bell();
void ring_bell(shm::Segment& bell, std::uint32_t id);
Result<std::unique_ptr<Listener>> listen_sealed(Descriptor descriptor);

}  // namespace resonant::ipc
