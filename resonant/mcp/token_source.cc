#include "resonant/mcp/token_source.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "resonant/base/base64.h"
#include "resonant/json/json.h"
#include "resonant/net/fetch.h"
#include "resonant/net/http_client.h"

namespace resonant::mcp {
namespace {

// "https://host:port" and "/path" of a URL, without query.
std::pair<std::string, std::string> split(const std::string& url) {
    const std::size_t host = url.find("://");
    const std::size_t slash = host == std::string::npos ? std::string::npos : url.find_first_of("/?#", host + 3);
    if (slash == std::string::npos) {
        return {url, ""};
    }
    const std::string path = url.substr(slash, url.find_first_of("?#", slash) - slash);
    return {url.substr(0, slash), path == "/" ? "" : path};
}

// What is secret goes over TLS, or stays on this machine.
bool is_safe(const std::string& url) {
    const auto parsed = net::parse_url(url);
    return parsed && (parsed->secure || parsed->host == "localhost" || parsed->host == "127.0.0.1" || parsed->host == "::1");
}

// RFC 3986's unreserved characters stay.
std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                           c == '_' || c == '~';
        out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

// A parameter of a challenge: name="value".
std::string parameter(const std::string& challenge, const std::string& name) {
    const std::size_t at = challenge.find(name + "=\"");
    if (at == std::string::npos) {
        return "";
    }
    const std::size_t from = at + name.size() + 2;
    return challenge.substr(from, challenge.find('"', from) - from);
}

std::string text_in(const Json& object, const char* key) {
    const auto found = object.is_object() ? object.find(key) : object.end();
    return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string without_slash(std::string url) {
    while (url.ends_with('/')) {
        url.pop_back();
    }
    return url;
}

// The first of these documents that is there.
Result<Json> first_of(const std::vector<std::string>& places) {
    Error last{Code::Unavailable, "no place to look"};
    for (const std::string& place : places) {
        const Result<std::string> text = net::fetch(place);
        Result<Json> document = text ? json::parse(*text) : Result<Json>(std::unexpected(text.error()));
        if (document && document->is_object()) {
            return document;
        }
        last = document ? Error{Code::Unavailable, place + " is no JSON object"} : document.error();
    }
    return std::unexpected(last);
}

}  // namespace

std::string TokenSource::setting(const char* name) const {
    const auto found = settings_.find(name);
    return found == settings_.end() ? "" : found->second;
}

// Where an authorisation server says that tokens are had.
Result<std::string> TokenSource::endpoint_of(const std::string& issuer) const {
    if (!is_safe(issuer)) {
        return fail(Code::PermissionDenied, fmt::format("oauth: {} is no https address", issuer.substr(0, 200)));
    }
    const auto [origin, path] = split(without_slash(issuer));
    std::vector<std::string> places = {origin + "/.well-known/oauth-authorization-server" + path,
                                       origin + "/.well-known/openid-configuration" + path};
    if (!path.empty()) {
        places.push_back(origin + path + "/.well-known/openid-configuration");
    }
    RESONANT_ASSIGN(const Json metadata, first_of(places));
    if (without_slash(text_in(metadata, "issuer")) != without_slash(issuer)) {
        return fail(Code::PermissionDenied, fmt::format("oauth: the authorisation server {} calls itself {}", issuer.substr(0, 200),
                                                        text_in(metadata, "issuer").substr(0, 200)));
    }
    return text_in(metadata, "token_endpoint");
}

Result<std::string> TokenSource::token_endpoint(const std::string& challenge, std::string& scope) const {
    if (!setting("token_url").empty()) {
        return setting("token_url");
    }
    const auto [origin, path] = split(url_);
    std::vector<std::string> places;
    const std::string named = parameter(challenge, "resource_metadata");
    if (!named.empty() && split(named).first == origin) {
        places.push_back(named);
    }
    places.push_back(origin + "/.well-known/oauth-protected-resource" + path);
    places.push_back(origin + "/.well-known/oauth-protected-resource");
    RESONANT_ASSIGN(const Json metadata, first_of(places));
    const std::string resource = without_slash(text_in(metadata, "resource"));
    if (resource.empty() || !(url_ == resource || url_.starts_with(resource + "/"))) {
        return fail(Code::PermissionDenied, fmt::format("oauth: the server says that it is {}, not {}", resource.substr(0, 200), url_));
    }
    const Json servers = metadata.value("authorization_servers", Json::array());
    if (!servers.is_array() || servers.empty() || !servers.front().is_string()) {
        return fail(Code::Unavailable, "oauth: the server names no authorisation server; set oauth.token_url");
    }
    if (const Json scopes = metadata.value("scopes_supported", Json::array()); scope.empty() && scopes.is_array()) {
        for (const Json& one : scopes) {
            scope += one.is_string() ? (scope.empty() ? "" : " ") + one.get<std::string>() : "";
        }
    }
    return endpoint_of(servers.front().get<std::string>());
}

Result<AccessToken> TokenSource::get(const std::string& challenge) const {
    std::string scope = setting("scope").empty() ? parameter(challenge, "scope") : setting("scope");
    RESONANT_ASSIGN(const std::string endpoint, token_endpoint(challenge, scope));
    if (!is_safe(endpoint)) {
        return fail(Code::PermissionDenied, fmt::format("oauth: the token endpoint '{}' is no https address", endpoint.substr(0, 200)));
    }
    const std::string login = base64(escaped(setting("client_id")) + ":" + escaped(setting("client_secret")));
    std::string form = "grant_type=client_credentials&resource=" + escaped(url_);
    if (!scope.empty()) {
        form += "&scope=" + escaped(scope);
    }
    RESONANT_ASSIGN(const net::Fetched answer, net::post_form(endpoint, form, "Basic " + login));
    const Result<Json> body = json::parse(answer.body);
    const std::string token = body ? text_in(*body, "access_token") : "";
    const bool usable = !token.empty() && std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7F; });
    if (answer.status != 200 || !usable) {
        const std::string why = body ? text_in(*body, "error") + " " + text_in(*body, "error_description") : "no JSON";
        return fail(Code::PermissionDenied, fmt::format("oauth: the authorisation server gave no token (status {}): {}",
                                                        answer.status, why.substr(0, 200)));
    }
    AccessToken made{token, Nanos{0}};
    if (const Json lives = body->value("expires_in", Json()); lives.is_number() && lives.get<double>() > 0) {
        made.lives = from_seconds(std::min(lives.get<double>(), 86'400.0));
    }
    return made;
}

}  // namespace resonant::mcp
