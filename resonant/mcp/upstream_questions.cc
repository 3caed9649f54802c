// What a server says unasked: changes, progress, logs, and questions in the middle of a call. Calls: upstream_calls.cc.
#include <fmt/core.h>

#include <algorithm>

#include "resonant/mcp/envelope.h"
#include "resonant/mcp/turn.h"
#include "resonant/mcp/upstream.h"

namespace resonant::mcp {
namespace {

constexpr Nanos kParkedPatience = from_seconds(300);  // for a caller to come back with its answer

}  // namespace

// The call that something on the stream belongs to; null when that cannot be told.
Upstream::Held Upstream::attributable(std::uint64_t during) const {
    if (const auto found = pending_.find(during); found != pending_.end()) {
        return found->second->answer ? found->second : nullptr;
    }
    Held newest;
    for (const auto& [id, held] : pending_) {
        if (!held->answer) {
            continue;
        }
        if (newest && (newest->call->caller.principal != held->call->caller.principal ||
                       newest->call->caller.connection != held->call->caller.connection)) {
            return nullptr;
        }
        newest = held;
    }
    return newest;
}

void Upstream::noted(const Envelope& envelope, std::uint64_t during) {
    const Json& params = envelope.params;
    if (envelope.method == "notifications/tools/list_changed") {
        relist_soon("tools");
    } else if (envelope.method == "notifications/resources/list_changed") {
        relist_soon("resources");
    } else if (envelope.method == "notifications/prompts/list_changed") {
        relist_soon("prompts");
    } else if (envelope.method == "notifications/resources/updated" && params.is_object()) {
        if (const std::string uri = text_of(params, "uri"); watched_.contains(uri) && events_.updated) {
            events_.updated(uri);
        }
    } else if (envelope.method == "notifications/progress" && params.is_object()) {
        const Json token = params.value("progressToken", Json());
        const auto found = token.is_number_integer() ? pending_.find(token.get<std::uint64_t>()) : pending_.end();
        if (found == pending_.end() || !found->second->tool || !found->second->call) {
            return;
        }
        const Held held = found->second;
        held->deadline = std::min(needs_.clock.monotonic() + from_seconds(spec_.timeout_s), held->latest);
        if (held->call->progress) {
            const Json done = params.value("progress", Json(0)), total = params.value("total", Json(0));
            held->call->progress(done.is_number() ? done.get<double>() : 0, total.is_number() ? total.get<double>() : 0,
                                 text_of(params, "message").substr(0, 1000));
        }
    } else if (envelope.method == "notifications/message" && params.is_object()) {
        const Held held = attributable(during);
        if (const auto level = log_level_of(text_of(params, "level")); held && level && held->call->client) {
            held->call->client->log(*level, spec_.name + "/" + text_of(params, "logger"), params.value("data", Json()));
        }
    }
}

// A request of a legacy server.
void Upstream::questioned(const Envelope& envelope, std::uint64_t during) {
    const Json id = Json::parse(envelope.id);  // our own text of it
    if (envelope.method == "ping") {
        reply(id, Json::object());
        return;
    }
    const bool elicits = envelope.method == "elicitation/create";
    if (!elicits && envelope.method != "sampling/createMessage") {
        refuse(id, kMethodNotFound, fmt::format("method not found: {}", envelope.method));
        return;
    }
    const Held held = attributable(during);
    if (!held) {
        refuse(id, kInvalidRequest, "it cannot be told whose call this belongs to");
        return;
    }
    if (!held->call->client || !held->call->client->can(elicits ? "elicitation" : "sampling")) {
        refuse(id, kMethodNotFound, fmt::format("the caller cannot be asked: it did not declare the capability {}",
                                                elicits ? "elicitation" : "sampling"));
        return;
    }
    if (++held->rounds > kRoundsMax) {
        refuse(id, kInternalError, fmt::format("{} questions within one call are enough", kRoundsMax));
        return;
    }
    held->asked.push_back({id, {}, {.key = fmt::format("{}-{}", spec_.name, needs_.random.hex(8)),
                                    .method = envelope.method, .params = envelope.params}});
    if (!held->asking) {
        ask_caller(held);
    }
}

// A modern server wants answers before it goes on.
void Upstream::input_required(const Held& held, const Json& result) {
    held->state = result.value("requestState", Json());
    const Json requests = result.value("inputRequests", Json::object());
    if (!requests.is_object() || requests.size() > kRoundsMax || ++held->rounds > kRoundsMax) {
        settle(held, fail(Code::Unavailable, fmt::format("server {} asks without end", spec_.name)));
        return;
    }
    held->asked.clear();
    for (const auto& [key, one] : requests.items()) {
        held->asked.push_back({Json(), key, {.key = fmt::format("{}-{}", spec_.name, needs_.random.hex(8)),
                                             .method = text_of(one, "method"),
                                             .params = one.is_object() ? one.value("params", Json::object()) : Json()}});
    }
    if (held->asked.empty()) {
        Json more = Json::object();
        if (!held->state.is_null()) {
            more["requestState"] = held->state;
        }
        send_call(held, std::move(more));
        return;
    }
    ask_caller(held);
}

void Upstream::ask_caller(const Held& held) {
    const std::vector<Asked> asked = held->asked;
    std::vector<call::Question> questions;
    for (const Asked& one : asked) {
        questions.push_back(one.question);
    }
    if (!held->call->client) {
        caller_answered(held, asked, fail(Code::Unavailable, "this caller cannot be asked"));
        return;
    }
    held->asking = true;
    asking_.push_back(held);
    const bool taken = needs_.elsewhere([this, held, asked, questions, client = held->call->client, &loop = needs_.loop,
                                         alive = std::weak_ptr<int>(alive_)] {
        auto answers = std::make_shared<Result<std::vector<Json>>>(client->ask(questions));
        loop.post([this, held, asked, answers, alive] {
            if (!alive.expired()) {
                caller_answered(held, asked, std::move(*answers));
            }
        });
    });
    if (!taken) {
        caller_answered(held, asked, fail(Code::ResourceExhausted, "too many questions wait for their answers"));
    }
}

void Upstream::caller_answered(const Held& held, const std::vector<Asked>& asked, Result<std::vector<Json>> answers) {
    held->asking = false;
    std::erase(asking_, held);
    held->deadline = needs_.clock.monotonic() + from_seconds(spec_.timeout_s);
    if (held->over) {
        return;
    }
    if (state_ != State::Ready) {
        settle(held, fail(Code::Unavailable, fmt::format("server {} went away while its question was answered", spec_.name)));
        return;
    }
    if (!answers && answers.error().code == Code::InputRequired) {
        park(held);
        return;
    }
    held->asked.erase(held->asked.begin(), held->asked.begin() + static_cast<std::ptrdiff_t>(asked.size()));
    const bool modern = asked.front().id.is_null();
    if (!answers && modern) {
        settle(held, std::unexpected(answers.error()));
        return;
    }
    Json responses = Json::object();
    for (std::size_t i = 0; i < asked.size(); ++i) {
        if (!answers) {
            refuse(asked[i].id, kInternalError, answers.error().message);
        } else if (modern) {
            responses[asked[i].key] = (*answers)[i];
        } else {
            reply(asked[i].id, (*answers)[i]);
        }
    }
    if (modern) {
        Json more = {{"inputResponses", std::move(responses)}};
        if (!held->state.is_null()) {
            more["requestState"] = held->state;
        }
        send_call(held, std::move(more));
    } else if (!held->asked.empty()) {
        ask_caller(held);  // it asked more meanwhile
    }
}

// The caller goes away to find the answer; the call at the server stays as it is.
void Upstream::park(const Held& held) {
    if (parked_.size() >= kParkedMax) {
        for (const Asked& one : held->asked) {
            if (!one.id.is_null()) {
                refuse(one.id, kInternalError, "too many calls wait for answers");
            }
        }
        drop(held, {Code::ResourceExhausted, fmt::format("{} calls of server {} wait for answers already", kParkedMax,
                                                         spec_.name)});
        return;
    }
    held->principal = held->call->caller.principal;
    held->arguments = held->call->arguments;
    held->deadline = needs_.clock.monotonic() + kParkedPatience;
    const call::Upstreams::Done answer = std::exchange(held->answer, {});
    held->call.reset();
    parked_.push_back(held);
    schedule_sweep();
    answer(fail(Code::InputRequired, fmt::format("server {} must be answered first", spec_.name)));
}

// Takes a parked call up when its caller makes it again, with the answer or without: then it is asked once more.
bool Upstream::resume(const std::shared_ptr<const call::UpstreamTool>& tool, std::shared_ptr<call::Call>& call,
                      call::Upstreams::Done& done) {
    const auto found = std::find_if(parked_.begin(), parked_.end(), [&](const Held& held) {
        return held->principal == call->caller.principal && held->tool->tool == tool->tool &&
               held->arguments == call->arguments;
    });
    if (found == parked_.end()) {
        return false;
    }
    const Held held = *found;
    parked_.erase(found);
    held->call = std::move(call);
    held->answer = std::move(done);
    held->deadline = needs_.clock.monotonic() + from_seconds(spec_.timeout_s);
    if (held->early) {
        settle(held, std::move(*held->early));
        return true;
    }
    ask_caller(held);
    return true;
}

}  // namespace resonant::mcp
