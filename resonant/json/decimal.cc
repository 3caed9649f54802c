#include "resonant/json/decimal.h"

#include <array>
#include <charconv>
#include <string_view>

namespace resonant::json {

Decimal decimal_of(double value) {
    std::array<char, 32> buffer{};  // holds the shortest form of every double
    const char* end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
    const std::string_view shortest(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
    const std::size_t mark = shortest.find('e');
    Decimal decimal;
    decimal.digits = shortest[0];
    if (mark > 2) {
        decimal.digits += shortest.substr(2, mark - 2);
    }
    std::from_chars(shortest.data() + mark + 2, end, decimal.exponent);
    decimal.exponent = shortest[mark + 1] == '-' ? -decimal.exponent : decimal.exponent;
    return decimal;
}

}  // namespace resonant::json
