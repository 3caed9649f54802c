// What a tool's answers look like, told to clients before they call it.
#include "resonant/tools/answer_form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resonant/json/schema.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"

namespace resonant::tools {
namespace {

TEST(AnswerForm, a_misspelt_one_says_where) {
    for (const char* wrong : {"a:", "a:{b", "a:text", "a:string[", "a]", ":int", "a:{b:{}"}) {
        EXPECT_FALSE(output_schema(wrong).has_value()) << wrong;
    }
    EXPECT_THAT(output_schema("count*:int hits:strings").error().message, testing::HasSubstr("is no field"));
}

TEST(AnswerForm, becomes_a_schema_that_is_open_but_firm_on_what_it_names) {
    const auto schema = json::Schema::compile(*output_schema("count*:int hits*:{id* score:number}[] note:string?"));
    ASSERT_TRUE(schema.has_value());
    EXPECT_TRUE(schema->errors({{"count", 1}, {"hits", {{{"id", "m1"}, {"score", 0.5}}}}, {"more", true}}).empty());
    EXPECT_TRUE(schema->errors({{"count", 0}, {"hits", Json::array()}, {"note", nullptr}}).empty());
    EXPECT_FALSE(schema->errors({{"hits", Json::array()}}).empty()) << "count is missing";
    EXPECT_FALSE(schema->errors({{"count", 1}, {"hits", {{{"score", 0.5}}}}}).empty()) << "an id is missing";
    EXPECT_FALSE(schema->errors({{"count", "one"}, {"hits", Json::array()}}).empty());
}

TEST(AnswerForm, allows_what_is_told_in_place_of_an_answer) {
    const auto schema = json::Schema::compile(*output_schema("id*"));
    ASSERT_TRUE(schema.has_value());
    for (const char* other : {"error", "denial", "cut"}) {
        EXPECT_TRUE(schema->errors({{other, Json::object()}, {"tool", "memory.add"}}).empty()) << other;
    }
    EXPECT_FALSE(schema->errors({{"tool", "memory.add"}}).empty());
}

TEST(AnswerForm, every_row_belongs_to_a_tool_and_is_in_its_place) {
    Services services;
    Toolbox toolbox;
    add_all(toolbox, services);
    std::size_t built = 0, promised = 0;
    for (const Tool& tool : toolbox.tools()) {
        const std::string_view form = answer_form_of(tool.contract.name);
        ++built;
        promised += form.empty() ? 0 : 1;
        EXPECT_FALSE(form.empty()) << tool.contract.name << ": say in resonant/tools/answer_table.cc what it answers";
        if (!form.empty()) {
            const auto schema = output_schema(form);
            ASSERT_TRUE(schema.has_value()) << tool.contract.name << ": " << schema.error().message;
            const auto compiled = json::Schema::compile(*schema, {.refuse_unknown = true});
            ASSERT_TRUE(compiled.has_value()) << tool.contract.name << ": " << compiled.error().message;
        }
    }
    EXPECT_EQ(answer_form_of("no.such.tool"), "");
    EXPECT_GE(10 * promised, 9 * built) << promised << " of " << built << " built tools have a row in answer_table.cc";
}

}  // namespace
}  // namespace resonant::tools
