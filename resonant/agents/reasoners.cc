#include "resonant/agents/reasoners.h"

#include <fmt/core.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

namespace resonant::agents {
namespace {

constexpr std::chrono::milliseconds kLook{20};  // how often a waiting next() looks at `cancelled`

struct Taken {
    std::uint64_t id;
    Nanos until;  // monotonic
};

constexpr std::array<std::string_view, 3> kOutcomes = {"sleep", "execute", "dismiss"};

}  // namespace

std::string_view name_of(Outcome outcome) { return kOutcomes[static_cast<std::size_t>(outcome)]; }

std::optional<Outcome> find_outcome(std::string_view name) {
    for (std::size_t i = 0; i < kOutcomes.size(); ++i) {
        if (kOutcomes[i] == name) {
            return static_cast<Outcome>(i);
        }
    }
    return std::nullopt;
}

struct Reasoners::Inner {
    const Clock& clock;
    mutable std::mutex mutex;
    std::condition_variable news;
    std::unordered_map<std::uint64_t, Escalation> open;
    std::unordered_map<std::uint64_t, Nanos> taken_until;
    std::unordered_set<std::uint32_t> awake;  // monitors that have an open escalation
    std::deque<std::uint64_t> waiting;        // oldest first; may hold ids that are resolved by now
    std::deque<Taken> taken;  // oldest first; may hold ids that are resolved or taken again
    Stats stats;
    std::uint64_t next_id = 1;
    bool closed = false;

    explicit Inner(const Clock& time) : clock(time) {}

    // The oldest that nobody has: first those whose taker let the time pass, then those that wait.
    Escalation* oldest() {
        const Nanos now = clock.monotonic();
        while (!taken.empty() && (!is_current(taken.front()) || taken.front().until <= now)) {
            const Taken front = taken.front();
            taken.pop_front();
            if (is_current(front)) {
                taken_until.erase(front.id);
                return &open.at(front.id);
            }
        }
        while (!waiting.empty()) {
            const auto found = open.find(waiting.front());
            waiting.pop_front();
            if (found != open.end()) {
                return &found->second;
            }
        }
        return nullptr;
    }

    bool is_current(const Taken& entry) const {
        const auto found = taken_until.find(entry.id);
        return found != taken_until.end() && found->second == entry.until;
    }

    Escalation hand_to(Escalation& escalation, std::string_view taker) {
        escalation.taker = taker;
        const Nanos until = clock.monotonic() + kTakenFor;
        taken_until[escalation.id] = until;
        taken.push_back({escalation.id, until});
        return escalation;
    }
};

Reasoners::Reasoners(const Clock& clock) : inner_(std::make_unique<Inner>(clock)) {}
Reasoners::~Reasoners() = default;

std::uint64_t Reasoners::escalate(const Crossing& crossing, const MonitorGroup& group,
                                  std::shared_ptr<const board::Snapshot> snapshot) {
    const std::lock_guard lock(inner_->mutex);
    if (inner_->awake.contains(crossing.monitor)) {
        ++inner_->stats.still_open;
        return 0;
    }
    if (inner_->open.size() >= kEscalationsMax) {
        ++inner_->stats.refused;
        return 0;
    }
    const std::uint64_t id = inner_->next_id++;
    inner_->open.emplace(id, Escalation{id,
                                        crossing,
                                        group.spec.goal,
                                        group.spec.action,
                                        group.spec.owner,
                                        std::move(snapshot),
                                        inner_->clock.wall(),
                                        {}});
    inner_->awake.insert(crossing.monitor);
    inner_->waiting.push_back(id);
    ++inner_->stats.escalated;
    inner_->news.notify_one();
    return id;
}

std::optional<Escalation> Reasoners::next(std::string_view taker, Nanos wait,
                                          const std::atomic<bool>* cancelled) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(wait.count);
    std::unique_lock lock(inner_->mutex);
    for (;;) {
        if (inner_->closed ||
            (cancelled != nullptr && cancelled->load(std::memory_order_relaxed))) {
            return std::nullopt;
        }
        if (Escalation* escalation = inner_->oldest()) {
            return inner_->hand_to(*escalation, taker);
        }
        const auto now = std::chrono::steady_clock::now();
        if (now >= until) {
            return std::nullopt;
        }
        inner_->news.wait_until(lock, std::min(until, now + kLook));
    }
}

Result<Resolution> Reasoners::resolve(std::uint64_t id, Outcome outcome, std::string note,
                                      std::string_view taker) {
    if (note.size() > kNoteBytesMax) {
        return fail(
            Code::InvalidArgument,
            fmt::format(
                "resolve escalation {}: the note has {} bytes, {} are the limit; store it in "
                "memory and name its id",
                id, note.size(), kNoteBytesMax));
    }
    const std::lock_guard lock(inner_->mutex);
    const auto found = inner_->open.find(id);
    if (found == inner_->open.end()) {
        return fail(
            Code::NotFound,
            fmt::format("resolve escalation {}: it is not open; it was resolved before, or the "
                        "kernel started again",
                        id));
    }
    const auto held = inner_->taken_until.find(id);
    if (held != inner_->taken_until.end() && found->second.taker != taker &&
        held->second > inner_->clock.monotonic()) {
        return fail(Code::Conflict,
                    fmt::format("resolve escalation {}: {} has taken it; wait for its answer", id,
                                found->second.taker));
    }
    Resolution resolution{std::move(found->second), outcome, std::move(note)};
    inner_->awake.erase(resolution.escalation.crossing.monitor);
    inner_->taken_until.erase(id);
    inner_->open.erase(found);
    ++inner_->stats.resolved;
    return resolution;
}

Reasoners::Stats Reasoners::stats() const {
    const std::lock_guard lock(inner_->mutex);
    Stats stats = inner_->stats;
    stats.taken = inner_->taken_until.size();
    stats.waiting = inner_->open.size() - stats.taken;
    return stats;
}

void Reasoners::close() {
    const std::lock_guard lock(inner_->mutex);
    inner_->closed = true;
    inner_->news.notify_all();
}

}  // namespace resonant::agents
