// How answers come under load: bench_load [--peers] [--quick] [--json]. Every client stays and asks again after a time to
// think (0, 50 ms, 1 s); ours is health.check with all stages and the ledger on, the peer is `echo` by the Rust SDK
// (build/rmcp), which has neither. Both are asked the same bytes by the same program, in turn.
//
//     kind "http"      POST, a connection a client that stays open; with --peers beside the peer
//     kind "stdio"     lines over socket pairs that the kernel was handed, as `resonant mcp` does
//     kind "sse"       event streams that stay open, each notified of every change; answers are notifications, their
//                      times count from the first client that has one
//     kind "overload"  HTTP with connections_max = 512: 512 clients, then 1,024; what is refused comes again. `goodput`
//                      is the second over the first, to be 0.9 at least
//
// A row: clients, think_ms, answers_per_s, p50_us, p99_us, refused, closed_unanswered (to be 0), failed, silent (clients
// that got no answer in the time measured), rss_kib_a_client; with a peer peer_answers_per_s, peer_p50_us, peer_p99_us,
// peer_closed_unanswered and ratio (ours / peer, medians). Counts that descriptors do not allow are left out with a note.
// --quick: 16, 256 and 1,024 clients, about a minute; all: about ten.
#include <sys/resource.h>

#include <algorithm>
#include <memory>

#include "bench/load_watch.h"
#include "bench/mcp_client.h"
#include "bench/report.h"
#include "resonant/base/descriptor_limit.h"

namespace fs = std::filesystem;

namespace resonant::bench {
namespace {

constexpr const char* kOurs = R"({"name":"health_check","arguments":{}})";
constexpr const char* kEcho = R"({"name":"echo","arguments":{"message":"hello"}})";

struct Plan {
    std::vector<std::size_t> clients{16, 64, 256, 1'024, 4'096, 10'000, 16'384};
    std::vector<int> think_ms{0, 50, 1'000};
    int runs = 3;
    double seconds = 2;
};

Plan quick() { return {{16, 256, 1'024}, {0, 50}, 1, 1.5}; }

int free_port() {
    const Descriptor probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        give_up("no port is free");
    }
    return ntohs(address.sin_port);
}

// A server that is measured: a process and how it is reached.
class Measured {
  public:
    Measured(const std::vector<std::string>& command, Target target) : target_(std::move(target)), child_(command, false) {
        for (int i = 0; i < 20'000 && !HttpClient(target_.port, "").connected(); ++i) {
            ::usleep(500);
        }
    }
    const Target& http() const { return target_; }
    Target lines() const {
        Target target = target_;
        target.port = 0;
        return target;
    }
    double resident_kib() const {
        std::ifstream status("/proc/" + std::to_string(child_.pid()) + "/status");
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmRSS:")) {
                return std::stod(line.substr(6));
            }
        }
        give_up("a server ended while it was measured");
    }

  private:
    Target target_;
    Child child_;
};

std::unique_ptr<Measured> start_ours(const std::string& program, const BenchHome& home, const std::string& settings) {
    std::ofstream(home.home().config()) << settings;
    const int port = free_port();
    std::string bearer = must(runtime::read_file(home.home().token()));
    bearer.erase(bearer.find_last_not_of(" \n") + 1);
    return std::make_unique<Measured>(
        std::vector<std::string>{program, "up", "--home", home.home().root.string(), "--http", "127.0.0.1:" + std::to_string(port)},
        Target{port, home.home().socket(), bearer, kOurs});
}

struct Samples {
    std::vector<double> rate, p50, p99;
    std::size_t refused = 0, closed = 0, failed = 0, silent = 0;
    double rss_kib = 0;  // a client

    void add(const Figures& figures) {
        rate.push_back(figures.answers_per_s);
        p50.push_back(figures.p50_us);
        p99.push_back(figures.p99_us);
        refused += figures.refused;
        closed += figures.closed_unanswered;
        failed += figures.failed;
        silent = std::max(silent, figures.silent);
    }
};

// A whole row's worth of one side, once.
void measure(const Measured& side, const Target& target, const Load& load, Samples& samples) {
    const double before = side.resident_kib();
    Swarm swarm(target, load);
    swarm.gather();
    samples.add(swarm.run());
    samples.rss_kib = std::max(samples.rss_kib, (side.resident_kib() - before) / static_cast<double>(load.clients));
}

Json row_of(const char* kind, const Load& load, const Samples& ours) {
    return {{"name", std::string(kind) + "_" + std::to_string(load.clients) + "_think" + std::to_string(load.think_ns / 1'000'000)},
            {"kind", kind},
            {"clients", load.clients},
            {"think_ms", load.think_ns / 1'000'000},
            {"answers_per_s", median(ours.rate)},
            {"p50_us", median(ours.p50)},
            {"p99_us", median(ours.p99)},
            {"refused", ours.refused},
            {"closed_unanswered", ours.closed},
            {"failed", ours.failed},
            {"silent", ours.silent},
            {"rss_kib_a_client", ours.rss_kib},
            {"peer", nullptr},
            {"ratio", nullptr}};
}

void add_peer(Json& row, const Samples& ours, const Samples& peer) {
    row["peer"] = "rmcp echo";
    row["peer_version"] = "3.11.0";
    row["peer_answers_per_s"] = median(peer.rate);
    row["peer_p50_us"] = median(peer.p50);
    row["peer_p99_us"] = median(peer.p99);
    row["peer_closed_unanswered"] = peer.closed;
    row["ratio"] = median(ours.rate) / median(peer.rate);
}

void measure_calls(const char* kind, const Plan& plan, const Measured& ours, const Measured* peer, Report& report) {
    const bool lines = std::string_view(kind) == "stdio";
    for (const std::size_t clients : plan.clients) {
        if (clients * (lines ? 4 : 1) + 300 > descriptor_limit().soft || (lines && clients > 4'096)) {
            report.note(std::string(kind) + ": " + std::to_string(clients) + " clients are left out: more than descriptors or the kernel's limit allow");
            continue;
        }
        for (const int think_ms : plan.think_ms) {
            const Load load{clients, std::int64_t{think_ms} * 1'000'000, std::max(plan.seconds, 3.0 * think_ms / 1'000)};
            Samples us, them;
            for (int run = 0; run < plan.runs; ++run) {
                measure(ours, lines ? ours.lines() : ours.http(), load, us);
                if (peer != nullptr) {
                    measure(*peer, peer->http(), load, them);
                }
            }
            Json row = row_of(kind, load, us);
            if (peer != nullptr) {
                add_peer(row, us, them);
            }
            std::fprintf(stderr, "%s\n", row.dump().c_str());
            report.add(std::move(row));
        }
    }
}

void measure_streams(const Plan& plan, const Measured& ours, Report& report) {
    for (const std::size_t clients : plan.clients) {
        if (clients > 10'000 || clients + 300 > descriptor_limit().soft) {
            continue;
        }
        const double before = ours.resident_kib();
        Samples us;
        Watchers watchers(ours.http(), clients);
        watchers.gather();
        us.add(watchers.run(std::max(plan.seconds, 2.0), 50'000'000));
        us.rss_kib = (ours.resident_kib() - before) / static_cast<double>(clients);
        Json row = row_of("sse", {clients, 50'000'000, plan.seconds}, us);
        std::fprintf(stderr, "%s\n", row.dump().c_str());
        report.add(std::move(row));
    }
}

void measure_overload(const std::string& program, const Plan& plan, Report& report) {
    const BenchHome home;
    const auto ours = start_ours(program, home, "[http]\nconnections_max = 512\n");
    Samples full, twice;
    for (int run = 0; run < plan.runs; ++run) {
        measure(*ours, ours->http(), {512, 0, plan.seconds}, full);
        measure(*ours, ours->http(), {1'024, 0, plan.seconds + 1}, twice);
    }
    Json row = row_of("overload", {1'024, 0, plan.seconds}, twice);
    row["answers_per_s_at_limit"] = median(full.rate);
    row["goodput"] = median(twice.rate) / median(full.rate);
    std::fprintf(stderr, "%s\n", row.dump().c_str());
    report.add(std::move(row));
}

}  // namespace
}  // namespace resonant::bench

int main(int count, char** words) {
    using namespace resonant::bench;
    const auto has = [&](std::string_view word) { return std::find(words + 1, words + count, word) != words + count; };
    const fs::path build = fs::weakly_canonical(words[0]).parent_path().parent_path();
    const std::string program = (build / "resonant").string();
    const std::string rmcp = (build / "rmcp/release/rmcp-echo").string();
    if (has("--peers") && !fs::exists(rmcp)) {
        give_up("the peer is missing; build it with: scripts/setup.sh rmcp");
    }
    if (const resonant::Status raised = resonant::raise_descriptor_limit(); !raised) {
        give_up(raised.error().message);
    }
    const Plan plan = has("--quick") ? quick() : Plan{};
    Report report("load");
    const BenchHome home;
    const auto ours = start_ours(program, home, "");
    std::unique_ptr<Measured> peer;
    if (has("--peers")) {
        const int port = free_port();
        peer = std::make_unique<Measured>(std::vector<std::string>{rmcp, "127.0.0.1:" + std::to_string(port)}, Target{port, {}, "", kEcho});
    }
    measure_calls("http", plan, *ours, peer.get(), report);
    measure_calls("stdio", plan, *ours, nullptr, report);
    measure_streams(plan, *ours, report);
    measure_overload(program, plan, report);
    return report.print();
}
