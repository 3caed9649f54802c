#include "resonant/mcp/definition.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "resonant/base/sha256.h"

namespace resonant::mcp {
namespace {

constexpr std::size_t kHashShown = 8;        // hexadecimal digits in a cut name
constexpr std::size_t kServerShown = 12;     // characters of a server in a cut name
constexpr std::size_t kSummaryBytes = 2'000;
constexpr std::size_t kLinesMax = 400;       // of a definition, compared line by line
constexpr std::size_t kFindingsMax = 16;

bool plain(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; }

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

// Words that a tool's description has no business with. Alarms, not locks: the lock is the owner's approval.
constexpr std::string_view kCommands[] = {
    "ignore previous", "ignore all previous", "ignore the above", "disregard previous", "<important>",
    "<system>", "system prompt", "do not tell the user", "don't tell the user", "do not mention",
    "without telling", "without informing", "never reveal", "before using any other tool",
    "instead of calling", "always call this tool first", "you must first read", "id_rsa", ".ssh/", "/etc/passwd",
    "mcp.json", "api key as", "sidenote"};
constexpr std::string_view kSecrets[] = {"-----begin", "akia", "ghp_", "xoxb-", "sk-ant-", "sk-proj-"};

void look(const Json& value, const std::string& path, const FindHidden& hidden, std::vector<std::string>& found) {
    if (found.size() >= kFindingsMax) {
        return;
    }
    if (value.is_string()) {
        const auto& text = value.get_ref<const std::string&>();
        if (const auto c = hidden ? hidden(text) : std::nullopt) {
            found.push_back(fmt::format("{} holds U+{:04X}, which cannot be seen", path,
                                        static_cast<std::uint32_t>(*c)));
        }
        const std::string small = lower(text);
        for (const std::string_view words : kCommands) {
            if (small.find(words) != std::string::npos) {
                found.push_back(fmt::format("{} says \"{}\": words for a model, not about a tool", path, words));
                break;
            }
        }
        for (const std::string_view words : kSecrets) {
            if (small.find(words) != std::string::npos) {
                found.push_back(fmt::format("{} holds what looks like a secret (\"{}...\")", path, words));
                break;
            }
        }
        return;
    }
    if (value.is_object()) {
        for (const auto& [key, one] : value.items()) {
            if (hidden && hidden(key)) {
                found.push_back(fmt::format("a name in {} holds characters that cannot be seen", path));
            }
            look(one, path.empty() ? key : path + "." + key, hidden, found);
        }
    } else if (value.is_array()) {
        for (const Json& one : value) {
            look(one, path, hidden, found);
        }
    }
}

constexpr int kMirrorDepthMax = 64;

bool is_token(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
    });
}

// `reached`: by `properties` alone, so that the argument's place is known.
Status find_mirrored(const Json& schema, const std::vector<std::string>& path, bool reached, int depth,
                     std::vector<MirroredArgument>& mirrored) {
    if (depth > kMirrorDepthMax) {
        return {};
    }
    if (schema.is_array()) {
        for (const Json& one : schema) {
            RESONANT_CHECK(find_mirrored(one, path, false, depth + 1, mirrored));
        }
        return {};
    }
    if (!schema.is_object()) {
        return {};
    }
    if (const auto header = schema.find("x-mcp-header"); header != schema.end()) {
        const Json type = schema.value("type", Json());
        const bool plain_type = type == "string" || type == "integer" || type == "boolean";
        const std::string name = header->is_string() ? header->get<std::string>() : "";
        if (!is_token(name) || !plain_type || !reached || path.empty()) {
            return fail(Code::InvalidArgument,
                        fmt::format("x-mcp-header of {} is not what the protocol allows: a token, on a string, an integer or "
                                    "a boolean that properties alone lead to",
                                    path.empty() ? "the whole" : path.back().substr(0, 80)));
        }
        mirrored.push_back({path, "Mcp-Param-" + name});
    }
    for (const auto& [word, value] : schema.items()) {
        if (word == "properties" && value.is_object()) {
            for (const auto& [name, property] : value.items()) {
                std::vector<std::string> place = path;
                place.push_back(name);
                RESONANT_CHECK(find_mirrored(property, place, reached, depth + 1, mirrored));
            }
        } else if (word != "default" && word != "examples" && word != "const" && word != "enum") {
            RESONANT_CHECK(find_mirrored(value, path, false, depth + 1, mirrored));
        }
    }
    return {};
}

constexpr int kNullableDepthMax = 32;

void allow_nullable(Json& schema, int depth) {
    if (depth > kNullableDepthMax || !schema.is_structured()) {
        return;
    }
    if (schema.is_object() && schema.value("nullable", Json(false)) == Json(true)) {
        if (schema.contains("type") && schema["type"].is_string()) {
            schema["type"] = Json::array({schema["type"], "null"});
        }
        if (schema.contains("enum") && schema["enum"].is_array()) {
            schema["enum"].push_back(nullptr);
        }
    }
    for (Json& inner : schema) {
        allow_nullable(inner, depth + 1);
    }
}

std::vector<std::string> lines_of(const Json& value) {
    std::vector<std::string> lines(1);
    for (const char c : value.dump(2)) {
        if (c == '\n') {
            lines.emplace_back();
        } else {
            lines.back() += c;
        }
    }
    if (lines.size() > kLinesMax) {
        lines.resize(kLinesMax);
    }
    return lines;
}

Json without_meta(Json definition) {
    if (definition.is_object()) {
        definition.erase("_meta");
    }
    return definition;
}

std::string text_in(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string upstream_name(std::string_view server, std::string_view tool) {
    const std::string full = fmt::format("{}__{}", server, tool);
    std::string safe = full;
    std::replace_if(safe.begin(), safe.end(), [](char c) { return !plain(c); }, '_');
    if (safe == full && full.size() <= call::kUpstreamNameMax) {
        return full;
    }
    const std::string hash = sha256_hex(fmt::format("{}\n{}", server, tool), kHashShown);
    const std::string head = fmt::format("{}_{}__", safe.substr(0, std::min(server.size(), kServerShown)), hash);
    const std::size_t room = call::kUpstreamNameMax - head.size();
    const std::string tail = safe.substr(server.size() + 2);
    return head + (tail.size() > room ? tail.substr(tail.size() - room) : tail);
}

std::string definition_hash(const Json& definition) { return sha256_hex(json::canonical(without_meta(definition))); }

std::vector<std::string> findings(const Json& definition, const FindHidden& hidden) {
    std::vector<std::string> found;
    look(definition, "", hidden, found);
    return found;
}

Result<std::vector<MirroredArgument>> mirrored_arguments(const Json& input_schema) {
    std::vector<MirroredArgument> mirrored;
    RESONANT_CHECK(find_mirrored(input_schema, {}, true, 0, mirrored));
    std::set<std::string> names;
    for (const MirroredArgument& one : mirrored) {
        if (!names.insert(lower(one.header)).second) {
            return fail(Code::InvalidArgument, fmt::format("two arguments are mirrored to the header {}", one.header));
        }
    }
    return mirrored;
}

Json checked_schema(Json input_schema) {
    allow_nullable(input_schema, 0);
    return input_schema;
}

Json shown_input(Json input_schema) {
    for (const char* word : {"anyOf", "oneOf", "allOf"}) {
        const Json parts = input_schema.value(word, Json::array());
        for (const Json& part : parts.is_array() ? parts : Json::array()) {
            const Json named = part.is_object() ? part.value("properties", Json::object()) : Json();
            for (auto at = named.begin(); named.is_object() && at != named.end(); ++at) {
                if (Json& known = input_schema["properties"]; !known.contains(at.key())) {
                    known[at.key()] = *at;  // so that what each of them may hold is still shown
                }
            }
        }
    }
    for (const char* word : {"anyOf", "oneOf", "allOf", "not", "enum", "if", "then", "else", "dependentSchemas"}) {
        input_schema.erase(word);
    }
    return input_schema;
}

Json shown_output(const Json& output_schema, bool modern) {
    const bool of_object = output_schema.is_object() && output_schema.value("type", Json()) == "object";
    if (!output_schema.is_object() || (!modern && !of_object)) {
        return Json();
    }
    // Definitions stay at the root, where references find them.
    Json shown = Json::object(), promised = Json::object();
    for (const auto& [word, value] : output_schema.items()) {
        const bool at_root = word == "$defs" || word == "definitions" || word == "$schema" || word == "$id";
        (at_root ? shown : promised)[word] = value;
    }
    if (json::dump(promised).find("\"#/properties") != std::string::npos) {
        return Json();  // it refers to a place that moved
    }
    if (of_object) {
        shown["type"] = "object";
    }
    shown["anyOf"] = {std::move(promised),
                      {{"type", "object"}, {"properties", {{call::kCutMember, {{"type", "object"}}}}}, {"required", {call::kCutMember}}}};
    return shown;
}

// The longest common subsequence of lines; both are short.
std::string difference(const Json& before, const Json& after) {
    const std::vector<std::string> a = lines_of(without_meta(before)), b = lines_of(without_meta(after));
    std::vector<std::vector<std::uint16_t>> common(a.size() + 1, std::vector<std::uint16_t>(b.size() + 1, 0));
    for (std::size_t i = a.size(); i-- > 0;) {
        for (std::size_t k = b.size(); k-- > 0;) {
            common[i][k] = a[i] == b[k] ? static_cast<std::uint16_t>(common[i + 1][k + 1] + 1)
                                        : std::max(common[i + 1][k], common[i][k + 1]);
        }
    }
    std::string text;
    for (std::size_t i = 0, k = 0; i < a.size() || k < b.size();) {
        if (i < a.size() && k < b.size() && a[i] == b[k]) {
            ++i;
            ++k;
        } else if (i < a.size() && (k == b.size() || common[i + 1][k] >= common[i][k + 1])) {
            text += "- " + a[i++] + "\n";
        } else {
            text += "+ " + b[k++] + "\n";
        }
    }
    return text;
}

call::Access access_of(const Json& definition) {
    const Json hints = definition.value("annotations", Json::object());
    const auto says = [&](const char* key, bool value) {
        return hints.is_object() && hints.value(key, Json()) == Json(value);
    };
    if (says("readOnlyHint", true)) {
        return call::Access::Read;
    }
    return says("destructiveHint", false) ? call::Access::Write : call::Access::Execute;
}

call::Contract contract_of(const std::string& name, const Json& definition, std::uint8_t family, std::uint16_t id,
                           bool reads_only) {
    call::Contract contract;
    contract.id = id;
    contract.family = family;
    contract.name = name;
    contract.summary = text_in(definition, "description").substr(0, kSummaryBytes);
    contract.access = reads_only ? call::Access::Read : access_of(definition);
    contract.role = contract.access == call::Access::Read ? call::Role::Observer : call::Role::Agent;
    contract.external = true;
    contract.available = true;
    contract.free_text = true;
    contract.input_schema = definition.value("inputSchema", Json::object());
    if (!contract.input_schema.is_object()) {
        contract.input_schema = Json::object();
    }
    contract.example = Json::object();
    const Json required = contract.input_schema.value("required", Json::array());
    const Json properties = contract.input_schema.value("properties", Json::object());
    for (const Json& argument : required.is_array() ? required : Json::array()) {
        if (argument.is_string() && properties.is_object()) {
            const Json property = properties.value(argument.get<std::string>(), Json::object());
            const Json type = property.is_object() ? property.value("type", Json()) : Json();
            contract.example[argument.get<std::string>()] = type == "number" || type == "integer" ? Json(1)
                                                            : type == "boolean"                  ? Json(true)
                                                            : type == "array"                    ? Json::array()
                                                            : type == "object"                   ? Json::object()
                                                                                                 : Json("...");
        }
    }
    return contract;
}

}  // namespace resonant::mcp
