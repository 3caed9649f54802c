// What a reasoner is given with an escalated watcher, so that it need not ask: goal, crossing, snapshot of the board,
// memories near the goal, the newest events and the tools that its caller may use; at most kContextBytes of JSON.
//
// Any thread.
#pragma once

#include "resonant/agents/reasoners.h"
#include "resonant/call/call.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

inline constexpr std::size_t kContextBytes = 100'000;
inline constexpr std::size_t kEventsShown = 20;

// Memories that `call`'s caller may see. Cost: a recall. The errors of recall and of the ring.
Result<Json> context_of(Services& services, const call::Call& call, const agents::Escalation& escalation);

}  // namespace resonant::tools
