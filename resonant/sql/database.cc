#include "resonant/sql/database.h"

#include <sqlite3.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "resonant/base/ensure.h"
#include "resonant/sql/failure.h"
#include "resonant/sql/opening.h"
#include "resonant/sql/optimistic.h"
#include "resonant/sql/page_owners.h"
#include "resonant/sql/reader_pool.h"

namespace resonant::sql {
namespace {

constexpr std::chrono::seconds kPatience{5};  // of a checkpoint, for readers and for the writer
constexpr int kDepthMax = 16;                 // of write() inside write()

// The observers of this thread, innermost first. Thread-wide by nature: what a call changes is told
// by the thread it runs on.
thread_local Observer* innermost_observer = nullptr;

thread_local Optimistic* optimistic_here = nullptr;

// Names of savepoints by depth; their texts stay the same, so that the statements are prepared once.
constexpr std::array<std::string_view, kDepthMax + 1> kLevels = {
    "", "", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"};

std::string savepoint(std::string_view what, int depth) {
    return std::string(what) + " level_" + std::string(kLevels[static_cast<std::size_t>(depth)]);
}

// The one text or number that `query` gives.
Result<std::string> single(Connection& connection, std::string_view query) {
    RESONANT_ASSIGN(Statement statement, connection.prepare(query));
    RESONANT_ASSIGN(const bool has_row, statement.step());
    return has_row ? statement.text(0) : std::string();
}

Status run_one(Connection& connection, std::string_view query) {
    RESONANT_ASSIGN(Statement statement, connection.prepare(query));
    return statement.run();
}

// DELETE without WHERE would skip the update hook; SQLITE_IGNORE makes SQLite delete row by row. In
// the midst of DROP it would mean "leave it", so the question that follows a DROP is answered with
// yes.
int delete_row_by_row(void* context, int action, const char* table, const char*, const char*,
                      const char*) {
    bool& dropping = *static_cast<bool*>(context);
    const bool in_drop =
        std::exchange(dropping, action == SQLITE_DROP_TABLE || action == SQLITE_DROP_INDEX ||
                                    action == SQLITE_DROP_TRIGGER || action == SQLITE_DROP_VIEW ||
                                    action == SQLITE_DROP_VTABLE);
    const bool rows_of_ours = action == SQLITE_DELETE && !in_drop && table != nullptr &&
                              !std::string_view(table).starts_with("sqlite_");
    return rows_of_ours ? SQLITE_IGNORE : SQLITE_OK;
}

}  // namespace

struct Database::Inner {
    using Change = std::function<Status(Connection&)>;
    using Counts = std::vector<std::pair<Observer*, std::map<std::string, RowChanges>>>;

    std::filesystem::path file;
    Options options;
    Database* self = nullptr;

    std::unique_ptr<Connection> writer;  // null when read-only
    std::mutex write_mutex;
    std::atomic<std::thread::id> writing_thread{};
    int depth = 0;               // of write() inside write(); the writing thread's
    bool keeping_books = false;  // the innermost one is keep_books()
    std::string strayed;         // table that keep_books() must not touch, but did
    bool dropping = false;       // delete_row_by_row()'s memory
    std::optional<Error> lost;   // SQLite rolled the whole transaction back by itself

    PageOwners owners;  // of pages that are not as they were written
    std::optional<ReaderPool> readers{std::in_place, owners};

    std::mutex names_mutex;
    std::set<std::string, std::less<>> bookkeeping;
    std::set<std::string, std::less<>> shadow;  // FTS's own tables
    std::string shadow_schema;                  // schema version at which `shadow` was read

    ~Inner() {
        readers.reset();
        writer.reset();
    }

    Counts counts() const;
    static void on_update(void* self, int action, const char*, const char* table, sqlite3_int64);
    void learn_shadow_tables();
    Status begin();
    Status finish(const Status& outcome, std::int64_t changes_before);
    Status roll_back(const Status& outcome);
    Status nest(const Change& change, bool books);
    Status transact(const Change& change, bool books);
    Status checkpoint_alone();
};

// What the observers of this thread have counted so far, to go back to when a change is rolled
// back.
Database::Inner::Counts Database::Inner::counts() const {
    Counts found;
    for (Observer* observer = innermost_observer; observer; observer = observer->outer_) {
        if (&observer->database_ == self) {
            found.emplace_back(observer, observer->changes_);
        }
    }
    return found;
}

void Database::Inner::on_update(void* context, int action, const char*, const char* table,
                                sqlite3_int64) {
    auto& inner = *static_cast<Inner*>(context);
    const std::lock_guard lock(inner.names_mutex);
    if (inner.bookkeeping.contains(std::string_view(table)) ||
        inner.shadow.contains(std::string_view(table))) {
        return;
    }
    if (inner.keeping_books) {
        inner.strayed = table;
    }
    for (Observer* observer = innermost_observer; observer; observer = observer->outer_) {
        if (&observer->database_ != inner.self) {
            continue;
        }
        RowChanges& seen = observer->changes_[table];
        seen.inserted += action == SQLITE_INSERT ? 1 : 0;
        seen.updated += action == SQLITE_UPDATE ? 1 : 0;
        seen.deleted += action == SQLITE_DELETE ? 1 : 0;
    }
}

// FTS5 keeps its index in tables of its own, whose changes say nothing that the rows do not.
void Database::Inner::learn_shadow_tables() {
    const Result<std::string> version = single(*writer, "PRAGMA schema_version");
    if (!version || *version == shadow_schema) {
        return;
    }
    Result<Statement> names =
        writer->prepare("SELECT name FROM pragma_table_list WHERE type='shadow'");
    std::set<std::string, std::less<>> found;
    while (names) {
        const Result<bool> row = names->step();
        if (!row || !*row) {
            break;
        }
        found.insert(names->text(0));
    }
    const std::lock_guard lock(names_mutex);
    shadow = std::move(found);
    shadow_schema = *version;
}

Status Database::Inner::begin() {
    ++depth;
    RESONANT_ENSURE(depth <= kDepthMax, "write() is nested too deep: a change calls itself");
    if (depth > 1) {
        return optimistic_here != nullptr ? Status() : run_one(*writer, savepoint("SAVEPOINT", depth));
    }
    lost.reset();
    const Status begun = run_one(*writer, "BEGIN IMMEDIATE");
    if (begun && (innermost_observer != nullptr || keeping_books)) {
        learn_shadow_tables();
    }
    return begun;
}

Status Database::Inner::finish(const Status& outcome, std::int64_t changes_before) {
    Optimistic* const hope = depth > 1 ? optimistic_here : nullptr;
    if (hope != nullptr) {
        // Nothing to undo, or nothing that could be undone alone.
        hope->spoiled_ = hope->spoiled_ || (!outcome && sqlite3_total_changes64(writer->handle()) != changes_before) ||
                         sqlite3_get_autocommit(writer->handle()) != 0;
        return outcome;
    }
    if (depth == 1 && optimistic_here != nullptr && optimistic_here->spoiled_) {
        return roll_back(fail(Code::Conflict, "the transaction was spoiled by one of its changes"));
    }
    if (outcome && depth == 1) {
        if (const Status sound = owners.judge(writer->handle()); !sound) {
            return roll_back(sound);
        }
    }
    if (outcome && !lost) {
        const Status done =
            depth == 1 ? run_one(*writer, "COMMIT") : run_one(*writer, savepoint("RELEASE", depth));
        return done ? done : roll_back(done);
    }
    return roll_back(outcome ? Status(std::unexpected(*lost)) : outcome);
}

Status Database::Inner::roll_back(const Status& outcome) {
    const bool gone = sqlite3_get_autocommit(writer->handle()) != 0;
    if (depth == 1) {
        if (!gone) {
            const Status undone = run_one(*writer, "ROLLBACK");
            RESONANT_ENSURE(undone.has_value() || sqlite3_get_autocommit(writer->handle()) != 0,
                            "ROLLBACK failed and left a transaction open");
        }
        return outcome;
    }
    if (gone) {
        // A full disk ends the whole transaction. What the outer levels still do must not be
        // committed one by one: give them a transaction that finish() will not commit.
        lost = outcome.error();
        RESONANT_CHECK(run_one(*writer, "BEGIN IMMEDIATE"));
        for (int level = 2; level < depth; ++level) {
            RESONANT_CHECK(run_one(*writer, savepoint("SAVEPOINT", level)));
        }
        return outcome;
    }
    RESONANT_CHECK(run_one(*writer, savepoint("ROLLBACK TO", depth)));
    RESONANT_CHECK(run_one(*writer, savepoint("RELEASE", depth)));
    return outcome;
}

// One level of write(): the caller holds the writing connection.
Status Database::Inner::nest(const Change& change, bool books) {
    const Counts before = counts();
    const std::int64_t changes_before = sqlite3_total_changes64(writer->handle());
    const bool outer_books = keeping_books;
    keeping_books = books;
    const auto close = [&](const Status& outcome) {
        const Status finished = finish(outcome, changes_before);
        if (!finished) {
            for (const auto& [observer, changes] : before) {
                observer->changes_ = changes;
            }
        }
        --depth;
        keeping_books = outer_books;
        return finished;
    };
    if (const Status begun = begin(); !begun) {
        --depth;
        keeping_books = outer_books;
        return begun;
    }
    strayed.clear();
    try {
        Status outcome = change(*writer);
        if (outcome && books && !strayed.empty()) {
            outcome = fail(Code::Internal, "keep_books: changed table " + strayed +
                                               ", which is no bookkeeping table; use write()");
        }
        return close(outcome);
    } catch (...) {
        // The error that close() returns is the one it is given.
        static_cast<void>(close(fail(Code::Internal, "the change threw")));
        throw;
    }
}

Status Database::Inner::transact(const Change& change, bool books) {
    if (writer == nullptr) {
        return fail(Code::PermissionDenied,
                    "write: " + file.string() + " was opened read-only; open it for writing");
    }
    if (writing_thread.load() == std::this_thread::get_id()) {
        return nest(change, books);
    }
    const std::lock_guard lock(write_mutex);
    struct Turn {
        explicit Turn(std::atomic<std::thread::id>& holder) : thread(holder) {
            thread.store(std::this_thread::get_id());
        }
        ~Turn() { thread.store(std::thread::id()); }
        std::atomic<std::thread::id>& thread;
    };
    const Turn turn(writing_thread);
    return nest(change, books);
}

// The turn to write is waited for with an end: who has it might wait for a reader that waits for
// us.
Status Database::Inner::checkpoint_alone() {
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    std::unique_lock turn(write_mutex, std::try_to_lock);
    while (!turn.owns_lock() && std::chrono::steady_clock::now() < give_up) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        turn.try_lock();
    }
    if (!turn.owns_lock()) {
        return fail(Code::Unavailable, "checkpoint: a change goes on for too long; try again");
    }
    RESONANT_ASSIGN(Statement statement, writer->prepare("PRAGMA wal_checkpoint(TRUNCATE)"));
    RESONANT_ASSIGN(const bool has_row, statement.step());
    if (!has_row || statement.integer(0) != 0) {
        return fail(Code::Unavailable, "checkpoint: another process reads an old state; try again");
    }
    return {};
}

Database::Database(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) { inner_->self = this; }

Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file,
                                                 Options options) {
    RESONANT_ENSURE(options.readers > 0, "a Database needs at least one reader");
    auto inner = std::make_unique<Inner>();
    inner->file = file;
    inner->owners.file = file;
    inner->options = options;
    if (!options.read_only) {
        RESONANT_CHECK(create_private(file));
        RESONANT_ASSIGN(inner->writer, connect(file, false));
        RESONANT_ASSIGN(const std::string mode, single(*inner->writer, "PRAGMA journal_mode=WAL"));
        if (mode != "wal") {
            return fail(Code::Unavailable, "open database " + file.string() + ": journal mode is " +
                                               mode + ", wal is needed; use a local file system");
        }
        RESONANT_CHECK(
            inner->writer->run("PRAGMA synchronous=FULL; PRAGMA journal_size_limit=33554432;"
                               // A background thread does it (LogRelief); a commit only where that cannot keep up.
                               "PRAGMA wal_autocheckpoint=8000"));
        sqlite3_update_hook(inner->writer->handle(), &Inner::on_update, inner.get());
        sqlite3_set_authorizer(inner->writer->handle(), &delete_row_by_row, &inner->dropping);
    }
    for (int i = 0; i < options.readers; ++i) {
        RESONANT_ASSIGN(auto reader, connect(file, options.read_only));
        RESONANT_CHECK(reader->run("PRAGMA query_only=ON"));
        RESONANT_CHECK(inner->owners.judge(reader->handle()));
        inner->readers->add(std::move(reader));
    }
    return std::unique_ptr<Database>(new Database(std::move(inner)));
}

Status Database::write(const std::function<Status(Connection&)>& change) {
    for (Observer* observer = innermost_observer; observer; observer = observer->outer_) {
        if (&observer->database_ == this && observer->mode_ == Observer::Mode::RefuseWrites) {
            observer->refused_ = true;
            return fail(
                Code::PermissionDenied,
                "write: a tool that is declared to read tried to write; declare its effect");
        }
    }
    return inner_->transact(change, false);
}

Status Database::keep_books(const std::function<Status(Connection&)>& change) {
    return inner_->transact(change, true);
}

Status Database::read(const std::function<Status(Connection&)>& query) {
    return writing() ? query(*inner_->writer) : inner_->readers->lend(query);
}

bool Database::writing() const {
    return inner_->writing_thread.load() == std::this_thread::get_id();
}

void Database::set_bookkeeping(std::vector<std::string> tables) {
    const std::lock_guard lock(inner_->names_mutex);
    inner_->bookkeeping.insert(tables.begin(), tables.end());
}

Status Database::checkpoint() {
    if (writing()) {
        return fail(Code::Conflict, "checkpoint: called inside write(); call it after the commit");
    }
    if (inner_->writer == nullptr) {
        return fail(Code::PermissionDenied, "checkpoint: the database was opened read-only");
    }
    RESONANT_CHECK(inner_->readers->hush(kPatience));
    const Status done = inner_->checkpoint_alone();
    inner_->readers->let_go_on();
    return done;
}

Status Database::check() {
    return read([&](Connection& connection) -> Status {
        RESONANT_ASSIGN(const std::string findings, single(connection, "PRAGMA quick_check(1)"));
        if (findings == "ok") {
            return {};
        }
        return fail(Code::DataLoss, "check database " + inner_->file.string() + ": " + findings +
                                        "; restore it from a copy");
    });
}

const std::filesystem::path& Database::file() const { return inner_->file; }

Optimistic::Optimistic() {
    RESONANT_ENSURE(optimistic_here == nullptr, "one Optimistic at a time");
    optimistic_here = this;
}

Optimistic::~Optimistic() { optimistic_here = nullptr; }

Observer::Observer(Database& database, Mode mode)
    : database_(database), mode_(mode), outer_(innermost_observer) {
    innermost_observer = this;
    if (database.writing()) {
        database.inner_->learn_shadow_tables();
    }
}

Observer::~Observer() {
    RESONANT_ENSURE(innermost_observer == this, "observers of one thread end innermost first");
    innermost_observer = outer_;
}

}  // namespace resonant::sql
