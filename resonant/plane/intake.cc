#include "resonant/plane/intake.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace resonant::plane {
namespace {

// A ring's positions rise by what its writer published; nobody publishes as much between two looks.
constexpr std::uint64_t kLeapMax = std::uint64_t{1} << 40;
constexpr std::size_t kTriesMax = 4;  // of one turn, for an event that changes while it is copied

}  // namespace

struct Intake::Helper {
    Helper(shm::Segment ring, std::shared_ptr<Clearance> cleared)
        : segment(std::move(ring)), clearance(std::move(cleared)) {}

    shm::Segment segment;
    std::shared_ptr<Clearance> clearance;
    std::uint64_t next = 0;
    Stats stats;
    std::array<std::uint64_t, ring::kNamedWords> copy{};

    const ring::RingMemory& memory() const { return *reinterpret_cast<const ring::RingMemory*>(segment.data()); }
};

Status Intake::admit(const std::string& helper, Descriptor ring, std::shared_ptr<Clearance> clearance) {
    if (helpers_.contains(helper) || helpers_.size() >= kHelpersMax) {
        return helpers_.contains(helper)
                   ? fail(Code::AlreadyExists, fmt::format("admit {}: a helper of this name is here", helper))
                   : fail(Code::ResourceExhausted,
                          fmt::format("admit {}: {} helpers are here, the most there may be", helper, kHelpersMax));
    }
    RESONANT_ASSIGN(shm::Segment segment, shm::Segment::attach(std::move(ring), Bytes{ring::kRingBytes}));
    auto made = std::make_shared<Helper>(std::move(segment), std::move(clearance));
    const ring::RingMemory& memory = made->memory();
    if (memory.magic.load(std::memory_order_acquire) != ring::kRingMagic ||
        memory.version.load(std::memory_order_relaxed) != ring::kRingVersion ||
        memory.slots.load(std::memory_order_relaxed) != ring::kSlots ||
        memory.kind.load(std::memory_order_relaxed) != static_cast<std::uint64_t>(ring::Kind::Exclusive)) {
        return fail(Code::DataLoss, fmt::format("admit {}: this is no exclusive ring of version {}; see docs/formats/ring.md",
                                                helper, ring::kRingVersion));
    }
    helpers_.emplace(helper, std::move(made));
    return {};
}

Status Intake::withdraw(const std::string& helper) {
    const auto found = helpers_.find(helper);
    if (found == helpers_.end()) {
        return fail(Code::NotFound, fmt::format("withdraw {}: there is no such helper", helper));
    }
    helpers_.erase(found);
    return {};
}

Result<Intake::Stats> Intake::stats(const std::string& helper) const {
    const auto found = helpers_.find(helper);
    if (found == helpers_.end()) {
        return fail(Code::NotFound, fmt::format("{}: there is no such helper", helper));
    }
    return found->second->stats;
}

std::size_t Intake::turn(std::size_t most) {
    std::size_t taken = 0;
    for (const auto& [name, helper] : helpers_) {
        std::size_t moves = 0;
        for (std::size_t count = 0; count < most && moves < kTriesMax && !helper->stats.cut_off;) {
            const Step step = this->step(*helper);
            if (step == Step::Nothing) {
                break;
            }
            if (step == Step::Moved) {
                ++moves;
                continue;
            }
            ++count;
            ++taken;
            ring::Event event;
            ring::unpack(event, [&](std::size_t i) { return helper->copy[i]; });
            judge(*helper, event, name);
        }
    }
    return taken;
}

// Copies the helper's next event, or finds out where to go on. One look at each word.
Intake::Step Intake::step(Helper& helper) {
    const ring::Slot& slot = helper.memory().slot[helper.next & (ring::kSlots - 1)];
    const std::uint64_t word = slot.word.load(std::memory_order_acquire);
    const std::uint64_t end = ring::end_of(word);
    if (word == ring::slot_word(helper.next, ring::State::Published)) {
        for (std::size_t i = 0; i < helper.copy.size(); ++i) {
            helper.copy[i] = helper.memory().body(helper.next)[i].load(std::memory_order_acquire);
        }
        if (slot.word.load(std::memory_order_relaxed) != word) {
            return Step::Moved;  // overtaken in the middle
        }
        ++helper.next;
        ++helper.stats.taken;
        return Step::Took;
    }
    if (end <= helper.next + 1) {
        return Step::Nothing;  // not there yet, or being written
    }
    if (end - helper.next > kLeapMax) {
        helper.stats.cut_off = true;
        return Step::Nothing;
    }
    // Overtaken by a lap or more: goes on half a ring behind what was seen, so that it is not overtaken at once.
    const std::uint64_t target = std::max(helper.next + 1, end > ring::kSlots / 2 ? end - ring::kSlots / 2 : 0);
    helper.stats.lost += target - helper.next;
    helper.next = target;
    return Step::Moved;
}

void Intake::judge(Helper& helper, ring::Event& event, std::string_view source) {
    const bool custom = event.type == ring::EventType::Custom;
    if (event.type == ring::EventType::None || (custom && !is_plain(ring::name_in(event)))) {
        ++helper.stats.damaged;
        return;
    }
    if (!helper.clearance->allows(event.type)) {
        ++helper.stats.refused;
        return;
    }
    event.tool = 0;
    event.confidence = event.confidence >= 0.0F && event.confidence <= 1.0F ? event.confidence : 0.0F;
    if (custom) {
        event.data[0] = ring::source_hash(ring::name_in(event));
    } else {
        event.name.fill('\0');
    }
    (plane_.republish(event, source) >= 0 ? helper.stats.republished : helper.stats.dampened)++;
}

}  // namespace resonant::plane
