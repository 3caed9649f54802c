#include "resonant/runtime/home.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "resonant/runtime/config.h"

namespace resonant::runtime {
namespace {

namespace fs = std::filesystem;

class HomeTest : public ::testing::Test {
  protected:
    HomeTest() : folder_(fs::temp_directory_path() / ("resonant-home-" + random_.hex(8))) {}
    ~HomeTest() override { fs::remove_all(folder_); }

    SystemRandom random_;
    fs::path folder_;
};

TEST_F(HomeTest, is_made_private_with_a_token_that_stays) {
    const auto home = open_home(folder_ / "a" / "b", random_);
    ASSERT_TRUE(home) << home.error().message;
    struct stat seen {};
    ASSERT_EQ(::stat(home->root.c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 0777, 0700U);
    ASSERT_EQ(::stat(home->token().c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 0777, 0600U);
    const std::string token = *read_file(home->token());
    EXPECT_EQ(token.size(), 65U);
    ASSERT_TRUE(open_home(home->root, random_));
    EXPECT_EQ(*read_file(home->token()), token);
}

TEST_F(HomeTest, what_is_written_through_a_link_leaves_the_link_and_nothing_besides) {
    fs::create_directories(folder_ / "dotfiles");
    fs::create_symlink("dotfiles/servers.json", folder_ / "servers.json");
    ASSERT_TRUE(write_file(folder_ / "dotfiles/servers.json", "one"));
    ASSERT_TRUE(write_file(folder_ / "servers.json", "two"));
    EXPECT_TRUE(fs::is_symlink(folder_ / "servers.json"));
    EXPECT_EQ(*read_file(folder_ / "dotfiles/servers.json"), "two");
    EXPECT_FALSE(write_file(folder_ / "dotfiles", "a folder is in its place"));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2) << "half a file is left";
}

TEST_F(HomeTest, looking_for_a_home_makes_none_and_changes_no_folder) {
    EXPECT_EQ(find_home(folder_ / "absent").error().code, Code::NotFound);
    EXPECT_FALSE(fs::exists(folder_));
    fs::create_directories(folder_);
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
    const auto empty = find_home(folder_);
    ASSERT_FALSE(empty);
    EXPECT_EQ(empty.error().code, Code::NotFound);
    EXPECT_NE(empty.error().message.find("init"), std::string::npos) << empty.error().message;
    EXPECT_TRUE(fs::is_empty(folder_));
    EXPECT_EQ(fs::status(folder_).permissions(), fs::perms(0755));
}

TEST_F(HomeTest, a_folder_with_other_things_is_refused_and_stays_as_it_is) {
    fs::create_directories(folder_);
    ASSERT_EQ(::chmod(folder_.c_str(), 0755), 0);
    ASSERT_TRUE(write_file(folder_ / "letter.txt", "of somebody"));
    for (const auto& home : {find_home(folder_), open_home(folder_, random_)}) {
        ASSERT_FALSE(home);
        EXPECT_EQ(home.error().code, Code::InvalidArgument);
        EXPECT_NE(home.error().message.find("--home"), std::string::npos) << home.error().message;
    }
    EXPECT_EQ(fs::status(folder_).permissions(), fs::perms(0755));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(HomeTest, an_empty_folder_a_fresh_disk_and_a_prepared_folder_become_homes_in_their_own_mode) {
    for (const char* prepared : {"", "lost+found", "policy.d", "resonant.toml"}) {
        fs::create_directories(folder_);
        ASSERT_EQ(::chmod(folder_.c_str(), 0750), 0);
        if (std::string(prepared).ends_with(".toml")) {
            ASSERT_TRUE(write_file(folder_ / prepared, "listing = \"core\"\n"));
        } else if (*prepared != 0) {
            ASSERT_TRUE(fs::create_directory(folder_ / prepared));
        }
        const auto home = open_home(folder_, random_);
        ASSERT_TRUE(home) << prepared << ": " << home.error().message;
        EXPECT_TRUE(find_home(folder_)) << prepared;
        EXPECT_EQ(fs::status(folder_).permissions(), fs::perms(0750)) << prepared;
        fs::remove_all(folder_);
    }
}

TEST_F(HomeTest, a_folder_that_others_may_write_to_is_refused_with_the_way_out) {
    fs::create_directories(folder_);
    ASSERT_EQ(::chmod(folder_.c_str(), 0777), 0);
    const auto home = open_home(folder_, random_);
    ASSERT_FALSE(home);
    EXPECT_EQ(home.error().code, Code::PermissionDenied);
    EXPECT_NE(home.error().message.find("chmod go-w"), std::string::npos) << home.error().message;
    EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(HomeTest, a_second_lock_is_refused_with_the_way_out) {
    const auto home = open_home(folder_, random_);
    ASSERT_TRUE(home);
    const auto first = lock_file(home->kernel_lock(), false);
    ASSERT_TRUE(first);
    const auto second = lock_file(home->kernel_lock(), false);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::Conflict);
    EXPECT_NE(second.error().message.find("resonant down"), std::string::npos);
}

TEST_F(HomeTest, epochs_count_up_and_a_damaged_one_is_named) {
    const auto home = open_home(folder_, random_);
    ASSERT_TRUE(home);
    EXPECT_EQ(*next_epoch(*home), 1U);
    EXPECT_EQ(*next_epoch(*home), 2U);
    ASSERT_TRUE(write_file(home->epoch(), "rubbish"));
    const auto damaged = next_epoch(*home);
    ASSERT_FALSE(damaged);
    EXPECT_EQ(damaged.error().code, Code::DataLoss);
}

TEST_F(HomeTest, the_admin_secret_is_made_once_and_kept_only_as_a_hash) {
    const auto home = open_home(folder_, random_);
    ASSERT_TRUE(home);
    EXPECT_FALSE(has_admin_secret(*home));
    EXPECT_FALSE(is_admin_secret(*home, ""));
    const auto secret = set_admin_secret(*home, random_);
    ASSERT_TRUE(secret);
    EXPECT_TRUE(is_admin_secret(*home, *secret));
    EXPECT_FALSE(is_admin_secret(*home, *secret + "x"));
    EXPECT_EQ(read_file(home->admin())->find(*secret), std::string::npos);
    EXPECT_FALSE(set_admin_secret(*home, random_));
}

TEST_F(HomeTest, a_file_in_the_place_of_the_home_is_refused) {
    ASSERT_TRUE(open_home(folder_, random_));
    const auto home = open_home(folder_ / "token", random_);
    ASSERT_FALSE(home);
    EXPECT_NE(home.error().message.find("--home"), std::string::npos) << home.error().message;
}

TEST_F(HomeTest, configuration_errors_name_the_line) {
    ASSERT_TRUE(open_home(folder_, random_));
    const fs::path file = folder_ / "resonant.toml";
    ASSERT_TRUE(write_file(file, "listing = \"core\"\n[http]\nport = 8000\n"));
    const auto config = load_config(file);
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_EQ(config->listing, "core");
    EXPECT_EQ(config->http.port, 8000);
    ASSERT_TRUE(write_file(file, "[[board_field]]\nname = \"depth\"\ntype = \"u64\"\ngroup = \"queue\"\n"));
    const auto with_field = load_config(file);
    ASSERT_TRUE(with_field) << with_field.error().message;
    ASSERT_EQ(with_field->board_fields.size(), 1U);
    EXPECT_EQ(with_field->board_fields[0].kind, board::Kind::U64);
    EXPECT_EQ(with_field->board_fields[0].group, "queue");
    ASSERT_TRUE(write_file(file, "[[helper]]\nname = \"tide\"\nevents = [\"custom\", \"warning_issued\"]\n"));
    const auto with_helper = load_config(file);
    ASSERT_TRUE(with_helper) << with_helper.error().message;
    ASSERT_EQ(with_helper->helpers.size(), 1U);
    EXPECT_EQ(with_helper->helpers[0].events, (std::vector{ring::EventType::Custom, ring::EventType::WarningIssued}));
    for (const char* text : {"\nhelper = [1]\n", "\n[[helper]]\nevents = []\n", "\n[[helper]]\nname = \"a\"\nevents = [\"tides\"]\n",
                             "\nboard_field = 7\n", "[[board_field]]\ntype = \"f16\"\n", "\nlisting = \"many\"\n", "\nlisting = 7\n", "\nlist = \"core\"\n", "[embedding]\ntimeout_ms = 1\n", "\nlisting = \n"}) {
        ASSERT_TRUE(write_file(file, text));
        const auto refused = load_config(file);
        ASSERT_FALSE(refused) << text;
        EXPECT_NE(refused.error().message.find("resonant.toml:2"), std::string::npos) << refused.error().message;
    }
}

}  // namespace
}  // namespace resonant::runtime
