#include <gtest/gtest.h>

#include "resonant/board/fields.h"
#include "resonant/board/page.h"
#include "tests/support/repository.h"

namespace resonant::board {
namespace {

std::string page_of_format() {
    return test::file_of_repository("docs/formats/board.md");
}

TEST(BoardFormat, page_lists_every_field_as_the_code_has_it_and_no_other) {
    const std::string page = page_of_format();
    std::string table = "|---|---|---|---|---|---|---|\n";
    for (const FieldInfo& info : built_in_fields()) {
        table += "| " + std::to_string(static_cast<int>(info.field)) + " | " +
                 std::string(info.name) + " | " + std::to_string(info.offset) + " | " +
                 (info.kind == Kind::F64 ? "f64" : "u64") + " | " + std::string(info.unit) + " | " +
                 std::string(name_of(info.rise)) + " | " + std::string(info.meaning) + " |\n";
    }
    EXPECT_NE(page.find(table + "\n"), std::string::npos) << "docs/formats/board.md should have:\n"
                                                          << table;
}

TEST(BoardFormat, page_has_the_places_of_groups_and_slots) {
    const std::string page = page_of_format();
    const auto row = [](std::size_t offset, std::size_t bytes) {
        return "| " + std::to_string(offset) + " | " + std::to_string(bytes) + " | ";
    };
    for (const std::string& wanted :
         {row(offsetof(Page, harmony), sizeof(Page::harmony)) + "harmony",
          row(offsetof(Page, resonance), sizeof(Page::resonance)) + "resonance",
          row(offsetof(Page, breakers), sizeof(Page::breakers)) + "64 breaker",
          row(offsetof(Page, counters), sizeof(Page::counters)) + "64 counters",
          row(offsetof(Page, user), sizeof(Page::user)) + "64 user",
          row(offsetof(Page, user_groups), sizeof(Page::user_groups)) + "8 user groups",
          row(offsetof(Page, user_kinds), sizeof(Page::user_kinds)) + "kinds",
          row(offsetof(Page, user_places), sizeof(Page::user_places)) + "groups"}) {
        EXPECT_NE(page.find(wanted), std::string::npos) << wanted;
    }
}

TEST(BoardFormat, fields_are_found_by_full_name_and_by_last_part) {
    for (const FieldInfo& info : built_in_fields()) {
        EXPECT_EQ(find_field(info.name), info.field);
    }
    EXPECT_EQ(find_field("error_rate"), Field::ErrorRate);
    EXPECT_EQ(find_field("reliability"), Field::Reliability);
    EXPECT_EQ(find_field("phase"), Field::Phase);
    EXPECT_EQ(find_field("harmony"), std::nullopt);
    EXPECT_EQ(find_field(""), std::nullopt);
}

}  // namespace
}  // namespace resonant::board
