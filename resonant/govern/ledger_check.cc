#include "resonant/govern/ledger_check.h"

#include <fmt/core.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <set>
#include <utility>

#include "resonant/govern/ledger_reads.h"
#include "resonant/sql/failure.h"

namespace resonant::govern {
namespace {

// In the order of the format; the rows of a batch of reads come along.
constexpr const char* kScan =
    "SELECT l.seq, l.at_ns, l.kind, l.intent, l.principal, l.role, l.session, l.tool, l.access, l.arguments_hash,"
    " l.decision, l.stage, l.rule, l.reason, l.stages, l.effects, l.mismatch, l.ring_position, l.duration_ns,"
    " l.prev_hash, l.hash, r.rows FROM ledger l LEFT JOIN ledger_reads r ON r.entry = l.seq WHERE l.seq >= ?1 ORDER BY l.seq LIMIT ?2";
constexpr std::size_t kSliceEntries = 20'000;
enum Column { kSeq = 0, kAt = 1, kKind = 2, kIntent = 3, kTool = 7, kEffects = 15, kPrevious = 19, kHash = 20, kRows = 21 };

class Scan {
  public:
    // Up to `entries` rows from `first` on.
    static Result<Scan> over(sqlite3* connection, std::int64_t first, std::size_t entries) {
        sqlite3_stmt* statement = nullptr;
        const int outcome = sqlite3_prepare_v2(connection, kScan, -1, &statement, nullptr);
        if (outcome != SQLITE_OK) {
            return sql::fail_sqlite(connection, outcome, "verify the ledger");
        }
        sqlite3_bind_int64(statement, 1, first);
        sqlite3_bind_int64(statement, 2, static_cast<std::int64_t>(entries));
        return Scan(connection, statement);
    }
    Scan(Scan&& other) noexcept : connection_(other.connection_), statement_(std::exchange(other.statement_, nullptr)) {}
    Scan& operator=(Scan&&) = delete;
    ~Scan() { sqlite3_finalize(statement_); }

    Result<bool> step() {
        const int outcome = sqlite3_step(statement_);
        if (outcome == SQLITE_ROW || outcome == SQLITE_DONE) {
            return outcome == SQLITE_ROW;
        }
        return sql::fail_sqlite(connection_, outcome, "verify the ledger");
    }

    std::string_view bytes(int column) const {
        const void* data = sqlite3_column_blob(statement_, column);
        return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }
    std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
    bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }

    // The hash of the row as it is stored now, whatever the types are.
    Hash hash() {
        serial_.begin();
        for (int column = 0; column < kLedgerColumns; ++column) {
            switch (sqlite3_column_type(statement_, column)) {
                case SQLITE_INTEGER: serial_.integer(integer(column)); break;
                case SQLITE_FLOAT: serial_.real(sqlite3_column_double(statement_, column)); break;
                case SQLITE_TEXT: serial_.text(bytes(column)); break;
                case SQLITE_BLOB: serial_.blob(bytes(column)); break;
                default: serial_.null();
            }
        }
        return sha256(serial_.bytes());
    }

  private:
    Scan(sqlite3* connection, sqlite3_stmt* statement) : connection_(connection), statement_(statement) {}
    sqlite3* connection_;
    sqlite3_stmt* statement_;
    Serial serial_;
};

class Checker {
  public:
    Checker(Nanos since, Result<Ledger::Head> remembered) : since_(since), remembered_(std::move(remembered)) {}

    void begin_behind(std::int64_t seq, std::string_view hash) { follow_hash(seq, hash); }
    std::int64_t next_seq() const { return next_seq_; }
    bool at_end() const { return at_end_; }
    std::uint64_t reached() const { return report_.head.seq; }

    void row(Scan& scan) {
        const std::int64_t seq = scan.integer(kSeq);
        const Hash found = scan.hash();
        std::string why;
        if (seq != expected_seq_) {
            why = fmt::format("entries {} to {} are missing", expected_seq_, seq - 1);
        } else if (scan.bytes(kPrevious) != view_of(previous_)) {
            why = "it does not follow from the entry before it";
        } else if (scan.bytes(kHash) != view_of(found)) {
            why = "it is not what was written";
        } else if (scan.bytes(kKind) == "reads" && !scan.is_null(kRows)) {
            why = check_reads(scan.bytes(kRows), scan.bytes(kEffects));
        }
        if (!why.empty()) {
            broken(seq, found, scan, why);
        } else if (scan.bytes(kKind) == "event" && scan.bytes(kTool) == kAcknowledge) {
            acknowledge(scan.bytes(kEffects));
        }
        follow(scan, seq);
        report_.verification.entries += scan.integer(kAt) >= since_.count ? 1U : 0U;
    }

    ChainReport finish() {
        check_tail();
        Verification& verification = report_.verification;
        verification.ok = report_.breaks == 0;
        verification.head_seq = report_.head.seq;
        verification.head_hash = hex(report_.head.hash);
        report_.digest = sha256(breaks_bytes_);
        report_.open_intents.assign(open_.begin(), open_.end());
        return std::move(report_);
    }

  private:
    void follow_hash(std::int64_t seq, std::string_view hash) {
        previous_ = {};
        std::memcpy(previous_.data(), hash.data(), std::min(hash.size(), previous_.size()));
        at_end_ = seq == std::numeric_limits<std::int64_t>::max();
        next_seq_ = expected_seq_ = at_end_ ? seq : seq + 1;
        report_.head = {static_cast<std::uint64_t>(seq), previous_};
    }

    void follow(const Scan& scan, std::int64_t seq) {
        const std::string_view hash = scan.bytes(kHash);
        follow_hash(seq, hash);
        if (remembered_ && remembered_->seq == report_.head.seq) {
            remembered_fits_ = hash == view_of(remembered_->hash);
        }
        if (scan.bytes(kKind) == "intent") {
            open_.insert(static_cast<std::uint64_t>(seq));
        } else if (!scan.is_null(kIntent)) {
            open_.erase(static_cast<std::uint64_t>(scan.integer(kIntent)));
        }
    }

    void broken(std::int64_t seq, const Hash& found, const Scan& scan, const std::string& why) {
        Verification& verification = report_.verification;
        if (report_.breaks++ == 0) {
            verification.first_break = static_cast<std::uint64_t>(seq);
            verification.why = fmt::format("entry {}: {}", seq, why);
        }
        Serial serial;
        serial.integer(seq);
        serial.blob(view_of(found));
        serial.blob(scan.bytes(kHash));
        serial.blob(scan.bytes(kRows));
        breaks_bytes_ += serial.bytes();
    }

    static std::string check_reads(std::string_view blob, std::string_view effects) {
        std::vector<Hash> leaves;
        const Json told = Json::parse(effects, nullptr, false);
        if (!unpack(blob, &leaves) || !told.is_object() || told.value("merkle_root", "") != hex(merkle_root(leaves))) {
            return "its reads are not those it was made of";
        }
        return {};
    }

    // An acknowledgement covers exactly the breaks before it, as they were found then.
    void acknowledge(std::string_view effects) {
        const Json told = Json::parse(effects, nullptr, false);
        if (report_.breaks > 0 && told.is_object() && told.value("digest", "") == hex(sha256(breaks_bytes_))) {
            report_.verification.acknowledged += report_.breaks;
            report_.verification.first_break = 0;
            report_.verification.why.clear();
            report_.breaks = 0;
            breaks_bytes_.clear();
        }
    }

    void check_tail() {
        std::string why;
        if (!remembered_) {
            why = remembered_.error().message;
        } else if (remembered_->seq > report_.head.seq) {
            why = fmt::format("the tail is cut: ledger.head names entry {}, the ledger ends at {}", remembered_->seq,
                              report_.head.seq);
        } else if (remembered_->seq > 0 && !remembered_fits_) {
            why = fmt::format("entry {} is another than ledger.head remembers", remembered_->seq);
        }
        if (why.empty()) {
            return;
        }
        Verification& verification = report_.verification;
        if (report_.breaks++ == 0) {
            verification.first_break = remembered_ ? std::max<std::uint64_t>(remembered_->seq, 1) : report_.head.seq + 1;
            verification.why = std::move(why);
        }
    }

    Nanos since_;
    Result<Ledger::Head> remembered_;
    ChainReport report_;
    std::int64_t expected_seq_ = 1;
    std::int64_t next_seq_ = std::numeric_limits<std::int64_t>::min();  // where the next slice begins
    bool at_end_ = false;
    Hash previous_{};
    std::string breaks_bytes_;
    std::set<std::uint64_t> open_;
    bool remembered_fits_ = false;
};

}  // namespace

struct ChainCheck::Progress {
    Checker checker;
};

ChainCheck::ChainCheck(Nanos since, Result<Ledger::Head> remembered)
    : progress_(std::make_unique<Progress>(Checker(since, std::move(remembered)))) {}
ChainCheck::ChainCheck(ChainCheck&&) noexcept = default;
ChainCheck& ChainCheck::operator=(ChainCheck&&) noexcept = default;
ChainCheck::~ChainCheck() = default;

Status ChainCheck::begin_at(sql::Connection& connection, std::uint64_t seq) {
    const std::int64_t before = static_cast<std::int64_t>(seq) - 1;
    RESONANT_ASSIGN(sql::Statement row, connection.prepare("SELECT hash FROM ledger WHERE seq=?"));
    row.bind(1, before);
    RESONANT_ASSIGN(const bool found, row.step());
    if (!found) {
        return fail(Code::NotFound, fmt::format("verify the ledger from entry {}: entry {} is missing", seq, before));
    }
    progress_->checker.begin_behind(before, row.text(0));
    return {};
}

Result<bool> ChainCheck::go_on(sql::Connection& connection, std::size_t entries) {
    Checker& checker = progress_->checker;
    if (checker.at_end()) {
        return false;
    }
    RESONANT_ASSIGN(Scan scan, Scan::over(connection.handle(), checker.next_seq(), entries));
    for (std::size_t seen = 0; seen < entries; ++seen) {
        RESONANT_ASSIGN(const bool more, scan.step());
        if (!more) {
            return false;
        }
        checker.row(scan);
    }
    return true;
}

std::uint64_t ChainCheck::reached() const { return progress_->checker.reached(); }

ChainReport ChainCheck::finish() { return progress_->checker.finish(); }

Result<ChainReport> check_chain(sql::Database& database, Nanos since, Result<Ledger::Head> remembered) {
    ChainCheck check(since, std::move(remembered));
    for (bool more = true; more;) {
        RESONANT_CHECK(database.read([&](sql::Connection& connection) -> Status {
            RESONANT_ASSIGN(more, check.go_on(connection, kSliceEntries));
            return {};
        }));
    }
    return check.finish();
}

}  // namespace resonant::govern
