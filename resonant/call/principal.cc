#include "resonant/call/principal.h"

#include <fmt/core.h>

#include <algorithm>

namespace resonant::call {
namespace {

bool only(std::string_view text, std::string_view letters) {
    return !text.empty() && text.find_first_not_of(letters) == std::string_view::npos;
}

}  // namespace

std::string wrong_principal(std::string_view name) {
    const std::string_view rest = name.substr(std::min(name.size(), name.find(':') + 1));
    const bool known = (name.starts_with("uid:") && only(rest, "0123456789")) ||
                       (name.starts_with("token:") && only(rest, "0123456789abcdef")) ||
                       (name.starts_with("oauth:") && !rest.empty());
    return known ? ""
                 : fmt::format("'{}' is not the name of a principal; it is uid:N (`id -u USER`), token:HEX or oauth:SUBJECT, as "
                               "`resonant ledger tail` shows them",
                               name);
}

}  // namespace resonant::call
