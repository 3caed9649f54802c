#include "resonant/runtime/parts.h"

#include <fmt/core.h>

#include <chrono>
#include <cstdlib>

#include "resonant/base/log.h"
#include "resonant/broker/embedding_endpoint.h"
#include "resonant/engines/galactic.h"
#include "resonant/engines/serendipity.h"
#include "resonant/embed/minilm_embedder.h"
#include "resonant/runtime/upstream_servers.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/prompt_book.h"
#include "resonant/tools/tool_search.h"

namespace resonant::runtime {
namespace {

ring::EventType event_of(memory::Change change) {
    switch (change) {
        case memory::Change::Created: return ring::EventType::MemoryCreated;
        case memory::Change::Updated: return ring::EventType::MemoryUpdated;
        case memory::Change::Accessed: return ring::EventType::MemoryAccessed;
        case memory::Change::Archived: return ring::EventType::MemoryArchived;
        case memory::Change::Restored: return ring::EventType::MemoryRestored;
        case memory::Change::Erased: return ring::EventType::MemoryErased;
        case memory::Change::Moved: return ring::EventType::MemoryMoved;
        case memory::Change::Indexed: return ring::EventType::IndexCaughtUp;
    }
    return ring::EventType::None;
}

std::string state_of(const govern::Ledger& ledger) {
    if (!ledger.verified()) {
        return "broken: see resonant ledger verify";
    }
    const std::uint64_t unchecked = ledger.unchecked();
    return unchecked == 0 ? "verified" : fmt::format("verified at its end; {} older entries are being looked at", unchecked);
}

}  // namespace

Result<std::unique_ptr<Parts>> Parts::create(const Home& home, const Config& config, const MoreTools& more,
                                             net::Loop* loop) {
    std::unique_ptr<Parts> parts(new Parts(home));
    RESONANT_CHECK(parts->make_stores(config));
    RESONANT_CHECK(parts->make_engines());
    RESONANT_CHECK(parts->make_governance());
    RESONANT_CHECK(parts->make_agents(config));
    RESONANT_CHECK(parts->make_door(config, more, loop));
    return parts;
}

// A model that is missing leaves words; a wrong setting is the owner's to mend.
Status Parts::make_embedder(const Config& config) {
    if (!config.embedding.endpoint.empty()) {
        const std::string& variable = config.embedding.key_variable;
        const char* key = variable.empty() ? nullptr : std::getenv(variable.c_str());
        if (!variable.empty() && key == nullptr) {
            return fail(Code::InvalidArgument, "embedding: key_variable names " + variable +
                                                   ", which is not set; set it or leave key_variable out");
        }
        RESONANT_ASSIGN(embedder, broker::EmbeddingEndpoint::open(
                                      {.url = config.embedding.endpoint,
                                       .model = config.embedding.model,
                                       .key = key == nullptr ? "" : key,
                                       .timeout = std::chrono::milliseconds(config.embedding.timeout_ms),
                                       .cache_folder = embed::default_cache_folder()}));
        return {};
    }
    const std::filesystem::path model = config.model.empty() ? embed::find_model_folder() : config.model;
    Result<std::unique_ptr<embed::MiniLmEmbedder>> opened = embed::MiniLmEmbedder::open(
        {.model_folder = model, .cache_folder = embed::default_cache_folder()});
    if (opened) {
        embedder = std::move(*opened);
        services.paths.model = model;
        return {};
    }
    embedder_missing = opened.error().message;
    log().warn("memory: {}; recall uses words only", embedder_missing);
    return {};
}

Status Parts::make_stores(const Config& config) {
    RESONANT_ASSIGN(const std::uint64_t epoch, next_epoch(home));
    RESONANT_ASSIGN(database, sql::Database::open(home.database(), {}));
    RESONANT_ASSIGN(plane, plane::KernelPlane::create(clock, epoch));
    for (const Config::BoardField& field : config.board_fields) {
        RESONANT_ASSIGN([[maybe_unused]] const board::Field made,
                        plane->board().register_field(field.name, field.unit, {field.kind, field.group}));
    }
    restore_limits();
    RESONANT_CHECK(make_embedder(config));
    RESONANT_ASSIGN(sea, memory::DataSea::open(*database, home.segments(), embedder.get(), clock,
                                               [this](memory::Change change, memory::MemoryId id,
                                                      std::uint64_t detail) { on_change(change, id, detail); }));
    RESONANT_ASSIGN(sessions, society::Sessions::open(*database, clock));
    RESONANT_ASSIGN(scratchpads, society::Scratchpads::open(*database, clock));
    RESONANT_ASSIGN(handoffs, society::Handoffs::open(*database, clock, *sessions));
    results = std::make_unique<society::Results>(clock);
    RESONANT_ASSIGN(consents, society::Consents::open(*database, clock, random));
    RESONANT_ASSIGN(standings, society::Standings::open(*database, clock));
    return {};
}

Status Parts::make_engines() {
    constellations = std::make_unique<memory::Constellations>(*database, clock);
    galaxies = std::make_unique<memory::Galaxies>(*database, clock);
    imports = std::make_unique<memory::Imports>(*database, clock);
    survey = std::make_unique<memory::Survey>(*database, clock);
    RESONANT_ASSIGN(outputs, engines::Outputs::open(home.root / "engines", clock));
    engines = std::make_unique<engines::Engines>(*plane, *outputs);
    engines->add(std::make_unique<engines::Galactic>(*survey));
    engines->add(std::make_unique<engines::Serendipity>(*survey));
    RESONANT_ASSIGN(dream, engines::Dream::open({.database = *database,
                                                 .sea = *sea,
                                                 .constellations = *constellations,
                                                 .survey = *survey,
                                                 .engines = *engines,
                                                 .clock = clock}));
    return {};
}

Status Parts::make_governance() {
    RESONANT_ASSIGN(ledger, govern::Ledger::open(*database, clock));
    rules = std::make_unique<govern::Rules>(
        plane->limits(), clock, [this](const govern::ConsentQuestion& question) {
            return consents->covers(question.principal, question.tool, question.command, question.risk);
        });
    RESONANT_CHECK(govern::write_default_policy(home.policy()));
    RESONANT_CHECK(rules->load(home.policy()));
    RESONANT_ASSIGN(governor, govern::Governor::open(*database, clock));
    sanitizer = std::make_unique<govern::Sanitizer>();
    breaker = std::make_unique<govern::CircuitBreaker>(plane->limits(), clock, *rules);
    limiter = std::make_unique<govern::RateLimiter>(plane->limits(), clock, *rules);
    roles = std::make_unique<govern::Roles>();
    RESONANT_ASSIGN(const auto suspended, standings->suspended());
    for (const auto& [principal, standing] : suspended) {
        roles->set_standing(principal, govern::Standing::Suspended, standing.reason);
    }
    maturity = std::make_unique<govern::Maturity>(clock, probes());
    RESONANT_ASSIGN(pipeline, govern::Pipeline::create({sanitizer.get(), breaker.get(), limiter.get(), roles.get(),
                                                        maturity.get(), governor.get(), rules.get()},
                                                       *breaker));
    return {};
}

Status Parts::make_agents(const Config& config) {
    reasoners = std::make_unique<agents::Reasoners>(clock);
    scheduler = std::make_unique<agents::Scheduler>(*plane, monitors, *reasoners);
    sandbox = std::make_unique<broker::Sandbox>(clock, broker::Sandbox::Options{[this] { return rules->sandbox_network(); }});
    std::vector<std::filesystem::path> folders = {home.inbox()};
    folders.insert(folders.end(), config.import_folders.begin(), config.import_folders.end());
    std::vector<std::filesystem::path> outboxes = {home.outbox()};
    outboxes.insert(outboxes.end(), config.export_folders.begin(), config.export_folders.end());
    files = std::make_unique<broker::Files>(std::move(folders), std::move(outboxes));
    prompts = std::make_unique<tools::PromptBook>(home.prompts());
    prompts->reload();
    return {};
}

Status Parts::make_door(const Config& config, const MoreTools& more, net::Loop* loop) {
    fill_services(config);
    tools::add_all(toolbox, services);
    if (more) {
        more(toolbox, services);
    }
    if (loop != nullptr) {
        gateway = make_gateway(home, *loop, clock, random, toolbox);
    }
    client_sets = std::make_unique<const call::ClientSets>(config.clients);
    std::vector<std::string> books = govern::Ledger::tables();
    books.insert(books.end(), {"governor_goals", "memory_access"});
    database->set_bookkeeping(std::move(books));
    RESONANT_ASSIGN(dispatcher,
                    dispatch::Dispatcher::create({.catalogue = toolbox,
                                                  .plane = *plane,
                                                  .database = *database,
                                                  .pipeline = *pipeline,
                                                  .breaker = *breaker,
                                                  .limiter = *limiter,
                                                  .ledger = *ledger,
                                                  .clock = clock,
                                                  .upstreams = gateway.get(),
                                                  .client_sets = client_sets.get(),
                                                  .keep_answer =
                                                      [this](const std::string& principal, std::string text) {
                                                          return results->keep(principal, std::move(text));
                                                      },
                                                  .committed =
                                                      [this] {
                                                          if (stored_.exchange(false)) {
                                                              upkeep.nudge();
                                                          }
                                                      },
                                                  .content_tables = {"memories", "memory_texts", "memory_versions"},
                                                  .roles = config.agents,
                                                  .answer_bytes_max = config.answer_bytes_max,
                                                  .check_answers = config.check_answers ||
                                                                   std::getenv("RESONANT_CHECK_ANSWERS") != nullptr}));
    services.door = dispatcher.get();
    services.upstreams = gateway.get();
    if (!client_sets->all().empty()) {
        services.search->let_see([sets = client_sets.get()](const call::Caller& caller, const tools::ToolHit& hit) {
            const call::ClientSet* set = sets->find(caller);
            return set == nullptr || (hit.tool != nullptr ? set->has_tool(hit.tool->contract.name)
                                                          : set->has_upstream(hit.document->server, hit.document->name));
        });
    }
    services.role_of = [this](const std::string& principal) { return dispatcher->role_of(principal, call::Role::Agent); };
    services.explain = [this](const call::Call& call) { return dispatcher->explain(call); };
    plane->board().set_word(board::Field::MaturityStage, static_cast<std::uint64_t>(maturity->passed()));
    return {};
}

void Parts::fill_services(const Config&) {
    services.clock = &clock;
    services.random = &random;
    services.plane = plane.get();
    services.database = database.get();
    services.sea = sea.get();
    services.constellations = constellations.get();
    services.galaxies = galaxies.get();
    services.imports = imports.get();
    services.survey = survey.get();
    services.engines = engines.get();
    services.dream = dream.get();
    services.sessions = sessions.get();
    services.scratchpads = scratchpads.get();
    services.handoffs = handoffs.get();
    services.results = results.get();
    services.consents = consents.get();
    services.standings = standings.get();
    services.ledger = ledger.get();
    services.rules = rules.get();
    services.governor = governor.get();
    services.breaker = breaker.get();
    services.limiter = limiter.get();
    services.maturity = maturity.get();
    services.roles = roles.get();
    services.monitors = &monitors;
    services.reasoners = reasoners.get();
    services.scheduler = scheduler.get();
    services.sandbox = sandbox.get();
    services.files = files.get();
    services.prompts = prompts.get();
    services.toolbox = &toolbox;
    services.version = "0.1.0";
    services.started = clock.wall();
    tools::Paths& paths = services.paths;
    paths.home = home.root;
    paths.database = home.database();
    paths.socket = home.socket();
    paths.token = home.token();
    paths.policy = home.policy();
    paths.prompts = home.prompts();
    paths.segments = home.segments();
    paths.inbox = home.inbox();
    paths.configuration = home.config();
}

govern::MaturityProbes Parts::probes() {
    const auto memories = [this]() -> std::size_t {
        const auto zones = sea->zones("default");
        return zones ? zones->total : 0;
    };
    return {.store_opens = [this] { return database->read([](sql::Connection&) -> Status { return {}; }).has_value(); },
            .catalogue_size = [this] { return toolbox.tools().size(); },
            .governor_live = [this] { return governor != nullptr; },
            .ring_live = [this] { return plane->ring().epoch() != 0; },
            .rules_loaded = [this] { return rules->loaded(); },
            .ledger_verified = [this] { return ledger->verified(); },
            .memories = memories,
            .harmony = [this] { return plane->board().view().harmony().composite(); },
            .agents = [this] { return dispatcher ? dispatcher->principals() : 0; }};
}

void Parts::start() {
    plane->board().heartbeat(static_cast<std::uint64_t>(clock.wall().count));
    plane->publish(ring::EventType::SystemStarted, "kernel");
    scheduler->start();
    if (embedder) {
        services.search->use(*embedder, dynamic_cast<embed::TokenEmbedder*>(embedder.get()),
                             [this] { upkeep.nudge(); });
    }
    quiet_since_ = clock.monotonic();
    upkeep.start(duties(), [this] { return index(); });
}

void Parts::on_change(memory::Change change, memory::MemoryId id, std::uint64_t detail) {
    plane->publish(event_of(change), fmt::format("m{}", id), 0, {id, detail});
    memories_changed_.store(true, std::memory_order_relaxed);
    if (change == memory::Change::Created || change == memory::Change::Updated ||
        change == memory::Change::Restored) {
        // Others see it when its transaction is over: the dispatcher tells then, and the index is told again.
        unembedded_.fetch_add(1);
        stored_.store(true);
        upkeep.nudge();
    }
}

bool Parts::idle() const {
    return dispatcher->in_flight() == 0 && (!gateway || gateway->idle()) && monitors.count() == 0 && unembedded_.load() == 0;
}

Json Parts::status() {
    const memory::VectorStatus memories = sea->status();
    const Result<std::size_t> waiting = sea->waiting();
    Json status = {{"epoch", plane->board().view().epoch()},
            {"uptime_s", (clock.wall() - services.started).seconds()},
            {"memories", memories.rows},
            {"unembedded", waiting ? Json(*waiting) : Json("unknown: " + waiting.error().message)},
            {"model", embedder ? embedder->model() : "none: " + embedder_missing},
            {"monitors", monitors.count()},
            {"in_flight", dispatcher->in_flight()},
            {"servers", gateway ? gateway->servers().size() : 0},
            {"ledger", state_of(*ledger)},
            {"profile", rules->profile()},
            {"maturity", plane->board().view().word(board::Field::MaturityStage)},
            {"admin_secret", has_admin_secret(home) ? "set" : "missing: resonant init"}};
    if (const Json held = tools::standings_of(services); !held.empty()) {
        status["standings"] = held;
    }
    return status;
}

void Parts::close() {
    if (closed_) {
        return;
    }
    closed_ = true;
    if (reasoners) {
        reasoners->close();
    }
    if (gateway) {
        gateway->close();
    }
    if (dispatcher) {
        dispatcher->close();
    }
    if (scheduler) {
        scheduler->stop();
    }
    upkeep.stop();
    if (plane) {
        plane->publish(ring::EventType::SystemStopped, "kernel");
    }
}

}  // namespace resonant::runtime
