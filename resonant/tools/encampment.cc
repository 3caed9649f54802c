#include "resonant/tools/families.h"

#include <fmt/core.h>
#include <algorithm>
#include <charconv>
#include <deque>
#include <map>

#include "resonant/agents/scheduler.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/society/results.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/event_words.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

constexpr std::size_t kPayloadMax = 4'096;     // bytes of JSON
constexpr std::uint64_t kStatsWindow = 4'096;  // newest events that event.stats counts
const std::string kPayloads =
    "event payloads";  // whose Results they are: no principal has a blank in its name

std::unexpected<Error> no_number(const std::string& name, const std::string& member) {
    return fail(Code::InvalidArgument,
                fmt::format("event.publish: {} needs the number '{}' in its payload: {{\"{}\": 12}}",
                            name, member, member));
}

// The user field or group that an event is named after, with or without "user."; empty when there is none.
std::string field_meant(const Services& services, const std::string& name) {
    const std::string whole = name.starts_with("user.") ? name : "user." + name;
    for (const board::RegisteredField& each : services.plane->board().registered()) {
        if (each.name == whole || each.group_name == whole) {
            return whole;
        }
    }
    return name.starts_with("user.") ? name : "";
}

// An event named as a user field or a group of them ("user.queue_depth") carries values to the
// board: payload {"value": 12}, or of a group {"depth": 3, "oldest_s": 40}.
Result<Json> publish_field(Services& services, call::Call& call, const std::string& name) {
    const Json payload = call.arguments.value("payload", Json::object());
    std::vector<board::FieldValue> values;
    std::string known;
    for (const board::RegisteredField& each : services.plane->board().registered()) {
        const bool alone = each.name == name;
        const std::string member = alone ? "value" : each.name.substr(sizeof "user." - 1);
        known += (known.empty() ? "" : ", ") + each.name;
        if (!alone && (each.group_name != name || !payload.contains(member))) {
            continue;
        }
        if (!payload.contains(member) || !payload[member].is_number()) {
            return no_number(name, member);
        }
        values.push_back({each.field, payload[member].get<double>()});
    }
    if (values.empty() || (payload.size() != values.size())) {
        return fail(Code::NotFound,
                    fmt::format("event.publish: '{}' and its payload name no registered fields of the board; there are {}. "
                                "The owner registers more in resonant.toml, [[board_field]]",
                                name, known.empty() ? "none" : known));
    }
    if (values.size() == 1) {
        services.plane->set_field(values[0].field, values[0].value, call.caller.principal);
    } else {
        RESONANT_CHECK(services.plane->set_fields(values, call.caller.principal));
    }
    return Json{{"type", name}, {"fields", values.size()}, {"tick", services.plane->board().view().snapshot().tick}};
}

Result<Json> publish(Services& services, call::Call& call) {
    const std::string name = text_of(call, "type");
    if (const std::string field = field_meant(services, name); !field.empty()) {
        return publish_field(services, call, field);
    }
    if (board::find_field(name)) {
        return fail(Code::PermissionDenied,
                    fmt::format("event.publish: '{}' is a field of the board that the kernel measures itself; "
                                "choose a name of your own, or a [[board_field]] of resonant.toml",
                                name));
    }
    if (name.empty() || name.size() >= std::tuple_size_v<decltype(ring::Event::name)>) {
        return fail(Code::InvalidArgument,
                    fmt::format("event.publish: type has {} bytes; give 1 to 47", name.size()));
    }
    if (ring::find_event(name)) {
        return fail(
            Code::PermissionDenied,
            fmt::format("event.publish: '{}' is an event of the system; choose a name of your own, "
                        "such as build.finished",
                        name));
    }
    const auto confidence = static_cast<float>(number_of(call, "confidence", 1));
    ring::Event event;
    event.type = ring::EventType::Custom;
    event.lane = ring::lane_of(event.type);
    event.source = ring::source_hash(call.caller.principal);
    event.confidence = confidence;
    event.tool = call.contract->id + 1U;
    event.at_ns = call.at.count;
    event.data[0] = ring::source_hash(name);
    std::copy(name.begin(), name.end(), event.name.begin());
    if (call.arguments.contains("payload")) {
        const std::string text = json::dump(call.arguments["payload"]);
        if (text.size() > kPayloadMax) {
            return fail(
                Code::InvalidArgument,
                fmt::format(
                    "event.publish: the payload has {} bytes, the limit is {}; store it with "
                    "memory.add and publish its id",
                    text.size(), kPayloadMax));
        }
        // The ring carries numbers only: the payload waits beside it, the newest few of them.
        event.data[1] = static_cast<std::uint64_t>(
            society::parse_id('r', services.results->keep(kPayloads, text)).value_or(0));
    }
    const std::uint64_t position = services.plane->ring().publish(event);
    return Json{{"type", name},
                {"sequence", fmt::format("{}:{}", services.plane->ring().epoch(), position)}};
}

Json show(const Services& services, const ring::Event& event, std::uint64_t position) {
    Json shown = {
        {"type", event.type == ring::EventType::Custom ? std::string(event.name.data())
                                                       : std::string(ring::name_of(event.type))},
        {"at", show_time(event.at_ns)},
        {"source", event.source},
        {"position", position}};
    if (event.tool > 0 && event.tool <= services.toolbox->tools().size()) {
        shown["tool"] = services.toolbox->tools()[event.tool - 1].contract.name;
    }
    if (event.type != ring::EventType::Custom) {
        if (Json data = data_of(event, *services.toolbox, services.plane->board()); !data.empty()) {
            shown["data"] = std::move(data);
        }
        return shown;
    }
    shown["confidence"] = rounded(event.confidence);
    if (event.data[1] != 0) {
        const auto payload =
            services.results->read(society::wire_id('r', static_cast<std::int64_t>(event.data[1])),
                                   kPayloads, 0, kPayloadMax);
        shown["payload"] = payload ? Json::parse(payload->text, nullptr, false) : Json("forgotten");
    }
    return shown;
}

// Where to read from: the sequence asked for; else far enough back for the newest events, or, for who waits, the head.
Result<ring::Subscription> subscription(const Services& services, const call::Call& call,
                                        bool& other_epoch) {
    ring::EventRing& ring = services.plane->ring();
    const auto& segment = ring.segment();
    if (!has(call, "since")) {
        const std::uint64_t back = number_of(call, "wait_s", 0) > 0                    ? 0
                                   : call.arguments.value("types", Json()).is_array() ? kStatsWindow
                                                                                      : limit_of(call, 50, 500);
        return ring::Subscription::over(segment.data(), segment.size(), ring.head() - std::min(ring.head(), back));
    }
    const std::string since = text_of(call, "since");
    const std::size_t colon = since.find(':');
    std::uint64_t epoch = 0;
    std::uint64_t position = 0;
    const char* end = since.data() + since.size();
    if (colon == std::string::npos ||
        std::from_chars(since.data(), since.data() + colon, epoch).ptr != since.data() + colon ||
        std::from_chars(since.data() + colon + 1, end, position).ptr != end) {
        return fail(
            Code::InvalidArgument,
            fmt::format("since: '{}' is no sequence; pass on the next that event.tail returned",
                        since.substr(0, 60)));
    }
    other_epoch = epoch != ring.epoch();
    if (!other_epoch && position > ring.head()) {
        return fail(Code::InvalidArgument,
                    fmt::format("since: {} lies ahead of the ring, which is at {}:{}", since, epoch,
                                ring.head()));
    }
    return ring::Subscription::over(segment.data(), segment.size(), other_epoch ? 0 : position);
}

bool wanted(const ring::Event& event, const std::vector<std::string>& types) {
    const std::string_view name = event.type == ring::EventType::Custom
                                      ? std::string_view(event.name.data())
                                      : ring::name_of(event.type);
    return types.empty() || std::find(types.begin(), types.end(), name) != types.end();
}

Result<Json> tail(Services& services, call::Call& call) {
    bool other_epoch = false;
    RESONANT_ASSIGN(ring::Subscription reader, subscription(services, call, other_epoch));
    const std::vector<std::string> types = words_of(call, "types");
    const std::size_t limit = limit_of(call, 50, 500);
    const Nanos deadline = services.clock->monotonic() + from_seconds(number_of(call, "wait_s", 0));
    const bool newest = !has(call, "since") && number_of(call, "wait_s", 0) <= 0;  // the last ones, up to this moment
    const std::uint64_t until = services.plane->ring().head();
    std::deque<Json> events;
    ring::Event event;
    while ((newest ? reader.position() < until : events.size() < limit) && !call.is_cancelled()) {
        const ring::Poll poll = reader.poll(event);
        if (poll == ring::Poll::Got) {
            if (wanted(event, types)) {
                events.push_back(show(services, event, reader.position() - 1));
            }
            if (events.size() > limit) {
                events.pop_front();
            }
            continue;
        }
        const Nanos left = deadline - services.clock->monotonic();
        if (!events.empty() || left.count <= 0) {
            break;
        }
        reader.wait(&services.plane->ring(), ring::WaitStrategy::Block,
                    std::min(left, services.plane->nap()));
    }
    Json answer = {{"count", events.size()},
                   {"events", Json(std::vector<Json>(events.begin(), events.end()))},
                   {"lost", reader.lost()},
                   {"next", fmt::format("{}:{}", reader.epoch(), reader.position())}};
    if (other_epoch) {
        answer["note"] =
            "the kernel has started anew since then: this is its ring from the beginning, what "
            "came before is gone";
    }
    return answer;
}

Result<Json> stats(Services& services, call::Call& call) {
    ring::EventRing& ring = services.plane->ring();
    const std::uint64_t head = ring.head();
    const auto& segment = ring.segment();
    RESONANT_ASSIGN(ring::Subscription reader,
                    ring::Subscription::over(segment.data(), segment.size(),
                                             head - std::min(head, kStatsWindow)));
    std::map<std::string, std::uint64_t> by_type;
    std::uint64_t counted = 0;
    std::int64_t first_ns = 0;
    ring::Event event;
    while (counted < kStatsWindow && reader.poll(event) == ring::Poll::Got) {
        first_ns = first_ns == 0 ? event.at_ns : first_ns;
        ++by_type[std::string(ring::name_of(event.type))];
        ++counted;
    }
    const double seconds = first_ns == 0 ? 0 : Nanos{call.at.count - first_ns}.seconds();
    const auto scheduler = services.scheduler->stats();
    return Json{
        {"epoch", ring.epoch()},
        {"published", head},
        {"dampened", services.plane->dampened()},
        {"newest",
         {{"events", counted},
          {"seconds", rounded(seconds)},
          {"per_second", seconds > 0 ? rounded(static_cast<double>(counted) / seconds, 1) : 0.0},
          {"by_type", by_type}}},
        {"consumers",
         {{{"name", "monitors"}, {"events", scheduler.events}, {"lost", scheduler.lost}}}},
        {"note", "a reader in another process keeps its own cursor; only it knows its lag"}};
}

}  // namespace

void add_encampment(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "encampment",
                   .wire_name = "gana_encampment_messages",
                   .mansion = "室 Shi",
                   .quadrant = "North",
                   .summary = "Messages between agents: publish live events, read and count them"});
    toolbox.add({.name = "event.publish",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "type*:string payload:object confidence:0..1",
                 .summary = "put an event on the ring for whoever listens (short-lived); to "
                            "keep a message use memory.add",
                 .example = R"({"type": "build.finished", "confidence": 0.9})"},
                bind(services, publish));
    toolbox.add({.name = "event.tail",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "types:string[] since:sequence limit:int wait_s:number<=30",
                 .summary = "live events of the machine, with the exact number lost; with no "
                            "since: the newest, or with wait_s the next",
                 .pace = Pace::Waits},
                bind(services, tail));
    toolbox.add({.name = "event.stats",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "",
                 .summary = "rates, consumers, lag, losses"},
                bind(services, stats));
    toolbox.add({.name = "chat.send",
                 .access = Access::Write,
                 .core = false,
                 .parameters = "channel*:string message*:string tags:string[]",
                 .summary = "post to a shared channel, kept",
                 .free_text = true});
    toolbox.add({.name = "chat.read",
                 .access = Access::Read,
                 .core = false,
                 .parameters = "channel:string since:id limit:int",
                 .summary = "messages of one channel; with no channel: the channels",
                 .free_text = true});
}

}  // namespace resonant::tools
