#include "resonant/memory/schema.h"

#include <string>

#include "resonant/memory/constellations.h"
#include "resonant/memory/galaxies.h"
#include "resonant/memory/imports.h"
#include "resonant/memory/survey.h"

namespace resonant::memory {
namespace {

// The text of a memory lies apart, so that filters, sweeps and counts read small rows only.
constexpr const char* kMemories = R"sql(
CREATE TABLE memories(
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL, hash BLOB NOT NULL, type TEXT NOT NULL, importance REAL NOT NULL,
    is_protected INT NOT NULL, is_private INT NOT NULL, is_archived INT NOT NULL DEFAULT 0,
    source TEXT NOT NULL, session TEXT NOT NULL, galaxy TEXT NOT NULL, owner TEXT NOT NULL,
    created_ns INT NOT NULL, updated_ns INT NOT NULL, version INT NOT NULL DEFAULT 1,
    distance REAL NOT NULL, swept_ns INT NOT NULL DEFAULT 0, constellation INT NOT NULL DEFAULT 0,
    predecessor_family INT NOT NULL, phase INT NOT NULL, posture INT NOT NULL);
CREATE INDEX memories_by_hash ON memories(hash);
CREATE INDEX memories_by_created ON memories(galaxy, created_ns);
CREATE INDEX memories_by_distance ON memories(galaxy, distance);
CREATE INDEX memories_private ON memories(owner) WHERE is_private = 1;
CREATE TABLE memory_texts(memory_id INTEGER PRIMARY KEY REFERENCES memories(id), content TEXT NOT NULL);
CREATE TABLE memory_tags(
    memory_id INT NOT NULL REFERENCES memories(id), tag TEXT NOT NULL, UNIQUE(memory_id, tag));
CREATE INDEX memory_tags_by_tag ON memory_tags(tag, memory_id);
CREATE TABLE memory_access(memory_id INTEGER PRIMARY KEY, count INT NOT NULL, last_ns INT NOT NULL);
)sql";

// A version's text stands in its row only when a later version has another; else it is the next
// one's. The first version has no row until there is a second, unless it says more than the memory's own: who owns it
// made it when it came to be.
constexpr const char* kHistory = R"sql(
CREATE TABLE memory_versions(
    id INTEGER PRIMARY KEY, memory_id INT NOT NULL REFERENCES memories(id), version INT NOT NULL,
    title TEXT, content TEXT, by_whom TEXT NOT NULL, what TEXT NOT NULL, reason TEXT NOT NULL,
    at_ns INT NOT NULL, UNIQUE(memory_id, version));
CREATE TABLE memory_moves(
    id INTEGER PRIMARY KEY, memory_id INT NOT NULL REFERENCES memories(id),
    source_zone INT NOT NULL, target_zone INT NOT NULL, at_ns INT NOT NULL);
CREATE INDEX memory_moves_by_memory ON memory_moves(memory_id);
CREATE TABLE memory_edges(
    id INTEGER PRIMARY KEY, source INT NOT NULL REFERENCES memories(id),
    target INT NOT NULL REFERENCES memories(id), type TEXT NOT NULL, weight REAL NOT NULL,
    created_ns INT NOT NULL, created_by TEXT NOT NULL, removed_ns INT, removed_by TEXT);
CREATE UNIQUE INDEX memory_edges_live ON memory_edges(source, target, type) WHERE removed_ns IS NULL;
CREATE INDEX memory_edges_by_target ON memory_edges(target);
CREATE TABLE memory_tombstones(
    memory_id INTEGER PRIMARY KEY, erased_ns INT NOT NULL, erased_by TEXT NOT NULL, reason TEXT NOT NULL);
)sql";

// An embedding's sequence is never used twice: an Arrow copy that holds all up to a watermark is
// stale exactly when their number differs.
constexpr const char* kVectors = R"sql(
CREATE TABLE memory_embeddings(
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    memory_id INT NOT NULL UNIQUE REFERENCES memories(id), model TEXT NOT NULL,
    is_private INT NOT NULL, vector BLOB NOT NULL);
CREATE INDEX memory_embeddings_public ON memory_embeddings(is_private, model, sequence);
CREATE TABLE memory_pending(memory_id INTEGER PRIMARY KEY REFERENCES memories(id),
    failures INT NOT NULL DEFAULT 0);
)sql";

// Text in scripts without spaces is indexed a letter at a time (sql/letters.h), so that a part of a sentence is found.
constexpr const char* kWords = R"sql(
CREATE VIRTUAL TABLE memory_words USING fts5(
    title, content, tags, content='', tokenize='porter letters remove_diacritics 2');
)sql";

// Tables that came later; an older program of this version never looks at them.
Status create_later_tables(sql::Connection& connection) {
    RESONANT_CHECK(Constellations::create_table(connection));
    RESONANT_CHECK(Galaxies::create_table(connection));
    RESONANT_CHECK(Imports::create_table(connection));
    return Survey::create_table(connection);
}

// From version 1, where first versions had a row from the beginning (which they may keep), and an index said which
// memories were not swept for the longest time. A program that knows only that one would lose the text of such a first version.
constexpr const char* kSecondVersion = R"sql(
DROP INDEX memories_by_swept;
INSERT INTO memory_state VALUES('swept', 0);
UPDATE memory_state SET value = 2 WHERE key = 'schema';
)sql";

// From version 2, whose index took a sentence without spaces for one word. The index is made anew, in the order of ids;
// tags stand in it as tag_text() joins them.
constexpr const char* kThirdVersion = R"sql(
INSERT INTO memory_words(rowid, title, content, tags)
    SELECT m.id, m.title, t.content, coalesce((SELECT group_concat(tag, ' ') FROM
        (SELECT tag FROM memory_tags WHERE memory_id = m.id ORDER BY tag)), '')
    FROM memories m JOIN memory_texts t ON t.memory_id = m.id ORDER BY m.id;
UPDATE memory_state SET value = 3 WHERE key = 'schema';
)sql";

Status found_version(sql::Connection& connection, std::int64_t& version) {
    RESONANT_ASSIGN(auto statement,
                    connection.prepare("SELECT value FROM memory_state WHERE key='schema'"));
    RESONANT_ASSIGN(const bool has_row, statement.step());
    version = has_row ? statement.integer(0) : 0;
    return {};
}

}  // namespace

Status create_tables(sql::Database& database) {
    return database.write([&](sql::Connection& connection) -> Status {
        RESONANT_CHECK(
            connection.run("CREATE TABLE IF NOT EXISTS memory_state(key TEXT PRIMARY KEY, value)"));
        std::int64_t version = 0;
        RESONANT_CHECK(found_version(connection, version));
        if (version > kSchemaVersion) {
            return fail(Code::Conflict, "open memory: its tables are version " +
                                            std::to_string(version) + ", this program knows " +
                                            std::to_string(kSchemaVersion) +
                                            "; start the newer program, nothing was changed");
        }
        if (version == 1) {
            RESONANT_CHECK(connection.run(kSecondVersion));
        }
        if (version == 1 || version == 2) {
            RESONANT_CHECK(connection.run(std::string("DROP TABLE memory_words;") + kWords + kThirdVersion));
        }
        if (version > 0) {
            return create_later_tables(connection);
        }
        for (const char* script : {kMemories, kHistory, kVectors, kWords}) {
            RESONANT_CHECK(connection.run(script));
        }
        RESONANT_CHECK(create_later_tables(connection));
        return connection.run("INSERT INTO memory_state VALUES('schema'," +
                              std::to_string(kSchemaVersion) +
                              "),('facts',0),('model',''),('unfinished_erase',0),('swept',0)");
    });
}

}  // namespace resonant::memory
