#include "resonant/tools/families.h"

#include <fmt/core.h>
#include <algorithm>

#include "resonant/society/handoffs.h"
#include "resonant/society/results.h"
#include "resonant/society/scratchpads.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/remember.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

constexpr std::int64_t kSliceBytes = 40'000;  // of a cut answer, read on with result.read

Result<Json> pack(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::Filter filter, filter_of(services, call, call.at));
    RESONANT_CHECK(session_of(services, call));
    const auto budget = static_cast<std::size_t>(
        std::clamp<std::int64_t>(integer_of(call, "token_budget", 1'000), 50, 50'000));
    RESONANT_ASSIGN(const memory::Page page,
                    services.sea->recall(text_of(call, "query"), filter, limit_of(call, 12, 50),
                                         call.caller.principal));
    std::string text;
    Json ids = Json::array();
    for (const memory::Hit& hit : page.hits) {
        const std::string head =
            fmt::format("## {} ({})\n", title_of(hit.memory), memory::wire_id(hit.memory.id));
        const std::size_t used = tokens_of(text + head);
        if (used + 20 > budget) {
            break;
        }
        text += head + shortened(hit.memory.content, (budget - used - 2) * 4) + "\n\n";
        ids.push_back(memory::wire_id(hit.memory.id));
    }
    Json answer = {{"text", text},
                   {"tokens", tokens_of(text)},
                   {"memories", ids},
                   {"left_out", page.hits.size() - ids.size()}};
    if (!page.note.empty()) {
        answer["note"] = page.note;
    }
    return answer;
}

Result<Json> create_notes(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t session, session_of(services, call));
    RESONANT_ASSIGN(
        const society::Scratchpad pad,
        services.scratchpads->create(text_of(call, "name"), session, call.caller.principal));
    return Json{{"scratchpad_id", society::wire_id('n', pad.id)}, {"name", pad.name}};
}

Result<Json> update_notes(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t id, id_of(call, "scratchpad_id", 'n'));
    const std::string section = text_of(call, "section");
    RESONANT_ASSIGN(const std::size_t bytes,
                    services.scratchpads->write(id, section, text_of(call, "content"),
                                                text_of(call, "mode", "append") == "append",
                                                call.caller.principal));
    return Json{
        {"scratchpad_id", society::wire_id('n', id)}, {"section", section}, {"bytes", bytes}};
}

Result<Json> read_notes(Services& services, call::Call& call) {
    if (!has(call, "scratchpad_id")) {
        RESONANT_ASSIGN(const auto pads, services.scratchpads->list(0, 100, call.caller.principal));
        Json answer = {{"count", pads.size()}, {"scratchpads", Json::array()}};
        for (const society::Scratchpad& pad : pads) {
            answer["scratchpads"].push_back({{"scratchpad_id", society::wire_id('n', pad.id)},
                                             {"name", pad.name},
                                             {"updated", show_time(pad.updated_ns)}});
        }
        return answer;
    }
    RESONANT_ASSIGN(const std::int64_t id, id_of(call, "scratchpad_id", 'n'));
    RESONANT_ASSIGN(const society::Scratchpad pad,
                    services.scratchpads->read(id, call.caller.principal));
    const std::string wanted = text_of(call, "section");
    Json answer = {{"scratchpad_id", society::wire_id('n', id)},
                   {"name", pad.name},
                   {"status", pad.status},
                   {"sections", Json::array()}};
    for (const auto& [name, content] : pad.sections) {
        if (wanted.empty() || wanted == name) {
            answer["sections"].push_back({{"section", name}, {"content", content}});
        }
    }
    if (!wanted.empty() && answer["sections"].empty()) {
        return fail(
            Code::NotFound,
            fmt::format("scratchpad.read: {} has no section '{}'; leave section out to see all",
                        society::wire_id('n', id), wanted.substr(0, 60)));
    }
    return answer;
}

Result<Json> finalize_notes(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t id, id_of(call, "scratchpad_id", 'n'));
    RESONANT_ASSIGN(const society::Scratchpad pad,
                    services.scratchpads->read(id, call.caller.principal));
    memory::Memory memory;
    memory.title = pad.name;
    memory.type = text_of(call, "type", memory.type);
    memory.tags = words_of(call, "tags");
    memory.source = "scratchpad " + society::wire_id('n', id);
    for (const auto& [name, content] : pad.sections) {
        memory.content += "## " + name + "\n" + content + "\n\n";
    }
    if (memory.content.empty()) {
        return fail(Code::InvalidArgument,
                    "scratchpad.finalize: the notes are empty; write a section first");
    }
    RESONANT_CHECK(services.scratchpads->finalize(id, call.caller.principal));
    // The session may have been handed over since; the notes are the caller's all the same.
    const bool mine =
        pad.session != 0 && services.sessions->find(pad.session, call.caller.principal).has_value();
    RESONANT_ASSIGN(const memory::Added added,
                    remember(services, call, memory, mine ? pad.session : 0));
    return Json{{"scratchpad_id", society::wire_id('n', id)},
                {"memory_id", memory::wire_id(added.id)}};
}

Json show(const society::Handoff& handoff) {
    Json shown = {{"handoff_id", society::wire_id('h', handoff.id)},
                  {"session_id", society::wire_id('s', handoff.session)},
                  {"from", handoff.from},
                  {"status", handoff.status},
                  {"at", show_time(handoff.at_ns)}};
    shown["to"] = handoff.to.empty() ? "whoever accepts" : handoff.to;
    if (!handoff.message.empty()) {
        shown["message"] = handoff.message;
    }
    if (!handoff.accepted_by.empty()) {
        shown["accepted_by"] = handoff.accepted_by;
    }
    return shown;
}

Result<Json> offer(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t session, id_of(call, "session_id", 's'));
    std::string to = text_of(call, "to");
    to = to == "nobody" ? "" : to;
    RESONANT_ASSIGN(
        const society::Handoff handoff,
        services.handoffs->offer(session, to, text_of(call, "message"), call.caller.principal));
    return show(handoff);
}

Result<Json> accept(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t id, id_of(call, "handoff_id", 'h'));
    RESONANT_ASSIGN(const society::Handoff handoff,
                    services.handoffs->accept(id, call.caller.principal));
    RESONANT_ASSIGN(const society::Session session,
                    services.sessions->find(handoff.session, call.caller.principal));
    RESONANT_ASSIGN(const auto checkpoints,
                    services.sessions->checkpoints(session.id, 1, call.caller.principal));
    services.sessions->set_current(call.caller.connection, session.id);
    Json answer = show(handoff);
    answer["session"] = tools::show(session);
    if (!checkpoints.empty()) {
        answer["checkpoint"] = tools::show(checkpoints.front());
    }
    return answer;
}

Result<Json> list_handoffs(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const auto handoffs,
                    services.handoffs->list(text_of(call, "status", "open"),
                                            limit_of(call, 20, 200), call.caller.principal));
    Json answer = {{"count", handoffs.size()}, {"handoffs", Json::array()}};
    for (const society::Handoff& handoff : handoffs) {
        answer["handoffs"].push_back(show(handoff));
    }
    return answer;
}

Result<Json> read_result(Services& services, call::Call& call) {
    const auto offset =
        static_cast<std::size_t>(std::max<std::int64_t>(0, integer_of(call, "offset", 0)));
    const std::int64_t asked =
        has(call, "limit") ? integer_of(call, "limit", kSliceBytes) : kSliceBytes;
    RESONANT_ASSIGN(const society::Slice slice,
                    services.results->read(
                        text_of(call, "result_id"), call.caller.principal, offset,
                        static_cast<std::size_t>(std::clamp<std::int64_t>(asked, 1, kSliceBytes))));
    Json answer = {{"text", slice.text}, {"offset", slice.offset}, {"total", slice.total}};
    if (slice.next_offset < slice.total) {
        answer["next_offset"] = slice.next_offset;
        answer["more"] = fmt::format("bytes {} to {} of {}: call result.read with result_id {} and offset {}", slice.offset,
                                     slice.next_offset, slice.total, text_of(call, "result_id"), slice.next_offset);
    }
    return answer;
}

}  // namespace

// tidy-allow(functions_fit_a_screen): one table of declarations, read as one
void add_heart(Toolbox& toolbox, Services& services) {
    toolbox.begin(
        {.key = "heart",
         .wire_name = "gana_heart_context",
         .mansion = "心 Xin",
         .quadrant = "East",
         .summary = "Working context: pack memories, notes, hand over, read cut answers"});
    toolbox.add({.name = "context.pack",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query*:string token_budget*:int session_id:id galaxy:string "
                               "limit:int",
                 .summary = "one ready-to-paste text of the memories most useful for a task, "
                            "cut to a token budget",
                 .pace = Pace::Slow,
                 .free_text = true},
                bind(services, pack));
    toolbox.add({.name = "scratchpad.create",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "name*:string session_id:id",
                 .summary = "open working notes with named sections; returns scratchpad_id",
                 .free_text = true},
                bind(services, create_notes));
    toolbox.add({.name = "scratchpad.update",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "scratchpad_id*:id section*:string content*:string "
                               "mode:append|replace",
                 .summary = "write one section (made if absent)",
                 .free_text = true},
                bind(services, update_notes));
    toolbox.add({.name = "scratchpad.read",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "scratchpad_id:id section:string",
                 .summary = "read the notes or one section; with no id: list open scratchpads"},
                bind(services, read_notes));
    toolbox.add({.name = "scratchpad.finalize",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "scratchpad_id*:id "
                               "type:note|fact|decision|task|code|pattern|narrative "
                               "tags:string[]",
                 .summary = "turn the notes into a memory; returns memory_id",
                 .free_text = true},
                bind(services, finalize_notes));
    toolbox.add({.name = "handoff.offer",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "session_id*:id to:string message:string",
                 .summary = "hand a session to another agent, client or device (to: agent "
                            "name, or nobody for whoever accepts); returns handoff_id",
                 .free_text = true},
                bind(services, offer));
    toolbox.add({.name = "handoff.accept",
                 .access = Access::Write,
                 .core = true,
                 .parameters = "handoff_id*:id",
                 .summary = "take one over, with its context"},
                bind(services, accept));
    toolbox.add({.name = "handoff.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "status:open|accepted|all limit:int",
                 .summary = "handoffs waiting and done"},
                bind(services, list_handoffs));
    toolbox.add({.name = "result.read",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "result_id*:id offset:int limit:int",
                 .summary = "read on in an answer that was cut because it was large (the cut "
                            "answer names its result_id)"},
                bind(services, read_result));
}

}  // namespace resonant::tools
