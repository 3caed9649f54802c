// The figures of sleeping monitors: what one takes, what a million cost to spawn, and what an event
// costs that none of them wants: write the board, publish, check.
//
//     bench_monitors [--json]    one JSON document on stdout
#include "resonant/agents/monitors.h"
#include "bench/report.h"

namespace {

using resonant::agents::Crossing;
using resonant::agents::Direction;
using resonant::agents::Monitors;
using resonant::agents::MonitorSpec;
using resonant::bench::nanoseconds;
using resonant::bench::Row;
using resonant::board::Field;

constexpr int kRuns = 7;
constexpr int kEvents = 1'000'000;

void spawn(Monitors& monitors, std::uint32_t count) {
    MonitorSpec spec;
    spec.field = Field::UserFirst;
    spec.direction = Direction::Above;
    spec.threshold = 1;
    spec.spread = count;
    spec.count = count;
    if (const auto group = monitors.spawn(spec, 0); !group) {
        std::fprintf(stderr, "%s\n", group.error().message.c_str());
        std::exit(1);
    }
}

// Nanoseconds an event that changes the watched field and makes nobody fire.
double unwanted(resonant::board::StateBoard& board, resonant::ring::EventRing& ring,
                Monitors& monitors) {
    std::vector<Crossing> fired(16);
    resonant::ring::Event event;
    event.type = resonant::ring::EventType::BoardFieldChanged;
    event.data[0] = static_cast<std::uint64_t>(Field::UserFirst);
    std::size_t woken = 0;
    const double taken = nanoseconds([&] {
        for (int i = 0; i < kEvents; ++i) {
            const double value = (i & 1) * 0.5;
            board.set(Field::UserFirst, value);
            ring.publish(event);
            woken +=
                monitors.on_change(Field::UserFirst, board.view().field(Field::UserFirst), fired);
        }
    });
    RESONANT_ENSURE(woken == 0, "nobody wanted these events");
    return taken / kEvents;
}

// Nanoseconds a check alone, of a value that makes nobody fire.
double check(Monitors& monitors) {
    std::vector<Crossing> fired(16);
    std::size_t woken = 0;
    const double taken = nanoseconds([&] {
        for (int i = 0; i < kEvents; ++i) {
            woken += monitors.on_change(Field::UserFirst, (i & 1) * 0.5, fired);
        }
    });
    RESONANT_ENSURE(woken == 0, "nobody wanted these values");
    return taken / kEvents;
}

// Microseconds of a value that makes 10,000 of a million fire.
double one_in_a_hundred(Monitors& monitors, std::vector<Crossing>& fired) {
    static_cast<void>(monitors.on_change(Field::UserFirst, 0.0, fired));
    std::size_t count = 0;
    const double taken =
        nanoseconds([&] { count = monitors.on_change(Field::UserFirst, 10'000.5, fired); }) * 1e-3;
    RESONANT_ENSURE(count == 10'000, "ten thousand wanted this value");
    return taken;
}

}  // namespace

int main() {
    auto board = resonant::board::StateBoard::create(1);
    auto ring = resonant::ring::EventRing::create(1);
    if (!board || !ring) {
        std::fprintf(stderr, "%s\n", (!board ? board.error() : ring.error()).message.c_str());
        return 1;
    }
    Row bytes{.name = "bytes_each", .unit = "bytes", .ours = {}};
    Row spawn_1m{.name = "spawn_1m", .unit = "ms", .ours = {}};
    Row unwanted_1m{.name = "event_unwanted_1m", .unit = "ns", .ours = {}};
    Row unwanted_10m{.name = "event_unwanted_10m", .unit = "ns", .ours = {}};
    Row check_1m{.name = "check_unwanted_1m", .unit = "ns", .ours = {}};
    Row wanted_1m{.name = "event_1pct_1m", .unit = "us", .ours = {}};

    resonant::bench::Report report("monitors");
    resonant::bench::pin_this_thread(0);
    Monitors ten_million;
    spawn(ten_million, resonant::agents::kMonitorsMax);
    std::vector<Crossing> fired(20'000);
    for (int run = 0; run < kRuns; ++run) {
        Monitors million;
        const std::uint64_t empty = million.memory().count;
        spawn_1m.ours.push_back(nanoseconds([&] { spawn(million, 1'000'000); }) * 1e-6);
        bytes.ours.push_back(static_cast<double>(million.memory().count - empty) / 1e6);
        unwanted_1m.ours.push_back(unwanted(**board, **ring, million));
        unwanted_10m.ours.push_back(unwanted(**board, **ring, ten_million));
        check_1m.ours.push_back(check(million));
        wanted_1m.ours.push_back(one_in_a_hundred(million, fired));
    }
    for (const Row& row : {bytes, spawn_1m, unwanted_1m, unwanted_10m, check_1m, wanted_1m}) {
        report.add(row);
    }
    return report.print();
}
