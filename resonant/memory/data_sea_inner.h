// What a DataSea is made of. For its own source files only.
//
// Threads: as DataSea.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "resonant/memory/data_sea.h"
#include "resonant/memory/store.h"
#include "resonant/memory/vector_index.h"

namespace resonant::memory {

struct DataSea::Inner {
    struct Recall;  // one recall on its way

    Inner(sql::Database& database_in, std::filesystem::path folder, embed::Embedder* embedder_in,
          std::string model, Clock& clock_in, ChangeSink sink_in)
        : database(database_in),
          embedder(embedder_in),
          clock(clock_in),
          sink(std::move(sink_in)),
          store(database_in, clock_in),
          index(database_in, std::move(folder), std::move(model), clock_in) {}

    void tell(Change change, MemoryId id, std::uint64_t detail) const {
        if (sink) {
            sink(change, id, detail);
        }
    }

    void tell_moves(const SweepReport& report) const;

    // Nearest memories that `filter` lets through, best first, for each query.
    Result<std::vector<std::vector<search::Scored>>> nearest(std::span<const Vector> queries, const Filter& filter,
                                                     std::size_t k, const std::string& viewer);
    // The vector of `id` by this model, if it has one.
    static Result<std::optional<Vector>> stored_vector(sql::Connection& connection, MemoryId id,
                                                       const std::string& model);
    // How many memories still have no vector.
    Result<std::size_t> pending();
    // Writes the accesses counted so far.
    Status flush_touched();
    // Has the embedder forget what it kept of any version of a memory's text.
    Status forget_vectors(MemoryId id);
    Status embed_batch(std::size_t limit, std::size_t& done);
    Status keep_vector(MemoryId id, std::uint32_t version, const Vector& vector);
    Status link_near(MemoryId id, const Vector& vector);

    sql::Database& database;
    embed::Embedder* embedder;
    Clock& clock;
    ChangeSink sink;
    Store store;
    VectorIndex index;
    std::mutex embedding;  // one catch_up() at a time
    std::mutex touching;   // guards touched
    std::map<MemoryId, std::uint32_t> touched;
    std::int64_t touched_ns = 0;
};

inline constexpr std::size_t kPageMax = 1000;

// InvalidArgument unless 1 <= limit <= kPageMax.
Status check_limit(std::string_view what, std::size_t limit);

}  // namespace resonant::memory
