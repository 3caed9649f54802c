#include "resonant/tools/record_forms.h"

#include <algorithm>
#include <optional>

#include "resonant/json/json.h"
#include "resonant/tools/exchange.h"

namespace resonant::tools {
namespace {

std::optional<std::string> heading_of(std::string_view line) {
    const std::size_t marks = line.find_first_not_of('#');
    if (marks == 0 || marks == std::string_view::npos || marks > 6 || line[marks] != ' ') {
        return std::nullopt;
    }
    return std::string(line.substr(marks + 1));
}

// A record that memory.export wrote: a comment with all but the text, then the text, where a backslash
// stands before what Markdown would misread.
void take_exported(Record& record) {
    std::string_view rest = record.memory.content;
    rest.remove_prefix(kMarkdownMark.size());
    const std::size_t end = std::min(rest.find(" -->\n\n"), rest.size());
    const Result<Json> facts = json::parse(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 6, rest.size()));
    if (!facts || !facts->is_object() || rest.size() < 2) {
        record.refusal = "the comment that memory.export writes is damaged";
        return;
    }
    rest.remove_suffix(2);
    std::string content;
    while (!rest.empty()) {
        const bool has_end = rest.find('\n') != std::string_view::npos;
        std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(line.size() + (has_end ? 1 : 0));
        line.remove_prefix(line.starts_with('\\') ? 1 : 0);
        content.append(line).append(has_end ? "\n" : "");
    }
    Json object = *facts;
    if (!object.contains("content")) {
        object["content"] = std::move(content);
    }
    record = object_record(object, record.line);
}

}  // namespace

Result<std::vector<Record>> records_of_markdown(std::string_view text) {
    std::vector<Record> records;
    bool fenced = false;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const std::string_view one = take_line(text);
        fenced ^= one.starts_with("```");
        const auto heading = fenced ? std::nullopt : heading_of(one);
        if (heading || records.empty()) {
            if (records.size() >= kRecordsMax) {
                return too_many_records();
            }
            records.emplace_back();
            records.back().line = line;
            records.back().memory.title = heading.value_or("");
        }
        if (!heading) {
            records.back().memory.content.append(one).append("\n");
        }
    }
    // A heading with nothing beneath it introduces others; it is no memory and no mistake.
    std::erase_if(records, [](const Record& record) {
        return record.memory.content.find_first_not_of(" \t\n") == std::string::npos;
    });
    for (Record& record : records) {
        std::string& content = record.memory.content;
        if (content.starts_with(kMarkdownMark)) {
            take_exported(record);
            continue;
        }
        content.erase(content.find_last_not_of(" \t\n") + 1);
        content.erase(0, content.find_first_not_of('\n'));
        record.refusal = refusal_of(record.memory);
    }
    return records;
}

}  // namespace resonant::tools
