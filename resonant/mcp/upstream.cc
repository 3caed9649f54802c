// The life of a link: connecting, the handshake, the list, its end. Calls: upstream_calls.cc.
#include "resonant/mcp/upstream.h"

#include <fmt/format.h>

#include <algorithm>

#include "resonant/base/log.h"
#include "resonant/mcp/envelope.h"
#include "resonant/mcp/turn.h"

namespace resonant::mcp {
namespace {

constexpr Nanos kHandshakePatience = from_seconds(60);  // npx may have to download the server first
constexpr Nanos kDiscoverPatience = from_seconds(3);    // then initialize is tried as well
constexpr Nanos kListPatience = from_seconds(60);
constexpr Nanos kBackoffLeast = from_millis(500), kBackoffMost = from_seconds(60);
constexpr Nanos kProven = from_seconds(30);             // ready for so long: the next fault starts at the least
constexpr Nanos kListenAgain = from_seconds(5);
constexpr int kPagesMax = 64;

std::string_view name_of(Upstream::State state) {
    switch (state) {
        case Upstream::State::Connecting: return "connecting";
        case Upstream::State::Ready: return "ready";
        case Upstream::State::Waiting: return "down";
        case Upstream::State::Closed: return "closed";
    }
    return "closed";
}

bool holds(const Json& list, std::string_view word) {
    return list.is_array() && std::find(list.begin(), list.end(), word) != list.end();
}

}  // namespace

Upstream::Upstream(Needs needs, call::UpstreamSpec spec, Events events)
    : needs_(std::move(needs)), spec_(std::move(spec)), events_(std::move(events)) {}

Upstream::~Upstream() = default;

void Upstream::enter(State state) {
    state_ = state;
    events_.changed();
}

void Upstream::open() {
    if (state_ == State::Closed) {
        connect();
    }
}

void Upstream::connect() {
    ++generation_;
    initializing_ = discovering_ = listing_ = relist_ = false;
    subscribed_.clear();
    version_.clear();
    enter(State::Connecting);
    Result<std::unique_ptr<UpstreamLink>> link =
        spec_.url.empty() ? open_stdio_link(needs_.loop, spec_, needs_.start_child, *this)
                          : open_http_link(needs_.loop, spec_, needs_.elsewhere, *this);
    if (!link) {
        lost(link.error());
        return;
    }
    link_ = std::move(*link);
    if (spec_.era == "legacy" || (knows_no_discover_ && spec_.era.empty())) {
        initialize();
    } else {
        discover();
    }
}

// Adds what the modern era wants in every request. Legacy messages go as they are.
Json Upstream::described(Json params, const call::Call* call) const {
    if (!modern_ && !discovering_) {
        return params;
    }
    Json able = Json::object();
    for (const char* one : {"elicitation", "sampling"}) {
        if (call != nullptr && call->client && call->client->can(one)) {
            able[one] = Json::object();
        }
    }
    Json& meta = params["_meta"];
    meta[kMetaVersion] = kModernVersion;
    meta[kMetaClient] = {{"name", "resonant"}, {"version", needs_.version}};
    meta[kMetaCapabilities] = std::move(able);
    return params;
}

void Upstream::discover() {
    discovering_ = true;
    ask_server("server/discover", Json::object(), kHandshakePatience,
               [this, generation = generation_](Result<Json> result) {
                   if (generation != generation_ || !version_.empty()) {
                       return;
                   }
                   discovering_ = false;
                   if (result && result->is_object() &&
                       holds(result->value("supportedVersions", Json::array()), kModernVersion)) {
                       initializing_ = false;  // it was only slow to start
                       discovered(*result);
                   } else if (initializing_) {
                       return;
                   } else if (!result && result.error().code == Code::PermissionDenied) {
                       lost(result.error());
                   } else if (spec_.era == "modern") {
                       lost({Code::Unavailable, fmt::format("it does not speak {}: {}", kModernVersion,
                                                            result ? "server/discover names other revisions"
                                                                   : result.error().message)});
                   } else {
                       initialize();
                   }
               });
    if (spec_.era.empty() && link_ && link_->kind() == "stdio") {
        needs_.loop.after(kDiscoverPatience, [this, generation = generation_, alive = std::weak_ptr<int>(alive_)] {
            if (!alive.expired() && generation == generation_ && discovering_) {
                initialize();  // it may be one that ignores what it does not know
            }
        });
    }
}

void Upstream::initialize() {
    initializing_ = true;
    discovering_ = false;
    modern_ = false;
    const Json params = {{"protocolVersion", kLegacyNewest},
                         {"capabilities", {{"elicitation", Json::object()}, {"sampling", Json::object()}}},
                         {"clientInfo", {{"name", "resonant"}, {"version", needs_.version}}}};
    ask_server("initialize", params, kHandshakePatience, [this, generation = generation_](Result<Json> result) {
        if (generation != generation_ || !initializing_) {
            return;
        }
        initializing_ = false;
        if (!result || !result->is_object()) {
            lost(result ? Error{Code::Unavailable, "its answer to initialize is no object"} : result.error());
            return;
        }
        const std::string version = text_of(*result, "protocolVersion");
        if (!known_legacy(version)) {
            lost({Code::Unavailable, fmt::format("it wants to speak revision '{}', which is not known",
                                                 version.substr(0, 40))});
            return;
        }
        agreed(version, false, result->value("capabilities", Json::object()), result->value("serverInfo", Json()));
        notify("notifications/initialized", Json());
        link_->agreed(version_, false);
        list("", Json::array(), 0);
    });
}

void Upstream::discovered(const Json& result) {
    const Json meta = result.value("_meta", Json::object());
    agreed(std::string(kModernVersion), true, result.value("capabilities", Json::object()),
           meta.is_object() ? meta.value(kMetaServer, Json()) : Json());
    link_->agreed(version_, true);
    list("", Json::array(), 0);
    listen();
}

void Upstream::agreed(const std::string& version, bool modern, const Json& capabilities, const Json& info) {
    version_ = version;
    modern_ = modern;
    capabilities_ = capabilities.is_object() ? capabilities : Json::object();
    server_info_ = info;
}

// Reads the list page by page. It is read anew when a change is told meanwhile.
void Upstream::list(const std::string& cursor, Json so_far, int page) {
    if (!capabilities_.contains("tools")) {
        events_.listed(Json::array());
        ready();
        return;
    }
    listing_ = true;
    Json params = Json::object();
    if (!cursor.empty()) {
        params["cursor"] = cursor;
    }
    ask_server("tools/list", std::move(params), kListPatience,
               [this, so_far = std::move(so_far), page, generation = generation_](Result<Json> result) mutable {
                   if (generation != generation_) {
                       return;
                   }
                   listing_ = false;
                   const auto tools = result && result->is_object() ? result->find("tools") : Json::iterator();
                   if (!result || !result->is_object() || tools == result->end() || !tools->is_array()) {
                       lost(result ? Error{Code::Unavailable, "its answer to tools/list holds no tools"} : result.error());
                       return;
                   }
                   for (Json& tool : *tools) {
                       if (so_far.size() < call::kUpstreamToolsMax) {
                           so_far.push_back(std::move(tool));
                       }
                   }
                   const std::string next = text_of(*result, "nextCursor");
                   if (!next.empty() && page + 1 < kPagesMax && so_far.size() < call::kUpstreamToolsMax) {
                       list(next, std::move(so_far), page + 1);
                       return;
                   }
                   if (std::exchange(relist_, false)) {
                       list("", Json::array(), 0);
                       return;
                   }
                   events_.listed(std::move(so_far));
                   ready();
               });
}

void Upstream::ready() {
    if (state_ != State::Connecting) {
        return;
    }
    last_error_.clear();
    ready_at_ = needs_.clock.monotonic();
    enter(State::Ready);
    for (const Held& held : std::exchange(waiting_, {})) {
        send_call(held, Json::object());
    }
    list_offers("");
}

// Modern servers tell of changes on a stream that was asked for.
void Upstream::listen() {
    Json wanted = Json::object();
    for (const char* one : {"tools", "prompts", "resources"}) {
        const Json able = capabilities_.value(one, Json::object());
        if (able.is_object() && able.value("listChanged", Json(false)) == Json(true)) {
            wanted[fmt::format("{}ListChanged", one)] = true;
        }
    }
    if (wanted.empty()) {
        return;
    }
    ask_server("subscriptions/listen", {{"notifications", std::move(wanted)}}, Nanos{0},
               [this, generation = generation_](const Result<Json>& result) {
                   if (generation != generation_ || (!result && result.error().code == Code::NotFound)) {
                       return;
                   }
                   needs_.loop.after(kListenAgain, [this, generation, alive = std::weak_ptr<int>(alive_)] {
                       if (!alive.expired() && generation == generation_ && state_ == State::Ready) {
                           relist_ = listing_;
                           if (!listing_) {
                               list("", Json::array(), 0);  // something may have changed unseen
                           }
                           listen();
                       }
                   });
               });
}

void Upstream::closed(const Error& why) {
    if (discovering_ && pending_.size() == 1) {
        knows_no_discover_ = true;
    }
    lost(why);
}

// Its process is ended elsewhere, for that may take a moment. Not `now`: the link may be the one that calls.
void Upstream::end_link(bool now) {
    if (!link_) {
        return;
    }
    const std::shared_ptr<UpstreamLink> old(std::move(link_));
    const auto process = std::make_shared<std::shared_ptr<void>>(old->take_process());
    const auto end_process = [elsewhere = needs_.elsewhere, process] {
        if (*process && !elsewhere([process] { process->reset(); })) {
            process->reset();
        }
    };
    if (now) {
        end_process();
        return;
    }
    needs_.loop.post([old, end_process] { end_process(); });
}

void Upstream::lost(const Error& why) {
    if (state_ == State::Closed || state_ == State::Waiting) {
        return;
    }
    ++generation_;
    last_error_ = why.message;
    log().info("upstream {}: {}", spec_.name, why.message);
    end_link(false);
    const Nanos now = needs_.clock.monotonic();
    if (state_ == State::Ready && now - ready_at_ > kProven) {
        backoff_ = kBackoffLeast;
    }
    const Nanos wait = backoff_;
    backoff_ = std::min(Nanos{2 * backoff_.count}, kBackoffMost);
    ++restarts_;
    const Error error{Code::Unavailable, fmt::format("server {} is down: {}; it is tried again in {:.1f} s", spec_.name,
                                                     why.message, wait.seconds())};
    enter(State::Waiting);
    std::vector<Held> open;
    for (const auto& [id, held] : std::exchange(pending_, {})) {
        open.push_back(held);
    }
    const std::vector<Held> waiting = std::exchange(waiting_, {});
    open.insert(open.end(), waiting.begin(), waiting.end());
    for (const Held& held : open) {
        answered(held, std::unexpected(error));
    }
    needs_.loop.after(wait, [this, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired() && state_ == State::Waiting) {
            connect();
        }
    });
}

void Upstream::close(const std::string& why) {
    if (state_ == State::Closed && !link_) {
        return;
    }
    ++generation_;
    end_link(true);
    enter(State::Closed);
    std::vector<Held> open = std::exchange(waiting_, {});
    for (const auto& [id, held] : std::exchange(pending_, {})) {
        open.push_back(held);
    }
    parked_.clear();
    for (const Held& held : open) {
        if (held->call && held->call->cancelled) {
            held->call->cancelled->store(true, std::memory_order_relaxed);  // who waits for its caller stops
        }
        answered(held, fail(Code::Unavailable, fmt::format("server {}: {}", spec_.name, why)));
    }
}

Json Upstream::facts() const {
    Json facts = {{"state", name_of(state_)}, {"transport", spec_.url.empty() ? "stdio" : "http"},
                  {"in_flight", in_flight()}};
    if (!version_.empty()) {
        facts["protocol"] = version_;
    }
    if (server_info_.is_object()) {
        facts["server"] = text_of(server_info_, "name") + " " + text_of(server_info_, "version");
    }
    if (restarts_ > 0) {
        facts["faults"] = restarts_;
    }
    if (!last_error_.empty()) {
        facts["last_error"] = last_error_;
    }
    if (link_) {
        facts.update(link_->facts());
    }
    return facts;
}

}  // namespace resonant::mcp
