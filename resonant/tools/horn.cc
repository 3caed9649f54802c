#include "resonant/tools/families.h"

#include <fmt/core.h>
#include <algorithm>

#include "resonant/agents/reasoners.h"
#include "resonant/govern/ledger.h"
#include "resonant/govern/roles.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/society/scratchpads.h"
#include "resonant/society/sessions.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/remember.h"
#include "resonant/tools/services.h"
#include "resonant/tools/tool_search.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

constexpr std::size_t kStateBytes = 64 * 1024;  // of notes kept in one checkpoint
constexpr std::size_t kTokensMin = 200, kTokensMax = 20'000;
constexpr std::size_t kSummaryMax = 160;        // of a tool worth using

void tell(Services& services, const call::Call& call, ring::EventType type, std::int64_t session) {
    services.plane->publish(type, call.caller.principal, call.contract->id + 1U,
                            {static_cast<std::uint64_t>(session)});
}

Result<Json> start(Services& services, call::Call& call) {
    society::Session session;
    session.name = text_of(call, "name");
    session.goals = words_of(call, "goals");
    session.tags = words_of(call, "tags");
    session.tier = text_of(call, "tier", "normal");
    session.principal = call.caller.principal;
    RESONANT_ASSIGN(const society::Session stored, services.sessions->start(session));
    services.sessions->set_current(call.caller.connection, stored.id);
    tell(services, call, ring::EventType::SessionStarted, stored.id);
    Json answer = show(stored);
    answer["default_for_connection"] = call.caller.connection != 0;
    return answer;
}

// What somebody who comes back needs: pinned memories first, then the newest of the session.
Result<Json> session_memories(Services& services, const call::Call& call, std::int64_t session,
                              std::size_t limit) {
    RESONANT_ASSIGN(const auto ids,
                    services.sessions->memories(session, 4 * limit, call.caller.principal));
    Json pinned = Json::array();
    Json others = Json::array();
    for (const memory::MemoryId id : ids) {
        const auto memory = services.sea->read(id, call.caller.principal);
        if (!memory || memory->is_archived) {
            continue;  // erased or put away since
        }
        Json shown = {{"id", memory::wire_id(id)},
                      {"title", title_of(*memory)},
                      {"content", shortened(memory->content, 400)}};
        if (memory->is_protected) {
            shown["pinned"] = true;
            pinned.push_back(std::move(shown));
        } else if (others.size() < limit) {
            others.push_back(std::move(shown));
        }
    }
    for (Json& shown : others) {
        if (pinned.size() < limit) {
            pinned.push_back(std::move(shown));
        }
    }
    return pinned;
}

// The newest calls of the session, out of the ledger.
Result<Json> last_calls(Services& services, const call::Call& call, std::int64_t session,
                        std::size_t limit) {
    govern::TraceFilter filter;
    filter.agent = call.caller.principal;
    filter.limit = 200;
    RESONANT_ASSIGN(const Json trace, services.ledger->trace(filter));
    Json calls = Json::array();
    const std::string wire = society::wire_id('s', session);
    for (const Json& entry : trace.value("entries", Json::array())) {
        if (calls.size() < limit && entry.value("session", "") == wire) {
            calls.push_back(entry);
        }
    }
    return calls;
}

Result<Json> resume(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t id, id_of(call, "session_id", 's'));
    RESONANT_ASSIGN(const society::Session session,
                    services.sessions->resume(id, call.caller.principal));
    services.sessions->set_current(call.caller.connection, id);
    const std::string tier = text_of(call, "tier", session.tier);
    const std::size_t rows = tier == "brief" ? 1 : tier == "deep" ? 20 : 5;
    RESONANT_ASSIGN(const auto checkpoints,
                    services.sessions->checkpoints(id, rows, call.caller.principal));
    Json answer = show(session);
    answer["checkpoints"] = Json::array();
    for (const society::Checkpoint& checkpoint : checkpoints) {
        answer["checkpoints"].push_back(show(checkpoint));
        if (tier != "deep" && answer["checkpoints"].size() > 1) {
            answer["checkpoints"].back().erase(
                "state");  // the newest state is the one to go on from
        }
    }
    RESONANT_ASSIGN(answer["memories"],
                    session_memories(services, call, id, tier == "brief" ? 3 : 2 * rows));
    RESONANT_ASSIGN(answer["last_calls"], last_calls(services, call, id, rows));
    tell(services, call, ring::EventType::SessionStarted, id);
    return answer;
}

Result<Json> state_of(Services& services, const call::Call& call, std::int64_t session) {
    RESONANT_ASSIGN(const auto memories,
                    services.sessions->memories(session, 50, call.caller.principal));
    RESONANT_ASSIGN(const auto pads,
                    services.scratchpads->list(session, 20, call.caller.principal));
    Json state = {{"memories", Json::array()},
                  {"notes", Json::array()},
                  {"harmony", rounded(services.plane->board().view().harmony().composite())}};
    for (const memory::MemoryId id : memories) {
        state["memories"].push_back(memory::wire_id(id));
    }
    std::size_t room = kStateBytes;
    for (const society::Scratchpad& open : pads) {
        RESONANT_ASSIGN(const society::Scratchpad pad,
                        services.scratchpads->read(open.id, call.caller.principal));
        Json notes = {{"scratchpad_id", society::wire_id('n', pad.id)},
                      {"name", pad.name},
                      {"sections", Json::object()}};
        for (const auto& [name, content] : pad.sections) {
            notes["sections"][name] = shortened(content, room);
            room -= std::min(room, content.size());
        }
        state["notes"].push_back(std::move(notes));
    }
    return state;
}

Result<Json> checkpoint(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t id, id_of(call, "session_id", 's'));
    RESONANT_CHECK(services.sessions->find(id, call.caller.principal));
    RESONANT_ASSIGN(const Json state, state_of(services, call, id));
    RESONANT_ASSIGN(
        const society::Checkpoint stored,
        services.sessions->checkpoint(id, text_of(call, "name", "checkpoint"),
                                      text_of(call, "note"), state, call.caller.principal));
    tell(services, call, ring::EventType::SessionCheckpoint, id);
    return Json{{"session_id", society::wire_id('s', id)},
                {"checkpoint_id", society::wire_id('c', stored.id)},
                {"name", stored.name},
                {"at", show_time(stored.at_ns)},
                {"memories", state["memories"].size()},
                {"notes", state["notes"].size()}};
}

Result<Json> list(Services& services, call::Call& call) {
    std::int64_t before = 0;
    if (has(call, "cursor")) {
        RESONANT_ASSIGN(before, id_of(call, "cursor", 's'));
    }
    const std::size_t limit = limit_of(call, 20, 100);
    RESONANT_ASSIGN(const auto sessions,
                    services.sessions->list(text_of(call, "status", "all"), limit, before,
                                            call.caller.principal));
    Json answer = {{"count", sessions.size()}, {"sessions", Json::array()}};
    for (const society::Session& session : sessions) {
        answer["sessions"].push_back(show(session));
    }
    if (sessions.size() == limit) {
        answer["cursor"] = society::wire_id('s', sessions.back().id);
    }
    return answer;
}

// What a session amounted to when nobody says it: its goals and the names of its checkpoints.
Result<std::string> summary_of(Services& services, const call::Call& call,
                               const society::Session& session) {
    std::string summary = "Session " + session.name + ".";
    for (const std::string& goal : session.goals) {
        summary += " Goal: " + goal + ".";
    }
    RESONANT_ASSIGN(const auto checkpoints,
                    services.sessions->checkpoints(session.id, 20, call.caller.principal));
    for (auto it = checkpoints.rbegin(); it != checkpoints.rend(); ++it) {
        summary += " Checkpoint: " + it->name + (it->note.empty() ? "." : ", " + it->note + ".");
    }
    return summary;
}

Result<Json> end(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t id, id_of(call, "session_id", 's'));
    RESONANT_ASSIGN(const society::Session session,
                    services.sessions->find(id, call.caller.principal));
    std::string summary = text_of(call, "summary");
    if (summary.empty()) {
        RESONANT_ASSIGN(summary, summary_of(services, call, session));
    }
    memory::Memory memory;
    memory.title = "Session: " + session.name;
    memory.content = summary;
    memory.type = "narrative";
    memory.tags = session.tags;
    memory.tags.emplace_back("session");
    memory.source = "session.end";
    RESONANT_ASSIGN(const memory::Added added, remember(services, call, memory, id));
    RESONANT_CHECK(services.sessions->end(id, summary, added.id, call.caller.principal));
    if (services.sessions->current(call.caller.connection) == id) {
        services.sessions->set_current(call.caller.connection, 0);
    }
    tell(services, call, ring::EventType::SessionEnded, id);
    return Json{{"session_id", society::wire_id('s', id)},
                {"status", "ended"},
                {"summary", summary},
                {"memory_id", memory::wire_id(added.id)}};
}

std::string health_line(Services& services, std::size_t memories) {
    const board::Snapshot board = services.plane->board().view().snapshot();
    const auto open = std::count_if(board.breakers.begin(), board.breakers.end(),
                                    [](std::uint64_t word) { return word != 0; });
    const bool whole = services.ledger->verified();
    const bool paused = services.roles->standing("*") != govern::Standing::Active;
    return fmt::format(
        "{}{}; harmony {:.2f}; {} memories; {} families with a breaker that is not closed; {} escalations "
        "waiting",
        whole ? "ready" : "the ledger has a break, so nothing is written (health.check)",
        paused ? ", paused by the owner (health.check)" : "", board.harmony.composite(), memories, open,
        services.reasoners->stats().waiting);
}

Json tools_worth_using(Services& services, const call::Caller& caller, const std::string& query, bool sessions_open) {
    Json tools =
        Json::array({{{"tool", "memory.recall"}, {"why", "find what is known, in plain words"}},
                     {{"tool", "memory.add"}, {"why", "keep what must not be lost"}}});
    tools.push_back(sessions_open
                        ? Json{{"tool", "session.resume"}, {"why", "go on where you stopped"}}
                        : Json{{"tool", "session.start"}, {"why", "name this stretch of work"}});
    tools.push_back({{"tool", "capability.suggest"}, {"why", "find the tool for a goal"}});
    if (!query.empty()) {
        for (const ToolHit& hit : services.search->rank(query, 3)) {
            if (services.search->sees(caller, hit)) {
                tools.push_back({{"tool", hit.document->name},
                                 {"why", first_sentence(hit.document->description, kSummaryMax)}});
            }
        }
    }
    return tools;
}

// Adds memories as long as they fit; a memory that does not is cut once and ends the list.
void fill(Json& answer, const memory::Page& page, std::size_t budget) {
    answer["memories"] = Json::array();
    for (const memory::Hit& hit : page.hits) {
        const std::size_t used = tokens_of(json::dump(answer));
        if (used + 40 >= budget) {
            break;
        }
        answer["memories"].push_back(
            show(hit, std::min<std::size_t>(600, (budget - used - 40) * 3)));
        if (tokens_of(json::dump(answer)) > budget) {
            answer["memories"].erase(answer["memories"].size() - 1);
            break;
        }
    }
}

Result<Json> bootstrap(Services& services, call::Call& call) {
    const std::string query = text_of(call, "query");
    const auto budget = static_cast<std::size_t>(
        std::clamp<std::int64_t>(integer_of(call, "token_budget", 1200), kTokensMin, kTokensMax));
    RESONANT_ASSIGN(const memory::Filter filter, filter_of(services, call, call.at));
    RESONANT_ASSIGN(const memory::ZoneStats zones, services.sea->zones(filter.galaxy, call.caller.principal));
    RESONANT_ASSIGN(const auto sessions,
                    services.sessions->list("open", 3, 0, call.caller.principal));
    RESONANT_ASSIGN(const memory::Page page,
                    query.empty()
                        ? services.sea->list("importance", filter, 5, "", call.caller.principal)
                        : services.sea->recall(query, filter, 8, call.caller.principal));
    Json answer = {
        {"health", health_line(services, zones.total)},
        {"sessions", Json::array()},
        {"you", {{"principal", call.caller.principal}, {"role", name_of(call.caller.role)}}},
        {"tools", tools_worth_using(services, call.caller, query, !sessions.empty())}};
    for (const society::Session& session : sessions) {
        answer["sessions"].push_back({{"session_id", society::wire_id('s', session.id)},
                                      {"name", session.name},
                                      {"updated", show_time(session.updated_ns)}});
    }
    while (tokens_of(json::dump(answer)) > budget && answer["tools"].size() > 2) {
        answer["tools"].erase(answer["tools"].size() - 1);
    }
    fill(answer, page, budget);
    return answer;
}

}  // namespace

void add_horn(Toolbox& toolbox, Services& services) {
    toolbox.begin(
        {.key = "horn",
         .wire_name = "gana_horn_sessions",
         .mansion = "角 Jiao",
         .quadrant = "East",
         .summary = "Work sessions: call session.bootstrap first; start, resume, checkpoint"});
    toolbox.add({.name = "session.start",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string goals:string[] tags:string[] tier:brief|normal|deep",
                 .summary = "open a named work session; returns session_id, pass it to later "
                            "calls (it is only a default where the client keeps one "
                            "connection)",
                 .free_text = true},
                bind(services, start));
    toolbox.add({.name = "session.resume",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "session_id*:id tier:brief|normal|deep",
                 .summary = "reopen a stored session (id from session.list) and return goals, "
                            "checkpoints, pinned memories, last results"},
                bind(services, resume));
    toolbox.add({.name = "session.checkpoint",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "session_id*:id name:string note:string",
                 .summary = "save a named restore point inside a session",
                 .free_text = true},
                bind(services, checkpoint));
    toolbox.add({.name = "session.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "status:open|ended|all limit:int cursor:string",
                 .summary = "sessions, newest first"},
                bind(services, list));
    toolbox.add({.name = "session.end",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "session_id*:id summary:string",
                 .summary = "close a session; its summary becomes a memory; returns memory_id",
                 .free_text = true},
                bind(services, end));
    toolbox.add({.name = "session.bootstrap",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query:string token_budget:int galaxy:string",
                 .summary = "call first: one answer with health, open sessions, relevant "
                            "memories, tools worth using",
                 .pace = Pace::Slow,
                 .free_text = true},
                bind(services, bootstrap));
}

}  // namespace resonant::tools
