#include "resonant/tools/clauses.h"

#include <gtest/gtest.h>

namespace resonant::tools {
namespace {

using Parts = std::vector<std::string>;

TEST(Clauses, one_part_and_none_are_no_clauses) {
    EXPECT_TRUE(clauses_of("").empty());
    EXPECT_TRUE(clauses_of(" \n . ; \xff").empty());
    EXPECT_TRUE(clauses_of("what is the weather in Rome?").empty());
    EXPECT_TRUE(clauses_of("no. yes. maybe. so.").empty());
}

TEST(Clauses, sentences_lines_and_openers_part_a_request) {
    EXPECT_EQ(clauses_of("Find flights to Rome. Book the cheapest one!"),
              (Parts{"Find flights to Rome", "Book the cheapest one"}));
    EXPECT_EQ(clauses_of("read the log file\nmail it to Ann"), (Parts{"read the log file", "mail it to Ann"}));
    EXPECT_EQ(clauses_of("convert it to euros, and then tell my team about it"),
              (Parts{"convert it to euros", "tell my team about it"}));
    EXPECT_EQ(clauses_of("the weather in Rome as well as hotels near there"),
              (Parts{"the weather in Rome", "hotels near there"}));
}

TEST(Clauses, scripts_without_spaces_are_parted_at_their_stops) {
    EXPECT_EQ(clauses_of("帮我查一下明天北京的天气。然后给妈妈发一封邮件告诉她。").size(), 2U);
}

TEST(Clauses, a_list_of_two_things_is_one_part) {
    EXPECT_TRUE(clauses_of("the names and ages of all users").empty());
}

TEST(Clauses, there_are_never_more_than_the_limit) {
    std::string text;
    for (int i = 0; i < 1'000; ++i) {
        text += "do this thing now. ";
    }
    EXPECT_EQ(clauses_of(text).size(), kClausesMax);
    EXPECT_TRUE(clauses_of(std::string(1'000'000, 'x')).empty());
}

}  // namespace
}  // namespace resonant::tools
