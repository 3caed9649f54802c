// The KernelFront reads what comes over the kernel's Unix socket: {"op":"attach"} with three
// descriptors (stdin, stdout, journal), {"op":"call","tool":..,"arguments":{..},"secret":..},
// {"op":"status"}, {"op":"down"}, {"op":"ping"}. With "progress":true a call that lasts tells on the way
// {"event":"progress","done":..,"total":..,"words":..}. Answers: {"ok":true,...} or {"ok":false,"error":..,
// "code":..}; `call` answers {"ok":true,"content":..,"is_error":..,"denial":..}. See docs/formats/wire.md.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) Identity is SO_PEERCRED's; `owner` alone turns a secret, or root, into Role::Owner.
//   (2) Who is another user, or says so of itself ("contained":true), is a contained caller.
//   (3) At most clients_max clients are attached, of this front and others together; beyond that attach is refused in
//       words, and so is everything but ping, status and down where connections or descriptors have run out.
//   (4) A waiting process that hangs up ends its client; a client that ends is told to its waiting
//       process as {"event":"closed","why":..}, the kernel's own end as {"event":"down"}.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "resonant/mcp/stdio_front.h"
#include "resonant/net/kernel_socket.h"

namespace resonant::mcp {

struct KernelFrontOptions {
    std::filesystem::path path;
    // What `status` answers beside ok.
    std::function<Json()> status;
    // Asked to end: called once the answer is on its way.
    std::function<void()> down;
    // True when this peer with this secret (empty when none was sent) is the owner.
    std::function<bool(const net::Peer& peer, std::string_view secret)> owner;
    // The role of an attached client; Agent when empty.
    std::function<call::Role(const net::Peer& peer)> role;
    std::size_t clients_max = 4'096;
    // What the one who is refused beyond it can do.
    std::string way_out = "raise clients_max in resonant.toml";
    // When it is not empty, any user may connect to `path`, an abstract name, and may do nothing but attach, showing this.
    std::string token;
};

class KernelFront {
  public:
    // `loop`, `door` and `stdio` outlive it.
    static Result<std::unique_ptr<KernelFront>> open(net::Loop& loop, call::Door& door,
                                                     StdioFront& stdio, KernelFrontOptions options);
    KernelFront(const KernelFront&) = delete;
    KernelFront& operator=(const KernelFront&) = delete;
    ~KernelFront();

    // Lets every client go.
    void end_clients();
    // Tells every waiting process that the kernel is going down in good order.
    void announce_end();
    std::size_t attached() const { return clients_.size(); }

  private:
    KernelFront(net::Loop& loop, call::Door& door, StdioFront& stdio, KernelFrontOptions options);
    void message(net::KernelMessage message);
    bool turned_away(const net::KernelMessage& message, std::string_view op);
    void attach(net::KernelMessage& message, const Json& request);
    void call(const net::KernelMessage& message, const Json& request);
    void closed(std::uint64_t connection);
    void say(std::uint64_t connection, const Json& answer);

    net::Loop& loop_;
    call::Door& door_;
    StdioFront& stdio_;
    KernelFrontOptions options_;
    std::unique_ptr<net::KernelSocket> socket_;
    std::unordered_map<std::uint64_t, std::uint64_t> clients_;  // connection to client of stdio_
    std::unordered_map<std::uint64_t, std::shared_ptr<std::atomic<bool>>> calls_;  // running, by connection
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace resonant::mcp
