#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>
#include <memory>

#include "apps/resonant/command_line.h"
#include "apps/resonant/commands.h"
#include "apps/resonant/completions.h"
#include "apps/resonant/manual.h"
#include "resonant/runtime/kernel.h"

namespace resonant::app {
namespace {

// The row that words name; reports those that name none.
std::optional<std::string> row_of(const Commands& commands, const std::vector<std::string>& words, const char* what) {
    const std::string name = fmt::format("{}", fmt::join(words, " "));
    if (name.empty() || find(commands, name) != nullptr) {
        return name;
    }
    report({Code::InvalidArgument, fmt::format("{}: there is no command '{}'; resonant --help lists them", what, name)}, kUsage);
    return std::nullopt;
}

}  // namespace

void add_help_commands(Commands& commands, const std::vector<Argument>& common) {
    auto words = std::make_shared<std::vector<std::string>>();
    auto shell = std::make_shared<std::string>();
    auto names = std::make_shared<bool>(false);
    const Argument command = {.name = "command", .target = words.get(), .help = "its name, of one or two words"};
    commands.push_back({.name = "help",
                        .summary = "what a command does and takes",
                        .arguments = {command, {.name = "--names", .target = names.get(), .help = "the names of all commands, one a line"}},
                        .run = [words, names, &commands, common](const Common&) {
                            if (*names) {
                                for (const Command& each : commands) {
                                    std::cout << each.name << "\n";
                                }
                                return kOk;
                            }
                            const auto name = row_of(commands, *words, "help");
                            if (name) {
                                std::cout << help_text(commands, common, *name);
                            }
                            return name ? kOk : kUsage;
                        }});
    commands.push_back({.name = "man",
                        .summary = "the manual page of a command, or of the program, for man -l -",
                        .arguments = {command},
                        .run = [words, &commands, common](const Common&) {
                            const auto name = row_of(commands, *words, "man");
                            if (name) {
                                std::cout << man_page(commands, common, *name, runtime::program_version());
                            }
                            return name ? kOk : kUsage;
                        }});
    commands.push_back({.name = "completions",
                        .summary = "the completion script of a shell",
                        .arguments = {{.name = "shell", .target = shell.get(), .help = "which", .choices = {"bash", "zsh", "fish"},
                                       .required = true}},
                        .run = [shell, &commands, common](const Common&) {
                            std::cout << completion_script(*shell, commands, common);
                            return kOk;
                        },
                        .more = "For example: resonant completions bash > ~/.local/share/bash-completion/completions/resonant"});
}

}  // namespace resonant::app
