#include "resonant/json/source_tree.h"

#include <gtest/gtest.h>

namespace resonant::json {
namespace {

std::string refusal(std::string_view text) {
    const Result<SourceTree> tree = read_source(text);
    return tree ? "" : tree.error().message;
}

Json value(std::string_view text) {
    const Result<SourceTree> tree = read_source(text);
    const Result<Json> made = tree ? value_of(text, *tree) : Result<Json>(std::unexpected(tree.error()));
    EXPECT_TRUE(made) << made.error().message;
    return made ? *made : Json();
}

TEST(SourceTree, comments_and_last_commas_are_read_over) {
    EXPECT_EQ(value("// a\n{ /* b */ \"x\" /* c */ : /* d */ [1, 2, /* e */ ], // f\n}// g"), Json({{"x", {1, 2}}}));
    EXPECT_EQ(value("\xEF\xBB\xBF{\r\n\"x\": null,\r\n}\r\n"), Json({{"x", nullptr}}));
}

TEST(SourceTree, what_stands_in_a_comment_or_in_a_string_changes_no_value) {
    EXPECT_EQ(value("{ // an unpaired \" here\n \"x\": \"x,}y,]z\" }"), Json({{"x", "x,}y,]z"}}));
    EXPECT_EQ(value("{\"a\": 1, // then a comment before the bracket\n}"), Json({{"a", 1}}));
    EXPECT_EQ(value("{\"a\": \"// no comment /* nor this\"}"), Json({{"a", "// no comment /* nor this"}}));
}

TEST(SourceTree, every_value_knows_its_bytes) {
    const std::string text = "{\"a\": [10, {\"\\u0062\": \"x\"}] , \"c\":true}";
    const Result<SourceTree> tree = read_source(text);
    ASSERT_TRUE(tree);
    const SourceMember* a = tree->find("a");
    ASSERT_NE(a, nullptr);
    EXPECT_EQ(a->key.of(text), "\"a\"");
    EXPECT_EQ(a->value.span.of(text), "[10, {\"\\u0062\": \"x\"}]");
    EXPECT_EQ(text[a->comma], ',');
    EXPECT_EQ(a->value.members[1].value.find("b")->value.span.of(text), "\"x\"");
    EXPECT_EQ(tree->find("c")->comma, kNowhere);
}

TEST(SourceTree, of_members_with_one_name_the_last_counts) {
    const Result<SourceTree> tree = read_source(R"({"a": 1, "a": 2})");
    ASSERT_TRUE(tree);
    EXPECT_EQ(tree->members.size(), 2U);
    EXPECT_EQ(value(R"({"a": 1, "a": 2})"), Json({{"a", 2}}));
}

TEST(SourceTree, a_refusal_names_the_place_and_what_was_found) {
    EXPECT_EQ(refusal("{\n  \"a\" 1}"), "line 2, column 7: expected ':', found \"1}\"");
    EXPECT_EQ(refusal("{\"\xC3\xA4\": tru}"), "line 1, column 7: expected a value, found \"tru}\"");
    EXPECT_EQ(refusal("{\"a\": 1,, \"b\": 2}"), "line 1, column 9: expected a name in double quotes, found \",\"");
    EXPECT_NE(refusal("{\"a\": \"never closed").find("a string without end"), std::string::npos);
    EXPECT_NE(refusal("{ /* never closed").find("a comment without end"), std::string::npos);
    EXPECT_NE(refusal("{\n\"a\": \"\xFF\"}").find("line 2"), std::string::npos);
    EXPECT_NE(refusal("{} {}").find("the end of the text"), std::string::npos);
    EXPECT_NE(refusal("").find("found nothing"), std::string::npos);
}

TEST(SourceTree, what_json_forbids_besides_is_refused) {
    for (const char* text : {"{a: 1}", "{'a': 1}", "[01]", "[1.]", "[.5]", "[+1]", "[1e]", "[NaN]", "[0x10]", "[,]", "[1 2]", "{\"a\"}",
                             "\"tab\there\"", "\"\\x41\"", "\"\\u12g4\"", "[1]]", "nul"}) {
        EXPECT_NE(refusal(text), "") << text;
    }
    for (const char* text : {"0", "-0.5e+10", "123456789012345678901234567890", "\"\\ud83d\"", "[[],{}]", " null "}) {
        EXPECT_EQ(refusal(text), "") << text;
    }
}

TEST(SourceTree, what_no_value_of_ours_can_hold_is_read_as_its_text) {
    EXPECT_EQ(value("[123456789012345678901234567890, \"cut \\ud83d\"]"), Json({"123456789012345678901234567890", "cut \\ud83d"}));
}

TEST(SourceTree, nesting_and_length_are_bounded) {
    EXPECT_EQ(refusal(std::string(kDepthMax, '[') + std::string(kDepthMax, ']')), "");
    EXPECT_NE(refusal(std::string(kDepthMax + 1, '[') + std::string(kDepthMax + 1, ']')).find("levels"), std::string::npos);
    EXPECT_NE(refusal(std::string(1'000'000, '[')), "");
    EXPECT_NE(refusal(std::string(kSourceMax + 1, ' ')).find("bytes"), std::string::npos);
}

}  // namespace
}  // namespace resonant::json
