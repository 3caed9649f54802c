#include "resonant/tools/remember.h"

#include "resonant/society/sessions.h"

namespace resonant::tools {

Result<memory::Added> remember(Services& services, const call::Call& call, memory::Memory memory,
                               std::int64_t session, memory::Twin twin) {
    memory.owner = call.caller.principal;
    memory.predecessor_family = call.tone.predecessor;
    memory.phase = call.tone.phase;
    memory.posture = call.tone.posture;
    if (session != 0) {
        memory.session = society::wire_id('s', session);
    }
    RESONANT_ASSIGN(memory::Added added, services.sea->add(memory, twin));
    if (session != 0) {
        RESONANT_CHECK(services.sessions->remember(session, added.id, call.caller.principal));
    }
    return added;
}

}  // namespace resonant::tools
