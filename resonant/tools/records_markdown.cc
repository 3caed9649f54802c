#include "resonant/tools/record_forms.h"

#include <fmt/core.h>

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

// What the front matter says of every record of the file; its title is the first one's.
void add_matter(Record& record, const Record& matter) {
    record.memory.tags = matter.memory.tags;
    record.memory.type = matter.memory.type;
    record.memory.importance = matter.memory.importance;
    record.memory.is_private = matter.memory.is_private;
    record.memory.is_protected = matter.memory.is_protected;
    record.memory.created_ns = matter.memory.created_ns;
    record.memory.source = matter.memory.source;
    record.galaxy = matter.galaxy;
}

// Gives a record away, now that all of it is read.
Status finish(Record record, const Record& matter, double share, const TakeRecord& take) {
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
        add_matter(record, matter);
        record.refusal = refusal_of(record.memory);
    }
    return take(std::move(record), share);
}

// The front matter as a record without text. What is wrong with it is told, and the text is read all the same.
Result<Record> matter_of(TextSource& text, const Reading& reading, const TakeRecord& take) {
    Record matter;
    const Result<Json> object = take_front_matter(text);
    if (!object) {
        RESONANT_CHECK(take(refused_record(1, object.error().message), text.share()));
        return matter;
    }
    Json whole = *object;
    whole["content"] = "front matter";
    matter = object_record(whole, 1, reading.names);
    if (!matter.refusal.empty()) {
        RESONANT_CHECK(take(refused_record(1, "front matter: " + matter.refusal), text.share()));
        matter = Record();
    }
    return matter;
}

}  // namespace

Status records_of_markdown(TextSource& text, const TakeRecord& take, const Reading& reading) {
    RESONANT_ASSIGN(const Record matter, matter_of(text, reading, take));
    Record record;
    record.line = text.line();
    record.unknown = matter.unknown;
    record.memory.title = matter.memory.title.empty() ? reading.name : matter.memory.title;
    bool fenced = false;
    std::string line;
    for (std::size_t number = text.line(); text.take_line(line, kRecordBytes); number = text.line()) {
        fenced ^= line.starts_with("```");
        if (const auto heading = fenced ? std::nullopt : heading_of(line)) {
            RESONANT_CHECK(finish(std::exchange(record, Record()), matter, text.share(), take));
            record.line = number;
            record.memory.title = *heading;
        } else if (record.memory.content.size() <= kRecordBytes) {
            record.memory.content.append(line).append("\n");
        }
    }
    return finish(std::move(record), matter, text.share(), take);
}

}  // namespace resonant::tools
