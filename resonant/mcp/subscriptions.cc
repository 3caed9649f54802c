// Who wants to know of changes: resources/subscribe of the legacy eras, subscriptions/listen of the modern.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "resonant/base/log.h"
#include "resonant/mcp/server.h"
#include "resonant/mcp/turn.h"
#include "resonant/mcp/upstream_listing.h"

namespace resonant::mcp {
namespace {

constexpr std::size_t kListenersEach = 64;  // of one client: they never end by themselves, and its calls need room

std::string method_of(Change change) {
    switch (change) {
        case Change::Tools: return "notifications/tools/list_changed";
        case Change::Prompts: return "notifications/prompts/list_changed";
        case Change::Resources: return "notifications/resources/list_changed";
        case Change::Resource: return "notifications/resources/updated";
    }
    return {};
}

std::string note_of(std::string_view method, Json params) {
    return json::dump({{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
}

bool wants(const Json& filter, const char* name) {
    const auto found = filter.find(name);
    return found != filter.end() && found->is_boolean() && found->get<bool>();
}

// What is wrong with a filter; empty when nothing is.
std::string fault_of(const Json& filter) {
    for (const char* name : {"toolsListChanged", "promptsListChanged", "resourcesListChanged"}) {
        if (const auto found = filter.find(name); found != filter.end() && !found->is_boolean() && !found->is_null()) {
            return fmt::format("notifications.{} is true or false, not {}", name, found->type_name());
        }
    }
    const auto uris = filter.find("resourceSubscriptions");
    const bool fits = uris == filter.end() || uris->is_null() ||
                      (uris->is_array() && std::all_of(uris->begin(), uris->end(), [](const Json& uri) { return uri.is_string(); }));
    return fits ? "" : "notifications.resourceSubscriptions is a list of URIs";
}

}  // namespace

// One open subscriptions/listen.
struct Server::Listener {
    Json id;  // of the request, which every note carries
    std::shared_ptr<Conversation> conversation;  // a stateless one lives as long as its stream
    std::shared_ptr<Outlet> outlet;
    std::shared_ptr<std::atomic<bool>> gone;  // the connection went, or it was cancelled
    bool tools = false, prompts = false, resources = false;
    std::set<std::string> uris;

    bool over() const { return gone->load(std::memory_order_relaxed); }
    bool wants_to_know(Change change, const std::string& uri) const {
        switch (change) {
            case Change::Tools: return tools;
            case Change::Prompts: return prompts;
            case Change::Resources: return resources;
            case Change::Resource: return uris.contains(uri);
        }
        return false;
    }
    void send(std::string_view method, Json params) const {
        params["_meta"] = {{kMetaSubscription, id}};
        outlet->send({note_of(method, std::move(params)), {}, 0, true});
    }
};

void Server::listen(const Turn& turn) {
    const auto filter = turn.params.find("notifications");
    if (filter == turn.params.end() || !filter->is_object()) {
        turn.fail(kInvalidParams, "subscriptions/listen needs notifications, an object such as {\"toolsListChanged\":true}");
        return;
    }
    if (const std::string fault = fault_of(*filter); !fault.empty()) {
        turn.fail(kInvalidParams, fault);
        return;
    }
    std::size_t& its = turn.conversation->listening;
    if (listeners_.size() >= std::min(listeners_purge_, kListenersMax) || its >= kListenersEach) {
        drop_listeners_over();
    }
    if (listeners_.size() >= kListenersMax) {
        turn.fail(kInternalError, fmt::format("{} subscriptions are open, which is the limit of all clients together; try again later",
                                              kListenersMax),
                  {{"limited", "subscriptions"}, {"limit", kListenersMax}});
        return;
    }
    if (its >= kListenersEach) {
        turn.fail(kInternalError, fmt::format("{} subscriptions of this client are open; one can hold many URIs", its));
        return;
    }
    if (!turn.outlet->reaches()) {
        turn.fail(kInvalidRequest, "a subscription is an event stream; send Accept: text/event-stream");
        return;
    }
    auto listener = std::make_shared<Listener>();
    listener->id = Json::parse(turn.id);  // our own text of it
    if (json::dump(listener->id) != turn.id) {
        turn.fail(kInvalidRequest, "a subscription's id stands in every note: a string, or an integer of 64 bits");
        return;
    }
    listener->conversation = turn.conversation;
    listener->outlet = turn.outlet;
    listener->gone = turn.arrival.gone ? turn.arrival.gone : std::make_shared<std::atomic<bool>>(false);
    listener->tools = wants(*filter, "toolsListChanged");
    listener->prompts = wants(*filter, "promptsListChanged");
    listener->resources = wants(*filter, "resourcesListChanged");
    if (const auto uris = filter->find("resourceSubscriptions"); uris != filter->end()) {
        for (const Json& uri : *uris) {
            if (listener->uris.size() < kWatchedMax) {
                listener->uris.insert(uri.get<std::string>());
            }
        }
    }
    turn.conversation->open.emplace(turn.id, listener->gone);
    Json agreed = {{"toolsListChanged", listener->tools},
                   {"promptsListChanged", listener->prompts},
                   {"resourcesListChanged", listener->resources},
                   {"resourceSubscriptions", listener->uris}};
    listener->send("notifications/subscriptions/acknowledged", {{"notifications", std::move(agreed)}});
    listeners_.push_back(std::move(listener));
    ++its;
}

// Seldom: with many clients each look costs.
void Server::drop_listeners_over() {
    std::erase_if(listeners_, [](const auto& one) {
        one->conversation->listening -= one->over() ? 1 : 0;
        return one->over();
    });
    listeners_purge_ = 2 * listeners_.size() + 64;
}

// A subscription is cancelled: nothing works on it that would notice.
void Server::stop_listening(Conversation& conversation, const std::string& id) {
    const auto found = std::find_if(listeners_.begin(), listeners_.end(), [&](const auto& one) {
        return one->conversation.get() == &conversation && json::dump(one->id) == id;
    });
    if (found == listeners_.end()) {
        return;
    }
    const std::shared_ptr<Listener> ended = *found;
    listeners_.erase(found);
    --conversation.listening;
    conversation.open.erase(id);
    ended->outlet->withdrawn(id);
}

void Server::end_subscriptions(Conversation& conversation) {
    std::vector<std::shared_ptr<Listener>> ended;
    std::erase_if(listeners_, [&](const auto& one) {
        const bool its = one->conversation.get() == &conversation && !one->over();
        if (its) {
            ended.push_back(one);
        }
        return its;
    });
    conversation.listening -= ended.size();
    for (const auto& listener : ended) {
        const std::string id = json::dump(listener->id);
        conversation.open.erase(id);
        const Json result = {{"resultType", "complete"}, {"_meta", {{kMetaSubscription, listener->id}}}};
        listener->outlet->send({result_text(id, json::dump(result)), id, 0, true});
    }
}

void Server::watch(const Turn& turn, bool on) {
    const std::string uri = text_of(turn.params, "uri");
    std::set<std::string>& watched = turn.conversation->watched;
    if (uri.empty()) {
        turn.fail(kInvalidParams, fmt::format("{} needs uri, a string", turn.method));
        return;
    }
    if (on && watched.size() >= kWatchedMax) {
        turn.fail(kInternalError, fmt::format("{} resources are watched already; unsubscribe from one", kWatchedMax));
        return;
    }
    const bool known = std::any_of(options_.resources.begin(), options_.resources.end(),
                                   [&](const Resource& resource) { return match(resource, uri).has_value(); });
    const auto offers = options_.upstreams == nullptr ? nullptr : options_.upstreams->offers();
    const bool elsewhere = offers && std::any_of(offers->begin(), offers->end(), [&](const call::UpstreamOffer& one) {
        return uri.starts_with(fmt::format("{}{}/", call::kUpstreamScheme, one.server));
    });
    if (on && !known && !elsewhere) {
        turn.fail(kResourceNotFound, "Resource not found; resources/list names what there is", {{"uri", uri}});
        return;
    }
    if (on) {
        watched.insert(uri);
    } else {
        watched.erase(uri);
    }
    remember(*turn.conversation);
    turn.succeed("{}");
}

void Server::changed(Change change, const std::string& uri) {
    if (loop_.in_loop()) {
        tell(change, uri);
        return;
    }
    loop_.post([this, change, uri, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired()) {
            tell(change, uri);
        }
    });
}

void Server::tell(Change change, const std::string& uri) {
    if (change == Change::Tools) {
        // A server behind this one came or went; the conformance suite's change is none, and told all the same.
        if (!make_lists() && !options_.lists_change) {
            return;
        }
    }
    Json params = Json::object();
    if (change == Change::Resource) {
        params["uri"] = uri;
    }
    drop_listeners_over();
    for (const auto& listener : listeners_) {
        if (listener->wants_to_know(change, uri)) {
            listener->send(method_of(change), params);
        }
    }
    for (const auto& onlooker : onlookers_) {
        const auto conversation = onlooker.lock();
        const auto outlet = conversation ? conversation->standing.lock() : nullptr;
        if (outlet && (change != Change::Resource || conversation->watched.contains(uri))) {
            outlet->send({note_of(method_of(change), params), {}, 0, false});
        }
    }
}

std::set<std::string> Server::watched() const {
    std::set<std::string> uris;
    for (const auto& listener : listeners_) {
        if (!listener->over()) {
            uris.insert(listener->uris.begin(), listener->uris.end());
        }
    }
    for (const auto& onlooker : onlookers_) {
        if (const auto conversation = onlooker.lock()) {
            uris.insert(conversation->watched.begin(), conversation->watched.end());
        }
    }
    return uris;
}

}  // namespace resonant::mcp
