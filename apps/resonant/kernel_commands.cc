#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

#include "apps/resonant/attach.h"
#include "apps/resonant/commands.h"
#include "apps/resonant/launch.h"
#include "resonant/broker/sandbox.h"
#include "resonant/ipc/channel.h"
#include "resonant/embed/minilm_embedder.h"
#include "resonant/net/kernel_link.h"
#include "resonant/runtime/kernel.h"

namespace resonant::app {
namespace {

// Asks the kernel one thing over its socket. Unavailable with the way out when none runs.
Result<Json> ask(const runtime::Home& home, const Json& question) {
    Result<net::KernelLink> link = net::KernelLink::connect(home.socket());
    if (!link) {
        return fail(Code::NotFound, no_kernel(home));
    }
    RESONANT_ASSIGN(const std::string line, link->ask(json::dump(question), from_seconds(10)));
    return json::parse(line);
}

int init(const Common& common) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
    }
    SystemRandom random;
    const Result<std::string> secret = runtime::set_admin_secret(*home, random);
    if (!secret) {
        return report(secret.error());
    }
    if (common.json) {
        show(common, {{"home", home->root.string()}, {"admin_secret", *secret}});
    } else {
        std::cout << "home: " << home->root.string() << "\nadmin secret (shown this once, keep it): " << *secret
                  << "\n";
    }
    return kOk;
}

struct UpFlags {
    std::string http;
    bool no_http = false;
    bool no_token = false;
    bool conformance = false;
    bool detach = false;
    double idle_exit_s = 0;
    std::string listing;

    std::vector<std::string> words() const {
        std::vector<std::string> words;
        if (!http.empty()) {
            words.insert(words.end(), {"--http", http});
        }
        if (no_http) {
            words.push_back("--no-http");
        }
        if (no_token) {
            words.push_back("--no-token");
        }
        if (conformance) {
            words.push_back("--conformance");
        }
        if (!listing.empty()) {
            words.insert(words.end(), {"--listing", listing});
        }
        return words;
    }
};

Status apply(const UpFlags& flags, runtime::Config& config) {
    if (!flags.http.empty()) {
        const std::size_t colon = flags.http.rfind(':');
        int port = -1;
        if (colon != std::string::npos) {
            try {
                port = std::stoi(flags.http.substr(colon + 1));
            } catch (const std::exception&) {
                port = -1;
            }
        }
        if (port < 0 || port > 65'535) {
            return fail(Code::InvalidArgument,
                        fmt::format("--http: '{}' is no address; give HOST:PORT, for example 127.0.0.1:7370",
                                    flags.http));
        }
        config.http.host = flags.http.substr(0, colon);
        config.http.port = static_cast<std::uint16_t>(port);
    }
    config.http.enabled = config.http.enabled && !flags.no_http;
    config.http.token = config.http.token && !flags.no_token;
    config.conformance = flags.conformance;
    if (!flags.listing.empty()) {
        config.listing = flags.listing;
    }
    return {};
}

int up(const Common& common, const UpFlags& flags) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
    }
    if (flags.detach) {
        const Status started = ensure_kernel(*home, flags.words());
        return started ? kOk : report(started.error());
    }
    Result<runtime::Config> config = runtime::load_config(home->config());
    if (!config) {
        return report(config.error());
    }
    const Status applied = apply(flags, *config);
    if (!applied) {
        return report(applied.error(), kUsage);
    }
    Result<std::unique_ptr<runtime::Kernel>> kernel = runtime::Kernel::start(
        *home, *config,
        {.program_folder = "", .http_must_bind = !flags.http.empty(), .idle_exit_s = flags.idle_exit_s});
    if (!kernel) {
        return report(kernel.error());
    }
    if (::isatty(STDERR_FILENO) != 0) {
        std::cerr << "resonant: kernel up on " << home->root.string() << "; " << (*kernel)->status().value("http", "")
                  << "; stop with Ctrl-C or `resonant down`\n";
    }
    (*kernel)->run();
    return kOk;
}

int down(const Common& common) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
    }
    const Result<Json> answer = ask(*home, {{"op", "down"}});
    if (!answer) {
        return report(answer.error(), answer.error().code == Code::NotFound ? kNoKernel : kFailed);
    }
    // The home is free when the lock is.
    const Result<Descriptor> lock = runtime::lock_file(home->kernel_lock(), true);
    return lock ? kOk : report(lock.error());
}

int status(const Common& common) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
    }
    const Result<Json> answer = ask(*home, {{"op", "status"}});
    if (!answer) {
        return report(answer.error(), answer.error().code == Code::NotFound ? kNoKernel : kFailed);
    }
    show(common, *answer);
    return kOk;
}

// Waits for the kernel of another user, which only that user starts.
Status await_kernel(const std::string& name) {
    constexpr int kMillis = 15'000;
    constexpr int kStepMillis = 50;
    for (int waited = 0; waited < kMillis; waited += kStepMillis) {
        const Result<net::KernelLink> link = net::KernelLink::connect(name);
        if (link || link.error().code != Code::NotFound) {
            return link ? Status{} : std::unexpected(link.error());
        }
        ::poll(nullptr, 0, kStepMillis);
    }
    return fail(Code::Unavailable, fmt::format("mcp: no kernel has listened on {} for {} s; its owner starts it with `resonant up`",
                                               name, kMillis / 1000));
}

// What is served by the address in RESONANT_ADDRESS (others may read a command line, not the environment), else by the home.
Result<AttachOptions> attach_options(const Common& common) {
    AttachOptions options;
    const char* address = std::getenv("RESONANT_ADDRESS");
    if (address == nullptr) {
        RESONANT_ASSIGN(const runtime::Home home, common.open());
        options.socket = home.socket();
        options.start_kernel = [home]() -> Status {
            RESONANT_ASSIGN(const runtime::Config config, runtime::load_config(home.config()));
            return ensure_kernel(home, {"--idle-exit", fmt::format("{}", config.idle_exit_s)});
        };
        return options;
    }
    const std::string_view text = address;
    const std::size_t colon = text.find(':');
    if (!text.starts_with('@') || colon == std::string_view::npos || colon + 1 == text.size()) {
        return fail(Code::InvalidArgument, "mcp: RESONANT_ADDRESS is not what `resonant agent address` prints, @NAME:TOKEN");
    }
    const std::string name = std::string(text.substr(0, colon)) + "-mcp";
    options.socket = name;
    options.token = text.substr(colon + 1);
    options.start_kernel = [name] { return await_kernel(name); };
    return options;
}

int mcp(const Common& common, const std::string& listing, bool contained) {
    Result<AttachOptions> options = attach_options(common);
    if (!options) {
        return report(options.error(), options.error().code == Code::InvalidArgument ? kUsage : kFailed);
    }
    options->listing = listing;
    options->contained = contained;
    const Status served = attach(*options);
    return served ? kOk : report(served.error(), served.error().code == Code::InvalidArgument ? kUsage : kFailed);
}

Json part(const std::string& name, bool present, const std::string& words) {
    return {{"part", name}, {"present", present}, {"detail", words}};
}

// Which of the ways that were built a running kernel goes.
std::string in_use(const Json& native) {
    const Json ipc = native.value("ipc", Json::object());
    std::string channels;
    for (const Json& kind : ipc.value("channels_in_use", Json::array())) {
        channels += (channels.empty() ? "" : ", ") + kind.get<std::string>();
    }
    return fmt::format("board and ring: {}; channels of helpers: {}; search: {}, kernel {}; encoder: {}",
                       ipc.value("board_and_ring", "?"), channels.empty() ? "none opened" : channels,
                       native.value("search", "?"), native.value("search_kernel", "?"),
                       native.value("model", "").empty() ? "none" : native.value("model", ""));
}

int doctor(const Common& common) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report(home.error());
    }
    Json parts = Json::array();
    const bool running = kernel_answers(*home);
    parts.push_back(part("home", true, home->root.string()));
    parts.push_back(part("kernel", running, running ? "answers" : "not running; `resonant mcp` and `up` start one"));
    const std::filesystem::path model = embed::find_model_folder();
    const auto embedder = embed::MiniLmEmbedder::open({.model_folder = model, .cache_folder = {}});
    parts.push_back(part("embedding model", embedder.has_value(),
                         embedder ? model.string() : embedder.error().message + " (recall uses words only)"));
    SystemClock clock;
    broker::Sandbox sandbox(clock, {});
    const broker::SandboxStatus box = sandbox.status();
    parts.push_back(part("sandbox (bubblewrap)", box.available, box.available ? box.runner : box.reason));
    parts.push_back(part("admin secret", runtime::has_admin_secret(*home),
                         runtime::has_admin_secret(*home) ? "set" : "missing; make it with: resonant init"));
    const bool topics = ipc::is_built(ipc::Kind::Iceoryx2);
    parts.push_back(part("iceoryx2", topics,
                         topics ? "0.10.0, for helpers of this user; sealed descriptors for everybody else"
                                : "left out of this build: no cargo >= 1.89 (apt-get install cargo-web rustc-web); "
                                  "sealed descriptors are used between processes"));
    if (running) {
        Common quietly = common;
        quietly.quiet = true;
        if (const auto paths = ask_tool(quietly, "native.status", Json::object())) {
            parts.push_back(part("paths in use", true, in_use(*paths)));
        }
    }
    const std::string boundary =
        "code of this uid outside a sandbox could edit the database itself: it is inside the trust boundary; "
        "only clients of another uid or in a sandbox are contained";
    show(common, {{"parts", parts}, {"trust_boundary", boundary}});
    return kOk;
}

}  // namespace

void add_kernel_commands(CLI::App& app, Common& common) {
    app.add_subcommand("init", "make the home and its admin secret (shown once)")->callback([&common] {
        common.exit_code = init(common);
    });
    auto flags = std::make_shared<UpFlags>();
    CLI::App* start = app.add_subcommand("up", "run the kernel of a home");
    start->add_option("--http", flags->http, "HOST:PORT to listen on (127.0.0.1:7370); port 0: any");
    start->add_flag("--no-http", flags->no_http, "no HTTP at all");
    start->add_flag("--no-token", flags->no_token, "ask no bearer token over HTTP");
    start->add_flag("--conformance", flags->conformance, "add the fixtures of the protocol's conformance suite");
    start->add_flag("--detach", flags->detach, "in the background; returns when it answers");
    start->add_option("--idle-exit", flags->idle_exit_s, "leave after so many idle seconds (0: never)");
    start->add_option("--listing", flags->listing, "families, core or all")
        ->check(CLI::IsMember({"families", "core", "all"}));
    start->callback([&common, flags] { common.exit_code = up(common, *flags); });
    app.add_subcommand("down", "stop the kernel of a home")->callback([&common] { common.exit_code = down(common); });
    app.add_subcommand("status", "how the kernel is")->callback([&common] { common.exit_code = status(common); });
    auto listing = std::make_shared<std::string>();
    CLI::App* serve = app.add_subcommand("mcp", "serve an MCP client on stdin and stdout; starts a kernel if needed");
    serve->add_option("--listing", *listing, "families, core or all")
        ->check(CLI::IsMember({"families", "core", "all"}));
    auto contained = std::make_shared<bool>(false);
    serve->add_flag("--contained", *contained, "as a contained client, of which policy may ask more: for programs in a sandbox");
    serve->callback([&common, listing, contained] { common.exit_code = mcp(common, *listing, *contained); });
    app.add_subcommand("doctor", "which parts are here, which are missing, and what that means")
        ->callback([&common] { common.exit_code = doctor(common); });
}

}  // namespace resonant::app
