#include "resonant/tools/tool_document.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "resonant/tools/answers.h"
#include "resonant/tools/parameters.h"

namespace resonant::tools {
namespace {

constexpr std::size_t kSummaryMax = 160;
constexpr std::size_t kWordsMax = 4'096;  // of parameters, for one tool
constexpr int kDepthMax = 4;              // of nested parameters

std::string text_at(const Json& object, const char* key) {
    const auto at = object.find(key);
    return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

void collect(const Json& schema, int depth, std::string& text) {
    if (!schema.is_object() || depth > kDepthMax || text.size() > kWordsMax) {
        return;
    }
    if (const auto choices = schema.find("enum"); choices != schema.end() && choices->is_array()) {
        for (const Json& choice : *choices) {
            text += choice.is_string() ? ' ' + choice.get<std::string>() : std::string();
        }
    }
    if (const auto fields = schema.find("properties"); fields != schema.end() && fields->is_object()) {
        for (const auto& [name, field] : fields->items()) {
            text += ' ' + name;
            if (field.is_object()) {
                text += ' ' + text_at(field, "description");
                collect(field, depth + 1, text);
            }
        }
    }
    if (const auto items = schema.find("items"); items != schema.end()) {
        collect(*items, depth + 1, text);
    }
}

std::string first_text(const Json& object, std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
        if (std::string text = text_at(object, key); !text.empty()) {
            return text;
        }
    }
    return {};
}

// Parameters as a list, [{name, type, description, required}], into a schema.
void add_parameters(const Json& list, bool required, Json& schema) {
    for (const Json& parameter : list) {
        const std::string name = parameter.is_object() ? text_at(parameter, "name") : std::string();
        if (name.empty()) {
            continue;
        }
        schema["properties"][name] = {{"description", text_at(parameter, "description")}};
        const auto must = parameter.find("required");
        if (required || (must != parameter.end() && *must == true)) {
            schema["required"].push_back(name);
        }
    }
}

// A schema, a list of parameters, or a map from their names to what is said of each.
Json schema_of(const Json& given) {
    Json schema = Json::object();
    if (given.is_array()) {
        add_parameters(given, false, schema);
    } else if (given.contains("properties") || given.contains("type") || given.contains("$ref")) {
        schema = given;
    } else {
        schema["properties"] = given;
    }
    return schema;
}

// Whether both are the same but for case and signs: "Google Maps" and "google-maps".
bool same_letters(std::string_view a, std::string_view b) {
    const auto letters = [](std::string_view text) {
        std::string kept;
        for (const char c : text) {
            if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
                kept += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            }
        }
        return kept;
    };
    return letters(a) == letters(b);
}

}  // namespace

ToolDocument document_of(const Json& listed) {
    ToolDocument document;
    if (!listed.is_object()) {
        return document;
    }
    const auto function = listed.find("function");
    const Json& tool = function != listed.end() && function->is_object() ? *function : listed;
    document.name = first_text(tool, {"name", "api_name", "tool_name", "function_name", "tool", "name_for_model"});
    document.server = first_text(listed, {"server", "server_name", "mcp_server"});
    if (document.server.empty() && tool.contains("api_name")) {
        document.server = first_text(tool, {"tool_name"});
    }
    document.title = first_text(tool, {"title", "name_for_human"});
    document.description = first_text(tool, {"description", "api_description", "tool_description",
                                             "description_for_model", "summary", "doc"});
    for (const char* key : {"inputSchema", "input_schema", "parameters", "arguments"}) {
        const auto schema = tool.find(key);
        if (schema != tool.end() && schema->is_structured() && !schema->empty()) {
            document.input_schema = schema_of(*schema);
            break;
        }
    }
    for (const char* key : {"required_parameters", "optional_parameters"}) {
        if (const auto list = tool.find(key); list != tool.end() && list->is_array()) {
            add_parameters(*list, std::string_view(key).starts_with("required"), document.input_schema);
        }
    }
    return document;
}

std::string_view own_name(const ToolDocument& document) {
    const std::string_view name = document.name;
    const std::size_t mark = document.server.empty() ? std::string_view::npos : name.find("__");
    return mark != std::string_view::npos && same_letters(name.substr(0, mark), document.server)
               ? name.substr(mark + 2)
               : name;
}

std::string parameter_words(const Json& schema) {
    std::string text;
    collect(schema, 0, text);
    text.resize(std::min(text.size(), kWordsMax));
    return text;
}

std::string first_sentence(std::string_view text, std::size_t bytes) {
    constexpr std::size_t kSentenceMin = 20;  // "E.g." ends none
    std::string line;
    for (const char c : text) {
        const bool space = c == ' ' || (c >= '\t' && c <= '\r');
        if (space && line.size() >= kSentenceMin && (line.back() == '.' || line.back() == '!')) {
            break;
        }
        if (!space) {
            line += c;
        } else if (!line.empty() && line.back() != ' ') {
            line += ' ';
        }
        if (line.size() > bytes + 4) {
            break;
        }
    }
    while (!line.empty() && line.back() == ' ') {
        line.pop_back();
    }
    return shortened(line, bytes);
}

Json suggestion_of(const ToolDocument& document, double score, std::string_view why) {
    Json suggestion = {
        {"tool", document.name},
        {"score", rounded(score, 2)},
        {"summary", first_sentence(document.description, kSummaryMax)},
        {"example",
         {{"tool", document.name},
          {"args", document.example.is_null() ? example_for(document.input_schema)
                                              : document.example}}}};
    if (!why.empty()) {
        suggestion["why"] = why;
    }
    if (!document.available) {
        suggestion["available"] = false;
    }
    return suggestion;
}

}  // namespace resonant::tools
