// The elements of a long JSON document, cut out one after another by its brackets, so that a list of any length is
// read with one element in memory. What lies inside an element is judged by its parser, so that one that is wrong
// does not lose the others.
//
// Any thread; no state.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "resonant/json/json.h"
#include "resonant/tools/text_source.h"

namespace resonant::tools {

struct JsonElement {
    std::string_view list;  // the member whose list it stands in; empty: the document is the list
    std::string text;
    std::size_t line = 1;
    bool is_too_long = false;  // more than kRecordBytes; the text is cut off

    Result<Json> parsed() const;
};

// Calls `use` for each element of the document, when it is a list, or else of those members named in `names` that are
// lists. Returns how many lists there were. InvalidArgument with the line where the document is no JSON.
Result<std::size_t> each_element(TextSource& text, std::span<const std::string_view> names,
                                 const std::function<Status(const JsonElement&)>& use);

}  // namespace resonant::tools
