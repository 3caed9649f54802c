#include <fmt/core.h>

#include <array>
#include <iostream>
#include <memory>

#include "apps/resonant/commands.h"
#include "apps/resonant/render.h"
#include "apps/resonant/tool_finder.h"
#include "resonant/base/printable.h"
#include "resonant/mcp/listing.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"

namespace resonant::app {
namespace {

// A command that is one tool call: `make` gives its arguments.
void tool_command(Commands& commands, const std::string& name, const std::string& summary, std::vector<Argument> arguments,
                  const std::string& tool, std::function<Json()> make) {
    commands.push_back({.name = name,
                        .summary = summary,
                        .arguments = std::move(arguments),
                        .run = [tool, make = std::move(make)](const Common& common) { return call_tool(common, tool, make()); },
                        .kernel = KernelNeed::Running});
}

Json nothing() { return Json::object(); }

// Empty when `text` is a JSON object.
std::string why_no_object(const std::string& text, const char* example) {
    const Result<Json> parsed = json::parse(text);
    if (!parsed) {
        return fmt::format("the arguments are not a JSON object ({}); give for example '{}'", parsed.error().message, example);
    }
    return parsed->is_object() ? "" : fmt::format("the arguments are not a JSON object; give for example '{}'", example);
}

void add_call(Commands& commands) {
    auto tool = std::make_shared<std::string>();
    auto arguments = std::make_shared<std::string>("{}");
    commands.push_back(
        {.name = "call",
         .summary = "call a tool: resonant call memory.recall '{\"query\":\"x\"}'",
         .arguments = {{.name = "tool", .target = tool.get(), .help = "dotted name of the tool", .required = true},
                       {.name = "arguments", .target = arguments.get(), .help = "its arguments, a JSON object",
                        .value = "JSON", .is_text = true}},
         .run = [tool, arguments](const Common& common) { return call_tool(common, *tool, *json::parse(*arguments)); },
         .kernel = KernelNeed::Started,
         .check = [arguments] { return why_no_object(*arguments, R"({"query":"x"})"); }});
}

struct ListingCost {
    std::string name;
    std::size_t tools = 0;
    std::size_t bytes = 0;
};

// Bytes as sent in a tools/list result; tokens as bytes / 4, a common rule of thumb.
ListingCost cost_of(const tools::Toolbox& toolbox, mcp::Listing listing) {
    const std::string text = R"({"tools":)" + mcp::list_tools(toolbox, listing) + "}";
    const Result<Json> parsed = json::parse(text);
    return {std::string(mcp::name_of(listing)), parsed ? (*parsed)["tools"].size() : 0, text.size()};
}

void print_cost(const Common& common, const tools::Toolbox& toolbox) {
    Json listings = Json::array();
    for (const mcp::Listing listing : {mcp::Listing::Families, mcp::Listing::Core, mcp::Listing::All}) {
        const ListingCost cost = cost_of(toolbox, listing);
        listings.push_back({{"listing", cost.name}, {"tools", cost.tools}, {"bytes", cost.bytes},
                            {"tokens", cost.bytes / 4}});
    }
    Json tools = Json::array();
    for (const tools::Tool& tool : toolbox.tools()) {
        const std::size_t bytes = json::dump(tool.contract.input_schema).size() + tool.contract.summary.size() +
                                  tool.contract.name.size();
        tools.push_back({{"tool", tool.contract.name}, {"bytes", bytes}, {"tokens", bytes / 4}});
    }
    if (common.json) {
        show(common, {{"listings", listings}, {"tools", tools}});
        return;
    }
    std::cout << fmt::format("{:<10} {:>6} {:>8} {:>8}\n", "listing", "tools", "bytes", "tokens");
    for (const Json& row : listings) {
        std::cout << fmt::format("{:<10} {:>6} {:>8} {:>8}\n", row["listing"].get<std::string>(),
                                 row["tools"].get<int>(), row["bytes"].get<int>(), row["tokens"].get<int>());
    }
    std::cout << fmt::format("\n{:<28} {:>8} {:>8}\n", "tool (name, summary, schema)", "bytes", "tokens");
    for (const Json& row : tools) {
        std::cout << fmt::format("{:<28} {:>8} {:>8}\n", row["tool"].get<std::string>(), row["bytes"].get<int>(),
                                 row["tokens"].get<int>());
    }
}

void print_planned(const Common& common, const tools::Toolbox& toolbox) {
    Json tools = Json::array();
    for (const call::Contract& contract : toolbox.planned()) {
        tools.push_back({{"tool", contract.name}, {"summary", contract.summary}});
    }
    show(common, {{"planned", tools}, {"count", tools.size()}, {"note", "not built yet: a call answers unimplemented"}});
}

struct Shown {
    std::string listing = "families";
    bool cost = false;
    bool planned = false;
};

int show_tools(const Common& common, const Shown& shown) {
    tools::Toolbox toolbox;
    tools::Services none;
    tools::add_all(toolbox, none);
    if (shown.cost || shown.planned) {
        shown.cost ? print_cost(common, toolbox) : print_planned(common, toolbox);
        return kOk;
    }
    const Result<Json> tools = json::parse(mcp::list_tools(toolbox, *mcp::listing_of(shown.listing)));
    if (!tools) {
        return report(tools.error());
    }
    if (common.json) {
        show(common, {{"tools", *tools}});
        return kOk;
    }
    for (const Json& tool : *tools) {
        std::cout << printable(fmt::format("{:<32} {}", tool.value("name", ""), tool.value("description", ""))) << "\n";
    }
    return kOk;
}

void add_tools(Commands& commands) {
    auto shown = std::make_shared<Shown>();
    auto question = std::make_shared<ToolQuestion>();
    commands.push_back(
        {.name = "tools",
         .summary = "the catalogue as clients see it; --cost: bytes and tokens",
         .arguments = {{.name = "--listing", .target = &shown->listing, .help = "which", .choices = {"families", "core", "all"}},
                       {.name = "--cost", .target = &shown->cost, .help = "bytes and tokens of each listing and tool"},
                       {.name = "--planned", .target = &shown->planned, .help = "what is declared and not built yet; nothing else shows it"},
                       {.name = "--search", .target = &question->query,
                        .help = "tools that fit a goal; '-': one a line on standard input"},
                       {.name = "--catalogue", .target = &question->catalogue,
                        .help = "search the tools of a file: tools/list, functions, one tool a line ...", .value = "FILE"},
                       {.name = "--limit", .target = &question->limit, .help = "tools at most, with --search"},
                       {.name = "--words", .target = &question->words_only, .help = "search by words alone, without the model"}},
         .run = [shown, question](const Common& common) {
             return question->query.empty() ? show_tools(common, *shown) : find_tools(common, *question);
         },
         .more = "Its own tools only, without a kernel. Those of servers behind it too: `resonant call capability.suggest`; server by "
                 "server: `resonant server list NAME`."});
}

struct BoardWords {
    std::string field;
    std::optional<double> above, below;
    double timeout_s = 10;
};

int watch_board(const Common& common, const BoardWords& words) {
    const auto answer = ask_tool(common, "board.watch", {{"field", words.field},
                                                         {words.above ? "above" : "below", words.above ? *words.above : *words.below},
                                                         {"timeout_s", words.timeout_s}});
    if (!answer) {
        return answer.error();
    }
    show(common, *answer);
    return answer->value("timed_out", false) ? kTimedOut : kOk;
}

void add_board(Commands& commands) {
    auto words = std::make_shared<BoardWords>();
    tool_command(commands, "board", "live shared state, whole or one field; board watch: wait for a threshold",
                 {{.name = "field", .target = &words->field, .help = "for example error_rate"}}, "board.read",
                 [words] { return words->field.empty() ? nothing() : Json{{"field", words->field}}; });
    commands.push_back(
        {.name = "board watch",
         .summary = "wait until a field crosses a threshold",
         .arguments = {{.name = "field", .target = &words->field, .help = "for example error_rate", .required = true},
                       {.name = "--above", .target = &words->above, .help = "wake when the field rises above this"},
                       {.name = "--below", .target = &words->below, .help = "wake when the field falls below this"},
                       {.name = "--timeout", .target = &words->timeout_s, .help = "to wait, at most 30", .value = "SECONDS"}},
         .run = [words](const Common& common) { return watch_board(common, *words); },
         .kernel = KernelNeed::Running,
         .check = [words] { return words->above.has_value() == words->below.has_value() ? "give either --above N or --below N" : ""; }});
}

int publish(const Common& common, const std::string& type, const std::string& payload) {
    Json arguments = {{"type", type}};
    if (!payload.empty()) {
        arguments["payload"] = *json::parse(payload);
    }
    return call_tool(common, "event.publish", arguments);
}

struct Tail {
    std::string since;
    std::vector<std::string> types;
    int limit = 20;
    double wait_s = 0;
    bool follow = false;
};

// "2026-12-01T11:20:53.123Z  tool_completed  memory.add  call=5 took=1.2 ms".
void print_event(const Json& event) {
    std::string line = fmt::format("{}  {:<22}", event.value("at", ""), event.value("type", ""));
    if (const Json tool = event.value("tool", Json()); tool.is_string()) {
        line += " " + tool.get<std::string>();
    }
    const Json data = event.value("data", Json::object());  // items() refers to it
    for (const auto& [name, value] : data.items()) {
        const bool took = name == "took_ms" && value.is_number();
        line += took ? fmt::format(" took={}", duration_in_words(value.get<double>() / 1e3))
                     : fmt::format(" {}={}", name, value.is_string() ? value.get<std::string>() : json::dump(value));
    }
    if (event.contains("payload")) {
        line += " " + json::dump(event["payload"]);
    }
    std::cout << printable(line) << "\n";
}

void print_events(const Common& common, const Json& answer, bool as_lines) {
    if (common.json && !as_lines) {
        show(common, answer);
        return;
    }
    if (const std::uint64_t lost = answer.value("lost", std::uint64_t{0}); lost > 0) {
        std::cerr << fmt::format("resonant: ring tail: {} events were lost before these\n", lost);
    }
    for (const Json& event : answer.value("events", Json::array())) {
        if (common.json) {
            std::cout << printable_json(json::dump(event)) << "\n";
        } else {
            print_event(event);
        }
    }
    std::cout << std::flush;
}

// With --follow until it is interrupted or the kernel is gone.
int tail_ring(const Common& common, const Tail& tail) {
    constexpr double kWaitS = 30;  // the longest that one call may wait
    Json arguments = {{"limit", tail.limit}};
    if (!tail.since.empty()) {
        arguments["since"] = tail.since;
    }
    if (!tail.types.empty()) {
        arguments["types"] = tail.types;
    }
    if (tail.wait_s > 0 && !tail.follow) {
        arguments["wait_s"] = tail.wait_s;
    }
    for (;;) {
        const auto answer = ask_tool(common, "event.tail", arguments);
        if (!answer) {
            return answer.error();
        }
        print_events(common, *answer, tail.follow);
        if (!tail.follow) {
            return kOk;
        }
        arguments["since"] = answer->value("next", "");
        arguments["wait_s"] = kWaitS;
        arguments["limit"] = 500;
    }
}

void add_ring(Commands& commands) {
    commands.push_back({.name = "ring", .summary = "events: tail, publish, stats"});
    auto tail = std::make_shared<Tail>();
    commands.push_back(
        {.name = "ring tail",
         .summary = "the newest events, oldest first",
         .arguments = {{.name = "--follow", .target = &tail->follow, .help = "go on with what comes, until it is interrupted", .letter = 'f'},
                       {.name = "--limit", .target = &tail->limit, .help = "events at most", .letter = 'n'},
                       {.name = "--type", .target = &tail->types, .help = "only of this type; as often as wanted", .value = "TYPE"},
                       {.name = "--since", .target = &tail->since, .help = "from here on, as `next` of an earlier answer says",
                        .value = "EPOCH:POSITION"},
                       {.name = "--wait", .target = &tail->wait_s, .help = "without --since: wait for the next events, at most 30",
                        .value = "SECONDS"}},
         .run = [tail](const Common& common) { return tail_ring(common, *tail); },
         .kernel = KernelNeed::Running,
         .check = [tail] { return tail->limit < 1 || tail->limit > 500 ? fmt::format("--limit is {}; it is 1 to 500", tail->limit) : ""; }});
    auto type = std::make_shared<std::string>();
    auto payload = std::make_shared<std::string>();
    commands.push_back(
        {.name = "ring publish",
         .summary = "put an event on the ring",
         .arguments = {{.name = "type", .target = type.get(), .help = "name of the event", .required = true},
                       {.name = "payload", .target = payload.get(), .help = "what it carries, a JSON object", .value = "JSON", .is_text = true}},
         .run = [type, payload](const Common& common) { return publish(common, *type, *payload); },
         .kernel = KernelNeed::Running,
         .check = [payload] { return payload->empty() ? "" : why_no_object(*payload, R"({"value":12})"); }});
    tool_command(commands, "ring stats", "rates, consumers, losses", {}, "event.stats", nothing);
}

}  // namespace

void add_tool_commands(Commands& commands) {
    add_call(commands);
    add_tools(commands);
    add_board(commands);
    add_ring(commands);
    add_memory_commands(commands);
    tool_command(commands, "monitors", "sleeping watchers", {}, "monitor.list", nothing);
    tool_command(commands, "agents", "agents and watchers by state", {}, "swarm.status", nothing);
}

}  // namespace resonant::app
