// Text of others made safe to print: what a terminal would obey or hide is written as an escape that can be read.
//
// Pure functions; any thread.
//
// Invariants:
//   (1) No control character (C0, DEL, C1), no bidi or invisible format character and no byte that is not UTF-8 is
//       left, but line ends and tabs where they are asked for: nothing moves the cursor, sets a title, recolours, or
//       shows text in another order than it is stored in.
//   (2) Every other character stays as it is, whatever the script.
#pragma once

#include <string>
#include <string_view>

namespace resonant {

enum class Lines : bool { Escaped, Kept };

// ESC becomes \x1b, U+202E becomes \u202e, a byte that is not UTF-8 \xNN. With Lines::Kept "\n" and "\t" stay.
std::string printable(std::string_view text, Lines lines = Lines::Escaped);

// JSON text with the same characters escaped as \uNNNN, so that a terminal shows it harmlessly and any reader gets the
// same value. `json` is valid JSON, on one line.
std::string printable_json(std::string_view json);

}  // namespace resonant
