// A routing set is a list of tools and requests with the tools that are right for each, read from files.
// Ours: bench/routing/requests.txt over our tools and those of published servers. Anybody's: a listing (any
// form of tools/tool_listing.h) and requests as JSON lines,
//
//     {"query": TEXT, "answers": [ANSWER...]}      also request, question, text, instruction; tools, tool, answer
//
// where an ANSWER is an index into the list, a name, "server/name", or {"server", "name"}; each tool that it
// fits is right. For bench_routing alone.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "resonant/tools/families.h"
#include "resonant/tools/services.h"
#include "resonant/tools/tool_listing.h"
#include "resonant/tools/tool_search.h"

namespace resonant::bench {

using tools::ToolDocument;
using tools::ToolIndex;

struct Request {
    std::string half, kind, text;
    std::set<std::size_t> answers;  // indices of tools
};

struct RoutingSet {
    std::string name;
    ToolIndex::Documents documents;
    std::vector<Request> requests;
};

[[noreturn]] inline void stop(const std::string& words) {
    std::fprintf(stderr, "bench routing: %s\n", words.c_str());
    std::exit(1);
}

template <typename T>
T must(Result<T> result) {
    if (!result) {
        stop(result.error().message);
    }
    return std::move(*result);
}

inline std::string key_of(const ToolDocument& tool) {
    return (tool.server.empty() ? "own" : tool.server) + '/' + tool.name;
}

inline std::string text_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    if (!file) {
        stop(path.string() + " is missing; run ./dev bench routing, which starts the servers");
    }
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

inline ToolIndex::Documents listed_in(const std::filesystem::path& path) {
    ToolIndex::Documents documents;
    for (ToolDocument& tool : must(tools::documents_of(text_of(path)))) {
        documents.push_back(std::make_shared<ToolDocument>(std::move(tool)));
    }
    return documents;
}

inline ToolIndex::Documents our_tools() {
    ToolIndex::Documents documents;
    tools::Services none;
    tools::Toolbox toolbox;
    tools::add_all(toolbox, none);
    tools::ToolSearch search(toolbox);
    for (const tools::ToolHit& hit : search.all()) {
        ToolDocument ours = *hit.document;
        ours.available = true;  // all of ours are judged, built or not
        documents.push_back(std::make_shared<ToolDocument>(std::move(ours)));
    }
    return documents;
}

// Which tools a name means: "server/name" or the name alone.
inline std::multimap<std::string, std::size_t> names_of(const ToolIndex::Documents& documents) {
    std::multimap<std::string, std::size_t> names;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        names.emplace(documents[i]->name, i);
        names.emplace(key_of(*documents[i]), i);
    }
    return names;
}

inline RoutingSet own_set(const std::filesystem::path& listed) {
    RoutingSet set{"own", our_tools(), {}};
    const ToolIndex::Documents others = listed_in(listed);
    set.documents.insert(set.documents.end(), others.begin(), others.end());
    std::map<std::string, std::size_t> known;
    for (std::size_t i = 0; i < set.documents.size(); ++i) {
        known.emplace(key_of(*set.documents[i]), i);
    }
    std::istringstream lines(text_of("bench/routing/requests.txt"));
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
        if (line.empty() || line[0] == '#') {
            continue;
        }
        const std::size_t mark = line.find(" | ");
        Request request{number++ % 2 == 0 ? "tuned" : "held_out",
                        line.starts_with("own/") ? "own" : "others", line.substr(mark + 3), {}};
        std::istringstream names(line.substr(0, mark));
        for (std::string name; names >> name;) {
            if (const auto at = known.find(name); at != known.end()) {
                request.answers.insert(at->second);
            }
        }
        if (!request.answers.empty()) {  // else its server is absent; the count of requests shows it
            set.requests.push_back(std::move(request));
        }
    }
    return set;
}

inline Json first_of(const Json& object, std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
        if (object.contains(key)) {
            return object[key];
        }
    }
    return nullptr;
}

inline RoutingSet given_set(const std::string& name, const std::filesystem::path& listed,
                            const std::filesystem::path& asked) {
    RoutingSet set{name, listed_in(listed), {}};
    const auto names = names_of(set.documents);
    std::istringstream lines(text_of(asked));
    std::size_t unknown = 0;
    for (std::string line; std::getline(lines, line);) {
        const Json parsed = Json::parse(line, nullptr, false);
        if (!parsed.is_object()) {
            continue;
        }
        const Json text = first_of(parsed, {"query", "request", "question", "text", "instruction"});
        Json answers = first_of(parsed, {"answers", "answer", "tools", "tool", "gold"});
        Request request{"given", "all", text.is_string() ? text.get<std::string>() : "", {}};
        for (const Json& answer : answers.is_array() ? answers : Json::array({answers})) {
            if (answer.is_number_unsigned() && answer.get<std::size_t>() < set.documents.size()) {
                request.answers.insert(answer.get<std::size_t>());
                continue;
            }
            const std::string wanted = answer.is_string() ? answer.get<std::string>()
                                       : answer.is_object() ? key_of(tools::document_of(answer))
                                                            : std::string();
            const auto [from, to] = names.equal_range(wanted);
            std::for_each(from, to, [&](const auto& at) { request.answers.insert(at.second); });
        }
        unknown += request.answers.empty() || request.text.empty() ? 1 : 0;
        if (!request.answers.empty() && !request.text.empty()) {
            set.requests.push_back(std::move(request));
        }
    }
    if (unknown > 0) {
        std::fprintf(stderr, "%s: %zu requests name no tool of the list and are left out\n", name.c_str(), unknown);
    }
    if (set.requests.empty()) {
        stop(asked.string() + " has no request with a tool of " + listed.string());
    }
    return set;
}

// Every folder below that has tools.json and requests.jsonl, in the order of names.
inline std::vector<RoutingSet> sets_below(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (std::filesystem::exists(entry.path() / "tools.json") &&
            std::filesystem::exists(entry.path() / "requests.jsonl")) {
            found.push_back(entry.path());
        }
    }
    std::ranges::sort(found);
    std::vector<RoutingSet> sets;
    for (const auto& path : found) {
        sets.push_back(given_set(path.filename().string(), path / "tools.json", path / "requests.jsonl"));
    }
    return sets;
}

}  // namespace resonant::bench
