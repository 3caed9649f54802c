#include "resonant/memory/store.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "resonant/json/json.h"
#include "resonant/memory/retention.h"
#include "resonant/memory/word_query.h"
#include "resonant/sql/term_postings.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr int kHopsMax = 5;
constexpr std::size_t kWalkMax = 1000;  // memories that related() looks at

struct Order {
    std::string_view name;
    std::string_view column;
};
constexpr std::array<Order, 4> kOrders = {
    {{"created", "m.created_ns DESC, m.id DESC"},
     {"accessed", "max(m.updated_ns, coalesce(a.last_ns, 0)) DESC, m.id DESC"},
     {"importance", "m.importance DESC, m.id DESC"},
     {"distance", "m.distance, m.id"}}};

// A place that related() has reached, and how.
struct Reached {
    double score = 0;
    int hops = 0;
    std::string reason;
};

Json id_list(std::span<const MemoryId> ids) {
    Json list = Json::array();
    for (const MemoryId id : ids) {
        list.push_back(id);
    }
    return list;
}

// Gives the versions the texts they had: a row without a text has the text of the next younger one.
void carry_texts(std::vector<Version>& versions, const std::vector<bool>& has_text,
                 const Memory& now) {
    std::string title = now.title;
    std::string content = now.content;
    for (std::size_t i = versions.size(); i-- > 0;) {
        if (has_text[i]) {
            title = versions[i].title;
            content = versions[i].content;
        }
        versions[i].title = title;
        versions[i].content = content;
    }
}

Status add_moves(Connection& connection, MemoryId id, std::vector<Version>& versions) {
    RESONANT_ASSIGN(auto moves,
                    connection.prepare("SELECT source_zone, target_zone, at_ns FROM memory_moves"
                                       " WHERE memory_id = ? ORDER BY id"));
    return moves.bind(1, sql_id(id)).each([&](const Statement& row) -> Status {
        Version move;
        move.what = "moved";
        move.at_ns = row.integer(2);
        move.title = fmt::format("{} -> {}", name_of(static_cast<Zone>(row.integer(0))),
                                 name_of(static_cast<Zone>(row.integer(1))));
        versions.push_back(std::move(move));
        return {};
    });
}

}  // namespace

Result<Memory> Store::read(MemoryId id, const std::string& viewer) {
    Memory found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(found, load(connection, id, viewer));
        return {};
    });
    RESONANT_CHECK(done);
    return found;
}

Result<std::vector<Version>> Store::history(MemoryId id, const std::string& viewer) {
    std::vector<Version> versions;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const Memory now, load(connection, id, viewer));
        RESONANT_ASSIGN(
            auto rows,
            connection.prepare("SELECT version, title, content, by_whom, what, at_ns"
                               " FROM memory_versions WHERE memory_id = ? ORDER BY version"));
        std::vector<bool> has_text;
        RESONANT_CHECK(rows.bind(1, sql_id(id)).each([&](const Statement& row) -> Status {
            versions.push_back({static_cast<std::uint32_t>(row.integer(0)), row.text(1),
                                row.text(2), row.text(3), row.text(4), row.integer(5)});
            has_text.push_back(!row.is_null(2));
            return {};
        }));
        if (versions.empty()) {  // the first has its row from when there is a second
            versions.push_back({1, now.title, now.content, now.owner, "created", now.created_ns});
            has_text.push_back(true);
        }
        carry_texts(versions, has_text, now);
        return add_moves(connection, id, versions);
    });
    RESONANT_CHECK(done);
    std::stable_sort(versions.begin(), versions.end(),
                     [](const Version& a, const Version& b) { return a.at_ns < b.at_ns; });
    return versions;
}

Result<std::vector<Hit>> Store::list(const std::string& sort, const Filter& filter,
                                     std::size_t limit, std::size_t offset,
                                     const std::string& viewer) {
    const std::string& wanted = sort.empty() ? std::string("created") : sort;
    const auto order = std::find_if(kOrders.begin(), kOrders.end(),
                                    [&](const Order& each) { return each.name == wanted; });
    if (order == kOrders.end()) {
        return fail(Code::InvalidArgument,
                    "list: there is no order \"" + sort +
                        "\"; give created, accessed, importance or distance");
    }
    std::vector<Hit> hits;
    const Status done = database_.read([&](Connection& connection) -> Status {
        const Condition condition = condition_of(filter, viewer);
        RESONANT_ASSIGN(auto rows, connection.prepare(fmt::format(
                                       "{}WHERE {} ORDER BY {} LIMIT ? OFFSET ?", select_memories(),
                                       condition.text, order->column)));
        const int next = condition.bind(rows, 1);
        rows.bind(next, static_cast<std::int64_t>(limit));
        rows.bind(next + 1, static_cast<std::int64_t>(offset));
        return rows.each([&](const Statement& row) -> Status {
            hits.push_back({memory_of(row), 0, {}});
            return {};
        });
    });
    RESONANT_CHECK(done);
    return hits;
}

namespace {

// bm25() is negative and best when smallest. Ranks on small rows; who wants whole memories joins them.
std::string ranked(const WordQuery& words, const Condition& condition) {
    constexpr std::string_view kBonus =
        " * CASE WHEN f.rowid IN (SELECT rowid FROM memory_words WHERE memory_words MATCH ?)"
        " THEN 1.25 ELSE 1 END";
    return fmt::format(
        "SELECT f.rowid AS id, -bm25(memory_words, 4.0, 1.0, 2.0){} AS score"
        " FROM memory_words f JOIN memories m ON m.id = f.rowid WHERE f.memory_words MATCH ? AND {}"
        " ORDER BY score DESC, f.rowid LIMIT ? OFFSET ?",
        words.all.empty() ? "" : kBonus, condition.text);
}

void bind(Statement& rows, const WordQuery& words, const Condition& condition, std::size_t limit,
          std::size_t offset) {
    int next = 1;
    if (!words.all.empty()) {
        rows.bind(next++, words.all);
    }
    rows.bind(next++, words.any);
    next = condition.bind(rows, next);
    rows.bind(next, static_cast<std::int64_t>(limit));
    rows.bind(next + 1, static_cast<std::int64_t>(offset));
}

}  // namespace

Result<std::vector<Hit>> Store::search(const std::string& query, const Filter& filter,
                                       std::size_t limit, std::size_t offset,
                                       const std::string& viewer) {
    const WordQuery words = word_query(query);
    if (words.words == 0) {
        return std::vector<Hit>();
    }
    const Condition condition = condition_of(filter, viewer);
    std::vector<Hit> hits;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare("WITH ranked AS (" + ranked(words, condition) +
                                                      ") " + select_memories(", r.score") +
                                                      "JOIN ranked r ON r.id = m.id"
                                                      " ORDER BY r.score DESC, m.id"));
        bind(rows, words, condition, limit, offset);
        return rows.each([&](const Statement& row) -> Status {
            const double score = row.real(kMemoryColumns);
            hits.push_back({memory_of(row), score, {fmt::format("words: bm25 {:.2f}", score)}});
            return {};
        });
    });
    RESONANT_CHECK(done);
    return hits;
}

Result<WordScores> Store::word_scores(const std::string& query, const Filter& filter, std::size_t count,
                                      const std::string& viewer) {
    const WordQuery words = word_query(query);
    WordScores found(words.words);
    if (words.words == 0) {
        return found;
    }
    const Condition condition = condition_of(filter, viewer);
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto asked, connection.prepare("SELECT term_postings(memory_words, 4.0, 1.0, 2.0)"
                                                       " FROM memory_words WHERE memory_words MATCH ? LIMIT 1"));
        RESONANT_ASSIGN(const bool has_row, asked.bind(1, words.any).step());
        if (!has_row) {
            return {};
        }
        RESONANT_ASSIGN(const sql::TermPostings postings, sql::term_postings_of(asked.blob(0)));
        std::vector<MemoryId> ids = WordScores::ids_of(postings);
        RESONANT_ASSIGN(const auto lengths, lengths_.of(connection, ids, !database_.writing()));
        found = WordScores::of(postings, words.words, std::move(ids), lengths);
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT 1 FROM memories m WHERE " + condition.text +
                                                     " AND m.id = ?"));
        const int last = condition.bind(row, 1);
        return found.settle(count, [&](MemoryId id) { return row.reset().bind(last, sql_id(id)).step(); });
    });
    RESONANT_CHECK(done);
    return found;
}

namespace {

// Who stands on one side of a memory: `range` of ids, from it outward; parameters 1 to 3 are id, reach and silence.
// By id: the planner would rather read a whole galaxy by its index.
std::string beside(std::string_view range, std::string_view order, std::string_view condition) {
    return fmt::format(
        "SELECT m.id FROM memories o JOIN memories m NOT INDEXED ON m.id BETWEEN {}"
        " AND m.session = o.session AND m.galaxy = o.galaxy AND m.owner = o.owner"
        " AND (m.session <> '' OR ((m.source = o.source OR m.title || o.title = '')"
        "  AND abs(m.created_ns - o.created_ns) <= ?3))"
        " WHERE o.id = ?1 AND {} ORDER BY m.id {}",
        range, condition, order);
}

}  // namespace

Result<std::vector<std::vector<MemoryId>>> Store::around(std::span<const search::Scored> ids, const Filter& filter,
                                                         const std::string& viewer) {
    // Sessions that are stored at the same time lie interleaved: so much further is looked.
    constexpr std::int64_t kReach = 3 * static_cast<std::int64_t>(kSideMax);
    // What was stored outside a session belongs together when it is of one source, or has no titles as
    // turns of a talk have none, and no such silence lies between.
    constexpr std::int64_t kSilenceNs = 3'600'000'000'000;
    const Condition condition = condition_of(filter, viewer);
    std::vector<std::vector<MemoryId>> all;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto before, connection.prepare(beside("o.id - ?2 AND o.id - 1", "DESC", condition.text)));
        RESONANT_ASSIGN(auto after, connection.prepare(beside("o.id AND o.id + ?2", "", condition.text)));
        for (Statement* side : {&before, &after}) {
            side->bind(2, kReach).bind(3, kSilenceNs);
            condition.bind(*side, 4);
        }
        for (const search::Scored& each : ids) {
            std::vector<MemoryId>& found = all.emplace_back();
            const auto take = [&](Statement& side, std::size_t limit) -> Status {
                side.reset().bind(1, sql_id(each.id));
                for (; limit > 0; --limit) {
                    RESONANT_ASSIGN(const bool has_row, side.step());
                    if (!has_row) {
                        break;
                    }
                    found.push_back(static_cast<MemoryId>(side.integer(0)));
                }
                return {};
            };
            RESONANT_CHECK(take(before, kSideMax));
            std::ranges::reverse(found);
            const std::size_t self = found.size();
            RESONANT_CHECK(take(after, kSideMax + 1));
            if (found.size() == self || found[self] != each.id) {
                found.clear();  // it is not let through itself
            }
        }
        return {};
    });
    RESONANT_CHECK(done);
    return all;
}

// A mark counts until the memory is changed or protected, or was found useful after all.
Result<std::map<MemoryId, std::string>> Store::faults_among(std::span<const MemoryId> ids, const std::string& viewer) {
    std::map<MemoryId, std::string> faults;
    const std::string list = id_list(ids).dump();
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows,
                        connection.prepare(
                            "SELECT k.memory_id, 'junk: ' || k.evidence FROM memory_marks k JOIN memories m ON m.id = k.memory_id"
                            " WHERE k.memory_id IN (SELECT value FROM json_each(?1)) AND k.kind = 'junk'"
                            " AND m.is_protected = 0 AND m.updated_ns <= k.at_ns AND NOT EXISTS(SELECT 1 FROM memory_marks u"
                            "  WHERE u.memory_id = k.memory_id AND u.kind = 'useful' AND u.at_ns > k.at_ns)"
                            " UNION ALL SELECT e.target, 'superseded by m' || e.source FROM memory_edges e"
                            " JOIN memories s ON s.id = e.source"
                            " WHERE e.target IN (SELECT value FROM json_each(?1)) AND e.type = 'supersedes'"
                            " AND e.removed_ns IS NULL AND s.is_archived = 0 AND (s.is_private = 0 OR s.owner = ?2)"));
        return rows.bind(1, list).bind(2, viewer).each([&](const Statement& row) -> Status {
            faults.emplace(static_cast<MemoryId>(row.integer(0)), row.text(1));
            return {};
        });
    });
    RESONANT_CHECK(done);
    return faults;
}

Result<std::vector<Edge>> Store::edges_among(std::span<const MemoryId> ids) {
    std::vector<Edge> edges;
    const std::string list = id_list(ids).dump();
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows,
                        connection.prepare("SELECT source, target, type, weight FROM memory_edges"
                                           " WHERE source IN (SELECT value FROM json_each(?1))"
                                           " AND target IN (SELECT value FROM json_each(?1))"
                                           " AND removed_ns IS NULL ORDER BY id"));
        return rows.bind(1, list).each([&](const Statement& row) -> Status {
            edges.push_back({static_cast<MemoryId>(row.integer(0)),
                             static_cast<MemoryId>(row.integer(1)), row.text(2), row.real(3)});
            return {};
        });
    });
    RESONANT_CHECK(done);
    return edges;
}

namespace {

// The links of `id` of the wanted types (none named: all), as they lead away from it.
// Through another's private memory no way leads.
Status neighbours(Connection& connection, MemoryId id, const std::string& types,
                  const std::string& viewer, std::vector<Edge>& edges) {
    RESONANT_ASSIGN(auto rows, connection.prepare(
                                   "SELECT source, target, type, weight FROM memory_edges"
                                   " WHERE (source = ?1 OR target = ?1) AND removed_ns IS NULL"
                                   " AND (?2 = '[]' OR type IN (SELECT value FROM json_each(?2)))"
                                   " AND NOT EXISTS(SELECT 1 FROM memories m"
                                   "  WHERE m.id IN (source, target) AND m.is_private = 1"
                                   "  AND m.owner != ?3)"
                                   " ORDER BY weight DESC, id"));
    return rows.bind(1, sql_id(id)).bind(2, types).bind(3, viewer).each([&](const Statement& row) -> Status {
        const auto source = static_cast<MemoryId>(row.integer(0));
        const auto target = static_cast<MemoryId>(row.integer(1));
        edges.push_back({id, source == id ? target : source, row.text(2), row.real(3)});
        return {};
    });
}

// Walks outward, hop by hop. A memory is worth the best path to it: the product of its weights.
Result<std::map<MemoryId, Reached>> walk(Connection& connection, MemoryId start, int hops,
                                         const std::string& types, const std::string& viewer) {
    std::map<MemoryId, Reached> reached{{start, {1, 0, ""}}};
    std::vector<MemoryId> frontier{start};
    for (int hop = 1; hop <= hops && !frontier.empty(); ++hop) {
        std::vector<MemoryId> next;
        for (const MemoryId from : frontier) {
            std::vector<Edge> edges;
            RESONANT_CHECK(neighbours(connection, from, types, viewer, edges));
            for (const Edge& edge : edges) {
                const double score = reached.at(from).score * edge.weight;
                const auto known = reached.find(edge.to);
                if (known != reached.end() && known->second.score >= score) {
                    continue;
                }
                if (known == reached.end() && reached.size() >= kWalkMax) {
                    continue;
                }
                reached[edge.to] = {score, hop, "link: " + edge.type + " " + wire_id(from)};
                next.push_back(edge.to);
            }
        }
        frontier = std::move(next);
    }
    reached.erase(start);
    return reached;
}

}  // namespace

Result<std::vector<Hit>> Store::related(MemoryId id, int hops,
                                        const std::vector<std::string>& types, std::size_t limit,
                                        const std::string& viewer) {
    if (hops < 1 || hops > kHopsMax) {
        return fail(Code::InvalidArgument,
                    fmt::format("related: hops is {}; give 1 to {}", hops, kHopsMax));
    }
    std::vector<Hit> hits;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_CHECK(load(connection, id, viewer));
        const Json wanted = types;
        RESONANT_ASSIGN(const auto reached, walk(connection, id, hops, wanted.dump(), viewer));
        for (const auto& [other, how] : reached) {
            const Result<Memory> memory = load(connection, other, viewer);
            if (!memory && memory.error().code != Code::NotFound) {
                return std::unexpected(memory.error());
            }
            if (memory && !memory->is_archived) {
                hits.push_back({*memory, how.score, {how.reason}});
            }
        }
        return {};
    });
    RESONANT_CHECK(done);
    std::stable_sort(hits.begin(), hits.end(),
                     [](const Hit& a, const Hit& b) { return a.score > b.score; });
    hits.resize(std::min(hits.size(), limit));
    return hits;
}

}  // namespace resonant::memory
