// The figures of the ring: publishing with nobody reading, with a reader on another core, from two
// threads, and the way of one event to a spinning reader.
//
//     bench_ring [--json]    one JSON document on stdout
//
// The number in a name is the size of the body in bytes: a plain event has 56, one with a name 104.
#include "bench/report.h"
#include "resonant/ring/event_ring.h"

namespace {

using resonant::bench::nanoseconds;
using resonant::bench::Row;
using resonant::ring::Event;
using resonant::ring::EventRing;
using resonant::ring::Poll;
using resonant::ring::Subscription;

constexpr int kRuns = 11;
constexpr std::uint64_t kEvents = 1'000'000;

std::unique_ptr<EventRing> made() {
    auto ring = EventRing::create(1);
    if (!ring) {
        std::fprintf(stderr, "%s\n", ring.error().message.c_str());
        std::exit(1);
    }
    return std::move(*ring);
}

Subscription follow(const EventRing& ring) {
    return *Subscription::over(ring.segment().data(), ring.segment().size());
}

Event plain() {
    Event event;
    event.type = resonant::ring::EventType::ToolCompleted;
    event.data = {1, 2, 3, 4};
    return event;
}

double publish(EventRing& ring, Event event) {
    return nanoseconds([&] {
               for (std::uint64_t i = 0; i < kEvents; ++i) {
                   event.data[0] = i;
                   ring.publish(event);
               }
           }) /
           static_cast<double>(kEvents);
}

// Nanoseconds an event while two threads publish, each on its core.
double publish_from_two_threads(EventRing& ring) {
    const auto writer = [&ring](unsigned core) {
        resonant::bench::pin_this_thread(core);
        static_cast<void>(publish(ring, plain()));
    };
    return nanoseconds([&] {
               const std::jthread one(writer, 0U);
               const std::jthread two(writer, 1U);
           }) /
           static_cast<double>(2 * kEvents);
}

// Millions of events a second that one reader in batches received, all lost ones left out.
double throughput(EventRing& ring) {
    std::uint64_t got = 0;
    const double taken = nanoseconds([&] {
        std::atomic<bool> ready{false};
        std::atomic<bool> over{false};
        const std::jthread reader([&] {
            resonant::bench::pin_this_thread(1);
            Subscription events = follow(ring);
            std::vector<Event> batch(256);
            ready.store(true);
            for (std::size_t count = 1; count > 0 || !over.load();) {
                count = events.poll(batch);
                got += count;
            }
        });
        while (!ready.load()) {
        }
        static_cast<void>(publish(ring, plain()));
        over.store(true);
    });
    return static_cast<double>(got) / taken * 1e3;
}

// The median way of an event to a reader that spins on another core, in ns, from time stamps.
double one_way(EventRing& ring) {
    constexpr int kPaced = 20'000;
    std::vector<double> ways;
    ways.reserve(kPaced);
    const auto now = [] {
        return static_cast<std::uint64_t>(
            std::chrono::steady_clock::now().time_since_epoch().count());
    };
    std::atomic<int> seen{0};
    const std::jthread reader([&] {
        resonant::bench::pin_this_thread(1);
        Subscription events = follow(ring);
        seen.store(1);
        Event event;
        while (ways.size() < kPaced) {
            if (events.poll(event) == Poll::Got) {
                ways.push_back(static_cast<double>(now() - event.data[0]));
            }
        }
        seen.store(2);
    });
    while (seen.load() == 0) {
    }
    Event event = plain();
    while (seen.load() != 2) {
        const std::uint64_t sent = now();
        event.data[0] = sent;
        ring.publish(event);
        while (now() < sent + 1'000) {
        }
    }
    return resonant::bench::median(std::move(ways));
}

}  // namespace

int main() {
    const auto ring = made();
    Row plain_row{.name = "publish_56", .unit = "ns", .ours = {}};
    Row named_row{.name = "publish_104", .unit = "ns", .ours = {}};
    Row two_row{.name = "publish_56_two_threads", .unit = "ns", .ours = {}};
    Row flow_row{.name = "throughput_1p1c", .unit = "M/s", .lower_is_better = false, .ours = {}};
    Row way_row{.name = "oneway_thread", .unit = "ns", .ours = {}};
    Event named = plain();
    resonant::ring::set_name(named, "an event with a name of forty-seven bytes or so");

    resonant::bench::Report report("ring");
    resonant::bench::pin_this_thread(0);
    static_cast<void>(publish(*ring, named));  // warm: every page of the ring is touched
    for (int run = 0; run < kRuns; ++run) {
        plain_row.ours.push_back(publish(*ring, plain()));
        named_row.ours.push_back(publish(*ring, named));
        two_row.ours.push_back(publish_from_two_threads(*ring));
        flow_row.ours.push_back(throughput(*ring));
        way_row.ours.push_back(one_way(*ring));
    }
    for (const Row& row : {plain_row, named_row, two_row, flow_row, way_row}) {
        report.add(row);
    }
    return report.print();
}
