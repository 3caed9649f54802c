// A SetupPlan says what setting a client up would do with its file: our block put in, the servers that can be taken over
// taken out, the others left where they are, each with its reason. Making a plan changes nothing.
//
// Belongs to one thread; a plain value.
//
// Invariants:
//   (1) Our own entries are recognised and never taken over.
//   (2) A server leaves the file only when final_text() is told that it is behind us now.
//   (3) A second plan over final_text() of the first changes nothing.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "resonant/clients/server_entry.h"

namespace resonant::clients {

// What a plan is made from.
struct SetupRequest {
    const Client* client = nullptr;
    std::string program;  // absolute
    std::string home;     // absolute
    Self self;
    EntryPlace place;
    std::map<std::string, call::UpstreamSpec> behind;  // servers that are behind us already
};

class SetupPlan {
  public:
    struct Taken {
        FoundServer found;
        ServerEntry entry;
        bool there = false;  // the same server is behind us already
    };
    struct Staying {
        std::string name, why;
    };

    // InvalidArgument with line and column when `text` cannot be read.
    static Result<SetupPlan> make(const SetupRequest& request, std::string text);

    const std::vector<Taken>& taken() const { return taken_; }
    const std::vector<Staying>& staying() const { return staying_; }
    const std::vector<std::string>& own() const { return own_; }  // names of entries that are this program
    // Our block, and whether the file has it word for word already.
    const json::Ordered& block() const { return block_; }
    bool has_block() const { return has_block_; }
    const json::SourcePath& block_path() const { return block_path_; }

    // The text with our block and without the servers of these names (of the record, not of the file).
    Result<std::string> final_text(const std::set<std::string>& gone) const;

  private:
    void consider(const SetupRequest& request, const FoundServer& found);
    void put_block(const SetupRequest& request);

    const Client* client_ = nullptr;
    ClientText file_;
    std::vector<Taken> taken_;
    std::vector<Staying> staying_;
    std::vector<std::string> own_;
    json::SourcePath block_path_;
    json::Ordered block_;
    bool has_block_ = false;
};

// Whether two records start and reach the same server in the same way. What the owner changed since (enabled, the PATH
// that was remembered) does not count.
bool same_server(call::UpstreamSpec a, call::UpstreamSpec b);

}  // namespace resonant::clients
