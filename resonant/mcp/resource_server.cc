#include "resonant/mcp/resource_server.h"

#include <fmt/core.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>

#include "resonant/base/log.h"
#include "resonant/net/fetch.h"

namespace resonant::mcp {

namespace {

constexpr std::string_view kMetadataPath = "/.well-known/oauth-protected-resource";

std::string text_member(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Seconds since the epoch of a claim; nothing when it is absent or no number.
std::optional<std::int64_t> time_member(const Json& claims, const char* name) {
    const auto found = claims.find(name);
    if (found == claims.end() || !found->is_number()) {
        return std::nullopt;
    }
    const double seconds = found->get<double>();
    return std::abs(seconds) < 1e15 ? std::optional(static_cast<std::int64_t>(seconds)) : std::nullopt;
}

// A string, or a list that holds it.
bool names(const Json& claims, const char* name, const std::string& wanted) {
    const auto found = claims.find(name);
    if (found == claims.end()) {
        return false;
    }
    return *found == wanted || (found->is_array() && std::find(found->begin(), found->end(), wanted) != found->end());
}

bool has_scope(std::string_view scopes, std::string_view wanted) {
    while (!scopes.empty()) {
        const std::size_t end = std::min(scopes.find(' '), scopes.size());
        if (scopes.substr(0, end) == wanted) {
            return true;
        }
        scopes.remove_prefix(std::min(end + 1, scopes.size()));
    }
    return false;
}

std::string digest_of(std::string_view text) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::unexpected<Error> wrong(std::string_view words) {
    return fail(Code::InvalidArgument, fmt::format("access token: {}", words));
}

// What the parts of "header.claims.signature" hold.
Result<Json> part(std::string_view text, std::string_view name) {
    const auto bytes = unbase64url(text);
    Result<Json> value = bytes ? json::parse(*bytes) : Result<Json>(wrong("a part is no base64url"));
    if (!value || !value->is_object()) {
        return wrong(fmt::format("its {} cannot be read", name));
    }
    return value;
}

}  // namespace

Result<KeySet> ResourceServer::load(const std::string& keys) {
    if (keys.starts_with("http://") || keys.starts_with("https://")) {
        RESONANT_ASSIGN(const std::string text, net::fetch(keys));
        return KeySet::parse(text);
    }
    std::ifstream file(keys, std::ios::binary);
    if (!file) {
        return fail(Code::Unavailable, fmt::format("oauth: the key set {} cannot be read", keys));
    }
    std::string text(kKeySetBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return KeySet::parse(text);
}

Result<std::unique_ptr<ResourceServer>> ResourceServer::create(ResourceServerOptions options, Clock& clock) {
    if (options.issuer.empty() || options.resource.empty() || options.keys.empty()) {
        return fail(Code::InvalidArgument, "oauth: issuer, resource and keys are all needed");
    }
    auto server = std::unique_ptr<ResourceServer>(new ResourceServer(std::move(options), clock));
    RESONANT_ASSIGN(KeySet keys, load(server->options_.keys));
    server->keys_ = std::make_shared<const KeySet>(std::move(keys));
    server->looked_at_ = clock.monotonic();
    return server;
}

ResourceServer::~ResourceServer() {
    if (looker_.joinable()) {
        looker_.join();
    }
}

// On a thread of its own, for it may take seconds; the old keys hold until there are new ones.
void ResourceServer::look_for_keys() {
    const Nanos now = clock_.monotonic();
    if ((now - looked_at_).count < kKeysAgain.count || looking_.exchange(true)) {
        return;
    }
    looked_at_ = now;
    if (looker_.joinable()) {
        looker_.join();
    }
    looker_ = std::thread([this] {
        Result<KeySet> found = load(options_.keys);
        if (found) {
            const std::lock_guard lock(mutex_);
            keys_ = std::make_shared<const KeySet>(std::move(*found));
        } else {
            log().warn("{}; going on with the keys from before", found.error().message);
        }
        looking_ = false;
    });
}

Result<Bearer> ResourceServer::judge(std::string_view token) {
    if (token.size() > kTokenBytesMax) {
        return wrong(fmt::format("it has {} bytes, at most {}", token.size(), kTokenBytesMax));
    }
    if ((clock_.monotonic() - looked_at_).count > kKeysLife.count) {
        known_.clear();  // a key that was withdrawn shall not go on in the memory of its tokens
        look_for_keys();
    }
    const std::int64_t now = clock_.wall().count / 1'000'000'000;
    const std::string digest = digest_of(token);
    const auto known = known_.find(digest);
    if (known != known_.end() && now < known->second.until_s) {
        return known->second.bearer;
    }
    std::int64_t until_s = 0;
    RESONANT_ASSIGN(Bearer bearer, check(token, until_s));
    if (known_.size() >= kTokensKept) {
        known_.clear();
    }
    known_[digest] = {bearer, until_s};
    return bearer;
}

Result<Bearer> ResourceServer::check(std::string_view token, std::int64_t& until_s) {
    const std::size_t first = token.find('.');
    const std::size_t last = token.rfind('.');
    if (first == std::string_view::npos || first == last || token.find('.', first + 1) != last) {
        return wrong("it is no JWT of three parts");
    }
    RESONANT_ASSIGN(const Json header, part(token.substr(0, first), "header"));
    RESONANT_ASSIGN(const Json claims, part(token.substr(first + 1, last - first - 1), "claims"));
    if (header.contains("crit")) {
        return wrong("it marks something as critical that is not known here");
    }
    const auto signature = unbase64url(token.substr(last + 1));
    std::shared_ptr<const KeySet> keys;
    {
        const std::lock_guard lock(mutex_);
        keys = keys_;
    }
    const Result<bool> genuine = keys->verify(text_member(header, "kid"), text_member(header, "alg"),
                                              token.substr(0, last), signature.value_or(""));
    if (!genuine && genuine.error().code == Code::NotFound) {
        look_for_keys();
        return fail(Code::Unavailable, "access token: its key is not known; keys are being looked for, try again");
    }
    if (!genuine || !*genuine) {
        return wrong("its signature is wrong");
    }
    RESONANT_CHECK(check_claims(claims, until_s));
    return bearer_of(claims);
}

Status ResourceServer::check_claims(const Json& claims, std::int64_t& until_s) const {
    if (text_member(claims, "iss") != options_.issuer) {
        return wrong("it is by another issuer");
    }
    if (!names(claims, "aud", options_.resource)) {
        return wrong(fmt::format("it is for another audience than {}", options_.resource));
    }
    const std::int64_t now = clock_.wall().count / 1'000'000'000;
    const auto expires = time_member(claims, "exp");
    if (!expires || now >= *expires + options_.leeway_s) {
        return wrong(expires ? "it has expired" : "it never expires; exp is needed");
    }
    const auto begins = time_member(claims, "nbf");
    if (claims.contains("nbf") && (!begins || now < *begins - options_.leeway_s)) {
        return wrong("it is not valid yet");
    }
    until_s = *expires + options_.leeway_s;
    return {};
}

Result<Bearer> ResourceServer::bearer_of(const Json& claims) const {
    const std::string subject = text_member(claims, "sub");
    if (subject.empty() || subject.size() > 200) {
        return wrong("it names no subject");
    }
    const std::string scopes = text_member(claims, "scope");
    if (!options_.scope.empty() && !has_scope(scopes, options_.scope)) {
        return fail(Code::PermissionDenied, fmt::format("access token: the scope {} is missing", options_.scope));
    }
    Bearer bearer{"oauth:" + subject, call::Role::Agent};
    if (has_scope(scopes, "resonant:coordinate")) {
        bearer.role = call::Role::Coordinator;
    } else if (has_scope(scopes, "resonant:observe")) {
        bearer.role = call::Role::Observer;
    }
    return bearer;
}

std::string ResourceServer::metadata() const {
    Json document = {{"resource", options_.resource},
                     {"authorization_servers", Json::array({options_.issuer})},
                     {"bearer_methods_supported", Json::array({"header"})},
                     {"resource_name", "Resonant Swarm"}};
    if (!options_.scope.empty()) {
        document["scopes_supported"] = Json::array({options_.scope});
    }
    return json::dump(document);
}

bool ResourceServer::is_metadata_path(std::string_view path) const {
    if (!path.starts_with(kMetadataPath)) {
        return false;
    }
    const std::string_view rest = path.substr(kMetadataPath.size());
    return rest.empty() || rest == "/mcp";
}

std::string ResourceServer::challenge(std::string_view error, std::string_view words) const {
    const std::size_t scheme = options_.resource.find("://");
    const std::size_t end = scheme == std::string::npos ? std::string::npos : options_.resource.find('/', scheme + 3);
    std::string text = fmt::format(R"(Bearer realm="resonant", resource_metadata="{}{}")",
                                   options_.resource.substr(0, end), kMetadataPath);
    if (!options_.scope.empty()) {
        text += fmt::format(R"(, scope="{}")", options_.scope);
    }
    if (!error.empty()) {
        text += fmt::format(R"(, error="{}", error_description="{}")", error, words);
    }
    return text;
}

}  // namespace resonant::mcp
