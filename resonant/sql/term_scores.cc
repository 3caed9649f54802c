#include "resonant/sql/term_scores.h"

#include <sqlite3.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <vector>

#include "resonant/sql/failure.h"

namespace resonant::sql {
namespace {

constexpr double kSaturation = 1.2;  // k1
constexpr double kLength = 0.75;     // b
constexpr double kRarityMin = 1e-6;  // of a term that more than half of the rows have

// What is the same for all rows of one query.
struct Query {
    std::vector<double> rarity;  // of each term: its idf
    double mean_tokens = 1;
    std::vector<double> weights;  // of each column
    std::vector<float> scores;    // of one row, kept so that rows allocate nothing
};

int count_row(const Fts5ExtensionApi*, Fts5Context*, void* count) {
    ++*static_cast<sqlite3_int64*>(count);
    return SQLITE_OK;
}

int open_query(const Fts5ExtensionApi* api, Fts5Context* context, Query& query) {
    sqlite3_int64 rows = 0, tokens = 0;
    int outcome = api->xRowCount(context, &rows);
    if (outcome == SQLITE_OK) {
        outcome = api->xColumnTotalSize(context, -1, &tokens);
    }
    query.mean_tokens = std::max(1.0, static_cast<double>(tokens) / static_cast<double>(std::max<sqlite3_int64>(rows, 1)));
    const int terms = api->xPhraseCount(context);
    for (int i = 0; i < terms && outcome == SQLITE_OK; ++i) {
        sqlite3_int64 having = 0;
        outcome = api->xQueryPhrase(context, i, &having, count_row);
        const double with = static_cast<double>(having) + 0.5;
        const double without = static_cast<double>(rows - having) + 0.5;
        query.rarity.push_back(std::max(kRarityMin, std::log(without / with)));
    }
    query.scores.resize(query.rarity.size());
    return outcome;
}

// All columns' tokens: FTS5 keeps their numbers one after another, seven bits a byte, the last byte of each below 128.
int tokens_of(const unsigned char* sizes, int bytes) {
    std::int64_t sum = 0, number = 0;
    for (int i = 0; i < bytes; ++i) {
        number = (number & 0xffffff) << 7 | (sizes[i] & 0x7f);
        if (sizes[i] < 0x80) {
            sum += number;
            number = 0;
        }
    }
    return static_cast<int>(std::min<std::int64_t>(sum, std::numeric_limits<int>::max()));
}

int score_row(const Fts5ExtensionApi* api, Fts5Context* context, sqlite3_value* sizes, Query& query) {
    int tokens = 0;
    if (sqlite3_value_type(sizes) == SQLITE_BLOB) {
        tokens = tokens_of(static_cast<const unsigned char*>(sqlite3_value_blob(sizes)), sqlite3_value_bytes(sizes));
    } else if (const int outcome = api->xColumnSize(context, -1, &tokens); outcome != SQLITE_OK) {
        return outcome;
    }
    const double stretch = kSaturation * (1 - kLength + kLength * tokens / query.mean_tokens);
    for (std::size_t i = 0; i < query.rarity.size(); ++i) {
        double count = 0;
        int column = 0, offset = 0;
        Fts5PhraseIter place;
        const int outcome = api->xPhraseFirst(context, static_cast<int>(i), &place, &column, &offset);
        if (outcome != SQLITE_OK) {
            return outcome;
        }
        for (; column >= 0; api->xPhraseNext(context, &place, &column, &offset)) {
            const auto at = static_cast<std::size_t>(column);
            count += at < query.weights.size() ? query.weights[at] : 1.0;
        }
        query.scores[i] = static_cast<float>(query.rarity[i] * count * (kSaturation + 1) / (count + stretch));
    }
    return SQLITE_OK;
}

// Called by C: nothing is thrown out of it.
void term_scores(const Fts5ExtensionApi* api, Fts5Context* context, sqlite3_context* answer, int count,
                 sqlite3_value** given) try {
    if (count < 1) {
        return sqlite3_result_error(answer, "term_scores: give the row's sizes, or NULL, behind the table", -1);
    }
    auto* query = static_cast<Query*>(api->xGetAuxdata(context, 0));
    if (query == nullptr) {
        auto made = std::make_unique<Query>();
        std::transform(given + 1, given + count, std::back_inserter(made->weights), sqlite3_value_double);
        int outcome = open_query(api, context, *made);
        query = made.get();
        if (outcome == SQLITE_OK) {  // it is FTS5's from here, even when it refuses it
            outcome = api->xSetAuxdata(context, made.release(), [](void* kept) { delete static_cast<Query*>(kept); });
        }
        if (outcome != SQLITE_OK) {
            return sqlite3_result_error_code(answer, outcome);
        }
    }
    if (const int outcome = score_row(api, context, given[0], *query); outcome != SQLITE_OK) {
        return sqlite3_result_error_code(answer, outcome);
    }
    sqlite3_result_blob(answer, query->scores.data(), static_cast<int>(query->scores.size() * sizeof(float)),
                        SQLITE_STATIC);
} catch (const std::bad_alloc&) {
    sqlite3_result_error_nomem(answer);
}

}  // namespace

Status add_term_scores(sqlite3* connection) {
    fts5_api* api = nullptr;
    sqlite3_stmt* statement = nullptr;
    int outcome = sqlite3_prepare_v2(connection, "SELECT fts5(?1)", -1, &statement, nullptr);
    if (outcome == SQLITE_OK) {
        sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    if (outcome == SQLITE_OK && api != nullptr) {
        outcome = api->xCreateFunction(api, "term_scores", nullptr, term_scores, nullptr);
    }
    if (outcome != SQLITE_OK || api == nullptr) {
        return fail_sqlite(connection, outcome == SQLITE_OK ? SQLITE_ERROR : outcome,
                           "open database: full text (FTS5) is not in this SQLite");
    }
    return {};
}

}  // namespace resonant::sql
