// A ClientSet is what one kind of client gets of what is there: which servers behind this one, which tools, which
// listing. Its owner writes it down as [[client]] in resonant.toml. Lists, suggestions, resources, prompts and calls
// all keep to it.
//
// A client that is known by the name it claims may claim another: a set by name keeps a list short, it does not lock
// anything. One by principal does, for that comes from the transport.
//
// Any thread; constant after start.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/call/call.h"

namespace resonant::call {

struct ClientSet {
    std::string name;                                 // of the client, as it says; "cursor*" takes what begins so; empty: any
    std::string principal;                            // "token:3fa2", "uid:1000"; likewise
    std::optional<std::vector<std::string>> servers;  // of those behind this one; "*" takes any; nothing: all
    std::optional<std::vector<std::string>> tools;    // "memory.*", "files__*"; nothing: all
    std::string listing;                              // families, core or all; empty: as others

    bool has_server(std::string_view server) const;
    bool has_tool(std::string_view dotted) const;  // one of ours
    bool has_upstream(std::string_view server, std::string_view tool) const;  // `tool`: server__tool
    // As words name it: `[[client]] name = "cursor*"`.
    std::string label() const;
};

class ClientSets {
  public:
    explicit ClientSets(std::vector<ClientSet> sets = {}) : sets_(std::move(sets)) {}

    // The first that is this caller's; null: everything is its. Calls of the system itself and of the operator have none.
    const ClientSet* find(const Caller& caller) const;
    const std::vector<ClientSet>& all() const { return sets_; }

  private:
    std::vector<ClientSet> sets_;
};

}  // namespace resonant::call
