// How things look in answers: short keys, ids as strings, times as ISO 8601 in UTC.
//
// Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "resonant/board/state_board.h"
#include "resonant/memory/data_sea.h"
#include "resonant/society/sessions.h"

namespace resonant::tools {

struct Services;

std::string show_time(std::int64_t at_ns);  // "2026-05-01T12:00:00Z"; "" for 0
double rounded(double value, int digits = 3);

// The whole memory; `metadata` adds what the store knows about it.
Json show(const memory::Memory& memory, bool metadata);
// A hit with at most `content_bytes` of its text.
Json show(const memory::Hit& hit, std::size_t content_bytes);
Json show(const memory::Page& page, std::size_t content_bytes);
Json show(const board::Harmony& harmony);
Json show(const board::Traffic& traffic);
// Who may not call now, why, since when, and what lifts it; by principal.
Json standings_of(const Services& services);
// What a field is: {"unit", "rises", "meaning"}.
Json describe(const board::StateBoard& board, board::Field field);
Json show(const society::Session& session);
Json show(const society::Checkpoint& checkpoint);

// About how many tokens a text is: four bytes make one.
std::size_t tokens_of(std::string_view text);
// At most `bytes` bytes between two characters, with an ellipsis when something was left out.
std::string shortened(std::string_view text, std::size_t bytes);
std::string title_of(const memory::Memory& memory);  // its title, else its first line, shortened

}  // namespace resonant::tools
