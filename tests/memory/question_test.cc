// What a query names besides its words: people and times.
#include "resonant/memory/question.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resonant/memory/word_query.h"

namespace resonant::memory {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t kDayNs = 86'400'000'000'000;
constexpr std::int64_t kNow = 20'000 * kDayNs + 1000;  // some October day

Memory told(const std::string& content, std::vector<std::string> tags = {}) {
    Memory memory;
    memory.content = content;
    memory.tags = std::move(tags);
    return memory;
}

TEST(Dates, are_found_in_the_ways_that_people_write_them) {
    const Date full{2023, 5, 8};
    for (const char* text : {"on 8 May 2023", "8 May, 2023", "May 8, 2023", "May 8th 2023", "the 8th of May 2023",
                             "2023-05-08", "2023/05/08 10:00", "1:56 pm on 8 May, 2023", "[2023-05-08T13:56:00Z] hi"}) {
        EXPECT_THAT(dates_in(text), Contains(full)) << text;
    }
    EXPECT_THAT(dates_in("in November 2023"), ElementsAre(Date{2023, 11, 0}));
    EXPECT_THAT(dates_in("in november"), ElementsAre(Date{0, 11, 0}));
    EXPECT_THAT(dates_in("the summer of 2022"), ElementsAre(Date{2022, 0, 0}));
}

TEST(Dates, are_not_seen_in_words_that_only_look_like_months) {
    for (const char* text : {"what may I do?", "they march on", "the dec command", "", "13 May", "sun 70000"}) {
        EXPECT_THAT(dates_in(text), Not(Contains(Date{0, 5, 0}))) << text;
    }
    EXPECT_THAT(dates_in("what may I do? march on, mar it"), IsEmpty());
    EXPECT_THAT(dates_in("2023-99-99"), ElementsAre(Date{2023, 0, 0}));
}

TEST(Dates, in_any_bytes_and_any_length_are_bounded) {
    EXPECT_THAT(dates_in(std::string("\xff\xfe\0 may", 7)), IsEmpty());
    EXPECT_LE(dates_in(std::string(1 << 20, '1') + " 2023").size(), 1U);
    std::string years;
    for (int i = 0; i < 100'000; ++i) {
        years += "2023 ";
    }
    EXPECT_LE(dates_in(years).size(), kDateTextMax / 5 + 1);
}

TEST(Question, keeps_the_words_that_tell_something) {
    const Question question = question_of("What did Nadia do with the oven?", kNow);
    EXPECT_THAT(question.words, ElementsAre("nadia", "oven"));
    EXPECT_TRUE(question.dates.empty());
    EXPECT_FALSE(question.span_ns.has_value());
}

TEST(Question, knows_whose_memory_it_asks_for) {
    const Question question = question_of("What did Nadia do with the oven?", kNow);
    EXPECT_EQ(named_by(question, told("Nadia: the technician came by")), "nadia");
    EXPECT_EQ(named_by(question, told("[2024-01-12] Nadia: the technician came by")), "nadia");
    EXPECT_EQ(named_by(question, told("1:56 pm on 8 May, 2023 | Nadia: he came by")), "nadia");
    EXPECT_EQ(named_by(question, told("he came by", {"speaker nadia"})), "nadia");
    EXPECT_EQ(named_by(question, told("Owen: Nadia, what was wrong with the oven?")), "");
}

TEST(Question, matches_the_time_that_is_said_in_text_or_tags) {
    const Question month = question_of("What did Mateo sell in November 2023?", kNow);
    EXPECT_EQ(time_match(month, told("I sold it", {"2023-11-11"})), 1);
    EXPECT_EQ(time_match(month, told("I sold it on 3 November 2023")), 1);
    EXPECT_EQ(time_match(month, told("I sold it", {"2023-10-11"})), 0);
    EXPECT_EQ(time_match(month, told("I sold it")), 0);
    EXPECT_LT(time_match(question_of("What happened in 2023?", kNow), told("x", {"2023-11-11"})), 1);
    const Question day = question_of("What happened on 11 November 2023?", kNow);
    EXPECT_EQ(time_match(day, told("x", {"2023-11-11"})), 1);
    EXPECT_EQ(time_match(day, told("x", {"2023-11-12"})), 0.5);
}

TEST(Question, understands_times_told_from_today) {
    Memory memory = told("x");
    const auto days_ago = [&](std::int64_t days, const char* text) {
        memory.created_ns = kNow - days * kDayNs;
        return time_match(question_of(text, kNow), memory);
    };
    EXPECT_EQ(days_ago(1, "what did I do yesterday?"), 1);
    EXPECT_EQ(days_ago(3, "what did I do yesterday?"), 0);
    EXPECT_EQ(days_ago(5, "what did we decide last week?"), 1);
    EXPECT_EQ(days_ago(90, "what did we decide last week?"), 0);
    EXPECT_EQ(days_ago(21, "what broke three weeks ago?"), 1);
    EXPECT_EQ(days_ago(2, "what broke three weeks ago?"), 0);
    EXPECT_EQ(days_ago(100'000, "what broke 999999999 years ago?"), 0) << "bounded";
}

TEST(WordQuery, leaves_out_what_every_question_has_and_the_possessive) {
    EXPECT_EQ(word_query("What is Ming's last day?").any, "\"Ming\" OR \"last\" OR \"day\"");
    EXPECT_EQ(word_query("Where\xe2\x80\x99s Owen\xe2\x80\x99s hive?").any, "\"Owen\" OR \"hive\"");
    EXPECT_EQ(word_query("what is it").any, "\"what\" OR \"is\" OR \"it\"") << "nothing else is there";
    EXPECT_EQ(word_query("to be or not to be").any, "\"not\"");
    EXPECT_TRUE(is_stop_word("the"));
    EXPECT_FALSE(is_stop_word("may"));
}

}  // namespace
}  // namespace resonant::memory
