// What a server offers beside tools: the lists of its resources, templates and prompts, read after the tools
// and again when it says that they changed; and the resources that somebody here watches.
#include <algorithm>
#include <array>
#include <iterator>

#include "resonant/mcp/turn.h"
#include "resonant/mcp/upstream.h"

namespace resonant::mcp {
namespace {

constexpr Nanos kPatience = from_seconds(60);
constexpr std::size_t kSubscribedMax = 1024;

struct Offered {
    const char* capability;
    const char* method;
    const char* member;
    call::UpstreamOffer::Kind kind;
};
constexpr std::array<Offered, 3> kOffered{
    Offered{"resources", "resources/list", "resources", call::UpstreamOffer::Kind::Resource},
    Offered{"resources", "resources/templates/list", "resourceTemplates", call::UpstreamOffer::Kind::Template},
    Offered{"prompts", "prompts/list", "prompts", call::UpstreamOffer::Kind::Prompt}};

}  // namespace

void Upstream::watch(std::set<std::string> uris) {
    watched_ = std::move(uris);
    if (!std::includes(subscribed_.begin(), subscribed_.end(), watched_.begin(), watched_.end()) ||
        (!modern_ && subscribed_.size() > watched_.size())) {
        subscribe();
    }
}

// Asks for what is watched and was not asked for yet. The modern era has one subscription for several; one that nobody
// watches any more is kept, and what it tells is dropped.
void Upstream::subscribe() {
    const Json able = capabilities_.value("resources", Json::object());
    if (state_ != State::Ready || !able.is_object() || able.value("subscribe", Json(false)) != Json(true)) {
        return;
    }
    std::vector<std::string> fresh;
    std::set_difference(watched_.begin(), watched_.end(), subscribed_.begin(), subscribed_.end(), std::back_inserter(fresh));
    if (subscribed_.size() + fresh.size() > kSubscribedMax) {
        fresh.clear();
    }
    if (modern_ && !fresh.empty()) {
        ask_server("subscriptions/listen", {{"notifications", {{"resourceSubscriptions", fresh}}}}, Nanos{0},
                   [](const Result<Json>&) {});
    }
    for (const std::string& uri : fresh) {
        subscribed_.insert(uri);
        if (!modern_) {
            ask_server("resources/subscribe", {{"uri", uri}}, kPatience, [](const Result<Json>&) {});
        }
    }
    std::vector<std::string> over;
    std::set_difference(subscribed_.begin(), subscribed_.end(), watched_.begin(), watched_.end(), std::back_inserter(over));
    for (std::size_t i = 0; i < over.size() && !modern_; ++i) {
        subscribed_.erase(over[i]);
        ask_server("resources/unsubscribe", {{"uri", over[i]}}, kPatience, [](const Result<Json>&) {});
    }
}

// Those of one capability, or all.
void Upstream::list_offers(std::string_view capability) {
    for (std::size_t which = 0; which < kOffered.size(); ++which) {
        if (capabilities_.contains(kOffered[which].capability) &&
            (capability.empty() || capability == kOffered[which].capability)) {
            list_offer(which, "", {});
        }
    }
}

// Page by page. What cannot be read is no reason to do without its tools.
void Upstream::list_offer(std::size_t which, const std::string& cursor, Reading so_far) {
    Json params = Json::object();
    if (!cursor.empty()) {
        params["cursor"] = cursor;
    }
    ++reading_;
    ask_server(kOffered[which].method, std::move(params), kPatience,
               [this, which, cursor, so_far = std::move(so_far), generation = generation_](Result<Json> result) mutable {
                   if (generation != generation_) {
                       return;
                   }
                   --reading_;
                   const Offered& offered = kOffered[which];
                   const auto entries = result && result->is_object() ? result->find(offered.member) : Json::iterator();
                   if (!result || !result->is_object() || entries == result->end() || !entries->is_array()) {
                       if (!result && result.error().code != Code::NotFound) {
                           last_error_ = std::string(offered.method) + ": " + result.error().message;
                       }
                       events_.offered(offered.kind, std::move(so_far));
                       return;
                   }
                   const std::string next = read_page(so_far, *entries, *result, cursor);
                   if (!next.empty()) {
                       list_offer(which, next, std::move(so_far));
                       return;
                   }
                   events_.offered(offered.kind, std::move(so_far));
               });
}

}  // namespace resonant::mcp
