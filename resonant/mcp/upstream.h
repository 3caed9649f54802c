// An Upstream is one other MCP server and our side of the talk with it: connecting, the handshake of either
// era, the list of its tools, calls in flight, and the questions it asks back in the middle of one.
//
// Belongs to the loop's thread; call::Call's flags and callbacks may be used from any.
//
// Invariants:
//   (1) Every call that was taken is answered once: by the server, by its time limit, by cancellation, or by
//       the end of the link.
//   (2) A server is asked for server/discover first; who does not know it is met with initialize.
//   (3) After the link broke it is made again, after 0.5 s and then twice as long each time, 60 s at most.
//   (4) A question of the server reaches the caller of the call it belongs to, or nobody: where calls of
//       several callers are in flight on one stream it is refused.
//   (5) Bounds: kUpstreamCallsMax calls in flight, kParkedMax of them waiting for an answer of their caller.
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

class Upstream final : public UpstreamSink {
  public:
    enum class State : std::uint8_t { Connecting, Ready, Waiting, Closed };

    struct Needs {
        net::Loop& loop;
        Clock& clock;
        Random& random;
        StartChild start_child;
        Elsewhere elsewhere;  // runs what may block
        std::string version;  // of this program
    };
    struct Events {
        std::function<void(Json tools)> listed;          // the whole list, each time it was read
        std::function<void(call::UpstreamOffer::Kind kind, Json entries)> offered;  // other lists, likewise
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

    // Its resources whose changes shall be told from now on, if it can tell them.
    void watch(std::set<std::string> uris);

    const call::UpstreamSpec& spec() const { return spec_; }
    State state() const { return state_; }
    bool modern() const { return modern_; }
    // Whether it said that it has something: "resources", "prompts", "completions".
    bool has(const char* capability) const { return capabilities_.contains(capability); }
    std::size_t in_flight() const;  // calls at the server
    std::size_t calls_of(const std::string& principal) const;
    // For people.
    Json facts() const;

    void message(std::string_view text, std::uint64_t during) override;
    void failed(std::uint64_t id, const Error& why, int status) override;
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
    void list(const std::string& cursor, Json so_far, int page);
    void list_offers(std::string_view capability);
    void list_offer(std::size_t which, const std::string& cursor, Json so_far, int page);
    void listen();
    void subscribe();
    void lost(const Error& why);

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
    std::set<std::string> watched_;         // resources, as the server calls them
    std::set<std::string> subscribed_;      // of them, those that it was asked to tell of
    Nanos backoff_ = from_millis(500);
    std::uint64_t generation_ = 0;          // of the link, so that late timers know
    std::uint64_t restarts_ = 0;
    bool initializing_ = false;
    bool discovering_ = false;
    bool knows_no_discover_ = false;        // it ended when it was asked: the next time it is not
    bool relist_ = false;                   // a change was told while a list was being read
    bool listing_ = false;
    bool sweeping_ = false;
    Nanos ready_at_{};
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace resonant::mcp
