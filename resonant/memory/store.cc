#include "resonant/memory/store.h"

#include <algorithm>

#include "resonant/memory/checks.h"
#include "resonant/memory/digest.h"
#include "resonant/memory/retention.h"

namespace resonant::memory {
namespace {

using sql::Connection;

constexpr double kReinforcement = 0.03;  // importance gained by being told again

Sha256 hash_of(const std::string& content) {
    Digest digest;
    digest.add(content);
    return digest.finish();
}

Status index_words(Connection& connection, const Memory& memory, bool remove) {
    RESONANT_ASSIGN(
        auto statement,
        connection.prepare(
            remove ? "INSERT INTO memory_words(memory_words, rowid, title, content, tags)"
                     " VALUES('delete', ?, ?, ?, ?)"
                   : "INSERT INTO memory_words(rowid, title, content, tags)"
                     " VALUES(?, ?, ?, ?)"));
    statement.bind(1, sql_id(memory.id)).bind(2, memory.title).bind(3, memory.content);
    return statement.bind(4, tag_text(memory.tags)).run();
}

// Runs a statement whose one parameter is the memory.
Status for_memory(Connection& connection, std::string_view query, MemoryId id) {
    RESONANT_ASSIGN(auto statement, connection.prepare(query));
    return statement.bind(1, sql_id(id)).run();
}

// Says that the columns of the Arrow copy that are no vectors are behind.
Status count_fact(Connection& connection) {
    return connection.run("UPDATE memory_state SET value = value + 1 WHERE key = 'facts'");
}

// `at_ns`: when it was done here, which for what is brought in from elsewhere is not when it was made.
Status add_version(Connection& connection, const Memory& memory, std::string_view what,
                   const std::string& by, const std::string& reason, std::int64_t at_ns) {
    RESONANT_ASSIGN(auto statement,
                    connection.prepare("INSERT INTO memory_versions"
                                       "(memory_id, version, by_whom, what, reason, at_ns)"
                                       " VALUES(?, ?, ?, ?, ?, ?)"));
    statement.bind(1, sql_id(memory.id)).bind(2, std::int64_t{memory.version}).bind(3, by);
    return statement.bind(4, what).bind(5, reason).bind(6, at_ns).run();
}

// The first version has its row from when a second one comes: that saves two pages of what an add writes.
Status keep_first_version(Connection& connection, const Memory& memory) {
    RESONANT_ASSIGN(auto statement,
                    connection.prepare("INSERT INTO memory_versions(memory_id, version, by_whom, what, reason, at_ns)"
                                       " VALUES(?, 1, ?, 'created', '', ?) ON CONFLICT DO NOTHING"));
    return statement.bind(1, sql_id(memory.id)).bind(2, memory.owner).bind(3, memory.created_ns).run();
}

// One row a statement: a statement that makes several of them has SQLite write the text index down first.
Status insert_tags(Connection& connection, const Memory& memory) {
    for (const std::string& tag : memory.tags) {
        RESONANT_ASSIGN(auto statement, connection.prepare("INSERT INTO memory_tags(memory_id, tag) VALUES(?, ?)"));
        RESONANT_CHECK(statement.bind(1, sql_id(memory.id)).bind(2, tag).run());
    }
    return {};
}

}  // namespace

Result<Added> Store::add(const Memory& memory, Twin twin) {
    RESONANT_CHECK(check(memory));
    Added added;
    const Sha256 hash = hash_of(memory.content);
    const Status done = database_.write([&](Connection& connection) -> Status {
        if (twin == Twin::Copy) {
            RESONANT_ASSIGN(added, insert(connection, memory, hash));
            return {};
        }
        RESONANT_ASSIGN(auto same,
                        connection.prepare("SELECT id FROM memories WHERE hash = ? AND galaxy = ?"
                                           " AND is_private = ? AND (is_private = 0 OR owner = ?)"
                                           " AND (?5 = '' OR title = ?5) ORDER BY id LIMIT 1"));
        same.bind(1, std::span<const std::byte>(hash)).bind(2, memory.galaxy);
        same.bind(3, memory.is_private).bind(4, memory.owner).bind(5, memory.title);
        RESONANT_ASSIGN(const bool is_known, same.step());
        if (is_known) {
            added = {static_cast<MemoryId>(same.integer(0)), true, {}};
            return reinforce(connection, added.id, memory);
        }
        RESONANT_ASSIGN(added, insert(connection, memory, hash));
        return {};
    });
    RESONANT_CHECK(done);
    return added;
}

Result<Added> Store::insert(Connection& connection, const Memory& memory, const Sha256& hash) {
    Memory made = memory;
    made.tags = each_once(memory.tags);
    made.version = 1;
    const std::int64_t now_ns = clock_.wall().count;
    // What is brought in from elsewhere keeps its time, and lies as far out as its age says.
    made.created_ns = memory.created_ns > 0 ? std::min(memory.created_ns, now_ns) : now_ns;
    made.updated_ns = made.created_ns;
    made.distance = distance_of({.importance = made.importance,
                                 .unused_ns = now_ns - made.updated_ns,
                                 .is_protected = made.is_protected});
    RESONANT_ASSIGN(
        auto row,
        connection.prepare(
            "INSERT INTO memories(title, hash, type, importance, is_protected, is_private,"
            " source, session, galaxy, owner, created_ns, updated_ns, distance, constellation,"
            " predecessor_family, phase, posture, swept_ns)"
            " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
    row.bind(1, made.title).bind(2, std::span<const std::byte>(hash));
    row.bind(3, made.type).bind(4, made.importance).bind(5, made.is_protected);
    row.bind(6, made.is_private).bind(7, made.source).bind(8, made.session).bind(9, made.galaxy);
    row.bind(10, made.owner).bind(11, made.created_ns).bind(12, made.updated_ns);
    row.bind(13, made.distance).bind(14, std::int64_t{made.constellation});
    row.bind(15, std::int64_t{made.predecessor_family}).bind(16, std::int64_t{made.phase});
    RESONANT_CHECK(row.bind(17, std::int64_t{made.posture}).bind(18, made.created_ns).run());
    made.id = static_cast<MemoryId>(connection.last_insert_id());
    RESONANT_ASSIGN(auto text, connection.prepare("INSERT INTO memory_texts VALUES(?, ?)"));
    RESONANT_CHECK(text.bind(1, sql_id(made.id)).bind(2, made.content).run());
    RESONANT_CHECK(insert_tags(connection, made));
    RESONANT_CHECK(index_words(connection, made, false));
    if (made.created_ns != now_ns) {
        RESONANT_CHECK(add_version(connection, made, "created", made.owner, "", now_ns));
    }
    RESONANT_CHECK(
        for_memory(connection, "INSERT INTO memory_pending(memory_id) VALUES(?)", made.id));
    return Added{made.id, false, {}};
}

// The same text again: it matters more, its tags join, and it comes back if it was archived.
Status Store::reinforce(Connection& connection, MemoryId id, const Memory& memory) {
    RESONANT_ASSIGN(const Memory before, load(connection, id, memory.owner));
    Memory after = before;
    after.importance =
        std::min(1.0, std::max(before.importance, memory.importance) + kReinforcement);
    after.is_protected = before.is_protected || memory.is_protected;
    after.is_archived = false;
    after.tags.insert(after.tags.end(), memory.tags.begin(), memory.tags.end());
    after.tags = each_once(after.tags);
    RESONANT_CHECK(check_tags(after.tags));
    return write_version(connection, before, std::move(after), "reinforced", memory.owner, "");
}

Status Store::change_text(Connection& connection, const Memory& before, const Memory& after) {
    RESONANT_ASSIGN(auto former,
                    connection.prepare("UPDATE memory_versions SET title = ?, content = ?"
                                       " WHERE memory_id = ? AND version = ?"));
    former.bind(1, before.title).bind(2, before.content).bind(3, sql_id(before.id));
    RESONANT_CHECK(former.bind(4, std::int64_t{before.version}).run());
    RESONANT_ASSIGN(auto text,
                    connection.prepare("UPDATE memory_texts SET content = ? WHERE memory_id = ?"));
    RESONANT_CHECK(text.bind(1, after.content).bind(2, sql_id(after.id)).run());
    RESONANT_ASSIGN(auto row,
                    connection.prepare("UPDATE memories SET title = ?, hash = ? WHERE id = ?"));
    row.bind(1, after.title).bind(2, std::span<const std::byte>(hash_of(after.content)));
    RESONANT_CHECK(row.bind(3, sql_id(after.id)).run());
    RESONANT_CHECK(
        for_memory(connection, "DELETE FROM memory_embeddings WHERE memory_id = ?", after.id));
    // What the former text was near to is no more said of this one; its own vector tells anew.
    RESONANT_ASSIGN(auto near, connection.prepare("UPDATE memory_edges SET removed_ns = ?2, removed_by = created_by"
                                                  " WHERE (source = ?1 OR target = ?1) AND removed_ns IS NULL"
                                                  " AND type = 'near_duplicate' AND created_by = 'data_sea'"));
    RESONANT_CHECK(near.bind(1, sql_id(after.id)).bind(2, after.updated_ns).run());
    return for_memory(connection,
                      "INSERT INTO memory_pending(memory_id) VALUES(?)"
                      " ON CONFLICT DO UPDATE SET failures = 0",
                      after.id);
}

Status Store::change_tags(Connection& connection, const Memory& before, const Memory& after) {
    if (before.tags == after.tags) {
        return {};
    }
    RESONANT_CHECK(for_memory(connection, "DELETE FROM memory_tags WHERE memory_id = ?", after.id));
    return insert_tags(connection, after);
}

Status Store::write_version(Connection& connection, const Memory& before, Memory after,
                            std::string_view what, const std::string& by,
                            const std::string& reason) {
    const bool has_new_text = before.title != after.title || before.content != after.content;
    after.version = before.version + 1;
    after.updated_ns = clock_.wall().count;
    after.accessed_ns = std::max(after.accessed_ns, after.updated_ns);
    RESONANT_ASSIGN(after.distance, distance_now(connection, after));
    if (before.version == 1) {
        RESONANT_CHECK(keep_first_version(connection, before));
    }
    if (has_new_text) {
        RESONANT_CHECK(change_text(connection, before, after));
    }
    RESONANT_CHECK(change_tags(connection, before, after));
    if (has_new_text || before.tags != after.tags) {
        RESONANT_CHECK(index_words(connection, before, true));
        RESONANT_CHECK(index_words(connection, after, false));
    }
    RESONANT_ASSIGN(auto row,
                    connection.prepare("UPDATE memories SET importance = ?, is_protected = ?,"
                                       " is_archived = ?, updated_ns = ?, version = ?, distance = ?,"
                                       " galaxy = ?8, constellation = iif(galaxy = ?8, constellation, 0)"
                                       " WHERE id = ?7"));
    row.bind(1, after.importance).bind(2, after.is_protected).bind(3, after.is_archived);
    row.bind(4, after.updated_ns).bind(5, std::int64_t{after.version}).bind(6, after.distance);
    RESONANT_CHECK(row.bind(7, sql_id(after.id)).bind(8, after.galaxy).run());
    RESONANT_CHECK(add_version(connection, after, what, by, reason, after.updated_ns));
    RESONANT_CHECK(record_move(connection, after.id, before.zone(), after.zone()));
    return count_fact(connection);
}

Status Store::erase(MemoryId id, const std::string& reason, const std::string& by) {
    return database_.write([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto owner, connection.prepare("SELECT owner FROM memories WHERE id = ?"));
        RESONANT_ASSIGN(const bool is_there, owner.bind(1, sql_id(id)).step());
        if (!is_there) {
            return fail(Code::NotFound, "erase " + wire_id(id) + ": there is no such memory");
        }
        // Whoever may erase may erase private memories too.
        RESONANT_ASSIGN(const Memory memory, load(connection, id, owner.text(0)));
        RESONANT_CHECK(index_words(connection, memory, true));
        for (const std::string_view query :
             {"DELETE FROM memory_texts WHERE memory_id = ?",
              "DELETE FROM memory_tags WHERE memory_id = ?",
              "DELETE FROM memory_access WHERE memory_id = ?",
              "DELETE FROM memory_versions WHERE memory_id = ?",
              "DELETE FROM memory_moves WHERE memory_id = ?",
              "DELETE FROM memory_edges WHERE source = ?1 OR target = ?1",
              "DELETE FROM memory_embeddings WHERE memory_id = ?",
              "DELETE FROM memory_pending WHERE memory_id = ?",
              "DELETE FROM memory_marks WHERE memory_id = ?",
              // The keys of an import that goes on may say what the memory was about.
              "DELETE FROM memory_import_ties WHERE source = ?1 OR EXISTS (SELECT 1 FROM memory_import_keys k"
              " WHERE k.memory_id = ?1 AND k.job = memory_import_ties.job AND k.key = memory_import_ties.key)",
              "DELETE FROM memory_import_keys WHERE memory_id = ?",
              "DELETE FROM memories WHERE id = ?"}) {
            RESONANT_CHECK(for_memory(connection, query, id));
        }
        RESONANT_ASSIGN(auto stone,
                        connection.prepare("INSERT INTO memory_tombstones VALUES(?, ?, ?, ?)"));
        stone.bind(1, sql_id(id)).bind(2, clock_.wall().count).bind(3, by).bind(4, reason);
        RESONANT_CHECK(stone.run());
        // The index keeps the words of a removed row until its parts are merged into one.
        RESONANT_CHECK(
            connection.run("INSERT INTO memory_words(memory_words) VALUES('optimize');"
                           // A name may hold its words; the next refresh gives new ones.
                           "UPDATE memory_constellations SET name = '', tags = '[]';"
                           "UPDATE memory_state SET value = 1 WHERE key = 'unfinished_erase'"));
        return count_fact(connection);
    });
}

Result<std::vector<MemoryId>> Store::derived_from(MemoryId id) {
    std::vector<MemoryId> found;
    const Status done = database_.read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(auto rows, connection.prepare(
                                       "SELECT DISTINCT m.id FROM memory_edges e"
                                       " JOIN memories m ON m.id = e.source WHERE e.target = ?1"
                                       " AND m.id != ?1 AND m.source LIKE 'dream:%'"));
        return rows.bind(1, sql_id(id)).each([&](const sql::Statement& row) -> Status {
            found.push_back(static_cast<MemoryId>(row.integer(0)));
            return {};
        });
    });
    RESONANT_CHECK(done);
    return found;
}

Result<double> Store::distance_now(Connection& connection, const Memory& memory) {
    if (memory.is_archived) {
        return kArchivedDistance;
    }
    RESONANT_ASSIGN(auto links, connection.prepare(
                                    "SELECT coalesce(sum(weight), 0) FROM memory_edges"
                                    " WHERE (source = ?1 OR target = ?1) AND removed_ns IS NULL"));
    RESONANT_CHECK(links.bind(1, sql_id(memory.id)).step());
    return distance_of({.importance = memory.importance,
                        .unused_ns = clock_.wall().count - memory.accessed_ns,
                        .recalls = memory.access_count,
                        .link_weights = links.real(0),
                        .is_protected = memory.is_protected});
}

Status Store::record_move(Connection& connection, MemoryId id, Zone source, Zone target) {
    if (source == target) {
        return {};
    }
    RESONANT_ASSIGN(auto move, connection.prepare("INSERT INTO memory_moves"
                                                  "(memory_id, source_zone, target_zone, at_ns)"
                                                  " VALUES(?, ?, ?, ?)"));
    move.bind(1, sql_id(id)).bind(2, static_cast<std::int64_t>(source));
    return move.bind(3, static_cast<std::int64_t>(target)).bind(4, clock_.wall().count).run();
}

Status Store::touch(std::span<const std::pair<MemoryId, std::uint32_t>> counts,
                    std::int64_t at_ns) {
    return database_.keep_books([&](Connection& connection) -> Status {
        // What was erased meanwhile must leave no trace here.
        RESONANT_ASSIGN(auto statement,
                        connection.prepare("INSERT INTO memory_access SELECT id, ?2, ?3"
                                           " FROM memories WHERE id = ?1 ON CONFLICT DO UPDATE"
                                           " SET count = count + excluded.count,"
                                           " last_ns = max(last_ns, excluded.last_ns)"));
        for (const auto& [id, count] : counts) {
            statement.bind(1, sql_id(id)).bind(2, std::int64_t{count}).bind(3, at_ns);
            RESONANT_CHECK(statement.run());
            statement.reset();
        }
        return {};
    });
}

}  // namespace resonant::memory
