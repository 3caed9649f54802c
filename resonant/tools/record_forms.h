// The forms in which records come, besides JSON: CSV and Markdown, each in a source of its own, and what they share.
// For the sources that read records.
//
// Any thread; no state.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resonant/tools/records.h"

namespace resonant::tools {

std::unexpected<Error> too_many_records();
// The first line of `text`, without its end; takes it off.
std::string_view take_line(std::string_view& text);
// Time of making, key and links of an object. What is wrong with these refuses the record, too: nothing is lost
// unseen. Returns what is wrong; empty when nothing is.
std::string take_ties(const Json& object, Record& record);

Result<std::vector<Record>> records_of_csv(std::string_view text);
Result<std::vector<Record>> records_of_markdown(std::string_view text);

}  // namespace resonant::tools
