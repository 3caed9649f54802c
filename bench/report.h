// A Report is the one JSON document that a benchmark prints: who was measured, on what machine, and a
// row for each figure with minimum and median, beside its peer's when there was one in the same run.
//
// Belongs to one thread.
//
// Invariants:
//   (1) stdout gets exactly one document; words for people go to stderr.
//   (2) `ratio` is ours / peer, both medians of this run; null without a peer.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "resonant/base/cacheline.h"
#include "resonant/base/ensure.h"
#include "resonant/json/json.h"

namespace resonant::bench {

// One figure: samples of ours, and of the peer when it ran interleaved.
struct Row {
    std::string name;
    std::string unit;                // "ns", "M/s", "MiB"
    bool lower_is_better = true;
    std::vector<double> ours;
    std::vector<double> peer = {};
    std::string peer_name = {};
    std::string peer_version = {};
    std::string distance = {};       // "near" or "far" for a row between two cores
};

inline double median(std::vector<double> samples) {
    RESONANT_ENSURE(!samples.empty(), "a figure has at least one sample");
    std::ranges::sort(samples);
    return samples[samples.size() / 2];
}

inline double nanoseconds(const std::function<void()>& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
}

inline void pin_this_thread(unsigned core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core % std::max(1U, std::thread::hardware_concurrency()), &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// The time one cache line takes from core 0 to core 1: the least of 20 batches. 0 on one core.
inline double core_distance_ns() {
    if (std::thread::hardware_concurrency() < 2) {
        return 0;
    }
    constexpr int kRounds = 2'000;
    static Padded<std::atomic<int>> ball;
    ball.value = 0;
    double least = std::numeric_limits<double>::max();
    for (int batch = 0; batch < 20; ++batch) {
        std::thread other([] {
            pin_this_thread(1);
            for (int i = 0; i < kRounds; ++i) {
                while (ball.value.load(std::memory_order_acquire) != 2 * i + 1) {
                }
                ball.value.store(2 * i + 2, std::memory_order_release);
            }
        });
        std::thread timed([&] {
            pin_this_thread(0);
            ball.value.store(1, std::memory_order_release);
            while (ball.value.load(std::memory_order_acquire) != 2) {  // the other one is there
            }
            const double taken = nanoseconds([] {
                for (int i = 1; i < kRounds; ++i) {
                    ball.value.store(2 * i + 1, std::memory_order_release);
                    while (ball.value.load(std::memory_order_acquire) != 2 * i + 2) {
                    }
                }
            });
            least = std::min(least, taken / (2.0 * (kRounds - 1)));
        });
        timed.join();
        other.join();
        ball.value = 0;
    }
    return least;
}

inline Json machine() {
    std::ifstream info("/proc/cpuinfo");
    std::string model = "unknown";
    for (std::string line; std::getline(info, line);) {
        if (line.starts_with("model name")) {
            model = line.substr(line.find(':') + 2);
            break;
        }
    }
    return {{"cpu", model},
            {"cores", std::thread::hardware_concurrency()},
            {"core_distance_ns", core_distance_ns()}};
}

class Report {
  public:
    explicit Report(std::string subject)
        : document_{{"subject", std::move(subject)}, {"machine", machine()}, {"rows", Json::array()}} {}

    void add(const Row& row) {
        Json out{{"name", row.name},
                 {"unit", row.unit},
                 {"better", row.lower_is_better ? "lower" : "higher"},
                 {"min", *std::ranges::min_element(row.ours)},
                 {"p50", median(row.ours)},
                 {"peer", nullptr},
                 {"peer_version", nullptr},
                 {"peer_p50", nullptr},
                 {"ratio", nullptr}};
        if (!row.peer.empty()) {
            out["peer"] = row.peer_name;
            out["peer_version"] = row.peer_version;
            out["peer_p50"] = median(row.peer);
            out["ratio"] = median(row.ours) / median(row.peer);
        }
        if (!row.distance.empty()) {
            out["distance"] = row.distance;
        }
        document_["rows"].push_back(std::move(out));
    }

    // A row of another form; it has a name at least.
    void add(Json row) { document_["rows"].push_back(std::move(row)); }

    // Words about the run, such as which peers are absent.
    void note(const std::string& words) {
        std::fprintf(stderr, "%s\n", words.c_str());
        document_["notes"].push_back(words);
    }

    // Prints the document; what main() returns.
    int print() const {
        std::puts(document_.dump(2).c_str());
        return 0;
    }

  private:
    Json document_;
};

}  // namespace resonant::bench
