#include "resonant/mcp/definition.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace resonant::mcp {
namespace {

constexpr std::size_t kHashShown = 8;        // hexadecimal digits in a cut name
constexpr std::size_t kServerShown = 12;     // characters of a server in a cut name
constexpr std::size_t kSummaryBytes = 2'000;
constexpr std::size_t kLinesMax = 400;       // of a definition, compared line by line
constexpr std::size_t kFindingsMax = 16;

std::string sha256(std::string_view text) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::string hex;
    for (const unsigned char byte : digest) {
        hex += fmt::format("{:02x}", byte);
    }
    return hex;
}

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

std::vector<std::string> lines_of(const Json& value) {
    std::vector<std::string> lines(1);
    for (const char c : value.dump(2, ' ', false, Json::error_handler_t::replace)) {
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
    const std::string hash = sha256(fmt::format("{}\n{}", server, tool)).substr(0, kHashShown);
    const std::string head = fmt::format("{}_{}__", safe.substr(0, std::min(server.size(), kServerShown)), hash);
    const std::size_t room = call::kUpstreamNameMax - head.size();
    const std::string tail = safe.substr(server.size() + 2);
    return head + (tail.size() > room ? tail.substr(tail.size() - room) : tail);
}

std::string definition_hash(const Json& definition) { return sha256(json::canonical(without_meta(definition))); }

std::vector<std::string> findings(const Json& definition, const FindHidden& hidden) {
    std::vector<std::string> found;
    look(definition, "", hidden, found);
    return found;
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
