#include "resonant/memory/walk.h"

#include <fmt/core.h>

#include <utility>

#include "resonant/memory/rows.h"
#include "resonant/memory/word_query.h"

namespace resonant::memory {
namespace {

using sql::Connection;

// Small rows only, in the order of their ids; no other index may tempt the planner to sort.
std::string ids_of_page(bool by_words, const Condition& condition) {
    return fmt::format(
        "SELECT m.id FROM {} WHERE {} m.id > ? AND m.id <= ? AND {} ORDER BY {} LIMIT ?",
        by_words ? "memory_words f CROSS JOIN memories m ON m.id = f.rowid" : "memories m NOT INDEXED",
        by_words ? "f.memory_words MATCH ? AND f.rowid > ? AND" : "", condition.text,
        by_words ? "f.rowid" : "m.id");
}

Result<MemoryId> newest_id(Connection& connection) {
    RESONANT_ASSIGN(auto row, connection.prepare("SELECT coalesce(max(id), 0) FROM memories"));
    RESONANT_ASSIGN(const bool is_there, row.step());
    return is_there ? static_cast<MemoryId>(row.integer(0)) : MemoryId{0};
}

}  // namespace

Walk::Walk(sql::Database& database, Filter filter, std::string query, std::string viewer, MemoryId after)
    : database_(database),
      filter_(std::move(filter)),
      words_(word_query(query).any),
      viewer_(std::move(viewer)),
      after_(after) {}

Result<std::vector<Memory>> Walk::next(std::size_t count) {
    std::vector<Memory> page;
    const Status done = database_.read([&](Connection& connection) -> Status {
        if (last_ == 0) {
            RESONANT_ASSIGN(last_, newest_id(connection));
        }
        const Condition condition = condition_of(filter_, viewer_);
        RESONANT_ASSIGN(auto rows, connection.prepare(fmt::format(
                                       "{}WHERE m.id IN ({}) ORDER BY m.id", select_memories(),
                                       ids_of_page(!words_.empty(), condition))));
        int next = 1;
        if (!words_.empty()) {
            rows.bind(next, words_).bind(next + 1, sql_id(after_));
            next += 2;
        }
        rows.bind(next, sql_id(after_)).bind(next + 1, sql_id(last_));
        next = condition.bind(rows, next + 2);
        rows.bind(next, static_cast<std::int64_t>(count));
        std::size_t bytes = 0;
        while (bytes < kWalkBytes) {
            RESONANT_ASSIGN(const bool is_there, rows.step());
            if (!is_there) {
                break;
            }
            page.push_back(memory_of(rows));
            bytes += page.back().content.size();
        }
        return {};
    });
    RESONANT_CHECK(done);
    after_ = page.empty() ? after_ : page.back().id;
    return page;
}

Result<Walk::Hidden> Walk::hidden() {
    Hidden hidden;
    const Status done = database_.read([&](Connection& connection) -> Status {
        const Condition condition = hidden_by(filter_, viewer_);
        RESONANT_ASSIGN(auto row, connection.prepare(fmt::format(
                                      "SELECT coalesce(sum(m.owner = ?), 0), count(*) FROM {} WHERE {} {}",
                                      words_.empty() ? "memories m" : "memory_words f CROSS JOIN memories m ON m.id = f.rowid",
                                      words_.empty() ? "" : "f.memory_words MATCH ? AND", condition.text)));
        row.bind(1, viewer_);
        if (!words_.empty()) {
            row.bind(2, words_);
        }
        condition.bind(row, words_.empty() ? 2 : 3);
        RESONANT_ASSIGN(const bool is_there, row.step());
        hidden.own = is_there ? static_cast<std::size_t>(row.integer(0)) : 0;
        hidden.of_others = is_there ? static_cast<std::size_t>(row.integer(1)) - hidden.own : 0;
        return {};
    });
    RESONANT_CHECK(done);
    return hidden;
}

}  // namespace resonant::memory
