// The one program of Resonant Swarm. Each command explains itself with --help.
#include <cstdlib>
#include <exception>
#include <iostream>

#include "apps/resonant/command_line.h"
#include "apps/resonant/commands.h"
#include "apps/resonant/launch.h"
#include "resonant/base/log_output.h"
#include "resonant/base/printable.h"
#include "resonant/base/processor.h"
#include "resonant/runtime/kernel.h"

namespace {

using namespace resonant::app;

std::vector<Argument> common_arguments(Common& common) {
    return {
        {.name = "--home", .target = &common.home, .help = "home folder (else RESONANT_HOME, $XDG_STATE_HOME/resonant, "
                                                           "~/.local/state/resonant)", .value = "DIR"},
        {.name = "--json", .target = &common.json, .help = "print JSON"},
        {.name = "--quiet", .target = &common.quiet, .help = "nothing on stderr about how far long work is"},
        {.name = "--secret-file", .target = &common.secret_file, .help = "file with the admin secret (else "
                                                "RESONANT_ADMIN_SECRET, else asked on the terminal)", .value = "FILE"},
    };
}

void add_all(Commands& commands, const std::vector<Argument>& common) {
    add_kernel_commands(commands);
    add_tool_commands(commands);
    add_policy_commands(commands);
    add_server_commands(commands);
    add_client_commands(commands);
    add_doctor_command(commands);
    add_help_commands(commands, common);
}

int run(int argc, char** argv) {
    Common common;
    const std::vector<Argument> arguments = common_arguments(common);
    Commands commands;
    add_all(commands, arguments);
    const auto command = parse(commands, arguments, resonant::runtime::program_version(), argc, argv);
    if (!command) {
        return command.error();
    }
    if (const std::string wrong = (*command)->check ? (*command)->check() : ""; !wrong.empty()) {
        return report({resonant::Code::InvalidArgument, (*command)->name + ": " + wrong}, kUsage);
    }
    const KernelNeed need = (*command)->kernel;
    if (need == KernelNeed::Started || need == KernelNeed::Asked) {
        if (const resonant::Status there = need_kernel(common, need); !there) {
            return report_no_home(there.error());
        }
    }
    return (*command)->run(common);
}

}  // namespace

int main(int argc, char** argv) {
    if (const resonant::Status able = resonant::check_processor(); !able) {
        return report(able.error());
    }
    static_cast<void>(resonant::set_up_log({}));
    if (const char* level = std::getenv("RESONANT_LOG"); level != nullptr && *level != '\0' && !resonant::is_log_level(level)) {
        std::cerr << "resonant: RESONANT_LOG is '" << resonant::printable(level)
                  << "', which is no level and changes nothing; it is trace, debug, info, warn, error or off\n";
    }
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        return report({resonant::Code::Internal, error.what()});
    }
}
