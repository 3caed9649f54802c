#include "resonant/base/printable.h"

#include <gtest/gtest.h>

namespace resonant {
namespace {

TEST(Printable, what_a_terminal_would_obey_is_written_as_an_escape) {
    EXPECT_EQ(printable("a\x1b[31mred\x1b]0;title\x07"), "a\\x1b[31mred\\x1b]0;title\\x07");
    EXPECT_EQ(printable("\xc2\x9b" "31m"), "\\x9b31m");  // C1's one-character CSI
    EXPECT_EQ(printable("\x7f\b\r"), "\\x7f\\x08\\r");
}

TEST(Printable, text_that_would_be_shown_in_another_order_or_not_at_all_is_written_out) {
    EXPECT_EQ(printable("abc\u202Etxt.exe"), "abc\\u202etxt.exe");
    EXPECT_EQ(printable("a\u2066b\u200Bc\uFEFF"), "a\\u2066b\\u200bc\\ufeff");
    EXPECT_EQ(printable("tag \U000E0041"), "tag \\U000e0041");
}

TEST(Printable, every_script_stays_as_it_is) {
    for (const char* text : {"Grüße, señor", "שלום", "مرحبا", "नमस्ते", "日本語", "👩‍🚀 🎉", "a\\x1b"}) {
        EXPECT_EQ(printable(text), text);
    }
}

TEST(Printable, lines_and_tabs_are_kept_where_they_are_wanted) {
    EXPECT_EQ(printable("a\n\tb", Lines::Kept), "a\n\tb");
    EXPECT_EQ(printable("a\n\tb"), "a\\n\\tb");
}

TEST(Printable, bytes_that_are_not_utf8_are_shown_one_by_one) {
    EXPECT_EQ(printable("a\xff\xc0\x80z\xed\xa0\x80"), "a\\xff\\xc0\\x80z\\xed\\xa0\\x80");
    EXPECT_EQ(printable("cut \xe2\x82"), "cut \\xe2\\x82");
}

TEST(Printable, json_keeps_its_value) {
    EXPECT_EQ(printable_json("{\"a\":\"x\u202E\u009B\"}"), "{\"a\":\"x\\u202e\\u009b\"}");
    EXPECT_EQ(printable_json("\"\U000E0041\""), "\"\\udb40\\udc41\"");
    EXPECT_EQ(printable_json("{\"a\":\"日本\"}"), "{\"a\":\"日本\"}");
}

}  // namespace
}  // namespace resonant
