// The part of a DataSea that knows vectors: nearest, recall and checking.
#include "resonant/memory/data_sea_inner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "resonant/base/log.h"
#include "resonant/memory/fusion.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

constexpr std::size_t kCandidates = 50;  // of each kind that recall() fuses

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

Result<std::vector<Scored>> DataSea::Inner::nearest(const Vector& query, const Filter& filter,
                                                    std::size_t k, const std::string& viewer) {
    const Condition condition = condition_of(filter, viewer);
    VectorIndex::Question question;
    question.k = k;
    question.owner = filter.include_private ? viewer : std::string();
    question.condition = &condition;
    question.rows = row_filter_of(filter);
    return index.nearest(query, question);
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
                                 {fmt::format("meaning: cosine {:.2f}", each.score)}});
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
    if (inner_->database.writing()) {
        return fail(Code::Conflict, "verify: called inside write(); call it after the commit");
    }
    RESONANT_CHECK(inner_->database.check());
    RESONANT_CHECK(inner_->store.check_words(repair, findings));
    const std::size_t before = findings.size();
    RESONANT_CHECK(inner_->index.compare(findings));
    return repair && findings.size() > before ? inner_->index.rebuild() : Status();
}

}  // namespace resonant::memory
