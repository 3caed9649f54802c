// The StdioFront serves clients whose stdin and stdout were handed to the kernel, one conversation each.
//
// Belongs to the loop's thread.
//
// Invariants:
//   (1) A client whose journal says what was agreed on goes on where it was: no second initialize.
//   (2) The id of every call that is running is in the client's journal.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "resonant/base/random.h"
#include "resonant/mcp/server.h"
#include "resonant/net/lines.h"

namespace resonant::mcp {

// A client's two ends, its journal (none: the kernel makes one, which dies with it), and who it is.
struct Adoption {
    Descriptor input;
    Descriptor output;
    Descriptor journal;
    call::Caller caller;  // principal and role are the transport's; connection is filled in here
    std::optional<Listing> listing;
    std::function<void(const std::string& why)> closed;  // may be empty
};

class StdioFront {
  public:
    // `random` makes the numbers of connections, which stay with a client over kernels' lives.
    StdioFront(net::Loop& loop, Server& server, Random& random);
    StdioFront(const StdioFront&) = delete;
    StdioFront& operator=(const StdioFront&) = delete;
    ~StdioFront();

    // Takes a client over. Returns its number, for drop(); the error says why it cannot be served.
    Result<std::uint64_t> adopt(Adoption adoption);
    // Ends a client (its waiting process went away).
    void drop(std::uint64_t client, const std::string& why);
    std::size_t clients() const { return clients_.size(); }

  private:
    class Client;
    void gone(std::uint64_t client);

    net::Loop& loop_;
    Server& server_;
    Random& random_;
    std::uint64_t next_ = 1;
    std::unordered_map<std::uint64_t, std::shared_ptr<Client>> clients_;
};

}  // namespace resonant::mcp
