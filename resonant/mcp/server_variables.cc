#include "resonant/mcp/server_variables.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "resonant/mcp/server_file.h"

namespace resonant::mcp {
namespace {

constexpr std::size_t kValueMax = 64 * 1024;  // bytes of one ${file:...}

bool is_name(std::string_view text) {
    return !text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) == 0 &&
           std::all_of(text.begin(), text.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; });
}

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t\r\n");
    return begin == std::string_view::npos ? std::string_view() : text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

class Filler {
  public:
    explicit Filler(const VariableSources& sources) : sources_(sources) {}

    Status fill(std::string& text) {
        std::string made;
        std::size_t at = 0;
        for (;;) {
            const std::size_t begin = text.find("${", at);
            const std::size_t end = begin == std::string::npos ? begin : text.find('}', begin);
            if (end == std::string::npos) {
                text = made.append(text, at);
                return {};
            }
            made.append(text, at, begin - at);
            const std::string inner = text.substr(begin + 2, end - begin - 2);
            if (made.ends_with('$')) {
                made.pop_back();
                made.append(text, begin, end + 1 - begin);
            } else {
                RESONANT_ASSIGN(const std::optional<std::string> value, value_of(inner));
                value ? made.append(*value) : made.append(text, begin, end + 1 - begin);
            }
            at = end + 1;
        }
    }

    template <typename Pairs>
    Status fill_pairs(Pairs& pairs) {
        for (auto& [name, value] : pairs) {
            RESONANT_CHECK(fill(value));
        }
        return {};
    }

    const std::set<std::string>& missing() const { return missing_; }
    bool input_missing() const { return input_missing_; }

  private:
    // Nothing for what is no variable. What has no value is noted and counts as empty.
    Result<std::optional<std::string>> value_of(std::string inner) {
        if (inner.starts_with("file:")) {
            RESONANT_ASSIGN(const std::string text, sources_.file(inner.substr(5)));
            if (text.size() > kValueMax) {
                return fail(Code::ResourceExhausted, fmt::format("${{{}}} has {} bytes, at most {} are read", inner, text.size(), kValueMax));
            }
            return std::string(trimmed(text));
        }
        if (inner.starts_with("input:")) {
            const std::optional<std::string> value = sources_.input(inner.substr(6));
            if (!value) {
                missing_.insert(inner);
                input_missing_ = true;
            }
            return value.value_or("");
        }
        if (inner.starts_with("env:")) {
            inner.erase(0, 4);
        }
        std::optional<std::string> otherwise;
        if (const std::size_t dash = inner.find(":-"); dash != std::string::npos) {
            otherwise = inner.substr(dash + 2);
            inner.resize(dash);
        }
        if (!is_name(inner)) {
            return std::optional<std::string>();
        }
        std::optional<std::string> value = sources_.variable(inner);
        if ((!value || value->empty()) && otherwise) {
            value = otherwise;
        }
        if (!value) {
            missing_.insert(inner);
        }
        return value.value_or("");
    }

    const VariableSources& sources_;
    std::set<std::string> missing_;
    bool input_missing_ = false;
};

std::string quoted_value(std::string_view text) {
    std::string made;
    for (std::size_t i = 1; i < text.size() && text[i] != '"'; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            ++i;
            made += text[i] == 'n' ? '\n' : text[i] == 't' ? '\t' : text[i];
        } else {
            made += text[i];
        }
    }
    return made;
}

}  // namespace

std::map<std::string, std::string> environment_lines(std::string_view text) {
    std::map<std::string, std::string> variables;
    if (text.starts_with("\xEF\xBB\xBF")) {
        text.remove_prefix(3);
    }
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.starts_with("export ")) {
            line = trimmed(line.substr(7));
        }
        const std::size_t equal = line.find('=');
        if (line.starts_with('#') || equal == std::string_view::npos || !is_name(trimmed(line.substr(0, equal)))) {
            continue;
        }
        std::string_view value = trimmed(line.substr(equal + 1));
        std::string& target = variables[std::string(trimmed(line.substr(0, equal)))];
        if (value.starts_with('"')) {
            target = quoted_value(value);
        } else if (value.starts_with('\'')) {
            target = value.substr(1, value.find('\'', 1) - 1);
        } else {
            target = trimmed(value.substr(0, value.find(" #")));
        }
    }
    return variables;
}

Result<call::UpstreamSpec> filled(const call::UpstreamSpec& spec, const VariableSources& sources) {
    call::UpstreamSpec made = spec;
    Filler filler(sources);
    for (std::string& word : made.command) {
        RESONANT_CHECK(filler.fill(word));
    }
    for (std::string* text : {&made.folder, &made.url, &made.env_file}) {
        RESONANT_CHECK(filler.fill(*text));
    }
    for (auto* pairs : {&made.environment, &made.headers, &made.oauth}) {
        RESONANT_CHECK(filler.fill_pairs(*pairs));
    }
    if (!filler.missing().empty()) {
        std::string names;
        for (const std::string& name : filler.missing()) {
            names += fmt::format("{}${{{}}}", names.empty() ? "" : ", ", name);
        }
        const std::string first = *filler.missing().begin();
        const std::string name = first.starts_with("input:") ? first.substr(6) : first;
        return fail(Code::NotFound, fmt::format("{} {} no value; keep one with `resonant server secret {} {}`{}", names,
                                                filler.missing().size() == 1 ? "has" : "have", spec.name, name,
                                                filler.input_missing() ? "" : ", or set it where the kernel is started"));
    }
    if (!made.env_file.empty()) {
        RESONANT_ASSIGN(const std::string text, sources.file(made.env_file));
        made.environment.merge(environment_lines(text));  // what is there already is stronger
        made.env_file.clear();
    }
    RESONANT_CHECK(check(made));
    return made;
}

}  // namespace resonant::mcp
