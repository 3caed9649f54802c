#include "apps/resonant/server_commands.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>

#include "apps/resonant/server_adding.h"
#include "resonant/mcp/server_file.h"
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
        return report(text.error());
    }
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
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

// Starts a server that is switched off, or switches it off.
int enable(const Common& common, const std::string& name, bool enabled) {
    int code = kOk;
    const std::optional<Json> answer = ask(common, "server.approve", {{"name", name}, {"enabled", enabled}}, code);
    if (answer) {
        Json content = answer->value("content", Json::object());
        if (code == kOk && enabled) {
            content["next"] = fmt::format("resonant server approve {}, once it has started", name);
        }
        show(common, content);
    }
    return code;
}

// Keeps a value that the record of a server names, or takes it away.
int secret(const Common& common, const std::string& server, const std::string& name, bool forget) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
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
    show(common, {{"server", server}, {"name", name}, {"kept", true}});
    return kOk;
}

void add_switches(CLI::App& server, Common& common) {
    auto name = std::make_shared<std::string>();
    auto variable_name = std::make_shared<std::string>();
    auto forget = std::make_shared<bool>(false);
    for (const bool on : {true, false}) {
        CLI::App* command = server.add_subcommand(on ? "enable" : "disable", on ? "start a server that is switched off (owner)"
                                                                                : "switch a server off and keep it (owner)");
        command->add_option("name", *name, "its name")->required();
        command->callback([&common, name, on] { common.exit_code = enable(common, *name, on); });
    }
    CLI::App* kept = server.add_subcommand("secret", "keep a value that a server names as ${NAME} or ${input:NAME}: asked for at the "
                                                     "terminal, or piped in; without NAME: which there are");
    kept->add_option("server", *name, "the server's name")->required();
    kept->add_option("name", *variable_name, "the variable, or the id of the question");
    kept->add_flag("--forget", *forget, "take it away");
    kept->callback([&common, name, variable_name, forget] { common.exit_code = secret(common, *name, *variable_name, *forget); });
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
    add->add_option("--env-file", spec->env_file, "file of NAME=VALUE lines, read at each start");
    add->add_option("--allow-tool", spec->tools_allowed, "only these tools, as the server calls them");
    add->add_option("--deny-tool", spec->tools_denied, "not these tools");
    add->add_flag("--disabled", spec->disabled, "keep it, and do not start it");
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
    CLI::App* server = app.add_subcommand("server", "other MCP servers behind this one: add, import, list, approve, "
                                                       "enable, disable, secret, remove");
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
    auto workspace = std::make_shared<std::string>();
    CLI::App* import = server->add_subcommand("import", "take the servers of a client's file over and leave the file as it is "
                                                        "(resonant setup changes it); prints listing bytes before and after");
    import->add_option("file", *file, "the file of any client, JSON or TOML")->required()->check(CLI::ExistingFile);
    import->add_option("--workspace", *workspace, "what ${workspaceFolder} is, and where relative paths begin");
    import->callback([&common, file, workspace] { common.exit_code = import_servers(common, *file, *workspace); });
    add_add(*server, common);
    add_switches(*server, common);
}

}  // namespace resonant::app
