#include "resonant/mcp/id_scanner.h"

#include <gtest/gtest.h>

namespace resonant::mcp {
namespace {

IdScanner scan(std::string_view text, std::size_t piece = std::string_view::npos) {
    IdScanner scanner;
    while (!text.empty()) {
        scanner.feed(text.substr(0, piece));
        text.remove_prefix(std::min(piece, text.size()));
    }
    scanner.finish();
    return scanner;
}

TEST(IdScanner, finds_the_id_wherever_it_stands) {
    EXPECT_EQ(scan(R"({"jsonrpc":"2.0","id":42,"method":"x"})").id(), "42");
    EXPECT_EQ(scan(R"({"method":"x","params":{"id":1,"a":[{"id":2}]} , "id" : "seven" })").id(), "\"seven\"");
    EXPECT_EQ(scan(R"({"id":-3})").id(), "-3");
}

TEST(IdScanner, finds_it_in_broken_text) {
    EXPECT_EQ(scan(R"({"id":5,"method":"x","params":{"a":)").id(), "5");
    EXPECT_EQ(scan("{\"id\":5").id(), "5");
    EXPECT_EQ(scan("{\"id\":\"a\\\"b\",\"x\":\xff\xfe}").id(), "\"a\\\"b\"");
    EXPECT_EQ(scan("{\"params\":" + std::string(1000, '[') + std::string(1000, ']') + ",\"id\":9}").id(), "9");
}

TEST(IdScanner, is_not_misled_by_strings) {
    EXPECT_EQ(scan(R"({"text":"\"id\":1, }","id":2})").id(), "2");
    EXPECT_EQ(scan(R"({"a":"id","id":3})").id(), "3");
    EXPECT_EQ(scan(R"({"a":["id",1]})").id(), "");
}

TEST(IdScanner, the_cut_into_pieces_does_not_matter) {
    const std::string text = R"({"x":{"y":"}{"},"id":"ab\\","method":"m"})";
    for (std::size_t piece = 1; piece < text.size(); ++piece) {
        EXPECT_EQ(scan(text, piece).id(), R"("ab\\")") << piece;
    }
}

TEST(IdScanner, what_is_no_id_is_none) {
    EXPECT_EQ(scan(R"({"id":1.5})").id(), "");
    EXPECT_EQ(scan(R"({"id":null})").id(), "");
    EXPECT_EQ(scan(R"({"id":{"id":1}})").id(), "");
    EXPECT_EQ(scan(R"([{"id":1}])").id(), "");
    EXPECT_EQ(scan(R"({"id":")" + std::string(10'000, 'x') + "\"}").id(), "");
    EXPECT_EQ(scan(R"({"id":)" + std::string(10'000, '1') + "}").id(), "");
}

TEST(IdScanner, knows_responses_and_notifications) {
    EXPECT_TRUE(scan(R"({"id":1,"result":{}})").looks_like_response());
    EXPECT_TRUE(scan(R"({"id":1,"error":{"code":1)").looks_like_response());
    EXPECT_FALSE(scan(R"({"id":1,"method":"result"})").looks_like_response());
    EXPECT_TRUE(scan(R"({"method":"notifications/x","params":{}})").looks_like_notification());
    EXPECT_FALSE(scan(R"({"method":"x","id":1})").looks_like_notification());
}

}  // namespace
}  // namespace resonant::mcp
