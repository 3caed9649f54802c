#include "resonant/runtime/plane_door.h"

#include <fmt/core.h>

#include <iterator>
#include <sstream>

namespace resonant::runtime {
namespace {

constexpr std::size_t kEventsATurn = 4'096;  // of each helper
constexpr Nanos kIntakePause = from_millis(5);

std::vector<std::string> words_in(std::string_view text) {
    std::istringstream stream{std::string(text)};
    return {std::istream_iterator<std::string>(stream), {}};
}

Json names_of(std::span<const ring::EventType> types) {
    Json names = Json::array();
    for (const ring::EventType type : types) {
        names.push_back(name_of(type));
    }
    return names;
}

}  // namespace

Result<std::unique_ptr<PlaneDoor>> PlaneDoor::open(net::Loop& loop, const Parts& parts,
                                                   plane::ClearancePolicy policy, const std::filesystem::path& path) {
    auto door = std::unique_ptr<PlaneDoor>(new PlaneDoor(loop, parts, std::move(policy)));
    net::KernelSocket::Handler handler{
        [raw = door.get()](net::KernelMessage message) {
            raw->socket_->send(message.connection, raw->answer(message));
        },
        [raw = door.get()](std::uint64_t connection) { raw->closed(connection); }};
    RESONANT_ASSIGN(door->socket_, net::KernelSocket::open(loop, path, std::move(handler)));
    return door;
}

std::string PlaneDoor::answer(net::KernelMessage& message) {
    constexpr std::string_view kChannel = "channel ";
    constexpr std::string_view kBatch = "batch ";
    const std::string_view text = message.text;
    if (text == "share") {
        return share_plane(parts_.plane, message);
    }
    if (text == "fields") {
        return list_fields(parts_.plane);
    }
    if (const std::string armed = arm_plane(parts_.plane, text); !armed.empty()) {
        return armed;
    }
    if (text == "contained") {
        const auto address = parts_.contained.open();
        return address ? "ok " + *address : address.error().message;
    }
    if (text == "contained close") {
        const Status closed = parts_.contained.close();
        return closed ? "ok" : closed.error().message;
    }
    if (text.starts_with(kBatch)) {
        return share_batch(message, std::string(text.substr(kBatch.size())));
    }
    if (text.starts_with("helper ")) {
        return admit(message);
    }
    if (text.starts_with("revoke ")) {
        return revoke(text.substr(7));
    }
    if (text.starts_with("helped ")) {
        return told(std::string(text.substr(7)));
    }
    if (text == "helpers") {
        return listed();
    }
    if (text == "news") {
        intake_.turn(kEventsATurn);
        return "ok";
    }
    if (text.starts_with(kChannel)) {
        return channel(text.substr(kChannel.size()));
    }
    return "unknown request; known: share, fields, batch NAME (with one descriptor), arm POSITION, channel sealed, channel iceoryx2, "
           "helper NAME TYPES (with one descriptor), news, helped NAME, helpers, revoke NAME [TYPE], contained [close]";
}

PlaneDoor::~PlaneDoor() {
    if (timer_ != 0) {
        loop_.cancel(timer_);
    }
}

std::string PlaneDoor::admit(net::KernelMessage& message) {
    std::vector<std::string> words = words_in(message.text);
    if (words.size() < 3 || message.descriptors.size() != 1) {
        return "helper comes with a name, the types of events it publishes, and the descriptor of its ring";
    }
    std::vector<ring::EventType> types;
    for (std::size_t i = 2; i < words.size(); ++i) {
        const auto type = ring::find_event(words[i]);
        if (!type) {
            return fmt::format("helper: there is no event type '{}'; docs/formats/ring.md lists them", words[i]);
        }
        types.push_back(*type);
    }
    Result<std::shared_ptr<plane::Clearance>> clearance = policy_.clear(words[1], types);
    if (!clearance) {
        return clearance.error().message;
    }
    const Status admitted = intake_.admit(words[1], std::move(message.descriptors[0]), *clearance);
    if (!admitted) {
        return admitted.error().message;
    }
    if (const Status noted = parts_.ledger.event("helper_admitted", words[1], {{"events", names_of(types)}}); !noted) {
        static_cast<void>(intake_.withdraw(words[1]));
        return noted.error().message;  // what cannot be proved is not allowed
    }
    cleared_[words[1]] = {message.connection, std::move(*clearance)};
    if (timer_ == 0) {
        take_in();
    }
    return "ok";
}

std::string PlaneDoor::revoke(std::string_view text) {
    const std::vector<std::string> words = words_in(text);
    const auto found = words.empty() ? cleared_.end() : cleared_.find(words[0]);
    if (found == cleared_.end()) {
        return "revoke: there is no such helper";
    }
    const auto type = words.size() == 1 ? std::nullopt : ring::find_event(words[1]);
    if (words.size() > 1 && !type) {
        return fmt::format("revoke: there is no event type '{}'", words[1]);
    }
    type ? found->second.clearance->revoke(*type) : found->second.clearance->revoke();
    const Status noted = parts_.ledger.event("helper_revoked", words[0],
                                             {{"events", words.size() == 1 ? Json("all") : Json(words[1])}});
    return noted ? "ok" : fmt::format("revoked, but not in the ledger: {}", noted.error().message);
}

std::string PlaneDoor::listed() {
    Json helpers = Json::array();
    for (const auto& [name, cleared] : cleared_) {
        Json one = {{"helper", name}, {"events", names_of(cleared.clearance->types())}};
        if (const auto stats = intake_.stats(name)) {
            one.update({{"taken", stats->taken}, {"republished", stats->republished}, {"refused", stats->refused},
                        {"damaged", stats->damaged}, {"dampened", stats->dampened}, {"lost", stats->lost},
                        {"cut_off", stats->cut_off}});
        }
        helpers.push_back(std::move(one));
    }
    return "ok " + json::dump(helpers);
}

std::string PlaneDoor::told(const std::string& helper) {
    const auto stats = intake_.stats(helper);
    return stats ? fmt::format("ok taken {} republished {} refused {} damaged {} dampened {} lost {} cut_off {}",
                               stats->taken, stats->republished, stats->refused, stats->damaged, stats->dampened,
                               stats->lost, stats->cut_off ? 1 : 0)
                 : stats.error().message;
}

// Helpers that say nothing are looked at as well, now and then.
void PlaneDoor::take_in() {
    timer_ = 0;
    intake_.turn(kEventsATurn);
    if (intake_.helpers() > 0) {
        timer_ = loop_.after(kIntakePause, [this] { take_in(); });
    }
}

void PlaneDoor::closed(std::uint64_t connection) {
    for (auto at = cleared_.begin(); at != cleared_.end();) {
        const auto here = at++;
        if (here->second.connection == connection) {
            intake_.turn(ring::kSlots);  // what it said before it went
            static_cast<void>(intake_.withdraw(here->first));
            cleared_.erase(here);
        }
    }
}

// The folder last: it may have spaces.
std::string PlaneDoor::channel(std::string_view kind) {
    for (const ipc::Kind one : {ipc::Kind::Sealed, ipc::Kind::Iceoryx2}) {
        if (kind == ipc::name_of(one)) {
            const auto place = parts_.channels.open(one);
            return place ? fmt::format("ok {} {}", place->prefix, place->folder.string()) : place.error().message;
        }
    }
    return "unknown kind of channel; known: sealed, iceoryx2";
}

std::string PlaneDoor::share_batch(net::KernelMessage& message, const std::string& name) {
    const auto output = parts_.outputs.newest(name);
    if (output == nullptr) {
        return "this engine has published nothing yet; engine.list names the engines";
    }
    const auto shared = output->segment->share();
    if (!shared) {
        return shared.error().message;
    }
    const int fds[] = {shared->get()};
    const Status sent = send_shared(message, fds, fmt::format("batch {}", output->bytes));
    return sent ? "ok" : sent.error().message;
}

}  // namespace resonant::runtime
