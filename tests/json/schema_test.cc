#include "resonant/json/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resonant::json {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Schema compiled(const char* text) {
    auto schema = Schema::compile(*parse(text));
    EXPECT_TRUE(schema.has_value()) << schema.error().message;
    return std::move(*schema);
}

std::vector<std::string> errors(const char* schema, const char* value) {
    return compiled(schema).errors(*parse(value));
}

TEST(Schema, names_path_value_and_limit) {
    const Schema schema = compiled(R"({"type":"object","properties":{
        "limit":{"type":"integer","minimum":1,"maximum":100},
        "tags":{"type":"array","items":{"type":"string","maxLength":3},"maxItems":2}},
        "required":["query"],"additionalProperties":false})");
    EXPECT_THAT(schema.errors(*parse(R"({"limit":500,"tags":["ab","abcd"],"qery":"x"})")),
                ElementsAre("query: is required and missing", "limit: 500 is more than 100",
                            "qery: is not known; known are limit, tags",
                            "tags[1]: \"abcd\" has 4 characters, the limit is 3"));
}

TEST(Schema, prefixes_the_root_it_is_given) {
    EXPECT_THAT(compiled(R"({"properties":{"a":{"type":"string"}}})").errors(*parse(R"({"a":1})"), 8, "args"),
                ElementsAre("args.a: 1 is not of type string"));
}

TEST(Schema, stops_at_as_many_errors_as_are_asked_for) {
    const Schema schema = compiled(R"({"items":{"type":"string"}})");
    EXPECT_EQ(schema.errors(*parse("[1,2,3,4]"), 2).size(), 2U);
    EXPECT_TRUE(schema.valid(*parse(R"(["a"])")));
    EXPECT_FALSE(schema.valid(*parse("[1]")));
}

// One row a keyword: a value that fits and one that does not.
struct KeywordCase {
    const char* schema;
    const char* fits;
    const char* does_not;
};

class SchemaKeyword : public ::testing::TestWithParam<KeywordCase> {};

TEST_P(SchemaKeyword, tells_what_fits_from_what_does_not) {
    EXPECT_THAT(errors(GetParam().schema, GetParam().fits), IsEmpty());
    EXPECT_EQ(errors(GetParam().schema, GetParam().does_not).size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    All, SchemaKeyword,
    ::testing::Values(
        KeywordCase{R"({"type":"null"})", "null", "0"}, KeywordCase{R"({"type":"boolean"})", "true", "1"},
        KeywordCase{R"({"type":"integer"})", "2.0", "2.5"}, KeywordCase{R"({"type":"integer"})", "-7", "\"7\""},
        KeywordCase{R"({"type":"number"})", "7", "\"7\""}, KeywordCase{R"({"type":["string","null"]})", "null", "1"},
        KeywordCase{R"({"type":"array"})", "[]", "{}"}, KeywordCase{R"({"type":"object"})", "{}", "[]"},
        KeywordCase{R"({"enum":["a",1,null]})", "1.0", "\"b\""}, KeywordCase{R"({"const":{"a":1}})", R"({"a":1.0})", "{}"},
        KeywordCase{R"({"minimum":1})", "1", "0"}, KeywordCase{R"({"maximum":1.5})", "1.5", "1.6"},
        KeywordCase{R"({"exclusiveMinimum":1})", "1.1", "1"}, KeywordCase{R"({"exclusiveMaximum":1})", "0", "1"},
        KeywordCase{R"({"minLength":2})", "\"日本\"", "\"日\""}, KeywordCase{R"({"maxLength":2})", "\"日本\"", "\"日本語\""},
        KeywordCase{R"({"pattern":"^a+$"})", "\"aa\"", "\"ab\""}, KeywordCase{R"({"minItems":1})", "[1]", "[]"},
        KeywordCase{R"({"maxItems":1})", "[1]", "[1,2]"}, KeywordCase{R"({"uniqueItems":true})", "[1,2]", "[1,1.0]"},
        KeywordCase{R"({"required":["a"]})", R"({"a":null})", "{}"},
        KeywordCase{R"({"properties":{"a":false}})", "{}", R"({"a":1})"},
        KeywordCase{R"({"properties":{"a":true},"additionalProperties":false})", R"({"a":1})", R"({"b":1})"},
        KeywordCase{R"({"anyOf":[{"type":"string"},{"minimum":5}]})", "5", "4"},
        KeywordCase{R"({"oneOf":[{"minimum":1},{"maximum":3}]})", "4", "2"},
        KeywordCase{R"({"allOf":[{"minimum":1},{"maximum":3}]})", "2", "4"},
        KeywordCase{R"({"not":{"type":"string"}})", "1", "\"a\""}));

TEST(Schema, refuses_to_compile_what_it_could_not_obey) {
    for (const char* text :
         {R"({"$ref":"#/x"})", R"({"$ref":"#nowhere"})", R"({"$ref":"https://example.org/s.json"})",
          R"~({"patternProperties":{"(?=a)":true}})~", R"({"minimum":"1"})", R"~({"pattern":"(?<=a)b"})~", R"~({"pattern":"(a)\\1"})~",
          R"({"type":"text"})", R"({"minLength":-1})", R"({"anyOf":[]})", R"({"items":[{}]})", R"({"multipleOf":0})",
          R"({"properties":{"a":{"dependentRequired":{"b":1}}}})", R"({"required":"a"})", "7"}) {
        const auto schema = Schema::compile(*parse(text));
        ASSERT_FALSE(schema.has_value()) << text;
        EXPECT_EQ(schema.error().code, Code::InvalidArgument);
    }
    EXPECT_THAT(Schema::compile(*parse(R"({"properties":{"a":{"$ref":"x"}}})")).error().message,
                HasSubstr("properties.a.$ref"));
    EXPECT_THAT(Schema::compile(*parse(R"~({"pattern":"(?!a)"})~")).error().message, HasSubstr("look-ahead"));
}

TEST(Schema, an_unknown_keyword_is_an_annotation_unless_it_must_be_none) {
    const Json schema = *parse(R"({"minimun":3})");
    EXPECT_TRUE(Schema::compile(schema)->valid(1));
    EXPECT_FALSE(Schema::compile(schema, {.refuse_unknown = true}).has_value());
}

TEST(Schema, references_that_go_round_end_and_never_pass) {
    EXPECT_FALSE(compiled(R"({"$ref":"#"})").valid(1));
    EXPECT_FALSE(compiled(R"({"not":{"$ref":"#"}})").valid(1)) << "undecided is no";
    EXPECT_THAT(errors(R"({"$ref":"#"})", "1")[0], HasSubstr("cannot be checked"));
}

TEST(Schema, branches_that_would_double_at_every_level_are_stopped) {
    EXPECT_FALSE(compiled(R"({"allOf":[{"anyOf":[{"$ref":"#"},{"$ref":"#"}]},{"anyOf":[{"$ref":"#"},{"$ref":"#"}]}]})").valid(1));
    std::string doubling = R"({"$defs":{"0":{"type":"string"})";
    for (int i = 1; i <= 60; ++i) {
        const std::string below = R"({"$ref":"#/$defs/)" + std::to_string(i - 1) + "\"}";
        doubling += ",\"" + std::to_string(i) + R"(":{"anyOf":[)" + below + "," + below + "]}";
    }
    EXPECT_FALSE(compiled((doubling + R"(},"$ref":"#/$defs/60"})").c_str()).valid(1));
}

TEST(Schema, a_recursive_schema_checks_every_level) {
    const Schema tree = compiled(R"({"$defs":{"node":{"type":"object","properties":{"value":{"type":"integer"},
        "children":{"type":"array","items":{"$ref":"#/$defs/node"}}},"unevaluatedProperties":false}},"$ref":"#/$defs/node"})");
    EXPECT_TRUE(tree.valid(*parse(R"({"value":1,"children":[{"value":2,"children":[]}]})")));
    EXPECT_THAT(tree.errors(*parse(R"({"children":[{"children":[{"value":"x"}]}]})")),
                ElementsAre("children[0].children[0].value: \"x\" is not of type integer"));
    EXPECT_FALSE(tree.valid(*parse(R"({"children":[{"valve":1}]})")));
}

TEST(Schema, integers_are_compared_exactly_to_their_64th_bit) {
    EXPECT_FALSE(compiled(R"({"maximum":9007199254740992})").valid(*parse("9007199254740993")));
    EXPECT_TRUE(compiled(R"({"minimum":-1})").valid(*parse("18446744073709551615")));
    EXPECT_FALSE(compiled(R"({"multipleOf":3})").valid(*parse("9007199254740993000")) ==
                 compiled(R"({"multipleOf":3})").valid(*parse("9007199254740993001")));
    EXPECT_TRUE(compiled(R"({"uniqueItems":true})").valid(*parse("[9007199254740992,9007199254740993]")));
}

TEST(Schema, patterns_mean_what_they_mean_in_ecmascript) {
    EXPECT_TRUE(compiled(R"({"pattern":"^\\p{Letter}+$"})").valid("häuser"));
    EXPECT_TRUE(compiled(R"({"pattern":"^\\u00e4$"})").valid("ä"));
    EXPECT_TRUE(compiled(R"({"pattern":"^\\uD83D\\uDE00$"})").valid("😀"));
    EXPECT_TRUE(compiled(R"({"pattern":"^a\\sb$"})").valid("a\u00a0b"));
    EXPECT_TRUE(compiled(R"({"pattern":"^(?<year>[0-9]{4})-\\d\\d$"})").valid("2026-07"));
    EXPECT_FALSE(compiled(R"({"pattern":"^[^\\s/]+$"})").valid("a/b"));
    EXPECT_TRUE(compiled(R"({"pattern":"^[\\w.-]+@[\\w-]+\\.[a-z]{2,}$"})").valid("a.b@c-d.org"));
}

TEST(Schema, lists_of_items_are_read_where_an_older_draft_is_named) {
    const Schema old = compiled(R"({"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}],
        "additionalItems":false,"definitions":{"a":{"type":"null"}},"dependencies":{"a":["b"]}})");
    EXPECT_TRUE(old.valid(*parse(R"(["x"])")));
    EXPECT_FALSE(old.valid(*parse(R"(["x",1])")));
    EXPECT_FALSE(old.valid(*parse(R"({"a":1})")));
}

TEST(Schema, a_huge_wrong_value_makes_a_short_error) {
    const Json wide = std::vector<int>(100'000, 7);
    const auto words = compiled(R"({"type":"string"})").errors(wide);
    EXPECT_THAT(words, ElementsAre("arguments: a list of 100000 items is not of type string"));
}

TEST(Schema, shows_long_values_cut_between_characters) {
    const auto words = errors(R"({"type":"integer"})", ("\"" + std::string(57, 'a') + "日本語日本語\"").c_str());
    ASSERT_EQ(words.size(), 1U);
    EXPECT_THAT(words[0], HasSubstr("a..."));
    EXPECT_TRUE(parse(dump(Json(words[0]))).has_value());
    EXPECT_EQ(words[0].find("\xEF\xBF\xBD"), std::string::npos);
}

}  // namespace
}  // namespace resonant::json
