#include "resonant/tools/record_names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

#include "resonant/tools/arguments.h"

namespace resonant::tools {
namespace {

constexpr std::array<std::string_view, 13> kFields = {"content", "title",    "type",       "tags",   "importance",
                                                      "private", "archived", "protected",  "source", "created",
                                                      "id",      "links",    "galaxy"};

// What others call them, the likeliest first. "protect" is what memory.add calls it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 35> kMeanings = {{
    {"protect", "protected"},    {"text", "content"},          {"memory", "content"},      {"body", "content"},
    {"note", "content"},         {"fact", "content"},          {"observation", "content"}, {"name", "title"},
    {"subject", "title"},        {"heading", "title"},         {"created_at", "created"},  {"createdat", "created"},
    {"created_at_iso", "created"}, {"created_time", "created"}, {"create_time", "created"}, {"creation_date", "created"},
    {"date", "created"},         {"timestamp", "created"},     {"time", "created"},        {"labels", "tags"},
    {"keywords", "tags"},        {"categories", "tags"},       {"tag", "tags"},            {"memory_type", "kind"},
    {"kind", "kind"},            {"category", "kind"},         {"uuid", "id"},             {"key", "id"},
    {"memory_id", "id"},         {"content_hash", "id"},       {"metadata", "metadata"},   {"state", "state"},
    {"deleted_at", "deleted"},   {"is_deleted", "deleted"},    {"user_id", "who"},
}};

// What memory.export writes beside, and what other stores keep for themselves.
constexpr std::array<std::string_view, 14> kLeftAside = {
    "owner",      "version",    "accesses",   "distance",       "zone",        "updated", "updated_at",
    "updatedat",  "updated_at_iso", "hash",   "embedding",      "vector",      "score",   "archived_at"};

std::string small(std::string_view text) {
    std::string letters(text);
    std::transform(letters.begin(), letters.end(), letters.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    const std::size_t first = letters.find_first_not_of(" \t");
    const std::size_t last = letters.find_last_not_of(" \t\r");
    return first == std::string::npos ? "" : letters.substr(first, last - first + 1);
}

template <typename List>
bool holds(const List& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

Result<std::int64_t> of_number(double number) {
    // 1e11 seconds are in the year 5138, 1e11 milliseconds were in 1973: the sizes do not overlap.
    const double seconds = number < 1e11 ? number : number < 1e14 ? number / 1e3 : number < 1e17 ? number / 1e6 : number / 1e9;
    if (!(number > 0) || !(seconds < 7.2e9)) {
        return fail(Code::InvalidArgument, fmt::format("{} is not a time between 1970 and 2198", number));
    }
    return static_cast<std::int64_t>(std::llround(seconds * 1e9));
}

}  // namespace

Result<RecordNames> RecordNames::of(const Json& columns) {
    RecordNames names;
    if (!columns.is_object()) {
        return names;
    }
    for (const auto& [ours, theirs] : columns.items()) {
        if (!holds(kFields, ours) || !theirs.is_string()) {
            return fail(Code::InvalidArgument,
                        fmt::format("columns: '{}' is not a field of a memory; write {{\"content\": \"their name\"}} with: {}",
                                    ours.substr(0, 64), names.listed()));
        }
        names.given_[small(theirs.get<std::string>())] = ours;
    }
    return names;
}

std::string RecordNames::listed() const { return fmt::format("{}", fmt::join(kFields, ", ")); }

std::string_view RecordNames::ours(std::string_view theirs) const {
    const std::string name = small(theirs);
    if (const auto given = given_.find(name); given != given_.end()) {
        return given->second;
    }
    if (const auto field = std::find(kFields.begin(), kFields.end(), name); field != kFields.end()) {
        return *field;
    }
    const auto meant = std::find_if(kMeanings.begin(), kMeanings.end(), [&](const auto& each) { return each.first == name; });
    return meant != kMeanings.end() ? meant->second : holds(kLeftAside, name) ? "" : "?";
}

Json RecordNames::renamed(const Json& object, std::vector<std::string>& unknown) const {
    Json made = Json::object();
    std::map<std::string_view, std::size_t> ranks;  // of what stands in `made`
    for (const auto& [theirs, value] : object.items()) {
        const std::string_view name = ours(theirs);
        if (name == "?") {
            unknown.push_back(theirs);
        }
        if (name == "?" || name.empty() || value.is_null()) {
            continue;
        }
        const std::string letters = small(theirs);
        const auto meant = std::find_if(kMeanings.begin(), kMeanings.end(),
                                        [&](const auto& each) { return each.first == letters; });
        const std::size_t rank = given_.contains(letters) ? 0
                                 : meant == kMeanings.end()
                                     ? 1
                                     : 2 + static_cast<std::size_t>(std::distance(kMeanings.begin(), meant));
        if (const auto known = ranks.find(name); known == ranks.end() || rank < known->second) {
            ranks[name] = rank;
            made[std::string(name)] = value;
        }
    }
    return made;
}

Result<std::int64_t> time_in(const Json& value) {
    if (value.is_number()) {
        return of_number(value.get<double>());
    }
    const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) {
        return of_number(number);
    }
    // No span back from now ("3d"): when that was is not known here.
    const bool is_date = text.size() >= 10 && text[4] == '-';
    return is_date ? parse_time(text, Nanos{0})
                   : fail(Code::InvalidArgument, fmt::format("'{}' is no time; write 2026-05-01, 2026-05-01T12:00:00Z, or "
                                                             "seconds since 1970",
                                                             text.substr(0, 64)));
}

std::vector<std::string> split_words(std::string_view text, std::string_view separators) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t stop = std::min(text.find_first_of(separators), text.size());
        const std::string_view word = text.substr(0, stop);
        const std::size_t first = word.find_first_not_of(" \t\r\n");
        if (first != std::string_view::npos) {
            words.emplace_back(word.substr(first, word.find_last_not_of(" \t\r\n") - first + 1));
        }
        text.remove_prefix(std::min(stop + 1, text.size()));
    }
    return words;
}

}  // namespace resonant::tools
