#include "resonant/mcp/tool_client.h"

#include <fmt/core.h>

#include <condition_variable>
#include <future>
#include <mutex>

#include "resonant/mcp/envelope.h"

namespace resonant::mcp {
namespace {

constexpr auto kLook = std::chrono::milliseconds(100);  // how often a waiting tool looks whether it was cancelled

// Where the answer to one question arrives.
struct Waiting {
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<Result<Json>> answer;

    void give(Result<Json> given) {
        const std::lock_guard lock(mutex);
        if (!answer) {
            answer = std::move(given);
        }
        arrived.notify_all();
    }
};

std::string capability_of(const call::Question& question) {
    if (question.method == "elicitation/create") {
        return "elicitation";
    }
    return question.method == "sampling/createMessage" ? "sampling" : "roots";
}

// Modern answers are taken only in the form their question wants, else the question stays open.
bool fits(const call::Question& question, const Json& answer) {
    if (!answer.is_object()) {
        return false;
    }
    const char* member = question.method == "elicitation/create"       ? "action"
                         : question.method == "sampling/createMessage" ? "content"
                                                                       : "roots";
    return answer.contains(member);
}

}  // namespace

bool ToolClient::can(std::string_view capability) const {
    const auto found = place_.capabilities->find(capability);
    return found != place_.capabilities->end() && found->is_object();
}

Status ToolClient::all_can_be_asked(const std::vector<call::Question>& questions) {
    for (const call::Question& question : questions) {
        if (const std::string needed = capability_of(question); !can(needed)) {
            missing_ = needed;
            return fail(Code::Unavailable, fmt::format("this client cannot be asked: it did not declare the capability "
                                                       "`{}`; use one that does, or give the value as an argument",
                                                       needed));
        }
    }
    return {};
}

Result<std::vector<Json>> ToolClient::ask(const std::vector<call::Question>& questions) {
    RESONANT_CHECK(all_can_be_asked(questions));
    if (const std::shared_ptr<Task> as_task = task()) {
        if (place_.loop.in_loop()) {
            return fail(Code::Internal, "a tool that runs on the I/O thread cannot wait for its client");
        }
        return as_task->ask(questions);
    }
    std::vector<Json> results;
    if (!place_.modern) {
        for (const call::Question& question : questions) {
            RESONANT_ASSIGN(Json result, ask_and_wait(question));
            results.push_back(std::move(result));
        }
        return results;
    }
    for (const call::Question& question : questions) {
        const auto known = answers_.find(question.key);
        if (known != answers_.end() && fits(question, *known)) {
            results.push_back(*known);
        } else {
            open_.push_back(question);
        }
    }
    if (!open_.empty()) {
        return fail(Code::InputRequired, fmt::format("{} must be answered first", open_.front().key));
    }
    return results;
}

Result<Json> ToolClient::ask_and_wait(const call::Question& question) {
    if (place_.loop.in_loop()) {
        return fail(Code::Internal, "a tool that runs on the I/O thread cannot wait for its client");
    }
    const auto waiting = std::make_shared<Waiting>();
    place_.loop.post([place = place_, question, waiting] {
        Conversation& talk = *place.conversation;
        if (!place.outlet->reaches() || talk.asked.size() >= kOpenCallsMax) {
            waiting->give(fail(Code::Unavailable, "the client takes no questions on this connection; it must accept "
                                                  "text/event-stream, or use a session"));
            return;
        }
        const std::string id = fmt::format("\"resonant-{}\"", ++talk.last_question);
        talk.asked.emplace(id, [waiting](Result<Json> given) { waiting->give(std::move(given)); });
        place.outlet->send({fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"{}","params":{}}})", id, question.method,
                                        json::dump(question.params)),
                            {}, 0, false});
    });
    std::unique_lock lock(waiting->mutex);
    const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(kAnswerPatience.count);
    while (!waiting->answer) {
        if (place_.cancelled->load(std::memory_order_relaxed)) {
            return fail(Code::Unavailable, "the call was cancelled while the client was asked");
        }
        if (std::chrono::steady_clock::now() > until) {
            return fail(Code::Timeout, fmt::format("the client did not answer {} within {:.0f} s", question.method,
                                                   kAnswerPatience.seconds()));
        }
        waiting->arrived.wait_for(lock, kLook);
    }
    return *waiting->answer;
}

void ToolClient::log(call::LogLevel level, std::string_view logger, const Json& data) {
    const std::optional<call::LogLevel> wanted =
        place_.modern ? place_.log_level
                      : std::optional(place_.conversation->log_level.load(std::memory_order_relaxed));
    if (!wanted || level < *wanted) {
        return;
    }
    const Json note = {{"jsonrpc", "2.0"},
                       {"method", "notifications/message"},
                       {"params", {{"level", call::kLogLevels[static_cast<std::size_t>(level)]},
                                   {"logger", logger},
                                   {"data", data}}}};
    place_.loop.post([outlet = place_.outlet, text = json::dump(note)] { outlet->send({text, {}, 0, false}); });
}

void ToolClient::release(Nanos retry) {
    place_.loop.post([outlet = place_.outlet, retry] { outlet->release(retry); });
}

std::shared_ptr<Task> ToolClient::task() const {
    const std::lock_guard lock(mutex_);
    return task_;
}

void ToolClient::go_on_as(std::shared_ptr<Task> task) {
    const std::lock_guard lock(mutex_);
    task_ = std::move(task);
}

bool ToolClient::become_task(TaskNeed need) {
    if (task()) {
        return true;
    }
    if (!begin_task_) {
        missing_ = need == TaskNeed::Must ? kTasksExtension : "";
        return false;
    }
    if (place_.loop.in_loop()) {
        return begin_task_() != nullptr;
    }
    const auto begun = std::make_shared<std::promise<bool>>();
    std::future<bool> made = begun->get_future();
    place_.loop.post([begin = begin_task_, begun] { begun->set_value(begin() != nullptr); });
    while (made.wait_for(kLook) != std::future_status::ready) {
        if (place_.cancelled->load(std::memory_order_relaxed)) {
            return false;
        }
    }
    return made.get();
}

}  // namespace resonant::mcp
