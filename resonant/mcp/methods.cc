// The methods of the protocol: what each makes of its params, and what it answers.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "resonant/base/base64.h"
#include "resonant/base/log.h"
#include "resonant/mcp/kernel_path.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/turn.h"
#include "resonant/mcp/upstream_listing.h"

namespace resonant::mcp {

namespace {

constexpr std::array<std::string_view, 4> kLegacyVersions{"2025-11-25", "2025-06-18", "2025-03-26",
                                                          "2024-11-05"};

// A header's value: plain, or "=?base64?...?=". Nothing when it claims base64 and is none.
std::optional<std::string> header_value(std::string_view header) {
    constexpr std::string_view kHead = "=?base64?";
    constexpr std::string_view kTail = "?=";
    if (header.size() < kHead.size() + kTail.size() || !header.starts_with(kHead) ||
        !header.ends_with(kTail)) {
        return std::string(header);
    }
    header.remove_prefix(kHead.size());
    header.remove_suffix(kTail.size());
    return unbase64(header);
}

std::string differs(std::string_view name, std::string_view header, std::string_view body) {
    return fmt::format("Header mismatch: {} header value '{}' does not match body value '{}'", name, shown(header),
                       shown(body));
}

// A mirrored argument as its header says it: strings as they are, numbers and booleans as JSON; nothing
// for null, for what is absent, and for what no header can carry.
std::optional<std::string> mirror_of(const Json& arguments, const std::string& name) {
    const auto found = arguments.find(name);
    if (found == arguments.end() || found->is_null() || found->is_structured()) {
        return std::nullopt;
    }
    return found->is_string() ? found->get<std::string>() : json::dump(*found);
}

// What is wrong with the headers of a modern request, or nothing.
std::string header_fault(const Arrival& arrival, std::string_view method, const Json& params,
                         const std::string& version) {
    struct Pair {
        const char* name;
        const std::optional<std::string>& header;
        std::string body;
        bool needed;
    };
    const char* named = method == "tools/call" || method == "prompts/get" ? "name"
                        : method == "resources/read"                      ? "uri"
                        : method == "tasks/get" || method == "tasks/update" || method == "tasks/cancel" ? "taskId"
                                                                                                       : "";
    const std::array<Pair, 3> pairs{
        Pair{"MCP-Protocol-Version", arrival.version_header, version, true},
        Pair{"Mcp-Method", arrival.method_header, std::string(method), true},
        Pair{"Mcp-Name", arrival.name_header, text_of(params, named), *named != '\0'}};
    for (const Pair& pair : pairs) {
        if (!pair.needed) {
            continue;
        }
        if (!pair.header && pair.body.empty()) {
            continue;  // absent in both; the body's own check comes later
        }
        if (!pair.header) {
            return fmt::format("Header mismatch: the {} header is missing", pair.name);
        }
        if (header_value(*pair.header) != pair.body) {
            return differs(pair.name, *pair.header, pair.body);
        }
    }
    return {};
}

// A ring and its centre. Tools have none: their lists are read by models.
constexpr const char* kIcon =
    "data:image/svg+xml;base64,PHN2ZyB4bWxucz0naHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmcnIHZpZXdCb3g9JzAgMCA4ID"
    "gnPjxjaXJjbGUgY3g9JzQnIGN5PSc0JyByPSczJyBmaWxsPSdub25lJyBzdHJva2U9JyMyNzYnLz48Y2lyY2xlIGN4PSc0JyBjeT"
    "0nNCcgcj0nMScgZmlsbD0nIzI3NicvPjwvc3ZnPg==";

constexpr std::size_t kPageMax = 500;  // entries of a list of resources, templates or prompts

using Mirrored = std::vector<std::pair<std::string, std::string>>;

// What is wrong with the headers that mirror a call's arguments, or nothing.
std::string mirror_fault(const Arrival& arrival, const Mirrored& mirrored, const Json& arguments) {
    for (const auto& [argument, header] : mirrored) {
        const auto sent = std::find_if(arrival.param_headers.begin(), arrival.param_headers.end(),
                                       [&](const auto& one) { return one.first == header; });
        const std::optional<std::string> body = mirror_of(arguments, argument);
        if (sent == arrival.param_headers.end()) {
            if (body) {
                return fmt::format("Header mismatch: {} is missing, the argument {} is there", header, argument);
            }
            continue;
        }
        const std::optional<std::string> shown = header_value(sent->second);
        if (!shown || shown != body) {
            return differs(header, sent->second, body.value_or(""));
        }
    }
    return {};
}

Mirrored mirrored_arguments(const Json& schema) {
    Mirrored mirrored;
    const auto properties = schema.find("properties");
    if (properties == schema.end()) {
        return mirrored;
    }
    for (const auto& [name, property] : properties->items()) {
        if (const std::string header = property.is_object() ? text_of(property, "x-mcp-header") : ""; !header.empty()) {
            std::string lower = "mcp-param-" + header;
            std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
            mirrored.emplace_back(name, std::move(lower));
        }
    }
    return mirrored;
}

}  // namespace

bool known_legacy(std::string_view version) {
    return std::find(kLegacyVersions.begin(), kLegacyVersions.end(), version) != kLegacyVersions.end();
}

Json supported_versions() {
    Json versions = Json::array({kModernVersion});
    for (const std::string_view legacy : kLegacyVersions) {
        versions.push_back(legacy);
    }
    return versions;
}

std::string default_instructions() {
    return "Call session.bootstrap first (family gana_horn_sessions, {\"tool\":\"session.bootstrap\"}): it "
           "tells what is remembered, what is open and what you may do. Each entry of the list is a family: "
           "pass the tool's dotted name as `tool` and its arguments as `args`, a JSON object. Arguments you are unsure of: "
           "just call; a wrong call answers with the tool's schema and an example. Looking for a tool: "
           "capability.suggest. A denial names its stage, its reason and the way out.";
}

Server::Server(net::Loop& loop, call::Door& door, const dispatch::Catalogue& catalogue, Clock& clock,
               Random& random, ServerOptions options)
    : loop_(loop), door_(door), catalogue_(catalogue), clock_(clock), options_(std::move(options)), started_(clock.wall()),
      state_(random),
      tasks_(std::make_unique<Tasks>(clock, random)) {
    for (const tools::Tool& tool : catalogue_.tools()) {
        if (Mirrored mirrored = mirrored_arguments(tool.contract.shown_schema); !mirrored.empty()) {
            mirrored_.emplace(wire_name(tool.contract.name), std::move(mirrored));
        }
    }
    if (options_.instructions.empty()) {
        options_.instructions = default_instructions();
    }
    make_lists();
}

Server::~Server() = default;

const std::string& Server::list_text(Listing listing) const {
    return lists_.front().legacy[static_cast<std::size_t>(listing)];
}

// True when one of them is another than before.
bool Server::make_lists() {
    lists_.resize(1 + (one_for_all() ? 0 : options_.client_sets->all().size()));
    bool changed = false;
    for (std::size_t i = 0; i < lists_.size(); ++i) {
        const ListView view{.upstreams = options_.upstreams, .set = i == 0 ? nullptr : &options_.client_sets->all()[i - 1],
                            .kernel = options_.kernel};
        changed = lists_[i].make(catalogue_, view, options_.list_ttl_ms, one_for_all()) || changed;
    }
    return changed;
}

const call::ClientSet* Server::set_of(const Turn& turn) const {
    if (one_for_all()) {
        return nullptr;
    }
    call::Request asked;
    identify(turn, asked);
    return options_.client_sets->find(asked.caller);
}

Json Server::identity() const {
    return {{"name", options_.name},
            {"title", options_.title},
            {"version", options_.version},
            {"icons", Json::array({{{"src", kIcon}, {"mimeType", "image/svg+xml"}, {"sizes", Json::array({"any"})}}})}};
}

void Server::modern(Turn turn) {
    const Json& meta = turn.meta();
    const std::string version = text_of(meta, kMetaVersion);
    if (version.empty()) {
        turn.fail(kInvalidParams, fmt::format("_meta must hold {} as a string", kMetaVersion));
        return;
    }
    if (turn.arrival.http) {
        const std::string fault = header_fault(turn.arrival, turn.method, turn.params, version);
        if (!fault.empty()) {
            turn.fail(kHeaderMismatch, fault);
            return;
        }
    }
    if (version != kModernVersion) {
        turn.fail(kUnsupportedVersion, "Unsupported protocol version",
                  {{"supported", Json::array({kModernVersion})}, {"requested", shown(version)}});
        return;
    }
    const auto capabilities = meta.find(kMetaCapabilities);
    if (capabilities == meta.end() || !capabilities->is_object()) {
        turn.fail(kInvalidParams, fmt::format("_meta must hold {} as an object", kMetaCapabilities));
        return;
    }
    if (turn.arrival.http && turn.method == "tools/call") {
        const auto mirrored = mirrored_.find(text_of(turn.params, "name"));
        const auto arguments = turn.params.find("arguments");
        const std::string fault =
            mirrored == mirrored_.end()
                ? std::string()
                : mirror_fault(turn.arrival, mirrored->second,
                               arguments != turn.params.end() && arguments->is_object() ? *arguments : Json::object());
        if (!fault.empty()) {
            turn.fail(kHeaderMismatch, fault);
            return;
        }
    }
    if (turn.method == "server/discover") {
        discover(turn);
    } else if (turn.method == "subscriptions/listen") {
        listen(turn);
    } else if (!task_method(turn) && !offer(turn)) {
        turn.fail(kMethodNotFound, fmt::format("method not found: {}", shown(turn.method)));
    }
}

Json Server::capabilities() const {
    const bool listed = options_.lists_change || options_.upstreams != nullptr;
    Json able = {{"tools", {{"listChanged", listed}}},
                 {"prompts", {{"listChanged", listed || options_.prompt_book != nullptr}}},
                 {"resources", {{"listChanged", listed}, {"subscribe", true}}},
                 {"completions", Json::object()},
                 {"logging", Json::object()}};
    return able;
}

void Server::initialize(const Turn& turn) {
    const std::string asked = text_of(turn.params, "protocolVersion");
    if (asked.empty()) {
        turn.fail(kInvalidParams, "initialize needs protocolVersion, a string such as \"2025-11-25\"");
        return;
    }
    Conversation& conversation = *turn.conversation;
    conversation.version = known_legacy(asked) ? asked : std::string(kLegacyNewest);
    if (const auto client = turn.params.find("clientInfo");
        client != turn.params.end() && client->is_object()) {
        conversation.caller.client = text_of(*client, "name").substr(0, 200);
    }
    if (const auto able = turn.params.find("capabilities"); able != turn.params.end() && able->is_object()) {
        conversation.capabilities = std::make_shared<const Json>(*able);
    }
    log().info("attached: client '{}', {} by {}, protocol {}", conversation.caller.client, conversation.caller.principal,
               conversation.caller.transport == call::Transport::Http ? "HTTP" : "stdio", conversation.version);
    turn.outlet->agreed();
    look_on(turn.conversation);
    remember(*turn.conversation);
    Json result = {{"protocolVersion", conversation.version},
                   {"capabilities", capabilities()},
                   {"serverInfo", identity()},
                   {"instructions", options_.instructions}};
    if (!options_.kernel.empty()) {
        result["_meta"][kMetaKernel] = options_.kernel;
    }
    turn.succeed(json::dump(result));
}

void Server::resume(const Talk& conversation) {
    recall(*conversation);
    look_on(conversation);
}

void Server::look_on(const Talk& conversation) {
    if (std::exchange(conversation->looks_on, true)) {
        return;
    }
    if (onlookers_.size() >= onlookers_purge_) {  // seldom: with many clients each look costs
        std::erase_if(onlookers_, [](const auto& one) { return one.expired(); });
        onlookers_purge_ = 2 * onlookers_.size() + 64;
    }
    onlookers_.push_back(conversation);
}

void Server::discover(const Turn& turn) {
    Json able = capabilities();
    able["extensions"][kTasksExtension] = Json::object();
    Json result = {{"resultType", "complete"},
                   {"supportedVersions", Json::array({kModernVersion})},
                   {"capabilities", std::move(able)},
                   {"instructions", options_.instructions},
                   {"ttlMs", options_.list_ttl_ms},
                   {"cacheScope", "public"},
                   {"_meta", {{kMetaServer, identity()}}}};
    if (!options_.kernel.empty()) {
        result["_meta"][kMetaKernel] = options_.kernel;
    }
    turn.succeed(json::dump(result));
}

void Server::list(const Turn& turn) {
    if (const auto cursor = turn.params.find("cursor"); cursor != turn.params.end() && !cursor->is_null()) {
        turn.fail(kInvalidParams, "unknown cursor: the list comes in one page");
        return;
    }
    const call::ClientSet* set = set_of(turn);
    const std::optional<Listing> its = set == nullptr ? std::nullopt : listing_of(set->listing);
    const auto index = static_cast<std::size_t>(its.value_or(turn.listing(options_.listing)));
    const ToolLists& lists = set == nullptr ? lists_.front()
                                            : lists_[1 + static_cast<std::size_t>(set - options_.client_sets->all().data())];
    turn.succeed(turn.modern ? lists.modern[index] : lists.legacy[index]);
}

// One page holds kPageMax entries; a cursor is the number of the next.
void Server::list_entries(const Turn& turn, const char* name, const Json& entries) {
    std::size_t from = 0;
    if (const auto cursor = turn.params.find("cursor"); cursor != turn.params.end() && !cursor->is_null()) {
        const std::string text = cursor->is_string() ? cursor->get<std::string>() : "";
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), from);
        if (text.empty() || error != std::errc() || end != text.data() + text.size() || from == 0 || from % kPageMax != 0 ||
            from >= entries.size()) {
            turn.fail(kInvalidParams, "unknown cursor: send the nextCursor of the last page, or none");
            return;
        }
    }
    const std::size_t until = std::min(entries.size(), from + kPageMax);
    Json page = Json::array();
    page.insert(page.end(), entries.begin() + static_cast<std::ptrdiff_t>(from), entries.begin() + static_cast<std::ptrdiff_t>(until));
    Json result = {{name, std::move(page)}};
    if (until < entries.size()) {
        result["nextCursor"] = std::to_string(until);
    }
    turn.succeed_cached(std::move(result), options_.list_ttl_ms, one_for_all() ? "public" : "private");
}

}  // namespace resonant::mcp
