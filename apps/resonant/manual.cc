#include "apps/resonant/manual.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/resonant/command_line.h"

namespace resonant::app {
namespace {

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    return text;
}

std::string value_name(const Argument& argument) {
    if (!argument.value.empty()) {
        return argument.value;
    }
    if (argument.is_positional()) {
        return upper(argument.name);
    }
    const bool is_text = std::holds_alternative<std::string*>(argument.target) || argument.is_list();
    return is_text ? "TEXT" : "N";
}

// The value that holds when the argument is left out, for numbers and words.
std::string default_of(const Argument& argument) {
    if (argument.required) {
        return {};
    }
    if (auto* const* text = std::get_if<std::string*>(&argument.target)) {
        return **text;
    }
    if (auto* const* whole = std::get_if<int*>(&argument.target)) {
        return fmt::format("{}", **whole);
    }
    if (auto* const* size = std::get_if<std::size_t*>(&argument.target)) {
        return fmt::format("{}", **size);
    }
    if (auto* const* decimal = std::get_if<double*>(&argument.target)) {
        return fmt::format("{}", **decimal);
    }
    return {};
}

std::string sentence_of(const Argument& argument) {
    std::string text = argument.help;
    if (!argument.choices.empty()) {
        text += fmt::format(" ({})", fmt::join(argument.choices, ", "));
    }
    if (argument.is_text) {
        text += " ('-': standard input, '@FILE': a file)";
    }
    if (const std::string value = default_of(argument); !value.empty() && value != "{}") {
        text += fmt::format(" [{}]", value);
    }
    return text;
}

constexpr std::size_t kNameColumn = 26;
constexpr std::size_t kWidth = 100;

// "  name    words", the words broken before the line's end and set below each other.
std::string row(const std::string& name, const std::string& words) {
    std::string out = fmt::format("  {:<{}}", name, kNameColumn - 2);
    std::size_t column = out.size();
    if (column > kNameColumn) {
        out += "\n" + std::string(kNameColumn, ' ');
        column = kNameColumn;
    }
    std::size_t at = 0;
    while (at < words.size()) {
        const std::size_t end = std::min(words.find(' ', at), words.size());
        if (column + (end - at) + 1 > kWidth && column > kNameColumn) {
            out += "\n" + std::string(kNameColumn, ' ');
            column = kNameColumn;
        } else if (at > 0) {
            out += ' ';
            ++column;
        }
        out += words.substr(at, end - at);
        column += end - at;
        at = end + 1;
    }
    return out + "\n";
}

std::string rows_of(const std::vector<Argument>& arguments) {
    std::string out;
    for (const Argument& argument : arguments) {
        out += row(shown_name(argument), sentence_of(argument));
    }
    return out;
}

bool is_direct_child(const std::string& name, const std::string& group) {
    const std::string head = group.empty() ? "" : group + " ";
    return name.starts_with(head) && name.size() > head.size() && name.find(' ', head.size()) == std::string::npos;
}

std::string exit_codes() {
    std::string out = "\nexit codes\n";
    for (const ExitCode& each : kExitCodes) {
        out += row(fmt::format("{}", each.code), each.meaning);
    }
    return out;
}

std::string kernel_words(KernelNeed need) {
    switch (need) {
        case KernelNeed::Asked:
        case KernelNeed::Started: return "Starts a kernel where none runs, as `resonant mcp` does, and says so on stderr.\n";
        case KernelNeed::Running: return "Needs a running kernel; exits 4 where there is none.\n";
        case KernelNeed::None: return {};
    }
    return {};
}

// Text in a manual page: nothing of it is a request or an escape of roff.
std::string roff(const std::string& text) {
    std::string out;
    for (const char c : text) {
        out += c == '\\' ? "\\e" : c == '-' ? "\\-" : c == '\'' ? "\\(aq" : c == '`' ? "\\(ga" : std::string(1, c);
    }
    return out.starts_with('.') ? "\\&" + out : out;
}

std::string roff_rows(const std::vector<Argument>& arguments) {
    std::string out;
    for (const Argument& argument : arguments) {
        out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(shown_name(argument)), roff(sentence_of(argument)));
    }
    return out;
}

std::string usage_of(const Command& command) {
    std::string out = "resonant " + command.name;
    const bool has_options = std::ranges::any_of(command.arguments, [](const Argument& a) { return !a.is_positional(); });
    out += has_options ? " [OPTIONS]" : "";
    for (const Argument& argument : command.arguments) {
        if (argument.is_positional()) {
            out += argument.required ? " " + shown_name(argument) : fmt::format(" [{}]", shown_name(argument));
        }
    }
    return out + (command.run ? "" : " COMMAND ...");
}

constexpr const char* kProgram = "shared state, events, memory and governed tools for agents, by MCP";

}  // namespace

std::string shown_name(const Argument& argument) {
    if (argument.is_positional()) {
        return value_name(argument) + (argument.is_list() ? " ..." : "");
    }
    const std::string letter = argument.letter == 0 ? "" : fmt::format("-{}, ", argument.letter);
    return letter + argument.name + (argument.is_flag() ? "" : " " + value_name(argument));
}

std::string help_text(const Commands& commands, const std::vector<Argument>& common, const std::string& name) {
    const Command* const command = find(commands, name);
    std::string out;
    if (command == nullptr) {
        out = fmt::format("resonant: {}\n\nusage: resonant [OPTIONS] COMMAND ...\n", kProgram);
    } else {
        out = fmt::format("resonant {}: {}\n\nusage: {}\n", name, command->summary, usage_of(*command));
        if (!command->more.empty() || command->kernel != KernelNeed::None) {
            out += "\n" + command->more + (command->more.empty() ? "" : "\n") + kernel_words(command->kernel);
        }
        if (!command->arguments.empty()) {
            out += "\n" + rows_of(command->arguments);
        }
    }
    std::string children;
    for (const Command& each : commands) {
        if (is_direct_child(each.name, name)) {
            const std::size_t cut = name.empty() ? 0 : name.size() + 1;
            children += row(each.name.substr(cut), each.summary);
        }
    }
    out += children.empty() ? "" : "\ncommands\n" + children;
    out += "\noptions of every command\n" + rows_of(common) + row("--help", "this text");
    out += name.empty() ? row("--version", "the program's version") : "";
    return out + exit_codes();
}

std::string man_page(const Commands& commands, const std::vector<Argument>& common, const std::string& name,
                     const std::string& version) {
    const Command* const command = find(commands, name);
    std::string page = "resonant" + (name.empty() ? "" : "-" + name);
    std::ranges::replace(page, ' ', '-');
    std::string out = fmt::format(".TH {} 1 \"\" \"resonant {}\" \"Resonant Swarm\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n{}\n", roff(upper(page)),
                                  version, roff(page), roff(command == nullptr ? kProgram : command->summary),
                                  roff(command == nullptr ? "resonant [OPTIONS] COMMAND ..." : usage_of(*command)));
    if (command != nullptr && (!command->more.empty() || command->kernel != KernelNeed::None)) {
        out += fmt::format(".SH DESCRIPTION\n{}{}", command->more.empty() ? "" : roff(command->more) + "\n", roff(kernel_words(command->kernel)));
    }
    std::string children;
    for (const Command& each : commands) {
        if (is_direct_child(each.name, name)) {
            children += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(each.name), roff(each.summary));
        }
    }
    out += children.empty() ? "" : ".SH COMMANDS\n" + children;
    out += command == nullptr || command->arguments.empty() ? "" : ".SH ARGUMENTS\n" + roff_rows(command->arguments);
    out += ".SH OPTIONS OF EVERY COMMAND\n" + roff_rows(common) + ".SH EXIT STATUS\n";
    for (const ExitCode& each : kExitCodes) {
        out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", each.code, roff(each.meaning));
    }
    return out;
}

}  // namespace resonant::app
