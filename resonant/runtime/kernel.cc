#include "resonant/runtime/kernel.h"

#include <fmt/core.h>
#include <malloc.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "resonant/base/descriptor_limit.h"
#include "resonant/base/log.h"
#include "resonant/base/sha256.h"
#include "resonant/mcp/client_records.h"
#include "resonant/net/descriptor_budget.h"
#include "resonant/runtime/conformance.h"
#include "resonant/runtime/parts.h"
#include "resonant/runtime/plane_door.h"
#include "resonant/runtime/resource_watch.h"
#include "resonant/runtime/telemetry.h"
#include "resonant/runtime/upstream_servers.h"

namespace resonant::runtime {

std::string program_version() { return "0.1.0"; }

namespace {

sigset_t ending_signals() {
    sigset_t set{};
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

bool is_loopback(const std::string& host) {
    return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
        text.pop_back();
    }
    return text;
}

}  // namespace

struct Kernel::Inner {
    Inner(const Home& where, const Config& how, KernelOptions given)
        : home(where), config(how), options(std::move(given)) {}

    Home home;
    Config config;
    KernelOptions options;
    net::Connections room;  // what the limit of descriptors lets it serve
    Descriptor lock;
    Descriptor signals;
    Descriptor leaving;  // the start lock, held while an idle kernel ends
    std::unique_ptr<net::Loop> loop;
    std::unique_ptr<Parts> parts;
    std::unique_ptr<ServerConfiguration> servers;
    std::unique_ptr<mcp::ClientRecords> session_records, task_records;  // none: nothing is known of the last kernel's clients
    std::unique_ptr<mcp::Server> server;
    std::unique_ptr<mcp::StdioFront> stdio;
    std::unique_ptr<mcp::HttpFront> http;
    std::string http_missing;
    std::unique_ptr<mcp::KernelFront> front;
    std::unique_ptr<ResourceWatch> watch;
    std::unique_ptr<Channels> channels;
    std::unique_ptr<ContainedDoor> contained;
    std::unique_ptr<PlaneDoor> door;
    Nanos busy_at{};

    Status open_fronts();
    Status open_http();
    net::HttpLimits http_limits() const;
    Status secure_http(mcp::HttpFrontOptions& how);
    Status open_socket();
    Status open_gateway();
    Json status();
    std::string address() const;
    bool idle() const;
    void leave_when_idle();
    void schedule_idle_check();
    void end(std::string_view why);
};

Kernel::Kernel(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}

Kernel::~Kernel() {
    // Fronts first: nothing new comes in. Then what was taken is finished, then upkeep writes the rest.
    inner_->servers.reset();
    inner_->watch.reset();
    inner_->front.reset();
    inner_->door.reset();
    inner_->contained.reset();
    inner_->http.reset();
    inner_->stdio.reset();
    if (inner_->parts) {
        inner_->parts->close();
    }
    inner_->server.reset();
    log().info("stopped");
}

Result<std::unique_ptr<Kernel>> Kernel::start(const Home& home, const Config& config, KernelOptions options) {
    const sigset_t ending = ending_signals();
    pthread_sigmask(SIG_BLOCK, &ending, nullptr);
    auto inner = std::make_unique<Inner>(home, config, std::move(options));
    if (const Status raised = raise_descriptor_limit(); !raised) {
        log().warn("{}; going on with {}", raised.error().message, descriptor_limit().soft);
    }
    inner->room = net::within(descriptor_limit().soft, {.clients = config.clients_max});
    RESONANT_ASSIGN(inner->lock, lock_file(home.kernel_lock(), false));
    const auto changed = std::make_shared<std::function<void(mcp::Change)>>();
    RESONANT_ASSIGN(inner->loop, net::Loop::create());
    const auto fixtures = [&](tools::Toolbox& toolbox, tools::Services&) {
        if (config.conformance) {
            add_fixture_tools(toolbox, [changed](mcp::Change change) { (*changed)(change); });
        }
    };
    RESONANT_ASSIGN(inner->parts, Parts::create(home, config, fixtures, inner->loop.get()));
    RESONANT_CHECK(inner->open_fronts());
    inner->watch = std::make_unique<ResourceWatch>(*inner->loop, *inner->server, *inner->parts->plane, *inner->parts->gateway);
    inner->parts->prompts->on_change([server = inner->server.get()] { server->changed(mcp::Change::Prompts); });
    *changed = [server = inner->server.get()](mcp::Change change) { server->changed(change); };
    RESONANT_CHECK(inner->open_gateway());
    inner->parts->start();
    log().info("started: kernel {} (pid {}) on {}, socket {}, HTTP {}", program_version(), ::getpid(), home.root.string(),
               home.socket().string(), inner->address());
    return std::unique_ptr<Kernel>(new Kernel(std::move(inner)));
}

Status Kernel::Inner::open_fronts() {
    mcp::ServerOptions how;
    how.version = program_version();
    how.listing = *mcp::listing_of(config.listing);
    how.kernel = kernel_id(home);
    how.upstreams = parts->gateway.get();
    how.client_sets = parts->client_sets.get();
    how.doorkeeper = parts->dispatcher.get();
    how.prompt_book = parts->prompts.get();
    if (config.conformance) {
        how.lists_change = true;
        for (mcp::Prompt& prompt : fixture_prompts()) {
            how.prompts.push_back(std::move(prompt));
        }
        for (mcp::Resource& resource : fixture_resources()) {
            how.resources.push_back(std::move(resource));
        }
    }
    RESONANT_ASSIGN(const std::string token, read_file(home.token()));
    const std::string secret = sha256_hex("client records\n" + token);
    const auto open_records = [&](const std::filesystem::path& file) -> std::unique_ptr<mcp::ClientRecords> {
        auto records = mcp::ClientRecords::open(file, secret);
        if (!records) {
            log().error("{}; going on without them: clients begin anew when a kernel ends", records.error().message);
            return nullptr;
        }
        return std::move(*records);
    };
    session_records = open_records(home.session_records());
    task_records = open_records(home.task_records());
    how.session_records = session_records.get();
    how.task_records = task_records.get();
    server = std::make_unique<mcp::Server>(*loop, *parts->dispatcher, parts->toolbox, parts->clock, parts->random, how);
    stdio = std::make_unique<mcp::StdioFront>(*loop, *server, parts->random);
    RESONANT_CHECK(open_http());
    return open_socket();
}

// Tokens and TLS. Other machines are served with tokens of an authorisation server only, and encrypted.
Status Kernel::Inner::secure_http(mcp::HttpFrontOptions& how) {
    const Config::Http& http_config = config.http;
    const bool loopback = is_loopback(http_config.host);
    if (!loopback && http_config.oauth.issuer.empty()) {
        return fail(Code::InvalidArgument,
                    fmt::format("http: {} can be reached from other machines; that needs [http.oauth] in resonant.toml "
                                "(docs/configuration.md), or use 127.0.0.1", http_config.host));
    }
    if (!loopback && http_config.tls_certificate.empty() && !http_config.allow_plain) {
        return fail(Code::InvalidArgument,
                    fmt::format("http: tokens would cross the network in the clear at {}; set tls_certificate and tls_key, "
                                "or allow_plain = true behind a proxy that has TLS", http_config.host));
    }
    if (!http_config.tls_certificate.empty()) {
        RESONANT_ASSIGN(how.tls, net::TlsContext::load(http_config.tls_certificate, http_config.tls_key));
    }
    if (!http_config.oauth.issuer.empty()) {
        const Config::Http::OAuth& oauth = http_config.oauth;
        RESONANT_ASSIGN(how.oauth, mcp::ResourceServer::create({.issuer = oauth.issuer, .resource = oauth.resource,
                                                                .keys = oauth.keys, .scope = oauth.scope,
                                                                .leeway_s = oauth.leeway_s}, parts->clock));
    }
    if (loopback && http_config.token) {
        RESONANT_ASSIGN(const std::string token, read_file(home.token()));
        how.tokens.push_back({.secret = trimmed(token), .principal = "", .role = call::Role::Agent});
    }
    return {};
}

net::HttpLimits Kernel::Inner::http_limits() const {
    net::HttpLimits limits;
    limits.connections_max = config.http.connections_max > 0 ? static_cast<std::size_t>(config.http.connections_max)
                                                             : net::kHttpConnectionsMax;
    const std::size_t descriptors = descriptor_limit().soft;
    limits.descriptors_max = descriptors > 2 * net::kDescriptorsKept ? descriptors - net::kDescriptorsKept : descriptors / 2;
    limits.memory_max = static_cast<std::size_t>(config.http.memory_mib) * 1024 * 1024;
    limits.connections_setting = "connections_max of [http] in resonant.toml";
    limits.memory_setting = "memory_mib of [http] in resonant.toml";
    return limits;
}

Status Kernel::Inner::open_http() {
    if (!config.http.enabled) {
        http_missing = "switched off";
        return {};
    }
    mcp::HttpFrontOptions how;
    how.host = config.http.host;
    how.port = config.http.port;
    how.allowed_hosts = config.http.allowed_hosts;
    how.cors_origins = config.http.cors_origins;
    how.sessions_max = static_cast<std::size_t>(config.http.sessions_max);
    how.limits = http_limits();
    RESONANT_ASSIGN(const std::string token, read_file(home.token()));
    how.session_secret = sha256_hex("sessions\n" + token);
    if (const Status safe = secure_http(how); !safe) {
        if (options.http_must_bind) {
            return std::unexpected(safe.error());
        }
        http_missing = safe.error().message;
        log().error("http: {}; going on without it", http_missing);
        return {};
    }
    std::vector<std::string> names;
    for (const tools::Family& family : parts->toolbox.families()) {
        names.emplace_back(family.key);
    }
    how.pages.push_back({.path = "/metrics", .open = false, .get = [this, families = std::move(names)](const net::HttpRequest&) {
                             net::HttpResponse page;
                             page.content_type = "text/plain; version=0.0.4";
                             page.body = metrics_text(*parts->plane, status(), families);
                             return page;
                         }});
    how.pages.push_back({.path = "/", .open = false, .get = [this](const net::HttpRequest&) {
                             net::HttpResponse page;
                             page.content_type = "text/html; charset=utf-8";
                             page.body = dashboard_page(*parts->plane, status());
                             return page;
                         }, .welcome = welcome_page()});
    Result<std::unique_ptr<mcp::HttpFront>> opened =
        mcp::HttpFront::open(*loop, *server, parts->clock, parts->random, how);
    if (!opened && options.http_must_bind) {
        return std::unexpected(opened.error());
    }
    if (!opened) {
        http_missing = opened.error().message;
        log().warn("http: {}; going on without it", http_missing);
        return {};
    }
    http = std::move(*opened);
    parts->services.paths.http = fmt::format("{}:{}", config.http.host, http->port());
    return {};
}

Status Kernel::Inner::open_socket() {
    mcp::KernelFrontOptions how;
    how.path = home.socket();
    how.clients_max = room.clients;
    if (room.clients < config.clients_max) {
        how.way_out = fmt::format("raise the hard limit of file descriptors (it is {}; ulimit -Hn, LimitNOFILE=) and start it anew",
                                  descriptor_limit().hard);
    }
    how.status = [this] { return status(); };
    how.down = [this] { end("by `resonant down`"); };
    how.owner = [this](const net::Peer& peer, std::string_view secret) {
        return secret.empty() ? peer.uid == 0 : is_admin_secret(home, std::string(secret));
    };
    RESONANT_ASSIGN(front, mcp::KernelFront::open(*loop, *parts->dispatcher, *stdio, how));
    channels = std::make_unique<Channels>(*loop, *parts->plane, home);
    parts->services.channels = [this] { return channels->in_use(); };
    contained = std::make_unique<ContainedDoor>(*loop, ContainedDoor::Parts{*parts->plane, *parts->ledger, parts->clock, parts->random,
                                                                     *parts->dispatcher, *stdio},
                                                home, room.clients);
    contained->reopen();
    RESONANT_ASSIGN(door, PlaneDoor::open(*loop, {*parts->plane, *channels, *parts->outputs, *parts->ledger, *contained},
                                          plane::ClearancePolicy(config.helpers), home.root / "plane.sock"));
    return {};
}

// Servers that were added begin to connect; those of the configuration follow it from now on.
Status Kernel::Inner::open_gateway() {
    RESONANT_CHECK(parts->gateway->open());
    const auto follow = [this, found = std::make_shared<std::set<std::string>>()] {
        let_find(*parts->gateway, *parts->services.search, *found);
        server->changed(mcp::Change::Tools);
    };
    parts->gateway->on_change(follow);
    parts->gateway->on_updated([this](const std::string& uri) { server->changed(mcp::Change::Resource, uri); });
    parts->gateway->on_offers([this] {
        server->changed(mcp::Change::Resources);
        server->changed(mcp::Change::Prompts);
    });
    follow();
    servers = std::make_unique<ServerConfiguration>(*loop, *parts->gateway, home.config());
    return {};
}

Json Kernel::Inner::status() {
    Json status = parts->status();
    status["pid"] = ::getpid();
    status["version"] = program_version();
    status["home"] = home.root.string();
    status["clients"] = stdio->clients();
    status["clients_max"] = room.clients;
    status["descriptors_max"] = descriptor_limit().soft;
    status["socket"] = home.socket().string();
    status["http"] = address();
    if (http && config.http.token && is_loopback(config.http.host)) {
        status["http_token"] = home.token().string();
    }
    return status;
}

// Where HTTP is served, or why not.
std::string Kernel::Inner::address() const {
    return http ? fmt::format("http{}://{}:{}/mcp", config.http.tls_certificate.empty() ? "" : "s", config.http.host, http->port())
                : "off: " + http_missing;
}

bool Kernel::Inner::idle() const {
    return stdio->clients() == 0 && server->tasks_held() == 0 && (!http || http->sessions() == 0) && parts->idle();
}

// An idle kernel ends under the start lock, so that nobody attaches to one that is leaving.
void Kernel::Inner::leave_when_idle() {
    const Nanos now = parts->clock.monotonic();
    if (!idle() || busy_at.count == 0) {
        busy_at = now;
    } else if ((now - busy_at).seconds() > options.idle_exit_s) {
        Result<Descriptor> start_lock = lock_file(home.start_lock(), false);
        if (start_lock && idle()) {
            leaving = std::move(*start_lock);
            end(fmt::format("nothing to do for {} s", options.idle_exit_s));
            return;
        }
    }
    schedule_idle_check();
}

void Kernel::Inner::schedule_idle_check() {
    loop->after(from_seconds(1), [this] { leave_when_idle(); });
}

// Waiting processes are told that this is an end in good order, so that they do not start another kernel.
void Kernel::Inner::end(std::string_view why) {
    log().info("stopping: {}", why);
    front->announce_end();
    loop->stop();
}

void Kernel::run() {
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    // Large blocks go back to the system when they are freed, however often they come: a peak leaves no trace.
    ::mallopt(M_MMAP_THRESHOLD, 512 * 1024);
    ::mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
    const sigset_t ending = ending_signals();
    inner_->signals.reset(::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK));
    const Status watched =
        inner_->loop->watch(inner_->signals.get(), EPOLLIN, [this](std::uint32_t) {
            signalfd_siginfo signal{};
            const bool known = ::read(inner_->signals.get(), &signal, sizeof signal) == sizeof signal;
            inner_->end(known ? fmt::format("by signal {}", signal.ssi_signo == SIGTERM ? "TERM" : "INT") : "by a signal");
        });
    if (!watched) {
        log().error("signals: {}", watched.error().message);
    }
    if (inner_->options.idle_exit_s > 0) {
        inner_->schedule_idle_check();
    }
    inner_->loop->run();
}

void Kernel::stop() { inner_->loop->stop(); }

Json Kernel::status() { return inner_->status(); }

}  // namespace resonant::runtime
