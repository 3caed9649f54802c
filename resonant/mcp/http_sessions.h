// HttpSessions are the sessions of the legacy era over HTTP, and the event streams of HTTP calls: begun by initialize,
// taken up again by their id, also from an earlier kernel, kept for clients that come back for what they missed.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) A session is bound to the principal that began it; for everybody else it does not exist.
//   (2) At most Options::max sessions, the one idle longest makes room; kStreamsKept streams of each.
//   (3) A session that was ended stays ended, though its id could be known again (SessionIds).
#pragma once

#include <deque>
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
    };

    struct Options {
        std::string secret{};  // stays the same over restarts; empty: sessions end with this object
        std::size_t max = 1024;
        Nanos comment_every = kCommentEvery;
    };

    // All outlive it.
    HttpSessions(net::Loop& loop, Server& server, Clock& clock, Random& random, Options options);
    HttpSessions(const HttpSessions&) = delete;
    HttpSessions& operator=(const HttpSessions&) = delete;
    ~HttpSessions();

    std::size_t size() const { return sessions_.size(); }
    static std::shared_ptr<Conversation> conversation_of(const call::Caller& caller);
    // Begins one; returns its id.
    std::string begin(const std::shared_ptr<Conversation>& conversation);
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
    void comment();

    net::Loop& loop_;
    Server& server_;
    Clock& clock_;
    const Options options_;
    const SessionIds ids_;
    std::unordered_map<std::string, Session> sessions_;
    std::deque<std::string> ended_;                    // of an earlier kernel, ended in this one; bounded
    std::vector<std::weak_ptr<EventStream>> passing_;  // of POSTs without a session
    std::uint64_t timer_ = 0;
};

}  // namespace resonant::mcp
