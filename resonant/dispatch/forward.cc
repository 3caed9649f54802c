// Calls to tools of other servers: judged like ours, sent on, and answered when the server answers. Nothing
// waits in between: what only reads is judged where it was submitted, what acts has its intent on the disk
// first.
#include <fmt/core.h>

#include "resonant/base/log.h"
#include "resonant/base/utf8.h"
#include "resonant/dispatch/work.h"

namespace resonant::dispatch {
namespace {

bool reads(const call::Call& call) { return call.contract->access == call::Access::Read; }

// The text of a block, or of the resource embedded in it; null when it has none.
Json* text_in(Json& block) {
    if (block.is_object() && block.contains("resource") && block["resource"].is_object()) {
        return text_in(block["resource"]);
    }
    const auto text = block.is_object() ? block.find("text") : Json::iterator();
    return !block.is_object() || text == block.end() || !text->is_string() ? nullptr : &*text;
}

}  // namespace

// A client that has a set of its own calls what is in it.
std::optional<call::Denial> Dispatcher::outside_set(const Work& work) const {
    const call::ClientSet* set = needs_.client_sets == nullptr ? nullptr : needs_.client_sets->find(work.call.caller);
    if (set == nullptr) {
        return std::nullopt;
    }
    const std::string& name = work.call.contract->name;
    const bool server = !work.upstream || set->has_server(work.upstream->server);
    const bool inside = !work.upstream                              ? set->has_tool(name)
                        : work.upstream->method == "tools/call" ? set->has_upstream(work.upstream->server, name)
                                                                : server;
    if (inside) {
        return std::nullopt;
    }
    return call::Denial{.code = "not_in_set",
                        .stage = std::string(govern::kRules),
                        .rule = fmt::format("{} of resonant.toml", set->label()),
                        .reason = fmt::format("{} is not in the set of this client", name),
                        .way_out = fmt::format("its owner adds it to `{}` of {} in resonant.toml and starts the kernel anew",
                                               server ? "tools" : "servers", set->label()),
                        .retry_after_s = {}};
}

std::optional<call::Denial> Dispatcher::quarantined(const Work& work) const {
    if (!work.upstream || work.upstream->quarantine.empty()) {
        return std::nullopt;
    }
    const call::UpstreamTool& tool = *work.upstream;
    return call::Denial{.code = "quarantined",
                        .stage = std::string(govern::kRules),
                        .rule = "approved definitions only",
                        .reason = fmt::format("{} of server {} is in quarantine: {}", tool.tool, tool.server, tool.quarantine),
                        .way_out = fmt::format("the owner looks at the difference and approves it: resonant server approve {}",
                                               tool.server),
                        .retry_after_s = {}};
}

// What is wrong with the arguments. Those of a tool whose schema does not compile are its server's business.
std::vector<std::string> Dispatcher::argument_errors(const Work& work) const {
    if (!work.upstream) {
        return schemas_[work.call.contract->id].errors(work.call.arguments);
    }
    return work.upstream->schema ? work.upstream->schema->errors(work.call.arguments) : std::vector<std::string>();
}

// False when the reply is made already.
bool Dispatcher::forward(const Shared& work) {
    if (!reads(work->call)) {
        const Result<std::uint64_t> intent = needs_.ledger.intent(work->call, work->passages);
        if (!intent) {
            settle(*work, govern::Settled::NotRun);
            refuse(*work, govern::Ledger::denial_of(intent.error()));
            return false;
        }
        work->intent = *intent;
    }
    if (!work->call.cancelled) {
        work->call.cancelled = std::make_shared<std::atomic<bool>>(false);
    }
    const std::shared_ptr<call::Call> call(work, &work->call);
    needs_.upstreams->start(call, work->upstream, [this, work](Result<call::UpstreamReply> result) {
        if (!work->intent) {
            receive(*work, std::move(result));
            return;
        }
        // The outcome goes to the disk: not on the thread that reads from servers.
        const auto held = std::make_shared<Result<call::UpstreamReply>>(std::move(result));
        if (!slow_.post([this, work, held] { receive(*work, std::move(*held)); })) {
            receive(*work, std::move(*held));
        }
    });
    return true;
}

void Dispatcher::receive(Work& work, Result<call::UpstreamReply> result) {
    guard(work, [&] { take(work, std::move(result)); });
    reply(work);
}

void Dispatcher::take(Work& work, Result<call::UpstreamReply> result) {
    const bool well = result && !result->error;
    const Nanos took = needs_.clock.monotonic() - work.started;
    if (!work.intent) {
        needs_.ledger.note_read(work.call, well, took);
    } else {
        const govern::Outcome outcome{
            .ok = well,
            .code = result ? (well ? "" : "tool_error") : std::string(name_of(result.error().code)),
            .ring_position = work.ring_position,
            .duration = took};
        if (const auto kept = needs_.ledger.outcome(*work.intent, work.call, outcome); !kept) {
            log().error("ledger: the outcome of entry {} ({}) could not be written: {}", *work.intent,
                        work.call.contract->name, kept.error().message);
        }
    }
    settle(work, result ? govern::Settled::Answered : work.settled_by(result.error().code));
    if (result) {
        work.reply.content = std::move(result->structured);
        work.reply.blocks = std::move(result->blocks);
        work.reply.error = result->error;
        cut_blocks(work);
    } else {
        fail_call(work, result.error());
    }
    // A question back to the caller is neither an answer nor a failure of ours.
    const bool failed = !result && result.error().code != Code::InputRequired;
    finish(work, !failed, failed);
}

// Text beyond the budget of an answer is kept and read on with result.read, as with answers of ours; so is a structured
// answer, in whose place stands where the rest is (call::kCutMember, which listed output schemas allow).
void Dispatcher::cut_blocks(Work& work) const {
    std::size_t room = needs_.answer_bytes_max;
    if (!needs_.keep_answer || work.upstream->method != "tools/call") {
        return;  // a resource or a prompt is read by a program, whole
    }
    const std::string structured = work.reply.content.is_null() ? std::string() : json::dump(work.reply.content);
    std::string structured_id;
    Json more = Json::array();
    const auto tell = [&](std::string words) { more.push_back({{"type", "text"}, {"text", std::move(words)}}); };
    for (Json& block : work.reply.blocks) {
        Json* text = text_in(block);
        if (text == nullptr || text->get_ref<const std::string&>().size() <= room) {
            room -= text == nullptr ? 0 : text->get_ref<const std::string&>().size();
            continue;
        }
        std::string whole = text->get<std::string>();
        const std::size_t total = whole.size();
        const std::string shown(cut_utf8(whole, room));
        const bool same = whole == structured;
        const std::string id = needs_.keep_answer(work.call.caller.principal, std::move(whole));
        structured_id = same ? id : structured_id;
        *text = shown;
        room = 0;
        tell(fmt::format("cut after {} of {} bytes: call result.read with result_id {} and offset {}", shown.size(), total, id,
                         shown.size()));
    }
    if (structured.size() > needs_.answer_bytes_max) {
        if (structured_id.empty()) {
            structured_id = needs_.keep_answer(work.call.caller.principal, structured);
            tell(fmt::format("the structured answer has {} bytes: call result.read with result_id {}", structured.size(),
                             structured_id));
        }
        work.reply.content = {{call::kCutMember,
                               {{"result_id", structured_id},
                                {"total_bytes", structured.size()},
                                {"more", fmt::format("call result.read with result_id {}", structured_id)}}}};
    }
    for (Json& words : more) {
        work.reply.blocks.push_back(std::move(words));
    }
}

}  // namespace resonant::dispatch
