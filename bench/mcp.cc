// The figures of the protocol as a client sees them: bench_mcp [--peers] [--json]. Our tool is health.check
// with all stages and the ledger on; the peer is `echo` by the Rust SDK (build/rmcp), which has neither.
//
//     stdio_p50    us   one call in flight over pipes
//     stdio_rate   1/s  16 calls in flight over pipes
//     http_p50     us   one call in flight over one connection that stays open
//     http_rate    1/s  16 connections, a call in flight on each
//     list_ms      ms   tools/list, the families
//     attach_ms    ms   `resonant mcp` on a running kernel until its initialize is answered
//     ready_ms     ms   `resonant up` on a fresh home until it takes connections
//     gateway_added us  a call of the peer's echo through us less one straight to it, in turn; needs --peers
//     gateway_acting us the same when the call counts as acting: its intent is on the disk first
//     rss_mib      MiB  the kernel before the model is loaded; rss_reconnects_mib after 10,000 connections
#include <algorithm>
#include <memory>

#include "bench/mcp_client.h"
#include "bench/report.h"

namespace fs = std::filesystem;

namespace resonant::bench {
namespace {

constexpr int kRuns = 7;
constexpr int kInFlight = 16;
constexpr int kOneByOne = 1'000;
constexpr int kTogether = 8'000;
constexpr const char* kOurs = R"({"name":"health_check","arguments":{}})";
constexpr const char* kEcho = R"({"name":"echo","arguments":{"message":"hello"}})";
constexpr const char* kList = R"({"jsonrpc":"2.0","id":3,"method":"tools/list"})";

void check(std::string_view answer) {
    if (answer.find("\"result\"") == std::string_view::npos || answer.find("\"isError\":true") != std::string_view::npos) {
        give_up("a call was answered with " + std::string(answer.substr(0, 400)));
    }
}

// A call with an id that no other call has: a server may refuse one that is still under way.
std::string call_of(const char* params) {
    static std::uint64_t id = 100;
    return R"({"jsonrpc":"2.0","id":)" + std::to_string(++id) + R"(,"method":"tools/call","params":)" + params + "}";
}

// The median microseconds of one call at a time.
template <typename Client>
double one_by_one(Client& client, const char* params) {
    std::vector<double> taken;
    for (int i = 0; i < kOneByOne; ++i) {
        const std::string call = call_of(params);
        taken.push_back(nanoseconds([&] { check(client.ask(call)); }) / 1'000);
    }
    return median(taken);
}

double rate(double nanoseconds_taken) { return kTogether / (nanoseconds_taken * 1e-9); }

// Calls a second with a window of calls on one pipe.
double windowed(StdioClient& client, const char* params) {
    return rate(nanoseconds([&] {
        for (int sent = 0, answered = 0; answered < kTogether;) {
            std::string burst;
            for (; sent < kTogether && sent - answered < kInFlight; ++sent) {
                burst.append(burst.empty() ? "" : "\n").append(call_of(params));
            }
            if (!burst.empty()) {
                client.send(burst);
            }
            check(client.receive());
            ++answered;
        }
    }));
}

// Calls a second with one call in flight on each of many connections.
double side_by_side(std::vector<std::unique_ptr<HttpClient>>& clients, const char* params) {
    return rate(nanoseconds([&] {
        for (auto& client : clients) {
            client->send(call_of(params));
        }
        for (std::size_t i = 0; i < kTogether; ++i) {
            HttpClient& client = *clients[i % clients.size()];
            check(client.receive());
            if (i + clients.size() < kTogether) {
                client.send(call_of(params));
            }
        }
    }));
}

int free_port() {
    const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        give_up("no port is free");
    }
    ::close(probe);
    return ntohs(address.sin_port);
}

void wait_for(int port) {
    for (int i = 0; i < 10'000; ++i) {
        if (HttpClient(port, "").connected()) {
            return;
        }
        ::usleep(500);
    }
    give_up("nobody listens on port " + std::to_string(port));
}

double resident_mib(pid_t process) {
    std::ifstream status("/proc/" + std::to_string(process) + "/status");
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) {
            return std::stod(line.substr(6)) / 1'024;
        }
    }
    give_up("the kernel's memory cannot be read");
}

struct Side {
    std::vector<std::string> stdio;
    std::vector<std::string> http;
    int port = 0;
    std::string bearer;
    const char* call = nullptr;
};

struct Figures {
    std::vector<double> stdio_p50, stdio_rate, http_p50, http_rate;
};

void measure(const Side& side, Figures& figures) {
    {
        StdioClient client(side.stdio);
        check(client.ask(call_of(side.call)));
        figures.stdio_p50.push_back(one_by_one(client, side.call));
        figures.stdio_rate.push_back(windowed(client, side.call));
    }
    std::vector<std::unique_ptr<HttpClient>> clients;
    for (int i = 0; i < kInFlight; ++i) {
        clients.push_back(std::make_unique<HttpClient>(side.port, side.bearer));
        clients.back()->ask(kInitialize);
        check(clients.back()->ask(call_of(side.call)));
    }
    figures.http_p50.push_back(one_by_one(*clients[0], side.call));
    figures.http_rate.push_back(side_by_side(clients, side.call));
}

void add(Report& report, const char* name, const char* unit, bool lower, std::vector<double> ours,
         std::vector<double> peer = {}) {
    report.add({.name = name, .unit = unit, .lower_is_better = lower, .ours = std::move(ours), .peer = std::move(peer),
                .peer_name = "rmcp echo", .peer_version = "3.11.0"});
}

// Start, list and memory of our own.
void measure_kernel(const Side& ours, pid_t kernel, Report& report) {
    std::vector<double> attach, list;
    for (int run = 0; run < kRuns; ++run) {
        attach.push_back(nanoseconds([&] { StdioClient client(ours.stdio); }) / 1e6);
        StdioClient client(ours.stdio);
        list.push_back(nanoseconds([&] { check(client.ask(kList)); }) / 1e6);
    }
    add(report, "attach_ms", "ms", true, attach);
    add(report, "list_ms", "ms", true, list);
    add(report, "rss_mib", "MiB", true, {resident_mib(kernel)});
    for (int i = 0; i < 10'000; ++i) {
        HttpClient client(ours.port, ours.bearer);
        client.ask(kInitialize);
    }
    add(report, "rss_reconnects_mib", "MiB", true, {resident_mib(kernel)});
}

std::vector<double> ready_times(const std::string& program) {
    std::vector<double> taken;
    for (int run = 0; run < kRuns; ++run) {
        BenchHome home;
        const int port = free_port();
        std::unique_ptr<Child> kernel;
        taken.push_back(nanoseconds([&] {
                            kernel = std::make_unique<Child>(
                                std::vector<std::string>{program, "up", "--home", home.home().root.string(), "--http",
                                                         "127.0.0.1:" + std::to_string(port)},
                                false);
                            wait_for(port);
                        }) / 1e6);
    }
    return taken;
}

// What a call costs more when it goes through us: the same server straight, and behind a kernel of its own.
std::vector<double> gateway_added(const std::string& program, const std::string& rmcp, bool reads_only) {
    BenchHome home;
    const std::string root = home.home().root.string();
    std::ofstream(home.home().config()) << "[servers.rmcp]\ncommand = [\"" << rmcp << "\"]\ntrusted_first = true\nreads_only = "
                                        << (reads_only ? "true" : "false") << "\n";
    const int port = free_port();
    const Child kernel({program, "up", "--home", root, "--http", "127.0.0.1:" + std::to_string(port)}, false);
    wait_for(port);
    StdioClient through({program, "mcp", "--home", root}), straight({rmcp});
    const char* behind = R"({"name":"rmcp__echo","arguments":{"message":"hello"}})";
    for (int i = 0; through.ask(call_of(behind)).find("Echo: hello") == std::string_view::npos; ++i) {
        if (i == 500) {
            give_up("the server behind the gateway does not answer");
        }
        ::usleep(10'000);
    }
    std::vector<double> added;
    for (int run = 0; run < kRuns; ++run) {
        const double us = one_by_one(through, behind);
        added.push_back(us - one_by_one(straight, kEcho));
    }
    return added;
}

}  // namespace
}  // namespace resonant::bench

int main(int count, char** words) {
    using namespace resonant::bench;
    const bool peers = std::find(words + 1, words + count, std::string_view("--peers")) != words + count;
    const fs::path build = fs::weakly_canonical(words[0]).parent_path().parent_path();
    const std::string program = (build / "resonant").string();
    const std::string rmcp = (build / "rmcp/release/rmcp-echo").string();
    if (peers && !fs::exists(rmcp)) {
        give_up("the peer is missing; build it with: scripts/setup.sh rmcp");
    }
    Report report("mcp");
    BenchHome home;
    const std::string root = home.home().root.string();
    Side ours{.stdio = {program, "mcp", "--home", root}, .http = {}, .port = free_port(),
              .bearer = must(resonant::runtime::read_file(home.home().token())), .call = kOurs};
    ours.bearer.erase(ours.bearer.find_last_not_of(" \n") + 1);
    ours.http = {program, "up", "--home", root, "--http", "127.0.0.1:" + std::to_string(ours.port)};
    Side theirs{.stdio = {rmcp}, .http = {}, .port = free_port(), .bearer = "", .call = kEcho};
    theirs.http = {rmcp, "127.0.0.1:" + std::to_string(theirs.port)};

    const Child kernel(ours.http, false);
    wait_for(ours.port);
    const std::unique_ptr<Child> peer = peers ? std::make_unique<Child>(theirs.http, false) : nullptr;
    if (peers) {
        wait_for(theirs.port);
    }
    measure_kernel(ours, kernel.pid(), report);
    Figures us, them;
    for (int run = 0; run < kRuns; ++run) {
        measure(ours, us);
        if (peers) {
            measure(theirs, them);
        }
    }
    add(report, "stdio_p50", "us", true, us.stdio_p50, them.stdio_p50);
    add(report, "stdio_rate", "1/s", false, us.stdio_rate, them.stdio_rate);
    add(report, "http_p50", "us", true, us.http_p50, them.http_p50);
    add(report, "http_rate", "1/s", false, us.http_rate, them.http_rate);
    if (peers) {
        add(report, "gateway_added", "us", true, gateway_added(program, rmcp, true));
        add(report, "gateway_acting", "us", true, gateway_added(program, rmcp, false));
    }
    add(report, "ready_ms", "ms", true, ready_times(program));
    return report.print();
}
