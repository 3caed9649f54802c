#include "resonant/mcp/http_sessions.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace resonant::mcp {

// Where a session's messages go that belong to no request: its GET stream, now or when one comes.
class HttpSessions::Standing final : public Outlet {
  public:
    void send(Answer answer) override { stream->send(answer.text); }

    explicit Standing(std::shared_ptr<ReplayBudget> replay) : stream(std::make_shared<EventStream>("0", std::move(replay))) {}

    std::shared_ptr<EventStream> stream;
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

std::optional<std::string> HttpSessions::begin(const std::shared_ptr<Conversation>& conversation) {
    const std::string id = ids_.make(conversation->caller.principal, conversation->version, clock_.wall());
    if (keep(id, conversation) == nullptr) {
        return std::nullopt;
    }
    conversation->key = id;
    return id;
}

// Parks the session that was used longest ago. False when somebody uses every one of them.
bool HttpSessions::make_room() {
    const Nanos now = clock_.monotonic();
    for (const std::string& id : by_use_) {
        const auto found = sessions_.find(id);
        Session& session = found->second;
        if (now - session.used < options_.idle) {
            return false;  // so is everyone behind it
        }
        if (session.standing->stream->read_by_somebody() || !session.conversation->open.empty()) {
            continue;
        }
        parked_.emplace(id, session.conversation->version);
        parked_order_.push_back(id);
        if (parked_order_.size() > kParkedSessionsMax) {
            parked_.erase(parked_order_.front());
            parked_order_.pop_front();
        }
        by_use_.erase(session.place);
        sessions_.erase(found);
        return true;
    }
    return false;
}

HttpSessions::Session* HttpSessions::keep(const std::string& id, std::shared_ptr<Conversation> conversation) {
    if (sessions_.size() >= options_.max && !make_room()) {
        return nullptr;
    }
    Session session{std::move(conversation), clock_.monotonic(), std::make_shared<Standing>(replay_), {}, 0,
                    by_use_.insert(by_use_.end(), id)};
    session.conversation->standing = session.standing;
    return &sessions_.emplace(id, std::move(session)).first->second;
}

void HttpSessions::use(Session& session) {
    session.used = clock_.monotonic();
    by_use_.splice(by_use_.end(), by_use_, session.place);
}

// One of an earlier kernel, or one that was parked.
HttpSessions::Session* HttpSessions::take_up(const std::string& id, const call::Caller& caller, std::optional<Listing> listing) {
    const auto parked = parked_.find(id);
    const auto version = parked == parked_.end()                ? ids_.of_before(id, caller.principal)
                         : ids_.is_of(id, caller.principal) ? std::optional(parked->second)
                                                                : std::nullopt;
    if (!version || std::find(ended_.begin(), ended_.end(), id) != ended_.end()) {
        return nullptr;
    }
    const auto talk = conversation_of(caller);
    talk->version = *version;
    talk->key = id;
    talk->listing = listing;
    Session* const session = keep(id, talk);
    if (session != nullptr) {
        parked_.erase(id);
        server_.resume(talk);
    }
    return session;
}

HttpSessions::Session* HttpSessions::find(const std::string& id, const call::Caller& caller, std::optional<Listing> listing) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end()) {
        return take_up(id, caller, listing);
    }
    if (found->second.conversation->caller.principal != caller.principal) {
        return nullptr;
    }
    use(found->second);
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
    by_use_.erase(session->place);
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
    const auto stream = std::make_shared<EventStream>(fmt::format("{}", ++session.last_stream), replay_);
    session.streams.push_back({session.last_stream, stream});
    if (session.streams.size() > kStreamsKept) {
        const auto over = std::find_if(session.streams.begin(), session.streams.end(),
                                       [](const auto& one) { return one.second->finished(); });
        session.streams.erase(over == session.streams.end() ? session.streams.begin() : over);
    }
    return stream;
}

std::shared_ptr<EventStream> HttpSessions::passing_stream() {
    if (passing_.size() >= passing_purge_) {
        std::erase_if(passing_, [](const auto& one) { return one.expired(); });
        passing_purge_ = 2 * passing_.size() + 64;
    }
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
            use(session);
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
