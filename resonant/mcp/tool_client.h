// A ToolClient is the client of one call as the tool sees it. In the legacy eras it sends a request and
// waits; in the modern one it answers from what came with the call, and notes what is still open.
//
// Threads: ask(), log(), release() and become_task() from the tool's thread; the rest on the loop's.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "resonant/call/client.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/tasks.h"

namespace resonant::mcp {

inline constexpr Nanos kAnswerPatience = from_seconds(300);
inline constexpr const char* kTasksExtension = "io.modelcontextprotocol/tasks";

enum class TaskNeed : std::uint8_t { Can, Must };

class ToolClient final : public call::Client {
  public:
    struct Place {
        net::Loop& loop;
        std::shared_ptr<Conversation> conversation;
        std::shared_ptr<Outlet> outlet;
        std::shared_ptr<std::atomic<bool>> cancelled;
        bool modern = false;
        std::shared_ptr<const Json> capabilities;      // of the client
        std::optional<call::LogLevel> log_level = {};  // none: no logs are wanted
    };
    // `answers`: results by key that came with the call; modern only.
    ToolClient(Place place, Json answers) : place_(std::move(place)), answers_(std::move(answers)) {}

    bool can(std::string_view capability) const override;
    Result<std::vector<Json>> ask(const std::vector<call::Question>& questions) override;
    void log(call::LogLevel level, std::string_view logger, const Json& data) override;
    void release(Nanos retry) override;
    // Goes on as a task: the client gets a handle now and asks for the answer later; ask() then waits for it.
    // False when the client knows no tasks: the call goes on as it was, or, with TaskNeed::Must, ends with an
    // error and the client is told what it would need. Calls that take long become tasks by themselves.
    bool become_task(TaskNeed need);

    // `begin` makes a task of this call, on the loop; null when that is not possible (any more). Before the
    // tool runs.
    void allow_task(std::function<std::shared_ptr<Task>()> begin) { begin_task_ = std::move(begin); }
    bool can_become_task() const { return static_cast<bool>(begin_task_); }
    // Any thread; null as long as the call is none.
    std::shared_ptr<Task> task() const;
    void go_on_as(std::shared_ptr<Task> task);

    // After the tool has ended: what it still wants to know, and what the client would have to be able to do.
    const std::vector<call::Question>& open() const { return open_; }
    const std::string& missing() const { return missing_; }
    const Json& answers() const { return answers_; }

  private:
    Result<Json> ask_and_wait(const call::Question& question);
    // Whether the client declared what these need; else missing_ says what.
    Status all_can_be_asked(const std::vector<call::Question>& questions);

    const Place place_;
    const Json answers_;
    std::vector<call::Question> open_;
    std::string missing_;
    std::function<std::shared_ptr<Task>()> begin_task_;
    mutable std::mutex mutex_;
    std::shared_ptr<Task> task_;  // under mutex_
};

}  // namespace resonant::mcp
