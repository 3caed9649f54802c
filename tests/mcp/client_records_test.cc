#include "resonant/mcp/client_records.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/scratch.h"

namespace resonant::mcp {
namespace {

class ClientRecordsFile : public testing::Test {
  protected:
    std::unique_ptr<ClientRecords> open(const std::string& secret = "secret") {
        auto made = ClientRecords::open(path_, secret);
        EXPECT_TRUE(made.has_value()) << made.error().message;
        return std::move(*made);
    }
    std::string bytes() {
        std::ifstream file(path_, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }
    void write(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }

    test::Scratch folder_;
    std::filesystem::path path_ = folder_ / "sessions";
};

TEST_F(ClientRecordsFile, every_byte_that_changes_takes_the_record_with_it) {
    ASSERT_TRUE(open()->put("a", R"({"watched":["memory://stats"]})"));
    const std::string whole = bytes();
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        write(changed);
        EXPECT_EQ(open()->find("a"), std::nullopt) << at;
        write(whole.substr(0, at));  // a kernel was killed while it wrote
        EXPECT_EQ(open()->find("a"), std::nullopt) << at;
    }
    write(whole);
    EXPECT_EQ(open("another")->find("a"), std::nullopt);
}

TEST_F(ClientRecordsFile, what_was_said_last_counts_after_a_restart_and_what_is_over_is_gone) {
    {
        const auto records = open();
        ASSERT_TRUE(records->put("a", "1"));
        ASSERT_TRUE(records->put("b", "2"));
        ASSERT_TRUE(records->put("a", "3"));
        ASSERT_TRUE(records->drop("b"));
        ASSERT_TRUE(records->drop("nobody"));
    }
    write(bytes() + "a torn li");
    const auto records = open();
    EXPECT_EQ(records->find("a"), "3");
    EXPECT_EQ(records->find("b"), std::nullopt);
    EXPECT_EQ(records->size(), 1U);
    EXPECT_EQ(std::filesystem::status(path_).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(ClientRecordsFile, does_not_tell_the_key) {
    ASSERT_TRUE(open()->put("an-unmistakable-session", "1"));
    EXPECT_EQ(bytes().find("unmistakable"), std::string::npos);
}

TEST_F(ClientRecordsFile, the_oldest_give_way_and_the_file_stays_small) {
    const auto records = open();
    for (std::size_t i = 0; i < kRecordsMax + 10; ++i) {
        ASSERT_TRUE(records->put(std::to_string(i), "x"));
    }
    EXPECT_EQ(records->size(), kRecordsMax);
    EXPECT_EQ(records->find("9"), std::nullopt);
    EXPECT_EQ(records->find("10"), "x");
    for (int i = 0; i < 5'000; ++i) {
        ASSERT_TRUE(records->put("busy", std::to_string(i)));
    }
    EXPECT_LT(std::filesystem::file_size(path_), kRecordsMax * 200U) << "5,000 changes of one record leave no trail";
    for (std::size_t i = 0; i < kRecordsBytesMax / kRecordBytesMax + 200; ++i) {
        ASSERT_TRUE(records->put(std::to_string(i), std::string(kRecordBytesMax, 'y')));
    }
    EXPECT_LE(records->size(), kRecordsBytesMax / kRecordBytesMax);
    EXPECT_EQ(open()->find(std::to_string(kRecordsBytesMax / kRecordBytesMax + 199)), std::string(kRecordBytesMax, 'y'));
}

TEST_F(ClientRecordsFile, one_that_is_too_long_is_refused_and_the_old_one_is_gone) {
    const auto records = open();
    ASSERT_TRUE(records->put("a", "1"));
    EXPECT_FALSE(records->put("a", std::string(kRecordBytesMax + 1, 'x')));
    EXPECT_EQ(records->find("a"), std::nullopt);
    EXPECT_EQ(open()->find("a"), std::nullopt);
}

}  // namespace
}  // namespace resonant::mcp
