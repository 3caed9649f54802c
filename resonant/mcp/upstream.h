// An Upstream is one other MCP server and our side of the talk with it: connecting, the handshake of either
// era, the list of its tools, calls in flight, and the questions it asks back in the middle of one.
//
// Belongs to the loop's thread; call::Call's flags and callbacks may be used from any.
//
// Invariants:
//   (1) Every call that was taken is answered once: by the server, by its time limit, by cancellation, or by
//       the end of the link.
//   (2) A server is asked for server/discover first; who does not know it is met with initialize.
//   (3) After the link broke it is made again, after 0.5 s and then twice as long each time, 60 s at most. A
//       server that forgot our session is met with a new handshake at once.
//   (4) A question of the server reaches the caller of the call it belongs to, or nobody: where calls of
//       several callers are in flight on one stream it is refused.
//   (5) Bounds: kUpstreamCallsMax calls in flight, kParkedMax of them waiting for an answer of their caller.
//       Progress prolongs a call, kProgressMost in all. Lists are read again kRelistPause after a change.
//   (6) A call is sent a second time, once, only when the server surely did not carry it out: it refused the
//       call and, asked for something harmless, refuses the session. Others say that they may have been.
//   (7) A server that is this very kernel, or leads back to it, is refused and not tried again.
//
// A caller of the modern era cannot be waited for: its call ends with input_required, while the call at the
// server stays open (parked) and is taken up when the caller comes back with the answer.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "resonant/base/clock.h"
#include "resonant/base/random.h"
#include "resonant/call/upstreams.h"
#include "resonant/mcp/upstream_link.h"
#include "resonant/net/loop.h"

namespace resonant::mcp {

struct Envelope;

inline constexpr std::size_t kUpstreamCallsMax = 256;
inline constexpr std::size_t kUpstreamShare = 192;  // of them, of one principal
inline constexpr std::size_t kParkedMax = 32;
inline constexpr int kRoundsMax = 16;  // questions in a row within one call
inline constexpr Nanos kProgressMost = from_seconds(3'600);  // a call that tells of progress, unless timeout_s is longer
inline constexpr Nanos kRelistPause = from_millis(100);      // a storm of changes is one change

class Upstream final : public UpstreamSink {
  public:
    enum class State : std::uint8_t { Connecting, Ready, Waiting, Refused, Closed };

    struct Needs {
        net::Loop& loop;
        Clock& clock;
        Random& random;
        StartChild start_child;
        Elsewhere elsewhere;  // runs what may block
        FillIn fill_in;       // what is written of it becomes what is used, at each start; empty: as it is
        std::string version;  // of this program
        std::string kernel;   // this kernel's own id; empty: none
    };
    // A list as it was read, page by page.
    struct Reading {
        Json entries = Json::array();
        std::size_t beyond = 0;  // entries above call::kUpstreamToolsMax, which are not kept
        int pages = 0;
        bool unfinished = false;  // it goes on, but was not read on
    };
    struct Events {
        std::function<void(Reading tools)> listed;       // the whole list, each time it was read
        std::function<void(call::UpstreamOffer::Kind kind, Reading entries)> offered;  // other lists, likewise
        std::function<void()> changed;                   // state() is another
        std::function<void(const std::string& uri)> updated = {};  // a resource that is watched
    };

    Upstream(Needs needs, call::UpstreamSpec spec, Events events);
    ~Upstream() override;

    void open();
    // Answers what is open with `why` and ends the link. Afterwards calls are refused.
    void close(const std::string& why);
    void call(std::shared_ptr<const call::UpstreamTool> tool, std::shared_ptr<call::Call> call,
              call::Upstreams::Done done);

    // Ends it for good: it is, or leads to, what it stands behind.
    void refuse_server(const std::string& why);
    // Asks whether it is still there, when it was not heard for a while. `done` comes once, within kCheckPatience.
    void check(std::function<void()> done);

    // Its resources whose changes shall be told from now on, if it can tell them.
    void watch(std::set<std::string> uris);

    const call::UpstreamSpec& spec() const { return spec_; }
    State state() const { return state_; }
    bool modern() const { return modern_; }
    // Who it says it is, when it is a kernel like this one.
    const std::string& kernel() const { return kernel_; }
    // Whether it said that it has something: "resources", "prompts", "completions".
    bool has(const char* capability) const { return capabilities_.contains(capability); }
    std::size_t in_flight() const;  // calls at the server
    std::size_t calls_of(const std::string& principal) const;
    // For people.
    Json facts() const;

    void message(std::string_view text, std::uint64_t during) override;
    void failed(std::uint64_t id, const Error& why, int status) override;
    void refused(std::uint64_t id, const Json& error, int status) override;
    void doubted(const Error& why) override;
    void closed(const Error& why) override;

  private:
    // What a question of the server waits for.
    struct Asked {
        Json id;                 // of its request; null in the modern era
        std::string key;         // the server's own, modern era
        call::Question question;
    };
    // One request of ours.
    struct Pending {
        std::uint64_t id = 0;                                   // the request that is open at the server; 0: none
        std::string method;
        Nanos deadline{};
        Nanos latest{};                                         // progress prolongs it no further
        std::function<void(Result<Json>)> done;                 // of what is no call
        std::shared_ptr<const call::UpstreamTool> tool;
        std::shared_ptr<call::Call> call;
        call::Upstreams::Done answer;                           // empty while parked
        std::vector<Asked> asked;
        bool asking = false;
        Json state;                                             // requestState of the modern era
        int rounds = 0;
        std::optional<Result<call::UpstreamReply>> early;       // came while parked
        std::string principal;                                  // while parked
        Json arguments;
        bool over = false;
        bool again = false;                                     // it was sent a second time
        bool reached = false;                                   // the server itself answered, well or not
        int status = 0;                                         // of HTTP, when it was refused
    };
    using Held = std::shared_ptr<Pending>;

    void enter(State state);
    void end_link(bool now);
    void connect();
    void discover();
    void initialize();
    void initialized(const Json& result);
    void discovered(const Json& result);
    void agreed(const std::string& version, bool modern, const Json& capabilities, const Json& info);
    void list(const std::string& cursor, Reading so_far);
    void list_offers(std::string_view capability);
    void list_offer(std::size_t which, const std::string& cursor, Reading so_far);
    static std::string read_page(Reading& so_far, Json& entries, const Json& result, const std::string& cursor);
    void relist_soon(const std::string& capability);
    void relist();
    bool is_itself(const Json& meta);
    void listen();
    void subscribe();
    void lost(const Error& why);
    void renew(const std::string& why);
    void probe();
    void probed(const Held& probe, const Result<Json>& result);
    bool doubts_session(const Pending& held, const std::string& words) const;
    Held take(std::uint64_t id);
    std::uint64_t id_of(const Envelope& envelope) const;
    void doubt(const Held& held, Error refusal);
    void end_calls(const Error& error);

    std::uint64_t request(const std::string& method, Json params, Held held, Nanos patience);
    static std::string name_in_header(const Pending& held);
    void ask_server(const std::string& method, Json params, Nanos patience, std::function<void(Result<Json>)> done);
    void notify(const std::string& method, Json params);
    void reply(const Json& id, const Json& result);
    void refuse(const Json& id, int code, const std::string& words);
    Json described(Json params, const call::Call* call) const;

    void respond(std::uint64_t id, Envelope envelope);
    void answered(const Held& held, Result<Json> result);
    void take_other(const Held& held, Json result) const;
    static void settle(const Held& held, Result<call::UpstreamReply> reply);
    void noted(const Envelope& envelope, std::uint64_t during);
    void questioned(const Envelope& envelope, std::uint64_t during);
    void input_required(const Held& held, const Json& result);
    void ask_caller(const Held& held);
    void caller_answered(const Held& held, const std::vector<Asked>& asked, Result<std::vector<Json>> answers);
    void park(const Held& held);
    bool resume(const std::shared_ptr<const call::UpstreamTool>& tool, std::shared_ptr<call::Call>& call,
                call::Upstreams::Done& done);
    Held attributable(std::uint64_t during) const;
    void send_call(const Held& held, Json more);
    void drop(const Held& held, const Error& why);
    void ready();
    void sweep();
    void schedule_sweep();

    Needs needs_;
    const call::UpstreamSpec spec_;
    Events events_;
    std::unique_ptr<UpstreamLink> link_;
    State state_ = State::Closed;
    bool modern_ = false;
    std::string version_;
    Json server_info_, capabilities_ = Json::object();
    std::string last_error_;
    std::uint64_t next_id_ = 1;
    std::map<std::uint64_t, Held> pending_;
    std::vector<Held> parked_;              // modern: nothing is open at the server; legacy ones are pending too
    std::vector<Held> waiting_;             // calls for a server that is being connected
    std::vector<Held> asking_;              // calls whose caller is being asked; of the modern era nothing else holds them
    std::vector<std::pair<Held, Error>> doubted_;  // refused calls, until it is known what was refused: call or session
    std::vector<std::function<void()>> checks_;    // who waits for the probe
    std::set<std::string> watched_;         // resources, as the server calls them
    std::set<std::string> subscribed_;      // of them, those that it was asked to tell of
    Nanos backoff_ = from_millis(500);
    std::uint64_t generation_ = 0;          // of the link, so that late timers know
    std::uint64_t restarts_ = 0;
    bool initializing_ = false;
    bool discovering_ = false;
    bool knows_no_discover_ = false;        // it ended when it was asked: the next time it is not
    std::set<std::string> stale_;           // capabilities whose lists changed and are to be read again
    int reading_ = 0;                       // lists that are being read
    bool relisting_ = false;                // relist() is on its way
    bool probing_ = false;
    bool sweeping_ = false;
    std::string kernel_;
    std::uint64_t strays_ = 0;              // answers to nothing that is open
    Nanos ready_at_{}, heard_at_{}, renewed_at_{};
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace resonant::mcp
