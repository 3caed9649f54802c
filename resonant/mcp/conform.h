// Conforming: what another server says of itself and answers, brought into the form of the protocol. Clients read
// lists and results as a whole: one entry that they cannot read costs them all others.
//
// Pure functions; any thread. What has the form is not touched, and what was conformed stays as it is when it is
// conformed again: a definition's hash does not depend on how often it passed.
//
// The form is the strictest of the protocol's schemas of 2025-11-25 and 2026-07-28, the npm SDK's and the Python
// SDK's, which read more strictly than the text (base64, dates, members that are null).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resonant/call/upstreams.h"

namespace resonant::mcp {

// What became of an entry of a list.
struct Conformed {
    std::string left_out;             // why it cannot be passed on; empty: it can
    std::vector<std::string> mended;  // "title was null", each a few words
};

Conformed conform_tool(Json& tool);
Conformed conform_offer(call::UpstreamOffer::Kind kind, Json& offer);

// Content blocks of a call's result: what is no block becomes a text block that says so. What is not even an array
// becomes one.
void conform_blocks(Json& blocks);
// One content block; false when it is none and cannot be made one.
bool conform_block(Json& block);
// What a resource holds: false when it has neither text nor bytes.
bool conform_contents(Json& contents);

}  // namespace resonant::mcp
