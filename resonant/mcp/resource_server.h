// A ResourceServer judges access tokens that an OAuth 2.1 authorisation server signed (JWT, RFC 9068), and
// tells clients where to get one (RFC 9728). It never sees a password and passes no token on.
//
// Threads: the loop's; the keys are fetched on a thread of its own.
//
// Invariants:
//   (1) A token is accepted only if it is signed by a key of the configured set with the algorithm of that
//       key, names our issuer and our resource as audience, and is in its time (leeway_s either way).
//   (2) No token makes an owner.
//   (3) Keys that are not known cause one look for new ones in kKeysAgain at most.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "resonant/base/clock.h"
#include "resonant/call/contract.h"
#include "resonant/mcp/key_set.h"

namespace resonant::mcp {

inline constexpr Nanos kKeysAgain = from_seconds(10);
inline constexpr Nanos kKeysLife = from_seconds(600);  // then they are looked at again anyway
inline constexpr std::size_t kTokenBytesMax = 8 * 1024;
inline constexpr std::size_t kTokensKept = 1024;

struct ResourceServerOptions {
    std::string issuer;    // as in `iss`; also named to clients
    std::string resource;  // our own URL, "https://swarm.example/mcp": the audience
    std::string keys;      // file, or http(s) URL, of the key set
    std::string scope;     // that a token must have; empty: none
    std::int64_t leeway_s = 60;
};

// Who a token speaks for.
struct Bearer {
    std::string principal;  // "oauth:" and the subject
    call::Role role = call::Role::Agent;
};

class ResourceServer {
  public:
    // Reads the keys once; InvalidArgument or Unavailable when that fails.
    static Result<std::unique_ptr<ResourceServer>> create(ResourceServerOptions options, Clock& clock);
    ResourceServer(const ResourceServer&) = delete;
    ResourceServer& operator=(const ResourceServer&) = delete;
    ~ResourceServer();

    // InvalidArgument says what is wrong with the token (never the token itself); PermissionDenied: it lacks
    // the scope; Unavailable: its key is not known yet and is being looked for.
    Result<Bearer> judge(std::string_view token);
    const std::string& resource() const { return options_.resource; }
    // The document at /.well-known/oauth-protected-resource, and that path with the resource's own.
    std::string metadata() const;
    bool is_metadata_path(std::string_view path) const;
    // The WWW-Authenticate header of a refusal; an empty `error` when no token came.
    std::string challenge(std::string_view error, std::string_view words) const;

  private:
    struct Known {
        Bearer bearer;
        std::int64_t until_s = 0;
    };

    ResourceServer(ResourceServerOptions options, Clock& clock) : options_(std::move(options)), clock_(clock) {}
    static Result<KeySet> load(const std::string& keys);
    Result<Bearer> check(std::string_view token, std::int64_t& until_s);
    Status check_claims(const Json& claims, std::int64_t& until_s) const;
    Result<Bearer> bearer_of(const Json& claims) const;
    void look_for_keys();

    const ResourceServerOptions options_;
    Clock& clock_;
    std::mutex mutex_;
    std::shared_ptr<const KeySet> keys_;  // under mutex_
    std::atomic<bool> looking_{false};
    Nanos looked_at_{};
    std::thread looker_;
    std::unordered_map<std::string, Known> known_;  // by SHA-256 of the token
};

}  // namespace resonant::mcp
