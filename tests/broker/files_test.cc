#include "resonant/broker/files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/scratch.h"

namespace resonant::broker {
namespace {

using std::filesystem::path;

class FilesTest : public testing::Test {
  protected:
    void SetUp() override {
        std::filesystem::create_directories(inbox_ / "sub");
        put(inbox_ / "notes.txt", "inside");
        put(inbox_ / "sub/deep.txt", "deep");
        put(scratch_ / "secret.txt", "outside");
    }
    static void put(const path& file, const std::string& text) { std::ofstream(file) << text; }

    test::Scratch scratch_;
    path inbox_ = scratch_ / "inbox";
    Files files_{{inbox_}};
};

TEST_F(FilesTest, reads_what_lies_beneath_an_allowed_folder) {
    EXPECT_EQ(files_.read("notes.txt", kibibytes(1)), "inside");
    EXPECT_EQ(files_.read("sub/deep.txt", kibibytes(1)), "deep");
    EXPECT_EQ(files_.read(inbox_ / "notes.txt", kibibytes(1)), "inside");
}

TEST_F(FilesTest, refuses_every_way_out) {
    std::filesystem::create_symlink(scratch_ / "secret.txt", inbox_ / "absolute_link");
    std::filesystem::create_symlink("../secret.txt", inbox_ / "relative_link");
    std::filesystem::create_directory_symlink("..", inbox_ / "up");
    for (const path& way :
         {path("../secret.txt"), path("sub/../../secret.txt"), scratch_ / "secret.txt",
          inbox_ / "../secret.txt", path("absolute_link"), path("relative_link"),
          path("up/secret.txt"), path("/etc/passwd")}) {
        const auto text = files_.read(way, kibibytes(1));
        ASSERT_FALSE(text.has_value()) << way;
        EXPECT_EQ(text.error().code, Code::PermissionDenied) << way << ": " << text.error().message;
    }
}

TEST_F(FilesTest, follows_a_link_that_stays_inside) {
    std::filesystem::create_symlink("sub/deep.txt", inbox_ / "link");
    EXPECT_EQ(files_.read("link", kibibytes(1)), "deep");
}

TEST_F(FilesTest, refuses_large_missing_and_special_files) {
    put(inbox_ / "large.txt", std::string(2000, 'x'));
    ASSERT_EQ(mkfifo((inbox_ / "fifo").c_str(), 0600), 0);
    EXPECT_EQ(files_.read("large.txt", kibibytes(1)).error().code, Code::ResourceExhausted);
    EXPECT_EQ(files_.read("none.txt", kibibytes(1)).error().code, Code::NotFound);
    EXPECT_EQ(files_.read("fifo", kibibytes(1)).error().code, Code::InvalidArgument);
    EXPECT_EQ(files_.read("sub", kibibytes(1)).error().code, Code::InvalidArgument);
}

TEST_F(FilesTest, a_new_file_has_no_name_before_it_is_whole_and_takes_nobodys_place) {
    std::filesystem::create_directories(scratch_ / "out");
    const Files files({}, {scratch_ / "out"});
    {
        auto made = files.create("one.txt");
        ASSERT_TRUE(made.has_value()) << made.error().message;
        EXPECT_TRUE(std::filesystem::is_empty(scratch_ / "out"));
    }
    EXPECT_TRUE(std::filesystem::is_empty(scratch_ / "out")) << "given up, it is gone";
    auto made = files.create("one.txt");
    auto rival = files.create("one.txt");
    ASSERT_EQ(::write(made->file.get(), "whole", 5), 5);
    ASSERT_TRUE(Files::publish(*made).has_value());
    std::ifstream opened(made->path);
    std::string text;
    opened >> text;
    EXPECT_EQ(text, "whole");
    struct stat about{};
    ASSERT_EQ(::stat(made->path.c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U);
    EXPECT_EQ(Files::publish(*rival).error().code, Code::AlreadyExists);
    EXPECT_EQ(files.create("one.txt").error().code, Code::AlreadyExists);
}

}  // namespace
}  // namespace resonant::broker
