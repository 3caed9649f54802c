#include "resonant/tools/exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "resonant/memory/galaxies.h"
#include "resonant/tools/answers.h"

namespace resonant::tools {
namespace {

constexpr std::array<std::string_view, 13> kColumns = {
    "id",      "title",    "content", "type",   "tags",    "importance",
    "protected", "private", "archived", "source", "created", "links",    "galaxy"};

std::string quoted(const std::string& field) {
    if (field.find_first_of(",\"\r\n") == std::string::npos) {
        return field;
    }
    std::string text = "\"";
    for (const char letter : field) {
        text += letter == '"' ? "\"\"" : std::string(1, letter);
    }
    return text + "\"";
}

std::string joined_tags(const std::vector<std::string>& tags) {
    std::string text;
    for (const std::string& tag : tags) {
        text += text.empty() ? "" : ";";
        for (const char letter : tag) {
            text += letter == ';' || letter == '\\' ? "\\" : "";
            text += letter;
        }
    }
    return text;
}

Json links_of(std::span<const memory::Edge> links) {
    Json list = Json::array();
    for (const memory::Edge& link : links) {
        list.push_back({{"to", memory::wire_id(link.to)}, {"type", link.type}, {"weight", link.weight}});
    }
    return list;
}

std::string csv_row(const memory::Memory& memory, std::span<const memory::Edge> links) {
    const auto flag = [](bool value) { return std::string(value ? "true" : "false"); };
    const std::array<std::string, kColumns.size()> fields = {
        memory::wire_id(memory.id),
        memory.title,
        memory.content,
        memory.type,
        joined_tags(memory.tags),
        fmt::format("{}", memory.importance),
        flag(memory.is_protected),
        flag(memory.is_private),
        flag(memory.is_archived),
        memory.source,
        show_time(memory.created_ns),
        links.empty() ? "" : links_of(links).dump(),
        memory.galaxy == memory::kDefaultGalaxy ? "" : memory.galaxy};
    std::string row;
    for (const std::string& field : fields) {
        row += (row.empty() ? "" : ",") + quoted(field);
    }
    return row + "\r\n";
}

bool starts_fence(std::string_view line) { return line.starts_with("```"); }

std::string markdown_record(const memory::Memory& memory, std::span<const memory::Edge> links) {
    Json facts = exchange_object(memory, links);
    if (memory.content.find('\r') == std::string::npos) {
        facts.erase("content");  // the text below says it, but for carriage returns
    }
    std::string heading = title_of(memory);
    std::replace(heading.begin(), heading.end(), '\n', ' ');
    std::string comment = facts.dump();
    // "-->" inside would end the comment; in JSON a letter may be written by its number.
    for (std::size_t at = comment.find("-->"); at != std::string::npos; at = comment.find("-->", at)) {
        comment.replace(at, 3, "--\\u003e");
    }
    std::string text = fmt::format("## {}\n{}{} -->\n\n", heading, kMarkdownMark, comment);
    const auto fences = [&] {
        std::size_t count = 0;
        std::string_view rest = memory.content;
        for (std::size_t end = 0; end != std::string_view::npos; rest.remove_prefix(end + 1)) {
            end = rest.find('\n');
            count += starts_fence(rest.substr(0, end)) ? 1U : 0U;
            if (end == std::string_view::npos) break;
        }
        return count;
    }();
    const bool balanced = fences % 2 == 0;
    bool inside = false;
    std::string_view rest = memory.content;
    for (;;) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = rest.substr(0, end);
        inside ^= balanced && starts_fence(line);
        const bool misread = line.starts_with('\\') || (line.starts_with('#') && !inside) ||
                             (starts_fence(line) && !balanced);
        text.append(misread ? "\\" : "").append(line).append("\n");
        if (end == std::string_view::npos) {
            break;
        }
        rest.remove_prefix(end + 1);
    }
    return text + "\n";
}

}  // namespace

Json exchange_object(const memory::Memory& memory, std::span<const memory::Edge> links) {
    Json object = {{"id", memory::wire_id(memory.id)},
                   {"content", memory.content},
                   {"type", memory.type},
                   {"importance", memory.importance},
                   {"created", show_time(memory.created_ns)}};
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) {
            object[name] = value;
        }
    };
    add("title", memory.title);
    add("source", memory.source);
    if (memory.galaxy != memory::kDefaultGalaxy) {
        object["galaxy"] = memory.galaxy;
    }
    if (!memory.tags.empty()) {
        object["tags"] = memory.tags;
    }
    for (const auto& [name, value] : {std::pair{"protected", memory.is_protected},
                                      {"private", memory.is_private},
                                      {"archived", memory.is_archived}}) {
        if (value) {
            object[name] = true;
        }
    }
    if (!links.empty()) {
        object["links"] = links_of(links);
    }
    return object;
}

std::string exchange_head(std::string_view format) {
    if (format == "json") {
        return "{\"memories\":[\n";
    }
    if (format == "csv") {
        return fmt::format("{}\r\n", fmt::join(kColumns, ","));
    }
    return "";
}

std::string exchange_foot(std::string_view format) { return format == "json" ? "\n]}\n" : ""; }

std::string exchange_record(std::string_view format, const memory::Memory& memory,
                            std::span<const memory::Edge> links, bool first) {
    if (format == "csv") {
        return csv_row(memory, links);
    }
    if (format == "markdown") {
        return markdown_record(memory, links);
    }
    const std::string text = json::dump(exchange_object(memory, links));
    return format == "json" ? (first ? "" : ",\n") + text : text + "\n";
}

}  // namespace resonant::tools
