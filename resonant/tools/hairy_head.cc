#include "resonant/tools/families.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

void add_hairy_head(Toolbox& toolbox, [[maybe_unused]] Services& services) {
    toolbox.begin({.key = "hairy_head",
                   .wire_name = "gana_hairy_head_audit",
                   .mansion = "昴 Mao",
                   .quadrant = "West",
                   .summary = "What happened: audit ledger (karma), denials, timing, errors"});
    toolbox.add({.name = "telemetry.summary",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "tool:string since:time",
                 .summary = "calls, latency percentiles, errors, bytes in and out for each tool"});
    toolbox.add({.name = "karma.report",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "agent:string limit:int",
                 .summary = "declared against observed effects by agent: debt, mismatches, "
                            "offenders"});
    toolbox.add({.name = "karma.trace",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "agent:string tool:string decision:allow|deny|all since:time "
                               "limit:int cursor:string",
                 .summary = "recent calls with every stage's verdict and the rule: why was "
                            "this denied?"});
    toolbox.add({.name = "karma.verify",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "since:time",
                 .summary = "verify the hash chain, name the first break",
                 .pace = Pace::Slow});
    toolbox.add({.name = "karma.proof",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "entry_id*:id",
                 .summary = "proof that one ledger entry stands under a signed root (entry_id "
                            "from karma.trace)"});
    toolbox.add({.name = "anomaly.check",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "what is out of the ordinary now: harmony fields and latencies "
                            "beyond their usual range"});
    toolbox.add({.name = "trace.spans",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "tool:string trace_id:string limit:int",
                 .summary = "timing of recent calls, span by span: why was this slow?"});
    toolbox.add({.name = "salience.spotlight",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "limit:int",
                 .summary = "events that matter most: urgency, novelty, confidence"});
}

}  // namespace resonant::tools
