// Json beside nlohmann::json: the same steps on both leave the same document.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "resonant/json/json.h"

namespace resonant::json {
namespace {

using Twin = nlohmann::json;

class Steps {
  public:
    explicit Steps(std::uint64_t seed) : random_(seed) {}

    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
    std::string text() {
        static const char* kTexts[] = {"", "a", "b", "\"\\\n\x01", "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "a text that is too long for the place of a short one"};
        return below(3) == 0 ? "k" + std::to_string(below(30)) : kTexts[below(std::size(kTexts))];
    }
    void value(Json& ours, Twin& twin, int level) {
        switch (below(level > 3 ? 6 : 8)) {
            case 0: ours = nullptr, twin = nullptr; break;
            case 1: {
                const bool given = below(2) == 0;
                ours = given, twin = given;
                break;
            }
            case 2: number(ours, twin, static_cast<std::int64_t>(random_())); break;
            case 3: number(ours, twin, static_cast<std::uint64_t>(random_())); break;
            case 4: number(ours, twin, real()); break;
            case 5: {
                const std::string given = text();
                ours = given, twin = given;
                break;
            }
            case 6: {
                ours = Json::array(), twin = Twin::array();
                for (std::size_t i = below(5); i-- > 0;) {
                    Json one;
                    Twin other;
                    value(one, other, level + 1);
                    ours.push_back(one), twin.push_back(other);
                }
                break;
            }
            default: {
                ours = Json::object(), twin = Twin::object();
                for (std::size_t i = below(40); i-- > 0;) {
                    const std::string name = text();
                    Json one;
                    Twin other;
                    value(one, other, level + 1);
                    ours[name] = std::move(one), twin[name] = std::move(other);
                }
            }
        }
    }
    // Of few digits: the library does not always find the shortest form of others.
    double real() {
        static const double kReals[] = {0.0, -0.0, 1.0, 0.1, 1e15, 1e16, 123456789012345680.0, 1e-4, 1e-5, 5e-324, 1.7976931348623157e308, -2.5};
        return below(2) == 0 ? kReals[below(std::size(kReals))] : static_cast<double>(below(2'000'000)) / 64 - 10'000;
    }

  private:
    template <typename T>
    void number(Json& ours, Twin& twin, T value) {
        ours = value, twin = value;
    }
    std::mt19937_64 random_;
};

class JsonBesideATwin : public testing::TestWithParam<int> {};

TEST_P(JsonBesideATwin, documents_and_changes_are_written_alike) {
    const char* given = std::getenv("RESONANT_SEED");
    const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : static_cast<std::uint64_t>(GetParam());
    SCOPED_TRACE(testing::Message() << "RESONANT_SEED=" << seed);
    Steps steps(seed);
    Json ours = Json::object();
    Twin twin = Twin::object();
    for (int step = 0; step < 300; ++step) {
        const std::string name = steps.text();
        Json one;
        Twin other;
        steps.value(one, other, 1);
        switch (steps.below(6)) {
            case 0:
            case 1: ours[name] = one, twin[name] = other; break;
            case 2: ASSERT_EQ(ours.erase(name), twin.erase(name)); break;
            case 3:
                ours.emplace(name, one);
                twin.emplace(name, other);
                break;
            case 4:
                if (one.is_object()) {
                    ours.update(one), twin.update(other);
                }
                break;
            default:
                ASSERT_EQ(ours.contains(name), twin.contains(name));
                ASSERT_EQ(ours.find(name) == ours.end(), twin.find(name) == twin.end());
                ASSERT_EQ(one == ours, other == twin);
        }
        ASSERT_EQ(one.dump(), other.dump());
        ASSERT_EQ(one.size(), other.size());
        ASSERT_EQ(std::string(one.type_name()), other.type_name());
    }
    ASSERT_EQ(ours.dump(), twin.dump());
    ASSERT_EQ(ours.dump(2), twin.dump(2));
    const Json again = Json::parse(ours.dump());
    EXPECT_EQ(again.dump(), Twin::parse(twin.dump()).dump());
    EXPECT_TRUE(again == ours);
}

INSTANTIATE_TEST_SUITE_P(Seeds, JsonBesideATwin, testing::Range(0, 20));

TEST(JsonValue, bytes_that_are_not_utf8_are_replaced_as_the_library_replaces_them) {
    for (const char* text : {"a\xFFz", "\xC3", "\xE2\x82", "\xE2\x82z", "\xF0\x9F\x98", "\xED\xA0\x80", "\xC0\xAF", "\xF4\x90\x80\x80", "ok"}) {
        EXPECT_EQ(Json(text).dump(), Twin(text).dump(-1, ' ', false, Twin::error_handler_t::replace));
    }
}

TEST(JsonValue, of_members_with_one_name_the_last_counts) {
    for (const std::size_t others : {0U, 3U, 40U}) {
        std::vector<JsonMember> members = {{"n", 1}};
        for (std::size_t i = 0; i < others; ++i) {
            members.push_back({"m" + std::to_string(97 * i % others), i});
        }
        members.push_back({"n", 2});
        const Json made = Json::from_members(std::move(members));
        EXPECT_EQ(made["n"], 2);
        EXPECT_EQ(made.size(), others + 1);
    }
}

TEST(JsonValue, a_wrong_question_throws_and_a_careful_one_does_not) {
    const Json list = {1, "two"};
    EXPECT_THROW(static_cast<void>(list.at(2)), Json::exception);
    EXPECT_THROW(static_cast<void>(list.at("name")), Json::exception);
    EXPECT_THROW(static_cast<void>(list.value("name", 1)), Json::exception);
    EXPECT_THROW(static_cast<void>(list[1].get<int>()), Json::exception);
    EXPECT_THROW(static_cast<void>(list[0].get<std::string>()), Json::exception);
    EXPECT_THROW(static_cast<void>(Json().front()), Json::exception);
    EXPECT_FALSE(list.contains("name"));
    EXPECT_EQ(list.find("name"), list.end());
    EXPECT_TRUE(list["name"].is_null());
    EXPECT_TRUE(list[9].is_null());
}

TEST(JsonValue, braces_make_an_object_of_names_and_values_and_a_list_of_all_else) {
    EXPECT_EQ(Json({{"a", 1}, {"b", {1, 2}}}).dump(), R"({"a":1,"b":[1,2]})");
    EXPECT_EQ(Json({{"a", 1}, {2, 3}}).dump(), R"([["a",1],[2,3]])");
    EXPECT_EQ(Json::array({{"a", 1}}).dump(), R"([["a",1]])");
    EXPECT_EQ(Json::array({{{"a", 1}}}).dump(), R"([{"a":1}])");
    EXPECT_TRUE(Json({}).is_null() || Json({}).is_object());
    Json list;
    list.push_back({{"a", 1}});
    EXPECT_EQ(list.dump(), R"([{"a":1}])");
}

TEST(JsonValue, moved_from_is_null_and_assigning_a_part_of_itself_is_safe) {
    Json whole = {{"part", {{"x", "a text that is longer than a short one may be"}}}, {"other", 1}};
    Json moved = std::move(whole);
    EXPECT_TRUE(whole.is_null());  // NOLINT(bugprone-use-after-move)
    moved = moved["part"];
    EXPECT_EQ(moved.dump(), R"({"x":"a text that is longer than a short one may be"})");
    moved = std::move(moved["x"]);
    EXPECT_EQ(moved, "a text that is longer than a short one may be");
}

TEST(JsonValue, every_double_reads_back_as_it_was) {
    std::mt19937_64 random(20261201);
    for (int i = 0; i < 20'000; ++i) {
        const auto value = std::bit_cast<double>(random());
        if (std::isfinite(value)) {
            const Json again = Json::parse(Json(value).dump());
            ASSERT_TRUE(again.is_number_float()) << Json(value).dump();
            ASSERT_EQ(std::bit_cast<std::uint64_t>(again.get<double>()), std::bit_cast<std::uint64_t>(value)) << Json(value).dump();
        }
    }
    EXPECT_EQ(Json(std::numeric_limits<double>::infinity()).dump(), "null");
}

TEST(JsonValue, numbers_are_compared_by_value) {
    EXPECT_EQ(Json(1), Json(1.0));
    EXPECT_EQ(Json(1U), 1);
    EXPECT_LT(Json(-1), Json(18446744073709551615U));
    EXPECT_NE(Json(9007199254740993), Json(9007199254740992.0));  // beyond the whole numbers that a double holds
    EXPECT_LT(Json(9007199254740992.0), Json(9007199254740993));
    EXPECT_NE(Json(true), Json(1));
    EXPECT_LT(Json(2), Json("1"));
    EXPECT_LT((Json{1, 2}), (Json{1, 3}));
}

}  // namespace
}  // namespace resonant::json
