#include "resonant/json/quote.h"

#include <gtest/gtest.h>

#include "resonant/json/json.h"

namespace resonant::json {
namespace {

TEST(Quote, writes_every_ascii_text_as_a_document_would) {
    std::string every;
    for (char c = 0; c >= 0 && c < 127; ++c) {
        every += c;
        std::string quoted;
        append_quoted(quoted, every);
        EXPECT_EQ(Json::parse(quoted), Json(every));
    }
    std::string printable;
    for (const std::string text : {"", "plain", "\"", "a\\b", "\n\t\r\b\f", "tail\"", "\x01\x1f"}) {
        printable.clear();
        append_quoted(printable, text);
        EXPECT_EQ(printable, dump(Json(text)));
    }
}

TEST(Quote, appends_and_leaves_characters_beyond_ascii_as_they_are) {
    std::string text = "key:";
    append_quoted(text, "é\"漢");
    EXPECT_EQ(text, "key:\"é\\\"漢\"");
}

TEST(Quote, tells_what_needs_no_escape) {
    EXPECT_TRUE(is_plain("abc \x7f"));
    EXPECT_TRUE(is_plain(""));
    for (const char* other : {"abc\xc3\xa9", "a\"", "a\\b", "\n", "\x1f"}) {
        EXPECT_FALSE(is_plain(other)) << other;
    }
}

}  // namespace
}  // namespace resonant::json
