// Elements cut out of a document are what a parser of the whole finds in it.
#include "resonant/tools/json_elements.h"

#include <gmock/gmock.h>

#include <array>
#include <random>

#include "resonant/tools/records.h"

namespace resonant::tools {
namespace {

using testing::HasSubstr;

constexpr std::array<std::string_view, 2> kNames = {"memories", "relations"};

// The elements by their list; not JSON: null. The error ends it.
Result<std::vector<std::pair<std::string, Json>>> cut(const std::string& document) {
    TextSource text(document);
    std::vector<std::pair<std::string, Json>> found;
    RESONANT_ASSIGN(const std::size_t lists, each_element(text, kNames, [&](const JsonElement& element) -> Status {
                        found.emplace_back(element.list, element.parsed().value_or(Json()));
                        return {};
                    }));
    found.emplace_back("lists", lists);
    return found;
}

std::string wrong(const std::string& document) {
    const auto found = cut(document);
    EXPECT_FALSE(found.has_value()) << document;
    return found ? "" : found.error().message;
}

TEST(JsonElements, an_element_that_is_wrong_does_not_lose_the_others) {
    const auto found = cut(R"([{"a": 1}, {"a": nonsense, "b": [;]}, "x", 7, [1, [2]], {"c": "]}\"\\"}])");
    ASSERT_TRUE(found.has_value()) << found.error().message;
    const std::vector<std::pair<std::string, Json>> wanted = {
        {"", {{"a", 1}}}, {"", nullptr}, {"", "x"}, {"", 7}, {"", Json::parse("[1, [2]]")}, {"", {{"c", "]}\"\\"}}},
        {"lists", 1}};
    EXPECT_EQ(*found, wanted);
}

TEST(JsonElements, what_is_no_document_is_refused_with_its_line) {
    EXPECT_THAT(wrong("nothing"), HasSubstr("line 1: the JSON has 'n'"));
    EXPECT_THAT(wrong(""), HasSubstr("its end"));
    EXPECT_THAT(wrong("[1\n2]"), HasSubstr("line 2: the JSON has '2' where ',' or ']' should be"));
    EXPECT_THAT(wrong("[1,\n\n,2]"), HasSubstr("line 3"));
    EXPECT_THAT(wrong("[1, {\"a\":\n 2"), HasSubstr("ends inside the value that begins on line 1"));
    EXPECT_THAT(wrong("[1, \"open"), HasSubstr("ends inside a text"));
    EXPECT_THAT(wrong("[1] more"), HasSubstr("where its end should be"));
    EXPECT_THAT(wrong("{\"a\" 1}"), HasSubstr("where ':' should be"));
    EXPECT_THAT(wrong("{1: 1}"), HasSubstr("a member's name"));
    EXPECT_THAT(wrong("[1 \x01]"), HasSubstr("byte 0x01"));
}

TEST(JsonElements, an_element_that_is_too_long_is_refused_alone) {
    TextSource text("[1, \"" + std::string(kRecordBytes, 'x') + "\", 2]");
    std::vector<bool> has_value;
    const auto lists = each_element(text, kNames, [&](const JsonElement& element) -> Status {
        EXPECT_LE(element.text.size(), kRecordBytes);
        has_value.push_back(element.parsed().has_value());
        return {};
    });
    ASSERT_TRUE(lists.has_value());
    EXPECT_EQ(has_value, (std::vector<bool>{true, false, true}));
}

// A random value, `depth` deep at most.
Json value(std::mt19937_64& random, int depth) {
    switch (random() % (depth > 0 ? 6 : 4)) {
        case 0: return static_cast<std::int64_t>(random() % 1000) - 500;
        case 1: return std::string("a\"]}\\[{,: \n\xC3\xA4").substr(random() % 6, random() % 4);
        case 2: return random() % 2 == 0;
        case 3: return nullptr;
        case 4: {
            Json list = Json::array();
            for (std::size_t i = random() % 4; i > 0; --i) list.push_back(value(random, depth - 1));
            return list;
        }
        default: {
            Json object = Json::object();
            for (std::size_t i = random() % 4; i > 0; --i) {
                object[i == 1 ? "memories" : "k" + std::to_string(random() % 9)] = value(random, depth - 1);
            }
            return object;
        }
    }
}

TEST(JsonElements, cutting_agrees_with_the_parser_of_the_whole) {
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int round = 0; round < 300; ++round) {
        Json document = value(random, 4);
        if (!document.is_structured()) {
            document = Json::array({document});
        }
        std::vector<std::pair<std::string, Json>> wanted;
        std::size_t lists = 0;
        const auto take_list = [&](const std::string& name, const Json& list) {
            lists += list.is_array() ? 1 : 0;
            for (const Json& each : list.is_array() ? list : Json::array()) {
                wanted.emplace_back(name, each);
            }
        };
        if (document.is_array()) {
            take_list("", document);
        } else {
            for (const auto& [name, list] : document.items()) {
                if (name == "memories" || name == "relations") take_list(name, list);
            }
        }
        wanted.emplace_back("lists", lists);
        for (const int indent : {-1, 0, 3}) {
            const auto found = cut(document.dump(indent));
            ASSERT_TRUE(found.has_value()) << document.dump() << found.error().message;
            EXPECT_EQ(*found, wanted) << document.dump(indent);
        }
    }
}

}  // namespace
}  // namespace resonant::tools
