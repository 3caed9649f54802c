// The KernelSocket is the Unix socket in the home by which people and waiting processes reach the
// kernel. It carries lines of text both ways, and descriptors with the first line; what the lines say
// is the business of the floor above.
//
// Belongs to the loop's thread. The other end is a KernelLink.
//
// Invariants:
//   (1) The socket is 0600 and a peer of another uid than ours (or root) is refused; unless it was opened for any user:
//       then it is a name of the abstract namespace, a user has at most 16 connections, and a line 256 bytes.
//   (2) A path longer than sun_path works: it is reached through /proc/self/fd of its folder.
//   (3) 4 MiB a line, kDescriptorsMax descriptors; more ends the connection. So does silence: kFirstLine after it came,
//       kLinger when it does not read its last answer.
//   (4) Beyond connections_max, or without a free descriptor, kBriefMax more are served for one line each, so
//       that the operator is always answered; everybody else hears `refusal`.
//   (5) Who does not read answers is not read from. Who will send nothing more is still answered.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/net/acceptor.h"
#include "resonant/net/kernel_link.h"
#include "resonant/net/loop.h"
#include "resonant/net/peer.h"

namespace resonant::net {

inline constexpr std::size_t kBriefMax = 16;
inline constexpr Nanos kFirstLine = from_millis(30'000);
inline constexpr Nanos kBrief = from_millis(2'000);  // for both, of a connection beyond the limit
inline constexpr Nanos kLinger = from_millis(30'000);

// One line from a peer, with the descriptors that came along.
struct KernelMessage {
    std::uint64_t connection = 0;
    Peer peer;
    std::string text;
    std::vector<Descriptor> descriptors;
    bool brief = false;             // beyond the limit: one short answer, then it is closed
    bool descriptors_lost = false;  // some came for which this process had no room
};

class KernelSocket {
  public:
    struct Handler {
        std::function<void(KernelMessage)> message;
        std::function<void(std::uint64_t connection)> closed;
        // Whether a peer that will send nothing more waits for an answer that is still to come: then the
        // connection stays until it has come. Empty: none does.
        std::function<bool(std::uint64_t connection)> waits = {};
    };

    enum class Access { OwnUser, AnyUser };

    struct Options {
        Access access = Access::OwnUser;
        std::size_t connections_max = 256;
        std::string refusal = {};  // the line for a peer for whom there is no room; empty: none
    };

    // Binds `path`, replacing a stale socket there (the caller holds the home's lock), and listens. For any user,
    // `path` is a name of the abstract namespace behind an '@'; Conflict when somebody holds it.
    static Result<std::unique_ptr<KernelSocket>> open(Loop& loop, const std::filesystem::path& path, Handler handler,
                                                      Options options);
    static Result<std::unique_ptr<KernelSocket>> open(Loop& loop, const std::filesystem::path& path, Handler handler) {
        return open(loop, path, std::move(handler), Options());
    }
    KernelSocket(const KernelSocket&) = delete;
    KernelSocket& operator=(const KernelSocket&) = delete;
    // Closes every connection and removes the socket's file.
    ~KernelSocket();

    // Sends one line to a connection; nothing happens when it is gone.
    void send(std::uint64_t connection, std::string_view text);
    // Ends a connection after what waits has been written.
    void close(std::uint64_t connection);

  private:
    struct Connection;
    KernelSocket(Loop& loop, std::filesystem::path path, Handler handler, Options options);
    void accepted(Descriptor socket, Acceptor::Room room);
    void refuse(const Descriptor& socket, std::string_view why) const;
    bool welcomes(const Peer& peer) const;
    void serve(std::uint64_t id, std::uint32_t events);
    bool receive(Connection& connection, bool gone);
    bool deliver(Connection& connection);
    bool input_over(Connection& connection);
    void close_when_answered(Connection& connection);
    bool flush(Connection& connection);
    void limit(Connection& connection, Nanos time);
    void drop(std::uint64_t id);

    Loop& loop_;
    std::filesystem::path path_;
    Handler handler_;
    Options options_;
    std::uint64_t next_ = 1;
    std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
    std::unordered_map<uid_t, std::size_t> of_user_;  // connections
    std::unique_ptr<Acceptor> acceptor_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // weak copies know whether *this is
};

}  // namespace resonant::net
