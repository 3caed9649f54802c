#include "resonant/agents/scheduler.h"

#include <array>
#include <atomic>
#include <bit>
#include <optional>
#include <thread>

#include "resonant/shm/waiter.h"

namespace resonant::agents {
namespace {

constexpr std::size_t kBatch = 256;
constexpr std::int64_t kNaps = 10;  // of the plane: nothing is cancelled here
constexpr std::string_view kSource = "agents.scheduler";

}  // namespace

struct Scheduler::Inner {
    plane::KernelPlane& plane;
    Monitors& monitors;
    Reasoners& reasoners;
    ring::Subscription reader;
    std::array<Crossing, kBatch> fired;
    std::array<ring::Event, kBatch> events;
    std::atomic<std::uint32_t> bell{0};  // changes at each nudge
    std::atomic<bool> stopping{false};
    std::atomic<bool> running{false};
    std::atomic<std::uint64_t> cycles{0};
    std::atomic<std::uint64_t> events_read{0};
    std::atomic<std::uint64_t> events_lost{0};
    std::atomic<std::uint64_t> crossings{0};
    std::jthread thread;

    Inner(plane::KernelPlane& kernel, Monitors& asleep, Reasoners& queue)
        : plane(kernel), monitors(asleep), reasoners(queue), reader(kernel.subscribe()) {}

    Nanos nap_max() const { return Nanos{kNaps * plane.nap().count}; }

    void run() {
        while (!stopping.load(std::memory_order_acquire)) {
            const std::uint32_t heard = bell.load(std::memory_order_acquire);
            if (monitors.count() == 0) {
                shm::wait_while(bell, heard, nap_max());
                continue;
            }
            // Whatever came is only a reason to look at the board; missed events change nothing.
            static_cast<void>(reader.wait(&plane.ring(), ring::WaitStrategy::Block, nap_max()));
            drain();
            cycle();
            shm::wait_while(bell, heard, kCyclePause);
        }
        running.store(false, std::memory_order_release);
    }

    void drain() {
        for (std::size_t count = kBatch; count == kBatch;) {
            count = reader.poll(events);
            events_read.fetch_add(count, std::memory_order_relaxed);
        }
        events_lost.store(reader.lost(), std::memory_order_relaxed);
    }

    std::size_t cycle() {
        cycles.fetch_add(1, std::memory_order_relaxed);
        const board::Snapshot snapshot = plane.board().view().snapshot();
        std::shared_ptr<const board::Snapshot> shared;  // made when something fires
        std::size_t total = 0;
        for (const board::Field field : monitors.watched()) {
            const double value = snapshot.field(field);
            for (std::size_t count = kBatch; count == kBatch;) {
                count = monitors.on_change(field, value, fired);
                if (count > 0 && !shared) {
                    shared = std::make_shared<const board::Snapshot>(snapshot);
                }
                escalate(count, shared);
                total += count;
            }
        }
        crossings.fetch_add(total, std::memory_order_relaxed);
        return total;
    }

    void escalate(std::size_t count, const std::shared_ptr<const board::Snapshot>& snapshot) {
        std::optional<MonitorGroup> group;  // neighbours in a column are mostly of one group
        for (std::size_t i = 0; i < count; ++i) {
            const Crossing& crossing = fired[i];
            if (!group || group->id != crossing.group) {
                Result<MonitorGroup> found = monitors.group(crossing.group);
                if (!found) {
                    continue;  // stopped meanwhile
                }
                group = std::move(*found);
            }
            if (reasoners.escalate(crossing, *group, snapshot) != 0) {
                plane.publish(
                    ring::EventType::MonitorTriggered, kSource, 0,
                    {crossing.monitor, crossing.group, static_cast<std::uint64_t>(crossing.field),
                     std::bit_cast<std::uint64_t>(crossing.value)});
            }
        }
    }
};

Scheduler::Scheduler(plane::KernelPlane& plane, Monitors& monitors, Reasoners& reasoners)
    : inner_(std::make_unique<Inner>(plane, monitors, reasoners)) {}
Scheduler::~Scheduler() { stop(); }

void Scheduler::start() {
    if (inner_->running.exchange(true)) {
        return;
    }
    inner_->stopping.store(false, std::memory_order_release);
    inner_->thread = std::jthread([this] { inner_->run(); });
}

void Scheduler::stop() {
    inner_->stopping.store(true, std::memory_order_release);
    // A thread between its look at `stopping` and its sleep misses one call, so it is called until
    // it comes.
    while (inner_->running.load(std::memory_order_acquire)) {
        nudge();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (inner_->thread.joinable()) {
        inner_->thread.join();
    }
}

void Scheduler::nudge() {
    inner_->bell.fetch_add(1, std::memory_order_acq_rel);
    shm::wake_all(inner_->bell);
    inner_->plane.ring().wake();
}

std::size_t Scheduler::cycle() { return inner_->cycle(); }

Scheduler::Stats Scheduler::stats() const {
    return {inner_->cycles.load(std::memory_order_relaxed),
            inner_->events_read.load(std::memory_order_relaxed),
            inner_->events_lost.load(std::memory_order_relaxed),
            inner_->crossings.load(std::memory_order_relaxed)};
}

}  // namespace resonant::agents
