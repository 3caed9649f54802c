// What each tool answers, in the words of answer_form.h. A row that a tool's answers do not follow fails the
// tests that call it (Dispatcher::Needs::check_answers).
#include <algorithm>
#include <iterator>
#include <utility>

#include "resonant/tools/answer_form.h"

namespace resonant::tools {
namespace {

// In the order of names.
constexpr std::pair<std::string_view, std::string_view> kForms[] = {
    {"agent.suspend", "agent* suspended*:bool reason lift"},
    {"board.read",
     "field value:any unit rises meaning traffic:object fields:object age_s:number tick:int epoch:int harmony:object resonance:object maturity_stage:int "
     "breakers_not_closed:int user:object"},
    {"board.watch", "crossed*:bool field* timed_out*:bool value*:number"},
    {"breaker.reset", "before* failures*:int state* tool*"},
    {"breaker.status",
     "tool state failures:int retry_after_s:number families_not_closed:object[] tools:object[] closed:int"},
    {"capability.list",
     "server* version* protocol*:string[] transports*:string[] tools*:object limits*:object features*:string[] "
     "more"},
    {"capability.matrix", "total*:int count*:int tools*:any[] cursor note"},
    {"capability.suggest", "count*:int tools*:{tool summary score:number example:object}[] note"},
    {"consent.grant", "answered_by* consent_id* expires* reason* scope* state* to*"},
    {"consent.request", "answered_by consent_id* expires* reason* scope* state* to* way_on"},
    {"consent.revoke", "answered_by* consent_id* expires* reason* scope* state* to*"},
    {"consent.verify", "covered:bool action consent:object count:int consents:object[]"},
    {"constellation.list", "count*:int constellations*:object[] note"},
    {"context.pack", "text* tokens*:int memories*:string[] left_out:int note"},
    {"datasea.export", "count*:int format* generation:int name* path*"},
    {"datasea.status", "memories*:object engines*:object[]"},
    {"dharma.reload", "profile* reloaded*:bool rules*:int"},
    {"dharma.rules", "profile* profiles*:string[] active*:bool count*:int rules*:object[]"},
    {"dharma.set_profile", "before* profile*"},
    {"dream.run_phase", "phase* dry_run*:bool changed*:int took_ms*:int"},
    {"dream.start", "dreaming*:bool idle_s*:number next* phase_s*:number"},
    {"dream.status", "dreaming*:bool idle_s*:number phase_s*:number next running:any last*:object"},
    {"dream.stop", "dreaming*:bool"},
    {"engine.list", "count*:int engines*:{engine built:bool runs:int last_run:any watches:any publishes:any}[]"},
    {"engine.output", "engine* generation*:int at* rows*:int columns*:string[] values*:any[]"},
    {"ethics.evaluate",
     "action* verdict* score*:number judged_as:any boundaries*:any[] guidance*:any[] precedent:any "
     "command_risk:any"},
    {"event.publish", "fields:int sequence tick:int type*"},
    {"event.stats", "epoch*:int published*:int dampened*:int newest*:object consumers*:object[] note"},
    {"event.tail",
     "count*:int lost*:int next* events*:{position:int at type tool:any source:any confidence:number "
     "data:object}[]"},
    {"executor.status", "executor_id goal state at steps:object[] count:int executions:object[]"},
    {"galactic.dashboard",
     "galaxy* total*:int zones*:object protected*:int archived*:int embedded*:int mean_retention*:number "
     "top*:object[] constellations*:object[]"},
    {"galaxy.create", "name* use*"},
    {"galaxy.ingest", "galaxy* files*:int stored*:int known*:int refused*:int refusals:object[] validated_only:bool"},
    {"galaxy.list",
     "count*:int current* galaxies*:{description memories:int name tags:string[]}[] retired:{memories:int "
     "name}[]"},
    {"galaxy.retire", "kept* name* retired*:bool"},
    {"galaxy.switch", "name* for"},
    {"gnosis",
     "at status maturity_stage:int harmony:number alert_count:int alerts:{what seen:any}[] next_actions:{tool "
     "reason}[] fields:object portal seen:any"},
    {"governor.check_drift", "session_id* drift*:number says shared:string[]"},
    {"governor.classify", "class* reason* rule:any"},
    {"governor.set_goal", "session_id* goal* budget:object"},
    {"handoff.accept", "handoff_id* session_id* status* from to accepted_by at session:object checkpoint:any"},
    {"handoff.list", "count*:int handoffs*:object[]"},
    {"handoff.offer", "handoff_id* session_id* status* from to at"},
    {"harmony.vector",
     "balance*:number composite*:number dharma*:number energy*:number reliability*:number accord*:number "
     "swiftness*:number headroom*:number measured*:object"},
    {"health.check", "ready*:bool status* standings:object"},
    {"health.report",
     "version uptime_s:number board:object ring:object memory:object upstream:object tools:object sizes:object "
     "ledger:object"},
    {"homeostasis.status", "level* fields*:object[] note"},
    {"karma.report", "agents*:object[]"},
    {"karma.trace",
     "count*:int entries*:{seq:int at_ns:int kind tool agent role access decision outcome:any stages:any}[] "
     "cursor:any"},
    {"karma.verify", "ok*:bool entries*:int head:object"},
    {"lifecycle.stats", "count*:int movements*:any[]"},
    {"lifecycle.sweep", "dry_run*:bool moved*:int rescored*:int moves*:any[]"},
    {"maturity.assess", "stage*:int gates*:object[] locked:any[]"},
    {"memory.add", "id* findable note reinforced:bool"},
    {"memory.archive", "archived*:bool done* id* protected*:bool title* undo version*:int zone*"},
    {"memory.erase", "id* erased*:bool kept"},
    {"memory.export", "count*:int format* path data cursor left_out:object note"},
    {"memory.history", "id* count*:int reads*:int history*:{version:int at what by:any}[] whole:any"},
    {"memory.import",
     "findable links:int links_without_target:int merged*:int records*:int refusals:string[] refused*:int "
     "resumed_at:int skipped*:int stored*:int validated_only:bool format* unknown_members:object "
     "galaxies_made:string[]"},
    {"memory.link", "from_id* to_id* type* done:any"},
    {"memory.list", "count*:int hits*:{id type title content created tags:string[] score:number why:string[]}[]"},
    {"memory.protect", "archived*:bool done* id* protected*:bool title* version*:int zone*"},
    {"memory.read",
     "count*:int memories*:{id type content title tags:string[] importance:number zone created version:int}[] "
     "not_found:string[]"},
    {"memory.recall",
     "count*:int hits*:{id type title content created tags:string[] score:number why:string[]}[] left_out:int "
     "note"},
    {"memory.related",
     "count*:int hits*:{id type title content created tags:string[] score:number why:string[]}[] id*"},
    {"memory.restore", "archived*:bool done* id* protected*:bool title* version*:int zone*"},
    {"memory.search",
     "count*:int cursor hits*:{id type title content created tags:string[] score:number why:string[]}[] note"},
    {"memory.update", "archived*:bool done* id* protected*:bool title* version*:int zone*"},
    {"model.chat", "text* model* answered_by* untrusted*:bool stop_reason:any fits:bool json:any errors:string[]"},
    {"model.list", "count*:int models*:{model by}[] note"},
    {"monitor.list", "watchers*:int bytes*:int bytes_each*:number groups*:object[] escalated:object cursor"},
    {"monitor.spawn", "group* count*:int field* owner goal:any value_now:any fired:int bytes_each:number unit rises meaning note"},
    {"monitor.stop", "group* stopped*:int"},
    {"native.status",
     "cores*:int instruction_sets*:string[] search_kernel model:any memory_read_gb_s:number ipc:object"},
    {"prompt.list",
     "count*:int folder* prompts*:{name title description tags:string[] arguments:object[] file}[]"},
    {"prompt.reload", "templates*:int changed*:bool refused*:object[]"},
    {"prompt.render", "name* title* text*"},
    {"rate.stats", "agent* window_s*:int all:object tools*:object[]"},
    {"reasoner.next",
     "reasoner_id*:string? goal:any at crossing:object snapshot:object memories:object[] events:object[] "
     "allowed_tools:string[] answer_with:any action:any group note"},
    {"reasoner.resolve", "reasoner_id* outcome* goal:any execution:object"},
    {"result.read", "text* offset*:int total*:int next_offset:int more"},
    {"sandbox.run", "exit_status*:any stdout* stderr* timed_out*:bool seconds*:number"},
    {"sandbox.status", "available*:bool network_allowed:bool isolation:any limits:object runner:any running:int runs:int timeouts:int"},
    {"scratchpad.create", "name* scratchpad_id*"},
    {"scratchpad.finalize", "memory_id* scratchpad_id*"},
    {"scratchpad.read", "scratchpad_id name status sections:object[] count:int scratchpads:object[]"},
    {"scratchpad.update", "bytes*:int scratchpad_id* section*"},
    {"serendipity.mark", "id* marked effect"},
    {"serendipity.surface", "count*:int memories*:object[] feedback"},
    {"server.add",
     "name* state transport tools*:int tool_list:object[] quarantined:object[] trouble:string[] "
     "listing_bytes:object protocol server tools_hidden:int"},
    {"server.approve", "approved*:{difference hash tool}[] server* enabled:bool"},
    {"server.list",
     "count:int servers:object[] listing_bytes:object name state transport tools:int tool_list:object[] "
     "quarantined:object[] trouble:string[] configuration_error tools_hidden:int"},
    {"server.remove", "removed*"},
    {"server.scan", "clean*:bool found*:{findings:string[] tool}[] server* tools*:int"},
    {"session.bootstrap", "you*:object health:any sessions*:object[] memories*:object[] tools*:{tool why}[]"},
    {"session.checkpoint", "checkpoint_id* session_id* name at memories:int notes:int"},
    {"session.end", "session_id* status* memory_id summary"},
    {"session.list", "count*:int sessions*:{session_id name status goals:any[] tags:any[] started updated}[] cursor"},
    {"session.resume",
     "session_id* name* status* goals:any[] tags:any[] checkpoints*:object[] memories*:object[] "
     "last_calls*:object[]"},
    {"session.start", "session_id* name* status* goals:any[] tags:any[] started updated default_for_connection:bool"},
    {"state.paths",
     "home* database* socket* token* policy* segments* inbox* configuration* model:string? http:string? "
     "import_folders*:string[]"},
    {"swarm.status", "watchers*:object escalations*:object scheduler*:object standings:object"},
    {"tool.explain",
     "tool* allowed*:bool denied_by:string? passages*:{stage passed:bool note}[] declared:object "
     "declared_effects arguments_valid:bool argument_errors:string[] "
     "judged_as:{principal role contained:bool} denial:object note server"},
    {"tool.graph", "count*:int tools*:object[] around:any"},
    {"tool.schema", "count*:int tools*:object[]"},
    {"vector.index", "embedded*:int left*:int rows:int model:any segments:int bytes:int"},
    {"vector.search", "count*:int hits:{cosine:number id title}[] answers:object[]"},
    {"vector.status",
     "model:string? dimensions*:int rows*:int embedded*:int coverage*:number kernel segments*:int bytes*:int "
     "source built age_s:number"},
};

}  // namespace

std::string_view answer_form_of(std::string_view tool) {
    const auto place = std::lower_bound(std::begin(kForms), std::end(kForms), tool,
                                        [](const auto& row, std::string_view wanted) { return row.first < wanted; });
    return place != std::end(kForms) && place->first == tool ? place->second : std::string_view();
}

}  // namespace resonant::tools
