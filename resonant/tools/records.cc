#include "resonant/tools/records.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

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

void add_tag(memory::Memory& memory, const std::string& word) {
    const bool is_plain = std::none_of(word.begin(), word.end(),
                                       [](char letter) { return static_cast<unsigned char>(letter) < 32; });
    if (!word.empty() && word.size() <= memory::kTagMax && is_plain && memory.tags.size() < memory::kTagsMax &&
        std::find(memory.tags.begin(), memory.tags.end(), word) == memory.tags.end()) {
        memory.tags.push_back(word);
    }
}

void add_metadata(memory::Memory& memory, const Json& metadata) {
    if (!metadata.is_object()) {
        return;
    }
    for (const auto& [name, value] : metadata.items()) {
        add_tag(memory, fmt::format("{}:{}", name, value.is_string() ? value.get<std::string>() : value.dump()));
    }
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

// Anything but yes or no in so many words is a mistake: what is meant to be private must not become public.
std::string take_flag(const Json& object, const char* name, bool& target) {
    const auto field = object.find(name);
    if (field == object.end() || field->is_null()) {
        return "";
    }
    std::string word = field->is_string() ? field->get<std::string>() : field->dump();
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    target = word == "true" || word == "1";
    return target || word.empty() || word == "false" || word == "0"
               ? ""
               : fmt::format("{} is '{}', neither true nor false", name, word.substr(0, 40));
}

std::string take_importance(const Json& object, memory::Memory& memory) {
    const auto importance = object.find("importance");
    if (importance == object.end() || *importance == "") {
        return "";
    }
    if (importance->is_string()) {
        const std::string text = importance->get<std::string>();
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), memory.importance);
        return error == std::errc() && end == text.data() + text.size()
                   ? ""
                   : fmt::format("importance '{}' is no number", text.substr(0, 40));
    }
    if (!importance->is_number()) {
        return "importance is no number";
    }
    memory.importance = importance->get<double>();
    return "";
}

std::string take_tags(const Json& object, memory::Memory& memory) {
    const auto tags = object.find("tags");
    if (tags == object.end()) {
        return "";
    }
    if (tags->is_string()) {
        const std::string text = tags->get<std::string>();
        const Json list = text.starts_with('[') ? json::parse(text).value_or(Json()) : Json();
        memory.tags = list.is_array() ? std::vector<std::string>() : split_words(text, ",;");
        for (const Json& tag : list.is_array() ? list : Json::array()) {
            memory.tags.push_back(tag.is_string() ? tag.get<std::string>() : tag.dump());
        }
        return "";
    }
    const bool words = tags->is_array() &&
                       std::all_of(tags->begin(), tags->end(), [](const Json& tag) { return tag.is_string(); });
    if (!words) {
        return "tags are no list of texts";
    }
    memory.tags = tags->get<std::vector<std::string>>();
    return "";
}

std::string take_links(const Json& object, Record& record) {
    const auto links = object.find("links");
    if (links == object.end()) {
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

// Time of making, key and links. What is wrong with these refuses the record, too: nothing is lost unseen.
std::string take_ties(const Json& object, Record& record) {
    if (const auto created = object.find("created"); created != object.end() && *created != "") {
        const Result<std::int64_t> at = time_in(*created);
        if (!at) {
            return "created: " + at.error().message;
        }
        record.memory.created_ns = *at;
    }
    if (const auto id = object.find("id"); id != object.end()) {
        record.key = id->is_string() ? id->get<std::string>() : id->dump();
    }
    return take_links(object, record);
}

// What only other products say: a kind of their own, what they know besides, and whether it is there still.
std::string take_foreign(const Json& object, memory::Memory& memory) {
    const Json kind = object.value("kind", Json());
    if (kind.is_string() && std::find(kTypes.begin(), kTypes.end(), kind.get<std::string>()) != kTypes.end()) {
        memory.type = kind.get<std::string>();
    } else if (kind.is_string()) {
        add_tag(memory, kind.get<std::string>());
    }
    const Json metadata = object.value("metadata", Json());
    add_metadata(memory, metadata.is_string() ? json::parse(metadata.get<std::string>()).value_or(Json()) : metadata);
    const Json state = object.value("state", Json());
    const Json deleted = object.value("deleted", Json());
    memory.is_archived |= state == "archived";
    const bool is_gone = state == "deleted" || !(deleted.is_null() || deleted == false || deleted == 0 || deleted == "");
    return is_gone ? "it was deleted there" : "";
}

}  // namespace

Record object_record(const Json& given, std::size_t line, const RecordNames& names) {
    Record record;
    record.line = line;
    if (!given.is_object()) {
        record.refusal = "is no object";
        return record;
    }
    const Json object = names.renamed(given, record.unknown);
    memory::Memory& memory = record.memory;
    for (auto& [name, target] : {std::pair<const char*, std::string*>{"content", &memory.content},
                                 {"title", &memory.title},
                                 {"type", &memory.type},
                                 {"source", &memory.source},
                                 {"galaxy", &record.galaxy}}) {
        if (record.refusal.empty()) {
            record.refusal = take_text(object, name, *target);
        }
    }
    for (auto& [name, target] : {std::pair<const char*, bool*>{"protected", &memory.is_protected},
                                 {"private", &memory.is_private},
                                 {"archived", &memory.is_archived}}) {
        if (record.refusal.empty()) {
            record.refusal = take_flag(object, name, *target);
        }
    }
    for (const auto& step : {take_importance, take_tags, take_foreign}) {
        if (record.refusal.empty()) {
            record.refusal = step(object, memory);
        }
    }
    if (record.refusal.empty()) {
        record.refusal = take_ties(object, record);
    }
    if (const Json who = object.value("who", Json()); who.is_string() && who != "") {
        record.who = "user:" + who.get<std::string>();
        add_tag(memory, record.who);
    }
    if (record.refusal.empty()) {
        record.refusal = refusal_of(memory);
    }
    return record;
}

namespace {

constexpr std::array<std::string_view, 5> kMemories = {"memories", "notes", "items", "records", "results"};

Status from_json(TextSource& text, const TakeRecord& take, const Reading& reading) {
    const auto use = [&](const JsonElement& element) -> Status {
        const Result<Json> object = element.parsed();
        return take(object ? object_record(*object, element.line, reading.names)
                           : refused_record(element.line, object.error().message),
                    text.share());
    };
    RESONANT_ASSIGN(const std::size_t lists, each_element(text, kMemories, use));
    return lists > 0 ? Status()
                     : fail(Code::InvalidArgument,
                            "json must be a list of objects or {\"memories\": [...]}");
}

Status from_lines(TextSource& text, const TakeRecord& take, const Reading& reading) {
    std::string line;
    for (std::size_t number = 1; text.take_line(line, kRecordBytes); number = text.line()) {
        if (line.find_first_not_of(" \t") == std::string::npos) {
            continue;
        }
        const Result<Json> object = json::parse(line);
        RESONANT_CHECK(take(object ? object_record(*object, number, reading.names)
                                   : refused_record(number, object.error().message),
                            text.share()));
    }
    return {};
}

Status read_form(std::string_view format, TextSource& text, const TakeRecord& take, const Reading& reading) {
    if (format == "json") return from_json(text, take, reading);
    if (format == "jsonl") return from_lines(text, take, reading);
    if (format == "csv") return records_of_csv(text, take, reading);
    if (format == "markdown") return records_of_markdown(text, take, reading);
    if (format == "server_memory") return server_memory_records(text, take);
    if (format == "mem0") return mem0_records(text, take);
    if (format == "chatgpt" || format == "claude") return conversation_records(text, take);
    if (format == "claude_code") return session_records(text, take);
    return fail(Code::Unimplemented, fmt::format("{} is no text", format));
}

}  // namespace

Status read_records(std::string_view format, TextSource& text, const TakeRecord& take, const Reading& reading) {
    const Status read = read_form(format, text, take, reading);
    return text.failure() ? read : text.failure();  // what could not be read looks like the end of the text
}

}  // namespace resonant::tools
