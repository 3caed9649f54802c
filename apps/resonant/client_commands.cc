#include <fmt/core.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include "apps/resonant/commands.h"
#include "apps/resonant/server_adding.h"
#include "apps/resonant/setup_command.h"
#include "resonant/clients/client_text.h"

namespace resonant::app {
namespace {

// What a client's file needs, to be pasted: nothing is read and nothing written but the block itself.
int print_block(const Common& common, const std::string& name) {
    const clients::Client* client = clients::find_client(name);
    if (client == nullptr) {
        return report({Code::NotFound, fmt::format("'{}' is not a client that is known; give {}", name, clients::client_names())}, kUsage);
    }
    const Result<std::filesystem::path> home = runtime::choose_home(common.home);
    if (!home) {
        return report(home.error());
    }
    std::vector<std::string> others;
    const Result<std::filesystem::path> file = client_file(name, "", others);
    const Result<clients::ClientText> empty = clients::ClientText::read(*client, "");
    if (!empty) {
        return report(empty.error());
    }
    const Result<clients::ClientText> block = empty->put(
        empty->place_of("resonant"), clients::own_entry(*client, self_of(*home).program.string(), std::filesystem::absolute(*home).string()));
    if (!block) {
        return report(block.error());
    }
    if (common.json) {
        std::cout << (client->form == clients::Form::Toml ? block->whole().dump(2) + "\n" : block->text());
    } else {
        std::cout << fmt::format("# {} ({}); `resonant setup {}` puts it there\n{}", file ? file->string() : std::string(client->title),
                                 client->afterwards, name, block->text());
    }
    return kOk;
}

// As client_names() lists them.
std::vector<std::string> clients_known() {
    std::vector<std::string> names;
    std::string word;
    for (const char c : clients::client_names() + ",") {
        const bool letter = (c >= 'a' && c <= 'z') || c == '-' || (c >= '0' && c <= '9');
        if (letter) {
            word += c;
        } else if (!word.empty()) {
            if (word != "or") {
                names.push_back(word);
            }
            word.clear();
        }
    }
    return names;
}

}  // namespace

void add_client_commands(Commands& commands) {
    const std::vector<std::string> names = clients_known();
    const auto meant = [](const std::string& word) {
        const clients::Client* client = clients::find_client(word);
        return client == nullptr ? std::string() : std::string(client->name);
    };
    auto flags = std::make_shared<SetupFlags>();
    commands.push_back(
        {.name = "setup",
         .summary = "put this program into a client's file and take its servers over: shown first, asked, undone by --undo",
         .arguments = {{.name = "client", .target = &flags->client, .help = "whose", .choices = names, .meant = meant, .required = true},
                       {.name = "--file", .target = &flags->file,
                        .help = "the client's file, where it is not the usual one (a project's .mcp.json, .vscode/mcp.json ...)", .value = "FILE"},
                       {.name = "--workspace", .target = &flags->workspace,
                        .help = "what ${workspaceFolder} is, and where relative paths begin", .value = "DIR"},
                       {.name = "--keep", .target = &flags->keep, .help = "leave the servers in the client's file as well"},
                       {.name = "--undo", .target = &flags->undo, .help = "bring the original back"},
                       {.name = "--yes", .target = &flags->yes, .help = "do it without asking"},
                       {.name = "--dry-run", .target = &flags->dry_run, .help = "only show what would be done"}},
         .run = [flags](Common& common) { return flags->undo ? undo_client(common, *flags) : setup_client(common, *flags); }});
    auto client = std::make_shared<std::string>();
    commands.push_back({.name = "client-config",
                        .summary = "print the block a client needs to start this server; `resonant setup` puts it in place",
                        .arguments = {{.name = "client", .target = client.get(), .help = "whose", .choices = names, .meant = meant, .required = true}},
                        .run = [client](const Common& common) { return print_block(common, *client); }});
}

}  // namespace resonant::app
