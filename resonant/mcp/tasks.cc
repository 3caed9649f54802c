#include "resonant/mcp/tasks.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>

#include "resonant/mcp/envelope.h"

namespace resonant::mcp {

namespace {

constexpr auto kLook = std::chrono::milliseconds(100);  // how often a waiting tool looks whether it was cancelled

std::string_view name_of(Task::State state) {
    switch (state) {
        case Task::State::Working: return "working";
        case Task::State::InputRequired: return "input_required";
        case Task::State::Completed: return "completed";
        case Task::State::Failed: return "failed";
        case Task::State::Cancelled: return "cancelled";
    }
    return "working";
}

// "2026-07-28T12:00:00.123Z"
std::string time_text(Nanos wall) {
    const std::time_t seconds = wall.count / 1'000'000'000;
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds), wall.count / 1'000'000 % 1'000);
}

}  // namespace

Task::Task(std::string id, std::string principal, std::shared_ptr<std::atomic<bool>> cancelled, Clock& clock)
    : id_(std::move(id)),
      principal_(std::move(principal)),
      cancelled_(std::move(cancelled)),
      clock_(clock),
      created_(clock.wall()),
      changed_(created_),
      changed_at_(clock.monotonic()) {}

void Task::enter(State state) {
    state_ = state;
    changed_ = clock_.wall();
    changed_at_ = clock_.monotonic();
}

bool Task::ended() const {
    const std::lock_guard lock(mutex_);
    return state_ > State::InputRequired;
}

Nanos Task::changed_at() const {
    const std::lock_guard lock(mutex_);
    return changed_at_;
}

Result<std::vector<Json>> Task::ask(const std::vector<call::Question>& questions) {
    std::unique_lock lock(mutex_);
    open_ = questions;
    enter(State::InputRequired);
    const Nanos until = clock_.monotonic() + kTaskPatience;
    while (!open_.empty()) {
        if (cancelled_->load(std::memory_order_relaxed)) {
            return resonant::fail(Code::Unavailable, "the task was cancelled while its client was asked");
        }
        if (clock_.monotonic() > until) {
            return resonant::fail(Code::Timeout, fmt::format("the client did not answer {} within {:.0f} s",
                                                             open_.front().key, kTaskPatience.seconds()));
        }
        answered_.wait_for(lock, kLook);
    }
    enter(State::Working);
    std::vector<Json> results;
    for (const call::Question& question : questions) {
        results.push_back(answers_[question.key]);
    }
    return results;
}

void Task::update(const Json& answers) {
    const std::lock_guard lock(mutex_);
    std::erase_if(open_, [&](const call::Question& question) {
        const auto found = answers.find(question.key);
        if (found == answers.end() || !found->is_object()) {
            return false;
        }
        answers_[question.key] = *found;
        return true;
    });
    answered_.notify_all();
}

void Task::cancel() {
    const std::lock_guard lock(mutex_);
    if (state_ <= State::InputRequired) {
        cancelled_->store(true, std::memory_order_relaxed);
        answered_.notify_all();
    }
}

void Task::complete(Json result, bool failed_after_cancel) {
    const std::lock_guard lock(mutex_);
    const bool stopped = failed_after_cancel && cancelled_->load(std::memory_order_relaxed);
    outcome_ = stopped ? Json() : std::move(result);
    enter(stopped ? State::Cancelled : State::Completed);
}

void Task::fail(int code, std::string_view words) {
    const std::lock_guard lock(mutex_);
    outcome_ = {{"code", code}, {"message", words}};
    enter(State::Failed);
}

Json Task::describe(bool detailed) const {
    const std::lock_guard lock(mutex_);
    Json task = {{"taskId", id_},
                 {"status", name_of(state_)},
                 {"createdAt", time_text(created_)},
                 {"lastUpdatedAt", time_text(changed_)},
                 {"ttlMs", kTaskLife.count / 1'000'000},
                 {"pollIntervalMs", kTaskPoll.count / 1'000'000}};
    if (detailed && state_ == State::Completed) {
        task["result"] = outcome_;
    } else if (detailed && state_ == State::Failed) {
        task["error"] = outcome_;
    } else if (detailed && state_ == State::InputRequired) {
        for (const call::Question& question : open_) {
            task["inputRequests"][question.key] = {{"method", question.method}, {"params", question.params}};
        }
    }
    return task;
}

Json lost_task(std::string_view id, std::string_view created, Nanos lost) {
    return {{"taskId", id},
            {"status", name_of(Task::State::Failed)},
            {"createdAt", created},
            {"lastUpdatedAt", time_text(lost)},
            {"ttlMs", kTaskLife.count / 1'000'000},
            {"pollIntervalMs", kTaskPoll.count / 1'000'000},
            {"error", {{"code", kInternalError},
                       {"message", fmt::format("the task and its result were lost with the kernel that ran it, which ended "
                                               "before {}; what was done until then stands in the ledger; look, and call again",
                                               time_text(lost))}}}};
}

void Tasks::forget_old() {
    const Nanos now = clock_.monotonic();
    std::erase_if(tasks_, [&](const auto& one) {
        return one.second->ended() && (now - one.second->changed_at()).count > kTaskLife.count;
    });
}

std::shared_ptr<Task> Tasks::begin(const std::string& principal, std::shared_ptr<std::atomic<bool>> cancelled) {
    forget_old();
    const auto theirs = std::count_if(tasks_.begin(), tasks_.end(),
                                      [&](const auto& one) { return one.second->principal() == principal; });
    if (tasks_.size() >= kTasksMax || static_cast<std::size_t>(theirs) >= kTasksEachMax) {
        return nullptr;
    }
    auto task = std::make_shared<Task>(random_.hex(16), principal, std::move(cancelled), clock_);
    tasks_.emplace(task->id(), task);
    return task;
}

std::shared_ptr<Task> Tasks::find(const std::string& id, const std::string& principal) {
    forget_old();
    const auto found = tasks_.find(id);
    return found == tasks_.end() || found->second->principal() != principal ? nullptr : found->second;
}

std::size_t Tasks::held() {
    forget_old();
    return tasks_.size();
}

}  // namespace resonant::mcp
