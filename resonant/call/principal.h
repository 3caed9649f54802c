// The name of a principal, as the transport gives it: uid:N, token:HEX or oauth:SUBJECT. Settings and commands that
// name somebody check it here, so that a slip ("alice" for "uid:1000") is reported and not kept as a rule for nobody.
//
// Any thread; no state.
#pragma once

#include <string>
#include <string_view>

namespace resonant::call {

// What is wrong with the name, and the way out; empty when a client can have it.
std::string wrong_principal(std::string_view name);

}  // namespace resonant::call
