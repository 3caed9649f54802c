// The Gateway keeps the upstream servers: which there are, which of their tools may be called, and who is
// asked when one is.
//
// Threads: as call::Upstreams says. What changes servers runs on the loop; add() and its like wait for it.
//
// Invariants:
//   (1) A tool may be called when the definition its server lists now has the hash that the owner approved.
//       What add() showed is approved with it, unless something in it should be looked at first; what appears
//       or changes later waits in quarantine.
//   (2) What find() and tools() give is one consistent picture, replaced as a whole.
//   (3) Between two kernels' lives, and while a server is down, its tools are offered as they were approved;
//       calls wait for the server or say that it is down.
//   (4) What is offered has the form that clients can read: the rest is mended or left out, which the server's
//       `trouble` says. Nothing of this very kernel is offered, through however many others it comes back.
//   (5) Servers of the configuration follow it by difference: what did not change stays connected, what goes
//       finishes its calls first.
//   (6) A server that is switched off is kept with what was approved of it, and neither started nor offered. Tools
//       that its record denies are not offered, and never approved.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "resonant/call/upstreams.h"
#include "resonant/dispatch/catalogue.h"
#include "resonant/dispatch/workers.h"
#include "resonant/mcp/conform.h"
#include "resonant/mcp/definition.h"
#include "resonant/mcp/kernel_path.h"
#include "resonant/mcp/upstream.h"

namespace resonant::mcp {

inline constexpr int kFirstServerSlot = 28;  // on the board, behind the families
inline constexpr int kServerSlots = 36;

class Gateway final : public call::Upstreams {
  public:
    struct Needs {
        net::Loop& loop;
        Clock& clock;
        Random& random;
        const dispatch::Catalogue& catalogue;
        StartChild start_child;
        FindHidden hidden;
        FillIn fill_in;
        std::function<Result<Json>()> load;         // what save() kept; null when there is nothing
        std::function<Status(const Json&)> save;
        std::string version;
        std::string kernel = {};  // this kernel's id
    };

    explicit Gateway(Needs needs);
    ~Gateway() override;

    // Reads what was kept and begins to connect. Once, on the loop's thread.
    Status open();
    // Ends every link and answers what is open. Idempotent; on the loop's thread or after it.
    void close();
    // The servers of the configuration from now on; `trouble`: what is wrong with it, then nothing changes.
    void configure(std::vector<call::UpstreamSpec> servers, const std::string& trouble);
    // Called on the loop when tools() or servers() are others.
    void on_change(std::function<void()> changed) { changed_ = std::move(changed); }
    // Likewise for offers().
    void on_offers(std::function<void()> changed) { offers_changed_ = std::move(changed); }
    // The resources here (upstream://SERVER/URI) that clients watch: their servers are asked to tell of changes. On the loop.
    void watch(const std::set<std::string>& uris);
    // Called on the loop with one of them when it changed.
    void on_updated(std::function<void(const std::string& uri)> updated) { updated_ = std::move(updated); }
    bool idle() const;  // no call, and no server that is connected; on the loop
    std::size_t connected() const;

    std::shared_ptr<const call::UpstreamTool> find(std::string_view name) const override;
    std::shared_ptr<const call::UpstreamTools> tools() const override;
    std::vector<call::UpstreamServer> servers() const override;
    std::shared_ptr<const call::UpstreamOffers> offers() const override;
    std::uint64_t version() const override;
    void start(std::shared_ptr<call::Call> call, std::shared_ptr<const call::UpstreamTool> tool, Done done) override;
    Result<Json> add(const Json& arguments) override;
    Result<Json> remove(const std::string& name) override;
    Result<Json> approve(const std::string& name, const std::string& tool, const std::string& hash) override;
    Result<Json> enable(const std::string& name, bool enabled) override;
    Result<Json> list(const std::string& name) override;
    Result<Json> scan(const std::string& name) override;

  private:
    struct Pin {
        std::string hash;
        Json definition;
    };
    struct Server {
        call::UpstreamSpec spec;
        std::unique_ptr<Upstream> upstream;
        bool configured = false;          // by the configuration, else by add()
        std::map<std::string, Pin> pins;  // approved, by the tool's own name
        Json listed;                      // null until it was read
        std::map<call::UpstreamOffer::Kind, Json> offered;  // other lists, as they were read last
        std::map<std::string, std::vector<std::string>> read_trouble;  // by list: what was mended or left out of it
        std::vector<std::string> trouble;   // with what is offered of them
        std::vector<std::string> clashes;   // with other servers
        std::size_t hidden = 0;             // tools that its record does not let through
        call::UpstreamTools tools;
        int slot = -1;
        std::function<void(Result<Json>)> adding;  // waits for its first list
    };
    // What readers see.
    struct View {
        std::shared_ptr<const call::UpstreamTools> tools = std::make_shared<const call::UpstreamTools>();
        std::unordered_map<std::string, std::shared_ptr<const call::UpstreamTool>> by_name;
        std::vector<call::UpstreamServer> servers;
        std::shared_ptr<const call::UpstreamOffers> offers = std::make_shared<const call::UpstreamOffers>();
    };

    Server& make(call::UpstreamSpec spec, bool configured);
    void drop(const std::string& name);
    void listed(Server& server, Upstream::Reading tools);
    void offered(Server& server, call::UpstreamOffer::Kind kind, Upstream::Reading entries);
    using Conform = std::function<Conformed(Json& entry)>;
    bool legible(Server& server, const std::string& list, Upstream::Reading& read, const Conform& conform);
    void add_offers(Server& server, View& view, call::UpstreamOffers& offers);
    std::shared_ptr<const call::UpstreamTool> asking_tool(const Server& server, std::string_view name);
    void state_changed(Server& server);
    void offer(Server& server);
    std::shared_ptr<const call::UpstreamTool> tool_of(Server& server, const Json& definition);
    void approve_clean(Server& server);
    void publish();
    void keep();
    Json shown(const Server& server, bool whole) const;
    Json list_now() const;
    Json summary(const Server& server) const;
    std::uint16_t id_of(const std::string& name);
    Result<Server*> known(const std::string& name);
    // Runs `work` on the loop and waits for its answer; not from the loop's thread.
    Result<Json> on_loop(std::function<void(std::function<void(Result<Json>)> done)> work, Nanos patience);

    Needs needs_;
    dispatch::Workers elsewhere_{{.name = "upstreams", .threads_max = 16, .queue_max = 64}};
    std::map<std::string, std::unique_ptr<Server>> servers_;  // on the loop
    std::map<std::string, std::pair<Json, std::string>> unread_;  // entries that cannot be used, and why: kept as they are
    std::map<std::string, std::map<std::string, Pin>> kept_;  // pins of configured servers that are not there now
    std::vector<std::unique_ptr<Upstream>> leaving_;          // finish their calls
    std::unordered_map<std::string, std::uint16_t> ids_;      // by name, never given twice
    std::string trouble_;                                     // of the configuration
    std::function<void()> changed_, offers_changed_;
    std::function<void(const std::string&)> updated_;
    bool closed_ = false;
    mutable std::mutex mutex_;
    std::shared_ptr<const View> view_ = std::make_shared<const View>();  // under mutex_
    std::uint64_t version_ = 0;                                          // under mutex_
    std::atomic<std::size_t> in_flight_{0};
    std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace resonant::mcp
