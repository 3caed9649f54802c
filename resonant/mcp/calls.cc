// Calls: how one reaches the door, talks to its client on the way, and comes back.
#include <fmt/core.h>

#include <utility>

#include "resonant/mcp/render.h"
#include "resonant/base/log.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/turn.h"

namespace resonant::mcp {

// What a requestState is bound to: caller, method, and what was asked for.
std::string Server::bound_of(const Turn& turn) const {
    Json asked = turn.params;
    for (const char* varying : {"_meta", "inputResponses", "requestState"}) {
        asked.erase(varying);
    }
    return fmt::format("{}\n{}\n{}", turn.conversation->caller.principal, turn.method, json::canonical(asked));
}

// Gives the turn a client to ask and tell. False when what came along is not acceptable: it is answered.
bool Server::prepare_client(Turn& turn) {
    Json answers = Json::object();
    std::shared_ptr<const Json> capabilities = turn.conversation->capabilities;
    std::optional<call::LogLevel> level;
    if (turn.modern) {
        capabilities = std::make_shared<const Json>(turn.meta().value(kMetaCapabilities, Json::object()));
        level = log_level_of(text_of(turn.meta(), kMetaLogLevel));
        const auto state = turn.params.find("requestState");
        if (state != turn.params.end()) {
            const auto held = state->is_string()
                                  ? state_.open(state->get_ref<const std::string&>(), bound_of(turn), clock_.wall())
                                  : resonant::fail(Code::InvalidArgument, "requestState is a string");
            if (!held) {
                turn.fail(kInvalidParams, held.error().message);
                return false;
            }
            answers = *held;
        }
        const auto responses = turn.params.find("inputResponses");
        if (responses != turn.params.end() && !responses->is_object()) {
            turn.fail(kInvalidParams, fmt::format("inputResponses must be an object, not {}", responses->type_name()));
            return false;
        }
        if (responses != turn.params.end()) {
            answers.update(*responses);
        }
    }
    ToolClient::Place place{.loop = loop_, .conversation = turn.conversation, .outlet = turn.outlet,
                            .cancelled = turn.cancelled, .modern = turn.modern, .capabilities = std::move(capabilities),
                            .log_level = level};
    const bool tasks = turn.modern && knows_tasks(*place.capabilities) && turn.method == "tools/call";
    turn.client = std::make_shared<ToolClient>(std::move(place), std::move(answers));
    if (tasks) {
        allow_task(turn);
    }
    return true;
}

// Whether the answer is a question: then it is sent.
bool Server::asks_back(const Turn& turn) {
    if (!turn.client || !turn.modern) {
        return false;
    }
    if (const std::string& missing = turn.client->missing(); !missing.empty()) {
        turn.fail(kMissingCapability,
                  fmt::format("{} needs a client with the capability {}, which this one did not declare", turn.method, missing),
                  {{"requiredCapabilities", missing == kTasksExtension
                                                ? Json{{"extensions", {{missing, Json::object()}}}}
                                                : Json{{missing, Json::object()}}}});
        return true;
    }
    if (turn.client->open().empty()) {
        return false;
    }
    Json questions = Json::object();
    for (const call::Question& question : turn.client->open()) {
        questions[question.key] = {{"method", question.method}, {"params", question.params}};
    }
    const std::string state = state_.seal(turn.client->answers(), bound_of(turn), clock_.wall());
    turn.succeed(json::dump({{"resultType", "input_required"}, {"inputRequests", questions}, {"requestState", state}}));
    return true;
}

void Server::call(Turn turn) {
    call::Request request;
    request.tool = text_of(turn.params, "name");
    if (request.tool.empty()) {
        turn.fail(kInvalidParams, "tools/call needs name, a string");
        return;
    }
    request.arguments = Json::object();
    if (const auto arguments = turn.params.find("arguments"); arguments != turn.params.end()) {
        if (!arguments->is_object()) {
            turn.fail(kInvalidParams, fmt::format("arguments must be an object, not {}",
                                                  arguments->type_name()));
            return;
        }
        request.arguments = std::move(*arguments);
    }
    if (turn.conversation->refused && turned_away(turn, request)) {
        return;
    }
    submit(std::move(turn), std::move(request), &Server::finish);
}

void Server::identify(const Turn& turn, call::Request& request) const {
    request.caller = turn.conversation->caller;
    if (turn.modern) {
        const auto client = turn.meta().find(kMetaClient);
        if (client != turn.meta().end() && client->is_object()) {
            request.caller.client = text_of(*client, "name").substr(0, 200);
        }
        // It says its name with each request; a pipe has one client for its life.
        if (std::string& known = turn.conversation->caller.client; known.empty() && request.caller.connection != 0) {
            known = request.caller.client;
            log().info("attached: client '{}', {} by stdio, protocol {}", known, request.caller.principal, kModernVersion);
        }
    }
    request.trace = text_of(turn.meta(), "traceparent");
}

// Denials come in floods. Whose last call was denied is looked at before anything is made for the next one, and
// what a denial leaves to be done is done once the answer is out. False: the call has to go in.
bool Server::turned_away(const Turn& turn, call::Request& request) {
    if (options_.doorkeeper == nullptr || turn.params.contains("requestState") || turn.params.contains("inputResponses")) {
        return false;
    }
    identify(turn, request);
    std::optional<dispatch::Refusal> refusal = options_.doorkeeper->turn_away(request);
    turn.conversation->refused = refusal.has_value();
    if (refusal) {
        turn.succeed(call_result(refusal->reply, render_options(turn)));
        loop_.post(std::move(refusal->books));
    }
    return refusal.has_value();
}

RenderOptions Server::render_options(const Turn& turn) {
    const std::string& version = turn.conversation->version;
    return {.modern = turn.modern, .structured = version != "2024-11-05" && version != "2025-03-26"};
}

void Server::submit(Turn turn, call::Request request, void (Server::*then)(const Turn&, const call::Reply&)) {
    Conversation& conversation = *turn.conversation;
    if (conversation.open.size() >= kOpenCallsMax) {
        turn.fail(kInternalError, fmt::format("{} calls are running already; wait for one of them",
                                              kOpenCallsMax));
        return;
    }
    // On HTTP a modern client cancels by going away; everybody else says so.
    turn.cancelled = turn.modern && turn.arrival.gone ? turn.arrival.gone
                                                      : std::make_shared<std::atomic<bool>>(false);
    if (!prepare_client(turn)) {
        return;
    }
    identify(turn, request);
    request.progress = progress_of(turn);
    request.cancelled = turn.cancelled;
    request.client = turn.client;
    conversation.open.emplace(turn.id, turn.cancelled);
    net::Loop& loop = loop_;
    begin_task_later(turn);
    door_.submit(std::move(request), [this, turn = std::move(turn), &loop, then,
                                      alive = std::weak_ptr<int>(alive_)](call::Reply reply) {
        if (loop.in_loop()) {
            if (!alive.expired()) {
                (this->*then)(turn, reply);
            }
            return;
        }
        loop.post([this, turn, alive, then, reply = std::move(reply)] {
            if (!alive.expired()) {
                (this->*then)(turn, reply);
            }
        });
    });
}

// Whether somebody still waits for this answer; it is no longer open afterwards.
bool Server::settle(const Turn& turn) {
    if (turn.conversation->open.erase(turn.id) == 0 && !turn.arrival.http) {
        return false;  // the client went away; a POST waits for its answer even when its session was ended
    }
    if (!turn.arrival.http && turn.cancelled->load(std::memory_order_relaxed)) {
        turn.outlet->withdrawn(turn.id);
        return false;
    }
    return true;
}

std::function<void(double, double, const std::string&)> Server::progress_of(const Turn& turn) {
    const auto token = turn.meta().find("progressToken");
    if (token == turn.meta().end() || (!token->is_string() && !token->is_number_integer())) {
        return {};
    }
    return [&loop = loop_, alive = std::weak_ptr<int>(alive_), talk = turn.conversation, id = turn.id,
            outlet = turn.outlet, token = *token](double done, double total, const std::string& words) {
        Json params = {{"progressToken", token}, {"progress", done}};
        if (total > 0) {
            params["total"] = total;
        }
        if (!words.empty()) {
            params["message"] = words;
        }
        const Json note = {
            {"jsonrpc", "2.0"}, {"method", "notifications/progress"}, {"params", std::move(params)}};
        loop.post([alive, talk, id, outlet, text = json::dump(note)] {
            if (!alive.expired() && talk->open.contains(id)) {
                outlet->send({text, {}, 0, false});
            }
        });
    };
}

void Server::finish(const Turn& turn, const call::Reply& reply) {
    if (const std::shared_ptr<Task> task = turn.client->task()) {
        finish_task(*task, turn, reply);
        return;
    }
    if (!settle(turn) || asks_back(turn)) {
        return;
    }
    const std::string name = text_of(turn.params, "name");
    if (reply.error && reply.tool.empty() && catalogue_.find(name) == nullptr &&
        catalogue_.find_family(name) < 0) {
        // No such tool at all: the protocol's error, with what the dispatcher knows of its neighbours.
        turn.fail(kInvalidParams, fmt::format("Unknown tool: {}", shown(name)), body_of(reply));
        return;
    }
    turn.conversation->refused = reply.denial.has_value();
    turn.succeed(call_result(reply, render_options(turn)));
}

}  // namespace resonant::mcp
