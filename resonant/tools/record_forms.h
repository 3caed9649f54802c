// The forms in which records come, besides JSON: CSV and Markdown, each in a source of its own, and what they share.
// For the sources that read records.
//
// Any thread; no state.
#pragma once

#include <string>

#include "resonant/tools/records.h"

namespace resonant::tools {

Status records_of_csv(TextSource& text, const TakeRecord& take, const Reading& reading);
Status records_of_markdown(TextSource& text, const TakeRecord& take, const Reading& reading);
// What stands between two lines of "---" at the beginning, as an object; the text goes on behind it. An empty object
// where there is none; InvalidArgument when it is not YAML. A time or number stays text.
Result<Json> take_front_matter(TextSource& text);

}  // namespace resonant::tools
