#include "resonant/society/results.h"

#include <fmt/core.h>

#include <algorithm>

#include "resonant/base/utf8.h"
#include "resonant/society/sessions.h"

namespace resonant::society {

void Results::forget_old(std::deque<Kept>& kept) const {
    std::size_t bytes = 0;
    for (const Kept& result : kept) {
        bytes += result.text.size();
    }
    const Nanos now = clock_.monotonic();
    while (!kept.empty() &&
           (kept.size() > kCountMax || bytes > kBytesMax || kept.front().at + kLifetime < now)) {
        bytes -= kept.front().text.size();
        kept.pop_front();
    }
}

std::string Results::keep(const std::string& principal, std::string text) {
    if (text.size() > kBytesMax) {
        text.resize(cut_utf8(text, kBytesMax).size());
    }
    const std::lock_guard lock(mutex_);
    if (by_principal_.size() >= kPrincipalsMax && !by_principal_.contains(principal)) {
        // Makes room by forgetting whoever has been quiet for longest.
        const auto oldest = std::min_element(
            by_principal_.begin(), by_principal_.end(),
            [](const auto& a, const auto& b) { return a.second.back().at < b.second.back().at; });
        by_principal_.erase(oldest);
    }
    std::deque<Kept>& kept = by_principal_[principal];
    kept.push_back({++last_, clock_.monotonic(), std::move(text)});
    forget_old(kept);
    return wire_id('r', last_);
}

void Results::forget() {
    const std::lock_guard lock(mutex_);
    by_principal_.clear();
}

Result<Slice> Results::read(const std::string& id, const std::string& principal, std::size_t offset,
                            std::size_t limit) {
    const auto number = parse_id('r', id);
    const std::lock_guard lock(mutex_);
    const auto mine = by_principal_.find(principal);
    if (mine != by_principal_.end()) {
        const auto result =
            std::find_if(mine->second.begin(), mine->second.end(),
                         [&](const Kept& kept) { return number && kept.id == *number; });
        if (result != mine->second.end() && result->at + kLifetime >= clock_.monotonic()) {
            const std::string_view text = result->text;
            const std::size_t start = cut_utf8(text, offset).size();
            std::string_view part = cut_utf8(text.substr(start), limit);
            if (part.empty() && start < text.size()) {
                part = cut_utf8(text.substr(start),
                                4);  // a limit inside the first character still makes way
            }
            return Slice{std::string(part), start, start + part.size(), text.size()};
        }
    }
    return fail(
        Code::NotFound,
        fmt::format("result.read: {} is unknown, expired (after an hour, or {} newer ones) or not "
                    "yours; make the call again",
                    id, kCountMax));
}

}  // namespace resonant::society
