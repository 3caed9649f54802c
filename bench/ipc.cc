// The figures of channels: one way from the owner in this process to a guest in another and back,
// both polling, halved. The owner fills each sample in place, the guest touches a byte of every line.
//
//     bench_ipc [--peers] [--json]    one JSON document on stdout
//
// board_topic and batch_1mib go over iceoryx2 through our interface and C ABI; the peer is the crate
// alone, interleaved. The rows *_sealed are our other kind of channel.
//
//     bench_ipc guest KIND THERE PREFIX BACK PREFIX BYTES    the other end, started by the first
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "bench/peer.h"
#include "bench/report.h"
#include "resonant/ipc/root.h"

namespace {

using namespace resonant;

constexpr int kRuns = 5;
constexpr std::size_t kBoard = 4096;
constexpr std::size_t kBatch = 1024 * 1024;
constexpr std::uint64_t kOver = ~std::uint64_t{0};

int rounds_of(std::size_t bytes) { return bytes == kBoard ? 1'000 : 100; }

[[noreturn]] void stop(const std::string& words) {
    std::fprintf(stderr, "%s\n", words.c_str());
    std::_Exit(1);
}
template <typename T>
T must(Result<T> result) {
    if (!result) {
        stop(result.error().message);
    }
    return std::move(*result);
}

void send(ipc::Owner& owner, std::size_t bytes, std::uint64_t value) {
    const std::span<std::byte> sample = must(owner.loan(0, bytes));
    std::memset(sample.data(), 3, sample.size());
    std::memcpy(sample.data(), &value, sizeof value);
    must(owner.send(0));
}

std::optional<std::uint64_t> receive(ipc::Subscriber& subscriber) {
    const std::optional<ipc::Sample> sample = must(subscriber.receive());
    if (!sample) {
        return std::nullopt;
    }
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < sample->bytes.size(); i += 64) {
        sum += static_cast<std::uint64_t>(sample->bytes[i]);
    }
    asm volatile("" : : "r"(sum));
    std::uint64_t value = 0;
    std::memcpy(&value, sample->bytes.data(), sizeof value);
    return value;
}

ipc::Services topic(std::size_t bytes) { return {.topics = {{.name = "ping", .sample_max = Bytes{bytes}, .buffer = 4}}}; }

void answer(ipc::Owner& owner) { must(owner.answer([](std::string_view) { return std::string(); })); }

// Joins `place` while answering those who join `mine`: each end owns one channel and joins the other.
std::unique_ptr<ipc::Guest> join_beside(ipc::Kind kind, const ipc::Place& place, ipc::Owner& mine) {
    std::unique_ptr<ipc::Guest> guest;
    std::atomic<bool> there{false};
    std::thread joining([&] {
        for (int tries = 0; guest == nullptr && tries < 2'000; ++tries) {
            auto joined = ipc::join(kind, place);
            if (joined) {
                guest = std::move(*joined);
            } else {
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
        }
        there = true;
    });
    while (!there) {
        answer(mine);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    joining.join();
    if (guest == nullptr) {
        stop("the other end did not come");
    }
    return guest;
}

int be_guest(char** words) {
    const ipc::Kind kind = words[2] == std::string("sealed") ? ipc::Kind::Sealed : ipc::Kind::Iceoryx2;
    const std::size_t bytes = std::stoul(words[7]);
    bench::pin_this_thread(1);
    const auto owner = must(ipc::own(kind, {words[5], words[6]}, topic(bytes)));
    const auto guest = join_beside(kind, {words[3], words[4]}, *owner);
    const auto subscriber = must(guest->subscribe("ping"));
    for (bool starting = true;;) {
        const std::optional<std::uint64_t> value = receive(*subscriber);
        if (starting) {
            answer(*owner);  // the first one may still be joining
        }
        if (!value) {
            continue;
        }
        starting = *value == 0;
        send(*owner, bytes, *value);
        if (*value == kOver) {
            std::this_thread::sleep_for(std::chrono::milliseconds(50));  // it is read before it goes
            return 0;
        }
    }
}

pid_t start_guest(std::vector<std::string> words) {
    words.insert(words.begin(), {"bench_ipc", "guest"});
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    pid_t pid = -1;
    if (::posix_spawn(&pid, "/proc/self/exe", nullptr, nullptr, arguments.data(), environ) != 0) {
        stop("the other end cannot be started");
    }
    return pid;
}

// The median of one way, in ns.
double one_way(ipc::Kind kind, std::size_t bytes, const std::filesystem::path& folder) {
    static std::uint64_t number = 0;
    const auto there = must(ipc::Root::create(folder / "there", ++number));
    const auto back = must(ipc::Root::create(folder / "back", number));
    const auto owner = must(ipc::own(kind, there->place(), topic(bytes)));
    const pid_t other = start_guest({std::string(ipc::name_of(kind)), there->place().folder.string(), there->place().prefix,
                                     back->place().folder.string(), back->place().prefix, std::to_string(bytes)});
    bench::pin_this_thread(0);
    const auto guest = join_beside(kind, back->place(), *owner);
    const auto subscriber = must(guest->subscribe("ping"));
    while (!receive(*subscriber)) {
        answer(*owner);
        send(*owner, bytes, 0);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    while (receive(*subscriber)) {
    }
    std::vector<double> trips;
    for (int round = 1; round <= rounds_of(bytes); ++round) {
        const auto start = std::chrono::steady_clock::now();
        send(*owner, bytes, static_cast<std::uint64_t>(round));
        while (receive(*subscriber) != static_cast<std::uint64_t>(round)) {
        }
        trips.push_back(std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / 2);
    }
    send(*owner, bytes, kOver);
    ::waitpid(other, nullptr, 0);
    return bench::median(trips);
}

struct Rows {
    bench::Row topic;
    bench::Row sealed;
    std::size_t bytes;
};

bench::Row row(const std::string& name, bool with_peer) {
    return {.name = name, .unit = "ns", .ours = {}, .peer_name = with_peer ? "raw iceoryx2" : "",
            .peer_version = with_peer ? "0.10.0" : ""};
}

}  // namespace

int main(int count, char** words) {
    std::signal(SIGPIPE, SIG_IGN);
    if (count == 8 && words[1] == std::string("guest")) {
        return be_guest(words);
    }
    char name[] = "/tmp/resonant-bench-XXXXXX";
    const std::filesystem::path folder = ::mkdtemp(name);
    const bool peers = std::find(words, words + count, std::string("--peers")) != words + count;
    const std::string program = "build/iceoryx2/release/iceoryx2_peer";
    {
        bench::Peer peer(peers ? program : "", {program, (folder / "peer").string()});
        bench::Report report("ipc");
        if (!ipc::is_built(ipc::Kind::Iceoryx2)) {
            report.note("absent: iceoryx2; its rows are left out (needs cargo >= 1.89 when building)");
        } else if (peers && !peer.present()) {
            report.note("absent: the peer raw iceoryx2; see scripts/setup.sh ipc_peer");
        }
        std::vector<Rows> all = {{row("board_topic", true), row("board_topic_sealed", false), kBoard},
                                 {row("batch_1mib", true), row("batch_1mib_sealed", false), kBatch}};
        for (int run = 0; run < kRuns; ++run) {
            for (Rows& rows : all) {
                if (ipc::is_built(ipc::Kind::Iceoryx2)) {
                    rows.topic.ours.push_back(one_way(ipc::Kind::Iceoryx2, rows.bytes, folder));
                    const auto figure = peer.ask("ping " + std::to_string(rows.bytes) + " " + std::to_string(rounds_of(rows.bytes)));
                    if (figure) {
                        rows.topic.peer.push_back(*figure);
                    }
                }
                rows.sealed.ours.push_back(one_way(ipc::Kind::Sealed, rows.bytes, folder));
            }
        }
        for (const Rows& rows : all) {
            for (const bench::Row* one : {&rows.topic, &rows.sealed}) {
                if (!one->ours.empty()) {
                    report.add(*one);
                }
            }
        }
        report.print();
    }
    std::filesystem::remove_all(folder);
    return 0;
}
