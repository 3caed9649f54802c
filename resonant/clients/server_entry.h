// What a client's file says of a server becomes a record of ours (UpstreamSpec), with everything that the entry
// means: variables, files of variables, time limits, switches, lists of tools, questions that the client would
// ask. What cannot be carried over is said, and what would change the meaning keeps the server out.
//
// Pure functions; any thread.
//
// Invariants:
//   (1) ${VAR}, ${VAR:-otherwise}, ${env:VAR}, ${input:ID} and ${file:PATH} stay as they are written: they are filled
//       in when the server starts (mcp/server_variables.h). Other spellings are rewritten to these.
//   (2) A server that is switched off becomes a record that is switched off.
//   (3) A record that is returned is one that server.add accepts.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "resonant/call/upstreams.h"
#include "resonant/clients/client_text.h"

namespace resonant::clients {

// What the entry is read against.
struct EntryPlace {
    std::filesystem::path user;     // home folder of the person
    std::filesystem::path project;  // what ${workspaceFolder} is; empty: unknown
    std::filesystem::path folder;   // where the client would start its servers; empty: the kernel's choice
};

// A value that the client asks its person for (`inputs` of VS Code).
struct Asked {
    std::string id;
    std::string description;
    bool hidden = false;               // password: true
    std::string otherwise;             // default
    std::vector<std::string> choices;  // pickString; empty: any text
};

struct ServerEntry {
    call::UpstreamSpec record;
    std::vector<Asked> asked;        // ids that the record names as ${input:ID}
    std::vector<std::string> words;  // what a person should know: what is not carried over, what was changed
};

// Unimplemented or InvalidArgument with the reason and the way out when the server has to stay where it is.
Result<ServerEntry> read_entry(const Client& client, const ClientText& file, const FoundServer& found, const EntryPlace& place);

// What is known of this program, to find it in a client's file.
struct Self {
    std::filesystem::path program;  // as the system knows it
    std::string address;            // "http://127.0.0.1:7370/mcp"; empty: none
};
// Whether the entry starts or reaches this program: it must never stand behind itself.
bool is_self(const FoundServer& found, const Self& self);

// The servers of a file of any client, for `server_files` and `server import`. This program itself is in neither list.
struct ServerFile {
    std::vector<ServerEntry> servers;
    std::vector<std::string> left_out;  // "name: why"
    bool own = false;                   // an entry was this program
};
Result<ServerFile> read_servers(const std::filesystem::path& file, std::string text, const EntryPlace& place, const Self& self);

}  // namespace resonant::clients
