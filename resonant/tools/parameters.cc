#include "resonant/tools/parameters.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>

namespace resonant::tools {
namespace {

constexpr int kLimitMax = 1'000;  // `limit` never asks for more rows than this

std::vector<std::string> split(std::string_view text, char mark) {
    std::vector<std::string> parts;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(mark), text.size());
        if (end > 0) {
            parts.emplace_back(text.substr(0, end));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return parts;
}

Json text_of(const char* format, const char* words) {
    Json schema = {{"type", "string"}, {"description", words}};
    if (format != nullptr) {
        schema["format"] = format;
    }
    return schema;
}

std::optional<Json> simple_schema(std::string_view type) {
    if (type == "string") return Json{{"type", "string"}};
    if (type == "int") return Json{{"type", "integer"}, {"minimum", 0}};
    if (type == "number") return Json{{"type", "number"}};
    if (type == "bool") return Json{{"type", "boolean"}};
    if (type == "object") return Json{{"type", "object"}};
    if (type == "id") return Json{{"type", "string"}, {"minLength", 1}, {"maxLength", 128}};
    if (type == "time")
        return text_of(nullptr,
                       "2026-05-01T12:00:00Z, 2026-05-01, or a span back from now: 90s 15m 2h 7d");
    if (type == "path") return text_of(nullptr, "path inside the allowed folders (state.paths)");
    if (type == "url") return text_of("uri", "http or https");
    if (type == "sequence") {
        return Json{{"type", "string"},
                    {"pattern", "^[0-9]+:[0-9]+$"},
                    {"description", "epoch:position, as event.tail returned it"}};
    }
    if (type == "0..1") return Json{{"type", "number"}, {"minimum", 0}, {"maximum", 1}};
    return std::nullopt;
}

// The fields of "object{a,b[]}": anything under known names.
Json fields_schema(std::string_view fields, bool first_required) {
    Json schema = {
        {"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
    for (std::string field : split(fields, ',')) {
        Json value = Json::object();
        if (field.ends_with("[]")) {
            field.resize(field.size() - 2);
            value = {{"type", "array"}, {"items", {{"type", "string"}}}};
        } else if (field == "arguments") {
            value = {{"type", "object"}};
        } else if (field == "id" || field == "tool" || field == "role" || field == "needs" ||
                   field == "content") {
            value = {{"type", "string"}};
        } else if (field == "value" || field == "cost" || field == "calls" || field == "seconds" ||
                   field == "writes") {
            value = {{"type", "number"}, {"minimum", 0}};
        }
        if (first_required && schema["properties"].empty()) {
            schema["required"] = Json::array({field});
        }
        schema["properties"][field] = std::move(value);
    }
    return schema;
}

Json schema_of(std::string_view type) {
    if (auto simple = simple_schema(type)) {
        return *simple;
    }
    if (type.find('|') != std::string_view::npos) {
        return {{"type", "string"}, {"enum", split(type, '|')}};
    }
    if (type.starts_with("number<=")) {
        return {{"type", "number"},
                {"minimum", 0},
                {"maximum", std::stoi(std::string(type.substr(8)))}};
    }
    if (type.starts_with("object[]{")) {
        return {{"type", "array"},
                {"items", fields_schema(type.substr(9, type.size() - 10), true)}};
    }
    if (type.starts_with("object{")) {
        return fields_schema(type.substr(7, type.size() - 8), false);
    }
    const std::size_t open = type.rfind('[');
    if (open == std::string_view::npos || type.back() != ']') {
        return Json();  // no type of ours
    }
    Json items = schema_of(type.substr(0, open));
    if (items.is_null()) {
        return Json();
    }
    Json schema = {{"type", "array"}, {"items", std::move(items)}};
    if (const std::string_view length = type.substr(open + 1, type.size() - open - 2);
        !length.empty()) {
        int count = 0;
        if (std::from_chars(length.data(), length.data() + length.size(), count).ec !=
            std::errc()) {
            return Json();
        }
        schema["minItems"] = count;
        schema["maxItems"] = count;
    }
    return schema;
}

Json schema_of(const Parameter& parameter) {
    Json schema = schema_of(parameter.type);
    if (parameter.name == "limit" && parameter.type == "int") {
        schema = {{"type", "integer"}, {"minimum", 1}, {"maximum", kLimitMax}};
    } else if (parameter.name == "priority" && parameter.type == "int") {
        schema = {{"type", "integer"}};
    }
    return schema;
}

// What a person would write there; names carry more meaning than types.
const std::map<std::string, Json, std::less<>>& usual_values() {
    static const std::map<std::string, Json, std::less<>> values = {
        {"id", "m42"},
        {"ids", {"m42", "m7"}},
        {"from_id", "m42"},
        {"to_id", "m7"},
        {"source_id", "m42"},
        {"session_id", "s7"},
        {"scratchpad_id", "n3"},
        {"handoff_id", "h2"},
        {"result_id", "r5"},
        {"consent_id", "k1"},
        {"reasoner_id", "q1"},
        {"task_id", "t9"},
        {"pipeline_id", "p4"},
        {"plan_id", "p4"},
        {"vote_id", "v2"},
        {"agent_id", "a1"},
        {"entry_id", "512"},
        {"name", "release work"},
        {"query", "share memory between two processes"},
        {"content", "Use shm_open and mmap to share memory between processes."},
        {"goal", "remember a decision and find it again"},
        {"field", "error_rate"},
        {"command", {"/bin/echo", "hello"}},
        {"tools", {"memory.add"}},
        {"tool", "memory.add"},
        {"action", "delete the build folder"},
        {"reason", "asked by the user"},
        {"scope", "sandbox.run"},
        {"to", "uid:1000"},
        {"type", "note"},
        {"format", "jsonl"},
        {"path", "notes.jsonl"},
        {"section", "findings"},
        {"profile", "default"},
        {"url", "https://example.org/"},
        {"agent", "uid:1000"},
        {"resource", "README.md"},
        {"kind", "review"},
        {"channel", "general"},
        {"token_budget", 800},
        {"engine", "horn"},
        {"token", 1},
        {"text", "Ada wrote the first program."},
    };
    return values;
}

bool fits(const Json& value, const Json& schema) {
    if (schema.contains("enum")) {
        const Json& choices = schema["enum"];
        return std::find(choices.begin(), choices.end(), value) != choices.end();
    }
    const std::string type = schema.value("type", "");
    return (type == "string" && value.is_string()) ||
           (type == "integer" && value.is_number_integer()) ||
           (type == "number" && value.is_number()) ||
           (type == "array" && value.is_array() && schema["items"].value("type", "") == "string");
}

Json value_for(const std::string& name, const Json& schema) {
    if (const auto usual = usual_values().find(name); usual != usual_values().end()) {
        if (fits(usual->second, schema)) {
            return usual->second;
        }
        if (usual->second.is_array() && schema.value("type", "") == "string") {
            return usual->second.size() == 2 ? "echo hello" : usual->second[0];
        }
    }
    if (schema.contains("enum")) {
        return schema["enum"][0];
    }
    const std::string type = schema.value("type", "string");
    if (type == "integer") return std::max(1, schema.value("minimum", 1));
    if (type == "number") return schema.contains("maximum") ? 0.5 : 60;
    if (type == "boolean") return true;
    if (type == "object") return Json::object();
    if (type != "array") return schema.contains("pattern") ? "1:0" : "text";
    Json array = Json::array();
    const int count = schema.value("minItems", 1);
    const Json& items = schema["items"];
    for (int i = 0; i < count; ++i) {
        if (!items.contains("properties")) {
            array.push_back(value_for(name, items));
            continue;
        }
        Json element = Json::object();
        for (const auto& [field, inner] : items["properties"].items()) {
            if (inner.value("type", "") != "array") {
                element[field] = inner.empty() ? Json("text") : value_for(field, inner);
            }
        }
        array.push_back(std::move(element));
    }
    return array;
}

constexpr int kForeignDepthMax = 4;

// A word of a schema that may be anything; null when it is not there.
const Json& word_of(const Json& schema, const char* word) {
    static const Json none;
    const auto at = schema.is_object() ? schema.find(word) : schema.end();
    return schema.is_object() && at != schema.end() ? *at : none;
}

Json foreign_value(const Json& schema, int depth) {
    for (const char* word : {"default", "const"}) {
        if (const Json& value = word_of(schema, word); !value.is_null()) {
            return value;
        }
    }
    for (const char* word : {"enum", "examples"}) {
        if (const Json& choices = word_of(schema, word); choices.is_array() && !choices.empty()) {
            return choices[0];
        }
    }
    const Json& types = word_of(schema, "type");
    const Json& type = types.is_array() && !types.empty() ? types[0] : types;
    const std::string kind = type.is_string() ? type.get<std::string>()
                             : word_of(schema, "properties").is_object() ? "object"
                                                                         : "string";
    if (kind == "integer" || kind == "number") {
        const Json& least = word_of(schema, "minimum");
        return least.is_number() ? least : Json(1);
    }
    if (kind == "boolean") return true;
    if (kind == "array") {
        return depth < kForeignDepthMax
                   ? Json::array({foreign_value(word_of(schema, "items"), depth + 1)})
                   : Json::array();
    }
    if (kind != "object") return "text";
    Json object = Json::object();
    for (const Json& name : word_of(schema, "required")) {
        if (name.is_string() && depth < kForeignDepthMax) {
            const std::string& key = name.get_ref<const std::string&>();
            object[key] = foreign_value(word_of(word_of(schema, "properties"), key.c_str()), depth + 1);
        }
    }
    return object;
}

}  // namespace

Result<std::vector<Parameter>> parse_parameters(std::string_view line) {
    std::vector<Parameter> parameters;
    for (const std::string& word : split(line, ' ')) {
        const std::size_t colon = word.find(':');
        if (colon == std::string::npos || colon == 0 || colon + 1 == word.size()) {
            return fail(Code::InvalidArgument, "parameters: '" + word + "' is not name:type");
        }
        Parameter parameter;
        parameter.required = word[colon - 1] == '*';
        parameter.name = word.substr(0, parameter.required ? colon - 1 : colon);
        parameter.type = word.substr(colon + 1);
        if (schema_of(parameter).is_null()) {
            return fail(Code::InvalidArgument,
                        "parameters: '" + word + "' has no known type; see parameters.h");
        }
        parameters.push_back(std::move(parameter));
    }
    return parameters;
}

Json input_schema(const std::vector<Parameter>& parameters) {
    Json schema = {
        {"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
    Json required = Json::array();
    for (const Parameter& parameter : parameters) {
        schema["properties"][parameter.name] = schema_of(parameter);
        if (parameter.required) {
            required.push_back(parameter.name);
        }
    }
    if (!required.empty()) {
        schema["required"] = std::move(required);
    }
    return schema;
}

Json example(const std::vector<Parameter>& parameters) {
    Json arguments = Json::object();
    for (const Parameter& parameter : parameters) {
        if (parameter.required) {
            arguments[parameter.name] = value_for(parameter.name, schema_of(parameter));
        }
    }
    if (arguments.empty() && !parameters.empty()) {
        const Parameter& first = parameters.front();
        arguments[first.name] = value_for(first.name, schema_of(first));
    }
    return arguments;
}

Json example_for(const Json& schema) {
    Json value = foreign_value(schema.is_object() ? schema : Json{{"type", "object"}}, 0);
    if (!value.is_object()) {
        return Json::object();
    }
    const Json fields = schema.is_object() ? schema.value("properties", Json::object()) : Json::object();
    if (value.empty() && fields.is_object() && !fields.empty()) {
        value[fields.begin().key()] = foreign_value(fields.begin().value(), 1);
    }
    return value;
}

}  // namespace resonant::tools
