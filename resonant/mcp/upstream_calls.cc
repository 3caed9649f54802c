// Requests, calls and their ends. The life of the link: upstream.cc; questions: upstream_questions.cc.
#include <fmt/core.h>

#include <algorithm>

#include "resonant/mcp/conform.h"
#include "resonant/mcp/definition.h"
#include "resonant/mcp/envelope.h"
#include "resonant/mcp/turn.h"
#include "resonant/mcp/upstream.h"

namespace resonant::mcp {
namespace {

constexpr Nanos kSweep = from_millis(50);           // how soon cancellation and time limits are noticed
constexpr Nanos kQueuedBackoff = from_seconds(1);   // a server that is back so soon is waited for

// JSON-RPC's errors as ours: what the caller can mend, and what only the server can.
Error error_of(const Json& error, const std::string& server) {
    const Json code = error.is_object() ? error.value("code", Json(0)) : Json(0);
    const std::string words = error.is_object() ? text_of(error, "message") : std::string();
    const int number = code.is_number_integer() ? code.get<int>() : 0;
    return {number == kMethodNotFound   ? Code::NotFound
            : number == kInternalError  ? Code::Unavailable
                                        : Code::InvalidArgument,
            fmt::format("server {} answered with error {}: {}", server, number, words.substr(0, 1000))};
}

// What headers repeat of the arguments. A schema whose headers are no good was refused with its tool.
std::vector<std::pair<std::string, std::string>> mirrored(const Json& schema, const Json& arguments) {
    std::vector<std::pair<std::string, std::string>> headers;
    const auto named = mirrored_arguments(schema);
    for (const MirroredArgument& one : named ? *named : std::vector<MirroredArgument>()) {
        const Json* value = &arguments;
        for (const std::string& name : one.path) {
            const auto inner = value->is_object() ? value->find(name) : value->end();
            value = value->is_object() && inner != value->end() ? &*inner : nullptr;
            if (value == nullptr) {
                break;
            }
        }
        if (value != nullptr && value->is_primitive() && !value->is_null()) {
            headers.emplace_back(one.header, value->is_string() ? value->get<std::string>() : json::dump(*value));
        }
    }
    return headers;
}

}  // namespace

// Mcp-Name: what is called, read or got.
std::string Upstream::name_in_header(const Pending& held) {
    if (held.tool->method == "tools/call") {
        return held.tool->tool;
    }
    const std::string uri = text_of(held.call->arguments, "uri");
    return uri.empty() ? text_of(held.call->arguments, "name") : uri;
}

std::uint64_t Upstream::request(const std::string& method, Json params, Held held, Nanos patience) {
    const std::uint64_t id = next_id_++;
    held->id = id;
    held->method = method;
    held->deadline = patience.count > 0 ? needs_.clock.monotonic() + patience : Nanos{0};
    params = described(std::move(params), held->call.get());
    Outgoing out{.text = {}, .id = id, .method = method, .name = held->tool ? name_in_header(*held) : std::string(),
                 .version = discovering_ ? std::string(kModernVersion) : version_, .modern = modern_ || discovering_,
                 .headers = {}};
    if (method == "tools/call" && modern_) {
        out.headers = mirrored(held->tool->contract.input_schema, held->call->arguments);
    }
    out.text = fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"{}","params":{}}})", id, method, json::dump(params));
    pending_.emplace(id, std::move(held));
    link_->send(std::move(out));
    schedule_sweep();
    return id;
}

void Upstream::ask_server(const std::string& method, Json params, Nanos patience,
                          std::function<void(Result<Json>)> done) {
    const auto held = std::make_shared<Pending>();
    held->done = std::move(done);
    request(method, std::move(params), held, patience);
}

void Upstream::notify(const std::string& method, Json params) {
    Json note = {{"jsonrpc", "2.0"}, {"method", method}};
    if (params.is_object()) {
        note["params"] = std::move(params);
    }
    link_->send({.text = json::dump(note), .id = 0, .method = method, .name = {}, .version = version_, .modern = modern_,
                 .headers = {}});
}

void Upstream::reply(const Json& id, const Json& result) {
    if (link_) {
        link_->send({.text = json::dump({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}}), .id = 0, .method = {},
                     .name = {}, .version = version_, .modern = modern_, .headers = {}});
    }
}

void Upstream::refuse(const Json& id, int code, const std::string& words) {
    if (link_) {
        link_->send({.text = error_text(json::dump(id), code, words), .id = 0, .method = {}, .name = {},
                     .version = version_, .modern = modern_, .headers = {}});
    }
}

std::size_t Upstream::calls_of(const std::string& principal) const {
    const auto its = [&](const Held& held) { return held->call && held->call->caller.principal == principal; };
    return static_cast<std::size_t>(
        std::count_if(pending_.begin(), pending_.end(), [&](const auto& one) { return its(one.second); }) +
        std::count_if(waiting_.begin(), waiting_.end(), its) +
        std::count_if(asking_.begin(), asking_.end(), [&](const Held& held) { return held->id == 0 && its(held); }));
}

std::size_t Upstream::in_flight() const {
    const auto open = std::count_if(pending_.begin(), pending_.end(), [](const auto& one) { return one.second->tool != nullptr; });
    const auto asked = std::count_if(asking_.begin(), asking_.end(), [](const Held& held) { return held->id == 0; });
    return static_cast<std::size_t>(open + asked);
}

// --- calls ---------------------------------------------------------------------------------------------

void Upstream::call(std::shared_ptr<const call::UpstreamTool> tool, std::shared_ptr<call::Call> call,
                    call::Upstreams::Done done) {
    if (resume(tool, call, done)) {
        return;
    }
    const bool soon = state_ == State::Connecting || (state_ == State::Waiting && backoff_ <= kQueuedBackoff);
    if (state_ != State::Ready && !soon) {
        done(fail(Code::Unavailable, fmt::format("server {} is {}: {}; server.list shows its state", spec_.name,
                                                 state_ == State::Refused ? "refused" : "down",
                                                 last_error_.empty() ? "it was closed" : last_error_)));
        return;
    }
    if (pending_.size() + waiting_.size() + asking_.size() >= kUpstreamCallsMax) {
        done(fail(Code::ResourceExhausted, fmt::format("server {} has {} calls in flight, the limit; wait for one of them",
                                                       spec_.name, kUpstreamCallsMax)));
        return;
    }
    if (pending_.size() + waiting_.size() >= kUpstreamShare && calls_of(call->caller.principal) >= kUpstreamShare) {
        done(fail(Code::ResourceExhausted, fmt::format("{} has {} calls in flight at server {}, its share of {}; wait for "
                                                       "one of them", call->caller.principal, kUpstreamShare, spec_.name,
                                                       kUpstreamCallsMax)));
        return;
    }
    const auto held = std::make_shared<Pending>();
    held->latest = needs_.clock.monotonic() + std::max(from_seconds(spec_.timeout_s), kProgressMost);
    held->tool = std::move(tool);
    held->call = std::move(call);
    held->answer = std::move(done);
    held->deadline = needs_.clock.monotonic() + from_seconds(spec_.timeout_s);
    if (state_ != State::Ready) {
        waiting_.push_back(held);
        schedule_sweep();
        return;
    }
    send_call(held, Json::object());
}

// `more`: inputResponses and requestState of the modern era.
void Upstream::send_call(const Held& held, Json more) {
    Json params = std::move(more);
    if (held->tool->method == "tools/call") {
        params["name"] = held->tool->tool;
        params["arguments"] = held->call->arguments;
    } else {
        params.update(held->call->arguments);
    }
    // The id this request gets. It is asked for whether the caller wants it or not: who tells of it is still at work.
    params["_meta"]["progressToken"] = next_id_;
    if (!held->call->trace.empty()) {
        params["_meta"]["traceparent"] = held->call->trace;
    }
    request(held->tool->method, std::move(params), held, from_seconds(spec_.timeout_s));
}

// The request that an answer is for. Some servers send our number back as a string; an error without an id, of a server
// that could not read it, is the only open request's. 0: it cannot be told.
std::uint64_t Upstream::id_of(const Envelope& envelope) const {
    std::string_view id = envelope.id;
    if (id.size() > 2 && id.front() == '"' && id.back() == '"') {
        id = id.substr(1, id.size() - 2);
    }
    const bool number = !id.empty() && id.size() < 19 && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (id.empty() && envelope.failed && pending_.size() == 1) {
        return pending_.begin()->first;
    }
    return number ? std::stoull(std::string(id)) : 0;
}

void Upstream::message(std::string_view text, std::uint64_t during) {
    Result<Json> parsed = json::parse(text);
    if (!parsed) {
        last_error_ = "a message that is no JSON: " + parsed.error().message;
        return;  // the request's time limit ends the waiting
    }
    if (!parsed->is_array()) {
        *parsed = Json::array({std::move(*parsed)});  // a batch (2025-03-26) of one
    }
    const std::uint64_t generation = generation_;
    heard_at_ = needs_.clock.monotonic();
    for (Json& one : *parsed) {
        Envelope envelope = sort_message(std::move(one));
        if (envelope.kind == Envelope::Kind::Response) {
            const std::uint64_t id = id_of(envelope);
            respond(id, std::move(envelope));
        } else if (envelope.kind == Envelope::Kind::Notification) {
            noted(envelope, during);
        } else if (envelope.kind == Envelope::Kind::Request) {
            questioned(envelope, during);
        }
        if (generation != generation_ || !link_) {
            return;
        }
    }
}

void Upstream::respond(std::uint64_t id, Envelope envelope) {
    const Held held = take(id);
    if (!held) {
        ++strays_;  // it was cancelled, timed out, or is nobody's
        return;
    }
    held->reached = true;
    if (!envelope.failed) {
        answered(held, std::move(envelope.params));
        return;
    }
    const Error error = error_of(envelope.params, spec_.name);
    doubts_session(*held, error.message) ? doubt(held, error) : answered(held, std::unexpected(error));
}

// The open request of that number, which is open no longer; null when there is none.
Upstream::Held Upstream::take(std::uint64_t id) {
    const auto found = pending_.find(id);
    if (found == pending_.end()) {
        return nullptr;
    }
    const Held held = found->second;
    pending_.erase(found);
    held->id = 0;
    if (link_) {
        link_->answered(id);
    }
    return held;
}

void Upstream::refused(std::uint64_t id, const Json& error, int status) {
    const Held held = take(id);
    if (!held) {
        return;
    }
    held->status = status;
    held->reached = true;
    heard_at_ = needs_.clock.monotonic();
    const Error words = error_of(error, spec_.name);
    doubts_session(*held, words.message) ? doubt(held, words) : answered(held, std::unexpected(words));
}

void Upstream::failed(std::uint64_t id, const Error& why, int status) {
    const Held held = take(id);
    if (!held) {
        return;
    }
    held->status = status;
    held->reached = status != 0;
    const Error words{why.code, fmt::format("server {}: {}", spec_.name, why.message)};
    if (doubts_session(*held, why.message)) {
        doubt(held, words);
        return;
    }
    const bool gone = status == 0 && why.code == Code::Unavailable && state_ == State::Ready;
    answered(held, std::unexpected(words));
    if (gone && !spec_.url.empty() && held->tool) {
        lost(why);  // nobody listens there any more: the handshake anew
    }
}

void Upstream::answered(const Held& held, Result<Json> result) {
    if (held->over) {
        return;
    }
    if (held->done) {
        held->over = true;
        held->done(std::move(result));
        return;
    }
    if (!result) {
        settle(held, std::unexpected(result.error()));
        return;
    }
    if (modern_ && result->is_object() && text_of(*result, "resultType") == "input_required") {
        input_required(held, *result);
        return;
    }
    if (held->tool->method != "tools/call") {
        take_other(held, std::move(*result));
        return;
    }
    if (!result->is_object() || (!result->contains("content") && !result->contains("structuredContent"))) {
        settle(held, fail(Code::Unavailable, fmt::format("server {} answered {} with something that is no result",
                                                         spec_.name, held->tool->tool)));
        return;
    }
    call::UpstreamReply reply;
    reply.blocks = result->value("content", Json());
    conform_blocks(reply.blocks);
    reply.structured = result->value("structuredContent", Json());
    if (reply.blocks.empty() && !reply.structured.is_null()) {
        // Clients of before 2025-06-18, and models, read blocks only.
        reply.blocks.push_back({{"type", "text"}, {"text", json::dump(reply.structured)}});
    }
    reply.error = result->value("isError", Json(false)) == Json(true);
    settle(held, std::move(reply));
}

// What came of reading a resource and the like: the result as it is.
void Upstream::take_other(const Held& held, Json result) const {
    const std::string_view method = held->tool->method;
    const char* member = method == "resources/read" ? "contents" : method == "prompts/get" ? "messages" : "completion";
    const auto found = result.is_object() ? result.find(member) : result.end();
    if (!result.is_object() || found == result.end() || !(method == "completion/complete" ? found->is_object() : found->is_array())) {
        settle(held, fail(Code::Unavailable, fmt::format("server {} answered {} with something that is no result",
                                                         spec_.name, method)));
        return;
    }
    call::UpstreamReply reply;
    reply.structured = Json::object();
    for (const char* kept : {member, "description", "ttlMs"}) {
        if (result.contains(kept)) {
            reply.structured[kept] = std::move(result[kept]);
        }
    }
    settle(held, std::move(reply));
}

void Upstream::settle(const Held& held, Result<call::UpstreamReply> reply) {
    if (held->over) {
        return;
    }
    if (!held->answer) {
        held->early = std::move(reply);  // parked: it is given when the caller comes back
        return;
    }
    held->over = true;
    const call::Upstreams::Done answer = std::exchange(held->answer, {});
    answer(std::move(reply));
}

// Nobody waits for it any more: the server is told, the caller gets `why`.
void Upstream::drop(const Held& held, const Error& why) {
    if (const std::uint64_t id = std::exchange(held->id, 0); id != 0 && link_) {
        pending_.erase(id);
        link_->abandon(id);
        if (held->tool && !(modern_ && link_->kind() == "http")) {
            notify("notifications/cancelled", {{"requestId", id}, {"reason", why.message}});
        }
    }
    answered(held, std::unexpected(why));
}

void Upstream::schedule_sweep() {
    if (std::exchange(sweeping_, true)) {
        return;
    }
    needs_.loop.after(kSweep, [this, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired()) {
            sweeping_ = false;
            sweep();
        }
    });
}

void Upstream::sweep() {
    const Nanos now = needs_.clock.monotonic();
    std::vector<Held> all = waiting_;
    for (const auto& [id, held] : pending_) {
        all.push_back(held);
    }
    for (const Held& held : all) {
        const bool late = held->deadline.count > 0 && now > held->deadline && !held->asking;
        if (held->call && held->call->is_cancelled()) {
            drop(held, {Code::Conflict, "the call was cancelled by its caller"});
        } else if (late && held->answer) {
            drop(held, {Code::Timeout, fmt::format("server {} did not answer {} within {:g} s (timeout_s), nor tell of "
                                                   "progress", spec_.name, held->tool->tool, spec_.timeout_s)});
        } else if (late && held->done && version_.empty()) {
            drop(held, {Code::Timeout, fmt::format("server {} did not answer {} within {:g} s; give it longer to start with "
                                                   "start_timeout_s (server add --start-timeout)", spec_.name, held->method,
                                                   spec_.start_timeout_s)});
        } else if (late && held->done) {
            drop(held, {Code::Timeout, fmt::format("server {} did not answer {} in time", spec_.name, held->method)});
        }
    }
    for (const Held& held : std::vector<Held>(parked_)) {
        if (now > held->deadline) {
            std::erase(parked_, held);
            for (const Asked& one : held->asked) {
                if (!one.id.is_null()) {
                    refuse(one.id, kInternalError, "the caller did not come back with an answer");
                }
            }
            drop(held, {Code::Timeout, "the caller did not come back with an answer"});
        }
    }
    std::erase_if(waiting_, [](const Held& held) { return held->over; });
    if (!pending_.empty() || !waiting_.empty() || !parked_.empty()) {
        schedule_sweep();
    }
}

}  // namespace resonant::mcp
