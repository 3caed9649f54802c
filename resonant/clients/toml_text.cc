#include "resonant/clients/toml_text.h"

#include <fmt/core.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>
#include <vector>

namespace resonant::clients {
namespace {

Result<toml::table> parsed(std::string_view text) {
    try {
        return toml::parse(text);
    } catch (const toml::parse_error& error) {
        return fail(Code::InvalidArgument, fmt::format("line {}, column {}: {}", error.source().begin.line,
                                                       error.source().begin.column, error.description()));
    }
}

// The lines of a text, each with its end.
std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        lines.emplace_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return lines;
}

std::string_view line_end(std::string_view text) { return text.find("\r\n") != std::string_view::npos ? "\r\n" : "\n"; }

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t\r\n") == std::string_view::npos; }

bool is_header(const std::string& line) {
    const std::size_t first = line.find_first_not_of(" \t\xEF\xBB\xBF");
    return first != std::string::npos && line[first] == '[';
}

// Marks the lines (counted from 1) that belong to a table and all that is in it. A table of TOML may stand in
// several places: its header, headers of its sub-tables, dotted keys elsewhere.
void mark(const toml::table& table, const std::vector<std::string>& lines, std::set<std::size_t>& marked) {
    if (const std::size_t line = table.source().begin.line; !table.is_inline() && line > 0 && line <= lines.size() && is_header(lines[line - 1])) {
        marked.insert(line);
    }
    for (const auto& [key, node] : table) {
        const toml::table* inner = node.as_table();
        if (inner != nullptr && !inner->is_inline()) {
            mark(*inner, lines, marked);
            continue;
        }
        if (const toml::array* list = node.as_array(); list != nullptr && list->size() > 0 && list->is_homogeneous<toml::table>() &&
                                                       !list->get(0)->as_table()->is_inline()) {
            for (const toml::node& one : *list) {
                mark(*one.as_table(), lines, marked);
            }
            continue;
        }
        for (std::size_t line = key.source().begin.line; line <= node.source().end.line; ++line) {
            marked.insert(line);
        }
    }
}

std::string key_text(const std::string& key) {
    const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
    });
    return bare ? key : Json(key).dump();
}

// Strings and lists of strings are written in TOML as in JSON.
std::string value_text(const json::Ordered& value) {
    std::string text = value.dump();
    if (value.is_array()) {
        text = "[";
        for (const auto& one : value) {
            text += (text.size() > 1 ? ", " : "") + one.dump();
        }
        text += "]";
    }
    return text;
}

const toml::table* section_of(const toml::table& root, const std::string& name) {
    const toml::node* node = root.get(name);
    return node == nullptr ? nullptr : node->as_table();
}

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) {
        text += line;
    }
    return text;
}

std::unexpected<Error> inline_table(const toml::table& table, const std::string& name) {
    return fail(Code::InvalidArgument, fmt::format("line {}: {} is an inline table; write its servers as [{}.NAME] tables",
                                                   table.source().begin.line, name, name));
}

// The lines with `key = value` in the table whose header stands at `header` (counted from 1).
void put_value(std::vector<std::string>& lines, const toml::table& table, const std::string& key, const json::Ordered& value,
               std::string_view eol) {
    const std::string text = fmt::format("{} = {}{}", key_text(key), value_text(value), eol);
    for (const auto& [name, node] : table) {
        if (name.str() == key) {
            const std::size_t first = name.source().begin.line - 1, last = node.source().end.line - 1;
            for (std::size_t line = first; line <= last; ++line) {
                lines[line].clear();
            }
            lines[first] = text;
            return;
        }
    }
    std::string& header = lines[table.source().begin.line - 1];
    header += (header.ends_with('\n') ? "" : std::string(eol)) + text;
}

}  // namespace

Result<Json> read_toml(std::string_view text) {
    RESONANT_ASSIGN(const toml::table table, parsed(text));
    std::ostringstream made;
    made << toml::json_formatter{table};
    return json::parse(made.str());
}

Result<std::string> put_toml_server(std::string_view text, const json::SourcePath& path, const json::Ordered& entry) {
    RESONANT_ASSIGN(const toml::table root, parsed(text));
    const std::string_view eol = line_end(text);
    std::vector<std::string> lines = lines_of(text);
    const toml::table* section = section_of(root, path[0]);
    if (section != nullptr && section->is_inline()) {
        return inline_table(*section, path[0]);
    }
    if (const toml::node* there = section == nullptr ? nullptr : section->get(path[1])) {
        const toml::table* table = there->as_table();
        const bool headed = table != nullptr && !table->is_inline() && is_header(lines[table->source().begin.line - 1]);
        if (!headed) {
            return fail(Code::InvalidArgument, fmt::format("line {}: {} is not written as a table of its own; write it as [{}.{}]",
                                                           there->source().begin.line, path[1], path[0], key_text(path[1])));
        }
        for (const auto& [key, value] : entry.items()) {
            const toml::node* old = table->get(key);
            std::ostringstream shown;
            if (old != nullptr) {
                shown << toml::json_formatter{*old};
            }
            const Result<Json> same = json::parse(shown.str());
            if (!same || *same != Json::parse(value.dump())) {
                put_value(lines, *table, key, value, eol);
            }
        }
        return joined(lines);
    }
    std::string made(text);
    if (!made.empty() && !made.ends_with('\n')) {
        made += eol;
    }
    if (!made.empty() && !is_blank(lines.back())) {
        made += eol;
    }
    made += fmt::format("[{}.{}]{}", key_text(path[0]), key_text(path[1]), eol);
    for (const auto& [key, value] : entry.items()) {
        made += fmt::format("{} = {}{}", key_text(key), value_text(value), eol);
    }
    return made;
}

Result<std::string> take_toml_server(std::string_view text, const json::SourcePath& path) {
    RESONANT_ASSIGN(const toml::table root, parsed(text));
    const toml::table* section = section_of(root, path[0]);
    const toml::node* there = section == nullptr ? nullptr : section->get(path[1]);
    if (there == nullptr) {
        return std::string(text);
    }
    if (section->is_inline()) {
        return inline_table(*section, path[0]);
    }
    std::vector<std::string> lines = lines_of(text);
    std::set<std::size_t> marked;
    if (const toml::table* table = there->as_table(); table != nullptr && !table->is_inline()) {
        mark(*table, lines, marked);
    } else {
        for (const auto& [key, node] : *section) {
            for (std::size_t line = key.source().begin.line; key.str() == path[1] && line <= node.source().end.line; ++line) {
                marked.insert(line);
            }
        }
    }
    std::string made;
    bool dropped = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const bool gone = marked.contains(i + 1);
        // Of the blank lines around a table that goes, those before it stay.
        const bool blank_after = dropped && is_blank(lines[i]) && (made.empty() || made.ends_with("\n\n") || made.ends_with("\n\r\n"));
        if (!gone && !blank_after) {
            made += lines[i];
        }
        dropped = gone || (dropped && blank_after);
    }
    return made;
}

}  // namespace resonant::clients
