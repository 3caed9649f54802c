#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <memory>

#include "apps/resonant/client_config.h"
#include "apps/resonant/commands.h"

namespace resonant::app {
namespace {

int client_config(const Common& common, const std::string& client, bool write) {
    const Result<std::filesystem::path> home = runtime::choose_home(common.home);
    if (!home) {
        return report(home.error());
    }
    std::error_code error;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) {
        return report({Code::Internal, "client-config: reading /proc/self/exe: " + error.message()});
    }
    if (write) {
        const Result<std::string> file = write_client_block(client, program.string(), home->string());
        if (!file) {
            return report(file.error());
        }
        show(common, {{"written", *file}});
        return kOk;
    }
    const Result<ClientBlock> block = client_block(client, program.string(), home->string());
    if (!block) {
        return report(block.error(), kUsage);
    }
    if (common.json) {
        std::cout << block->text << "\n";
    } else {
        std::cout << "# " << block->file << " (" << block->hint << ")\n" << block->text << "\n";
    }
    return kOk;
}

}  // namespace

void add_client_commands(CLI::App& app, Common& common) {
    auto client = std::make_shared<std::string>();
    auto write = std::make_shared<bool>(false);
    CLI::App* command = app.add_subcommand("client-config", "the block a client needs to start this server");
    command->add_option("client", *client, "claude, claude-desktop, cursor or vscode")->required();
    command->add_flag("--write", *write, "merge it into the client's file, keeping a copy");
    command->callback([&common, client, write] { common.exit_code = client_config(common, *client, *write); });
}

}  // namespace resonant::app
