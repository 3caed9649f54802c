// term_scores(TABLE, SIZES, WEIGHT, ...) is a function of full-text queries, beside SQLite's own bm25(): where bm25()
// sums over the terms of the query, it gives each term's part, as a blob of float32 in the order of the query, greater
// is better. So a reader can tell which words of a question stand where. WEIGHT: of each column, 1 when left out.
// SIZES: the row's `sz` of TABLE_docsize, for who joins that table; FTS5 would run a statement of its own for each row,
// which took a third of the whole. NULL has it do so.
//
// Any thread that holds the connection; one in a query; a row's answer is valid until the next row. Cost: less than bm25().
//
// After: Robertson and others, Okapi BM25 (k1 1.2, b 0.75, as FTS5 has them).
#pragma once

#include "resonant/base/result.h"

struct sqlite3;

namespace resonant::sql {

Status add_term_scores(sqlite3* connection);

}  // namespace resonant::sql
