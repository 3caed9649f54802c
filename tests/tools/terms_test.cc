#include "resonant/tools/terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resonant::tools {
namespace {

using testing::ElementsAre;

TEST(Terms, names_are_split_at_dots_underscores_and_capitals) {
    EXPECT_EQ(spaced("createPullRequest"), "create pull request");
    EXPECT_EQ(spaced("API-get-HTTPServer"), "api get http server");
    EXPECT_EQ(spaced("memory.add_one"), "memory add one");
    EXPECT_EQ(spaced("...___"), "");
}

TEST(Terms, grammar_and_words_that_say_nothing_fall_away) {
    EXPECT_THAT(terms_of("Please list the connected connections"), ElementsAre("list", "connect", "connect"));
    EXPECT_THAT(terms_of("what is it for?"), ElementsAre());
}

TEST(Terms, endings_come_off_as_porter_has_it) {
    for (const auto& [word, wanted] : std::vector<std::pair<std::string, std::string>>{
             {"caresses", "caress"}, {"ponies", "poni"}, {"hopping", "hop"}, {"filing", "file"},
             {"agreed", "agre"}, {"happy", "happi"}, {"relational", "relat"}, {"adjustable", "adjust"},
             {"probate", "probat"}, {"controll", "control"}, {"is", "is"}, {"a1b", "a1b"}}) {
        EXPECT_EQ(stem(word), wanted);
    }
}

}  // namespace
}  // namespace resonant::tools
