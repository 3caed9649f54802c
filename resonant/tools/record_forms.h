// The forms in which records come, besides JSON: CSV and Markdown, each in a source of its own, and what they share.
// For the sources that read records.
//
// Any thread; no state.
#pragma once

#include <string>

#include "resonant/tools/records.h"

namespace resonant::tools {

// Time of making, key and links of an object. What is wrong with these refuses the record, too: nothing is lost
// unseen. Returns what is wrong; empty when nothing is.
std::string take_ties(const Json& object, Record& record);

Status records_of_csv(TextSource& text, const TakeRecord& take);
Status records_of_markdown(TextSource& text, const TakeRecord& take);

}  // namespace resonant::tools
