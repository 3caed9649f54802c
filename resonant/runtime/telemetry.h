// Telemetry is what a live kernel shows of itself: Prometheus text and a small page.
//
// Any thread; reads shared words and counters only.
#pragma once

#include <span>
#include <string>

#include "resonant/json/json.h"
#include "resonant/plane/kernel_plane.h"

namespace resonant::runtime {

// Prometheus text format 0.0.4 of board, ring and the numbers of `status`. `families` are their names, in the order of
// the catalogue.
std::string metrics_text(plane::KernelPlane& plane, const Json& status, std::span<const std::string> families);

// One page for a person who opens the address in a browser without a token: what this is and how to get in.
std::string welcome_page();

// One page, no script, no outside resource: the board and the state of the kernel.
std::string dashboard_page(plane::KernelPlane& plane, const Json& status);

}  // namespace resonant::runtime
