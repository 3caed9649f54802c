#include "apps/resonant/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iostream>
#include <map>

#include "apps/resonant/manual.h"
#include "apps/resonant/text_argument.h"
#include "resonant/base/near_name.h"
#include "resonant/base/printable.h"

namespace resonant::app {
namespace {

// CLI11 cuts the line into commands, options and words; values, their limits and what is missing are judged here,
// so that every error is in the same words.
struct Level {
    CLI::App* app = nullptr;
    std::string name;  // of the row; empty: the program itself
    std::vector<std::pair<const Argument*, CLI::Option*>> options;
};

int refuse(const std::string& command, const std::string& words) {
    std::cerr << printable(fmt::format("resonant: {}{}{} resonant {}--help", command.empty() ? "" : command + ": ", words,
                                       words.ends_with('?') ? " See:" : "; see:", command.empty() ? "" : command + " "))
              << "\n";
    return kUsage;
}

void add_arguments(Level& level, const std::vector<Argument>& arguments) {
    for (const Argument& argument : arguments) {
        CLI::Option* option = nullptr;
        const std::string names = argument.letter == 0 ? argument.name : fmt::format("-{},{}", argument.letter, argument.name);
        if (argument.is_flag()) {
            option = level.app->add_flag(names);
        } else {
            option = level.app->add_option(names);
            option->expected(1, argument.is_positional() && argument.is_list() ? CLI::detail::expected_max_vector_size : 1);
            option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
            option->allow_extra_args(argument.is_positional() && argument.is_list());
        }
        level.options.emplace_back(&argument, option);
    }
}

// One App a row, below the one of its group.
std::vector<Level> levels_of(CLI::App& root, const Commands& commands, const std::vector<Argument>& common) {
    std::vector<Level> levels = {{&root, "", {}}};
    std::map<std::string, CLI::App*> by_name = {{"", &root}};
    add_arguments(levels.front(), common);
    for (const Command& command : commands) {
        const std::size_t space = command.name.rfind(' ');
        const std::string group = space == std::string::npos ? "" : command.name.substr(0, space);
        CLI::App* app = by_name.at(group)->add_subcommand(command.name.substr(space == std::string::npos ? 0 : space + 1));
        by_name[command.name] = app;
        levels.push_back({app, command.name, {}});
        add_arguments(levels.back(), command.arguments);
    }
    for (Level& level : levels) {
        level.app->require_subcommand(0, 1);
        level.app->allow_extras();
        level.app->fallthrough();
    }
    return levels;
}

const Level& deepest(const std::vector<Level>& levels) {
    const CLI::App* app = levels.front().app;
    while (!app->get_subcommands().empty()) {
        app = app->get_subcommands().front();
    }
    return *std::ranges::find(levels, app, [](const Level& level) { return level.app; });
}

template <typename T>
bool read_number(const std::string& word, T& into) {
    const char* const end = word.data() + word.size();
    const auto [at, error] = std::from_chars(word.data(), end, into);
    return error == std::errc() && at == end;
}

// Puts one word where it belongs; what is wrong with it otherwise.
std::string put(const Argument& argument, const std::string& given) {
    const std::string meant = argument.meant ? argument.meant(given) : "";
    const std::string& word = meant.empty() ? given : meant;
    if (!argument.choices.empty() && std::ranges::find(argument.choices, word) == argument.choices.end()) {
        const std::string near = near_name(word, argument.choices);
        return fmt::format("{}: '{}' is not known{}; it is {}", argument.name, word,
                           near.empty() ? "" : fmt::format(", did you mean '{}'", near), fmt::join(argument.choices, ", "));
    }
    const auto number = [&](auto& into, const char* kind) {
        return read_number(word, into) ? std::string() : fmt::format("{}: '{}' is not {}", argument.name, word, kind);
    };
    const auto real = [&](double& into) {
        const std::string wrong = number(into, "a number");
        return wrong.empty() && !std::isfinite(into) ? fmt::format("{}: '{}' is not a finite number", argument.name, word) : wrong;
    };
    if (auto* const* text = std::get_if<std::string*>(&argument.target)) {
        **text = word;
    } else if (auto* const* list = std::get_if<std::vector<std::string>*>(&argument.target)) {
        (*list)->push_back(word);
    } else if (auto* const* whole = std::get_if<int*>(&argument.target)) {
        return number(**whole, "a whole number");
    } else if (auto* const* size = std::get_if<std::size_t*>(&argument.target)) {
        return number(**size, "a whole number from 0 on");
    } else if (auto* const* decimal = std::get_if<double*>(&argument.target)) {
        return real(**decimal);
    } else if (auto* const* maybe = std::get_if<std::optional<double>*>(&argument.target)) {
        return real((*maybe)->emplace(0.0));
    }
    return {};
}

std::string put_all(const Level& level) {
    bool input_read = false;
    for (const auto& [argument, option] : level.options) {
        if (argument->is_flag()) {
            *std::get<bool*>(argument->target) = option->count() > 0;
            continue;
        }
        if (option->count() == 0 && argument->required) {
            return fmt::format("{} is missing", argument->is_positional() ? shown_name(*argument) : argument->name);
        }
        if (option->count() > 1 && !argument->is_list()) {
            return fmt::format("{} is given {} times", argument->name, option->count());
        }
        for (std::string word : option->results()) {
            if (argument->is_text) {
                const Status read = read_text(word, input_read);
                if (!read) {
                    return fmt::format("{}: {}", argument->name, read.error().message);
                }
            }
            if (const std::string wrong = put(*argument, word); !wrong.empty()) {
                return wrong;
            }
        }
    }
    return {};
}

// What people type who know other programs.
constexpr std::array<std::pair<std::string_view, std::string_view>, 21> kOtherWords = {{
    {"start", "up"}, {"run", "up"}, {"serve", "up"}, {"daemon", "up"}, {"stop", "down"}, {"kill", "down"}, {"shutdown", "down"},
    {"restart", "down', then 'up"}, {"log", "ring tail"}, {"logs", "ring tail"}, {"events", "ring tail"}, {"install", "setup CLIENT"},
    {"configure", "setup CLIENT"}, {"uninstall", "setup CLIENT --undo"}, {"undo", "setup CLIENT --undo"}, {"version", "--version"},
    {"list", "server list"}, {"ls", "server list"}, {"ps", "status"}, {"info", "status"}, {"check", "doctor"},
}};

// What may stand where `word` does not belong: the options of the level and of the program, or the level's commands.
std::string suggestion(const Commands& commands, const std::vector<Level>& levels, const Level& level, const std::string& word) {
    std::vector<std::string> names;
    if (word.starts_with('-')) {
        for (const auto* options : {&level.options, &levels.front().options}) {
            for (const auto& [argument, option] : *options) {
                if (!argument->is_positional()) {
                    names.push_back(argument->name);
                }
            }
        }
        names.insert(names.end(), {"--help", "--version"});
        return near_name(word.substr(0, word.find('=')), names);
    }
    const auto other = std::ranges::find(kOtherWords, std::string_view(word), [](const auto& pair) { return pair.first; });
    if (level.name.empty() && other != kOtherWords.end()) {
        return std::string(other->second);
    }
    const std::string group = level.name.empty() ? "" : level.name + " ";
    for (const Command& command : commands) {
        if (command.name.starts_with(group)) {
            names.push_back(command.name.substr(group.size()));
        }
    }
    for (const Command& command : commands) {  // `resonant recall` for `resonant memory recall`
        if (command.name.ends_with(" " + word)) {
            return command.name;
        }
    }
    const std::string near = near_name(word, names);
    return near.empty() ? near : group + near;
}

int refuse_word(const Commands& commands, const std::vector<Level>& levels, const Level& level, const std::string& word) {
    const std::string near = suggestion(commands, levels, level, word);
    const std::string way_out = near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
    const bool is_group = !level.app->get_subcommands([](const CLI::App*) { return true; }).empty();
    const char* what = word.starts_with('-') ? "unknown option" : is_group ? "unknown command" : "one word too many:";
    return refuse(level.name, fmt::format("{} '{}'{}", what, word, way_out));
}

std::string names_below(const Commands& commands, const std::string& group) {
    std::string names;
    for (const Command& command : commands) {
        if (command.name.starts_with(group + " ")) {
            names += (names.empty() ? "" : ", ") + command.name.substr(group.size() + 1);
        }
    }
    return names;
}

}  // namespace

const Command* find(const Commands& commands, const std::string& name) {
    const auto found = std::ranges::find(commands, name, &Command::name);
    return found == commands.end() ? nullptr : &*found;
}

std::expected<const Command*, int> parse(const Commands& commands, const std::vector<Argument>& common,
                                         const std::string& version, int argc, const char* const* argv) {
    CLI::App app;
    const std::vector<Level> levels = levels_of(app, commands, common);
    app.set_version_flag("--version", version);
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForVersion&) {
        std::cout << version << "\n";
        return std::unexpected(kOk);
    } catch (const CLI::CallForHelp&) {
        std::cout << help_text(commands, common, deepest(levels).name);
        return std::unexpected(kOk);
    } catch (const CLI::ArgumentMismatch& error) {
        const std::string words = error.what();
        return std::unexpected(refuse(deepest(levels).name, words.substr(0, words.find(':')) + " needs a value"));
    } catch (const CLI::ParseError& error) {
        return std::unexpected(refuse(deepest(levels).name, error.what()));
    }
    const Level& level = deepest(levels);
    const Command* const command = find(commands, level.name);
    std::vector<std::string> left = app.remaining(true);
    std::erase(left, "--");
    if (!left.empty()) {
        return std::unexpected(refuse_word(commands, levels, level, left.front()));
    }
    if (command == nullptr) {
        std::cerr << help_text(commands, common, "");
        return std::unexpected(kUsage);
    }
    if (!command->run) {
        return std::unexpected(refuse(level.name, fmt::format("say what to do: {}", names_below(commands, level.name))));
    }
    for (const Level* each : {&levels.front(), &level}) {
        if (const std::string wrong = put_all(*each); !wrong.empty()) {
            return std::unexpected(refuse(level.name, wrong));
        }
    }
    return command;
}

}  // namespace resonant::app
