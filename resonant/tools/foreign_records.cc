#include "resonant/tools/foreign_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "resonant/base/utf8.h"
#include "resonant/json/json.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/record_forms.h"

namespace resonant::tools {
namespace {

std::string text_in(const Json& object, const char* name) {
    const auto field = object.find(name);
    return field != object.end() && field->is_string() ? field->get<std::string>() : "";
}

Record refused(std::size_t line, std::string why) {
    Record record;
    record.line = line;
    record.refusal = std::move(why);
    return record;
}

// A word of theirs as a tag of ours; what is too long or has control characters is left out, for the
// text has it, too.
void add_tag(memory::Memory& memory, const std::string& word) {
    const bool is_plain = std::none_of(word.begin(), word.end(), [](char letter) {
        return static_cast<unsigned char>(letter) < 32;
    });
    if (!word.empty() && word.size() <= memory::kTagMax && is_plain &&
        memory.tags.size() < memory::kTagsMax &&
        std::find(memory.tags.begin(), memory.tags.end(), word) == memory.tags.end()) {
        memory.tags.push_back(word);
    }
}

// Title, at most as long as ours may be, at a whole character.
std::string as_title(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    text.resize(cut_utf8(text, memory::kTitleMax).size());
    return text;
}

struct Graph {
    std::vector<Record> records;
    std::map<std::string, std::size_t> entities;  // name -> its record
    std::vector<std::pair<std::size_t, Json>> relations;
};

void take_entity(const Json& object, std::size_t line, Graph& graph) {
    const std::string name = text_in(object, "name");
    if (name.empty()) {
        graph.records.push_back(refused(line, "the entity has no name"));
        return;
    }
    const std::string kind = text_in(object, "entityType");
    const Json observations = object.value("observations", Json::array());
    if (!observations.is_array()) {
        graph.records.push_back(refused(line, "observations are no list"));
        return;
    }
    const auto known = graph.entities.find(name);
    const bool is_new = known == graph.entities.end();
    if (is_new) {
        graph.entities[name] = graph.records.size();
        graph.records.emplace_back();
    }
    Record& record = graph.records[graph.entities[name]];
    memory::Memory& memory = record.memory;
    if (is_new) {
        record.line = line;
        record.key = name;
        memory.title = as_title(name);
        memory.type = "fact";
        memory.content = kind.empty() ? name : fmt::format("{} ({})", name, kind);
        add_tag(memory, kind);
    }
    for (const Json& observation : observations) {
        if (observation.is_string()) {
            memory.content += "\n- " + observation.get<std::string>();
        } else {
            memory.content += "\n- " + observation.dump();
        }
    }
}

void take_relation(std::size_t line, const Json& object, Graph& graph) {
    const std::string from = text_in(object, "from");
    const std::string to = text_in(object, "to");
    const std::string kind = text_in(object, "relationType");
    const auto source = graph.entities.find(from);
    if (source == graph.entities.end() || !graph.entities.contains(to)) {
        graph.records.push_back(refused(
            line, fmt::format("relation from '{}' to '{}': there is no such entity", from.substr(0, 80),
                              to.substr(0, 80))));
        return;
    }
    Record& record = graph.records[source->second];
    record.memory.content += fmt::format("\n{} {} {}", from, kind, to);
    if (from != to) {
        record.ties.push_back({to, "related", 0.5});
    }
}

void take_line_of_graph(std::string_view text, std::size_t line, Graph& graph) {
    const Result<Json> object = json::parse(text);
    if (!object || !object->is_object()) {
        graph.records.push_back(refused(line, object ? "is no object" : object.error().message));
        return;
    }
    const std::string kind = text_in(*object, "type");
    if (kind == "entity") {
        take_entity(*object, line, graph);
    } else if (kind == "relation") {
        graph.relations.emplace_back(line, *object);  // its entities may come later
    } else {
        graph.records.push_back(
            refused(line, fmt::format("type is '{}', neither entity nor relation", kind.substr(0, 40))));
    }
}

void take_mem0_relation(const Json& relation, std::size_t line, std::vector<Record>& records) {
    const std::string target = text_in(relation, "target").empty() ? text_in(relation, "destination")
                                                                   : text_in(relation, "target");
    const std::string text =
        fmt::format("{} {} {}", text_in(relation, "source"), text_in(relation, "relationship"), target);
    Record record;
    record.line = line;
    record.memory.content = text;
    record.memory.type = "fact";
    add_tag(record.memory, "relation");
    record.refusal = target.empty() || text_in(relation, "source").empty()
                         ? "the relation has no source or no target"
                         : refusal_of(record.memory);
    records.push_back(std::move(record));
}

Record mem0_record(const Json& object, std::size_t line) {
    if (!object.is_object()) {
        return refused(line, "is no object");
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
            add_tag(memory, fmt::format("{}:{}", std::string(name).substr(0, std::string_view(name).find('_')), who));
        }
    }
    const Json metadata = object.value("metadata", Json());
    if (metadata.is_object()) {
        for (const auto& [name, value] : metadata.items()) {
            add_tag(memory, value.is_string() ? fmt::format("{}:{}", name, value.get<std::string>())
                                              : fmt::format("{}:{}", name, value.dump()));
        }
    }
    const Json categories = object.value("categories", Json());
    for (const Json& category : categories.is_array() ? categories : Json::array()) {
        add_tag(memory, category.is_string() ? category.get<std::string>() : "");
    }
    memory.source = "mem0";
    if (const std::string created = text_in(object, "created_at"); !created.empty()) {
        if (const auto at = parse_time(created, Nanos{0})) {
            memory.created_ns = *at;
        }
    }
    record.refusal = refusal_of(memory);
    return record;
}

}  // namespace

Result<std::vector<Record>> server_memory_records(std::string_view text) {
    Graph graph;
    for (std::size_t line = 1; !text.empty(); ++line) {
        const std::string_view one = take_line(text);
        if (one.find_first_not_of(" \t") != std::string_view::npos) {
            take_line_of_graph(one, line, graph);
        }
        if (graph.records.size() > kRecordsMax) {
            return too_many_records();
        }
    }
    for (const auto& [line, relation] : graph.relations) {
        take_relation(line, relation, graph);
    }
    for (Record& record : graph.records) {
        if (record.refusal.empty()) {
            record.memory.source = "server-memory";
            record.refusal = refusal_of(record.memory);
        }
    }
    return std::move(graph.records);
}

Result<std::vector<Record>> mem0_records(std::string_view text) {
    std::vector<Record> records;
    const Result<Json> whole = json::parse(text);
    if (!whole) {  // a line each
        for (std::size_t line = 1; !text.empty(); ++line) {
            const std::string_view one = take_line(text);
            if (one.find_first_not_of(" \t") == std::string_view::npos) {
                continue;
            }
            const Result<Json> object = json::parse(one);
            records.push_back(object ? mem0_record(*object, line)
                                     : refused(line, object.error().message));
        }
        return records;
    }
    Json list = *whole;
    Json relations = Json::array();
    if (whole->is_object()) {
        relations = whole->value("relations", Json::array());
        list = whole->contains("results")    ? (*whole)["results"]
               : whole->contains("memories") ? (*whole)["memories"]
                                             : Json::array({*whole});
    }
    if (!list.is_array() || list.size() > kRecordsMax) {
        return fail(Code::InvalidArgument,
                    "memory.import: mem0 must be what get_all() gives, as JSON: {\"results\": [...]}");
    }
    for (const Json& object : list) {
        records.push_back(mem0_record(object, records.size() + 1));
    }
    for (const Json& relation : relations.is_array() ? relations : Json::array()) {
        take_mem0_relation(relation, records.size() + 1, records);
    }
    return records;
}

}  // namespace resonant::tools
