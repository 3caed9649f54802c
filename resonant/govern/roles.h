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

#include "resonant/govern/stage.h"

namespace resonant::govern {

// The role a contract needs: what it names, raised to what its access class needs.
call::Role role_needed(const call::Contract& contract);

enum class Standing : std::uint8_t { Active, Quarantined /* may read */, Suspended /* may nothing */ };

class Roles final : public Stage {
  public:
    std::string_view name() const override { return kRoles; }
    std::optional<call::Denial> judge(const call::Call& call, Look look, std::string& note) override;

    // Standing of one principal; "*" is everybody but the owner (pause).
    void set_standing(const std::string& principal, Standing standing);
    Standing standing(std::string_view principal) const;
    std::map<std::string, Standing> standings() const;

  private:
    mutable std::shared_mutex mutex_;
    std::map<std::string, Standing, std::less<>> standings_;
};

}  // namespace resonant::govern
