#include "resonant/mcp/listing.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "resonant/dispatch/router.h"
#include "tests/support/mcp_rig.h"

namespace resonant::mcp {
namespace {

class ListingTest : public testing::Test {
  protected:
    ListingTest() { tools::add_all(toolbox_, services_); }
    Json list(Listing listing) const { return Json::parse(list_tools(toolbox_, listing)); }

    tools::Services services_;
    tools::Toolbox toolbox_;
};

TEST_F(ListingTest, the_families_fit_their_budget_as_sent) {
    ASSERT_FALSE(toolbox_.tools().empty());
    const std::string sent = R"({"jsonrpc":"2.0","id":1,"result":{"tools":)" +
                             list_tools(toolbox_, Listing::Families) + "}}";
    RecordProperty("bytes", static_cast<int>(sent.size()));
    EXPECT_LE(sent.size(), kFamiliesBytesMax);
}

TEST_F(ListingTest, has_families_core_tools_or_all_and_nothing_that_is_only_planned) {
    const auto core = std::ranges::count_if(toolbox_.tools(), [](const tools::Tool& tool) { return tool.contract.core; });
    EXPECT_EQ(list(Listing::Families).size(), toolbox_.built_families());
    EXPECT_EQ(list(Listing::Core).size(), static_cast<std::size_t>(core));
    EXPECT_EQ(list(Listing::All).size(), toolbox_.tools().size());
    for (const Listing listing : {Listing::Families, Listing::Core, Listing::All}) {
        const std::string sent = list_tools(toolbox_, listing);
        for (const call::Contract& contract : toolbox_.planned()) {
            EXPECT_EQ(sent.find('"' + contract.name + '"'), std::string::npos) << contract.name;
        }
    }
}

TEST_F(ListingTest, every_tool_is_in_exactly_one_family) {
    std::vector<std::string> named;
    for (const Json& family : list(Listing::Families)) {
        for (const Json& tool : family["inputSchema"]["properties"]["tool"]["enum"]) {
            named.push_back(tool.get<std::string>());
        }
    }
    std::vector<std::string> wanted;
    for (const tools::Tool& tool : toolbox_.tools()) {
        wanted.push_back(tool.contract.name);
    }
    EXPECT_EQ(named, wanted);
}

TEST_F(ListingTest, a_family_tells_what_its_tools_need) {
    const Json horn = list(Listing::Families)[0];
    EXPECT_EQ(horn["name"], "gana_horn_sessions");
    EXPECT_EQ(horn["title"], "角 Jiao · horn");
    const std::string words = horn["description"];
    EXPECT_NE(words.find("Needs: session.start name; .resume session_id"), std::string::npos) << words;
    EXPECT_EQ(horn["inputSchema"]["required"], Json::array({"tool"}));
}

TEST_F(ListingTest, a_family_that_only_reads_says_so_and_others_whether_they_destroy) {
    for (const Json& family : list(Listing::Families)) {
        bool reads = true;
        for (const Json& name : family["inputSchema"]["properties"]["tool"]["enum"]) {
            reads = reads && toolbox_.find(name.get<std::string>())->contract.access == call::Access::Read;
        }
        const Json& hints = family["annotations"];
        EXPECT_EQ(hints.size(), 1U) << family["name"];
        EXPECT_EQ(hints.contains("readOnlyHint"), reads) << family["name"];
        EXPECT_EQ(hints.contains("destructiveHint"), !reads) << family["name"];
    }
}

TEST_F(ListingTest, names_are_legal_on_the_wire_and_unique) {
    for (const Listing listing : {Listing::Families, Listing::All}) {
        std::set<std::string> seen;
        for (const Json& tool : list(listing)) {
            const std::string name = tool["name"];
            EXPECT_LE(("mcp__resonant__" + name).size(), 64U) << name;
            EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"),
                      std::string::npos)
                << name;
            EXPECT_TRUE(seen.insert(name).second) << name;
        }
    }
}

// An object of anything is shown as text that holds it, at any depth.
void show_as_text(Json& properties) {
    for (Json& property : properties) {
        Json& schema = property.contains("items") ? property["items"] : property;
        if (schema.contains("properties")) {
            show_as_text(schema["properties"]);
        } else if (schema.value("type", Json()) == "object") {
            schema["type"] = "string";
            schema["description"] = "JSON object";
        }
    }
}

TEST_F(ListingTest, single_tools_carry_their_schemas) {
    for (const Json& tool : list(Listing::All)) {
        const tools::Tool* found = toolbox_.find(tool["name"].get<std::string>());
        ASSERT_NE(found, nullptr) << tool["name"];
        Json wanted = found->contract.input_schema;
        show_as_text(wanted["properties"]);
        EXPECT_EQ(tool["inputSchema"], wanted);
        EXPECT_EQ(tool["inputSchema"]["type"], "object");
    }
}

TEST_F(ListingTest, the_same_catalogue_gives_the_same_bytes) {
    tools::Toolbox other;
    tools::add_all(other, services_);
    for (const Listing listing : {Listing::Families, Listing::Core, Listing::All}) {
        EXPECT_EQ(list_tools(toolbox_, listing), list_tools(other, listing));
    }
}

TEST(LargeFamily, names_its_groups_in_place_of_more_than_forty_tools) {
    tools::Toolbox toolbox;
    toolbox.begin({.key = "big", .wire_name = "gana_big", .mansion = "x", .quadrant = "East", .summary = "Much"});
    const tools::Handler handler = [](call::Call&) -> Result<Json> { return Json::object(); };
    std::vector<std::string> names;
    for (int i = 0; i < 41; ++i) {
        names.push_back((i % 2 == 0 ? "even.t" : "odd.t") + std::to_string(i));
    }
    for (std::size_t i = 0; i < 40; ++i) {
        toolbox.add({.name = names[i], .access = call::Access::Read, .core = false, .parameters = "id*:id", .summary = "s"}, handler);
    }
    EXPECT_EQ(Json::parse(list_tools(toolbox, Listing::Families))[0]["inputSchema"]["properties"]["tool"]["enum"].size(), 40U);
    toolbox.add({.name = names[40], .access = call::Access::Read, .core = false, .parameters = "id*:id", .summary = "s"}, handler);
    const Json entry = Json::parse(list_tools(toolbox, Listing::Families))[0];
    EXPECT_FALSE(entry["inputSchema"]["properties"]["tool"].contains("enum"));
    EXPECT_NE(entry["description"].get<std::string>().find("even.* (21), odd.* (20)"), std::string::npos);
    const dispatch::Router router(toolbox, nullptr);
    const auto group = router.route("gana_big", {{"tool", "odd.*"}});
    ASSERT_FALSE(group.has_value());
    EXPECT_NE(group.error().message.find("odd.t1(id), odd.t3(id)"), std::string::npos) << group.error().message;
    EXPECT_EQ(router.route("gana_big", {{"tool", "odd.t1"}})->tool->contract.name, "odd.t1");
    EXPECT_FALSE(router.route("gana_big", {{"tool", "none.*"}}).has_value());
}

TEST_F(ListingTest, is_known_by_both_its_names) {
    EXPECT_EQ(listing_of("families"), Listing::Families);
    EXPECT_EQ(listing_of("lite"), Listing::Core);
    EXPECT_EQ(listing_of("classic"), Listing::All);
    EXPECT_EQ(listing_of("everything"), std::nullopt);
}

}  // namespace
}  // namespace resonant::mcp
