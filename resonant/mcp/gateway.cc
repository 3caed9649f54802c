// Servers, their tools, and calls. What the owner does: gateway_owner.cc.
#include "resonant/mcp/gateway.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "resonant/base/log.h"
#include "resonant/mcp/server_file.h"

namespace resonant::mcp {
namespace {

constexpr Nanos kLeavePatience = from_seconds(120);  // for the calls of a server that goes
constexpr std::size_t kNameBytesMax = 200;           // of a tool, as its server calls it

std::string text_in(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Gateway::Gateway(Needs needs) : needs_(std::move(needs)) {}

Gateway::~Gateway() { close(); }

Status Gateway::open() {
    RESONANT_ASSIGN(const Json kept, needs_.load());
    const Json servers = kept.is_object() ? kept.value("servers", Json::object()) : Json::object();
    for (const auto& [name, entry] : servers.items()) {
        const bool pins_only = entry.is_object() && !entry.contains("spec");
        Result<call::UpstreamSpec> spec = pins_only ? call::UpstreamSpec() : spec_of(entry.is_object() ? entry["spec"] : entry);
        if (!spec) {
            log().warn("gateway: {} cannot be used as it was kept: {}", name, spec.error().message);
            unread_[name] = {entry, spec.error().message};
            continue;
        }
        std::map<std::string, Pin> pins;
        const Json approved = entry.value("pins", Json::object());
        for (const auto& [tool, approved_as] : approved.items()) {
            Json definition = approved_as;
            if (conform_tool(definition).left_out.empty()) {
                pins[tool] = {definition_hash(definition), definition};
            }
        }
        (pins_only ? kept_[name] : make(std::move(*spec), false).pins) = std::move(pins);
    }
    for (const auto& [name, server] : servers_) {
        offer(*server);
    }
    publish();
    for (const auto& [name, server] : servers_) {
        if (!server->spec.disabled) {
            server->upstream->open();
        }
    }
    return {};
}

void Gateway::close() {
    if (std::exchange(closed_, true)) {
        return;
    }
    for (const auto& [name, server] : servers_) {
        if (server->adding) {
            std::exchange(server->adding, {})(fail(Code::Unavailable, "the kernel is going down"));
        }
        server->upstream->close("the kernel is going down");
    }
    for (const auto& upstream : leaving_) {
        upstream->close("the kernel is going down");
    }
    elsewhere_.close();
}

Gateway::Server& Gateway::make(call::UpstreamSpec spec, bool configured) {
    auto made = std::make_unique<Server>();
    Server* server = made.get();
    std::vector<bool> taken(kServerSlots, false);
    for (const auto& [name, other] : servers_) {
        if (other->slot >= kFirstServerSlot) {
            taken[static_cast<std::size_t>(other->slot - kFirstServerSlot)] = true;
        }
    }
    if (const auto free = std::find(taken.begin(), taken.end(), false); free != taken.end()) {
        server->slot = kFirstServerSlot + static_cast<int>(free - taken.begin());
    }
    server->spec = spec;
    server->configured = configured;
    server->upstream = std::make_unique<Upstream>(
        Upstream::Needs{.loop = needs_.loop, .clock = needs_.clock, .random = needs_.random,
                        .start_child = needs_.start_child,
                        .elsewhere = [this](std::function<void()> work) { return elsewhere_.post(std::move(work)).has_value(); },
                        .fill_in = needs_.fill_in, .version = needs_.version, .kernel = needs_.kernel},
        spec,
        Upstream::Events{
            .listed = [this, server](Upstream::Reading tools) { listed(*server, std::move(tools)); },
            .offered = [this, server](call::UpstreamOffer::Kind kind, Upstream::Reading entries) {
                offered(*server, kind, std::move(entries));
            },
            .changed = [this, server] { state_changed(*server); },
            .updated = [this, place = fmt::format("{}{}/", call::kUpstreamScheme, spec.name)](const std::string& uri) {
                if (updated_) {
                    updated_(place + uri);
                }
            }});
    servers_[spec.name] = std::move(made);
    return *server;
}

// The server goes out of sight at once; its link ends when its last call has.
void Gateway::drop(const std::string& name) {
    const auto found = servers_.find(name);
    if (found == servers_.end()) {
        return;
    }
    const std::shared_ptr<Server> gone = std::move(found->second);
    servers_.erase(found);
    leaving_.push_back(std::move(gone->upstream));
    Upstream* upstream = leaving_.back().get();
    const Nanos until = needs_.clock.monotonic() + kLeavePatience;
    // The Server outlives its Upstream, whose events point to it.
    const auto look = std::make_shared<std::function<void()>>();
    *look = [this, upstream, until, gone, look, alive = std::weak_ptr<int>(alive_)] {
        if (alive.expired()) {
            *look = {};
            return;
        }
        if (upstream->in_flight() > 0 && needs_.clock.monotonic() < until) {
            needs_.loop.after(from_millis(50), *look);
            return;
        }
        upstream->close("it was taken out");
        std::erase_if(leaving_, [&](const auto& one) { return one.get() == upstream; });
        needs_.loop.post([look] { *look = {}; });
    };
    needs_.loop.post(*look);
}

void Gateway::configure(std::vector<call::UpstreamSpec> servers, const std::string& trouble) {
    if (closed_) {
        return;
    }
    trouble_ = trouble;
    if (!trouble.empty()) {
        log().warn("gateway: the configuration is not taken: {}; the servers stay as they are", trouble);
        return;
    }
    std::vector<std::string> gone;
    for (const auto& [name, server] : servers_) {
        const auto wanted = std::find_if(servers.begin(), servers.end(), [&](const auto& one) { return one.name == name; });
        if (server->configured && (wanted == servers.end() || !(*wanted == server->spec))) {
            kept_[name] = server->pins;
            gone.push_back(name);
        }
    }
    for (const std::string& name : gone) {
        drop(name);
    }
    for (call::UpstreamSpec& spec : servers) {
        if (const auto there = servers_.find(spec.name); there != servers_.end()) {
            if (!there->second->configured) {
                trouble_ = fmt::format("server {} was added by its owner already; server.remove it first", spec.name);
            }
            continue;
        }
        if (servers_.size() >= call::kUpstreamServersMax) {
            trouble_ = fmt::format("more than {} servers", call::kUpstreamServersMax);
            break;
        }
        Server& server = make(spec, true);
        if (const auto kept = kept_.find(spec.name); kept != kept_.end()) {
            server.pins = kept->second;
        }
        offer(server);
        if (!spec.disabled) {
            server.upstream->open();
        }
    }
    publish();
}

std::uint16_t Gateway::id_of(const std::string& name) {
    const auto known = ids_.find(name);
    if (known != ids_.end()) {
        return known->second;
    }
    const std::size_t next = std::min<std::size_t>(needs_.catalogue.tools().size() + ids_.size(), 65'534);
    return ids_.emplace(name, static_cast<std::uint16_t>(next)).first->second;
}

void Gateway::listed(Server& server, Upstream::Reading tools) {
    if (!server.upstream || !legible(server, "tools", tools, [](Json& tool) { return conform_tool(tool); })) {
        return;
    }
    const bool known = server.listed == tools.entries && !server.adding;
    server.listed = std::move(tools.entries);
    if (server.adding || (server.spec.trusted_first && server.pins.empty())) {
        approve_clean(server);
        keep();
    }
    if (known) {
        return;  // a storm of changes that change nothing
    }
    offer(server);
    publish();
    if (server.adding) {
        std::exchange(server.adding, {})(summary(server));
    }
}

// Leaves in a list what clients can read and is not our own; the rest is told in the server's trouble. False: the server
// leads back to this kernel through something that does not say what is whose, and was refused.
bool Gateway::legible(Server& server, const std::string& list, Upstream::Reading& read, const Conform& conform) {
    std::vector<std::string>& trouble = server.read_trouble[list];
    trouble.clear();
    Json kept = Json::array();
    std::size_t own = 0, far = 0;
    for (Json& entry : read.entries) {
        const std::string name = entry.is_object() ? text_in(entry, list == "resources" ? "uri" : "name").substr(0, 80) : "";
        const Conformed conformed = conform(entry);
        for (const std::string& words : conformed.mended) {
            trouble.push_back(fmt::format("{} {}: {}", list, name, words));
        }
        if (!conformed.left_out.empty()) {
            trouble.push_back(fmt::format("{} {} is left out: {}", list, name, conformed.left_out));
            continue;
        }
        came_through(entry, server.upstream->kernel());
        const KernelPath path = path_of(entry);
        if (!path.empty() && path.front() == needs_.kernel) {
            server.upstream->refuse_server("it leads back to this very kernel; take it out, or what it reaches this kernel by");
            return false;
        }
        const bool is_own = std::find(path.begin(), path.end(), needs_.kernel) != path.end();
        own += is_own ? 1 : 0;
        far += !is_own && path.size() > kKernelsMax ? 1 : 0;
        if (!is_own && path.size() <= kKernelsMax) {
            kept.push_back(std::move(entry));
        }
    }
    const auto tell = [&](std::size_t count, const std::string& words) {
        if (count > 0) {
            trouble.push_back(fmt::format("{} of its {} {}", count, list, words));
        }
    };
    tell(own, "are this very kernel's own, which come back through it, and are left out");
    tell(far, fmt::format("come through more than {} kernels and are left out", kKernelsMax));
    tell(read.beyond, fmt::format("are left out: {} are kept of one server", call::kUpstreamToolsMax));
    if (read.unfinished) {
        trouble.push_back(fmt::format("its list of {} goes on after {} entries, which is not read", list,
                                      read.entries.size() + read.beyond));
    }
    read.entries = std::move(kept);
    return true;
}

void Gateway::state_changed(Server& server) {
    const Upstream::State state = server.upstream ? server.upstream->state() : Upstream::State::Closed;  // taken out, as in listed()
    if (state == Upstream::State::Refused) {
        server.listed = Json::array();  // nor what was approved of it
        server.offered.clear();
        offer(server);
        publish();
    }
    // A server that was just added and cannot be reached is not kept.
    if (server.adding && (state == Upstream::State::Waiting || state == Upstream::State::Refused)) {
        const Json facts = server.upstream->facts();
        const auto give = std::exchange(server.adding, {});
        const std::string name = server.spec.name;
        const std::string why = facts.value("last_error", "it ended");
        needs_.loop.post([this, give, name, why, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired()) {
                drop(name);
                publish();
                keep();
            }
            give(fail(Code::InvalidArgument, fmt::format("server {} was not added: {}", name, why)));
        });
    }
}

// Pins what the server lists now, but for what should be looked at first.
void Gateway::approve_clean(Server& server) {
    std::set<std::string> seen;  // the first of a name is offered
    for (const Json& definition : server.listed) {
        const std::string name = definition.is_object() ? text_in(definition, "name") : "";
        if (!name.empty() && lets_through(server.spec, name) && seen.insert(name).second && findings(definition, needs_.hidden).empty()) {
            server.pins[name] = {definition_hash(definition), definition};
        }
    }
}

std::shared_ptr<const call::UpstreamTool> Gateway::tool_of(Server& server, const Json& definition) {
    auto tool = std::make_shared<call::UpstreamTool>();
    tool->server = server.spec.name;
    tool->tool = text_in(definition, "name");
    const std::string name = upstream_name(tool->server, tool->tool);
    const int family = needs_.catalogue.find_family(server.spec.family.empty() ? "roof" : server.spec.family);
    tool->contract = contract_of(name, definition, static_cast<std::uint8_t>(std::max(family, 0)), id_of(name),
                                 server.spec.reads_only);
    tool->definition = definition;
    tool->hash = definition_hash(definition);
    tool->slot = server.slot;
    if (Result<json::Schema> schema = json::Schema::compile(checked_schema(tool->contract.input_schema))) {
        tool->schema = std::make_shared<const json::Schema>(std::move(*schema));
    } else {
        server.trouble.push_back(fmt::format("{}: its schema is not checked: {}", tool->tool, schema.error().message));
    }
    const auto pin = server.pins.find(tool->tool);
    if (pin == server.pins.end()) {
        const std::vector<std::string> found = findings(definition, needs_.hidden);
        tool->quarantine = found.empty() ? "nobody has approved it yet" : "not approved: " + found.front();
    } else if (pin->second.hash != tool->hash) {
        tool->quarantine = "its description is not the one that was approved";
    }
    return tool;
}

// Makes the tools that the server offers now: of its list, or of what was approved before it was heard.
void Gateway::offer(Server& server) {
    server.tools.clear();
    server.trouble.clear();
    server.hidden = 0;
    if (server.spec.disabled) {
        return;
    }
    if (server.upstream->state() == Upstream::State::Refused) {
        server.trouble.push_back(server.upstream->facts().value("last_error", "it is refused"));
    }
    Json definitions = server.listed;
    if (definitions.is_null()) {
        definitions = Json::array();
        for (const auto& [name, pin] : server.pins) {
            definitions.push_back(pin.definition);
        }
    }
    for (const Json& definition : definitions) {
        const std::string name = definition.is_object() ? text_in(definition, "name") : "";
        if (name.empty() || name.size() > kNameBytesMax) {
            server.trouble.push_back("a tool without a usable name is left out");
            continue;
        }
        if (!lets_through(server.spec, name)) {
            ++server.hidden;
            continue;
        }
        if (!server.spec.url.empty()) {
            const auto mirrored = mirrored_arguments(definition.value("inputSchema", Json::object()));
            if (!mirrored) {
                server.trouble.push_back(fmt::format("{} is refused: {}", name, mirrored.error().message));
                continue;
            }
        }
        std::shared_ptr<const call::UpstreamTool> tool = tool_of(server, definition);
        const auto same = [&](const auto& other) { return other->contract.name == tool->contract.name; };
        const auto clash = std::find_if(server.tools.begin(), server.tools.end(), same);
        if (clash != server.tools.end()) {
            server.trouble.push_back(fmt::format("{} is refused: {} has the same name {}", name, (*clash)->tool,
                                                 tool->contract.name));
            continue;
        }
        server.tools.push_back(std::move(tool));
    }
}

void Gateway::publish() {
    auto view = std::make_shared<View>();
    auto all = std::make_shared<call::UpstreamTools>();
    auto offers = std::make_shared<call::UpstreamOffers>();
    for (const auto& [name, server] : servers_) {
        server->clashes.clear();
        call::UpstreamServer shown{.name = name, .family = 0, .tools = 0};
        for (const auto& tool : server->tools) {
            const auto [place, made] = view->by_name.emplace(tool->contract.name, tool);
            if (!made) {
                server->clashes.push_back(fmt::format("{} is refused: {} of server {} has the name {}", tool->tool,
                                                      place->second->tool, place->second->server, tool->contract.name));
                continue;
            }
            view->by_name.emplace(fmt::format("{}.{}", name, tool->tool), tool);
            view->by_name.emplace(fmt::format("{}__{}", name, tool->tool), tool);
            all->push_back(tool);
            shown.tools += tool->quarantine.empty() ? 1 : 0;
        }
        const int family = needs_.catalogue.find_family(server->spec.family.empty() ? "roof" : server->spec.family);
        shown.family = static_cast<std::uint8_t>(std::max(family, 0));
        view->servers.push_back(std::move(shown));
        add_offers(*server, *view, *offers);
    }
    view->tools = std::move(all);
    view->offers = std::move(offers);
    bool other_offers = false;
    {
        const std::lock_guard lock(mutex_);
        other_offers = !std::equal(view->offers->begin(), view->offers->end(), view_->offers->begin(), view_->offers->end(),
                                   [](const call::UpstreamOffer& a, const call::UpstreamOffer& b) {
                                       return a.name == b.name && a.definition == b.definition;
                                   });
        view_ = std::move(view);
        ++version_;
    }
    if (changed_) {
        changed_();
    }
    if (other_offers && offers_changed_) {
        offers_changed_();
    }
}

void Gateway::keep() {
    Json servers = Json::object();
    const auto put = [&](const std::string& name, const std::map<std::string, Pin>& pins) {
        Json& place = servers[name]["pins"] = Json::object();
        for (const auto& [tool, pin] : pins) {
            place[tool] = pin.definition;
        }
    };
    for (const auto& [name, unread] : unread_) {
        if (!servers_.contains(name) && !kept_.contains(name)) {
            servers[name] = unread.first;
        }
    }
    for (const auto& [name, pins] : kept_) {
        put(name, pins);
    }
    for (const auto& [name, server] : servers_) {
        put(name, server->pins);
        if (!server->configured) {
            servers[name]["spec"] = json_of(server->spec);
        }
    }
    if (const Status saved = needs_.save({{"version", 1}, {"servers", servers}}); !saved) {
        log().error("gateway: what was approved could not be kept: {}", saved.error().message);
    }
}

// A server that is connected has a state that outlives its clients: it keeps the kernel.
bool Gateway::idle() const { return in_flight_.load(std::memory_order_relaxed) == 0 && connected() == 0; }

std::size_t Gateway::connected() const {
    return static_cast<std::size_t>(std::count_if(servers_.begin(), servers_.end(), [](const auto& one) {
        return one.second->upstream->state() == Upstream::State::Ready;
    }));
}

std::shared_ptr<const call::UpstreamTool> Gateway::find(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto found = view_->by_name.find(std::string(name));
    return found == view_->by_name.end() ? nullptr : found->second;
}

std::shared_ptr<const call::UpstreamTools> Gateway::tools() const {
    const std::lock_guard lock(mutex_);
    return view_->tools;
}

std::vector<call::UpstreamServer> Gateway::servers() const {
    const std::lock_guard lock(mutex_);
    return view_->servers;
}

std::shared_ptr<const call::UpstreamOffers> Gateway::offers() const {
    const std::lock_guard lock(mutex_);
    return view_->offers;
}

std::uint64_t Gateway::version() const {
    const std::lock_guard lock(mutex_);
    return version_;
}

void Gateway::start(std::shared_ptr<call::Call> call, std::shared_ptr<const call::UpstreamTool> tool, Done done) {
    in_flight_.fetch_add(1, std::memory_order_relaxed);
    Done counted = [this, done = std::move(done)](Result<call::UpstreamReply> reply) {
        in_flight_.fetch_sub(1, std::memory_order_relaxed);
        done(std::move(reply));
    };
    const auto go = [this, call = std::move(call), tool = std::move(tool), counted = std::move(counted),
                     alive = std::weak_ptr<int>(alive_)] {
        const auto found = alive.expired() ? servers_.end() : servers_.find(tool->server);
        if (alive.expired() || closed_ || found == servers_.end()) {
            counted(fail(Code::Unavailable, fmt::format("server {} is not there any more", tool->server)));
            return;
        }
        found->second->upstream->call(tool, call, counted);
    };
    if (needs_.loop.in_loop()) {
        go();
    } else {
        needs_.loop.post(go);
    }
}

}  // namespace resonant::mcp
