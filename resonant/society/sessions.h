// Sessions are named stretches of work that outlive a connection and a kernel: goals, restore
// points, the memories stored during them, and how they ended.
//
// Threads: any. Everything is durable when it returns.
//
// Invariants:
//   (1) A session belongs to one principal; others get NotFound, so that ids cannot be probed. A
//   handoff
//       changes the owner and nothing else.
//   (2) An ended session is never changed again, except by resuming it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/json/json.h"
#include "resonant/sql/database.h"

namespace resonant::society {

struct Session {
    std::int64_t id = 0;  // on the wire "s7"
    std::string name;
    std::vector<std::string> goals, tags;
    std::string tier = "normal";  // brief|normal|deep: how much resume tells
    std::string status = "open";  // open|ended
    std::string principal;
    std::string summary;
    std::uint64_t memory = 0;  // the summary's memory, 0 when there is none
    std::int64_t created_ns = 0, updated_ns = 0;
};

struct Checkpoint {
    std::int64_t id = 0;  // on the wire "c3"
    std::string name, note;
    Json state;
    std::int64_t at_ns = 0;
};

// "s7" for ('s', 7), and back; nullopt for anything else.
std::string wire_id(char kind, std::int64_t id);
std::optional<std::int64_t> parse_id(char kind, std::string_view text);

class Sessions {
  public:
    static constexpr std::size_t kConnectionsMax = 4096;

    // Creates its tables when absent.
    static Result<std::unique_ptr<Sessions>> open(sql::Database& database, Clock& clock);
    Sessions(const Sessions&) = delete;
    Sessions& operator=(const Sessions&) = delete;

    Result<Session> start(const Session& session);
    Result<Session> find(std::int64_t id, const std::string& principal);
    // Newest first; `before` is the id the page starts below (0: the newest). status:
    // open|ended|all.
    Result<std::vector<Session>> list(const std::string& status, std::size_t limit,
                                      std::int64_t before, const std::string& principal);
    // Opens it again when it was ended.
    Result<Session> resume(std::int64_t id, const std::string& principal);
    Status end(std::int64_t id, const std::string& summary, std::uint64_t memory,
               const std::string& principal);
    Status hand_over(std::int64_t id, const std::string& principal);

    Result<Checkpoint> checkpoint(std::int64_t id, const std::string& name, const std::string& note,
                                  const Json& state, const std::string& principal);
    // Newest first.
    Result<std::vector<Checkpoint>> checkpoints(std::int64_t id, std::size_t limit,
                                                const std::string& principal);

    // The session that calls of a connection mean when they name none; 0 forgets it. In memory
    // only, for the newest kConnectionsMax connections.
    void set_current(std::uint64_t connection, std::int64_t id);
    std::int64_t current(std::uint64_t connection) const;

    // Notes that a memory was stored during the session.
    Status remember(std::int64_t id, std::uint64_t memory, const std::string& principal);
    Result<std::vector<std::uint64_t>> memories(std::int64_t id, std::size_t limit,
                                                const std::string& principal);

  private:
    Sessions(sql::Database& database, Clock& clock) : database_(database), clock_(clock) {}
    sql::Database& database_;
    Clock& clock_;
    mutable std::mutex mutex_;
    std::map<std::uint64_t, std::int64_t> current_;  // connection -> session
};

}  // namespace resonant::society
