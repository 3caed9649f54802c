// The part of a DataSea that knows vectors: nearest, recall, catching up and checking.
#include "resonant/memory/data_sea_inner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "resonant/base/log.h"
#include "resonant/memory/fusion.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr std::size_t kCandidates = 50;  // of each kind that recall() fuses
constexpr std::size_t kEmbedBatch = 32;  // memories embedded between two commits
constexpr std::size_t kFoldEvery = 1024;
constexpr int kFailuresMax = 3;          // a text that the embedder refuses is not tried for ever
constexpr double kNearDuplicate = 0.95;  // cosine
constexpr std::size_t kNearDuplicatesMax = 3;

struct Waiting {
    MemoryId id = 0;
    std::uint32_t version = 0;
    std::string text;
};

std::string text_to_embed(const std::string& title, const std::string& content) {
    return title.empty() ? content : title + "\n" + content;
}

Result<std::vector<Waiting>> waiting_for_vector(sql::Database& database, std::size_t limit) {
    std::vector<Waiting> found;
    const Status done = database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto rows,
            connection.prepare("SELECT m.id, m.version, m.title, t.content FROM memory_pending p"
                               " JOIN memories m ON m.id = p.memory_id"
                               " JOIN memory_texts t ON t.memory_id = m.id"
                               " WHERE p.failures < ? ORDER BY p.memory_id LIMIT ?"));
        rows.bind(1, std::int64_t{kFailuresMax}).bind(2, static_cast<std::int64_t>(limit));
        return rows.each([&](const Statement& row) -> Status {
            found.push_back({static_cast<MemoryId>(row.integer(0)),
                             static_cast<std::uint32_t>(row.integer(1)),
                             text_to_embed(row.text(2), row.text(3))});
            return {};
        });
    });
    RESONANT_CHECK(done);
    return found;
}

Result<std::optional<Vector>> stored_vector(Connection& connection, MemoryId id,
                                            const std::string& model) {
    RESONANT_ASSIGN(auto row, connection.prepare("SELECT vector FROM memory_embeddings"
                                                 " WHERE memory_id = ? AND model = ?"));
    RESONANT_ASSIGN(const bool is_there, row.bind(1, sql_id(id)).bind(2, model).step());
    Vector vector;
    if (!is_there || row.blob(0).size() != sizeof vector) {
        return std::nullopt;
    }
    std::memcpy(vector.data(), row.blob(0).data(), sizeof vector);
    return vector;
}

Status check_query(const Vector& query) {
    const auto is_finite = [](float value) { return std::isfinite(value); };
    if (std::all_of(query.begin(), query.end(), is_finite)) {
        return {};
    }
    return fail(Code::InvalidArgument,
                "nearest: the vector holds NaN or infinity; give 384 numbers");
}

}  // namespace

Result<std::size_t> DataSea::Inner::pending() {
    std::size_t count = 0;
    const Status done = database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto row, connection.prepare("SELECT count(*) FROM memory_pending WHERE failures < ?"));
        RESONANT_CHECK(row.bind(1, std::int64_t{kFailuresMax}).step());
        count = static_cast<std::size_t>(row.integer(0));
        return {};
    });
    RESONANT_CHECK(done);
    return count;
}

Result<std::vector<Scored>> DataSea::Inner::filtered(std::vector<Scored> found,
                                                     const Filter& filter,
                                                     const std::string& viewer) {
    std::vector<Scored> passed;
    const Condition condition = condition_of(filter, viewer);
    const Status done = database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT 1 FROM memories m WHERE " +
                                                     condition.text + " AND m.id = ?"));
        const int next = condition.bind(row, 1);
        for (const Scored& each : found) {
            RESONANT_ASSIGN(const bool is_let_through,
                            row.reset().bind(next, sql_id(each.id)).step());
            if (is_let_through) {
                passed.push_back(each);
            }
        }
        return {};
    });
    RESONANT_CHECK(done);
    return passed;
}

Result<std::vector<Scored>> DataSea::Inner::nearest(const Vector& query, const Filter& filter,
                                                    std::size_t k, const std::string& viewer) {
    std::vector<Scored> best;
    const Status done = database.read([&](Connection& connection) -> Status {
        // Most filters let most rows through: the first few of an unfiltered scan then hold the k.
        VectorIndex::Question question;
        question.k = std::max<std::size_t>(4 * k, 64);
        question.owner = filter.include_private ? viewer : std::string();
        RESONANT_ASSIGN(auto first, index.nearest(query, question));
        const bool was_all = first.size() < question.k;
        RESONANT_ASSIGN(best, filtered(std::move(first), filter, viewer));
        if (best.size() >= k || was_all) {
            best.resize(std::min(best.size(), k));
            return {};
        }
        std::vector<MemoryId> only;
        const Condition condition = condition_of(filter, viewer);
        RESONANT_ASSIGN(auto rows, connection.prepare("SELECT m.id FROM memories m WHERE " +
                                                      condition.text + " ORDER BY m.id"));
        condition.bind(rows, 1);
        RESONANT_CHECK(rows.each([&](const Statement& row) -> Status {
            only.push_back(static_cast<MemoryId>(row.integer(0)));
            return {};
        }));
        question.k = k;
        question.only = &only;
        RESONANT_ASSIGN(best, index.nearest(query, question));
        return {};
    });
    RESONANT_CHECK(done);
    return best;
}

Result<Page> DataSea::nearest(const Vector& query, const Filter& filter, std::size_t k,
                              double score_min, const std::string& viewer) {
    RESONANT_CHECK(check_limit("nearest", k));
    RESONANT_CHECK(check_query(query));
    Page page;
    page.vectors_used = true;
    const Status done = inner_->database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const auto found, inner_->nearest(query, filter, k, viewer));
        for (const Scored& each : found) {
            if (double{each.score} < score_min) {
                break;
            }
            RESONANT_ASSIGN(Memory memory, load(connection, each.id, viewer));
            page.hits.push_back({std::move(memory),
                                 each.score,
                                 {"meaning: cosine " + std::to_string(each.score).substr(0, 5)}});
        }
        return {};
    });
    RESONANT_CHECK(done);
    return page;
}

Status DataSea::Inner::add_meaning(const Vector& query, std::vector<Scored> near,
                                   std::map<MemoryId, Candidate>& candidates) {
    for (const Scored& each : near) {
        Candidate& candidate = candidates[each.id];
        candidate.id = each.id;
        candidate.cosine = each.score;
    }
    const Dot dot = dot_of(best_kernel());
    const std::string model = index.status().model;
    return database.read([&](Connection& connection) -> Status {
        for (auto& [id, candidate] : candidates) {
            if (candidate.cosine) {
                continue;
            }
            RESONANT_ASSIGN(const auto vector, stored_vector(connection, id, model));
            if (vector) {
                candidate.cosine = dot(query.data(), vector->data());
            }
        }
        return {};
    });
}

Result<Page> DataSea::recall(const std::string& query, const Filter& filter, std::size_t limit,
                             const std::string& viewer) {
    RESONANT_CHECK(check_limit("recall", limit));
    Page page;
    Result<Vector> meaning = embed(query);
    if (!meaning && meaning.error().code != Code::Unavailable) {
        return std::unexpected(meaning.error());
    }
    const std::size_t wanted = std::max(kCandidates, limit);
    const Status done = inner_->database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const auto found, inner_->store.search(query, filter, wanted, 0, viewer));
        std::map<MemoryId, Candidate> candidates;
        for (const Hit& hit : found) {
            candidates[hit.memory.id] = {hit.memory.id, hit.score, std::nullopt};
        }
        RESONANT_ASSIGN(const std::size_t left, inner_->pending());
        if (meaning) {
            RESONANT_ASSIGN(auto near, inner_->nearest(*meaning, filter, wanted, viewer));
            page.vectors_used = !near.empty();
            RESONANT_CHECK(inner_->add_meaning(*meaning, std::move(near), candidates));
        } else {
            page.note = "words only: " + meaning.error().message;
        }
        if (meaning && left > 0) {
            page.note = std::to_string(left) + " memories have no vector yet: found by words only";
        }
        std::vector<Candidate> list;
        std::vector<MemoryId> ids;
        for (const auto& [id, candidate] : candidates) {
            list.push_back(candidate);
            ids.push_back(id);
        }
        RESONANT_ASSIGN(const auto edges, inner_->store.edges_among(ids));
        for (Fused& fused : fuse(list, edges)) {
            if (page.hits.size() == limit) {
                break;
            }
            RESONANT_ASSIGN(Memory memory, load(connection, fused.id, viewer));
            page.hits.push_back({std::move(memory), fused.score, std::move(fused.reasons)});
        }
        return {};
    });
    RESONANT_CHECK(done);
    return page;
}

Result<Vector> DataSea::vector_of(MemoryId id, const std::string& viewer) {
    std::optional<Vector> vector;
    const Status done = inner_->database.read([&](Connection& connection) -> Status {
        RESONANT_CHECK(load(connection, id, viewer));
        RESONANT_ASSIGN(vector, stored_vector(connection, id, inner_->index.status().model));
        return {};
    });
    RESONANT_CHECK(done);
    if (!vector) {
        return fail(Code::NotFound, wire_id(id) + " has no vector yet; run vector.index");
    }
    return *vector;
}

Result<Vector> DataSea::embed(std::string_view text) {
    if (inner_->embedder == nullptr) {
        return fail(Code::Unavailable, "there is no model; run ./dev setup, or set its folder");
    }
    return inner_->embedder->embed(text);
}

// Near-duplicates are linked, never dropped: which of the two is wanted is not ours to say.
Status DataSea::Inner::link_near(MemoryId id, const Vector& vector) {
    RESONANT_ASSIGN(const Memory memory, store.read(id, ""));
    Filter filter;
    filter.galaxy = memory.galaxy;
    RESONANT_ASSIGN(const auto near, nearest(vector, filter, kNearDuplicatesMax + 1, ""));
    for (const Scored& each : near) {
        if (each.id == id || double{each.score} < kNearDuplicate) {
            continue;
        }
        const double weight = std::min(1.0, double{each.score});
        RESONANT_CHECK(store.link({id, each.id, "near_duplicate", weight}, false, "data_sea"));
    }
    return {};
}

Status DataSea::Inner::keep_vector(MemoryId id, std::uint32_t version, const Vector& vector) {
    return database.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(
            auto row, connection.prepare("SELECT version, is_private FROM memories WHERE id = ?"));
        RESONANT_ASSIGN(const bool is_there, row.bind(1, sql_id(id)).step());
        if (!is_there || row.integer(0) != std::int64_t{version}) {
            return {};  // it changed meanwhile and waits for its next turn
        }
        const bool is_private = row.integer(1) != 0;
        RESONANT_ASSIGN(auto former,
                        connection.prepare("DELETE FROM memory_embeddings WHERE memory_id = ?"));
        RESONANT_CHECK(former.bind(1, sql_id(id)).run());
        if (connection.changes() > 0) {
            index.forget(id);
        }
        RESONANT_ASSIGN(
            auto insert,
            connection.prepare("INSERT INTO memory_embeddings"
                               "(memory_id, model, is_private, vector) VALUES(?, ?, ?, ?)"));
        insert.bind(1, sql_id(id)).bind(2, embedder->model()).bind(3, is_private);
        RESONANT_CHECK(insert.bind(4, std::as_bytes(std::span(vector))).run());
        RESONANT_ASSIGN(auto settled,
                        connection.prepare("DELETE FROM memory_pending WHERE memory_id = ?"));
        RESONANT_CHECK(settled.bind(1, sql_id(id)).run());
        return is_private ? Status() : link_near(id, vector);
    });
}

Status DataSea::Inner::embed_batch(std::size_t limit, std::size_t& done) {
    RESONANT_ASSIGN(const auto batch, waiting_for_vector(database, limit));
    std::vector<std::string> texts;
    for (const Waiting& each : batch) {
        texts.push_back(each.text);
    }
    const std::vector<Result<Vector>> vectors =
        embedder->embed_many(texts, {.threads = std::max(1U, std::thread::hardware_concurrency())});
    for (const Result<Vector>& vector : vectors) {
        if (!vector && vector.error().code == Code::Unavailable) {
            return std::unexpected(vector.error());
        }
    }
    done = batch.size();
    return database.write([&](Connection& connection) -> Status {
        for (std::size_t i = 0; i < batch.size(); ++i) {
            if (vectors[i]) {
                RESONANT_CHECK(keep_vector(batch[i].id, batch[i].version, *vectors[i]));
                continue;
            }
            log().warn("embed {}: {}", wire_id(batch[i].id), vectors[i].error().message);
            RESONANT_ASSIGN(auto failure,
                            connection.prepare("UPDATE memory_pending SET failures = failures + 1"
                                               " WHERE memory_id = ?"));
            RESONANT_CHECK(failure.bind(1, sql_id(batch[i].id)).run());
        }
        return {};
    });
}

Status DataSea::Inner::forget_vectors(MemoryId id) {
    if (embedder == nullptr) {
        return {};
    }
    std::string owner;
    RESONANT_CHECK(database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT owner FROM memories WHERE id = ?"));
        RESONANT_ASSIGN(const bool is_there, row.bind(1, sql_id(id)).step());
        owner = is_there ? row.text(0) : "";
        return {};
    }));
    const auto versions = store.history(id, owner);
    if (!versions) {
        return versions.error().code == Code::NotFound ? Status() : std::unexpected(versions.error());
    }
    for (const Version& version : *versions) {
        RESONANT_CHECK(embedder->forget(text_to_embed(version.title, version.content)));
    }
    return {};
}

Result<std::size_t> DataSea::catch_up(
    std::size_t limit, const std::function<void(std::size_t, std::size_t)>& progress) {
    const std::lock_guard lock(inner_->embedding);
    RESONANT_ASSIGN(std::size_t left, inner_->pending());
    const std::size_t wanted = inner_->embedder == nullptr ? 0 : std::min(limit, left);
    std::size_t finished = 0;
    std::size_t folded = 0;
    while (finished < wanted) {
        std::size_t batch = 0;
        RESONANT_CHECK(inner_->embed_batch(std::min(kEmbedBatch, wanted - finished), batch));
        if (batch == 0) {
            break;
        }
        finished += batch;
        if (finished - folded >=
            kFoldEvery) {  // what is not folded is searched in SQLite, row by row
            RESONANT_CHECK(inner_->index.fold());
            folded = finished;
        }
        if (progress) {
            progress(std::min(finished, wanted), wanted);
        }
    }
    if (!inner_->database.writing()) {
        RESONANT_CHECK(inner_->flush_touched());
    }
    RESONANT_CHECK(inner_->index.fold());
    if (finished > 0) {
        inner_->tell(Change::Indexed, 0, finished);
    }
    RESONANT_ASSIGN(left, inner_->pending());
    return left;
}

VectorStatus DataSea::status() {
    VectorStatus status = inner_->index.status();
    const Status counted = inner_->database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare(
                                      "SELECT (SELECT count(*) FROM memories),"
                                      " (SELECT count(*) FROM memory_embeddings WHERE model = ?)"));
        RESONANT_CHECK(row.bind(1, status.model).step());
        status.rows = static_cast<std::size_t>(row.integer(0));
        status.embedded = static_cast<std::size_t>(row.integer(1));
        return {};
    });
    if (!counted) {
        log().warn("vector status: {}", counted.error().message);
    }
    return status;
}

Status DataSea::verify(bool repair, std::vector<std::string>& findings) {
    RESONANT_CHECK(inner_->database.check());
    RESONANT_CHECK(inner_->store.check_words(repair, findings));
    const std::size_t before = findings.size();
    RESONANT_CHECK(inner_->index.compare(findings));
    return repair && findings.size() > before ? inner_->index.rebuild() : Status();
}

}  // namespace resonant::memory
