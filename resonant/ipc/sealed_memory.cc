#include "resonant/ipc/sealed_memory.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <ctime>

#include "resonant/base/ensure.h"
#include "resonant/shm/waiter.h"
#include "resonant/shm/words.h"

namespace resonant::ipc {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::uint64_t kSlotsMax = 1 << 16;
constexpr int kTriesMax = 64;  // a topic that laps its reader in the middle of a copy, as often

constexpr std::size_t lines_of(std::size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

constexpr std::uint64_t whole(std::uint64_t position) { return 2 * (position + 1); }

struct Freed {
    void operator()(std::byte* memory) const { std::free(memory); }
};

class SealedSubscriber final : public Subscriber {
  public:
    explicit SealedSubscriber(shm::Segment segment)
        : segment_(std::move(segment)),
          head_(*reinterpret_cast<const TopicHead*>(segment_.data())),
          slots_(head_.slots.load(std::memory_order_relaxed)),
          slot_bytes_(head_.slot_bytes.load(std::memory_order_relaxed)),
          buffer_(std::clamp<std::uint64_t>(head_.buffer.load(std::memory_order_relaxed), 1, slots_)),
          copy_(static_cast<std::byte*>(std::aligned_alloc(kLine, slot_bytes_))) {
        RESONANT_ENSURE(copy_ != nullptr, "no memory for a sample");
        const std::uint64_t newest = head_.next.load(std::memory_order_acquire);
        next_ = newest - std::min({newest, head_.history.load(std::memory_order_relaxed), buffer_});
    }

    Result<std::optional<Sample>> receive() override {
        for (int tries = 0; tries < kTriesMax; ++tries) {
            const std::uint64_t newest = head_.next.load(std::memory_order_acquire);
            if (newest <= next_) {
                return std::optional<Sample>{};
            }
            next_ = std::max(next_, newest - std::min(newest, buffer_));
            if (const std::optional<Sample> sample = copied(); sample) {
                count(next_++);
                return sample;
            }
        }
        return std::optional<Sample>{};  // the owner writes faster than we copy: the next call tries again
    }

  private:
    std::optional<Sample> copied() {
        const auto& slot = *reinterpret_cast<const SlotHead*>(segment_.data() + sizeof(TopicHead) +
                                                              (next_ & (slots_ - 1)) * slot_bytes_);
        if (slot.word.load(std::memory_order_acquire) != whole(next_)) {
            return std::nullopt;
        }
        const std::uint64_t bytes = std::min<std::uint64_t>(slot.bytes.load(std::memory_order_acquire),
                                                            slot_bytes_ - sizeof(SlotHead));
        const std::uint64_t body = slot.body.load(std::memory_order_acquire);
        shm::copy_words(reinterpret_cast<std::uint64_t*>(copy_.get()), reinterpret_cast<const Word*>(&slot + 1),
                        lines_of(bytes) / 8);
        if (slot.word.load(std::memory_order_relaxed) != whole(next_)) {
            return std::nullopt;
        }
        return Sample{{copy_.get(), bytes}, next_, body == 1 ? Body::FileReference : Body::Bytes};
    }

    shm::Segment segment_;
    const TopicHead& head_;
    std::uint64_t slots_;
    std::uint64_t slot_bytes_;
    std::uint64_t buffer_;
    std::unique_ptr<std::byte, Freed> copy_;
    std::uint64_t next_ = 0;
};

class SealedListener final : public Listener {
  public:
    explicit SealedListener(shm::Segment segment)
        : segment_(std::move(segment)), bell_(*reinterpret_cast<const Bell*>(segment_.data())) {
        for (std::size_t id = 0; id < kNoticesMax; ++id) {
            seen_[id] = bell_.counts[id].load(std::memory_order_acquire);
        }
    }

    Result<std::vector<Notice>> wait(Nanos timeout) override {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        const std::int64_t until = now.tv_sec * 1'000'000'000 + now.tv_nsec + timeout.count;
        for (;;) {
            const std::uint32_t rung = bell_.rung.load(std::memory_order_acquire);
            std::vector<Notice> notices = news();
            ::clock_gettime(CLOCK_MONOTONIC, &now);
            const Nanos left{until - (now.tv_sec * 1'000'000'000 + now.tv_nsec)};
            if (!notices.empty() || left.count <= 0) {
                return notices;
            }
            shm::wait_while(bell_.rung, rung, left);
        }
    }

  private:
    std::vector<Notice> news() {
        std::vector<Notice> notices;
        for (std::uint32_t id = 0; id < kNoticesMax; ++id) {
            const std::uint64_t count = bell_.counts[id].load(std::memory_order_acquire);
            if (count != seen_[id]) {
                notices.push_back({id, count - seen_[id]});
                seen_[id] = count;
            }
        }
        return notices;
    }

    shm::Segment segment_;
    const Bell& bell_;
    std::array<std::uint64_t, kNoticesMax> seen_{};
};

}  // namespace

SealedTopic::SealedTopic(std::string name, shm::Segment segment)
    : name_(std::move(name)), segment_(std::move(segment)) {}

Result<SealedTopic> SealedTopic::create(const Topic& topic) {
    const std::uint64_t slots = std::bit_ceil<std::uint64_t>(topic.buffer + 1);  // one is being written
    const std::uint64_t slot_bytes = sizeof(SlotHead) + lines_of(topic.sample_max.count);
    if (slots > kSlotsMax || topic.sample_max > mebibytes(1024)) {
        return fail(Code::InvalidArgument, fmt::format("topic {}: a buffer of {} samples of {} bytes is too much",
                                                       topic.name, topic.buffer, topic.sample_max.count));
    }
    RESONANT_ASSIGN(shm::Segment segment,
                    shm::Segment::create("resonant-topic", Bytes{sizeof(TopicHead) + slots * slot_bytes}));
    SealedTopic made(topic.name, std::move(segment));
    TopicHead& head = made.head();
    head.slots.store(slots, std::memory_order_relaxed);
    head.slot_bytes.store(slot_bytes, std::memory_order_relaxed);
    head.history.store(topic.history, std::memory_order_relaxed);
    head.buffer.store(topic.buffer, std::memory_order_relaxed);
    head.magic.store(kTopicMagic, std::memory_order_release);
    return made;
}

SlotHead& SealedTopic::slot(std::uint64_t position) {
    const std::uint64_t slots = head().slots.load(std::memory_order_relaxed);
    const std::uint64_t slot_bytes = head().slot_bytes.load(std::memory_order_relaxed);
    return *reinterpret_cast<SlotHead*>(segment_.writable() + sizeof(TopicHead) + (position & (slots - 1)) * slot_bytes);
}

Result<std::span<std::byte>> SealedTopic::loan(std::size_t bytes) {
    const std::size_t room = head().slot_bytes.load(std::memory_order_relaxed) - sizeof(SlotHead);
    if (bytes == 0 || bytes > room) {
        return fail(Code::InvalidArgument,
                    fmt::format("topic {}: a sample of {} bytes; 1 to {} are possible, larger ones go as a file", name_,
                                bytes, room));
    }
    SlotHead& place = slot(next_);
    place.word.exchange(whole(next_) - 1, std::memory_order_acq_rel);
    loaned_ = bytes;
    return std::span<std::byte>{reinterpret_cast<std::byte*>(&place + 1), bytes};
}

Result<std::uint64_t> SealedTopic::send(Body body) {
    if (loaned_ == 0) {
        return fail(Code::InvalidArgument, fmt::format("topic {}: nothing is loaned; loan and fill a sample first", name_));
    }
    SlotHead& place = slot(next_);
    place.bytes.store(std::exchange(loaned_, 0), std::memory_order_release);
    place.body.store(static_cast<std::uint64_t>(body), std::memory_order_release);
    place.word.store(whole(next_), std::memory_order_release);
    head().next.store(next_ + 1, std::memory_order_release);
    return next_++;
}

Result<std::unique_ptr<Subscriber>> subscribe_sealed(Descriptor descriptor) {
    RESONANT_ASSIGN(shm::Segment segment, shm::Segment::attach(std::move(descriptor), Bytes{sizeof(TopicHead)}));
    const auto& head = *reinterpret_cast<const TopicHead*>(segment.data());
    const std::uint64_t slots = head.slots.load(std::memory_order_acquire);
    const std::uint64_t slot_bytes = head.slot_bytes.load(std::memory_order_acquire);
    if (head.magic.load(std::memory_order_acquire) != kTopicMagic || !std::has_single_bit(slots) || slots > kSlotsMax ||
        slot_bytes % kLine != 0 || slot_bytes <= sizeof(SlotHead) ||
        slot_bytes > (segment.size() - sizeof(TopicHead)) / slots) {
        return fail(Code::DataLoss, fmt::format("subscribe: this is no topic ({} slots of {} bytes in {})", slots,
                                                slot_bytes, segment.size()));
    }
    return std::make_unique<SealedSubscriber>(std::move(segment));
}

Result<shm::Segment> make_bell() {
    RESONANT_ASSIGN(shm::Segment segment, shm::Segment::create("resonant-bell", Bytes{sizeof(Bell)}));
    reinterpret_cast<Bell*>(segment.writable())->magic.store(kBellMagic, std::memory_order_release);
    return segment;
}

void ring_bell(shm::Segment& segment, std::uint32_t id) {
    RESONANT_ENSURE(id < kNoticesMax, "ids of notices are 0 to 63");
    auto& bell = *reinterpret_cast<Bell*>(segment.writable());
    bell.counts[id].fetch_add(1, std::memory_order_release);
    bell.rung.fetch_add(1, std::memory_order_release);
    shm::wake_all(bell.rung);
}

Result<std::unique_ptr<Listener>> listen_sealed(Descriptor descriptor) {
    RESONANT_ASSIGN(shm::Segment segment, shm::Segment::attach(std::move(descriptor), Bytes{sizeof(Bell)}));
    if (reinterpret_cast<const Bell*>(segment.data())->magic.load(std::memory_order_acquire) != kBellMagic) {
        return fail(Code::DataLoss, "listen: this is no bell");
    }
    return std::make_unique<SealedListener>(std::move(segment));
}

}  // namespace resonant::ipc
