#include "resonant/tools/tool_document.h"

#include <algorithm>

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

}  // namespace

ToolDocument document_of(const Json& listed) {
    ToolDocument document;
    if (!listed.is_object()) {
        return document;
    }
    const auto function = listed.find("function");
    const Json& tool = function != listed.end() && function->is_object() ? *function : listed;
    document.name = text_at(tool, "name");
    document.server = text_at(listed, "server");
    document.title = text_at(tool, "title");
    document.description = text_at(tool, "description");
    for (const char* key : {"inputSchema", "input_schema", "parameters"}) {
        const auto schema = tool.find(key);
        if (schema != tool.end() && schema->is_object()) {
            document.input_schema = *schema;
            break;
        }
    }
    return document;
}

std::string_view own_name(const ToolDocument& document) {
    const std::string_view name = document.name;
    const std::size_t mark = document.server.empty() ? std::string_view::npos : name.find("__");
    return mark == std::string_view::npos ? name : name.substr(mark + 2);
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

Json suggestion_of(const ToolDocument& document, double score) {
    Json suggestion = {
        {"tool", document.name},
        {"score", rounded(score, 2)},
        {"summary", first_sentence(document.description, kSummaryMax)},
        {"example",
         {{"tool", document.name},
          {"args", document.example.is_null() ? example_for(document.input_schema)
                                              : document.example}}}};
    if (!document.available) {
        suggestion["available"] = false;
    }
    return suggestion;
}

}  // namespace resonant::tools
