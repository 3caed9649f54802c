// A SourceTree is a JSON text as people edit it, with comments and commas before a closing bracket, in which
// every value knows the bytes it stands in. It is for reading and changing files that somebody else wrote, so
// that everything outside a change stays byte for byte as it was.
//
// Any thread; a plain value. The text itself is not kept: positions are offsets into what was read.
//
// Invariants:
//   (1) read() accepts JSON (RFC 8259) in valid UTF-8 with // and /* */ comments, one comma before } or ], and
//       a byte order mark at its start. Everything else is refused with line and column.
//   (2) The span of a value begins with its first and ends behind its last byte; spans of children lie inside.
//   (3) Members keep their order; of several with one name the last counts, as for every JSON reader.
//
// Own code because no library of Debian 12 does this: jsoncpp keeps no position of names and refuses a comment
// before a colon, Boost.JSON and nlohmann keep no positions at all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "resonant/json/json.h"

namespace resonant::json {

inline constexpr std::size_t kSourceMax = 64 * 1024 * 1024;  // bytes; a client's file may hold years of history
inline constexpr std::size_t kNowhere = std::string_view::npos;

struct Span {
    std::size_t begin = 0, end = 0;

    std::size_t size() const { return end - begin; }
    std::string_view of(std::string_view text) const { return text.substr(begin, end - begin); }
};

enum class SourceKind : std::uint8_t { Scalar, Array, Object };

struct SourceMember;

struct SourceTree {
    SourceKind kind = SourceKind::Scalar;
    Span span;
    std::vector<SourceMember> members;  // of an object, and of an array (without names)

    // The last member of this name, null when there is none.
    const SourceMember* find(std::string_view name) const;
    bool is_object() const { return kind == SourceKind::Object; }
};

struct SourceMember {
    std::string name;               // decoded
    Span key;                       // with its quotes; empty in an array
    SourceTree value;
    std::size_t comma = kNowhere;   // where the comma behind it stands
};

// InvalidArgument with line, column and what was found; ResourceExhausted for length and depth (kDepthMax).
Result<SourceTree> read_source(std::string_view text);

// The value that stands in a part of the text. What no Json can hold (a number beyond 64 bits, a string with half a
// surrogate) is given as its text.
Result<Json> value_of(std::string_view text, const SourceTree& tree);

// "line 3, column 7" of a byte; columns count characters.
std::string place_in(std::string_view text, std::size_t offset);

}  // namespace resonant::json
