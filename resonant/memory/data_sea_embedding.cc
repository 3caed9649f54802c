// The part of a DataSea that makes vectors: what waits for one, embedding it, and forgetting it.
#include "resonant/memory/data_sea_inner.h"

#include <algorithm>
#include <cmath>
#include <thread>

#include "resonant/base/log.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr std::size_t kEmbedBatch = 32;  // memories embedded between two commits
constexpr std::size_t kFoldEvery = 256;  // what is not folded is searched in SQLite, row by row
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

// Near-duplicates are linked, never dropped: which of the two is wanted is not ours to say.
Status DataSea::Inner::link_near(MemoryId id, const Vector& vector) {
    RESONANT_ASSIGN(const Memory memory, store.read(id, ""));
    Filter filter;
    filter.galaxy = memory.galaxy;
    RESONANT_ASSIGN(const auto near, nearest({&vector, 1}, filter, kNearDuplicatesMax + 1, ""));
    for (const search::Scored& each : near.front()) {
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
            const auto is_finite = [](float number) { return std::isfinite(number); };
            if (vectors[i] && std::ranges::all_of(*vectors[i], is_finite)) {
                RESONANT_CHECK(keep_vector(batch[i].id, batch[i].version, *vectors[i]));
                continue;
            }
            log().warn("embed {}: {}", wire_id(batch[i].id),
                       vectors[i] ? "the model gave NaN or infinity" : vectors[i].error().message);
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
        return versions.error().code == Code::NotFound ? Status()
                                                       : std::unexpected(versions.error());
    }
    for (const Version& version : *versions) {
        RESONANT_CHECK(embedder->forget(text_to_embed(version.title, version.content)));
    }
    return {};
}

Result<std::size_t> DataSea::waiting() const { return inner_->pending(); }

Result<std::size_t> DataSea::catch_up(
    std::size_t limit, const std::function<void(std::size_t, std::size_t)>& progress) {
    std::unique_lock lock(inner_->embedding, std::defer_lock);
    if (!inner_->database.writing()) {
        lock.lock();
    } else if (!lock.try_lock()) {
        return inner_
            ->pending();  // another thread is at it, and may be waiting for this one's turn
    }
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
        if (finished - folded >= kFoldEvery) {
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

}  // namespace resonant::memory
