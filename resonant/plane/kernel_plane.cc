#include "resonant/plane/kernel_plane.h"

#include <algorithm>
#include <atomic>
#include <bit>

#include "resonant/base/ensure.h"

namespace resonant::plane {

// A table of the pairs that published last. Two pairs that fall on one entry replace each other and
// start afresh, so a collision can only let more through.
struct KernelPlane::Dampener {
    struct Entry {
        std::atomic<std::uint64_t> pair{0};
        std::atomic<std::int64_t> next_ns{
            0};  // when the pair's next event is due at its long-run pace
    };
    static constexpr std::size_t kEntries = 4'096;
    std::array<Entry, kEntries> entries;
    std::atomic<std::uint64_t> dropped{0};

    // Counts one event of the pair at `now`; false when it is beyond its pace (the generic cell
    // rate algorithm). A custom event's name is part of its type. Threads that race on one pair may
    // let one event more through.
    bool admit(const ring::Event& event, Nanos now) {
        const std::uint64_t name = event.type == ring::EventType::Custom ? event.data[0] << 16 : 0;
        const std::uint64_t pair =
            (name | static_cast<std::uint64_t>(event.type)) * 0xD6E8FEB86659FD93 ^
            static_cast<std::uint64_t>(event.source);
        static_assert(kEntries == 1 << (64 - 52));
        Entry& entry = entries[pair * 0x9E3779B97F4A7C15 >> 52];
        std::int64_t next = now.count;
        if (entry.pair.load(std::memory_order_relaxed) == pair) {
            next = entry.next_ns.load(std::memory_order_relaxed);
            const std::int64_t ahead = next - now.count;
            if (ahead > (kDampenBurst - 1) * kDampenGap.count &&
                ahead <= kDampenBurst * kDampenGap.count) {
                dropped.fetch_add(1, std::memory_order_relaxed);
                return false;
            }
            // Idle for a while, or the clock was set back by more than a burst: start afresh.
            if (ahead < 0 || ahead > kDampenBurst * kDampenGap.count) {
                next = now.count;
            }
        } else {
            entry.pair.store(pair, std::memory_order_relaxed);
        }
        entry.next_ns.store(next + kDampenGap.count, std::memory_order_relaxed);
        return true;
    }
};

KernelPlane::KernelPlane(Clock& clock, std::unique_ptr<board::StateBoard> board,
                         std::unique_ptr<board::LimitsTable> limits,
                         std::unique_ptr<ring::EventRing> ring)
    : clock_(clock),
      board_(std::move(board)),
      limits_(std::move(limits)),
      ring_(std::move(ring)),
      dampener_(std::make_shared<Dampener>()) {}

Result<std::unique_ptr<KernelPlane>> KernelPlane::create(Clock& clock, std::uint64_t epoch) {
    RESONANT_ASSIGN(auto board, board::StateBoard::create(epoch));
    RESONANT_ASSIGN(auto limits, board::LimitsTable::create(epoch));
    RESONANT_ASSIGN(auto ring, ring::EventRing::create(epoch));
    board->heartbeat(static_cast<std::uint64_t>(clock.wall().count));
    return std::unique_ptr<KernelPlane>(
        new KernelPlane(clock, std::move(board), std::move(limits), std::move(ring)));
}

std::int64_t KernelPlane::publish(ring::Event& event) {
    const Nanos now = clock_.wall_coarse();
    if (ring::lane_of(event.type) != ring::Lane::Fast && !dampener_->admit(event, now)) {
        return -1;
    }
    return publish_whole(event, now);
}

std::int64_t KernelPlane::publish_whole(ring::Event& event, Nanos now) {
    event.lane = ring::lane_of(event.type);
    event.at_ns = now.count;
    if (holder_.load(std::memory_order_relaxed) == std::this_thread::get_id()) {
        held_->push_back(event);
        return -1;
    }
    return static_cast<std::int64_t>(ring_->publish(event));
}

KernelPlane::Hold::Hold(KernelPlane& plane, std::vector<ring::Event>& events) : plane_(plane) {
    RESONANT_ENSURE(plane.holder_.load(std::memory_order_relaxed) == std::thread::id(), "one thread holds events at a time");
    plane.held_ = &events;
    plane.holder_.store(std::this_thread::get_id(), std::memory_order_relaxed);
}

KernelPlane::Hold::~Hold() {
    plane_.holder_.store(std::thread::id(), std::memory_order_relaxed);
    plane_.held_ = nullptr;
}

void KernelPlane::release(std::span<const ring::Event> events) {
    for (const ring::Event& event : events) {
        ring_->publish(event);
    }
}

void KernelPlane::notify(board::Field field, double value, std::string_view source) {
    ring::Event event;
    event.type = ring::EventType::BoardFieldChanged;
    event.source = ring::source_hash(source);
    event.data = {static_cast<std::uint64_t>(field), std::bit_cast<std::uint64_t>(value), 0, 0};
    publish_whole(event, clock_.wall_coarse());
}

std::int64_t KernelPlane::publish(ring::EventType type, std::string_view source, std::uint32_t tool,
                                  std::array<std::uint64_t, 4> data, float confidence) {
    ring::Event event;
    event.type = type;
    event.source = ring::source_hash(source);
    event.tool = tool;
    event.data = data;
    event.confidence = confidence;
    return publish(event);
}

std::int64_t KernelPlane::publish_custom(std::string_view name, std::string_view source,
                                         float confidence) {
    ring::Event event;
    event.type = ring::EventType::Custom;
    event.source = ring::source_hash(source);
    event.data[0] = ring::source_hash(name);
    event.confidence = confidence;
    ring::set_name(event, name);
    return publish(event);
}

std::int64_t KernelPlane::republish(ring::Event event, std::string_view source) {
    event.source = ring::source_hash(source);
    return publish(event);
}

std::uint64_t KernelPlane::dampened() const {
    return dampener_->dropped.load(std::memory_order_relaxed);
}

void KernelPlane::set_field(board::Field field, double value, std::string_view source) {
    board_->set(field, value);
    notify(field, value, source);
}

Status KernelPlane::set_fields(std::span<const board::FieldValue> values, std::string_view source) {
    RESONANT_CHECK(board_->set_together(values));
    for (const board::FieldValue& each : values) {
        notify(each.field, each.value, source);
    }
    return {};
}

ring::Subscription KernelPlane::subscribe() const {
    return *ring::Subscription::over(ring_->segment().data(), ring_->segment().size());
}

Result<std::vector<Descriptor>> KernelPlane::share() const {
    std::vector<Descriptor> shared;
    RESONANT_ASSIGN(Descriptor board, board_->segment().share());
    shared.push_back(std::move(board));
    RESONANT_ASSIGN(Descriptor ring, ring_->segment().share());
    shared.push_back(std::move(ring));
    return shared;
}

}  // namespace resonant::plane
