#include "resonant/tools/families.h"

#include <fmt/format.h>
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "resonant/memory/galaxies.h"
#include "resonant/tools/answers.h"
#include "resonant/tools/arguments.h"
#include "resonant/tools/services.h"

namespace resonant::tools {

using call::Access;
using call::Pace;

namespace {

constexpr std::int64_t kBudget = 4'000;     // tokens of a recall's answer
constexpr std::int64_t kBudgetMax = 50'000;
constexpr std::size_t kHitBytes = 600;  // of a hit's text; memory.read gives all of it

void touch(Services& services, const memory::Page& page) {
    std::vector<memory::MemoryId> ids;
    for (const memory::Hit& hit : page.hits) {
        ids.push_back(hit.memory.id);
    }
    services.sea->touch(ids);
}

// Nothing was found where nothing was named: which other galaxies hold memories. An empty answer must not look like
// knowing nothing.
Result<std::string> elsewhere(Services& services, const call::Call& call, const memory::Filter& filter) {
    constexpr std::size_t kNamed = 5;
    if (has(call, "galaxy")) {
        return std::string();
    }
    RESONANT_ASSIGN(const auto galaxies, services.galaxies->list(call.caller.principal));
    std::string others;
    std::size_t count = 0;
    for (const memory::Galaxy& galaxy : galaxies) {
        if (galaxy.name != filter.galaxy && galaxy.retired_ns == 0 && galaxy.memories > 0 && ++count <= kNamed) {
            others += fmt::format("{}{} ({})", others.empty() ? "" : ", ", galaxy.name, galaxy.memories);
        }
    }
    return count == 0 ? others
                      : fmt::format("; only galaxy {} was asked, others hold memories: {}{}; name one as galaxy", filter.galaxy,
                                    others, count > kNamed ? fmt::format(" and {} more (galaxy.list)", count - kNamed) : "");
}

Result<Json> search(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::Filter filter, filter_of(services, call, call.at));
    const std::size_t limit = limit_of(call, 10, 100);
    const std::string query = text_of(call, "query");
    RESONANT_ASSIGN(const memory::Page page,
                    query.empty()
                        ? services.sea->list("created", filter, limit, text_of(call, "cursor"),
                                             call.caller.principal)
                        : services.sea->search(query, filter, limit, text_of(call, "cursor"),
                                               call.caller.principal));
    Json answer = show(page, kHitBytes);
    if (page.hits.empty()) {
        RESONANT_ASSIGN(const std::string more, elsewhere(services, call, filter));
        answer["note"] = (query.empty() ? "no memory meets these filters"
                                        : "no memory that the filters let through has these words; memory.recall also "
                                          "looks for the meaning") +
                         more;
    }
    return answer;
}

// What hangs on a hit by a link is asked for what every hit is.
bool meets(const memory::Filter& filter, const memory::Memory& memory) {
    const auto has_tag = [&](const std::string& tag) { return std::ranges::count(memory.tags, tag) > 0; };
    return (filter.galaxy.empty() || memory.galaxy == filter.galaxy) && std::ranges::all_of(filter.tags, has_tag) &&
           memory.created_ns >= filter.since_ns.value_or(INT64_MIN) &&
           memory.created_ns <= filter.until_ns.value_or(INT64_MAX) && (filter.include_private || !memory.is_private);
}

// Adds what hangs on the three best hits by links, so that a deeper recall reaches further.
Status deepen(Services& services, const call::Call& call, const memory::Filter& filter, int hops, std::size_t limit,
              memory::Page& page) {
    const std::size_t roots = std::min<std::size_t>(3, page.hits.size());
    for (std::size_t i = 0; i < roots && page.hits.size() < limit; ++i) {
        const memory::MemoryId root = page.hits[i].memory.id;
        RESONANT_ASSIGN(const auto related,
                        services.sea->related(root, hops, {}, limit, call.caller.principal));
        for (const memory::Hit& hit : related) {
            const bool known = std::any_of(
                page.hits.begin(), page.hits.end(),
                [&](const memory::Hit& other) { return other.memory.id == hit.memory.id; });
            if (!known && page.hits.size() < limit && meets(filter, hit.memory)) {
                page.hits.push_back(hit);
                page.hits.back().reasons.push_back("linked to " + memory::wire_id(root));
            }
        }
    }
    return {};
}

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

Result<Json> recall(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::Filter filter, filter_of(services, call, call.at));
    const std::size_t limit = limit_of(call, 8, 100);
    const auto hops =
        static_cast<int>(std::clamp<std::int64_t>(integer_of(call, "depth", 0), 0, 3));
    RESONANT_ASSIGN(memory::Page page, services.sea->recall(text_of(call, "query"), filter, limit,
                                                            call.caller.principal));
    if (hops > 0) {
        RESONANT_CHECK(deepen(services, call, filter, hops, limit + 5, page));
    }
    // Who says how many hits it wants gets them, unless it says what they may cost, too.
    const auto budget = static_cast<std::size_t>(std::clamp<std::int64_t>(
        integer_of(call, "token_budget", has(call, "limit") ? kBudgetMax : kBudget), 100, kBudgetMax));
    Json answer = {{"count", 0}, {"hits", Json::array()}};
    std::size_t used = 20;
    for (const memory::Hit& hit : page.hits) {
        Json shown = show(hit, kHitBytes);
        used += tokens_of(json::dump(shown));
        if (used > budget) {
            answer["left_out"] = page.hits.size() - answer["hits"].size();
            break;
        }
        answer["hits"].push_back(std::move(shown));
    }
    answer["count"] = answer["hits"].size();
    if (!page.note.empty()) {
        answer["note"] = page.note;
    }
    if (page.hits.empty()) {
        RESONANT_ASSIGN(const std::string more, elsewhere(services, call, filter));
        answer["note"] = (page.note.empty() ? "nothing was found" : page.note) + more;
    }
    if (is_blank(text_of(call, "query"))) {
        answer["note"] = "the query is empty; say in plain words what is looked for, or list with memory.list";
    }
    touch(services, page);
    return answer;
}

Result<Json> read(Services& services, call::Call& call) {
    constexpr std::size_t kIdsMax = 100;
    const std::vector<std::string> ids = words_of(call, "ids");
    if (ids.empty() || ids.size() > kIdsMax) {
        return fail(Code::InvalidArgument,
                    fmt::format("memory.read: {} ids; give 1 to {}", ids.size(), kIdsMax));
    }
    Json answer = {{"count", 0}, {"memories", Json::array()}};
    std::vector<memory::MemoryId> found;
    for (const std::string& text : ids) {
        const auto id = memory::parse_id(text);
        const auto memory = id ? services.sea->read(*id, call.caller.principal)
                               : Result<memory::Memory>(fail(Code::NotFound, "no id"));
        if (memory) {
            answer["memories"].push_back(show(*memory, flag_of(call, "metadata")));
            found.push_back(*id);
        } else if (memory.error().code == Code::NotFound) {
            answer["not_found"].push_back(text);
        } else {
            return std::unexpected(memory.error());
        }
    }
    if (found.empty()) {
        return fail(
            Code::NotFound,
            fmt::format(
                "memory.read: {} is unknown; ids look like m42 and come from memory.recall, "
                "memory.search or memory.list",
                ids.front().substr(0, 40)));
    }
    answer["count"] = found.size();
    services.sea->touch(found);
    return answer;
}

Result<Json> list(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::Filter filter, filter_of(services, call, call.at));
    RESONANT_ASSIGN(
        const memory::Page page,
        services.sea->list(text_of(call, "sort", "created"), filter, limit_of(call, 20, 200),
                           text_of(call, "cursor"), call.caller.principal));
    return show(page, 200);
}

Result<Json> related(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::MemoryId id, memory_id_of(call, "id"));
    const auto hops = static_cast<int>(std::clamp<std::int64_t>(integer_of(call, "hops", 1), 1, 4));
    const std::vector<std::string> types = words_of(call, "types");
    for (const std::string& type : types) {
        if (std::ranges::count(memory::DataSea::link_types(), type) == 0) {
            return fail(Code::InvalidArgument,
                        fmt::format("memory.related: there is no type of link '{}'; there are {}", type.substr(0, 40),
                                    fmt::join(memory::DataSea::link_types(), ", ")));
        }
    }
    RESONANT_ASSIGN(const auto hits,
                    services.sea->related(id, hops, types,
                                          limit_of(call, 20, 100), call.caller.principal));
    memory::Page page;
    page.hits = hits;
    Json answer = show(page, kHitBytes);
    answer["id"] = memory::wire_id(id);
    return answer;
}

Result<Vector> given_vector(const call::Call& call) {
    Vector vector{};
    double square = 0;
    for (std::size_t i = 0; i < vector.size(); ++i) {
        const double value = call.arguments["vector"][i].get<double>();
        vector[i] = static_cast<float>(value);
        square += value * value;
    }
    if (!std::isfinite(square) || square < 1e-12) {
        return fail(
            Code::InvalidArgument,
            "vector.search: the vector has no direction; give 384 numbers that are not all zero");
    }
    for (float& value : vector) {
        value = static_cast<float>(value / std::sqrt(square));
    }
    return vector;
}

constexpr std::size_t kQueriesMax = 32;  // of one search
constexpr std::size_t kNearMax = 1'000;  // hits of all of them

// What the call asks for, one vector a question. `several`: it asked by a list.
Result<std::vector<Vector>> query_vectors(Services& services, const call::Call& call, bool& several) {
    constexpr std::array<const char*, 5> kWays = {"query", "vector", "like_id", "queries", "like_ids"};
    const auto given = std::ranges::count_if(kWays, [&](const char* way) { return has(call, way); });
    if (given != 1) {
        return fail(Code::InvalidArgument,
                    fmt::format("vector.search: give one of query, vector, like_id, queries or like_ids, not {}", given));
    }
    std::vector<Vector> vectors;
    if (has(call, "vector")) {
        RESONANT_ASSIGN(vectors.emplace_back(), given_vector(call));
        return vectors;
    }
    const bool by_id = has(call, "like_id") || has(call, "like_ids");
    several = has(call, "queries") || has(call, "like_ids");
    const std::vector<std::string> texts = several ? words_of(call, by_id ? "like_ids" : "queries")
                                                   : std::vector{text_of(call, by_id ? "like_id" : "query")};
    if (texts.empty() || texts.size() > kQueriesMax) {
        return fail(Code::InvalidArgument,
                    fmt::format("vector.search: {} questions; give 1 to {}", texts.size(), kQueriesMax));
    }
    for (const std::string& text : texts) {
        if (!by_id) {
            RESONANT_ASSIGN(vectors.emplace_back(), services.sea->embed(text));
            continue;
        }
        const auto id = memory::parse_id(text);
        if (!id) {
            return fail(Code::InvalidArgument, "vector.search: \"" + text + "\" is no id; ids look like m42");
        }
        RESONANT_ASSIGN(vectors.emplace_back(), services.sea->vector_of(*id, call.caller.principal));
    }
    return vectors;
}

Json show_nearest(const memory::Page& page) {
    Json answer = {{"count", page.hits.size()}, {"hits", Json::array()}};
    for (const memory::Hit& hit : page.hits) {
        answer["hits"].push_back({{"id", memory::wire_id(hit.memory.id)},
                                  {"cosine", rounded(hit.score, 5)},
                                  {"title", title_of(hit.memory)}});
    }
    if (!page.note.empty()) {
        answer["note"] = page.note;
    }
    return answer;
}

Result<Json> nearest(Services& services, call::Call& call) {
    RESONANT_ASSIGN(const memory::Filter filter, filter_of(services, call, call.at));
    bool several = false;
    RESONANT_ASSIGN(const auto vectors, query_vectors(services, call, several));
    const auto most = static_cast<std::int64_t>(kNearMax / vectors.size());
    const auto k = static_cast<std::size_t>(std::clamp<std::int64_t>(integer_of(call, "k", 10), 1, most));
    RESONANT_ASSIGN(const auto pages, services.sea->nearest_each(vectors, filter, k, number_of(call, "min_score", -1),
                                                                 call.caller.principal));
    if (!several) {
        return show_nearest(pages.front());
    }
    Json answer = {{"count", pages.size()}, {"answers", Json::array()}};
    for (const memory::Page& page : pages) {
        answer["answers"].push_back(show_nearest(page));
    }
    return answer;
}

Result<Json> status(Services& services, call::Call& call) {
    const memory::VectorStatus status = services.sea->status();
    Json answer = {{"model", status.model.empty() ? Json(nullptr) : Json(status.model)},
                   {"dimensions", kDimensions},
                   {"rows", status.rows},
                   {"embedded", status.embedded},
                   {"coverage", status.rows == 0 ? 1.0
                                                 : rounded(static_cast<double>(status.embedded) /
                                                           static_cast<double>(status.rows))},
                   {"kernel", status.kernel},
                   {"segments", status.segments},
                   {"bytes", status.bytes},
                   {"source", status.from_sqlite ? "sqlite" : "arrow"}};
    if (status.built_ns != 0) {
        answer["built"] = show_time(status.built_ns);
        answer["age_s"] = rounded(Nanos{call.at.count - status.built_ns}.seconds(), 0);
    }
    return answer;
}

}  // namespace

// tidy-allow(functions_fit_a_screen): one table of declarations, read as one
void add_winnowing_basket(Toolbox& toolbox, Services& services) {
    toolbox.begin({.key = "winnowing_basket",
                   .wire_name = "gana_winnowing_basket_find",
                   .mansion = "箕 Ji",
                   .quadrant = "East",
                   .summary = "Find memories: recall in plain words first; search exact; read"});
    toolbox.add({.name = "memory.search",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query:string "
                               "type:note|fact|decision|task|code|pattern|narrative "
                               "tags:string[] zone:core|inner_rim|mid_band|outer_rim|far_edge "
                               "since:time until:time include_private:bool galaxy:string "
                               "limit:int cursor:string",
                 .summary = "full-text search by exact words, tags, time; use when you know a "
                            "word that is in the text; best first",
                 .pace = Pace::Slow,
                 .free_text = true},
                bind(services, search));
    toolbox.add({.name = "memory.recall",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query*:string limit:int depth:int token_budget:int "
                               "tags:string[] since:time until:time include_private:bool "
                               "galaxy:string",
                 .summary = "the default way to find memories: ask in plain words; meaning, "
                            "words and links fused, with the reason for each hit and its id",
                 .pace = Pace::Slow,
                 .free_text = true,
                 .calls_per_minute = 600},
                bind(services, recall));
    toolbox.add({.name = "memory.read",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "ids*:id[] metadata:bool",
                 .summary = "one or more memories in full by id (ids come from recall, search, "
                            "list)"},
                bind(services, read));
    toolbox.add({.name = "memory.list",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "sort:created|accessed|importance|distance "
                               "type:note|fact|decision|task|code|pattern|narrative "
                               "zone:core|inner_rim|mid_band|outer_rim|far_edge tags:string[] "
                               "include_private:bool galaxy:string limit:int cursor:string",
                 .summary = "page through memories with no query: newest, most used, most "
                            "important"},
                bind(services, list));
    toolbox.add({.name = "memory.related",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "id*:id hops:int types:string[] limit:int",
                 .summary = "memories linked to this one by typed edges"},
                bind(services, related));
    toolbox.add({.name = "vector.search",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "query:string vector:number[384] like_id:id "
                               "queries:string[] like_ids:id[] k:int "
                               "zone:core|inner_rim|mid_band|outer_rim|far_edge "
                               "min_score:number tags:string[] since:time until:time "
                               "protected:bool include_private:bool galaxy:string",
                 .summary = "pure nearest neighbours with cosine scores (give query, vector or "
                            "like_id; queries or like_ids for several at once, answered in "
                            "their order); for finding a memory use memory.recall",
                 .pace = Pace::Slow,
                 .free_text = true,
                 .example = R"({"query": "share memory between two processes", "k": 5})"},
                bind(services, nearest));
    toolbox.add({.name = "vector.status",
                 .access = Access::Read,
                 .core = true,
                 .parameters = "",
                 .summary = "model, dimensions, rows, coverage, kernel, file age"},
                bind(services, status));
}

}  // namespace resonant::tools
