#include "resonant/mcp/http_sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace resonant::mcp {

// Where a session's messages go that belong to no request: its GET stream, now or when one comes.
class HttpSessions::Standing final : public Outlet {
  public:
    void send(Answer answer) override { stream->send(answer.text); }

    std::shared_ptr<EventStream> stream = std::make_shared<EventStream>("0");
};

HttpSessions::HttpSessions(net::Loop& loop, Server& server, Clock& clock, Random& random, Options options)
    : loop_(loop), server_(server), clock_(clock), options_(std::move(options)), ids_(options_.secret, random, clock.wall()) {
    timer_ = loop_.after(options_.comment_every, [this] { comment(); });
}

HttpSessions::~HttpSessions() {
    loop_.cancel(timer_);
    for (auto& [id, session] : sessions_) {
        server_.abandon(*session.conversation);
    }
}

std::shared_ptr<Conversation> HttpSessions::conversation_of(const call::Caller& caller) {
    auto talk = std::make_shared<Conversation>();
    talk->caller = caller;
    return talk;
}

std::string HttpSessions::begin(const std::shared_ptr<Conversation>& conversation) {
    const std::string id = ids_.make(conversation->caller.principal, conversation->version, clock_.wall());
    conversation->key = id;
    keep(id, conversation);
    return id;
}

HttpSessions::Session* HttpSessions::keep(const std::string& id, std::shared_ptr<Conversation> conversation) {
    if (sessions_.size() >= options_.max) {
        sessions_.erase(std::min_element(sessions_.begin(), sessions_.end(), [](const auto& a, const auto& b) {
            return a.second.used < b.second.used;
        }));
    }
    Session session{std::move(conversation), clock_.monotonic(), std::make_shared<Standing>(), {}, 0};
    session.conversation->standing = session.standing;
    return &sessions_.emplace(id, std::move(session)).first->second;
}

HttpSessions::Session* HttpSessions::find(const std::string& id, const call::Caller& caller, std::optional<Listing> listing) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) {
        const auto version = ids_.of_before(id, caller.principal);
        if (!version || std::find(ended_.begin(), ended_.end(), id) != ended_.end()) {
            return nullptr;
        }
        const auto talk = conversation_of(caller);
        talk->version = *version;
        talk->key = id;
        talk->listing = listing;
        Session* const session = keep(id, talk);
        server_.resume(talk);
        return session;
    }
    if (found->second.conversation->caller.principal != caller.principal) {
        return nullptr;
    }
    found->second.used = clock_.monotonic();
    return &found->second;
}

bool HttpSessions::end(const std::string& id, const call::Caller& caller) {
    Session* session = find(id, caller);
    if (session == nullptr) {
        return false;
    }
    server_.abandon(*session->conversation);
    server_.forget(*session->conversation);
    session->standing->stream->finish();
    sessions_.erase(id);
    if (ids_.of_before(id, caller.principal)) {
        ended_.push_back(id);  // or it would be known again
        if (ended_.size() > options_.max) {
            ended_.pop_front();
        }
    }
    return true;
}

std::shared_ptr<EventStream> HttpSessions::stream_of(const std::string& id) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) {
        return std::make_shared<EventStream>();
    }
    Session& session = found->second;
    const auto stream = std::make_shared<EventStream>(fmt::format("{}", ++session.last_stream));
    session.streams.push_back({session.last_stream, stream});
    if (session.streams.size() > kStreamsKept) {
        const auto over = std::find_if(session.streams.begin(), session.streams.end(),
                                       [](const auto& one) { return one.second->finished(); });
        session.streams.erase(over == session.streams.end() ? session.streams.begin() : over);
    }
    return stream;
}

std::shared_ptr<EventStream> HttpSessions::passing_stream() {
    std::erase_if(passing_, [](const auto& one) { return one.expired(); });
    auto stream = std::make_shared<EventStream>();
    passing_.push_back(stream);
    return stream;
}

std::optional<net::HttpResponse> HttpSessions::read(Session& session, const std::string* last_event_id) {
    std::shared_ptr<EventStream> stream = session.standing->stream;
    std::optional<std::uint64_t> seen;
    if (last_event_id != nullptr) {
        const auto id = EventStream::parse_id(*last_event_id);
        const auto kept = std::find_if(session.streams.begin(), session.streams.end(), [&](const auto& one) {
            return id && fmt::format("{}", one.first) == id->first;
        });
        if (!id || (kept == session.streams.end() && id->first != "0")) {
            return std::nullopt;
        }
        stream = kept == session.streams.end() ? stream : kept->second;
        seen = id->second;
    }
    net::HttpResponse response = stream->attach(seen);
    stream->prime();
    return response;
}

// Comments keep proxies and clients from giving up on a silent stream.
void HttpSessions::comment() {
    for (auto& [id, session] : sessions_) {
        if (session.standing->stream->read_by_somebody()) {
            session.standing->stream->comment();
            session.used = clock_.monotonic();
        }
        for (const auto& [number, stream] : session.streams) {
            if (!stream->finished() && stream->read_by_somebody()) {
                stream->comment();
            }
        }
    }
    for (const auto& passing : passing_) {
        if (const auto stream = passing.lock(); stream && !stream->finished() && stream->read_by_somebody()) {
            stream->comment();
        }
    }
    timer_ = loop_.after(options_.comment_every, [this] { comment(); });
}

}  // namespace resonant::mcp
