#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <charconv>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

#include "apps/resonant/attach.h"
#include "apps/resonant/commands.h"
#include "apps/resonant/launch.h"
#include "resonant/base/log.h"
#include "resonant/base/log_output.h"
#include "resonant/base/printable.h"
#include "resonant/net/kernel_link.h"
#include "resonant/runtime/kernel.h"

namespace resonant::app {
namespace {

int init(const Common& common) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report_no_home(home.error());
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
    std::string listing, log_level, log_format;

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
        for (const auto& [name, value] : {std::pair{"--listing", &listing}, {"--log-level", &log_level}, {"--log-format", &log_format}}) {
            if (!value->empty()) {
                words.insert(words.end(), {name, *value});
            }
        }
        if (idle_exit_s > 0) {
            words.insert(words.end(), {"--idle-exit", fmt::format("{}", idle_exit_s)});
        }
        return words;
    }
};

// HOST:PORT; nothing when it is not that.
std::optional<std::pair<std::string, std::uint16_t>> address_of(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const char* const digits = colon == std::string::npos ? end : text.data() + colon + 1;
    const auto [at, error] = std::from_chars(digits, end, port);
    if (error != std::errc() || at != end || colon == 0) {
        return std::nullopt;
    }
    const std::string host = text.substr(0, colon);
    const bool in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';  // [::1], as a URL has it
    return std::pair(in_brackets ? host.substr(1, host.size() - 2) : host, port);
}

std::string wrong_up(const UpFlags& flags) {
    constexpr double kSecondsMax = 365.0 * 24 * 3600;
    if (!(flags.idle_exit_s >= 0 && flags.idle_exit_s <= kSecondsMax)) {
        return fmt::format("--idle-exit is {}, it lies between 0 (never) and {} seconds", flags.idle_exit_s, kSecondsMax);
    }
    if (!flags.http.empty() && flags.no_http) {
        return "--http and --no-http exclude each other; give one of them";
    }
    return flags.http.empty() || address_of(flags.http)
               ? ""
               : fmt::format("--http: '{}' is not an address; give HOST:PORT, for example 127.0.0.1:7370, with a port of 0 to 65535",
                             flags.http);
}

Status apply(const UpFlags& flags, runtime::Config& config) {
    if (const auto address = address_of(flags.http)) {
        config.http.host = address->first;
        config.http.port = address->second;
    }
    config.http.enabled = config.http.enabled && !flags.no_http;
    config.http.token = config.http.token && !flags.no_token;
    config.conformance = flags.conformance;
    if (!flags.listing.empty()) {
        config.listing = flags.listing;
    }
    if (!flags.log_level.empty()) {
        config.log.level = flags.log_level;
    }
    if (!flags.log_format.empty()) {
        RESONANT_ASSIGN(config.log.format, log_format_of(flags.log_format));
    }
    return set_up_log(config.log);
}

// Where a kernel listens, or why not: on standard output, whoever started it.
void announce(const Common& common, const Json& status) {
    if (common.json) {
        show(common, status);
        return;
    }
    const std::string http = status.value("http", "");
    const std::string home = status.value("home", "");
    std::cout << printable(fmt::format("kernel {} runs on {} (pid {})\n"
                                       "  clients  resonant mcp --home {}\n"
                                       "  socket   {}\n"
                                       "  HTTP     {}{}\n"
                                       "  stop     resonant down --home {}\n",
                                       status.value("version", ""), home, status.value("pid", 0), home,
                                       status.value("socket", ""), http,
                                       status.value("http_token", "").empty() ? "" : ", bearer token in " + status.value("http_token", ""),
                                       home),
                           Lines::Kept)
              << std::flush;
}

int up_detached(const Common& common, const runtime::Home& home, const UpFlags& flags) {
    const Result<Launch> launched = ensure_kernel(home, flags.words());
    if (!launched) {
        return report(launched.error());
    }
    const Result<Json> status = ask_kernel(home, {{"op", "status"}});
    if (!status) {
        return report(status.error());
    }
    if (*launched == Launch::WasRunning) {
        std::cerr << "resonant: a kernel runs on this home already; nothing was started, and the flags of this command "
                     "change nothing\n";
    }
    announce(common, *status);
    return kOk;
}

int up(const Common& common, const UpFlags& flags) {
    const Result<runtime::Home> home = common.open();
    if (!home) {
        return report_no_home(home.error());
    }
    Result<runtime::Config> config = runtime::load_config(home->config());
    if (!config) {
        return report(config.error(), kUsage);
    }
    const Status applied = apply(flags, *config);
    if (!applied) {
        return report(applied.error(), kUsage);
    }
    if (flags.detach) {
        return up_detached(common, *home, flags);
    }
    Result<std::unique_ptr<runtime::Kernel>> kernel = runtime::Kernel::start(
        *home, *config,
        {.program_folder = "", .http_must_bind = !flags.http.empty(), .idle_exit_s = flags.idle_exit_s});
    if (!kernel) {
        const bool to_log = config->log.format == LogFormat::Structured && log().should_log(spdlog::level::err);
        if (to_log) {  // who reads lines of JSON reads this one, too
            log().error("{}", kernel.error().message);
            return exit_code_of(kernel.error());
        }
        return report(kernel.error());
    }
    announce(common, (*kernel)->status());
    (*kernel)->run();
    return kOk;
}

int down(const Common& common) {
    const Result<runtime::Home> home = common.look();
    if (!home) {
        return report_no_home(home.error());
    }
    const Result<Json> before = ask_kernel(*home, {{"op", "status"}});
    const Result<Json> answer = before ? ask_kernel(*home, {{"op", "down"}}) : before;
    if (!answer) {
        return report(answer.error(), answer.error().code == Code::NotFound ? kNoKernel : exit_code_of(answer.error()));
    }
    // The home is free when the lock is.
    const Result<Descriptor> lock = runtime::lock_file(home->kernel_lock(), true);
    if (!lock) {
        return report(lock.error());
    }
    show(common, {{"stopped", before->value("home", "")}, {"pid", before->value("pid", 0)}});
    return kOk;
}

int status(const Common& common) {
    const Result<runtime::Home> home = common.look();
    if (!home) {
        return report_no_home(home.error());
    }
    const Result<Json> answer = ask_kernel(*home, {{"op", "status"}});
    if (!answer) {
        return report(answer.error(), answer.error().code == Code::NotFound ? kNoKernel : exit_code_of(answer.error()));
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
            RESONANT_CHECK(ensure_kernel(home, {"--idle-exit", fmt::format("{}", config.idle_exit_s)}));
            return {};
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

}  // namespace

void add_kernel_commands(Commands& commands) {
    const std::vector<std::string> listings = {"families", "core", "all"};
    commands.push_back({.name = "init", .summary = "make the home and its admin secret (shown once)", .run = init});
    auto flags = std::make_shared<UpFlags>();
    commands.push_back(
        {.name = "up",
         .summary = "run the kernel of a home",
         .arguments = {{.name = "--http", .target = &flags->http, .help = "address to listen on (127.0.0.1:7370); port 0: any",
                        .value = "HOST:PORT"},
                       {.name = "--no-http", .target = &flags->no_http, .help = "no HTTP at all"},
                       {.name = "--no-token", .target = &flags->no_token, .help = "ask no bearer token over HTTP"},
                       {.name = "--conformance", .target = &flags->conformance,
                        .help = "add the fixtures of the protocol's conformance suite"},
                       {.name = "--detach", .target = &flags->detach, .help = "in the background; returns when it answers"},
                       {.name = "--idle-exit", .target = &flags->idle_exit_s, .help = "leave after so many idle seconds (0: never)",
                        .value = "SECONDS"},
                       {.name = "--listing", .target = &flags->listing, .help = "what clients are shown", .choices = listings},
                       {.name = "--log-level", .target = &flags->log_level, .help = "from which level on (log.level, else info)",
                        .choices = {"trace", "debug", "info", "warn", "error", "off"}},
                       {.name = "--log-format", .target = &flags->log_format, .help = "of lines on stderr (log.format, else text)",
                        .choices = {"text", "json"}}},
         .run = [flags](const Common& common) { return up(common, *flags); },
         .check = [flags] { return wrong_up(*flags); }});
    commands.push_back({.name = "down", .summary = "stop the kernel of a home", .run = down, .kernel = KernelNeed::Running});
    commands.push_back({.name = "status", .summary = "how the kernel is", .run = status, .kernel = KernelNeed::Running});
    auto listing = std::make_shared<std::string>();
    auto contained = std::make_shared<bool>(false);
    commands.push_back(
        {.name = "mcp",
         .summary = "serve an MCP client on stdin and stdout; starts a kernel if needed",
         .arguments = {{.name = "--listing", .target = listing.get(), .help = "what this client is shown", .choices = listings},
                       {.name = "--contained", .target = contained.get(),
                        .help = "as a contained client, of which policy may ask more: for programs in a sandbox"}},
         .run = [listing, contained](const Common& common) { return mcp(common, *listing, *contained); }});
}

}  // namespace resonant::app
