#include "resonant/govern/maturity.h"

#include <fmt/core.h>

#include <algorithm>
#include <exception>

namespace resonant::govern {
namespace {

constexpr Nanos kAskedAnewAfter = from_seconds(1);
constexpr std::size_t kMemoriesNeeded = 5;
constexpr double kHarmonyNeeded = 0.5;
constexpr std::size_t kAgentsNeeded = 2;

// What a probe says; an empty one says no.
template <typename T>
T ask(const std::function<T()>& probe) {
    return probe ? probe() : T{};
}

Gate seed(const MaturityProbes& probes) {
    const bool store = ask(probes.store_opens);
    const std::size_t tools = ask(probes.catalogue_size);
    return {.passed = store && tools > 0,
            .seen = fmt::format("store {}, {} tools", store ? "open" : "closed", tools),
            .unlocks = "a store that opens and a catalogue with tools: see `resonant doctor`"};
}

Gate bicameral(const MaturityProbes& probes) {
    const bool governor = ask(probes.governor_live);
    const bool ring = ask(probes.ring_live);
    return {.passed = governor && ring,
            .seen = fmt::format("governor {}, ring {}", governor ? "live" : "off", ring ? "live" : "off"),
            .unlocks = "governor and event ring running: see `resonant doctor`"};
}

Gate reflective(const MaturityProbes& probes) {
    const bool rules = ask(probes.rules_loaded);
    const bool ledger = ask(probes.ledger_verified);
    return {.passed = rules && ledger,
            .seen = fmt::format("rules {}, ledger {}", rules ? "loaded" : "not loaded",
                                ledger ? "whole" : "not whole"),
            .unlocks = "rules that load (`resonant policy check`) and a ledger whose chain is whole "
                       "(`resonant ledger verify`)"};
}

Gate radiant(const MaturityProbes& probes) {
    const std::size_t memories = ask(probes.memories);
    const double harmony = ask(probes.harmony);
    return {.passed = memories >= kMemoriesNeeded && harmony >= kHarmonyNeeded,
            .seen = fmt::format("{} memories, harmony {:.2f}", memories, harmony),
            .unlocks = memories < kMemoriesNeeded
                           ? fmt::format("store {} more with memory.add", kMemoriesNeeded - memories)
                           : fmt::format("harmony of {} or more: homeostasis.status says what is low", kHarmonyNeeded)};
}

Gate collective(const MaturityProbes& probes) {
    const std::size_t agents = ask(probes.agents);
    return {.passed = agents >= kAgentsNeeded,
            .seen = fmt::format("{} agents known", agents),
            .unlocks = "a second agent that calls a tool"};
}

Gate logos(const MaturityProbes&) {
    return {.passed = false, .seen = "no gate yet", .unlocks = "nothing opens this stage in this version"};
}

}  // namespace

Maturity::Maturity(Clock& clock, MaturityProbes probes) : clock_(clock), probes_(std::move(probes)) {}

std::vector<Gate> Maturity::assess() {
    constexpr Gate (*kGates[])(const MaturityProbes&) = {seed, bicameral, reflective, radiant, collective, logos};
    std::vector<Gate> gates;
    int passed = 0;
    for (const auto gate_of : kGates) {
        Gate gate;
        try {
            gate = gate_of(probes_);
        } catch (const std::exception& error) {
            gate.seen = fmt::format("the probe failed: {}", error.what());
            gate.unlocks = "read the kernel's log";
        }
        gate.stage = static_cast<call::Maturity>(gates.size() + 1);
        passed += gate.passed && passed == static_cast<int>(gates.size()) ? 1 : 0;
        gates.push_back(std::move(gate));
    }
    passed_.store(passed, std::memory_order_release);
    asked_ns_.store(clock_.monotonic().count, std::memory_order_release);
    return gates;
}

int Maturity::passed() {
    const std::int64_t asked = asked_ns_.load(std::memory_order_acquire);
    if (asked == 0 || clock_.monotonic().count - asked >= kAskedAnewAfter.count) {
        const std::unique_lock turn(asking_, std::try_to_lock);
        // Whoever comes while another asks takes the last answer, unless there is none yet.
        if (turn.owns_lock() || asked == 0) {
            assess();
        }
    }
    return passed_.load(std::memory_order_acquire);
}

std::optional<call::Denial> Maturity::judge(const call::Call& call, Look, std::string&) {
    const auto needed = static_cast<int>(call.contract->maturity);
    const int now = passed();
    if (needed <= now) {
        return std::nullopt;
    }
    const std::vector<Gate> gates = assess();
    const Gate& next = gates[static_cast<std::size_t>(std::min(now, static_cast<int>(gates.size()) - 1))];
    return call::Denial{
        .code = "immature",
        .stage = std::string(kMaturity),
        .rule = fmt::format("stage {} ({})", needed, call::name_of(call.contract->maturity)),
        .reason = fmt::format("{} needs stage {} ({}), the system has passed stage {} of 6: {}", call.contract->name,
                              needed, call::name_of(call.contract->maturity), now, next.seen),
        .way_out = fmt::format("next stage ({}): {}", call::name_of(next.stage), next.unlocks),
        .retry_after_s = {}};
}

}  // namespace resonant::govern
