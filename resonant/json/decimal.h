// The shortest decimal digits that read back as the same double: what every way to write a number starts from.
//
// Pure; any thread.
#pragma once

#include <string>

namespace resonant::json {

struct Decimal {
    std::string digits;  // "15", without a point, never a zero at its end but of 0 itself
    int exponent = 0;    // of ten, of the first digit: 1.5 has 0, 0.015 has -2
};

// Of a finite value above 0.
Decimal decimal_of(double value);

}  // namespace resonant::json
