#include "resonant/sql/database.h"

#include <sqlite3.h>

#include <utility>

#include "resonant/base/ensure.h"
#include "resonant/sql/failure.h"

namespace resonant::sql {

Statement::Statement(Statement&& other) noexcept
    : connection_(other.connection_),
      statement_(std::exchange(other.statement_, nullptr)),
      lent_(std::exchange(other.lent_, nullptr)),
      bind_outcome_(other.bind_outcome_) {}

Statement::~Statement() {
    if (statement_ == nullptr) {
        return;
    }
    // The outcome of reset and finalize repeats that of the last step, which was reported.
    if (lent_ == nullptr) {
        sqlite3_finalize(statement_);
        return;
    }
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
    *lent_ = false;
}

Statement& Statement::bound(int outcome) {
    RESONANT_ENSURE(outcome != SQLITE_RANGE, "bind: the statement has no such parameter");
    RESONANT_ENSURE(outcome != SQLITE_MISUSE, "bind: the statement is running; bind before step");
    if (bind_outcome_ == SQLITE_OK) {
        bind_outcome_ = outcome;
    }
    return *this;
}

Statement& Statement::bind(int parameter, std::int64_t value) {
    return bound(sqlite3_bind_int64(statement_, parameter, value));
}

Statement& Statement::bind(int parameter, double value) {
    return bound(sqlite3_bind_double(statement_, parameter, value));
}

Statement& Statement::bind(int parameter, std::string_view text) {
    // A null pointer would bind NULL: an empty text is a text.
    const char* data = text.data() == nullptr ? "" : text.data();
    return bound(sqlite3_bind_text64(statement_, parameter, data, text.size(), SQLITE_TRANSIENT,
                                     SQLITE_UTF8));
}

Statement& Statement::bind(int parameter, std::span<const std::byte> blob) {
    if (blob.empty()) {
        return bound(sqlite3_bind_zeroblob(statement_, parameter, 0));
    }
    return bound(
        sqlite3_bind_blob64(statement_, parameter, blob.data(), blob.size(), SQLITE_TRANSIENT));
}

Statement& Statement::bind_null(int parameter) {
    return bound(sqlite3_bind_null(statement_, parameter));
}

Statement& Statement::reset() {
    sqlite3_reset(statement_);  // repeats the outcome of the last step, which was reported
    bind_outcome_ = SQLITE_OK;
    return *this;
}

Result<bool> Statement::step() {
    const int outcome = bind_outcome_ == SQLITE_OK ? sqlite3_step(statement_) : bind_outcome_;
    if (outcome == SQLITE_ROW) {
        return true;
    }
    if (outcome == SQLITE_DONE) {
        return false;
    }
    return fail_sqlite(connection_, outcome, sqlite3_sql(statement_));
}

Status Statement::run() {
    RESONANT_ASSIGN(const bool has_row, step());
    RESONANT_ENSURE(!has_row, "run: the statement gives rows; read them with step()");
    return {};
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Statement::text(int column) const {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return data == nullptr ? std::string() : std::string(data, size);
}

std::span<const std::byte> Statement::blob(int column) const {
    const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Connection::~Connection() {
    for (const auto& [query, cached] : cache_) {
        RESONANT_ENSURE(!cached.lent, "a Statement outlived its Connection");
        sqlite3_finalize(cached.statement);
    }
    RESONANT_ENSURE(sqlite3_close(handle_) == SQLITE_OK, "a statement outlived its Connection");
}

Result<Statement> Connection::prepare(std::string_view query) {
    if (const auto found = cache_.find(query); found != cache_.end() && !found->second.lent) {
        found->second.lent = true;
        return Statement(handle_, found->second.statement, &found->second.lent);
    }
    sqlite3_stmt* statement = nullptr;
    const int outcome = sqlite3_prepare_v3(handle_, query.data(), static_cast<int>(query.size()),
                                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (outcome != SQLITE_OK) {
        return fail_sqlite(handle_, outcome, query);
    }
    RESONANT_ENSURE(statement != nullptr, "prepare: the query is empty");
    constexpr std::size_t kCachedMax = 256;  // a query text that varies must not fill the memory
    if (cache_.contains(query) || cache_.size() >= kCachedMax) {
        return Statement(handle_, statement, nullptr);
    }
    const auto placed = cache_.emplace(std::string(query), Cached{statement, true}).first;
    return Statement(handle_, statement, &placed->second.lent);
}

Status Connection::run(const std::string& script) {
    const int outcome = sqlite3_exec(handle_, script.c_str(), nullptr, nullptr, nullptr);
    if (outcome != SQLITE_OK) {
        return fail_sqlite(handle_, outcome, script);
    }
    return {};
}

std::int64_t Connection::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

std::int64_t Connection::changes() const { return sqlite3_changes64(handle_); }

}  // namespace resonant::sql
