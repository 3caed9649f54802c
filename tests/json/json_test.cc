#include "resonant/json/json.h"

#include <gtest/gtest.h>

#include <bit>
#include <limits>

namespace resonant::json {
namespace {

TEST(Json, reads_every_kind_of_value) {
    const auto value = parse(R"({"a":[1,-2,3.5,true,null,"x\u00e9"],"b":{"c":18446744073709551615}})");
    ASSERT_TRUE(value.has_value());
    EXPECT_EQ((*value)["a"][1].get<std::int64_t>(), -2);
    EXPECT_EQ((*value)["a"][5].get<std::string>(), "xé");
    EXPECT_EQ((*value)["b"]["c"].get<std::uint64_t>(), 18446744073709551615U);
}

TEST(Json, refuses_what_the_standard_refuses) {
    for (const char* text : {"", "  ", "{", "[1,]", "{\"a\":1,}", "NaN", "Infinity", "01", "1.", "'a'", "{a:1}",
                             "\"\x01\"", "// x\n1", "1 2", "\"\\x\"", "nul", "+1", "[1e400]"}) {
        const auto value = parse(text);
        ASSERT_FALSE(value.has_value()) << text;
        EXPECT_EQ(value.error().code, Code::InvalidArgument) << text;
    }
}

TEST(Json, names_the_byte_where_it_went_wrong) {
    const auto value = parse(R"({"a": 1, "b": tru})");
    ASSERT_FALSE(value.has_value());
    EXPECT_NE(value.error().message.find("at byte 18"), std::string::npos) << value.error().message;
}

TEST(Json, refuses_invalid_utf8) {
    for (const std::string text : {"\"\xC3\"", "\"\xED\xA0\x80\"", "\"\xF5\x80\x80\x80\"", "\"\xC0\xAF\""}) {
        const auto value = parse(text);
        ASSERT_FALSE(value.has_value());
        EXPECT_NE(value.error().message.find("UTF-8"), std::string::npos) << value.error().message;
    }
}

TEST(Json, takes_128_levels_and_no_more) {
    const std::string deepest = std::string(kDepthMax, '[') + std::string(kDepthMax, ']');
    EXPECT_TRUE(parse(deepest).has_value());
    EXPECT_TRUE(parse(std::string(kDepthMax, '[') + "1" + std::string(kDepthMax, ']')).has_value());
    const auto deeper = parse("[" + deepest + "]");
    ASSERT_FALSE(deeper.has_value());
    EXPECT_EQ(deeper.error().code, Code::ResourceExhausted);
    EXPECT_FALSE(parse(std::string(1000, '[')).has_value());
    EXPECT_TRUE(parse(deepest).has_value()) << "the parser is as before after a refusal";
}

TEST(Json, takes_4_megabytes_and_no_more) {
    std::string text = "\"" + std::string(kTextMax - 2, 'a') + "\"";
    const auto largest = parse(text);
    ASSERT_TRUE(largest.has_value()) << largest.error().message;
    EXPECT_EQ(largest->get_ref<const std::string&>().size(), kTextMax - 2);
    text.insert(1, "a");
    const auto larger = parse(text);
    ASSERT_FALSE(larger.has_value());
    EXPECT_EQ(larger.error().code, Code::ResourceExhausted);
    EXPECT_NE(larger.error().message.find("4194305"), std::string::npos);
}

TEST(Json, dump_replaces_what_is_no_utf8) {
    EXPECT_EQ(dump(Json("a\xFF")), "\"a\xEF\xBF\xBD\"");
}

// The examples of RFC 8785, appendix B.
TEST(Canonical, writes_numbers_as_the_rfc_lists_them) {
    const std::pair<std::uint64_t, const char*> cases[] = {
        {0x0000000000000000, "0"},
        {0x8000000000000000, "0"},
        {0x0000000000000001, "5e-324"},
        {0x8000000000000001, "-5e-324"},
        {0x7fefffffffffffff, "1.7976931348623157e+308"},
        {0xffefffffffffffff, "-1.7976931348623157e+308"},
        {0x4340000000000000, "9007199254740992"},
        {0xc340000000000000, "-9007199254740992"},
        {0x4430000000000000, "295147905179352830000"},
        {0x44b52d02c7e14af5, "9.999999999999997e+22"},
        {0x44b52d02c7e14af6, "1e+23"},
        {0x44b52d02c7e14af7, "1.0000000000000001e+23"},
        {0x444b1ae4d6e2ef4e, "999999999999999700000"},
        {0x444b1ae4d6e2ef4f, "999999999999999900000"},
        {0x444b1ae4d6e2ef50, "1e+21"},
        {0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"},
        {0x3eb0c6f7a0b5ed8d, "0.000001"},
        {0x41b3de4355555553, "333333333.3333332"},
        {0x41b3de4355555554, "333333333.33333325"},
        {0x41b3de4355555555, "333333333.3333333"},
        {0x41b3de4355555556, "333333333.3333334"},
        {0x41b3de4355555557, "333333333.33333343"},
        {0xbecbf647612f3696, "-0.0000033333333333333333"},
        {0x43143ff3c1cb0959, "1424953923781206.2"},
    };
    for (const auto& [bits, text] : cases) {
        EXPECT_EQ(canonical(Json(std::bit_cast<double>(bits))), text);
    }
}

// The sample of RFC 8785, 3.2.2 and 3.2.3.
TEST(Canonical, writes_the_sample_of_the_rfc) {
    const auto sample = parse(R"({
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]})");
    ASSERT_TRUE(sample.has_value());
    EXPECT_EQ(canonical(*sample),
              R"({"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],)"
              "\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
}

TEST(Canonical, sorts_keys_by_utf16_units) {
    const auto sample = parse(R"({"\u20ac":"Euro","\r":"CR","\ufb33":"Dalet","1":"One",
                                  "\ud83d\ude00":"Emoji","\u0080":"Control","\u00f6":"o"})");
    ASSERT_TRUE(sample.has_value());
    const std::string text = canonical(*sample);
    std::size_t last = 0;
    for (const char* word : {"CR", "One", "Control", "\"o\"", "Euro", "Emoji", "Dalet"}) {
        const std::size_t at = text.find(word);
        ASSERT_NE(at, std::string::npos) << word;
        EXPECT_GT(at, last) << word << " in " << text;
        last = at;
    }
}

TEST(Canonical, does_not_depend_on_the_order_or_spelling_of_the_text) {
    EXPECT_EQ(canonical(*parse(R"({"b":1.0,"a":"\u0041"})")), canonical(*parse(R"({ "a":"A", "b":1 })")));
}

}  // namespace
}  // namespace resonant::json
