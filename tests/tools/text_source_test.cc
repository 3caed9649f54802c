// A file read piece by piece says what the same text at hand says.
#include "resonant/tools/text_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <vector>

#include "tests/support/scratch.h"

namespace resonant::tools {
namespace {

using Lines = std::vector<std::string>;

TextSource of_file(const test::Scratch& scratch, const std::string& text) {
    std::ofstream(scratch / "text") << text;
    auto source = TextSource::of_file(Descriptor(::open((scratch / "text").c_str(), O_RDONLY | O_CLOEXEC)), "text");
    EXPECT_TRUE(source.has_value());
    return std::move(*source);
}

Lines lines_of(TextSource& source, std::size_t bytes_max = 1'000'000) {
    Lines lines;
    for (std::string line; source.take_line(line, bytes_max);) {
        lines.push_back(line);
    }
    return lines;
}

TEST(TextSource, knows_lines_of_both_kinds_and_leaves_out_a_byte_order_mark) {
    TextSource source("\xEF\xBB\xBFone\r\n\ntwo\rtoo\nlast");
    EXPECT_EQ(lines_of(source), (Lines{"one", "", "two\rtoo", "last"}));
    EXPECT_EQ(source.share(), 1);
    source.rewind();
    EXPECT_EQ(source.line(), 1U);
    EXPECT_EQ(source.take(), 'o');
    TextSource nothing("");
    EXPECT_EQ(nothing.take(), TextSource::kEnd);
    EXPECT_TRUE(lines_of(nothing).empty());
}

TEST(TextSource, keeps_no_more_of_a_line_than_it_may_have_and_one_byte) {
    TextSource source(std::string(100, 'x') + "\nshort\n");
    EXPECT_EQ(lines_of(source, 10), (Lines{std::string(11, 'x'), "short"}));
}

TEST(TextSource, a_read_that_fails_is_told_and_ends_the_text) {
    auto source = TextSource::of_file(Descriptor(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), "a folder");
    ASSERT_TRUE(source.has_value());
    EXPECT_EQ(source->take(), TextSource::kEnd);
    EXPECT_FALSE(source->failure().has_value());
}

TEST(TextSource, a_file_says_what_the_text_says) {
    const std::uint64_t seed = std::random_device()();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const test::Scratch scratch;
    std::string text;
    while (text.size() < 300'000) {
        text += std::string(random() % 3 == 0 ? random() % 70'000 : random() % 10, 'a' + static_cast<char>(random() % 3));
        text += random() % 2 == 0 ? "\n" : "\r\n";
    }
    TextSource file = of_file(scratch, text);
    TextSource at_hand(text);
    EXPECT_EQ(lines_of(file), lines_of(at_hand));
    EXPECT_EQ(file.line(), at_hand.line());
    file.rewind();
    at_hand.rewind();
    std::vector<std::uint64_t> beginnings;
    for (std::string line; beginnings.push_back(file.position()), file.take_line(line, 1'000'000);) {
    }
    for (const std::uint64_t position : beginnings) {
        EXPECT_EQ(file.line_at(position).value_or("?"), at_hand.line_at(position).value_or("!"));
    }
    file.rewind();
    std::string pieces;
    for (std::string_view piece = file.take_piece(); !piece.empty(); piece = file.take_piece()) {
        pieces += piece;
    }
    EXPECT_EQ(pieces, text);
}

}  // namespace
}  // namespace resonant::tools
