#include "apps/resonant/commands.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "apps/resonant/server_adding.h"
#include "apps/resonant/terminal.h"
#include "resonant/base/printable.h"
#include "resonant/mcp/server_file.h"
#include "resonant/runtime/config.h"
#include "resonant/runtime/secrets.h"

namespace resonant::app {
namespace {

constexpr const char* kAdd = "server.add";

// The whole answer; nothing when the kernel could not be asked. `exit_code` says how it went.
std::optional<Json> ask(const Common& common, const std::string& tool, const Json& arguments, int& exit_code) {
    auto answer = whole_answer(common, tool, arguments);
    exit_code = answer ? exit_code_of(*answer) : answer.error();
    return answer ? std::optional(std::move(*answer)) : std::nullopt;
}

// The bytes of the list before and after, for a person who wants to know what it brings.
void show_bytes(const Common& common, Json& answer) {
    int code = kOk;
    if (const auto listed = ask(common, "server.list", Json::object(), code); listed && code == kOk) {
        const Json bytes = (*listed)["content"].value("listing_bytes", Json::object());
        const std::size_t before = bytes.value("servers_alone", std::size_t{0});
        const std::size_t after = bytes.value("families", std::size_t{0});
        answer["listing_bytes"] = {{"before", before},
                                   {"after", after},
                                   {"of_it_servers", after - bytes.value("families_without_servers", after)}};
    }
}

// Where the entries of a file are read against: its project, else where the command runs.
clients::EntryPlace place_for(const std::filesystem::path& file, const std::string& workspace) {
    std::error_code error;
    const std::filesystem::path user = variable("HOME").value_or("");
    const std::filesystem::path whole = std::filesystem::absolute(file, error);
    const std::filesystem::path project =
        workspace.empty() ? clients::project_of(whole, {.user = user, .variable = variable}) : std::filesystem::absolute(workspace, error);
    return {.user = user, .project = project, .folder = project.empty() ? std::filesystem::current_path(error) : project};
}

int import_servers(Common& common, const std::string& path, const std::string& workspace) {
    const Result<std::string> text = runtime::read_file(path);
    if (!text) {
        return report(text.error(), kUsage);
    }
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report_no_home(home.error());
    }
    std::error_code error;
    const Result<clients::ServerFile> file = clients::read_servers(std::filesystem::absolute(path, error), *text, place_for(path, workspace),
                                                                   self_of(home->root));
    if (!file) {
        return report({file.error().code, path + ": " + file.error().message});
    }
    if (const Status there = need_kernel(common); !there) {
        return report(there.error());
    }
    int worst = kOk;
    Json imported = Json::array(), left_out = file->left_out;
    if (file->own) {
        left_out.push_back("resonant: it is this program, which does not stand behind itself");
    }
    for (const clients::ServerEntry& entry : file->servers) {
        for (const std::string& words : entry.words) {
            left_out.push_back(entry.record.name + ": " + words);
        }
        if (const Status answered = entry.record.disabled ? Status() : answer_questions(*home, entry); !answered) {
            left_out.push_back(entry.record.name + ": " + answered.error().message);
            worst = std::max(worst, kFailed);
            continue;
        }
        int code = kOk;
        const Added added = add_one(common, entry.record, code);
        if (code == kNoKernel) {
            return code;
        }
        if (!added.trouble.empty()) {
            left_out.push_back(added.name + ": " + added.trouble);
            worst = std::max(worst, code);
            continue;
        }
        imported.push_back(json_of(added));
    }
    Json answer = {{"imported", imported}};
    if (!left_out.empty()) {
        answer["left_out"] = left_out;
    }
    show_bytes(common, answer);
    show(common, answer);
    return worst;
}

// Shows what is in quarantine and why, and approves exactly what was shown.
int approve(const Common& common, const std::string& name, const std::string& tool, bool yes) {
    const auto seen = ask_tool(common, "server.list", {{"name", name}});
    if (!seen) {
        return seen.error();
    }
    Json approved = Json::array();
    std::size_t waiting = 0;
    for (const Json& one : seen->value("quarantined", Json::array())) {
        const std::string wire = one.value("tool", "");
        if (!tool.empty() && wire != tool && wire != name + "__" + tool) {
            continue;
        }
        ++waiting;
        std::cerr << printable(fmt::format("{}: {}\n{}", wire, one.value("why", ""), one.value("difference", "")), Lines::Kept);
        if (!yes && !agreed("approve this description?")) {
            continue;
        }
        const Json arguments = {{"name", name}, {"tool", wire}, {"hash", one.value("hash", "")}};
        if (const auto answer = ask_tool(common, "server.approve", arguments); !answer) {
            return answer.error();
        }
        approved.push_back(wire);
    }
    Json answer = {{"server", name}, {"approved", approved}};
    if (waiting == 0) {
        answer["note"] = tool.empty() ? "nothing of it waits for approval"
                                      : fmt::format("nothing named '{}' waits for approval; resonant server list {} shows its tools", tool, name);
    }
    show(common, answer);
    return kOk;
}

// Starts a server that is switched off, or switches it off.
int enable(const Common& common, const std::string& name, bool enabled) {
    auto answer = ask_tool(common, "server.approve", {{"name", name}, {"enabled", enabled}});
    if (!answer) {
        return answer.error();
    }
    if (enabled) {
        (*answer)["next"] = fmt::format("resonant server approve {}, once it has started", name);
    }
    show(common, *answer);
    return kOk;
}

// Whether a server of this name is written down; the kernel need not run.
bool is_kept(const runtime::Home& home, const std::string& server) {
    const Result<std::string> text = runtime::read_file(home.root / "servers.json");
    const Json kept = text ? Json::parse(*text, nullptr, false) : Json();
    const Result<runtime::Config> config = runtime::load_config(home.config());
    return (kept.is_object() && kept.value("servers", Json::object()).contains(server)) ||
           (config && std::ranges::any_of(config->servers, [&](const auto& one) { return one.name == server; }));
}

// Keeps a value that the record of a server names, or takes it away.
int secret(const Common& common, const std::string& server, const std::string& name, bool forget) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report_no_home(home.error());
    }
    const runtime::Secrets secrets(*home);
    if (name.empty()) {
        show(common, {{"server", server}, {"kept", secrets.names(server)}});
        return kOk;
    }
    if (forget) {
        const Result<bool> gone = secrets.forget(server, name);
        if (!gone) {
            return report(gone.error());
        }
        show(common, {{"server", server}, {"name", name}, {"forgotten", *gone}});
        return *gone ? kOk : kFailed;
    }
    std::optional<std::string> value = ask_line(fmt::format("{} of server {}: ", name, server), true);
    if (!value) {
        value.emplace();
        std::getline(std::cin, *value);  // piped in
    }
    if (value->empty()) {
        return report({Code::InvalidArgument, "an empty value is not kept; type it, or pipe it in"}, kUsage);
    }
    if (const Status kept = secrets.keep(server, name, *value); !kept) {
        return report(kept.error());
    }
    Json kept = {{"server", server}, {"name", name}, {"kept", true}};
    if (!is_kept(*home, server)) {
        kept["note"] = fmt::format("no server '{}' is behind resonant; the value waits for one of that name", server);
    }
    show(common, kept);
    return kOk;
}

struct AddWords {
    call::UpstreamSpec spec;
    std::vector<std::string> pairs, headers;
};

// NAME=VALUE, each.
void take_pairs(const std::vector<std::string>& from, std::map<std::string, std::string>& into) {
    for (const std::string& pair : from) {
        const std::size_t equal = pair.find('=');
        into[pair.substr(0, equal)] = equal == std::string::npos ? "" : pair.substr(equal + 1);
    }
}

int add_server(const Common& common, AddWords& words) {
    take_pairs(words.pairs, words.spec.environment);
    take_pairs(words.headers, words.spec.headers);
    if (const Status good = mcp::check(words.spec); !good) {
        return report(good.error(), kUsage);
    }
    if (const Status there = need_kernel(common); !there) {
        return report(there.error());
    }
    remember_path(words.spec);
    if (!common.quiet) {
        std::cerr << fmt::format("resonant: server add: starting {} and asking it for its tools ...\n", printable(words.spec.name));
    }
    return call_tool(common, kAdd, mcp::json_of(words.spec));
}

void add_add(Commands& commands) {
    auto words = std::make_shared<AddWords>();
    call::UpstreamSpec& spec = words->spec;
    commands.push_back(
        {.name = "server add",
         .summary = "put a server behind this one: server add NAME -- COMMAND ..., or --url URL",
         .arguments = {{.name = "name", .target = &spec.name, .help = "a short name", .required = true},
                       {.name = "command", .target = &spec.command, .help = "program and arguments"},
                       {.name = "--url", .target = &spec.url, .help = "http(s) address of a server by Streamable HTTP", .value = "URL"},
                       {.name = "--env", .target = &words->pairs, .help = "for the program; as often as wanted", .value = "NAME=VALUE"},
                       {.name = "--header", .target = &words->headers, .help = "for the server; as often as wanted", .value = "NAME=VALUE"},
                       {.name = "--cwd", .target = &spec.folder, .help = "where the program runs", .value = "DIR"},
                       {.name = "--gana", .target = &spec.family, .help = "family that shows it (roof)", .value = "FAMILY"},
                       {.name = "--timeout", .target = &spec.timeout_s, .help = "for one call", .value = "SECONDS"},
                       {.name = "--start-timeout", .target = &spec.start_timeout_s, .help = "until it has started (60)", .value = "SECONDS"},
                       {.name = "--era", .target = &spec.era, .help = "of the protocol, when it should not be found out",
                        .choices = {"modern", "legacy"}},
                       {.name = "--env-file", .target = &spec.env_file, .help = "NAME=VALUE lines, read at each start", .value = "FILE"},
                       {.name = "--allow-tool", .target = &spec.tools_allowed, .help = "only these tools, as the server calls them; as often as wanted", .value = "TOOL"},
                       {.name = "--deny-tool", .target = &spec.tools_denied, .help = "not these tools; as often as wanted", .value = "TOOL"},
                       {.name = "--disabled", .target = &spec.disabled, .help = "keep it, and do not start it"},
                       {.name = "--reads-only", .target = &spec.reads_only, .help = "no tool of it acts: calls are noted as reads"}},
         .run = [words](const Common& common) { return add_server(common, *words); },
         .more = "Starts a kernel where none runs, as `resonant mcp` does."});
}

void add_switches(Commands& commands) {
    auto name = std::make_shared<std::string>();
    auto variable_name = std::make_shared<std::string>();
    auto forget = std::make_shared<bool>(false);
    for (const bool on : {true, false}) {
        commands.push_back({.name = on ? "server enable" : "server disable",
                            .summary = on ? "start a server that is switched off (owner)" : "switch a server off and keep it (owner)",
                            .arguments = {{.name = "name", .target = name.get(), .help = "its name", .required = true}},
                            .run = [name, on](const Common& common) { return enable(common, *name, on); },
                            .kernel = KernelNeed::Running});
    }
    commands.push_back(
        {.name = "server secret",
         .summary = "keep a value that a server names as ${NAME} or ${input:NAME}: asked for at the terminal, or piped in; without "
                    "NAME: which there are",
         .arguments = {{.name = "server", .target = name.get(), .help = "the server's name", .required = true},
                       {.name = "name", .target = variable_name.get(), .help = "the variable, or the id of the question"},
                       {.name = "--forget", .target = forget.get(), .help = "take it away"}},
         .run = [name, variable_name, forget](const Common& common) { return secret(common, *name, *variable_name, *forget); }});
}

}  // namespace

void add_server_commands(Commands& commands) {
    commands.push_back({.name = "server", .summary = "other MCP servers behind this one: add, import, list, approve, enable, disable, secret, remove, scan"});
    auto name = std::make_shared<std::string>();
    auto tool = std::make_shared<std::string>();
    auto yes = std::make_shared<bool>(false);
    const Argument server = {.name = "name", .target = name.get(), .help = "its name", .required = true};
    commands.push_back(
        {.name = "server list",
         .summary = "servers and their health, or one with its tools",
         .arguments = {{.name = "name", .target = name.get(), .help = "one server"}},
         .run = [name](const Common& common) {
             return call_tool(common, "server.list", name->empty() ? Json::object() : Json{{"name", *name}});
         },
         .kernel = KernelNeed::Running});
    commands.push_back(
        {.name = "server scan",
         .summary = "look for poisoned descriptions, shadowed names, secrets",
         .arguments = {server},
         .run = [name](const Common& common) { return call_tool(common, "server.scan", {{"name", *name}}); },
         .kernel = KernelNeed::Running});
    commands.push_back(
        {.name = "server remove",
         .summary = "take a server out (owner)",
         .arguments = {server},
         .run = [name](const Common& common) { return call_tool(common, "server.remove", {{"name", *name}}); },
         .kernel = KernelNeed::Running});
    commands.push_back(
        {.name = "server approve",
         .summary = "accept new or changed descriptions, shown first (owner)",
         .arguments = {server,
                       {.name = "tool", .target = tool.get(), .help = "one tool; else each in quarantine"},
                       {.name = "--yes", .target = yes.get(), .help = "do not ask"}},
         .run = [name, tool, yes](const Common& common) { return approve(common, *name, *tool, *yes); },
         .kernel = KernelNeed::Running});
    struct Import {
        std::string file, workspace;
    };
    auto words = std::make_shared<Import>();
    commands.push_back(
        {.name = "server import",
         .summary = "take the servers of a client's file over and leave the file as it is (resonant setup changes it); prints "
                    "listing bytes before and after",
         .arguments = {{.name = "file", .target = &words->file, .help = "the file of any client, JSON or TOML", .required = true},
                       {.name = "--workspace", .target = &words->workspace,
                        .help = "what ${workspaceFolder} is, and where relative paths begin", .value = "DIR"}},
         .run = [words](Common& common) { return import_servers(common, words->file, words->workspace); },
         .more = "Starts a kernel where none runs, as `resonant mcp` does."});
    add_add(commands);
    add_switches(commands);
}

}  // namespace resonant::app
