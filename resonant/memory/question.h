// A Question is what a query asks about besides its words: whom it names and when. Dates are found by plain
// patterns ("8 May 2023", "May 8th, 2023", "2023-05-08", "in March 2022", "2022"), and times that are told
// from today ("yesterday", "last week", "three months ago") become a span. English only; a query in another
// language loses these clues and nothing else.
//
// Any thread; plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resonant/memory/memory.h"

namespace resonant::memory {

struct Date {
    int year = 0, month = 0, day = 0;  // 0: not said

    friend bool operator==(const Date&, const Date&) = default;
};

struct Question {
    std::vector<std::string> words;  // in small letters, without the words that every question has
    std::vector<Date> dates;
    std::optional<std::pair<std::int64_t, std::int64_t>> span_ns;
};

inline constexpr std::size_t kDateTextMax = 4096;  // bytes of a text that are looked through for dates

Question question_of(std::string_view query, std::int64_t now_ns);
std::vector<Date> dates_in(std::string_view text);

// "Nadia" of "Nadia: ...", also with more before her, as in "[2023-05-08] Nadia: ..." and "1:56 pm, 8 May | Nadia:
// ...". Empty when the content begins with no speaker.
std::string_view speaker_part(std::string_view content);

// The word of the question that names whose memory this is: its speaker ("Nadia: ..."), or a word of its
// title, tags or source. Empty when none does.
std::string named_by(const Question& question, const Memory& memory);

// 1 when the question's time is the memory's (said in its text, title, tags, source or session, or when it
// was stored, for times told from today); less when only the month or only the year is; else 0.
double time_match(const Question& question, const Memory& memory);

}  // namespace resonant::memory
