// An HttpClient asks one HTTP/1.1 server: any number of requests at once, each on a connection of a small
// pool that stays open. Answers come piece by piece, so that an event stream can be read as it grows.
// Parsing is Boost.Beast's, encryption OpenSSL's; waiting is the Loop's.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) Every request ends in done() once, unless it was cancelled; no callback comes from inside send().
//   (2) Bounds: kClientHeadMax, kClientConnectionsMax open at once (the rest wait), kClientQueueMax waiting.
//   (3) A request is sent a second time, once, when the server closed a kept connection before a byte of the answer
//       came, and only when that cannot do its work twice: nothing of it was sent, or its method is idempotent
//       (RFC 9110, 9.2.2). A POST of which a byte was sent is never sent again: its done() says that it may have
//       been carried out.
//   (4) https: the certificate must be the host's and lead to a root that the system trusts.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/net/loop.h"

namespace resonant::net {

inline constexpr std::uint32_t kClientHeadMax = 64 * 1024;
inline constexpr std::size_t kClientConnectionsMax = 32;
inline constexpr std::size_t kClientQueueMax = 1024;

// "https://host:8443/path?query", in parts.
struct Url {
    bool secure = false;
    std::string host;
    std::uint16_t port = 0;
    std::string target;  // path and query, at least "/"
};
// InvalidArgument for anything but http and https, and for one with user and password.
Result<Url> parse_url(std::string_view text);

// Where a host is: an IPv4 or IPv6 address. Blocks for names; not on the loop. NotFound.
struct Address {
    std::vector<char> bytes;  // a sockaddr
};
Result<Address> look_up(const Url& url);

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct ClientRequest {
    std::string method;
    std::string target;
    HttpHeaders headers;
    std::string body;
    std::shared_ptr<bool> sent = {};  // becomes true when a byte of it leaves: from then on it may be carried out
};

// True for methods that do the same whether they come once or twice: GET, HEAD, OPTIONS, TRACE, PUT, DELETE.
bool is_idempotent(std::string_view method);

struct ClientEvents {
    std::function<void(int status, const HttpHeaders& headers)> head;  // names in lower case
    std::function<void(std::string_view piece)> body;
    std::function<void(Status)> done;
};

class HttpClient {
  public:
    HttpClient(Loop& loop, Url url, Address address);
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;
    ~HttpClient();

    // Returns a number for cancel().
    std::uint64_t send(ClientRequest request, ClientEvents events);
    // Closes the request's connection; none of its events come any more.
    void cancel(std::uint64_t number);

    struct Connection;

  private:
    struct Waiting {
        std::uint64_t number = 0;
        std::string text;
        ClientEvents events;
        bool head_method = false;
        bool idempotent = false;
        bool repeated = false;  // it was sent before
        std::shared_ptr<bool> sent = std::make_shared<bool>(false);
    };
    void pump();
    void connect(Waiting request);
    void assign(Connection& connection, Waiting request);
    void ready(std::uint64_t id, std::uint32_t events);
    void read(Connection& connection);
    bool parse(Connection& connection, bool ended);
    bool write(Connection& connection);
    void finish(Connection& connection);
    void broken(std::uint64_t id, const std::string& why);
    static bool is_closed(const Connection& connection);
    void rewatch(Connection& connection, bool want_write);

    Loop& loop_;
    const Url url_;
    const Address address_;
    std::shared_ptr<void> security_;  // of OpenSSL, when it is https
    std::uint64_t next_ = 1;
    std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
    std::deque<Waiting> waiting_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace resonant::net
