// The figures of the ring, each beside its peer's of the same round.
//
//     bench_ring [--peers] [--json]    one JSON document on stdout
//
// The number in a name is the size of the body in bytes; rows between two cores carry 56, an event without a name. Rows between two cores are kept apart by
// how far the cores were from each other in that round: below kNear it says "near", else "far".
#include <algorithm>
#include <csignal>
#include <deque>
#include <map>
#include <optional>

#include "bench/peer.h"
#include "bench/report.h"
#include "bench/ring_measures.h"

namespace {

using namespace resonant::bench;

constexpr int kRounds = 5;
constexpr double kNear = 80;  // ns one way; the two states seen are 25-35 and 155-200

struct Peers {
    Peer lmax{"build/peers/classes/LmaxPeer.class",
              {"java", "-Xmx512m", "-cp", "build/peers/classes:build/peers/lib/*", "LmaxPeer"}};
    Peer aeron{"build/peers/classes/AeronPeer.class",
               {"taskset", "-c", "0", "java", "--add-opens", "java.base/jdk.internal.misc=ALL-UNNAMED", "--add-opens",
                "java.base/sun.nio.ch=ALL-UNNAMED", "--add-opens", "java.base/java.nio=ALL-UNNAMED",
                "-cp", "build/peers/classes:build/peers/lib/*", "AeronPeer"}};
    Peer rust{"build/peers/rust/release/rust_peers", {"build/peers/rust/release/rust_peers"}};
    Peer boost{"build/peers/boost_peer", {"build/peers/boost_peer"}};
};

// One figure to be measured: ours, and the peer's where it has one.
struct Measure {
    std::string name, unit;
    bool lower = true;
    bool across = false;  // between two cores
    std::function<double()> ours;
    std::string peer_name, peer_version;
    std::function<std::optional<double>()> peer;
};

std::optional<double> least(std::initializer_list<std::optional<double>> figures) {
    std::optional<double> best;
    for (const std::optional<double>& figure : figures) {
        if (figure && (!best || *figure < *best)) {
            best = figure;
        }
    }
    return best;
}

// The rows whose peers are other programs; `peers` is null without --peers.
std::vector<Measure> against_others(Peers* peers) {
    const auto ask = [](Peer Peers::*which, Peers* all, std::string question) {
        return [=]() -> std::optional<double> {
            return all == nullptr ? std::nullopt : (all->*which).ask(question);
        };
    };
    const auto lmax = [&](const char* question) { return ask(&Peers::lmax, peers, question); };
    const std::string disruptor = "LMAX disruptor";
    return {
        {"publish_64", "ns", true, false, publish_exclusive<8>, disruptor, "4.0.0", lmax("publish_64")},
        {"publish_56", "ns", true, false, publish_exclusive<7>, disruptor, "4.0.0", lmax("publish_56")},
        {"publish_120", "ns", true, false, publish_exclusive<15>, disruptor, "4.0.0", lmax("publish_120")},
        {"publish_64_shared", "ns", true, false, publish_shared<8>, disruptor + ", multi", "4.0.0", lmax("publish_64_multi")},
        {"publish_64_two_threads", "ns", true, true, publish_from_two, disruptor + ", multi", "4.0.0", lmax("publish_64_two_threads")},
        {"publish_64_broadcast", "ns", true, false, publish_shared<8>, "tokio broadcast", "1.54.1", ask(&Peers::rust, peers, "tokio_publish")},
        {"throughput_1p1c", "M/s", false, true, [] { return throughput(1); }, disruptor, "4.0.0", lmax("throughput_1p1c")},
        {"throughput_1p3c", "M/s", false, true, [] { return throughput(3); }, disruptor, "4.0.0", lmax("throughput_1p3c")},
        {"throughput_1p1c_batch", "M/s", false, true, [] { return throughput(1); }, "crate disruptor", "4.4.0",
         ask(&Peers::rust, peers, "disruptor_throughput")},
        {"oneway_thread", "ns", true, true, [] { return one_way(Reader::Thread); }, "best of LMAX, rtrb, boost", "4.0.0, 0.4.1, 1.81",
         [=]() -> std::optional<double> {
             return peers == nullptr ? std::nullopt
                                     : least({peers->lmax.ask("oneway"), peers->rust.ask("rtrb_oneway"), peers->boost.ask("oneway")});
         }},
        {"oneway_process", "ns", true, true, [] { return one_way(Reader::Process); }, "Aeron IPC", "1.51.0", ask(&Peers::aeron, peers, "oneway")},
    };
}

// The rows whose peer is another way of doing it here.
std::vector<Measure> against_own() {
    return {
        {"wake_hot", "ns", true, true, [] { return wake(Sleeper::Hybrid, 10'000); }, "spinning reader", "own",
         [] { return std::optional(wake(Sleeper::Spinning, 10'000)); }},
        {"wake_cold", "ns", true, true, [] { return wake(Sleeper::Block, 500'000); }, "raw futex", "Linux",
         [] { return std::optional(wake(Sleeper::RawFutex, 500'000)); }},
        {"publish_no_sleeper_extra", "ns", true, false, [] { return publish_exclusive<8>() - publish_plain(); },
         "publishing without looking for sleepers", "own", [] { return std::optional(publish_plain()); }},
        {"false_sharing", "ns", true, true, [] { return two_counters(true); }, "the layout without padding", "own",
         [] { return std::optional(two_counters(false)); }},
        {"publish_event", "ns", true, false, publish_event, "", "", {}},
        {"fast_lane_max_ms", "ms", true, false, fast_lane_max_ms, "", "", {}},
        {"idle_cpu_1000_sleepers", "%", true, false, idle_cpu_of_1000, "", "", {}},
    };
}

// One round of one measure, in the row of the distance that held.
void sample(const Measure& measure, std::map<std::string, Row>& rows) {
    const double before = measure.across ? core_distance_ns() : 0;
    const double ours = measure.ours();
    const std::optional<double> peer = measure.peer ? measure.peer() : std::nullopt;
    const double after = measure.across ? core_distance_ns() : 0;
    if ((before < kNear) != (after < kNear)) {
        return;  // the cores moved meanwhile
    }
    const std::string distance = !measure.across ? "" : before < kNear ? "near" : "far";
    Row& row = rows.try_emplace(distance, Row{.name = measure.name,
                                              .unit = measure.unit,
                                              .lower_is_better = measure.lower,
                                              .ours = {},
                                              .peer_name = measure.peer_name,
                                              .peer_version = measure.peer_version,
                                              .distance = distance}).first->second;
    row.ours.push_back(ours);
    if (peer) {
        row.peer.push_back(*peer);
    }
}

}  // namespace

int main(int count, char** words) {
    std::signal(SIGPIPE, SIG_IGN);
    std::optional<Peers> peers;
    if (std::find(words, words + count, std::string("--peers")) != words + count) {
        peers.emplace();
    }
    std::vector<Measure> measures = against_others(peers ? &*peers : nullptr);
    for (Measure& measure : against_own()) {
        measures.push_back(std::move(measure));
    }
    Report report("ring");
    if (peers) {
        for (const auto& [name, peer] : {std::pair{"LMAX disruptor", &peers->lmax}, {"Aeron", &peers->aeron},
                                         {"crates disruptor and rtrb", &peers->rust}, {"boost", &peers->boost}}) {
            if (!peer->present()) {
                report.note(std::string("absent: ") + name + "; see scripts/setup.sh peers");
            }
        }
    }
    std::vector<std::map<std::string, Row>> rows(measures.size());
    for (const Measure& measure : measures) {  // the peers' compilers get warm
        static_cast<void>(measure.peer && peers ? measure.peer() : std::nullopt);
    }
    for (int round = 0; round < kRounds; ++round) {
        for (std::size_t i = 0; i < measures.size(); ++i) {
            sample(measures[i], rows[i]);
        }
    }
    for (std::size_t i = 0; i < measures.size(); ++i) {
        for (int again = 0; rows[i].empty() && again < 20; ++again) {
            sample(measures[i], rows[i]);
        }
        for (const auto& [distance, row] : rows[i]) {
            report.add(row);
        }
    }
    return report.print();
}
