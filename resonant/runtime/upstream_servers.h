// The servers behind this kernel: the Gateway with what it needs of the system, and the configuration it
// follows.
//
// Belongs to the loop's thread.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "resonant/mcp/gateway.h"
#include "resonant/runtime/home.h"
#include "resonant/tools/tool_search.h"

namespace resonant::runtime {

// Keeps what was added and approved in <home>/servers.json (0600, for it may hold secrets of servers).
std::unique_ptr<mcp::Gateway> make_gateway(const Home& home, net::Loop& loop, Clock& clock, Random& random,
                                           const tools::Toolbox& toolbox);

// Who this home's kernel is to other kernels: the same after a restart, and no secret.
std::string kernel_id(const Home& home);

// Puts what may be called into the search over tools; `found` are the servers that are there already.
void let_find(const mcp::Gateway& gateway, tools::ToolSearch& search, std::set<std::string>& found);

// Reads [servers] of resonant.toml and the files it names, and reads them again when one changes. What
// cannot be read changes nothing and is told by server.list.
class ServerConfiguration {
  public:
    ServerConfiguration(net::Loop& loop, mcp::Gateway& gateway, std::filesystem::path file);
    ServerConfiguration(const ServerConfiguration&) = delete;
    ServerConfiguration& operator=(const ServerConfiguration&) = delete;
    ~ServerConfiguration();

  private:
    using Stamps = std::map<std::filesystem::path, std::string>;
    static std::string stamp_of(const std::filesystem::path& file);
    void look();
    void load();

    net::Loop& loop_;
    mcp::Gateway& gateway_;
    const std::filesystem::path file_;
    Stamps stamps_;  // of the files as they were read
    std::uint64_t timer_ = 0;
};

}  // namespace resonant::runtime
