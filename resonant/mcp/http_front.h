// The HttpFront serves MCP and a few pages over HTTP: /mcp (also /mcp/core, /mcp/all, /mcp/families for
// another listing), /healthz, /readyz, and whatever pages runtime adds (/metrics, /).
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) Origin and Host are checked on every request: loopback names and those configured; else 403. Pages of other
//       origins may call from a browser when their origin is configured (CrossOrigin).
//   (2) Bearer tokens are compared in constant time, or judged by the resource server; /mcp and pages not
//       marked open need one unless neither is configured.
//   (3) A legacy session is bound to the principal that began it; for everybody else it does not exist.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/base/random.h"
#include "resonant/mcp/cross_origin.h"
#include "resonant/mcp/http_sessions.h"
#include "resonant/mcp/resource_server.h"
#include "resonant/mcp/server.h"
#include "resonant/net/http.h"

namespace resonant::mcp {

// Who comes with which token.
struct Token {
    std::string secret;
    std::string principal;  // empty: "token:" and the first digits of its hash
    call::Role role = call::Role::Agent;
};

struct Page {
    std::string path;  // "/metrics"
    bool open = false; // needs no token
    std::function<net::HttpResponse(const net::HttpRequest&)> get;
    std::string welcome = {};  // HTML for a person who comes without a token; empty: a refusal
};

struct HttpFrontOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 7370;
    std::vector<Token> tokens;               // none, and no oauth: no token is asked for, everybody is "http"
    std::shared_ptr<ResourceServer> oauth = {};  // judges tokens that are none of ours
    std::shared_ptr<net::TlsContext> tls = {};
    std::vector<std::string> allowed_hosts;  // beside localhost, 127.0.0.1 and [::1]; for Host and Origin
    std::function<bool()> ready;             // /readyz; always ready when empty
    std::vector<Page> pages;
    std::vector<std::string> cors_origins = {};  // whose pages may call from a browser, as origin_of() gives them
    net::HttpLimits limits = {};             // of connections
    std::size_t sessions_max = kSessionsMax; // legacy sessions; one more is refused unless an idle one can be parked
    Nanos session_idle = kSessionIdle;       // silent for this long, unused ones may be parked
    Nanos comment_every = kCommentEvery;     // on streams that are open and silent
    std::string session_secret = {};         // stays the same over restarts; empty: sessions end with this front
};

class HttpFront {
  public:
    static Result<std::unique_ptr<HttpFront>> open(net::Loop& loop, Server& server, Clock& clock,
                                                   Random& random, HttpFrontOptions options);
    HttpFront(const HttpFront&) = delete;
    HttpFront& operator=(const HttpFront&) = delete;
    ~HttpFront();

    std::uint16_t port() const;
    std::size_t sessions() const { return sessions_.size(); }

  private:
    using Give = std::function<void(net::HttpResponse)>;
    class Exchange;

    HttpFront(net::Loop& loop, Server& server, Clock& clock, Random& random, HttpFrontOptions options);
    void handle(net::HttpRequest request, Give give);
    // Refuses, answers a preflight, or lets the answer be read by the page it is for. True: it was answered.
    bool judge_origin(const net::HttpRequest& request, Give& give) const;
    bool answer_page(const net::HttpRequest& request, const Give& give) const;
    // Who calls; PermissionDenied for a token that may not do this, InvalidArgument for any other reason.
    Result<Token> caller_of(const net::HttpRequest& request) const;
    const Token* own_token(std::string_view shown) const;
    net::HttpResponse refusal(const net::HttpRequest& request, const Error& error) const;
    bool host_allowed(std::string_view name) const;
    void mcp(net::HttpRequest request, Give give, const Token& token, std::optional<Listing> listing);
    void post(net::HttpRequest request, const Give& give, const Token& token,
              std::optional<Listing> listing);
    void end_session(const net::HttpRequest& request, const Give& give, const Token& token);
    bool make_relative(net::HttpRequest& request) const;
    void stream(const net::HttpRequest& request, const Give& give, const Token& token);

    Server& server_;
    HttpFrontOptions options_;
    const CrossOrigin cross_origin_;
    std::unique_ptr<net::HttpServer> http_;
    HttpSessions sessions_;  // ends before its connections
};

}  // namespace resonant::mcp
