#include "resonant/tools/families.h"

#include <algorithm>
#include <array>

#include "resonant/engines/engines.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/board_field.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

Result<Json> harmony(Services& services, call::Call&) {
    const board::BoardView view = services.plane->board().view();
    Json answer = show(view.harmony());
    answer["measured"] = show(view.traffic());
    return answer;
}

Result<Json> read(Services& services, call::Call& call) {
    const board::BoardView view = services.plane->board().view();
    if (has(call, "field")) {
        RESONANT_ASSIGN(const board::Field field, field_named(services.plane->board(), call.contract->name, text_of(call, "field")));
        Json answer = describe(services.plane->board(), field);
        answer["field"] = text_of(call, "field");
        answer["value"] = view.field(field);
        return answer;
    }
    const board::Snapshot snapshot = view.snapshot();
    Json answer = {
        {"epoch", snapshot.epoch},
        {"tick", snapshot.tick},
        {"maturity_stage", snapshot.maturity_stage},
        {"harmony", show(snapshot.harmony)},
        {"traffic", show(snapshot.traffic)},
        {"resonance",
         {{"phase", snapshot.resonance.phase},
          {"posture", snapshot.resonance.posture},
          {"family", snapshot.resonance.family},
          {"predecessor", snapshot.resonance.predecessor},
          {"successor", snapshot.resonance.successor},
          {"quadrant", snapshot.resonance.quadrant},
          {"updated", show_time(static_cast<std::int64_t>(snapshot.resonance.updated_ns))}}},
        {"breakers_not_closed", std::count_if(snapshot.breakers.begin(), snapshot.breakers.end(),
                                              [](std::uint64_t word) { return word != 0; })}};
    const std::int64_t beat = static_cast<std::int64_t>(snapshot.heartbeat_ns);
    answer["age_s"] =
        beat == 0 ? Json(nullptr) : Json(rounded(Nanos{call.at.count - beat}.seconds()));
    for (const board::RegisteredField& info : services.plane->board().registered()) {
        answer["user"][info.name] = view.field(info.field);
    }
    for (const board::FieldInfo& info : board::built_in_fields()) {
        answer["fields"][std::string(info.name)] = describe(services.plane->board(), info.field);
    }
    return answer;
}

Result<Json> list_engines(Services& services, call::Call& call) {
    const auto states = services.engines->states();
    const auto table = engines::engine_table();
    const std::uint64_t mask = services.plane->board().view().word(board::Field::Engines);
    const bool planned = flag_of(call, "planned");
    Json answer = {{"engines", Json::array()}};
    for (std::size_t slot = 0; slot < table.size(); ++slot) {
        if (states[slot].built == planned) {
            continue;
        }
        Json shown = {{"engine", table[slot].name},
                      {"slot", slot},
                      {"watches", table[slot].watches},
                      {"publishes", table[slot].publishes},
                      {"built", states[slot].built},
                      {"on_board", (mask >> slot & 1) != 0}};
        if (states[slot].runs > 0) {
            shown["runs"] = states[slot].runs;
            shown["last_run"] = show_time(states[slot].last_run_ns);
        }
        if (!states[slot].last_error.empty()) {
            shown["last_error"] = states[slot].last_error;
        }
        answer["engines"].push_back(std::move(shown));
    }
    answer["count"] = answer["engines"].size();
    return answer;
}

Result<Json> engine_output(Services& services, call::Call& call) {
    const std::string name = text_of(call, "engine");
    if (services.engines->outputs().newest(name) == nullptr) {
        RESONANT_CHECK(services.engines->run(name));
    }
    const auto output = services.engines->outputs().newest(name);
    const std::size_t limit = std::min(limit_of(call, 20, 1'000), output->batch.rows());
    const std::vector<std::string> columns = output->batch.columns();
    Json answer = {{"engine", name},
                   {"generation", output->generation},
                   {"at", show_time(output->at_ns)},
                   {"rows", output->batch.rows()},
                   {"columns", columns},
                   {"values", Json::array()}};
    for (std::size_t row = 0; row < limit; ++row) {
        Json values = Json::array();
        for (std::size_t column = 0; column < columns.size(); ++column) {
            values.push_back(output->batch.text(row, column));
        }
        answer["values"].push_back(std::move(values));
    }
    return answer;
}

Result<Json> sea_status(Services& services, call::Call& call) {
    const memory::VectorStatus memories = services.sea->status();
    Json answer = {{"memories",
                    {{"folder", services.paths.segments.string()},
                     {"rows", memories.embedded},
                     {"segments", memories.segments},
                     {"bytes", memories.bytes},
                     {"age_s", memories.built_ns == 0
                                   ? Json(nullptr)
                                   : Json(rounded(Nanos{call.at.count - memories.built_ns}.seconds(), 0))}}},
                   {"engines", Json::array()}};
    for (const auto& output : services.engines->outputs().all()) {
        answer["engines"].push_back(
            {{"engine", output->name},
             {"file", (services.engines->outputs().folder() / (output->name + ".arrow")).string()},
             {"rows", output->batch.rows()},
             {"bytes", output->bytes},
             {"generation", output->generation},
             {"age_s", rounded(Nanos{call.at.count - output->at_ns}.seconds(), 0)}});
    }
    return answer;
}

Result<Json> watch(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const board::Field field, field_named(services.plane->board(), call.contract->name, text_of(call, "field")));
    if (has(call, "above") == has(call, "below")) {
        return fail(Code::InvalidArgument,
                    "board.watch: give either above or below, the threshold to wait for");
    }
    const bool above = has(call, "above");
    const double threshold = number_of(call, above ? "above" : "below", 0);
    plane::KernelPlane& plane = *services.plane;
    const auto& segment = plane.ring().segment();
    RESONANT_ASSIGN(ring::Subscription news,
                    ring::Subscription::over(segment.data(), segment.size()));
    const Nanos deadline =
        services.clock->monotonic() + from_seconds(number_of(call, "timeout_s", 10));
    std::array<ring::Event, 64> events;
    for (;;) {
        const double value = plane.board().view().field(field);
        const bool crossed = above ? value > threshold : value < threshold;
        const Nanos left = deadline - services.clock->monotonic();
        if (crossed || left.count <= 0 || call.is_cancelled()) {
            return Json{{"field", text_of(call, "field")},
                        {"value", value},
                        {"crossed", crossed},
                        {"timed_out", !crossed && left.count <= 0}};
        }
        news.wait(&plane.ring(), ring::WaitStrategy::Block, std::min(left, plane.nap()));
        while (news.poll(events) > 0) {
        }
    }
}

}  // namespace

// tidy-allow(functions_fit_a_screen): one table of declarations, read as one
void add_mound(Toolbox& toolbox, Services& services) {
    toolbox.begin(
        {.key = "mound",
         .wire_name = "gana_mound_state",
         .mansion = "娄 Lou",
         .quadrant = "West",
         .summary = "Live state now: board fields, 7 health scores, what engines found"});
    toolbox.add({.name = "harmony.vector",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "seven health scores from 0 (bad) to 1 (good) and the composite, with "
                            "what was measured: error rate, latency, load, debt"},
                bind(services, harmony));
    toolbox.add({.name = "metric.record",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "name*:string value*:number tags:object",
                 .summary = "record a number"});
    toolbox.add({.name = "metric.summary",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "name:string since:time",
                 .summary = "count, mean, percentiles of a recorded metric; with no name: all "
                            "names"});
    toolbox.add({.name = "yinyang.balance",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "minutes:int",
                 .summary = "share of writing and of reading calls in the last minutes, with "
                            "advice"});
    toolbox.add({.name = "board.read",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "field:string",
                 .summary = "live shared state: one field with its unit and meaning, or the whole "
                            "consistent snapshot with its age and what each field is"},
                bind(services, read));
    toolbox.add({.name = "board.watch",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "field*:string above:number below:number timeout_s:number<=30",
                 .summary = "wait in this call until a field crosses a threshold; to wait for "
                            "hours use monitor.spawn",
                 .pace = Pace::Waits,
                 .example = R"({"field": "error_rate", "above": 0.3, "timeout_s": 10})"},
                bind(services, watch));
    toolbox.add({.name = "engine.list",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "planned:bool",
                 .summary = "the engines: what each watches, what it publishes, last run, last "
                            "error; planned=true: those that are not built yet"},
                bind(services, list_engines));
    toolbox.add({.name = "engine.output",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "engine*:string limit:int",
                 .summary = "the newest Arrow batch that an engine published, as rows",
                 .pace = Pace::Slow,
                 .example = R"({"engine": "galactic", "limit": 5})"},
                bind(services, engine_output));
    toolbox.add({.name = "datasea.status",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "Arrow files: rows, bytes, segments, age, readers"},
                bind(services, sea_status));
}

}  // namespace resonant::tools
