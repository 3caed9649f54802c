#include "resonant/mcp/http_front.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "resonant/mcp/envelope.h"

namespace resonant::mcp {

namespace {

using net::HttpRequest;
using net::HttpResponse;

std::string short_hash(std::string_view secret) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(secret.data()), secret.size(), digest.data());
    std::string text;
    for (std::size_t i = 0; i < 6; ++i) {
        text += fmt::format("{:02x}", digest[i]);
    }
    return text;
}

HttpResponse words(int status, std::string_view text) {
    return {status, "text/plain; charset=utf-8", fmt::format("{}\n", text), {}};
}

HttpResponse protocol_error(int status, int code, std::string_view text, const Json& data = {}) {
    return {status, "application/json", error_text({}, code, text, data), {}};
}

// "https://name:443/" or "name:80" without scheme, port and path; "[::1]" keeps its brackets.
std::string_view host_name(std::string_view text) {
    if (const auto scheme = text.find("://"); scheme != std::string_view::npos) {
        text.remove_prefix(scheme + 3);
    }
    text = text.substr(0, text.find('/'));
    if (text.starts_with('[')) {
        return text.substr(0, text.find(']') + 1);
    }
    return text.substr(0, text.find(':'));
}

std::optional<std::string> copy(const std::string* value) {
    return value == nullptr ? std::nullopt : std::optional<std::string>(*value);
}

// The media types we can answer with, leniently: no Accept header means anything.
bool accepts_json(const HttpRequest& request) {
    const std::string* accept = request.header("accept");
    if (accept == nullptr) {
        return true;
    }
    constexpr std::array<std::string_view, 3> kFine{"application/json", "application/*", "*/*"};
    return std::any_of(kFine.begin(), kFine.end(), [&](std::string_view type) {
        return accept->find(type) != std::string::npos;
    });
}

bool accepts_events(const HttpRequest& request) {
    const std::string* accept = request.header("accept");
    return accept != nullptr && (accept->find("text/event-stream") != std::string::npos ||
                                 accept->find("*/*") != std::string::npos);
}

bool is_json(const HttpRequest& request) {
    const std::string* type = request.header("content-type");
    return type == nullptr || type->find("application/json") != std::string::npos;
}

int status_of(const Answer& answer) {
    if (answer.error == 0) {
        return 200;
    }
    if (answer.modern) {
        return answer.error == kMethodNotFound ? 404 : 400;
    }
    return answer.error == kParseError || answer.error == kInvalidRequest ? 400 : 200;
}

}  // namespace

// One POST: gives the answer as the HTTP response. What is sent before it makes an event stream of the
// response, which ends with the answer.
class HttpFront::Exchange final : public Outlet {
  public:
    Exchange(Give give, bool takes_events) : give_(std::move(give)), takes_events_(takes_events) {}

    void send(Answer answer) override {
        const bool last = !answer.id.empty() || answer.error != 0;
        if (stream_) {
            stream_->send(answer.text);
            if (last) {
                stream_->finish();
            }
        } else if (!last) {
            if (begin_stream()) {
                stream_->send(answer.text);
            }
        } else if (give_) {
            HttpResponse response;
            response.status = status_of(answer);
            response.body = std::move(answer.text);
            give(std::move(response));
        }
    }
    void agreed() override {
        if (on_agreed) {
            session_ = on_agreed();
        }
    }
    bool reaches() const override { return takes_events_; }
    void release(Nanos retry) override {
        if (begin_stream()) {
            stream_->release(retry);
        }
    }

    std::function<std::string()> on_agreed;  // begins a session, returns its id
    std::function<std::shared_ptr<EventStream>()> on_stream;  // a stream that can be taken up again; may be empty

  private:
    bool begin_stream() {
        if (stream_ || !give_ || !takes_events_) {
            return stream_ != nullptr;
        }
        const bool lasting = static_cast<bool>(on_stream);
        stream_ = lasting ? on_stream() : std::make_shared<EventStream>();
        HttpResponse response = stream_->attach();
        stream_->prime();
        give(std::move(response));
        return true;
    }
    void give(HttpResponse response) {
        if (!session_.empty()) {
            response.headers.emplace_back("Mcp-Session-Id", session_);
        }
        std::exchange(give_, {})(std::move(response));
    }

    Give give_;
    const bool takes_events_;
    std::string session_;
    std::shared_ptr<EventStream> stream_;
};

// Where a session's messages go that belong to no request: its GET stream, now or when one comes.
class HttpFront::Standing final : public Outlet {
  public:
    void send(Answer answer) override { stream->send(answer.text); }

    std::shared_ptr<EventStream> stream = std::make_shared<EventStream>("0");
};

Result<std::unique_ptr<HttpFront>> HttpFront::open(net::Loop& loop, Server& server, Clock& clock,
                                                   Random& random, HttpFrontOptions options) {
    net::HttpServerOptions http;
    http.host = options.host;
    http.port = options.port;
    auto front = std::unique_ptr<HttpFront>(new HttpFront(loop, server, clock, random, std::move(options)));
    RESONANT_ASSIGN(front->http_,
                    net::HttpServer::open(loop,
                                          [raw = front.get()](HttpRequest request, Give give) {
                                              raw->handle(std::move(request), std::move(give));
                                          },
                                          http));
    return front;
}

HttpFront::HttpFront(net::Loop& loop, Server& server, Clock& clock, Random& random, HttpFrontOptions options)
    : loop_(loop), server_(server), clock_(clock), random_(random), options_(std::move(options)) {
    timer_ = loop_.after(kCommentEvery, [this] { keep_alive(); });
    for (Token& token : options_.tokens) {
        if (token.principal.empty()) {
            token.principal = "token:" + short_hash(token.secret);
        }
    }
}

HttpFront::~HttpFront() {
    loop_.cancel(timer_);
    for (auto& [id, session] : sessions_) {
        server_.abandon(*session.conversation);
    }
}

std::uint16_t HttpFront::port() const { return http_->port(); }

bool HttpFront::host_allowed(std::string_view name) const {
    return name == "localhost" || name == "127.0.0.1" || name == "[::1]" ||
           std::find(options_.allowed_hosts.begin(), options_.allowed_hosts.end(), name) !=
               options_.allowed_hosts.end();
}

const Token* HttpFront::token_of(const HttpRequest& request) const {
    static const Token kAnybody{{}, "http", call::Role::Agent};
    if (options_.tokens.empty()) {
        return &kAnybody;
    }
    constexpr std::string_view kBearer = "Bearer ";
    const std::string* header = request.header("authorization");
    if (header == nullptr || !header->starts_with(kBearer)) {
        return nullptr;
    }
    const std::string_view shown = std::string_view(*header).substr(kBearer.size());
    const Token* found = nullptr;
    for (const Token& token : options_.tokens) {
        // Every token is compared, each in a time that depends on lengths only.
        if (token.secret.size() == shown.size() && !shown.empty() &&
            CRYPTO_memcmp(token.secret.data(), shown.data(), shown.size()) == 0) {
            found = &token;
        }
    }
    return found;
}

void HttpFront::handle(HttpRequest request, Give give) {
    const std::string* host = request.header("host");
    if (host == nullptr || !host_allowed(host_name(*host))) {
        give(words(403, "this Host is not served here; name it in the configuration (http.allow_hosts)"));
        return;
    }
    const std::string* origin = request.header("origin");
    if (origin != nullptr && !host_allowed(host_name(*origin))) {
        give(protocol_error(403, kInvalidRequest, "this Origin may not call; name it in http.allow_hosts"));
        return;
    }
    const std::string path(request.path());
    if (path == "/healthz") {
        give({200, "application/json", R"({"status":"ok"})", {}});
        return;
    }
    if (path == "/readyz") {
        const bool ready = !options_.ready || options_.ready();
        give({ready ? 200 : 503, "application/json", fmt::format(R"({{"ready":{}}})", ready), {}});
        return;
    }
    const bool is_mcp = path == "/mcp" || path.starts_with("/mcp/");
    const auto page = std::find_if(options_.pages.begin(), options_.pages.end(),
                                   [&](const Page& one) { return one.path == path; });
    if (!is_mcp && page == options_.pages.end()) {
        give(words(404, "nothing here; MCP is served at /mcp"));
        return;
    }
    const Token* token = token_of(request);
    if (token == nullptr && (is_mcp || !page->open)) {
        HttpResponse response = words(401, "a bearer token is needed; it lies in the home's file `token`");
        response.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="resonant")");
        give(std::move(response));
        return;
    }
    if (!is_mcp) {
        const bool reads = request.method == "GET" || request.method == "HEAD";
        give(reads ? page->get(request) : words(405, "this page is only read"));
        return;
    }
    const auto listing = path == "/mcp" ? std::nullopt : listing_of(std::string_view(path).substr(5));
    if (path != "/mcp" && !listing) {
        give(words(404, "no such listing; there are /mcp, /mcp/families, /mcp/core and /mcp/all"));
        return;
    }
    mcp(std::move(request), std::move(give), *token, listing);
}

void HttpFront::mcp(HttpRequest request, Give give, const Token& token, std::optional<Listing> listing) {
    if (request.method == "POST") {
        post(std::move(request), give, token, listing);
    } else if (request.method == "DELETE") {
        end_session(request, give, token);
    } else if (request.method == "GET" && request.header("mcp-session-id") != nullptr) {
        stream(request, give, token);
    } else {
        HttpResponse response = words(405, "send JSON-RPC by POST; a stream to GET belongs to a session, "
                                           "which initialize begins");
        response.headers.emplace_back("Allow", "GET, POST, DELETE");
        give(std::move(response));
    }
}

void HttpFront::post(HttpRequest request, const Give& give, const Token& token,
                     std::optional<Listing> listing) {
    if (!is_json(request)) {
        give(protocol_error(415, kInvalidRequest, "Content-Type must be application/json"));
        return;
    }
    if (!accepts_json(request)) {
        give(protocol_error(406, kInvalidRequest, "Accept must allow application/json"));
        return;
    }
    Arrival arrival;
    arrival.http = true;
    arrival.version_header = copy(request.header("mcp-protocol-version"));
    arrival.method_header = copy(request.header("mcp-method"));
    arrival.name_header = copy(request.header("mcp-name"));
    arrival.gone = request.gone;
    std::copy_if(request.headers.begin(), request.headers.end(), std::back_inserter(arrival.param_headers),
                 [](const auto& header) { return header.first.starts_with("mcp-param-"); });
    std::shared_ptr<Conversation> talk;
    const auto exchange = std::make_shared<Exchange>(give, accepts_events(request));
    if (const std::string* id = request.header("mcp-session-id"); id != nullptr) {
        Session* session = session_of(*id, token);
        if (session == nullptr) {
            give(protocol_error(404, kInvalidRequest, "Session not found; initialize again"));
            return;
        }
        talk = session->conversation;
        exchange->on_stream = [this, key = *id] { return new_stream(key); };
    } else {
        talk = std::make_shared<Conversation>();
        talk->caller.principal = token.principal;
        talk->caller.role = token.role;
        talk->caller.transport = call::Transport::Http;
        talk->listing = listing;
    }
    exchange->on_agreed = [this, talk] { return begin_session(talk); };
    if (server_.receive(talk, request.body, exchange, arrival) == 0) {
        give({202, "application/json", {}, {}});
    }
}

std::string HttpFront::begin_session(std::shared_ptr<Conversation> conversation) {
    if (sessions_.size() >= options_.sessions_max) {
        sessions_.erase(std::min_element(sessions_.begin(), sessions_.end(), [](const auto& a, const auto& b) {
            return a.second.used < b.second.used;
        }));
    }
    std::string id = random_.hex(16);
    Session session{std::move(conversation), clock_.monotonic(), std::make_shared<Standing>(), {}, 0};
    session.conversation->standing = session.standing;
    sessions_.emplace(id, std::move(session));
    return id;
}

HttpFront::Session* HttpFront::session_of(const std::string& id, const Token& token) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || found->second.conversation->caller.principal != token.principal) {
        return nullptr;
    }
    found->second.used = clock_.monotonic();
    return &found->second;
}

// A stream of a session, kept so that its client can come back for what it missed.
std::shared_ptr<EventStream> HttpFront::new_stream(const std::string& id) {
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

// GET: the session's own stream, or one that was broken off, from the event after the one last seen.
void HttpFront::stream(const HttpRequest& request, const Give& give, const Token& token) {
    if (!accepts_events(request)) {
        give(protocol_error(406, kInvalidRequest, "Accept must allow text/event-stream"));
        return;
    }
    Session* session = session_of(*request.header("mcp-session-id"), token);
    if (session == nullptr) {
        give(protocol_error(404, kInvalidRequest, "Session not found; initialize again"));
        return;
    }
    std::shared_ptr<EventStream> stream = session->standing->stream;
    std::optional<std::uint64_t> seen;
    if (const std::string* last = request.header("last-event-id"); last != nullptr) {
        const auto id = EventStream::parse_id(*last);
        const auto kept = std::find_if(session->streams.begin(), session->streams.end(), [&](const auto& one) {
            return id && fmt::format("{}", one.first) == id->first;
        });
        if (!id || (kept == session->streams.end() && id->first != "0")) {
            give(protocol_error(404, kInvalidRequest, "Last-Event-ID names no stream that is kept; call again"));
            return;
        }
        stream = kept == session->streams.end() ? stream : kept->second;
        seen = id->second;
    }
    give(stream->attach(seen));
    stream->prime();
}

// Comments keep proxies and clients from giving up on a silent stream.
void HttpFront::keep_alive() {
    for (auto& [id, session] : sessions_) {
        if (session.standing->stream->read_by_somebody()) {
            session.standing->stream->comment();
            session.used = clock_.monotonic();
        }
    }
    timer_ = loop_.after(kCommentEvery, [this] { keep_alive(); });
}

void HttpFront::end_session(const HttpRequest& request, const Give& give, const Token& token) {
    const std::string* id = request.header("mcp-session-id");
    const auto found = id == nullptr ? sessions_.end() : sessions_.find(*id);
    if (found == sessions_.end() || found->second.conversation->caller.principal != token.principal) {
        give(protocol_error(404, kInvalidRequest, "Session not found"));
        return;
    }
    server_.abandon(*found->second.conversation);
    found->second.standing->stream->finish();
    sessions_.erase(found);
    give({204, "application/json", {}, {}});
}

}  // namespace resonant::mcp
