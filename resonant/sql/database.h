// A Database is one SQLite file in WAL mode with synchronous=FULL: one writing connection, several
// reading ones. Everything durable of the program lies in one of these, so that rows and the ledger
// entry about them commit in one transaction.
//
// Threads: any. One thread writes at a time (the others wait); readers never wait for a writer.
//
// Invariants:
//   (1) A write() that returns ok is on the disk: it survives kill -9 and power loss. A write()
//   inside
//       another write() of the same thread joins it by a savepoint and is durable when the
//       outermost returns.
//   (2) A failed write() leaves nothing behind.
//   (3) What a thread changes is seen by the Observer that stands on that thread, row by row; what
//   is
//       rolled back is not counted. Tables WITHOUT ROWID and INSERT OR REPLACE's hidden deletions
//       are not seen by SQLite's hook: do not use them for rows that governance must see.
//   (4) A function given to write() or read() that throws is rolled back before the exception goes
//   on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace resonant::sql {

// One prepared statement, borrowed from its connection's cache; reset when it goes out of scope.
// Parameters count from 1, columns from 0.
class Statement {
  public:
    // `lent` is the cache's mark that it is in use; null when it is in no cache and dies with this.
    Statement(sqlite3* connection, sqlite3_stmt* statement, bool* lent)
        : connection_(connection), statement_(statement), lent_(lent) {}
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&&) = delete;
    ~Statement();

    Statement& bind(int parameter, std::int64_t value);
    Statement& bind(int parameter, double value);
    Statement& bind(int parameter, bool value) { return bind(parameter, std::int64_t{value}); }
    Statement& bind(int parameter, std::string_view text);            // copied
    Statement& bind(int parameter, std::span<const std::byte> blob);  // copied
    Statement& bind_null(int parameter);

    // The next row: true when there is one, false at the end.
    Result<bool> step();
    // Runs a statement that gives no rows.
    Status run();

    // Makes it ready to run again, with its parameters as they are.
    Statement& reset();
    // Calls `use(*this)` for each row; stops at the first error of either.
    template <typename Use>
    Status each(const Use& use) {
        for (;;) {
            RESONANT_ASSIGN(const bool has_row, step());
            if (!has_row) {
                return {};
            }
            RESONANT_CHECK(use(*this));
        }
    }

    std::int64_t integer(int column) const;
    double real(int column) const;
    std::string text(int column) const;
    std::span<const std::byte> blob(int column) const;  // valid until the next step()
    bool is_null(int column) const;

  private:
    Statement& bound(int outcome);

    sqlite3* connection_;
    sqlite3_stmt* statement_;
    bool* lent_;
    int bind_outcome_ = 0;  // first failure of a bind(), reported by step()
};

// A connection in use: lent to the function given to Database::read or write.
class Connection {
  public:
    explicit Connection(sqlite3* handle) : handle_(handle) {}
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection();

    // Compiles `query`, or takes it from the cache (keyed by the text, which should be a literal).
    Result<Statement> prepare(std::string_view query);
    // Runs one or more statements without parameters.
    Status run(const std::string& script);
    std::int64_t last_insert_id() const;
    // Rows changed by the last statement.
    std::int64_t changes() const;
    sqlite3* handle() const { return handle_; }

  private:
    struct Cached {
        sqlite3_stmt* statement = nullptr;
        bool lent = false;
    };

    sqlite3* handle_;
    std::map<std::string, Cached, std::less<>> cache_;
};

struct RowChanges {
    std::uint32_t inserted = 0;
    std::uint32_t updated = 0;
    std::uint32_t deleted = 0;
};

class Database;

// Sees what the current thread changes in the database while it stands. Observers of one thread
// nest.
class Observer {
  public:
    enum class Mode : std::uint8_t { Allow, RefuseWrites };
    Observer(Database& database, Mode mode);
    Observer(const Observer&) = delete;
    Observer& operator=(const Observer&) = delete;
    ~Observer();

    // Changes by table, without bookkeeping tables (Database::set_bookkeeping) and FTS shadow
    // tables.
    const std::map<std::string, RowChanges>& changes() const { return changes_; }
    // True when a write() was refused because of Mode::RefuseWrites.
    bool refused() const { return refused_; }

  private:
    friend class Database;
    Database& database_;
    Mode mode_;
    bool refused_ = false;
    std::map<std::string, RowChanges> changes_;
    Observer* outer_;
};

class Database {
  public:
    struct Options {
        int readers = 4;
        bool read_only = false;
    };

    // Opens or creates the file (0600). DataLoss when SQLite finds it damaged.
    static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file,
                                                  Options options);
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    ~Database();

    // Runs `change` in a transaction: commits when it returns ok, rolls back when it does not.
    // PermissionDenied under an Observer that refuses writes. Cost: one fdatasync at the outermost
    // level.
    Status write(const std::function<Status(Connection&)>& change);
    // As write(), for tables that only keep books (access counts): not refused by an Observer.
    // Internal when it changes any other table.
    Status keep_books(const std::function<Status(Connection&)>& change);
    // Runs `query` on a reading connection, which sees one state of the file throughout, or on the
    // writing one inside this thread's own write(). Nested reads share the connection.
    Status read(const std::function<Status(Connection&)>& query);
    // True while the calling thread is inside write().
    bool writing() const;

    // Adds tables whose changes Observers do not count.
    void set_bookkeeping(std::vector<std::string> tables);
    // Moves the WAL into the file and truncates it. Conflict inside this thread's own write() or read(),
    // Unavailable when a reader or a change goes on for longer than 5 s. New readers wait meanwhile.
    Status checkpoint();
    // Looks through the whole file: DataLoss with SQLite's findings. Cost: reads every page.
    Status check();
    const std::filesystem::path& file() const;

  private:
    friend class Observer;
    struct Inner;
    explicit Database(std::unique_ptr<Inner> inner);
    std::unique_ptr<Inner> inner_;
};

}  // namespace resonant::sql
