#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "resonant/json/schema.h"
#include "resonant/tools/families.h"
#include "resonant/tools/services.h"

namespace resonant::tools {
namespace {

TEST(Toolbox, every_example_is_valid_under_its_schema) {
    Services services;
    Toolbox toolbox;
    add_all(toolbox, services);
    for (const Tool& tool : toolbox.tools()) {
        const auto schema = json::Schema::compile(tool.contract.input_schema);
        ASSERT_TRUE(schema.has_value()) << tool.contract.name << ": " << schema.error().message;
        EXPECT_THAT(schema->errors(tool.contract.example), testing::IsEmpty())
            << tool.contract.name;
    }
}

}  // namespace
}  // namespace resonant::tools
