#include "resonant/tools/arguments.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "resonant/memory/galaxies.h"
#include "resonant/plane/kernel_plane.h"
#include "resonant/society/sessions.h"

namespace resonant::tools {
namespace {

const Json* find(const call::Call& call, const char* name) {
    const auto found = call.arguments.find(name);
    return found == call.arguments.end() || found->is_null() ? nullptr : &*found;
}

// Takes a number of exactly `digits` digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
    int value = 0;
    if (text.size() < digits) {
        return std::nullopt;
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
    if (error != std::errc() || end != text.data() + digits || text[0] == '-') {
        return std::nullopt;
    }
    text.remove_prefix(digits);
    return value;
}

bool take(std::string_view& text, char mark) {
    if (text.empty() || text[0] != mark) {
        return false;
    }
    text.remove_prefix(1);
    return true;
}

std::optional<std::int64_t> span_ns(std::string_view text) {
    double amount = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
    if (error != std::errc() || amount < 0 || amount > 1e6 ||
        end + 1 != text.data() + text.size()) {
        return std::nullopt;
    }
    switch (*end) {
        case 's': return from_seconds(amount).count;
        case 'm': return from_seconds(amount * 60).count;
        case 'h': return from_seconds(amount * 3600).count;
        case 'd': return from_seconds(amount * 86400).count;
        case 'w': return from_seconds(amount * 7 * 86400).count;
        default: return std::nullopt;
    }
}

// Minutes east of Greenwich; nullopt when the rest is no offset.
std::optional<int> offset_minutes(std::string_view text) {
    if (text.empty() || text == "Z" || text == "z") {
        return 0;
    }
    const bool west = text[0] == '-';
    if (!take(text, '+') && !take(text, '-')) {
        return std::nullopt;
    }
    const auto hours = take_number(text, 2);
    take(text, ':');
    const auto minutes = take_number(text, 2);
    if (!hours || !minutes || !text.empty() || *hours > 14 || *minutes > 59) {
        return std::nullopt;
    }
    return (west ? -1 : 1) * (*hours * 60 + *minutes);
}

std::optional<std::int64_t> iso_ns(std::string_view text) {
    using namespace std::chrono;
    const auto y = take_number(text, 4);
    if (!y || !take(text, '-')) return std::nullopt;
    const auto m = take_number(text, 2);
    if (!m || !take(text, '-')) return std::nullopt;
    const auto d = take_number(text, 2);
    if (!d) return std::nullopt;
    const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)},
                              day{static_cast<unsigned>(*d)}};
    if (!date.ok() || *y < 1970 || *y > 2200) return std::nullopt;
    seconds at = sys_days{date}.time_since_epoch();
    if (!text.empty()) {
        if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
        const auto hour = take_number(text, 2);
        if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
        const auto minute = take_number(text, 2);
        if (!minute || *minute > 59) return std::nullopt;
        int second = 0;
        if (take(text, ':')) {
            const auto given = take_number(text, 2);
            if (!given || *given > 60) return std::nullopt;
            second = *given;
            if (take(text, '.')) {  // fractions are read over
                text.remove_prefix(std::min(text.find_first_not_of("0123456789"), text.size()));
            }
        }
        const auto east = offset_minutes(text);
        if (!east) return std::nullopt;
        at += hours{*hour} + minutes{*minute - *east} + seconds{second};
    }
    return duration_cast<nanoseconds>(at).count();
}

}  // namespace

bool has(const call::Call& call, const char* name) { return find(call, name) != nullptr; }

std::string text_of(const call::Call& call, const char* name, std::string_view otherwise) {
    const Json* value = find(call, name);
    return value != nullptr && value->is_string() ? value->get<std::string>()
                                                  : std::string(otherwise);
}

double number_of(const call::Call& call, const char* name, double otherwise) {
    const Json* value = find(call, name);
    return value != nullptr && value->is_number() ? value->get<double>() : otherwise;
}

std::int64_t integer_of(const call::Call& call, const char* name, std::int64_t otherwise) {
    const Json* value = find(call, name);
    if (value == nullptr || !value->is_number()) {
        return otherwise;
    }
    if (value->is_number_unsigned()) {
        return static_cast<std::int64_t>(std::min<std::uint64_t>(value->get<std::uint64_t>(), INT64_MAX));
    }
    // 3.0 is an integer to JSON Schema, and a float here.
    return value->is_number_float()
               ? static_cast<std::int64_t>(std::clamp(value->get<double>(), -9e15, 9e15))
               : value->get<std::int64_t>();
}

bool flag_of(const call::Call& call, const char* name, bool otherwise) {
    const Json* value = find(call, name);
    return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
}

std::vector<std::string> words_of(const call::Call& call, const char* name) {
    std::vector<std::string> words;
    const Json* value = find(call, name);
    if (value != nullptr && value->is_array()) {
        for (const Json& word : *value) {
            if (word.is_string()) {
                words.push_back(word.get<std::string>());
            }
        }
    }
    return words;
}

std::size_t limit_of(const call::Call& call, std::size_t otherwise, std::size_t most) {
    const std::int64_t asked = integer_of(call, "limit", static_cast<std::int64_t>(otherwise));
    return static_cast<std::size_t>(
        std::clamp<std::int64_t>(asked, 1, static_cast<std::int64_t>(most)));
}

Result<memory::MemoryId> memory_id_of(const call::Call& call, const char* name) {
    const std::string text = text_of(call, name);
    if (const auto id = memory::parse_id(text)) {
        return *id;
    }
    return fail(Code::InvalidArgument,
                fmt::format("{}: '{}' is no memory id; ids look like m42 and come from memory.add, "
                            "memory.recall or memory.search",
                            name, text));
}

Result<std::int64_t> id_of(const call::Call& call, const char* name, char kind) {
    const std::string text = text_of(call, name);
    if (const auto id = society::parse_id(kind, text)) {
        return *id;
    }
    return fail(Code::InvalidArgument,
                fmt::format("{}: '{}' is no such id; it looks like {}7", name, text, kind));
}

Result<std::int64_t> session_of(Services& services, const call::Call& call) {
    if (has(call, "session_id")) {
        RESONANT_ASSIGN(const std::int64_t id, id_of(call, "session_id", 's'));
        RESONANT_CHECK(services.sessions->find(id, call.caller.principal));
        return id;
    }
    const std::int64_t current = services.sessions->current(call.caller.connection);
    if (current != 0 && !services.sessions->find(current, call.caller.principal)) {
        return 0;  // handed over meanwhile
    }
    return current;
}

Result<std::int64_t> parse_time(std::string_view text, Nanos now) {
    if (const auto span = span_ns(text)) {
        return now.count - *span;
    }
    if (const auto at = iso_ns(text)) {
        return *at;
    }
    return fail(
        Code::InvalidArgument,
        fmt::format("'{}' is no time; write 2026-05-01, 2026-05-01T12:00:00Z, or a span back "
                    "from now such as 90s 15m 2h 7d",
                    text.substr(0, 64)));
}

Result<std::optional<std::int64_t>> time_of(const call::Call& call, const char* name, Nanos now) {
    if (!has(call, name)) {
        return std::nullopt;
    }
    const Result<std::int64_t> at = parse_time(text_of(call, name), now);
    if (!at) {
        return fail(at.error().code, fmt::format("{}: {}", name, at.error().message));
    }
    return *at;
}

Result<std::string> galaxy_key(Services& services, const call::Call& call) {
    RESONANT_ASSIGN(const std::int64_t session, session_of(services, call));
    if (session != 0) {
        return society::wire_id('s', session);
    }
    if (call.caller.connection == 0) {
        return std::string();
    }
    // Connections count anew in each epoch.
    return fmt::format("c{}@{}", call.caller.connection,
                       services.plane->board().view().epoch());
}

Result<std::string> galaxy_of(Services& services, const call::Call& call) {
    if (has(call, "galaxy")) {
        const std::string name = text_of(call, "galaxy");
        RESONANT_CHECK(services.galaxies->check_known(name));
        return name;
    }
    RESONANT_ASSIGN(const std::string key, galaxy_key(services, call));
    if (key.empty()) {
        return std::string(memory::kDefaultGalaxy);
    }
    return services.galaxies->chosen(key);
}

Result<memory::Filter> filter_of(Services& services, const call::Call& call, Nanos now) {
    memory::Filter filter;
    filter.tags = words_of(call, "tags");
    filter.type = text_of(call, "type");
    RESONANT_ASSIGN(filter.galaxy, galaxy_of(services, call));
    filter.zone = has(call, "zone") ? memory::find_zone(text_of(call, "zone")) : std::nullopt;
    filter.include_private = flag_of(call, "include_private");
    // Archived memories lie at the far edge; who asks for that zone wants them.
    filter.include_archived = filter.zone == memory::Zone::FarEdge;
    if (has(call, "protected")) {
        filter.is_protected = flag_of(call, "protected");
    }
    RESONANT_ASSIGN(filter.since_ns, time_of(call, "since", now));
    RESONANT_ASSIGN(filter.until_ns, time_of(call, "until", now));
    if (const std::string until = text_of(call, "until"); filter.until_ns && until.size() == 10 && until[4] == '-') {
        *filter.until_ns += from_seconds(86'400).count - 1;  // a day alone is that day, too
    }
    return filter;
}

}  // namespace resonant::tools
