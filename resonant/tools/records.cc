#include "resonant/tools/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "resonant/json/json.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/foreign_records.h"
#include "resonant/tools/json_elements.h"
#include "resonant/tools/record_forms.h"

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

Record refused_record(std::size_t line, std::string why) {
    Record record;
    record.line = line;
    record.refusal = std::move(why);
    return record;
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

}  // namespace

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

constexpr std::array<std::string_view, 1> kMemories = {"memories"};

Status from_json(TextSource& text, const TakeRecord& take) {
    const auto use = [&](const JsonElement& element) -> Status {
        const Result<Json> object = element.parsed();
        return take(object ? object_record(*object, element.line)
                           : refused_record(element.line, object.error().message),
                    text.share());
    };
    RESONANT_ASSIGN(const std::size_t lists, each_element(text, kMemories, use));
    return lists > 0 ? Status()
                     : fail(Code::InvalidArgument,
                            "json must be a list of objects or {\"memories\": [...]}");
}

Status from_lines(TextSource& text, const TakeRecord& take) {
    std::string line;
    for (std::size_t number = 1; text.take_line(line, kRecordBytes); number = text.line()) {
        if (line.find_first_not_of(" \t") == std::string::npos) {
            continue;
        }
        const Result<Json> object = json::parse(line);
        RESONANT_CHECK(take(object ? object_record(*object, number)
                                   : refused_record(number, object.error().message),
                            text.share()));
    }
    return {};
}

Status read_form(std::string_view format, TextSource& text, const TakeRecord& take) {
    if (format == "json") return from_json(text, take);
    if (format == "jsonl") return from_lines(text, take);
    if (format == "csv") return records_of_csv(text, take);
    if (format == "markdown") return records_of_markdown(text, take);
    if (format == "server_memory") return server_memory_records(text, take);
    if (format == "mem0") return mem0_records(text, take);
    return fail(Code::Unimplemented, fmt::format("{} is no text", format));
}

}  // namespace

Status read_records(std::string_view format, TextSource& text, const TakeRecord& take) {
    const Status read = read_form(format, text, take);
    return text.failure() ? read : text.failure();  // what could not be read looks like the end of the text
}

}  // namespace resonant::tools
