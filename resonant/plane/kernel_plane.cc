#include "resonant/plane/kernel_plane.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>

namespace resonant::plane {

// When each pair of type and source was last published, by hash. Two pairs in one slot dampen each other
// now and then: a lost duplicate of a slow lane, counted like any other.
struct KernelPlane::Dampener {
    static constexpr std::size_t kSlots = 4096;
    static constexpr std::int64_t kGapNs = 1'000'000;

    std::array<std::atomic<std::int64_t>, kSlots> last{};
    std::atomic<std::uint64_t> dampened{0};

    bool admit(const ring::Event& event) {
        if (event.lane == ring::Lane::Fast) {
            return true;
        }
        const std::uint32_t mixed = (event.source ^ (static_cast<std::uint32_t>(event.type) << 16)) * 2'654'435'761U;
        std::atomic<std::int64_t>& slot = last[mixed >> 20];
        const std::int64_t before = slot.load(std::memory_order_relaxed);
        if (event.at_ns - before < kGapNs && event.at_ns >= before) {
            dampened.fetch_add(1, std::memory_order_relaxed);
            return false;
        }
        slot.store(event.at_ns, std::memory_order_relaxed);
        return true;
    }
};

KernelPlane::KernelPlane(Clock& clock, std::unique_ptr<board::StateBoard> board,
                         std::unique_ptr<board::LimitsTable> limits, std::unique_ptr<ring::EventRing> ring)
    : clock_(clock),
      board_(std::move(board)),
      limits_(std::move(limits)),
      ring_(std::move(ring)),
      dampener_(std::make_shared<Dampener>()) {}

Result<std::unique_ptr<KernelPlane>> KernelPlane::create(Clock& clock, std::uint64_t epoch) {
    RESONANT_ASSIGN(std::unique_ptr<board::StateBoard> board, board::StateBoard::create(epoch));
    RESONANT_ASSIGN(std::unique_ptr<board::LimitsTable> limits, board::LimitsTable::create(epoch));
    RESONANT_ASSIGN(std::unique_ptr<ring::EventRing> ring, ring::EventRing::create(epoch));
    return std::unique_ptr<KernelPlane>(
        new KernelPlane(clock, std::move(board), std::move(limits), std::move(ring)));
}

std::int64_t KernelPlane::publish(ring::EventType type, std::string_view source, std::uint32_t tool,
                                  std::array<std::uint64_t, 4> data, float confidence) {
    ring::Event event;
    event.type = type;
    event.lane = ring::lane_of(type);
    event.source = ring::source_hash(source);
    event.confidence = confidence;
    event.tool = tool;
    event.at_ns = clock_.wall().count;
    event.data = data;
    return dampener_->admit(event) ? static_cast<std::int64_t>(ring_->publish(event)) : -1;
}

std::int64_t KernelPlane::publish_custom(std::string_view name, std::string_view source, float confidence) {
    ring::Event event;
    event.type = ring::EventType::Custom;
    event.lane = ring::lane_of(event.type);
    // Dampened by its own name, not as one of all custom events of a sender.
    event.source = ring::source_hash(source) ^ ring::source_hash(name);
    event.confidence = confidence;
    event.at_ns = clock_.wall().count;
    event.data[0] = ring::source_hash(name);
    const std::size_t length = std::min(name.size(), event.name.size() - 1);
    std::memcpy(event.name.data(), name.data(), length);
    if (!dampener_->admit(event)) {
        return -1;
    }
    event.source = ring::source_hash(source);
    return static_cast<std::int64_t>(ring_->publish(event));
}

std::uint64_t KernelPlane::dampened() const { return dampener_->dampened.load(std::memory_order_relaxed); }

void KernelPlane::set_field(board::Field field, double value, std::string_view source) {
    board_->set(field, value);
    publish(ring::EventType::BoardFieldChanged, source, 0,
            {static_cast<std::uint64_t>(field), std::bit_cast<std::uint64_t>(value)});
}

Result<std::vector<Descriptor>> KernelPlane::share() const {
    std::vector<Descriptor> descriptors;
    for (const shm::Segment* segment : {&board_->segment(), &ring_->segment()}) {
        RESONANT_ASSIGN(Descriptor descriptor, segment->share());
        descriptors.push_back(std::move(descriptor));
    }
    return descriptors;
}

}  // namespace resonant::plane
