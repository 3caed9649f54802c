// Services is what handlers work with: pointers to the parts of the kernel, owned by runtime. It is
// the one list of what a tool can reach.
//
// Filled once at start, before the first call; constant afterwards. An empty one is enough to build
// a Toolbox that only tells its catalogue, for nothing here is touched before a handler runs.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>
#include <string_view>

#include "resonant/base/clock.h"
#include "resonant/base/random.h"
#include "resonant/call/call.h"
#include "resonant/tools/toolbox.h"

namespace resonant::call {
class Upstreams;
}
namespace resonant::plane {
class KernelPlane;
}
namespace resonant::sql {
class Database;
}
namespace resonant::memory {
class Constellations;
class DataSea;
class Galaxies;
class Imports;
class Survey;
}  // namespace resonant::memory
namespace resonant::engines {
class Dream;
class Engines;
}  // namespace resonant::engines
namespace resonant::society {
class Sessions;
class Scratchpads;
class Handoffs;
class Results;
class Consents;
class Standings;
}  // namespace resonant::society
namespace resonant::govern {
class CircuitBreaker;
class Governor;
class Ledger;
class Maturity;
class RateLimiter;
class Roles;
class Rules;
}  // namespace resonant::govern
namespace resonant::agents {
class Monitors;
class Reasoners;
class Scheduler;
}  // namespace resonant::agents
namespace resonant::broker {
class Sandbox;
class Files;
}  // namespace resonant::broker

namespace resonant::tools {

class Executions;
class PromptBook;
class ToolSearch;

// Folders, sockets and addresses of this kernel, as state.paths tells them.
struct Paths {
    std::filesystem::path home, database, socket, token, policy, segments, inbox, configuration;
    std::filesystem::path prompts;  // templates of the owner
    std::filesystem::path model;    // empty when there is none
    std::string http;             // "127.0.0.1:7370", empty when off
};

struct Services {
    Clock* clock = nullptr;
    Random* random = nullptr;
    plane::KernelPlane* plane = nullptr;
    sql::Database* database = nullptr;
    memory::DataSea* sea = nullptr;
    memory::Constellations* constellations = nullptr;
    memory::Galaxies* galaxies = nullptr;
    memory::Imports* imports = nullptr;
    memory::Survey* survey = nullptr;
    engines::Engines* engines = nullptr;
    engines::Dream* dream = nullptr;
    society::Sessions* sessions = nullptr;
    society::Scratchpads* scratchpads = nullptr;
    society::Handoffs* handoffs = nullptr;
    society::Results* results = nullptr;
    society::Consents* consents = nullptr;
    society::Standings* standings = nullptr;
    govern::CircuitBreaker* breaker = nullptr;
    govern::Governor* governor = nullptr;
    govern::Ledger* ledger = nullptr;
    govern::Maturity* maturity = nullptr;
    govern::RateLimiter* limiter = nullptr;
    govern::Roles* roles = nullptr;
    govern::Rules* rules = nullptr;
    agents::Monitors* monitors = nullptr;
    agents::Reasoners* reasoners = nullptr;
    agents::Scheduler* scheduler = nullptr;
    broker::Sandbox* sandbox = nullptr;
    broker::Files* files = nullptr;
    Toolbox* toolbox = nullptr;
    std::shared_ptr<ToolSearch> search;      // made by add_all()
    std::shared_ptr<Executions> executions;  // made by add_all()
    call::Door* door = nullptr;  // the dispatcher; reasoner.resolve carries plans through it
    call::Upstreams* upstreams = nullptr;  // other servers; none: no gateway
    PromptBook* prompts = nullptr;
    Paths paths;
    std::string version;  // of the program
    Nanos started{};      // wall clock
    // What the pipeline would say to a call, stage by stage, with nothing run or counted
    // (tool.explain).
    std::function<Json(const call::Call&)> explain;
    // The role that a client of this principal has.
    std::function<call::Role(const std::string& principal)> role_of;
    // The kinds of channels that helpers of this user have opened: "sealed", "iceoryx2". Any thread.
    std::function<std::vector<std::string>()> channels;
    // Asks the kernel to stop soon.
    std::function<void()> shutdown;
};

// Makes a Handler of a function that needs the services.
inline Handler bind(Services& services, Result<Json> (*work)(Services&, call::Call&)) {
    return [&services, work](call::Call& call) { return work(services, call); };
}

}  // namespace resonant::tools
