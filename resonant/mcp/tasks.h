// Tasks are calls that are answered later: the client got a handle and asks with it (extension
// io.modelcontextprotocol/tasks of the modern era). A Task is one of them; Tasks is the table of all.
//
// Threads: a Task's questions are asked from its tool's thread and answered on the loop's; everything else,
// and all of Tasks, on the loop's thread.
//
// Invariants:
//   (1) A task is found from the moment its handle goes out until kTaskLife after it ended, by the principal
//       that began it; for everybody else it does not exist.
//   (2) At most kTasksMax are held, kTasksEachMax of one principal; beyond that a call is answered as a call.
//   (3) What a task ended as does not change any more.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/base/random.h"
#include "resonant/call/client.h"

namespace resonant::mcp {

inline constexpr std::size_t kTasksMax = 1024;
inline constexpr std::size_t kTasksEachMax = 256;
inline constexpr Nanos kTaskLife = from_seconds(600);     // after its end
inline constexpr Nanos kTaskPatience = from_seconds(3600);  // for the client's answer to a question
inline constexpr Nanos kTaskPoll = from_millis(500);      // how often a client shall ask

class Task {
  public:
    enum class State : std::uint8_t { Working, InputRequired, Completed, Failed, Cancelled };

    Task(std::string id, std::string principal, std::shared_ptr<std::atomic<bool>> cancelled, Clock& clock);
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;

    const std::string& id() const { return id_; }
    const std::string& principal() const { return principal_; }
    bool ended() const;
    Nanos changed_at() const;

    // From the tool's thread: asks, and waits for tasks/update. Unavailable when the task was cancelled.
    Result<std::vector<Json>> ask(const std::vector<call::Question>& questions);
    // Takes answers to open questions; others are ignored.
    void update(const Json& answers);
    void cancel();
    // The end. `result` and `error` are objects of the protocol; one of them.
    void complete(Json result, bool failed_after_cancel);
    void fail(int code, std::string_view words);

    // The members of a task on the wire; `detailed` with its result, error or questions.
    Json describe(bool detailed) const;

  private:
    void enter(State state);

    const std::string id_;
    const std::string principal_;
    const std::shared_ptr<std::atomic<bool>> cancelled_;
    Clock& clock_;
    mutable std::mutex mutex_;
    std::condition_variable answered_;
    State state_ = State::Working;
    Nanos created_{};        // wall clock
    Nanos changed_{};        // wall clock
    Nanos changed_at_{};     // monotonic
    std::vector<call::Question> open_;
    Json answers_ = Json::object();
    Json outcome_;           // result or error
};

// What tasks/get says of a task that ended with the kernel that ran it, before `lost` (wall clock).
Json lost_task(std::string_view id, std::string_view created, Nanos lost);

class Tasks {
  public:
    Tasks(Clock& clock, Random& random) : clock_(clock), random_(random) {}
    Tasks(const Tasks&) = delete;
    Tasks& operator=(const Tasks&) = delete;

    // Null when a limit is reached.
    std::shared_ptr<Task> begin(const std::string& principal, std::shared_ptr<std::atomic<bool>> cancelled);
    // Null when it is not there or somebody else's.
    std::shared_ptr<Task> find(const std::string& id, const std::string& principal);
    // Tasks that run or may still be asked for.
    std::size_t held();

  private:
    void forget_old();

    Clock& clock_;
    Random& random_;
    std::unordered_map<std::string, std::shared_ptr<Task>> tasks_;
};

}  // namespace resonant::mcp
