// The Roles stage compares the caller's role, which comes from the transport, with what the tool needs.
// Rule: read = observer, write and execute = agent, delete and what loosens policy = owner, steering
// others = coordinator.
//
// Threads: any, at once.
//
// Invariants:
//   (1) No argument changes a role.
//   (2) A standing set on a principal (suspended, quarantined) holds at once and for every connection.
#pragma once

#include <map>
#include <shared_mutex>
#include <string>
#include <utility>

#include "resonant/govern/stage.h"

namespace resonant::govern {

// The role a contract needs: what it names, raised to what its access class needs.
call::Role role_needed(const call::Contract& contract);

enum class Standing : std::uint8_t { Active, Quarantined /* may read */, Suspended /* may nothing */ };

struct Held {
    Standing standing = Standing::Active;
    std::string reason;  // shown to whoever is refused
};

class Roles final : public Stage {
  public:
    std::string_view name() const override { return kRoles; }
    std::optional<call::Denial> judge(const call::Call& call, Look look, std::string& note) override;

    // Standing of one principal; "*" is everybody but the owner (pause).
    void set_standing(const std::string& principal, Standing standing, const std::string& reason = "");
    Standing standing(std::string_view principal) const;
    bool anybody_held() const;  // somebody's standing is not Active; takes no more than a lock

  private:
    // The graver of the principal's own standing and everybody's, with the name it was set on.
    std::pair<std::string, Held> held(std::string_view principal) const;

    mutable std::shared_mutex mutex_;
    std::map<std::string, Held, std::less<>> standings_;
};

}  // namespace resonant::govern
