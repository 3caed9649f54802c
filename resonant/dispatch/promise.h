// A Promise is what a tool says of its answers before it is called, as the protocol may see it.
//
// Any thread; a pure function.
#pragma once

#include "resonant/call/contract.h"

namespace resonant::dispatch {

// The JSON Schema of its structured answers; null when it promises nothing.
Json promise_of(const call::Contract& contract);

}  // namespace resonant::dispatch
