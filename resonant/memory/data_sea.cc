#include "resonant/memory/data_sea.h"

#include <algorithm>
#include <charconv>

#include "resonant/base/log.h"
#include "resonant/memory/data_sea_inner.h"
#include "resonant/memory/schema.h"
#include "resonant/memory/word_query.h"

namespace resonant::memory {
namespace {

using sql::Connection;

constexpr std::size_t kTouchedMax = 256;  // accesses kept in memory before they are written

// The model whose vectors count: the embedder's, or without one the last that was used.
Result<std::string> choose_model(sql::Database& database, const embed::Embedder* embedder) {
    std::string known;
    const Status done = database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row,
                        connection.prepare("SELECT value FROM memory_state WHERE key = 'model'"));
        RESONANT_CHECK(row.step());
        known = row.text(0);
        return {};
    });
    RESONANT_CHECK(done);
    if (embedder == nullptr || embedder->model() == known) {
        return known;
    }
    const std::string model = embedder->model();
    const Status changed = database.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto state, connection.prepare(
                                        "UPDATE memory_state SET value = ? WHERE key = 'model'"));
        RESONANT_CHECK(state.bind(1, model).run());
        RESONANT_ASSIGN(
            auto all,
            connection.prepare("INSERT INTO memory_pending(memory_id) SELECT id FROM memories"
                               " WHERE NOT EXISTS(SELECT 1 FROM memory_embeddings e"
                               " WHERE e.memory_id = id AND e.model = ?)"
                               " ON CONFLICT DO UPDATE SET failures = 0"));
        return all.bind(1, model).run();
    });
    RESONANT_CHECK(changed);
    return model;
}

Result<bool> has_unfinished_erase(sql::Database& database) {
    bool found = false;
    const Status done = database.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto row, connection.prepare("SELECT value FROM memory_state"
                                                     " WHERE key = 'unfinished_erase'"));
        RESONANT_CHECK(row.step());
        found = row.integer(0) != 0;
        return {};
    });
    RESONANT_CHECK(done);
    return found;
}

// Cursors are offsets, so that a page costs no state.
Result<std::size_t> offset_of(const std::string& cursor) {
    std::size_t offset = 0;
    if (cursor.empty()) {
        return offset;
    }
    const char* end = cursor.data() + cursor.size();
    const auto [stop, error] = std::from_chars(cursor.data(), end, offset);
    if (error != std::errc() || stop != end) {
        return fail(Code::InvalidArgument,
                    "cursor: \"" + cursor + "\" is not a cursor of this list; leave it out to start from the beginning");
    }
    return offset;
}

// Turns limit + 1 hits into a page of at most `limit` and the cursor of the next.
Page page_of(std::vector<Hit> hits, std::size_t limit, std::size_t offset) {
    Page page;
    page.hits = std::move(hits);
    if (page.hits.size() > limit) {
        page.hits.resize(limit);
        page.cursor = std::to_string(offset + limit);
    }
    return page;
}

}  // namespace

Status check_limit(std::string_view what, std::size_t limit) {
    if (limit >= 1 && limit <= kPageMax) {
        return {};
    }
    return fail(Code::InvalidArgument, std::string(what) + ": limit is " + std::to_string(limit) +
                                           "; give 1 to " + std::to_string(kPageMax));
}

DataSea::DataSea(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}

DataSea::~DataSea() {
    if (const Status flushed = inner_->flush_touched(); !flushed) {
        log().warn("counts of accesses are lost: {}", flushed.error().message);
    }
}

Result<std::unique_ptr<DataSea>> DataSea::open(sql::Database& database,
                                               std::filesystem::path folder, embed::Embedder* embedder,
                                               Clock& clock, ChangeSink sink) {
    database.set_bookkeeping({"memory_access"});
    RESONANT_CHECK(create_tables(database));
    RESONANT_ASSIGN(const std::string model, choose_model(database, embedder));
    auto inner = std::make_unique<Inner>(database, std::move(folder), embedder, model, clock,
                                         std::move(sink));
    RESONANT_CHECK(inner->index.open());
    std::unique_ptr<DataSea> sea(new DataSea(std::move(inner)));
    RESONANT_ASSIGN(const bool unfinished, has_unfinished_erase(database));
    if (unfinished) {  // what it concerned is not known any more
        RESONANT_CHECK(sea->inner_->index.rebuild());
        RESONANT_CHECK(sea->finish_erase());
    }
    return sea;
}

Result<Added> DataSea::add(const Memory& memory, Twin twin) {
    RESONANT_ASSIGN(Added added, inner_->store.add(memory, twin));
    inner_->tell(added.reinforced ? Change::Updated : Change::Created, added.id, 0);
    return added;
}

Status DataSea::update(MemoryId id, const Update& update, const std::string& by) {
    const Status done = inner_->database.write([&](Connection&) -> Status {
        RESONANT_ASSIGN(const bool is_stale, inner_->store.update(id, update, by));
        if (is_stale) {
            inner_->index.forget(id);
        }
        return {};
    });
    RESONANT_CHECK(done);
    inner_->tell(Change::Updated, id, 0);
    return {};
}

Status DataSea::archive(MemoryId id, const std::string& reason, const std::string& by) {
    RESONANT_CHECK(inner_->store.archive(id, reason, by));
    inner_->tell(Change::Archived, id, 0);
    return {};
}

Status DataSea::restore(MemoryId id, std::optional<std::uint32_t> version, const std::string& by) {
    const Status done = inner_->database.write([&](Connection&) -> Status {
        RESONANT_ASSIGN(const bool has_new_text, inner_->store.restore(id, version, by));
        if (has_new_text) {
            inner_->index.forget(id);
        }
        return {};
    });
    RESONANT_CHECK(done);
    inner_->tell(Change::Restored, id, version.value_or(0));
    return {};
}

Status DataSea::protect(MemoryId id, bool is_protected, const std::string& by) {
    RESONANT_CHECK(inner_->store.protect(id, is_protected, by));
    inner_->tell(Change::Updated, id, is_protected ? 1 : 0);
    return {};
}

Status DataSea::erase(MemoryId id, const std::string& reason, const std::string& by) {
    std::vector<MemoryId> gone{id};
    const Status done = inner_->database.write([&](Connection&) -> Status {
        RESONANT_ASSIGN(const auto derived, inner_->store.derived_from(id));
        gone.insert(gone.end(), derived.begin(), derived.end());
        for (const MemoryId each : gone) {
            RESONANT_CHECK(inner_->forget_vectors(each));
            RESONANT_CHECK(inner_->store.erase(each, reason, by));
            inner_->index.forget(each);
        }
        return {};
    });
    RESONANT_CHECK(done);
    for (const MemoryId each : gone) {
        const std::lock_guard lock(inner_->touching);
        inner_->touched.erase(each);
    }
    for (const MemoryId each : gone) {
        inner_->tell(Change::Erased, each, 0);
    }
    return inner_->database.writing() ? Status() : finish_erase();
}

Status DataSea::finish_erase() {
    RESONANT_CHECK(inner_->index.purge());
    RESONANT_CHECK(inner_->database.checkpoint());
    // Only now: if this process dies before, the next one finishes it when it opens.
    return inner_->database.write([](Connection& connection) {
        return connection.run("UPDATE memory_state SET value = 0 WHERE key = 'unfinished_erase'");
    });
}

Status DataSea::link(const Edge& edge, bool remove, const std::string& by) {
    RESONANT_CHECK(inner_->store.link(edge, remove, by));
    inner_->tell(Change::Updated, edge.from, edge.to);
    return {};
}

Result<Memory> DataSea::read(MemoryId id, const std::string& viewer) {
    RESONANT_ASSIGN(Memory memory, inner_->store.read(id, viewer));
    const std::lock_guard lock(inner_->touching);
    if (const auto counted = inner_->touched.find(id); counted != inner_->touched.end()) {
        memory.access_count += counted->second;
        memory.accessed_ns = std::max(memory.accessed_ns, inner_->touched_ns);
    }
    return memory;
}

Result<std::vector<Version>> DataSea::history(MemoryId id, const std::string& viewer) {
    return inner_->store.history(id, viewer);
}

Result<std::vector<Hit>> DataSea::related(MemoryId id, int hops,
                                          const std::vector<std::string>& types, std::size_t limit,
                                          const std::string& viewer) {
    RESONANT_CHECK(check_limit("related", limit));
    return inner_->store.related(id, hops, types, limit, viewer);
}

Result<Page> DataSea::list(const std::string& sort, const Filter& filter, std::size_t limit,
                           const std::string& cursor, const std::string& viewer) {
    RESONANT_CHECK(check_limit("list", limit));
    RESONANT_ASSIGN(const std::size_t offset, offset_of(cursor));
    if (sort == "accessed") {
        RESONANT_CHECK(inner_->flush_touched());
    }
    RESONANT_ASSIGN(auto hits, inner_->store.list(sort, filter, limit + 1, offset, viewer));
    return page_of(std::move(hits), limit, offset);
}

Result<Page> DataSea::search(const std::string& query, const Filter& filter, std::size_t limit,
                             const std::string& cursor, const std::string& viewer) {
    RESONANT_CHECK(check_limit("search", limit));
    RESONANT_ASSIGN(const std::size_t offset, offset_of(cursor));
    if (!has_words(query)) {
        RESONANT_ASSIGN(Page newest, list("created", filter, limit, cursor, viewer));
        newest.note = "the query has no words: newest first";
        return newest;
    }
    RESONANT_ASSIGN(auto hits, inner_->store.search(query, filter, limit + 1, offset, viewer));
    return page_of(std::move(hits), limit, offset);
}

void DataSea::Inner::tell_moves(const SweepReport& report) const {
    for (const auto& [id, source, target] : report.moves) {
        tell(Change::Moved, id,
             static_cast<std::uint64_t>(source) << 8 | static_cast<std::uint64_t>(target));
    }
}

Result<SweepReport> DataSea::sweep(std::size_t limit, bool dry_run) {
    if (dry_run) {
        return inner_->store.sweep(limit, true, false);
    }
    RESONANT_CHECK(inner_->flush_touched());
    RESONANT_ASSIGN(SweepReport report, inner_->store.sweep(limit, false, false));
    inner_->tell_moves(report);
    return report;
}

Result<SweepReport> DataSea::settle(std::size_t limit) {
    RESONANT_CHECK(inner_->flush_touched());
    RESONANT_ASSIGN(SweepReport report, inner_->store.sweep(limit, false, true));
    inner_->tell_moves(report);
    return report;
}

Result<ZoneStats> DataSea::zones(const std::string& galaxy,
                                 const std::optional<std::string>& viewer) {
    return inner_->store.zones(galaxy, viewer);
}

Result<std::vector<std::tuple<Zone, Zone, std::size_t, std::int64_t>>> DataSea::movements() {
    return inner_->store.movements();
}

void DataSea::touch(std::span<const MemoryId> ids) {
    bool full = false;
    {
        const std::lock_guard lock(inner_->touching);
        for (const MemoryId id : ids) {
            ++inner_->touched[id];
        }
        inner_->touched_ns = inner_->clock.wall().count;
        full = inner_->touched.size() >= kTouchedMax;
    }
    for (const MemoryId id : ids) {
        inner_->tell(Change::Accessed, id, 0);
    }
    if (!full) {
        return;
    }
    if (const Status flushed = inner_->flush_touched(); !flushed) {
        log().warn("counts of accesses wait: {}", flushed.error().message);
    }
}

// Nothing is locked while it waits for its turn to write: who has the turn may be counting too.
Status DataSea::Inner::flush_touched() {
    std::map<MemoryId, std::uint32_t> counted;
    std::int64_t at_ns = 0;
    {
        const std::lock_guard lock(touching);
        counted.swap(touched);
        at_ns = touched_ns;
    }
    if (counted.empty()) {
        return {};
    }
    const std::vector<std::pair<MemoryId, std::uint32_t>> counts(counted.begin(), counted.end());
    const Status written = store.touch(counts, at_ns);
    if (!written) {
        const std::lock_guard lock(touching);
        for (const auto& [id, count] : counted) {
            touched[id] += count;
        }
    }
    return written;
}

}  // namespace resonant::memory
