#include "resonant/govern/command.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "resonant/govern/program_risk.h"
#include "resonant/govern/shell_line.h"

namespace resonant::govern {
namespace {

constexpr std::size_t kLineBytesMax = 64 * 1024;

Classification classify_line(std::string_view line, int depth);

ProgramCall program_call(const SimpleCommand& command, int depth) {
    return {.words = command.words,
            .here = command.here,
            .from_pipe = command.from_pipe,
            .again = [depth](std::string_view line) { return classify_line(line, depth + 1); }};
}

// name(){ name|name& };name, with any white space
bool is_fork_bomb(std::string_view line) {
    std::string dense;
    std::copy_if(line.begin(), line.end(), std::back_inserter(dense),
                 [](char c) { return c != ' ' && c != '\t' && c != '\n'; });
    const std::size_t body = dense.find("(){");
    if (body == std::string::npos || body == 0) {
        return false;
    }
    std::size_t begin = body;
    while (begin > 0 && dense[begin - 1] != ';' && dense[begin - 1] != '&') {
        --begin;
    }
    const std::string name = dense.substr(begin, body - begin);
    return dense.find(name + "|" + name, body) != std::string::npos;
}

bool downloads(std::string_view script) {
    const ShellLine line = read_shell_line(script);
    return std::any_of(line.commands.begin(), line.commands.end(), [](const SimpleCommand& command) {
        const auto words = unwrap(command.words).words;
        return !words.empty() && is_download(program_name(words[0]));
    });
}

// What only shows when commands are seen together: a download that is run, a script from a pipe.
Classification judge_flow(const ShellLine& line) {
    Classification worst;
    bool downloaded = false;
    bool spoke = false;  // echo or printf feeds this pipe
    const bool downloads_inside = std::any_of(line.inside.begin(), line.inside.end(), downloads);
    for (const SimpleCommand& command : line.commands) {
        const Unwrapped unwrapped = unwrap(command.words);
        if (unwrapped.words.empty()) {
            continue;
        }
        const std::string_view program = program_name(unwrapped.words[0]);
        downloaded = downloaded && command.from_pipe;
        spoke = spoke && command.from_pipe;
        const bool runs = is_shell(program) || is_interpreter(program) || program == "eval" || program == "source" ||
                          program == ".";
        const bool reads_script = command.from_pipe && runs && unwrapped.words.size() <= 2;
        if ((downloaded && command.from_pipe && runs) || (runs && downloads_inside && command.substitutes)) {
            return {Risk::Forbidden, "download_and_run", "it runs what it downloads, unseen"};
        }
        if (reads_script && is_shell(program)) {
            worst = worse(worst, {Risk::Dangerous, "piped_script", "a shell runs whatever comes through the pipe"});
        }
        const bool takes_password = program == "passwd" || program == "chpasswd" ||
                                    (unwrapped.as_root && std::find(command.words.begin(), command.words.end(),
                                                                    "-S") != command.words.end());
        if (spoke && command.from_pipe && takes_password) {
            return {Risk::Forbidden, "password_in_command", "a password stands in the command line"};
        }
        downloaded = downloaded || is_download(program);
        spoke = spoke || program == "echo" || program == "printf";
    }
    return worst;
}

Classification classify_line(std::string_view line, int depth) {
    if (depth > kCommandDepthMax) {
        return {Risk::Dangerous, "unreadable", fmt::format("commands are nested deeper than {}", kCommandDepthMax)};
    }
    if (line.size() > kLineBytesMax) {
        return {Risk::Dangerous, "unreadable", fmt::format("the line is longer than {} bytes", kLineBytesMax)};
    }
    if (is_fork_bomb(line)) {
        return {Risk::Forbidden, "fork_bomb", "it starts processes without end"};
    }
    const ShellLine parts = read_shell_line(line);
    Classification worst = judge_flow(parts);
    if (!parts.readable) {
        worst = worse(worst, {Risk::Dangerous, "unreadable", "a quote or bracket is left open"});
    }
    for (const SimpleCommand& command : parts.commands) {
        worst = worse(worst, judge_program(program_call(command, depth)));
        for (const std::string& target : command.overwrites) {
            worst = worse(worst, judge_write(target, true));
        }
        for (const std::string& target : command.appends) {
            worst = worse(worst, judge_write(target, false));
        }
    }
    for (const std::string& script : parts.inside) {
        worst = worse(worst, classify_line(script, depth + 1));
    }
    return worst;
}

bool is_plain(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
}

}  // namespace

std::string_view name_of(Risk risk) {
    constexpr std::array<std::string_view, 4> kNames = {"safe", "caution", "dangerous", "forbidden"};
    return kNames[static_cast<std::size_t>(risk)];
}

Classification classify(std::string_view line) { return classify_line(line, 0); }

Classification classify(std::span<const std::string> arguments) {
    if (arguments.empty()) {
        return {};
    }
    return judge_program({.words = arguments,
                          .here = {},
                          .from_pipe = false,
                          .again = [](std::string_view line) { return classify_line(line, 1); }});
}

std::string command_line(std::span<const std::string> arguments) {
    std::string line;
    for (const std::string& word : arguments) {
        line += line.empty() ? "" : " ";
        if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) {
            line += word;
            continue;
        }
        line += '\'';
        for (const char c : word) {
            line += c == '\'' ? std::string("'\\''") : std::string(1, c);
        }
        line += '\'';
    }
    return line;
}

std::optional<Command> command_of(const call::Call& call) {
    if (call.contract->access != call::Access::Execute || !call.arguments.is_object()) {
        return std::nullopt;
    }
    const auto found = call.arguments.find("command");
    if (found == call.arguments.end()) {
        return std::nullopt;
    }
    if (found->is_string()) {
        const std::string& line = found->get_ref<const std::string&>();
        return Command{line, classify(line)};
    }
    if (!found->is_array()) {
        return std::nullopt;
    }
    std::vector<std::string> words;
    for (const Json& word : *found) {
        if (!word.is_string()) {
            return std::nullopt;  // the schema answers it
        }
        words.push_back(word.get<std::string>());
    }
    return Command{command_line(words), classify(words)};
}

}  // namespace resonant::govern
