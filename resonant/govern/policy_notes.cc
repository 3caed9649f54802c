#include "resonant/govern/policy_notes.h"

#include <fmt/core.h>

#include <algorithm>

#include "resonant/base/near_name.h"
#include "resonant/govern/policy.h"

namespace resonant::govern {
std::string note_on_pattern(std::string_view pattern, const std::vector<std::string>& tools) {
    pattern.remove_prefix(pattern.starts_with('!') ? 1 : 0);
    const bool fits = std::ranges::any_of(tools, [&](const std::string& tool) { return matches_glob(pattern, tool); });
    const bool of_servers = pattern.find("__") != std::string_view::npos ||
                            (pattern.find('*') != std::string_view::npos && pattern.find('.') == std::string_view::npos);
    if (fits || of_servers) {
        return {};
    }
    std::vector<std::string> candidates = tools;
    for (const std::string& tool : tools) {
        candidates.push_back(tool.substr(0, tool.find('.')) + ".*");
    }
    const std::string near = near_name(std::string(pattern), candidates);
    return fmt::format("no tool fits '{}', so it holds for nothing{}", pattern, near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

Result<std::vector<std::string>> policy_notes(const std::filesystem::path& folder, const std::vector<std::string>& tools) {
    RESONANT_ASSIGN(const auto policy, read_policy(folder));
    std::vector<std::string> notes;
    const auto look_at = [&](const std::string& where, const std::string& pattern) {
        if (const std::string note = note_on_pattern(pattern, tools); !note.empty()) {
            notes.push_back(where + ": " + note);
        }
    };
    for (const Rule& rule : policy->rules) {
        for (const std::string& pattern : rule.when.tools) {
            look_at(fmt::format("{}:{}: rule {}", rule.info.file, rule.info.line, rule.info.name), pattern);
        }
    }
    for (const auto& [pattern, calls] : policy->tool_limits) {
        look_at("limits.tools", pattern);
    }
    for (const auto& [pattern, breaker] : policy->tool_breakers) {
        look_at("breaker.tools", pattern);
    }
    return notes;
}

}  // namespace resonant::govern
