#include <fmt/format.h>

#include <array>
#include <iostream>
#include <memory>

#include "apps/resonant/commands.h"
#include "apps/resonant/tool_finder.h"
#include "resonant/mcp/listing.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"

namespace resonant::app {
namespace {

// A subcommand that is one tool call: `words` become the arguments by make().
using MakeArguments = std::function<Json()>;

CLI::App* tool_command(CLI::App& parent, Common& common, const std::string& name, const std::string& help,
                       const std::string& tool, MakeArguments make) {
    CLI::App* command = parent.add_subcommand(name, help);
    command->callback([&common, tool, make = std::move(make)] {
        common.exit_code = call_tool(common, tool, make());
    });
    return command;
}

Json nothing() { return Json::object(); }

CLI::App* group(CLI::App& app, const std::string& name, const std::string& help) {
    CLI::App* command = app.add_subcommand(name, help);
    command->require_subcommand(1);
    return command;
}

void add_call(CLI::App& app, Common& common) {
    auto tool = std::make_shared<std::string>();
    auto arguments = std::make_shared<std::string>("{}");
    CLI::App* command = app.add_subcommand("call", "call a tool: resonant call memory.recall '{\"query\":\"x\"}'");
    command->add_option("tool", *tool, "dotted name of the tool")->required();
    command->add_option("arguments", *arguments, "its arguments, a JSON object");
    command->callback([&common, tool, arguments] {
        const Result<Json> parsed = json::parse(*arguments);
        if (!parsed || !parsed->is_object()) {
            common.exit_code = report({Code::InvalidArgument,
                                       "call: the arguments are no JSON object; give for example '{\"query\":\"x\"}'"},
                                      kUsage);
            return;
        }
        common.exit_code = call_tool(common, *tool, *parsed);
    });
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

void add_tools(CLI::App& app, Common& common) {
    auto listing = std::make_shared<std::string>("families");
    auto cost = std::make_shared<bool>(false);
    CLI::App* command = app.add_subcommand("tools", "the catalogue as clients see it; --cost: bytes and tokens");
    command->add_option("--listing", *listing, "families, core or all")
        ->check(CLI::IsMember({"families", "core", "all"}));
    command->add_flag("--cost", *cost, "bytes and tokens of each listing and tool");
    auto planned = std::make_shared<bool>(false);
    command->add_flag("--planned", *planned, "what is declared and not built yet; nothing else shows it");
    auto question = std::make_shared<ToolQuestion>();
    command->add_option("--search", question->query, "tools that fit a goal; '-': one a line on standard input");
    command->add_option("--catalogue", question->catalogue, "search the tools of a file: tools/list, functions, one tool a line ...")
        ->check(CLI::ExistingFile);
    command->add_option("--limit", question->limit, "tools at most, with --search");
    command->add_flag("--words", question->words_only, "search by words alone, without the model");
    command->callback([&common, listing, cost, planned, question] {
        if (!question->query.empty()) {
            common.exit_code = find_tools(common, *question);
            return;
        }
        tools::Toolbox toolbox;
        tools::Services none;
        tools::add_all(toolbox, none);
        if (*cost) {
            print_cost(common, toolbox);
            return;
        }
        if (*planned) {
            print_planned(common, toolbox);
            return;
        }
        const Result<Json> tools = json::parse(mcp::list_tools(toolbox, *mcp::listing_of(*listing)));
        if (!tools) {
            common.exit_code = report(tools.error());
            return;
        }
        if (common.json) {
            show(common, {{"tools", *tools}});
            return;
        }
        for (const Json& tool : *tools) {
            std::cout << fmt::format("{:<32} {}\n", tool.value("name", ""), tool.value("description", ""));
        }
    });
}

void add_board_watch(CLI::App& board, Common& common) {
    auto field = std::make_shared<std::string>();
    auto threshold = std::make_shared<double>(0);
    auto timeout = std::make_shared<double>(10);
    auto above = std::make_shared<CLI::Option*>(nullptr);
    CLI::App* watch = tool_command(board, common, "watch", "wait until a field crosses a threshold", "board.watch",
                                   [=] {
                                       return Json{{"field", *field},
                                                   {(*above)->count() > 0 ? "above" : "below", *threshold},
                                                   {"timeout_s", *timeout}};
                                   });
    watch->add_option("field", *field, "for example error_rate")->required();
    CLI::Option_group* either = watch->add_option_group("threshold");
    *above = either->add_option("--above", *threshold, "wake when the field rises above this");
    either->add_option("--below", *threshold, "wake when the field falls below this");
    either->require_option(1);
    watch->add_option("--timeout", *timeout, "seconds to wait, at most 30");
}

void add_ring(CLI::App& app, Common& common) {
    CLI::App* ring = group(app, "ring", "events: tail, publish, stats");
    auto since = std::make_shared<std::string>();
    auto limit = std::make_shared<int>(20);
    auto wait = std::make_shared<double>(0);
    CLI::App* tail = tool_command(*ring, common, "tail", "newest events", "event.tail", [since, limit, wait] {
        Json arguments = {{"limit", *limit}};
        if (!since->empty()) {
            arguments["since"] = *since;
        }
        if (*wait > 0) {
            arguments["wait_s"] = *wait;
        }
        return arguments;
    });
    tail->add_option("--since", *since, "sequence epoch:position");
    tail->add_option("--limit", *limit, "events at most");
    tail->add_option("--wait", *wait, "seconds to wait for news, at most 30");
    auto type = std::make_shared<std::string>();
    tool_command(*ring, common, "publish", "put an event on the ring", "event.publish",
                 [type] { return Json{{"type", *type}}; })
        ->add_option("type", *type, "name of the event")
        ->required();
    tool_command(*ring, common, "stats", "rates, consumers, losses", "event.stats", nothing);
}

}  // namespace

void add_tool_commands(CLI::App& app, Common& common) {
    add_call(app, common);
    add_tools(app, common);
    auto field = std::make_shared<std::string>();
    CLI::App* board = app.add_subcommand("board", "live shared state, whole or one field; board watch: wait for a threshold");
    board->add_option("field", *field, "for example error_rate");
    add_board_watch(*board, common);
    board->callback([&common, board, field] {
        if (board->get_subcommands().empty()) {
            common.exit_code = call_tool(common, "board.read", field->empty() ? nothing() : Json{{"field", *field}});
        }
    });
    add_ring(app, common);
    add_memory_commands(app, common);
    tool_command(app, common, "monitors", "sleeping watchers", "monitor.list", nothing);
    tool_command(app, common, "agents", "agents and watchers by state", "swarm.status", nothing);
}

}  // namespace resonant::app
