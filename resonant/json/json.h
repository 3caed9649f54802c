// Json is an owned document. Text comes in through parse(), which is strict and bounded; it goes out
// through dump(), compact. simdjson checks and reads; value.h says what a Json is.
//
// Any thread; plain values.
//
// Invariants:
//   (1) parse() accepts exactly RFC 8259 in valid UTF-8, at most kDepthMax deep: no NaN, no comments.
//       Numbers must fit a 64-bit integer or a double; of members with one name the last counts.
//   (2) The canonical form follows RFC 8785: sorted keys, shortest numbers, no white space.
#pragma once

#include <string>
#include <string_view>

#include "resonant/base/result.h"
#include "resonant/json/value.h"

namespace resonant::json {

inline constexpr std::size_t kDepthMax = 128;           // levels of nesting
inline constexpr std::size_t kTextMax = 4 * 1024 * 1024;  // bytes of one message

// InvalidArgument with the byte offset where it can be known; ResourceExhausted for length and depth.
Result<Json> parse(std::string_view text);

// Compact text. Strings that are no UTF-8 get the replacement character, so it never fails.
std::string dump(const Json& value);

// RFC 8785 text, what hashes are taken of.
std::string canonical(const Json& value);

}  // namespace resonant::json

namespace resonant {
using json::Json;
}
