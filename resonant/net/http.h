// An HttpServer answers HTTP/1.1 on one address, plain or over TLS. It knows requests and answers, not what they
// are about. Parsing is Boost.Beast's; waiting is the Loop's.
//
// Belongs to the loop's thread; an Answer may be given from any thread.
//
// Invariants:
//   (1) Every request that was read whole is answered once, in order, on its connection.
//   (2) Bounds: kHttpHeaderMax (431), kHttpBodyMax (413), HttpLimits, and time limits for half requests, idle
//       connections and readers that stand still. Beyond HttpLimits the newcomer is refused (503, Retry-After, words);
//       one that is served, reads or is read from is never closed for it. Only what nobody uses makes room: when memory
//       is short, connections idle for kHttpTrulyIdle and readers that stood still for kHttpStandstill; when there
//       are too many, those that have asked nothing for kHttpTrulyIdle since they came.
//       A body of more than kHttpSmallMax is read on once there is room for the whole of it in kHttpLargeMax; until
//       then its connection is not read from. Who came first goes first; who waited in vain gets 503.
//   (3) When the connection goes while a request is being worked on, its `gone` becomes true; before its answer begins
//       also when the client closes its side: it may have gone. The answer is sent all the same.
//   (4) What two servers could read differently (Host or Transfer-Encoding in doubt) is refused (400), and
//       the connection ends.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/net/acceptor.h"
#include "resonant/net/age_lists.h"
#include "resonant/net/http_admission.h"
#include "resonant/net/loop.h"
#include "resonant/net/tls.h"

namespace resonant::net {

inline constexpr std::uint32_t kHttpHeaderMax = 16 * 1024;
inline constexpr std::uint64_t kHttpBodyMax = 4 * 1024 * 1024;
inline constexpr std::size_t kHttpRefusedMax = 256;  // refused connections that are kept until they have read why
inline constexpr Nanos kHttpTrulyIdle = from_seconds(5);
inline constexpr Nanos kHttpStandstill = from_seconds(30);
inline constexpr std::size_t kHttpSmallMax = 32 * 1024;        // bytes of a body that anybody may have under way
inline constexpr std::size_t kHttpLargeMax = 16 * 1024 * 1024;  // bytes of larger ones under way, all connections together
inline constexpr std::size_t kHttpStreamMax = 8 * 1024 * 1024;  // bytes of a stream that wait for a slow reader
inline constexpr std::size_t kHttpStreamShort = 64 * 1024;      // the same while memory is short

struct HttpRequest {
    std::string method;   // "POST"
    std::string target;   // path and query, as sent
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::shared_ptr<std::atomic<bool>> gone;
    std::uint64_t connection = 0;  // for claim()

    // The value of a header (name in lower case), or null. The first one when there are several.
    const std::string* header(std::string_view name) const;
    std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
};

// The body of an answer that goes on for a while (an event stream). Whoever answers makes one, puts it
// into the HttpResponse and writes; what is written before the head is out waits for it.
//
// Belongs to the loop's thread.
class HttpStream {
  public:
    HttpStream() = default;
    HttpStream(const HttpStream&) = delete;
    HttpStream& operator=(const HttpStream&) = delete;

    // Dropped once the client is gone or the stream has ended.
    void write(std::string_view bytes);
    // Nothing more comes; the connection is ready for its next request.
    void end();
    bool open() const { return !ended_ && !gone_; }
    // Called when the client goes before end(); may be empty.
    std::function<void()> on_gone;
    // Bytes without a meaning, written when the client has closed its side: one that is gone answers them with a reset,
    // one that only sends nothing more reads on. Empty: closing its side ends the stream.
    std::string probe;

  private:
    friend class HttpServer;
    std::function<void(std::string_view bytes, bool last)> sink_;  // the server's, once the head is out
    std::string waiting_;
    bool ended_ = false;
    bool gone_ = false;
};

struct HttpResponse {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::shared_ptr<HttpStream> stream = {};  // the body follows through it; `body` stays empty
    bool close = false;                       // the connection ends with it
};

using HttpHandler = std::function<void(HttpRequest, std::function<void(HttpResponse)>)>;

struct HttpServerOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 7370;                   // 0: any free one
    Nanos request_patience = from_millis(10'000);  // for one request to come in whole; and, before, to wait for room
    Nanos idle_patience = from_millis(75'000);     // between requests
    Nanos write_patience = from_seconds(300);      // for a reader that stands still
    HttpLimits limits = {};
    std::shared_ptr<TlsContext> tls = {};    // none: plain
};

class HttpServer {
  public:
    // Unavailable when the address is taken; the message names it.
    static Result<std::unique_ptr<HttpServer>> open(Loop& loop, HttpHandler handler,
                                                    HttpServerOptions options = {});
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;
    ~HttpServer();

    std::uint16_t port() const { return port_; }
    // Open ones, those that are being refused left out.
    std::size_t connections() const { return connections_.size() - ages_.size(Refused); }
    // Bytes that they hold: requests and answers under way, and what each costs by itself.
    std::size_t held_bytes() const { return admission_.held(); }
    // Says whose a request's connection is. Nothing when it may stay; else the answer for it: its owner holds its share.
    std::optional<HttpResponse> claim(std::uint64_t connection, std::string_view owner);

  private:
    struct Connection;
    enum class State : std::uint8_t { Idle, Reading, Waiting, Working, Draining };  // Waiting: for room
    // What a connection is waited for; each has one time limit.
    enum Wait : std::size_t { Unlimited, Fresh, Idle, Request, Writing, Draining, Refused, kWaits };
    HttpServer(Loop& loop, HttpHandler handler, HttpServerOptions options, std::uint16_t port);
    void adopt(Descriptor socket, Acceptor::Room room);
    void refuse_newcomer(Descriptor socket, HttpAdmission::Verdict why);
    HttpResponse busy(HttpAdmission::Verdict why) const;
    bool make_room(HttpAdmission::Verdict why);
    Connection* keep(Descriptor socket, Wait wait);
    void enter(Connection& connection, State state);
    void expect_request(Connection& connection);
    void start_time(Connection& connection);
    void weigh(Connection& connection);
    void reweigh(std::uint64_t id);
    void serve(std::uint64_t id, std::uint32_t events);
    // These return false when the connection is over; the caller drops it.
    bool read(Connection& connection);
    bool parse(Connection& connection, std::string_view fresh = {});
    bool refuse(Connection& connection, int status, std::string_view words);
    // Goes on with a request whose head is in; its body may not be.
    bool take_head(Connection& connection);
    bool go_on(Connection& connection);
    bool has_room(Connection& connection);
    void wait_for_room(Connection& connection);
    void give_room_back(Connection& connection);
    void admit();
    bool respond(Connection& connection, const HttpResponse& response);
    bool begin_stream(Connection& connection, const HttpResponse& response);
    void stream(std::uint64_t id, std::uint64_t request, std::string_view bytes, bool last);
    void next_request(std::uint64_t id);
    bool flush(Connection& connection);
    void dispatch(Connection& connection);
    void answer(std::uint64_t id, std::uint64_t request, const HttpResponse& response);
    void rewatch(Connection& connection);
    void drop(std::uint64_t id);
    void sweep();
    void time_over(std::uint64_t id);

    Loop& loop_;
    HttpHandler handler_;
    HttpServerOptions options_;
    std::uint16_t port_;
    std::uint64_t next_ = 1;
    std::uint64_t timer_ = 0;
    HttpAdmission admission_;
    AgeLists<kWaits> ages_;              // of all connections
    std::size_t reserved_ = 0;           // bytes of large bodies under way, as they will be
    std::deque<std::uint64_t> waiting_;  // connections whose bodies wait for room
    std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
    std::unique_ptr<Acceptor> acceptor_;
};

}  // namespace resonant::net
