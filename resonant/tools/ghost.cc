#include "resonant/tools/families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include "resonant/call/upstreams.h"
#include "resonant/govern/maturity.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/tools/answer_form.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/records.h"
#include "resonant/tools/regulation.h"
#include "resonant/tools/services.h"
#include "resonant/tools/tool_search.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

constexpr std::size_t kActionsMax = 5;
constexpr std::size_t kFoundMax = 10'000;  // more than all tools of all servers
constexpr std::size_t kSummaryMax = 200;   // of another server's tool, whose description may be a page
constexpr Nanos kEmbeddingPatience = from_millis(2'500);  // of the first suggestion on a machine
constexpr std::string_view kUpstreamFamily = "roof";

// Through which a listing of families calls the tool.
const Family& family_of(const Toolbox& toolbox, const ToolHit& hit) {
    const int family = hit.tool != nullptr ? hit.tool->contract.family : toolbox.find_family(kUpstreamFamily);
    return toolbox.families()[static_cast<std::size_t>(family)];
}

// A tool as a client needs it to call it; another server's tools are called through the family roof.
Json show(const Services& services, const ToolHit& hit, const std::string& detail) {
    const ToolDocument& document = *hit.document;
    if (detail == "names") {
        return document.name;
    }
    Json shown = {{"tool", document.name}};
    if (hit.tool == nullptr) {
        shown["server"] = document.server;
    } else {
        const call::Contract& contract = hit.tool->contract;
        shown["gana"] = services.toolbox->families()[contract.family].key;
        shown["access"] = call::name_of(contract.access);
        if (contract.role > call::Role::Agent) {
            shown["role"] = call::name_of(contract.role);
        }
    }
    shown["summary"] = detail == "schema" ? document.description
                                          : shortened(document.description, kSummaryMax);
    if (detail == "schema") {
        shown["input_schema"] = document.input_schema;
        if (const Json promised = hit.tool == nullptr ? Json() : output_schema_of(hit.tool->contract); !promised.is_null()) {
            shown["output_schema"] = promised;
        } else if (services.upstreams != nullptr && hit.tool == nullptr) {
            const auto theirs = services.upstreams->find(document.name);
            if (theirs && theirs->definition.contains("outputSchema")) {
                shown["output_schema"] = theirs->definition["outputSchema"];
            }
        }
        shown["example"] = suggestion_of(document, hit.score)["example"]["args"];
    }
    return shown;
}

Result<Json> facts(Services& services, call::Call&) {
    const Toolbox& toolbox = *services.toolbox;
    return Json{
        {"server", "resonant"},
        {"version", services.version},
        {"protocol", {"2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}},
        {"transports", {"stdio", "http", "operator socket"}},
        {"tools", {{"built", toolbox.tools().size()}, {"families", toolbox.built_families()}}},
        {"limits",
         {{"message_bytes", json::kTextMax},
          {"depth", json::kDepthMax},
          {"wait_s", 30},
          {"memory_bytes", kContentMax}}},
        {"features",
         {"governed by eight stages", "ledger", "exact vector search", "full text", "monitors",
          "sandbox"}},
        {"more", "capability.matrix lists tools; capability.suggest finds them by goal"}};
}

// The tools that pass the filters, in the order of the catalogue or best first.
Result<std::vector<ToolHit>> chosen(Services& services, const call::Call& call) {
    int family = -1;
    if (has(call, "gana")) {
        family = services.toolbox->find_family(text_of(call, "gana"));
        if (family < 0) {
            return fail(
                Code::NotFound,
                fmt::format(
                    "capability.matrix: no family '{}'; families look like neck or gana_neck_save",
                    text_of(call, "gana").substr(0, 60)));
        }
    }
    const std::string query = text_of(call, "query");
    std::vector<ToolHit> tools =
        query.empty() ? services.search->all()
                      : services.search->rank(query, kFoundMax);
    std::erase_if(tools, [&](const ToolHit& hit) {
        const int its = hit.tool != nullptr ? hit.tool->contract.family
                                            : services.toolbox->find_family(kUpstreamFamily);
        return !services.search->sees(call.caller, hit) || (family >= 0 && its != family) ||
               (has(call, "access") &&
                (hit.tool == nullptr ||
                 call::name_of(hit.tool->contract.access) != text_of(call, "access")));
    });
    return tools;
}

// What is declared and not built, when it is asked for: nothing else shows it.
Json planned_tools(const Services& services) {
    Json answer = {{"total", services.toolbox->planned().size()}, {"tools", Json::array()}};
    for (const call::Contract& contract : services.toolbox->planned()) {
        answer["tools"].push_back({{"tool", contract.name},
                                   {"gana", services.toolbox->families()[contract.family].key},
                                   {"access", call::name_of(contract.access)},
                                   {"planned", true},
                                   {"summary", contract.summary}});
    }
    answer["count"] = answer["tools"].size();
    answer["note"] = "these are not built yet: a call answers unimplemented";
    return answer;
}

Result<Json> matrix(Services& services, call::Call& call) {
    if (flag_of(call, "planned")) {
        return planned_tools(services);
    }
    RESONANT_ASSIGN(const std::vector<ToolHit> tools, chosen(services, call));
    const std::string detail = text_of(call, "detail", "summary");
    const std::size_t limit = limit_of(call,
                                       detail == "names"    ? 200
                                       : detail == "schema" ? 20
                                                            : 40,
                                       200);
    std::size_t from = 0;
    const std::string cursor = text_of(call, "cursor", "0");
    const auto [end, error] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), from);
    if (error != std::errc() || end != cursor.data() + cursor.size()) {
        return fail(
            Code::InvalidArgument,
            fmt::format("cursor: '{}' is none of capability.matrix's", cursor.substr(0, 40)));
    }
    Json answer = {{"total", tools.size()}, {"tools", Json::array()}};
    for (std::size_t i = from; i < tools.size() && i < from + limit; ++i) {
        answer["tools"].push_back(show(services, tools[i], detail));
    }
    answer["count"] = answer["tools"].size();
    if (from + limit < tools.size()) {
        answer["cursor"] = std::to_string(from + limit);
    }
    return answer;
}

Result<Json> suggest(Services& services, call::Call& call) {
    const std::string goal = text_of(call, "goal");
    if (goal.find_first_not_of(" \t\r\n") == std::string::npos) {
        return fail(Code::InvalidArgument, "capability.suggest: the goal is empty; say in plain words what shall be done");
    }
    const std::size_t limit = limit_of(call, 5, 25);
    Json answer = {{"tools", Json::array()}};
    if (!services.search->has_meaning()) {
        answer["note"] = "words only: there is no model";
    } else if (!services.search->wait_embedded(kEmbeddingPatience)) {
        answer["note"] = "words only for some: tools are still being embedded, ask again in a moment";
    }
    std::vector<ToolHit> hits = services.search->rank(goal, limit);
    const auto unseen = [&](const ToolHit& hit) { return !services.search->sees(call.caller, hit); };
    if (std::any_of(hits.begin(), hits.end(), unseen)) {
        hits = services.search->rank(goal, kFoundMax);
        std::erase_if(hits, unseen);
        hits.resize(std::min(hits.size(), limit));
    }
    for (const ToolHit& hit : hits) {
        answer["tools"].push_back(suggestion_of(*hit.document, hit.score, hit.why));
        if (hit.tool == nullptr || !hit.tool->contract.alone) {
            answer["tools"].back()["gana"] = family_of(*services.toolbox, hit).wire_name;
        }
    }
    answer["count"] = hits.size();
    if (hits.empty()) {
        answer["note"] =
            "no tool has these words; say the goal otherwise, or page through capability.matrix";
    }
    return answer;
}

std::unexpected<Error> unknown_tool(const Services& services, const std::string& name) {
    if (const call::Contract* planned = services.toolbox->find_planned(name)) {
        return fail(Code::Unimplemented, fmt::format("{} is not built yet; capability.suggest with a goal finds what is",
                                                     planned->name));
    }
    return fail(Code::NotFound, fmt::format("no tool '{}'; near: {}", name.substr(0, 60),
                                            fmt::join(services.search->nearest(name, 3), ", ")));
}

Result<Json> schema(Services& services, call::Call& call) {
    Json answer = {{"tools", Json::array()}};
    for (const std::string& name : words_of(call, "tools")) {
        const std::optional<ToolHit> tool = services.search->find(name);
        if (!tool || !services.search->sees(call.caller, *tool)) {
            return unknown_tool(services, name);
        }
        answer["tools"].push_back(show(services, *tool, "schema"));
    }
    answer["count"] = answer["tools"].size();
    return answer;
}

// Who is judged: the caller, or whom it names. An agent asks about itself and what a role would change.
Status put_in_place(const Services& services, const call::Call& call, call::Caller& judged) {
    const std::string as = text_of(call, "as");
    if (!as.empty() && as != judged.principal && call.caller.role < call::Role::Coordinator) {
        return fail(Code::PermissionDenied, fmt::format("tool.explain: {} is an agent and asks about itself only; leave "
                                                        "`as` out", call.caller.principal));
    }
    if (!as.empty()) {
        judged = {.principal = as, .client = judged.client, .role = call::Role::Agent,
                  .transport = as.starts_with("token:") ? call::Transport::Http : call::Transport::Stdio};
        judged.role = services.role_of ? services.role_of(as) : judged.role;
    }
    for (const call::Role role : {call::Role::Observer, call::Role::Agent, call::Role::Coordinator, call::Role::Owner}) {
        judged.role = text_of(call, "role") == call::name_of(role) ? role : judged.role;
    }
    judged.contained = flag_of(call, "contained", judged.contained);
    return {};
}

Result<Json> explain(Services& services, call::Call& call) {
    const std::string name = text_of(call, "tool");
    const Tool* tool = services.toolbox->find(name);
    const auto theirs = tool == nullptr && services.upstreams != nullptr ? services.upstreams->find(name) : nullptr;
    if (tool == nullptr && theirs == nullptr) {
        return unknown_tool(services, name);
    }
    if (!services.explain) {
        return fail(Code::Unavailable, "tool.explain: this program has no pipeline to ask");
    }
    const call::Contract& contract = theirs ? theirs->contract : tool->contract;
    call::Call asked = call;
    asked.contract = &contract;
    asked.arguments = call.arguments.value("arguments", Json::object());
    asked.session = text_of(asked, "session_id");
    RESONANT_CHECK(put_in_place(services, call, asked.caller));
    asked.memo = asked.caller.principal == call.caller.principal ? call.memo : nullptr;
    Json answer = services.explain(asked);
    answer["tool"] = contract.name;
    answer["declared"] = {{"access", call::name_of(contract.access)},
                          {"role", call::name_of(contract.role)},
                          {"maturity", call::name_of(contract.maturity)},
                          {"outside_effects", contract.external},
                          {"calls_per_minute", contract.calls_per_minute}};
    if (theirs) {
        answer["server"] = theirs->server;
    }
    return answer;
}

Json portal_of(const std::string& portal, const board::Snapshot& snapshot,
               const std::vector<Alert>& alerts, int stage) {
    if (portal == "harmony") {
        return tools::show(snapshot.harmony);
    }
    if (portal == "resonance") {
        return {{"phase", snapshot.resonance.phase},
                {"posture", snapshot.resonance.posture},
                {"family", snapshot.resonance.family},
                {"predecessor", snapshot.resonance.predecessor}};
    }
    if (portal == "maturity") {
        return {{"stage", stage}};
    }
    Json found = Json::array();
    for (const Alert& alert : alerts) {
        if (alert.what.starts_with(portal.substr(0, portal.size() - 1))) {
            found.push_back({{"what", alert.what}, {"seen", alert.seen}});
        }
    }
    return found;
}

Result<Json> gnosis(Services& services, call::Call& call) {
    const board::Snapshot snapshot = services.plane->board().view().snapshot();
    RESONANT_ASSIGN(const std::vector<Alert> alerts, find_alerts(services, snapshot));
    const int stage = services.maturity->passed();
    if (has(call, "portal")) {
        constexpr std::array<std::string_view, 6> kPortals = {
            "harmony", "resonance", "maturity", "breakers", "escalations", "consents"};
        const std::string portal = text_of(call, "portal");
        if (std::find(kPortals.begin(), kPortals.end(), portal) == kPortals.end()) {
            return fail(Code::NotFound,
                        fmt::format("gnosis: no portal '{}'; there are {}", portal.substr(0, 40),
                                    fmt::join(kPortals, ", ")));
        }
        return Json{{"portal", portal}, {"seen", portal_of(portal, snapshot, alerts, stage)}};
    }
    Json answer = {
        {"at", show_time(call.at.count)}, {"status", alerts.empty() ? "well" : "needs attention"},
        {"maturity_stage", stage},        {"harmony", rounded(snapshot.harmony.composite())},
        {"alert_count", alerts.size()},   {"alerts", Json::array()},
        {"next_actions", Json::array()}};
    std::set<std::string> named;
    for (const Alert& alert : alerts) {
        answer["alerts"].push_back({{"what", alert.what}, {"seen", alert.seen}});
        if (answer["next_actions"].size() < kActionsMax && named.insert(alert.tool).second) {
            answer["next_actions"].push_back({{"tool", alert.tool}, {"reason", alert.reason}});
        }
    }
    if (alerts.empty()) {
        answer["next_actions"].push_back(
            {{"tool", "session.bootstrap"}, {"reason", "nothing is wrong: go on with the work"}});
    }
    if (!flag_of(call, "compact", true)) {
        answer["fields"] = tools::show(snapshot.harmony);
    }
    return answer;
}

}  // namespace

void add_ghost(Toolbox& toolbox, Services& services) {
    toolbox.begin(
        {.key = "ghost",
         .wire_name = "gana_ghost_tools",
         .mansion = "鬼 Gui",
         .quadrant = "South",
         .summary = "Find tools and what they need: suggest, schema, dry run; gnosis=alerts"});
    toolbox.add({.name = "capability.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "facts about this server: version, protocol eras, limits, features; for tools use capability.matrix"},
                bind(services, facts));
    toolbox.add({.name = "capability.matrix",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query:string gana:string access:read|write|execute|delete "
                               "detail:names|summary|schema planned:bool limit:int "
                               "cursor:string",
                 .summary = "find tools: search words or page through all families; shows "
                            "access class; planned=true: those not built yet",
                 .pace = Pace::Slow,
                 .free_text = true,
                 .example = R"({"query": "find memories", "detail": "summary"})"},
                bind(services, matrix));
    toolbox.add({.name = "capability.suggest",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "goal*:string limit:int",
                 .summary = "describe a goal, get the tools that fit with scores and an "
                            "example call",
                 .pace = Pace::Slow,
                 .free_text = true},
                bind(services, suggest));
    toolbox.add({.name = "tool.schema",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tools*:string[]",
                 .summary = "input and output schema and one example of each tool named (also "
                            "comes by itself when a call lacks an argument)"},
                bind(services, schema));
    toolbox.add({.name = "tool.explain",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tool*:string arguments:object as:id role:observer|agent|coordinator|owner "
                               "contained:bool",
                 .summary = "dry run of one call: which stage and rule would allow or deny it, "
                            "declared effects, cost; nothing runs",
                 .free_text = true,
                 .example = R"({"tool": "memory.add", "arguments": {"content": "text"}})"},
                bind(services, explain));
    toolbox.add({.name = "gnosis",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "compact:bool portal:string",
                 .summary = "what needs attention now: alerts and suggested next actions from "
                            "one board snapshot"},
                bind(services, gnosis));
    toolbox.add({.name = "starter.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "name:string",
                 .summary = "curated tool sets for common jobs, or one set in full"});
    toolbox.add({.name = "starter.suggest",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "context*:string",
                 .summary = "the set that fits",
                 .free_text = true});
}

}  // namespace resonant::tools
