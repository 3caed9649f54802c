#include "apps/resonant/completions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace resonant::app {
namespace {

bool takes_file(const Argument& argument) { return argument.value == "FILE" || argument.name == "file"; }
bool takes_folder(const Argument& argument) { return argument.value == "DIR"; }

// The words that may follow a group's name, or the program's own.
std::vector<std::string> children_of(const Commands& commands, const std::string& group) {
    const std::string head = group.empty() ? "" : group + " ";
    std::vector<std::string> names;
    for (const Command& command : commands) {
        if (command.name.starts_with(head) && command.name.size() > head.size() &&
            command.name.find(' ', head.size()) == std::string::npos) {
            names.push_back(command.name.substr(head.size()));
        }
    }
    return names;
}

std::vector<std::string> options_of(const std::vector<Argument>& arguments) {
    std::vector<std::string> names;
    for (const Argument& argument : arguments) {
        if (!argument.is_positional()) {
            names.push_back(argument.name);
        }
    }
    return names;
}

// `case` arms of what follows an option: its choices, files or folders.
std::string values_in_bash(const std::string& command, const std::vector<Argument>& arguments) {
    std::string arms;
    for (const Argument& argument : arguments) {
        if (argument.is_flag() || argument.is_positional()) {
            continue;
        }
        const std::string how = !argument.choices.empty() ? fmt::format("-W '{}'", fmt::join(argument.choices, " "))
                                : takes_folder(argument)  ? "-d"
                                : takes_file(argument)    ? "-f"
                                                          : "";
        arms += fmt::format("        '{} {}') COMPREPLY=({}); return ;;\n", command, argument.name,
                            how.empty() ? "" : fmt::format("$(compgen {} -- \"$word\")", how));
    }
    return arms;
}

std::string words_in_bash(const Commands& commands, const Command& command) {
    std::vector<std::string> words = children_of(commands, command.name);
    const std::vector<std::string> options = options_of(command.arguments);
    words.insert(words.end(), options.begin(), options.end());
    std::string files;
    for (const Argument& argument : command.arguments) {
        if (argument.is_positional()) {
            words.insert(words.end(), argument.choices.begin(), argument.choices.end());
            files = takes_folder(argument) ? "-d" : takes_file(argument) ? "-f" : files;
        }
    }
    return fmt::format("        '{}') words='{}' files='{}' ;;\n", command.name, fmt::join(words, " "), files);
}

std::string bash(const Commands& commands, const std::vector<Argument>& common) {
    std::string names, values, words;
    for (const Command& command : commands) {
        names += fmt::format("|{}", command.name);
        values += values_in_bash(command.name, command.arguments);
        words += words_in_bash(commands, command);
    }
    std::string common_values;
    for (const Argument& argument : common) {
        if (!argument.is_flag()) {
            common_values += fmt::format("        {}) COMPREPLY=($(compgen {} -- \"$word\")); return ;;\n", argument.name,
                                         takes_folder(argument) ? "-d" : "-f");
        }
    }
    std::vector<std::string> options = options_of(common);
    options.push_back("--help");
    return fmt::format(R"(# bash completion of resonant; made by: resonant completions bash
_resonant() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command='' words='' files='' at next
    for ((at = 1; at < COMP_CWORD; at++)); do
        next="${{command:+$command }}${{COMP_WORDS[at]}}"
        case '{}|' in *"|$next|"*) command=$next ;; esac
    done
    case $before in
{}    esac
    case "$command $before" in
{}    esac
    case $command in
        '') words='{}' ;;
{}    esac
    COMPREPLY=($(compgen -W "$words {}" -- "$word"))
    [[ -z $files || $word == -* ]] || COMPREPLY+=($(compgen $files -- "$word"))
}}
complete -o filenames -o bashdefault -F _resonant resonant
)",
                       names, common_values, values, fmt::join(children_of(commands, ""), " "), words, fmt::join(options, " "));
}

// Within single quotes of a shell.
std::string quoted(std::string text) {
    for (std::size_t at = text.find('\''); at != std::string::npos; at = text.find('\'', at + 4)) {
        text.replace(at, 1, "'\\''");
    }
    return "'" + text + "'";
}

std::string fish_value(const Argument& argument) {
    if (argument.is_flag()) {
        return "";
    }
    if (!argument.choices.empty()) {
        return fmt::format(" -x -a '{}'", fmt::join(argument.choices, " "));
    }
    return takes_file(argument) || takes_folder(argument) ? " -r -F" : " -x";
}

std::string fish(const Commands& commands, const std::vector<Argument>& common) {
    std::string out = "# fish completion of resonant; made by: resonant completions fish\ncomplete -c resonant -f\n";
    const auto option = [&](const std::string& condition, const Argument& argument) {
        out += fmt::format("complete -c resonant{} -l {} -d {}{}\n", condition, argument.name.substr(2), quoted(argument.help),
                           fish_value(argument));
    };
    for (const Argument& argument : common) {
        option("", argument);
    }
    const std::string top = fmt::format("{}", fmt::join(children_of(commands, ""), " "));
    for (const Command& command : commands) {
        const std::size_t space = command.name.find(' ');
        const std::string group = space == std::string::npos ? "" : command.name.substr(0, space);
        const std::string name = space == std::string::npos ? command.name : command.name.substr(space + 1);
        const std::string siblings = fmt::format("{}", fmt::join(children_of(commands, group), " "));
        const std::string before = group.empty() ? fmt::format("not __fish_seen_subcommand_from {}", top)
                                                 : fmt::format("__fish_seen_subcommand_from {}; and not __fish_seen_subcommand_from {}", group, siblings);
        out += fmt::format("complete -c resonant -n {} -a {} -d {}\n", quoted(before), name, quoted(command.summary));
        const std::string within = group.empty() ? fmt::format("__fish_seen_subcommand_from {}", name)
                                                 : fmt::format("__fish_seen_subcommand_from {}; and __fish_seen_subcommand_from {}", group, name);
        for (const Argument& argument : command.arguments) {
            if (!argument.is_positional()) {
                option(" -n " + quoted(within), argument);
            } else if (!argument.choices.empty()) {
                out += fmt::format("complete -c resonant -n {} -a '{}'\n", quoted(within), fmt::join(argument.choices, " "));
            } else if (takes_file(argument) || takes_folder(argument)) {
                out += fmt::format("complete -c resonant -n {} -F\n", quoted(within));
            }
        }
    }
    return out;
}

// zsh runs bash's words by its own bridge: one script to keep right.
std::string zsh(const Commands& commands, const std::vector<Argument>& common) {
    return "#compdef resonant\n# zsh completion of resonant; made by: resonant completions zsh\n"
           "autoload -U +X bashcompinit && bashcompinit\n" +
           bash(commands, common);
}

}  // namespace

std::string completion_script(const std::string& shell, const Commands& commands, const std::vector<Argument>& common) {
    return shell == "bash" ? bash(commands, common) : shell == "zsh" ? zsh(commands, common) : shell == "fish" ? fish(commands, common) : "";
}

}  // namespace resonant::app
