#include "resonant/tools/record_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "resonant/json/json.h"
#include "resonant/tools/arguments.h"

namespace resonant::tools {
namespace {

// One row of RFC 4180: quoted fields may hold commas, line ends and doubled quotes. Counts lines.
Result<std::vector<std::string>> take_row(std::string_view& text, std::size_t& line) {
    std::vector<std::string> fields(1);
    const std::size_t began = line;
    bool quoted = false;
    while (!text.empty()) {
        const char c = text[0];
        text.remove_prefix(1);
        line += c == '\n' ? 1 : 0;
        if (quoted) {
            if (c != '"') {
                fields.back() += c;
            } else if (!text.empty() && text[0] == '"') {
                fields.back() += '"';
                text.remove_prefix(1);
            } else {
                quoted = false;
            }
        } else if (c == '"' && fields.back().empty()) {
            quoted = true;
        } else if (c == ',') {
            fields.emplace_back();
        } else if (c == '\n') {
            break;
        } else if (c != '\r' || (!text.empty() && text[0] != '\n')) {
            fields.back() += c;
        }
    }
    if (quoted) {
        return fail(
            Code::InvalidArgument,
            fmt::format("memory.import: the quote that opens on line {} is never closed", began));
    }
    return fields;
}

// "a;b": a backslash before ';' or itself makes it a letter of the tag.
std::vector<std::string> split_tags(std::string_view text) {
    std::vector<std::string> tags(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == ';' || text[i + 1] == '\\')) {
            tags.back() += text[++i];
        } else if (text[i] == ';') {
            tags.emplace_back();
        } else {
            tags.back() += text[i];
        }
    }
    std::erase(tags, "");
    return tags;
}

std::string set_field(Record& record, std::string_view name, const std::string& value) {
    memory::Memory& memory = record.memory;
    if (name == "content") {
        memory.content = value;
    } else if (name == "title") {
        memory.title = value;
    } else if (name == "source") {
        memory.source = value;
    } else if (name == "type" && !value.empty()) {
        memory.type = value;
    } else if (name == "importance" && !value.empty()) {
        const auto [end, error] =
            std::from_chars(value.data(), value.data() + value.size(), memory.importance);
        if (error != std::errc() || end != value.data() + value.size()) {
            return fmt::format("importance '{}' is no number", value.substr(0, 40));
        }
    } else if (name == "private" || name == "protect" || name == "protected" ||
               name == "archived") {
        bool& flag = name == "private"    ? memory.is_private
                     : name == "archived" ? memory.is_archived
                                          : memory.is_protected;
        flag = value == "true" || value == "1";
    } else if (name == "tags") {
        memory.tags = split_tags(value);
    } else if (name == "id") {
        record.key = value;
    } else if (name == "created" && !value.empty()) {
        const Result<std::int64_t> at = parse_time(value, Nanos{0});
        if (!at) {
            return "created: " + at.error().message;
        }
        memory.created_ns = *at;
    } else if (name == "links" && !value.empty()) {
        const Result<Json> links = json::parse(value);
        return links ? take_ties({{"links", *links}, {"id", record.key}}, record)
                     : "links: " + links.error().message;
    }
    return "";
}

}  // namespace

Result<std::vector<Record>> records_of_csv(std::string_view text) {
    std::size_t line = 1;
    RESONANT_ASSIGN(const std::vector<std::string> header, take_row(text, line));
    if (std::find(header.begin(), header.end(), "content") == header.end()) {
        return fail(Code::InvalidArgument,
                    "memory.import: the csv's first row names no column 'content'");
    }
    std::vector<Record> records;
    while (!text.empty()) {
        Record record;
        record.line = line;
        RESONANT_ASSIGN(const std::vector<std::string> row, take_row(text, line));
        if (row.size() == 1 && row[0].empty()) {
            continue;
        }
        if (records.size() >= kRecordsMax) {
            return too_many_records();
        }
        if (row.size() != header.size()) {
            record.refusal =
                fmt::format("has {} fields, the header has {}", row.size(), header.size());
        }
        for (std::size_t i = 0; i < header.size() && record.refusal.empty(); ++i) {
            record.refusal = set_field(record, header[i], row[i]);
        }
        if (record.refusal.empty()) {
            record.refusal = refusal_of(record.memory);
        }
        records.push_back(std::move(record));
    }
    return records;
}

}  // namespace resonant::tools
