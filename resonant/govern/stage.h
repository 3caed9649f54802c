// A Stage judges a call: it passes or it says why not. Eight stages stand in a row (pipeline.h); the
// eighth, the ledger, is taken inside the transaction and therefore by the dispatcher (ledger.h).
//
// Threads: judge() is called from any thread at once; a stage guards its own state.
//
// Invariants:
//   (1) A stage looks at the call's contract, arguments and caller, and at live words. It never trusts
//       an argument about who is calling.
//   (2) With Look::Peek nothing changes: no word is taken, nothing is counted.
//   (3) A stage that cannot decide throws; the pipeline makes a denial of it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "resonant/base/result.h"
#include "resonant/call/call.h"

namespace resonant::govern {

inline constexpr std::string_view kSanitizer = "sanitizer";
inline constexpr std::string_view kCircuitBreaker = "circuit_breaker";
inline constexpr std::string_view kRateLimiter = "rate_limiter";
inline constexpr std::string_view kRoles = "roles";
inline constexpr std::string_view kMaturity = "maturity";
inline constexpr std::string_view kGovernor = "governor";
inline constexpr std::string_view kRules = "rules";
inline constexpr std::string_view kLedger = "ledger";

enum class Look : std::uint8_t {
    Take,  // a real call: words are taken, denials counted
    Peek,  // a question: what would you say?
};

// What one stage said of one call. The note is empty when there is nothing to tell.
struct Passage {
    std::string stage;
    bool passed = true;
    std::string note;
};

class Stage {
  public:
    Stage() = default;
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;
    virtual ~Stage() = default;

    virtual std::string_view name() const = 0;
    // Nothing when the call may pass. `note` may be given words worth keeping in the trace.
    virtual std::optional<call::Denial> judge(const call::Call& call, Look look, std::string& note) = 0;
};

// What a stage asks of the consents: does live consent cover this? Siblings do not include each other,
// so runtime binds society::Consents::covers here.
struct ConsentQuestion {
    std::string_view principal;
    std::string_view tool;     // "sandbox.run"
    std::string_view command;  // command line where the tool runs one, quoted as command_line() does
    std::string_view risk;     // "safe", "caution", "dangerous"; empty where the tool runs no command
};
// The id of the consent that covers it, or nothing.
using ConsentProbe = std::function<Result<std::optional<std::string>>(const ConsentQuestion&)>;

}  // namespace resonant::govern
