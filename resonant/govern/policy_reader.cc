#include <fmt/core.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "resonant/govern/policy.h"

namespace resonant::govern {
namespace {

const std::vector<std::string> kActions = {"log", "tag", "warn", "throttle", "block"};
const std::vector<std::string> kAccess = {"read", "write", "execute", "delete"};
const std::vector<std::string> kRoles_ = {"observer", "agent", "coordinator", "owner"};
const std::vector<std::string> kRisks = {"safe", "caution", "dangerous", "forbidden"};

// What is wrong, and where. Thrown inside this file only.
struct Wrong {
    int line;
    std::string words;
};

int line_of(const YAML::Node& node) { return std::max(node.Mark().line + 1, 1); }  // an empty file has no line of its own

[[noreturn]] void wrong(const YAML::Node& node, std::string words) { throw Wrong{line_of(node), std::move(words)}; }

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        text += (text.empty() ? "" : ", ") + name;
    }
    return text;
}

// The members of a map, each key once and each of `known`.
std::map<std::string, YAML::Node> members(const YAML::Node& map, const std::string& what,
                                          const std::vector<std::string>& known) {
    if (!map.IsMap()) {
        wrong(map, what + " must be a map of " + listed(known));
    }
    std::map<std::string, YAML::Node> found;
    for (const auto& entry : map) {
        const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            wrong(entry.first, fmt::format("{} knows no \"{}\"; it knows {}", what, key, listed(known)));
        }
        if (!found.emplace(key, entry.second).second) {
            wrong(entry.first, fmt::format("{} has \"{}\" twice", what, key));
        }
    }
    return found;
}

std::string text(const YAML::Node& node, const std::string& what) {
    if (!node.IsScalar() || node.Scalar().empty()) {
        wrong(node, what + " must be a text");
    }
    return node.Scalar();
}

std::vector<std::string> texts(const YAML::Node& node, const std::string& what) {
    if (!node.IsSequence() || node.size() == 0) {
        wrong(node, what + " must be a list with entries");
    }
    std::vector<std::string> found;
    for (const YAML::Node& each : node) {
        found.push_back(text(each, what + ": each entry"));
    }
    return found;
}

double number(const YAML::Node& node, const std::string& what, double least, double most) {
    double value = 0;
    if (!node.IsScalar() || !YAML::convert<double>::decode(node, value) || !(value >= least && value <= most)) {
        wrong(node, fmt::format("{} must be a number from {} to {}", what, least, most));
    }
    return value;
}

std::uint32_t count(const YAML::Node& node, const std::string& what) {
    const double value = number(node, what, 1, 10'000'000);
    if (value != static_cast<double>(static_cast<std::uint32_t>(value))) {
        wrong(node, what + " must be a whole number");
    }
    return static_cast<std::uint32_t>(value);
}

bool truth(const YAML::Node& node, const std::string& what) {
    bool value = false;
    if (!node.IsScalar() || !YAML::convert<bool>::decode(node, value)) {
        wrong(node, what + " must be true or false");
    }
    return value;
}

unsigned index_of(const YAML::Node& node, const std::string& name, const std::vector<std::string>& names,
                  const std::string& what) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
        wrong(node, fmt::format("{} \"{}\" is not known; known are {}", what, name, listed(names)));
    }
    return static_cast<unsigned>(found - names.begin());
}

unsigned mask(const YAML::Node& node, const std::vector<std::string>& names, const std::string& what) {
    unsigned bits = 0;
    for (const std::string& name : texts(node, what)) {
        bits |= 1U << index_of(node, name, names, what);
    }
    return bits;
}

class Reader {
  public:
    explicit Reader(const std::filesystem::path& folder) { policy_->folder = folder; }

    void read(const std::string& file, const std::string& content) {
        file_ = file;
        const YAML::Node root = YAML::Load(content);
        auto sections = members(root, "the file", {"version", "profiles", "limits", "breaker", "sandbox", "rules"});
        if (!sections.contains("version") || text(sections["version"], "version") != "1") {
            wrong(root, "the file must say \"version: 1\"");
        }
        if (sections.contains("profiles")) {
            read_profiles(sections["profiles"]);
        }
        if (sections.contains("limits")) {
            read_limits(sections["limits"]);
        }
        if (sections.contains("breaker")) {
            read_breaker(sections["breaker"]);
        }
        if (sections.contains("sandbox")) {
            once(sections["sandbox"], "sandbox");
            auto sandbox = members(sections["sandbox"], "sandbox", {"network"});
            policy_->sandbox_network = sandbox.contains("network") && truth(sandbox["network"], "sandbox.network");
        }
        if (sections.contains("rules")) {
            if (!sections["rules"].IsSequence()) {
                wrong(sections["rules"], "rules must be a list");
            }
            for (const YAML::Node& rule : sections["rules"]) {
                read_rule(rule);
            }
        }
    }

    std::shared_ptr<const Policy> finish() {
        if (!policy_->argument_patterns.compile() || !policy_->command_patterns.compile()) {
            throw Wrong{1, "all patterns together are too large for RE2; use fewer or simpler ones"};
        }
        return policy_;
    }

  private:
    void read_profiles(const YAML::Node& node) {
        for (const std::string& name : texts(node, "profiles")) {
            if (std::find(policy_->profiles.begin(), policy_->profiles.end(), name) == policy_->profiles.end()) {
                policy_->profiles.push_back(name);
            }
        }
        if (policy_->profiles.size() > kPolicyProfilesMax) {
            wrong(node, fmt::format("more than {} profiles", kPolicyProfilesMax));
        }
    }

    // What two files say differently has no right answer.
    void once(const YAML::Node& node, const std::string& key) {
        const auto [entry, fresh] = said_.emplace(key, fmt::format("{}:{}", file_, line_of(node)));
        if (!fresh) {
            wrong(node, fmt::format("{} stands already in {}", key, entry->second));
        }
    }

    void read_limits(const YAML::Node& node) {
        auto limits = members(node, "limits", {"agent_calls_per_minute", "tools"});
        if (limits.contains("agent_calls_per_minute")) {
            once(node, "limits.agent_calls_per_minute");
            policy_->agent_calls_per_minute = count(limits["agent_calls_per_minute"], "agent_calls_per_minute");
        }
        if (limits.contains("tools")) {
            for (const auto& [pattern, value] : entries(limits["tools"], "limits.tools")) {
                policy_->tool_limits.emplace_back(pattern, count(value, "calls a minute of " + pattern));
            }
        }
    }

    void read_breaker(const YAML::Node& node) {
        auto breaker = members(node, "breaker", {"failures", "window_s", "cooldown_s", "tools"});
        YAML::Node tools = breaker.contains("tools") ? breaker["tools"] : YAML::Node();
        const bool has_tools = breaker.erase("tools") != 0;
        if (!breaker.empty()) {
            once(node, "breaker");
        }
        policy_->breaker = thresholds(breaker, policy_->breaker);
        if (has_tools) {
            for (const auto& [pattern, value] : entries(tools, "breaker.tools")) {
                policy_->tool_breakers.emplace_back(
                    pattern, thresholds(members(value, "breaker.tools." + pattern, {"failures", "window_s", "cooldown_s"}),
                                        policy_->breaker));
            }
        }
    }

    static board::BreakerPolicy thresholds(std::map<std::string, YAML::Node> from, board::BreakerPolicy policy) {
        if (from.contains("failures")) {
            policy.failures_max = static_cast<std::uint32_t>(number(from["failures"], "failures", 1, 16'000));
        }
        if (from.contains("window_s")) {
            policy.window = from_seconds(number(from["window_s"], "window_s", 1, 3600));
        }
        if (from.contains("cooldown_s")) {
            policy.cooldown = from_seconds(number(from["cooldown_s"], "cooldown_s", 0.1, 3600));
        }
        return policy;
    }

    std::vector<std::pair<std::string, YAML::Node>> entries(const YAML::Node& node, const std::string& what) {
        if (!node.IsMap()) {
            wrong(node, what + " must be a map from tool patterns");
        }
        std::vector<std::pair<std::string, YAML::Node>> found;
        for (const auto& entry : node) {
            once(entry.first, what + "." + text(entry.first, what));
            found.emplace_back(entry.first.Scalar(), entry.second);
        }
        return found;
    }

    void read_rule(const YAML::Node& node) {
        auto keys = members(node, "a rule",
                            {"name", "explain", "action", "severity", "consent", "profiles", "calls_per_minute", "when"});
        for (const char* needed : {"name", "action", "explain", "when"}) {
            if (!keys.contains(needed)) {
                wrong(node, fmt::format("a rule needs \"{}\"", needed));
            }
        }
        Rule rule;
        rule.info.name = text(keys["name"], "name");
        once(keys["name"], "rule " + rule.info.name);
        rule.info.file = file_;
        rule.info.line = line_of(node);
        const std::string what = "rule " + rule.info.name;
        rule.info.explain = text(keys["explain"], what + ": explain");
        rule.info.action = static_cast<Action>(
            index_of(keys["action"], text(keys["action"], what + ": action"), kActions, what + ": action"));
        rule.info.severity = keys.contains("severity") ? number(keys["severity"], what + ": severity", 0, 1) : 0.5;
        if (keys.contains("consent")) {
            rule.info.consent =
                index_of(keys["consent"], text(keys["consent"], what + ": consent"), {"refused", "allowed"}, what + ": consent") == 1;
        }
        if (keys.contains("profiles")) {
            rule.info.profiles = texts(keys["profiles"], what + ": profiles");
            rule.profiles = mask(keys["profiles"], policy_->profiles, what + ": profile");
        }
        const bool throttles = rule.info.action == Action::Throttle;
        if (throttles != keys.contains("calls_per_minute")) {
            wrong(node, what + ": calls_per_minute belongs to action throttle, and only to it");
        }
        rule.calls_per_minute = throttles ? count(keys["calls_per_minute"], what + ": calls_per_minute") : 0;
        read_conditions(rule, keys["when"], what);
        policy_->rules.push_back(std::move(rule));
        if (policy_->rules.size() > kPolicyRulesMax) {
            wrong(node, fmt::format("more than {} rules", kPolicyRulesMax));
        }
    }

    void read_conditions(Rule& rule, const YAML::Node& node, const std::string& rule_name) {
        const std::string what = rule_name + ": when";
        auto keys = members(node, what, {"tools", "access", "roles", "risk", "contained", "external", "arguments", "command"});
        if (keys.empty()) {
            wrong(node, what + " is empty; say tools: [\"*\"] for every call");
        }
        Conditions& when = rule.when;
        Json shown = Json::object();
        const auto names = [&](const char* key, const std::vector<std::string>& known) -> unsigned {
            if (!keys.contains(key)) {
                return 0;
            }
            shown[key] = texts(keys[key], what + "." + key);
            return mask(keys[key], known, what + "." + key);
        };
        when.access = names("access", kAccess);
        when.roles = names("roles", kRoles_);
        when.risks = names("risk", kRisks);
        if (keys.contains("tools")) {
            when.tools = texts(keys["tools"], what + ".tools");
            shown["tools"] = when.tools;
        }
        for (const auto& [key, target] : {std::pair{"contained", &when.contained}, std::pair{"external", &when.external}}) {
            if (keys.contains(key)) {
                *target = truth(keys[key], what + "." + key);
                shown[key] = **target;
            }
        }
        for (const auto& [key, target, patterns] :
             {std::tuple{"arguments", &when.arguments, &policy_->argument_patterns},
              std::tuple{"command", &when.command, &policy_->command_patterns}}) {
            if (keys.contains(key)) {
                shown[key] = text(keys[key], what + "." + key);
                const auto index = patterns->add(keys[key].Scalar());
                if (!index) {
                    wrong(keys[key], fmt::format("{}.{} is no RE2 pattern: {}", what, key, index.error()));
                }
                *target = *index;
            }
        }
        rule.info.when = json::canonical(shown);
    }

    std::shared_ptr<Policy> policy_ = std::make_shared<Policy>();
    std::string file_;
    std::map<std::string, std::string> said_;
};

Result<std::string> content_of(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    if (!stream) {
        return fail(Code::NotFound, fmt::format("read policy {}: the file cannot be read; check its rights", file.string()));
    }
    if (content.str().size() > kPolicyFileMax) {
        return fail(Code::InvalidArgument, fmt::format("read policy {}: {} bytes, the limit is {}; split the file",
                                                       file.string(), content.str().size(), kPolicyFileMax));
    }
    return content.str();
}

std::unexpected<Error> refused(const std::string& file, int line, const std::string& words) {
    return fail(Code::InvalidArgument, fmt::format("{}:{}: {}", file, line, words));
}

}  // namespace

Result<std::shared_ptr<const Policy>> read_policy(const std::filesystem::path& folder) {
    std::set<std::filesystem::path> files;
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error)) {
        return fail(Code::NotFound, fmt::format("read policy: {} is {}; give the folder that holds the *.yaml files", folder.string(),
                                                std::filesystem::exists(folder, error) ? "no folder" : "not there"));
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() == ".yaml" || entry.path().extension() == ".yml") {
            files.insert(entry.path());
        }
    }
    if (error || files.empty()) {
        return fail(Code::NotFound,
                    fmt::format("read policy: {} has no *.yaml file; a kernel that starts (`resonant up`) writes the built-in policy to its home", folder.string()));
    }
    Reader reader(folder);
    for (const std::filesystem::path& file : files) {
        RESONANT_ASSIGN(const std::string content, content_of(file));
        try {
            reader.read(file.filename().string(), content);
        } catch (const Wrong& found) {
            return refused(file.string(), found.line, found.words);
        } catch (const YAML::Exception& found) {
            return refused(file.string(), found.mark.line + 1, "is no YAML: " + found.msg);
        }
    }
    try {
        return reader.finish();
    } catch (const Wrong& found) {
        return refused(folder.string(), found.line, found.words);
    }
}

}  // namespace resonant::govern
