#include "resonant/sql/term_postings.h"

#include <sqlite3.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory>

#include "resonant/sql/failure.h"

namespace resonant::sql {
namespace {

// What stands before the postings, in the place of one.
struct Head {
    std::int64_t rows = 0;
    std::int64_t tokens = 0;
};
static_assert(sizeof(Head) == sizeof(TermPosting));

struct Walk {
    std::vector<double> weights;  // of each column
    std::vector<TermPosting> found;
    std::uint32_t term = 0;
};

// Called by C, for each row that has the term: nothing is thrown out of it.
int take_row(const Fts5ExtensionApi* api, Fts5Context* context, void* given) try {
    Walk& walk = *static_cast<Walk*>(given);
    double weight = 0;
    int column = 0, offset = 0;
    Fts5PhraseIter place;
    const int outcome = api->xPhraseFirst(context, 0, &place, &column, &offset);
    if (outcome != SQLITE_OK) {
        return outcome;
    }
    for (; column >= 0; api->xPhraseNext(context, &place, &column, &offset)) {
        const auto at = static_cast<std::size_t>(column);
        weight += at < walk.weights.size() ? walk.weights[at] : 1.0;
    }
    walk.found.push_back({api->xRowid(context), static_cast<float>(weight), walk.term});
    return SQLITE_OK;
} catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
}

int walk_terms(const Fts5ExtensionApi* api, Fts5Context* context, Walk& walk) {
    sqlite3_int64 rows = 0, tokens = 0;
    int outcome = api->xRowCount(context, &rows);
    if (outcome == SQLITE_OK) {
        outcome = api->xColumnTotalSize(context, -1, &tokens);
    }
    walk.found.push_back(std::bit_cast<TermPosting>(Head{rows, tokens}));
    const int terms = api->xPhraseCount(context);
    for (int i = 0; i < terms && outcome == SQLITE_OK; ++i) {
        walk.term = static_cast<std::uint32_t>(i);
        outcome = api->xQueryPhrase(context, i, &walk, take_row);
    }
    return outcome;
}

// Called by C: nothing is thrown out of it.
void term_postings(const Fts5ExtensionApi* api, Fts5Context* context, sqlite3_context* answer, int count,
                   sqlite3_value** given) try {
    auto made = std::make_unique<Walk>();
    std::transform(given, given + count, std::back_inserter(made->weights), sqlite3_value_double);
    int outcome = walk_terms(api, context, *made);
    const Walk* const walk = made.get();
    if (outcome == SQLITE_OK) {  // it is FTS5's from here, even when it refuses it
        outcome = api->xSetAuxdata(context, made.release(), [](void* kept) { delete static_cast<Walk*>(kept); });
    }
    if (outcome != SQLITE_OK) {
        return sqlite3_result_error_code(answer, outcome);
    }
    sqlite3_result_blob64(answer, walk->found.data(), walk->found.size() * sizeof(TermPosting), SQLITE_STATIC);
} catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(answer);
}

}  // namespace

Result<TermPostings> term_postings_of(std::span<const std::byte> blob) {
    if (blob.size() < sizeof(Head) || blob.size() % sizeof(TermPosting) != 0) {
        return fail(Code::DataLoss, "term postings: " + std::to_string(blob.size()) +
                                        " bytes are none; check the database (resonant memory verify)");
    }
    Head head;
    std::memcpy(&head, blob.data(), sizeof head);
    TermPostings read{head.rows, head.tokens, {}};
    const auto rest = blob.subspan(sizeof head);
    read.postings.resize(rest.size() / sizeof(TermPosting));
    if (!rest.empty()) {
        std::memcpy(read.postings.data(), rest.data(), rest.size());
    }
    return read;
}

// FTS5 keeps the columns' numbers one after another, seven bits a byte, the last byte of each below 128.
std::uint32_t tokens_of(std::span<const std::byte> sizes) {
    std::uint64_t sum = 0, number = 0;
    for (const std::byte each : sizes) {
        number = (number & 0xffffff) << 7 | (std::to_integer<std::uint64_t>(each) & 0x7f);
        if (each < std::byte{0x80}) {
            sum += number;
            number = 0;
        }
    }
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, std::numeric_limits<std::uint32_t>::max()));
}

Status add_term_postings(sqlite3* connection) {
    fts5_api* api = nullptr;
    sqlite3_stmt* statement = nullptr;
    int outcome = sqlite3_prepare_v2(connection, "SELECT fts5(?1)", -1, &statement, nullptr);
    if (outcome == SQLITE_OK) {
        sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    if (outcome == SQLITE_OK && api != nullptr) {
        outcome = api->xCreateFunction(api, "term_postings", nullptr, term_postings, nullptr);
    }
    if (outcome != SQLITE_OK || api == nullptr) {
        return fail_sqlite(connection, outcome == SQLITE_OK ? SQLITE_ERROR : outcome,
                           "open database: full text (FTS5) is not in this SQLite");
    }
    return {};
}

}  // namespace resonant::sql
