// The figures of the door: bench_dispatch [--peers] [--json]. A whole kernel is built in a fresh home; its
// policy raises the limits and skips no stage. The stdio rows start `resonant mcp` on a home of its own.
//
//     precheck_deny             ns  a used-up limit, read from the live words
//     denied_without_precheck   ns  the same denial by the stages; the peer is the precheck
//     call_all_stages           us  a reading tool through everything, ledger note included
//     write_all_stages          us  memory.add: intent, rows and outcome in one durable transaction
//     denied_call_stdio         us  a denied call over pipes; the peer is `ping` on the same pipes
//     first_call_ms             ms  `resonant mcp` on a running kernel: start, initialize, first answer
#include <memory>

#include "bench/mcp_client.h"
#include "bench/report.h"
#include "resonant/dispatch/precheck.h"
#include "resonant/runtime/kernel.h"
#include "resonant/runtime/parts.h"

namespace resonant::bench {
namespace {

constexpr int kRuns = 9;
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

constexpr const char* kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
constexpr const char* kRead = R"({"jsonrpc":"2.0","id":2,"method":"tools/call","params":)"
                              R"({"name":"board_read","arguments":{"field":"error_rate"}}})";

void measure_stdio(const std::string& program, Report& report) {
    BenchHome home;
    const std::vector<std::string> command{program, "mcp", "--home", home.home().root.string()};
    Row denied{.name = "denied_call_stdio", .unit = "us", .ours = {}, .peer_name = "ping", .peer_version = runtime::program_version()};
    Row first{.name = "first_call_ms", .unit = "ms", .ours = {}};
    {
        StdioClient client(command);               // starts the kernel
        client.ask(kRead);                         // uses the limit up
        if (client.ask(kRead).find("rate_limiter") == std::string_view::npos) {
            give_up("the second call of board.read was not denied");
        }
        for (int run = 0; run < kRuns; ++run) {
            denied.ours.push_back(each(2'000, [&](int) { client.ask(kRead); }) / 1'000);
            denied.peer.push_back(each(2'000, [&](int) { client.ask(kPing); }) / 1'000);
            first.ours.push_back(nanoseconds([&] {
                                     StdioClient(command).ask(kRead);
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
