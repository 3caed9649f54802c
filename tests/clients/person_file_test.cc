#include "resonant/clients/person_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "tests/support/scratch.h"

namespace resonant::clients {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& file, const std::string& text) { std::ofstream(file, std::ios::binary) << text; }

std::string whole(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

std::size_t files_in(const fs::path& folder) {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

PersonFile read(const fs::path& file) {
    Result<PersonFile> made = PersonFile::read(file);
    EXPECT_TRUE(made) << made.error().message;
    return *made;
}

TEST(PersonFile, the_first_original_is_kept_however_often_it_is_changed) {
    const test::Scratch scratch;
    const fs::path path = scratch / "settings.json";
    write(path, "one");
    PersonFile file = read(path);
    ASSERT_TRUE(file.replace("two"));
    ASSERT_TRUE(file.replace("three"));
    PersonFile again = read(path);
    ASSERT_TRUE(again.replace("four"));
    EXPECT_EQ(whole(path), "four");
    EXPECT_EQ(whole(file.original()), "one");
    EXPECT_EQ(files_in(scratch.path()), 2U) << "nothing else is left";
    ASSERT_TRUE(again.restore(false));
    EXPECT_EQ(whole(path), "one");
    EXPECT_EQ(again.text(), "one");
    EXPECT_EQ(files_in(scratch.path()), 1U);
    EXPECT_EQ(again.restore(false).error().code, Code::NotFound);
}

TEST(PersonFile, mode_stays_and_a_link_stays_a_link) {
    const test::Scratch scratch;
    fs::create_directories(scratch / "dotfiles");
    const fs::path real = scratch.path() / "dotfiles/mcp.json";
    write(real, "one");
    fs::permissions(real, fs::perms(0640));
    fs::create_symlink("dotfiles/mcp.json", scratch / "inner.json");
    fs::create_symlink(scratch / "inner.json", scratch / "mcp.json");
    PersonFile file = read(scratch / "mcp.json");
    ASSERT_TRUE(file.replace("two"));
    EXPECT_TRUE(fs::is_symlink(scratch / "mcp.json"));
    EXPECT_TRUE(fs::is_symlink(scratch / "inner.json"));
    EXPECT_EQ(whole(real), "two");
    EXPECT_EQ(fs::status(real).permissions(), fs::perms(0640));
    EXPECT_EQ(file.original(), scratch.path() / "dotfiles/mcp.json.before-resonant");
    EXPECT_EQ(fs::status(file.original()).permissions(), fs::perms(0640));
}

TEST(PersonFile, a_missing_file_is_made_with_its_folders_and_taken_away_again) {
    const test::Scratch scratch;
    const fs::path path = scratch.path() / "a/b/mcp.json";
    PersonFile file = read(path);
    EXPECT_FALSE(file.there());
    ASSERT_TRUE(file.replace("new"));
    EXPECT_EQ(whole(path), "new");
    EXPECT_EQ(fs::status(path).permissions(), fs::perms(0600));
    ASSERT_TRUE(file.remove());
    EXPECT_FALSE(fs::exists(path));
    fs::create_symlink("nowhere.json", scratch / "dangling.json");
    PersonFile dangling = read(scratch / "dangling.json");
    ASSERT_TRUE(dangling.replace("made"));
    EXPECT_EQ(whole(scratch / "nowhere.json"), "made");
}

TEST(PersonFile, what_somebody_else_wrote_meanwhile_is_never_lost) {
    const test::Scratch scratch;
    const fs::path path = scratch / "settings.json";
    write(path, "one");
    PersonFile file = read(path);
    write(path, "theirs");
    const Status done = file.replace("ours");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::Conflict);
    EXPECT_EQ(whole(path), "theirs");
    fs::remove(path);
    EXPECT_EQ(file.replace("ours").error().code, Code::Conflict);
    EXPECT_FALSE(fs::exists(path));
    PersonFile absent = read(path);
    write(path, "theirs");
    EXPECT_EQ(absent.replace("ours").error().code, Code::Conflict);
    EXPECT_EQ(whole(path), "theirs");
    EXPECT_EQ(absent.remove().error().code, Code::Conflict);
    PersonFile now = read(path);
    ASSERT_TRUE(now.replace("ours"));
    write(path, "edited");
    EXPECT_EQ(now.restore(false).error().code, Code::Conflict);
    EXPECT_EQ(whole(path), "edited");
}

TEST(PersonFile, an_undo_can_keep_what_it_replaces) {
    const test::Scratch scratch;
    const fs::path path = scratch / "settings.json";
    for (const char* copy : {"settings.json.before-undo", "settings.json.before-undo.2"}) {
        write(path, "one");
        PersonFile file = read(path);
        ASSERT_TRUE(file.replace("two"));
        write(path, "edited");
        PersonFile now = read(path);
        ASSERT_TRUE(now.restore(true));
        EXPECT_EQ(whole(path), "one");
        EXPECT_EQ(whole(scratch / copy), "edited");
    }
}

TEST(PersonFile, what_is_not_a_file_is_refused_in_words) {
    const test::Scratch scratch;
    EXPECT_FALSE(PersonFile::read(scratch.path()));
    ASSERT_EQ(::mkfifo((scratch / "pipe").c_str(), 0600), 0);
    EXPECT_FALSE(PersonFile::read(scratch / "pipe"));
    fs::create_symlink("loop", scratch / "loop");
    EXPECT_FALSE(PersonFile::read(scratch / "loop"));
}

}  // namespace
}  // namespace resonant::clients
