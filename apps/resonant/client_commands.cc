#include <fmt/format.h>

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

}  // namespace

void add_client_commands(CLI::App& app, Common& common) {
    auto flags = std::make_shared<SetupFlags>();
    CLI::App* setup = app.add_subcommand("setup", "put this program into a client's file and take its servers over: shown first, asked, undone "
                                                  "by --undo");
    setup->add_option("client", flags->client, clients::client_names())->required();
    setup->add_option("--file", flags->file, "the client's file, where it is not the usual one (a project's .mcp.json, .vscode/mcp.json ...)");
    setup->add_option("--workspace", flags->workspace, "what ${workspaceFolder} is, and where relative paths begin");
    setup->add_flag("--keep", flags->keep, "leave the servers in the client's file as well");
    setup->add_flag("--undo", flags->undo, "bring the original back");
    setup->add_flag("--yes", flags->yes, "do it without asking");
    setup->add_flag("--dry-run", flags->dry_run, "only show what would be done");
    setup->callback([&common, flags] { common.exit_code = flags->undo ? undo_client(common, *flags) : setup_client(common, *flags); });
    auto client = std::make_shared<std::string>();
    CLI::App* print = app.add_subcommand("client-config", "print the block a client needs to start this server; `resonant setup` puts it in place");
    print->add_option("client", *client, clients::client_names())->required();
    print->callback([&common, client] { common.exit_code = print_block(common, *client); });
}

}  // namespace resonant::app
