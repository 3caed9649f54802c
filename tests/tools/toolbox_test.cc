#include "resonant/tools/toolbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "resonant/tools/catalogue_page.h"
#include "resonant/tools/families.h"
#include "resonant/tools/parameters.h"
#include "resonant/tools/services.h"
#include "tests/support/repository.h"

namespace resonant::tools {
namespace {

struct FullToolbox {
    Services services;
    Toolbox toolbox;
    FullToolbox() { add_all(toolbox, services); }
};

TEST(Toolbox, says_what_is_built_and_what_is_planned) {
    const FullToolbox full;
    EXPECT_EQ(full.toolbox.families().size(), 28U);
    for (const Tool& tool : full.toolbox.tools()) {
        EXPECT_TRUE(tool.handler) << tool.contract.name;
        EXPECT_EQ(full.toolbox.find_planned(tool.contract.name), nullptr) << tool.contract.name;
    }
    for (const call::Contract& contract : full.toolbox.planned()) {
        EXPECT_EQ(full.toolbox.find(contract.name), nullptr) << contract.name;
        EXPECT_EQ(full.toolbox.find_planned(contract.name), &contract);
        EXPECT_FALSE(contract.available) << contract.name;
    }
    EXPECT_LE(full.toolbox.built_families(), full.toolbox.families().size());
}

TEST(Toolbox, ids_are_dense_and_follow_the_order_of_the_families) {
    const FullToolbox full;
    std::uint16_t id = 0;
    std::uint8_t family = 0;
    for (const Tool& tool : full.toolbox.tools()) {
        EXPECT_EQ(tool.contract.id, id++);
        EXPECT_GE(tool.contract.family, family) << tool.contract.name;
        family = tool.contract.family;
    }
    EXPECT_EQ(full.toolbox.find("session.start")->contract.id, 0);
    EXPECT_EQ(full.toolbox.tools().back().contract.id, full.toolbox.tools().size() - 1);
}

TEST(Toolbox, finds_a_tool_by_its_dotted_and_its_wire_name) {
    const FullToolbox full;
    EXPECT_EQ(full.toolbox.find("memory_add"), full.toolbox.find("memory.add"));
    EXPECT_EQ(full.toolbox.find("memory.forget"), nullptr);
    EXPECT_EQ(full.toolbox.find_family("gana_neck_save"), full.toolbox.find_family("neck"));
    EXPECT_EQ(full.toolbox.find_family("knee"), -1);
}

TEST(Toolbox, tells_the_nearest_names_of_a_misspelt_one) {
    const FullToolbox full;
    EXPECT_EQ(full.toolbox.nearest("memory.recal", 3).front(), "memory.recall");
    EXPECT_EQ(full.toolbox.nearest("memroy_add", 3).front(), "memory.add");
    EXPECT_EQ(full.toolbox.nearest("bootstrap", 3).front(), "session.bootstrap");
    EXPECT_EQ(full.toolbox.nearest("add_memory", 3).front(), "memory.add") << "words in another order";
    EXPECT_EQ(full.toolbox.nearest("search-memory", 3).front(), "memory.search");
    EXPECT_EQ(full.toolbox.nearest("", 3).size(), 3U);
    EXPECT_EQ(full.toolbox.nearest(std::string(100'000, 'x'), 2).size(), 2U);
}

TEST(Toolbox, what_loosens_policy_or_destroys_is_the_owners) {
    const FullToolbox full;
    for (const char* name : {"server.add", "server.remove", "server.approve", "dharma.set_profile",
                             "dharma.reload", "breaker.reset", "consent.grant", "memory.erase"}) {
        EXPECT_EQ(full.toolbox.find(name)->contract.role, call::Role::Owner) << name;
    }
    for (const Tool& tool : full.toolbox.tools()) {
        if (tool.contract.access == call::Access::Read) {
            EXPECT_EQ(tool.contract.role, call::Role::Observer) << tool.contract.name;
        } else {
            EXPECT_GE(tool.contract.role, call::Role::Agent) << tool.contract.name;
        }
    }
}

TEST(Toolbox, a_family_summary_fits_the_listing) {
    const FullToolbox full;
    for (const Family& family : full.toolbox.families()) {
        EXPECT_LE(family.summary.size(), 70U) << family.key;
        EXPECT_LE(family.wire_name.size(), 60U) << family.key;
    }
}

TEST(Parameters, a_line_becomes_a_closed_schema) {
    const auto parameters =
        parse_parameters("id*:id weight:0..1 wait_s:number<=30 tags:string[] kind:a|b");
    ASSERT_TRUE(parameters.has_value());
    const Json schema = input_schema(*parameters);
    EXPECT_EQ(schema["required"], Json({"id"}));
    EXPECT_EQ(schema["additionalProperties"], false);
    EXPECT_EQ(schema["properties"]["weight"]["maximum"], 1);
    EXPECT_EQ(schema["properties"]["wait_s"]["maximum"], 30);
    EXPECT_EQ(schema["properties"]["tags"]["items"]["type"], "string");
    EXPECT_EQ(schema["properties"]["kind"]["enum"], Json({"a", "b"}));
}

TEST(Parameters, nested_shapes_name_their_fields) {
    const auto parameters =
        parse_parameters("plan:object[]{tool,arguments} vector:number[384] rows:number[][]");
    ASSERT_TRUE(parameters.has_value());
    const Json properties = input_schema(*parameters)["properties"];
    EXPECT_EQ(properties["plan"]["items"]["required"], Json({"tool"}));
    EXPECT_EQ(properties["plan"]["items"]["properties"]["arguments"]["type"], "object");
    EXPECT_EQ(properties["vector"]["minItems"], 384);
    EXPECT_EQ(properties["vector"]["maxItems"], 384);
    EXPECT_EQ(properties["rows"]["items"]["items"]["type"], "number");
}

TEST(Parameters, a_word_without_a_known_type_is_refused_by_name) {
    EXPECT_NE(parse_parameters("id*:id size:furlong").error().message.find("size:furlong"),
              std::string::npos);
    EXPECT_FALSE(parse_parameters("id").has_value());
    EXPECT_FALSE(parse_parameters("ids:furlong[]").has_value());
}

TEST(Catalogue, the_page_in_docs_is_what_the_code_says) {
    const FullToolbox full;
    const std::string page = catalogue_page(full.toolbox);
    const auto file = test::repository() / "docs/catalogue.md";
    if (std::getenv("RESONANT_WRITE_DOCS") != nullptr) {
        std::ofstream(file) << page;
    }
    std::ostringstream written;
    written << std::ifstream(file).rdbuf();
    EXPECT_EQ(written.str(), page) << "write it anew: RESONANT_WRITE_DOCS=1 build/tests/test_tools --gtest_filter='Catalogue.*'";
}

}  // namespace
}  // namespace resonant::tools
