// term_postings(TABLE, WEIGHT, ...) is a function of full-text queries, beside SQLite's own bm25(): it answers once for
// the whole query, with what bm25() is made of: which rows have which of the query's terms, how often, and how many
// rows and tokens there are. So a reader can tell which words of a question stand where, and no row is fetched for it.
// WEIGHT: of each column, 1 when left out. Ask for it with LIMIT 1; without any matching row there is no answer.
//
// Any thread that holds the connection; one in a query; the blob is valid until the next step. Cost: one walk through
// the rows of each term, about 0.1 us a row, and 16 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "resonant/base/result.h"

struct sqlite3;

namespace resonant::sql {

struct TermPosting {  // as it stands in the blob
    std::int64_t row;
    float weight;  // the sum of the columns' weights over all places of the term in this row
    std::uint32_t term;
};

struct TermPostings {
    std::int64_t rows = 0;    // of the table
    std::int64_t tokens = 0;  // of all rows
    std::vector<TermPosting> postings;  // by term, in the order of the query, then by row
};

// The answer, out of its blob. DataLoss when it is none.
Result<TermPostings> term_postings_of(std::span<const std::byte> blob);
// The tokens of a row, out of `sz` of the table's own TABLE_docsize.
std::uint32_t tokens_of(std::span<const std::byte> sizes);

Status add_term_postings(sqlite3* connection);

}  // namespace resonant::sql
