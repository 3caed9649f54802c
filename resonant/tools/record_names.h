// RecordNames say which field of a memory is meant by the names that other products give theirs: "created_at", "labels",
// "memory_type" are created, tags and type. The caller may name further ones.
//
// Any thread; a plain value.
//
// Invariants:
//   (1) A field that has our own name wins over one that means the same.
//   (2) A name that means nothing here is returned, never dropped in silence.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/base/result.h"
#include "resonant/json/json.h"

namespace resonant::tools {

class RecordNames {
  public:
    RecordNames() = default;
    // `columns`: {"content": "Text", "created": "Written on"}. InvalidArgument names a field that memories do not have.
    static Result<RecordNames> of(const Json& columns);

    // Our name of `theirs`, whatever the case of its letters; "" for one that is known and left aside ("zone"),
    // "?" for one that means nothing here.
    std::string_view ours(std::string_view theirs) const;
    // The object with our names. Members that mean nothing here are added to `unknown`.
    Json renamed(const Json& object, std::vector<std::string>& unknown) const;
    std::string listed() const;  // the fields a memory has, for error texts

  private:
    std::map<std::string, std::string, std::less<>> given_;  // theirs -> ours
};

// Nanoseconds since 1970 of an ISO 8601 text, or of a number (also as text) of seconds, milli-, micro- or nanoseconds
// since 1970, told apart by its size. InvalidArgument otherwise.
Result<std::int64_t> time_in(const Json& value);
// "a, b; c" as tags.
std::vector<std::string> split_words(std::string_view text, std::string_view separators);

}  // namespace resonant::tools
