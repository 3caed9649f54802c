#include "resonant/mcp/server_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "resonant/net/http_client.h"

namespace resonant::mcp {
namespace {

constexpr double kTimeoutMost = 3'600;
constexpr std::size_t kTextMax = 1'000'000;

std::string text_in(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Without the commas before a closing bracket, which JSON forbids and editors allow. Comments are the parser's.
std::string without_last_commas(std::string_view text) {
    std::string out;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string && c == '\\') {
            out += c;
            if (++i < text.size()) {
                out += text[i];
            }
            continue;
        }
        in_string = c == '"' ? !in_string : in_string;
        if (!in_string && c == ',') {
            const std::size_t next = text.find_first_not_of(" \t\r\n", i + 1);
            if (next != std::string_view::npos && (text[next] == '}' || text[next] == ']')) {
                continue;
            }
        }
        out += c;
    }
    return out;
}

Result<std::string> filled(const std::string& text, const Variable& variable) {
    std::string out;
    std::size_t at = 0;
    while (true) {
        const std::size_t begin = text.find("${", at);
        out += text.substr(at, begin == std::string::npos ? std::string::npos : begin - at);
        if (begin == std::string::npos) {
            return out;
        }
        const std::size_t end = text.find('}', begin);
        if (end == std::string::npos) {
            return out + text.substr(begin);
        }
        std::string name = text.substr(begin + 2, end - begin - 2);
        std::optional<std::string> otherwise;
        if (const std::size_t dash = name.find(":-"); dash != std::string::npos) {
            otherwise = name.substr(dash + 2);
            name.resize(dash);
        }
        if (name.starts_with("env:")) {
            name.erase(0, 4);
        }
        std::optional<std::string> value = variable(name);
        if ((!value || value->empty()) && otherwise) {
            value = otherwise;
        }
        if (!value) {
            return fail(Code::NotFound, fmt::format("${{{}}} is not set; set it and import again", name));
        }
        out += *value;
        at = end + 1;
    }
}

Status take_words(const Json& object, const char* key, const Variable& variable, std::vector<std::string>& words) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) {
        return {};
    }
    if (!found->is_array()) {
        return fail(Code::InvalidArgument, fmt::format("{} is no list", key));
    }
    for (const Json& one : *found) {
        if (!one.is_string()) {
            return fail(Code::InvalidArgument, fmt::format("{} holds something that is no string", key));
        }
        RESONANT_ASSIGN(std::string word, filled(one.get<std::string>(), variable));
        words.push_back(std::move(word));
    }
    return {};
}

Status take_pairs(const Json& object, const char* key, const Variable& variable,
                  std::map<std::string, std::string>& pairs) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) {
        return {};
    }
    if (!found->is_object()) {
        return fail(Code::InvalidArgument, fmt::format("{} is no object", key));
    }
    for (const auto& [name, value] : found->items()) {
        RESONANT_ASSIGN(pairs[name], filled(value.is_string() ? value.get<std::string>() : json::dump(value), variable));
    }
    return {};
}

Result<call::UpstreamSpec> spec_in_file(const std::string& name, const Json& entry, const Variable& variable) {
    if (!entry.is_object()) {
        return fail(Code::InvalidArgument, "it is no object");
    }
    for (const char* off : {"disabled", "isDisabled"}) {
        if (entry.value(off, Json(false)) == Json(true)) {
            return fail(Code::Unavailable, "it is switched off");
        }
    }
    if (const std::string type = text_in(entry, "type"); type == "sse") {
        return fail(Code::Unimplemented, "the transport HTTP+SSE of 2024 is not spoken; give its Streamable HTTP url");
    }
    call::UpstreamSpec spec;
    spec.name = server_name(name);
    if (const auto command = entry.find("command"); command != entry.end() && command->is_string()) {
        RESONANT_ASSIGN(std::string word, filled(command->get<std::string>(), variable));
        spec.command.push_back(std::move(word));
        RESONANT_CHECK(take_words(entry, "args", variable, spec.command));
    } else if (command != entry.end()) {
        RESONANT_CHECK(take_words(entry, "command", variable, spec.command));
    }
    for (const char* key : {"url", "serverUrl", "httpUrl"}) {
        if (spec.url.empty()) {
            RESONANT_ASSIGN(spec.url, filled(text_in(entry, key), variable));
        }
    }
    RESONANT_ASSIGN(spec.folder, filled(text_in(entry, "cwd"), variable));
    RESONANT_CHECK(take_pairs(entry, "env", variable, spec.environment));
    RESONANT_CHECK(take_pairs(entry, "headers", variable, spec.headers));
    RESONANT_CHECK(take_pairs(entry, "oauth", variable, spec.oauth));
    RESONANT_CHECK(check(spec));
    return spec;
}

bool clean(const std::string& text) {
    return std::none_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; });
}

std::unexpected<Error> wrong(const call::UpstreamSpec& spec, const std::string& words) {
    return fail(Code::InvalidArgument, fmt::format("server {}: {}", spec.name.substr(0, 60), words));
}

}  // namespace

std::string server_name(std::string_view text) {
    std::string name;
    for (const char c : text.substr(0, kServerNameMax)) {
        const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-';
        if (plain || name.empty() || name.back() != '_') {
            name += plain ? c : '_';
        }
    }
    while (!name.empty() && name.back() == '_') {
        name.pop_back();
    }
    while (!name.empty() && name.front() == '_') {
        name.erase(0, 1);
    }
    return name;
}

Result<ServerFile> read_servers(std::string_view text, const Variable& variable) {
    if (text.size() > kTextMax) {
        return fail(Code::ResourceExhausted, fmt::format("the file has {} bytes, at most {} are read", text.size(), kTextMax));
    }
    const Json document = Json::parse(without_last_commas(text), nullptr, false, true);
    if (document.is_discarded() || !document.is_object()) {
        return fail(Code::InvalidArgument, "the file is no JSON object");
    }
    const Json* servers = nullptr;
    for (const char* key : {"mcpServers", "servers"}) {
        if (const auto found = document.find(key); found != document.end() && found->is_object() && servers == nullptr) {
            servers = &*found;
        }
    }
    if (const auto settings = document.find("mcp"); servers == nullptr && settings != document.end() && settings->is_object()) {
        if (const auto found = settings->find("servers"); found != settings->end() && found->is_object()) {
            servers = &*found;  // settings.json of VS Code
        }
    }
    if (servers == nullptr) {
        return fail(Code::InvalidArgument, "the file holds neither \"mcpServers\" nor \"servers\"");
    }
    ServerFile file;
    for (const auto& [name, entry] : servers->items()) {
        Result<call::UpstreamSpec> spec = spec_in_file(name, entry, variable);
        const auto same = [&](const call::UpstreamSpec& one) { return spec && one.name == spec->name; };
        if (!spec) {
            file.left_out.push_back(fmt::format("{}: {}", name.substr(0, 60), spec.error().message));
        } else if (std::any_of(file.servers.begin(), file.servers.end(), same)) {
            file.left_out.push_back(fmt::format("{}: another server of this file is named {} as well", name.substr(0, 60),
                                                spec->name));
        } else {
            file.servers.push_back(std::move(*spec));
        }
    }
    return file;
}

Status check(const call::UpstreamSpec& spec) {
    if (spec.name.empty() || spec.name != server_name(spec.name)) {
        return wrong(spec, fmt::format("a name is 1 to {} characters of A-Z a-z 0-9 _ -, without __", kServerNameMax));
    }
    if (spec.command.empty() == spec.url.empty()) {
        return wrong(spec, "give either command (starts a process) or url (connects)");
    }
    if (!spec.url.empty()) {
        RESONANT_CHECK(net::parse_url(spec.url));
    }
    for (const auto& [name, value] : spec.headers) {
        if (name.empty() || !clean(name) || !clean(value) || name.find(':') != std::string::npos) {
            return wrong(spec, fmt::format("header '{}' holds what no header may", name.substr(0, 60)));
        }
    }
    if (!spec.oauth.empty() && (spec.url.empty() || !spec.oauth.contains("client_id") || !spec.oauth.contains("client_secret"))) {
        return wrong(spec, "oauth is for a url, and needs client_id and client_secret; scope and token_url may be given");
    }
    for (const auto& [name, value] : spec.oauth) {
        if (name != "client_id" && name != "client_secret" && name != "scope" && name != "token_url") {
            return wrong(spec, fmt::format("oauth.{} is none of client_id, client_secret, scope, token_url", name.substr(0, 60)));
        }
    }
    for (const auto& [name, value] : spec.environment) {
        if (name.empty() || name.find('=') != std::string::npos || name.find('\0') != std::string::npos ||
            value.find('\0') != std::string::npos) {
            return wrong(spec, fmt::format("variable '{}' cannot be one", name.substr(0, 60)));
        }
    }
    for (const std::string& word : spec.command) {
        if (word.find('\0') != std::string::npos) {
            return wrong(spec, "the command holds a zero byte");
        }
    }
    if (spec.timeout_s < 0.1 || spec.timeout_s > kTimeoutMost) {
        return wrong(spec, fmt::format("timeout_s is {}; it lies between 0.1 and {}", spec.timeout_s, kTimeoutMost));
    }
    if (spec.start_timeout_s < 0.1 || spec.start_timeout_s > kTimeoutMost) {
        return wrong(spec, fmt::format("start_timeout_s is {}; it lies between 0.1 and {}", spec.start_timeout_s, kTimeoutMost));
    }
    if (!spec.era.empty() && spec.era != "modern" && spec.era != "legacy") {
        return wrong(spec, fmt::format("era is '{}'; it is modern or legacy, or left out", spec.era.substr(0, 20)));
    }
    return {};
}

Result<call::UpstreamSpec> spec_of(const Json& arguments) {
    const Variable as_it_is = [](const std::string& name) { return std::optional("${" + name + "}"); };
    call::UpstreamSpec spec;
    spec.name = text_in(arguments, "name");
    spec.url = text_in(arguments, "url");
    spec.folder = text_in(arguments, "cwd");
    spec.family = text_in(arguments, "gana");
    spec.era = text_in(arguments, "era");
    RESONANT_CHECK(take_words(arguments, "command", as_it_is, spec.command));
    RESONANT_CHECK(take_pairs(arguments, "env", as_it_is, spec.environment));
    RESONANT_CHECK(take_pairs(arguments, "headers", as_it_is, spec.headers));
    RESONANT_CHECK(take_pairs(arguments, "oauth", as_it_is, spec.oauth));
    if (const auto timeout = arguments.find("timeout_s"); timeout != arguments.end() && timeout->is_number()) {
        spec.timeout_s = timeout->get<double>();
    }
    if (const auto timeout = arguments.find("start_timeout_s"); timeout != arguments.end() && timeout->is_number()) {
        spec.start_timeout_s = timeout->get<double>();
    }
    spec.reads_only = arguments.value("reads_only", Json(false)) == Json(true);
    RESONANT_CHECK(check(spec));
    return spec;
}

Json json_of(const call::UpstreamSpec& spec) {
    Json made = {{"name", spec.name}};
    const auto put = [&](const char* key, const auto& value) {
        if (!value.empty()) {
            made[key] = value;
        }
    };
    put("command", spec.command);
    put("url", spec.url);
    put("cwd", spec.folder);
    put("env", spec.environment);
    put("headers", spec.headers);
    put("oauth", spec.oauth);
    put("gana", spec.family);
    put("era", spec.era);
    made["timeout_s"] = spec.timeout_s;
    made["start_timeout_s"] = spec.start_timeout_s;
    if (spec.reads_only) {
        made["reads_only"] = true;
    }
    return made;
}

}  // namespace resonant::mcp
