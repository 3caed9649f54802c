#include "resonant/tools/tool_index.h"

#include <gtest/gtest.h>

#include "resonant/tools/families.h"
#include "resonant/tools/services.h"
#include "resonant/tools/tool_search.h"
#include "resonant/tools/uses.h"

namespace resonant::tools {
namespace {

ToolIndex::Documents documents(std::vector<ToolDocument> tools) {
    ToolIndex::Documents all;
    for (ToolDocument& tool : tools) {
        all.push_back(std::make_shared<ToolDocument>(std::move(tool)));
    }
    return all;
}

const std::vector<ToolDocument> kThree = {
    {.name = "files__readFile", .server = "files", .description = "Open a document"},
    {.name = "mail__send", .server = "mail", .description = "Send a message to somebody"},
    {.name = "mail__list", .server = "mail", .description = "Messages that came"}};

Vector along(std::size_t axis) {
    Vector vector{};
    vector[axis] = 1;
    return vector;
}

TEST(ToolIndex, an_empty_one_and_an_empty_query_find_nothing) {
    const ToolIndex none({}, {});
    EXPECT_TRUE(none.rank("anything", {}, 5).empty());
    const ToolIndex three(documents(kThree), {});
    EXPECT_TRUE(three.rank("", {}, 5).empty());
    EXPECT_TRUE(three.rank("zzzz", {}, 5).empty());
}

TEST(ToolIndex, names_in_camel_case_are_found_by_their_words) {
    const ToolIndex index(documents(kThree), {});
    EXPECT_EQ(index.rank("reading files", {}, 5).front().document, 0U);
    EXPECT_EQ(index.rank("sending", {}, 5).front().document, 1U);
}

TEST(ToolIndex, meaning_finds_what_words_do_not) {
    ToolIndex::Vectors vectors;
    for (std::size_t i = 0; i < kThree.size(); ++i) {
        for (const std::string& text : ToolIndex::texts_of(kThree[i])) {
            vectors[text] = along(i);
        }
    }
    const ToolIndex index(documents(kThree), vectors);
    EXPECT_EQ(index.embedded(), 3U);
    const Vector query = along(2);
    EXPECT_EQ(index.rank("anything new?", {{query}}, 5).front().document, 2U);
}

TEST(ToolIndex, a_tool_that_is_not_embedded_yet_is_still_found_by_its_words) {
    ToolIndex::Vectors vectors;
    for (const std::string& text : ToolIndex::texts_of(kThree[0])) {
        vectors[text] = along(0);
    }
    const ToolIndex index(documents(kThree), vectors);
    const Vector query = along(5);
    EXPECT_EQ(index.rank("send a message", {{query}}, 5).front().document, 1U);
}

// The tokens of each text of a tool: one, along an axis of its own.
TokenTexts tokens_of(const std::vector<ToolDocument>& tools, std::size_t first_axis) {
    TokenTexts all;
    for (std::size_t i = 0; i < tools.size(); ++i) {
        const embed::Token token{static_cast<embed::TokenId>(i), along(first_axis + i)};
        for (const std::string& text : ToolIndex::token_texts_of(tools[i])) {
            all[text] = std::make_shared<TokenText>(std::span(&token, 1));
        }
    }
    return all;
}

TEST(ToolIndex, the_best_are_told_apart_word_by_word) {
    ToolIndex::Vectors vectors;
    for (const ToolDocument& tool : kThree) {
        for (const std::string& text : ToolIndex::texts_of(tool)) {
            vectors[text] = along(0);  // as wholes they mean the same
        }
    }
    const ToolIndex index(documents(kThree), vectors, tokens_of(kThree, 10));
    EXPECT_EQ(index.tokened(), 3U);
    const embed::Token word{7, along(12)};
    EXPECT_EQ(index.rank("...", {{along(0)}}, 5).front().document, 0U);
    const auto found = index.rank("...", {{along(0)}, {word}}, 5);
    ASSERT_EQ(found.size(), 3U);
    EXPECT_EQ(found[0].document, 2U);
    EXPECT_GT(found[0].score, found[1].score);
}

TEST(ToolIndex, nothing_is_compared_word_by_word_while_one_of_the_best_lacks_its_words) {
    ToolIndex::Vectors vectors;
    for (const ToolDocument& tool : kThree) {
        for (const std::string& text : ToolIndex::texts_of(tool)) {
            vectors[text] = along(0);
        }
    }
    TokenTexts tokens = tokens_of(kThree, 10);
    tokens.erase(ToolIndex::token_texts_of(kThree[1]).front());
    const ToolIndex index(documents(kThree), vectors, tokens);
    EXPECT_EQ(index.tokened(), 2U);
    EXPECT_EQ(index.rank("...", {{along(0)}, {{7, along(12)}}}, 5).front().document, 0U);
}

TEST(ToolIndex, uses_find_a_tool_whose_own_texts_mean_something_else) {
    std::vector<ToolDocument> tools = kThree;
    tools[2].uses = "what did they write to me";
    ToolIndex::Vectors vectors;
    for (std::size_t i = 0; i < tools.size(); ++i) {
        for (const std::string& text : ToolIndex::texts_of(tools[i])) {
            vectors[text] = text == tools[2].uses ? along(7) : along(i);
        }
    }
    const ToolIndex index(documents(tools), vectors);
    EXPECT_EQ(index.rank("...", {{along(7)}}, 5).front().document, 2U);
    EXPECT_GT(index.rank("...", {{along(7)}}, 5).front().score, 0.5);
}

TEST(ToolIndex, a_clause_of_a_long_request_finds_its_tool) {
    ToolIndex::Vectors vectors;
    for (std::size_t i = 0; i < kThree.size(); ++i) {
        for (const std::string& text : ToolIndex::texts_of(kThree[i])) {
            vectors[text] = along(i);
        }
    }
    const ToolIndex index(documents(kThree), vectors);
    EXPECT_TRUE(index.rank("...", {{along(9)}}, 5).empty());
    EXPECT_EQ(index.rank("...", {{along(9), along(8), along(1)}}, 5).front().document, 1U);
}

TEST(ToolIndex, a_hit_says_which_words_it_shares_and_how_near_it_is) {
    ToolIndex::Vectors vectors;
    for (const std::string& text : ToolIndex::texts_of(kThree[1])) {
        vectors[text] = along(1);
    }
    const ToolIndex index(documents(kThree), vectors);
    EXPECT_EQ(index.rank("Sending a message at noon", {{along(1)}}, 1).front().why,
              "sending, message; meaning 1.00");
    EXPECT_EQ(index.rank("message", {}, 1).front().why, "message");
}

TEST(ToolIndex, equal_names_of_two_servers_are_both_found_and_the_server_named_comes_first) {
    const ToolIndex index(documents({{.name = "search", .server = "github", .description = "Search"},
                                     {.name = "search", .server = "notion", .description = "Search"}}),
                          {});
    const std::vector<RankedTool> found = index.rank("search in notion", {}, 5);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].document, 1U);
}

TEST(ToolIndex, two_marks_in_a_name_part_the_server_off_only_if_they_name_it) {
    EXPECT_EQ(own_name({.name = "google_maps__geocode", .server = "google-maps"}), "geocode");
    EXPECT_EQ(own_name({.name = "Users__GetUsers", .server = "api"}), "Users__GetUsers");
    EXPECT_EQ(own_name({.name = "Users__GetUsers"}), "Users__GetUsers");
}

TEST(ToolIndex, five_thousand_tools_with_long_odd_texts_are_searched) {
    std::vector<ToolDocument> tools;
    for (std::size_t i = 0; i < 5'000; ++i) {
        tools.push_back({.name = "tool" + std::to_string(i),
                         .server = "s" + std::to_string(i % 50),
                         .description = i % 3 == 0 ? "" : std::string(i % 300, i % 2 == 0 ? '\xff' : 'a')});
    }
    tools.push_back({.name = "寻找天气", .description = "查询天气预报 für Zürich"});
    const ToolIndex index(documents(std::move(tools)), {});
    EXPECT_EQ(index.rank("Zürich", {}, 5).front().document, 5'000U);
    EXPECT_LE(index.rank(std::string(100'000, 'x') + " tool7", {}, 5).size(), 5U);
}

TEST(ToolIndex, what_a_server_lists_may_be_of_any_shape) {
    for (const char* text : {"7", "[]", "{}", R"({"name": 7, "description": [], "inputSchema": "x"})",
                             R"({"name": "a", "inputSchema": {"properties": [1], "items": 3, "enum": {}}})",
                             R"({"name": "a", "inputSchema": {"required": [1, "b"], "type": ["null"]}})"}) {
        const ToolDocument document = document_of(Json::parse(text));
        EXPECT_TRUE(suggestion_of(document, 1).is_object()) << text;
        const ToolIndex index(documents({document}), {});
        index.rank("a", {}, 1);
    }
}

TEST(ToolIndex, a_suggestion_is_short_and_its_example_has_what_is_required) {
    const ToolDocument tool = document_of(Json::parse(R"({"name": "open", "description": "Opens it. )" +
                                                      std::string(5'000, 'x') + R"(", "inputSchema": {
        "properties": {"path": {"type": "string"}, "mode": {"enum": ["r", "w"]}, "more": {}},
        "required": ["path", "mode"]}})"));
    const Json shown = suggestion_of(tool, 0.5);
    EXPECT_LE(shown.dump().size(), 400U);
    EXPECT_FALSE(shown.contains("why"));
    const ToolDocument free = document_of(Json::parse(
        R"({"name": "ask", "inputSchema": {"properties": {"city": {"type": "string"}, "days": {}}}})"));
    EXPECT_EQ(suggestion_of(free, 0.5)["example"]["args"], Json({{"city", "text"}}));
    EXPECT_EQ(shown["example"]["args"], Json({{"path", "text"}, {"mode", "r"}}));
}

TEST(Uses, every_tool_of_ours_is_told_in_other_words_and_no_other_is) {
    Services none;
    Toolbox toolbox;
    add_all(toolbox, none);
    for (const Tool& tool : toolbox.tools()) {
        const std::string_view words = uses_of(tool.contract.name);
        EXPECT_GE(words.size(), 15U) << tool.contract.name << ": say in resonant/tools/uses.cc what people ask for when they mean it";
        EXPECT_LE(words.size(), 120U) << tool.contract.name;
    }
    EXPECT_TRUE(uses_of("").empty());
    EXPECT_TRUE(uses_of("memory").empty());
    EXPECT_TRUE(uses_of("zzz").empty());
}

TEST(ToolSearch, tools_of_other_servers_come_and_go_beside_ours) {
    Services none;
    Toolbox toolbox;
    add_all(toolbox, none);
    ToolSearch search(toolbox);
    const auto best = [&] { return search.rank("translate poetry into Klingon", 1); };
    EXPECT_TRUE(best().empty() || best().front().document->server.empty());
    search.put("poet", {{.name = "poet__translate", .description = "Translate poetry into Klingon"}});
    ASSERT_FALSE(best().empty());
    EXPECT_EQ(best().front().document->name, "poet__translate");
    EXPECT_EQ(best().front().tool, nullptr);
    EXPECT_EQ(search.all().size(), toolbox.tools().size() + 1);
    EXPECT_TRUE(search.find("poet__translate").has_value());
    EXPECT_EQ(search.nearest("translat", 1).front(), "poet__translate");
    EXPECT_EQ(search.find("memory_add")->document->name, "memory.add");
    search.remove("poet");
    EXPECT_EQ(search.all().size(), toolbox.tools().size());
    EXPECT_FALSE(search.find("poet__translate").has_value());
}

}  // namespace
}  // namespace resonant::tools
