#include "resonant/base/processor.h"

#ifndef __x86_64__
#error "resonant builds for x86-64 only: its shared layouts and fences assume that memory order"
#endif

namespace resonant {

Status processor_verdict(bool has_level) {
    if (!has_level) {
        return fail(Code::Unavailable,
                    "start: this processor lacks SSE4.2 (level x86-64-v2), which the Arrow libraries need; run "
                    "resonant on a processor of that level (in a virtual machine: pass the host's model through)");
    }
    return {};
}

Status check_processor() {
    return processor_verdict(__builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("popcnt") != 0);
}

}  // namespace resonant
