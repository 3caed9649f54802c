#include "resonant/call/client_set.h"

#include <algorithm>
#include <cctype>

namespace resonant::call {
namespace {

// `*` stands for any run of characters.
bool fits(std::string_view text, std::string_view pattern) {
    const std::size_t star = pattern.find('*');
    if (star == std::string_view::npos) {
        return text == pattern;
    }
    if (!text.starts_with(pattern.substr(0, star))) {
        return false;
    }
    const std::string_view rest = pattern.substr(star + 1);
    for (std::size_t at = star; at <= text.size(); ++at) {
        if (fits(text.substr(at), rest)) {
            return true;
        }
    }
    return false;
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

bool among(std::string_view text, const std::optional<std::vector<std::string>>& patterns) {
    return !patterns || std::any_of(patterns->begin(), patterns->end(), [&](const auto& one) { return fits(text, one); });
}

}  // namespace

bool ClientSet::has_server(std::string_view server) const { return among(server, servers); }

bool ClientSet::has_tool(std::string_view dotted) const { return among(dotted, tools); }

bool ClientSet::has_upstream(std::string_view server, std::string_view tool) const {
    return has_server(server) && among(tool, tools);
}

std::string ClientSet::label() const {
    std::string words = "[[client]]";
    if (!name.empty()) {
        words += " name = \"" + name + "\"";
    }
    if (!principal.empty()) {
        words += " principal = \"" + principal + "\"";
    }
    return words;
}

const ClientSet* ClientSets::find(const Caller& caller) const {
    if (caller.transport == Transport::Operator || caller.transport == Transport::Internal) {
        return nullptr;
    }
    const auto found = std::find_if(sets_.begin(), sets_.end(), [&](const ClientSet& set) {
        return (set.name.empty() || fits(lower(caller.client), lower(set.name))) &&
               (set.principal.empty() || fits(caller.principal, set.principal));
    });
    return found == sets_.end() ? nullptr : &*found;
}

}  // namespace resonant::call
