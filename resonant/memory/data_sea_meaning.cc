// The part of a DataSea that knows vectors: nearest and checking. (recall: data_sea_recall.cc)
#include "resonant/memory/data_sea_inner.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "resonant/base/log.h"

namespace resonant::memory {
namespace {

using sql::Connection;
using sql::Statement;

Status check_query(const Vector& query) {
    const auto is_finite = [](float value) { return std::isfinite(value); };
    if (std::all_of(query.begin(), query.end(), is_finite)) {
        return {};
    }
    return fail(Code::InvalidArgument,
                "nearest: the vector holds NaN or infinity; give 384 numbers");
}

}  // namespace

Result<std::optional<Vector>> DataSea::Inner::stored_vector(Connection& connection, MemoryId id,
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

Result<std::vector<std::vector<search::Scored>>> DataSea::Inner::nearest(std::span<const Vector> queries,
                                                                 const Filter& filter, std::size_t k,
                                                                 const std::string& viewer) {
    const Condition condition = condition_of(filter, viewer);
    VectorIndex::Question question;
    question.k = k;
    question.owner = filter.include_private ? viewer : std::string();
    question.condition = &condition;
    question.rows = row_filter_of(filter);
    return index.nearest_each(queries, question);
}

Result<Page> DataSea::nearest(const Vector& query, const Filter& filter, std::size_t k,
                              double score_min, const std::string& viewer) {
    RESONANT_ASSIGN(std::vector<Page> pages, nearest_each({&query, 1}, filter, k, score_min, viewer));
    return std::move(pages.front());
}

Result<std::vector<Page>> DataSea::nearest_each(std::span<const Vector> queries, const Filter& filter,
                                                std::size_t k, double score_min,
                                                const std::string& viewer) {
    RESONANT_CHECK(check_limit("nearest", k));
    for (const Vector& query : queries) {
        RESONANT_CHECK(check_query(query));
    }
    std::vector<Page> pages;
    const Status done = inner_->database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const auto found, inner_->nearest(queries, filter, k, viewer));
        for (const std::vector<search::Scored>& answer : found) {
            Page& page = pages.emplace_back();
            page.vectors_used = true;
            for (const search::Scored& each : answer) {
                if (double{each.score} < score_min) {
                    break;
                }
                RESONANT_ASSIGN(Memory memory, load(connection, each.id, viewer));
                page.hits.push_back({std::move(memory),
                                     each.score,
                                     {fmt::format("meaning: cosine {:.2f}", each.score)}});
            }
        }
        return {};
    });
    RESONANT_CHECK(done);
    return pages;
}

Result<Vector> DataSea::vector_of(MemoryId id, const std::string& viewer) {
    std::optional<Vector> vector;
    const Status done = inner_->database.read([&](Connection& connection) -> Status {
        RESONANT_CHECK(load(connection, id, viewer));
        RESONANT_ASSIGN(vector, inner_->stored_vector(connection, id, inner_->index.status().model));
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

Status DataSea::rebuild(const std::function<void(std::size_t, std::size_t)>& progress) {
    if (inner_->database.writing()) {
        return fail(Code::Conflict, "rebuild: called inside write(); call it after the commit");
    }
    std::vector<std::string> findings;
    RESONANT_CHECK(inner_->store.check_words(true, findings));
    for (const std::string& each : findings) {
        log().warn("rebuild: {}; built anew", each);
    }
    return inner_->index.rebuild(progress);
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
