// The one program of Resonant Swarm. Each subcommand explains itself with --help.
#include <exception>

#include "apps/resonant/commands.h"
#include "apps/resonant/server_commands.h"
#include "resonant/base/processor.h"
#include "resonant/runtime/kernel.h"

int main(int argc, char** argv) {
    using namespace resonant::app;
    if (const resonant::Status able = resonant::check_processor(); !able) {
        return report(able.error());
    }
    CLI::App app{"resonant: shared state, events, memory and governed tools for agents, by MCP"};
    app.require_subcommand(1);
    app.set_version_flag("--version", resonant::runtime::program_version());
    Common common;
    app.add_option("--home", common.home,
                   "home folder (else RESONANT_HOME, $XDG_STATE_HOME/resonant, ~/.local/state/resonant)");
    app.add_flag("--json", common.json, "print JSON");
    app.add_flag("--quiet", common.quiet, "do not tell on stderr how far long work is");
    app.add_option("--secret-file", common.secret_file,
                   "file with the admin secret (else RESONANT_ADMIN_SECRET, else asked on the terminal)");
    app.fallthrough();
    add_kernel_commands(app, common);
    add_tool_commands(app, common);
    add_policy_commands(app, common);
    add_server_commands(app, common);
    add_client_commands(app, common);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? kOk : kUsage;
    } catch (const std::exception& error) {
        return report({resonant::Code::Internal, error.what()});
    }
    return common.exit_code;
}
