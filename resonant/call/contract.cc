#include "resonant/call/contract.h"

namespace resonant::call {

std::string_view name_of(Access access) {
    switch (access) {
        case Access::Read: return "read";
        case Access::Write: return "write";
        case Access::Execute: return "execute";
        case Access::Delete: return "delete";
    }
    return "delete";
}

std::string_view name_of(Role role) {
    switch (role) {
        case Role::Observer: return "observer";
        case Role::Agent: return "agent";
        case Role::Coordinator: return "coordinator";
        case Role::Owner: return "owner";
    }
    return "owner";
}

std::string_view name_of(Maturity stage) {
    switch (stage) {
        case Maturity::Seed: return "seed";
        case Maturity::Bicameral: return "bicameral";
        case Maturity::Reflective: return "reflective";
        case Maturity::Radiant: return "radiant";
        case Maturity::Collective: return "collective";
        case Maturity::Logos: return "logos";
    }
    return "logos";
}

}  // namespace resonant::call
