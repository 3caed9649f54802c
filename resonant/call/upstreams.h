// Upstreams are the other MCP servers behind this one, as far as the floors below the protocol know them:
// which tools they offer, how one is called, and what their owner may do about them.
//
// Threads: find(), tools(), servers() and start() from any; what changes something may block and belongs on
// a worker.
//
// Invariants:
//   (1) A tool is offered under one name, `server__tool`, at most kUpstreamNameMax characters, always the same.
//   (2) A tool whose definition nobody approved is in quarantine: it is shown as such and never called.
//   (3) start() calls `done` exactly once, from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/call/call.h"
#include "resonant/json/schema.h"

namespace resonant::call {

// Characters of a name on the wire. Clients prefix it ("mcp__resonant__", 15 characters) and models take 64 in all.
inline constexpr std::size_t kUpstreamNameMax = 49;
inline constexpr std::size_t kUpstreamServersMax = 64;
inline constexpr std::size_t kUpstreamToolsMax = 1024;  // of one server

// How to reach a server, as its owner wrote it down. Either `command` or `url` is there. Texts may hold ${VAR}:
// filled in at each start, never kept filled (mcp/server_variables.h).
struct UpstreamSpec {
    std::string name;
    std::vector<std::string> command;
    std::string folder;                         // where the command runs; empty: the kernel's
    std::map<std::string, std::string> environment;
    std::string url;                            // http://host:port/path
    std::map<std::string, std::string> headers;
    // To get a token for it from its authorisation server: client_id, client_secret, scope, token_url.
    std::map<std::string, std::string> oauth;
    std::string family;                         // key or wire name of the family that shows it; empty: roof
    double timeout_s = 120;                     // of one call; progress starts it again
    double start_timeout_s = 60;                // from its start until it has answered the handshake
    bool reads_only = false;                    // the owner says that no tool of it acts
    bool trusted_first = false;                 // what it shows the first time is approved
    std::string era;                            // "", "modern" or "legacy"
    bool disabled = false;                      // kept, but neither started nor offered
    std::vector<std::string> tools_allowed;     // as the server calls them; empty: all
    std::vector<std::string> tools_denied;      // stronger than tools_allowed
    std::string env_file;                       // NAME=VALUE lines, read at each start; `environment` is stronger

    bool operator==(const UpstreamSpec&) const = default;
};

// One tool as its server described it; never changes.
struct UpstreamTool {
    Contract contract;       // name: server__tool
    std::string server;
    std::string tool;        // as the server calls it
    std::string method = "tools/call";  // or what else is asked of it: resources/read, prompts/get, completion/complete
    Json definition;         // as the server listed it
    std::shared_ptr<const json::Schema> schema;  // null: it does not compile, arguments pass as they are
    std::string hash;        // SHA-256 of the canonical definition
    std::string quarantine;  // why it may not be called; empty: it may
    int slot = -1;           // of the server on the board, -1 when there are too many
};

struct UpstreamServer {
    std::string name;
    std::uint8_t family = 0;
    std::size_t tools = 0;   // that may be called
};

// What a server offers beside tools, under the name it has here. Its words are its own: shown, never obeyed.
struct UpstreamOffer {
    enum class Kind : std::uint8_t { Resource, Template, Prompt };
    Kind kind = Kind::Resource;
    std::string server;
    std::string name;    // upstream://SERVER/URI, or SERVER__PROMPT
    std::string theirs;  // as the server calls it
    Json definition;     // as the server listed it
};
using UpstreamOffers = std::vector<UpstreamOffer>;

// Asking a server for what it offers beside tools is a call like any other, of one of these tools:
// SERVER__resources.read and so on, with the params of the method as its arguments.
inline constexpr std::string_view kReadUpstream = "resources.read";
inline constexpr std::string_view kPromptUpstream = "prompts.get";
inline constexpr std::string_view kCompleteUpstream = "completion.complete";
inline constexpr std::string_view kUpstreamScheme = "upstream://";

// In the place of a structured answer that was too large: result_id, total_bytes and how to go on.
inline constexpr const char* kCutMember = "resonant_cut";

using UpstreamTools = std::vector<std::shared_ptr<const UpstreamTool>>;

// What a server answered to a call.
struct UpstreamReply {
    Json blocks;             // content blocks in the protocol's form; null when something else than a tool was asked
    Json structured;         // structuredContent, null when there was none; the result of anything else
    bool error = false;      // isError: the tool says so
};

class Upstreams {
  public:
    using Done = std::function<void(Result<UpstreamReply>)>;

    Upstreams() = default;
    Upstreams(const Upstreams&) = delete;
    Upstreams& operator=(const Upstreams&) = delete;
    virtual ~Upstreams() = default;

    // By server__tool or server.tool; null when there is none.
    virtual std::shared_ptr<const UpstreamTool> find(std::string_view name) const = 0;
    // All of them, server by server in the order of their names; those in quarantine too.
    virtual std::shared_ptr<const UpstreamTools> tools() const = 0;
    virtual std::vector<UpstreamServer> servers() const = 0;
    // Resources, templates and prompts, server by server.
    virtual std::shared_ptr<const UpstreamOffers> offers() const = 0;
    // Counts up whenever tools(), servers() or offers() changed.
    virtual std::uint64_t version() const = 0;

    // Calls a tool that is not in quarantine. `call` and `tool` are kept until the answer.
    virtual void start(std::shared_ptr<Call> call, std::shared_ptr<const UpstreamTool> tool, Done done) = 0;

    // What the owner does; server.* of the catalogue. `arguments` as declared there.
    virtual Result<Json> add(const Json& arguments) = 0;
    virtual Result<Json> remove(const std::string& name) = 0;
    virtual Result<Json> approve(const std::string& name, const std::string& tool, const std::string& hash) = 0;
    virtual Result<Json> list(const std::string& name) = 0;
    virtual Result<Json> scan(const std::string& name) = 0;
    // Starts a server that is switched off, or switches it off. What it shows then waits for approve().
    virtual Result<Json> enable(const std::string& name, bool enabled) = 0;
};

// The server whose words the reply of a tool is; empty for tools of our own, whose names hold no "__".
inline std::string_view server_of(std::string_view tool) {
    const std::size_t end = tool.find("__");
    return end == std::string_view::npos ? std::string_view() : tool.substr(0, end);
}

}  // namespace resonant::call
