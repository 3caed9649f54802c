// The part of a VectorIndex that answers: codes in the segments, rows in SQLite, and what a filter makes of both.
#include "resonant/memory/vector_index.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "resonant/base/ensure.h"
#include "resonant/base/log.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr int kNarrowTries = 3;  // before the condition is asked for every memory that meets it
constexpr std::size_t kChangedMax = 4'096;  // memories that are looked at one by one
constexpr const char* kFacts = "SELECT value FROM memory_state WHERE key = 'facts'";

// True when columns narrow the scan at all.
bool narrows(const RowFilter& rows) {
    return rows.zones != 31 || rows.is_protected || !rows.with_archived || rows.created_min != INT64_MIN ||
           rows.created_max != INT64_MAX || rows.signature != 0 || !rows.galaxy.empty();
}

// Every memory that meets the condition, in the order of ids.
Status ids_of(Connection& connection, const Condition& condition, std::vector<MemoryId>& ids) {
    RESONANT_ASSIGN(auto rows, connection.prepare("SELECT m.id FROM memories m WHERE " + condition.text +
                                                  " ORDER BY m.id"));
    condition.bind(rows, 1);
    return rows.each([&](const Statement& row) -> Status {
        ids.push_back(static_cast<MemoryId>(row.integer(0)));
        return {};
    });
}

// Those ids, whatever columns say of them. A galaxy is believed: what moves to another is forgotten.
RowFilter only_of(const VectorIndex::Question& question, const std::vector<MemoryId>& ids) {
    RowFilter rows;
    rows.galaxy = question.rows.galaxy;
    rows.only = &ids;
    return rows;
}

}  // namespace

RowFilter row_filter_of(const Filter& filter) {
    RowFilter rows;
    if (filter.zone) {
        rows.zones = static_cast<std::uint8_t>(1U << static_cast<unsigned>(*filter.zone));
    }
    rows.is_protected = filter.is_protected;
    rows.with_archived = filter.include_archived;
    rows.created_min = filter.since_ns.value_or(INT64_MIN);
    rows.created_max = filter.until_ns.value_or(INT64_MAX);
    if (!filter.galaxy.empty()) {
        rows.galaxy = filter.galaxy;
        rows.signature |= signature_of("galaxy", filter.galaxy);
    }
    if (!filter.type.empty()) {
        rows.signature |= signature_of("type", filter.type);
    }
    for (const std::string& tag : filter.tags) {
        rows.signature |= signature_of("tag", tag);
    }
    return rows;
}

Result<std::vector<search::Scored>> VectorIndex::nearest(const Vector& query, const Question& question) {
    RESONANT_ASSIGN(Answers found, nearest_together({&query, 1}, question));
    return std::move(found.front());
}

Result<std::vector<std::vector<search::Scored>>> VectorIndex::nearest_each(std::span<const Vector> queries,
                                                                   const Question& question) {
    Answers answers;
    const Status done = database_.read([&](Connection&) -> Status {
        RESONANT_CHECK(state(kFacts));
        for (std::size_t from = 0; from < queries.size(); from += kTogether) {
            const std::size_t count = std::min(kTogether, queries.size() - from);
            RESONANT_ASSIGN(Answers some, nearest_together(queries.subspan(from, count), question));
            std::ranges::move(some, std::back_inserter(answers));
        }
        return {};
    });
    RESONANT_CHECK(done);
    return answers;
}

Result<VectorIndex::Answers> VectorIndex::nearest_together(std::span<const Vector> queries, const Question& question) {
    RESONANT_ENSURE(question.condition != nullptr || !narrows(question.rows),
                    "columns narrow only what a condition asks for");
    Answers found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        // The first question fixes the state of SQLite. The segments are taken after it, so
        // whatever that state has changed is forgotten in them already, and what is newer than they
        // are is in SQLite.
        RESONANT_CHECK(state(kFacts));
        Question asked = question;
        Ids unwanted;
        for (int tried = 0; tried < kNarrowTries; ++tried) {
            RESONANT_ASSIGN(found, nearest_of(queries, asked, unwanted));
            RESONANT_ASSIGN(const Ids more, failing(found, question));
            if (more.empty()) {
                return {};
            }
            unwanted.insert(unwanted.end(), more.begin(), more.end());
            std::ranges::sort(unwanted);
        }
        Ids only;
        RESONANT_CHECK(ids_of(connection, *question.condition, only));
        asked.rows = only_of(question, only);
        RESONANT_ASSIGN(found, nearest_of(queries, asked, {}));
        return {};
    });
    RESONANT_CHECK(done);
    return found;
}

Result<VectorIndex::Answers> VectorIndex::nearest_of(std::span<const Vector> queries, const Question& question,
                                                     const Ids& unwanted) {
    RESONANT_ENSURE(queries.size() <= kTogether, "so many queries are searched together");
    Answers found(queries.size());
    const Status done = database_.read([&](Connection& connection) -> Status {
        const auto now = snapshot();
        Question asked = question;
        Ids apart = now->forgotten;  // looked at in SQLite
        Ids only;
        if (narrows(question.rows)) {
            RESONANT_ASSIGN(const auto moved, changed(now->manifest()));
            if (moved) {
                Ids both;
                std::ranges::set_union(apart, *moved, std::back_inserter(both));
                apart = std::move(both);
            } else {
                RESONANT_CHECK(ids_of(connection, *question.condition, only));
                asked.rows = only_of(question, only);
            }
        }
        Ids without;
        std::ranges::set_union(apart, unwanted, std::back_inserter(without));
        std::array<std::optional<PooledSearch>, kTogether> pooled;
        std::array<search::CodeSearch*, kTogether> searches{};
        for (std::size_t i = 0; i < queries.size(); ++i) {
            searches[i] = pooled[i].emplace(pool_).get();
            RESONANT_CHECK(searches[i]->begin(queries[i].data(), question.k));
            RESONANT_CHECK(scan_rest(*now, asked, apart, queries[i], *searches[i]));
        }
        const auto all = std::span(searches).first(queries.size());
        Status scanned = now->set->scan(all, asked.rows, without.empty() ? nullptr : &without);
        for (std::size_t i = 0; i < all.size() && scanned; ++i) {
            const auto best = all[i]->finish();
            if (!best) {
                scanned = std::unexpected<Error>(best.error());
                break;
            }
            found[i].assign(best->begin(), best->end());
        }
        if (!scanned && scanned.error().code == Code::DataLoss) {
            distrust(*now, scanned.error());
            RESONANT_ASSIGN(found, nearest_of(queries, question, unwanted));  // no segments now: it ends here
            return {};
        }
        return scanned;
    });
    RESONANT_CHECK(done);
    return found;
}

// What the segments do not hold: newer vectors, those of `apart` as they are now, the asker's private
// ones. The question's condition is asked of each.
Status VectorIndex::scan_rest(const Snapshot& now, const Question& question, const Ids& apart, const Vector& query,
                              search::CodeSearch& search) {
    const std::string where = question.condition == nullptr ? "1" : question.condition->text;
    const auto bind = [&](Statement& statement, int parameter) {
        return question.condition == nullptr ? parameter : question.condition->bind(statement, parameter);
    };
    const auto offer = [&](Statement& rows) {
        return rows.each([&](const Statement& row) -> Status {
            const auto id = static_cast<MemoryId>(row.integer(0));
            Vector vector;
            RESONANT_CHECK(copy_vector(row.blob(1), id, vector));
            search.offer({dot_(query.data(), vector.data()), id});
            return {};
        });
    };
    const std::string select =
        "SELECT e.memory_id, e.vector FROM memory_embeddings e JOIN memories m ON m.id = e.memory_id WHERE ";
    return database_.read([&](Connection& connection) -> Status {
        const std::int64_t watermark = now.manifest().watermark;
        RESONANT_ASSIGN(auto newer, connection.prepare(select + where +
                                                       " AND e.is_private = 0 AND e.model = ? AND e.sequence > ?"));
        const int next = bind(newer, 1);
        newer.bind(next, model_).bind(next + 1, watermark);
        RESONANT_CHECK(offer(newer));
        RESONANT_ASSIGN(auto one, connection.prepare(select + where +
                                                     " AND e.memory_id = ? AND e.is_private = 0 AND e.model = ?"
                                                     " AND e.sequence <= ?"));
        for (const MemoryId id : apart) {
            one.reset();
            const int at = bind(one, 1);
            one.bind(at, sql_id(id)).bind(at + 1, model_).bind(at + 2, watermark);
            RESONANT_CHECK(offer(one));
        }
        if (question.owner.empty()) {
            return {};
        }
        RESONANT_ASSIGN(auto own, connection.prepare(select + where +
                                                     " AND m.is_private = 1 AND m.owner = ? AND e.model = ?"));
        const int at = bind(own, 1);
        own.bind(at, question.owner).bind(at + 1, model_);
        return offer(own);
    });
}

const float* VectorIndex::mapped(MemoryId id, std::string_view galaxy, std::shared_ptr<const SegmentSet>& keeps) const {
    const auto now = snapshot();
    if (std::ranges::binary_search(now->forgotten, id)) {
        return nullptr;
    }
    keeps = now->set;
    return keeps->vector_of(id, galaxy);
}

Result<VectorIndex::Ids> VectorIndex::failing(const Answers& found, const Question& question) {
    Ids failed;
    if (question.condition == nullptr) {
        return failed;
    }
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT 1 FROM memories m WHERE " + question.condition->text +
                                                     " AND m.id = ?"));
        const int next = question.condition->bind(row, 1);
        for (const std::vector<search::Scored>& answer : found) {
            for (const search::Scored& each : answer) {
                RESONANT_ASSIGN(const bool passes, row.reset().bind(next, sql_id(each.id)).step());
                if (!passes) {
                    failed.push_back(each.id);
                }
            }
        }
        return {};
    });
    RESONANT_CHECK(done);
    std::ranges::sort(failed);
    const auto repeated = std::ranges::unique(failed);
    failed.erase(repeated.begin(), repeated.end());
    return failed;
}

Result<std::optional<VectorIndex::Ids>> VectorIndex::changed(const Manifest& manifest) {
    std::optional<Ids> ids = Ids();
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows,
                        // By id: the planner would rather read all of an index that is in the order asked for.
                        connection.prepare("SELECT memory_id FROM memory_versions NOT INDEXED"
                                           " WHERE id > ? AND version > 1 UNION"
                                           " SELECT memory_id FROM memory_moves NOT INDEXED WHERE id > ?"
                                           " ORDER BY 1 LIMIT ?"));
        rows.bind(1, manifest.marks.versions).bind(2, manifest.marks.moves);
        rows.bind(3, static_cast<std::int64_t>(kChangedMax + 1));
        return rows.each([&](const Statement& row) -> Status {
            ids->push_back(static_cast<MemoryId>(row.integer(0)));
            return {};
        });
    });
    RESONANT_CHECK(done);
    if (ids->size() > kChangedMax) {
        ids.reset();
    }
    return ids;
}

void VectorIndex::distrust(const Snapshot& damaged, const Error& why) {
    log().warn("{}", why.message);
    const std::lock_guard lock(mutex_);
    if (current_->set != damaged.set) {
        return;  // it is replaced already
    }
    auto next = std::make_shared<Snapshot>(*current_);
    next->set = SegmentSet::none(damaged.manifest());
    current_ = std::move(next);
}

}  // namespace resonant::memory
