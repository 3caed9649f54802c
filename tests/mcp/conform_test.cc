#include "resonant/mcp/conform.h"

#include <gtest/gtest.h>

#include <random>

#include "resonant/mcp/definition.h"
#include "resonant/mcp/kernel_path.h"

namespace resonant::mcp {
namespace {

using Kind = call::UpstreamOffer::Kind;

Json full_tool() {
    return Json::parse(R"({"name":"t","title":"T","description":"d","icons":[{"src":"https://x/i.png","sizes":["any"]}],
        "inputSchema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},
        "outputSchema":{"type":"object","properties":{"a":{"type":"string"}}},
        "annotations":{"title":"x","readOnlyHint":true},"_meta":{"a":1}})");
}

TEST(Conform, what_has_the_form_is_not_touched) {
    Json tool = full_tool();
    EXPECT_EQ(conform_tool(tool).mended, std::vector<std::string>());
    EXPECT_EQ(tool, full_tool());
    const Json resource = Json::parse(R"({"uri":"file:///a","name":"r","size":5,"annotations":{"audience":["user"],"priority":1,
        "lastModified":"2024-02-29T23:59:59.5+02:00"}})");
    Json mended = resource;
    EXPECT_TRUE(conform_offer(Kind::Resource, mended).mended.empty());
    EXPECT_EQ(mended, resource);
}

TEST(Conform, members_that_clients_refuse_are_mended_and_told) {
    Json tool = {{"name", "t"}, {"title", nullptr}, {"inputSchema", {{"properties", {{"a", true}, {"b", false}, {"c", 5}}}}},
                 {"annotations", {{"readOnlyHint", "yes"}}}};
    const Conformed done = conform_tool(tool);
    EXPECT_TRUE(done.left_out.empty());
    EXPECT_EQ(done.mended.size(), 4U);
    EXPECT_EQ(tool, Json::parse(R"({"name":"t","inputSchema":{"type":"object","properties":{"a":{},"b":{"not":{}},"c":{}}},"annotations":{}})"));
    Json resource = {{"uri", "file:///a"}, {"title", "A file"}, {"annotations", {{"lastModified", "2026-02-30T00:00:00Z"}}}};
    EXPECT_TRUE(conform_offer(Kind::Resource, resource).left_out.empty());
    EXPECT_EQ(resource, Json::parse(R"({"uri":"file:///a","name":"A file","title":"A file","annotations":{}})"));
}

TEST(Conform, what_cannot_be_mended_is_left_out_with_the_reason) {
    for (Json tool : {Json(5), Json(), Json::object(), Json{{"name", ""}}, Json{{"name", "t"}, {"inputSchema", {{"type", "array"}}}}}) {
        EXPECT_FALSE(conform_tool(tool).left_out.empty()) << tool;
    }
    for (Json offer : {Json("x"), Json{{"name", "without a uri"}}}) {
        EXPECT_FALSE(conform_offer(Kind::Resource, offer).left_out.empty()) << offer;
    }
    Json promise = {{"name", "t"}, {"inputSchema", {{"type", "object"}}}, {"outputSchema", {{"type", "object"}, {"properties", {{"a", {{"type", 5}}}}}}}};
    EXPECT_EQ(conform_tool(promise).mended.size(), 1U);
    EXPECT_FALSE(promise.contains("outputSchema"));
}

// A member of an object is taken away or made something else.
void change(Json& value, std::mt19937_64& random) {
    if (value.is_array() && !value.empty()) {
        change(value[random() % value.size()], random);
        return;
    }
    if (!value.is_object() || value.empty()) {
        value = std::vector<Json>{Json(), Json(5), Json("x"), Json::array(), Json::object(), Json(true)}[random() % 6];
        return;
    }
    auto member = std::next(value.begin(), static_cast<std::ptrdiff_t>(random() % value.size()));
    const auto what = random() % 3;
    if (what == 0) {
        value.erase(member);
    } else if (what == 1) {
        *member = std::vector<Json>{Json(), Json(5), Json("x"), Json::array(), Json::object(), Json(true)}[random() % 6];
    } else {
        change(*member, random);
    }
}

TEST(ConformModel, what_was_conformed_once_stays_as_it_is_and_so_does_its_hash) {
    const std::uint64_t seed = std::random_device{}();
    RecordProperty("seed", std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int round = 0; round < 3'000; ++round) {
        Json tool = full_tool();
        for (auto changes = 1 + random() % 3; changes > 0; --changes) {
            change(tool, random);
        }
        const Json was = tool;
        if (!conform_tool(tool).left_out.empty()) {
            continue;
        }
        Json again = tool;
        const Conformed second = conform_tool(again);
        ASSERT_TRUE(second.left_out.empty() && second.mended.empty()) << "seed " << seed << ": " << was;
        ASSERT_EQ(again, tool) << "seed " << seed << ": " << was;
        ASSERT_EQ(definition_hash(again), definition_hash(tool));
    }
}

TEST(Conform, blocks_that_are_none_become_words_and_base64_of_urls_is_translated) {
    Json blocks = Json::parse(R"([{"type":"image","data":"_-8=","mimeType":"image/png"},{"type":"image","data":"not base64!","mimeType":"x"},
        {"type":"hologram","x":1},{"type":"resource","resource":{"uri":"a"}},null,{"type":"text","text":"t","annotations":null}])");
    conform_blocks(blocks);
    ASSERT_EQ(blocks.size(), 6U);
    EXPECT_EQ(blocks[0]["data"], "/+8=");
    for (const int at : {1, 2, 3, 4}) {
        EXPECT_EQ(blocks[at]["type"], "text") << blocks[at];
        EXPECT_NE(blocks[at]["text"].get<std::string>().find("cannot read"), std::string::npos);
    }
    EXPECT_EQ(blocks[5], Json::parse(R"({"type":"text","text":"t"})"));
    Json none;
    conform_blocks(none);
    EXPECT_EQ(none, Json::array());
}

TEST(ShownSchemas, a_promise_also_allows_that_the_answer_was_cut_and_its_references_hold) {
    const Json promise = Json::parse(R"({"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"required":["a"],"additionalProperties":false,
        "$defs":{"x":{"type":"integer"}}})");
    const auto schema = json::Schema::compile(shown_output(promise, false));
    ASSERT_TRUE(schema);
    EXPECT_TRUE(schema->errors({{"a", 1}}).empty());
    EXPECT_TRUE(schema->errors({{call::kCutMember, Json::object()}}).empty());
    for (const Json& wrong : {Json::object(), Json{{"a", "x"}}, Json{{"a", 1}, {"b", 2}}}) {
        EXPECT_FALSE(schema->errors(wrong).empty()) << wrong;
    }
    EXPECT_TRUE(shown_output({{"type", "array"}}, false).is_null()) << "older clients read objects only";
    EXPECT_FALSE(shown_output({{"type", "array"}}, true).is_null());
}

TEST(ShownSchemas, the_root_is_plain_and_what_its_parts_hold_is_still_shown) {
    const Json shown = shown_input(Json::parse(R"({"type":"object","anyOf":[{"properties":{"a":{"type":"string"}}},{"properties":{"b":{}}}],"not":{}})"));
    EXPECT_EQ(shown, Json::parse(R"({"type":"object","properties":{"a":{"type":"string"},"b":{}}})"));
}

TEST(ShownSchemas, nullable_takes_null_when_arguments_are_checked) {
    const auto schema = json::Schema::compile(checked_schema(
        Json::parse(R"({"type":"object","properties":{"a":{"type":"string","nullable":true,"enum":["x"]},"b":{"type":"string"}}})")));
    ASSERT_TRUE(schema);
    EXPECT_TRUE(schema->errors({{"a", nullptr}}).empty());
    EXPECT_FALSE(schema->errors({{"b", nullptr}}).empty());
}

TEST(KernelPath, the_nearest_kernel_comes_first_and_once) {
    Json entry = {{"name", "x"}};
    EXPECT_TRUE(path_of(entry).empty());
    came_through(entry, "");
    EXPECT_FALSE(entry.contains("_meta"));
    for (const char* kernel : {"a", "b", "b", "c"}) {
        came_through(entry, kernel);
    }
    EXPECT_EQ(path_of(entry), (KernelPath{"c", "b", "a"}));
    for (const Json& odd : {Json(5), Json{{"_meta", 5}}, Json{{"_meta", {{"resonant/kernels", "a"}}}}, Json{{"_meta", {{"resonant/kernels", {1, 2}}}}}}) {
        EXPECT_TRUE(path_of(odd).empty()) << odd;
    }
    entry["_meta"][kMetaKernels] = std::vector<std::string>(500, "x");
    EXPECT_LE(path_of(entry).size(), kKernelsMax + 1);
}

}  // namespace
}  // namespace resonant::mcp
