// Consents are a person's words "yes, this, until then": requests wait for an answer, grants cover a
// scope and always expire, a revocation holds at once.
//
// Threads: any, at once. They live in table `consents`.
//
// A scope reads (docs/formats/policy.md):
//     sandbox.run              any call of the tool, up to dangerous
//     sandbox.run:rm *         only command lines that match the pattern (* any text, ? one character)
//     memory.*                 any tool of that name space
//     class:dangerous          any command of that class or below, whatever the tool
// "*" alone is no scope, and nothing covers a forbidden command.
//
// Invariants:
//   (1) Every grant expires: at most kConsentTtlMax from now.
//   (2) A grant to a principal covers that principal only; "*" covers everybody.
//   (3) A request is answered at most once.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/base/random.h"
#include "resonant/base/result.h"
#include "resonant/sql/database.h"

namespace resonant::society {

inline constexpr Nanos kConsentTtlMax = from_seconds(30.0 * 24 * 3600);
inline constexpr std::size_t kConsentsWaitingMax = 64;  // of one principal

struct Consent {
    std::string id;         // "consent-" and 16 hexadecimal digits
    std::string scope;      // what was asked for or granted
    std::string principal;  // who may use it, or "*"
    std::string reason;
    std::string state;      // waiting, granted, refused, revoked, expired
    std::string answered_by;
    Nanos requested_at{};
    Nanos expires_at{};     // of the request while it waits, of the grant afterwards
};

class Consents {
  public:
    static Result<std::unique_ptr<Consents>> open(sql::Database& database, Clock& clock, Random& random);
    Consents(const Consents&) = delete;
    Consents& operator=(const Consents&) = delete;

    // Asks; the request waits for `ttl` and the grant, if any, would last as long unless the owner says
    // otherwise. InvalidArgument for a bad scope, ResourceExhausted with too many waiting.
    Result<Consent> request(const std::string& principal, const std::string& scope,
                            const std::string& reason, Nanos ttl);
    struct Grant {
        std::string scope;       // empty: as requested
        std::string to;          // empty: who requested
        Nanos ttl{};
        std::string request_id;  // the request it answers; empty: a grant of its own
        std::string by;
    };
    // InvalidArgument, NotFound for an unknown request, Conflict when it is answered already.
    Result<Consent> grant(const Grant& grant);
    Result<Consent> refuse(const std::string& request_id, const std::string& by, const std::string& reason);
    // At once. NotFound, Conflict when it is not granted or waiting.
    Result<Consent> revoke(const std::string& consent_id, const std::string& by);

    Result<Consent> find(const std::string& consent_id) const;
    // The consent that covers this, if any. `command` is a command line or empty, `risk` its class or empty.
    Result<std::optional<std::string>> covers(std::string_view principal, std::string_view tool,
                                              std::string_view command, std::string_view risk) const;
    // Live grants and waiting requests; of all states with `all`, newest first.
    struct Listing {
        std::string principal;  // empty: everybody's
        bool all = false;
        std::size_t limit = 100;
    };
    Result<std::vector<Consent>> list(const Listing& listing) const;

    static std::vector<std::string> tables() { return {"consents"}; }

  private:
    Consents(sql::Database& database, Clock& clock, Random& random)
        : database_(database), clock_(clock), random_(random) {}

    sql::Database& database_;
    Clock& clock_;
    Random& random_;
};

// Ok when the text is a scope.
Status check_scope(std::string_view scope);
// Whether a scope covers the call described.
bool scope_covers(std::string_view scope, std::string_view tool, std::string_view command,
                  std::string_view risk);

}  // namespace resonant::society
