#include "resonant/tools/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "resonant/json/json.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/exchange.h"

namespace resonant::tools {
namespace {

constexpr std::array<std::string_view, 7> kTypes = {"note", "fact",    "decision", "task",
                                                    "code", "pattern", "narrative"};

}  // namespace

std::string refusal_of(const memory::Memory& memory) {
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

std::unexpected<Error> too_many_records() {
    return fail(
        Code::ResourceExhausted,
        fmt::format("memory.import: more than {} records; import them in parts", kRecordsMax));
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

namespace {

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

// Time of making, key and links. What is wrong with these refuses the record, too: nothing is lost unseen.
std::string take_ties(const Json& object, Record& record) {
    std::string created;
    if (std::string wrong = take_text(object, "created", created); !wrong.empty()) {
        return wrong;
    }
    if (!created.empty()) {
        const Result<std::int64_t> at = parse_time(created, Nanos{0});
        if (!at) {
            return "created: " + at.error().message;
        }
        record.memory.created_ns = *at;
    }
    if (std::string wrong = take_text(object, "id", record.key); !wrong.empty()) {
        return wrong;
    }
    const auto links = object.find("links");
    if (links == object.end() || links->is_null()) {
        return "";
    }
    for (const Json& link : links->is_array() ? *links : Json::array({Json()})) {
        Record::Tie tie;
        if (!link.is_object() || !link.value("to", Json()).is_string()) {
            return "links are no list of {to, type, weight}";
        }
        tie.to = link["to"].get<std::string>();
        if (std::string wrong = take_text(link, "type", tie.type); !wrong.empty()) {
            return "links: " + wrong;
        }
        const Json weight = link.value("weight", Json(tie.weight));
        if (!weight.is_number() || weight.get<double>() < 0 || weight.get<double>() > 1) {
            return "links: weight is not within 0..1";
        }
        tie.weight = weight.get<double>();
        record.ties.push_back(std::move(tie));
    }
    return "";
}

}  // namespace

Record object_record(const Json& object, std::size_t line) {
    Record record;
    record.line = line;
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
                                 {"private", &memory.is_private},
                                 {"archived", &memory.is_archived}}) {
        if (record.refusal.empty()) {
            record.refusal = take_flag(object, name, *target);
        }
    }
    if (record.refusal.empty()) {
        record.refusal = take_rest(object, memory);
    }
    if (record.refusal.empty()) {
        record.refusal = take_ties(object, record);
    }
    if (record.refusal.empty()) {
        record.refusal = refusal_of(memory);
    }
    return record;
}

namespace {

Record refused(std::size_t line, std::string why) {
    Record record;
    record.line = line;
    record.refusal = std::move(why);
    return record;
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
        return too_many_records();
    }
    std::vector<Record> records;
    for (const Json& object : whole) {
        records.push_back(object_record(object, records.size() + 1));
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
            return too_many_records();
        }
        const Result<Json> object = json::parse(one);
        records.push_back(object ? object_record(*object, line) : refused(line, object.error().message));
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

Result<std::vector<Record>> from_csv(std::string_view text) {
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

Result<std::vector<Record>> from_markdown(std::string_view text) {
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
