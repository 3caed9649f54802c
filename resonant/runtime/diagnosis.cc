#include "resonant/runtime/diagnosis.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "resonant/base/clock.h"
#include "resonant/broker/sandbox.h"
#include "resonant/embed/minilm_embedder.h"
#include "resonant/govern/ledger.h"
#include "resonant/govern/ledger_head.h"
#include "resonant/govern/policy_notes.h"
#include "resonant/govern/rules.h"
#include "resonant/ipc/channel.h"
#include "resonant/runtime/kernel.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"

namespace resonant::runtime {
namespace {

constexpr double kRoomBytesMin = 512.0 * 1024 * 1024;  // for a ledger, a database and their log
constexpr rlim_t kDescriptorsMin = 4096;               // four a client on stdio

// `resonant WORDS` for this home.
std::string command(const Home& home, std::string_view words) {
    return fmt::format("resonant --home {} {}", home.root.string(), words);
}

Finding fine(std::string part, std::string detail) { return {std::move(part), Concern::Fine, std::move(detail)}; }

Finding look_at_home(const Home& home) {
    const Result<Home> found = find_home(home.root);
    if (!found && found.error().code == Code::NotFound) {
        return {"home", Concern::Note, fmt::format("there is none in {} yet", home.root.string()), command(home, "init")};
    }
    if (!found) {
        return {"home", Concern::Person, found.error().message, "give another folder with --home, or RESONANT_HOME"};
    }
    if (found && ::access(home.root.c_str(), W_OK) != 0) {
        return {"home", Concern::Person,
                fmt::format("{}: {}: no kernel can run on it, only `ledger verify`, `memory verify` and `policy check` read it",
                            home.root.string(), std::strerror(errno)),
                "make it writable (mount -o remount,rw), or give another home with --home"};
    }
    struct stat seen {};
    if (::stat(home.root.c_str(), &seen) == 0 && (seen.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return {"home", Concern::Note,
                fmt::format("{} (mode {:04o}): others may see what it holds, though not read it", home.root.string(), seen.st_mode & 07777U),
                fmt::format("chmod 700 {}", home.root.string())};
    }
    return fine("home", home.root.string());
}

Finding look_at_kernel(const Home& home, const std::optional<Json>& status) {
    if (!status) {
        return {"kernel", Concern::Note, "none runs; `resonant mcp` and what asks memory start one", command(home, "up --detach")};
    }
    const std::string version = status->value("version", "");
    if (version != program_version()) {
        return {"kernel", Concern::Person, fmt::format("version {} runs, this program is {}", version, program_version()),
                command(home, "down") + ", then " + command(home, "up --detach")};
    }
    return fine("kernel", fmt::format("answers, pid {}", status->value("pid", 0)));
}

Finding look_at_configuration(const Home& home, const Result<Config>& config) {
    if (!config) {
        return {"configuration", Concern::Person, config.error().message, fmt::format("edit {}", home.config().string())};
    }
    for (const call::ClientSet& set : config->clients) {
        for (const std::string& pattern : set.tools.value_or(std::vector<std::string>())) {
            if (const std::string note = note_on_tools(pattern); !note.empty()) {
                return {"configuration", Concern::Person, fmt::format("{}: {}", set.label(), note),
                        fmt::format("edit {}", home.config().string())};
            }
        }
    }
    std::error_code error;
    return fine("configuration", std::filesystem::exists(home.config(), error) ? home.config().string() : "all defaults");
}

bool has_rules(const std::filesystem::path& folder) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
        if (entry->path().extension() == ".yaml" || entry->path().extension() == ".yml") {
            return true;
        }
    }
    return static_cast<bool>(error);  // rules that cannot be listed are for check() to name
}

Finding look_at_policy(const Home& home) {
    if (!has_rules(home.policy())) {
        return fine("policy", "the built-in one; the first kernel writes it to " + home.policy().string());
    }
    const Result<std::size_t> rules = govern::Rules::check(home.policy());
    if (!rules) {
        return {"policy", Concern::Person, rules.error().message, "edit that file, then " + command(home, "policy check")};
    }
    const Result<std::vector<std::string>> notes = notes_on_policy(home.policy());
    if (notes && !notes->empty()) {
        return {"policy", Concern::Person, fmt::format("{}", fmt::join(*notes, "; ")),
                "edit that file, then " + command(home, "policy check")};
    }
    return fine("policy", fmt::format("{} rules in {}", *rules, home.policy().string()));
}

Finding broken_ledger(const Home& home, std::string why) {
    return {"ledger", Concern::Person, std::move(why),
            fmt::format("{}; then, with no kernel running, {}", command(home, "ledger verify"),
                        command(home, "ledger acknowledge --reason WHY"))};
}

Finding look_at_ledger(const Home& home, const std::optional<Json>& status, sql::Database* database) {
    if (status) {
        const std::string words = status->value("ledger", "");
        return words.starts_with("broken") ? broken_ledger(home, words) : fine("ledger", words);
    }
    if (const std::string lost = lost_ledger(home); !lost.empty()) {
        return broken_ledger(home, lost);
    }
    std::error_code error;
    if (database == nullptr) {
        return std::filesystem::exists(home.database(), error)
                   ? Finding{"ledger", Concern::Person, "cannot be read: see the database above", command(home, "ledger verify")}
                   : fine("ledger", "nothing written yet");
    }
    const Result<govern::Verification> found = govern::Ledger::check(*database);
    if (!found) {
        return broken_ledger(home, found.error().message);
    }
    return found->ok ? fine("ledger", fmt::format("{} entries, their chain holds", found->entries))
                     : broken_ledger(home, found->why);
}

Finding look_at_model(const Config& config) {
    if (!config.embedding.endpoint.empty()) {
        return fine("embedding model", "of the server at " + config.embedding.endpoint);
    }
    const std::filesystem::path model = config.model.empty() ? embed::find_model_folder() : config.model;
    const auto opened = embed::MiniLmEmbedder::open({.model_folder = model, .cache_folder = {}});
    if (opened) {
        return fine("embedding model", model.string());
    }
    return {"embedding model", Concern::Person, opened.error().message + "; until then recall uses words only",
            "scripts/fetch_model.sh in the repository fetches it; RESONANT_MODEL or `model` in resonant.toml names its folder"};
}

Finding look_at_sandbox() {
    SystemClock clock;
    const broker::SandboxStatus box = broker::Sandbox(clock, {}).status();
    return box.available ? fine("sandbox (bubblewrap)", box.runner)
                         : Finding{"sandbox (bubblewrap)", Concern::Person, box.reason, "apt-get install bubblewrap"};
}

Finding look_at_secret(const Home& home) {
    return has_admin_secret(home) ? fine("admin secret", "set")
                                  : Finding{"admin secret", Concern::Note, "missing: what needs the owner is refused, but to root",
                                            command(home, "init")};
}

Finding look_at_topics() {
    return ipc::is_built(ipc::Kind::Iceoryx2)
               ? fine("iceoryx2", "0.10.0, for helpers of this user; sealed descriptors for everybody else")
               : Finding{"iceoryx2", Concern::Note, "left out of this build; sealed descriptors are used between processes",
                         "apt-get install cargo-web rustc-web (cargo >= 1.89), then build again"};
}

// Empty when the address can be had.
std::string why_not_bound(const Config::Http& http) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int error = ::getaddrinfo(http.host.c_str(), fmt::format("{}", http.port).c_str(), &wanted, &found); error != 0) {
        return ::gai_strerror(error);
    }
    const Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const bool bound = ::bind(socket.get(), found->ai_addr, found->ai_addrlen) == 0 && ::listen(socket.get(), 1) == 0;
    const int error = errno;
    ::freeaddrinfo(found);
    return bound ? "" : std::strerror(error);
}

Finding look_at_address(const Home& home, const Config& config, const std::optional<Json>& status) {
    if (status) {
        const std::string words = status->value("http", "");
        const bool wanted = words.starts_with("off: ") && words != "off: switched off";
        return wanted ? Finding{"HTTP", Concern::Person, words,
                                fmt::format("set http.port in {}, then {} and {}", home.config().string(), command(home, "down"),
                                            command(home, "up --detach"))}
                      : fine("HTTP", words);
    }
    if (!config.http.enabled) {
        return fine("HTTP", "switched off");
    }
    const std::string address = fmt::format("{}:{}", config.http.host, config.http.port);
    const std::string why = config.http.port == 0 ? "" : why_not_bound(config.http);
    return why.empty() ? fine("HTTP", address + " is free")
                       : Finding{"HTTP", Concern::Person, fmt::format("{}: {}", address, why),
                                 fmt::format("set http.port in {}, or {}", home.config().string(), command(home, "up --http 127.0.0.1:0"))};
}

void look_at_servers(const Home& home, const std::optional<Json>& servers, std::vector<Finding>& findings) {
    for (const Json& server : servers ? servers->value("servers", Json::array()) : Json::array()) {
        const std::string name = server.value("name", "");
        const std::string state = server.value("state", "");
        const Json quarantined = server.value("quarantined", Json(0));
        const std::size_t held = quarantined.is_array() ? quarantined.size() : quarantined.is_number() ? quarantined.get<std::size_t>() : 0;
        const Json trouble = server.value("trouble", Json(""));
        if (state != "ready" && state != "connecting" && state != "starting") {
            const std::string why = trouble.is_string() ? trouble.get<std::string>() : json::dump(trouble);
            findings.push_back({"server " + name, Concern::Person, fmt::format("{}{}{}", state, why.empty() ? "" : ": ", why),
                                command(home, "server list " + name)});
        } else if (held > 0) {
            findings.push_back({"server " + name, Concern::Person, fmt::format("{} descriptions wait for approval", held),
                                command(home, "server approve " + name)});
        } else {
            findings.push_back(fine("server " + name, state));
        }
    }
}

std::string size_in_words(double bytes) {
    constexpr double kMib = 1024.0 * 1024, kGib = kMib * 1024;
    return bytes >= kGib ? fmt::format("{:.1f} GiB", bytes / kGib) : fmt::format("{:.1f} MiB", bytes / kMib);
}

Finding look_at_room(const Home& home) {
    std::filesystem::path there = home.root;
    std::error_code error;
    while (!std::filesystem::exists(there, error) && there.has_relative_path()) {
        there = there.parent_path();
    }
    struct statvfs disk {};
    if (::statvfs(there.c_str(), &disk) != 0) {
        return {"disk", Concern::Person, fmt::format("{}: {}", there.string(), std::strerror(errno)), "df " + there.string()};
    }
    const double room = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
    const std::string words = fmt::format("{} free below {}", size_in_words(room), there.string());
    if (room < kRoomBytesMin || (disk.f_files > 0 && disk.f_favail == 0)) {
        return {"disk", Concern::Person, words + (disk.f_favail == 0 ? ", and no free inode" : ""),
                "make room; without any, writes are refused and nothing is lost"};
    }
    return fine("disk", words);
}

Finding look_at_descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const std::string words = limit.rlim_max == RLIM_INFINITY ? "no limit" : fmt::format("{} at most", limit.rlim_max);
    return limit.rlim_max >= kDescriptorsMin
               ? fine("descriptors", words)
               : Finding{"descriptors", Concern::Person, fmt::format("{}: a client takes four", words),
                         fmt::format("ulimit -Hn {} before the kernel starts (LimitNOFILE= under systemd)", kDescriptorsMin)};
}

// A home whose kernel never ran has no such table yet; any other failure is reported.
void note_unread(const Status& read, const std::string& part, std::vector<Finding>& findings) {
    if (!read && read.error().message.find("no such table") == std::string::npos) {
        findings.push_back({part, Concern::Person, read.error().message, "resonant memory verify"});
    }
}

// A command that needs a kernel, with the one that starts it where none runs.
std::string with_kernel(const Home& home, const std::optional<Json>& status, const std::string& words) {
    return status ? command(home, words) : command(home, "up --detach") + ", then " + command(home, words);
}

void look_at_standings(const Home& home, const std::optional<Json>& status, sql::Database& database, std::vector<Finding>& findings) {
    const Status read = database.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(sql::Statement rows, connection.prepare("SELECT principal, reason, by FROM standings LIMIT 100"));
        for (;;) {
            RESONANT_ASSIGN(const bool more, rows.step());
            if (!more) {
                return {};
            }
            const std::string who = rows.text(0);
            const bool everybody = who == "*";
            findings.push_back({everybody ? "pause" : "quarantine", Concern::Person,
                                fmt::format("{} by {}: {}", everybody ? "every call but the owner's is refused" : who + " is refused",
                                            rows.text(2), rows.text(1)),
                                with_kernel(home, status, everybody ? "resume" : fmt::format("quarantine {} --lift", who))});
        }
    });
    note_unread(read, "pause", findings);
}

void look_at_consents(const Home& home, const std::optional<Json>& status, sql::Database& database, std::vector<Finding>& findings) {
    const Status read = database.read([&](sql::Connection& connection) -> Status {
        RESONANT_ASSIGN(sql::Statement rows, connection.prepare("SELECT id, principal, scope, reason FROM consents WHERE "
                                                                "state='waiting' AND expires_ns > ? LIMIT 100"));
        rows.bind(1, SystemClock().wall().count);
        for (;;) {
            RESONANT_ASSIGN(const bool more, rows.step());
            if (!more) {
                return {};
            }
            findings.push_back({"consent", Concern::Person,
                                fmt::format("{} asks for {}: {}", rows.text(1), rows.text(2), rows.text(3)),
                                with_kernel(home, status, "consent grant " + rows.text(0))});
        }
    });
    note_unread(read, "consent", findings);
}

}  // namespace

namespace {

// Of every tool, those that are planned, too: a rule for one of them waits for it.
std::vector<std::string> tool_names() {
    tools::Toolbox toolbox;
    tools::Services none;
    tools::add_all(toolbox, none);
    std::vector<std::string> names;
    for (const tools::Tool& tool : toolbox.tools()) {
        names.push_back(tool.contract.name);
    }
    for (const call::Contract& contract : toolbox.planned()) {
        names.push_back(contract.name);
    }
    return names;
}

}  // namespace

Result<std::vector<std::string>> notes_on_policy(const std::filesystem::path& folder) {
    return govern::policy_notes(folder, tool_names());
}

std::string note_on_tools(std::string_view pattern) { return govern::note_on_pattern(pattern, tool_names()); }

std::string lost_ledger(const Home& home) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(home.database(), error);
    if (!error && size > 0) {
        return {};  // what it holds is for the verifier to judge
    }
    const auto file = govern::HeadFile::open(home.root / "ledger.head", false);
    const auto head = file ? (*file)->read() : Result<govern::Ledger::Head>(std::unexpected(file.error()));
    if (!head || head->seq == 0) {
        return {};
    }
    return fmt::format("{} is {}, and ledger.head remembers {} entries of the ledger; put the file back from a copy", home.database().string(),
                       error ? "missing" : "empty", head->seq);
}

std::vector<Finding> diagnose(const std::filesystem::path& root, const KernelWords& kernel) {
    const Home home{root};
    std::vector<Finding> findings = {look_at_home(home), look_at_kernel(home, kernel.status)};
    const bool is_home = find_home(root).has_value();
    const Result<Config> config = is_home ? load_config(home.config()) : Result<Config>(Config());
    findings.push_back(look_at_configuration(home, config));
    std::unique_ptr<sql::Database> database;
    if (is_home) {
        findings.push_back(look_at_policy(home));
        std::error_code error;
        if (std::filesystem::exists(home.database(), error)) {
            auto opened = sql::Database::open(home.database(), {.readers = 1, .read_only = true});
            if (!opened) {
                findings.push_back({"database", Concern::Person, opened.error().message, command(home, "memory verify")});
            } else {
                database = std::move(*opened);
            }
        }
        findings.push_back(look_at_ledger(home, kernel.status, database.get()));
        findings.push_back(look_at_secret(home));
    }
    const Config chosen = config ? *config : Config();
    findings.push_back(look_at_model(chosen));
    findings.push_back(look_at_sandbox());
    findings.push_back(look_at_topics());
    findings.push_back(look_at_address(home, chosen, kernel.status));
    look_at_servers(home, kernel.servers, findings);
    findings.push_back(look_at_room(home));
    findings.push_back(look_at_descriptors());
    if (database) {
        look_at_standings(home, kernel.status, *database, findings);
        look_at_consents(home, kernel.status, *database, findings);
    }
    return findings;
}

}  // namespace resonant::runtime
