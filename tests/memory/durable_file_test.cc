#include "resonant/memory/durable_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <span>
#include <string>

#include "tests/support/scratch.h"

namespace resonant::memory {
namespace {

std::string content_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Bytes of which no two neighbouring pieces are alike.
std::string bytes(std::size_t count, std::size_t from) {
    std::string made(count, '\0');
    for (std::size_t i = 0; i < count; ++i) {
        made[i] = static_cast<char>((i + from) * 2'654'435'761U >> 20);
    }
    return made;
}

TEST(DurableFile, what_is_not_committed_leaves_nothing) {
    const test::Scratch scratch;
    {
        auto file = DurableFile::create(scratch.path(), "a");
        ASSERT_TRUE(file.has_value()) << file.error().message;
        const std::string some = bytes(3 * DurableFile::kPieceBytes, 0);
        ASSERT_TRUE((*file)->append(std::as_bytes(std::span(some))));
    }
    EXPECT_TRUE(std::filesystem::is_empty(scratch.path()));
}

TEST(DurableFile, holds_what_was_appended_however_it_was_cut) {
    constexpr std::size_t kPiece = DurableFile::kPieceBytes;
    const test::Scratch scratch;
    auto file = DurableFile::create(scratch.path(), "a");
    ASSERT_TRUE(file.has_value()) << file.error().message;
    std::string all;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kPiece - 2, std::size_t{1}, kPiece, 2 * kPiece + 5,
                                   kPiece - 5, std::size_t{0}, 3 * kPiece - 1, std::size_t{2}}) {
        const std::string more = bytes(size, all.size());
        ASSERT_TRUE((*file)->append(std::as_bytes(std::span(more))));
        all += more;
        const auto whole = std::as_bytes(std::span(all));
        EXPECT_EQ((*file)->checksum(), search::code_kernels(search::Kernel::Scalar).checksum(whole.data(), whole.size()));
    }
    EXPECT_FALSE(std::filesystem::exists(scratch.path() / "a"));
    ASSERT_TRUE((*file)->commit());
    EXPECT_TRUE(content_of(scratch.path() / "a") == all);
    EXPECT_FALSE(std::filesystem::exists(scratch.path() / "a.tmp"));
}

TEST(DurableFile, an_empty_one_is_a_file_too) {
    const test::Scratch scratch;
    auto file = DurableFile::create(scratch.path(), "a");
    ASSERT_TRUE(file.has_value()) << file.error().message;
    ASSERT_TRUE((*file)->commit());
    EXPECT_EQ(std::filesystem::file_size(scratch.path() / "a"), 0U);
}

}  // namespace
}  // namespace resonant::memory
