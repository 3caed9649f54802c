// What the parts do by themselves, a beat at a time: index, engines, sweeps, dreams, limits (runtime/upkeep.h).
#include <fmt/core.h>

#include <array>
#include <iterator>

#include "resonant/base/log.h"
#include "resonant/base/sha256.h"
#include "resonant/runtime/parts.h"
#include "resonant/sql/log_relief.h"
#include "resonant/tools/prompt_book.h"
#include "resonant/tools/tool_search.h"

namespace resonant::runtime {
namespace {

constexpr std::size_t kIndexBatch = 64;        // memories embedded at one go
constexpr std::size_t kLedgerSlice = 10'000;    // entries verified at one go: some 20 ms
constexpr std::size_t kToolTextBatch = 64;     // texts of tools
constexpr std::int64_t kVitalityBeats = 10;    // seconds between two looks at the zones
constexpr std::int64_t kEngineBeats = 30;      // seconds between two runs of the engines, when there is news
constexpr std::int64_t kSweepBeats = 3'600;    // seconds between two sweeps, so that unread memories drift
constexpr std::int64_t kSweepFirst = 60;       // and before the first, for kernels that live shortly
constexpr std::size_t kSweptAtOnce = 5'000;
constexpr std::size_t kSettledAtOnce = 1'000;  // memories that were read, placed anew in one turn

std::filesystem::path limits_file(const Home& home) { return home.root / "limits.json"; }

}  // namespace

// On the thread of low priority: what computes, a little of each at a time.
Result<std::size_t> Parts::index() {
    const Result<std::uint64_t> checked = ledger->check_some(kLedgerSlice);
    RESONANT_ASSIGN(const std::size_t left, compute());  // also where the ledger cannot be read
    RESONANT_ASSIGN(const std::uint64_t unchecked, checked);
    return left + static_cast<std::size_t>(unchecked);
}

Result<std::size_t> Parts::compute() {
    if (sweep_due_.exchange(false)) {
        RESONANT_CHECK(sea->sweep(kSweptAtOnce, false));
    }
    if (engines_due_.exchange(false)) {
        RESONANT_CHECK(sea->settle(kSettledAtOnce));
        RESONANT_CHECK(engines->run_all());
    }
    if (!embedder) {
        return std::size_t{0};
    }
    RESONANT_ASSIGN(const std::size_t left, sea->catch_up(kIndexBatch, {}));
    unembedded_.store(left);
    return left > 0 ? left : services.search->embed_some(kToolTextBatch);
}

// Every half minute, when memories were stored, changed or read: they are placed anew, and the engines run.
Status Parts::tend_engines() {
    engines->refresh_mask();
    if (++engine_beats_ % kSweepBeats == kSweepFirst) {
        sweep_due_.store(true);
        upkeep.nudge();
    }
    if (engine_beats_ % kEngineBeats == 0 && memories_changed_.exchange(false)) {
        engines_due_.store(true);
        upkeep.nudge();
    }
    return {};
}

// A phase is a call like any other, so that it is judged and stands in the ledger.
Status Parts::dream_when_quiet() {
    const Nanos now = clock.monotonic();
    const std::uint64_t others = dispatcher->calls() - dreams_;
    if (others != calls_seen_ || dispatcher->in_flight() > 0) {
        calls_seen_ = others;
        quiet_since_ = now;
        return {};
    }
    const auto phase = closed_ ? std::nullopt : dream->due(quiet_since_);
    if (!phase) {
        return {};
    }
    ++dreams_;
    call::Request request;
    request.tool = "dream.run_phase";
    request.arguments = {{"phase", *phase}};
    request.caller.principal = "dream";
    request.caller.role = call::Role::Coordinator;
    dispatcher->submit(std::move(request), [phase = std::string(*phase)](const call::Reply& reply) {
        if (reply.error) {
            log().warn("dream: {}: {}", phase, reply.content.dump());
        }
    });
    return {};
}

std::vector<Upkeep::Duty> Parts::duties() {
    return {{"heartbeat",
             [this]() -> Status {
                 plane->board().heartbeat(static_cast<std::uint64_t>(clock.wall().count));
                 return {};
             }},
            {"ledger", [this] { return ledger->flush_reads(); }},
            {"governor", [this] { return governor->save(); }},
            {"prompts",
             [this]() -> Status {
                 prompts->look();
                 return {};
             }},
            {"engines", [this] { return tend_engines(); }},
            {"dream", [this] { return dream_when_quiet(); }},
            {"limits", [this] { return save_limits(); }},
            {"log", [relief = std::make_shared<sql::LogRelief>(home.database())] { return relief->run(); }},
            {"maturity",
             [this]() -> Status {
                 const auto stage = static_cast<std::uint64_t>(maturity->passed());
                 if (plane->board().view().word(board::Field::MaturityStage) != stage) {
                     plane->board().set_word(board::Field::MaturityStage, stage);
                     plane->publish(ring::EventType::MaturityChanged, "kernel", 0, {stage});
                 }
                 return {};
             }},
            {"harmony", [this]() -> Status {
                 if (beats_++ % kVitalityBeats != 0) {
                     return {};
                 }
                 RESONANT_ASSIGN(const memory::ZoneStats zones, sea->zones("default"));
                 constexpr std::array<double, 5> kWeights = {1, 0.8, 0.5, 0.2, 0.05};
                 double sum = 0;
                 std::size_t count = 0;
                 for (std::size_t zone = 0; zone < kWeights.size(); ++zone) {
                     sum += kWeights[zone] * static_cast<double>(zones.count[zone]);
                     count += zones.count[zone];
                 }
                 dispatcher->set_vitality(count == 0 ? 0.7 : sum / static_cast<double>(count));
                 dispatcher->refresh();
                 return {};
             }}};
}

Status Parts::save_limits() {
    Json rows = Json::array();
    for (const board::LimitsTable::Saved& row : plane->limits().save()) {
        rows.push_back({row.key, std::vector<std::uint64_t>(std::begin(row.words), std::end(row.words))});
    }
    std::string text = json::dump(rows);
    if (text == saved_limits_) {
        return {};
    }
    RESONANT_CHECK(write_file(limits_file(home), sha256_hex(text) + "\n" + text));
    saved_limits_ = std::move(text);
    return {};
}

// Words that cannot be read are forgotten, and the log says so: limits start anew, nothing else is lost.
void Parts::restore_limits() {
    const Result<std::string> text = read_file(limits_file(home));
    if (!text) {
        return;
    }
    const std::size_t head = std::min(text->find('\n'), text->size());
    const std::string body = text->substr(std::min(head + 1, text->size()));
    if (text->substr(0, head) != sha256_hex(body)) {
        log().warn("limits: {} is not as it was written; they start anew", limits_file(home).string());
        return;
    }
    try {
        const Result<Json> rows = json::parse(body);
        std::vector<board::LimitsTable::Saved> saved;
        for (const Json& row : rows ? *rows : Json::array()) {
            board::LimitsTable::Saved one{row.at(0).get<std::string>(), {}};
            for (std::size_t i = 0; i < std::size(one.words); ++i) {
                one.words[i] = row.at(1).at(i).get<std::uint64_t>();
            }
            saved.push_back(std::move(one));
        }
        plane->limits().restore(saved, clock.wall());
    } catch (const Json::exception& error) {
        log().warn("limits: {} cannot be read ({}); they start anew", limits_file(home).string(), error.what());
    }
}

}  // namespace resonant::runtime
