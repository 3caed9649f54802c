#include "resonant/tools/foreign_records.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "resonant/base/utf8.h"
#include "resonant/json/json.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/json_elements.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kGraphMax = 2'000'000;  // lines of a server-memory file, 24 bytes each

std::string text_in(const Json& object, const char* name) {
    const auto field = object.find(name);
    return field != object.end() && field->is_string() ? field->get<std::string>() : "";
}

// Title, at most as long as ours may be, at a whole character.
std::string as_title(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    text.resize(cut_utf8(text, memory::kTitleMax).size());
    return text;
}

// What a line of the graph's file says, told by its place: of a graph of any size only these are held.
struct Place {
    std::uint64_t name = 0;      // hash of the entity's name, or of the name that a relation leads from
    std::uint64_t position = 0;  // of the line
    bool is_entity = false;

    auto operator<=>(const Place&) const = default;
};
using Places = std::vector<Place>;  // sorted

std::uint64_t hash_of(const std::string& name) { return std::hash<std::string>()(name); }

std::span<const Place> places_of(const Places& places, const std::string& name) {
    const auto [from, to] = std::equal_range(
        places.begin(), places.end(), Place{hash_of(name), 0, false},
        [](const Place& a, const Place& b) { return a.name < b.name; });
    return {from, to};
}

bool is_known(const Places& places, const std::string& name) {
    const auto found = places_of(places, name);
    return std::any_of(found.begin(), found.end(), [](const Place& place) { return place.is_entity; });
}

// Calls `use(object, line, position)` for each line that is an object; says what is wrong with the others, if asked.
template <typename Use>
Status each_object(TextSource& text, const TakeRecord* refusals, const Use& use) {
    std::string line;
    for (;;) {
        const std::size_t number = text.line();
        const std::uint64_t position = text.position();
        if (!text.take_line(line, kRecordBytes)) {
            return {};
        }
        if (line.find_first_not_of(" \t") == std::string::npos) {
            continue;
        }
        const Result<Json> object = json::parse(line);
        if (object && object->is_object()) {
            RESONANT_CHECK(use(*object, number, position));
        } else if (refusals != nullptr) {
            RESONANT_CHECK((*refusals)(
                refused_record(number, object ? "is no object" : object.error().message), text.share()));
        }
    }
}

Result<Places> places_in(TextSource& text) {
    Places places;
    RESONANT_CHECK(each_object(text, nullptr, [&](const Json& object, std::size_t, std::uint64_t position) -> Status {
        const bool is_entity = text_in(object, "type") == "entity";
        const std::string name = text_in(object, is_entity ? "name" : "from");
        if (name.empty() || !object.value("observations", Json::array()).is_array()) {
            return {};  // refused when its line is read again
        }
        if (places.size() >= kGraphMax) {
            return fail(Code::ResourceExhausted,
                        fmt::format("the graph has more than {} entities and relations; import it in "
                                    "parts",
                                    kGraphMax));
        }
        places.push_back({hash_of(name), position, is_entity});
        return {};
    }));
    std::sort(places.begin(), places.end());
    return places;
}

void add_observations(const Json& object, memory::Memory& memory) {
    for (const Json& observation : object.value("observations", Json::array())) {
        memory.content += "\n- " + (observation.is_string() ? observation.get<std::string>() : observation.dump());
    }
}

// An entity with what its other lines add and the relations that lead from it.
Result<Record> entity_record(const TextSource& text, const Places& places, const Json& entity, std::size_t line,
                             std::uint64_t position) {
    const std::string name = text_in(entity, "name");
    const std::string kind = text_in(entity, "entityType");
    Record record;
    record.line = line;
    record.key = name;
    memory::Memory& memory = record.memory;
    memory.title = as_title(name);
    memory.type = "fact";
    memory.source = "server-memory";
    memory.content = kind.empty() ? name : fmt::format("{} ({})", name, kind);
    add_tag(memory, kind);
    add_observations(entity, memory);
    std::vector<Json> relations;
    for (const Place& place : places_of(places, name)) {
        if (place.position == position || memory.content.size() > kContentMax) {
            continue;
        }
        RESONANT_ASSIGN(const std::string again, text.line_at(place.position));
        RESONANT_ASSIGN(const Json object, json::parse(again));
        if (place.is_entity && text_in(object, "name") == name) {
            add_observations(object, memory);
        } else if (!place.is_entity && text_in(object, "from") == name && is_known(places, text_in(object, "to"))) {
            relations.push_back(object);
        }
    }
    for (const Json& relation : relations) {
        const std::string to = text_in(relation, "to");
        memory.content += fmt::format("\n{} {} {}", name, text_in(relation, "relationType"), to);
        if (name != to) {
            record.ties.push_back({to, "related", 0.5});
        }
    }
    record.refusal = refusal_of(memory);
    return record;
}

// What is wrong with a line, if anything is.
std::string refusal_in_graph(const Json& object, const Places& places) {
    const std::string kind = text_in(object, "type");
    if (kind == "relation") {
        const std::string from = text_in(object, "from");
        const std::string to = text_in(object, "to");
        return is_known(places, from) && is_known(places, to)
                   ? ""
                   : fmt::format("relation from '{}' to '{}': there is no such entity", from.substr(0, 80),
                                 to.substr(0, 80));
    }
    if (kind != "entity") {
        return fmt::format("type is '{}', neither entity nor relation", kind.substr(0, 40));
    }
    if (text_in(object, "name").empty()) {
        return "the entity has no name";
    }
    return object.value("observations", Json::array()).is_array() ? "" : "observations are no list";
}

// The line that an entity's record stands for: its first one.
bool is_first(const Places& places, const std::string& name, std::uint64_t position) {
    const auto found = places_of(places, name);
    return std::none_of(found.begin(), found.end(), [&](const Place& place) {
        return place.is_entity && place.position < position;
    });
}

Record relation_record(const Json& relation, std::size_t line) {
    const std::string target = text_in(relation, "target").empty() ? text_in(relation, "destination")
                                                                   : text_in(relation, "target");
    Record record;
    record.line = line;
    record.memory.content =
        fmt::format("{} {} {}", text_in(relation, "source"), text_in(relation, "relationship"), target);
    record.memory.type = "fact";
    add_tag(record.memory, "relation");
    record.refusal = target.empty() || text_in(relation, "source").empty()
                         ? "the relation has no source or no target"
                         : refusal_of(record.memory);
    return record;
}

Record mem0_record(const Json& object, std::size_t line) {
    if (!object.is_object()) {
        return refused_record(line, "is no object");
    }
    Record record;
    record.line = line;
    record.key = text_in(object, "id");
    memory::Memory& memory = record.memory;
    for (const char* name : {"memory", "text", "data"}) {
        memory.content = memory.content.empty() ? text_in(object, name) : memory.content;
    }
    for (const char* name : {"user_id", "agent_id", "run_id"}) {
        if (const std::string who = text_in(object, name); !who.empty()) {
            const auto tag = fmt::format("{}:{}", std::string(name).substr(0, std::string_view(name).find('_')), who);
            add_tag(memory, tag);
            record.who = record.who.empty() ? tag : record.who;
        }
    }
    add_metadata(memory, object.value("metadata", Json()));
    const Json categories = object.value("categories", Json());
    for (const Json& category : categories.is_array() ? categories : Json::array()) {
        add_tag(memory, category.is_string() ? category.get<std::string>() : "");
    }
    memory.source = "mem0";
    if (const Json created = object.value("created_at", Json()); !created.is_null()) {
        memory.created_ns = time_in(created).value_or(0);
    }
    const Json deleted = object.value("is_deleted", object.value("deleted_at", Json()));
    const bool is_gone = object.value("state", Json()) == "deleted" || !(deleted.is_null() || deleted == false || deleted == 0);
    record.refusal = is_gone ? "it was deleted there" : refusal_of(memory);
    return record;
}

constexpr std::array<std::string_view, 3> kMem0Lists = {"results", "memories", "relations"};

// Whether the text has an object a line, rather than one document: its first line is a memory by itself.
bool is_lines(TextSource& text) {
    std::string line;
    bool is_memory = false;
    while (!is_memory && text.take_line(line, kRecordBytes)) {
        if (line.find_first_not_of(" \t") == std::string::npos) {
            continue;
        }
        const Result<Json> object = json::parse(line);
        is_memory = object && object->is_object() &&
                    std::none_of(kMem0Lists.begin(), kMem0Lists.end(),
                                 [&](std::string_view name) { return object->contains(name); });
        break;
    }
    text.rewind();
    return is_memory;
}

}  // namespace

namespace {

Status records_of_graph(TextSource& text, const TakeRecord& take) {
    RESONANT_ASSIGN(const Places places, places_in(text));
    text.rewind();
    return each_object(text, &take, [&](const Json& object, std::size_t line, std::uint64_t position) -> Status {
        if (const std::string wrong = refusal_in_graph(object, places); !wrong.empty()) {
            return take(refused_record(line, wrong), text.share());
        }
        if (text_in(object, "type") != "entity" || !is_first(places, text_in(object, "name"), position)) {
            return {};
        }
        RESONANT_ASSIGN(Record record, entity_record(text, places, object, line, position));
        return take(std::move(record), text.share());
    });
}

constexpr std::array<std::string_view, 2> kGraphLists = {"entities", "relations"};
constexpr std::size_t kGraphDocumentMax = 64 * 1024 * 1024;

// Whether the graph is one document: a list, or an object whose first line is not a whole entity.
Result<bool> is_document(TextSource& text) {
    RESONANT_ASSIGN(const std::string head, text.head(64 * 1024));
    const std::size_t first = head.find_first_of("[{");
    if (first == std::string::npos || head[first] == '[') {
        return first != std::string::npos;
    }
    const std::string line = head.substr(first, head.find('\n', first) - first);
    const Result<Json> object = json::parse(line);
    return object ? object->contains(kGraphLists[0]) || object->contains(kGraphLists[1])
                  : line.find("\"type\"") == std::string::npos;
}

// A document's elements as lines; lines[i] is where the i-th one began.
Status lines_of(TextSource& text, std::string& graph, std::vector<std::size_t>& lines, const TakeRecord& take) {
    const auto use = [&](const JsonElement& element) -> Status {
        Result<Json> object = element.parsed();
        if (!object || !object->is_object()) {
            return take(refused_record(element.line, object ? "is no object" : object.error().message), 0);
        }
        if (!element.list.empty()) {
            (*object)["type"] = element.list == "entities" ? "entity" : "relation";
        }
        graph += json::dump(*object) + "\n";
        lines.push_back(element.line);
        return graph.size() <= kGraphDocumentMax
                   ? Status()
                   : fail(Code::ResourceExhausted, fmt::format("the graph is one document of more than {} bytes; give it as "
                                                               "lines, as server-memory writes its file",
                                                               kGraphDocumentMax));
    };
    RESONANT_ASSIGN(const std::size_t lists, each_element(text, kGraphLists, use));
    return lists > 0 ? Status() : fail(Code::InvalidArgument, "the graph has neither entities nor relations");
}

}  // namespace

Status server_memory_records(TextSource& text, const TakeRecord& take) {
    RESONANT_ASSIGN(const bool document, is_document(text));
    if (!document) {
        return records_of_graph(text, take);
    }
    std::string graph;
    std::vector<std::size_t> lines;
    RESONANT_CHECK(lines_of(text, graph, lines, take));
    TextSource made(std::move(graph));
    return records_of_graph(made, [&](Record record, double share) {
        record.line = lines.at(record.line - 1);
        return take(std::move(record), share);
    });
}

Status mem0_records(TextSource& text, const TakeRecord& take) {
    if (is_lines(text)) {
        std::string line;
        for (std::size_t number = 1; text.take_line(line, kRecordBytes); number = text.line()) {
            if (line.find_first_not_of(" \t") == std::string::npos) {
                continue;
            }
            const Result<Json> object = json::parse(line);
            RESONANT_CHECK(take(object ? mem0_record(*object, number)
                                       : refused_record(number, object.error().message),
                                text.share()));
        }
        return {};
    }
    const auto use = [&](const JsonElement& element) -> Status {
        const Result<Json> object = element.parsed();
        if (!object || !object->is_object()) {
            return take(refused_record(element.line, object ? "is no object" : object.error().message),
                        text.share());
        }
        return take(element.list == "relations" ? relation_record(*object, element.line)
                                                : mem0_record(*object, element.line),
                    text.share());
    };
    RESONANT_ASSIGN(const std::size_t lists, each_element(text, kMem0Lists, use));
    return lists > 0 ? Status()
                     : fail(Code::InvalidArgument,
                            "mem0 must be what get_all() gives, as JSON: {\"results\": [...]}");
}

}  // namespace resonant::tools
