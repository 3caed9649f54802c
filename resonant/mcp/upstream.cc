// The life of a link: connecting, the handshake, the list, its end. Calls: upstream_calls.cc.
#include "resonant/mcp/upstream.h"

#include <fmt/core.h>

#include <algorithm>

#include "resonant/base/log.h"
#include "resonant/mcp/envelope.h"
#include "resonant/mcp/kernel_path.h"
#include "resonant/mcp/turn.h"

namespace resonant::mcp {
namespace {

constexpr Nanos kDiscoverPatience = from_seconds(3);    // then initialize is tried as well
constexpr Nanos kListPatience = from_seconds(60);
constexpr Nanos kBackoffLeast = from_millis(500), kBackoffMost = from_seconds(60);
constexpr Nanos kProven = from_seconds(30);             // ready for so long: the next fault starts at the least
constexpr Nanos kListenAgain = from_seconds(5);
constexpr int kPagesMax = 64;
constexpr const char* kMaybe = "; the call may have been carried out: look before it is made again";

std::string_view name_of(Upstream::State state) {
    switch (state) {
        case Upstream::State::Connecting: return "connecting";
        case Upstream::State::Ready: return "ready";
        case Upstream::State::Waiting: return "down";
        case Upstream::State::Refused: return "refused";
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
    initializing_ = discovering_ = relisting_ = probing_ = false;
    reading_ = 0;
    stale_.clear();
    subscribed_.clear();
    kernel_.clear();
    version_.clear();
    enter(State::Connecting);
    const Result<call::UpstreamSpec> filled = needs_.fill_in ? needs_.fill_in(spec_) : spec_;
    if (!filled) {
        lost(filled.error());
        return;
    }
    Result<std::unique_ptr<UpstreamLink>> link =
        spec_.url.empty() ? open_stdio_link(needs_.loop, *filled, needs_.start_child, *this)
                          : open_http_link(needs_.loop, *filled, needs_.elsewhere, *this);
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
    ask_server("server/discover", Json::object(), from_seconds(spec_.start_timeout_s),
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
    ask_server("initialize", params, from_seconds(spec_.start_timeout_s), [this, generation = generation_](Result<Json> result) {
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
        if (is_itself(result->value("_meta", Json()))) {
            return;
        }
        notify("notifications/initialized", Json());
        link_->agreed(version_, false);
        list("", {});
    });
}

void Upstream::discovered(const Json& result) {
    const Json meta = result.value("_meta", Json::object());
    agreed(std::string(kModernVersion), true, result.value("capabilities", Json::object()),
           meta.is_object() ? meta.value(kMetaServer, Json()) : Json());
    if (is_itself(meta)) {
        return;
    }
    link_->agreed(version_, true);
    list("", {});
    listen();
}

// Whether it is the kernel that it stands behind; then it is refused.
bool Upstream::is_itself(const Json& meta) {
    kernel_ = meta.is_object() ? text_of(meta, kMetaKernel).substr(0, 64) : std::string();
    if (kernel_.empty() || kernel_ != needs_.kernel) {
        return false;
    }
    refuse_server("it is this very kernel; a kernel is not put behind itself, take it out");
    return true;
}

void Upstream::agreed(const std::string& version, bool modern, const Json& capabilities, const Json& info) {
    version_ = version;
    modern_ = modern;
    capabilities_ = capabilities.is_object() ? capabilities : Json::object();
    server_info_ = info;
}

// Takes one page; gives the cursor of the next, empty when there is none to be read.
std::string Upstream::read_page(Reading& so_far, Json& entries, const Json& result, const std::string& cursor) {
    for (Json& entry : entries) {
        if (so_far.entries.size() < call::kUpstreamToolsMax) {
            so_far.entries.push_back(std::move(entry));
        } else {
            ++so_far.beyond;
        }
    }
    std::string next = text_of(result, "nextCursor");
    so_far.unfinished = !next.empty() && (++so_far.pages >= kPagesMax || next == cursor);
    return so_far.unfinished ? std::string() : next;
}

void Upstream::list(const std::string& cursor, Reading so_far) {
    if (!capabilities_.contains("tools")) {
        events_.listed({});
        ready();
        return;
    }
    ++reading_;
    Json params = Json::object();
    if (!cursor.empty()) {
        params["cursor"] = cursor;
    }
    ask_server("tools/list", std::move(params), kListPatience,
               [this, cursor, so_far = std::move(so_far), generation = generation_](Result<Json> result) mutable {
                   if (generation != generation_) {
                       return;
                   }
                   --reading_;
                   const auto tools = result && result->is_object() ? result->find("tools") : Json::iterator();
                   if (!result || !result->is_object() || tools == result->end() || !tools->is_array()) {
                       lost(result ? Error{Code::Unavailable, "its answer to tools/list holds no tools"} : result.error());
                       return;
                   }
                   const std::string next = read_page(so_far, *tools, *result, cursor);
                   if (!next.empty()) {
                       list(next, std::move(so_far));
                       return;
                   }
                   events_.listed(std::move(so_far));
                   ready();
               });
}

// A change was told. Those that come meanwhile are one with it.
void Upstream::relist_soon(const std::string& capability) {
    stale_.insert(capability);
    if (std::exchange(relisting_, true)) {
        return;
    }
    needs_.loop.after(kRelistPause, [this, generation = generation_, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired() && generation == generation_) {
            relisting_ = false;
            relist();
        }
    });
}

void Upstream::relist() {
    for (const std::string& capability : std::exchange(stale_, {})) {
        if (state_ != State::Ready || reading_ > 0) {
            relist_soon(capability);
        } else if (capability == "tools") {
            list("", {});
        } else {
            list_offers(capability);
        }
    }
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
                           for (const char* one : {"tools", "prompts", "resources"}) {
                               relist_soon(one);  // something may have changed unseen
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
    old->silence();  // it may be in the middle of what it read
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

// Everything that is open gets `error`; who was refused already gets that.
void Upstream::end_calls(const Error& error) {
    std::vector<Held> sent;
    for (const auto& [id, held] : std::exchange(pending_, {})) {
        sent.push_back(held);
    }
    for (const Held& held : std::exchange(asking_, {})) {
        sent.push_back(held);
    }
    const std::vector<Held> unsent = std::exchange(waiting_, {});
    for (const auto& [held, refusal] : std::exchange(doubted_, {})) {
        answered(held, std::unexpected(refusal));
    }
    for (const Held& held : sent) {
        held->id = 0;
        answered(held, std::unexpected(held->tool ? Error{error.code, error.message + kMaybe} : error));
    }
    for (const Held& held : unsent) {
        answered(held, std::unexpected(error));
    }
    for (const auto& check : std::exchange(checks_, {})) {
        check();
    }
}

void Upstream::lost(const Error& why) {
    if (state_ == State::Closed || state_ == State::Waiting || state_ == State::Refused) {
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
    enter(State::Waiting);
    end_calls({Code::Unavailable, fmt::format("server {} is down: {}; it is tried again in {:.1f} s", spec_.name, why.message,
                                              wait.seconds())});
    needs_.loop.after(wait, [this, alive = std::weak_ptr<int>(alive_)] {
        if (!alive.expired() && state_ == State::Waiting) {
            connect();
        }
    });
}

void Upstream::refuse_server(const std::string& why) {
    if (state_ == State::Closed || state_ == State::Refused) {
        return;
    }
    ++generation_;
    last_error_ = why;
    log().warn("upstream {}: {}", spec_.name, why);
    end_link(false);
    enter(State::Refused);
    end_calls({Code::Unavailable, fmt::format("server {}: {}", spec_.name, why)});
}

void Upstream::close(const std::string& why) {
    if (state_ == State::Closed && !link_) {
        return;
    }
    ++generation_;
    end_link(true);
    enter(State::Closed);
    parked_.clear();
    for (const Held& held : asking_) {
        if (held->call && held->call->cancelled) {
            held->call->cancelled->store(true, std::memory_order_relaxed);  // who waits for its caller stops
        }
    }
    end_calls({Code::Unavailable, fmt::format("server {}: {}", spec_.name, why)});
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
    if (strays_ > 0) {
        facts["stray_answers"] = strays_;
    }
    if (link_) {
        facts.update(link_->facts());
        if (!spec_.url.empty()) {
            facts["url"] = spec_.url;  // as it is written: filled in it may hold a secret
        }
    }
    return facts;
}

}  // namespace resonant::mcp
