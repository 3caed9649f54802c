#include "resonant/tools/families.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>
#include <set>

#include "resonant/tools/arguments.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

// Which answers hold a value that other tools ask for.
struct Supply {
    std::string_view parameter;
    std::string_view prefix;  // of the asking tool's name; empty: any
    std::vector<std::string_view> tools;
};

const std::vector<Supply>& supplies() {
    static const std::vector<Supply> all = {
        {"session_id", "", {"session.start", "session.list"}},
        {"id", "memory.", {"memory.add", "memory.recall", "memory.search", "memory.list"}},
        {"ids", "memory.", {"memory.recall", "memory.search", "memory.list"}},
        {"from_id", "", {"memory.add", "memory.recall"}},
        {"to_id", "", {"memory.add", "memory.recall"}},
        {"like_id", "", {"memory.recall", "memory.search"}},
        {"source_id", "", {"memory.recall"}},
        {"id", "vector.", {"memory.add"}},
        {"id", "serendipity.", {"serendipity.surface"}},
        {"id", "monitor.", {"monitor.list"}},
        {"group", "", {"monitor.spawn", "monitor.list"}},
        {"scratchpad_id", "", {"scratchpad.create", "scratchpad.read"}},
        {"handoff_id", "", {"handoff.offer", "handoff.list"}},
        {"consent_id", "", {"consent.request", "consent.grant", "consent.verify"}},
        {"request_id", "", {"consent.request", "consent.verify"}},
        {"reasoner_id", "", {"reasoner.next"}},
        {"executor_id", "", {"reasoner.resolve"}},
        {"entry_id", "", {"karma.trace"}},
        {"field", "", {"board.read"}},
        {"profile", "", {"dharma.rules"}},
        {"if_version", "", {"memory.read"}},
        {"version", "memory.", {"memory.history"}},
    };
    return all;
}

// What people do next, where it is not told by an id.
const std::vector<std::pair<std::string_view, std::string_view>>& habits() {
    static const std::vector<std::pair<std::string_view, std::string_view>> all = {
        {"session.bootstrap", "session.start"},  {"session.bootstrap", "memory.recall"},
        {"session.start", "session.checkpoint"}, {"session.checkpoint", "session.end"},
        {"memory.recall", "memory.read"},        {"memory.search", "memory.read"},
        {"memory.import", "vector.index"},       {"memory.archive", "memory.restore"},
        {"capability.suggest", "tool.schema"},   {"governor.classify", "sandbox.run"},
        {"consent.request", "sandbox.run"},      {"gnosis", "reasoner.next"},
        {"monitor.spawn", "reasoner.next"},      {"reasoner.next", "reasoner.resolve"},
        {"karma.report", "karma.trace"},         {"breaker.status", "breaker.reset"},
        {"board.read", "monitor.spawn"},         {"event.publish", "event.tail"},
    };
    return all;
}

Json suppliers_of(const call::Contract& contract) {
    Json found = Json::object();
    for (const auto& [parameter, schema] : contract.input_schema["properties"].items()) {
        for (const Supply& supply : supplies()) {
            if (supply.parameter == parameter && contract.name.starts_with(supply.prefix)) {
                found[parameter] = supply.tools;
            }
        }
    }
    return found;
}

Json users_of(const Toolbox& toolbox, const std::string& name) {
    Json found = Json::array();
    for (const Tool& tool : toolbox.tools()) {
        const Json sources = suppliers_of(tool.contract);
        for (const auto& [parameter, suppliers] : sources.items()) {
            if (std::find(suppliers.begin(), suppliers.end(), Json(name)) != suppliers.end()) {
                found.push_back({{"tool", tool.contract.name}, {"argument", parameter}});
            }
        }
    }
    return found;
}

Json followers_of(const std::string& name) {
    Json found = Json::array();
    for (const auto& [before, after] : habits()) {
        if (before == name) {
            found.push_back(after);
        }
    }
    return found;
}

Json neighbourhood(const Services& services, const Tool& tool, bool with_schema) {
    Json shown = {{"tool", tool.contract.name},
                  {"arguments_from", suppliers_of(tool.contract)},
                  {"answer_used_by", users_of(*services.toolbox, tool.contract.name)},
                  {"usually_followed_by", followers_of(tool.contract.name)}};
    if (with_schema) {
        shown["input_schema"] = tool.contract.input_schema;
    }
    return shown;
}

Result<Json> graph(Services& services, call::Call& call) {
    const std::string name = text_of(call, "tool", "session.bootstrap");
    const Tool* tool = services.toolbox->find(name);
    if (tool == nullptr && services.toolbox->find_planned(name) != nullptr) {
        return fail(Code::Unimplemented, fmt::format("tool.graph: {} is not built yet", name));
    }
    if (tool == nullptr) {
        return fail(Code::NotFound,
                    fmt::format("tool.graph: no tool '{}'; near: {}", name.substr(0, 60),
                                fmt::join(services.toolbox->nearest(name, 3), ", ")));
    }
    const auto depth = std::clamp<std::int64_t>(integer_of(call, "depth", 1), 1, 3);
    const bool with_schema = text_of(call, "detail", "names") == "schema";
    Json answer = {{"around", tool->contract.name}, {"tools", Json::array()}};
    std::set<std::string> seen = {tool->contract.name};
    std::vector<const Tool*> ring = {tool};
    for (std::int64_t step = 0; step < depth; ++step) {
        std::vector<const Tool*> next;
        for (const Tool* one : ring) {
            answer["tools"].push_back(neighbourhood(services, *one, with_schema));
            const Json& shown = answer["tools"].back();
            std::vector<std::string> names;
            for (const Json& suppliers : shown["arguments_from"]) {
                names.insert(names.end(), suppliers.begin(), suppliers.end());
            }
            for (const Json& user : shown["answer_used_by"]) {
                names.push_back(user["tool"]);
            }
            for (const std::string& other : names) {
                if (seen.insert(other).second) {
                    next.push_back(services.toolbox->find(other));
                }
            }
        }
        ring = std::move(next);
    }
    answer["count"] = answer["tools"].size();
    return answer;
}

}  // namespace

void add_extended_net(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "extended_net",
                   .wire_name = "gana_extended_net_patterns",
                   .mansion = "张 Zhang",
                   .quadrant = "South",
                   .summary = "Which tool comes next: what feeds a tool, what uses its answer"});
    toolbox.add({.name = "tool.graph",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tool:string depth:int detail:names|schema",
                 .summary = "around one tool: what supplies its arguments, what uses its "
                            "answer, what usually follows"},
                bind(services, graph));
    toolbox.add({.name = "usage.patterns",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "tool:string limit:int",
                 .summary = "tool sequences seen often here, with counts; for one tool: the "
                            "likely next ones"});
    toolbox.add({.name = "pattern.search",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query*:string min_confidence:number",
                 .summary = "recurring patterns that the engines found in memories and calls, "
                            "with confidence and evidence ids",
                 .pace = Pace::Slow,
                 .free_text = true});
}

}  // namespace resonant::tools
