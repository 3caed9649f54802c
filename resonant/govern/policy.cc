#include "resonant/govern/policy.h"

#include <algorithm>
#include <stdexcept>

namespace resonant::govern {
namespace {

constexpr std::int64_t kPatternMemory = 64 << 20;  // bytes RE2 may use for one set of patterns

re2::RE2::Options pattern_options() {
    re2::RE2::Options options;
    options.set_max_mem(kPatternMemory);
    options.set_log_errors(false);
    return options;
}

// Patterns are read in order: the last one that speaks of the tool counts.
bool covers(const std::vector<std::string>& patterns, std::string_view tool) {
    bool covered = patterns.empty() || patterns.front().starts_with('!');
    for (const std::string& pattern : patterns) {
        const bool takes_out = pattern.starts_with('!');
        if (matches_glob(std::string_view(pattern).substr(takes_out ? 1 : 0), tool)) {
            covered = !takes_out;
        }
    }
    return covered;
}

bool in_mask(unsigned mask, unsigned bit) { return mask == 0 || (mask & (1U << bit)) != 0; }

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view text) {
    std::size_t p = 0;
    std::size_t t = 0;
    std::size_t star = std::string_view::npos;
    std::size_t resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Patterns::Patterns() : set_(pattern_options(), re2::RE2::UNANCHORED) {}

std::expected<int, std::string> Patterns::add(const std::string& pattern) {
    std::string error;
    const int index = set_.Add(pattern, &error);
    if (index < 0) {
        return std::unexpected(error);
    }
    size_ = static_cast<std::size_t>(index) + 1;
    together_ += (together_.empty() ? "(?:" : "|(?:") + pattern + ")";
    return index;
}

bool Patterns::compile() {
    any_ = std::make_unique<re2::RE2>(together_, pattern_options());
    return any_->ok() && set_.Compile();
}

bool Patterns::any(std::string_view text) const {
    return size_ > 0 && re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *any_);
}

void Patterns::match(std::string_view text, std::vector<bool>& hits) const {
    if (!any(text)) {
        return;
    }
    hits.resize(size_);
    std::vector<int> found;
    re2::RE2::Set::ErrorInfo error{};
    if (!set_.Match(re2::StringPiece(text.data(), text.size()), &found, &error) &&
        error.kind != re2::RE2::Set::kNoError) {
        throw std::runtime_error("the patterns of the rules could not be run: out of memory");
    }
    for (const int index : found) {
        hits[static_cast<std::size_t>(index)] = true;
    }
}

Policy::ToolView Policy::make_view(const call::Contract& contract) const {
    ToolView view{contract.name, {}, {}, contract.calls_per_minute};
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const Conditions& when = rules[i].when;
        if (covers(when.tools, contract.name) && in_mask(when.access, static_cast<unsigned>(contract.access)) &&
            when.external.value_or(contract.external) == contract.external) {
            const bool patterned = when.arguments >= 0 || when.command >= 0;
            (patterned ? view.rules_with_pattern : view.rules).push_back(static_cast<std::uint16_t>(i));
        }
    }
    const auto limit = std::find_if(tool_limits.begin(), tool_limits.end(),
                                    [&](const auto& each) { return matches_glob(each.first, contract.name); });
    view.calls_per_minute = limit == tool_limits.end() ? contract.calls_per_minute : limit->second;
    return view;
}

const Policy::ToolView& Policy::view(const call::Contract& contract) const {
    std::atomic<const ToolView*>& place = views_[contract.id % call::kToolsMax];
    const ToolView* view = place.load(std::memory_order_acquire);
    if (view != nullptr && view->name == contract.name) {
        return *view;
    }
    const std::lock_guard lock(views_mutex_);
    // Contracts that share an id (an upstream server's tool came in place of another) share the place.
    const auto made = std::find_if(views_made_.begin(), views_made_.end(),
                                   [&](const ToolView& each) { return each.name == contract.name; });
    view = made != views_made_.end() ? &*made : &views_made_.emplace_back(make_view(contract));
    place.store(view, std::memory_order_release);
    return *view;
}

}  // namespace resonant::govern
