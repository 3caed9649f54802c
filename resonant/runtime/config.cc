#include "resonant/runtime/config.h"

#include <fmt/core.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <sstream>
#include <string_view>
#include <type_traits>
#include <toml++/toml.h>

#include "resonant/base/near_name.h"
#include "resonant/call/principal.h"
#include "resonant/mcp/cross_origin.h"
#include "resonant/mcp/listing.h"
#include "resonant/mcp/server_file.h"
#include "resonant/runtime/home.h"

namespace resonant::runtime {
namespace {

constexpr double kIdleExitSecondsMax = 365.0 * 24 * 3600;

std::unexpected<Error> wrong(const std::filesystem::path& file, const toml::node& node, std::string_view words) {
    return fail(Code::InvalidArgument,
                fmt::format("{}:{}: {}", file.string(), node.source().begin.line, words));
}

Status known_keys(const std::filesystem::path& file, const toml::table& table,
                  std::initializer_list<std::string_view> known) {
    for (const auto& [key, node] : table) {
        bool found = false;
        for (const std::string_view name : known) {
            found = found || key.str() == name;
        }
        if (!found) {
            const std::string near = near_name(std::string(key.str()), {known.begin(), known.end()});
            return wrong(file, node, fmt::format("'{}' is not a setting here{}; see docs/configuration.md", key.str(),
                                                 near.empty() ? "" : fmt::format(", did you mean '{}'", near)));
        }
    }
    return {};
}

template <typename T>
constexpr std::string_view kind_of() {
    return std::is_same_v<T, bool>          ? "true or false"
           : std::is_same_v<T, std::string> ? "a text in quotes"
           : std::is_floating_point_v<T>    ? "a number"
                                            : "a whole number";
}

// Takes `table[key]` into `target` when it is there; an error when it has another type.
template <typename T>
Status take(const std::filesystem::path& file, const toml::table& table, std::string_view key, T& target) {
    const toml::node* node = table.get(key);
    if (node == nullptr) {
        return {};
    }
    const auto value = node->value<T>();
    if (!value) {
        return wrong(file, *node, fmt::format("'{}' must be {}", key, kind_of<T>()));
    }
    target = *value;
    return {};
}

Status take_list(const std::filesystem::path& file, const toml::table& table, std::string_view key,
                 std::vector<std::string>& target) {
    const toml::node* node = table.get(key);
    if (node == nullptr) {
        return {};
    }
    const toml::array* list = node->as_array();
    if (list == nullptr) {
        return wrong(file, *node, fmt::format("'{}' must be a list of strings", key));
    }
    for (const toml::node& item : *list) {
        const auto text = item.value<std::string>();
        if (!text) {
            return wrong(file, item, fmt::format("'{}' must be a list of strings", key));
        }
        target.push_back(*text);
    }
    return {};
}

// A path, relative to the folder of the file that names it.
Status take_path(const std::filesystem::path& file, const toml::table& table, std::string_view key,
                 std::filesystem::path& target) {
    std::string text;
    RESONANT_CHECK(take(file, table, key, text));
    target = text.empty() ? std::filesystem::path() : file.parent_path() / text;
    return {};
}

Status read_oauth(const std::filesystem::path& file, const toml::table& table, Config::Http::OAuth& oauth) {
    RESONANT_CHECK(known_keys(file, table, {"issuer", "resource", "keys", "scope", "leeway_s"}));
    RESONANT_CHECK(take(file, table, "issuer", oauth.issuer));
    RESONANT_CHECK(take(file, table, "resource", oauth.resource));
    RESONANT_CHECK(take(file, table, "keys", oauth.keys));
    RESONANT_CHECK(take(file, table, "scope", oauth.scope));
    RESONANT_CHECK(take(file, table, "leeway_s", oauth.leeway_s));
    if (oauth.issuer.empty() || oauth.resource.empty() || oauth.keys.empty()) {
        return wrong(file, table, "[http.oauth] needs issuer, resource (our own URL) and keys (file or URL of the JWKS)");
    }
    if (oauth.leeway_s < 0 || oauth.leeway_s > 300) {
        return wrong(file, *table.get("leeway_s"), fmt::format("leeway_s is {}, it lies between 0 and 300", oauth.leeway_s));
    }
    if (!oauth.keys.starts_with("http://") && !oauth.keys.starts_with("https://")) {
        oauth.keys = (file.parent_path() / oauth.keys).string();
    }
    return {};
}

Status read_http_limits(const std::filesystem::path& file, const toml::table& table, Config::Http& http) {
    const auto take_between = [&](const char* key, std::int64_t& target, std::int64_t least, std::int64_t most) -> Status {
        RESONANT_CHECK(take(file, table, key, target));
        if (target < least || target > most) {
            return wrong(file, *table.get(key), fmt::format("{} is {}, it lies between {} and {}", key, target, least, most));
        }
        return {};
    };
    RESONANT_CHECK(take_between("connections_max", http.connections_max, 0, 1'000'000));
    RESONANT_CHECK(take_between("memory_mib", http.memory_mib, 32, 1'000'000));
    RESONANT_CHECK(take_between("sessions_max", http.sessions_max, 1, 1'000'000));
    std::vector<std::string> origins;
    RESONANT_CHECK(take_list(file, table, "cors_origins", origins));
    for (const std::string& text : origins) {
        const Result<std::string> origin = mcp::origin_of(text);
        if (!origin) {
            return wrong(file, *table.get("cors_origins"), "cors_origins: " + origin.error().message);
        }
        http.cors_origins.push_back(*origin);
    }
    return {};
}

Status read_http(const std::filesystem::path& file, const toml::table& table, Config::Http& http) {
    RESONANT_CHECK(known_keys(file, table, {"host", "port", "enabled", "token", "allowed_hosts", "tls_certificate",
                                            "tls_key", "allow_plain", "oauth", "cors_origins", "connections_max",
                                            "memory_mib", "sessions_max"}));
    RESONANT_CHECK(take(file, table, "allow_plain", http.allow_plain));
    RESONANT_CHECK(take_path(file, table, "tls_certificate", http.tls_certificate));
    RESONANT_CHECK(take_path(file, table, "tls_key", http.tls_key));
    if (http.tls_certificate.empty() != http.tls_key.empty()) {
        return wrong(file, table, "tls_certificate and tls_key belong together");
    }
    if (const toml::node* oauth = table.get("oauth")) {
        if (!oauth->is_table()) {
            return wrong(file, *oauth, "'oauth' must be a table: [http.oauth]");
        }
        RESONANT_CHECK(read_oauth(file, *oauth->as_table(), http.oauth));
    }
    RESONANT_CHECK(take(file, table, "host", http.host));
    RESONANT_CHECK(take(file, table, "enabled", http.enabled));
    RESONANT_CHECK(take(file, table, "token", http.token));
    std::int64_t port = http.port;
    RESONANT_CHECK(take(file, table, "port", port));
    if (port < 0 || port > 65'535) {
        return wrong(file, *table.get("port"), fmt::format("port is {}, it lies between 0 and 65535", port));
    }
    http.port = static_cast<std::uint16_t>(port);
    RESONANT_CHECK(read_http_limits(file, table, http));
    return take_list(file, table, "allowed_hosts", http.allowed_hosts);
}

// [[board_field]] name = "queue_depth"; unit = "jobs"; type = "u64"; group = "queue"
Status read_board_fields(const std::filesystem::path& file, const toml::node& node,
                         std::vector<Config::BoardField>& fields) {
    const toml::array* list = node.as_array();
    if (list == nullptr) {
        return wrong(file, node, "'board_field' must be a list of tables: [[board_field]]");
    }
    for (const toml::node& item : *list) {
        const toml::table* table = item.as_table();
        if (table == nullptr) {
            return wrong(file, item, "'board_field' must be a list of tables: [[board_field]]");
        }
        RESONANT_CHECK(known_keys(file, *table, {"name", "unit", "type", "group"}));
        Config::BoardField field;
        std::string type = "f64";
        RESONANT_CHECK(take(file, *table, "name", field.name));
        RESONANT_CHECK(take(file, *table, "unit", field.unit));
        RESONANT_CHECK(take(file, *table, "group", field.group));
        RESONANT_CHECK(take(file, *table, "type", type));
        const auto kind = board::find_kind(type);
        if (!kind) {
            return wrong(file, *table->get("type"), fmt::format("type is '{}'; it is f64, u64 or i64", type));
        }
        field.kind = *kind;
        const bool is_name = !field.name.empty() && field.name.size() <= 48 &&
                             field.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
        if (!is_name) {
            return wrong(file, table->contains("name") ? *table->get("name") : item,
                         fmt::format("the name of a board field is '{}'; it is 1 to 48 lower-case letters, digits and underscores",
                                     field.name));
        }
        fields.push_back(std::move(field));
    }
    return {};
}

// [[agent]] principal = "uid:1000"; role = "coordinator"
Status read_agents(const std::filesystem::path& file, const toml::node& node,
                   std::map<std::string, call::Role, std::less<>>& agents) {
    const toml::array* list = node.as_array();
    if (list == nullptr || !list->is_homogeneous<toml::table>()) {
        return wrong(file, node, "'agent' must be a list of tables: [[agent]]");
    }
    for (const toml::node& item : *list) {
        const toml::table& table = *item.as_table();
        RESONANT_CHECK(known_keys(file, table, {"principal", "role"}));
        std::string principal, role;
        RESONANT_CHECK(take(file, table, "principal", principal));
        RESONANT_CHECK(take(file, table, "role", role));
        std::optional<call::Role> found;
        for (const call::Role one : {call::Role::Observer, call::Role::Agent, call::Role::Coordinator}) {
            found = role == call::name_of(one) ? one : found;
        }
        if (!found) {
            return wrong(file, item, fmt::format("role is '{}'; it is observer, agent or coordinator. The owner proves "
                                                 "themself with the admin secret", role));
        }
        if (principal.empty() || !agents.emplace(principal, *found).second) {
            return wrong(file, item, principal.empty() ? "an agent needs a principal, for example \"uid:1000\""
                                                       : fmt::format("agent '{}' has two entries", principal));
        }
        if (const std::string why = call::wrong_principal(principal); !why.empty()) {
            return wrong(file, *table.get("principal"), why);
        }
    }
    return {};
}

// [[helper]] name = "tide"; events = ["custom"]
Status read_helpers(const std::filesystem::path& file, const toml::node& node, std::vector<plane::ClearanceRule>& helpers) {
    const toml::array* list = node.as_array();
    if (list == nullptr || !list->is_homogeneous<toml::table>()) {
        return wrong(file, node, "'helper' must be a list of tables: [[helper]]");
    }
    for (const toml::node& item : *list) {
        const toml::table& table = *item.as_table();
        RESONANT_CHECK(known_keys(file, table, {"name", "events"}));
        plane::ClearanceRule rule;
        std::vector<std::string> events;
        RESONANT_CHECK(take(file, table, "name", rule.helper));
        RESONANT_CHECK(take_list(file, table, "events", events));
        const auto same = [&](const plane::ClearanceRule& other) { return other.helper == rule.helper; };
        if (rule.helper.empty() || std::ranges::any_of(helpers, same)) {
            return wrong(file, item, rule.helper.empty() ? "a helper needs a name, or \"*\" for all others"
                                                         : fmt::format("helper '{}' has two entries", rule.helper));
        }
        for (const std::string& name : events) {
            const auto type = ring::find_event(name);
            if (!type) {
                return wrong(file, item, fmt::format("there is no event type '{}'; docs/formats/ring.md lists them", name));
            }
            rule.events.push_back(*type);
        }
        helpers.push_back(std::move(rule));
    }
    return {};
}

// [[client]] name = "cursor*"; servers = ["files"]; tools = ["memory.*", "files__*"]; listing = "core"
Status read_clients(const std::filesystem::path& file, const toml::node& node, std::vector<call::ClientSet>& clients) {
    const toml::array* list = node.as_array();
    if (list == nullptr || !list->is_homogeneous<toml::table>()) {
        return wrong(file, node, "'client' must be a list of tables: [[client]]");
    }
    for (const toml::node& item : *list) {
        const toml::table& table = *item.as_table();
        RESONANT_CHECK(known_keys(file, table, {"name", "principal", "servers", "tools", "listing"}));
        call::ClientSet set;
        RESONANT_CHECK(take(file, table, "name", set.name));
        RESONANT_CHECK(take(file, table, "principal", set.principal));
        RESONANT_CHECK(take(file, table, "listing", set.listing));
        for (const auto& [key, patterns] : {std::pair("servers", &set.servers), std::pair("tools", &set.tools)}) {
            if (table.contains(key)) {
                RESONANT_CHECK(take_list(file, table, key, patterns->emplace()));
            }
        }
        if (set.name.empty() && set.principal.empty()) {
            return wrong(file, item, "a client needs the name that it claims or a principal, such as name = \"cursor*\"");
        }
        if (!set.listing.empty() && !mcp::listing_of(set.listing)) {
            return wrong(file, *table.get("listing"), fmt::format("listing is '{}'; it is families, core or all", set.listing));
        }
        clients.push_back(std::move(set));
    }
    return {};
}

Status read_embedding(const std::filesystem::path& file, const toml::table& table, Config::Embedding& embedding) {
    RESONANT_CHECK(known_keys(file, table, {"endpoint", "model", "key_variable", "timeout_ms"}));
    RESONANT_CHECK(take(file, table, "endpoint", embedding.endpoint));
    RESONANT_CHECK(take(file, table, "model", embedding.model));
    RESONANT_CHECK(take(file, table, "key_variable", embedding.key_variable));
    RESONANT_CHECK(take(file, table, "timeout_ms", embedding.timeout_ms));
    if (embedding.timeout_ms < 100 || embedding.timeout_ms > 120'000) {
        return wrong(file, *table.get("timeout_ms"), fmt::format("timeout_ms is {}, it lies between 100 and 120000",
                                                                 embedding.timeout_ms));
    }
    return {};
}

Status read_log(const std::filesystem::path& file, const toml::table& table, LogOutput& log) {
    RESONANT_CHECK(known_keys(file, table, {"level", "format"}));
    std::string format = "text";
    RESONANT_CHECK(take(file, table, "level", log.level));
    RESONANT_CHECK(take(file, table, "format", format));
    if (!is_log_level(log.level)) {
        return wrong(file, *table.get("level"), fmt::format("level is '{}'; it is trace, debug, info, warn, error or off", log.level));
    }
    const Result<LogFormat> known = log_format_of(format);
    if (!known) {
        return wrong(file, *table.get("format"), fmt::format("format is '{}'; it is text or json", format));
    }
    log.format = *known;
    return {};
}

// [servers.NAME]: what server.add takes, and trusted_first.
Status read_servers(const std::filesystem::path& file, const toml::table& table,
                    std::vector<call::UpstreamSpec>& servers) {
    for (const auto& [key, node] : table) {
        if (!node.is_table()) {
            return wrong(file, node, fmt::format("'servers.{}' must be a table: [servers.{}]", key.str(), key.str()));
        }
        const toml::table& one = *node.as_table();
        RESONANT_CHECK(known_keys(file, one, {"command", "url", "cwd", "env", "headers", "oauth", "gana", "timeout_s",
                                              "start_timeout_s", "reads_only", "era", "trusted_first", "disabled",
                                              "tools_allowed", "tools_denied", "env_file"}));
        std::ostringstream text;
        text << toml::json_formatter{one};
        RESONANT_ASSIGN(Json arguments, json::parse(text.str()));
        arguments["name"] = key.str();
        Result<call::UpstreamSpec> spec = mcp::spec_of(arguments);
        if (!spec) {
            return wrong(file, node, spec.error().message);
        }
        RESONANT_CHECK(take(file, one, "trusted_first", spec->trusted_first));
        servers.push_back(std::move(*spec));
    }
    return {};
}

Status take_idle_exit(const std::filesystem::path& file, const toml::table& table, double& seconds) {
    RESONANT_CHECK(take(file, table, "idle_exit_s", seconds));
    if (!(seconds >= 0 && seconds <= kIdleExitSecondsMax)) {
        return wrong(file, *table.get("idle_exit_s"),
                     fmt::format("idle_exit_s is {}, it lies between 0 (never) and {}", seconds, kIdleExitSecondsMax));
    }
    return {};
}

Status read_all(const std::filesystem::path& file, const toml::table& table, Config& config) {
    RESONANT_CHECK(known_keys(file, table, {"http", "embedding", "listing", "clients_max", "idle_exit_s", "import_folders",
                                            "export_folders", "model", "answer_bytes_max", "board_field",
                                            "helper", "agent", "servers", "server_files", "client", "log"}));
    if (const toml::node* agents = table.get("agent")) {
        RESONANT_CHECK(read_agents(file, *agents, config.agents));
    }
    if (const toml::node* helpers = table.get("helper")) {
        RESONANT_CHECK(read_helpers(file, *helpers, config.helpers));
    }
    if (const toml::node* clients = table.get("client")) {
        RESONANT_CHECK(read_clients(file, *clients, config.clients));
    }
    if (const toml::node* fields = table.get("board_field")) {
        RESONANT_CHECK(read_board_fields(file, *fields, config.board_fields));
    }
    if (const toml::node* servers = table.get("servers")) {
        if (!servers->is_table()) {
            return wrong(file, *servers, "'servers' must be tables: [servers.NAME]");
        }
        RESONANT_CHECK(read_servers(file, *servers->as_table(), config.servers));
    }
    RESONANT_CHECK(take_list(file, table, "server_files", config.server_files));
    if (const toml::node* http = table.get("http")) {
        if (!http->is_table()) {
            return wrong(file, *http, "'http' must be a table: [http]");
        }
        RESONANT_CHECK(read_http(file, *http->as_table(), config.http));
    }
    if (const toml::node* embedding = table.get("embedding")) {
        if (!embedding->is_table()) {
            return wrong(file, *embedding, "'embedding' must be a table: [embedding]");
        }
        RESONANT_CHECK(read_embedding(file, *embedding->as_table(), config.embedding));
    }
    if (const toml::node* log = table.get("log")) {
        if (!log->is_table()) {
            return wrong(file, *log, "'log' must be a table: [log]");
        }
        RESONANT_CHECK(read_log(file, *log->as_table(), config.log));
    }
    RESONANT_CHECK(take(file, table, "listing", config.listing));
    if (config.listing != "families" && config.listing != "core" && config.listing != "all") {
        return wrong(file, *table.get("listing"), fmt::format("listing is '{}'; it is families, core or all",
                                                              config.listing));
    }
    RESONANT_CHECK(take_idle_exit(file, table, config.idle_exit_s));
    RESONANT_CHECK(take_list(file, table, "import_folders", config.import_folders));
    RESONANT_CHECK(take_list(file, table, "export_folders", config.export_folders));
    std::string model;
    RESONANT_CHECK(take(file, table, "model", model));
    config.model = model;
    std::int64_t answer_bytes = static_cast<std::int64_t>(config.answer_bytes_max);
    RESONANT_CHECK(take(file, table, "answer_bytes_max", answer_bytes));
    if (answer_bytes < 1'000 || answer_bytes > 4'000'000) {
        return wrong(file, *table.get("answer_bytes_max"),
                     fmt::format("answer_bytes_max is {}, it lies between 1000 and 4000000", answer_bytes));
    }
    config.answer_bytes_max = static_cast<std::size_t>(answer_bytes);
    auto clients = static_cast<std::int64_t>(config.clients_max);
    RESONANT_CHECK(take(file, table, "clients_max", clients));
    if (clients < 1 || clients > 100'000) {
        return wrong(file, *table.get("clients_max"), fmt::format("clients_max is {}, it lies between 1 and 100000", clients));
    }
    config.clients_max = static_cast<std::size_t>(clients);
    return {};
}

}  // namespace

Result<Config> load_config(const std::filesystem::path& file) {
    Config config;
    const Result<std::string> text = read_file(file);
    if (!text) {
        // A link that leads nowhere is a mistake, no missing file.
        const bool missing = text.error().code == Code::NotFound && !std::filesystem::is_symlink(file);
        return missing ? Result<Config>(std::move(config))
                       : fail(Code::InvalidArgument, text.error().message + "; make it a file that you may read, or remove it for "
                                                                           "all defaults");
    }
    try {
        const toml::table table = toml::parse(*text, file.string());
        RESONANT_CHECK(read_all(file, table, config));
    } catch (const toml::parse_error& error) {
        return fail(Code::InvalidArgument, fmt::format("{}:{}: {}", file.string(), error.source().begin.line,
                                                       error.description()));
    }
    return config;
}

}  // namespace resonant::runtime
