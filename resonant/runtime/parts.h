// Parts is everything of a kernel behind its transports, in the order of its making: database, plane,
// memory, society, governance, agents, tools, dispatcher. Tests build one without any transport.
//
// Threads: create(), start() and close() belong to one thread; each part says its own rule.
//
// Invariants:
//   (1) Members are destroyed in the reverse order of their making, after close() stopped all threads.
//   (2) A missing model or sandbox is no error: status() names it, the tools that need it say so.
#pragma once

#include <memory>

#include "resonant/agents/monitors.h"
#include "resonant/agents/reasoners.h"
#include "resonant/agents/scheduler.h"
#include "resonant/base/clock.h"
#include "resonant/base/random.h"
#include "resonant/broker/files.h"
#include "resonant/broker/sandbox.h"
#include "resonant/dispatch/dispatcher.h"
#include "resonant/engines/dream.h"
#include "resonant/engines/engines.h"
#include "resonant/govern/governor.h"
#include "resonant/govern/ledger.h"
#include "resonant/govern/maturity.h"
#include "resonant/govern/pipeline.h"
#include "resonant/govern/roles.h"
#include "resonant/govern/rules.h"
#include "resonant/govern/sanitizer.h"
#include "resonant/mcp/gateway.h"
#include "resonant/mcp/http_front.h"
#include "resonant/mcp/kernel_front.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/stdio_front.h"
#include "resonant/memory/constellations.h"
#include "resonant/memory/data_sea.h"
#include "resonant/embed/embedder.h"
#include "resonant/memory/galaxies.h"
#include "resonant/memory/imports.h"
#include "resonant/memory/survey.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/runtime/config.h"
#include "resonant/runtime/home.h"
#include "resonant/runtime/upkeep.h"
#include "resonant/society/consents.h"
#include "resonant/society/handoffs.h"
#include "resonant/society/results.h"
#include "resonant/society/scratchpads.h"
#include "resonant/society/sessions.h"
#include "resonant/society/standings.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"

namespace resonant::runtime {

// Adds tools behind those of the catalogue; they belong to its last family.
using MoreTools = std::function<void(tools::Toolbox&, tools::Services&)>;

struct Parts {
    // With a loop, which outlives the parts, there is a gateway to other servers.
    static Result<std::unique_ptr<Parts>> create(const Home& home, const Config& config,
                                                 const MoreTools& more = {}, net::Loop* loop = nullptr);
    Parts(const Parts&) = delete;
    Parts& operator=(const Parts&) = delete;
    ~Parts() { close(); }

    // Starts the scheduler and upkeep.
    void start();
    // Finishes what was taken, writes what was noted. Idempotent.
    void close();
    // No call running, nobody watching, nothing left to embed.
    bool idle() const;
    Json status();

    const Home home;
    SystemClock clock;
    SystemRandom random;
    std::unique_ptr<sql::Database> database;
    std::unique_ptr<plane::KernelPlane> plane;
    std::unique_ptr<embed::Embedder> embedder;
    std::string embedder_missing;  // why there is none
    std::unique_ptr<memory::DataSea> sea;
    std::unique_ptr<memory::Constellations> constellations;
    std::unique_ptr<memory::Galaxies> galaxies;
    std::unique_ptr<memory::Imports> imports;
    std::unique_ptr<memory::Survey> survey;
    std::unique_ptr<engines::Outputs> outputs;
    std::unique_ptr<engines::Engines> engines;
    std::unique_ptr<engines::Dream> dream;
    std::unique_ptr<society::Sessions> sessions;
    std::unique_ptr<society::Scratchpads> scratchpads;
    std::unique_ptr<society::Handoffs> handoffs;
    std::unique_ptr<society::Results> results;
    std::unique_ptr<society::Consents> consents;
    std::unique_ptr<society::Standings> standings;
    std::unique_ptr<govern::Ledger> ledger;
    std::unique_ptr<govern::Rules> rules;
    std::unique_ptr<govern::Governor> governor;
    std::unique_ptr<govern::Sanitizer> sanitizer;
    std::unique_ptr<govern::CircuitBreaker> breaker;
    std::unique_ptr<govern::RateLimiter> limiter;
    std::unique_ptr<govern::Roles> roles;
    std::unique_ptr<govern::Maturity> maturity;
    std::unique_ptr<govern::Pipeline> pipeline;
    agents::Monitors monitors;
    std::unique_ptr<agents::Reasoners> reasoners;
    std::unique_ptr<agents::Scheduler> scheduler;
    std::unique_ptr<broker::Sandbox> sandbox;
    std::unique_ptr<broker::Files> files;
    std::unique_ptr<tools::PromptBook> prompts;
    tools::Services services;
    tools::Toolbox toolbox;
    std::unique_ptr<const call::ClientSets> client_sets;
    std::unique_ptr<mcp::Gateway> gateway;
    std::unique_ptr<dispatch::Dispatcher> dispatcher;
    Upkeep upkeep;

  private:
    explicit Parts(Home where) : home(std::move(where)) {}
    Status make_embedder(const Config& config);
    Status make_stores(const Config& config);
    Status make_engines();
    Status make_governance();
    Status make_agents(const Config& config);
    Status make_door(const Config& config, const MoreTools& more, net::Loop* loop);
    void fill_services(const Config& config);
    govern::MaturityProbes probes();
    std::vector<Upkeep::Duty> duties();
    Result<std::size_t> index();
    Result<std::size_t> compute();
    Status tend_engines();
    Status dream_when_quiet();
    Status save_limits();
    void restore_limits();
    void on_change(memory::Change change, memory::MemoryId id, std::uint64_t detail);

    std::atomic<std::size_t> unembedded_{0};
    std::string saved_limits_;
    std::int64_t beats_ = 0;
    std::atomic<bool> stored_{false};           // memories that wait for a vector, in a transaction not yet over
    std::atomic<bool> memories_changed_{true};  // since the engines ran
    std::atomic<bool> engines_due_{false};
    std::atomic<bool> sweep_due_{false};
    std::int64_t engine_beats_ = 0;
    std::uint64_t calls_seen_ = 0;
    std::uint64_t dreams_ = 0;  // calls that dreaming made
    Nanos quiet_since_{0};      // monotonic
    bool closed_ = false;
};

}  // namespace resonant::runtime
