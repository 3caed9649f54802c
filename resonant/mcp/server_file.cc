#include "resonant/mcp/server_file.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "resonant/net/http_client.h"

namespace resonant::mcp {
namespace {

std::string text_in(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Status take_words(const Json& object, const char* key, std::vector<std::string>& words) {
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
        words.push_back(one.get<std::string>());
    }
    return {};
}

Status take_pairs(const Json& object, const char* key, std::map<std::string, std::string>& pairs) {
    const auto found = object.find(key);
    if (found == object.end() || found->is_null()) {
        return {};
    }
    if (!found->is_object()) {
        return fail(Code::InvalidArgument, fmt::format("{} is no object", key));
    }
    for (const auto& [name, value] : found->items()) {
        pairs[name] = value.is_string() ? value.get<std::string>() : json::dump(value);
    }
    return {};
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

Status check(const call::UpstreamSpec& spec) {
    if (spec.name.empty() || spec.name != server_name(spec.name)) {
        return wrong(spec, fmt::format("a name is 1 to {} characters of A-Z a-z 0-9 _ -, without __", kServerNameMax));
    }
    if (spec.command.empty() == spec.url.empty()) {
        return wrong(spec, "give either command (starts a process) or url (connects)");
    }
    if (!spec.url.empty() && spec.url.find("${") == std::string::npos) {  // else it is checked when it is filled in
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
    if (spec.command.empty() && !spec.env_file.empty()) {
        return wrong(spec, "env_file is for a command, which has an environment");
    }
    for (const std::string& word : spec.command) {
        if (word.find('\0') != std::string::npos) {
            return wrong(spec, "the command holds a zero byte");
        }
    }
    if (spec.timeout_s < kServerTimeoutLeast_s || spec.timeout_s > kServerTimeoutMost_s) {
        return wrong(spec, fmt::format("timeout_s is {}; it lies between {} and {}", spec.timeout_s, kServerTimeoutLeast_s,
                                       kServerTimeoutMost_s));
    }
    if (spec.start_timeout_s < kServerTimeoutLeast_s || spec.start_timeout_s > kServerTimeoutMost_s) {
        return wrong(spec, fmt::format("start_timeout_s is {}; it lies between {} and {}", spec.start_timeout_s, kServerTimeoutLeast_s,
                                       kServerTimeoutMost_s));
    }
    if (!spec.era.empty() && spec.era != "modern" && spec.era != "legacy") {
        return wrong(spec, fmt::format("era is '{}'; it is modern or legacy, or left out", spec.era.substr(0, 20)));
    }
    return {};
}

bool lets_through(const call::UpstreamSpec& spec, const std::string& tool) {
    const auto holds = [&tool](const std::vector<std::string>& list) { return std::find(list.begin(), list.end(), tool) != list.end(); };
    return (spec.tools_allowed.empty() || holds(spec.tools_allowed)) && !holds(spec.tools_denied);
}

Result<call::UpstreamSpec> spec_of(const Json& arguments) {
    if (!arguments.is_object()) {
        return fail(Code::InvalidArgument, "a server is written as an object: {\"name\": ..., \"command\": [...]}");
    }
    call::UpstreamSpec spec;
    spec.name = text_in(arguments, "name");
    spec.url = text_in(arguments, "url");
    spec.folder = text_in(arguments, "cwd");
    spec.family = text_in(arguments, "gana");
    spec.era = text_in(arguments, "era");
    RESONANT_CHECK(take_words(arguments, "command", spec.command));
    RESONANT_CHECK(take_pairs(arguments, "env", spec.environment));
    RESONANT_CHECK(take_pairs(arguments, "headers", spec.headers));
    RESONANT_CHECK(take_pairs(arguments, "oauth", spec.oauth));
    if (const auto timeout = arguments.find("timeout_s"); timeout != arguments.end() && timeout->is_number()) {
        spec.timeout_s = timeout->get<double>();
    }
    if (const auto timeout = arguments.find("start_timeout_s"); timeout != arguments.end() && timeout->is_number()) {
        spec.start_timeout_s = timeout->get<double>();
    }
    spec.reads_only = arguments.value("reads_only", Json(false)) == Json(true);
    spec.disabled = arguments.value("disabled", Json(false)) == Json(true);
    spec.env_file = text_in(arguments, "env_file");
    RESONANT_CHECK(take_words(arguments, "tools_allowed", spec.tools_allowed));
    RESONANT_CHECK(take_words(arguments, "tools_denied", spec.tools_denied));
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
    put("tools_allowed", spec.tools_allowed);
    put("tools_denied", spec.tools_denied);
    put("env_file", spec.env_file);
    if (spec.reads_only) {
        made["reads_only"] = true;
    }
    if (spec.disabled) {
        made["disabled"] = true;
    }
    return made;
}

}  // namespace resonant::mcp
