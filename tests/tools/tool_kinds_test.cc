#include "resonant/tools/tool_kinds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resonant::tools {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(ToolKinds, a_tool_of_a_known_kind_is_told_in_other_words) {
    EXPECT_THAT(uses_of_kinds({.name = "jira__add_comment", .server = "jira", .description = "Add a comment to an issue."}),
                Contains(HasSubstr("leave a remark")));
    EXPECT_THAT(uses_of_kinds({.name = "search", .server = "google", .description = "Perform a query"}),
                ElementsAre(HasSubstr("look something up online")));
    EXPECT_THAT(uses_of_kinds({.name = "writeFile", .server = "fs", .description = "Creates or overwrites it"}),
                Contains(HasSubstr("save a report")));
}

TEST(ToolKinds, what_it_does_stands_in_its_name_and_with_what_in_its_first_sentence) {
    EXPECT_THAT(uses_of_kinds({.name = "lookup", .description = "Search the web"}), IsEmpty());
    EXPECT_THAT(uses_of_kinds({.name = "search", .description = "Finds songs in a catalogue. Not for the web."}),
                Not(Contains(HasSubstr("online"))));
}

TEST(ToolKinds, a_tool_of_several_kinds_is_told_by_each_and_one_of_none_by_none) {
    EXPECT_THAT(uses_of_kinds({.name = "search_files", .description = "Search files and web pages"}),
                AllOf(Contains(HasSubstr("online")), Contains(HasSubstr("where did I put"))));
    EXPECT_THAT(uses_of_kinds({.name = "knit_sweater", .description = "Knits a sweater"}), IsEmpty());
    EXPECT_THAT(uses_of_kinds({}), IsEmpty());
    EXPECT_THAT(uses_of_kinds({.name = std::string(100'000, '_'), .description = "\xff\xfe"}), IsEmpty());
}

}  // namespace
}  // namespace resonant::tools
