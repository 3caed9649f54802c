#include "resonant/mcp/http_front.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "resonant/base/secret.h"
#include "resonant/base/sha256.h"
#include "resonant/mcp/envelope.h"
#include "resonant/mcp/http_headers.h"
#include "resonant/net/media_type.h"

namespace resonant::mcp {

namespace {

using net::HttpRequest;
using net::HttpResponse;
using net::lower;

HttpResponse words(int status, std::string_view text) {
    return {status, "text/plain; charset=utf-8", fmt::format("{}\n", text), {}};
}

HttpResponse protocol_error(int status, int code, std::string_view text, const Json& data = {}) {
    return {status, "application/json", error_text({}, code, text, data), {}};
}

call::Caller caller(const Token& token) {
    call::Caller made;
    made.principal = token.principal;
    made.role = token.role;
    made.transport = call::Transport::Http;
    return made;
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
        } else if (give_ && full_) {
            give(no_session(answer.id));
        } else if (give_) {
            HttpResponse response;
            response.status = status_of(answer);
            response.body = std::move(answer.text);
            give(std::move(response));
        }
    }
    void agreed() override {
        const auto session = on_agreed ? on_agreed() : std::optional<std::string>("");
        full_ = !session;
        session_ = session.value_or("");
    }
    bool reaches() const override { return takes_events_; }
    void release(Nanos retry) override {
        if (begin_stream()) {
            stream_->release(retry);
        }
    }

    std::function<std::optional<std::string>()> on_agreed;  // begins a session, returns its id; nothing when there is no room
    std::size_t sessions_max = 0;
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

    HttpResponse no_session(const std::string& id) const {
        HttpResponse response;
        response.status = 503;
        response.body = error_text(id, kInternalError,
                                   fmt::format("{} sessions are open and in use, which is the limit; end one (DELETE with its "
                                               "Mcp-Session-Id), try again later, or raise sessions_max of [http] in resonant.toml",
                                               sessions_max),
                                   {{"limited", "sessions"}, {"limit", sessions_max}, {"setting", "http.sessions_max"},
                                    {"retry_after_s", kSessionRetry.seconds()}});
        response.headers.emplace_back("Retry-After", fmt::format("{}", kSessionRetry.count / 1'000'000'000));
        return response;
    }

    Give give_;
    const bool takes_events_;
    std::string session_;
    bool full_ = false;  // there is no room for its session
    std::shared_ptr<EventStream> stream_;
};

Result<std::unique_ptr<HttpFront>> HttpFront::open(net::Loop& loop, Server& server, Clock& clock,
                                                   Random& random, HttpFrontOptions options) {
    net::HttpServerOptions http;
    http.host = options.host;
    http.port = options.port;
    http.tls = options.tls;
    http.limits = options.limits;
    http.limits.several_owners = options.oauth != nullptr || options.tokens.size() > 1;
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
    : server_(server), options_(std::move(options)), cross_origin_(options_.cors_origins),
      sessions_(loop, server, clock, random, {options_.session_secret, options_.sessions_max, options_.comment_every, options_.session_idle}) {
    for (std::string& name : options_.allowed_hosts) {
        name = lower(name);
    }
    if (options_.oauth) {
        options_.allowed_hosts.push_back(origin_host(options_.oauth->resource().substr(
            0, options_.oauth->resource().find('/', options_.oauth->resource().find("://") + 3))));
    }
    for (Token& token : options_.tokens) {
        if (token.principal.empty()) {
            token.principal = "token:" + sha256_hex(token.secret, 12);
        }
    }
}

HttpFront::~HttpFront() = default;

std::uint16_t HttpFront::port() const { return http_->port(); }

bool HttpFront::host_allowed(std::string_view name) const {
    return name == "localhost" || name == "127.0.0.1" || name == "[::1]" ||
           std::find(options_.allowed_hosts.begin(), options_.allowed_hosts.end(), name) !=
               options_.allowed_hosts.end();
}

const Token* HttpFront::own_token(std::string_view shown) const {
    const Token* found = nullptr;
    for (const Token& token : options_.tokens) {
        // Every token is compared, each in a time that depends on lengths only.
        if (!shown.empty() && is_same_secret(shown, token.secret)) {
            found = &token;
        }
    }
    return found;
}

Result<Token> HttpFront::caller_of(const HttpRequest& request) const {
    if (options_.tokens.empty() && !options_.oauth) {
        return Token{{}, "http", call::Role::Agent};
    }
    constexpr std::string_view kBearer = "bearer ";
    const std::string* header = request.header("authorization");
    if (header == nullptr || !lower(std::string_view(*header).substr(0, kBearer.size())).starts_with(kBearer)) {
        return fail(Code::InvalidArgument, options_.oauth ? "a bearer token is needed"
                                                          : "a bearer token is needed; it lies in the home's file `token`");
    }
    const std::string_view shown = std::string_view(*header).substr(kBearer.size());
    if (const Token* own = own_token(shown)) {
        return *own;
    }
    if (!options_.oauth) {
        return fail(Code::InvalidArgument, "this bearer token is none of this home; its own lies in the file `token`");
    }
    RESONANT_ASSIGN(const Bearer bearer, options_.oauth->judge(shown));
    return Token{{}, bearer.principal, bearer.role};
}

HttpResponse HttpFront::refusal(const HttpRequest& request, const Error& error) const {
    const bool scope = error.code == Code::PermissionDenied;
    HttpResponse response = words(scope ? 403 : 401, error.message);
    const bool shown = request.header("authorization") != nullptr;
    response.headers.emplace_back(
        "WWW-Authenticate",
        options_.oauth ? options_.oauth->challenge(scope ? "insufficient_scope" : shown ? "invalid_token" : "", error.message)
        : shown        ? R"(Bearer realm="resonant", error="invalid_token")"
                       : R"(Bearer realm="resonant")");
    return response;
}

// The absolute form of a target names the host itself, which counts then (RFC 9112, 3.2.2). False: one not served here.
bool HttpFront::make_relative(HttpRequest& request) const {
    const std::string scheme = lower(std::string_view(request.target).substr(0, 8));
    if (!scheme.starts_with("http://") && !scheme.starts_with("https://")) {
        return true;
    }
    const std::size_t path = std::min(request.target.find_first_of("/?", request.target.find("://") + 3), request.target.size());
    const bool ours = host_allowed(origin_host(std::string_view(request.target).substr(0, path)));
    request.target.erase(0, path);
    return ours;
}

// Every Origin header counts: one of several could be the true one.
bool HttpFront::judge_origin(const HttpRequest& request, Give& give) const {
    const std::string* origin = nullptr;
    for (const auto& [name, value] : request.headers) {
        if (name != "origin") {
            continue;
        }
        const bool crosses = cross_origin_.allows(value);
        if (!crosses && !host_allowed(origin_host(value))) {
            give(protocol_error(403, kInvalidRequest, "this Origin may not call; a browser's page is named in cors_origins of "
                                                      "[http] in resonant.toml, a host of this server in allowed_hosts"));
            return true;
        }
        origin = crosses ? &value : origin;
    }
    if (origin != nullptr && CrossOrigin::is_preflight(request)) {
        give(CrossOrigin::preflight(request, *origin));
        return true;
    }
    if (CrossOrigin::is_preflight(request)) {
        give(protocol_error(403, kInvalidRequest, "pages of this Origin may not call from a browser; name it in cors_origins of "
                                                  "[http] in resonant.toml"));
        return true;
    }
    if (origin != nullptr) {
        give = [give, origin = *origin](HttpResponse response) {
            CrossOrigin::mark(response, origin);
            give(std::move(response));
        };
    }
    return false;
}

// Pages that tell how the server is, and nothing else.
bool HttpFront::answer_page(const HttpRequest& request, const Give& give) const {
    const std::string_view path = request.path();
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if ((path == "/healthz" || path == "/readyz") && !reads) {
        give(words(405, "this page is only read"));
        return true;
    }
    if (path == "/healthz") {
        give({200, "application/json", R"({"status":"ok"})", {}});
        return true;
    }
    if (path == "/readyz") {
        const bool ready = !options_.ready || options_.ready();
        give({ready ? 200 : 503, "application/json", fmt::format(R"({{"ready":{}}})", ready), {}});
        return true;
    }
    return false;
}

void HttpFront::handle(HttpRequest request, Give give) {
    const std::string* host = request.header("host");
    if (host == nullptr) {
        give(words(400, "a request names its Host"));
        return;
    }
    if (!host_allowed(host_name(*host)) || !make_relative(request)) {
        give(words(403, "this Host is not served here; name it in allowed_hosts of [http] in resonant.toml"));
        return;
    }
    if (judge_origin(request, give)) {
        return;
    }
    const std::string path(request.path());
    if (options_.oauth && options_.oauth->is_metadata_path(path)) {
        give({200, "application/json", options_.oauth->metadata(), {}});
        return;
    }
    if (answer_page(request, give)) {
        return;
    }
    const bool is_mcp = path == "/mcp" || path.starts_with("/mcp/");
    const auto page = std::find_if(options_.pages.begin(), options_.pages.end(),
                                   [&](const Page& one) { return one.path == path; });
    if (!is_mcp && page == options_.pages.end()) {
        give(words(404, "nothing here; MCP is served at /mcp"));
        return;
    }
    const Result<Token> token = caller_of(request);
    const bool reads = request.method == "GET" || request.method == "HEAD";
    if (!token && (is_mcp || !page->open)) {
        const bool welcome = !is_mcp && reads && !page->welcome.empty() && request.header("authorization") == nullptr;
        give(welcome ? HttpResponse{200, "text/html; charset=utf-8", page->welcome, {}} : refusal(request, token.error()));
        return;
    }
    if (token) {
        if (std::optional<HttpResponse> over = http_->claim(request.connection, token->principal)) {
            give(std::move(*over));
            return;
        }
    }
    if (!is_mcp) {
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
    if (const std::string twice = said_twice(request); !twice.empty()) {
        give(protocol_error(400, twice.starts_with("mcp-") && twice != "mcp-session-id" ? kHeaderMismatch : kInvalidRequest,
                            fmt::format("the header {} is sent twice, and not the same", twice)));
        return;
    }
    const std::string* version = request.header("mcp-protocol-version");
    const bool modern = version != nullptr && *version == kModernVersion;  // it knows POST only
    if (request.method == "POST") {
        post(std::move(request), give, token, listing);
    } else if (request.method == "DELETE" && !modern) {
        end_session(request, give, token);
    } else if (request.method == "GET" && !modern && request.header("mcp-session-id") != nullptr) {
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
        give(protocol_error(415, kInvalidRequest, "Content-Type must be application/json, in UTF-8 and not compressed"));
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
    // The modern era knows no sessions: one that is named all the same says nothing.
    const std::string* id = arrival.version_header == kModernVersion ? nullptr : request.header("mcp-session-id");
    if (id != nullptr) {
        HttpSessions::Session* session = sessions_.find(*id, caller(token), listing);
        if (session == nullptr) {
            give(protocol_error(404, kInvalidRequest, "Session not found; initialize again"));
            return;
        }
        talk = session->conversation;
        exchange->on_stream = [this, key = *id] { return sessions_.stream_of(key); };
    } else {
        talk = HttpSessions::conversation_of(caller(token));
        talk->listing = listing;
        exchange->on_stream = [this] { return sessions_.passing_stream(); };
    }
    exchange->on_agreed = [this, talk] { return sessions_.begin(talk); };
    exchange->sessions_max = options_.sessions_max;
    if (server_.receive(talk, request.body, exchange, arrival) == 0) {
        give({202, "application/json", {}, {}});
    }
}

// GET: the session's own stream, or one that was broken off, from the event after the one last seen.
void HttpFront::stream(const HttpRequest& request, const Give& give, const Token& token) {
    if (!accepts_events(request)) {
        give(protocol_error(406, kInvalidRequest, "Accept must allow text/event-stream"));
        return;
    }
    HttpSessions::Session* session = sessions_.find(*request.header("mcp-session-id"), caller(token));
    if (session == nullptr) {
        give(protocol_error(404, kInvalidRequest, "Session not found; initialize again"));
        return;
    }
    std::optional<HttpResponse> stream = sessions_.read(*session, request.header("last-event-id"));
    give(stream ? std::move(*stream)
                : protocol_error(404, kInvalidRequest, "Last-Event-ID names no stream that is kept; call again"));
}

void HttpFront::end_session(const HttpRequest& request, const Give& give, const Token& token) {
    const std::string* id = request.header("mcp-session-id");
    if (id == nullptr) {
        give(protocol_error(400, kInvalidRequest, "name the session that ends: Mcp-Session-Id"));
        return;
    }
    if (!sessions_.end(*id, caller(token))) {
        give(protocol_error(404, kInvalidRequest, "Session not found"));
        return;
    }
    give({204, "application/json", {}, {}});
}

}  // namespace resonant::mcp
