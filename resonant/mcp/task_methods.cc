// Calls that go on as tasks, and what a client may ask about them.
#include <fmt/core.h>

#include "resonant/base/log.h"
#include "resonant/mcp/client_records.h"
#include "resonant/mcp/render.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/tasks.h"
#include "resonant/mcp/turn.h"

namespace resonant::mcp {

bool knows_tasks(const Json& capabilities) {
    const auto extensions = capabilities.find("extensions");
    return extensions != capabilities.end() && extensions->is_object() && extensions->contains(kTasksExtension);
}

std::size_t Server::tasks_held() const { return tasks_->held(); }

// Answers the call with a handle. Null when it was answered or cancelled already, or a limit is reached.
std::shared_ptr<Task> Server::begin_task(const Turn& turn) {
    if (!turn.conversation->open.contains(turn.id)) {
        return nullptr;
    }
    std::shared_ptr<Task> task = tasks_->begin(turn.conversation->caller.principal, turn.cancelled);
    if (!task) {
        return nullptr;
    }
    turn.conversation->open.erase(turn.id);
    turn.client->go_on_as(task);
    Json handle = task->describe(false);
    if (options_.task_records != nullptr) {
        const Json record = {{"principal", task->principal()}, {"created", handle["createdAt"]}, {"kernel", started_.count}};
        if (const Status kept = options_.task_records->put(task->id(), json::dump(record)); !kept) {
            log().warn("task {}: the next kernel will not know it: {}", task->id(), kept.error().message);
        }
    }
    handle["resultType"] = "task";
    turn.succeed(json::dump(handle));
    return task;
}

// The client holds the way back to this turn, and the turn the client: one of the two weakly.
void Server::allow_task(const Turn& turn) {
    Turn again = turn;
    again.client.reset();
    turn.client->allow_task([this, again = std::move(again), client = std::weak_ptr<ToolClient>(turn.client),
                             alive = std::weak_ptr<int>(alive_)]() -> std::shared_ptr<Task> {
        Turn now = again;
        now.client = client.lock();
        return alive.expired() || !now.client ? nullptr : begin_task(now);
    });
}

// A call that takes long becomes a task by itself.
void Server::begin_task_later(const Turn& turn) {
    if (!turn.client->can_become_task()) {
        return;
    }
    loop_.after(kTaskAfter, [client = std::weak_ptr<ToolClient>(turn.client)] {
        if (const auto still = client.lock()) {
            still->become_task(TaskNeed::Can);
        }
    });
}

void Server::finish_task(Task& task, const Turn& turn, const call::Reply& reply) {
    const auto error = reply.content.is_object() ? reply.content.find("error") : reply.content.end();
    if (reply.error && error != reply.content.end() && error->is_object() &&
        text_of(*error, "code") == name_of(Code::Internal)) {
        task.fail(kInternalError, text_of(*error, "message"));
        return;
    }
    Result<Json> result = json::parse(call_result(reply, {.modern = turn.modern, .structured = true}));
    if (!result) {
        task.fail(kInternalError, result.error().message);
        return;
    }
    task.complete(std::move(*result), reply.error);
}

// Whether the task asked about ended with an earlier kernel: then it is answered as one that failed.
bool Server::answer_lost_task(const Turn& turn) {
    const std::string id = text_of(turn.params, "taskId");
    const auto text = options_.task_records == nullptr || id.empty() ? std::nullopt : options_.task_records->find(id);
    const Result<Json> record = text ? json::parse(*text) : Json();
    if (!record || !record->is_object() || text_of(*record, "principal") != turn.conversation->caller.principal ||
        record->value("kernel", Json()) == Json(started_.count)) {
        return false;
    }
    Json result = turn.method == "tasks/get" ? lost_task(id, text_of(*record, "created"), started_) : Json::object();
    result["resultType"] = "complete";
    turn.succeed(json::dump(result));
    return true;
}

// tasks/get, tasks/update and tasks/cancel. False for any other method.
bool Server::task_method(const Turn& turn) {
    if (turn.method != "tasks/get" && turn.method != "tasks/update" && turn.method != "tasks/cancel") {
        return false;
    }
    if (!knows_tasks(turn.meta().value(kMetaCapabilities, Json::object()))) {
        turn.fail(kMissingCapability,
                  fmt::format("{} needs a client that declares the extension {}", turn.method, kTasksExtension),
                  {{"requiredCapabilities", {{"extensions", {{kTasksExtension, Json::object()}}}}}});
        return true;
    }
    const std::shared_ptr<Task> task =
        tasks_->find(text_of(turn.params, "taskId"), turn.conversation->caller.principal);
    if (!task && answer_lost_task(turn)) {
        return true;
    }
    if (!task) {
        turn.fail(kInvalidParams, fmt::format("{} needs taskId, the id of a task of yours that is kept", turn.method));
        return true;
    }
    Json result = Json::object();
    if (turn.method == "tasks/get") {
        result = task->describe(true);
    } else if (turn.method == "tasks/cancel") {
        task->cancel();
    } else {
        const auto answers = turn.params.find("inputResponses");
        if (answers == turn.params.end() || !answers->is_object()) {
            turn.fail(kInvalidParams, "tasks/update needs inputResponses, an object");
            return true;
        }
        task->update(*answers);
    }
    result["resultType"] = "complete";
    turn.succeed(json::dump(result));
    return true;
}

}  // namespace resonant::mcp
