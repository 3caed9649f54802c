#include "resonant/tools/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "resonant/json/json.h"

namespace resonant::tools {
namespace {

constexpr std::array<std::string_view, 7> kTypes = {"note", "fact",    "decision", "task",
                                                    "code", "pattern", "narrative"};

std::string check(const memory::Memory& memory) {
    if (memory.content.find_first_not_of(" \t\r\n") == std::string::npos) {
        return "content is missing or empty";
    }
    if (memory.content.size() > kContentMax) {
        return fmt::format("content has {} bytes, the limit is {}; split it", memory.content.size(),
                           kContentMax);
    }
    if (std::find(kTypes.begin(), kTypes.end(), memory.type) == kTypes.end()) {
        return fmt::format(
            "type '{}' is none of note, fact, decision, task, code, pattern, narrative",
            memory.type.substr(0, 40));
    }
    if (!(memory.importance >= 0 && memory.importance <= 1)) {
        return fmt::format("importance {} is not within 0..1", memory.importance);
    }
    return "";
}

// Reads a field of the right type into `target`; says what is wrong otherwise.
std::string take_text(const Json& object, const char* name, std::string& target) {
    const auto field = object.find(name);
    if (field == object.end() || field->is_null()) {
        return "";
    }
    if (!field->is_string()) {
        return fmt::format("{} is no text", name);
    }
    target = field->get<std::string>();
    return "";
}

std::string take_flag(const Json& object, const char* name, bool& target) {
    const auto field = object.find(name);
    if (field == object.end() || field->is_null()) {
        return "";
    }
    if (!field->is_boolean()) {
        return fmt::format("{} is neither true nor false", name);
    }
    target = field->get<bool>();
    return "";
}

std::string take_rest(const Json& object, memory::Memory& memory) {
    if (const auto importance = object.find("importance"); importance != object.end()) {
        if (!importance->is_number()) {
            return "importance is no number";
        }
        memory.importance = importance->get<double>();
    }
    if (const auto tags = object.find("tags"); tags != object.end() && !tags->is_null()) {
        const bool words =
            tags->is_array() && std::all_of(tags->begin(), tags->end(),
                                            [](const Json& tag) { return tag.is_string(); });
        if (!words) {
            return "tags are no list of texts";
        }
        memory.tags = tags->get<std::vector<std::string>>();
    }
    return "";
}

Record record_of(const Json& object, std::size_t line) {
    Record record{line, {}, ""};
    if (!object.is_object()) {
        record.refusal = "is no object";
        return record;
    }
    memory::Memory& memory = record.memory;
    for (auto& [name, target] : {std::pair<const char*, std::string*>{"content", &memory.content},
                                 {"title", &memory.title},
                                 {"type", &memory.type},
                                 {"source", &memory.source}}) {
        if (record.refusal.empty()) {
            record.refusal = take_text(object, name, *target);
        }
    }
    for (auto& [name, target] : {std::pair<const char*, bool*>{"protect", &memory.is_protected},
                                 {"protected", &memory.is_protected},
                                 {"private", &memory.is_private}}) {
        if (record.refusal.empty()) {
            record.refusal = take_flag(object, name, *target);
        }
    }
    if (record.refusal.empty()) {
        record.refusal = take_rest(object, memory);
    }
    if (record.refusal.empty()) {
        record.refusal = check(memory);
    }
    return record;
}

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    return line;
}

std::unexpected<Error> too_many() {
    return fail(
        Code::ResourceExhausted,
        fmt::format("memory.import: more than {} records; import them in parts", kRecordsMax));
}

Result<std::vector<Record>> from_json(std::string_view text) {
    RESONANT_ASSIGN(Json whole, json::parse(text));
    if (whole.is_object() && whole.contains("memories")) {
        whole = Json(whole["memories"]);
    }
    if (!whole.is_array()) {
        return fail(Code::InvalidArgument,
                    "memory.import: json must be a list of objects or {\"memories\": [...]}");
    }
    if (whole.size() > kRecordsMax) {
        return too_many();
    }
    std::vector<Record> records;
    for (const Json& object : whole) {
        records.push_back(record_of(object, records.size() + 1));
    }
    return records;
}

Result<std::vector<Record>> from_lines(std::string_view text) {
    std::vector<Record> records;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const std::string_view one = take_line(text);
        if (one.find_first_not_of(" \t") == std::string_view::npos) {
            continue;
        }
        if (records.size() >= kRecordsMax) {
            return too_many();
        }
        const Result<Json> object = json::parse(one);
        records.push_back(object ? record_of(*object, line)
                                 : Record{line, {}, object.error().message});
    }
    return records;
}

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

std::string set_field(memory::Memory& memory, std::string_view name, const std::string& value) {
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
    } else if (name == "private" || name == "protect" || name == "protected") {
        (name == "private" ? memory.is_private : memory.is_protected) =
            value == "true" || value == "1";
    } else if (name == "tags") {
        std::string_view rest = value;
        while (!rest.empty()) {
            const std::size_t end = std::min(rest.find(';'), rest.size());
            if (end > 0) {
                memory.tags.emplace_back(rest.substr(0, end));
            }
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    return "";
}

Result<std::vector<Record>> from_csv(std::string_view text) {
    std::size_t line = 1;
    RESONANT_ASSIGN(const std::vector<std::string> header, take_row(text, line));
    if (std::find(header.begin(), header.end(), "content") == header.end()) {
        return fail(Code::InvalidArgument,
                    "memory.import: the csv's first row names no column 'content'");
    }
    std::vector<Record> records;
    while (!text.empty()) {
        Record record{line, {}, ""};
        RESONANT_ASSIGN(const std::vector<std::string> row, take_row(text, line));
        if (row.size() == 1 && row[0].empty()) {
            continue;
        }
        if (records.size() >= kRecordsMax) {
            return too_many();
        }
        if (row.size() != header.size()) {
            record.refusal =
                fmt::format("has {} fields, the header has {}", row.size(), header.size());
        }
        for (std::size_t i = 0; i < header.size() && record.refusal.empty(); ++i) {
            record.refusal = set_field(record.memory, header[i], row[i]);
        }
        if (record.refusal.empty()) {
            record.refusal = check(record.memory);
        }
        records.push_back(std::move(record));
    }
    return records;
}

std::optional<std::string> heading_of(std::string_view line) {
    const std::size_t marks = line.find_first_not_of('#');
    if (marks == 0 || marks == std::string_view::npos || marks > 6 || line[marks] != ' ') {
        return std::nullopt;
    }
    return std::string(line.substr(marks + 1));
}

Result<std::vector<Record>> from_markdown(std::string_view text) {
    std::vector<Record> records;
    bool fenced = false;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const std::string_view one = take_line(text);
        fenced ^= one.starts_with("```");
        const auto heading = fenced ? std::nullopt : heading_of(one);
        if (heading || records.empty()) {
            if (records.size() >= kRecordsMax) {
                return too_many();
            }
            records.push_back({line, {}, ""});
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
        content.erase(content.find_last_not_of(" \t\n") + 1);
        content.erase(0, content.find_first_not_of('\n'));
        record.refusal = check(record.memory);
    }
    return records;
}

}  // namespace

Result<std::vector<Record>> parse_records(std::string_view format, std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) {
        text.remove_prefix(3);  // a byte order mark is no content
    }
    if (format == "json") return from_json(text);
    if (format == "jsonl") return from_lines(text);
    if (format == "csv") return from_csv(text);
    if (format == "markdown") return from_markdown(text);
    return fail(
        Code::Unimplemented,
        fmt::format("memory.import: {} is not built yet; convert the file to jsonl", format));
}

}  // namespace resonant::tools
