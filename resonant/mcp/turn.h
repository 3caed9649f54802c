// A Turn is one request between being read and being answered.
//
// Belongs to the loop's thread; copies are cheap.
#pragma once

#include <memory>
#include <string>

#include "resonant/mcp/envelope.h"
#include "resonant/mcp/server.h"

namespace resonant::mcp {

inline constexpr const char* kMetaVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr const char* kMetaClient = "io.modelcontextprotocol/clientInfo";
inline constexpr const char* kMetaCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr const char* kMetaServer = "io.modelcontextprotocol/serverInfo";

struct Server::Turn {
    std::shared_ptr<Conversation> conversation;
    std::shared_ptr<Outlet> outlet;
    Arrival arrival;
    std::string id;
    std::string method;
    Json params;
    bool modern = false;
    std::shared_ptr<std::atomic<bool>> cancelled;  // of a call

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
    Listing listing(Listing otherwise) const { return conversation->listing.value_or(otherwise); }
};

}  // namespace resonant::mcp
