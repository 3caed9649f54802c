// Writes a home for readers of other languages: tests/python/test_arrow_files.py names the folder.
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/memory/sea_fixture.h"

namespace resonant::memory {
namespace {

class ArrowSample : public SeaTest {};

TEST_F(ArrowSample, is_written_for_the_reader_that_asks) {
    const char* wanted = std::getenv("RESONANT_ARROW_SAMPLE");
    const std::filesystem::path home = wanted == nullptr ? scratch_ / "sample" : wanted;
    std::filesystem::create_directories(home);
    auto database = sql::Database::open(home / "home.db", {});
    ASSERT_TRUE(database.has_value()) << database.error().message;
    auto sea = DataSea::open(**database, home / "sea", &embedder_, clock_, nullptr);
    ASSERT_TRUE(sea.has_value()) << sea.error().message;
    for (int i = 0; i < 60; ++i) {
        Memory memory;
        memory.title = "Title \xe2\x98\x86 " + std::to_string(i);
        memory.content = "sample text number " + std::to_string(i);
        memory.importance = i / 100.0;
        memory.galaxy = i < 40 ? "default" : "andromeda";
        memory.is_private = i % 10 == 9;
        memory.predecessor_family = static_cast<std::uint8_t>(i % 28);
        memory.phase = static_cast<std::uint8_t>(i % 5);
        memory.posture = static_cast<std::uint8_t>(i % 3);
        memory.constellation = static_cast<std::uint16_t>(i * 3);
        memory.owner = "ann";
        ASSERT_TRUE((*sea)->add(memory).has_value());
        if (i % 20 == 19) {
            ASSERT_TRUE((*sea)->catch_up(100, nullptr).has_value());
        }
    }
    ASSERT_TRUE((*sea)->protect(5, true, "ann").has_value());
    EXPECT_EQ((*sea)->status().segments, 2U) << "one a galaxy";
}

}  // namespace
}  // namespace resonant::memory
