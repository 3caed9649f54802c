#include "resonant/tools/record_forms.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "resonant/json/json.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kFieldsMax = 1'000;  // of a row; further ones run together
constexpr std::size_t kHeadBytes = 64 * 1024;  // that the separator is looked for in

struct Row {
    std::vector<std::string> fields = {""};
    std::size_t line = 1;
    bool is_too_long = false;  // more than kRecordBytes; the rest is left out
};

// One row of RFC 4180: quoted fields may hold separators, line ends and doubled quotes.
Result<Row> take_row(TextSource& text, char separator) {
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
        } else if (byte == separator) {
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

// What stands between the columns of the first row: spreadsheets in half of Europe write semicolons.
Result<char> separator_of(const TextSource& text) {
    RESONANT_ASSIGN(const std::string head, text.head(kHeadBytes));
    std::size_t commas = 0, semicolons = 0, tabs = 0;
    bool quoted = false;
    for (const char byte : head) {
        quoted ^= byte == '"';
        if (byte == '\n' && !quoted) {
            break;
        }
        commas += !quoted && byte == ',' ? 1 : 0;
        semicolons += !quoted && byte == ';' ? 1 : 0;
        tabs += !quoted && byte == '\t' ? 1 : 0;
    }
    return semicolons > commas && semicolons >= tabs ? ';' : tabs > commas ? '\t' : ',';
}

// A cell as object_record() takes it: tags and links are texts here.
std::string take_cell(Json& object, const std::string& column, std::string_view ours, const std::string& value, bool is_ours) {
    if (value.empty() && ours != "content") {
        return "";
    }
    if (ours == "tags" && (is_ours || value.find(';') != std::string::npos)) {
        object[column] = split_tags(value);
    } else if (ours == "links") {
        const Result<Json> links = json::parse(value);
        if (!links) {
            return "links: " + links.error().message;
        }
        object[column] = *links;
    } else {
        object[column] = value;
    }
    return "";
}

Record record_of(const Row& row, const Row& header, const RecordNames& names, bool is_ours) {
    if (row.is_too_long) {
        return refused_record(row.line, fmt::format("the row has more than {} bytes; split it", kRecordBytes));
    }
    if (row.fields.size() != header.fields.size()) {
        return refused_record(row.line, fmt::format("has {} fields, the header has {}", row.fields.size(), header.fields.size()));
    }
    Json object = Json::object();
    for (std::size_t i = 0; i < header.fields.size(); ++i) {
        const std::string& column = header.fields[i];
        if (std::string wrong = take_cell(object, column, names.ours(column), row.fields[i], is_ours); !wrong.empty()) {
            return refused_record(row.line, std::move(wrong));
        }
    }
    return object_record(object, row.line, names);
}

}  // namespace

Status records_of_csv(TextSource& text, const TakeRecord& take, const Reading& reading) {
    RESONANT_ASSIGN(const char separator, separator_of(text));
    RESONANT_ASSIGN(const Row header, take_row(text, separator));
    const auto names = [&](std::string_view ours) {
        return std::any_of(header.fields.begin(), header.fields.end(),
                           [&](const std::string& column) { return reading.names.ours(column) == ours; });
    };
    if (!names("content")) {
        return fail(Code::InvalidArgument,
                    fmt::format("no column of the first row is known to hold the text; the columns are: {}; name it with "
                                "columns, {{\"content\": \"their name\"}} (command line: --columns content=NAME)",
                                fmt::format("{}", fmt::join(header.fields, ", ")).substr(0, 400)));
    }
    // What memory.export writes splits tags at ';' only.
    const bool is_ours = std::count(header.fields.begin(), header.fields.end(), "links") > 0 && names("archived");
    while (text.peek() != TextSource::kEnd) {
        RESONANT_ASSIGN(const Row row, take_row(text, separator));
        if (row.fields.size() == 1 && row.fields[0].empty()) {
            continue;
        }
        RESONANT_CHECK(take(record_of(row, header, reading.names, is_ours), text.share()));
    }
    return {};
}

}  // namespace resonant::tools
