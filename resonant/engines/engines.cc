#include "resonant/engines/engines.h"

#include <algorithm>

#include "resonant/base/ensure.h"

namespace resonant::engines {
namespace {

constexpr std::array<EngineInfo, 28> kTable = {{
    {"session", "sessions, ledger", "briefings"},
    {"consolidation", "tags of recent memories", "clusters, promotions"},
    {"boundary", "texts of actions", "violations"},
    {"circuit_breaker", "results of calls", "slot states"},
    {"nurturing", "choices of users", "preferences"},
    {"acceleration", "vectors", "similarities"},
    {"serendipity", "galactic", "memory_id, score, kind"},
    {"introspection", "everything", "a snapshot"},
    {"resilience", "state of dreaming", "novel combinations"},
    {"governance", "actions", "decisions"},
    {"association", "contents", "edges"},
    {"export", "memories", "archives"},
    {"archaeology", "reads of files", "a timeline"},
    {"resonance", "events", "amplified events"},
    {"solver", "nodes, scores, budget", "a selection"},
    {"embedding", "texts", "vectors"},
    {"lifecycle", "memories", "verdicts of retention"},
    {"kaizen", "statistics of the store", "proposals"},
    {"pattern", "texts", "patterns"},
    {"narrative", "episodes", "summaries"},
    {"ethics", "actions", "scores"},
    {"predictive", "drift, trends", "predictions"},
    {"galactic", "memories", "memory_id, distance, zone, importance, constellation, days_unused, links"},
    {"clone_army", "queries, files", "ranked hits"},
    {"forgetting", "signals of retention", "verdicts"},
    {"sanitization", "arguments", "verdicts"},
    {"swarm", "goals, agents", "plans, assignments"},
    {"emergence", "bursts, convergence", "insights"},
}};

std::size_t slot_of(std::string_view name) {
    return static_cast<std::size_t>(
        std::find_if(kTable.begin(), kTable.end(),
                     [&](const EngineInfo& info) { return info.name == name; }) -
        kTable.begin());
}

}  // namespace

std::span<const EngineInfo, 28> engine_table() { return kTable; }

void Engines::add(std::unique_ptr<Engine> engine) {
    const std::size_t slot = slot_of(engine->name());
    RESONANT_ENSURE(slot < kTable.size(), "the table of engines has no such name");
    RESONANT_ENSURE(built_[slot] == nullptr, "an engine is added once");
    built_[slot] = std::move(engine);
    states_[slot].built = true;
}

Status Engines::run(std::string_view name) {
    const std::size_t slot = slot_of(name);
    if (slot == kTable.size()) {
        return fail(Code::NotFound, "there is no engine '" + std::string(name.substr(0, 40)) +
                                        "'; engine.list names them");
    }
    if (built_[slot] == nullptr) {
        return fail(Code::Unimplemented,
                    "engine '" + std::string(name) + "' is not built yet; engine.list says which are");
    }
    const std::lock_guard lock(running_);
    for (const std::string_view needed : built_[slot]->needs()) {
        const std::size_t other = slot_of(needed);
        RESONANT_ENSURE(other < kTable.size() && built_[other] != nullptr, "an engine needs one that is built");
        RESONANT_CHECK(run_slot(other));
    }
    return run_slot(slot);
}

Status Engines::run_all() {
    Status outcome;
    for (std::size_t slot = 0; slot < built_.size(); ++slot) {
        if (built_[slot] != nullptr && built_[slot]->needs().empty()) {
            const std::lock_guard lock(running_);
            if (Status ran = run_slot(slot); !ran) {
                outcome = ran;
            }
        }
    }
    for (std::size_t slot = 0; slot < built_.size(); ++slot) {
        if (built_[slot] != nullptr && !built_[slot]->needs().empty()) {
            const std::lock_guard lock(running_);
            if (Status ran = run_slot(slot); !ran) {
                outcome = ran;
            }
        }
    }
    return outcome;
}

Status Engines::run_slot(std::size_t slot) {
    const Look look{plane_.board().view().snapshot(), outputs_, plane_.clock().wall()};
    Status outcome;
    if (const Result<Batch> batch = built_[slot]->observe(look); batch) {
        outcome = outputs_.publish(std::string(kTable[slot].name), *batch);
    } else {
        outcome = std::unexpected(batch.error());
    }
    {
        const std::lock_guard lock(mutex_);
        State& state = states_[slot];
        state.last_run_ns = look.now.count;
        ++state.runs;
        state.last_error = outcome ? "" : outcome.error().message;
    }
    refresh_mask();
    return outcome;
}

void Engines::refresh_mask() {
    std::uint64_t mask = 0;
    for (const auto& output : outputs_.all()) {
        const std::size_t slot = slot_of(output->name);
        mask |= slot < kTable.size() ? std::uint64_t{1} << slot : 0;
    }
    if (plane_.board().view().word(board::Field::Engines) != mask) {
        plane_.set_field(board::Field::Engines, static_cast<double>(mask), "engines");
    }
}

std::array<Engines::State, 28> Engines::states() const {
    const std::lock_guard lock(mutex_);
    return states_;
}

}  // namespace resonant::engines
