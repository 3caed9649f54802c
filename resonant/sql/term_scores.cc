#include "resonant/sql/term_scores.h"

#include <sqlite3.h>

#include <algorithm>
#include <cmath>
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
    std::vector<double> counts;  // of one row, kept so that rows allocate nothing
    std::vector<float> scores;
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
    query.counts.resize(query.rarity.size());
    query.scores.resize(query.rarity.size());
    return outcome;
}

int score_row(const Fts5ExtensionApi* api, Fts5Context* context, int weights, sqlite3_value** weight, Query& query) {
    std::fill(query.counts.begin(), query.counts.end(), 0.0);
    int found = 0, tokens = 0;
    int outcome = api->xInstCount(context, &found);
    for (int i = 0; i < found && outcome == SQLITE_OK; ++i) {
        int term = 0, column = 0, offset = 0;
        outcome = api->xInst(context, i, &term, &column, &offset);
        if (outcome == SQLITE_OK && static_cast<std::size_t>(term) < query.counts.size()) {
            query.counts[static_cast<std::size_t>(term)] +=
                column < weights ? sqlite3_value_double(weight[column]) : 1.0;
        }
    }
    if (outcome == SQLITE_OK) {
        outcome = api->xColumnSize(context, -1, &tokens);
    }
    const double stretch = kSaturation * (1 - kLength + kLength * tokens / query.mean_tokens);
    for (std::size_t i = 0; i < query.counts.size(); ++i) {
        const double count = query.counts[i];
        query.scores[i] = static_cast<float>(query.rarity[i] * count * (kSaturation + 1) / (count + stretch));
    }
    return outcome;
}

// Called by C: nothing is thrown out of it.
void term_scores(const Fts5ExtensionApi* api, Fts5Context* context, sqlite3_context* answer, int weights,
                 sqlite3_value** weight) try {
    auto* query = static_cast<Query*>(api->xGetAuxdata(context, 0));
    if (query == nullptr) {
        auto made = std::make_unique<Query>();
        int outcome = open_query(api, context, *made);
        query = made.get();
        if (outcome == SQLITE_OK) {  // it is FTS5's from here, even when it refuses it
            outcome = api->xSetAuxdata(context, made.release(), [](void* kept) { delete static_cast<Query*>(kept); });
        }
        if (outcome != SQLITE_OK) {
            return sqlite3_result_error_code(answer, outcome);
        }
    }
    if (const int outcome = score_row(api, context, weights, weight, *query); outcome != SQLITE_OK) {
        return sqlite3_result_error_code(answer, outcome);
    }
    sqlite3_result_blob(answer, query->scores.data(), static_cast<int>(query->scores.size() * sizeof(float)),
                        SQLITE_TRANSIENT);
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
