#include "resonant/tools/tool_listing.h"

#include <gtest/gtest.h>

namespace resonant::tools {
namespace {

// "server/name: description", one tool a line.
std::string read(std::string_view text) {
    const Result<std::vector<ToolDocument>> documents = documents_of(text);
    if (!documents) {
        return "error: " + documents.error().message;
    }
    std::string lines;
    for (const ToolDocument& tool : *documents) {
        lines += (tool.server.empty() ? "" : tool.server + "/") + tool.name + ": " + tool.description + "\n";
    }
    return lines;
}

TEST(ToolListing, what_lists_no_tool_is_an_error_that_tells_the_way_out) {
    for (const char* text : {"", "   ", "7", "[]", "{}", "[1, null, \"a\"]", R"({"tools": []})", "[{}]", "{nonsense"}) {
        EXPECT_TRUE(read(text).starts_with("error: ")) << text;
    }
    EXPECT_NE(read("{\"name\": \"a\"}\nnonsense").find("line 2"), std::string::npos);
}

TEST(ToolListing, a_tools_list_is_read_bare_in_an_object_or_as_the_protocol_answers_it) {
    const std::string list = R"([{"name": "add", "description": "Adds", "inputSchema": {"type": "object"}}])";
    EXPECT_EQ(read(list), "add: Adds\n");
    EXPECT_EQ(read(R"({"tools": )" + list + "}"), "add: Adds\n");
    EXPECT_EQ(read(R"({"jsonrpc": "2.0", "id": 1, "result": {"tools": )" + list + "}}"), "add: Adds\n");
}

TEST(ToolListing, functions_of_other_conventions_are_read) {
    EXPECT_EQ(read(R"([{"type": "function", "function": {"name": "add", "description": "Adds"}}])"), "add: Adds\n");
    EXPECT_EQ(read(R"([{"name": "add", "input_schema": {"type": "object"}}])"), "add: \n");
    EXPECT_EQ(read(R"({"functionDeclarations": [{"name": "add", "description": "Adds"}]})"), "add: Adds\n");
    EXPECT_EQ(read(R"({"api_list": [{"tool_name": "Math", "api_name": "add", "api_description": "Adds"}]})"),
              "Math/add: Adds\n");
}

TEST(ToolListing, one_tool_a_line_is_read_with_empty_lines_between) {
    EXPECT_EQ(read("{\"name\": \"a\", \"description\": \"A\"}\r\n\n{\"name\": \"b\"}"), "a: A\nb: \n");
}

TEST(ToolListing, maps_and_servers_with_tools_inside_are_read) {
    EXPECT_EQ(read(R"({"clock": "Tells the time", "mail": "Sends"})"), "clock: Tells the time\nmail: Sends\n");
    EXPECT_EQ(read(R"({"clock": {"description": "Tells the time"}})"), "clock: Tells the time\n");
    EXPECT_EQ(read(R"({"servers": {"s": {"tools": [{"name": "a"}]}}})"), "s/a: \n");
    EXPECT_EQ(read(R"([{"name": "Package", "description": "d", "tools": {"s": {"server_name": "s", "tools": [{"name": "a"}]}}}])"),
              "s/a: \n");
}

TEST(ToolListing, equal_names_stay_apart_and_in_order) {
    EXPECT_EQ(read(R"([{"name": "a", "server": "x"}, {"name": "a", "server": "y"}, {"name": "a"}])"), "x/a: \ny/a: \na: \n");
}

TEST(ToolListing, parameters_given_as_a_list_or_a_map_become_a_schema) {
    const auto schema = [](std::string_view text) { return documents_of(text)->front().input_schema; };
    const Json wanted = {{"properties", {{"city", {{"description", "where"}}}}}, {"required", {"city"}}};
    EXPECT_EQ(schema(R"([{"name": "w", "parameters": [{"name": "city", "description": "where", "required": true}]}])"), wanted);
    EXPECT_EQ(schema(R"([{"api_name": "w", "required_parameters": [{"name": "city", "description": "where"}]}])"), wanted);
    EXPECT_EQ(schema(R"([{"name": "w", "parameters": {"city": {"description": "where"}}}])"),
              Json({{"properties", {{"city", {{"description", "where"}}}}}}));
    EXPECT_EQ(schema(R"([{"name": "w", "parameters": {"type": "dict", "properties": {}}}])"),
              Json::parse(R"({"type": "dict", "properties": {}})"));
}

TEST(ToolListing, hostile_shapes_are_bounded) {
    std::string deep;
    for (int i = 0; i < 2'000; ++i) {
        deep += "{\"a\":[";
    }
    EXPECT_TRUE(read(deep).starts_with("error: "));
    EXPECT_TRUE(read(R"([{"name": "a", "parameters": [1, {"name": 2}], "required_parameters": 7}])").starts_with("a: "));
}

}  // namespace
}  // namespace resonant::tools
