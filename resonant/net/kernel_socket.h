// The KernelSocket is the Unix socket in the home by which people and waiting processes reach the
// kernel. It carries lines of text both ways, and descriptors with the first line; what the lines say
// is the business of the floor above.
//
// Server side: the loop's thread. Client side (KernelLink): any one thread, blocking with time limits.
//
// Invariants:
//   (1) The socket is 0600 and a peer of another uid than ours (or root) is refused; unless it was opened for any user:
//       then it is a name of the abstract namespace, a user has at most 16 connections, and a line 256 bytes.
//   (2) A path longer than sun_path works: it is reached through /proc/self/fd of its folder.
//   (3) At most 256 connections, 4 MiB a line, kDescriptorsMax descriptors; more ends the connection.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "resonant/base/descriptor.h"
#include "resonant/base/result.h"
#include "resonant/base/units.h"
#include "resonant/net/loop.h"
#include "resonant/net/peer.h"

namespace resonant::net {

inline constexpr std::size_t kDescriptorsMax = 8;

// One line from a peer, with the descriptors that came along.
struct KernelMessage {
    std::uint64_t connection = 0;
    Peer peer;
    std::string text;
    std::vector<Descriptor> descriptors;
};

class KernelSocket {
  public:
    struct Handler {
        std::function<void(KernelMessage)> message;
        std::function<void(std::uint64_t connection)> closed;
    };

    enum class Access { OwnUser, AnyUser };

    // Binds `path`, replacing a stale socket there (the caller holds the home's lock), and listens. For any user,
    // `path` is a name of the abstract namespace behind an '@'; Conflict when somebody holds it.
    static Result<std::unique_ptr<KernelSocket>> open(Loop& loop, const std::filesystem::path& path, Handler handler,
                                                      Access access = Access::OwnUser);
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
    KernelSocket(Loop& loop, std::filesystem::path path, Descriptor listener, Handler handler, Access access);
    void accept();
    bool welcomes(const Peer& peer) const;
    void serve(std::uint64_t id, std::uint32_t events);
    bool receive(Connection& connection);
    bool flush(Connection& connection);
    void drop(std::uint64_t id);

    Loop& loop_;
    std::filesystem::path path_;
    Descriptor listener_;
    Handler handler_;
    Access access_;
    std::uint64_t next_ = 1;
    std::unordered_map<std::uint64_t, std::unique_ptr<Connection>> connections_;
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // weak copies know whether *this is
};

// The other end: `resonant status`, `call`, `down`, and the process that waits for a client.
class KernelLink {
  public:
    // NotFound when no kernel listens there; PermissionDenied when another user holds an abstract name (base/socket_address.h).
    static Result<KernelLink> connect(const std::filesystem::path& path);

    // Sends one line, with descriptors when there are some.
    Status send(std::string_view line, std::span<const int> descriptors = {});
    // The next line; Timeout when none came in time, Unavailable when the kernel hung up.
    Result<std::string> receive(Nanos patience);
    // send() and receive().
    Result<std::string> ask(std::string_view line, Nanos patience);
    int descriptor() const { return socket_.get(); }

  private:
    explicit KernelLink(Descriptor socket) : socket_(std::move(socket)) {}

    Descriptor socket_;
    std::string pending_;
};

}  // namespace resonant::net
