// A Turn is one request between being read and being answered.
//
// Belongs to the loop's thread; copies are cheap.
#pragma once

#include <memory>
#include <string>

#include "resonant/mcp/envelope.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/tool_client.h"

namespace resonant::mcp {

inline constexpr const char* kMetaVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr const char* kMetaClient = "io.modelcontextprotocol/clientInfo";
inline constexpr const char* kMetaCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr const char* kMetaLogLevel = "io.modelcontextprotocol/logLevel";
inline constexpr const char* kMetaSubscription = "io.modelcontextprotocol/subscriptionId";
inline constexpr const char* kMetaServer = "io.modelcontextprotocol/serverInfo";

// A string member of an object, empty when there is none.
inline std::string text_of(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// What a client sent, as an error repeats it: its beginning.
inline std::string_view shown(std::string_view sent) { return sent.substr(0, 200); }

// Whether a client declared the extension of tasks.
bool knows_tasks(const Json& capabilities);

// "debug" .. "emergency".
inline std::optional<call::LogLevel> log_level_of(std::string_view name) {
    for (std::size_t i = 0; i < std::size(call::kLogLevels); ++i) {
        if (call::kLogLevels[i] == name) {
            return static_cast<call::LogLevel>(i);
        }
    }
    return std::nullopt;
}

struct Server::Turn {
    std::shared_ptr<Conversation> conversation;
    std::shared_ptr<Outlet> outlet;
    Arrival arrival;
    std::string id;
    std::string method;
    Json params;
    bool modern = false;
    std::shared_ptr<std::atomic<bool>> cancelled = {};  // of a call
    std::shared_ptr<ToolClient> client = {};            // of what may ask back

    // `result` is JSON text.
    void succeed(std::string_view result) const {
        outlet->send({result_text(id, result), id, 0, modern});
    }
    void fail(int code, std::string_view words, const Json& data = {}) const {
        outlet->send({error_text(id, code, words, data), id, code, modern});
    }
    // `params._meta`, or an empty object.
    const Json& meta() const {
        static const Json kNone = Json::object();
        const auto found = params.find("_meta");
        return found != params.end() && found->is_object() ? *found : kNone;
    }
    // A list or a reading, with the hints the modern era wants.
    void succeed_cached(Json result, std::int64_t ttl_ms, const char* scope) const {
        if (modern) {
            result["resultType"] = "complete";
            result["ttlMs"] = ttl_ms;
            result["cacheScope"] = scope;
        }
        succeed(json::dump(result));
    }
    Listing listing(Listing otherwise) const { return conversation->listing.value_or(otherwise); }
};

}  // namespace resonant::mcp
