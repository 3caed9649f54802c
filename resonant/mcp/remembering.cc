// What of a conversation outlives this kernel: the client's name and capabilities, its log level, what it watches.
#include "resonant/base/log.h"
#include "resonant/mcp/client_records.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/turn.h"

namespace resonant::mcp {

void Server::remember(const Conversation& conversation) {
    if (options_.session_records == nullptr || conversation.key.empty()) {
        return;
    }
    const auto level = static_cast<std::size_t>(conversation.log_level.load(std::memory_order_relaxed));
    const Json record = {{"client", conversation.caller.client},
                         {"capabilities", *conversation.capabilities},
                         {"level", call::kLogLevels[level]},
                         {"watched", conversation.watched}};
    if (const Status kept = options_.session_records->put(conversation.key, json::dump(record)); !kept) {
        log().warn("client {}: the next kernel will not know what it wants: {}", conversation.caller.client, kept.error().message);
    }
}

void Server::recall(Conversation& conversation) const {
    const auto text = options_.session_records == nullptr || conversation.key.empty()
                          ? std::nullopt
                          : options_.session_records->find(conversation.key);
    const Result<Json> record = text ? json::parse(*text) : Json();
    if (!record || !record->is_object()) {
        return;  // none: it begins as a new one does
    }
    conversation.caller.client = text_of(*record, "client");
    if (const auto able = record->find("capabilities"); able != record->end() && able->is_object()) {
        conversation.capabilities = std::make_shared<const Json>(*able);
    }
    if (const auto level = log_level_of(text_of(*record, "level"))) {
        conversation.log_level.store(*level, std::memory_order_relaxed);
    }
    const auto watched = record->find("watched");
    for (std::size_t i = 0; watched != record->end() && watched->is_array() && i < watched->size(); ++i) {
        if ((*watched)[i].is_string() && conversation.watched.size() < kWatchedMax) {
            conversation.watched.insert((*watched)[i].get<std::string>());
        }
    }
}

void Server::forget(const Conversation& conversation) {
    if (options_.session_records == nullptr || conversation.key.empty()) {
        return;
    }
    if (const Status dropped = options_.session_records->drop(conversation.key); !dropped) {
        log().warn("client {}: {}", conversation.caller.client, dropped.error().message);
    }
}

}  // namespace resonant::mcp
