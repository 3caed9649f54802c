#include "resonant/sql/failure.h"

#include <sqlite3.h>

#include <cerrno>
#include <system_error>

namespace resonant::sql {
namespace {

struct Meaning {
    Code code;
    const char* way_out;
};

Meaning meaning_of_errno(int error_number, Meaning otherwise) {
    switch (error_number) {
        case ENOSPC:
        case EDQUOT:
        case EFBIG:
            return {Code::ResourceExhausted, "the disk is full; nothing was changed; free space"};
        case ENOENT: return {Code::NotFound, "the folder is missing; create it"};
        case EACCES:
        case EPERM:
        case EROFS:
            return {Code::PermissionDenied, "make the folder and its files writable for this user"};
        default: return otherwise;
    }
}

Meaning meaning_of_constraint(int outcome) {
    if (outcome == SQLITE_CONSTRAINT_UNIQUE || outcome == SQLITE_CONSTRAINT_PRIMARYKEY) {
        return {Code::AlreadyExists, "a row with this key is there already"};
    }
    return {Code::InvalidArgument, "the row breaks a rule of its table"};
}

Meaning meaning_of(int outcome, int error_number) {
    switch (outcome & 0xff) {
        case SQLITE_FULL:
            return {Code::ResourceExhausted, "the disk is full; nothing was changed; free space"};
        case SQLITE_NOMEM: return {Code::ResourceExhausted, "out of memory; nothing was changed"};
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB: return {Code::DataLoss, "the file is damaged; restore it from a copy"};
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return {Code::PermissionDenied, "make the folder and its files writable for this user"};
        case SQLITE_CANTOPEN:
            return meaning_of_errno(
                error_number, {Code::Unavailable, "check that the folder exists and is writable"});
        case SQLITE_IOERR:
            return meaning_of_errno(
                error_number, {Code::Unavailable, "the disk gave an error; nothing was changed"});
        case SQLITE_BUSY:
        case SQLITE_LOCKED: return {Code::Unavailable, "another process holds the file; try again"};
        case SQLITE_TOOBIG: return {Code::InvalidArgument, "a value is too large for one row"};
        case SQLITE_CONSTRAINT: return meaning_of_constraint(outcome);
        case SQLITE_INTERRUPT: return {Code::Timeout, "it was interrupted"};
        default: return {Code::Internal, "this is a defect of ours; please report it"};
    }
}

// errno of the last failure: SQLite remembers it for the connection, or only in the file or its
// log.
int last_errno(sqlite3* connection) {
    int found = sqlite3_system_errno(connection);
    if (found == 0) {
        sqlite3_file_control(connection, "main", SQLITE_FCNTL_LAST_ERRNO, &found);
    }
    sqlite3_file* log = nullptr;
    if (found == 0 &&
        sqlite3_file_control(connection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) == SQLITE_OK &&
        log != nullptr && log->pMethods != nullptr) {
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &found);
    }
    return found;
}

}  // namespace

std::unexpected<Error> fail_sqlite(sqlite3* connection, int outcome, std::string_view tried) {
    const bool system_matters =
        (outcome & 0xff) == SQLITE_IOERR || (outcome & 0xff) == SQLITE_CANTOPEN;
    const int error_number = connection == nullptr || !system_matters ? 0 : last_errno(connection);
    const Meaning meaning = meaning_of(outcome, error_number);
    std::string words =
        connection == nullptr ? sqlite3_errstr(outcome) : sqlite3_errmsg(connection);
    if (error_number != 0) {
        words += " (" + std::generic_category().message(error_number) + ")";
    }
    return fail(meaning.code, std::string(tried) + ": " + words + "; " + meaning.way_out);
}

}  // namespace resonant::sql
