// The methods of the protocol: what each makes of its params, and what it answers.
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <utility>

#include "resonant/mcp/render.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/turn.h"

namespace resonant::mcp {

namespace {

constexpr std::array<std::string_view, 4> kLegacyVersions{"2025-11-25", "2025-06-18", "2025-03-26",
                                                          "2024-11-05"};

// A header's value: plain, or "=?base64?...?=". Empty when it claims base64 and is none.
std::string header_value(std::string_view header) {
    constexpr std::string_view kHead = "=?base64?";
    constexpr std::string_view kTail = "?=";
    if (header.size() < kHead.size() + kTail.size() || !header.starts_with(kHead) ||
        !header.ends_with(kTail)) {
        return std::string(header);
    }
    header.remove_prefix(kHead.size());
    header.remove_suffix(kTail.size());
    std::string decoded(header.size() / 4 * 3, '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                     reinterpret_cast<const unsigned char*>(header.data()),
                                     static_cast<int>(header.size()));
    if (size < 0) {
        return {};
    }
    const auto padding = static_cast<std::size_t>(std::count(header.begin(), header.end(), '='));
    decoded.resize(static_cast<std::size_t>(size) - std::min(padding, static_cast<std::size_t>(size)));
    return decoded;
}

std::string text_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
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
    const std::array<Pair, 3> pairs{
        Pair{"MCP-Protocol-Version", arrival.version_header, version, true},
        Pair{"Mcp-Method", arrival.method_header, std::string(method), true},
        Pair{"Mcp-Name", arrival.name_header, text_of(params, "name"), method == "tools/call"}};
    for (const Pair& pair : pairs) {
        if (!pair.needed) {
            continue;
        }
        if (!pair.header) {
            return fmt::format("Header mismatch: the {} header is missing", pair.name);
        }
        if (header_value(*pair.header) != pair.body) {
            return fmt::format("Header mismatch: {} header value '{}' does not match body value '{}'",
                               pair.name, *pair.header, pair.body);
        }
    }
    return {};
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
           "pass the tool's dotted name as `tool` and its arguments as `args`. Arguments you are unsure of: "
           "just call; a wrong call answers with the tool's schema and an example. Looking for a tool: "
           "capability.suggest. A denial names its stage, its reason and the way out.";
}

Server::Server(net::Loop& loop, call::Door& door, const dispatch::Catalogue& catalogue,
               ServerOptions options)
    : loop_(loop), door_(door), catalogue_(catalogue), options_(std::move(options)) {
    if (options_.instructions.empty()) {
        options_.instructions = default_instructions();
    }
    for (const Listing listing : {Listing::Families, Listing::Core, Listing::All}) {
        const std::string tools = list_tools(catalogue_, listing);
        const auto index = static_cast<std::size_t>(listing);
        legacy_lists_[index] = fmt::format(R"({{"tools":{}}})", tools);
        modern_lists_[index] = fmt::format(
            R"({{"resultType":"complete","tools":{},"ttlMs":{},"cacheScope":"public"}})", tools,
            options_.list_ttl_ms);
    }
}

const std::string& Server::list_text(Listing listing) const {
    return legacy_lists_[static_cast<std::size_t>(listing)];
}

Json Server::identity() const {
    return {{"name", options_.name}, {"title", options_.title}, {"version", options_.version}};
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
                  {{"supported", supported_versions()}, {"requested", version}});
        return;
    }
    const auto capabilities = meta.find(kMetaCapabilities);
    if (capabilities == meta.end() || !capabilities->is_object()) {
        turn.fail(kInvalidParams, fmt::format("_meta must hold {} as an object", kMetaCapabilities));
        return;
    }
    if (turn.method == "tools/call") {
        call(std::move(turn));
    } else if (turn.method == "tools/list") {
        list(turn);
    } else if (turn.method == "server/discover") {
        discover(turn);
    } else {
        turn.fail(kMethodNotFound, fmt::format("method not found: {}", turn.method));
    }
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
    turn.outlet->agreed();
    const Json result = {{"protocolVersion", conversation.version},
                         {"capabilities", {{"tools", {{"listChanged", false}}}, {"logging", Json::object()}}},
                         {"serverInfo", identity()},
                         {"instructions", options_.instructions}};
    turn.succeed(json::dump(result));
}

void Server::discover(const Turn& turn) {
    const Json result = {{"resultType", "complete"},
                         {"supportedVersions", Json::array({kModernVersion})},
                         {"capabilities", {{"tools", Json::object()}}},
                         {"instructions", options_.instructions},
                         {"ttlMs", options_.list_ttl_ms},
                         {"cacheScope", "public"},
                         {"_meta", {{kMetaServer, identity()}}}};
    turn.succeed(json::dump(result));
}

void Server::list(const Turn& turn) {
    if (const auto cursor = turn.params.find("cursor"); cursor != turn.params.end() && !cursor->is_null()) {
        turn.fail(kInvalidParams, "unknown cursor: the list comes in one page");
        return;
    }
    const auto index = static_cast<std::size_t>(turn.listing(options_.listing));
    turn.succeed(turn.modern ? modern_lists_[index] : legacy_lists_[index]);
}

void Server::call(Turn turn) {
    call::Request request;
    request.tool = text_of(turn.params, "name");
    if (request.tool.empty()) {
        turn.fail(kInvalidParams, "tools/call needs name, a string");
        return;
    }
    request.arguments = Json::object();
    if (const auto arguments = turn.params.find("arguments"); arguments != turn.params.end()) {
        if (!arguments->is_object()) {
            turn.fail(kInvalidParams, fmt::format("arguments must be an object, not {}",
                                                  arguments->type_name()));
            return;
        }
        request.arguments = std::move(*arguments);
    }
    Conversation& conversation = *turn.conversation;
    if (conversation.open.size() >= kOpenCallsMax) {
        turn.fail(kInternalError, fmt::format("{} calls are running already; wait for one of them",
                                              kOpenCallsMax));
        return;
    }
    request.caller = conversation.caller;
    if (turn.modern) {
        const auto client = turn.meta().find(kMetaClient);
        if (client != turn.meta().end() && client->is_object()) {
            request.caller.client = text_of(*client, "name").substr(0, 200);
        }
    }
    request.trace = text_of(turn.meta(), "traceparent");
    request.progress = progress_of(turn);
    // On HTTP a modern client cancels by going away; everybody else says so.
    turn.cancelled = turn.modern && turn.arrival.gone ? turn.arrival.gone
                                                      : std::make_shared<std::atomic<bool>>(false);
    request.cancelled = turn.cancelled;
    conversation.open.emplace(turn.id, turn.cancelled);
    net::Loop& loop = loop_;
    door_.submit(std::move(request), [this, turn = std::move(turn), &loop,
                                      alive = std::weak_ptr<int>(alive_)](call::Reply reply) {
        if (loop.in_loop()) {
            if (!alive.expired()) {
                finish(turn, reply);
            }
            return;
        }
        loop.post([this, turn, alive, reply = std::move(reply)] {
            if (!alive.expired()) {
                finish(turn, reply);
            }
        });
    });
}

std::function<void(double, double, const std::string&)> Server::progress_of(const Turn& turn) {
    const auto token = turn.meta().find("progressToken");
    if (token == turn.meta().end() || (!token->is_string() && !token->is_number_integer())) {
        return {};
    }
    return [&loop = loop_, alive = std::weak_ptr<int>(alive_), talk = turn.conversation, id = turn.id,
            outlet = turn.outlet, token = *token](double done, double total, const std::string& words) {
        Json params = {{"progressToken", token}, {"progress", done}};
        if (total > 0) {
            params["total"] = total;
        }
        if (!words.empty()) {
            params["message"] = words;
        }
        const Json note = {
            {"jsonrpc", "2.0"}, {"method", "notifications/progress"}, {"params", std::move(params)}};
        loop.post([alive, talk, id, outlet, text = json::dump(note)] {
            if (!alive.expired() && talk->open.contains(id)) {
                outlet->send({text, {}, 0, false});
            }
        });
    };
}

void Server::finish(const Turn& turn, const call::Reply& reply) {
    Conversation& conversation = *turn.conversation;
    if (conversation.open.erase(turn.id) == 0 && !turn.arrival.http) {
        return;  // the client went away; a POST waits for its answer even when its session was ended
    }
    if (!turn.arrival.http && turn.cancelled->load(std::memory_order_relaxed)) {
        turn.outlet->withdrawn(turn.id);
        return;
    }
    const std::string name = text_of(turn.params, "name");
    if (reply.error && reply.tool.empty() && catalogue_.find(name) == nullptr &&
        catalogue_.find_family(name) < 0) {
        // No such tool at all: the protocol's error, with what the dispatcher knows of its neighbours.
        turn.fail(kInvalidParams, fmt::format("Unknown tool: {}", name), body_of(reply));
        return;
    }
    RenderOptions options;
    options.modern = turn.modern;
    options.structured = conversation.version != "2024-11-05" && conversation.version != "2025-03-26";
    turn.succeed(call_result(reply, options));
}

}  // namespace resonant::mcp
