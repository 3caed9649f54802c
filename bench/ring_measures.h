// How the ring's figures are taken: each function measures one of them once. bench/ring.cc says what
// they are held against.
//
// One measure at a time; each pins the calling thread to core 0 and its own threads to core 1.
#pragma once

#include <sys/resource.h>
#include <sys/wait.h>

#include <coroutine>
#include <cstdint>
#include <deque>

#include "bench/report.h"
#include "resonant/ring/waker.h"

namespace resonant::bench {

enum class Reader : std::uint8_t { Thread, Process };
enum class Sleeper : std::uint8_t { Spinning, Hybrid, Block, RawFutex };

inline constexpr std::uint64_t kEvents = 4'000'000;

inline std::uint64_t now_ns() {
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}
inline void wait_until(std::uint64_t time) {
    while (now_ns() < time) {
    }
}
template <typename T>
T need(Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "%s\n", result.error().message.c_str());
        std::exit(1);
    }
    return std::move(*result);
}

// One ring of each kind for all measures: its pages are touched, its positions go on.
struct Exclusive {
    std::unique_ptr<ring::EventRing> ring = need(ring::EventRing::create(1, ring::Kind::Exclusive));
    ring::ExclusiveWriter writer = need(ring->exclusive_writer());
};
inline Exclusive& exclusive() {
    static Exclusive one;
    return one;
}
inline ring::EventRing& shared() {
    static const std::unique_ptr<ring::EventRing> one = need(ring::EventRing::create(1));
    return *one;
}
// The 56 bytes of an event without a name, as nearly all are: what the rows between two cores and their peers carry.
using Plain = std::array<std::uint64_t, ring::kPlainWords>;

inline ring::Subscription follow(const ring::EventRing& ring) {
    return need(ring::Subscription::over(ring.segment().data(), ring.segment().size()));
}

template <std::size_t Words, typename Writer>
double publish_with(Writer& kept) {
    pin_this_thread(0);
    Writer writer = kept;  // in registers
    const double taken = nanoseconds([&writer] {
        Writer own = writer;
        for (std::uint64_t i = 0; i < kEvents; ++i) {
            std::array<std::uint64_t, Words> body;
            body.fill(i);
            own.publish_words(body);
        }
        writer = own;
    });
    kept = writer;
    return taken / static_cast<double>(kEvents);
}
// ns an event with nobody reading.
template <std::size_t Words>
double publish_exclusive() {
    return publish_with<Words>(exclusive().writer);
}
template <std::size_t Words>
double publish_shared() {
    ring::SharedWriter writer = shared().writer();
    return publish_with<Words>(writer);
}

// As publish_exclusive<8>, without looking for sleepers.
inline double publish_plain() {
    static const auto memory = std::make_unique<ring::RingMemory>();
    static const std::uint64_t ahead = exclusive().ring->ahead();
    static std::uint64_t kept = 0;
    pin_this_thread(0);
    const double taken = nanoseconds([] {
        std::uint64_t next = kept;
        ring::RingMemory* own = memory.get();
        for (std::uint64_t i = 0; i < kEvents; ++i) {
            std::array<std::uint64_t, 8> body;
            body.fill(i);
            ring::EventRing::fetch_ahead<8>(own, next, ahead);
            ring::protocol::publish_exclusive(*own, next++, [&](const ring::Body& to) { ring::store_body(to, body); });
        }
        kept = next;
    });
    return taken / static_cast<double>(kEvents);
}

// An Event of 56 bytes through EventRing::publish(), as the kernel's threads do it.
inline double publish_event() {
    pin_this_thread(0);
    ring::Event event;
    event.type = ring::EventType::ToolCompleted;
    const double taken = nanoseconds([&event] {
        for (std::uint64_t i = 0; i < kEvents; ++i) {
            event.data[0] = i;
            shared().publish(event);
        }
    });
    return taken / static_cast<double>(kEvents);
}

// ns an event of two threads, each on its core.
inline double publish_from_two() {
    std::atomic<int> up{0};
    std::uint64_t start[2]{};
    std::uint64_t end[2]{};
    const auto publish = [&](unsigned core) {
        pin_this_thread(core);
        ring::SharedWriter writer = shared().writer();
        ++up;
        while (up < 2) {
        }
        start[core] = now_ns();
        for (std::uint64_t i = 0; i < kEvents / 2; ++i) {
            std::array<std::uint64_t, 8> body;
            body.fill(i);
            writer.publish_words(body);
        }
        end[core] = now_ns();
    };
    {
        const std::jthread one(publish, 0U);
        const std::jthread two(publish, 1U);
    }
    return static_cast<double>(std::max(end[0], end[1]) - std::min(start[0], start[1])) /
           static_cast<double>(kEvents);
}

// Reads `count` events from where it stands, saying how far it is; returns how many it lost.
inline std::uint64_t read_all(ring::Subscription events, std::uint64_t count, bool alone,
                              std::atomic<std::uint64_t>& done) {
    const std::uint64_t end = events.position() + count;
    std::uint64_t sum = 0;
    while (events.position() < end) {
        const std::size_t got =
            events.poll_batch<ring::kPlainWords>(1024, [&sum](const Plain& body) { sum += body[1] + body[6]; });
        done.store(events.position(), std::memory_order_release);
        for (int i = 0; got < 1024 && alone && i < 64; ++i) {
            shm::spin_pause();
        }
        if (got < 1024 && !alone) {
            ::sched_yield();
        }
    }
    asm volatile("" : : "r"(sum));
    return events.lost();
}

// Millions of events a second that each of `readers` received on core 1; the writer is held back so
// that none is lost, as the peers do it.
inline double throughput(int readers) {
    constexpr std::uint64_t kLead = 60'000;
    pin_this_thread(0);
    std::deque<Padded<std::atomic<std::uint64_t>>> done(static_cast<std::size_t>(readers));
    std::atomic<std::uint64_t> lost{0};
    ring::ExclusiveWriter writer = exclusive().writer;
    const std::uint64_t first = writer.next();
    std::uint64_t start = 0;
    {
        std::vector<std::jthread> threads;
        std::atomic<int> up{0};
        for (auto& own : done) {
            own.value = first;
            threads.emplace_back([&] {
                pin_this_thread(1);
                ring::Subscription events = follow(*exclusive().ring);
                ++up;
                lost += read_all(events, kEvents, readers == 1, own.value);
            });
        }
        while (up < readers) {
        }
        start = now_ns();
        for (std::uint64_t i = 0; i < kEvents; ++i) {
            for (auto& own : done) {
                while ((i & 1023) == 0 && first + i > own.value.load(std::memory_order_acquire) + kLead) {
                    shm::spin_pause();
                }
            }
            Plain body;
            body.fill(i);
            writer.publish_words(body);
        }
    }
    const double taken = static_cast<double>(now_ns() - start);
    exclusive().writer = writer;
    RESONANT_ENSURE(lost * 1000 <= kEvents, "a figure of throughput counts at most 0.1 % lost");
    return static_cast<double>(kEvents) / taken * 1e3;
}

// Publishes time stamps `pause_ns` apart; the median of what `reader` says each took.
template <typename Read>
double paced(int count, std::int64_t pause_ns, const Read& read) {
    std::vector<double> ways;
    std::atomic<bool> up{false};
    {
        const std::jthread thread([&] {
            pin_this_thread(1);
            read(count, ways, up);
        });
        pin_this_thread(0);
        while (!up) {
        }
        for (int i = 0; i < count; ++i) {
            wait_until(now_ns() + static_cast<std::uint64_t>(pause_ns));
            exclusive().writer.publish_words(Plain{now_ns()});
        }
    }
    return median(std::move(ways));
}

inline double one_way_in_process() {
    constexpr int kCount = 20'000;
    Descriptor shared_ring = need(exclusive().ring->segment().share());
    int answer[2];
    RESONANT_ENSURE(::pipe(answer) == 0, "a pipe can be had");
    const pid_t reader = ::fork();
    if (reader == 0) {
        pin_this_thread(1);
        const auto segment =
            need(shm::Segment::attach(std::move(shared_ring), Bytes{ring::kRingBytes}));
        auto events = need(ring::Subscription::over(segment.data(), segment.size()));
        std::vector<double> ways;
        double ready = 0;
        bool sent = ::write(answer[1], &ready, sizeof ready) == sizeof ready;
        for (Plain body{}; ways.size() < kCount;) {
            if (events.poll_words(body) == ring::Poll::Got) {
                ways.push_back(static_cast<double>(now_ns() - body[0]));
            }
        }
        const double middle = median(std::move(ways));
        sent = sent && ::write(answer[1], &middle, sizeof middle) == sizeof middle;
        ::_exit(sent ? 0 : 1);
    }
    double figure = 0;
    pin_this_thread(0);
    RESONANT_ENSURE(::read(answer[0], &figure, sizeof figure) == sizeof figure, "the reader runs");
    for (int i = 0; i < kCount; ++i) {
        wait_until(now_ns() + 1'000);
        exclusive().writer.publish_words(Plain{now_ns()});
    }
    RESONANT_ENSURE(::read(answer[0], &figure, sizeof figure) == sizeof figure, "the reader answers");
    ::waitpid(reader, nullptr, 0);
    ::close(answer[0]);
    ::close(answer[1]);
    return figure;
}

// Median ns to a spinning reader on core 1.
inline double one_way(Reader reader) {
    if (reader == Reader::Process) {
        return one_way_in_process();
    }
    return paced(20'000, 1'000, [](int count, std::vector<double>& ways, std::atomic<bool>& up) {
        ring::Subscription events = follow(*exclusive().ring);
        up = true;
        for (Plain body{}; ways.size() < static_cast<std::size_t>(count);) {
            if (events.poll_words(body) == ring::Poll::Got) {
                ways.push_back(static_cast<double>(now_ns() - body[0]));
            }
        }
    });
}

inline double wake_raw_futex(int count, std::int64_t pause_ns) {
    static std::atomic<std::uint32_t> word{0};
    static std::atomic<std::uint64_t> sent{0};
    word = 0;
    std::vector<double> ways;
    {
        std::atomic<bool> up{false};
        const std::jthread sleeper([&] {
            pin_this_thread(1);
            up = true;
            for (std::uint32_t seen = 0; seen < static_cast<std::uint32_t>(count);) {
                shm::wait_while(word, seen, from_seconds(1));
                if (const std::uint32_t now = word.load(std::memory_order_acquire); now != seen) {
                    ways.push_back(static_cast<double>(now_ns() - sent.load()));
                    seen = now;
                }
            }
        });
        pin_this_thread(0);
        while (!up) {
        }
        for (int i = 0; i < count; ++i) {
            wait_until(now_ns() + static_cast<std::uint64_t>(pause_ns));
            sent = now_ns();
            word.fetch_add(1, std::memory_order_release);
            shm::wake_all(word);
        }
    }
    return median(std::move(ways));
}

// The same to a reader that waits.
inline double wake(Sleeper sleeper, std::int64_t pause_ns) {
    const int count = pause_ns > 100'000 ? 400 : 5'000;
    if (sleeper == Sleeper::RawFutex) {
        return wake_raw_futex(count, pause_ns);
    }
    const auto strategy = sleeper == Sleeper::Spinning ? ring::WaitStrategy::BusySpin
                          : sleeper == Sleeper::Hybrid ? ring::WaitStrategy::HybridSpin
                                                       : ring::WaitStrategy::Block;
    return paced(count, pause_ns, [strategy](int wanted, std::vector<double>& ways, std::atomic<bool>& up) {
        ring::Subscription events = follow(*exclusive().ring);
        up = true;
        for (Plain body{}; ways.size() < static_cast<std::size_t>(wanted);) {
            static_cast<void>(events.wait(exclusive().ring.get(), strategy, from_seconds(1)));
            if (events.poll_words(body) == ring::Poll::Got) {
                ways.push_back(static_cast<double>(now_ns() - body[0]));
            }
        }
    });
}

// ns a store of two threads that each write a word of their own, on lines of its own or side by side.
inline double two_counters(bool padded) {
    constexpr int kStores = 2'000'000;
    static Padded<std::atomic<std::uint64_t>> apart[2];
    alignas(kCacheLine) static std::atomic<std::uint64_t> together[2];
    std::atomic<int> up{0};
    const auto store = [&](unsigned core) {
        pin_this_thread(core);
        std::atomic<std::uint64_t>& word = padded ? apart[core].value : together[core];
        ++up;
        while (up < 2) {
        }
        for (int i = 0; i < kStores; ++i) {
            word.store(word.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        }
    };
    return nanoseconds([&] {
               const std::jthread one(store, 0U);
               const std::jthread two(store, 1U);
           }) /
           kStores;
}

// The slowest of 300 FAST events to a sleeping reader while both cores are busy with other threads.
inline double fast_lane_max_ms() {
    double slowest = 0;
    std::atomic<bool> over{false};
    const auto burn = [&](unsigned core) {
        pin_this_thread(core);
        while (!over) {
        }
    };
    const std::jthread one(burn, 0U);
    const std::jthread two(burn, 1U);
    std::atomic<int> seen{0};
    const std::jthread reader([&] {
        ring::Subscription events = follow(shared());
        seen = 1;
        for (ring::Event event; seen <= 300;) {
            static_cast<void>(events.wait(&shared(), ring::WaitStrategy::Block, from_seconds(1)));
            while (events.poll(event) == ring::Poll::Got) {
                slowest = std::max(slowest, static_cast<double>(now_ns() - event.data[0]) / 1e6);
                ++seen;
            }
        }
    });
    while (seen == 0) {
    }
    for (int i = 1; i <= 300; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        ring::Event event;
        event.type = ring::EventType::WarningIssued;
        event.data[0] = now_ns();
        shared().publish(event);
    }
    while (seen <= 300) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    over = true;
    return slowest;
}

// A coroutine that runs by itself.
struct Detached {
    struct promise_type {
        Detached get_return_object() { return {}; }
        std::suspend_never initial_suspend() { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::abort(); }
    };
};
inline Detached sleep_on(ring::Waker& waker, ring::Subscription& events) {
    for (std::optional<ring::Event> event = co_await waker.next(events); event;) {
        event = co_await waker.next(events);
    }
}

// % of one core that a process with 1,000 coroutines uses that wait for a quiet ring.
inline double idle_cpu_of_1000() {
    std::deque<ring::Subscription> events(1'000, follow(shared()));
    ring::Waker waker(shared(), ring::WaitStrategy::HybridSpin);
    for (ring::Subscription& own : events) {
        sleep_on(waker, own);
    }
    const auto used_us = [] {
        rusage usage{};
        ::getrusage(RUSAGE_SELF, &usage);
        return static_cast<double>((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 +
                                   usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    };
    const double before = used_us();
    std::this_thread::sleep_for(std::chrono::seconds(2));
    return (used_us() - before) / 2e6 * 100;
}

}  // namespace resonant::bench
