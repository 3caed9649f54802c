#include "resonant/base/utf8.h"

#include <gtest/gtest.h>

#include <string>

namespace resonant {
namespace {

TEST(Utf8, is_cut_between_two_characters) {
    const std::string text = "a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x90\x9D.";  // of one, two, three, four and one byte
    const std::size_t whole[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (std::size_t bytes = 0; bytes < std::size(whole); ++bytes) {
        EXPECT_EQ(cut_utf8(text, bytes), text.substr(0, whole[bytes])) << bytes;
    }
}

TEST(Utf8, of_nothing_and_of_bytes_that_are_no_characters_is_cut_within_bounds) {
    EXPECT_EQ(cut_utf8("", 0), "");
    EXPECT_EQ(cut_utf8("", 9), "");
    EXPECT_EQ(cut_utf8("\x80\x80\x80", 2), "");
    EXPECT_EQ(cut_utf8("\xFF\xFF\xFF", 2), "\xFF\xFF");
}

}  // namespace
}  // namespace resonant
