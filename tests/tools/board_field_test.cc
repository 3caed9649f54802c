#include "resonant/tools/board_field.h"

#include <gtest/gtest.h>

namespace resonant::tools {
namespace {

TEST(BoardField, is_found_by_its_name_or_its_last_part) {
    const auto board = std::move(*board::StateBoard::create(1));
    EXPECT_EQ(*field_named(*board, "x", "error_rate"), board::Field::ErrorRate);
    EXPECT_EQ(*field_named(*board, "x", "harmony.energy"), board::Field::Energy);
}

TEST(BoardField, a_wrong_name_is_answered_with_what_was_probably_meant) {
    const auto board = std::move(*board::StateBoard::create(1));
    const auto near = field_named(*board, "monitor.spawn", "error_rat");
    ASSERT_FALSE(near);
    EXPECT_EQ(near.error().message, "monitor.spawn: no board field 'error_rat', did you mean 'error_rate'; board.read shows them all");
    EXPECT_EQ(field_named(*board, "x", "quantum").error().message, "x: no board field 'quantum'; board.read shows them all");
}

}  // namespace
}  // namespace resonant::tools
