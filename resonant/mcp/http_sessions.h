// HttpSessions are the sessions of the legacy era over HTTP, and the event streams of HTTP calls: begun by initialize,
// taken up again by their id, also from an earlier kernel, kept for clients that come back for what they missed.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) A session is bound to the principal that began it; for everybody else it does not exist.
//   (2) At most Options::max sessions; kStreamsKept streams of each, kReplayBytesMax of messages in all. When a newcomer finds
//       them all taken, the one idle longest is parked if nobody uses it: no stream is read, no call runs, and it was
//       silent for kSessionIdle. Else the newcomer is refused. A parked session goes on with its next request, as
//       after a restart of the kernel; what is lost are messages kept for a client that comes back.
//   (3) A session that was ended stays ended, though its id could be known again (SessionIds).
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/base/random.h"
#include "resonant/mcp/event_stream.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/session_ids.h"
#include "resonant/net/loop.h"

namespace resonant::mcp {

inline constexpr std::size_t kSessionsMax = 16'384;
inline constexpr Nanos kSessionIdle = from_seconds(60);
inline constexpr Nanos kSessionRetry = from_seconds(30);  // when a newcomer who was refused may try again
inline constexpr std::size_t kParkedSessionsMax = 4 * kSessionsMax;
inline constexpr std::size_t kReplayBytesMax = 64 * 1024 * 1024;
inline constexpr std::size_t kStreamsKept = 32;           // of one session, for clients that come back
inline constexpr Nanos kCommentEvery = from_seconds(15);  // on every open stream

class HttpSessions {
  public:
    class Standing;
    struct Session {
        std::shared_ptr<Conversation> conversation;
        Nanos used{};
        std::shared_ptr<Standing> standing;
        std::vector<std::pair<std::uint64_t, std::shared_ptr<EventStream>>> streams;  // of POSTs, oldest first
        std::uint64_t last_stream = 0;
        std::list<std::string>::iterator place;  // among all, by when they were used
    };

    struct Options {
        std::string secret{};  // stays the same over restarts; empty: sessions end with this object
        std::size_t max = kSessionsMax;
        Nanos comment_every = kCommentEvery;
        Nanos idle = kSessionIdle;
    };

    // All outlive it.
    HttpSessions(net::Loop& loop, Server& server, Clock& clock, Random& random, Options options);
    HttpSessions(const HttpSessions&) = delete;
    HttpSessions& operator=(const HttpSessions&) = delete;
    ~HttpSessions();

    std::size_t size() const { return sessions_.size(); }
    static std::shared_ptr<Conversation> conversation_of(const call::Caller& caller);
    // Begins one; returns its id. Nothing when all are taken and in use.
    std::optional<std::string> begin(const std::shared_ptr<Conversation>& conversation);
    // Null when it is not there or belongs to somebody else. One of an earlier kernel goes on, with `listing`.
    Session* find(const std::string& id, const call::Caller& caller, std::optional<Listing> listing = {});
    // False when there was none to end.
    bool end(const std::string& id, const call::Caller& caller);

    // A stream of a session for the answer to a POST, kept so that its client can come back for what it missed.
    std::shared_ptr<EventStream> stream_of(const std::string& id);
    // A stream without a session, which ends with its connection.
    std::shared_ptr<EventStream> passing_stream();
    // What a GET of the session reads: its own stream, or, with a Last-Event-ID, one that was broken off, from the
    // event behind it on. Nothing when the id names no stream that is kept.
    std::optional<net::HttpResponse> read(Session& session, const std::string* last_event_id);

  private:
    Session* keep(const std::string& id, std::shared_ptr<Conversation> conversation);
    Session* take_up(const std::string& id, const call::Caller& caller, std::optional<Listing> listing);
    bool make_room();
    void use(Session& session);
    void comment();

    net::Loop& loop_;
    Server& server_;
    Clock& clock_;
    const Options options_;
    const SessionIds ids_;
    std::shared_ptr<ReplayBudget> replay_ = std::make_shared<ReplayBudget>(ReplayBudget{kReplayBytesMax});
    std::unordered_map<std::string, Session> sessions_;
    std::list<std::string> by_use_;                    // their ids, the one used longest ago first
    std::unordered_map<std::string, std::string> parked_;  // revision agreed on, by id; bounded
    std::deque<std::string> parked_order_;
    std::deque<std::string> ended_;                    // of an earlier kernel, ended in this one; bounded
    std::vector<std::weak_ptr<EventStream>> passing_;  // of POSTs without a session
    std::size_t passing_purge_ = 64;  // how many of those before the ones that are over are looked for
    std::uint64_t timer_ = 0;
};

}  // namespace resonant::mcp
