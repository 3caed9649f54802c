#include "resonant/tools/tool_listing.h"

#include <fmt/core.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "resonant/tools/tool_kinds.h"

namespace resonant::tools {
namespace {

constexpr int kNestingMax = 8;
constexpr const char* kLists[] = {"tools", "functions", "functionDeclarations", "function_declarations",
                                  "apis", "api_list"};
// In an object without a name only: a tool may have such members of its own.
constexpr const char* kEnvelopes[] = {"result", "data", "servers", "mcpServers"};

// The first of these members that is there.
const Json* member(const Json& object, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        if (const auto at = object.find(name); at != object.end()) {
            return &*at;
        }
    }
    return nullptr;
}

// The lists inside an object that is no tool itself.
std::vector<const Json*> lists_in(const Json& object) {
    std::vector<const Json*> found;
    const auto take = [&](const char* name) {
        if (const auto at = object.find(name); at != object.end() && at->is_structured()) {
            found.push_back(&*at);
        }
    };
    std::ranges::for_each(kLists, take);
    if (!object.contains("name")) {
        std::ranges::for_each(kEnvelopes, take);
    }
    return found;
}

class Reader {
  public:
    // `key`: the name under which `value` stands in a map; `server`: whose list this is.
    void read(const Json& value, const std::string& key, const std::string& server, int depth) {
        if (depth > kNestingMax || documents.size() > kListedMax) {
            return;
        }
        if (value.is_array()) {
            for (const Json& each : value) {
                read(each, {}, server, depth + 1);
            }
        } else if (value.is_string() && !key.empty()) {
            documents.push_back({.name = key, .server = server, .description = value.get<std::string>()});
        } else if (value.is_object()) {
            read_object(value, key, server, depth);
        }
    }

    std::vector<ToolDocument> documents;

  private:
    void read_object(const Json& object, const std::string& key, const std::string& server, int depth) {
        if (const std::vector<const Json*> lists = lists_in(object); !lists.empty()) {
            const Json* name = member(object, {"server_name", "server", "name"});
            const std::string inner = name != nullptr && name->is_string() ? name->get<std::string>()
                                      : key.empty()                        ? server
                                                                           : key;
            for (const Json* list : lists) {
                read(*list, {}, inner, depth + 1);
            }
            return;
        }
        ToolDocument document = document_of(object);
        const bool described = !document.description.empty() || !document.input_schema.empty();
        if (document.name.empty() && described && !key.empty()) {
            document.name = key;
        }
        if (document.name.empty()) {
            for (const auto& [name, inner] : object.items()) {
                read(inner, name, server, depth + 1);
            }
            return;
        }
        if (document.server.empty()) {
            document.server = server;
        }
        documents.push_back(std::move(document));
    }
};

// A tool a line. Empty lines are passed over.
Status read_lines(std::string_view text, Reader& reader) {
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
            continue;
        }
        const Json parsed = Json::parse(line, nullptr, false);
        if (parsed.is_discarded()) {
            return fail(Code::InvalidArgument,
                        fmt::format("line {} is no JSON; give a list of tools as tools/list has it, or one tool a line",
                                    number));
        }
        reader.read(parsed, {}, {}, 0);
    }
    return {};
}

}  // namespace

Result<std::vector<ToolDocument>> documents_of(std::string_view text) {
    Reader reader;
    if (const Json whole = Json::parse(text, nullptr, false); !whole.is_discarded()) {
        reader.read(whole, {}, {}, 0);
    } else {
        RESONANT_CHECK(read_lines(text, reader));
    }
    if (reader.documents.empty()) {
        return fail(Code::InvalidArgument,
                    "no tool is listed; give an array of tools with names, {\"tools\": [...]}, or one tool a line");
    }
    if (reader.documents.size() > kListedMax) {
        return fail(Code::ResourceExhausted, fmt::format("more than {} tools are listed; split the list", kListedMax));
    }
    for (ToolDocument& tool : reader.documents) {
        tool.kind_uses = uses_of_kinds(tool);
    }
    return std::move(reader.documents);
}

}  // namespace resonant::tools
