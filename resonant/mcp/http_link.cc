// The link by Streamable HTTP: every message is a POST, whose answer is JSON or an event stream. Legacy
// servers may also have a session, a GET stream for what belongs to no request, and streams that can be
// taken up again where they broke.
#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "resonant/base/base64.h"
#include "resonant/base/clock.h"
#include "resonant/mcp/event_reader.h"
#include "resonant/mcp/token_source.h"
#include "resonant/mcp/upstream_link.h"
#include "resonant/net/http_client.h"

namespace resonant::mcp {
namespace {

constexpr std::size_t kBodyMax = 4 * 1024 * 1024;  // bytes of one message
constexpr int kTakeUpsMax = 5;                     // times a broken stream is taken up again for one request
constexpr Nanos kRetry = from_millis(1'000);       // between a stream and the next, unless the server says
constexpr Nanos kStandingAgain = from_seconds(10); // until a GET stream that was refused is tried again
constexpr int kRedirectsMax = 5;                   // in a row

// A value as a header may carry it: plain, or base64 in the form the protocol gives it.
std::string header_safe(const std::string& value) {
    const bool plain = std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < 0x7F; });
    const bool edges = !value.empty() && (value.front() == ' ' || value.back() == ' ');
    return plain && !edges && !value.starts_with("=?base64?") ? value : "=?base64?" + base64(value) + "?=";
}

std::string value_of(const net::HttpHeaders& headers, std::string_view name) {
    const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& one) { return one.first == name; });
    return found == headers.end() ? "" : found->second;
}

// Where a redirect leads, when it stays at the same scheme, host and port: its path. A request with its headers goes nowhere
// else.
Result<std::string> redirected_to(const net::Url& from, const std::string& location) {
    const std::string scheme = from.secure ? "https" : "http";
    std::string whole = location;
    if (location.starts_with("//")) {
        whole = scheme + ":" + location;
    } else if (location.find("://") == std::string::npos) {
        const std::string folder = from.target.substr(0, from.target.find_first_of("?#")).substr(0, from.target.rfind('/') + 1);
        const std::string host = from.host.find(':') == std::string::npos ? from.host : "[" + from.host + "]";
        whole = fmt::format("{}://{}:{}{}", scheme, host, from.port, location.starts_with("/") ? location : folder + location);
    }
    RESONANT_ASSIGN(const net::Url to, net::parse_url(whole));
    if (to.secure != from.secure || to.host != from.host || to.port != from.port) {
        return fail(Code::Unavailable, fmt::format("it redirects to another place, {}; if that is right, take it as the url",
                                                   whole.substr(0, 200)));
    }
    return to.target;
}

bool is_redirect(int status) { return status == 301 || status == 302 || status == 303 || status == 307 || status == 308; }

// One exchange: a POST, or a GET that takes a stream up.
struct Exchange {
    std::uint64_t number = 0;   // of the HTTP client
    std::uint64_t id = 0;       // of the JSON-RPC request; 0: none waits
    bool standing = false;      // the GET stream beside requests
    bool is_get = false;
    std::string last_id;        // of a GET: of the event it goes on after
    int status = 0;
    std::string challenge;      // WWW-Authenticate
    std::string location;       // Location
    std::string target;         // where it was sent
    int redirects = 0;
    std::shared_ptr<const Outgoing> sent;  // a POST, for the redirect that it may meet
    std::string body;           // JSON, or what an error says
    bool too_long = false;
    bool answered = false;      // the request's own answer came
    int take_ups = 0;
    std::shared_ptr<const Outgoing> again;  // to be sent anew with a token; null: it was, or needs none
    std::unique_ptr<EventReader> events;
};

class HttpLink final : public UpstreamLink {
  public:
    HttpLink(net::Loop& loop, const call::UpstreamSpec& spec, net::Url url, const Elsewhere& elsewhere, UpstreamSink& sink)
        : loop_(loop), spec_(spec), url_(std::move(url)), sink_(sink), elsewhere_(elsewhere) {
        if (!spec_.oauth.empty()) {
            tokens_ = std::make_shared<const TokenSource>(spec_.oauth, spec_.url);
        }
        const bool taken = elsewhere([this, &target = loop_, where = url_, alive = std::weak_ptr<int>(alive_)] {
            auto address = std::make_shared<Result<net::Address>>(net::look_up(where));
            target.post([this, alive, address] {
                if (!alive.expired()) {
                    found(std::move(*address));
                }
            });
        });
        if (!taken) {
            over({Code::ResourceExhausted, "too many questions wait for their answers; its address was not looked up"});
        }
    }

    void send(Outgoing message) override {
        if (!client_ || getting_) {
            early_.push_back(std::move(message));
            return;
        }
        if (tokens_ && token_until_.count != 0 && SystemClock().monotonic() > token_until_) {
            early_.push_back(std::move(message));
            get_token("");
            return;
        }
        auto exchange = std::make_shared<Exchange>();
        exchange->id = message.id;
        exchange->target = target_;
        if (tokens_ && message.id != 0 && retried_.insert(message.id).second) {
            exchange->again = std::make_shared<const Outgoing>(message);
        }
        exchange->sent = std::make_shared<const Outgoing>(std::move(message));
        post(exchange);
    }

    void abandon(std::uint64_t id) override {
        std::erase_if(early_, [&](const Outgoing& one) { return one.id == id; });
        for (const auto& [number, exchange] : exchanges_) {
            if (exchange->id == id) {
                client_->cancel(number);
                exchanges_.erase(number);
                return;
            }
        }
    }

    void answered(std::uint64_t id) override {
        for (const auto& [number, exchange] : exchanges_) {
            exchange->answered = exchange->answered || exchange->id == id;
        }
    }

    void agreed(const std::string& version, bool modern) override {
        version_ = version;
        if (!modern) {
            open_standing();
        }
    }

    void silence() override { alive_.reset(); }
    bool has_session() const override { return !session_.empty(); }
    std::string_view kind() const override { return "http"; }
    Json facts() const override {
        Json facts = {{"url", spec_.url}};
        if (!session_.empty()) {
            facts["session"] = true;
        }
        return facts;
    }

  private:
    void found(Result<net::Address> address) {
        if (!address) {
            over(address.error());
            return;
        }
        client_ = std::make_unique<net::HttpClient>(loop_, url_, std::move(*address));
        send_early();
    }

    void send_early() {
        for (Outgoing& message : std::exchange(early_, {})) {
            send(std::move(message));
        }
    }

    // What is to be sent waits for it. Without one the server's 401 is the answer.
    void get_token(const std::string& challenge) {
        getting_ = true;
        const bool taken = elsewhere_([this, &target = loop_, tokens = tokens_, challenge, alive = std::weak_ptr<int>(alive_)] {
            auto token = std::make_shared<Result<AccessToken>>(tokens->get(challenge));
            target.post([this, alive, token] {
                if (!alive.expired()) {
                    take_token(std::move(*token));
                }
            });
        });
        if (!taken) {
            take_token(fail(Code::ResourceExhausted, "too much waits for its turn; no token was got"));
        }
    }

    void take_token(Result<AccessToken> token) {
        getting_ = false;
        token_ = token ? std::move(token->text) : "";
        // Renewed a little before its end.
        token_until_ = token && token->lives.count > 0
                           ? SystemClock().monotonic() + Nanos{token->lives.count - token->lives.count / 10}
                           : Nanos{0};
        if (token) {
            send_early();
            return;
        }
        for (const Outgoing& message : std::exchange(early_, {})) {
            if (message.id != 0) {
                sink_.failed(message.id, token.error(), 401);
            }
        }
    }

    net::HttpHeaders headers(const Outgoing& message) const {
        net::HttpHeaders made = {{"Accept", "application/json, text/event-stream"}};
        for (const auto& [name, value] : spec_.headers) {
            made.emplace_back(name, value);
        }
        if (!token_.empty()) {
            made.emplace_back("Authorization", "Bearer " + token_);
        }
        if (!message.version.empty()) {
            made.emplace_back("MCP-Protocol-Version", message.version);
        }
        if (message.modern && !message.method.empty()) {
            made.emplace_back("Mcp-Method", message.method);
            if (!message.name.empty()) {
                made.emplace_back("Mcp-Name", header_safe(message.name));
            }
            for (const auto& [name, value] : message.headers) {
                made.emplace_back(name, header_safe(value));
            }
        }
        if (!session_.empty()) {
            made.emplace_back("Mcp-Session-Id", session_);
        }
        return made;
    }

    void post(const std::shared_ptr<Exchange>& exchange) {
        net::ClientRequest request{.method = "POST", .target = exchange->target, .headers = headers(*exchange->sent),
                                   .body = exchange->sent->text};
        request.headers.emplace_back("Content-Type", "application/json");
        start(exchange, std::move(request));
    }

    void start(const std::shared_ptr<Exchange>& exchange, net::ClientRequest request) {
        const std::weak_ptr<int> alive(alive_);
        exchange->number = client_->send(
            std::move(request),
            {.head = [this, exchange](int status, const net::HttpHeaders& given) { head(exchange, status, given); },
             .body = [this, exchange](std::string_view piece) { body(*exchange, piece); },
             .done = [this, exchange, alive](const Status& status) {
                 if (!alive.expired()) {
                     done(exchange, status);
                 }
             }});
        exchanges_.emplace(exchange->number, exchange);
    }

    void head(const std::shared_ptr<Exchange>& exchange, int status, const net::HttpHeaders& given) {
        exchange->status = status;
        exchange->challenge = value_of(given, "www-authenticate");
        exchange->location = value_of(given, "location");
        if (const std::string session = value_of(given, "mcp-session-id"); !session.empty() && status < 300) {
            session_ = session.substr(0, 1000);
        }
        if (status < 300 && value_of(given, "content-type").starts_with("text/event-stream")) {
            exchange->events = std::make_unique<EventReader>(
                kBodyMax, [this, id = exchange->id, alive = std::weak_ptr<int>(alive_)](const std::string& name,
                                                                                       const std::string& data) {
                    if (!alive.expired() && name == "message" && !data.empty()) {
                        sink_.message(data, id);
                    }
                });
        }
    }

    void body(Exchange& exchange, std::string_view piece) {
        if (exchange.events) {
            const auto keep = exchanges_.find(exchange.number);
            const std::shared_ptr<Exchange> held = keep == exchanges_.end() ? nullptr : keep->second;
            exchange.events->feed(piece);
        } else if (exchange.body.size() + piece.size() > kBodyMax) {
            exchange.too_long = true;
        } else {
            exchange.body += piece;
        }
    }

    void done(const std::shared_ptr<Exchange>& exchange, const Status& status) {
        exchanges_.erase(exchange->number);
        if (exchange->status != 401) {
            retried_.erase(exchange->id);
        }
        if (exchange->events) {
            stream_ended(exchange);
            return;
        }
        if (status && is_redirect(exchange->status)) {
            redirected(exchange);
        } else if (exchange->standing) {
            standing_ended(*exchange, status);
        } else if (!status) {
            failed(*exchange, status.error());
        } else if (exchange->too_long) {
            failed(*exchange, {Code::ResourceExhausted, fmt::format("its answer has more than {} bytes", kBodyMax)});
        } else if (exchange->status >= 300) {
            refused(*exchange);
        } else if (!exchange->body.empty() && exchange->status != 202) {
            answered_whole(*exchange);
        } else if (exchange->id != 0) {
            failed(*exchange, {Code::Unavailable, fmt::format("status {} without an answer", exchange->status)});
        }
    }

    void answered_whole(const Exchange& exchange) {
        const std::weak_ptr<int> alive(alive_);
        sink_.message(exchange.body, exchange.id);
        if (!alive.expired()) {  // of no effect when that was the answer
            failed(exchange, {Code::Unavailable, "what it sent is no answer to the request: no JSON-RPC, or with another id"});
        }
    }

    // Followed as fetch does where the method stays what it is: 307 and 308, and any for a GET.
    void redirected(const std::shared_ptr<Exchange>& exchange) {
        const bool stays = exchange->is_get || exchange->status == 307 || exchange->status == 308;
        net::Url from = url_;
        from.target = exchange->target;
        Result<std::string> to = redirected_to(from, exchange->location);
        if (to && !stays) {
            to = fail(Code::Unavailable, fmt::format("it redirects to {}, which makes a GET of a call; take that as the url",
                                                     exchange->location.substr(0, 200)));
        }
        if (to && ++exchange->redirects > kRedirectsMax) {
            to = fail(Code::Unavailable, fmt::format("it redirects more than {} times in a row", kRedirectsMax));
        }
        if (!to) {
            failed(*exchange, {Code::Unavailable, fmt::format("HTTP status {}: {}", exchange->status, to.error().message)});
            return;
        }
        if (exchange->status == 308) {
            target_ = *to;  // for good
        }
        exchange->target = *to;
        exchange->body.clear();
        exchange->is_get ? get(exchange, exchange->last_id) : post(exchange);
    }

    // A server may have no such stream. One that had it and refuses it now may have forgotten the session.
    void standing_ended(const Exchange& exchange, const Status& status) {
        if (exchange.take_ups == 0) {
            return;
        }
        loop_.after(kStandingAgain, [this, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) {
                open_standing();
            }
        });
        sink_.doubted({Code::Unavailable, status ? fmt::format("its event stream is refused with status {}", exchange.status)
                                                 : status.error().message});
    }

    void failed(const Exchange& exchange, const Error& why) {
        if (exchange.id != 0) {
            sink_.failed(exchange.id, why, exchange.status);
        }
    }

    // An error status: its body may be the JSON-RPC error itself.
    void refused(const Exchange& exchange) {
        if (exchange.status == 401 && exchange.again) {
            early_.push_back(*exchange.again);
            if (!getting_) {
                get_token(exchange.challenge);
            }
            return;
        }
        if (exchange.id == 0) {
            if (!session_.empty()) {
                sink_.doubted({Code::Unavailable, fmt::format("it refuses what needs no answer with status {}", exchange.status)});
            }
            return;
        }
        const Result<Json> body = json::parse(exchange.body);
        if (body && body->is_object() && body->contains("error") && (*body)["error"].is_object()) {
            sink_.refused(exchange.id, (*body)["error"], exchange.status);
            return;
        }
        const bool login = exchange.status == 401 || exchange.status == 403;
        sink_.failed(exchange.id,
                     {login ? Code::PermissionDenied : Code::Unavailable,
                      fmt::format("HTTP status {}{}{}", exchange.status,
                                  login ? "; put its token into headers.Authorization" : "",
                                  exchange.body.empty() ? "" : ": " + exchange.body.substr(0, 200))},
                     exchange.status);
    }

    // A stream that ended before its answer is taken up where it was, if the server numbers its events.
    void stream_ended(const std::shared_ptr<Exchange>& exchange) {
        const bool wanted = exchange->standing || (exchange->id != 0 && !exchange->answered);
        if (!wanted) {
            return;
        }
        const std::string last = exchange->events->last_id();
        const bool numbered = !last.empty() || exchange->standing;
        if (!numbered || (!exchange->standing && exchange->take_ups >= kTakeUpsMax)) {
            failed(*exchange, {Code::Unavailable, "its event stream ended before the answer came"});
            return;
        }
        const Nanos retry = exchange->events->retry().value_or(kRetry);
        loop_.after(retry, [this, last, old = exchange, alive = std::weak_ptr<int>(alive_)] {
            if (alive.expired()) {
                return;
            }
            auto again = std::make_shared<Exchange>();
            again->id = old->id;
            again->standing = old->standing;
            again->target = old->target;
            again->take_ups = old->take_ups + 1;
            get(again, last);
        });
    }

    void open_standing() {
        auto exchange = std::make_shared<Exchange>();
        exchange->standing = true;
        exchange->target = target_;
        get(exchange, "");
    }

    void get(const std::shared_ptr<Exchange>& exchange, const std::string& last_id) {
        exchange->is_get = true;
        exchange->last_id = last_id;
        Outgoing nothing;
        nothing.version = version_;
        net::ClientRequest request{.method = "GET", .target = exchange->target, .headers = headers(nothing), .body = {}};
        request.headers[0].second = "text/event-stream";
        if (!last_id.empty()) {
            request.headers.emplace_back("Last-Event-ID", last_id);
        }
        start(exchange, std::move(request));
    }

    void over(const Error& why) {
        if (std::exchange(ended_, true)) {
            return;
        }
        loop_.post([this, why, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) {
                sink_.closed(why);
            }
        });
    }

    net::Loop& loop_;
    const call::UpstreamSpec spec_;
    const net::Url url_;
    std::string target_ = url_.target;  // where it moved to, at the same host
    UpstreamSink& sink_;
    std::unique_ptr<net::HttpClient> client_;
    std::vector<Outgoing> early_;  // until the address is known
    std::unordered_map<std::uint64_t, std::shared_ptr<Exchange>> exchanges_;
    std::string session_, version_;
    const Elsewhere elsewhere_;
    std::shared_ptr<const TokenSource> tokens_;  // null: no oauth
    std::string token_;
    Nanos token_until_{};
    bool getting_ = false;
    std::set<std::uint64_t> retried_;  // requests that were sent, until they are answered
    bool ended_ = false;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace

Result<std::unique_ptr<UpstreamLink>> open_http_link(net::Loop& loop, const call::UpstreamSpec& spec,
                                                     const Elsewhere& elsewhere, UpstreamSink& sink) {
    RESONANT_ASSIGN(net::Url url, net::parse_url(spec.url));
    return std::make_unique<HttpLink>(loop, spec, std::move(url), elsewhere, sink);
}

}  // namespace resonant::mcp
