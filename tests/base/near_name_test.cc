#include "resonant/base/near_name.h"

#include <gtest/gtest.h>

namespace resonant {
namespace {

const std::vector<std::string> kNames = {"memory", "monitors", "ring", "status", "--limit", "up"};

TEST(NearName, a_slip_or_two_are_forgiven) {
    EXPECT_EQ(near_name("memroy", kNames), "memory");
    EXPECT_EQ(near_name("statsu", kNames), "status");
    EXPECT_EQ(near_name("rign", kNames), "ring");
    EXPECT_EQ(near_name("--limt", kNames), "--limit");
    EXPECT_EQ(near_name("monitorss", kNames), "monitors");
}

TEST(NearName, a_beginning_means_the_whole) { EXPECT_EQ(near_name("mem", kNames), "memory"); }

TEST(NearName, another_word_is_not_taken_for_one_of_them) {
    for (const char* word : {"frobnicate", "x", "", "io"}) {
        EXPECT_EQ(near_name(word, kNames), "") << word;
    }
    EXPECT_EQ(near_name(std::string(100'000, 'm'), kNames), "");
}

}  // namespace
}  // namespace resonant
