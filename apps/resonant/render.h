// Shows a structured answer to a person.
//
// Any thread; pure, but for the time and the time zone that `now` and the environment give.
//
// Invariants:
//   (1) What may come from others (memories, names, reasons) is escaped as printable() does; the lines of a long text
//       stand below each other, indented, so that none of them looks like a member of the answer.
//   (2) A member whose name ends with a unit (_s, _ms, _ns, _bytes) loses it and has its value in words; a time has its
//       distance from now beside it. With --json the raw numbers are printed instead.
#pragma once

#include <string>

#include "resonant/base/units.h"
#include "resonant/json/json.h"

namespace resonant::app {

// Lines of "key: value", lists as "- " items, two spaces a level. Ends with a newline. `now` is wall-clock time.
std::string render(const Json& value, Nanos now);

// "1.2 s", "3 min 20 s", "2 h 5 min", "3 d 4 h"; below a second "450 ms", "12 us".
std::string duration_in_words(double seconds);

// "1,024 bytes", "1.5 MiB".
std::string bytes_in_words(double bytes);

}  // namespace resonant::app
