#include "resonant/tools/record_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

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

// Gives a record away, now that all of it is read.
Status finish(Record record, double share, const TakeRecord& take) {
    std::string& content = record.memory.content;
    if (content.find_first_not_of(" \t\n") == std::string::npos) {
        return {};  // a heading with nothing beneath it introduces others; it is no memory and no mistake
    }
    if (content.size() > kRecordBytes) {
        return take(refused_record(record.line, fmt::format("the section has more than {} bytes; split it",
                                                            kRecordBytes)),
                    share);
    }
    if (content.starts_with(kMarkdownMark)) {
        take_exported(record);
    } else {
        content.erase(content.find_last_not_of(" \t\n") + 1);
        content.erase(0, content.find_first_not_of('\n'));
        record.refusal = refusal_of(record.memory);
    }
    return take(std::move(record), share);
}

}  // namespace

Status records_of_markdown(TextSource& text, const TakeRecord& take) {
    Record record;
    record.line = 1;
    bool fenced = false;
    std::string line;
    for (std::size_t number = 1; text.take_line(line, kRecordBytes); number = text.line()) {
        fenced ^= line.starts_with("```");
        if (const auto heading = fenced ? std::nullopt : heading_of(line)) {
            RESONANT_CHECK(finish(std::exchange(record, Record()), text.share(), take));
            record.line = number;
            record.memory.title = *heading;
        } else if (record.memory.content.size() <= kRecordBytes) {
            record.memory.content.append(line).append("\n");
        }
    }
    return finish(std::move(record), text.share(), take);
}

}  // namespace resonant::tools
