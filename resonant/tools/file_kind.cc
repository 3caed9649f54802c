#include "resonant/tools/file_kind.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "resonant/json/json.h"

namespace resonant::tools {
namespace {

bool has(std::string_view head, std::string_view member) {
    return head.find(fmt::format("\"{}\"", member)) != std::string_view::npos;
}

// Whether the first line is an object by itself, so that the file has one a line. A document on a single line is known by
// the list it holds.
bool is_lines(std::string_view head) {
    const std::size_t stop = head.find('\n');
    const Result<Json> first = json::parse(std::string(head.substr(0, stop)));
    if (!first || !first->is_object()) {
        // A line longer than what is looked at.
        return stop == std::string_view::npos && head.size() >= kKindBytes && head.starts_with("{\"content\"");
    }
    return std::none_of(first->begin(), first->end(),
                        [](const Json& value) { return value.is_array() && !value.empty() && value.front().is_object(); }) ||
           first->contains("content");
}

std::string kind_of_json(std::string_view head) {
    const bool lines = head.starts_with('{') && is_lines(head);
    if (has(head, "entityType") || has(head, "relationType")) return "server_memory";
    if (has(head, "mapping") && (has(head, "current_node") || has(head, "create_time"))) return "chatgpt";
    if (has(head, "chat_messages")) return "claude";
    if (lines && has(head, "sessionId") && has(head, "type")) return "claude_code";
    if (has(head, "memory") && !has(head, "content")) return "mem0";
    return lines ? "jsonl" : "json";
}

// A head row of at least two columns, one of which may hold the text.
bool looks_like_table(std::string_view head) {
    const std::string_view row = head.substr(0, head.find('\n'));
    return row.find_first_of(",;\t") != std::string_view::npos &&
           (row.find("content") != std::string_view::npos || row.find("text") != std::string_view::npos ||
            row.find("title") != std::string_view::npos);
}

std::unexpected<Error> unknown(std::string_view what) {
    return fail(Code::InvalidArgument,
                fmt::format("{}; give format (command line: --format): json, jsonl, csv, markdown, parquet, arrow, "
                            "server_memory, mem0, whitemagic, sqlite, chatgpt, claude or claude_code",
                            what));
}

}  // namespace

Result<std::string> file_kind(std::string_view head, std::string_view name) {
    if (head.starts_with("PAR1")) return "parquet";
    if (head.starts_with("ARROW1")) return "arrow";
    if (head.starts_with("SQLite format 3")) return "store";
    if (head.starts_with("PK\x03\x04")) {
        return fail(Code::InvalidArgument, "it is a zip archive; unpack it (unzip) and import the file inside, of a ChatGPT or "
                                           "Claude export conversations.json");
    }
    if (head.starts_with("\x1F\x8B")) {
        return fail(Code::InvalidArgument, "it is compressed; unpack it first (gunzip)");
    }
    if (head.find('\0') != std::string_view::npos) {
        return unknown("it is no text, and none of the tables and stores that are known");
    }
    head.remove_prefix(head.starts_with("\xEF\xBB\xBF") ? 3 : 0);
    const std::size_t first = head.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos) {
        return unknown("it is empty");
    }
    std::string suffix = std::filesystem::path(name).extension().string();
    std::transform(suffix.begin(), suffix.end(), suffix.begin(), [](unsigned char letter) { return std::tolower(letter); });
    constexpr std::array<std::string_view, 3> kMarkdown = {".md", ".markdown", ".mdx"};
    if (std::find(kMarkdown.begin(), kMarkdown.end(), suffix) != kMarkdown.end()) return "markdown";
    if (suffix == ".csv" || suffix == ".tsv") return "csv";
    head.remove_prefix(first);
    if (head.starts_with('{') || head.starts_with('[')) return kind_of_json(head);
    if (head.starts_with("---\n") || head.starts_with("# ") || head.starts_with("## ")) return "markdown";
    if (looks_like_table(head)) return "csv";
    return unknown("its first bytes do not say what it is");
}

}  // namespace resonant::tools
