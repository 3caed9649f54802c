#include "resonant/tools/families.h"

#include <fmt/core.h>
#include <charconv>

#include "resonant/govern/ledger.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

Result<Json> report(Services& services, call::Call& call) {
    return services.ledger->report(text_of(call, "agent"), limit_of(call, 20, 200));
}

Result<Json> trace(Services& services, call::Call& call) {
    govern::TraceFilter filter;
    filter.agent = text_of(call, "agent");
    filter.tool = text_of(call, "tool");
    filter.decision = text_of(call, "decision");
    filter.limit = limit_of(call, 20, 500);
    RESONANT_ASSIGN(const auto since, time_of(call, "since", call.at));
    filter.since = Nanos{since.value_or(0)};
    if (has(call, "cursor")) {
        const std::string cursor = text_of(call, "cursor");
        if (std::from_chars(cursor.data(), cursor.data() + cursor.size(), filter.before_seq).ptr !=
            cursor.data() + cursor.size()) {
            return fail(Code::InvalidArgument,
                        fmt::format("cursor: '{}' is none of karma.trace's", cursor.substr(0, 40)));
        }
    }
    RESONANT_ASSIGN(Json answer, services.ledger->trace(filter));
    answer["count"] = answer.value("entries", Json::array()).size();
    if (answer.contains("next_cursor") && answer["next_cursor"].is_number()) {
        answer["cursor"] = std::to_string(answer["next_cursor"].get<std::uint64_t>());
    }
    answer.erase("next_cursor");
    return answer;
}

Result<Json> verify(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const auto since, time_of(call, "since", call.at));
    const govern::Verification found = services.ledger->verify(Nanos{since.value_or(0)});
    Json answer = {{"ok", found.ok},
                   {"entries", found.entries},
                   {"head", {{"seq", found.head_seq}, {"hash", found.head_hash}}}};
    if (!found.ok) {
        answer["first_break"] = {{"seq", found.first_break}, {"why", found.why}};
        answer["acknowledged"] = found.acknowledged;
    }
    return answer;
}

}  // namespace

void add_hairy_head(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "hairy_head",
                   .wire_name = "gana_hairy_head_audit",
                   .mansion = "昴 Mao",
                   .quadrant = "West",
                   .summary = "What happened: audit ledger (karma): trace, report, verify"});
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
                            "offenders"},
                bind(services, report));
    toolbox.add({.name = "karma.trace",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "agent:string tool:string decision:allow|deny|all since:time "
                               "limit:int cursor:string",
                 .summary = "recent calls with every stage's verdict and the rule: why was "
                            "this denied?"},
                bind(services, trace));
    toolbox.add({.name = "karma.verify",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "since:time",
                 .summary = "verify the hash chain, name the first break",
                 .pace = Pace::Slow},
                bind(services, verify));
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
