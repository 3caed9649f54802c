// The figures of governance: bench_govern [--peers] [--json].
//
//     all_stages_allowed  ns  a reading call through the seven stages, built-in policy, nothing to say
//     ledger_entry        us  one durable entry of its own (a denial); the peer is one fdatasync of 4 KiB
//     rules_1000          ns  1,000 rules over one call; the peer is 10 rules
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>

#include "bench/report.h"
#include "resonant/base/descriptor.h"
#include "resonant/base/random.h"
#include "resonant/govern/governor.h"
#include "resonant/govern/ledger.h"
#include "resonant/govern/maturity.h"
#include "resonant/govern/pipeline.h"
#include "resonant/govern/rate_limiter.h"
#include "resonant/govern/roles.h"
#include "resonant/govern/rules.h"
#include "resonant/govern/sanitizer.h"

namespace resonant::bench {
namespace {

namespace fs = std::filesystem;

constexpr int kRuns = 9;

template <typename T>
T must(Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "bench govern: %s\n", result.error().message.c_str());
        std::exit(1);
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*result);
    }
}

// A folder in the temporary folder that is gone afterwards.
class BenchFolder {
  public:
    BenchFolder() { fs::create_directories(path); }
    ~BenchFolder() { fs::remove_all(path); }
    SystemRandom random;
    fs::path path = fs::temp_directory_path() / ("resonant-bench-" + random.hex(8));
};

// Limits out of the way of a benchmark; no stage is skipped.
void write_policy(const fs::path& folder, int rules) {
    fs::create_directories(folder);
    std::ofstream file(folder / "20-bench.yaml");
    file << "version: 1\nlimits: {tools: {'*': 10000000}";
    file << (rules > 0 ? ", agent_calls_per_minute: 10000000}\nrules:\n" : "}\n");
    for (int i = 0; i < rules; ++i) {
        // Half of them are looked at for every tool, half for another one.
        file << fmt::format("  - {{name: r{0}, explain: e, action: block, when: {{tools: ['{1}'], arguments: 'needle{0} +x'}}}}\n", i,
                            i % 2 == 0 ? "*" : "other.tool");
    }
}

double per_call(int count, const std::function<void()>& work) {
    return nanoseconds([&] {
               for (int i = 0; i < count; ++i) {
                   work();
               }
           }) / count;
}

struct Bench {
    Bench() {
        contract.name = "memory.search";
        contract.input_schema = {{"properties", {{"query", {{"type", "string"}}}}}};
        call.contract = &contract;
        call.arguments = {{"query", "share memory between two processes"}, {"limit", 5}};
        call.caller.principal = "uid:1000";
        call.at = clock.wall();
    }

    BenchFolder folder;
    SystemClock clock;
    std::unique_ptr<board::LimitsTable> limits = must(board::LimitsTable::create(1));
    std::unique_ptr<sql::Database> database = must(sql::Database::open(folder.path / "resonant.db", {}));
    call::Contract contract;
    call::Call call;
};

Row all_stages(Bench& bench) {
    const fs::path policy = bench.folder.path / "default";
    must(govern::write_default_policy(policy));
    govern::Rules rules(*bench.limits, bench.clock, {});
    // The built-in file with the agent's limit raised, so that the loop is not refused.
    std::ifstream in(policy / "10-default.yaml");
    std::string text((std::istreambuf_iterator<char>(in)), {});
    text.replace(text.find("1200"), 4, "10000000");
    std::ofstream(policy / "10-default.yaml") << text;
    write_policy(policy, 0);
    must(rules.load(policy));
    govern::Sanitizer sanitizer;
    govern::CircuitBreaker breaker(*bench.limits, bench.clock, rules);
    govern::RateLimiter limiter(*bench.limits, bench.clock, rules);
    govern::Roles roles;
    govern::MaturityProbes probes;
    probes.store_opens = [] { return true; };
    probes.catalogue_size = [] { return std::size_t{181}; };
    govern::Maturity maturity(bench.clock, probes);
    const auto governor = must(govern::Governor::open(*bench.database, bench.clock));
    const auto pipeline = must(govern::Pipeline::create(
        {&sanitizer, &breaker, &limiter, &roles, &maturity, governor.get(), &rules}, breaker));
    std::vector<govern::Passage> passages;
    Row row{.name = "all_stages_allowed", .unit = "ns", .ours = {}};
    for (int run = 0; run <= kRuns; ++run) {
        const double taken = per_call(20'000, [&] {
            RESONANT_ENSURE(!pipeline->judge(bench.call, passages), "the call is allowed");
            pipeline->settle(bench.call, govern::Settled::Answered);
        });
        if (run > 0) {  // the first warms up
            row.ours.push_back(taken);
        }
    }
    return row;
}

Row ledger_entry(Bench& bench) {
    const auto ledger = must(govern::Ledger::open(*bench.database, bench.clock));
    const call::Denial denial{.code = "blocked", .stage = "rules", .rule = "r", .reason = "no", .way_out = "", .retry_after_s = {}};
    const Descriptor file(::open((bench.folder.path / "sync").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const std::string page(4096, 'x');
    // Grown first: the peer overwrites, as a log that was allocated does.
    RESONANT_ENSURE(::ftruncate(file.get(), 1 << 20) == 0, "room for the peer's file");
    Row row{.name = "ledger_entry", .unit = "us", .ours = {}, .peer_name = "one fdatasync of 4 KiB"};
    constexpr int kEntries = 50;
    for (int run = 0; run <= kRuns; ++run) {
        const double ours = per_call(kEntries, [&] { must(ledger->denied(bench.call, denial)); });
        off_t at = 0;
        const double peer = per_call(kEntries, [&] {
            RESONANT_ENSURE(::pwrite(file.get(), page.data(), page.size(), at) == 4096 && ::fdatasync(file.get()) == 0, "sync");
            at += 4096;
        });
        if (run > 0) {
            row.ours.push_back(ours / 1000);
            row.peer.push_back(peer / 1000);
        }
    }
    return row;
}

Row rules_1000(Bench& bench) {
    const auto loaded = [&](int count) {
        const fs::path policy = bench.folder.path / fmt::format("rules{}", count);
        write_policy(policy, count);
        auto rules = std::make_unique<govern::Rules>(*bench.limits, bench.clock, govern::ConsentProbe{});
        must(rules->load(policy));
        return rules;
    };
    const auto many = loaded(1000);
    const auto few = loaded(10);
    Row row{.name = "rules_1000", .unit = "ns", .ours = {}, .peer_name = "10 rules"};
    std::string note;
    const auto judge = [&](govern::Rules& rules) {
        return per_call(5'000, [&] {
            RESONANT_ENSURE(!rules.judge(bench.call, govern::Look::Take, note), "no rule matches");
        });
    };
    for (int run = 0; run <= kRuns; ++run) {
        const double ours = judge(*many);
        const double peer = judge(*few);
        if (run > 0) {
            row.ours.push_back(ours);
            row.peer.push_back(peer);
        }
    }
    return row;
}

}  // namespace
}  // namespace resonant::bench

int main() {
    using namespace resonant::bench;
    Bench bench;
    Report report("govern");
    report.add(all_stages(bench));
    report.add(ledger_entry(bench));
    report.add(rules_1000(bench));
    return report.print();
}
