#include "resonant/tools/record_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <vector>

#include "resonant/json/json.h"
#include "resonant/tools/arguments.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kFieldsMax = 1'000;  // of a row; further ones run together

struct Row {
    std::vector<std::string> fields = {""};
    std::size_t line = 1;
    bool is_too_long = false;  // more than kRecordBytes; the rest is left out
};

// One row of RFC 4180: quoted fields may hold commas, line ends and doubled quotes.
Result<Row> take_row(TextSource& text) {
    Row row;
    row.line = text.line();
    std::size_t bytes = 0;
    bool quoted = false;
    const auto add = [&](int byte) {
        row.is_too_long |= ++bytes > kRecordBytes;
        if (!row.is_too_long) {
            row.fields.back() += static_cast<char>(byte);
        }
    };
    for (int byte = text.take(); byte != TextSource::kEnd; byte = text.take()) {
        if (quoted) {
            if (byte == '"' && text.peek() != '"') {
                quoted = false;
            } else {
                add(byte == '"' ? text.take() : byte);
            }
        } else if (byte == '"' && row.fields.back().empty()) {
            quoted = true;
        } else if (byte == ',') {
            if (row.fields.size() < kFieldsMax) {
                row.fields.emplace_back();
            }
        } else if (byte == '\n') {
            break;
        } else if (byte != '\r' || (text.peek() != TextSource::kEnd && text.peek() != '\n')) {
            add(byte);
        }
    }
    if (quoted) {
        return fail(Code::InvalidArgument,
                    fmt::format("line {}: a quote that opens in this row is never closed; close it, or "
                                "double it where it is part of the text",
                                row.line));
    }
    return row;
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

// Anything but yes or no in so many words is a mistake: what is meant to be private must not become public.
std::string set_flag(std::string_view name, const std::string& value, bool& flag) {
    std::string small = value;
    std::transform(small.begin(), small.end(), small.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    flag = small == "true" || small == "1";
    return flag || small.empty() || small == "false" || small == "0"
               ? ""
               : fmt::format("{} is '{}', neither true nor false", name, value.substr(0, 40));
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
        return set_flag(name, value, flag);
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

Status records_of_csv(TextSource& text, const TakeRecord& take) {
    RESONANT_ASSIGN(const Row header, take_row(text));
    if (std::find(header.fields.begin(), header.fields.end(), "content") == header.fields.end()) {
        return fail(Code::InvalidArgument,
                    "the csv's first row names no column 'content'");
    }
    while (text.peek() != TextSource::kEnd) {
        RESONANT_ASSIGN(const Row row, take_row(text));
        if (row.fields.size() == 1 && row.fields[0].empty()) {
            continue;
        }
        Record record;
        record.line = row.line;
        if (row.is_too_long) {
            record.refusal = fmt::format("the row has more than {} bytes; split it", kRecordBytes);
        } else if (row.fields.size() != header.fields.size()) {
            record.refusal = fmt::format("has {} fields, the header has {}", row.fields.size(),
                                         header.fields.size());
        }
        for (std::size_t i = 0; i < header.fields.size() && record.refusal.empty(); ++i) {
            record.refusal = set_field(record, header.fields[i], row.fields[i]);
        }
        if (record.refusal.empty()) {
            record.refusal = refusal_of(record.memory);
        }
        RESONANT_CHECK(take(std::move(record), text.share()));
    }
    return {};
}

}  // namespace resonant::tools
