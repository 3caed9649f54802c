#include "resonant/tools/nearest.h"

#include <algorithm>
#include <numeric>

namespace resonant::tools {
namespace {

constexpr std::size_t kGuessMax = 60;  // no name is longer

std::string wire_form(std::string_view name) {
    std::string wire(name);
    std::replace_if(wire.begin(), wire.end(), [](char c) { return c == '.' || c == '-' || c == ' '; }, '_');
    return wire;
}

// Edits that turn `a` into `b`, where swapping two neighbours counts once.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
    std::iota(last.begin(), last.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        now[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            now[j] = std::min({last[j] + 1, now[j - 1] + 1, change});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = std::min(now[j], before[j - 2] + 1);
            }
        }
        before.swap(last);
        last.swap(now);
    }
    return last[b.size()];
}

// The words of a name in alphabetical order: "add_memory" and "memory_add" are one.
std::string sorted_words(std::string_view wire) {
    std::vector<std::string_view> words;
    while (!wire.empty()) {
        const std::size_t end = std::min(wire.find('_'), wire.size());
        words.push_back(wire.substr(0, end));
        wire.remove_prefix(std::min(end + 1, wire.size()));
    }
    std::sort(words.begin(), words.end());
    std::string joined;
    for (const std::string_view word : words) {
        joined += joined.empty() || word.empty() ? "" : "_";
        joined += word;
    }
    return joined;
}

// Distance of a guess from a tool's name: whole names, or the guess against the part after the dot,
// so that "recall" finds memory.recall.
double strangeness(std::string_view guess, std::string_view wire) {
    const std::size_t whole = edit_distance(guess, wire);
    const std::size_t server = wire.find("__");
    const std::size_t dot = server == std::string_view::npos ? wire.find('_') : server + 1;
    const std::string_view last = dot == std::string_view::npos ? wire : wire.substr(dot + 1);
    const std::size_t part = edit_distance(guess, last) + 1;
    const std::size_t turned = edit_distance(sorted_words(guess), sorted_words(wire)) + 1;
    return static_cast<double>(std::min({whole, part, turned})) +
           (wire.find(guess) != std::string_view::npos ? -0.5 : 0.0);
}

}  // namespace

std::vector<std::string> nearest_names(std::string_view guess, std::vector<std::string> names,
                                       std::size_t count) {
    const std::string wanted = wire_form(guess.substr(0, kGuessMax));
    std::vector<std::pair<double, std::string>> ranked;
    ranked.reserve(names.size());
    for (std::string& each : names) {
        const double distance = strangeness(wanted, wire_form(each));
        ranked.emplace_back(distance, std::move(each));
    }
    count = std::min(count, ranked.size());
    std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count),
                      ranked.end());
    names.clear();
    for (std::size_t i = 0; i < count; ++i) {
        names.push_back(std::move(ranked[i].second));
    }
    return names;
}

}  // namespace resonant::tools
