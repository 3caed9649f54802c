// "letters" is a tokenizer of FTS5, around SQLite's own unicode61 (whose arguments it takes): text in scripts without
// spaces (base/spaceless.h) becomes a token a letter, everything else what unicode61 makes of it. A quoted phrase then
// finds any part of a sentence: between "中" and "文" the index knows no more than that they follow each other.
//
// Any thread; one for each connection. After Lucene's StandardTokenizer, which does the same to ideographs.
#pragma once

#include "resonant/base/result.h"

struct sqlite3;

namespace resonant::sql {

Status add_letters(sqlite3* connection);

}  // namespace resonant::sql
