// The figures of the door: bench_dispatch [--peers] [--json]. A whole kernel is built in a fresh home; its
// policy raises the limits and skips no stage. The stdio rows start `resonant mcp` on a home of its own.
//
//     precheck_deny             ns  a used-up limit, read from the live words
//     denied_without_precheck   ns  the same denial by the stages; the peer is the precheck
//     call_all_stages           us  a reading tool through everything, ledger note included
//     write_all_stages          us  memory.add: intent, rows and outcome in one durable transaction
//     denied_call_stdio         us  a denied call over pipes; the peer is `ping` on the same pipes
//     first_call_ms             ms  `resonant mcp` on a running kernel: start, initialize, first answer
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "bench/report.h"
#include "resonant/dispatch/precheck.h"
#include "resonant/runtime/kernel.h"
#include "resonant/runtime/parts.h"

namespace resonant::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kRuns = 9;
constexpr const char* kPolicy = R"(
version: 1
limits:
  agent_calls_per_minute: 10000000
  tools: {"board.read": 1, "*": 10000000}
)";

[[noreturn]] void give_up(const std::string& words) {
    std::fprintf(stderr, "bench dispatch: %s\n", words.c_str());
    std::exit(1);
}

template <typename T>
T must(Result<T> result) {
    if (!result) {
        give_up(result.error().message);
    }
    return std::move(*result);
}

// A home in the temporary folder that is gone afterwards.
class BenchHome {
  public:
    BenchHome() : home_(must(runtime::open_home(fs::temp_directory_path() / ("resonant-bench-" + random_.hex(8)), random_))) {
        fs::create_directories(home_.policy());
        std::ofstream(home_.policy() / "10-bench.yaml") << kPolicy;
    }
    ~BenchHome() { fs::remove_all(home_.root); }
    const runtime::Home& home() const { return home_; }

  private:
    SystemRandom random_;
    runtime::Home home_;
};

call::Request request(const std::string& tool, Json arguments = Json::object()) {
    call::Request made;
    made.tool = tool;
    made.arguments = std::move(arguments);
    made.caller = {.principal = "uid:1000", .client = "bench", .role = call::Role::Agent,
                   .transport = call::Transport::Stdio, .contained = false, .connection = 1};
    return made;
}

// Per call, over `count` calls.
template <typename Work>
double each(int count, Work work) {
    return nanoseconds([&] {
               for (int i = 0; i < count; ++i) {
                   work(i);
               }
           }) / count;
}

void measure_judgement(runtime::Parts& parts, Report& report) {
    dispatch::Precheck precheck(*parts.plane, *parts.breaker, *parts.limiter);
    call::Call call;
    call.contract = &parts.toolbox.find("board.read")->contract;
    call.caller = request("").caller;
    call.arguments = {{"field", "error_rate"}};
    call.at = parts.clock.wall();
    call::Memo memo;
    call.memo = &memo;
    std::vector<govern::Passage> passages;
    while (!precheck.explain(call)) {  // uses the limit up
        static_cast<void>(parts.pipeline->judge(call, passages));
    }
    Row by_precheck{.name = "precheck_deny", .unit = "ns", .ours = {}};
    Row by_stages{.name = "denied_without_precheck", .unit = "ns", .ours = {}};
    for (int run = 0; run < kRuns; ++run) {
        by_precheck.ours.push_back(each(20'000, [&](int) {
            if (dispatch::Precheck::passed(precheck.judge(call))) {
                give_up("the precheck let a used-up limit pass");
            }
        }));
        by_stages.ours.push_back(each(20'000, [&](int) {
            if (!parts.pipeline->judge(call, passages)) {
                give_up("the stages let a used-up limit pass");
            }
        }));
    }
    by_stages.peer = by_precheck.ours;
    by_stages.peer_name = "denied by the precheck";
    by_stages.peer_version = runtime::program_version();
    report.add(by_precheck);
    report.add(by_stages);
}

void measure_calls(runtime::Parts& parts, Report& report) {
    const auto run = [&](call::Request made) {
        const call::Reply reply = parts.dispatcher->run(std::move(made));
        if (reply.error) {
            give_up(reply.content.dump());
        }
    };
    Row reading{.name = "call_all_stages", .unit = "us", .ours = {}};
    Row writing{.name = "write_all_stages", .unit = "us", .ours = {}};
    run(request("health.check"));
    for (int round = 0; round < kRuns; ++round) {
        reading.ours.push_back(each(2'000, [&](int) { run(request("health.check")); }) / 1'000);
        writing.ours.push_back(each(100, [&](int i) {
            run(request("memory.add", {{"content", "note " + std::to_string(round * 100 + i) + " of the benchmark"}}));
        }) / 1'000);
    }
    report.add(reading);
    report.add(writing);
}

// `resonant mcp` with its pipes.
class Client {
  public:
    Client(const std::string& program, const fs::path& home) {
        int in[2], out[2];
        if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) {
            give_up("no pipe could be made");
        }
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, in[0], 0);
        posix_spawn_file_actions_adddup2(&actions, out[1], 1);
        const std::string root = home.string();
        const char* words[] = {program.c_str(), "mcp", "--home", root.c_str(), nullptr};
        if (::posix_spawn(&child_, program.c_str(), &actions, nullptr, const_cast<char**>(words), environ) != 0) {
            give_up(program + " could not be started; build it with ./dev build");
        }
        posix_spawn_file_actions_destroy(&actions);
        ::close(in[0]);
        ::close(out[1]);
        to_ = ::fdopen(in[1], "w");
        from_ = ::fdopen(out[0], "r");
        ask(R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",)"
            R"("capabilities":{},"clientInfo":{"name":"bench","version":"1"}}})");
        send(R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client() {
        ::fclose(to_);
        ::fclose(from_);
        ::waitpid(child_, nullptr, 0);
        std::free(line_);
    }

    std::string_view ask(const std::string& message) {
        send(message);
        const ssize_t length = ::getline(&line_, &room_, from_);
        if (length <= 0) {
            give_up("the kernel closed the pipe");
        }
        return {line_, static_cast<std::size_t>(length)};
    }

  private:
    void send(const std::string& message) {
        std::fputs(message.c_str(), to_);
        std::fputc('\n', to_);
        std::fflush(to_);
    }

    pid_t child_ = 0;
    std::FILE* to_ = nullptr;
    std::FILE* from_ = nullptr;
    char* line_ = nullptr;
    std::size_t room_ = 0;
};

constexpr const char* kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
constexpr const char* kRead = R"({"jsonrpc":"2.0","id":2,"method":"tools/call","params":)"
                              R"({"name":"board_read","arguments":{"field":"error_rate"}}})";

void measure_stdio(const std::string& program, Report& report) {
    BenchHome home;
    Row denied{.name = "denied_call_stdio", .unit = "us", .ours = {}, .peer_name = "ping", .peer_version = runtime::program_version()};
    Row first{.name = "first_call_ms", .unit = "ms", .ours = {}};
    {
        Client client(program, home.home().root);  // starts the kernel
        client.ask(kRead);                         // uses the limit up
        if (client.ask(kRead).find("rate_limiter") == std::string_view::npos) {
            give_up("the second call of board.read was not denied");
        }
        for (int run = 0; run < kRuns; ++run) {
            denied.ours.push_back(each(2'000, [&](int) { client.ask(kRead); }) / 1'000);
            denied.peer.push_back(each(2'000, [&](int) { client.ask(kPing); }) / 1'000);
            first.ours.push_back(nanoseconds([&] {
                                     Client(program, home.home().root).ask(kRead);
                                 }) / 1e6);
        }
    }
    const std::string down = program + " down --home '" + home.home().root.string() + "' >&2";
    if (std::system(down.c_str()) != 0) {
        give_up("the kernel did not go down");
    }
    report.add(denied);
    report.add(first);
}

}  // namespace
}  // namespace resonant::bench

int main(int, char** argv) {
    using namespace resonant::bench;
    Report report("dispatch");
    {
        BenchHome home;
        const resonant::runtime::Config config;
        auto parts = must(resonant::runtime::Parts::create(home.home(), config));
        measure_judgement(*parts, report);
        measure_calls(*parts, report);
    }
    const auto folder = std::filesystem::weakly_canonical(argv[0]).parent_path();
    measure_stdio((folder.parent_path() / "resonant").string(), report);
    return report.print();
}
