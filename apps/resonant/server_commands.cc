#include "apps/resonant/server_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "apps/resonant/launch.h"
#include "resonant/mcp/server_file.h"

namespace resonant::app {
namespace {

constexpr const char* kAdd = "server.add";

std::optional<std::string> variable(const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// Clients start a kernel with almost no environment: the PATH of who adds a server goes along with it.
void remember_path(call::UpstreamSpec& spec) {
    const char* path = std::getenv("PATH");
    if (!spec.command.empty() && path != nullptr && !spec.environment.contains("PATH")) {
        spec.environment["PATH"] = path;
    }
}

// Adding starts a kernel where none runs.
Status need_kernel(const Common& common) {
    RESONANT_ASSIGN(const runtime::Home home, common.open());
    return kernel_answers(home) ? Status() : ensure_kernel(home, {});
}

// The whole answer; nothing when the kernel could not be asked. `exit_code` says how it went.
std::optional<Json> ask(const Common& common, const std::string& tool, const Json& arguments, int& exit_code) {
    auto answer = whole_answer(common, tool, arguments);
    exit_code = answer ? exit_code_of(*answer) : answer.error();
    return answer ? std::optional(std::move(*answer)) : std::nullopt;
}

struct Added {
    std::string name;
    std::size_t tools = 0;
    Json quarantined = Json::array();
    std::string trouble;
};

Added add_one(const Common& common, call::UpstreamSpec spec, int& exit_code) {
    remember_path(spec);
    Added added{.name = spec.name, .tools = 0, .quarantined = Json::array(), .trouble = {}};
    const std::optional<Json> answer = ask(common, kAdd, mcp::json_of(spec), exit_code);
    const Json content = answer ? answer->value("content", Json::object()) : Json::object();
    if (exit_code != kOk) {
        const Json error = content.value("error", Json::object());
        const Json denial = content.value("denial", Json::object());
        added.trouble = error.value("message", denial.value("reason", "the kernel could not be asked"));
        return added;
    }
    added.tools = content.value("tools", std::size_t{0});
    added.quarantined = content.value("quarantined", Json::array());
    return added;
}

int import_servers(const Common& common, const std::string& path) {
    const Result<std::string> text = runtime::read_file(path);
    if (!text) {
        return report(text.error());
    }
    Result<mcp::ServerFile> file = mcp::read_servers(*text, variable);
    if (!file) {
        return report({file.error().code, path + ": " + file.error().message});
    }
    if (const Status there = need_kernel(common); !there) {
        return report(there.error());
    }
    int worst = kOk;
    Json imported = Json::array(), left_out = Json::array();
    for (const std::string& words : file->left_out) {
        left_out.push_back(words);
    }
    for (call::UpstreamSpec& spec : file->servers) {
        int code = kOk;
        if (!spec.command.empty() && spec.folder.empty()) {
            std::error_code error;
            spec.folder = std::filesystem::current_path(error).string();  // where the client would have started it
        }
        const Added added = add_one(common, std::move(spec), code);
        if (code == kNoKernel) {
            return code;
        }
        if (!added.trouble.empty()) {
            left_out.push_back(added.name + ": " + added.trouble);
            worst = std::max(worst, code);
            continue;
        }
        Json one = {{"name", added.name}, {"tools", added.tools}};
        if (!added.quarantined.empty()) {
            one["quarantined"] = added.quarantined;
        }
        imported.push_back(std::move(one));
    }
    Json answer = {{"imported", imported}};
    if (!left_out.empty()) {
        answer["left_out"] = left_out;
    }
    int code = kOk;
    if (const auto listed = ask(common, "server.list", Json::object(), code); listed && code == kOk) {
        const Json bytes = (*listed)["content"].value("listing_bytes", Json::object());
        const std::size_t before = bytes.value("servers_alone", std::size_t{0});
        const std::size_t after = bytes.value("families", std::size_t{0});
        answer["listing_bytes"] = {{"before", before},
                                   {"after", after},
                                   {"of_it_servers", after - bytes.value("families_without_servers", after)}};
    }
    show(common, answer);
    return worst;
}

bool agreed(const std::string& question) {
    std::cerr << question << " [y/N] " << std::flush;
    std::string line;
    return ::isatty(STDIN_FILENO) != 0 && std::getline(std::cin, line) && (line == "y" || line == "yes");
}

// Shows what is in quarantine and why, and approves exactly what was shown.
int approve(const Common& common, const std::string& name, const std::string& tool, bool yes) {
    int code = kOk;
    const std::optional<Json> seen = ask(common, "server.list", {{"name", name}}, code);
    if (!seen || code != kOk) {
        if (seen) {
            show(common, seen->value("content", Json::object()));
        }
        return code;
    }
    Json approved = Json::array();
    for (const Json& one : (*seen)["content"].value("quarantined", Json::array())) {
        const std::string wire = one.value("tool", "");
        if (!tool.empty() && wire != tool && wire != name + "__" + tool) {
            continue;
        }
        std::cerr << fmt::format("{}: {}\n{}", wire, one.value("why", ""), one.value("difference", ""));
        if (!yes && !agreed("approve this description?")) {
            continue;
        }
        const Json arguments = {{"name", name}, {"tool", wire}, {"hash", one.value("hash", "")}};
        const std::optional<Json> answer = ask(common, "server.approve", arguments, code);
        if (!answer || code != kOk) {
            if (answer) {
                show(common, answer->value("content", Json::object()));
            }
            return code;
        }
        approved.push_back(wire);
    }
    show(common, {{"server", name}, {"approved", approved}});
    return kOk;
}

void add_add(CLI::App& server, Common& common) {
    auto spec = std::make_shared<call::UpstreamSpec>();
    auto pairs = std::make_shared<std::vector<std::string>>();
    auto headers = std::make_shared<std::vector<std::string>>();
    CLI::App* add = server.add_subcommand("add", "put a server behind this one: server add NAME -- COMMAND ..., or --url URL");
    add->add_option("name", spec->name, "a short name")->required();
    add->add_option("command", spec->command, "program and arguments");
    add->add_option("--url", spec->url, "http(s) address of a server by Streamable HTTP");
    add->add_option("--env", *pairs, "NAME=VALUE for the program");
    add->add_option("--header", *headers, "NAME=VALUE for the server");
    add->add_option("--cwd", spec->folder, "folder where the program runs");
    add->add_option("--gana", spec->family, "family that shows it (roof)");
    add->add_option("--timeout", spec->timeout_s, "seconds for one call");
    add->add_option("--start-timeout", spec->start_timeout_s, "seconds until it has started (60)");
    add->add_option("--era", spec->era, "modern or legacy, when it should not be found out");
    add->add_flag("--reads-only", spec->reads_only, "no tool of it acts: calls are noted as reads");
    add->callback([&common, spec, pairs, headers] {
        const auto take = [](const std::vector<std::string>& from, std::map<std::string, std::string>& into) {
            for (const std::string& pair : from) {
                const std::size_t equal = pair.find('=');
                into[pair.substr(0, equal)] = equal == std::string::npos ? "" : pair.substr(equal + 1);
            }
        };
        take(*pairs, spec->environment);
        take(*headers, spec->headers);
        if (const Status good = mcp::check(*spec); !good) {
            common.exit_code = report(good.error(), kUsage);
            return;
        }
        if (const Status there = need_kernel(common); !there) {
            common.exit_code = report(there.error());
            return;
        }
        remember_path(*spec);
        common.exit_code = call_tool(common, kAdd, mcp::json_of(*spec));
    });
}

}  // namespace

void add_server_commands(CLI::App& app, Common& common) {
    CLI::App* server = app.add_subcommand("server", "other MCP servers behind this one: add, import, list, approve, remove");
    server->require_subcommand(1);
    auto name = std::make_shared<std::string>();
    auto tool = std::make_shared<std::string>();
    auto yes = std::make_shared<bool>(false);
    CLI::App* list = server->add_subcommand("list", "servers and their health, or one with its tools");
    list->add_option("name", *name, "one server");
    list->callback([&common, name] {
        common.exit_code = call_tool(common, "server.list", name->empty() ? Json::object() : Json{{"name", *name}});
    });
    CLI::App* scan = server->add_subcommand("scan", "look for poisoned descriptions, shadowed names, secrets");
    scan->add_option("name", *name, "its name")->required();
    scan->callback([&common, name] { common.exit_code = call_tool(common, "server.scan", {{"name", *name}}); });
    CLI::App* removed = server->add_subcommand("remove", "take a server out (owner)");
    removed->add_option("name", *name, "its name")->required();
    removed->callback([&common, name] { common.exit_code = call_tool(common, "server.remove", {{"name", *name}}); });
    CLI::App* approved = server->add_subcommand("approve", "accept new or changed descriptions, shown first (owner)");
    approved->add_option("name", *name, "its name")->required();
    approved->add_option("tool", *tool, "one tool; else each in quarantine");
    approved->add_flag("--yes", *yes, "do not ask");
    approved->callback([&common, name, tool, yes] { common.exit_code = approve(common, *name, *tool, *yes); });
    auto file = std::make_shared<std::string>();
    CLI::App* import = server->add_subcommand("import", "take the servers of a client's file (.mcp.json, Claude Desktop, "
                                                        "Cursor, VS Code) over; prints listing bytes before and after");
    import->add_option("file", *file, "the file")->required()->check(CLI::ExistingFile);
    import->callback([&common, file] { common.exit_code = import_servers(common, *file); });
    add_add(*server, common);
}

}  // namespace resonant::app
