// A ClientText is the content of a client's file: the servers that stand in it, and the same text with one more
// or one less. Nothing outside such a change differs by a byte; each change is read again and compared with what
// was meant before it is given out.
//
// Any thread; a plain value.
//
// Invariants:
//   (1) What put() and take() return reads as before, but for the one server that was meant.
//   (2) A text that cannot be read is refused with line and column, and is never changed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/clients/client.h"
#include "resonant/json/source_edit.h"

namespace resonant::clients {

// One server as it stands in a file.
struct FoundServer {
    std::string name;
    json::SourcePath path;  // its name last
    std::string project;    // the folder it is for, where the file has servers of several
    Json entry;
};

class ClientText {
  public:
    // An empty text is a file without servers. `any`: the file of an unknown client; the section is looked for
    // under all names that clients give it.
    static Result<ClientText> read(const Client& client, std::string text, bool any = false);

    const std::string& text() const { return text_; }
    const std::vector<FoundServer>& servers() const { return servers_; }
    // The whole file as a value.
    const Json& whole() const { return whole_; }
    // Where a server of this name belongs.
    json::SourcePath place_of(const std::string& name) const;

    // With `entry` at `path`. Members of an entry that is there and that `entry` does not name stay.
    Result<ClientText> put(const json::SourcePath& path, const json::Ordered& entry) const;
    // Without the server at `path`.
    Result<ClientText> take(const json::SourcePath& path) const;

  private:
    void find_servers(bool any);

    const Client* client_ = nullptr;
    std::string text_;
    Json whole_;
    json::SourcePath section_;
    std::vector<FoundServer> servers_;
};

}  // namespace resonant::clients
