// A Server is the protocol: it reads one JSON-RPC message of one client, asks the Door, and gives the
// answer to that client's Outlet. It serves both eras of MCP with one core: the modern one (2026-07-28,
// every request describes itself in `_meta`) and the legacy ones (2024-11-05 to 2025-11-25, initialize
// first), chosen request by request. Transports are in front of it: stdio_front, http_front, kernel_front.
//
// Threads: everything on the loop's thread. The Door may answer from any thread; the answer is brought
// back to the loop.
//
// What a server offers beside tools (prompts, resources, completion) and what goes on beside calls
// (subscriptions, questions to the client) is in offers.cc and subscriptions.cc.
//
// Invariants:
//   (1) Every request whose id can be read is answered exactly once; nothing that looks like a response
//       is ever answered.
//   (2) The Caller of a Request is the Conversation's, which the transport made; no argument changes it.
//   (3) Lists are made at construction, and again when servers behind this one change; --conformance only says that
//       they do. Each client set has lists of its own.
//   (4) A peer that sends only garbage gets at most kErrorsInARow error answers, then silence.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/base/random.h"
#include "resonant/call/call.h"
#include "resonant/call/upstreams.h"
#include "resonant/dispatch/catalogue.h"
#include "resonant/dispatch/doorkeeper.h"
#include "resonant/mcp/id_scanner.h"
#include "resonant/mcp/listing.h"
#include "resonant/mcp/prompts.h"
#include "resonant/mcp/request_state.h"
#include "resonant/mcp/resources.h"
#include "resonant/mcp/upstream_listing.h"
#include "resonant/net/loop.h"

namespace resonant::mcp {

struct Envelope;
struct RenderOptions;

inline constexpr std::string_view kModernVersion = "2026-07-28";
inline constexpr std::string_view kLegacyNewest = "2025-11-25";
inline constexpr int kErrorsInARow = 20;
inline constexpr std::size_t kOpenCallsMax = 256;  // calls of one conversation at once
inline constexpr std::size_t kWatchedMax = 256;    // resources one conversation watches
inline constexpr std::size_t kListenersMax = 16'384;  // open subscriptions/listen of all clients
inline constexpr Nanos kTaskAfter = from_millis(1'000);  // a call that takes longer becomes a task, where it can

class Outlet;
class Task;
class Tasks;
class ClientRecords;

// What one client and we have agreed on, and what it is waiting for.
struct Conversation {
    call::Caller caller;
    std::optional<Listing> listing;  // another one than the server's, asked for by path
    std::string key;                 // what it is remembered by over a restart; empty: by nothing
    std::string version;             // negotiated legacy revision, empty before initialize
    int errors_in_a_row = 0;
    bool refused = false;            // the last call was denied by live words: the next is likely to be, too
    // By the id's JSON text: the call's flag, which notifications/cancelled sets.
    std::unordered_map<std::string, std::shared_ptr<std::atomic<bool>>> open;
    // By the id's JSON text: who waits for the client's answer to a request of ours.
    std::unordered_map<std::string, std::function<void(Result<Json>)>> asked;
    std::uint64_t last_question = 0;
    std::shared_ptr<const Json> capabilities = std::make_shared<const Json>(Json::object());  // the client's
    std::atomic<call::LogLevel> log_level{call::LogLevel::Info};
    std::set<std::string> watched;       // URIs of resources/subscribe
    std::size_t listening = 0;           // open subscriptions/listen
    bool looks_on = false;               // it is among those who are notified of changes
    std::weak_ptr<Outlet> standing;      // for what belongs to no request
};

// One message for the client.
struct Answer {
    std::string text;   // JSON, one line
    std::string id;     // JSON text of the id it answers; empty for a notification
    int error = 0;      // JSON-RPC error code, 0 for a result
    bool modern = false;  // of a request of the modern era
};

// Where a client's answers go. Called on the loop's thread.
class Outlet {
  public:
    Outlet() = default;
    Outlet(const Outlet&) = delete;
    Outlet& operator=(const Outlet&) = delete;
    virtual ~Outlet() = default;

    // The message was read and holds these ids; nothing has been run yet.
    virtual void accepted(const std::vector<std::string>& ids) { static_cast<void>(ids); }
    virtual void send(Answer answer) = 0;
    // The client cancelled this id: no answer comes. HTTP never sees this, a POST is always answered.
    virtual void withdrawn(const std::string& id) { static_cast<void>(id); }
    // The negotiated version changed (initialize).
    virtual void agreed() {}
    // Whether messages before the answer get through (a POST whose client takes no event stream: no).
    virtual bool reaches() const { return true; }
    // The client may go and come back for the rest after `retry`, where the transport can do that.
    virtual void release(Nanos retry) { static_cast<void>(retry); }
};

// What the transport knows of one message beyond its text.
struct Arrival {
    std::optional<std::string> version_header;  // MCP-Protocol-Version, HTTP only
    std::optional<std::string> method_header;   // Mcp-Method
    std::optional<std::string> name_header;     // Mcp-Name
    std::vector<std::pair<std::string, std::string>> param_headers;  // Mcp-Param-*, names in lower case
    bool http = false;
    std::shared_ptr<std::atomic<bool>> gone;    // HTTP: the connection went; cancels a modern call
};

struct ServerOptions {
    std::string name = "resonant";
    std::string title = "Resonant Swarm";
    std::string version = "0.1.0";
    Listing listing = Listing::Families;
    std::string instructions;      // empty: default_instructions()
    std::int64_t list_ttl_ms = 3'600'000;
    std::vector<Prompt> prompts = {};
    const dispatch::PromptBook* prompt_book = nullptr;  // templates; null: none
    std::vector<Resource> resources = own_resources();
    bool lists_change = false;     // say so in the capabilities
    std::string kernel = {};       // this kernel's id, for kernels that stand before it; empty: none
    const call::Upstreams* upstreams = nullptr;  // other servers behind this one; null: none
    const call::ClientSets* client_sets = nullptr;  // what which client may see; null: everybody everything
    dispatch::Doorkeeper* doorkeeper = nullptr;  // of the door, if it has one
    ClientRecords* session_records = nullptr;  // what sessions want, for the next kernel; null: it does not know
    ClientRecords* task_records = nullptr;     // which tasks there were, likewise
};

// What may change while a client looks on.
enum class Change : std::uint8_t { Tools, Prompts, Resources, Resource };

std::string default_instructions();
// True for the four revisions that begin with initialize.
bool known_legacy(std::string_view version);
// All that are served, newest first.
Json supported_versions();

class Server {
  public:
    // `loop`, `door`, `catalogue` and `clock` outlive the server; calls in flight at its end are dropped.
    Server(net::Loop& loop, call::Door& door, const dispatch::Catalogue& catalogue, Clock& clock,
           Random& random, ServerOptions options = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Takes one message (a JSON text). Returns how many answers the outlet gets for it, some perhaps
    // already given: 0 for notifications, responses and silence.
    std::size_t receive(const std::shared_ptr<Conversation>& conversation, std::string_view text,
                        const std::shared_ptr<Outlet>& outlet, const Arrival& arrival = {});
    // Answers a message that was too long to be held, by what a scanner saw of it. Returns as receive().
    std::size_t receive_overlong(const std::shared_ptr<Conversation>& conversation,
                                 const IdScanner& seen, const std::shared_ptr<Outlet>& outlet);
    // A client that another server had agreed with (conversation.version) goes on with this one, as what the records
    // have under conversation.key says.
    void resume(const std::shared_ptr<Conversation>& conversation);
    // The client reads on and will say nothing more: its subscriptions are answered, which ends them.
    void end_subscriptions(Conversation& conversation);
    // Its session is over for good.
    void forget(const Conversation& conversation);
    // The client is gone: everything it waits for is cancelled.
    void abandon(Conversation& conversation);

    // What tools/list of a listing answers, as sent: the `result` object's text (legacy form).
    const std::string& list_text(Listing listing) const;
    const ServerOptions& options() const { return options_; }
    // Tells every client that wants to know. From any thread. `uri` for Change::Resource.
    void changed(Change change, const std::string& uri = {});
    // The URIs that somebody watches now. On the loop's thread.
    std::set<std::string> watched() const;
    // Tasks that run, or whose answers may still be asked for. On the loop's thread.
    std::size_t tasks_held() const;

  private:
    using Talk = std::shared_ptr<Conversation>;
    using Out = std::shared_ptr<Outlet>;
    struct Turn;  // one request on its way; turn.h

    std::size_t receive_batch(const Talk& conversation, Json batch, const Out& outlet,
                              const Arrival& arrival);
    std::size_t receive_one(const Talk& conversation, Envelope envelope, const Out& outlet,
                            const Arrival& arrival);
    std::size_t refuse(Conversation& conversation, Outlet& outlet, const Envelope& envelope,
                       bool always);
    void look_on(const Talk& conversation);
    void remember(const Conversation& conversation);
    void recall(Conversation& conversation) const;
    void notified(Conversation& conversation, const Envelope& envelope);
    void answered(Conversation& conversation, Envelope envelope);
    void request(Turn turn);
    void modern(Turn turn);
    void legacy(Turn turn);
    bool offer(Turn& turn);
    void initialize(const Turn& turn);
    void discover(const Turn& turn);
    Json capabilities() const;
    void list(const Turn& turn);
    void list_entries(const Turn& turn, const char* name, const Json& entries);
    void call(Turn turn);
    bool turned_away(const Turn& turn, call::Request& request);
    void identify(const Turn& turn, call::Request& request) const;
    static RenderOptions render_options(const Turn& turn);
    void finish(const Turn& turn, const call::Reply& reply);
    void submit(Turn turn, call::Request request, void (Server::*then)(const Turn&, const call::Reply&));
    bool settle(const Turn& turn);
    std::shared_ptr<Task> begin_task(const Turn& turn);
    void allow_task(const Turn& turn);
    void begin_task_later(const Turn& turn);
    void finish_task(Task& task, const Turn& turn, const call::Reply& reply);
    bool task_method(const Turn& turn);
    bool answer_lost_task(const Turn& turn);
    bool prepare_client(Turn& turn);
    bool asks_back(const Turn& turn);
    std::string bound_of(const Turn& turn) const;
    void read_resource(Turn turn);
    void read_upstream(Turn turn, const std::string& uri);
    void send_upstream_contents(const Turn& turn, std::string_view server, Json content);
    void finish_resource(const Turn& turn, const call::Reply& reply);
    void send_contents(const Turn& turn, Json content);
    void get_prompt(Turn turn);
    bool get_template(Turn& turn, const std::string& name, const Json& arguments);
    void finish_template(const Turn& turn, const call::Reply& reply);
    bool complete_own(const std::string& name, const std::string& argument, const std::string& begun,
                      std::vector<std::string>& values) const;
    void complete(Turn turn);
    bool make_lists();
    bool one_for_all() const { return options_.client_sets == nullptr || options_.client_sets->all().empty(); }
    const call::ClientSet* set_of(const Turn& turn) const;
    void mark_first(Json& entries) const;
    void add_offers(Json& entries, call::UpstreamOffer::Kind kind, const call::ClientSet* set) const;
    void list_resources(const Turn& turn, bool templates);
    void list_prompts(const Turn& turn);
    bool get_upstream_prompt(Turn& turn, const std::string& name, const Json& arguments);
    bool complete_upstream(Turn& turn, const Json& ref, const Json& argument);
    void finish_prompt(const Turn& turn, const call::Reply& reply);
    void finish_completion(const Turn& turn, const call::Reply& reply);
    std::vector<std::string> tools_beginning(const std::string& begun) const;
    void set_level(const Turn& turn);
    void watch(const Turn& turn, bool on);
    void listen(const Turn& turn);
    void drop_listeners_over();
    void stop_listening(Conversation& conversation, const std::string& id);
    void tell(Change change, const std::string& uri);
    std::function<void(double, double, const std::string&)> progress_of(const Turn& turn);
    Json identity() const;

    net::Loop& loop_;
    call::Door& door_;
    const dispatch::Catalogue& catalogue_;
    Clock& clock_;
    ServerOptions options_;
    const Nanos started_;
    RequestState state_;
    std::unique_ptr<Tasks> tasks_;
    // Arguments that are mirrored to headers: by wire name, {argument, header in lower case}.
    std::unordered_map<std::string, std::vector<std::pair<std::string, std::string>>> mirrored_;
    struct Listener;
    std::vector<std::shared_ptr<Listener>> listeners_;      // subscriptions/listen
    std::size_t listeners_purge_ = 64;  // how many before those that are over are looked for
    std::vector<std::weak_ptr<Conversation>> onlookers_;    // legacy conversations
    std::size_t onlookers_purge_ = 64;
    std::vector<ToolLists> lists_;  // of everything, then of each client set
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace resonant::mcp
